package moodlexml

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// question maps one question to an item.
type question struct {
	*node
	*importer
	kind  string
	notes moodletext.Notes
	item  event.ItemV1
	stem  field // its text, in which tokens stand for places

	tokens moodletext.Tokens
	places []string // what comes in the place of each token
	lost   int      // places that stood within a tag
	// rewrite puts tokens into every text of a calculated question.
	rewrite func(string) string

	shelf *shelf
}

// field is a text with its format and the files that it may show.
type field struct {
	text   string
	format moodletext.Format
	files  []*node
	line   int
}

// question reads a question element.
func (r *importer) question(n *node, odd oddities) itemfile.Found {
	q := &question{node: n, importer: r, kind: strings.ToLower(n.attr("type"))}
	name := strings.Join(strings.Fields(n.value("name")), " ")
	idnumber := n.value("idnumber")
	q.notes.At = itemfile.Place{File: r.file, Line: n.line, ID: markup.Shorten(orElse(idnumber, name), 100)}
	q.shelf = newShelf(n, &q.notes)
	q.stem = q.field(n.child("questiontext"), moodletext.HTML)
	q.oldImage()
	found := itemfile.Found{Place: q.notes.At, Kind: n.attr("type"), Folder: r.folder, Tags: n.tags()}
	if found.Kind == "" {
		found.Kind = "unknown"
	}
	found.Identity = q.identity(idnumber, name)
	odd.tell(&q.notes)
	q.repeated()
	if item := q.companion(); item != nil {
		q.item = *item
		found.Item, found.Media, found.Lines = &q.item, q.shelf.media, q.notes.Lines()
		return found
	}
	if err := q.read(name); err != nil {
		q.notes.Add(itemfile.Skipped, "the question of the type "+clip(found.Kind), err.Error())
		found.Lines = q.notes.Lines()
		return found
	}
	q.item.Source = "moodle/" + markup.Shorten(found.Identity, 200)
	found.Item, found.Media = &q.item, q.shelf.media
	n.leftOver(&q.notes)
	found.Lines = q.notes.Lines()
	return found
}

// repeated reports elements that a question has once and this one has several of.
func (q *question) repeated() {
	for _, name := range []string{"name", "questiontext", "generalfeedback", "defaultgrade", "idnumber", "single"} {
		for i, n := range q.all(name) {
			if i > 0 && strings.TrimSpace(n.words()) != strings.TrimSpace(q.child(name).words()) {
				q.notes.AddAt(n.line, itemfile.Skipped, "a further element "+n.describe(), "the first counts")
			}
		}
	}
}

// refuse says why a question is not taken over.
func refuse(format string, args ...any) error { return fmt.Errorf(format, args...) }

