// Package itemhtml renders the learner's view of an item as a page of HTML with
// the browser's own form controls, labelled for assistive technology, and without
// a script. It is for authors who want to see an item, and shows what any client
// can do with a view. It is pure.
//
// A control's name is that of the part, or PART/TARGET where a part has several;
// its values are the ids that a response holds.
package itemhtml

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// style is all that a page has of its own. Colours are the browser's.
const style = `body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:45rem;padding:0 1rem}` +
	`fieldset{border:1px solid;border-radius:.25rem;margin:1rem 0}.choice{display:block;margin:.25rem 0}` +
	`img,video{height:auto;max-width:100%}.stage{display:inline-block;position:relative}` +
	`.stage svg{inset:0;position:absolute;height:100%;width:100%}.stage svg *{fill:none;stroke:#c00;stroke-width:2}` +
	`textarea{box-sizing:border-box;width:100%}table{border-collapse:collapse}td,th{padding:.25rem .5rem;text-align:start}`

// policy keeps the page from running or fetching anything but images, sound and
// video, whatever is in the markup.
const policy = `default-src 'none'; img-src http: https: data: 'self'; media-src http: https: 'self'; style-src 'unsafe-inline'; form-action 'none'`

// Page renders a view, whose URLs can be fetched.
func Page(v scoring.View) (string, error) {
	body, err := Form(v)
	if err != nil {
		return "", err
	}
	return `<!doctype html>` + "\n" + `<html lang="en"><head><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width, initial-scale=1">` +
		`<meta http-equiv="Content-Security-Policy" content="` + html.EscapeString(policy) + `">` +
		`<title>` + html.EscapeString(v.Title) + `</title><style>` + style + `</style></head><body><main>` + "\n" +
		body + "\n" + `</main></body></html>` + "\n", nil
}

// Form renders a view as a form, to be put into a page.
func Form(v scoring.View) (string, error) {
	r := renderer{parts: map[string]*scoring.PartView{}, placed: map[string]bool{}, gaps: map[string]bool{}, words: map[string]bool{}}
	for i := range v.Parts {
		r.parts[v.Parts[i].PartID] = &v.Parts[i]
		r.look(v.Parts[i].PromptHTML)
	}
	r.look(v.BodyHTML)
	// What stands in the body is known before anything is written, because a part
	// without a place of its own comes after it.
	body, err := r.markup(v.BodyHTML)
	if err != nil {
		return "", fmt.Errorf("render the body: %w", err)
	}
	var b strings.Builder
	b.WriteString("<form>")
	b.WriteString(body)
	for i := range v.Parts {
		p := &v.Parts[i]
		if r.placed[p.PartID] {
			continue
		}
		control, err := r.part(p, false)
		if err != nil {
			return "", fmt.Errorf("render part %s: %w", p.PartID, err)
		}
		if control != "" {
			b.WriteString("\n" + control)
		}
	}
	b.WriteString("</form>")
	return b.String(), nil
}

// inText matches the places of gaps and hot words.
var inText = regexp.MustCompile(`data-(gap|choice)="([^"/]+)/`)

// look notes which parts have their controls within the text.
func (r *renderer) look(text string) {
	for _, found := range inText.FindAllStringSubmatch(text, -1) {
		if id := html.UnescapeString(found[2]); found[1] == "gap" {
			r.gaps[id] = true
		} else {
			r.words[id] = true
		}
	}
}

type renderer struct {
	parts  map[string]*scoring.PartView
	placed map[string]bool // parts that stand in the body or in a prompt
	gaps   map[string]bool // parts whose gaps stand in the markup
	words  map[string]bool // parts whose hot words do
	depth  int
}

// markup renders sanitised markup with its placeholders filled.
func (r *renderer) markup(text string) (string, error) {
	if !strings.Contains(text, "data-") {
		return text, nil
	}
	// A part that stands in its own prompt would go on for ever.
	if r.depth++; r.depth > 10 {
		return "", fmt.Errorf("placeholders are nested more than 10 deep")
	}
	defer func() { r.depth-- }()
	context := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(text), context)
	if err != nil {
		return "", fmt.Errorf("parse the markup: %w", err)
	}
	var b strings.Builder
	for _, n := range nodes {
		context.AppendChild(n)
	}
	if err := r.fill(context); err != nil {
		return "", err
	}
	for n := context.FirstChild; n != nil; n = n.NextSibling {
		if err := html.Render(&b, n); err != nil {
			return "", fmt.Errorf("write the markup: %w", err)
		}
	}
	return b.String(), nil
}

// fill puts controls in the place of the placeholders below a node.
func (r *renderer) fill(n *html.Node) error {
	for child := n.FirstChild; child != nil; {
		next := child.NextSibling
		control, filled, err := r.control(child)
		if err != nil {
			return err
		}
		if filled {
			n.InsertBefore(&html.Node{Type: html.RawNode, Data: control}, child)
			n.RemoveChild(child)
		} else if err := r.fill(child); err != nil {
			return err
		}
		child = next
	}
	return nil
}

// control is what takes the place of a node, if it is a placeholder.
func (r *renderer) control(n *html.Node) (control string, filled bool, err error) {
	if n.Type != html.ElementNode {
		return "", false, nil
	}
	for _, a := range n.Attr {
		partID, id, _ := strings.Cut(a.Val, "/")
		p := r.parts[partID]
		switch {
		case p == nil:
		case a.Key == "data-part":
			if r.placed[partID] {
				return "", true, nil // it stands somewhere already
			}
			control, err = r.part(p, n.DataAtom == atom.Span)
			return control, true, err
		case a.Key == "data-gap":
			return gap(p, id), true, nil
		case a.Key == "data-choice":
			words, err := r.inner(n)
			return hotWord(p, id, words), true, err
		}
	}
	return "", false, nil
}

// inner is the markup within a node.
func (r *renderer) inner(n *html.Node) (string, error) {
	if err := r.fill(n); err != nil {
		return "", err
	}
	var b strings.Builder
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		if err := html.Render(&b, child); err != nil {
			return "", fmt.Errorf("write the markup: %w", err)
		}
	}
	return b.String(), nil
}

// part renders a part where it stands: as a block, or inline within a sentence.
func (r *renderer) part(p *scoring.PartView, inline bool) (string, error) {
	r.placed[p.PartID] = true
	prompt, err := r.markup(p.PromptHTML)
	if err != nil {
		return "", err
	}
	control := r.input(p)
	if control == "" { // all of it stands in the prompt or in the body
		return prompt, nil
	}
	if inline && prompt == "" && isField(p.Kind) {
		return control, nil
	}
	if isField(p.Kind) {
		return `<div class="part">` + prompt + control + `</div>`, nil
	}
	legend := html.EscapeString(p.Label)
	if prompt != "" {
		legend = prompt
	}
	return `<fieldset>` + nonEmpty(`<legend>`, legend, `</legend>`) + control + `</fieldset>`, nil
}

// isField reports whether a part is a single control.
func isField(kind event.PartKind) bool {
	switch kind {
	case event.Dropdown, event.Text, event.Numerical, event.Formula, event.Slider:
		return true
	}
	return false
}

func nonEmpty(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}
