package qtifile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// interaction reads an interaction where it stands, and writes its placeholder.
func (it *item) interaction(w *htmlWriter, n *node) {
	if !slices.Contains(it.kinds, n.raw) {
		it.kinds = append(it.kinds, n.raw)
	}
	switch n.name {
	case "qti-position-object-stage":
		it.stage(w, n)
		return
	case "qti-end-attempt-interaction":
		it.simplified(n, n.raw+" "+quote(n.get("title")), "an item is handed in once, as a whole; it counts as not pressed")
		return
	case "qti-media-interaction":
		it.watch(w, n)
		return
	}
	if it.within != nil {
		it.simplified(n, n.raw, "an interaction within an interaction is left out")
		return
	}
	p := it.part(n)
	it.within = p
	it.readPart(p)
	it.repair(p)
	it.within = nil
	it.place(w, p)
}

// part begins a part for an interaction.
func (it *item) part(n *node) *part {
	id := n.get("response-identifier")
	p := &part{n: n, decl: it.responses.get(id), PartV1: event.PartV1{PartID: id}}
	if p.decl == nil {
		it.info(n, "response "+quote(id), "it is not declared; the interaction's usual type is taken")
		p.decl = &declaration{node: n, id: id, cardinality: "single", base: "identifier"}
	}
	if prompt := n.child("qti-prompt"); prompt != nil {
		p.PromptHTML = it.fragment(prompt)
	}
	p.Label = markup.Shorten(orElse(n.get("aria-label"), n.get("label")), 300)
	return p
}

// repair corrects a declaration whose type is not that of the interaction's
// values, so that responses can be compared with its key.
func (it *item) repair(p *part) {
	want := ""
	switch p.Kind {
	case event.Association:
		want = "pair"
	case event.Matching, event.GapMatch, event.ImageGapMatch:
		want = "directedPair"
	case event.Point:
		want = "point"
	}
	d := p.decl
	if want == "" || d.base == want || it.responses.get(d.id) != d {
		return
	}
	it.simplified(d.node, "response "+quote(d.id)+" of the type "+quote(d.base), "the interaction gives values of the type "+want+", for which it is taken")
	for i := range d.attrs {
		if d.attrs[i].name == "base-type" && d.attrs[i].prefix == "" {
			d.attrs[i].value = want
		}
	}
	d.base = want
	for i := range d.correct {
		d.correct[i] = normalValue(d.correct[i], want)
	}
	if d.mapping != nil {
		for i := range d.mapping.entries {
			d.mapping.entries[i].key = normalValue(d.mapping.entries[i].key, want)
		}
	}
}

// place keeps the part and writes where it stands.
func (it *item) place(w *htmlWriter, p *part) {
	if slices.ContainsFunc(it.parts, func(q *part) bool { return q.PartID == p.PartID }) {
		it.skipped(p.n, p.n.raw, "a second interaction for the response "+quote(p.PartID)+" is left out")
		return
	}
	it.parts = append(it.parts, p)
	if !isIdentifier(p.PartID) {
		return
	}
	element := "div"
	if p.inline {
		element = "span"
	}
	w.WriteString("<" + element + ` data-part="` + p.PartID + `"></` + element + ">")
}

func (it *item) readPart(p *part) {
	it.presentation(p)
	switch p.n.name {
	case "qti-choice-interaction":
		it.choice(p)
	case "qti-order-interaction":
		it.order(p)
	case "qti-associate-interaction":
		it.associate(p)
	case "qti-match-interaction":
		it.match(p)
	case "qti-gap-match-interaction":
		it.gapMatch(p)
	case "qti-inline-choice-interaction":
		it.inlineChoice(p)
	case "qti-text-entry-interaction":
		it.textEntry(p)
	case "qti-extended-text-interaction":
		it.extendedText(p)
	case "qti-hottext-interaction":
		it.hotText(p)
	case "qti-hotspot-interaction":
		it.hotspot(p)
	case "qti-select-point-interaction":
		it.selectPoint(p)
	case "qti-graphic-order-interaction":
		it.graphicOrder(p)
	case "qti-graphic-associate-interaction":
		it.graphicAssociate(p)
	case "qti-graphic-gap-match-interaction":
		it.graphicGapMatch(p)
	case "qti-slider-interaction":
		it.slider(p)
	case "qti-drawing-interaction":
		it.drawing(p)
	case "qti-upload-interaction":
		it.upload(p)
	default:
		it.custom(p)
	}
}

// presentation reads what interactions have in common.
func (it *item) presentation(p *part) {
	switch p.n.get("orientation") {
	case "horizontal", "vertical":
		p.Presentation = p.n.get("orientation")
	}
	if strings.Contains(p.n.get("class"), "qti-orientation-horizontal") {
		p.Presentation = "horizontal"
	}
	p.Shuffle = p.n.isTrue("shuffle")
	for _, a := range p.n.attrs {
		if why, ok := withoutCounterpart[a.name]; ok && a.prefix == "" && strings.TrimSpace(a.value) != "" {
			it.count(itemfile.Info, p.n, p.n.raw+" "+p.n.written(a.name), why)
		}
	}
}

