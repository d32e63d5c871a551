package markup

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// cleaning is the walk over one fragment.
type cleaning struct {
	*Cleaner
	on Events
}

func (c *cleaning) tell(kind Kind, name string) {
	if c.on.Tell != nil {
		c.on.Tell(kind, Shorten(name, 80), 1)
	}
}

// rebuild parses the fragment as a browser does and writes what is allowed.
func (c *Cleaner) rebuild(text string, on Events) (string, error) {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(text), body)
	if err != nil {
		return "", err
	}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	walk := &cleaning{Cleaner: c, on: on}
	walk.children(body)
	var out strings.Builder
	out.Grow(len(text))
	for n := body.FirstChild; n != nil; n = n.NextSibling {
		c.write(&out, n)
	}
	return strings.TrimSpace(out.String()), nil
}

// write writes what is in the lists, and no more, whatever is in the tree.
func (c *Cleaner) write(out *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		out.WriteString(html.EscapeString(n.Data))
		return
	}
	list := c.elements
	if n.Namespace == "math" {
		list = c.formulas
	}
	e := list[n.Data]
	if n.Type != html.ElementNode || e == nil {
		return
	}
	writeStart(out, e, n.Attr)
	if e.shape&void != 0 {
		return
	}
	if k := n.FirstChild; e.shape&leadingEOL != 0 && k != nil && k.Type == html.TextNode && strings.HasPrefix(k.Data, "\n") {
		out.WriteByte('\n')
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.write(out, k)
	}
	writeEnd(out, e)
}

func writeStart(out *strings.Builder, e *element, attrs []html.Attribute) {
	out.WriteByte('<')
	out.WriteString(e.name)
	linked := false
	for _, a := range attrs {
		if _, ok := e.attrs[a.Key]; !ok {
			continue
		}
		linked = linked || a.Key == "href"
		out.WriteByte(' ')
		out.WriteString(a.Key)
		out.WriteString(`="`)
		out.WriteString(html.EscapeString(a.Val))
		out.WriteByte('"')
	}
	if linked {
		out.WriteString(` rel="nofollow noreferrer"`)
	}
	if e.shape&void != 0 {
		out.WriteByte('/')
	}
	out.WriteByte('>')
}

func writeEnd(out *strings.Builder, e *element) {
	out.WriteString("</")
	out.WriteString(e.name)
	out.WriteByte('>')
}

func (c *cleaning) children(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch n.Type {
		case html.TextNode:
		case html.ElementNode:
			if first := c.element(n); first != nil {
				// Its children took its place and are yet to be seen.
				next = first
			}
		default:
			parent.RemoveChild(n)
		}
		n = next
	}
}

func (c *cleaning) handlers(n *html.Node) {
	for _, a := range n.Attr {
		if isHandler(a.Key) {
			c.tell(Scripts, a.Key)
		}
	}
}

func isHandler(attr string) bool {
	return len(attr) > 1 && (attr[0] == 'o' || attr[0] == 'O') && (attr[1] == 'n' || attr[1] == 'N')
}

