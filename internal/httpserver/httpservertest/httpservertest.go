// Package httpservertest serves a module's routes over real HTTP to its tests.
package httpservertest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// Module is what a domain module shows of itself to the server.
type Module interface {
	Name() string
	Prefixes() []string
	Routes(r *httpserver.Router)
}

// Server serves one module on 127.0.0.1 until its test ends.
type Server struct {
	// URL is where, without a slash at its end.
	URL string
	// HTTP is the server behind it.
	HTTP *httpserver.Server

	client *http.Client
	signer *auth.Signer
}

// issuer and audience are those of the test's own tokens.
const (
	issuer   = "https://lyceum.test"
	audience = "lyceum-test"
)

// Option changes how a module is served.
type Option func(*config)

type config struct {
	http httpserver.Options
	db   *postgres.DB
}

// WithDB lets requests carry Idempotency-Keys, which are kept in the module's
// schema.
func WithDB(db *postgres.DB) Option { return func(c *config) { c.db = db } }

// WithOptions changes the server's options.
func WithOptions(change func(*httpserver.Options)) Option {
	return func(c *config) { change(&c.http) }
}

// WithVerifier checks tokens with a verifier of the test's, such as one that
// module users fills. Server.Token's tokens are then refused.
func WithVerifier(v *auth.Verifier) Option { return func(c *config) { c.http.Verifier = v } }

// New serves the module. Tokens are signed with a key made for this test.
func New(t testing.TB, m Module, options ...Option) *Server {
	t.Helper()
	key, err := auth.NewKey()
	require.NoError(t, err)
	c := config{http: httpserver.Options{
		Log:        slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Registerer: prometheus.NewRegistry(), Version: "test",
	}}
	for _, o := range options {
		o(&c)
	}
	if c.http.Verifier == nil {
		c.http.Verifier = auth.NewVerifier(issuer, audience, time.Now)
		keys, err := auth.PublicSet(key)
		require.NoError(t, err)
		c.http.Verifier.SetKeys(keys)
	}
	s := httpserver.New(c.http)
	m.Routes(s.Router(m.Name(), m.Prefixes(), c.db))
	require.NoError(t, s.Check())
	l, err := s.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, l.Stop(ctx, 0))
	})
	return &Server{URL: l.URL(), HTTP: s, client: &http.Client{Transport: transport, Timeout: time.Minute},
		signer: auth.NewSigner(key, issuer, audience, time.Hour)}
}

// Token makes an access token for the principal, good for an hour.
func (s *Server) Token(t testing.TB, p auth.Principal) string {
	t.Helper()
	token, _, err := s.signer.Sign(p, time.Now())
	require.NoError(t, err)
	return token
}

// Client is a client whose connections are closed when the test ends.
func (s *Server) Client() *http.Client { return s.client }

// Header is one header of a request.
type Header struct{ Name, Value string }

// Do sends a request and reads the whole answer. token may be empty. body is
// sent as JSON unless it is nil, a []byte or an io.Reader, which go as they are.
// out, if not nil, takes the answer: a *[]byte its bytes, anything else its
// JSON. The answer's Body can be read again.
func (s *Server) Do(t testing.TB, method, path, token string, body, out any, headers ...Header) *http.Response {
	t.Helper()
	var reader io.Reader
	isJSON := false
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case io.Reader:
		reader = b
	default:
		raw, err := json.Marshal(b)
		require.NoError(t, err)
		reader, isJSON = bytes.NewReader(raw), true
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, reader)
	require.NoError(t, err)
	if isJSON {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		req.Header.Set(h.Name, h.Value)
	}
	res, err := s.client.Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(raw))
	switch o := out.(type) {
	case nil:
	case *[]byte:
		*o = raw
	default:
		require.NoError(t, json.Unmarshal(raw, out), "%s %s answered %s: %s", method, path, res.Status, raw)
	}
	return res
}
