package qtifile

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/markup"
)

// htmlWriter writes the content of a body as HTML, which is yet to be cleaned.
type htmlWriter struct {
	strings.Builder
	it   *item
	math int // how many math elements are open
}

// fragment is the content of an element as clean markup.
func (it *item) fragment(n *node) string {
	if len(n.kids) == 1 && n.kids[0].name == "" { // most choices
		return strings.TrimSpace(markup.Escape(n.kids[0].text))
	}
	w := &htmlWriter{it: it}
	w.children(n)
	return it.clean(w.String())
}

func (it *item) clean(text string) string {
	return it.cleaner.Clean(text, markup.Events{Resolve: it.resolve, Tell: it.losses.Add})
}

func (w *htmlWriter) children(n *node) {
	for _, k := range n.kids {
		w.node(k)
	}
}

func (w *htmlWriter) node(n *node) {
	switch {
	case n.name == "":
		w.text(n.text)
	case strings.HasPrefix(n.name, "qti-"):
		w.qti(n)
	case n.name == "math":
		w.math++
		w.element("math", n)
		w.math--
	case w.math > 0:
		w.mathElement(n)
	case n.name == "object" || n.name == "embed":
		w.object(n)
	case n.name == "include":
		w.it.xinclude(n)
	default:
		w.element(n.name, n)
	}
}

func (w *htmlWriter) text(s string) {
	if strings.ContainsAny(s, `<>&'"`) {
		s = html.EscapeString(s)
	}
	w.WriteString(s)
}

// qti writes what stands for one of QTI's own elements.
func (w *htmlWriter) qti(n *node) {
	switch n.name {
	case "qti-content-body":
		w.children(n)
	case "qti-prompt": // outside of an interaction: a vendor's
		w.element("div", n)
	case "qti-printed-variable":
		w.printedVariable(n)
	case "qti-template-inline":
		w.conditional("span", n)
	case "qti-template-block":
		w.conditional("div", n)
	case "qti-feedback-inline", "qti-feedback-block":
		w.it.bodyFeedback(w, n)
	case "qti-rubric-block":
		w.it.rubric(w, n)
	case "qti-info-control":
		w.WriteString("<details><summary>")
		w.text(orElse(n.get("title"), "Information"))
		w.WriteString("</summary>")
		w.children(n)
		w.WriteString("</details>")
		w.it.count(itemfile.Simplified, n, n.raw, "it is kept as a text that can be opened")
	case "qti-stylesheet":
		w.it.stylesheet(n)
	case "qti-catalog-info", "qti-companion-materials-info":
		w.it.skipped(n, n.raw, "there is no place for it in an item")
	case "qti-hottext":
		w.hottext(n)
	case "qti-gap":
		w.gap(n)
	default:
		if strings.HasSuffix(n.name, "-interaction") || n.name == "qti-position-object-stage" {
			w.it.interaction(w, n)
			return
		}
		w.it.count(itemfile.Simplified, n, "element "+quote(n.raw), "it is not known; its content is kept")
		w.children(n)
	}
}

// element writes n under a name of HTML.
func (w *htmlWriter) element(name string, n *node) {
	w.WriteString("<")
	w.WriteString(name)
	for i := range n.attrs {
		a := &n.attrs[i]
		switch {
		case a.name == "lang" && (a.prefix == "xml" || a.prefix == ""):
			w.attribute("lang", a.value)
		case a.prefix != "", a.name == "xmlns", markup.HasPlaceholder(a.name):
		default:
			w.attribute(a.name, a.value)
		}
	}
	w.WriteString(">")
	if isVoid(name) && len(n.kids) == 0 {
		return
	}
	w.children(n)
	w.WriteString("</")
	w.WriteString(name)
	w.WriteString(">")
}

func (w *htmlWriter) attribute(name, value string) {
	w.WriteString(" ")
	w.WriteString(name)
	w.WriteString(`="`)
	w.text(value)
	w.WriteString(`"`)
}

// isVoid says whether HTML writes the element without an end tag.
func isVoid(name string) bool {
	switch name {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr":
		return true
	}
	return false
}

// mathElement writes an element of MathML. Identifiers that name a variable with
// mathematical value show it.
func (w *htmlWriter) mathElement(n *node) {
	if n.is("mi", "ci") {
		name := n.words()
		if v := w.it.templates.get(name); v != nil && v.isTrue("math-variable") && isIdentifier(name) {
			w.WriteString(`<mi data-variable="` + name + `"></mi>`)
			return
		}
	}
	w.element(n.name, n)
}

func (w *htmlWriter) printedVariable(n *node) {
	id := n.get("identifier")
	if !isIdentifier(id) {
		w.it.simplified(n, n.raw, "it names no variable")
		return
	}
	for _, setting := range []string{"format", "base", "index", "field", "power-form", "delimiter", "mapping-indicator"} {
		if v := n.get(setting); v != "" && !(setting == "base" && v == "10") {
			w.it.count(itemfile.Simplified, n, n.raw+" "+n.written(setting), "the value is shown in its plain form")
		}
	}
	element := "span"
	if w.math > 0 {
		element = "mn"
	}
	w.WriteString("<" + element + ` data-variable="` + id + `"></` + element + ">")
}

