// Package upstream passes the requests of a module that runs in another process
// on to it. What reaches the client is the other process's answer, or a problem
// (RFC 9457) that says that there was none:
//
//	502 upstream-failed       it broke off, or answered what is not HTTP
//	503 upstream-unavailable  no connection to it could be made
//	503 overloaded            too many requests are being passed on already
//	504 upstream-timeout      it kept the request waiting for too long
//	508 upstream-loop         the request has been here before
//
// httputil.ReverseProxy does the passing. This package adds what it leaves open:
// several addresses and another try where that is safe, bounds, and the manners
// of internal/httpserver.
//
// # Another try
//
// A request that got no answer, or 502, 503 or 504, is sent again, to the next
// address and, when all have been asked, after a growing pause, as long as
// Options.RetryFor lasts. That is done for methods that HTTP calls idempotent
// and for requests with an Idempotency-Key; for any other only if no connection
// could be made, so that nothing was sent. The answer 503 "overloaded" is not
// met with more of the same: every address is asked once. When a module has been
// away for longer than RetryFor, requests no longer wait for its return; each is
// tried once.
//
// Bodies of up to 1 MiB are read before a connection is taken, so that a slow
// client holds nothing, and can be sent again. Larger ones are streamed, and can
// be sent again only while nothing of what is not kept has been read. Answers
// are always streamed. Once a byte of one is with the client there is no other
// try: if it breaks off, so does the client's connection.
package upstream

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	// stall is how long a connection may go without taking a byte.
	stall = 30 * time.Second
	// maxAnswerHeader bounds the header of an answer.
	maxAnswerHeader = 64 << 10
	// maxHops is how many proxies a request may have passed.
	maxHops = 16
)

// Options say where a module runs. Module, Targets, Log and Registerer are
// required.
type Options struct {
	// Module is the name of the module, for problems, logs and metrics.
	Module string
	// Targets are the base URLs of processes that run it: scheme and host. The
	// one that worked last is used until it fails, then the next is tried.
	Targets    []*url.URL
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// TLS is for https targets. Default: the system's certificate authorities.
	TLS *tls.Config

	// RequestTimeout is how long the other process may keep a request waiting:
	// for the header of the answer and, if the answer is short, for its rest. A
	// long answer must move at least that often, and an event stream may rest as
	// long as it likes. Default 31 s, a second more than a server gives its
	// requests, so that its own word comes first.
	RequestTimeout time.Duration
	// DialTimeout bounds the making of a connection. Default 3 s.
	DialTimeout time.Duration
	// RetryFor is how long after its arrival a request is still tried again.
	// Default 10 s; negative for one try at each target.
	RetryFor time.Duration
	// MaxInFlight bounds the requests that are passed on at the same time, those
	// that wait for another try included. Default 4096: the other process sheds
	// load itself, exams last, so this is for when it does not answer at all.
	MaxInFlight int
	// MaxStreams bounds the event streams and large uploads that are open.
	// Default 4096.
	MaxStreams int
}

// Forwarder is the http.Handler of a module that runs elsewhere. It belongs
// behind httpserver.Server.Forward, which gives requests their ids, client
// addresses and deadlines.
type Forwarder struct {
	options   Options
	log       *slog.Logger
	name      string // in Via
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	targets   targets
	metrics   *metrics
	tracer    trace.Tracer

	requests, streams places
}

// New makes a forwarder. It connects to nothing yet.
func New(o Options) (*Forwarder, error) {
	if o.Module == "" || o.Log == nil || o.Registerer == nil {
		return nil, errors.New("a forwarder needs a module, a log and a registerer")
	}
	if len(o.Targets) == 0 {
		return nil, fmt.Errorf("forward %s: no URL says where it runs", o.Module)
	}
	for _, t := range o.Targets {
		if err := checkTarget(t); err != nil {
			return nil, fmt.Errorf("forward %s: %w", o.Module, err)
		}
	}
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 31*time.Second)
	o.DialTimeout = cmp.Or(o.DialTimeout, 3*time.Second)
	o.RetryFor = cmp.Or(o.RetryFor, 10*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 4096)
	o.MaxStreams = cmp.Or(o.MaxStreams, 4096)
	f := &Forwarder{
		options: o, log: o.Log.With("upstream", o.Module), name: "lyceum-" + strings.ToLower(rand.Text()[:12]),
		targets: targets{urls: o.Targets, patience: o.RetryFor}, tracer: otel.Tracer("lyceum/upstream"),
		requests: places{most: int64(o.MaxInFlight)}, streams: places{most: int64(o.MaxStreams)},
	}
	f.transport = newTransport(o)
	f.proxy = &httputil.ReverseProxy{
		Rewrite: f.rewrite, Transport: attempts{}, ModifyResponse: accept, ErrorHandler: refuse, BufferPool: &buffers{},
		ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
	}
	var err error
	if f.metrics, err = newMetrics(o.Registerer, f); err != nil {
		return nil, fmt.Errorf("register the metrics of the forwarding of %s: %w", o.Module, err)
	}
	return f, nil
}

