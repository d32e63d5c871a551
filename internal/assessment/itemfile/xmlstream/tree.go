package xmlstream

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
)

// Node is an element with all that is in it or, when Name is empty, a text.
type Node struct {
	Element
	Text string
	Kids []*Node
}

// Tree reads the element whose start was last returned by Next to its end. White
// space between two tags is left out, unless keep returns true for the name of the
// element that it is in.
func (x *Reader) Tree(start Element, keep func(name string) bool) (*Node, error) {
	root := &Node{Element: start}
	open := []*Node{root}
	nodes, size := 1, 0
	for len(open) > 0 {
		kind, e, err := x.Next()
		if err != nil {
			return nil, err
		}
		parent := open[len(open)-1]
		if nodes++; nodes > x.options.Nodes {
			return nil, &Error{x.Line(), fmt.Sprintf("<%s> has more than %d elements and texts", start.Name, x.options.Nodes)}
		}
		if kind == Text {
			size += len(x.text)
		}
		for i := range e.Attrs {
			size += len(e.Attrs[i].Name) + len(e.Attrs[i].Value)
		}
		if size > x.options.Bytes {
			return nil, &Error{x.Line(), fmt.Sprintf("<%s> has more than %d bytes of text", start.Name, x.options.Bytes)}
		}
		switch kind {
		case Start:
			n := &Node{Element: e}
			parent.Kids = append(parent.Kids, n)
			open = append(open, n)
		case End:
			open = open[:len(open)-1]
		case Text:
			if len(bytes.TrimSpace(x.text)) == 0 && (keep == nil || !keep(parent.Name)) {
				continue
			}
			if last := len(parent.Kids) - 1; last >= 0 && parent.Kids[last].Name == "" {
				parent.Kids[last].Text += string(x.text) // beside a comment or a CDATA section
				continue
			}
			parent.Kids = append(parent.Kids, &Node{Element: Element{Line: e.Line}, Text: string(x.text)})
		}
	}
	return root, nil
}

// Get returns an attribute, whatever its prefix, without white space around it;
// of nil it is empty.
func (n *Node) Get(name string) string {
	if n == nil {
		return ""
	}
	return n.Element.Get(name)
}

// Elements are the child elements, those with one of the names if any is given.
func (n *Node) Elements(names ...string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for _, k := range n.Kids {
			if k.Name != "" && (len(names) == 0 || contains(names, k.Name)) && !yield(k) {
				return
			}
		}
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// Child is the first child element of the name, or nil; so is that of nil.
func (n *Node) Child(name string) *Node {
	for k := range n.Elements(name) {
		return k
	}
	return nil
}

// All are the elements with one of the names at any depth below n, in document
// order.
func (n *Node) All(names ...string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.all(names, yield) }
}

func (n *Node) all(names []string, yield func(*Node) bool) bool {
	if n == nil {
		return true
	}
	for _, k := range n.Kids {
		if k.Name == "" {
			continue
		}
		if contains(names, k.Name) && !yield(k) || !k.all(names, yield) {
			return false
		}
	}
	return true
}

// Content is all text in it, at any depth, without white space around it.
func (n *Node) Content() string {
	if n == nil {
		return ""
	}
	if len(n.Kids) == 1 && n.Kids[0].Name == "" {
		return strings.TrimSpace(n.Kids[0].Text)
	}
	var b strings.Builder
	n.write(&b)
	return strings.TrimSpace(b.String())
}

func (n *Node) write(b *strings.Builder) {
	b.WriteString(n.Text)
	for _, k := range n.Kids {
		k.write(b)
	}
}
