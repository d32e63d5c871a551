package itemfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/markup"
)

// KindCount says what became of the questions of a kind.
type KindCount struct {
	Kind       string `json:"kind"`       // the source's word
	Arrived    int    `json:"arrived"`    // as they were
	Simplified int    `json:"simplified"` // with something lost or missing
	Skipped    int    `json:"skipped"`    // not
}

// Group is what lines that say the same have in common.
type Group struct {
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
	Times    int      `json:"times"`
	Places   []Place  `json:"places"` // the first ones
}

// Report says what a file was found to hold and what becomes of it.
type Report struct {
	Source     string           `json:"source"`
	Format     string           `json:"format"`
	Questions  int              `json:"questions"`
	Arrived    int              `json:"arrived"`    // as they were
	Simplified int              `json:"simplified"` // with something lost or missing
	Skipped    int              `json:"skipped"`    // not
	Kinds      []KindCount      `json:"kinds"`
	Folders    int              `json:"folders"`
	Media      int              `json:"media"` // distinct files
	MediaBytes int64            `json:"media_bytes"`
	Severities map[Severity]int `json:"severities"` // all lines, kept or not
	Groups     []Group          `json:"groups"`
	Lines      []Line           `json:"lines"`
	Omitted    map[Severity]int `json:"omitted,omitempty"` // lines beyond those that are kept
	// Stopped says why the file could not be read to its end.
	Stopped string `json:"stopped,omitempty"`
}

// What a report keeps at most.
const (
	maxLines       = 4000 // of each severity
	maxGroups      = 500  // of each severity
	maxGroupPlaces = 10
	maxKinds       = 200
	maxNamed       = 500_000 // distinct folders and files are counted up to here
)

// Tally makes a report while questions pass by, in memory that does not grow with
// their number. It is for one goroutine.
type Tally struct {
	report Report
	kinds  map[string]*KindCount
	groups map[groupKey]*Group
	order  []groupKey
	// perSeverity are the numbers of groups.
	perSeverity map[Severity]int
	folders     map[string]bool
	media       map[string]bool
	each        func(Line)
}

type groupKey struct {
	severity  Severity
	what, why string
}

// NewTally begins a report. each, if it is not nil, is given every line, also
// those that the report does not keep.
func NewTally(source string, format Detected, each func(Line)) *Tally {
	return &Tally{
		report: Report{Source: source, Format: format.Name, Severities: map[Severity]int{}, Omitted: map[Severity]int{}},
		kinds:  map[string]*KindCount{}, groups: map[groupKey]*Group{}, perSeverity: map[Severity]int{}, folders: map[string]bool{}, media: map[string]bool{}, each: each,
	}
}

// Watch passes the questions on and adds them up.
func (t *Tally) Watch(questions Questions) Questions {
	return func(yield func(Found, error) bool) {
		for found, err := range questions {
			if err != nil {
				t.Stop(err)
			} else {
				t.Add(found)
			}
			if !yield(found, err) {
				return
			}
		}
	}
}

// Stop notes that the file could not be read to its end.
func (t *Tally) Stop(err error) { t.report.Stopped = markup.Shorten(err.Error(), 500) }

// Add adds a question with its lines.
func (t *Tally) Add(found Found) {
	lost := false
	for _, line := range found.Lines {
		lost = lost || line.Severity != Info
		t.AddLine(line)
	}
	if found.Kind == "" {
		return
	}
	t.report.Questions++
	kind := t.kind(found.Kind)
	switch {
	case found.Item == nil:
		t.report.Skipped++
		kind.Skipped++
		return
	case lost:
		t.report.Simplified++
		kind.Simplified++
	default:
		t.report.Arrived++
		kind.Arrived++
	}
	if len(found.Folder) > 0 {
		note(t.folders, strings.Join(found.Folder, "\x00"))
	}
	for _, m := range found.Media {
		if note(t.media, m.SHA256) {
			t.report.MediaBytes += m.Bytes
		}
	}
}

func note(seen map[string]bool, name string) bool {
	if seen[name] || len(seen) >= maxNamed {
		return false
	}
	seen[name] = true
	return true
}

func (t *Tally) kind(name string) *KindCount {
	name = markup.Shorten(name, 60)
	if _, known := t.kinds[name]; !known && len(t.kinds) >= maxKinds {
		name = "(others)"
	}
	if t.kinds[name] == nil {
		t.kinds[name] = &KindCount{Kind: name}
	}
	return t.kinds[name]
}