func checkTarget(t *url.URL) error {
	if t == nil || t.Scheme != "http" && t.Scheme != "https" || t.Hostname() == "" {
		return fmt.Errorf("%q is not an http or https URL with a host", redacted(t))
	}
	if t.User != nil || strings.Trim(t.Path, "/") != "" || t.RawQuery != "" || t.Fragment != "" {
		return fmt.Errorf("%q has more than a scheme and a host: requests are passed on with their own paths and tokens", redacted(t))
	}
	return nil
}

func redacted(t *url.URL) string {
	if t == nil {
		return ""
	}
	return t.Redacted()
}

// newTransport keeps a connection for every request that may be under way, and
// gives them up before a server does that is configured like ours (two minutes),
// so that few requests meet a connection that is being closed.
func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{
		Timeout:         o.DialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4},
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return movingConn{conn}, nil
		},
		TLSClientConfig: o.TLS, TLSHandshakeTimeout: o.DialTimeout,
		MaxIdleConnsPerHost: o.MaxInFlight, IdleConnTimeout: 90 * time.Second,
		// A header that starts to come is waited for by the exchange, too; this
		// is for bodies that are streamed, whose sending takes its own time.
		ResponseHeaderTimeout: o.RequestTimeout, MaxResponseHeaderBytes: maxAnswerHeader,
		// What the client accepts is between it and the other process.
		DisableCompression: true,
	}
}

// movingConn is a connection that must take bytes when there are some.
type movingConn struct{ net.Conn }

// Write implements net.Conn.
func (c movingConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close lets go of connections that no request uses, once the server has
// stopped.
func (f *Forwarder) Close() { f.transport.CloseIdleConnections() }

// ServeHTTP implements http.Handler.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.hasPassed(r) {
		f.metrics.count(outcomeLoop)
		httpserver.WriteProblem(w, r, problem.New(problem.Loop, "upstream-loop",
			"The request has been passed round in a circle: the processes that forward the module %s point at each other.", f.options.Module))
		return
	}
	body, err := readHead(r, f.options.RequestTimeout)
	if err != nil {
		f.metrics.count(outcomeClient)
		httpserver.WriteProblem(w, r, incomplete(err))
		return
	}
	x := &exchange{f: f, w: w, in: r, body: body, place: &f.requests, started: time.Now()}
	if body.rest != nil {
		x.place = &f.streams
	}
	if !x.place.enter() {
		f.metrics.count(outcomeShed)
		httpserver.WriteProblem(w, r, overloaded())
		return
	}
	x.serve()
}

func overloaded() error {
	return problem.New(problem.Unavailable, "overloaded", "The service is busy. Try again shortly.").After(time.Second)
}

func incomplete(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return problem.New(problem.Malformed, "incomplete-body", "The body did not arrive completely or in time.").WithCause(err)
}

// hasPassed reports whether the request has come through this forwarder before,
// by the name that it leaves in Via (RFC 9110, 7.6.3), or through so many
// proxies that something must be wrong.
func (f *Forwarder) hasPassed(r *http.Request) bool {
	hops := 0
	for _, line := range r.Header.Values("Via") {
		for hop := range strings.SplitSeq(line, ",") {
			fields := strings.Fields(hop)
			if hops++; hops > maxHops || len(fields) > 1 && fields[1] == f.name {
				return true
			}
		}
	}
	return false
}

// rewrite says in the request's header whose it is. httputil has removed what is
// meant for one hop only, and what the client itself says of where it is.
func (f *Forwarder) rewrite(p *httputil.ProxyRequest) {
	h := p.Out.Header
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" {
			h.Del(name)
		}
	}
	p.SetXForwarded() // httpserver has put the client's address in the place of a trusted proxy's
	if httpserver.Proxied(p.In.Context()) {
		if proto := single(p.In.Header, "X-Forwarded-Proto"); proto == "http" || proto == "https" {
			h.Set("X-Forwarded-Proto", proto)
		}
		if host := single(p.In.Header, "X-Forwarded-Host"); host != "" {
			h.Set("X-Forwarded-Host", host)
		}
	}
	if id := httpserver.RequestID(p.In.Context()); id != "" {
		h.Set("X-Request-Id", id)
	}
	h.Add("Via", "1.1 "+f.name)
	// Whoever waits to be told to send its body is told here, when it is read.
	h.Del("Expect")
	p.Out.URL.RawQuery = p.In.URL.RawQuery // signed URLs come out as they went in
	p.Out.Host = ""
	p.Out.Trailer, p.Out.TransferEncoding = nil, nil
}

// single is the value of a header that is there once and is no list.
func single(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) != 1 || len(values[0]) > 255 || strings.Contains(values[0], ",") {
		return ""
	}
	return strings.TrimSpace(values[0])
}
