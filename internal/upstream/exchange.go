package upstream

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

var (
	errTooSlow        = errors.New("it kept the request waiting for too long")
	errTooManyStreams = errors.New("too many streams are open")
	errSwitched       = errors.New("it wants to switch protocols")
)

// linger is how long a client whose connection is being closed may go on sending.
const linger = 500 * time.Millisecond

// shortAnswer is an answer all of which must come within the time of a request.
const shortAnswer = 1 << 20

// exchange is one request on its way, with its tries, and the answer.
type exchange struct {
	f       *Forwarder
	w       http.ResponseWriter
	in      *http.Request
	body    *body
	place   *places
	started time.Time

	ctx      context.Context // of the tries; ends when the time is up
	cancel   context.CancelCauseFunc
	clock    *time.Timer   // ends ctx
	patience time.Duration // how much longer the other process may keep us waiting

	closing   bool        // the client's connection ends with the answer
	connected bool        // a connection was made for the last try
	outcome   string      // empty until the answer has been accepted or refused
	answer    *answer     // once it has been accepted
	draining  atomic.Bool // the stream was ended by us
	undrain   func() bool // takes the end of the stream at a drain back
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// serve does it all.
func (x *exchange) serve() {
	var ctx context.Context
	ctx, x.cancel = context.WithCancelCause(x.in.Context())
	x.ctx = context.WithValue(ctx, exchangeKey{}, x)
	x.outcome = outcomeFailed // unless something else comes of it
	x.patience = x.f.options.RequestTimeout
	x.clock = time.AfterFunc(x.patience, func() { x.cancel(errTooSlow) })
	if x.body.rest != nil {
		x.clock.Stop() // the transport's time begins when the body has been sent
		// The answer need not wait for the end of the body, nor for what is left
		// of it when the other process refuses it half-way. A connection that
		// cannot do that is not one of net/http's server.
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
	defer x.end() // also when httputil ends a half-sent answer by panicking
	r := x.in.WithContext(x.ctx)
	r.Body, r.ContentLength = http.NoBody, 0 // each try has the body from us
	r.Header.Del("Upgrade")
	x.f.proxy.ServeHTTP(x.w, r)
}

func (x *exchange) end() {
	x.clock.Stop()
	if x.undrain != nil {
		x.undrain()
	}
	x.cancel(nil)
	x.body.close()
	if x.closing {
		// The transport may be reading, which the server would wait for. It reads
		// on a little itself, or the client might not get to see the answer.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(linger))
	}
	x.place.leave()
	if x.answer != nil && !x.answer.whole {
		x.outcome = outcomeClient // it went before the end
		if err := x.answer.err; err != nil && x.in.Context().Err() == nil {
			x.outcome = outcomeCut
			x.f.log.WarnContext(x.in.Context(), "an answer broke off", "request_id", httpserver.RequestID(x.in.Context()), "error", err)
		}
	}
	x.f.metrics.count(x.outcome)
}

// accept looks at an answer before it goes to the client.
func accept(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	if res.StatusCode == http.StatusSwitchingProtocols {
		return errSwitched
	}
	x.f.metrics.seconds.Observe(time.Since(x.started).Seconds())
	x.answer = &answer{x: x, ReadCloser: res.Body}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == "text/event-stream" {
		if err := x.becomeStream(); err != nil {
			x.answer = nil
			return err
		}
	} else if x.answer.long = res.ContentLength < 0 || res.ContentLength > shortAnswer; !x.answer.long && x.body.rest == nil {
		x.patience -= time.Since(x.started)
	}
	x.clock.Stop() // the answer winds it up for each read
	res.Body = x.answer
	mergeHeader(x.w.Header(), res.Header)
	x.closeIfBehind()
	x.outcome = outcomeAnswered
	return nil
}

// closeIfBehind has the server close the client's connection after an answer
// that begins before the end of the body. Nobody knows whether that will be read,
// and what is left of it must never be taken for another request.
func (x *exchange) closeIfBehind() {
	if x.body.rest != nil && !x.body.hasEnded() {
		x.closing = true
		x.w.Header().Set("Connection", "close")
	}
}

// mergeHeader prepares the adding of the answer's header to what this process's
// server has set already. The answer's own word goes first, but for who may read
// it from which page and for the id of the request, which are this process's to
// say.
func mergeHeader(ours, theirs http.Header) {
	for name := range theirs {
		_, both := ours[name]
		switch {
		case name == "Vary":
		case strings.HasPrefix(name, "Access-Control-"), both && name == "X-Request-Id":
			theirs.Del(name)
		case both:
			ours.Del(name)
		}
	}
}

// becomeStream gives the place among the requests back, as httpserver.Stream
// does, and ends the stream when the server is about to stop.
func (x *exchange) becomeStream() error {
	if x.place != &x.f.streams {
		if !x.f.streams.enter() {
			return errTooManyStreams
		}
		x.place.leave()
		x.place = &x.f.streams
	}
	x.answer.stream = true
	x.undrain = httpserver.WhenDraining(x.in.Context(), func() {
		x.draining.Store(true)
		x.cancel(nil)
	})
	return nil
}

// answer is the body of an answer. Only the goroutine of the request reads it.
type answer struct {
	io.ReadCloser
	x            *exchange
	long, stream bool
	whole        bool
	err          error
}

// Read implements io.Reader. Time that the client takes does not count.
func (a *answer) Read(p []byte) (int, error) {
	var start time.Time
	if !a.stream {
		start = time.Now()
		a.x.clock.Reset(a.x.patience)
	}
	n, err := a.ReadCloser.Read(p)
	if !a.stream {
		a.x.clock.Stop()
	}
	if !a.stream && !a.long {
		a.x.patience -= time.Since(start)
	}
	if err != nil && a.x.draining.Load() {
		err = io.EOF // a stream that we end, ends well
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		a.whole = true
	default:
		a.err = err
	}
	return n, err
}

// refuse answers a request that no process has answered.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	module := x.f.options.Module
	var network net.Error
	var p error
	switch {
	case x.in.Context().Err() != nil:
		x.outcome, p = outcomeClient, x.in.Context().Err()
	case x.body.failure() != nil:
		x.outcome, p = outcomeClient, incomplete(x.body.failure())
	case errors.Is(err, errTooManyStreams):
		x.outcome, p = outcomeShed, problem.New(problem.Unavailable, "overloaded", "Too many streams are open.").After(5*time.Second)
	case x.connected && (errors.Is(err, errTooSlow) || errors.As(err, &network) && network.Timeout()):
		x.outcome, p = outcomeTimeout, problem.New(problem.UpstreamTimeout, "upstream-timeout",
			"The part of the platform that serves %s did not answer in time.", module).WithCause(err)
	case !x.connected:
		x.outcome, p = outcomeUnavailable, problem.New(problem.Unavailable, "upstream-unavailable",
			"The part of the platform that serves %s cannot be reached. Try again shortly.", module).After(time.Second).WithCause(err)
	default:
		x.outcome, p = outcomeFailed, problem.New(problem.UpstreamFailed, "upstream-failed",
			"The part of the platform that serves %s broke off. It may have done what was asked.", module).WithCause(err)
	}
	x.closeIfBehind()
	httpserver.WriteProblem(w, x.in, p)
}