// conditional writes what is shown by the value of a template variable.
func (w *htmlWriter) conditional(element string, n *node) {
	variable, value := n.get("template-identifier"), n.get("identifier")
	if !isIdentifier(variable) || !isIdentifier(value) {
		w.it.simplified(n, n.raw, "its condition cannot be read; it is always shown")
		w.children(n)
		return
	}
	condition := "data-is"
	if n.get("show-hide") == "hide" {
		condition = "data-is-not"
	}
	w.WriteString("<" + element + ` data-when="` + variable + `" ` + condition + `="` + value + `">`)
	w.children(n)
	w.WriteString("</" + element + ">")
}

// hottext and gap write what stands for a place of the interaction around it.
func (w *htmlWriter) hottext(n *node) {
	p, id := w.it.within, n.get("identifier")
	if p == nil || !isIdentifier(p.PartID) || !isIdentifier(id) {
		w.it.count(itemfile.Simplified, n, n.raw+" "+quote(id), "it is not in its interaction, or has no identifier that can be kept; it is a text like others")
		w.children(n)
		return
	}
	w.WriteString(`<span data-choice="` + p.PartID + "/" + id + `">`)
	w.children(n)
	w.WriteString("</span>")
}

func (w *htmlWriter) gap(n *node) {
	p, id := w.it.within, n.get("identifier")
	if p == nil || !isIdentifier(p.PartID) || !isIdentifier(id) {
		w.it.count(itemfile.Simplified, n, n.raw+" "+quote(id), "it is not in its interaction, or has no identifier that can be kept; it is left out")
		return
	}
	w.WriteString(`<span data-gap="` + p.PartID + "/" + id + `"></span>`)
}

// object writes what QTI 2 embeds by object as HTML 5 does.
func (w *htmlWriter) object(n *node) {
	source := orElse(n.get("data"), n.get("src"))
	label := alternative(n)
	size := func() {
		for _, a := range []string{"width", "height"} {
			if v := n.get(a); v != "" {
				w.attribute(a, v)
			}
		}
	}
	switch mediaKind(n.get("type"), source) {
	case "image":
		w.WriteString("<img")
		w.attribute("src", source)
		if label != "" {
			w.attribute("alt", label)
		}
		size()
		w.WriteString(">")
	case "audio":
		w.WriteString(`<audio controls=""`)
		w.attribute("src", source)
		w.WriteString("></audio>")
	case "video":
		w.WriteString(`<video controls=""`)
		w.attribute("src", source)
		size()
		w.WriteString("></video>")
	default:
		w.element(n.name, n)
	}
}

// alternative is what an object or an image says to those who do not see it.
func alternative(n *node) string {
	return markup.Shorten(orElse(n.get("alt"), orElse(n.get("aria-label"), orElse(n.words(), n.get("title")))), 500)
}

// mediaKind is "image", "audio", "video" or "".
func mediaKind(mediaType, source string) string {
	if kind, _, ok := strings.Cut(mediaType, "/"); ok && (kind == "image" || kind == "audio" || kind == "video") {
		return kind
	}
	if strings.HasPrefix(source, "data:") {
		kind, _, _ := strings.Cut(source[len("data:"):], "/")
		return kind
	}
	if cut := strings.IndexAny(source, "?#"); cut >= 0 {
		source = source[:cut]
	}
	switch strings.ToLower(path.Ext(source)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp":
		return "image"
	case ".mp3", ".wav", ".ogg", ".oga", ".m4a", ".aac":
		return "audio"
	case ".mp4", ".webm", ".ogv", ".mov", ".m4v":
		return "video"
	}
	return ""
}

// isIdentifier says whether a name of the source may be one of a placeholder.
func isIdentifier(s string) bool {
	if s == "" || len(s) > 100 || !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		word := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' ||
			r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if !word && (i == 0 || r != '-' && r != '.' && r != ':' && !unicode.Is(unicode.Mn, r)) {
			return false
		}
	}
	return true
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// plain is the words of clean markup.
func plain(text string, runes int) string {
	if strings.ContainsAny(text, "<&") {
		z := html.NewTokenizer(strings.NewReader(text))
		var b strings.Builder
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			switch kind {
			case html.TextToken:
				b.Write(z.Text())
			case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
				name, more := z.TagName()
				switch string(name) {
				case "b", "i", "em", "strong", "u", "s", "sub", "sup", "span", "small", "code", "a", "mark", "mi", "mn", "mo":
				case "img":
					b.WriteString(" " + attributeOf(z, more, "alt") + " ")
				default:
					b.WriteByte(' ')
				}
			}
		}
		text = b.String()
	}
	return markup.Shorten(text, runes)
}

func attributeOf(z *html.Tokenizer, more bool, name string) string {
	for more {
		var key, value []byte
		if key, value, more = z.TagAttr(); string(key) == name {
			return string(value)
		}
	}
	return ""
}
