package moodlexml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
)

// The limits of a file. They are far above what Moodle writes.
const (
	maxQuestion   = 256 << 20 // bytes, with the files in it
	maxTag        = 1 << 20   // bytes
	maxAttributes = 100
	maxDepth      = 200
	maxElements   = 200_000 // of a question
)

// scanner goes through a file. Between begin and end it keeps the bytes of one
// question.
type scanner struct {
	in   io.Reader
	buf  []byte
	pos  int  // of the next byte in buf
	eof  bool // buf holds the rest of the file
	err  error
	kept bool // nothing of buf before pos may go
	from int  // where the kept bytes begin

	line    int // at counted
	counted int // place in buf up to which lines were counted
}

// newScanner recognises the encoding by a byte order mark or the XML declaration.
// legacy names one that is not UTF-8.
func newScanner(r io.Reader) (s *scanner, legacy string, err error) {
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	s = &scanner{line: 1}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		_, _ = io.ReadFull(r, make([]byte, 3)) // of what is in memory
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		r, legacy = transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()), "UTF-16"
	case bytes.HasPrefix(head, []byte("<\x00")):
		r, legacy = transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()), "UTF-16"
	case bytes.HasPrefix(head, []byte("\x00<")):
		r, legacy = transform.NewReader(r, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()), "UTF-16"
	default:
		label := declaredEncoding(head)
		switch strings.ToLower(label) {
		case "", "utf-8", "utf8", "us-ascii", "ascii", "utf-16", "unicode": // the declaration would not be readable in UTF-16
		default:
			decoded, err := charset.NewReaderLabel(label, r)
			if err != nil {
				return nil, "", &itemfile.RefusedError{Place: itemfile.Place{Line: 1}, Reason: fmt.Sprintf("its declared encoding %q is not known: save it as UTF-8", label)}
			}
			r, legacy = decoded, label
		}
	}
	s.in = r
	return s, legacy, nil
}

// declaredEncoding is the encoding of an XML declaration, or "".
func declaredEncoding(head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n")
	end := bytes.Index(text, []byte("?>"))
	if !bytes.HasPrefix(text, []byte("<?xml")) || end < 0 {
		return ""
	}
	_, rest, ok := strings.Cut(string(text[:end]), "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t=")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	label, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.TrimSpace(label)
}

// fill reads on. It returns false at the end of the file, and when a question
// has become too large.
func (s *scanner) fill() bool {
	if s.eof {
		return false
	}
	if !s.kept {
		s.from = s.pos
	}
	if s.from > 0 && s.from >= len(s.buf)/2 {
		s.countLines(s.from)
		n := copy(s.buf, s.buf[s.from:])
		s.buf = s.buf[:n]
		s.pos -= s.from
		s.counted -= s.from
		s.from = 0
	}
	if len(s.buf)-s.from > maxQuestion {
		s.err = &itemfile.RefusedError{Place: itemfile.Place{Line: s.lineAt(s.from)}, Reason: fmt.Sprintf("what begins here is longer than %d MiB", maxQuestion>>20)}
		s.eof = true
		return false
	}
	if cap(s.buf)-len(s.buf) < 64<<10 {
		grown := make([]byte, len(s.buf), max(256<<10, 2*cap(s.buf)))
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err != nil {
			s.eof = true
			if !errors.Is(err, io.EOF) {
				s.err = fmt.Errorf("read on: %w", err)
			}
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	s.eof, s.err = true, io.ErrNoProgress
	return false
}

// begin keeps what follows, end lets it go.
func (s *scanner) begin() { s.kept, s.from = true, s.pos }
func (s *scanner) end()   { s.kept = false }

// more makes sure of n bytes from pos.
func (s *scanner) more(n int) bool {
	for len(s.buf)-s.pos < n {
		if !s.fill() {
			return len(s.buf)-s.pos >= n
		}
	}
	return true
}

// index finds sub from pos + skip on and returns its distance from pos, or -1.
func (s *scanner) index(sub string, skip int) int {
	for {
		if len(s.buf)-s.pos >= skip {
			if i := bytes.Index(s.buf[s.pos+skip:], []byte(sub)); i >= 0 {
				return i + skip
			}
			skip = max(skip, len(s.buf)-s.pos-len(sub)+1)
		}
		if !s.fill() {
			return -1
		}
	}
}

// starts says whether the word is next.
func (s *scanner) starts(word string) bool {
	return s.more(len(word)) && string(s.buf[s.pos:s.pos+len(word)]) == word
}

// countLines counts up to a place that is not before what was counted.
func (s *scanner) countLines(to int) {
	if to > s.counted {
		s.line += bytes.Count(s.buf[s.counted:to], []byte{'\n'})
		s.counted = to
	}
}

// lineAt is the number of the line at a place in buf.
func (s *scanner) lineAt(at int) int {
	if at >= s.counted {
		s.countLines(at)
		return s.line
	}
	return s.line - bytes.Count(s.buf[at:s.counted], []byte{'\n'})
}

func (s *scanner) fail(at int, format string, args ...any) error {
	return s.failAt(s.lineAt(min(at, len(s.buf))), format, args...)
}

// failAt is fail for a line that is known.
func (s *scanner) failAt(line int, format string, args ...any) error {
	if s.err != nil {
		return s.err
	}
	return &itemfile.RefusedError{Place: itemfile.Place{Line: line}, Reason: fmt.Sprintf(format, args...)}
}

// ended is the error at the end of the file where it should go on.
func (s *scanner) ended(within string, line int) error {
	if s.err != nil {
		return s.err
	}
	return &itemfile.RefusedError{Place: itemfile.Place{Line: s.lineAt(len(s.buf))}, Reason: fmt.Sprintf("the file ends within %s, which begins at line %d; a part of it is missing", within, line)}
}
