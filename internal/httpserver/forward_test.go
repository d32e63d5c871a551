package httpserver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver"
)

func TestForwardedPathsAreServedLikeTheOwn(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	var log bytes.Buffer
	s := newServer(func(o *httpserver.Options) {
		o.Registerer, o.AllowedOrigins, o.MaxInFlight = reg, []string{"https://lyceum.example"}, 1
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	})
	text := strings.Repeat("long enough to be compressed ", 100)
	s.Forward("content", []string{"/v1/courses", "/v1/media"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.Method+" "+r.URL.EscapedPath()+" "+httpserver.RequestID(r.Context())+"\n"+text)
	}))
	s.Forward("elsewhere", []string{"/v1/auth"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	require.NoError(t, s.Check())
	do := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	for _, path := range []string{"/v1/courses", "/v1/courses/", "/v1/courses/1/units/2", "/v1/media/a%2Fb"} {
		w := do("GET", path, "X-Request-Id", "the-id", "Origin", "https://lyceum.example", "Accept-Encoding", "gzip")
		require.Equal(t, 200, w.Code)
		require.Equal(t, "GET "+path+" the-id\n"+text, w.Body.String(), "not compressed by this process")
		require.Equal(t, "https://lyceum.example", w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		require.Contains(t, do(method, "/v1/courses/7").Body.String(), method+" /v1/courses/7 ")
	}
	preflight := do("OPTIONS", "/v1/courses/7", "Origin", "https://lyceum.example", "Access-Control-Request-Method", "PUT")
	require.Equal(t, 204, preflight.Code)
	require.Contains(t, preflight.Header().Get("Access-Control-Allow-Methods"), "PUT")
	require.Equal(t, 405, do("TRACE", "/v1/courses/7").Code)
	require.Equal(t, 405, do("BREW", "/v1/courses/7").Code)
	require.Equal(t, 404, do("GET", "/v1/coursesx").Code)
	for path, reason := range map[string]string{
		"/v1/courses/../auth": "malformed-url", "/v1/courses/./x": "malformed-url", "/v1/courses/%2e%2e/auth": "malformed-url",
		"/v1/courses/a/..": "malformed-url", "/v1/courses/%ff": "malformed-url", "/v1/courses/a?q=%00": "invalid-value",
	} {
		require.Contains(t, do("GET", path).Body.String(), `"/problems/`+reason+`"`, path)
	}

	counted := series(t, reg, "lyceum_http_requests_total")
	require.Equal(t, 3.0, counted["2xx GET content /v1/courses"])
	require.Equal(t, 1.0, counted["2xx GET content /v1/media"])
	require.Equal(t, 1.0, counted["2xx PUT content /v1/courses"])
	require.Contains(t, log.String(), `"route":"/v1/courses","status":200`)
	require.NotContains(t, log.String(), "units", "the path is not logged")
}

func TestAModuleThatIsNotHere(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.Absent("analytics", []string{"/v1/analytics"})
	require.NoError(t, s.Check())
	for _, target := range []string{"/v1/analytics", "/v1/analytics/courses/7"} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, nil))
		require.Equal(t, 404, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		var p httpserver.Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Equal(t, "/problems/module-not-here", p.Type)
		require.Equal(t, "Module not here", p.Title)
		require.Contains(t, p.Detail, "analytics")
	}
}

func TestAPathHasOneOwnerHereOrElsewhere(t *testing.T) {
	t.Parallel()
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for want, add := range map[string]func(s *httpserver.Server){
		"prefixes overlap: /v1/users of users and /v1/users/x of content": func(s *httpserver.Server) { s.Forward("content", []string{"/v1/users/x"}, nothing) },
		"prefixes overlap: /v1/users of users and /v1 of content":         func(s *httpserver.Server) { s.Absent("content", []string{"/v1"}) },
		"two routers of module users":                                     func(s *httpserver.Server) { s.Forward("users", []string{"/v1/me"}, nothing) },
		`"/v1/{id}" is not a path prefix`:                                 func(s *httpserver.Server) { s.Absent("content", []string{"/v1/{id}"}) },
		"two routers of module content": func(s *httpserver.Server) {
			s.Forward("content", []string{"/v1/a"}, nothing)
			s.Absent("content", []string{"/v1/b"})
		},
	} {
		s := newServer()
		s.Router("users", []string{"/v1/users"}, nil)
		add(s)
		require.ErrorContains(t, s.Check(), want)
	}
}

// A process that forwards some of the API still describes all of it.
func TestTheDescriptionOfTheWholeAPI(t *testing.T) {
	t.Parallel()
	s := newServer(func(o *httpserver.Options) {
		o.Document = func() ([]byte, error) { return []byte(`{"openapi":"3.1.0","paths":{}}`), nil }
	})
	httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), get("/own"), ok)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	require.JSONEq(t, `{"openapi":"3.1.0","paths":{}}`, w.Body.String())
	own, err := s.OpenAPI()
	require.NoError(t, err)
	require.Contains(t, string(own), "/v1/users/own", "mistakes are still found in the routes here")
}

// The server's own limit for writing an answer begins with the request. What
// took longer to make is sent all the same, be it a header alone.
func TestALateAnswerWithoutABodyIsSent(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	late := func(w http.ResponseWriter, _ *http.Request) {
		timer := time.NewTimer(2 * limit)
		defer timer.Stop()
		<-timer.C
		w.WriteHeader(http.StatusNoContent)
	}
	s := newServer()
	httpserver.Raw(s.Router("users", []string{"/v1/users"}, nil), get("/late"), late)
	s.Forward("content", []string{"/v1/courses"}, http.HandlerFunc(late))
	server := httptest.NewUnstartedServer(s.Handler())
	server.Config.WriteTimeout = limit
	server.Start()
	t.Cleanup(server.Close)
	for _, path := range []string{"/v1/users/late", "/v1/courses"} {
		res, err := server.Client().Get(server.URL + path)
		require.NoError(t, err, path)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 204, res.StatusCode)
	}
}