// AddLine adds a line that belongs to no question.
func (t *Tally) AddLine(line Line) {
	line.What, line.Why = markup.Shorten(line.What, 300), markup.Shorten(line.Why, 300)
	line.Place.File, line.Place.ID = markup.Shorten(line.Place.File, 200), markup.Shorten(line.Place.ID, 120)
	if t.each != nil {
		t.each(line)
	}
	r := &t.report
	if r.Severities[line.Severity]++; r.Severities[line.Severity] <= maxLines {
		r.Lines = append(r.Lines, line)
	} else {
		r.Omitted[line.Severity]++
	}
	t.group(line)
}

// group adds the line to those that say the same of other questions. What is in
// brackets at the end, such as how often, may differ.
func (t *Tally) group(line Line) {
	what := line.What
	if open := strings.Index(what, " ("); open > 0 && strings.HasSuffix(what, ")") {
		what = what[:open]
	}
	key := groupKey{line.Severity, what, line.Why}
	g := t.groups[key]
	if g == nil {
		if t.perSeverity[line.Severity] >= maxGroups {
			key = groupKey{line.Severity, "other things", "see the lines"}
			g = t.groups[key]
		}
		if g == nil {
			g = &Group{Severity: line.Severity, What: key.what, Why: key.why}
			t.groups[key] = g
			t.order = append(t.order, key)
			t.perSeverity[line.Severity]++
		}
	}
	if g.Times++; len(g.Places) < maxGroupPlaces {
		g.Places = append(g.Places, line.Place)
	}
}

// Report returns the report of what has passed by.
func (t *Tally) Report() Report {
	r := t.report
	r.Severities, r.Omitted = maps.Clone(r.Severities), maps.Clone(r.Omitted)
	r.Lines = append([]Line{}, r.Lines...)
	r.Folders, r.Media = len(t.folders), len(t.media)
	r.Kinds = make([]KindCount, 0, len(t.kinds))
	for _, k := range t.kinds {
		r.Kinds = append(r.Kinds, *k)
	}
	total := func(k KindCount) int { return k.Arrived + k.Simplified + k.Skipped }
	slices.SortFunc(r.Kinds, func(a, b KindCount) int { return cmp.Or(cmp.Compare(total(b), total(a)), cmp.Compare(a.Kind, b.Kind)) })
	r.Groups = make([]Group, 0, len(t.order))
	for _, key := range t.order {
		g := *t.groups[key]
		g.Places = slices.Clone(g.Places)
		r.Groups = append(r.Groups, g)
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(b.Times, a.Times))
	})
	return r
}

func rank(s Severity) int { return slices.Index([]Severity{Skipped, Missing, Simplified, Info}, s) }

// Text is the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", r.Source, r.Format)
	if r.Stopped != "" {
		fmt.Fprintf(&b, "NOT READ TO ITS END: %s\n\n", r.Stopped)
	}
	fmt.Fprintf(&b, "%d questions: %d arrive as they are, %d simplified, %d not\n", r.Questions, r.Arrived, r.Simplified, r.Skipped)
	if r.Folders > 0 || r.Media > 0 {
		fmt.Fprintf(&b, "%d folders, %d files of %d bytes\n", r.Folders, r.Media, r.MediaBytes)
	}
	width := len("kind")
	for _, k := range r.Kinds {
		width = max(width, len(k.Kind))
	}
	if len(r.Kinds) > 0 {
		fmt.Fprintf(&b, "\n  %-*s  %8s %10s %8s\n", width, "kind", "as it is", "simplified", "not")
	}
	for _, k := range r.Kinds {
		fmt.Fprintf(&b, "  %-*s  %8d %10d %8d\n", width, k.Kind, k.Arrived, k.Simplified, k.Skipped)
	}
	for _, section := range []struct {
		severity Severity
		heading  string
	}{
		{Skipped, "Does not arrive"}, {Missing, "Missing from the file"}, {Simplified, "Simplified"}, {Info, "For information"},
	} {
		if n := r.Severities[section.severity]; n > 0 {
			fmt.Fprintf(&b, "\n%s (%d)\n", section.heading, n)
			r.section(&b, section.severity)
		}
	}
	return b.String()
}

func (r Report) section(b *strings.Builder, severity Severity) {
	for _, g := range r.Groups {
		if g.Severity != severity {
			continue
		}
		fmt.Fprintf(b, "  %s", g.What)
		if g.Times > 1 {
			fmt.Fprintf(b, " ×%d", g.Times)
		}
		if g.Why != "" {
			fmt.Fprintf(b, ": %s", g.Why)
		}
		b.WriteString("\n")
		const shown = 3
		for i, place := range g.Places {
			if i == shown {
				break
			}
			if at := place.String(); at != "" {
				fmt.Fprintf(b, "    %s\n", at)
			}
		}
		if g.Times > shown {
			fmt.Fprintf(b, "    and %d more\n", g.Times-shown)
		}
	}
}
