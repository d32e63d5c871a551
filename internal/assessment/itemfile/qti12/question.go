package qti12

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

const (
	info       = itemfile.Info
	simplified = itemfile.Simplified
	skipped    = itemfile.Skipped
	missing    = itemfile.Missing
)

// question is an item while it is read.
type question struct {
	r     *reader
	node  *xmlstream.Node
	found itemfile.Found
	item  event.ItemV1
	meta  metadata
	shown *presentation
	slots []*slot
	fixed string // the clean body, if it is made already
	rules *ruleList

	feedback map[string]string // clean, by identifier
	order    []string          // of the feedback
	used     map[string]bool   // feedback that a rule shows

	losses  markup.Losses
	told    map[string]bool
	strange []string // of the scoring, what is not known
	rubric  string   // what people mark by
	// conditions is how many the list asks.
	conditions int
	media      map[string]bool
	depth      int
}

// refusal is why a question cannot be imported.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

func refuse(why string, args ...any) error { return refusal{fmt.Sprintf(why, args...)} }

// read reads an item. The result has an item, or a line that says why not.
func (r *reader) read(n *xmlstream.Node, folder []string) itemfile.Found {
	q := newQuestion(r, n)
	q.found.Folder = folder
	q.found.Tags = q.meta.tags()
	q.found.Difficulty = q.meta.difficulty()
	if err := q.build(); err != nil {
		q.found.Item = nil
		q.found.Media = nil
		q.line(skipped, "question of the type "+q.found.Kind, err.Error())
	}
	q.finish()
	return q.found
}

func newQuestion(r *reader, n *xmlstream.Node) *question {
	q := &question{r: r, node: n, feedback: map[string]string{}, used: map[string]bool{}, told: map[string]bool{}, media: map[string]bool{}}
	q.found.Place = itemfile.Place{File: r.file, Line: n.Line, ID: markup.Shorten(n.Get("ident"), 120)}
	q.meta = readMetadata(n)
	q.found.Identity = q.identity()
	q.found.Kind = q.kind()
	return q
}

// identity is the item's identifier, with that of the question in the bank which
// it is a copy of.
func (q *question) identity() string {
	id := q.node.Get("ident")
	if id == "" {
		id = q.node.Get("label") // Brightspace
	}
	if id == "" {
		return "hash-" + hashOf(q.node)
	}
	if ref := q.meta.get("assessment_question_identifierref"); ref != "" && ref != id {
		id += "/" + ref
	}
	return markup.Shorten(id, 250)
}

// kind is the source's word for the type of the question.
func (q *question) kind() string {
	for _, name := range []string{"question_type", "cc_profile", "bbmd_questiontype", "qmd_itemtype", "qmd_questiontype", "questiontype", "interaction_type"} {
		if v := q.meta.get(name); v != "" {
			return markup.Shorten(v, 60)
		}
	}
	for n := range q.node.All("response_lid", "response_str", "response_num", "response_xy", "response_grp") {
		for k := range n.Elements() {
			if strings.HasPrefix(k.Name, "render_") {
				return n.Name + "/" + k.Name
			}
		}
		return n.Name
	}
	return "text"
}

// build makes the item.
func (q *question) build() error {
	q.item.Title = markup.Shorten(q.node.Get("title"), 300)
	q.item.Source = markup.Shorten(q.found.Place.String(), 300)
	q.shown = q.readPresentation(q.node.Child("presentation"))
	if n := len(q.shown.responses); n > 150 {
		return refuse("it has %d responses, more than can be imported", n)
	}
	if err := q.checkIdents(); err != nil {
		return err
	}
	q.rules = q.readScoring(q.node)
	if err := q.checkWork(); err != nil {
		return err
	}
	q.readFeedback()
	q.elements()
	if text := q.node.Get("instructions"); text != "" {
		q.lose(simplified, "instructions of a shared text", "they are not shown: "+markup.Shorten(text, 100))
	}
	if err := q.interpret(); err != nil {
		return err
	}
	q.guide()
	if q.item.BodyHTML = q.fixed; q.fixed == "" {
		q.item.BodyHTML = q.body()
	}
	q.stimulus()
	q.weigh()
	return q.check()
}

// maxWork bounds the work that one item can make: its key is found by asking each
// condition about each response.
const maxWork = 20_000_000

func (q *question) checkWork() error {
	responses := 1000
	for _, r := range q.shown.responses {
		responses += len(r.labels)
	}
	if n := q.conditions + len(q.rules.rules); n > maxWork/responses {
		return refuse("it has %d conditions and %d choices, more than can be imported", n, responses-1000)
	}
	return nil
}

// checkIdents makes sure that responses can be told apart.
func (q *question) checkIdents() error {
	for i, r := range q.shown.responses {
		for _, other := range q.shown.responses[:i] {
			if other.ident == r.ident {
				return refuse("two of its responses have the identifier %s", quote(r.ident))
			}
		}
		if len(r.labels) > 900 {
			return refuse("one of its responses has %d choices, more than can be imported", len(r.labels))
		}
		for j := range r.labels {
			if r.labels[j].ident == "" {
				r.labels[j].ident = "label" + strconv.Itoa(j+1)
			}
		}
	}
	return nil
}

