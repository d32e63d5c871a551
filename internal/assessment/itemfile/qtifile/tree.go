package qtifile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
)

// node is an element or, when name is empty, a run of text.
type node struct {
	// name is the element's. QTI's elements have their names of QTI 3
	// ("qti-choice-interaction"), whatever version was read, others their local
	// names.
	name string
	// raw is the name as it is in the file, without its prefix.
	raw   string
	attrs []attr
	text  string
	kids  []*node
	line  int
}

// attr is an attribute. Those of QTI's elements have the names of QTI 3 if they
// have no prefix.
type attr struct{ prefix, name, value string }

// The limits of one item, stimulus or test.
const (
	maxItemBytes    = 16 << 20
	maxItemElements = 100_000
)

// The regions of a file, in which names mean different things.
type region int

const (
	logicRegion region = iota // every element is QTI's
	bodyRegion                // QTI's elements among those of HTML
	mathRegion                // MathML, SVG or what a vendor has put there
)

// readTree reads one document, of at most so many bytes as an item may have.
func readTree(r io.Reader) (*node, []xmlstream.Note, error) {
	return readTreeOf(r, 0)
}

// readTreeOf is readTree for a document that is thought to have so many bytes.
func readTreeOf(r io.Reader, size int64) (*node, []xmlstream.Note, error) {
	var data bytes.Buffer
	data.Grow(int(min(size, maxItemBytes)) + bytes.MinRead)
	n, err := data.ReadFrom(io.LimitReader(r, maxItemBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read XML: %w", err)
	}
	if n > maxItemBytes {
		return nil, nil, &xmlstream.Error{Line: 1, Reason: fmt.Sprintf("it is larger than the %d bytes that an item may have", maxItemBytes)}
	}
	text := data.String()
	if root, ok := scan(text); ok {
		return root, nil, nil
	}
	return readTolerantly(strings.NewReader(text))
}

// readTolerantly reads a document that is not in order, or says why it cannot be
// read.
func readTolerantly(r io.Reader) (*node, []xmlstream.Note, error) {
	x, err := xmlstream.New(r, xmlstream.Options{Token: maxItemBytes, Total: maxItemElements})
	if err != nil {
		return nil, nil, err
	}
	b := treeBuilder{}
	for {
		kind, e, err := x.Next()
		switch {
		case errors.Is(err, io.EOF):
			return b.root, x.Notes(), nil
		case err != nil:
			return nil, nil, err
		case kind == xmlstream.Start:
			b.start(e.Prefix, e.Name, len(e.Attrs), e.Line)
			for _, a := range e.Attrs {
				b.attribute(a.Prefix, a.Name, a.Value)
			}
		case kind == xmlstream.End:
			b.End()
		default:
			b.Text(string(x.Text()), e.Line)
		}
	}
}

// treeBuilder makes the tree of what a reader finds.
type treeBuilder struct {
	root  *node
	open  []place
	count int    // elements so far
	spare []node // nodes are made many at a time
}

// place is an open element: the region that it stands in, and the one within it.
type place struct {
	*node
	outer, region region
}

func (b *treeBuilder) make() *node {
	if len(b.spare) == 0 {
		b.spare = make([]node, 64)
	}
	n := &b.spare[0]
	b.spare = b.spare[1:]
	return n
}

// start begins an element that will have so many attributes.
func (b *treeBuilder) start(prefix, name string, attrs, line int) {
	in := logicRegion
	if len(b.open) > 0 {
		in = b.open[len(b.open)-1].region
	}
	n := b.make()
	n.raw, n.line = name, line
	n.name = nameIn(in, prefix, name)
	if attrs > 0 {
		n.attrs = make([]attr, 0, attrs)
	}
	if len(b.open) == 0 {
		b.root = n
	} else {
		parent := b.open[len(b.open)-1]
		parent.kids = append(parent.kids, n)
	}
	b.open = append(b.open, place{n, in, regionWithin(in, n.name)})
}

// attribute adds an attribute to the element that was begun last.
func (b *treeBuilder) attribute(prefix, name, value string) {
	at := b.open[len(b.open)-1]
	switch {
	case prefix != "":
	case strings.HasPrefix(at.name, "qti-"):
		name = kebab(name)
	case at.outer != mathRegion:
		name = lower(name)
	}
	at.attrs = append(at.attrs, attr{prefix, name, value})
}

// drops reports whether a text is the indentation between elements of the logic.
func (p place) drops(text string) bool {
	return p.region == logicRegion && text != "" && isSpace(text) && !strings.HasSuffix(p.name, "value")
}

func isSpace(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// regionWithin is the region of an element's content.
func regionWithin(in region, name string) region {
	switch name {
	case "qti-item-body", "qti-modal-feedback", "qti-rubric-block", "qti-stimulus-body", "qti-test-feedback", "qti-test-rubric-block":
		return bodyRegion
	case "math", "svg", "qti-portable-custom-interaction", "qti-catalog-info":
		return mathRegion
	case "qti-prompt", "qti-content-body", "qti-feedback-block", "qti-feedback-inline":
		if in == mathRegion { // a vendor's interaction holds them too
			return mathRegion
		}
		return bodyRegion
	}
	return in
}

// nameIn is the name of an element in a region.
func nameIn(in region, prefix, local string) string {
	switch {
	case strings.HasPrefix(local, "qti-"):
		return local
	case in == logicRegion:
		switch prefix {
		case "xi", "m", "mml":
			return local
		}
		if local == "include" && prefix != "" {
			return local
		}
		return "qti-" + kebab(local)
	case in == bodyRegion:
		if name, ok := bodyElements[local]; ok {
			return name
		}
		return lower(local)
	}
	return local
}

// bodyElements are QTI's elements in bodies by their names of QTI 2.
var bodyElements = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq(`choiceInteraction orderInteraction associateInteraction matchInteraction gapMatchInteraction
		inlineChoiceInteraction textEntryInteraction extendedTextInteraction hottextInteraction hotspotInteraction selectPointInteraction
		graphicOrderInteraction graphicAssociateInteraction graphicGapMatchInteraction positionObjectInteraction positionObjectStage
		sliderInteraction drawingInteraction uploadInteraction mediaInteraction endAttemptInteraction customInteraction
		portableCustomInteraction prompt simpleChoice simpleAssociableChoice simpleMatchSet gapText gapImg gap inlineChoice hottext
		hotspotChoice associableHotspot feedbackInline feedbackBlock templateInline templateBlock printedVariable rubricBlock infoControl
		stylesheet contentBody`) {
		names[name] = "qti-" + kebab(name)
	}
	return names
}()

// kebab is QTI 3's form of a name of QTI 2: "mapResponsePoint" is
// "map-response-point", "durationGTE" is "duration-gte".
func kebab(name string) string {
	upper := false
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			upper = true
			break
		}
	}
	if !upper {
		return name
	}
	b := make([]byte, 0, len(name)+4)
	afterLower := false
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			if afterLower {
				b = append(b, '-')
			}
			c += 'a' - 'A'
			afterLower = false
		} else {
			afterLower = c != '-' && c != '_' && c != '.'
		}
		b = append(b, c)
	}
	return string(b)
}

