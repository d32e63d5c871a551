package moodlexml

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// node is an element. What it holds as text is kept apart from its elements,
// whose order among each other is all that matters, but for texts of HTML that
// is not escaped, which stay as they are written.
type node struct {
	name  string
	attrs []attribute
	text  string
	kids  []*node
	line  int
	seen  bool // somebody has asked for it
}

type attribute struct{ name, value string }

// oddities are what was wrong with the markup of a question and could be
// understood.
type oddities struct {
	ampersand, entity, control, encoding, tags, less bool
}

// parser builds the tree of one question.
type parser struct {
	*scanner
	odd      oddities
	elements int
	scratch  []byte
}

// element reads the element whose tag is next. depth is that of its parent.
func (p *parser) element(depth int) (*node, error) {
	if depth >= maxDepth {
		return nil, p.fail(p.pos, "elements are nested more than %d deep", maxDepth)
	}
	if p.elements++; p.elements > maxElements {
		return nil, p.fail(p.pos, "a question has more than %d elements", maxElements)
	}
	n, empty, err := p.startTag()
	if err != nil || empty {
		return n, err
	}
	if n.name == "text" {
		return n, p.prose(n)
	}
	return n, p.content(n, depth+1)
}

// startTag reads a start tag; empty is one that ends with />.
func (p *parser) startTag() (n *node, empty bool, err error) {
	line := p.lineAt(p.pos)
	length := p.tagLength()
	if length < 0 {
		return nil, false, p.failAt(line, "a tag begins with < and does not end with >")
	}
	tag := p.buf[p.pos+1 : p.pos+length-1]
	p.pos += length
	if len(tag) > 0 && tag[len(tag)-1] == '/' {
		tag, empty = tag[:len(tag)-1], true
	}
	i := 0
	for i < len(tag) && !isSpace(tag[i]) && tag[i] != '/' {
		i++
	}
	n = &node{name: localName(tag[:i]), line: line}
	n.attrs, err = p.attributes(tag[i:], line)
	return n, empty, err
}

// tagLength is the length of the tag at pos; a > in a quoted value does not end
// it.
func (p *parser) tagLength() int {
	for i := 1; ; i++ {
		if i > maxTag || !p.more(i+1) {
			return -1
		}
		switch c := p.buf[p.pos+i]; c {
		case '>':
			return i + 1
		case '<':
			return -1
		case '"', '\'':
			if p.buf[p.pos+i-1] != '=' && !isSpace(p.buf[p.pos+i-1]) {
				continue
			}
			end := p.index(string(c), i+1)
			if end < 0 || end > maxTag {
				return -1
			}
			i = end
		}
	}
}

