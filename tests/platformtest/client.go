package platformtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Client speaks to one platform, wherever it listens after a restart, as one
// caller. It may be used from many goroutines.
type Client struct {
	base  func() string
	http  *http.Client
	token string // access token; empty for a stranger
}

// Stranger is a client that is not signed in.
func (p *Platform) Stranger() *Client { return ClientAt(p.URL) }

// ClientAt is a client that is not signed in, of whatever answers under the
// base URL, which is asked for anew for each request.
func ClientAt(base func() string) *Client { return &Client{http: plainHTTP(), base: base} }

// Operations is a client of the operations listener.
func (p *Platform) Operations() *Client {
	return ClientAt(p.opsURL)
}

// plainHTTP follows no redirects and never repeats a request by itself on a
// connection that was closed: each test says what it sends.
func plainHTTP() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// WithToken is the same client with another access token.
func (c *Client) WithToken(token string) *Client {
	return &Client{base: c.base, http: c.http, token: token}
}

// URL is the address of a path.
func (c *Client) URL(path string) string { return c.base() + path }

// Header is one header of a request.
type Header struct{ Name, Value string }

// Raw is a body that is sent as it is.
type Raw struct {
	ContentType string
	Body        []byte
}

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the body as JSON.
func (r Response) Decode(out any) error {
	if err := json.Unmarshal(r.Body, out); err != nil {
		return fmt.Errorf("read %.300q as %T: %w", r.Body, out, err)
	}
	return nil
}

// Problem is an error of the API (RFC 9457).
type Problem struct {
	Type     string
	Title    string
	Status   int
	Detail   string
	Instance string
	Errors   []struct{ Location, Message string }
}

// Problem reads the answer as a problem and says if it is not a proper one.
func (r Response) Problem() (Problem, error) {
	var p Problem
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		return p, fmt.Errorf("%d with content type %q and not a problem: %.300q", r.Status, got, r.Body)
	}
	if err := r.Decode(&p); err != nil {
		return p, err
	}
	if p.Status != r.Status || p.Type == "" || p.Title == "" {
		return p, fmt.Errorf("an incomplete problem: %d %s", r.Status, r.Body)
	}
	return p, nil
}

// Do sends a request and reads the answer, whatever it is. A body that is not
// Raw is sent as JSON; nil is none. The error is that there was no answer.
func (c *Client) Do(ctx context.Context, method, path string, body any, headers ...Header) (Response, error) {
	var reader io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
	case Raw:
		reader, contentType = bytes.NewReader(b.Body), b.ContentType
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return Response{}, fmt.Errorf("write the body: %w", err)
		}
		reader, contentType = bytes.NewReader(text), "application/json"
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL(path), reader)
	if err != nil {
		return Response{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if request.ContentLength > 1<<10 {
		// A server that refuses the body by its length closes the connection,
		// so a client that goes on sending may never see the answer.
		request.Header.Set("Expect", "100-continue")
	}
	for _, h := range headers {
		request.Header.Set(h.Name, h.Value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Response{}, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return Response{Status: response.StatusCode, Header: response.Header, Body: text}, nil
}

// Call sends a request that must succeed and reads the answer into out, unless
// that is nil.
func (c *Client) Call(t testing.TB, method, path string, body, out any, headers ...Header) Response {
	t.Helper()
	response, err := c.Do(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if response.Status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, response.Status, response.Body)
	}
	if out != nil {
		if err := response.Decode(out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return response
}

// Get sends a GET that must succeed; see Call.
func (c *Client) Get(t testing.TB, path string, out any) Response {
	t.Helper()
	return c.Call(t, http.MethodGet, path, nil, out)
}

// Post sends a POST that must succeed; see Call.
func (c *Client) Post(t testing.TB, path string, body, out any, headers ...Header) Response {
	t.Helper()
	return c.Call(t, http.MethodPost, path, body, out, headers...)
}

// Put sends a PUT that must succeed; see Call.
func (c *Client) Put(t testing.TB, path string, body, out any) Response {
	t.Helper()
	return c.Call(t, http.MethodPut, path, body, out)
}

// Refused sends a request that must be refused with the status, by a proper
// problem, which it returns.
func (c *Client) Refused(t testing.TB, status int, method, path string, body any, headers ...Header) Problem {
	t.Helper()
	response, err := c.Do(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if response.Status != status {
		t.Fatalf("%s %s: %d %s; want %d", method, path, response.Status, response.Body, status)
	}
	problem, err := response.Problem()
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return problem
}