// withoutCounterpart are settings of interactions that parts do not have, with
// what becomes of them.
var withoutCounterpart = map[string]string{
	"expected-length":                            "the width of an input is the client's choice",
	"placeholder-text":                           "an input has no text before it is filled in",
	"step-label":                                 "labels of steps are the client's choice",
	"data-min-selections-message":                "the platform has its own messages",
	"data-max-selections-message":                "the platform has its own messages",
	"data-choices-container-width":               "the layout is the client's choice",
	"data-min-selections":                        "the platform has its own messages",
	"data-associations-container-width":          "the layout is the client's choice",
	"data-first-column-header":                   "tables of pairs have no headers of their own",
	"data-patternmask-message":                   "the platform has its own messages",
	"data-item-path-uri":                         "only programs of authors use it",
	"data-choices-position":                      "the layout is the client's choice",
	"data-prompt":                                "an input has no text before it is filled in",
	"data-dwell-time":                            "it is the client's choice",
	"data-choices-container-height":              "the layout is the client's choice",
	"data-object-container-width":                "the layout is the client's choice",
	"data-selections-fontcolor":                  "the platform has its own style",
	"data-unselected-hidden":                     "all areas can be found",
	"data-qti-suppress-tts":                      "how texts are read aloud is the client's choice",
	"data-stimulus-position":                     "the layout is the client's choice",
	"data-choices-container-scrollable":          "the layout is the client's choice",
	"data-min-associations-message":              "the platform has its own messages",
	"data-max-associations-message":              "the platform has its own messages",
	"data-min-plays-message":                     "the platform has its own messages",
	"data-response-container-scrollable":         "the layout is the client's choice",
	"data-associations-container-scrollable":     "the layout is the client's choice",
	"data-object-container-scrollable":           "the layout is the client's choice",
	"data-gap-container-width":                   "the layout is the client's choice",
	"data-match-tabular-first-cell-header":       "tables of pairs have no headers of their own",
	"data-choices-container-max-visible-choices": "the layout is the client's choice",
}

// count reads a whole number, or returns what holds without one.
func count(n *node, name string, otherwise int) int {
	v, err := strconv.Atoi(n.get(name))
	if err != nil || v < 0 || v > 10_000 {
		return otherwise
	}
	return v
}

// several is how many choices or pairs may be given. What the standard says of a
// setting that is not there, one, is not what authors mean when the response has
// room for several.
func (p *part) several(name string) int {
	if p.decl.cardinality == "single" {
		return 1
	}
	return count(p.n, name, 0)
}

// options reads choices that are texts.
func (it *item) options(p *part, nodes []*node) {
	for _, c := range nodes {
		text := it.fragment(c)
		if v := c.get("template-identifier"); v != "" {
			it.count(itemfile.Simplified, c, c.raw+" with a condition", "the choice is always there, its text under the condition")
			condition := "data-is"
			if c.get("show-hide") == "hide" {
				condition = "data-is-not"
			}
			if isIdentifier(v) && isIdentifier(c.get("identifier")) {
				text = it.clean(`<div data-when="` + v + `" ` + condition + `="` + c.get("identifier") + `">` + text + "</div>")
			}
		}
		p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: c.get("identifier"), HTML: text, Fixed: p.Shuffle && c.isTrue("fixed")})
	}
}

func (it *item) choice(p *part) {
	p.Kind = event.MultipleChoice
	if p.decl.cardinality == "single" {
		p.Kind = event.SingleChoice
	}
	it.options(p, p.n.elements("qti-simple-choice"))
	p.MinChoices = count(p.n, "min-choices", 0)
	if p.Kind == event.MultipleChoice {
		p.MaxChoices = p.several("max-choices")
	}
	if p.Kind == event.SingleChoice && isTrueFalse(p.Choices) {
		p.Kind = event.TrueFalse
	}
}

func isTrueFalse(choices []event.ChoiceV1) bool {
	if len(choices) != 2 {
		return false
	}
	a, b := choices[0].ChoiceID, choices[1].ChoiceID
	return a == "true" && b == "false" || a == "false" && b == "true"
}

func (it *item) order(p *part) {
	p.Kind = event.Ordering
	it.options(p, p.n.elements("qti-simple-choice"))
	it.someInOrder(p)
}