func (p *parser) attributes(tag []byte, line int) ([]attribute, error) {
	var out []attribute
	for {
		tag = bytes.TrimLeft(tag, " \t\r\n/")
		if len(tag) == 0 {
			return out, nil
		}
		if len(out) >= maxAttributes {
			return nil, p.failAt(line, "a tag has more than %d attributes", maxAttributes)
		}
		i := 0
		for i < len(tag) && !isSpace(tag[i]) && tag[i] != '=' {
			i++
		}
		a := attribute{name: localName(tag[:i])}
		tag = bytes.TrimLeft(tag[i:], " \t\r\n")
		if len(tag) > 0 && tag[0] == '=' {
			tag = bytes.TrimLeft(tag[1:], " \t\r\n")
			var end, next int
			if len(tag) > 0 && (tag[0] == '"' || tag[0] == '\'') {
				if end = bytes.IndexByte(tag[1:], tag[0]); end < 0 {
					return nil, p.failAt(line, "the value of the attribute %s is not closed", a.name)
				}
				next = end + 2
				a.value = p.decode(tag[1:end+1], true)
			} else {
				for end < len(tag) && !isSpace(tag[end]) {
					end++
				}
				next = end
				a.value = p.decode(tag[:end], true)
			}
			tag = tag[next:]
		} else if i == 0 {
			tag = tag[1:]
			continue
		}
		out = append(out, a)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// localName is a name without its prefix. Moodle's names are in lower case.
func localName(name []byte) string {
	if i := bytes.LastIndexByte(name, ':'); i >= 0 && i < len(name)-1 {
		name = name[i+1:]
	}
	return common(name)
}

// common spares a copy of the names that nearly all elements have.
func common(name []byte) string {
	switch string(name) {
	case "text":
		return "text"
	case "answer":
		return "answer"
	case "feedback":
		return "feedback"
	case "question":
		return "question"
	case "format":
		return "format"
	case "fraction":
		return "fraction"
	case "file":
		return "file"
	}
	return string(name)
}

// content reads up to the end tag of n.
func (p *parser) content(n *node, depth int) error {
	var text []byte
	first := true
	add := func(raw string) {
		if first {
			n.text, first = raw, false
			return
		}
		if text == nil {
			text = append(text, n.text...)
		}
		text = append(text, raw...)
	}
	for {
		i := p.index("<", 0)
		if i < 0 {
			return p.ended("<"+n.name+">", n.line)
		}
		if i > 0 {
			if raw := p.buf[p.pos : p.pos+i]; len(bytes.TrimSpace(raw)) > 0 {
				add(p.decode(raw, n.name != "file"))
			}
			p.pos += i
		}
		switch {
		case p.starts("</"):
			if text != nil {
				n.text = string(text)
			}
			return p.endTag(n)
		case p.starts("<!--"):
			if err := p.skip("-->", "a comment"); err != nil {
				return err
			}
		case p.starts("<![CDATA["):
			raw, err := p.cdata()
			if err != nil {
				return err
			}
			add(raw)
		case p.starts("<?"):
			if err := p.skip("?>", "an instruction"); err != nil {
				return err
			}
		case !p.more(2) || !isNameStart(p.buf[p.pos+1]):
			return p.fail(p.pos, "a < stands within <%s> that begins no tag; write &lt; for it", n.name)
		default:
			kid, err := p.element(depth)
			if err != nil {
				return err
			}
			n.kids = append(n.kids, kid)
		}
	}
}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// endTag reads the end tag of n.
func (p *parser) endTag(n *node) error {
	line := p.lineAt(p.pos)
	end := p.index(">", 2)
	if end < 0 || end > maxTag {
		return p.ended("<"+n.name+">", n.line)
	}
	name := localName(bytes.TrimSpace(p.buf[p.pos+2 : p.pos+end]))
	p.pos += end + 1
	if name != n.name {
		return p.failAt(line, "</%s> stands where <%s> of line %d should be closed", clip(name), n.name, n.line)
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

func (p *parser) skip(end, what string) error {
	line := p.lineAt(p.pos)
	i := p.index(end, 2)
	if i < 0 {
		return p.ended(what, line)
	}
	p.pos += i + len(end)
	return nil
}

// cdata reads a CDATA section.
func (p *parser) cdata() (string, error) {
	const mark = len("<![CDATA[")
	line := p.lineAt(p.pos)
	i := p.index("]]>", mark)
	if i < 0 {
		return "", p.ended("a CDATA section", line)
	}
	raw := p.buf[p.pos+mark : p.pos+i]
	p.pos += i + 3
	return p.plain(raw), nil
}

// prose reads the content of a text element. HTML that is not escaped stays as it
// is: the elements of HTML need not be closed.
func (p *parser) prose(n *node) error {
	type piece struct {
		raw   []byte
		cdata bool
	}
	var pieces []piece
	at := p.pos - p.from // the buffer may move while it is read
	take := func(from, to int, cdata bool) {
		pieces = append(pieces, piece{p.buf[p.from+from : p.from+to], cdata})
	}
	type span struct {
		from, to int
		cdata    bool
	}
	var spans []span
	tags, inner := false, 0
	for {
		i := p.index("<", 0)
		if i < 0 {
			return p.ended("<text>", n.line)
		}
		p.pos += i
		here := p.pos - p.from
		switch {
		case p.starts("<![CDATA["):
			spans = append(spans, span{from: at, to: here})
			line := p.lineAt(p.pos)
			end := p.index("]]>", len("<![CDATA["))
			if end < 0 {
				return p.ended("a CDATA section", line)
			}
			here = p.pos - p.from
			spans = append(spans, span{from: here + len("<![CDATA["), to: here + end, cdata: true})
			p.pos += end + 3
			at = p.pos - p.from
		case p.starts("<!--"):
			spans = append(spans, span{from: at, to: here})
			if err := p.skip("-->", "a comment"); err != nil {
				return err
			}
			at = p.pos - p.from
		case inner == 0 && p.isTag("</text"):
			spans = append(spans, span{from: at, to: p.pos - p.from})
			for _, s := range spans {
				if s.to > s.from {
					take(s.from, s.to, s.cdata)
				}
			}
			switch {
			case len(pieces) == 1 && pieces[0].cdata:
				n.text = p.plain(pieces[0].raw)
			case len(pieces) == 1 && !tags:
				n.text = p.decode(pieces[0].raw, true)
			default:
				var b strings.Builder
				for _, piece := range pieces {
					switch {
					case piece.cdata, tags:
						b.WriteString(p.plain(piece.raw))
					case len(spans) > 2 && len(bytes.TrimSpace(piece.raw)) == 0:
						// The indentation around a CDATA section.
					default:
						b.WriteString(p.decode(piece.raw, true))
					}
				}
				n.text = b.String()
			}
			if tags {
				p.odd.tags = true
			}
			return p.endTag(n)
		case p.isStructure():
			return p.fail(p.pos, "<text> of line %d is not closed", n.line)
		case p.more(2) && (isNameStart(p.buf[p.pos+1]) || p.buf[p.pos+1] == '/'):
			tags = true
			if p.isTag("<text") {
				inner++
			} else if p.isTag("</text") {
				inner--
			}
			p.pos++
		default:
			p.odd.less = true
			p.pos++
		}
	}
}

// isTag says whether the tag of the name is next.
func (p *parser) isTag(start string) bool {
	return p.starts(start) && p.more(len(start)+1) && (isSpace(p.buf[p.pos+len(start)]) || p.buf[p.pos+len(start)] == '>')
}

// isStructure says whether a tag is next that can stand in no text.
func (p *parser) isStructure() bool {
	return p.isTag("</question") || p.isTag("</questiontext") || p.isTag("</answer") || p.isTag("</quiz") || p.isTag("<question")
}

// decode resolves the entities of a text.
func (p *parser) decode(raw []byte, check bool) string {
	if bytes.IndexByte(raw, '&') < 0 {
		if !check {
			return string(raw)
		}
		return p.plain(raw)
	}
	out := p.scratch[:0]
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			out = append(out, raw...)
			break
		}
		out = append(out, raw[:i]...)
		raw = raw[i:]
		text, length := p.entity(raw)
		out = append(out, text...)
		raw = raw[length:]
	}
	p.scratch = out[:0]
	return p.plain(out)
}

// entity resolves the entity at the beginning of raw.
func (p *parser) entity(raw []byte) (text string, length int) {
	end := bytes.IndexByte(raw[:min(len(raw), 40)], ';')
	if end < 2 {
		p.odd.ampersand = true
		return "&", 1
	}
	name := string(raw[1:end])
	switch name {
	case "lt":
		return "<", end + 1
	case "gt":
		return ">", end + 1
	case "amp":
		return "&", end + 1
	case "quot":
		return `"`, end + 1
	case "apos":
		return "'", end + 1
	}
	if name[0] == '#' {
		base, digits := 10, name[1:]
		if len(digits) > 0 && digits[0]|0x20 == 'x' {
			base, digits = 16, digits[1:]
		}
		if n, err := strconv.ParseUint(digits, base, 32); err == nil && n <= utf8.MaxRune {
			return string(rune(n)), end + 1
		}
	} else if text, ok := xml.HTMLEntity[name]; ok {
		p.odd.entity = true
		return text, end + 1
	}
	p.odd.ampersand = true
	return "&", 1
}

// plain makes valid text of bytes.
func (p *parser) plain(raw []byte) string {
	if !utf8.Valid(raw) {
		raw = p.repair(raw)
	}
	for _, c := range raw {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			p.odd.control = true
			return strings.Map(func(r rune) rune {
				if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f {
					return -1
				}
				return r
			}, string(raw))
		}
	}
	return string(raw)
}

// repair takes bytes that are no UTF-8 for windows-1252.
func (p *parser) repair(raw []byte) []byte {
	p.odd.encoding = true
	out := make([]byte, 0, len(raw)+len(raw)/8)
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(raw[0])
		}
		out = utf8.AppendRune(out, r)
		raw = raw[size:]
	}
	return out
}

