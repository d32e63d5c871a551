// Package xmlscan reads XML that is in order, several times as fast as
// encoding/xml: UTF-8, well-formed, with nothing but elements, attributes in
// quotation marks, texts, CDATA sections, comments, instructions and the references that XML
// knows by itself. Nearly every program writes that. Of all else it says false;
// the caller then reads the document again with encoding/xml, which has the
// tolerance and the words for what is wrong. What is read here is what
// encoding/xml reads; the callers' tests hold it to that.
package xmlscan

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Attr is an attribute, with the prefix of its name.
type Attr struct{ Prefix, Name, Value string }

// Handler is told what a document consists of, in its order. The strings are
// parts of the source. A document that is found not to be in order later has been
// told up to there.
type Handler interface {
	// Start begins an element. Line is the one that its tag ends in. The attributes
	// are valid until it returns. It returns false to give up.
	Start(prefix, name string, attrs []Attr, line int) bool
	// End ends the element that was begun last and has not ended yet.
	End()
	// Text is a text within an element. Several may follow one another.
	Text(text string, line int)
}

// Scan reads a document. It returns false if the document is not in order, or if
// the handler gave up.
func Scan(source string, to Handler) bool {
	source = strings.TrimPrefix(source, "\ufeff")
	if strings.IndexByte(source, '\r') >= 0 {
		source = strings.ReplaceAll(source, "\r\n", "\n") // as XML wants it
	}
	s := scanner{rest: source, line: 1, to: to}
	if !utf8.ValidString(source) || !s.prolog() {
		return false
	}
	for s.rest != "" {
		if !s.step() {
			return false
		}
	}
	return s.ended && len(s.names) == 0
}

type scanner struct {
	rest  string
	line  int // of the beginning of rest
	to    Handler
	attrs []Attr
	names []string // of the open elements, with their prefixes
	ended bool     // the root element was there
}

// advance passes over n bytes.
func (s *scanner) advance(n int) {
	s.line += strings.Count(s.rest[:n], "\n")
	s.rest = s.rest[n:]
}

// declarationXML is an XML declaration of UTF-8.
var declarationXML = regexp.MustCompile(`^<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"(?i:utf-8)"|'(?i:utf-8)'))?(?: standalone=(?:"(?:yes|no)"|'(?:yes|no)'))? ?\?>`)

// prolog passes over an XML declaration of UTF-8.
func (s *scanner) prolog() bool {
	if !strings.HasPrefix(s.rest, "<?xml ") {
		return true
	}
	head := declarationXML.FindString(s.rest)
	s.advance(len(head))
	return head != ""
}

// step reads the next tag, text, comment or section.
func (s *scanner) step() bool {
	if s.rest[0] != '<' {
		return s.text()
	}
	switch {
	case strings.HasPrefix(s.rest, "</"):
		return s.end()
	case strings.HasPrefix(s.rest, "<!--"):
		body, _, found := strings.Cut(s.rest[len("<!--"):], "--")
		after := len("<!--") + len(body) + len("--")
		if !found || !strings.HasPrefix(s.rest[after:], ">") || !plainChars(body) {
			return false
		}
		s.advance(after + 1)
		return true
	case strings.HasPrefix(s.rest, "<!["):
		body, ok := strings.CutPrefix(s.rest, "<![CDATA[")
		body, _, found := strings.Cut(body, "]]>")
		if !ok || !found || len(s.names) == 0 || !plainChars(body) {
			return false
		}
		s.put(body)
		s.advance(len("<![CDATA[") + len(body) + len("]]>"))
		return true
	case strings.HasPrefix(s.rest, "<?"):
		return s.instruction()
	case strings.HasPrefix(s.rest, "<!"):
		return false
	}
	return s.start()
}

// instruction passes over a processing instruction.
func (s *scanner) instruction() bool {
	name := s.rest[2:nameEnd(s.rest, 2)]
	end := strings.Index(s.rest, "?>")
	if name == "" || strings.EqualFold(name, "xml") || strings.Contains(name, ":") || end < 2+len(name) || !plainChars(s.rest[:end]) {
		return false
	}
	if c := s.rest[2+len(name)]; c != ' ' && c != '\n' && c != '\t' && c != '?' {
		return false
	}
	s.advance(end + len("?>"))
	return true
}

func (s *scanner) text() bool {
	n := strings.IndexByte(s.rest, '<')
	if n < 0 {
		n = len(s.rest)
	}
	raw := s.rest[:n]
	if len(s.names) == 0 {
		s.advance(n)
		return strings.TrimSpace(raw) == "" && plainChars(raw)
	}
	value, ok := unescape(raw)
	if !ok || strings.Contains(raw, "]]>") {
		return false
	}
	s.put(value)
	s.advance(n)
	return true
}

