package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is an HTTP/1.1 client on one connection that is kept alive. It does as
// little as a client can: requests are bytes made beforehand, and of an answer
// it reads the status, the length and the body. net/http's client costs about
// as much as the server that it talks to, and both share the machine here.
type conn struct {
	net net.Conn
	in  *bufio.Reader
	buf []byte // the last body; reused
}

// requestTimeout bounds one exchange. Whatever takes longer is a fault.
const requestTimeout = 30 * time.Second

// dial connects to host:port.
func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &conn{net: c, in: bufio.NewReaderSize(c, 16<<10)}, nil
}

// close ends the connection. Nothing is lost by it.
func (c *conn) close() { _ = c.net.Close() }

// request is a whole request as it goes over the wire.
func request(method, path, token string, body []byte) []byte {
	b := make([]byte, 0, 512+len(body))
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\nUser-Agent: lyceum-bench\r\n"...)
	if token != "" {
		b = append(b, "Authorization: Bearer "...)
		b = append(b, token...)
		b = append(b, "\r\n"...)
	}
	if body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}

// do sends a request and returns the answer. The body is valid until the next
// call.
func (c *conn) do(req []byte) (status int, body []byte, err error) {
	if err := c.net.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, nil, fmt.Errorf("set a deadline: %w", err)
	}
	if _, err := c.net.Write(req); err != nil {
		return 0, nil, fmt.Errorf("send a request: %w", err)
	}
	status, body, err = c.read()
	if err != nil {
		return 0, nil, fmt.Errorf("read an answer: %w", err)
	}
	return status, body, nil
}

var (
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
)

func (c *conn) read() (status int, body []byte, err error) {
	line, err := c.line()
	if err != nil {
		return 0, nil, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, nil, fmt.Errorf("not an answer: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("not a status: %q", line)
	}
	length, chunked := 0, false
	for {
		if line, err = c.line(); err != nil {
			return 0, nil, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case bytes.EqualFold(name, contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 {
				return 0, nil, fmt.Errorf("not a length: %q", line)
			}
		case bytes.EqualFold(name, transferEncoding):
			chunked = true
		}
	}
	c.buf = c.buf[:0]
	if !chunked {
		return status, c.buf, c.append(length)
	}
	for {
		if line, err = c.line(); err != nil {
			return 0, nil, err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return 0, nil, fmt.Errorf("not the size of a chunk: %q", line)
		}
		if err := c.append(int(size)); err != nil {
			return 0, nil, err
		}
		if line, err = c.line(); err != nil || len(line) != 0 {
			return 0, nil, errors.Join(err, errors.New("a chunk has no end"))
		}
		if size == 0 {
			return status, c.buf, nil
		}
	}
}

// append reads n more bytes of the body.
func (c *conn) append(n int) error {
	at := len(c.buf)
	if cap(c.buf) < at+n {
		c.buf = append(make([]byte, 0, 2*(at+n)), c.buf...)
	}
	c.buf = c.buf[:at+n]
	_, err := io.ReadFull(c.in, c.buf[at:])
	return err
}

// line reads to the end of the line, which is not part of the result.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// statusError is an answer that was not the expected one.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("answered %d: %.300s", e.status, e.body) }

// expect sends a request that must be answered with one of the statuses.
func (c *conn) expect(req []byte, statuses ...int) ([]byte, error) {
	status, body, err := c.do(req)
	if err != nil {
		return nil, err
	}
	for _, s := range statuses {
		if s == status {
			return body, nil
		}
	}
	return nil, &statusError{status, string(body)}
}

// call is for what is not measured: it encodes in, which may be nil, expects a
// status of success and decodes the answer into out, which may be nil.
func (c *conn) call(method, path, token string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	answer, err := c.expect(request(method, path, token, body), 200, 201, 202, 204)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: decode the answer: %w", method, path, err)
	}
	return nil
}
