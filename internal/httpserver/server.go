package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// Options say how to serve. Verifier, Log and Registerer are required.
type Options struct {
	// Verifier checks access tokens.
	Verifier   *auth.Verifier
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Version of the release, for the OpenAPI description.
	Version string
	// PublicURL is the address in the OpenAPI description; empty for relative.
	PublicURL string
	// Document is the description to serve at /openapi.json in place of that of
	// the routes here, for a process that forwards some of the API. It is called
	// for each request.
	Document func() ([]byte, error)
	// AllowedOrigins may call the API from a browser (CORS). Default none;
	// "*" is every origin. Credentials travel in a header, never in a cookie.
	AllowedOrigins []string
	// TrustedProxies are the networks of the proxies in front of this server:
	// whose X-Forwarded-For says where a request comes from. Default none.
	TrustedProxies []netip.Prefix

	// RequestTimeout bounds every request but raw ones. Default 30 s.
	RequestTimeout time.Duration
	// MaxInFlight bounds the requests that are served at the same time outside
	// the exam path; those beyond it are refused at once. Default 512.
	MaxInFlight int
	// MaxInFlightExam is the same for the exam path. Default 1024.
	MaxInFlightExam int
	// MaxStreams bounds open event streams. Default 4096.
	MaxStreams int
}

// Server serves the routes of any number of modules. Routers are made and
// filled before the first request.
type Server struct {
	options Options
	log     *slog.Logger
	mux     *chi.Mux
	handler http.Handler
	metrics *metrics
	tracer  trace.Tracer

	ordinary, exam, streams limiter

	draining context.Context
	drain    context.CancelFunc

	mu       sync.Mutex
	mistakes []error
	owners   []owner
	routers  []*Router
	routes   []*boundRoute
	openAPI  func() ([]byte, error)
}

// New makes a server without routes. It fails only if its metrics cannot be
// registered, which Check reports.
func New(o Options) *Server {
	installProblems()
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 30*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 512)
	o.MaxInFlightExam = cmp.Or(o.MaxInFlightExam, 1024)
	o.MaxStreams = cmp.Or(o.MaxStreams, 4096)
	o.Version = cmp.Or(o.Version, "0.0.0-dev")
	s := &Server{options: o, log: o.Log, mux: chi.NewMux(), tracer: otel.Tracer("lyceum/http")}
	s.ordinary, s.exam, s.streams = newLimiter(o.MaxInFlight), newLimiter(o.MaxInFlightExam), newLimiter(o.MaxStreams)
	s.draining, s.drain = context.WithCancel(context.Background()) //nolint:forbidigo // it lasts until Stop
	s.openAPI = sync.OnceValues(s.buildOpenAPI)
	var err error
	if s.metrics, err = newMetrics(o.Registerer, s); err != nil {
		s.mistake("register the HTTP metrics: %w", err)
	}
	s.mux.Use(middleware.GetHead)
	s.mux.NotFound(s.notFound)
	s.mux.MethodNotAllowed(s.methodNotAllowed)
	s.mountDocs()
	s.handler = s.observe(s.headers(s.cors(compress(s.mux))))
	return s
}

// Handler serves the API.
func (s *Server) Handler() http.Handler { return s.handler }

// Router makes the router of one module, which owns the path prefixes. db is
// where the module's Idempotency-Keys are kept; without one, requests that
// carry a key are refused.
func (s *Server) Router(module string, prefixes []string, db *postgres.DB) *Router {
	r := &Router{server: s, module: module, prefixes: slices.Clone(prefixes), db: db}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own(module, r.prefixes)
	r.api = huma.NewAPI(apiConfig(module), adapter{s})
	s.routers = append(s.routers, r)
	return r
}

// owner is a module with the path prefixes that it owns, here or elsewhere.
type owner struct {
	module   string
	prefixes []string
}

// own notes whose the prefixes are. Every path has one owner at most.
func (s *Server) own(module string, prefixes []string) {
	if module == "" {
		s.mistakes = append(s.mistakes, errors.New("a router without a module name"))
	}
	for _, p := range prefixes {
		if !strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, "{}*") {
			s.mistakes = append(s.mistakes, fmt.Errorf("module %s: %q is not a path prefix", module, p))
		}
	}
	for _, other := range s.owners {
		if other.module == module {
			s.mistakes = append(s.mistakes, fmt.Errorf("two routers of module %s", module))
		}
		for _, a := range other.prefixes {
			for _, b := range prefixes {
				if within(a, b) || within(b, a) {
					s.mistakes = append(s.mistakes, fmt.Errorf("prefixes overlap: %s of %s and %s of %s", a, other.module, b, module))
				}
			}
		}
	}
	s.owners = append(s.owners, owner{module, prefixes})
}

// within reports whether path lies at or below prefix.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

var (
	kebab     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	parameter = regexp.MustCompile(`\{[^/{}]*\}`)
	goodPath  = regexp.MustCompile(`^(/([A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\}))+$`)
	methods   = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
)

// add checks a route and takes it into the list.
func (s *Server) add(b *boundRoute, prefixes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(methods, b.Method) {
		return fmt.Errorf("method %q is not one of %v", b.Method, methods)
	}
	if !goodPath.MatchString(b.Path) {
		return errors.New("the path is not one")
	}
	if !slices.ContainsFunc(prefixes, func(p string) bool { return within(b.Path, p) }) {
		return fmt.Errorf("outside the module's prefixes %v", prefixes)
	}
	if !kebab.MatchString(b.ID) {
		return fmt.Errorf("operation id %q is not kebab-case", b.ID)
	}
	if !slices.Contains(auth.Permissions(), b.Permission) {
		return fmt.Errorf("permission %q does not exist", b.Permission)
	}
	if b.Summary == "" {
		return errors.New("no summary")
	}
	shape := parameter.ReplaceAllString(b.Path, "{}")
	for _, other := range s.routes {
		if other.ID == b.ID {
			return fmt.Errorf("operation id %s is taken by %s %s", b.ID, other.Method, other.Path)
		}
		if other.Method == b.Method && parameter.ReplaceAllString(other.Path, "{}") == shape {
			return fmt.Errorf("the same route as %s", other.ID)
		}
	}
	s.routes = append(s.routes, b)
	return nil
}

func (s *Server) mistake(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mistakes = append(s.mistakes, fmt.Errorf(format, args...))
}

// Check reports every mistake in the routes: outside their module's prefixes,
// overlapping prefixes, no permission, no or a taken operation id, the same
// route twice, types that cannot be described. A server with mistakes must not
// be started.
func (s *Server) Check() error {
	_, err := s.openAPI()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(slices.Clone(s.mistakes), err)...)
}

// Routes lists all routes, by path and method.
func (s *Server) Routes() []RouteInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]RouteInfo, 0, len(s.routes))
	for _, b := range s.routes {
		infos = append(infos, b.info())
	}
	slices.SortFunc(infos, func(a, b RouteInfo) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return infos
}

// Drain ends the event streams and makes Draining's channel closed, for
// readiness to turn. Requests are still served.
func (s *Server) Drain() { s.drain() }

// Draining is closed once the server is about to stop.
func (s *Server) Draining() <-chan struct{} { return s.draining.Done() }

// mount gives the route its place.
func (s *Server) mount(b *boundRoute, handler http.HandlerFunc) {
	defer func() {
		if why := recover(); why != nil { // chi refuses patterns by panicking
			s.mistake("%s %s: %v", b.Method, b.Path, why)
		}
	}()
	b.series = s.metrics.seriesOf(b)
	s.mux.Method(b.Method, b.Path, s.serve(b, handler))
}
