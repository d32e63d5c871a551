package httpserver_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

func newServer(changes ...func(*httpserver.Options)) *httpserver.Server {
	o := httpserver.Options{
		Verifier: auth.NewVerifier("i", "a", time.Now), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Version: "1.2.3",
	}
	for _, change := range changes {
		change(&o)
	}
	return httpserver.New(o)
}

func TestCheckFindsEveryMistake(t *testing.T) {
	t.Parallel()
	good := func() httpserver.Route { return get("/x") }
	for name, c := range map[string]struct {
		add  func(*httpserver.Server)
		want string
	}{
		"nothing wrong": {func(s *httpserver.Server) {
			httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), good(), ok)
		}, ""},
		"outside the prefixes": {func(s *httpserver.Server) {
			httpserver.Handle(s.Router("users", []string{"/v1/user"}, nil), good(), ok)
		}, "outside the module's prefixes"},
		"the same prefix": {func(s *httpserver.Server) {
			s.Router("users", []string{"/v1/a"}, nil)
			s.Router("content", []string{"/v1/a"}, nil)
		}, "prefixes overlap: /v1/a of users and /v1/a of content"},
		"a prefix inside another": {func(s *httpserver.Server) {
			s.Router("users", []string{"/v1/a"}, nil)
			s.Router("content", []string{"/v1/a/b"}, nil)
		}, "prefixes overlap"},
		"prefixes that only look alike": {func(s *httpserver.Server) {
			s.Router("users", []string{"/v1/a"}, nil)
			s.Router("content", []string{"/v1/ab"}, nil)
		}, ""},
		"a prefix that is a pattern": {func(s *httpserver.Server) { s.Router("users", []string{"/v1/{x}"}, nil) }, "is not a path prefix"},
		"a module twice": {func(s *httpserver.Server) {
			s.Router("users", nil, nil)
			s.Router("users", nil, nil)
		}, "two routers of module users"},
		"no permission": {func(s *httpserver.Server) {
			route := good()
			route.Permission = ""
			httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), route, ok)
		}, `permission "" does not exist`},
		"an unknown permission": {func(s *httpserver.Server) {
			route := good()
			route.Permission = "everything"
			httpserver.Raw(s.Router("users", []string{"/v1/users"}, nil), route, func(http.ResponseWriter, *http.Request) {})
		}, `permission "everything" does not exist`},
		"no operation id": {func(s *httpserver.Server) {
			route := good()
			route.ID = ""
			httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), route, ok)
		}, `operation id "" is not kebab-case`},
		"an operation id twice": {func(s *httpserver.Server) {
			r := s.Router("users", []string{"/v1/users"}, nil)
			httpserver.Handle(r, good(), ok)
			route := good()
			route.Path += "/y"
			httpserver.Raw(r, route, func(http.ResponseWriter, *http.Request) {})
		}, "operation id get-x is taken by GET /v1/users/x"},
		"a route twice": {func(s *httpserver.Server) {
			r := s.Router("users", []string{"/v1/users"}, nil)
			for id, path := range map[string]string{"one": "/v1/users/{a}", "two": "/v1/users/{b}"} {
				route := good()
				route.ID, route.Path = id, path
				httpserver.Raw(r, route, func(http.ResponseWriter, *http.Request) {})
			}
		}, "the same route as"},
		"a broken pattern": {func(s *httpserver.Server) {
			route := good()
			route.Path = "/v1/users/{a"
			httpserver.Raw(s.Router("users", []string{"/v1/users"}, nil), route, func(http.ResponseWriter, *http.Request) {})
		}, "the path is not one"},
		"no summary": {func(s *httpserver.Server) {
			route := good()
			route.Summary = ""
			httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), route, ok)
		}, "no summary"},
		"an input that cannot be described": {func(s *httpserver.Server) {
			httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), good(),
				func(context.Context, *int) (*none, error) { return &none{}, nil })
		}, "input must be a struct"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			c.add(s)
			err := s.Check()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			_, err = s.Listen(t.Context(), "127.0.0.1:0")
			require.ErrorContains(t, err, c.want, "a server with mistakes does not start")
		})
	}
}

type item struct {
	Name string `json:"name"`
	Next *item  `json:"next,omitempty"`
}

