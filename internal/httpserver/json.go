package httpserver

import (
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
	var syntax json.RawMessage
	if err := json.Unmarshal(data, &syntax); err != nil {
		return malformed("The body is not valid JSON: %v.", err)
	}
	// From here on the syntax is known to be right.
	s := jsonScan{data: data}
	return s.run()
}

func malformed(detail string, args ...any) *problem.Problem {
	return problem.New(problem.Malformed, "malformed-body", detail, args...)
}

type jsonScan struct {
	data  []byte
	at    int
	stack []map[string]struct{} // the names of each open object; nil for an array
}

func (s *jsonScan) run() error {
	wantName := false
	for s.at < len(s.data) {
		c := s.data[s.at]
		switch c {
		case '{', '[':
			if len(s.stack) == maxJSONDepth {
				return malformed("The body is nested more than %d levels deep.", maxJSONDepth)
			}
			var names map[string]struct{}
			if c == '{' {
				names = map[string]struct{}{}
			}
			s.stack = append(s.stack, names)
			wantName = c == '{'
		case '}', ']':
			s.stack = s.stack[:len(s.stack)-1]
			wantName = false
		case ',':
			wantName = s.stack[len(s.stack)-1] != nil
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
	name := string(s.data[start+1 : s.at-1])
	if escaped {
		if err := json.Unmarshal(s.data[start:s.at], &name); err != nil {
			return fmt.Errorf("read a name in a JSON body: %w", err)
		}
	}
	names := s.stack[len(s.stack)-1]
	if _, twice := names[name]; twice {
		return malformed("An object of the body has a name twice: %q.", truncate(name, 100))
	}
	names[name] = struct{}{}
	return nil
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