func lower(name string) string {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return strings.ToLower(name)
		}
	}
	return name
}

// written is the name of an attribute as it is in the file.
func (n *node) written(name string) string {
	if strings.HasPrefix(n.raw, "qti-") || strings.HasPrefix(name, "data-") {
		return name
	}
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// is reports whether the element has one of the names.
func (n *node) is(names ...string) bool { return n.name != "" && slices.Contains(names, n.name) }

// get returns an attribute without prefix, trimmed, or "".
func (n *node) get(name string) string {
	v, _ := n.attr(name)
	return v
}

func (n *node) attr(name string) (string, bool) {
	for i := range n.attrs {
		if a := &n.attrs[i]; a.name == name && a.prefix == "" {
			return strings.TrimSpace(a.value), true
		}
	}
	return "", false
}

// language is the element's xml:lang.
func (n *node) language() string {
	for _, a := range n.attrs {
		if a.name == "lang" && (a.prefix == "xml" || a.prefix == "") {
			return strings.TrimSpace(a.value)
		}
	}
	return ""
}

// isTrue reads a boolean.
func (n *node) isTrue(name string) bool {
	switch strings.ToLower(n.get(name)) {
	case "true", "1", "yes":
		return true
	}
	return false
}

// elements are the child elements, those with one of the names if any is given.
func (n *node) elements(names ...string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.name != "" && (len(names) == 0 || slices.Contains(names, k.name)) {
			out = append(out, k)
		}
	}
	return out
}

// child is the first child element with the name, or nil.
func (n *node) child(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// walk calls f for n and everything below it, in document order. Where f
// returns false, it goes no deeper.
func (n *node) walk(f func(*node) bool) {
	if !f(n) {
		return
	}
	for _, k := range n.kids {
		k.walk(f)
	}
}

// holds reports whether an element of the name is below n.
func (n *node) holds(match func(*node) bool) bool {
	found := false
	n.walk(func(d *node) bool {
		found = found || d != n && d.name != "" && match(d)
		return !found
	})
	return found
}

// content is all text at any depth, as it is.
func (n *node) content() string {
	if len(n.kids) == 1 && n.kids[0].name == "" {
		return n.kids[0].text
	}
	var b strings.Builder
	n.walk(func(d *node) bool {
		b.WriteString(d.text)
		return true
	})
	return b.String()
}

// words is the content with its white space collapsed.
func (n *node) words() string { return strings.Join(strings.Fields(n.content()), " ") }
