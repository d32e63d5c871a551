package httpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver"
)

func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newServer()
	inside, release := make(chan struct{}), make(chan struct{})
	httpserver.Handle(s.Router("users", []string{"/v1/users"}, nil), get("/slow"), func(context.Context, *none) (*none, error) {
		close(inside)
		<-release
		return &none{}, nil
	})
	starting, started := context.WithCancel(t.Context())
	l, err := s.Listen(starting, "127.0.0.1:0")
	require.NoError(t, err)
	started() // the server outlives the context of its start
	client := &http.Client{Transport: &http.Transport{}}
	answered := make(chan error, 1)
	go func() {
		res, err := client.Get(l.URL() + "/v1/users/slow")
		if err == nil {
			err = res.Body.Close()
			if res.StatusCode != 204 {
				err = errors.New(res.Status)
			}
		}
		answered <- err
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- l.Stop(t.Context(), time.Millisecond) }()
	<-s.Draining()
	require.Eventually(t, func() bool {
		res, err := client.Get(l.URL() + "/")
		if err == nil {
			require.NoError(t, res.Body.Close())
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "new connections are still taken")
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	close(release)
	require.NoError(t, <-answered)
	require.NoError(t, <-stopped)
	client.CloseIdleConnections()
}

func TestStopCutsOffAtItsDeadline(t *testing.T) {
	t.Parallel()
	inside := make(chan struct{})
	l, err := httpserver.Listen(t.Context(), "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
	}), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	answered := make(chan error, 1)
	go func() {
		res, err := client.Get(l.URL())
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, l.Stop(ctx, time.Hour), "were cut off", "neither the delay nor the request outlasts the deadline")
	require.Error(t, <-answered)
}

func TestAnAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := httpserver.Listen(t.Context(), "127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = httpserver.Listen(t.Context(), l.Addr().String(), http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "listen on "+l.Addr().String())
	require.NoError(t, l.Stop(t.Context(), 0))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	check := func() error {
		if broken.Load() {
			return errors.New("no database")
		}
		return nil
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "test_metric"}, func() float64 { return 1 }))
	server := httptest.NewServer(httpserver.OpsHandler(httpserver.OpsOptions{
		Live:    func(context.Context) error { return check() },
		Ready:   func(context.Context) (any, error) { return map[string]int{"lag": 3}, check() },
		Metrics: reg,
		Status:  func(context.Context) any { return map[string]string{"version": "1"} },
		Extra: map[string]http.Handler{"/mail/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "mail at %s", r.URL.Path)
		})},
	}))
	t.Cleanup(server.Close)
	get := func(path string) (int, string) {
		res, err := server.Client().Get(server.URL + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, string(body)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		status, _ := get(path)
		require.Equal(t, 200, status)
	}
	broken.Store(true)
	status, _ := get("/livez")
	require.Equal(t, 503, status)
	status, body := get("/readyz")
	require.Equal(t, 503, status)
	var report struct {
		OK     bool
		Error  string
		Report struct{ Lag int }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &report))
	require.Equal(t, "no database", report.Error)
	require.Equal(t, 3, report.Report.Lag, "the report is there when it is needed")
	_, body = get("/metrics")
	require.Contains(t, body, "test_metric 1")
	_, body = get("/status")
	require.Contains(t, body, `"version": "1"`)
	_, body = get("/mail/abc")
	require.Equal(t, "mail at /mail/abc", body)
	_, body = get("/")
	for _, link := range []string{"/livez", "/readyz", "/metrics", "/status", "/mail/"} {
		require.Contains(t, body, `href="`+link+`"`)
	}
	status, _ = get("/nothing")
	require.Equal(t, 404, status)
}

func TestCursors(t *testing.T) {
	t.Parallel()
	type position struct {
		Name string
		ID   int
	}
	cursor := httpserver.EncodeCursor(position{"ü", 7})
	var got position
	require.NoError(t, httpserver.DecodeCursor(cursor, &got))
	require.Equal(t, position{"ü", 7}, got)
	for _, bad := range []string{"", "!", "x", "e30=", httpserver.EncodeCursor("text"), httpserver.EncodeCursor(map[string]any{"Other": 1}),
		httpserver.EncodeCursor(position{"\x00", 1}), httpserver.EncodeCursor(func() {}), cursor[:len(cursor)-2]} {
		require.ErrorContains(t, httpserver.DecodeCursor(bad, &got), "query.cursor", "%q", bad)
	}
}
