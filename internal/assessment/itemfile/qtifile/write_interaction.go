package qtifile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// interaction is the XML of a part. content is the text that it stands around,
// if the body has it; block says that it stands on lines of its own.
func (w *itemWriter) interaction(p *event.PartV1, content string, block bool) string {
	return strings.TrimSuffix(w.interactionOf(p, content, block), "\n")
}

func (w *itemWriter) interactionOf(p *event.PartV1, content string, block bool) string {
	b := &interactionWriter{w: w, p: p}
	switch p.Kind {
	case event.SingleChoice, event.TrueFalse, event.MultipleChoice:
		b.choice()
	case event.Dropdown:
		return b.inlineChoice(block)
	case event.Text, event.Numerical, event.Formula:
		return b.textEntry(block)
	case event.Ordering:
		b.order()
	case event.Matching:
		b.match()
	case event.Association:
		b.associate()
	case event.GapMatch:
		b.gapMatch(content)
	case event.HotText:
		b.hotText(content)
	case event.Hotspot:
		b.hotspot()
	case event.Point:
		b.point()
	case event.ImageGapMatch:
		b.imageGaps()
	case event.Slider:
		b.slider()
	case event.Essay:
		b.essay()
	case event.FileUpload:
		b.upload()
	default:
		w.differs("a part of the kind "+string(p.Kind), "it is written as its text alone")
		return "<div>" + w.blocks(p.PromptHTML) + "</div>"
	}
	return b.String()
}

// interactionWriter writes one interaction.
type interactionWriter struct {
	xmlWriter
	w *itemWriter
	p *event.PartV1
}

// open writes the start tag with what interactions have in common.
func (b *interactionWriter) open(name string) {
	b.WriteString("<" + name)
	b.attribute("response-identifier", b.p.PartID)
	if b.p.Label != "" && !strings.HasPrefix(b.p.Label, "Answer ") && (canBeInline(b.p.Kind) || b.p.Label != plain(b.p.PromptHTML, 300)) {
		b.attribute("label", b.p.Label)
	}
	switch b.p.Presentation {
	case "horizontal", "vertical":
		if b.p.Kind == event.SingleChoice || b.p.Kind == event.MultipleChoice || b.p.Kind == event.TrueFalse || b.p.Kind == event.Ordering {
			b.attribute("orientation", b.p.Presentation)
		}
	}
}

func (b *interactionWriter) number(name string, n int) { b.attribute(name, strconv.Itoa(n)) }

func (b *interactionWriter) prompt() {
	b.WriteString(">\n")
	if b.p.PromptHTML != "" {
		b.WriteString("<qti-prompt>" + b.w.inline(b.p.PromptHTML) + "</qti-prompt>\n")
	}
}

func (b *interactionWriter) shuffle() {
	if b.p.Shuffle || b.p.ShuffleTargets {
		b.attribute("shuffle", "true")
	}
}

// options writes choices that are texts.
func (b *interactionWriter) options(name string, attributes func(c *event.ChoiceV1)) {
	for i := range b.p.Choices {
		c := &b.p.Choices[i]
		b.WriteString("<" + name)
		b.attribute("identifier", c.ChoiceID)
		if c.Fixed {
			b.attribute("fixed", "true")
		}
		if attributes != nil {
			attributes(c)
		}
		b.WriteString(">" + b.w.inline(c.HTML) + "</" + name + ">\n")
	}
}

func (b *interactionWriter) choice() {
	b.open("qti-choice-interaction")
	b.shuffle()
	if b.p.MinChoices > 0 {
		b.number("min-choices", b.p.MinChoices)
	}
	if b.p.Kind == event.MultipleChoice {
		b.number("max-choices", b.p.MaxChoices)
	} else {
		b.number("max-choices", 1)
	}
	b.prompt()
	b.options("qti-simple-choice", nil)
	b.WriteString("</qti-choice-interaction>\n")
}

// before is the prompt of an interaction that has none, in front of it.
func (b *interactionWriter) before(block bool) (open, end string) {
	text := b.w.inline(b.p.PromptHTML)
	switch {
	case text == "" && block:
		return "<div>", "</div>"
	case text == "":
		return "", ""
	case block:
		return "<div><div>" + text + "</div>", "</div>"
	}
	return "<span>" + text + "</span> ", ""
}

func (b *interactionWriter) inlineChoice(block bool) string {
	open, end := b.before(block)
	b.open("qti-inline-choice-interaction")
	b.shuffle()
	b.WriteString(">")
	b.options("qti-inline-choice", nil)
	b.WriteString("</qti-inline-choice-interaction>")
	return open + b.String() + end
}

func (b *interactionWriter) textEntry(block bool) string {
	open, end := b.before(block)
	b.open("qti-text-entry-interaction")
	b.WriteString("/>")
	return open + b.String() + end
}

