package olx

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/markup"
)

// Severity says what became of a thing that was not taken over as it was.
type Severity string

// The severities.
const (
	// Simplified: it is there, but not all of it or not quite in its way.
	Simplified Severity = "simplified"
	// Skipped: it is not in the imported course, or only as a placeholder.
	Skipped Severity = "skipped"
	// Missing: the export refers to it and does not contain it.
	Missing Severity = "missing"
	// Info: nothing is lost; worth knowing all the same.
	Info Severity = "info"
)

// Place says where in the export something is.
type Place struct {
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`  // 0 when unknown
	Block string `json:"block,omitempty"` // "<type>/<url_name>"
}

func (p Place) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	switch {
	case p.Block == "" || strings.TrimSuffix(p.File, path.Ext(p.File)) == p.Block:
		return s
	case s == "":
		return p.Block
	}
	return s + " (" + p.Block + ")"
}

// Entry is one line of a report.
type Entry struct {
	Severity Severity `json:"severity"`
	Place    Place    `json:"place"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
}

// Counts are the figures of an import.
type Counts struct {
	Chapters    int `json:"chapters"`
	Subsections int `json:"subsections"`
	Units       int `json:"units"`
	HTML        int `json:"html"`
	Videos      int `json:"videos"`
	Files       int `json:"files"`
	// Problems are the problems met; Items those of them that can be answered.
	Problems int `json:"problems"`
	Items    int `json:"items"`
	// Responses are the responses of all problems by type; Answerable those
	// that became parts of items. Parts counts inputs: a response of several
	// drop-down lists has several.
	Responses  map[string]int `json:"responses,omitempty"`
	Answerable map[string]int `json:"answerable,omitempty"`
	Parts      int            `json:"parts"`
	// Placeholders are blocks kept as placeholders, by type.
	Placeholders map[string]int `json:"placeholders,omitempty"`
	// Hidden blocks were for staff only and are not in the course.
	Hidden int `json:"hidden"`

	AssetsFound        int `json:"assets_found"`
	AssetsMissing      int `json:"assets_missing"` // distinct names
	AssetsUnreferenced int `json:"assets_unreferenced"`
	// Attributes without a counterpart, by name, such as class and style.
	DroppedAttributes map[string]int `json:"dropped_attributes,omitempty"`
}

// Report says what an import did.
type Report struct {
	CourseKey          string   `json:"course_key"`
	Title              string   `json:"title"`
	Counts             Counts   `json:"counts"`
	Entries            []Entry  `json:"entries"`
	UnreferencedAssets []string `json:"unreferenced_assets,omitempty"`
	// Omitted is the number of entries beyond maxEntries, of which only the
	// first are kept.
	Omitted int `json:"omitted,omitempty"`
}

// maxEntries bounds what a hostile course can make the report hold.
const maxEntries = 20_000

func newReport() *Report {
	return &Report{
		Entries: []Entry{},
		Counts: Counts{
			Responses: map[string]int{}, Answerable: map[string]int{},
			Placeholders: map[string]int{}, DroppedAttributes: map[string]int{},
		},
	}
}

// add notes an entry. Parts of it come from the export and are kept short.
func (r *Report) add(severity Severity, at Place, what, why string) {
	if len(r.Entries) >= maxEntries {
		r.Omitted++
		return
	}
	r.Entries = append(r.Entries, Entry{Severity: severity, Place: at, What: markup.Shorten(what, 300), Why: markup.Shorten(why, 300)})
}

// Of returns the entries of one severity.
func (r *Report) Of(severity Severity) []Entry {
	var out []Entry
	for _, e := range r.Entries {
		if e.Severity == severity {
			out = append(out, e)
		}
	}
	return out
}

// Text is the report for a reader.
func (r *Report) Text() string {
	var b strings.Builder
	c := r.Counts
	fmt.Fprintf(&b, "%s (%s)\n\n", r.Title, r.CourseKey)
	row := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-14s %s\n", label, fmt.Sprintf(format, args...))
	}
	row("outline", "%d chapters, %d subsections, %d units", c.Chapters, c.Subsections, c.Units)
	row("content", "%d texts, %d videos, %d files", c.HTML, c.Videos, c.Files)
	row("problems", "%d met, %d can be answered, in %d parts", c.Problems, c.Items, c.Parts)
	for _, name := range slices.Sorted(maps.Keys(c.Responses)) {
		row("", "%s: %d of %d", name, c.Answerable[name], c.Responses[name])
	}
	if len(c.Placeholders) > 0 {
		row("placeholders", "%s", tally(c.Placeholders))
	}
	if c.Hidden > 0 {
		row("hidden", "%d for staff only, left out", c.Hidden)
	}
	row("static files", "%d used, %d missing, %d not referred to", c.AssetsFound, c.AssetsMissing, c.AssetsUnreferenced)
	for _, group := range []struct {
		severity Severity
		heading  string
	}{
		{Missing, "Missing from the export"}, {Skipped, "Skipped, or kept as a placeholder"},
		{Simplified, "Simplified"}, {Info, "For information"},
	} {
		entries := r.Of(group.severity)
		if len(entries) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s (%d)\n", group.heading, len(entries))
		for _, e := range entries {
			b.WriteString("  ")
			if at := e.Place.String(); at != "" {
				b.WriteString(at + ": ")
			}
			b.WriteString(e.What)
			if e.Why != "" {
				b.WriteString(": " + e.Why)
			}
			b.WriteString("\n")
		}
	}
	if r.Omitted > 0 {
		fmt.Fprintf(&b, "\nand %d more\n", r.Omitted)
	}
	return b.String()
}

// tally writes counts, the greatest first.
func tally(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s ×%d", name, counts[name])
	}
	return strings.Join(parts, ", ")
}