// elements names the parts of an item that are not read.
func (q *question) elements() {
	for k := range q.node.Elements() {
		switch k.Name {
		case "itemmetadata", "presentation", "resprocessing", "itemfeedback", "itemproc_extension", "qticomment":
		case "itemcontrol", "itemprecondition", "itempostcondition", "duration":
			q.lose(info, "element "+k.Name, "it is about tests, not about the question")
		case "itemrubric", "rubric":
			q.rubric += q.clean(q.materials(k))
		case "objectives":
			if text := q.clean(q.materials(k)); text != "" {
				q.lose(simplified, "element "+k.Name, "its text is not shown: "+markup.Shorten(words(text), 120))
			}
		default:
			q.lose(simplified, "element "+k.Name, "it has no counterpart")
		}
	}
}

// guide gives the rubric to those who mark.
func (q *question) guide() {
	if q.rubric == "" {
		return
	}
	for i := range q.item.Parts {
		if e := q.item.Parts[i].Essay; e != nil {
			e.GuidanceHTML += q.rubric
			return
		}
	}
	q.lose(simplified, "rubric", "nothing of the question is marked by people, who would see it: "+markup.Shorten(words(q.rubric), 120))
}

// stimulus puts the text that several questions share before the question's own.
func (q *question) stimulus() {
	id := q.meta.get("parent_stimulus_item_ident")
	if id == "" {
		return
	}
	shared, ok := q.r.stimuli[id]
	if !ok {
		q.lose(missing, "shared text "+quote(id), "the file does not contain it before this question")
		return
	}
	q.item.BodyHTML = `<div>` + shared.html + `</div>` + q.item.BodyHTML
	for _, m := range shared.media {
		q.show(m)
	}
	q.lose(info, "shared text "+quote(shared.title), "it stands before the question, in each question that shares it")
}

// weigh gives the item its points.
func (q *question) weigh() {
	if len(q.item.Parts) == 0 {
		q.item.Weight = "0"
		return
	}
	for _, name := range []string{"points_possible", "cc_weighting", "qmd_absolutescore_max", "qmd_weighting", "max_score", "weighting"} {
		if points := parseNumber(q.meta.get(name)); points != nil && (points.Sign() > 0 || points.Sign() == 0 && name == "points_possible") {
			q.item.Weight = decimal(points)
			return
		}
	}
	points := q.rules.most
	if points == nil || points.Sign() <= 0 {
		points = q.best()
	}
	if points == nil || points.Sign() <= 0 || points.Cmp(big.NewRat(100, 1)) == 0 {
		q.item.Weight = "1" // 100 stands for a percentage
		return
	}
	q.item.Weight = decimal(points)
}

// check makes sure that the item can be scored.
func (q *question) check() error {
	item := q.item
	item.ItemID = uuid.NameSpaceURL
	if _, err := scoring.Parse(item); err != nil {
		return refuse("it cannot be scored: %v", err)
	}
	q.found.Item = &q.item
	return nil
}

// finish adds what is told of the question as a whole.
func (q *question) finish() {
	for _, l := range q.losses.All() {
		severity := simplified
		if l.Kind == markup.Attributes {
			severity = info
		}
		q.line(severity, l.What, l.Why)
	}
	if names := q.meta.unused(); names != "" {
		q.line(info, "metadata ("+names+")", "it has no counterpart")
	}
	if q.found.Item == nil {
		return
	}
	var left []string
	for _, id := range q.order {
		if !q.used[id] && strings.TrimSpace(q.feedback[id]) != "" {
			left = append(left, id)
		}
	}
	if len(left) > 0 {
		q.line(simplified, "feedback ("+markup.Shorten(strings.Join(left, ", "), 120)+")", "no response leads to it, or a condition that has no counterpart")
	}
}

// line adds a line to the report.
func (q *question) line(s itemfile.Severity, what, why string) {
	q.found.Lines = append(q.found.Lines, itemfile.Line{Severity: s, Place: q.found.Place, What: what, Why: why})
}

// lose adds a line unless the question has the same already.
func (q *question) lose(s itemfile.Severity, what, why string) {
	if key := what + "\x00" + why; !q.told[key] && len(q.told) < 100 {
		q.told[key] = true
		q.line(s, what, why)
	}
}

// unknown notes what of the scoring is not known.
func (q *question) unknown(what string) {
	if !slices.Contains(q.strange, what) && len(q.strange) < 20 {
		q.strange = append(q.strange, what)
	}
}

// clean sanitises raw HTML.
func (q *question) clean(raw string) string {
	return q.r.cleaner.Clean(raw, markup.Events{Resolve: q.resolve, Tell: q.losses.Add})
}

// show adds a file to those that the question shows.
func (q *question) show(m itemfile.Media) {
	if key := m.SHA256 + "/" + m.Name; !q.media[key] {
		q.media[key] = true
		q.found.Media = append(q.found.Media, m)
	}
}

// quote makes a name from the file fit for a sentence.
func quote(s string) string { return strconv.Quote(markup.Shorten(s, 80)) }

// decimal writes a share or a number of points as a decimal of the nine places
// that they may have.
func decimal(n *big.Rat) string {
	s := strings.TrimSuffix(strings.TrimRight(n.FloatString(9), "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}