func orElse(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// identity is the ID number, else a digest of category, name, type and text.
func (q *question) identity(idnumber, name string) string {
	identity := idnumber
	if identity == "" {
		h := sha256.New()
		for _, s := range append(slices.Clone(q.folder), q.kind, name, q.stem.text) {
			h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
		}
		identity = "moodle-" + hex.EncodeToString(h.Sum(nil)[:12])
	}
	unique, taken := q.identities.Unique(markup.Shorten(identity, 200))
	if taken {
		q.notes.Add(itemfile.Info, fmt.Sprintf("identity %q", identity), fmt.Sprintf("another question of the file has it, or is the same; this one is %q", unique))
	}
	return unique
}

func (n *node) tags() []string {
	var out []string
	known := map[string]bool{}
	for _, list := range append(n.all("tags"), n.all("coursetags")...) {
		for _, t := range list.all("tag") {
			if tag := strings.Join(strings.Fields(t.words()), " "); tag != "" && !known[tag] {
				known[tag] = true
				out = append(out, tag)
			}
		}
	}
	return out
}

// field reads an element that holds a text.
func (q *question) field(n *node, otherwise moodletext.Format) field {
	f := field{format: otherwise}
	if n == nil {
		return f
	}
	f.text, f.files, f.line = strings.TrimSpace(n.words()), n.all("file"), n.line
	if name := n.attr("format"); name != "" {
		format, known := moodletext.Named(name)
		if !known {
			q.notes.Add(itemfile.Simplified, fmt.Sprintf("text format %q", clip(name)), "it is not known and taken for HTML")
		}
		f.format = format
	}
	return f
}

// clean is the text as markup.
func (q *question) clean(f field) string {
	if f.text == "" {
		return ""
	}
	text := f.text
	if q.rewrite != nil {
		text = q.rewrite(text)
	}
	return q.put(q.render.Clean(text, f.format, q.notes.Events(q.shelf.resolver(f.files))))
}

// optional is the text of an element that need not be there.
func (q *question) optional(n *node) string { return q.clean(q.field(n, q.stem.format)) }

// feedback is the feedback of an answer.
func (q *question) feedback(answer *node) string { return q.optional(answer.child("feedback")) }

// place returns a token for the markup.
func (q *question) place(markup string) string {
	if len(q.places) == 0 {
		q.tokens = moodletext.NewTokens(q.kind + "\x00" + q.stem.text)
	}
	q.places = append(q.places, markup)
	return q.tokens.Token(len(q.places) - 1)
}

// put replaces the tokens by what they stand for.
func (q *question) put(text string) string {
	if len(q.places) == 0 {
		return text
	}
	return q.tokens.Put(text, func(n int, attribute bool) string {
		if n < 0 || n >= len(q.places) {
			return ""
		}
		if attribute {
			q.lost++
			return ""
		}
		return q.places[n]
	})
}

// oldImage adds the image that Moodle 1 kept beside the text.
func (q *question) oldImage() {
	image, data := q.value("image"), q.child("image_base64")
	if image == "" {
		return
	}
	name := strings.ReplaceAll(image, "/", "_")
	if data == nil || strings.TrimSpace(data.text) == "" {
		q.notes.Add(itemfile.Missing, fmt.Sprintf("image %q", clip(image)), "the file does not contain it")
		return
	}
	file := &node{name: "file", attrs: []attribute{{"name", name}, {"encoding", "base64"}}, text: data.text, line: data.line}
	q.stem.files = append(q.stem.files, file)
	q.shelf.files = append(q.shelf.files, file)
	if q.stem.format == moodletext.Plain {
		q.stem = field{text: strings.ReplaceAll(escape(q.stem.text), "\n", "<br>"), format: moodletext.HTML, files: q.stem.files, line: q.stem.line}
	}
	q.stem.text += ` <img src="@@PLUGINFILE@@/` + escapePath(name) + `" alt="">`
}

// read maps the question as its type demands.
func (q *question) read(name string) error {
	mapper := mapperOf(q.kind)
	if mapper == nil {
		return unknownType(q.kind)
	}
	q.item.Weight = q.weight()
	if err := mapper(q); err != nil {
		return err
	}
	q.item.BodyHTML = q.clean(q.stem)
	if q.lost > 0 {
		q.notes.Add(itemfile.Simplified, "a place for an answer or a value within a tag", "it cannot be shown there; what is answered follows the text")
	}
	words := moodletext.Words(q.item.BodyHTML, 300)
	if q.item.BodyHTML == "" {
		if name == "" {
			return refuse("it has neither a text nor a name")
		}
		q.notes.Add(itemfile.Info, "its text", "it is empty; its name is shown in its place")
		q.item.BodyHTML = "<p>" + escape(name) + "</p>"
	}
	q.item.Title = markup.Shorten(orElse(name, words, "Question"), 200)
	q.item.ExplanationHTML = q.optional(q.child("generalfeedback"))
	q.hints()
	q.combinedFeedback()
	for i := range q.item.Parts {
		part := &q.item.Parts[i]
		if part.Label == "" && len(q.item.Parts) == 1 {
			part.Label = words
		}
		if part.Label == "" {
			part.Label = "Answer " + strconv.Itoa(i+1)
		}
	}
	if text := markup.Shorten(q.node.text, 60); text != "" {
		q.notes.Add(itemfile.Skipped, fmt.Sprintf("text %q between the elements", text), "it belongs to none of them")
	}
	q.minimum()
	q.settings()
	q.shelf.unused()
	return moodletext.Check(q.item)
}

// weight is the default mark.
func (q *question) weight() string {
	text := q.value("defaultgrade")
	if text == "" {
		return "1"
	}
	weight, ok := moodletext.Decimal(text)
	if !ok || weight.Sign() < 0 || weight.Cmp(big.NewRat(100_000_000, 1)) > 0 {
		q.notes.Add(itemfile.Simplified, fmt.Sprintf("default mark %q", clip(text)), "it is no mark; 1 is taken")
		return "1"
	}
	return moodletext.DecimalText(weight, 9)
}

// minimum is the least score: the parts' lower bounds by their weights.
func (q *question) minimum() {
	total, least := new(big.Rat), new(big.Rat)
	for i := range q.item.Parts {
		p := &q.item.Parts[i]
		weight, ok := moodletext.Decimal(orElse(p.Weight, "1"))
		if !ok {
			continue
		}
		total.Add(total, weight)
		if low, ok := moodletext.Decimal(p.LowBound); ok && low.Sign() < 0 {
			least.Add(least, weight.Mul(weight, low))
		}
	}
	weight, ok := moodletext.Decimal(q.item.Weight)
	if !ok || least.Sign() >= 0 || total.Sign() <= 0 {
		return
	}
	least.Mul(least, weight).Quo(least, total)
	// Rounded away from zero: it is a bound.
	scale := big.NewRat(1_000_000, 1)
	scaled := new(big.Rat).Mul(least, scale)
	whole := new(big.Int).Div(scaled.Num(), scaled.Denom()) // towards minus infinity
	q.item.MinScore = moodletext.DecimalText(new(big.Rat).Quo(new(big.Rat).SetInt(whole), scale), 9)
}

// hints are shown one after another.
func (q *question) hints() {
	const most = 50
	for _, h := range q.all("hint") {
		f := q.field(h, q.stem.format)
		if content := h.child("hintcontent"); content != nil {
			f = q.field(content, q.stem.format)
		}
		for _, action := range []string{"shownumcorrect", "clearwrong", "options", "statenumberofcorrectresponses", "clearincorrectresponses", "showfeedbacktoresponses"} {
			if k := h.child(action); k != nil && h.truth(action, true) && !(action == "options" && k.words() == "") {
				q.once(itemfile.Simplified, "what hints do ("+action+")", "hints say something; they neither clear answers nor count the right ones")
			}
		}
		if text := q.clean(f); text != "" && len(q.item.HintsHTML) < most {
			q.item.HintsHTML = append(q.item.HintsHTML, text)
		}
	}
}

// once says something of all questions of the file, at the first of them.
func (q *question) once(severity itemfile.Severity, what, why string) {
	if !q.told[what] {
		q.told[what] = true
		q.notes.Add(severity, what, why+" (this holds for all questions of the file and is said once)")
	}
}

// combinedFeedback is the feedback by what was scored in all.
func (q *question) combinedFeedback() {
	right, partly, wrong := q.optional(q.child("correctfeedback")), q.optional(q.child("partiallycorrectfeedback")), q.optional(q.child("incorrectfeedback"))
	if right == "" && partly == "" && wrong == "" {
		return
	}
	q.item.Bands = []event.BandV1{{From: "1", FeedbackHTML: right}, {From: "0.000001", FeedbackHTML: partly}, {From: "0", FeedbackHTML: wrong}}
	for n := len(q.item.Bands); n > 0 && q.item.Bands[n-1].FeedbackHTML == ""; n-- {
		q.item.Bands = q.item.Bands[:n-1]
	}
}

// settings are those that all types have and that mean nothing here.
func (q *question) settings() {
	if penalty, ok := moodletext.Decimal(q.value("penalty")); ok && penalty.Sign() > 0 {
		q.once(itemfile.Simplified, "penalty for each try", "what a further try costs is a matter of the assessment and not of the question")
	}
	if q.value("hidden") == "1" {
		q.notes.Add(itemfile.Info, "hidden", "Moodle hides the question from its bank, as an old version or as one that was deleted; it is imported as the others are")
	}
	for _, name := range []string{"version", "questionversion", "status", "stamp", "versionid", "length", "contextid", "timecreated", "timemodified", "createdby", "modifiedby"} {
		if q.has(name) {
			q.once(itemfile.Info, "element <"+name+">", "it is Moodle's own bookkeeping")
		}
	}
	if numbering := q.value("answernumbering"); numbering != "" && numbering != "abc" && numbering != "none" {
		q.once(itemfile.Info, "numbering of answers", "how choices are numbered is up to the page that shows them")
	}
	if q.has("shownumcorrect") || q.value("correctresponsesfeedback") == "true" {
		q.once(itemfile.Info, "number of right answers (shownumcorrect)", "it is not told by itself")
	}
	if q.value("showstandardinstruction") == "1" || q.value("showstandardinstruction") == "true" {
		q.once(itemfile.Info, "standard instruction (showstandardinstruction)", "how many answers may be chosen shows by the kind of input")
	}
	for _, name := range []string{"questiontextformat", "generalfeedbackformat", "qtype", "parent", "id", "course", "category"} {
		q.child(name) // beside what says the same
	}
}

// part adds a part.
func (q *question) part(p event.PartV1) *event.PartV1 {
	p.PartID = strconv.Itoa(len(q.item.Parts) + 1)
	q.item.Parts = append(q.item.Parts, p)
	return &q.item.Parts[len(q.item.Parts)-1]
}