func describe(t *testing.T) []byte {
	t.Helper()
	s := newServer()
	users := s.Router("users", []string{"/v1/users"}, nil)
	route := post("/items/{id}")
	route.Permission, route.Problems, route.Status = auth.TakeCourses, []int{409}, 201
	httpserver.Handle(users, route, func(context.Context, *struct {
		ID   string `path:"id"`
		Body struct {
			Inner struct{ A string } `json:"inner"`
		}
	}) (*struct{ Body item }, error) {
		return nil, nil
	})
	list := get("/items")
	httpserver.Handle(users, list, func(context.Context, *struct {
		httpserver.Page
		Body struct {
			Inner struct{ B string } `json:"inner"` // another type under the same hint
		}
	}) (*struct{ Body httpserver.List[item] }, error) {
		return nil, nil
	})
	content := s.Router("content", []string{"/v1/content"}, nil)
	raw := get("/files/{name}")
	raw.Path, raw.ID = "/v1/content/files/{name}", "get-file"
	httpserver.Raw(content, raw, func(http.ResponseWriter, *http.Request) {})
	same := get("/items")
	same.Path, same.ID = "/v1/content/items", "list-content-items"
	httpserver.Handle(content, same, func(context.Context, *none) (*struct{ Body item }, error) { return nil, nil })
	require.NoError(t, s.Check())
	text, err := s.OpenAPI()
	require.NoError(t, err)
	return text
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	text := describe(t)
	require.Equal(t, string(text), string(describe(t)), "the description is the same each time")
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Permission  string `json:"x-permission"`
			Tags        []string
			Security    []map[string][]string
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct{ Content map[string]any }
		}
		Components struct {
			Schemas         map[string]any
			SecuritySchemes map[string]any `json:"securitySchemes"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "1.2.3", doc.Info.Version)
	op := doc.Paths["/v1/users/items/{id}"]["post"]
	require.Equal(t, "courses:take", op.Permission)
	require.Equal(t, []map[string][]string{{"bearer": {}}}, op.Security)
	require.Equal(t, []string{"users"}, op.Tags)
	require.Contains(t, op.Responses["409"].Content, "application/problem+json")
	for _, status := range []string{"201", "401", "403", "422", "503"} {
		require.Contains(t, op.Responses, status)
	}
	require.Contains(t, op.Parameters, struct{ Name, In string }{"Idempotency-Key", "header"})
	public := doc.Paths["/v1/users/items"]["get"]
	require.Empty(t, public.Security)
	require.NotContains(t, public.Responses, "401")
	require.Equal(t, "get-file", doc.Paths["/v1/content/files/{name}"]["get"].OperationID)
	require.Equal(t, []struct{ Name, In string }{{"name", "path"}}, doc.Paths["/v1/content/files/{name}"]["get"].Parameters)
	require.Contains(t, doc.Components.SecuritySchemes, "bearer")
	for ref := range strings.SplitSeq(string(text), `"$ref": "#/components/schemas/`) {
		if name, _, ok := strings.Cut(ref, `"`); ok && !strings.HasPrefix(ref, "{") {
			require.Contains(t, doc.Components.Schemas, name, "a reference to nothing")
		}
	}
}

func TestRoutesAreListedInOrder(t *testing.T) {
	t.Parallel()
	s := newServer()
	r := s.Router("users", []string{"/v1/users"}, nil)
	exam := post("/a")
	exam.Exam, exam.Permission = true, auth.TakeAssessments
	httpserver.Handle(r, get("/b"), ok)
	httpserver.Raw(r, exam, func(http.ResponseWriter, *http.Request) {})
	httpserver.Handle(r, get("/a"), ok)
	require.Equal(t, []httpserver.RouteInfo{
		{Module: "users", Method: "GET", Path: "/v1/users/a", ID: "get-a", Summary: "Test", Permission: auth.Public},
		{Module: "users", Method: "POST", Path: "/v1/users/a", ID: "post-get-a", Summary: "Test", Permission: auth.TakeAssessments, Exam: true, Raw: true},
		{Module: "users", Method: "GET", Path: "/v1/users/b", ID: "get-b", Summary: "Test", Permission: auth.Public},
	}, s.Routes())
}

func TestDocumentationPageIsSelfContained(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) { httpserver.Handle(r, get("/x"), ok) })
	for path, contentType := range map[string]string{
		"/docs": "text/html; charset=utf-8", "/docs/docs.js": "text/javascript; charset=utf-8", "/docs/docs.css": "text/css; charset=utf-8",
		"/openapi.json": "application/openapi+json", "/": "application/json",
	} {
		var body []byte
		res := s.Do(t, "GET", path, "", nil, &body)
		require.Equal(t, 200, res.StatusCode, path)
		require.Equal(t, contentType, res.Header.Get("Content-Type"))
		require.NotEmpty(t, body)
		if strings.HasPrefix(path, "/docs") {
			for _, elsewhere := range []string{"http://", "https://", "onclick=", "style=\"", "<script>", "eval(", "innerHTML"} {
				require.NotContains(t, string(body), elsewhere, path)
			}
		}
	}
	require.NotContains(t, s.Do(t, "GET", "/docs", "", nil, nil).Header.Get("Content-Security-Policy"), "unsafe")
}