func (b *interactionWriter) some() {
	if b.p.MinChoices > 0 || b.p.MaxChoices > 0 {
		b.number("min-choices", max(b.p.MinChoices, 1))
		b.number("max-choices", b.p.MaxChoices)
	}
}

func (b *interactionWriter) order() {
	name, graphic := "qti-order-interaction", b.p.Image != nil
	if graphic {
		name = "qti-graphic-order-interaction"
	}
	b.open(name)
	if !graphic {
		b.shuffle()
	}
	b.some()
	b.prompt()
	if graphic {
		b.image(b.p.Image)
		b.areas("qti-hotspot-choice", nil)
	} else {
		b.options("qti-simple-choice", nil)
	}
	b.WriteString("</" + name + ">\n")
}

func (b *interactionWriter) associations() {
	if b.p.MinChoices > 0 {
		b.number("min-associations", b.p.MinChoices)
	}
	b.number("max-associations", b.p.MaxChoices)
}

// uses writes how often a choice may be used, where others is the number of
// things that it may be paired with.
func (b *interactionWriter) uses(maxUse, others int) {
	switch {
	case maxUse == 0 && b.p.Kind == event.Matching:
		b.number("match-max", 0)
	case maxUse >= others && others > 1:
		b.number("match-max", 0)
	default:
		b.number("match-max", max(maxUse, 1))
	}
}

func (b *interactionWriter) match() {
	b.open("qti-match-interaction")
	b.shuffle()
	if b.p.Shuffle != b.p.ShuffleTargets {
		b.w.only("shuffling of one side of a matching part", "QTI shuffles both sides or none")
	}
	b.associations()
	b.prompt()
	b.WriteString("<qti-simple-match-set>\n")
	b.options("qti-simple-associable-choice", func(c *event.ChoiceV1) { b.number("match-max", c.MaxUse) })
	b.WriteString("</qti-simple-match-set>\n<qti-simple-match-set>\n")
	for _, t := range b.p.Targets {
		b.WriteString("<qti-simple-associable-choice")
		b.attribute("identifier", t.TargetID)
		if t.Fixed {
			b.attribute("fixed", "true")
		}
		b.number("match-max", t.MaxUse)
		b.WriteString(">" + b.w.inline(t.HTML) + "</qti-simple-associable-choice>\n")
	}
	b.WriteString("</qti-simple-match-set>\n</qti-match-interaction>\n")
}

func (b *interactionWriter) associate() {
	name, graphic := "qti-associate-interaction", b.p.Image != nil
	if graphic {
		name = "qti-graphic-associate-interaction"
	}
	b.open(name)
	if !graphic {
		b.shuffle()
	}
	b.associations()
	b.prompt()
	uses := func(c *event.ChoiceV1) { b.uses(c.MaxUse, len(b.p.Choices)) }
	if graphic {
		b.image(b.p.Image)
		b.areas("qti-associable-hotspot", uses)
	} else {
		b.options("qti-simple-associable-choice", uses)
	}
	b.WriteString("</" + name + ">\n")
}

func (b *interactionWriter) gapMatch(content string) {
	b.open("qti-gap-match-interaction")
	b.shuffle()
	b.associations()
	if content == "" {
		content = b.w.blocks(b.p.PromptHTML)
		b.WriteString(">\n")
	} else {
		b.prompt()
	}
	b.options("qti-gap-text", func(c *event.ChoiceV1) { b.uses(c.MaxUse, len(b.p.Targets)) })
	if slices.ContainsFunc(b.p.Targets, func(t event.TargetV1) bool { return t.MaxUse > 1 }) {
		b.w.only("gaps that take several choices", "a gap of QTI takes one")
	}
	b.WriteString(content)
	b.WriteString("</qti-gap-match-interaction>\n")
}

func (b *interactionWriter) hotText(content string) {
	b.open("qti-hottext-interaction")
	if b.p.MinChoices > 0 {
		b.number("min-choices", b.p.MinChoices)
	}
	b.number("max-choices", b.p.MaxChoices)
	if content == "" {
		content = b.w.blocks(b.p.PromptHTML)
		b.WriteString(">\n")
	} else {
		b.prompt()
	}
	b.WriteString(content)
	b.WriteString("</qti-hottext-interaction>\n")
}

func (b *interactionWriter) image(img *event.ImageV1) {
	b.WriteString("<img")
	b.attribute("src", b.w.href(img.Src))
	b.attribute("alt", img.Alt)
	if img.Width > 0 && img.Height > 0 {
		b.number("width", img.Width)
		b.number("height", img.Height)
	}
	b.WriteString("/>\n")
}

func (b *interactionWriter) area(a *event.AreaV1) {
	if a == nil {
		a = &event.AreaV1{Shape: event.WholeImage}
	}
	b.attribute("shape", string(a.Shape))
	b.attribute("coords", coordinates(a))
}

