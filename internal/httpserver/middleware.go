package httpserver

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/problem"
)

const headerRequestID = "X-Request-Id"

// observe gives each request its id and, when it is over, its line in the log
// and its place in the metrics. A panic ends as a problem.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{server: s, log: s.log, method: r.Method, started: time.Now(), requestID: requestID(r)}
		w.Header().Set(headerRequestID, c.requestID)
		ctx, span := s.startSpan(r, c.requestID)
		ctx = context.WithValue(ctx, callKey{}, c)
		r = r.WithContext(ctx)
		cleanHeaders(r.Header)
		s.clientAddress(c, r)
		rec := &recorder{ResponseWriter: w}
		aborted := false
		defer func() {
			endSpan(span, s.finish(ctx, c, rec))
			if aborted {
				panic(http.ErrAbortHandler) // makes net/http cut the connection
			}
		}()
		defer func() {
			why := recover()
			if why == nil {
				return
			}
			err, ok := why.(error)
			if aborted = ok && errors.Is(err, http.ErrAbortHandler); aborted {
				return
			}
			s.log.ErrorContext(ctx, "panic in a handler", "request_id", c.requestID, "route", c.pattern(),
				"panic", why, "stack", string(debug.Stack()))
			c.problem = "internal"
			if aborted = rec.status != 0; aborted {
				return // half an answer must not look like a whole one
			}
			WriteProblem(rec, r, problem.New(problem.Internal, "internal", "Something went wrong on our side."))
		}()
		next.ServeHTTP(rec, r)
	})
}

// requestID takes the caller's id if it is a plain word, so that it can be
// followed through proxies, or makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get(headerRequestID)
	if len(id) > 0 && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" {
		return id
	}
	random := uuid.New()
	return hex.EncodeToString(random[:])
}

// cleanHeaders makes every header text that a column can hold. Control
// characters have been refused by net/http.
func cleanHeaders(h http.Header) {
	for _, values := range h {
		for i, v := range values {
			values[i] = strings.ToValidUTF8(v, "\uFFFD")
		}
	}
}

// slow is when a request is worth a line in the log whatever came of it.
const slow = time.Second

// finish writes the access log and the metrics, and returns the status. The URL
// is not logged, since queries and paths can carry signatures and ids of persons.
//
// Problems and slow requests are all logged. Of a route's successes there is at
// most one line a second, which says how many went unlogged before it: under
// load a line costs more than the rest of what the server does around a handler,
// and the metrics count them all. At level debug every request is logged.
func (s *Server) finish(ctx context.Context, c *call, rec *recorder) int {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	if c.clientGone || errors.Is(ctx.Err(), context.Canceled) && rec.status == 0 {
		status = statusClientGone
	}
	took := time.Since(c.started)
	s.metrics.observe(c, status, took)
	level, unlogged := slog.LevelInfo, int64(0)
	if status < http.StatusBadRequest && took < slow && c.route != nil {
		var ok bool
		if unlogged, ok = c.route.lines.take(c.started.Add(took)); !ok {
			level = slog.LevelDebug
		}
	}
	if !s.log.Enabled(ctx, level) {
		return status
	}
	attrs := []slog.Attr{
		slog.String("request_id", c.requestID), slog.String("method", c.method), slog.String("route", c.pattern()),
		slog.Int("status", status), slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", rec.bytes),
	}
	if m := c.module(); m != "" {
		attrs = append(attrs, slog.String("module", m))
	}
	if c.problem != "" {
		attrs = append(attrs, slog.String("problem", c.problem))
	}
	if unlogged > 0 {
		attrs = append(attrs, slog.Int64("unlogged", unlogged))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
	return status
}

// lineLimit lets one line a second through.
type lineLimit struct {
	second  atomic.Int64 // of the last line
	skipped atomic.Int64 // since then
}

// take reports whether now is the time for another line, and how many have been
// left out since the last one.
func (l *lineLimit) take(now time.Time) (skipped int64, ok bool) {
	last := l.second.Load()
	if second := now.Unix(); second != last && l.second.CompareAndSwap(last, second) {
		return l.skipped.Swap(0), true
	}
	l.skipped.Add(1)
	return 0, false
}

// headers sets what protects a browser that is led here. Handlers of documents
// set a Content-Security-Policy of their own.
func (s *Server) headers(next http.Handler) http.Handler {
	// Shared by all answers. Nobody writes into a header's values, and who adds
	// to them gets a copy, since they are full.
	nosniff, noReferrer := []string{"nosniff"}, []string{"no-referrer"}
	noContent := []string{"default-src 'none'; frame-ancestors 'none'"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = nosniff
		h["Referrer-Policy"] = noReferrer
		h["Content-Security-Policy"] = noContent
		next.ServeHTTP(w, r)
	})
}

// cors lets pages of the allowed origins call the API.
func (s *Server) cors(next http.Handler) http.Handler {
	if len(s.options.AllowedOrigins) == 0 {
		return next
	}
	all := slices.Contains(s.options.AllowedOrigins, "*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !all && !slices.Contains(s.options.AllowedOrigins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Idempotency-Replayed, Location, Retry-After, X-Request-Id")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, problem.New(problem.NotFound, "no-such-path", "There is nothing at this path. See /docs."))
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		if path := s.mux.Find(newRouteContext(), m, r.URL.Path); path != "" {
			allowed = append(allowed, m)
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	p := newProblem(r.Context(), problem.New(problem.Malformed, "method-not-allowed", "This path does not know the method %s.", truncate(r.Method, 20)))
	p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
	WriteProblem(w, r, p)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Flush implements http.Flusher.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }
