package markup

import (
	"strings"

	"golang.org/x/net/html"
)

// scanner cleans, in two passes over the text and without a tree, markup of
// which it is certain that every HTML parser makes the tree that its tags
// suggest: well nested, with all end tags, with attributes in quotation marks,
// and with no element where a parser would close another one first or move it
// elsewhere. The first pass makes certain, the second writes; in between nothing
// has been told or resolved, so that all else can go the long way.
type scanner struct {
	tags  []tag
	attrs []html.Attribute
	keep  []html.Attribute
	stack []frame
}

// tag is a tag, with the text before it.
type tag struct {
	element    *element // nil: only the text, at the end
	text, till int      // of the text before
	from, to   int      // of its attributes
	math       bool
	end        bool
	self       bool // of MathML, closed at once
}

// frame is an open element.
type frame struct {
	element *element
	inP     bool // within a paragraph
	inA     bool // within a link
	math    bool
	closing *element // as which it is written
	after   string   // the text of a note behind it
}

const maxScanDepth = 200

// scan returns false, and has told nothing, when the text must be parsed.
func (c *Cleaner) scan(text string, on Events) (string, bool) {
	s := c.scanners.Get().(*scanner)
	out, ok := "", s.read(c, text)
	if ok {
		out = s.write(&cleaning{Cleaner: c, on: on}, text)
	}
	// Nothing of the text is kept alive.
	clear(s.tags)
	clear(s.attrs)
	clear(s.keep[:cap(s.keep)])
	clear(s.stack[:cap(s.stack)])
	s.tags, s.attrs, s.keep, s.stack = s.tags[:0], s.attrs[:0], s.keep[:0], s.stack[:0]
	c.scanners.Put(s)
	return out, ok
}

// read is the first pass.
func (s *scanner) read(c *Cleaner, text string) bool {
	at := 0
	for {
		open := nextTag(text, at)
		if open < 0 {
			s.tags = append(s.tags, tag{text: at, till: len(text)})
			return len(s.stack) == 0
		}
		t := tag{text: at, till: open}
		if top := s.top(); top != nil {
			if top.element.shape&onlyParts != 0 && strings.Trim(text[at:open], " \t\n\f") != "" {
				return false
			}
			if top.element.shape&leadingEOL != 0 && s.tags[len(s.tags)-1].element == top.element && at < len(text) && text[at] == '\n' {
				return false
			}
		}
		var ok bool
		if at, ok = s.tag(c, text, open, &t); !ok {
			return false
		}
		s.tags = append(s.tags, t)
	}
}

// nextTag finds the next "<" that begins markup.
func nextTag(text string, from int) int {
	for {
		i := strings.IndexByte(text[from:], '<')
		if i < 0 {
			return -1
		}
		i += from
		if i+1 < len(text) && (isLetter(text[i+1]) || strings.IndexByte("/!?", text[i+1]) >= 0) {
			return i
		}
		from = i + 1
	}
}

func (s *scanner) top() *frame {
	if len(s.stack) == 0 {
		return nil
	}
	return &s.stack[len(s.stack)-1]
}

// tag reads the tag at open and returns what follows it.
func (s *scanner) tag(c *Cleaner, text string, open int, t *tag) (int, bool) {
	at := open + 1
	if text[at] == '/' {
		t.end = true
		at++
	}
	name := at
	for at < len(text) && (text[at] >= 'a' && text[at] <= 'z' || isDigit(text[at])) {
		at++
	}
	top := s.top()
	if t.end {
		if top == nil || at >= len(text) || text[at] != '>' || text[name:at] != top.element.name {
			return 0, false
		}
		t.element, t.math = top.element, top.math
		s.stack = s.stack[:len(s.stack)-1]
		return at + 1, true
	}
	t.math = top != nil && top.math
	t.element = c.elements[text[name:at]]
	if t.math || text[name:at] == "math" {
		t.math, t.element = true, c.formulas[text[name:at]]
	}
	if t.element == nil {
		return 0, false
	}
	t.from = len(s.attrs)
	at, self, ok := s.attributes(text, at)
	t.to = len(s.attrs)
	if !ok || !s.fits(t, top) {
		return 0, false
	}
	switch {
	case t.element.shape&void != 0:
		return at, true
	case self:
		t.self = true
		return at, t.math
	}
	f := frame{element: t.element, math: t.math}
	f.inP = t.element.name == "p" || top != nil && top.inP && t.element.shape&scope == 0
	f.inA = t.element.name == "a" || top != nil && top.inA && t.element.shape&marker == 0
	s.stack = append(s.stack, f)
	return at, len(s.stack) <= maxScanDepth
}

