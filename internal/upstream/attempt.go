package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// maxKept is how much of an answer that may be followed by another try is
	// kept, in case it is the last one after all.
	maxKept = 64 << 10
)

// attempts is the transport of the reverse proxy: it sends a request as often
// as it takes.
type attempts struct{}

// RoundTrip implements http.RoundTripper.
func (attempts) RoundTrip(out *http.Request) (*http.Response, error) {
	return exchangeOf(out.Context()).send(out)
}

// result is what came of a try.
type result struct {
	res        *http.Response
	err        error
	connected  bool          // something may have been sent
	refused    bool          // there is no answer, or one that others may not give
	shed       bool          // the answer is that the process is overloaded
	final      bool          // the answer is too large to be put aside for another
	retryAfter time.Duration // as the answer asks for; 0 if it does not
}

func (r result) reason() string {
	if r.err != nil {
		return r.err.Error()
	}
	return r.res.Status
}

// send tries one target after the other, and pauses when all have been tried.
func (x *exchange) send(out *http.Request) (*http.Response, error) {
	t := &x.f.targets
	first, n := t.begin(), len(t.urls)
	shed := false
	for try := 0; ; try++ {
		at := (first + try) % n
		r := x.try(out, t.urls[at], try)
		x.connected = r.connected
		if !r.refused {
			if t.worked(at) {
				x.f.log.InfoContext(x.ctx, "requests are answered here now", "target", t.urls[at].Host)
			}
			return r.res, r.err
		}
		t.failed(at)
		shed = shed || r.shed
		if !x.mayRepeat(r) {
			return r.res, r.err
		}
		if (try+1)%n == 0 && (shed || !x.pause(try/n, r)) {
			return r.res, r.err
		}
		if x.ctx.Err() != nil || !x.body.again() {
			return r.res, r.err
		}
		if r.res != nil {
			_ = r.res.Body.Close() // it has been read
		}
		x.f.metrics.retries.Inc()
	}
}

// mayRepeat says whether a request that came to nothing may be sent again.
func (x *exchange) mayRepeat(r result) bool {
	if r.final || x.ctx.Err() != nil || x.body.failure() != nil {
		return false
	}
	return !r.connected || idempotent(x.in)
}

// idempotent says whether a request may be sent twice: by its method (RFC 9110,
// 9.2.2), or because the routes that take a key see to it.
func idempotent(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != ""
}

// pause waits before the next round and reports whether there is one. Those who
// wait for the same thing wake up one after another.
func (x *exchange) pause(round int, last result) bool {
	length := min(firstPause<<min(round, 10), maxPause)
	if last.retryAfter > 0 {
		length = min(length, last.retryAfter)
	}
	length = length/2 + rand.N(length/2+1)
	now := time.Now()
	until, news := x.f.targets.away(x.started, now)
	if news {
		x.f.log.WarnContext(x.ctx, "no target serves requests; they are tried again", "last", last.reason())
	}
	if now.Add(length).After(until) {
		return false
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.ctx.Done():
		return false
	}
}

// try sends the request to one target.
func (x *exchange) try(out *http.Request, target *url.URL, n int) (r result) {
	// Not out's context: httputil passes informational answers on by it, which
	// would be the header of an answer that may not be the last.
	ctx := httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { r.connected = true }})
	ctx, span := x.f.tracer.Start(ctx, out.Method, trace.WithSpanKind(trace.SpanKindClient))
	defer func() { x.endSpan(span, target, n, r) }()
	req := out.WithContext(ctx)
	if n > 0 {
		req.Header = out.Header.Clone() // a try before may still be reading it
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(req.Header))
	to := *out.URL
	to.Scheme, to.Host = target.Scheme, target.Host
	req.URL = &to
	x.body.attach(req)
	r.res, r.err = x.f.transport.RoundTrip(req) //nolint:bodyclose // whoever gets the result closes it
	if r.err != nil {
		if cause := context.Cause(x.ctx); cause != nil {
			r.err = cause
		}
		r.err, r.refused = fmt.Errorf("%s: %w", target.Host, r.err), true
		return r
	}
	switch r.res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.refused = true
		if idempotent(x.in) {
			if x.body.rest != nil {
				x.clock.Reset(x.patience)
				defer x.clock.Stop()
			}
			r.keep()
		}
	}
	return r
}

// keep reads an answer, so that its connection is free and the answer can be
// sent later or not at all.
func (r *result) keep() {
	if seconds, err := strconv.Atoi(r.res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	var kept bytes.Buffer
	body := r.res.Body
	_, err := kept.ReadFrom(io.LimitReader(body, maxKept+1))
	if err != nil {
		_ = body.Close() // the reading has failed already
		r.res, r.err = nil, fmt.Errorf("read an answer %d: %w", r.res.StatusCode, err)
		return
	}
	if kept.Len() > maxKept {
		r.final = true
		r.res.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&kept, body), body}
		return
	}
	var problem struct {
		Type string `json:"type"`
	}
	r.shed = json.Unmarshal(kept.Bytes(), &problem) == nil && problem.Type == "/problems/overloaded"
	r.res.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(kept.Bytes()), body}
}

// endSpan describes a try. It ends with the header of the answer.
func (x *exchange) endSpan(span trace.Span, target *url.URL, n int, r result) {
	if span.IsRecording() {
		span.SetName("forward " + x.f.options.Module)
		span.SetAttributes(attribute.String("http.request.method", x.in.Method), attribute.String("server.address", target.Host),
			attribute.String("lyceum.module", x.f.options.Module))
		if n > 0 {
			span.SetAttributes(attribute.Int("http.request.resend_count", n))
		}
		switch {
		case r.err != nil && !errors.Is(r.err, context.Canceled):
			span.SetStatus(codes.Error, r.err.Error())
		case r.res != nil:
			span.SetAttributes(attribute.Int("http.response.status_code", r.res.StatusCode))
			if r.res.StatusCode >= http.StatusBadRequest {
				span.SetStatus(codes.Error, "")
			}
		}
	}
	span.End()
}