// someInOrder reads whether less than all choices may be put in order.
func (it *item) someInOrder(p *part) {
	_, least := p.n.attr("min-choices")
	most := count(p.n, "max-choices", 0)
	if !least && most == 0 || most >= len(p.Choices) && count(p.n, "min-choices", 1) >= len(p.Choices) {
		return // all of them
	}
	p.MinChoices = count(p.n, "min-choices", 1)
	p.MaxChoices = most
	if most == 0 {
		p.MaxChoices = len(p.Choices)
	}
}

func (it *item) inlineChoice(p *part) {
	p.Kind, p.inline = event.Dropdown, true
	it.options(p, p.n.elements("qti-inline-choice"))
	if l := p.n.child("qti-label"); l != nil && p.Label == "" {
		p.Label = markup.Shorten(l.words(), 300)
	}
}

// uses is how often something may be used in pairs; without a limit that is as
// often as there is something to pair it with.
func (it *item) uses(n *node, others int) int {
	if v := count(n, "match-min", 0); v > 0 {
		it.count(itemfile.Simplified, n, n.raw+" match-min", "that it must be used is not enforced")
	}
	if v := count(n, "match-max", 1); v > 0 {
		return v
	}
	return others
}

func (it *item) associations(p *part) {
	p.MinChoices = count(p.n, "min-associations", 0)
	p.MaxChoices = p.several("max-associations")
}

func (it *item) associate(p *part) {
	p.Kind = event.Association
	nodes := p.n.elements("qti-simple-associable-choice")
	it.options(p, nodes)
	for i, c := range nodes {
		p.Choices[i].MaxUse = it.uses(c, len(nodes))
	}
	it.associations(p)
}

func (it *item) match(p *part) {
	p.Kind = event.Matching
	sets := p.n.elements("qti-simple-match-set")
	for len(sets) < 2 {
		sets = append(sets, &node{})
	}
	from, to := sets[0].elements("qti-simple-associable-choice"), sets[1].elements("qti-simple-associable-choice")
	it.options(p, from)
	for i, c := range from {
		p.Choices[i].MaxUse = it.uses(c, 0)
	}
	for _, t := range to {
		p.Targets = append(p.Targets, event.TargetV1{
			TargetID: t.get("identifier"), HTML: it.fragment(t), MaxUse: it.uses(t, 0), Fixed: p.Shuffle && t.isTrue("fixed"),
		})
	}
	p.ShuffleTargets = p.Shuffle
	it.associations(p)
}

func (it *item) gapMatch(p *part) {
	p.Kind = event.GapMatch
	var gaps []*node
	p.n.walk(func(d *node) bool {
		if d.is("qti-gap") {
			gaps = append(gaps, d)
		}
		return true
	})
	it.draggable(p, len(gaps))
	for i, g := range gaps {
		p.Targets = append(p.Targets, event.TargetV1{TargetID: g.get("identifier"), Label: "Gap " + strconv.Itoa(i+1)})
	}
	p.prompted(p.contentWithout(it, "qti-prompt", "qti-gap-text", "qti-gap-img"))
	it.associations(p)
}

// draggable reads the choices of gaps, which are texts or images.
func (it *item) draggable(p *part, targets int) {
	for _, c := range p.n.elements("qti-gap-text", "qti-gap-img") {
		choice := event.ChoiceV1{ChoiceID: c.get("identifier"), MaxUse: it.uses(c, targets), Fixed: p.Shuffle && c.isTrue("fixed")}
		picture := firstImage(c)
		switch {
		case picture != nil && c.is("qti-gap-img") && p.Kind == event.ImageGapMatch:
			choice.Image = it.image(picture)
			if label := c.get("object-label"); choice.Image.Alt == "" && label != "" {
				choice.Image.Alt = label
			}
			it.picture(c, choice.Image, nil)
		default:
			choice.HTML = it.fragment(c)
		}
		p.Choices = append(p.Choices, choice)
	}
}

func firstImage(n *node) *node {
	for _, k := range n.elements("img", "object", "picture", "svg") {
		if k.is("img", "object") {
			return k
		}
		if img := k.child("img"); img != nil {
			return img
		}
	}
	return nil
}

// contentWithout is the content of the interaction but for some children, clean.
func (p *part) contentWithout(it *item, names ...string) string {
	w := &htmlWriter{it: it}
	for _, k := range p.n.kids {
		if !k.is(names...) {
			w.node(k)
		}
	}
	return it.clean(w.String())
}

// prompted adds content to the prompt, which then is a paragraph of its own.
func (p *part) prompted(content string) {
	switch {
	case p.PromptHTML == "":
	case strings.HasPrefix(p.PromptHTML, "<p>"), strings.HasPrefix(p.PromptHTML, "<div>"):
		p.PromptHTML += "\n"
	default:
		p.PromptHTML = "<div>" + p.PromptHTML + "</div>\n"
	}
	p.PromptHTML += content
}