// The reading of a tree.

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.name == name {
			return strings.TrimSpace(a.value)
		}
	}
	return ""
}

// all returns the elements with a name.
func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	var out []*node
	for _, k := range n.kids {
		if k.name == name {
			k.seen = true
			out = append(out, k)
		}
	}
	return out
}

// child is the first element with a name, or nil.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	var first *node
	for _, k := range n.kids {
		if k.name == name {
			k.seen = true
			if first == nil {
				first = k
			}
		}
	}
	return first
}

// words is the text of an element, which old files have directly in it and
// others in a text element.
func (n *node) words() string {
	if n == nil {
		return ""
	}
	if t := n.child("text"); t != nil && (t.text != "" || strings.TrimSpace(n.text) == "") {
		return t.text
	}
	return n.text
}

// value is the trimmed text of the element with a name.
func (n *node) value(name string) string { return strings.TrimSpace(n.child(name).words()) }

// has says whether there is an element with a name.
func (n *node) has(name string) bool { return n.child(name) != nil }

// truth reads a setting; an element without text is true.
func (n *node) truth(name string, otherwise bool) bool {
	k := n.child(name)
	if k == nil {
		return otherwise
	}
	switch strings.ToLower(strings.TrimSpace(k.words())) {
	case "0", "false", "no":
		return false
	}
	return true
}

// describe is an element for a report.
func (n *node) describe() string { return fmt.Sprintf("<%s>", clip(n.name)) }
