package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/pprof"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// OpsOptions say what the operations listener shows. It is not for the public.
type OpsOptions struct {
	// Live fails when the process must be restarted. Nil never fails.
	Live func(ctx context.Context) error
	// Ready fails when the process should get no traffic. The report, if not
	// nil, is shown as JSON either way.
	Ready func(ctx context.Context) (report any, err error)
	// Metrics are what Prometheus scrapes.
	Metrics prometheus.Gatherer
	// Status is shown as JSON.
	Status func(ctx context.Context) any
	// Extra handlers by their pattern, such as "/mail/". They see the whole path.
	Extra map[string]http.Handler
}

// checkTimeout bounds a probe: an answer that comes later is not waited for.
const checkTimeout = 5 * time.Second

// OpsHandler serves /livez, /readyz, /metrics, /status, the profiles of the Go
// runtime below /debug/pprof/ (one of up to a minute costs a few per cent of
// speed while it is taken), the extra handlers and an index of them.
func OpsHandler(o OpsOptions) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) {
		var err error
		if o.Live != nil {
			ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
			defer cancel()
			err = o.Live(ctx)
		}
		writeProbe(w, nil, err)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		var report any
		var err error
		if o.Ready != nil {
			ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
			defer cancel()
			report, err = o.Ready(ctx)
		}
		writeProbe(w, report, err)
	})
	links := []string{"/livez", "/readyz"}
	if o.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}))
		links = append(links, "/metrics")
	}
	if o.Status != nil {
		mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, http.StatusOK, o.Status(r.Context()))
		})
		links = append(links, "/status")
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap, goroutine, mutex and so on by their names
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	links = append(links, "/debug/pprof/")
	for _, path := range slices.Sorted(maps.Keys(o.Extra)) {
		mux.Handle(path, o.Extra[path])
		links = append(links, path)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		fmt.Fprint(w, "<!doctype html><html lang=en><title>Lyceum operations</title><h1>Lyceum operations</h1><ul>")
		for _, l := range links {
			fmt.Fprintf(w, "<li><a href=\"%s\">%[1]s</a></li>", html.EscapeString(l))
		}
		fmt.Fprint(w, "</ul></html>")
	})
	return mux
}

func writeProbe(w http.ResponseWriter, report any, err error) {
	body := struct {
		OK     bool   `json:"ok"`
		Error  string `json:"error,omitempty"`
		Report any    `json:"report,omitempty"`
	}{OK: err == nil, Report: report}
	status := http.StatusOK
	if err != nil {
		status, body.Error = http.StatusServiceUnavailable, err.Error()
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client has gone: nobody to tell
}
