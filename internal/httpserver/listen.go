package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Listener is an HTTP server that runs.
type Listener struct {
	http   *http.Server
	addr   net.Addr
	drain  func()
	failed chan error
	done   chan struct{}
}

// Listen serves the API on a TCP address until Stop. Port 0 takes a free one.
func (s *Server) Listen(ctx context.Context, address string) (*Listener, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("the routes are wrong: %w", err)
	}
	l, err := Listen(ctx, address, s.handler, s.log)
	if err != nil {
		return nil, err
	}
	l.drain = s.Drain
	return l, nil
}

// Listen serves any handler on a TCP address until Stop, with the platform's
// timeouts.
func Listen(ctx context.Context, address string, handler http.Handler, log *slog.Logger) (*Listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	l := &Listener{
		addr: socket.Addr(), drain: func() {}, failed: make(chan error, 1), done: make(chan struct{}),
		http: &http.Server{
			Handler: handler,
			// Routes set deadlines of their own once they are known; these hold
			// for what comes before and for paths that do not exist.
			ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 32 << 10,
			ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			// Requests outlive the context of the start.
			BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		},
	}
	go func() {
		defer close(l.done)
		if err := l.http.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- fmt.Errorf("serve on %s: %w", address, err)
		}
	}()
	return l, nil
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.addr }

// URL is http:// and the address.
func (l *Listener) URL() string { return "http://" + l.addr.String() }

// Failed receives the error if serving ends for any other reason than Stop.
func (l *Listener) Failed() <-chan error { return l.failed }

// Stop stops in order: streams end and readiness turns, then, after delay, in
// which load balancers notice, no more connections are accepted and requests
// under way are finished. When ctx ends they are cut off, and that is an error.
func (l *Listener) Stop(ctx context.Context, delay time.Duration) error {
	l.drain()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	err := l.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests on %s were cut off: %w", l.addr, err), l.http.Close())
	}
	<-l.done
	return err
}
