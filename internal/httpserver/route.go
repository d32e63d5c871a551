package httpserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// DefaultMaxBody bounds request bodies of routes that do not say otherwise.
const DefaultMaxBody int64 = 1 << 20

// Route describes one operation.
type Route struct {
	// Method is the HTTP method.
	Method string
	// Path is the path below the module's prefixes, with parameters in braces:
	// "/v1/attempts/{attempt_id}/submit".
	Path string
	// ID is the operation's id in kebab-case, unique on the platform.
	ID string
	// Summary is one line; Description may say more.
	Summary, Description string
	// Permission is what the caller needs, auth.Public for nothing. Required.
	Permission auth.Permission
	// Status is that of success. Default 200, or 204 without an output body.
	Status int
	// MaxBody bounds the request body in bytes. Default DefaultMaxBody.
	MaxBody int64
	// Exam marks the exam path, which is shed last under load.
	Exam bool
	// Secret marks a POST whose body or answer holds a password or a token.
	// Nothing of it is kept, so an Idempotency-Key has no effect.
	Secret bool
	// Problems are the statuses of problems to document beside the usual ones.
	Problems []int
}

// Router takes the routes of one module.
type Router struct {
	server   *Server
	module   string
	prefixes []string
	db       *postgres.DB
	api      huma.API
	raw      []*boundRoute // those that huma does not know
}

// boundRoute is a route with the module it belongs to.
type boundRoute struct {
	Route
	module string
	db     *postgres.DB
	raw    bool
	series *series
	lines  lineLimit
}

// Handle adds an operation whose input and output are described by structs, as
// huma reads them. A handler's error is answered with its problem form. Mistakes
// in the route are reported by Server.Check.
func Handle[I, O any](r *Router, route Route, handler func(ctx context.Context, in *I) (*O, error)) {
	b, ok := r.bind(route, false)
	if !ok {
		return
	}
	defer func() {
		// huma panics on types that it cannot describe.
		if why := recover(); why != nil {
			r.server.mistake("%s %s: %v", route.Method, route.Path, why)
		}
	}()
	huma.Register(r.api, r.operation(b), func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			p := newProblem(ctx, err)
			report(ctx, p)
			if p.header.Get("Cache-Control") == "" {
				p.header.Set("Cache-Control", "no-store")
			}
			return nil, p
		}
		return out, nil
	})
}

// Raw adds an operation whose handler reads and writes HTTP itself: a stream,
// an upload or a download. It has no time limit of its own; instead every read
// of the body and every write must make progress. The permission has been
// checked, auth.Caller works, and errors go through WriteProblem.
func Raw(r *Router, route Route, handler http.HandlerFunc) {
	b, ok := r.bind(route, true)
	if !ok {
		return
	}
	r.server.mount(b, handler)
	r.raw = append(r.raw, b)
}

// bind checks the route and takes it into the server's list.
func (r *Router) bind(route Route, raw bool) (*boundRoute, bool) {
	if route.MaxBody == 0 {
		route.MaxBody = DefaultMaxBody
	}
	b := &boundRoute{Route: route, module: r.module, db: r.db, raw: raw}
	if err := r.server.add(b, r.prefixes); err != nil {
		r.server.mistake("%s %s of %s: %w", route.Method, route.Path, r.module, err)
		return nil, false
	}
	return b, true
}

// operation describes the route for huma.
func (r *Router) operation(b *boundRoute) huma.Operation {
	op := huma.Operation{
		OperationID: b.ID, Method: b.Method, Path: b.Path, Summary: b.Summary, Description: b.Description,
		Tags: []string{r.module}, DefaultStatus: b.Status, Errors: b.documentedProblems(),
		// The body has been read, in time and within bounds, before huma sees
		// it. huma's limit is exclusive.
		MaxBodyBytes: b.MaxBody + 1, BodyReadTimeout: -1,
		Extensions: map[string]any{"x-permission": string(b.Permission)},
		Metadata:   map[string]any{routeMetadata: b},
	}
	if b.Permission != auth.Public {
		op.Security = []map[string][]string{{bearerScheme: {}}}
	}
	return op
}

const (
	bearerScheme  = "bearer"
	routeMetadata = "lyceum-route"
)

// documentedProblems are the route's own and those that the server answers
// with.
func (b *boundRoute) documentedProblems() []int {
	all := append(slices.Clone(b.Problems), http.StatusServiceUnavailable)
	if b.Permission != auth.Public {
		all = append(all, http.StatusUnauthorized)
		if b.Permission != auth.SignedIn {
			all = append(all, http.StatusForbidden)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// adapter mounts huma's operations on the server's router.
type adapter struct{ server *Server }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	b, ok := op.Metadata[routeMetadata].(*boundRoute)
	if !ok {
		a.server.mistake("%s %s: not added through Handle", op.Method, op.Path)
		return
	}
	if b.Status == 0 {
		b.Status = op.DefaultStatus
	}
	a.server.mount(b, func(w http.ResponseWriter, r *http.Request) {
		handler(humachi.NewContext(op, r, w))
	})
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.server.mux.ServeHTTP(w, r) }

// RouteInfo is one route as tests and documents list it.
type RouteInfo struct {
	Module, Method, Path, ID, Summary string
	Permission                        auth.Permission
	Exam, Raw                         bool
}

func (b *boundRoute) info() RouteInfo {
	return RouteInfo{Module: b.module, Method: b.Method, Path: b.Path, ID: b.ID, Summary: b.Summary, Permission: b.Permission, Exam: b.Exam, Raw: b.raw}
}

func (i RouteInfo) String() string {
	return fmt.Sprintf("%s %s (%s, %s)", i.Method, i.Path, i.Module, i.Permission)
}
