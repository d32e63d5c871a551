package httpserver

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/problem"
)

// forwarded are the methods that are passed on to other processes: those of
// routes, and those that net/http and CORS answer by themselves elsewhere.
var forwarded = append([]string{http.MethodHead, http.MethodOptions}, methods...)

// Forward gives the paths at and below the prefixes, which belong to a module
// that another process runs, to h: an upstream.Forwarder. They get request ids,
// CORS, the access log, traces and metrics like the routes here, labelled with
// the prefix. Permission, Idempotency-Key, the limit of the body and compression
// are left to the process that knows the routes, and the limit of how many are
// under way to h, so that a module that hangs elsewhere takes no place from
// those that run here. A request may take as long as it likes while bytes move.
func (s *Server) Forward(module string, prefixes []string, h http.Handler) {
	s.elsewhere(module, prefixes, func(w http.ResponseWriter, r *http.Request) {
		if cw, ok := w.(*compressWriter); ok {
			w = cw.ResponseWriter // whether to compress has been decided where the answer comes from
		}
		if err := checkForwarded(r); err != nil {
			WriteProblem(w, r, err)
			return
		}
		w, r = moving(w, r, math.MaxInt64)
		h.ServeHTTP(w, r)
	})
}

// Absent answers the paths at and below the prefixes, which belong to a module
// that this process neither runs nor knows the address of, with a problem that
// says so.
func (s *Server) Absent(module string, prefixes []string) {
	s.elsewhere(module, prefixes, func(w http.ResponseWriter, r *http.Request) {
		p := newProblem(r.Context(), problem.New(problem.NotFound, "module-not-here",
			"This path belongs to the module %s, which does not run in this process. Ask where it runs, or have requests forwarded there.", module))
		p.Title = "Module not here"
		WriteProblem(w, r, p)
	})
}

// elsewhere mounts a handler for all that lies below a module's prefixes.
func (s *Server) elsewhere(module string, prefixes []string, handler http.HandlerFunc) {
	prefixes = slices.Clone(prefixes)
	s.mu.Lock()
	s.own(module, prefixes)
	s.mu.Unlock()
	for _, prefix := range prefixes {
		for _, method := range forwarded {
			s.mountElsewhere(module, prefix, method, handler)
		}
	}
}

// mountElsewhere gives one method of a prefix its place. The prefix stands for
// the routes below it, which are not known here: series, lines of the log and
// spans have it in the place of a pattern.
func (s *Server) mountElsewhere(module, prefix, method string, handler http.HandlerFunc) {
	defer func() {
		if why := recover(); why != nil { // chi refuses patterns by panicking
			s.mistake("%s %s of %s: %v", method, prefix, module, why)
		}
	}()
	b := &boundRoute{Route: Route{Method: method, Path: prefix}, module: module, raw: true}
	b.series = s.metrics.seriesOf(b)
	serve := func(w http.ResponseWriter, r *http.Request) {
		callOf(r.Context()).route = b
		nameSpan(trace.SpanFromContext(r.Context()), b)
		handler(w, r)
	}
	s.mux.Method(method, prefix, http.HandlerFunc(serve))
	s.mux.Method(method, prefix+"/*", http.HandlerFunc(serve))
}

// checkForwarded refuses what no route would take, and paths with steps in them:
// whatever stands before the other process could lead them out of the prefix.
func checkForwarded(r *http.Request) error {
	for step := range strings.SplitSeq(r.URL.Path, "/") {
		if step == "." || step == ".." {
			return problem.New(problem.Malformed, "malformed-url", "The path has %q for a part.", step)
		}
	}
	return checkTarget(r.URL)
}

// Proxied reports whether the request that ctx belongs to has come from a proxy
// that is trusted, so that its X-Forwarded-Host and X-Forwarded-Proto say how
// the client sent it. The address of the client is RemoteAddr in any case.
func Proxied(ctx context.Context) bool {
	c := callOf(ctx)
	return c != nil && c.proxied
}

// WhenDraining calls f, in a goroutine of its own, once the server that serves
// the request that ctx belongs to is about to stop. Event streams end then.
// stop takes it back, like that of context.AfterFunc.
func WhenDraining(ctx context.Context, f func()) (stop func() bool) {
	c := callOf(ctx)
	if c == nil {
		return func() bool { return false }
	}
	return context.AfterFunc(c.server.draining, f)
}
