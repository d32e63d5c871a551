package qtifile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// item maps one assessment item to an event.ItemV1.
type item struct {
	notes
	ctx     context.Context
	cleaner *markup.Cleaner
	archive *itemfile.Archive // nil for a single file
	file    string            // within the archive
	root    *node

	responses, outcomes, templates declarations

	body      string
	parts     []*part
	within    *part // the interaction that is being read
	kinds     []string
	guidance  []string // for those who mark
	feedbacks []*feedback
	media     map[string]itemfile.Media // by digest
	stimuli   []string
	weight    string // the item's, and the least that it can score
	least     string
	floor     *big.Rat // what the processing holds the score at from below
	refusal   string   // why the item as a whole does not arrive
	err       error    // a failure of the machine
}

// part is a part in the making, with what it was read from.
type part struct {
	event.PartV1
	decl *declaration
	n    *node // its interaction; the item when the body has none
	// human says that people mark it.
	human bool
	// inline says that it stands within a line of text.
	inline bool
}

// readItem maps an item. The error is one of the machine.
func readItem(it *item) (itemfile.Found, error) {
	it.declare()
	it.readBody()
	it.unbound()
	it.settings()
	found := itemfile.Found{Identity: it.root.get("identifier"), Place: it.at, Kind: strings.Join(it.kinds, "+")}
	if found.Kind == "" {
		found.Kind = it.root.raw
	}
	made := it.assemble()
	if it.err != nil {
		return found, it.err
	}
	if made != nil {
		if why := check(*made); why != "" {
			it.skipped(it.root, "the item", why)
			made = nil
		}
	}
	found.Item = made
	found.Lines = it.all()
	if made != nil {
		found.Media = it.used()
	}
	return found, nil
}

// check is why assessment would not take the item.
func check(made event.ItemV1) string {
	made.ItemID = uuid.NameSpaceOID
	if _, err := scoring.Parse(made); err != nil {
		return "it cannot be taken over: " + err.Error()
	}
	return ""
}

func (it *item) used() []itemfile.Media {
	var out []itemfile.Media
	for _, digest := range slices.Sorted(maps.Keys(it.media)) {
		out = append(out, it.media[digest])
	}
	return out
}

// declare reads the declarations.
func (it *item) declare() {
	for _, k := range it.root.kids {
		switch k.name {
		case "qti-response-declaration":
			it.responses.add(k)
		case "qti-outcome-declaration":
			it.outcomes.add(k)
		case "qti-template-declaration":
			it.templates.add(k)
		case "include":
			it.xinclude(k)
		}
	}
}

// xinclude refuses what would fetch another file.
func (it *item) xinclude(n *node) {
	what := "xi:include of " + quote(n.get("href"))
	it.skipped(n, what, "other files are never included: put its content in its place")
	it.refusal = "a part of it is in another file (" + what + "), and other files are never included"
}

// readBody reads what the learner sees.
func (it *item) readBody() {
	w := &htmlWriter{it: it}
	for _, k := range it.root.elements("qti-assessment-stimulus-ref") {
		it.stimulus(k)
	}
	body := it.root.child("qti-item-body")
	if body != nil {
		w.children(body)
	}
	text := it.clean(w.String())
	if lang := orElse(languageOf(body), it.root.language()); lang != "" && text != "" && isLanguage(lang) {
		text = `<div lang="` + lang + `">` + text + "</div>"
	}
	it.body = strings.Join(append(it.stimuli, text), "\n")
	if len(it.stimuli) > 0 && text == "" {
		it.body = strings.Join(it.stimuli, "\n")
	}
	for _, k := range it.root.kids {
		switch k.name {
		case "qti-modal-feedback":
			it.feedback(k, nil)
		case "qti-rubric-block":
			it.rubric(w, k)
		case "qti-stylesheet":
			it.stylesheet(k)
		}
	}
}

func languageOf(n *node) string {
	if n == nil {
		return ""
	}
	return n.language()
}

func isLanguage(s string) bool {
	for _, sub := range strings.Split(s, "-") {
		if len(sub) < 1 || len(sub) > 8 || strings.ContainsFunc(sub, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	return len(s) >= 2
}

func (it *item) stylesheet(n *node) {
	it.info(n, "style sheet "+quote(n.get("href")), "texts are shown in the platform's own style")
}

// rubric places a rubric block by who may see it.
func (it *item) rubric(w *htmlWriter, n *node) {
	views := strings.Fields(n.get("view"))
	toLearners := len(views) == 0 || slices.Contains(views, "candidate")
	switch {
	case toLearners:
		w.element("div", bare(n))
	case slices.Contains(views, "scorer"):
		it.guidance = append(it.guidance, it.fragment(n))
		return
	default:
		it.skipped(n, n.raw+" for "+list(views), "only learners and those who mark are shown texts of an item")
		return
	}
	if slices.Contains(views, "scorer") {
		it.guidance = append(it.guidance, it.fragment(n))
	}
}

// bare is the element without its attributes.
func bare(n *node) *node { return &node{name: n.name, raw: n.raw, kids: n.kids, line: n.line} }

// settings reports those of the item that have no counterpart.
func (it *item) settings() {
	r := it.root
	if r.isTrue("adaptive") {
		it.simplified(r, "adaptive", "an item is answered once: its processing runs with the first answer")
	}
	if r.isTrue("time-dependent") {
		it.simplified(r, r.raw+" timeDependent", "the time is not measured by item; the variable duration has no value")
	}
	for _, k := range r.kids {
		switch k.name {
		case "", "qti-response-declaration", "qti-outcome-declaration", "qti-template-declaration", "qti-template-processing",
			"qti-response-processing", "qti-item-body", "qti-modal-feedback", "qti-rubric-block", "qti-stylesheet",
			"qti-assessment-stimulus-ref", "include", "qti-context-declaration":
		case "qti-catalog-info", "qti-apip-accessibility", "qti-accessibility-catalog":
			it.skipped(k, k.raw, "alternative content is not kept")
		case "qti-companion-materials-info":
			it.skipped(k, k.raw, "calculators, rulers and other tools are not given out with an item")
		default:
			it.skipped(k, "element "+quote(k.raw), "it is not known")
		}
	}
}

// unbound makes parts of responses that the body does not ask for: items whose
// texts were taken out, and those that put an interaction somewhere else.
func (it *item) unbound() {
	asked := map[string]bool{}
	for _, p := range it.parts {
		asked[p.PartID] = true
	}
	if len(it.parts) > 0 || it.refusal != "" {
		return
	}
	for _, d := range it.responses.order {
		if asked[d.id] {
			continue
		}
		if p := it.presumed(d); p != nil {
			it.parts = append(it.parts, p)
			it.simplified(d.node, "response "+quote(d.id), "no interaction in the body asks for it; what is asked is presumed from its type")
		}
	}
}

// presumed is the part that a response of this type is likely to have had.
func (it *item) presumed(d *declaration) *part {
	p := &part{decl: d, n: d.node, PartV1: event.PartV1{PartID: d.id, Label: d.id}}
	switch d.base {
	case "string":
		p.Kind = event.Text
	case "integer", "float":
		p.Kind = event.Numerical
	case "identifier":
		p.Kind = event.SingleChoice
		switch d.cardinality {
		case "multiple":
			p.Kind = event.MultipleChoice
		case "ordered":
			p.Kind = event.Ordering
		}
		for _, id := range it.named(d) {
			p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: id, HTML: markup.Escape(id)})
		}
		if len(p.Choices) == 0 {
			return nil
		}
	default:
		return nil
	}
	return p
}

// named are the identifiers that the key and the logic know of a response.
func (it *item) named(d *declaration) []string {
	var ids []string
	keep := func(id string) {
		if isIdentifier(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, v := range d.correct {
		keep(v)
	}
	if d.mapping != nil {
		for _, e := range d.mapping.entries {
			keep(e.key)
		}
	}
	if rp := it.root.child("qti-response-processing"); rp != nil {
		rp.walk(func(n *node) bool {
			if n.name == "" || !n.is("qti-match", "qti-member", "qti-contains") {
				return true
			}
			mine := n.holds(func(v *node) bool { return v.is("qti-variable") && v.get("identifier") == d.id })
			n.walk(func(v *node) bool {
				if mine && v.is("qti-base-value") && v.get("base-type") == "identifier" {
					keep(strings.TrimSpace(v.content()))
				}
				return true
			})
			return true
		})
	}
	slices.Sort(ids)
	return ids
}

// assemble makes the item, or says why there is none.
func (it *item) assemble() *event.ItemV1 {
	if it.refusal != "" {
		it.skipped(it.root, "the item", it.refusal)
		return nil
	}
	if len(it.parts) == 0 {
		it.skipped(it.root, "the item", "it asks nothing that could be answered here")
		return nil
	}
	if !slices.ContainsFunc(it.parts, func(p *part) bool { return p.Kind != event.Unsupported }) {
		it.skipped(it.root, "the item", "none of its interactions can be answered here: "+list(it.kinds))
		return nil
	}
	made := &event.ItemV1{
		Source: "qti/" + markup.Shorten(it.root.get("identifier"), 200),
		Title:  it.title(), BodyHTML: it.body,
	}
	it.labels()
	it.guide()
	it.strangers()
	for _, p := range it.parts {
		if !isIdentifier(p.PartID) {
			it.skipped(p.n, "response "+quote(p.PartID), "its identifier is not one that can be kept")
			return nil
		}
	}
	if !it.score(made) {
		return nil
	}
	return made
}

func (it *item) title() string {
	for _, name := range []string{"title", "label", "identifier"} {
		if t := markup.Shorten(it.root.get(name), 500); t != "" {
			return t
		}
	}
	return "Item"
}

// labels gives each part an accessible name.
func (it *item) labels() {
	for i, p := range it.parts {
		if p.Label == "" {
			p.Label = plain(p.PromptHTML, 300)
		}
		if p.Label == "" && len(it.parts) == 1 && !p.inline {
			p.Label = plain(it.body, 300)
		}
		if p.Label == "" {
			p.Label = fmt.Sprintf("Answer %d", i+1)
		}
	}
}

// strangers reports correct responses that nobody can give.
func (it *item) strangers() {
	for _, p := range it.parts {
		if !isSingle(p.Kind) && !isSet(p.Kind) && p.Kind != event.Ordering {
			continue
		}
		for _, v := range p.decl.correct {
			if !slices.ContainsFunc(p.Choices, func(c event.ChoiceV1) bool { return c.ChoiceID == v }) {
				it.simplified(p.decl.node, "correct response "+quote(v), "there is no such choice, so nobody can give it")
			}
		}
	}
}

// guide puts what is for those who mark to the parts that people mark.
func (it *item) guide() {
	it.guidance = slices.DeleteFunc(it.guidance, func(s string) bool { return s == "" })
	if len(it.guidance) == 0 {
		return
	}
	text := strings.Join(it.guidance, "\n")
	for _, p := range it.parts {
		if p.Essay != nil {
			p.Essay.GuidanceHTML = text
			return
		}
	}
	it.skipped(it.root, "rubricBlock for scorer", "no part of the item is an essay, so nobody marks it by hand")
}

// digestOf names content without an identifier.
func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
