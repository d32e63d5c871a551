package olx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// node is an element or, when name is empty, a run of text.
type node struct {
	name  string
	attrs []xml.Attr
	text  string
	kids  []*node
	line  int
}

// markupError is a fault in an XML file, with its line.
type markupError struct {
	line   int
	reason string
}

func (e *markupError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.reason) }

const (
	maxXMLDepth = 100
	maxXMLNodes = 200_000
)

// parseXML reads one XML document. HTML's entities are known, entities that a
// document declares itself are not: there is nothing to expand.
func parseXML(data []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Entity = xml.HTMLEntity
	var root *node
	var open []*node
	nodes := 0
	for {
		line, _ := dec.InputPos()
		fail := func(reason string) error { return &markupError{line: line, reason: reason} }
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, &markupError{line: syntax.Line, reason: syntax.Msg}
			}
			return nil, fail(err.Error())
		}
		var parent *node
		if len(open) > 0 {
			parent = open[len(open)-1]
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if nodes++; nodes > maxXMLNodes {
				return nil, fail("too many elements")
			}
			if len(open) >= maxXMLDepth {
				return nil, fail("nested too deeply")
			}
			n := &node{name: tok.Name.Local, attrs: slices.Clone(tok.Attr), line: line}
			switch {
			case parent != nil:
				parent.kids = append(parent.kids, n)
			case root == nil:
				root = n
			default:
				return nil, fail("a second root element")
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if parent == nil {
				continue
			}
			if nodes++; nodes > maxXMLNodes {
				return nil, fail("too many nodes")
			}
			parent.kids = append(parent.kids, &node{text: string(tok), line: line})
		}
	}
	if root == nil {
		return nil, &markupError{line: 1, reason: "there is no element in it"}
	}
	return root, nil
}

func (n *node) attr(name string) (string, bool) {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// get returns an attribute, trimmed, or "".
func (n *node) get(name string) string {
	v, _ := n.attr(name)
	return strings.TrimSpace(v)
}

// isTrue reads a boolean the way exports write it.
func (n *node) isTrue(name string) bool { return truth(n.get(name)) }

func truth(s string) bool {
	switch strings.ToLower(strings.Trim(s, `"`)) {
	case "true", "1", "yes":
		return true
	}
	return false
}

// elements returns the child elements, those with one of the names if any is
// given.
func (n *node) elements(names ...string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.name != "" && (len(names) == 0 || slices.Contains(names, k.name)) {
			out = append(out, k)
		}
	}
	return out
}

func (n *node) child(name string) *node {
	if found := n.elements(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// walk calls f for n and everything below it, in document order, until f
// returns false for a node: then its children are passed over.
func (n *node) walk(f func(*node) bool) {
	if !f(n) {
		return
	}
	for _, k := range n.kids {
		k.walk(f)
	}
}

// find returns the elements with one of the names at any depth below n.
func (n *node) find(names ...string) []*node {
	var out []*node
	for _, k := range n.kids {
		k.walk(func(d *node) bool {
			if d.name != "" && slices.Contains(names, d.name) {
				out = append(out, d)
			}
			return true
		})
	}
	return out
}

// textContent is all text at any depth, white space collapsed.
func (n *node) textContent() string {
	var b strings.Builder
	n.walk(func(d *node) bool {
		b.WriteString(d.text)
		return true
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// leadingText is the text before the first child element, trimmed.
func (n *node) leadingText() string {
	var b strings.Builder
	for _, k := range n.kids {
		if k.name != "" {
			break
		}
		b.WriteString(k.text)
	}
	return strings.TrimSpace(b.String())
}

// isPointer says whether the element only names a definition in a file.
func (n *node) isPointer() bool {
	for _, k := range n.kids {
		if k.name != "" || strings.TrimSpace(k.text) != "" {
			return false
		}
	}
	return true
}

// htmlVoid are the elements that HTML writes without an end tag.
func htmlVoid(name string) bool {
	switch name {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr":
		return true
	}
	return false
}

// htmlWriter writes XML nodes as HTML.
type htmlWriter struct {
	strings.Builder
	// replace may write something else for an element and return true.
	replace func(w *htmlWriter, n *node) bool
}

func (w *htmlWriter) node(n *node) {
	if n.name == "" {
		w.WriteString(html.EscapeString(n.text))
		return
	}
	if w.replace != nil && w.replace(w, n) {
		return
	}
	w.element(n.name, n)
}

// element writes n under another name.
func (w *htmlWriter) element(name string, n *node) {
	w.WriteString("<" + name)
	for _, a := range n.attrs {
		w.WriteString(" " + a.Name.Local + `="` + html.EscapeString(a.Value) + `"`)
	}
	w.WriteString(">")
	if htmlVoid(name) {
		return
	}
	w.children(n)
	w.WriteString("</" + name + ">")
}

func (w *htmlWriter) children(n *node) {
	for _, k := range n.kids {
		w.node(k)
	}
}