// element handles one element. It returns the first node to go on with when the
// element was dissolved into its children, nil when it is done.
func (c *cleaning) element(n *html.Node) (resume *html.Node) {
	c.handlers(n)
	if n.Namespace != "" { // svg and math
		c.math(n)
		return nil
	}
	switch n.Data {
	case "script", "noscript", "template":
		c.tell(Scripts, described(n, "src"))
		n.Parent.RemoveChild(n)
		return nil
	case "style", "link":
		c.tell(Styles, described(n, "href"))
		n.Parent.RemoveChild(n)
		return nil
	case "meta", "base", "title", "head":
		c.tell(Elements, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	case "iframe", "embed", "object", "frame":
		c.embedded(n)
		return nil
	case "input", "select", "textarea", "datalist", "output", "progress", "meter":
		c.tell(Forms, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	case "form", "button", "label", "fieldset", "legend":
		if n.Data != "label" {
			c.tell(Forms, n.Data)
		}
		rename(n, "span")
		if holdsBlock(n) {
			rename(n, "div")
		}
	case "text", "font", "big", "nobr":
		rename(n, "span")
	case "tt":
		rename(n, "code")
	case "strike":
		rename(n, "s")
	case "acronym":
		rename(n, "abbr")
	case "center", "main", "nav", "hgroup", "address", "address-block":
		rename(n, "div")
	case "body", "html":
		return dissolve(n)
	case "image":
		rename(n, "img")
	}
	e, ok := c.elements[n.Data]
	if !ok {
		c.tell(Elements, n.Data)
		return dissolve(n)
	}
	s := c.attributes(e, n.Attr, n.Attr[:0])
	n.Attr = s.attrs
	if s.instead != "" {
		n.Parent.InsertBefore(note(s.instead), n)
		n.Parent.RemoveChild(n)
		return nil
	}
	rename(n, s.element.name)
	if s.after != "" {
		n.Parent.InsertBefore(note(s.after), n.NextSibling)
	}
	c.children(n)
	return nil
}

func rename(n *html.Node, name string) {
	if n.Data != name {
		n.Data, n.DataAtom = name, atom.Lookup([]byte(name))
	}
}

// holdsBlock says whether a child is more than text and phrases.
func holdsBlock(n *html.Node) bool {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		switch k.Data {
		case "div", "p", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "pre", "blockquote":
			return true
		}
	}
	return false
}

// dissolve puts the children of n in its place and returns the first of them,
// or what follows n.
func dissolve(n *html.Node) *html.Node {
	parent, first := n.Parent, n.FirstChild
	for k := n.FirstChild; k != nil; k = n.FirstChild {
		n.RemoveChild(k)
		parent.InsertBefore(k, n)
	}
	if first == nil {
		first = n.NextSibling
	}
	parent.RemoveChild(n)
	return first
}

// described names an element with the file it loads.
func described(n *html.Node, attr string) string {
	if v := attribute(n.Attr, attr); v != "" {
		return n.Data + " " + v
	}
	return n.Data
}

func attribute(attrs []html.Attribute, name string) string {
	for _, a := range attrs {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// embedded replaces embedded content by a link to it.
func (c *cleaning) embedded(n *html.Node) {
	from := "src"
	if n.Data == "object" {
		from = "data"
	}
	source := attribute(n.Attr, from)
	c.tell(Embeds, n.Data+" "+source)
	label := attribute(n.Attr, "title")
	if label == "" {
		label = source
	}
	to := c.link(Reference{Element: n.Data, Attribute: from, URL: source})
	var put *html.Node
	if to.URL == "" {
		put = note("Embedded content that is not available here: " + label)
	} else {
		put = &html.Node{Type: html.ElementNode, Data: "a", DataAtom: atom.A, Attr: []html.Attribute{{Key: "href", Val: to.URL}}}
		put.AppendChild(&html.Node{Type: html.TextNode, Data: "Open: " + label})
	}
	n.Parent.InsertBefore(put, n)
	n.Parent.RemoveChild(n)
}

// note is a visible mark for a reader.
func note(text string) *html.Node {
	em := &html.Node{Type: html.ElementNode, Data: "em", DataAtom: atom.Em}
	em.AppendChild(&html.Node{Type: html.TextNode, Data: noteText(text)})
	return em
}

func noteText(text string) string { return "[" + Shorten(text, 200) + "]" }

// start is what becomes of a start tag.
type start struct {
	element *element
	attrs   []html.Attribute
	instead string // a note that takes the element's place
	after   string // a note behind the element
}

// attributes keeps the allowed ones, in keep, and rewrites links.
func (c *cleaning) attributes(e *element, attrs, keep []html.Attribute) start {
	missing, linked, alt, source := "", false, "", ""
	described := e.name != "img"
	for _, a := range attrs {
		name := a.Key
		if a.Namespace != "" {
			name = a.Namespace + ":" + name
		}
		form, allowed := e.attrs[name]
		switch {
		case isHandler(name): // told already
		case name == "rel" || name == "target": // set anew
		case !allowed:
			if name == "role" && (a.Val == "presentation" || a.Val == "none") {
				described = true // an ornament, and said to be one
			}
			c.tell(Attributes, name)
		case has(keep, name): // parsers take the first
		case form == nil:
			source = a.Val
			to := c.link(Reference{Element: e.name, Attribute: name, URL: a.Val})
			if to.Missing != "" {
				missing = to.Missing
			}
			if to.URL != "" {
				linked = true
				keep = append(keep, html.Attribute{Key: name, Val: to.URL})
			}
		default:
			value := strings.TrimSpace(a.Val)
			if name == "width" || name == "height" {
				value = strings.TrimSuffix(value, "px")
			}
			if name == "alt" && alt == "" {
				alt = value
			}
			if !form(value) {
				c.tell(Attributes, name)
				continue
			}
			keep = append(keep, html.Attribute{Key: name, Val: value})
		}
	}
	s := start{element: e, attrs: keep}
	switch {
	case linked:
		if !described && alt == "" {
			c.tell(Alternatives, source)
		}
	case e.name == "a":
		s.element = c.elements["span"]
	case e.name == "img" || e.name == "source" || e.name == "track":
		// Of no use without its file, but the reader must know of it.
		s.instead = "Missing file"
		if missing != "" {
			s.instead += ": " + missing
		}
		if alt != "" {
			s.instead += " (" + alt + ")"
		}
		return s
	}
	if missing != "" {
		s.after = "Missing file: " + missing
	}
	return s
}