func coordinates(a *event.AreaV1) string {
	out := make([]string, len(a.Coords))
	for i, c := range a.Coords {
		out[i] = strconv.Itoa(c)
	}
	return strings.Join(out, ",")
}

func (b *interactionWriter) areas(name string, attributes func(*event.ChoiceV1)) {
	for i := range b.p.Choices {
		c := &b.p.Choices[i]
		b.WriteString("<" + name)
		b.attribute("identifier", c.ChoiceID)
		b.area(c.Area)
		if label := plain(c.HTML, 300); label != "" {
			b.attribute("hotspot-label", label)
		}
		if attributes != nil {
			attributes(c)
		}
		b.WriteString("/>\n")
	}
}

func (b *interactionWriter) hotspot() {
	b.open("qti-hotspot-interaction")
	if b.p.MinChoices > 0 {
		b.number("min-choices", b.p.MinChoices)
	}
	b.number("max-choices", b.p.MaxChoices)
	b.prompt()
	b.image(b.p.Image)
	b.areas("qti-hotspot-choice", nil)
	b.WriteString("</qti-hotspot-interaction>\n")
}

func (b *interactionWriter) point() {
	b.open("qti-select-point-interaction")
	if b.p.MinChoices > 0 {
		b.number("min-choices", b.p.MinChoices)
	}
	b.number("max-choices", max(b.p.MaxChoices, 1))
	b.prompt()
	b.image(b.p.Image)
	b.WriteString("</qti-select-point-interaction>\n")
}

func (b *interactionWriter) imageGaps() {
	b.open("qti-graphic-gap-match-interaction")
	b.associations()
	b.prompt()
	b.image(b.p.Image)
	for i := range b.p.Choices {
		c := &b.p.Choices[i]
		name := "qti-gap-text"
		if c.Image != nil {
			name = "qti-gap-img"
		}
		b.WriteString("<" + name)
		b.attribute("identifier", c.ChoiceID)
		b.uses(c.MaxUse, len(b.p.Targets))
		b.WriteString(">")
		if c.Image != nil {
			b.image(c.Image)
		} else {
			b.WriteString(b.w.inline(c.HTML))
		}
		b.WriteString("</" + name + ">\n")
	}
	for _, t := range b.p.Targets {
		b.WriteString("<qti-associable-hotspot")
		b.attribute("identifier", t.TargetID)
		b.area(t.Area)
		if t.Label != "" {
			b.attribute("hotspot-label", t.Label)
		}
		b.uses(t.MaxUse, len(b.p.Choices))
		b.WriteString("/>\n")
	}
	b.WriteString("</qti-graphic-gap-match-interaction>\n")
}

func (b *interactionWriter) slider() {
	b.open("qti-slider-interaction")
	s := b.p.Slider
	b.attribute("lower-bound", s.Low)
	b.attribute("upper-bound", s.High)
	if s.Step != "" {
		b.attribute("step", s.Step)
	}
	if s.Reverse {
		b.attribute("reverse", "true")
	}
	if s.Vertical {
		b.attribute("orientation", "vertical")
	}
	b.prompt()
	b.WriteString("</qti-slider-interaction>\n")
}

func (b *interactionWriter) essay() {
	b.open("qti-extended-text-interaction")
	e := b.p.Essay
	if e == nil {
		e = &event.EssayV1{}
	}
	if e.Lines > 0 {
		b.number("expected-lines", e.Lines)
	}
	switch e.Format {
	case "html":
		b.attribute("format", "xhtml")
	case "monospaced":
		b.attribute("format", "preformatted")
	default:
		b.attribute("format", "plain")
	}
	if e.MinWords+e.MaxWords > 0 {
		b.w.only("bounds for the number of words", "QTI does not count words")
	}
	if e.TemplateHTML != "" {
		b.w.only("a text that is there at first", "QTI has none in an input")
	}
	if e.Attachments > 0 {
		b.w.only("attachments of an essay", "QTI has interactions for one file each")
	}
	b.prompt()
	b.WriteString("</qti-extended-text-interaction>\n")
}

func (b *interactionWriter) upload() {
	b.open("qti-upload-interaction")
	if b.p.Upload != nil {
		if len(b.p.Upload.MediaTypes) > 0 {
			b.attribute("type", strings.Join(b.p.Upload.MediaTypes, " "))
		}
		if b.p.Upload.MaxBytes > 0 {
			b.w.only("the greatest size of a file", "QTI has none")
		}
	}
	if b.p.MaxChoices > 1 {
		b.w.only("the number of files", "QTI has interactions for one file each")
	}
	b.prompt()
	b.WriteString("</qti-upload-interaction>\n")
}
