package upstream_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/upstream"
)

// BenchmarkForward compares requests through a bare httputil.ReverseProxy with
// the same through a Forwarder alone and through one behind httpserver, as the
// platform has it. They take turns, so that whatever else the machine does meets
// all of them, and the ratios of their medians are printed: x-forwarder and
// x-server are how many times the bare proxy's time a request takes. The time to
// the process itself is there to show what a hop costs at all.
func BenchmarkForward(b *testing.B) {
	for name, c := range map[string]struct {
		method      string
		body        int
		answer      int
		concurrency int
	}{
		"read a unit":            {"GET", 0, 8 << 10, 1},
		"save a response":        {"PUT", 300, 100, 1},
		"save by 32 at once":     {"PUT", 300, 100, 32},
		"download of a megabyte": {"GET", 0, 1 << 20, 1},
	} {
		b.Run(name, func(b *testing.B) { benchmarkForward(b, c.method, pattern(c.body), pattern(c.answer), c.concurrency) })
	}
}

func benchmarkForward(b *testing.B, method string, body, answer []byte, concurrency int) {
	o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	b.Cleanup(o.Close)
	to, err := url.Parse(o.URL)
	require.NoError(b, err)

	bareTransport := &http.Transport{MaxIdleConnsPerHost: 1000}
	b.Cleanup(bareTransport.CloseIdleConnections)
	bare := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to); p.SetXForwarded() }, Transport: bareTransport}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	forwarder := func() *upstream.Forwarder {
		f, err := upstream.New(upstream.Options{Module: "users", Targets: []*url.URL{to}, Log: log, Registerer: prometheus.NewRegistry()})
		require.NoError(b, err)
		b.Cleanup(f.Close)
		return f
	}
	server := httpserver.New(httpserver.Options{Verifier: auth.NewVerifier("i", "a", time.Now), Log: log, Registerer: prometheus.NewRegistry()})
	server.Forward("users", []string{prefix}, forwarder())
	require.NoError(b, server.Check())

	handlers := []http.Handler{http.NotFoundHandler(), bare, forwarder(), server.Handler()}
	urls := []string{o.URL}
	for _, h := range handlers[1:] {
		s := httptest.NewServer(h)
		b.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	client := newClient(b)
	send := func(to string) {
		req, err := http.NewRequestWithContext(b.Context(), method, to+prefix, bytes.NewReader(body))
		if err != nil {
			b.Error(err)
			return
		}
		res, err := client.Do(req)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			b.Error(res.Status)
		}
	}
	times := make([][]time.Duration, len(urls))
	for b.Loop() {
		for i, u := range urls {
			start := time.Now()
			if concurrency == 1 {
				send(u)
			} else {
				var all sync.WaitGroup
				for range concurrency {
					all.Go(func() { send(u) })
				}
				all.Wait()
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2])
	}
	direct, proxied := median(0), median(1)
	b.ReportMetric(direct/1000, "direct-µs")
	b.ReportMetric(proxied/1000, "bare-µs")
	b.ReportMetric(median(2)/proxied, "x-forwarder")
	b.ReportMetric(median(3)/proxied, "x-server")
	b.ReportMetric(0, "ns/op") // of all four together, which is of no interest
}
