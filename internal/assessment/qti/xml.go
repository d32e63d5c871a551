package qti

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a source may hold.
const (
	maxSource   = 4 << 20 // bytes
	maxDepth    = 200     // of elements in elements
	maxElements = 50_000
	maxName     = 200 // bytes of a name
)

// node is an element. Names of elements and attributes are QTI 3's without the
// prefix "qti-", whatever version was read: "response-if", "base-type".
type node struct {
	name     string
	line     int
	attrs    []attr
	children []*node
	text     string // of all text directly in it
}

// attr is an attribute. Space is the namespace of those that are not QTI's.
type attr struct{ space, name, value string }

// attr is the value of an attribute, "" if there is none.
func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.name == name && a.space == "" {
			return a.value
		}
	}
	return ""
}

// child is the first child with the name, or nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// trimmed is the text of an element that is not a string value.
func (n *node) trimmed() string { return strings.TrimSpace(n.text) }

// kebab is QTI 3's form of a name of QTI 2: "mapResponsePoint" is
// "map-response-point", "durationGTE" is "duration-gte". Names of QTI 3 stay,
// but for their prefix "qti-".
func kebab(name string) string {
	name = strings.TrimPrefix(name, "qti-")
	if strings.IndexFunc(name, unicode.IsUpper) < 0 {
		return name
	}
	var b strings.Builder
	previousLower := false
	for _, r := range name {
		if unicode.IsUpper(r) {
			if previousLower {
				b.WriteByte('-')
			}
			r = unicode.ToLower(r)
			previousLower = false
		} else {
			previousLower = r != '-' && r != '_' && r != '.'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ignored are elements that hold nothing of an item's logic. Their content is
// not kept.
var ignored = map[string]bool{
	"item-body": true, "modal-feedback": true, "stylesheet": true, "rubric-block": true, "test-feedback": true, "catalog-info": true,
	"companion-materials-info": true, "context-stylesheet": true, "test-rubric-block": true,
}

// sourceReader makes nodes of a source.
type sourceReader struct {
	decoder  *xml.Decoder
	elements int
}

// readXML reads one element, which the source must hold and nothing else but
// comments and white space.
func readXML(source string) (*node, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("it is longer than %d bytes", maxSource)
	}
	if !utf8.ValidString(source) {
		return nil, errors.New("it is not valid UTF-8")
	}
	if root, ok := scanXML(source); ok {
		return root, nil
	}
	return decodeXML(source)
}

// decodeXML reads a source by encoding/xml.
func decodeXML(source string) (*node, error) {
	r := sourceReader{decoder: xml.NewDecoder(strings.NewReader(strings.TrimPrefix(source, "\ufeff")))}
	r.decoder.Entity = xml.HTMLEntity
	r.decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	var root *node
	for {
		token, err := r.decoder.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, r.fault(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, fmt.Errorf("line %d: there is a second element", r.line())
			}
			if root, err = r.element(t, 1); err != nil {
				return nil, err
			}
		case xml.Directive:
			if strings.ContainsRune(string(t), '[') {
				return nil, fmt.Errorf("line %d: it has a document type with declarations, which are not allowed", r.line())
			}
		}
	}
}

func (r *sourceReader) line() int {
	line, _ := r.decoder.InputPos()
	return line
}

func (r *sourceReader) fault(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it holds no element")
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: it is not well-formed XML: %s", syntax.Line, syntax.Msg)
	}
	return fmt.Errorf("line %d: %w", r.line(), err)
}

// element reads the content of an element.
func (r *sourceReader) element(start xml.StartElement, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: elements are nested deeper than %d", r.line(), maxDepth)
	}
	if r.elements++; r.elements > maxElements {
		return nil, fmt.Errorf("it has more than %d elements", maxElements)
	}
	if len(start.Name.Local) > maxName {
		return nil, fmt.Errorf("line %d: an element's name is longer than %d bytes", r.line(), maxName)
	}
	n := &node{name: kebab(start.Name.Local), line: r.line()}
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns", len(a.Name.Local) > maxName:
		case a.Name.Space == "":
			n.attrs = append(n.attrs, attr{"", kebab(a.Name.Local), a.Value})
		default:
			n.attrs = append(n.attrs, attr{a.Name.Space, a.Name.Local, a.Value})
		}
	}
	if depth > 1 && ignored[n.name] {
		n.attrs = nil
		return n, r.skip(depth)
	}
	var text strings.Builder
	for {
		token, err := r.decoder.Token()
		if err != nil {
			return nil, r.fault(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			if !ignored[child.name] {
				n.children = append(n.children, child)
			}
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			n.text = text.String()
			return n, nil
		}
	}
}

// skip passes over the rest of an element, within the limits.
func (r *sourceReader) skip(depth int) error {
	for level := depth; ; {
		token, err := r.decoder.Token()
		if err != nil {
			return r.fault(err)
		}
		switch token.(type) {
		case xml.StartElement:
			if level++; level > maxDepth {
				return fmt.Errorf("line %d: elements are nested deeper than %d", r.line(), maxDepth)
			}
		case xml.EndElement:
			if level--; level < depth {
				return nil
			}
		}
	}
}