func (it *item) hotText(p *part) {
	p.Kind = event.HotText
	p.n.walk(func(d *node) bool {
		if d.is("qti-hottext") {
			p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: d.get("identifier"), HTML: it.fragment(d)})
		}
		return true
	})
	p.prompted(p.contentWithout(it, "qti-prompt"))
	p.MinChoices = count(p.n, "min-choices", 0)
	p.MaxChoices = p.several("max-choices")
}

func (it *item) textEntry(p *part) {
	p.inline = true
	p.Kind = event.Text
	switch p.decl.base {
	case "integer", "float":
		p.Kind = event.Numerical
	}
	it.textSettings(p)
}

func (it *item) textSettings(p *part) {
	if mask := p.n.get("pattern-mask"); mask != "" {
		it.count(itemfile.Simplified, p.n, p.n.raw+" patternMask", "the form of the text is not enforced while it is typed")
	}
	if base := p.n.get("base"); base != "" && base != "10" {
		it.simplified(p.n, p.n.raw+" base "+base, "numbers are read as decimal ones")
	}
	if p.n.get("string-identifier") != "" {
		it.simplified(p.n, p.n.raw+" stringIdentifier", "the text as it was typed is no variable of its own")
	}
	if p.decl.cardinality == "multiple" || p.decl.cardinality == "ordered" {
		it.simplified(p.n, p.n.raw+" with several texts", "one text is asked for")
	}
}

func (it *item) extendedText(p *part) {
	it.textSettings(p)
	p.Kind = event.Text
	if p.decl.base == "integer" || p.decl.base == "float" {
		p.Kind = event.Numerical
	}
	if it.scored(p.PartID) {
		if lines := p.n.get("expected-lines"); lines != "" {
			it.info(p.n, p.n.raw+" expectedLines", "the height of an input is the client's choice")
		}
		return
	}
	p.Kind, p.human = event.Essay, true
	p.Essay = &event.EssayV1{Lines: count(p.n, "expected-lines", 0), Format: "plain"}
	if p.n.get("format") == "xhtml" || strings.Contains(p.n.get("class"), "rich") {
		p.Essay.Format = "html"
	}
	if p.n.get("format") == "preFormatted" || p.n.get("format") == "preformatted" {
		p.Essay.Format = "monospaced"
	}
}

func (it *item) slider(p *part) {
	p.Kind = event.Slider
	step := p.n.get("step")
	if step == "0" {
		step = ""
	}
	if step == "" && p.decl.base == "integer" {
		step = "1"
	}
	p.Slider = &event.SliderV1{
		Low: numeral(p.n.get("lower-bound"), "0"), High: numeral(p.n.get("upper-bound"), "100"), Step: numeral(step, ""),
		Reverse: p.n.isTrue("reverse"), Vertical: p.Presentation == "vertical",
	}
	p.Presentation = ""
}

// numeral is a number as items write it, or what holds without one.
func numeral(s, otherwise string) string {
	r, ok := rational(s)
	if !ok {
		return otherwise
	}
	if d, ok := decimal(r); ok {
		return d
	}
	return otherwise
}

func (it *item) upload(p *part) {
	p.Kind, p.human, p.Shuffle = event.FileUpload, true, false
	p.Upload = &event.UploadV1{MediaTypes: strings.Fields(p.n.get("type"))}
	p.MaxChoices = 1
}

func (it *item) drawing(p *part) {
	p.Kind, p.human = event.FileUpload, true
	p.Upload = &event.UploadV1{MediaTypes: []string{"image/*"}}
	p.MaxChoices = 1
	if picture := firstImage(p.n); picture != nil {
		w := &htmlWriter{it: it}
		w.node(picture)
		p.prompted(it.clean("<p>" + w.String() + "</p>"))
	}
	it.simplified(p.n, p.n.raw, "the drawing is made with a program of the learner's and uploaded as an image")
}

// watch shows the media of an interaction that only counts how often they play.
func (it *item) watch(w *htmlWriter, n *node) {
	if prompt := n.child("qti-prompt"); prompt != nil {
		w.element("div", bare(prompt))
	}
	for _, k := range n.kids {
		if !k.is("qti-prompt") {
			w.node(k)
		}
	}
	it.simplified(n, n.raw, "it is shown; how often it was played is not counted, and counts as nothing")
}

// custom keeps the place of an interaction that needs a program of its author.
func (it *item) custom(p *part) {
	p.Kind = event.Unsupported
	p.Shuffle = false
	name := orElse(p.n.get("custom-interaction-type-identifier"), orElse(p.n.get("class"), p.n.get("module")))
	if p.n.is("qti-custom-interaction", "qti-portable-custom-interaction") {
		it.skipped(p.n, p.n.raw+" "+quote(name), "it is a program of its author's, which is not run; it has no response")
		return
	}
	it.skipped(p.n, p.n.raw, "this type of interaction is not known; it has no response")
}
