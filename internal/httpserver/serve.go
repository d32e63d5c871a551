package httpserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// stall is how long a raw request may go without moving a byte.
const stall = 30 * time.Second

// serve is what happens to a request once its route is known: a place within
// the limits, the caller's permission, the body, the Idempotency-Key, and then
// the handler.
func (s *Server) serve(b *boundRoute, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		c := callOf(ctx)
		c.route = b
		nameSpan(trace.SpanFromContext(ctx), b)

		limit := &s.ordinary
		if b.Exam {
			limit = &s.exam
		}
		if !limit.enter() {
			s.metrics.shed(b)
			WriteProblem(w, r, errOverloaded())
			return
		}
		c.release = limit.leave
		defer func() { c.release() }()

		ctx, err := s.authorise(ctx, b, r)
		if err == nil {
			err = checkTarget(r.URL)
		}
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		if b.Permission != auth.Public {
			w.Header().Set("Cache-Control", "private, no-cache")
			w.Header().Add("Vary", "Authorization")
		}
		if b.raw {
			w, r = moving(w, r.WithContext(ctx), b.MaxBody)
			s.once(b, w, r, nil, handler)
			return
		}
		ctx, cancel := context.WithTimeout(ctx, s.options.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		body, err := s.readBodyOutside(limit, w, r, b)
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.once(b, w, r, body, handler)
	}
}

func errOverloaded() error {
	return problem.New(problem.Unavailable, "overloaded", "The service is busy. Try again shortly.").After(time.Second)
}

// readBodyOutside is readBody without a place within the limit: whoever sends a
// body slowly, or not at all, must keep nobody else out.
func (s *Server) readBodyOutside(limit *limiter, w http.ResponseWriter, r *http.Request, b *boundRoute) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	c := callOf(r.Context())
	limit.leave()
	c.release = func() {}
	body, err := s.readBody(w, r, b)
	if err != nil {
		return nil, err
	}
	if !limit.enter() {
		s.metrics.shed(b)
		return nil, errOverloaded()
	}
	c.release = limit.leave
	return body, nil
}

// authorise puts the caller into the context and refuses those without the
// route's permission.
func (s *Server) authorise(ctx context.Context, b *boundRoute, r *http.Request) (context.Context, error) {
	token, sent := bearer(r)
	if !sent {
		if b.Permission == auth.Public {
			return ctx, nil
		}
		return ctx, problem.New(problem.Unauthenticated, "token-missing", "This needs an access token: Authorization: Bearer <token>.")
	}
	principal, expires, err := s.options.Verifier.Verify(token)
	if err != nil {
		if b.Permission == auth.Public {
			return ctx, nil // a stale token does not keep anybody from renewing it
		}
		return ctx, err
	}
	if !principal.Can(b.Permission) {
		return ctx, problem.New(problem.Forbidden, "forbidden", "Your roles do not allow this: it needs the permission %s.", b.Permission)
	}
	callOf(ctx).expires = expires
	return auth.WithPrincipal(ctx, principal), nil
}

func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", len(values) > 0
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return token, true
}

// checkTarget refuses text in the URL that no text column can hold.
func checkTarget(u *url.URL) error {
	if !storable(u.Path) {
		return problem.New(problem.Malformed, "malformed-url", "The path is not valid UTF-8.")
	}
	if !strings.Contains(u.RawQuery, "%") && storable(u.RawQuery) {
		return nil
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problem.New(problem.Malformed, "malformed-url", "The query cannot be read.")
	}
	for name, values := range query {
		if !storable(name) {
			return problem.New(problem.Malformed, "malformed-url", "The query is not valid UTF-8.")
		}
		for _, v := range values {
			if !storable(v) {
				return problem.InvalidField("query."+name, "it is not valid UTF-8 or holds U+0000")
			}
		}
	}
	return nil
}

func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// readBody reads the whole body, within the route's bounds of size and time,
// and refuses hostile JSON.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, b *boundRoute) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, problem.New(problem.Malformed, "content-encoding", "The body must not be encoded; it is %q.", truncate(encoding, 50))
	}
	control := http.NewResponseController(w)
	// Both errors mean that the connection is not one of net/http's server,
	// which has deadlines.
	_ = control.SetReadDeadline(time.Now().Add(s.options.RequestTimeout))
	if r.ContentLength > b.MaxBody {
		return nil, &http.MaxBytesError{Limit: b.MaxBody}
	}
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		buffer.Grow(int(min(r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, b.MaxBody))
	// A deadline that passes later would look like a client that has gone.
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, bodyError(err)
	}
	if buffer.Len() > 0 && isJSON(r.Header.Get("Content-Type")) {
		if err := checkJSON(buffer.Bytes()); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), nil
}

// bodyError says why a body could not be read: it is too large, or the client
// sent less than it promised, or too slowly.
func bodyError(err error) error {
	if p := translate(err); p.Code == problem.TooLarge {
		return p
	}
	return problem.New(problem.Malformed, "incomplete-body", "The body did not arrive completely or in time.").WithCause(err)
}

// isJSON reports whether huma will read the content type as JSON.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	return media == "" || strings.HasSuffix(media, "json")
}

// moving lets a raw request take as long as it likes while bytes move.
func moving(w http.ResponseWriter, r *http.Request, maxBody int64) (http.ResponseWriter, *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = movingBody{ReadCloser: http.MaxBytesReader(w, r.Body, maxBody), control: control}
	}
	return &movingWriter{ResponseWriter: w, control: control}, r
}

type movingBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b movingBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(stall))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

type movingWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *movingWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stall))
	return w.ResponseWriter.Write(p)
}

// WriteHeader implements http.ResponseWriter. An answer without a body moves by
// its header alone, however long its making took.
func (w *movingWriter) WriteHeader(status int) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stall))
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *movingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *movingWriter) Flush() { _ = w.control.Flush() }
