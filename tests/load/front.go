package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Serve gives the balancer an address of its own until the test ends, for
// learners and for processes that must know one address for all platforms. A
// request that could not be sent, because its connection was refused, goes to the
// next platform; one that was sent is not sent again.
func (b *Balancer) Serve(t testing.TB) (baseURL string) {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetXForwarded() },
		Transport:    sender{balancer: b, Transport: &http.Transport{DisableKeepAlives: true}},
		ErrorHandler: brokenOff,
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// sender is the balancer's way to the platforms.
type sender struct {
	balancer *Balancer
	*http.Transport
}

// RoundTrip implements http.RoundTripper.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	for more := s.balancer.size(); ; more-- {
		base, err := url.Parse(s.balancer.URL())
		if err != nil {
			return nil, fmt.Errorf("read the address of a platform: %w", err)
		}
		to := r.Clone(r.Context())
		to.URL.Scheme, to.URL.Host = base.Scheme, base.Host
		if r.Body != nil {
			to.Body = io.NopCloser(r.Body) // for another try
		}
		response, err := s.Transport.RoundTrip(to)
		var network *net.OpError
		if err == nil || !errors.As(err, &network) || network.Op != "dial" || more <= 1 {
			return response, err
		}
	}
}

func (b *Balancer) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.targets)
}

// brokenOff answers a request that no platform has answered, as a problem, so that
// it is counted by what became of it.
func brokenOff(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the learner has gone
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusBadGateway)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the learner has gone: nobody to tell
		"type": "/problems/no-answer: " + kindOf(err), "title": "Bad Gateway", "status": http.StatusBadGateway,
	})
}
