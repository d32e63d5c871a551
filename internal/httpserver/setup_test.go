package httpserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server that all tests of the binary share.
		goleak.IgnoreAnyFunction("github.com/lyceum-lms/platform/internal/postgres.(*Embedded).run"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"))
}

// module is a module made of routes.
type module struct {
	name   string
	routes func(*httpserver.Router)
}

func (m module) Name() string                { return m.name }
func (m module) Prefixes() []string          { return []string{"/v1/" + m.name} }
func (m module) Routes(r *httpserver.Router) { m.routes(r) }

type none struct{}

// serve serves routes of module users.
func serve(t testing.TB, routes func(*httpserver.Router), options ...httpservertest.Option) *httpservertest.Server {
	t.Helper()
	return httpservertest.New(t, module{"users", routes}, options...)
}

func get(path string) httpserver.Route {
	return httpserver.Route{Method: "GET", Path: "/v1/users" + path, ID: "get" + strings.NewReplacer("/", "-", "{", "", "}", "", "_", "-").Replace(path),
		Summary: "Test", Permission: auth.Public}
}

func post(path string) httpserver.Route {
	r := get(path)
	r.Method, r.ID = "POST", "post-"+r.ID
	return r
}

func learner() auth.Principal {
	return auth.Principal{AccountID: uuid.New(), OrganisationID: uuid.New(), SessionID: uuid.New(), Roles: []auth.Role{auth.Learner}}
}

func requireProblem(t testing.TB, res *http.Response, status int, reason string) httpserver.Problem {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, status, res.StatusCode, "%s", raw)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), "%s", raw)
	var p httpserver.Problem
	require.NoError(t, json.Unmarshal(raw, &p), "%s", raw)
	require.Equal(t, "/problems/"+reason, p.Type, "%s", raw)
	require.Equal(t, status, p.Status)
	require.Equal(t, "urn:request:"+res.Header.Get("X-Request-Id"), p.Instance)
	return p
}

func ok(context.Context, *none) (*none, error) { return &none{}, nil }
