package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// prefix is what the module "users" owns in these tests.
const prefix = "/v1/users"

// soon is how long a test waits for what must happen.
const soon = 10 * time.Second

// front is a process that forwards the module.
type front struct {
	URL       string
	Server    *httpserver.Server
	Forwarder *upstream.Forwarder
	Registry  *prometheus.Registry
	Stop      func() // as a process stops
	client    *http.Client
}

type change struct {
	forward func(*upstream.Options)
	serve   func(*httpserver.Options)
}

func with(f func(*upstream.Options)) change      { return change{forward: f} }
func serving(f func(*httpserver.Options)) change { return change{serve: f} }

// newFront forwards the module to the targets.
func newFront(t testing.TB, targets []string, changes ...change) *front {
	t.Helper()
	f := &front{Registry: prometheus.NewRegistry(), client: newClient(t)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	forward := upstream.Options{Module: "users", Log: log, Registerer: f.Registry}
	serve := httpserver.Options{Verifier: auth.NewVerifier("i", "a", time.Now), Log: log, Registerer: f.Registry}
	for _, target := range targets {
		u, err := url.Parse(target)
		require.NoError(t, err)
		forward.Targets = append(forward.Targets, u)
	}
	for _, c := range changes {
		if c.forward != nil {
			c.forward(&forward)
		}
		if c.serve != nil {
			c.serve(&serve)
		}
	}
	var err error
	f.Forwarder, err = upstream.New(forward)
	require.NoError(t, err)
	f.Server = httpserver.New(serve)
	f.Server.Forward("users", []string{prefix}, f.Forwarder)
	l, err := f.Server.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	f.URL = l.URL()
	f.Stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), soon)
		defer cancel()
		require.NoError(t, l.Stop(ctx, 0))
		f.Forwarder.Close()
	})
	t.Cleanup(f.Stop)
	return f
}

func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// answered is a whole answer.
type answered struct {
	*http.Response
	Body []byte
}

type header map[string]string

// do sends a request below the prefix and reads the answer.
func (f *front) do(t testing.TB, method, path string, body io.Reader, headers ...header) answered {
	t.Helper()
	res := f.open(t, method, path, body, headers...)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return answered{res, raw}
}

// open is do without reading the body.
func (f *front) open(t testing.TB, method, path string, body io.Reader, headers ...header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+prefix+path, body)
	require.NoError(t, err)
	for _, h := range headers {
		for name, value := range h {
			req.Header.Set(name, value)
		}
	}
	res, err := f.client.Do(req)
	require.NoError(t, err)
	return res
}

// value is the sum of a metric's series that have the label value, or of all
// for an empty one.
func (f *front) value(t testing.TB, metric, label string) float64 {
	t.Helper()
	families, err := f.Registry.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := label == ""
			for _, l := range m.GetLabel() {
				matches = matches || l.GetValue() == label
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// comesTo waits for a metric.
func (f *front) comesTo(t testing.TB, want float64, metric, label string) {
	t.Helper()
	require.Eventually(t, func() bool { return f.value(t, metric, label) == want }, soon, time.Millisecond,
		"%s %s is not %v", metric, label, want)
}

func (a answered) requireProblem(t testing.TB, status int, reason string) httpserver.Problem {
	t.Helper()
	require.Equal(t, status, a.StatusCode, "%s", a.Body)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	var p httpserver.Problem
	require.NoError(t, json.Unmarshal(a.Body, &p), "%s", a.Body)
	require.Equal(t, "/problems/"+reason, p.Type)
	require.Equal(t, status, p.Status)
	require.Equal(t, "urn:request:"+a.Header.Get("X-Request-Id"), p.Instance)
	return p
}

// other is the other process: a server that counts what comes.
type other struct {
	URL  string
	seen atomic.Int64
}

// newOther serves with a handler that is told the number of the request.
func newOther(t testing.TB, handler func(n int64, w http.ResponseWriter, r *http.Request)) *other {
	t.Helper()
	o := &other{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler(o.seen.Add(1), w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	o.URL = s.URL
	return o
}

// newRaw answers each connection's first request with a text as it is, and
// closes it.
func newRaw(t testing.TB, answer func(n int64) string) *other {
	t.Helper()
	o := &other{}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o.URL = "http://" + l.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				buffer := make([]byte, 4096)
				if _, err := conn.Read(buffer); err == nil {
					_, _ = io.WriteString(conn, answer(o.seen.Add(1)))
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return o
}

// deadEnd is the URL of a port where nobody listens.
func deadEnd(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}

// breakOff closes the connection without an answer.
func breakOff(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func say(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func refuseWith(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	say(w, status, `{"type":"/problems/`+reason+`"}`)
}

// pattern is a body of a size whose every part differs.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)
	}
	return b
}

func reader(b []byte) io.Reader { return bytes.NewReader(b) }
