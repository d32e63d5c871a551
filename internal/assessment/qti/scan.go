package qti

import (
	"strings"

	"github.com/lyceum-lms/platform/internal/xmlscan"
)

// scanXML reads a source that is in order and has no prefixes, which programs
// are: Canonical writes them so. Of others it says false; they are for the
// decoder. What it reads is what the decoder reads, but for white space beside
// elements.
func scanXML(source string) (*node, bool) {
	b := &treeScanner{}
	if !xmlscan.Scan(source, b) {
		return nil, false
	}
	return b.root, true
}

// treeScanner makes nodes of a source.
type treeScanner struct {
	root     *node
	open     []*node
	elements int
	ignored  int // how many elements are open that are not kept, below the last of open
	spare    []node
}

// Start begins an element.
func (b *treeScanner) Start(prefix, name string, attrs []xmlscan.Attr, line int) bool {
	depth := len(b.open) + b.ignored
	if b.elements++; b.elements > maxElements || depth >= maxDepth || prefix != "" || len(name) > maxName {
		return false
	}
	if b.ignored > 0 {
		b.ignored++
		return true
	}
	name = kebab(name)
	if depth > 0 && ignored[name] {
		b.ignored = 1
		return true
	}
	if len(b.spare) == 0 {
		b.spare = make([]node, 32)
	}
	n := &b.spare[0]
	b.spare = b.spare[1:]
	n.name, n.line = name, line
	if !n.take(attrs) {
		return false
	}
	if depth == 0 {
		b.root = n
	} else {
		parent := b.open[len(b.open)-1]
		parent.children = append(parent.children, n)
	}
	b.open = append(b.open, n)
	return true
}

// take keeps the attributes that have no prefix. Others than XML's own need the
// decoder, which knows their namespaces.
func (n *node) take(attrs []xmlscan.Attr) bool {
	if len(attrs) > 0 {
		n.attrs = make([]attr, 0, len(attrs))
	}
	for _, a := range attrs {
		switch {
		case a.Prefix != "":
			return false
		case a.Name == "xmlns", len(a.Name) > maxName:
		default:
			n.attrs = append(n.attrs, attr{"", kebab(a.Name), a.Value})
		}
	}
	return true
}

// End ends an element.
func (b *treeScanner) End() {
	if b.ignored > 0 {
		b.ignored--
		return
	}
	b.open = b.open[:len(b.open)-1]
}

// Text adds a text to the open element.
func (b *treeScanner) Text(text string, _ int) {
	if b.ignored > 0 {
		return
	}
	n := b.open[len(b.open)-1]
	switch {
	case n.text == "":
		n.text = text
	case len(n.children) == 0 || strings.TrimSpace(text) != "":
		n.text += text
	}
}
