// Package moodletext turns the texts of Moodle's files, Moodle XML and GIFT, into
// markup that is safe to serve.
//
// Moodle has five text formats (Moodle documentation: "Text formats"): its
// automatic format, which is HTML with line ends that count, HTML, plain text,
// Markdown and a wiki format that nobody has written since 2005. Formulas are
// TeX between $$ and $$, [tex] and [/tex], \( and \) or \[ and \] (Moodle
// documentation: "TeX notation filter", "MathJax filter").
package moodletext

import (
	"strings"

	"github.com/yuin/goldmark"

	"github.com/lyceum-lms/platform/internal/markup"
)

// Format is the way a text is written.
type Format string

// The formats, by the names that GIFT has for them.
const (
	Auto     Format = "moodle"
	HTML     Format = "html"
	Plain    Format = "plain"
	Markdown Format = "markdown"
)

// Named returns the format that Moodle XML or GIFT call by the name, and whether
// it is one. Numbers are those of Moodle's database.
func Named(name string) (Format, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "html", "1":
		return HTML, true
	case "plain_text", "plain", "plaintext", "text", "2":
		return Plain, true
	case "markdown", "4":
		return Markdown, true
	case "moodle_auto_format", "moodle", "auto", "wiki_like", "wiki", "0", "3":
		return Auto, true
	}
	return HTML, false
}

// Renderer turns texts into safe markup. It is safe for concurrent use and made
// once.
type Renderer struct {
	cleaner  *markup.Cleaner
	markdown goldmark.Markdown
}

// NewRenderer returns a renderer.
func NewRenderer() *Renderer {
	return &Renderer{cleaner: markup.New(markup.Options{Math: true}), markdown: newMarkdown()}
}

// Clean returns the text as safe HTML. White space alone is no text.
func (r *Renderer) Clean(text string, format Format, on markup.Events) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return r.cleaner.Clean(r.html(text, format), on)
}

// html is the text as HTML that is not safe yet.
func (r *Renderer) html(text string, format Format) string {
	switch format {
	case Plain:
		return strings.ReplaceAll(TeX(markup.Escape(strings.TrimSpace(text))), "\n", "<br>")
	case Markdown:
		text = unwrap(r.markdownHTML(text))
	case Auto:
		text = lines(strings.TrimSpace(text))
	}
	return TeX(text)
}

// unwrap takes a single paragraph out of its element: an answer is a phrase.
func unwrap(text string) string {
	text = strings.TrimSpace(text)
	inner, ok := strings.CutPrefix(text, "<p>")
	if !ok || strings.Count(text, "<p>") != 1 || !strings.HasSuffix(inner, "</p>") {
		return text
	}
	return strings.TrimSuffix(inner, "</p>")
}

// lines makes line ends count, but for those beside tags.
func lines(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var b strings.Builder
	depth := 0 // within pre
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '<' && hasPrefixFold(text[i:], "<pre"):
			depth++
		case c == '<' && hasPrefixFold(text[i:], "</pre"):
			depth = max(0, depth-1)
		case c == '\n' && depth == 0:
			before := strings.HasSuffix(strings.TrimRight(text[:i], " \t"), ">")
			after := strings.HasPrefix(strings.TrimLeft(text[i+1:], " \t"), "<")
			if !before && !after {
				b.WriteString("<br>")
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// TeX puts formulas between \( \) and \[ \], which is how items have them. It
// leaves tags and what stands in pre, code and script elements alone.
func TeX(text string) string {
	if !strings.Contains(text, "$$") && !containsTexTag(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '$' && strings.HasPrefix(text[i:], "$$"):
			end := strings.Index(text[i+2:], "$$")
			if end < 0 || strings.TrimSpace(text[i+2:i+2+end]) == "" {
				b.WriteString("$$")
				i += 2
				continue
			}
			b.WriteString(`\[` + text[i+2:i+2+end] + `\]`)
			i += end + 4
		case c == '[' && hasPrefixFold(text[i:], "[tex]"), c == '<' && hasPrefixFold(text[i:], "<tex>"):
			closing := "[/tex]"
			if c == '<' {
				closing = "</tex>"
			}
			end := indexFold(text[i+5:], closing)
			if end < 0 {
				b.WriteByte(c)
				i++
				continue
			}
			b.WriteString(`\(` + text[i+5:i+5+end] + `\)`)
			i += 5 + end + len(closing)
		case c == '<':
			end := tagEnd(text, i)
			b.WriteString(text[i:end])
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

func containsTexTag(text string) bool {
	return indexFold(text, "[tex]") >= 0 || indexFold(text, "<tex>") >= 0
}

// indexFold is strings.Index without regard to the case of ASCII letters. sub is
// in lower case and begins with no letter.
func indexFold(s, sub string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], sub[0])
		if i < 0 {
			return -1
		}
		if hasPrefixFold(s[from+i:], sub) {
			return from + i
		}
		from += i + 1
	}
}

// tagEnd is the place behind the tag at i, or behind the element if what is in
// it is no prose.
func tagEnd(text string, i int) int {
	rest := text[i:]
	for _, name := range []string{"pre", "code", "script", "style"} {
		if hasPrefixFold(rest, "<"+name) && len(rest) > len(name)+1 && strings.IndexByte(" >\t\n", rest[len(name)+1]) >= 0 {
			if end := indexFold(rest, "</"+name); end > 0 {
				return i + end + 1 // its end tag is the next to be looked at, from behind the <
			}
		}
	}
	if end := strings.IndexByte(rest, '>'); end > 0 {
		return i + end + 1
	}
	return i + 1
}
