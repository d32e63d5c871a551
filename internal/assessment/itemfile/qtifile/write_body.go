package qtifile

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// bodyWriter writes clean markup as the XML of a body.
type bodyWriter struct {
	xmlWriter
	w      *itemWriter
	static bool // no interactions may stand here
}

// parse makes a tree of clean markup.
func parse(text string) *html.Node {
	root := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(text), root)
	if err != nil { // of a reader that has no errors
		nodes = []*html.Node{{Type: html.TextNode, Data: text}}
	}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	return root
}

// body writes the item body with the interactions in their places.
func (w *itemWriter) body() string {
	b := &bodyWriter{w: w}
	root := parse(w.made.BodyHTML)
	for i := range w.made.Parts {
		if p := &w.made.Parts[i]; embeds(p) && !w.holdsPlaces(p.PromptHTML, p.PartID) {
			w.embed(root, p)
		}
	}
	b.WriteString("<qti-item-body>\n")
	b.blocks(root)
	for i := range w.made.Parts {
		if p := &w.made.Parts[i]; !w.done[p.PartID] {
			b.part(p, false)
			b.WriteString("\n")
		}
	}
	if text := w.forMarkers(); text != "" {
		b.WriteString(`<qti-rubric-block view="scorer" use="scoring"><qti-content-body>` + text + "</qti-content-body></qti-rubric-block>\n")
	}
	b.WriteString("</qti-item-body>\n")
	return b.String()
}

// blocks is a text of its own as XML, without interactions.
func (w *itemWriter) blocks(text string) string {
	b := &bodyWriter{w: w, static: true}
	b.blocks(parse(text))
	return b.String()
}

// inline is a text as XML that need not be blocks: a choice, a prompt.
func (w *itemWriter) inline(text string) string {
	b := &bodyWriter{w: w, static: true}
	for n := parse(text).FirstChild; n != nil; n = n.NextSibling {
		b.node(n)
	}
	return b.String()
}

// blocks writes the children of n, which QTI wants to be blocks: what lies
// between them becomes a paragraph.
func (b *bodyWriter) blocks(n *html.Node) {
	open := false
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		blank := k.Type == html.TextNode && strings.TrimSpace(k.Data) == ""
		switch block := isBlock(k); {
		case block && open:
			b.WriteString("</p>")
			open = false
		case !block && !open && !blank:
			b.WriteString("<p>")
			open = true
		}
		b.node(k)
	}
	if open {
		b.WriteString("</p>")
	}
}

// isBlock says whether an element stands on lines of its own.
func isBlock(n *html.Node) bool {
	if n.Type != html.ElementNode {
		return false
	}
	switch n.Data {
	case "p", "div", "ul", "ol", "dl", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header", "footer", "aside",
		"pre", "blockquote", "hr", "figure", "details", embedded:
		return true
	}
	return false
}

// embedded is the element that stands for an interaction around its text.
const embedded = "qti-embedded"

func (b *bodyWriter) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		b.text(n.Data)
		return
	case html.ElementNode:
	default:
		return
	}
	if n.Data == embedded {
		b.embeddedPart(n)
		return
	}
	if b.placeholder(n) {
		return
	}
	name := n.Data
	b.WriteString("<" + name)
	if n.Namespace == "math" && name == "math" {
		b.attribute("xmlns", "http://www.w3.org/1998/Math/MathML")
	}
	for _, a := range n.Attr {
		b.attr(n, a)
	}
	if n.FirstChild == nil && (isVoid(name) || n.Namespace != "") {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	b.children(n)
	b.WriteString("</" + name + ">")
}

// text writes a text with its line ends as they are.
func (b *bodyWriter) text(s string) {
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteString("\n")
		}
		b.escape(line)
	}
}

func (b *bodyWriter) children(n *html.Node) {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		b.node(k)
	}
}

func (b *bodyWriter) attr(n *html.Node, a html.Attribute) {
	name, value := a.Key, a.Val
	switch {
	case strings.HasPrefix(name, "data-"):
		return
	case name == "lang":
		name = "xml:lang"
	case name == "src", name == "href", name == "poster":
		value = b.w.href(value)
	case name == "rel", name == "target": // the sanitiser's own
		return
	}
	b.attribute(name, value)
}

// href is the place of a file in the package, seen from an item.
func (w *itemWriter) href(value string) string {
	rest, ok := strings.CutPrefix(value, "asset:")
	if !ok {
		return value
	}
	digest, _, _ := strings.Cut(rest, "/")
	if name := w.media[digest]; name != "" {
		return "../" + escapePath(name)
	}
	return path.Base(value)
}