// fits says whether parsers leave the element where it stands.
func (s *scanner) fits(t *tag, top *frame) bool {
	e := t.element
	if top == nil {
		return e.shape&onlyIn == 0
	}
	if t.math {
		// Only its own elements in math, nothing but text in tokens.
		return top.math == (e.name != "math") && top.element.shape&(mathToken|onlyParts) == 0
	}
	parent := top.element
	switch {
	case e.shape&closesP != 0 && top.inP,
		e.name == "a" && top.inA,
		e.shape&heading != 0 && parent.shape&heading != 0,
		e.shape&onlyIn != 0 && !mayStandIn(e.name, parent.name),
		parent.shape&onlyParts != 0 && !isPart(e.name, parent.name):
		return false
	}
	return true
}

// attributes reads up to the end of the start tag and returns what follows it.
func (s *scanner) attributes(text string, at int) (next int, self, ok bool) {
	for {
		space := at
		for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t') {
			at++
		}
		if at >= len(text) {
			return 0, false, false
		}
		switch {
		case text[at] == '>':
			return at + 1, false, true
		case text[at] == '/' && at+1 < len(text) && text[at+1] == '>':
			return at + 2, true, true
		case space == at:
			return 0, false, false
		}
		name := at
		for at < len(text) && (text[at] >= 'a' && text[at] <= 'z' || isDigit(text[at]) || text[at] == '-' || text[at] == '_' || text[at] == ':') {
			at++
		}
		if at == name || at+1 >= len(text) || text[at] != '=' || text[at+1] != '"' && text[at+1] != '\'' {
			return 0, false, false
		}
		a := html.Attribute{Key: text[name:at]}
		at += 2
		length := strings.IndexByte(text[at:], text[at-1])
		if length < 0 {
			return 0, false, false
		}
		if a.Val, ok = attributeValue(text[at : at+length]); !ok {
			return 0, false, false
		}
		at += length + 1
		s.attrs = append(s.attrs, a)
	}
}

// attributeValue decodes character references. It returns false where those of
// attributes differ from those of text, which is where the semicolon is missing.
func attributeValue(raw string) (string, bool) {
	if strings.IndexByte(raw, '&') < 0 {
		return raw, true
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '&' {
			continue
		}
		k := i + 1
		for k < len(raw) && (isLetter(raw[k]) || isDigit(raw[k]) || raw[k] == '#') {
			k++
		}
		if k == i+1 || k == len(raw) || raw[k] != ';' {
			return "", false
		}
		i = k
	}
	return html.UnescapeString(raw), true
}

// write is the second pass.
func (s *scanner) write(c *cleaning, text string) string {
	var out strings.Builder
	out.Grow(len(text) + len(text)/8)
	for i := range s.tags {
		t := &s.tags[i]
		writeText(&out, text[t.text:t.till])
		switch {
		case t.element == nil:
		case t.end:
			f := s.stack[len(s.stack)-1]
			s.stack = s.stack[:len(s.stack)-1]
			writeEnd(&out, f.closing)
			if f.after != "" {
				writeNote(&out, f.after)
			}
		case t.math:
			s.formula(c, &out, t)
		default:
			s.start(c, &out, t)
		}
	}
	return strings.TrimSpace(out.String())
}

func (s *scanner) start(c *cleaning, out *strings.Builder, t *tag) {
	attrs := s.attrs[t.from:t.to]
	for _, a := range attrs {
		if isHandler(a.Key) {
			c.tell(Scripts, a.Key)
		}
	}
	begin := c.attributes(t.element, attrs, s.keep[:0])
	s.keep = begin.attrs
	if begin.instead != "" {
		writeNote(out, begin.instead)
		return
	}
	writeStart(out, begin.element, begin.attrs)
	if t.element.shape&void == 0 {
		s.stack = append(s.stack, frame{element: t.element, closing: begin.element, after: begin.after})
	}
}

func (s *scanner) formula(c *cleaning, out *strings.Builder, t *tag) {
	s.keep = s.keep[:0]
	for _, a := range s.attrs[t.from:t.to] {
		if isHandler(a.Key) {
			c.tell(Scripts, a.Key)
			continue
		}
		if value, ok := c.mathAttribute(t.element, a.Key, a.Val); ok && !has(s.keep, a.Key) {
			s.keep = append(s.keep, html.Attribute{Key: a.Key, Val: value})
		}
	}
	writeStart(out, t.element, s.keep)
	if t.self {
		writeEnd(out, t.element)
		return
	}
	s.stack = append(s.stack, frame{element: t.element, closing: t.element})
}

func writeNote(out *strings.Builder, text string) {
	out.WriteString("<em>")
	out.WriteString(html.EscapeString(noteText(text)))
	out.WriteString("</em>")
}

func writeText(out *strings.Builder, raw string) {
	if strings.IndexByte(raw, '&') >= 0 {
		raw = html.UnescapeString(raw)
	}
	out.WriteString(html.EscapeString(raw))
}
