package qtifile

import "github.com/lyceum-lms/platform/internal/xmlscan"

// scan reads a document that is in order, which nearly all are. Of others it says
// false; they are for readTolerantly.
func scan(source string) (*node, bool) {
	b := &treeBuilder{}
	ok := xmlscan.Scan(source, b)
	return b.root, ok
}

// Start begins an element, within the limits of readTolerantly.
func (b *treeBuilder) Start(prefix, name string, attrs []xmlscan.Attr, line int) bool {
	const depth = 200
	if b.count++; b.count > maxItemElements || len(b.open) >= depth {
		return false
	}
	b.start(prefix, name, len(attrs), line)
	for _, a := range attrs {
		b.attribute(a.Prefix, a.Name, a.Value)
	}
	return true
}

// End ends an element.
func (b *treeBuilder) End() { b.open = b.open[:len(b.open)-1] }

// Text puts a text into the open element.
func (b *treeBuilder) Text(text string, line int) {
	parent := b.open[len(b.open)-1]
	if parent.drops(text) {
		return
	}
	n := b.make()
	n.text, n.line = text, line
	parent.kids = append(parent.kids, n)
}
