package xmlstream

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var declaration = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// decoded returns the text as UTF-8 without a byte order mark, and the charset
// that it was in, if it was another.
func decoded(r io.Reader) (io.Reader, string, error) {
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, "", err
	}
	head = head[:n]
	rest := io.MultiReader(bytes.NewReader(head), r)
	utf16 := func(order unicode.Endianness) (io.Reader, string, error) {
		return transform.NewReader(rest, unicode.UTF16(order, unicode.UseBOM).NewDecoder()), "UTF-16", nil
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return io.MultiReader(bytes.NewReader(head[3:]), r), "", nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("<\x00")):
		return utf16(unicode.LittleEndian)
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00<")):
		return utf16(unicode.BigEndian)
	}
	found := declaration.FindSubmatch(head)
	if found == nil {
		return rest, "", nil
	}
	label := strings.ToLower(string(found[1]))
	if label == "utf-8" || label == "utf8" || strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf16") || label == "us-ascii" || label == "ascii" {
		// What says UTF-16 and can be read so far is not.
		return rest, "", nil
	}
	if encoding, name := charset.Lookup(label); encoding != nil {
		return transform.NewReader(rest, encoding.NewDecoder()), name, nil
	}
	return rest, "", nil
}

// tidyReader feeds the decoder bytes that it can take, and no more of them than
// one token may have.
type tidyReader struct {
	r        io.Reader
	buf      []byte // of which buf[at:have] is to be read
	at, have int
	tail     int   // bytes at buf[have:have+tail] of a character that is not complete
	base     int64 // offset of buf[0]
	until    int64 // no byte from this offset on may be read
	err      error

	controls, invalid int
}

func newTidyReader(r io.Reader) *tidyReader {
	return &tidyReader{r: r, buf: make([]byte, 64<<10)}
}

var errTooLong = errors.New("too long")

// ReadByte makes it an io.ByteReader, which the decoder does not wrap.
func (t *tidyReader) ReadByte() (byte, error) {
	if t.at == t.have {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	b := t.buf[t.at]
	t.at++
	return b, nil
}

// Read is what an io.Reader has; the decoder reads bytes.
func (t *tidyReader) Read(p []byte) (int, error) {
	if t.at == t.have {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.buf[t.at:t.have])
	t.at += n
	return n, nil
}

func (t *tidyReader) fill() error {
	if t.base+int64(t.have) >= t.until {
		return errTooLong
	}
	if t.err != nil {
		return t.err
	}
	t.base += int64(t.have)
	copy(t.buf, t.buf[t.have:t.have+t.tail])
	n := t.tail
	t.at, t.have, t.tail = 0, 0, 0
	for n < len(t.buf)/2 && t.err == nil {
		var more int
		more, t.err = t.r.Read(t.buf[n : len(t.buf)/2+1])
		n += more
	}
	if t.base == 0 {
		anyVersion(t.buf[:n])
	}
	t.tidy(n)
	if t.have == 0 {
		return t.err
	}
	return nil
}

var version = regexp.MustCompile(`^\s*<\?xml\s+version\s*=\s*["'](1\.[1-9])["']`)

// anyVersion calls a document of XML 1.1 one of 1.0, which the decoder insists on:
// they differ in characters that items do not have.
func anyVersion(b []byte) {
	if at := version.FindSubmatchIndex(b); at != nil {
		b[at[3]-1] = '0'
	}
}

// tidy makes buf[:n] valid. It grows by at most a half, for which there is room.
func (t *tidyReader) tidy(n int) {
	chunk := t.buf[:n]
	if t.err == nil { // a character may go on in the next chunk
		for back := 1; back < utf8.UTFMax && back <= n; back++ {
			if c := chunk[n-back]; utf8.RuneStart(c) {
				if !utf8.FullRune(chunk[n-back:]) {
					t.tail = back
				}
				break
			}
		}
	}
	chunk = chunk[:n-t.tail]
	if clean(chunk) && utf8.Valid(chunk) && !hasBadReference(chunk) {
		t.have = len(chunk)
		return
	}
	out := make([]byte, 0, 2*len(chunk))
	for i := 0; i < len(chunk); {
		c := chunk[i]
		if c == '&' {
			if size := badReference(chunk[i:]); size > 0 {
				t.controls++
				i += size
				continue
			}
		}
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f:
			t.controls++
			i++
			continue
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(chunk[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			// Nearly always a text of Windows that was put into a file of UTF-8.
			t.invalid++
			out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(c))
		case r == 0xFFFE || r == 0xFFFF:
			t.controls++
		default:
			out = append(out, chunk[i:i+size]...)
		}
		i += size
	}
	tail := bytes.Clone(t.buf[n-t.tail : n])
	if need := len(out) + len(tail); need > len(t.buf) {
		t.buf = append(t.buf, make([]byte, need-len(t.buf))...)
	}
	t.have = copy(t.buf, out)
	copy(t.buf[t.have:], tail)
}

// badReference is the length of a reference, at the start of b, to a character
// that XML does not allow, or 0.
func badReference(b []byte) int {
	if len(b) < 4 || b[1] != '#' {
		return 0
	}
	end := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if end < 0 {
		return 0
	}
	digits, base := string(b[2:end]), 10
	if digits != "" && (digits[0] == 'x' || digits[0] == 'X') {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0
	case err == nil && (n >= ' ' || n == '\t' || n == '\n' || n == '\r') && n < 0xD800, err == nil && n > 0xDFFF && n <= utf8.MaxRune && n != 0xFFFE && n != 0xFFFF:
		return 0
	}
	return end + 1
}

func hasBadReference(b []byte) bool {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("&#"))
		if i < 0 {
			return false
		}
		if at += i; badReference(b[at:]) > 0 {
			return true
		}
		at++
	}
}

// clean reports whether there are no control characters, fast.
func clean(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f || c == 0xef {
			return c == 0xef && !bytes.ContainsAny(b, "\uFFFE\uFFFF") && bytes.IndexFunc(b, isControl) < 0
		}
	}
	return true
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f || r == 0xFFFE || r == 0xFFFF
}
