package upstream

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxReplay is the largest body that is kept to be sent again.
const maxReplay = 1 << 20

var (
	errSlowBody  = errors.New("the body came too slowly")
	errAbandoned = errors.New("this try has been given up")
)

// body is what the client sends: what is kept of it, and the rest, of which
// each byte can be read once.
type body struct {
	head   []byte
	rest   io.Reader // nil if the head is all
	length int64     // negative if unknown

	mu    sync.Mutex
	turn  int   // the try that may read the rest
	begun bool  // something of the rest has been read
	ended bool  // its reading has ended
	err   error // why it ended before the end
}

// readHead reads a body that can be kept. Of one that is known to be larger it
// reads nothing. within bounds the time for a body whose length is known.
func readHead(r *http.Request, within time.Duration) (*body, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return &body{}, nil
	}
	if r.ContentLength > maxReplay {
		return &body{rest: r.Body, length: r.ContentLength}, nil
	}
	var from io.Reader = r.Body
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		from = &punctual{from, time.Now().Add(within)}
		buffer.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(io.LimitReader(from, maxReplay+1)); err != nil {
		return nil, err
	}
	b := &body{head: buffer.Bytes(), length: int64(buffer.Len())}
	if len(b.head) > maxReplay {
		b.rest, b.length = r.Body, -1
	}
	return b, nil
}

// punctual reads until a time. Each read has a deadline of the server's own.
type punctual struct {
	io.Reader
	until time.Time
}

// Read implements io.Reader.
func (p *punctual) Read(to []byte) (int, error) {
	n, err := p.Reader.Read(to)
	if err == nil && time.Now().After(p.until) {
		err = errSlowBody
	}
	return n, err
}

// attach makes the body that of a request.
func (b *body) attach(r *http.Request) {
	r.Body, r.GetBody, r.ContentLength = nil, nil, b.length
	if b.length == 0 {
		return
	}
	b.mu.Lock()
	turn := b.turn
	b.mu.Unlock()
	r.Body = b.sending(turn)
	if b.rest == nil {
		// For a connection that turns out to have been closed, as idle ones are.
		r.GetBody = func() (io.ReadCloser, error) { return b.sending(turn), nil }
	}
}

func (b *body) sending(turn int) io.ReadCloser {
	if b.rest == nil {
		return io.NopCloser(bytes.NewReader(b.head))
	}
	return &sending{body: b, turn: turn, head: b.head}
}

// again gives the body to another try, if the tries so far have left it whole.
// They cannot read from it any more.
func (b *body) again() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun {
		return false
	}
	b.turn++
	return true
}

// close keeps tries that have not noticed yet that they are over from reading
// what is the server's again.
func (b *body) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
}

// hasEnded reports whether the rest has been read to its end.
func (b *body) hasEnded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended && b.err == nil
}

// failure is why the client's sending failed, nil if it did not.
func (b *body) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// begin reports whether a try may read the rest.
func (b *body) begin(turn int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if turn != b.turn {
		return false
	}
	b.begun = true
	return true
}

// end notes how a try's reading of the rest has ended.
func (b *body) end(turn int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if turn != b.turn {
		return
	}
	if b.ended = true; !errors.Is(err, io.EOF) {
		b.err = err
	}
}

// sending is one try's reading of a body that is not all kept. Its Close does
// nothing: the body is the server's to close.
type sending struct {
	body *body
	turn int
	head []byte
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	if len(s.head) > 0 {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	if !s.body.begin(s.turn) {
		return 0, errAbandoned
	}
	n, err := s.body.rest.Read(p)
	if err != nil {
		s.body.end(s.turn, err)
	}
	return n, err
}

// Close implements io.Closer.
func (s *sending) Close() error { return nil }