func (s *scanner) put(text string) {
	if text == "" {
		return
	}
	s.to.Text(text, s.line)
}

func (s *scanner) end() bool {
	n := strings.IndexByte(s.rest, '>')
	if n < 0 || len(s.names) == 0 {
		return false
	}
	name := strings.TrimRight(s.rest[2:n], " \t\r\n")
	if name != s.names[len(s.names)-1] {
		return false
	}
	s.names = s.names[:len(s.names)-1]
	s.to.End()
	s.advance(n + 1)
	return true
}

func (s *scanner) start() bool {
	at := nameEnd(s.rest, 1)
	name := s.rest[1:at]
	if name == "" || len(s.names) == 0 && s.ended {
		return false
	}
	s.attrs = s.attrs[:0]
	for {
		next := spaceEnd(s.rest, at)
		if next >= len(s.rest) {
			return false
		}
		if c := s.rest[next]; c == '>' || c == '/' {
			closed := c == '/'
			if closed {
				if next++; next >= len(s.rest) || s.rest[next] != '>' {
					return false
				}
			}
			return s.open(name, next+1, closed)
		}
		if next == at {
			return false // attributes stand apart
		}
		var ok bool
		if at, ok = s.attribute(next); !ok {
			return false
		}
	}
}

// attribute reads an attribute at an offset and returns where it ends.
func (s *scanner) attribute(at int) (int, bool) {
	end := nameEnd(s.rest, at)
	name := s.rest[at:end]
	end = spaceEnd(s.rest, end)
	if name == "" || end >= len(s.rest) || s.rest[end] != '=' {
		return 0, false
	}
	end = spaceEnd(s.rest, end+1)
	if end >= len(s.rest) || s.rest[end] != '"' && s.rest[end] != '\'' {
		return 0, false
	}
	length := strings.IndexByte(s.rest[end+1:], s.rest[end])
	if length < 0 {
		return 0, false
	}
	raw := s.rest[end+1 : end+1+length]
	value, ok := unescape(raw)
	prefix, local, okName := split(name)
	if !ok || !okName || strings.IndexByte(raw, '<') >= 0 {
		return 0, false
	}
	s.attrs = append(s.attrs, Attr{Prefix: prefix, Name: local, Value: value})
	return end + 1 + length + 1, true
}

// open puts an element into the tree and passes over its tag.
func (s *scanner) open(name string, size int, closed bool) bool {
	prefix, local, ok := split(name)
	if !ok {
		return false
	}
	s.advance(size)
	s.ended = true
	if !s.to.Start(prefix, local, s.attrs, s.line) {
		return false
	}
	if closed {
		s.to.End()
		return true
	}
	s.names = append(s.names, name)
	return true
}

// split takes a name with its prefix apart.
func split(name string) (prefix, local string, ok bool) {
	i := strings.IndexByte(name, ':')
	if i < 0 {
		return "", name, true
	}
	prefix, local = name[:i], name[i+1:]
	return prefix, local, prefix != "" && local != "" && strings.IndexByte(local, ':') < 0
}

// nameEnd is where a name of ASCII ends that begins at an offset.
func nameEnd(s string, at int) int {
	start := at
	for at < len(s) {
		c := s[at]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (at == start || (c < '0' || c > '9') && c != '-' && c != '.' && c != ':') {
			return at
		}
		at++
	}
	return at
}

func spaceEnd(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	return at
}

// plainChars reports whether there are only characters that XML allows, and line
// ends that need no change.
func plainChars(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xef {
			return c == 0xef && !strings.ContainsAny(s, "\uFFFE\uFFFF\ufeff") && plainChars(s[i+1:])
		}
	}
	return true
}

// unescape replaces references. It returns false for what is not one that XML
// knows by itself.
func unescape(raw string) (string, bool) {
	if !plainChars(raw) {
		return "", false
	}
	at := strings.IndexByte(raw, '&')
	if at < 0 {
		return raw, true
	}
	var b strings.Builder
	b.Grow(len(raw))
	for at >= 0 {
		b.WriteString(raw[:at])
		raw = raw[at+1:]
		name, rest, found := strings.Cut(raw, ";")
		r, known := reference(name)
		if !found || !known {
			return "", false
		}
		b.WriteRune(r)
		raw = rest
		at = strings.IndexByte(raw, '&')
	}
	b.WriteString(raw)
	return b.String(), true
}

// reference is the character that a reference stands for.
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	if !ok || len(digits) > 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n < ' ' && n != '\n' && n != '\t' && n != '\r' || n >= 0xD800 && n <= 0xDFFF || n > utf8.MaxRune || n == 0xFFFE || n == 0xFFFF {
		return 0, false
	}
	return rune(n), true
}