func attrOf(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// placeholder writes what an item marks a place for.
func (b *bodyWriter) placeholder(n *html.Node) bool {
	if len(n.Attr) == 0 {
		return false
	}
	if id := attrOf(n, "data-part"); id != "" {
		b.partPlace(n, orElse(b.w.names.parts[id], id))
		return true
	}
	if pair := attrOf(n, "data-gap"); pair != "" {
		_, id := b.w.names.place(pair)
		b.WriteString("<qti-gap")
		b.attribute("identifier", id)
		b.WriteString("/>")
		return true
	}
	if pair := attrOf(n, "data-choice"); pair != "" {
		_, id := b.w.names.place(pair)
		b.WriteString("<qti-hottext")
		b.attribute("identifier", id)
		b.WriteString(">")
		b.children(n)
		b.WriteString("</qti-hottext>")
		return true
	}
	if name := attrOf(n, "data-variable"); name != "" {
		if n.Namespace == "math" {
			b.WriteString("<mi>")
			b.escape(name)
			b.WriteString("</mi>")
			return true
		}
		b.WriteString("<qti-printed-variable")
		b.attribute("identifier", name)
		b.WriteString("/>")
		return true
	}
	if name := attrOf(n, "data-when"); name != "" {
		b.conditional(n, name)
		return true
	}
	return false
}

func (b *bodyWriter) conditional(n *html.Node, variable string) {
	element := "qti-template-inline"
	if n.Data == "div" {
		element = "qti-template-block"
	}
	value, mode := attrOf(n, "data-is"), "show"
	if value == "" {
		value, mode = attrOf(n, "data-is-not"), "hide"
	}
	b.WriteString("<" + element)
	b.attribute("template-identifier", variable)
	b.attribute("identifier", value)
	b.attribute("show-hide", mode)
	b.WriteString(">")
	b.children(n)
	b.WriteString("</" + element + ">")
}

// partPlace writes the interaction that stands here, if it may.
func (b *bodyWriter) partPlace(n *html.Node, id string) {
	i := slices.IndexFunc(b.w.made.Parts, func(p event.PartV1) bool { return p.PartID == id })
	if i < 0 || b.w.done[id] || b.static {
		return
	}
	p := &b.w.made.Parts[i]
	inline := n.Data == "span"
	if inline && !canBeInline(p.Kind) {
		b.w.differs("a part of the kind "+string(p.Kind)+" within a line", "in QTI it follows the text")
		return
	}
	b.part(p, inline)
}

// canBeInline says whether an interaction may stand within a line.
func canBeInline(kind event.PartKind) bool {
	switch kind {
	case event.Dropdown, event.Text, event.Numerical, event.Formula:
		return true
	}
	return false
}

// embeds says whether the interaction of a part has the text around its places
// within it.
func embeds(p *event.PartV1) bool { return p.Kind == event.GapMatch || p.Kind == event.HotText }

func (w *itemWriter) holdsPlaces(text, part string) bool { return w.hasPlace(parse(text), part) }

// embed puts the part of the body that has the places of an interaction into an
// element that stands for the interaction.
func (w *itemWriter) embed(root *html.Node, p *event.PartV1) {
	at := root
	for {
		first, last := w.spanOf(at, p.PartID)
		if first == nil {
			return // no places at all
		}
		if first == last && first.FirstChild != nil && (first.Data == "div" || first.Data == "section") && attrOf(first, "data-when") == "" {
			at = first
			continue
		}
		around := &html.Node{Type: html.ElementNode, Data: embedded, Attr: []html.Attribute{{Key: "data-part", Val: p.PartID}}}
		at.InsertBefore(around, first)
		for n := first; ; {
			next := n.NextSibling
			at.RemoveChild(n)
			around.AppendChild(n)
			if n == last {
				return
			}
			n = next
		}
	}
}

// spanOf are the first and the last child of n with a place of the part in it.
func (w *itemWriter) spanOf(n *html.Node, part string) (first, last *html.Node) {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if w.hasPlace(k, part) {
			if first == nil {
				first = k
			}
			last = k
		}
	}
	return first, last
}

func (w *itemWriter) hasPlace(n *html.Node, part string) bool {
	for _, a := range n.Attr {
		if a.Key == "data-gap" || a.Key == "data-choice" {
			if of, _ := w.names.place(a.Val); of == part {
				return true
			}
		}
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if w.hasPlace(k, part) {
			return true
		}
	}
	return false
}

func (b *bodyWriter) embeddedPart(n *html.Node) {
	id := attrOf(n, "data-part")
	i := slices.IndexFunc(b.w.made.Parts, func(p event.PartV1) bool { return p.PartID == id })
	content := &bodyWriter{w: b.w, static: true}
	content.blocks(n)
	b.WriteString(b.w.interaction(&b.w.made.Parts[i], content.String(), true))
	b.w.done[id] = true
}

// part writes the interaction of a part.
func (b *bodyWriter) part(p *event.PartV1, inline bool) {
	b.w.done[p.PartID] = true
	b.WriteString(b.w.interaction(p, "", !inline))
}

// forMarkers is what those who mark are told.
func (w *itemWriter) forMarkers() string {
	b := &xmlWriter{}
	for i := range w.made.Parts {
		p := &w.made.Parts[i]
		if p.Essay != nil && p.Essay.GuidanceHTML != "" {
			b.WriteString(w.blocks(p.Essay.GuidanceHTML))
		}
		if len(p.Rubric) == 0 {
			continue
		}
		w.only("a rubric", "QTI has rubrics as texts alone")
		for _, c := range p.Rubric {
			b.WriteString("<div>" + w.blocks(c.HTML) + "<ul>")
			for _, l := range c.Levels {
				b.WriteString("<li>" + w.inline(l.HTML) + " (")
				b.escape(l.Points)
				b.WriteString(")</li>")
			}
			b.WriteString("</ul></div>\n")
		}
	}
	return b.String()
}
