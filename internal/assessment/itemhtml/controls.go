package itemhtml

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// input renders the controls of a part; empty if they stand in its markup.
func (r *renderer) input(p *scoring.PartView) string {
	switch p.Kind {
	case event.SingleChoice, event.TrueFalse:
		return ticks(p, "radio")
	case event.MultipleChoice:
		return ticks(p, "checkbox")
	case event.HotText:
		if r.words[p.PartID] {
			return ""
		}
		return ticks(p, "checkbox")
	case event.Hotspot:
		return stage(p.Image, choiceAreas(p)) + ticks(p, tickOf(p))
	case event.Dropdown:
		return selection(p.PartID, label(p), choiceOptions(p))
	case event.Text, event.Numerical, event.Formula:
		return field(p)
	case event.Ordering:
		return places(p)
	case event.Matching, event.ImageGapMatch:
		return stage(p.Image, targetAreas(p)) + perTarget(p)
	case event.GapMatch:
		if r.gaps[p.PartID] {
			return ""
		}
		return perTarget(p)
	case event.Association:
		return associations(p)
	case event.Point:
		return stage(p.Image, nil) + points(p)
	case event.Slider:
		return slider(p)
	case event.Essay:
		return essay(p)
	case event.FileUpload:
		return files(p.PartID, label(p), p.MaxChoices != 1 && p.MaxChoices != 0, p.Upload)
	}
	return `<p><em>This question cannot be answered here.</em></p>`
}

// label is the accessible name of a control.
func label(p *scoring.PartView) string {
	if p.Label != "" {
		return p.Label
	}
	return "Answer " + p.PartID
}

func attribute(name, value string) string { return " " + name + `="` + html.EscapeString(value) + `"` }

func number(name string, value int) string {
	if value <= 0 {
		return ""
	}
	return attribute(name, strconv.Itoa(value))
}

// tickOf is the kind of tick that a part takes: one or several.
func tickOf(p *scoring.PartView) string {
	if p.MaxChoices == 1 {
		return "radio"
	}
	return "checkbox"
}

func ticks(p *scoring.PartView, kind string) string {
	var b strings.Builder
	for i, c := range p.Choices {
		text := c.HTML
		if text == "" {
			text = "Area " + strconv.Itoa(i+1)
		}
		b.WriteString(`<label class="choice"><input type="` + kind + `"` + attribute("name", p.PartID) + attribute("value", c.ChoiceID) + `> ` + text + `</label>`)
	}
	return b.String()
}

// hotWord is a word of the text that can be ticked.
func hotWord(p *scoring.PartView, id, words string) string {
	return `<label class="word"><input type="` + tickOf(p) + `"` + attribute("name", p.PartID) + attribute("value", id) + `>` + words + `</label>`
}

type option struct{ value, text string }

func choiceOptions(p *scoring.PartView) []option {
	options := make([]option, 0, len(p.Choices))
	for _, c := range p.Choices {
		text := plainText(c.HTML)
		if text == "" && c.Image != nil {
			text = c.Image.Alt
		}
		if text == "" {
			text = c.ChoiceID
		}
		options = append(options, option{c.ChoiceID, text})
	}
	return options
}

// selection is a list to choose one from, or nothing.
func selection(name, label string, options []option) string {
	var b strings.Builder
	b.WriteString(`<select` + attribute("name", name) + attribute("aria-label", label) + `><option value=""></option>`)
	for _, o := range options {
		b.WriteString(`<option` + attribute("value", o.value) + `>` + html.EscapeString(o.text) + `</option>`)
	}
	b.WriteString(`</select>`)
	return b.String()
}

func field(p *scoring.PartView) string {
	mode, note := "", ""
	switch p.Kind {
	case event.Numerical:
		mode = attribute("inputmode", "decimal")
	case event.Formula:
		if len(p.Variables) > 0 {
			note = ` <small>in ` + html.EscapeString(strings.Join(p.Variables, ", ")) + `</small>`
		}
	}
	return `<input type="text"` + attribute("name", p.PartID) + attribute("aria-label", label(p)) + mode + ` autocomplete="off">` + note
}

// places asks for the place of each choice.
func places(p *scoring.PartView) string {
	var b strings.Builder
	b.WriteString(`<table>`)
	for _, c := range p.Choices {
		b.WriteString(`<tr><td><input type="number"` + attribute("name", p.PartID+"/"+c.ChoiceID) +
			attribute("aria-label", "Place of "+plainText(c.HTML)) + ` min="1"` + number("max", len(p.Choices)) + `></td><td>` + c.HTML + `</td></tr>`)
	}
	b.WriteString(`</table>`)
	return b.String()
}

// perTarget asks what belongs to each target: one of the choices, or several.
func perTarget(p *scoring.PartView) string {
	var b strings.Builder
	for i, t := range p.Targets {
		name := targetName(t, i)
		shown := t.HTML
		if shown == "" {
			shown = html.EscapeString(name)
		}
		if t.MaxUse == 1 {
			b.WriteString(`<div class="choice">` + shown + ` ` + selection(p.PartID+"/"+t.TargetID, name, choiceOptions(p)) + `</div>`)
			continue
		}
		b.WriteString(`<fieldset><legend>` + shown + `</legend>`)
		for _, c := range p.Choices {
			b.WriteString(`<label class="choice"><input type="checkbox"` + attribute("name", p.PartID+"/"+t.TargetID) +
				attribute("value", c.ChoiceID) + `> ` + choiceMarkup(c) + `</label>`)
		}
		b.WriteString(`</fieldset>`)
	}
	return b.String()
}

