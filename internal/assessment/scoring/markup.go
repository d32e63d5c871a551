package scoring

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// maxMarkupDepth bounds how deep conditions may be nested.
const maxMarkupDepth = 50

// The attributes of the placeholders in sanitised markup. See event.ItemV1.
const (
	variableAttr = "data-variable"
	whenAttr     = "data-when"
	isAttr       = "data-is"
	isNotAttr    = "data-is-not"
)

// markup is sanitised HTML, taken apart at the placeholders whose content
// depends on the seed. Most has none, and is its text.
type markup struct {
	text   string
	pieces []piece // nil: text
}

// piece is some text, a variable, or markup under a condition.
type piece struct {
	text     string
	variable string // shown between text and after
	after    string

	when   string  // the variable of a condition
	is     string  // and its value
	negate bool    // the value that it must not have
	inner  []piece // of a condition, with the tags around it
}

// names is a set of names. parseMarkup takes the variables that markup may refer
// to; nil is an item without any, whose markup is never looked at.
type names map[string]bool

// anyName stands for every name.
const anyName = "*"

// parseMarkup checks markup and finds its placeholders.
func parseMarkup(field, s string, known names) (markup, error) {
	if err := checkText(field, s, 0, maxMarkupBytes); err != nil {
		return markup{}, err
	}
	m := markup{text: s}
	if known == nil || !strings.Contains(s, variableAttr) && !strings.Contains(s, whenAttr) {
		return m, nil
	}
	r := markupReader{tokens: html.NewTokenizer(strings.NewReader(s)), known: known}
	pieces, err := r.read("", 0)
	if err != nil {
		return markup{}, fmt.Errorf("%s: %w", field, err)
	}
	m.pieces = pieces
	return m, nil
}

func (m *markup) empty() bool { return m.text == "" }

// render is the markup with the values of a draw in it.
func (m *markup) render(d draw) string {
	if m.pieces == nil {
		return m.text
	}
	var b strings.Builder
	writePieces(&b, m.pieces, d)
	return b.String()
}

func writePieces(b *strings.Builder, pieces []piece, d draw) {
	for _, p := range pieces {
		switch {
		case p.when != "":
			if d.holds(p.when, p.is) != p.negate {
				writePieces(b, p.inner, d)
			}
		case p.variable != "":
			b.WriteString(p.text)
			b.WriteString(html.EscapeString(d.shown(p.variable)))
			b.WriteString(p.after)
		default:
			b.WriteString(p.text)
		}
	}
}

// markupReader makes pieces of markup. All that is not a placeholder is passed
// on byte by byte.
type markupReader struct {
	tokens *html.Tokenizer
	known  names
}

// read reads up to the end tag of the element called until, or to the end of the
// markup. The end tag is part of the result.
func (r *markupReader) read(until string, depth int) ([]piece, error) {
	if depth > maxMarkupDepth {
		return nil, errors.New("its conditions are nested too deeply")
	}
	var pieces []piece
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String()})
			text.Reset()
		}
	}
	open := 0 // elements called until within this one
	for {
		kind := r.tokens.Next()
		if kind == html.ErrorToken {
			flush()
			return pieces, nil
		}
		raw := string(r.tokens.Raw()) // before Token, which changes it
		token := r.tokens.Token()
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			text.WriteString(raw)
			if kind == html.EndTagToken && until != "" && token.Data == until {
				if open--; open < 0 {
					flush()
					return pieces, nil
				}
			}
			continue
		}
		p, special, err := r.placeholder(token, kind == html.SelfClosingTagToken, depth)
		if err != nil {
			return nil, err
		}
		if special {
			flush()
			pieces = append(pieces, p)
			continue
		}
		text.WriteString(raw)
		if kind == html.StartTagToken && token.Data == until {
			open++
		}
	}
}

// placeholder reads an element that is one.
func (r *markupReader) placeholder(tag html.Token, closed bool, depth int) (p piece, special bool, err error) {
	if name, ok := attribute(tag, variableAttr); ok {
		if err := r.check(name); err != nil {
			return p, true, err
		}
		if !closed && !void[tag.Data] {
			r.skip(tag.Data)
		}
		// A bare number keeps TeX around it in one piece; MathML needs an element.
		switch tag.Data {
		case "mi", "mn":
			return piece{variable: name, text: "<mn>", after: "</mn>"}, true, nil
		}
		return piece{variable: name}, true, nil
	}
	when, ok := attribute(tag, whenAttr)
	if !ok {
		return p, false, nil
	}
	if err := r.check(when); err != nil {
		return p, true, err
	}
	p.when = when
	if p.is, ok = attribute(tag, isAttr); !ok {
		p.is, _ = attribute(tag, isNotAttr)
		p.negate = true
	}
	p.inner = []piece{{text: withoutCondition(tag)}}
	if closed || void[tag.Data] {
		return p, true, nil
	}
	inner, err := r.read(tag.Data, depth+1)
	p.inner = append(p.inner, inner...)
	return p, true, err
}

// void are the elements without an end tag that the sanitiser lets through.
var void = names{"img": true, "br": true, "hr": true, "source": true, "track": true, "col": true, "wbr": true}

func (r *markupReader) check(name string) error {
	if !r.known[name] && !r.known[anyName] {
		return fmt.Errorf("there is no variable %s", quote(name))
	}
	return nil
}

// skip passes over the content and the end tag of an element.
func (r *markupReader) skip(name string) {
	for open := 1; open > 0; {
		switch r.tokens.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken:
			if tag, _ := r.tokens.TagName(); string(tag) == name {
				open++
			}
		case html.EndTagToken:
			if tag, _ := r.tokens.TagName(); string(tag) == name {
				open--
			}
		}
	}
}

func attribute(tag html.Token, name string) (value string, ok bool) {
	for _, a := range tag.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// withoutCondition is a start tag without the attributes of its condition, which
// are nobody's business.
func withoutCondition(tag html.Token) string {
	kept := tag.Attr[:0:0]
	for _, a := range tag.Attr {
		if a.Key != whenAttr && a.Key != isAttr && a.Key != isNotAttr {
			kept = append(kept, a)
		}
	}
	tag.Attr = kept
	return tag.String()
}

// safeImageURL reports whether an image may be shown from there.
func safeImageURL(src string) bool {
	return strings.HasPrefix(src, "asset:") || strings.HasPrefix(src, "https://") || strings.HasPrefix(src, "http://")
}
