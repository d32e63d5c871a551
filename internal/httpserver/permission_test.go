package httpserver_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

type callerOutput struct {
	Body struct {
		AccountID uuid.UUID `json:"account_id"`
		SignedIn  bool      `json:"signed_in"`
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	who := func(ctx context.Context, _ *none) (*callerOutput, error) {
		out := &callerOutput{}
		var p auth.Principal
		p, out.Body.SignedIn = auth.FromContext(ctx)
		out.Body.AccountID = p.AccountID
		return out, nil
	}
	s := serve(t, func(r *httpserver.Router) {
		for name, permission := range map[string]auth.Permission{
			"public": auth.Public, "signed-in": auth.SignedIn, "take": auth.TakeAssessments, "gradebook": auth.ReadGradebook,
		} {
			route := get("/" + name)
			route.Permission = permission
			httpserver.Handle(r, route, who)
			route = get("/raw/" + name)
			route.Permission = permission
			httpserver.Raw(r, route, func(w http.ResponseWriter, r *http.Request) {
				if permission != auth.Public && auth.Caller(r.Context()).AccountID == uuid.Nil {
					t.Error("a raw handler was called without its caller")
				}
				w.WriteHeader(http.StatusNoContent)
			})
		}
	})
	p := learner()
	token := s.Token(t, p)

	var out struct {
		AccountID uuid.UUID `json:"account_id"`
		SignedIn  bool      `json:"signed_in"`
	}
	s.Do(t, "GET", "/v1/users/take", token, nil, &out)
	require.Equal(t, p.AccountID, out.AccountID)
	s.Do(t, "GET", "/v1/users/signed-in", token, nil, &out)
	require.Equal(t, p.AccountID, out.AccountID)
	s.Do(t, "GET", "/v1/users/public", token, nil, &out)
	require.True(t, out.SignedIn, "a public route knows its caller if there is one")
	s.Do(t, "GET", "/v1/users/public", "stale", nil, &out)
	require.False(t, out.SignedIn, "a public route serves a stale token's bearer as a stranger")

	for _, kind := range []string{"", "raw/"} {
		requireProblem(t, s.Do(t, "GET", "/v1/users/"+kind+"gradebook", token, nil, nil), 403, "forbidden")
		res := s.Do(t, "GET", "/v1/users/"+kind+"take", "", nil, nil)
		requireProblem(t, res, 401, "token-missing")
		require.Contains(t, res.Header.Get("WWW-Authenticate"), "Bearer")
		requireProblem(t, s.Do(t, "GET", "/v1/users/"+kind+"take", token+"x", nil, nil), 401, "token-invalid")
		for _, header := range []string{"Basic dTpw", "Bearer", "Bearer  " + token, token} {
			res := s.Do(t, "GET", "/v1/users/"+kind+"take", "", nil, nil, httpservertest.Header{Name: "Authorization", Value: header})
			requireProblem(t, res, 401, "token-invalid")
		}
	}
	res := s.Do(t, "GET", "/v1/users/take", "", nil, nil, httpservertest.Header{Name: "Authorization", Value: "bEARER " + token})
	require.Equal(t, 200, res.StatusCode, "the scheme's case does not matter")
	require.Equal(t, "private, no-cache", res.Header.Get("Cache-Control"), "no shared cache keeps what one person may see")
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		route := get("/x")
		route.Permission = auth.SignedIn
		httpserver.Handle(r, route, ok)
	})
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/users/x", nil)
	require.NoError(t, err)
	for range 2 {
		req.Header.Add("Authorization", "Bearer "+s.Token(t, learner()))
	}
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	requireProblem(t, res, 401, "token-invalid")
}

func TestAnExpiredTokenSaysSo(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	verifier := auth.NewVerifier("i", "a", func() time.Time { return clock })
	key, err := auth.NewKey()
	require.NoError(t, err)
	set, err := auth.PublicSet(key)
	require.NoError(t, err)
	verifier.SetKeys(set)
	token, expires, err := auth.NewSigner(key, "i", "a", time.Minute).Sign(learner(), clock)
	require.NoError(t, err)
	s := serve(t, func(r *httpserver.Router) {
		route := get("/x")
		route.Permission = auth.SignedIn
		httpserver.Handle(r, route, ok)
	}, httpservertest.WithVerifier(verifier))
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/x", token, nil, nil).StatusCode)
	clock = expires.Add(time.Minute)
	requireProblem(t, s.Do(t, "GET", "/v1/users/x", token, nil, nil), 401, "token-expired")
}