func choiceMarkup(c scoring.ChoiceView) string {
	if c.HTML == "" && c.Image != nil {
		return image(c.Image)
	}
	return c.HTML
}

func targetName(t scoring.TargetView, i int) string {
	if t.Label != "" {
		return t.Label
	}
	if text := plainText(t.HTML); text != "" {
		return text
	}
	return "Place " + strconv.Itoa(i+1)
}

// gap is a gap of the text.
func gap(p *scoring.PartView, id string) string {
	for i, t := range p.Targets {
		if t.TargetID == id {
			return selection(p.PartID+"/"+id, targetName(t, i), choiceOptions(p))
		}
	}
	return ""
}

// associations asks for pairs of choices.
func associations(p *scoring.PartView) string {
	pairs := p.MaxChoices
	if pairs == 0 {
		pairs = (len(p.Choices) + 1) / 2
	}
	var b strings.Builder
	for i := range pairs {
		name := p.PartID + "/" + strconv.Itoa(i+1)
		b.WriteString(`<div class="choice">` + selection(name, fmt.Sprintf("Pair %d, first", i+1), choiceOptions(p)) + ` – ` +
			selection(name, fmt.Sprintf("Pair %d, second", i+1), choiceOptions(p)) + `</div>`)
	}
	return b.String()
}

func points(p *scoring.PartView) string {
	var b strings.Builder
	for i := range max(p.MaxChoices, 1) {
		b.WriteString(`<div class="choice">`)
		for _, axis := range []struct {
			name, of string
			most     int
		}{{"x", "from the left", width(p.Image)}, {"y", "from the top", height(p.Image)}} {
			b.WriteString(`<label>` + axis.name + ` <input type="number"` + attribute("name", fmt.Sprintf("%s/%d/%s", p.PartID, i+1, axis.name)) +
				attribute("aria-label", fmt.Sprintf("Point %d, pixels %s", i+1, axis.of)) + ` min="0"` + number("max", axis.most) + `></label> `)
		}
		b.WriteString(`</div>`)
	}
	return b.String()
}

func slider(p *scoring.PartView) string {
	s := p.Slider
	if s == nil {
		s = &event.SliderV1{}
	}
	step := s.Step
	if step == "" {
		step = "any"
	}
	direction := ""
	if s.Reverse {
		direction = attribute("dir", "rtl")
	}
	return `<div class="choice">` + html.EscapeString(s.Low) + ` <input type="range"` + attribute("name", p.PartID) + attribute("aria-label", label(p)) +
		attribute("min", s.Low) + attribute("max", s.High) + attribute("step", step) + direction + `> ` + html.EscapeString(s.High) + `</div>`
}

func essay(p *scoring.PartView) string {
	e := p.Essay
	if e == nil {
		e = &scoring.EssayView{}
	}
	lines := e.Lines
	if lines == 0 {
		lines = 10
	}
	text := `<textarea` + attribute("name", p.PartID) + attribute("aria-label", label(p)) + number("rows", lines) + `>` +
		"\n" + html.EscapeString(plainText(e.TemplateHTML)) + `</textarea>`
	if words := wordLimits(e); words != "" {
		text += `<small>` + words + `</small>`
	}
	if e.Attachments > 0 {
		text += files(p.PartID+"/files", fmt.Sprintf("Up to %d files", e.Attachments), e.Attachments > 1, p.Upload)
	}
	return text
}

func wordLimits(e *scoring.EssayView) string {
	switch {
	case e.MinWords > 0 && e.MaxWords > 0:
		return fmt.Sprintf("%d to %d words", e.MinWords, e.MaxWords)
	case e.MinWords > 0:
		return fmt.Sprintf("at least %d words", e.MinWords)
	case e.MaxWords > 0:
		return fmt.Sprintf("at most %d words", e.MaxWords)
	}
	return ""
}

func files(name, label string, several bool, u *event.UploadV1) string {
	accept, multiple := "", ""
	if u != nil && len(u.MediaTypes) > 0 {
		accept = attribute("accept", strings.Join(u.MediaTypes, ","))
	}
	if several {
		multiple = " multiple"
	}
	return `<label class="choice">` + html.EscapeString(label) + ` <input type="file"` + attribute("name", name) + accept + multiple + `></label>`
}

// plainText are the words of markup, for where no markup can stand.
func plainText(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return markup
	}
	z := html.NewTokenizer(strings.NewReader(markup))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken: // its end: it is read from memory
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			b.WriteString(" " + alternative(z) + " ")
		}
	}
}

// alternative is the alternative text of the image that the tokenizer is at.
func alternative(z *html.Tokenizer) string {
	name, more := z.TagName()
	if string(name) != "img" {
		return ""
	}
	for more {
		var key, value []byte
		if key, value, more = z.TagAttr(); string(key) == "alt" {
			return string(value)
		}
	}
	return ""
}
