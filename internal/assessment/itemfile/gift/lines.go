package gift

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxBlock bounds one question.
const maxBlock = 4 << 20 // bytes

// block is what stands between two empty lines.
type block struct {
	lines    []string // without comments
	numbers  []int    // of the lines, from 1
	comments []string
	size     int
	tooLong  bool
	legacy   bool // some line was not UTF-8
}

func (b *block) empty() bool { return len(b.lines) == 0 && len(b.comments) == 0 }

// blocks splits a file.
type blocks struct {
	in   *bufio.Reader
	line int
	err  error // that ended the file; nil at its end
	done bool
	held *block // looked at and not yet taken
}

// newBlocks recognises UTF-16 by its byte order mark. What is not UTF-8 is taken
// line by line for windows-1252, which is what old files are in.
func newBlocks(r io.Reader) *blocks {
	in := bufio.NewReaderSize(r, 64<<10)
	r = in
	if head, _ := in.Peek(2); len(head) == 2 && (head[0] == 0xFE && head[1] == 0xFF || head[0] == 0xFF && head[1] == 0xFE) {
		r = transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
	}
	return &blocks{in: bufio.NewReaderSize(&lineEnds{in: r}, 64<<10)}
}

// lineEnds makes carriage returns, with or without a line feed, line feeds.
type lineEnds struct {
	in       io.Reader
	returned bool // the last byte was a carriage return
}

func (l *lineEnds) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	to := 0
	for _, c := range p[:n] {
		after := l.returned
		l.returned = c == '\r'
		if c == '\n' && after {
			continue
		}
		if c == '\r' {
			c = '\n'
		}
		p[to] = c
		to++
	}
	return to, err
}

// readLine returns a line without its end. A line beyond maxBlock comes without
// its rest.
func (b *blocks) readLine() (line string, cut, ok bool) {
	var long []byte
	read := false
	for {
		piece, err := b.in.ReadSlice('\n')
		read = read || len(piece) > 0
		if len(long) <= maxBlock {
			long = append(long, piece...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			b.err = fmt.Errorf("read line %d: %w", b.line+1, err)
			return "", false, false
		}
		if read {
			b.line++
		}
		return strings.TrimSuffix(string(long), "\n"), len(long) > maxBlock, read
	}
}

// next returns the next block, nil at the end.
func (b *blocks) next() *block {
	if held := b.held; held != nil {
		b.held = nil
		return held
	}
	out := &block{}
	for !b.done {
		text, cut, ok := b.readLine()
		if !ok {
			b.done = true
			break
		}
		if b.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if !utf8.ValidString(text) {
			if decoded, err := charmap.Windows1252.NewDecoder().String(text); err == nil {
				text, out.legacy = decoded, true
			}
		}
		if out.add(text, b.line, cut) {
			break
		}
	}
	if out.empty() {
		return nil
	}
	return out
}

// add takes a line into the block. It returns true for an empty line that ends
// it.
func (b *block) add(text string, number int, cut bool) bool {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return !b.empty()
	}
	if b.size += len(text); b.size > maxBlock || cut {
		b.tooLong = true
		if !b.empty() {
			return false
		}
		text = text[:min(len(text), 200)]
	}
	if strings.HasPrefix(trimmed, "//") {
		b.comments = append(b.comments, trimmed)
		return false
	}
	b.lines = append(b.lines, text)
	b.numbers = append(b.numbers, number)
	return false
}
