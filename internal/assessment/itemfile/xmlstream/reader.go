package xmlstream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Options are the limits. The zero value of a field means its default.
type Options struct {
	Depth int   // of elements; default 200
	Token int   // bytes of one text or of one tag with its attributes; default 32 MiB
	Nodes int   // elements and texts of one Tree; default 1 000 000
	Bytes int   // of the texts and attributes of one Tree; default 64 MiB
	Total int64 // elements of the document; default 50 000 000
}

// Error is a fault of a document, with its line. Its text may be shown to whoever
// supplied the document.
type Error struct {
	Line   int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Attr is an attribute, with the prefix of its name.
type Attr struct{ Prefix, Name, Value string }

// Element is a start tag.
type Element struct {
	Prefix, Name string
	Attrs        []Attr
	Line         int
}

// Get returns an attribute, whatever its prefix, without white space around it.
func (e *Element) Get(name string) string {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name && e.Attrs[i].Prefix != "xmlns" {
			return strings.TrimSpace(e.Attrs[i].Value)
		}
	}
	return ""
}

// Kind says what Next has found.
type Kind int

// The kinds.
const (
	End   Kind = iota // of the document, or an end tag
	Start             // a start tag
	Text              // a text
)

// Note is a fault of the document that was met with tolerance.
type Note struct {
	What string
	Why  string
}

// Reader reads one document. It is for one goroutine.
type Reader struct {
	dec     *xml.Decoder
	bytes   *tidyReader
	options Options
	charset string
	open    []xml.Name
	total   int64
	doctype bool
	text    []byte // of the last Text
	began   bool   // a root element was seen
}

// New returns a reader of the document. The error is one of reading.
func New(r io.Reader, o Options) (*Reader, error) {
	if o.Depth <= 0 {
		o.Depth = 200
	}
	if o.Token <= 0 {
		o.Token = 32 << 20
	}
	if o.Nodes <= 0 {
		o.Nodes = 1_000_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	if o.Total <= 0 {
		o.Total = 50_000_000
	}
	text, charset, err := decoded(r)
	if err != nil {
		return nil, fmt.Errorf("read XML: %w", err)
	}
	x := &Reader{bytes: newTidyReader(text), options: o, charset: charset}
	x.bytes.until = int64(o.Token)
	x.dec = xml.NewDecoder(x.bytes)
	x.dec.Strict = false
	x.dec.Entity = xml.HTMLEntity
	x.dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return x, nil
}

// Line is the line that the reader has come to.
func (x *Reader) Line() int {
	line, _ := x.dec.InputPos()
	return line
}

// Depth is the number of open elements.
func (x *Reader) Depth() int { return len(x.open) }

// Text is what the last Next, which returned Text, has read. It is valid until
// the next call.
func (x *Reader) Text() []byte { return x.text }

// Next reads up to the next tag or text. At the end of the document it returns
// io.EOF.
func (x *Reader) Next() (Kind, Element, error) {
	for {
		x.bytes.until = x.dec.InputOffset() + int64(x.options.Token)
		line := x.Line()
		tok, err := x.dec.RawToken()
		if err != nil {
			return 0, Element{}, x.fault(err, line)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if err := x.push(tok.Name); err != nil {
				return 0, Element{}, err
			}
			e := Element{Prefix: tok.Name.Space, Name: tok.Name.Local, Line: x.Line()}
			if len(tok.Attr) > 0 {
				e.Attrs = make([]Attr, len(tok.Attr))
				for i, a := range tok.Attr {
					e.Attrs[i] = Attr{a.Name.Space, a.Name.Local, a.Value}
				}
			}
			return Start, e, nil
		case xml.EndElement:
			if len(x.open) == 0 {
				return 0, Element{}, &Error{x.Line(), "the end tag </" + written(tok.Name) + "> has no start"}
			}
			if top := x.open[len(x.open)-1]; top != tok.Name {
				return 0, Element{}, &Error{x.Line(), "the end tag </" + written(tok.Name) + "> is where </" + written(top) + "> should be"}
			}
			x.open = x.open[:len(x.open)-1]
			return End, Element{Prefix: tok.Name.Space, Name: tok.Name.Local, Line: x.Line()}, nil
		case xml.CharData:
			if len(x.open) == 0 {
				if !x.began && len(bytes.TrimSpace(tok)) > 0 {
					return 0, Element{}, &Error{line, "this is not XML: there is text before the first tag"}
				}
				continue
			}
			x.text = tok
			return Text, Element{Line: line}, nil
		case xml.Directive:
			if err := x.directive(tok); err != nil {
				return 0, Element{}, err
			}
		}
	}
}

func (x *Reader) push(name xml.Name) error {
	if x.began && len(x.open) == 0 {
		return &Error{x.Line(), "there is a second root element, <" + written(name) + ">"}
	}
	x.began = true
	if len(x.open) >= x.options.Depth {
		return &Error{x.Line(), fmt.Sprintf("elements are nested deeper than %d", x.options.Depth)}
	}
	if x.total++; x.total > x.options.Total {
		return &Error{x.Line(), fmt.Sprintf("there are more than %d elements", x.options.Total)}
	}
	x.open = append(x.open, name)
	return nil
}

func (x *Reader) directive(d xml.Directive) error {
	if !bytes.HasPrefix(bytes.ToUpper(d[:min(len(d), 7)]), []byte("DOCTYPE")) {
		return nil
	}
	x.doctype = true
	if bytes.Contains(bytes.ToUpper(d), []byte("<!ENTITY")) {
		return &Error{x.Line(), "the document declares entities of its own, which are not expanded: save it without a DOCTYPE"}
	}
	return nil
}

func (x *Reader) fault(err error, line int) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		switch {
		case !x.began:
			return &Error{x.Line(), "there is no element in it"}
		case len(x.open) > 0:
			return &Error{x.Line(), "the document ends before </" + written(x.open[len(x.open)-1]) + ">"}
		}
		return io.EOF
	case errors.Is(err, errTooLong):
		return &Error{line, fmt.Sprintf("a text or a tag is longer than %d bytes", x.options.Token)}
	case errors.As(err, &syntax):
		if syntax.Msg == "unexpected EOF" {
			return &Error{syntax.Line, "the document ends within a tag or a text"}
		}
		return &Error{syntax.Line, syntax.Msg}
	case x.bytes.err == nil || errors.Is(x.bytes.err, io.EOF):
		// All that could be read has been: it is the document.
		return &Error{line, strings.TrimPrefix(err.Error(), "xml: ")}
	}
	return fmt.Errorf("read XML: %w", err)
}

func written(n xml.Name) string {
	name := n.Local
	if n.Space != "" {
		name = n.Space + ":" + name
	}
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "") + "..."
	}
	return name
}

// Skip reads to the end of the element whose start was last returned.
func (x *Reader) Skip() error {
	for depth := len(x.open) - 1; len(x.open) > depth; {
		if _, _, err := x.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Notes are the faults that were met with tolerance so far.
func (x *Reader) Notes() []Note {
	var notes []Note
	if x.charset != "" {
		notes = append(notes, Note{"the encoding " + x.charset, "the text was converted"})
	}
	if x.doctype {
		notes = append(notes, Note{"DOCTYPE", "it is not needed and was not looked at"})
	}
	if n := x.bytes.invalid; n > 0 {
		notes = append(notes, Note{fmt.Sprintf("%d bytes that are not UTF-8", n), "they were read as characters of Windows-1252"})
	}
	if n := x.bytes.controls; n > 0 {
		notes = append(notes, Note{fmt.Sprintf("%d control characters", n), "XML does not allow them, they are left out"})
	}
	return notes
}
