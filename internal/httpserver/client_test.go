package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

// whereInput notes where a request comes from, as modules do that limit by
// place.
type whereInput struct{ remote string }

func (in *whereInput) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func TestTheClientBehindATrustedProxy(t *testing.T) {
	t.Parallel()
	where := func(proxies ...string) func(forwarded ...string) string {
		s := serve(t, func(r *httpserver.Router) {
			httpserver.Handle(r, get("/where"), func(_ context.Context, in *whereInput) (*nameOutput, error) {
				out := &nameOutput{}
				out.Body.Name = in.remote
				return out, nil
			})
		}, httpservertest.WithOptions(func(o *httpserver.Options) {
			for _, p := range proxies {
				o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
			}
		}))
		return func(forwarded ...string) string {
			var headers []httpservertest.Header
			for _, f := range forwarded {
				headers = append(headers, httpservertest.Header{Name: "X-Forwarded-For", Value: f})
			}
			var out struct {
				Name string `json:"name"`
			}
			s.Do(t, "GET", "/v1/users/where", "", nil, &out, headers...)
			host, _, err := net.SplitHostPort(out.Name)
			require.NoError(t, err, "%q", out.Name)
			return host
		}
	}
	nobody := where()
	require.Equal(t, "127.0.0.1", nobody("203.0.113.9"), "without trusted proxies the field is hearsay")
	elsewhere := where("10.0.0.0/8")
	require.Equal(t, "127.0.0.1", elsewhere("203.0.113.9"), "the peer is not a trusted proxy")

	trusted := where("127.0.0.0/8", "10.0.0.0/8")
	for _, c := range []struct {
		why       string
		forwarded []string
		want      string
	}{
		{"no field", nil, "127.0.0.1"},
		{"one hop", []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the client sent stands to the left and is not believed", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"nor on a line of its own", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies of ours", []string{"198.51.100.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"with a port", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv4 written as IPv6", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"nonsense", []string{"unknown"}, "127.0.0.1"},
		{"nonsense before a proxy of ours", []string{"203.0.113.9, evil, 10.1.2.3"}, "10.1.2.3"},
		{"empty", []string{""}, "127.0.0.1"},
	} {
		require.Equal(t, c.want, trusted(c.forwarded...), c.why)
	}
}

// Half a body costs its sender nothing. It must not cost others their place.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/quick"), ok)
		httpserver.Handle(r, post("/slow"), func(context.Context, *struct{ Body struct{} }) (*none, error) { return &none{}, nil })
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.MaxInFlight = 1 }))
	var slow []net.Conn
	for range 3 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		// The server asks for the body when it begins to wait for it.
		_, err = io.WriteString(c, "POST /v1/users/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
		require.NoError(t, err)
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
		slow = append(slow, c)
	}
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/quick", "", nil, nil).StatusCode)
	for _, c := range slow {
		_, err := io.WriteString(c, "{}")
		require.NoError(t, err)
		lines := bufio.NewReader(c)
		for line := ""; !strings.HasPrefix(line, "HTTP/1.1 204"); {
			line, err = lines.ReadString('\n')
			require.NoError(t, err, "the answer to the whole body")
		}
	}
}

func TestSecretsAreNotKeptForAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	calls := 0
	s := serve(t, func(r *httpserver.Router) {
		route := post("/password")
		route.Permission, route.Secret = auth.SignedIn, true
		httpserver.Handle(r, route, func(ctx context.Context, _ *orderInput) (*orderOutput, error) {
			calls++
			return sh.order(ctx, nil)
		})
	}, httpservertest.WithDB(sh.db))
	token := s.Token(t, learner())
	for range 2 {
		res := s.Do(t, "POST", "/v1/users/password", token, []byte(`{"item":"secret"}`), nil, httpservertest.Header{Name: "Idempotency-Key", Value: "k"})
		require.Equal(t, 200, res.StatusCode)
		require.Empty(t, res.Header.Get("Idempotency-Replayed"))
	}
	require.Equal(t, 2, calls)
	var kept int
	require.NoError(t, sh.db.Pool.QueryRow(t.Context(), `select count(*) from users.idempotency_keys`).Scan(&kept))
	require.Zero(t, kept, "neither the answer nor a digest of the body is stored")
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	start := time.Now()
	// By the verifier's clock the token is in its last moments.
	key, err := auth.NewKey()
	require.NoError(t, err)
	verifier := auth.NewVerifier("i", "a", func() time.Time { return start })
	keys, err := auth.PublicSet(key)
	require.NoError(t, err)
	verifier.SetKeys(keys)
	token, _, err := auth.NewSigner(key, "i", "a", 2*time.Second).Sign(learner(), start)
	require.NoError(t, err)
	ended := make(chan struct{})
	s := serve(t, func(r *httpserver.Router) {
		route := get("/stream")
		route.Permission = auth.SignedIn
		httpserver.Raw(r, route, func(w http.ResponseWriter, r *http.Request) {
			httpserver.Stream(w, r, func(ctx context.Context, _ string) (<-chan httpserver.Event, error) {
				context.AfterFunc(ctx, func() { close(ended) })
				return make(chan httpserver.Event), nil
			})
		})
	}, httpservertest.WithVerifier(verifier))
	require.Equal(t, 200, s.Do(t, "GET", "/v1/users/stream", token, nil, nil).StatusCode, "the answer ends by itself")
	<-ended
}
