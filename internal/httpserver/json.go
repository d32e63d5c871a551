package httpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/problem"
)

// maxJSONDepth bounds the nesting of a request body.
const maxJSONDepth = 64

// checkJSON refuses what encoding/json lets pass and what readers of JSON
// disagree about: invalid UTF-8, halves of surrogate pairs, a name twice in one
// object, deep nesting; and U+0000, which PostgreSQL's text cannot hold. Its
// error is a problem.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return malformed("The body is not valid UTF-8.")
	}
	if !json.Valid(data) {
		var nothing struct{}
		return malformed("The body is not valid JSON: %v.", json.Unmarshal(data, &nothing)) // says where
	}
	// From here on the syntax is known to be right.
	s := jsonScan{data: data, names: make([][]byte, 0, few)}
	return s.run()
}

func malformed(detail string, args ...any) *problem.Problem {
	return problem.New(problem.Malformed, "malformed-body", detail, args...)
}

// jsonScan works without allocating for bodies of usual shapes.
type jsonScan struct {
	data  []byte
	at    int
	depth int
	open  [maxJSONDepth]jsonLevel
	names [][]byte // of all open objects, one after another
}

// jsonLevel is one open object or array.
type jsonLevel struct {
	object bool
	first  int                 // where its names begin
	many   map[string]struct{} // its names, once there are more than few
}

// few is how many names are compared one by one.
const few = 16

func (s *jsonScan) run() error {
	wantName := false
	for s.at < len(s.data) {
		c := s.data[s.at]
		switch c {
		case '{', '[':
			if s.depth == maxJSONDepth {
				return malformed("The body is nested more than %d levels deep.", maxJSONDepth)
			}
			s.open[s.depth] = jsonLevel{object: c == '{', first: len(s.names)}
			s.depth++
			wantName = c == '{'
		case '}', ']':
			s.depth--
			s.names = s.names[:s.open[s.depth].first]
			wantName = false
		case ',':
			wantName = s.open[s.depth-1].object
		case ':':
			wantName = false
		case '"':
			if err := s.text(wantName); err != nil {
				return err
			}
			continue
		}
		s.at++
	}
	return nil
}

// text passes over the string that begins here.
func (s *jsonScan) text(isName bool) error {
	start, escaped := s.at, false
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] != '\\' {
			continue
		}
		escaped = true
		s.at++
		if s.data[s.at] != 'u' {
			continue
		}
		r := s.codeUnit(s.at + 1)
		s.at += 4
		switch {
		case r == 0:
			return problem.New(problem.Invalid, "invalid-value", "A string of the body holds the character U+0000.")
		case utf16.IsSurrogate(r):
			low := rune(-1)
			if s.data[s.at+1] == '\\' && s.data[s.at+2] == 'u' {
				low = s.codeUnit(s.at + 3)
			}
			if utf16.DecodeRune(r, low) == utf8.RuneError {
				return malformed("A string of the body holds half of a surrogate pair.")
			}
			s.at += 6
		}
	}
	s.at++
	if !isName {
		return nil
	}
	name := s.data[start+1 : s.at-1]
	if escaped {
		var text string
		if err := json.Unmarshal(s.data[start:s.at], &text); err != nil {
			return fmt.Errorf("read a name in a JSON body: %w", err)
		}
		name = []byte(text)
	}
	if s.takeName(name) {
		return nil
	}
	return malformed("An object of the body has a name twice: %q.", truncate(string(name), 100))
}

// takeName reports whether the innermost object has not had the name yet.
func (s *jsonScan) takeName(name []byte) bool {
	level := &s.open[s.depth-1]
	if level.many != nil {
		if _, twice := level.many[string(name)]; twice {
			return false
		}
		level.many[string(name)] = struct{}{}
		return true
	}
	own := s.names[level.first:]
	for _, n := range own {
		if bytes.Equal(n, name) {
			return false
		}
	}
	s.names = append(s.names, name)
	if len(own) >= few {
		level.many = make(map[string]struct{}, 2*few)
		for _, n := range s.names[level.first:] {
			level.many[string(n)] = struct{}{}
		}
	}
	return true
}

// codeUnit reads four hexadecimal digits.
func (s *jsonScan) codeUnit(at int) rune {
	n, err := strconv.ParseUint(string(s.data[at:at+4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// truncate cuts text after at most n bytes, at a rune's edge.
func truncate(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
