package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/lyceum-lms/platform/internal/httpserver"
)

// pruneInterval is how often answers kept for Idempotency-Keys are thrown away.
const pruneInterval = 15 * time.Minute

// Serve runs the platform until ctx ends or a part of it fails, and then stops
// it in order: not ready, connections, requests, events, jobs, database. What
// a newcomer needs to know is written to out once it can be used.
func Serve(ctx context.Context, cfg Config, out io.Writer) (err error) {
	// Who is told to stop while still starting has stopped in order, too.
	defer func() {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
	}()
	// The addresses are looked at first: a port that is in use is found before
	// anything is started, and mail can link to a port that the system chose.
	listen, err := reserve(ctx, "--listen", cfg.Listen)
	if err != nil {
		return err
	}
	opsListen, err := reserve(ctx, "--ops-listen", cfg.OpsListen)
	if err != nil {
		return err
	}
	p, err := prepare(ctx, cfg)
	if err != nil {
		return err
	}
	ops, err := httpserver.Listen(ctx, opsListen, p.opsHandler(), p.log)
	if err != nil {
		return errors.Join(err, p.close(context.WithoutCancel(ctx)))
	}
	failed := ops.Failed()
	var api *httpserver.Listener
	defer func() {
		p.log.Info("stopping")
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout+cfg.DrainDelay)
		defer cancel()
		p.draining.Store(true)
		if api != nil {
			// Requests get half of the time, so that something is left for
			// events, jobs and the database.
			requests, cancel := context.WithTimeout(stopCtx, cfg.DrainDelay+cfg.ShutdownTimeout/2)
			defer cancel()
			err = errors.Join(err, api.Stop(requests, cfg.DrainDelay))
		}
		err = errors.Join(err, p.stop(stopCtx), ops.Stop(stopCtx, 0))
		p.log.Info("stopped")
	}()
	// Probes are answered from here on, so that nobody ends a process that waits
	// for its database. Requests are not: whoever forwards them goes elsewhere at
	// once when a connection is refused.
	if err := p.connect(ctx, publicURL(cfg, listen), true); err != nil {
		return err
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	// While a module is being moved here its requests wait for this, elsewhere:
	// they must not wait for brokers, too.
	if api, err = p.server.Listen(ctx, listen); err != nil {
		return err
	}
	if err := p.startBus(ctx); err != nil {
		return err
	}
	if err := p.seedDemo(ctx); err != nil {
		return fmt.Errorf("make the demo course: %w", err)
	}
	p.greet(out, api.URL(), ops.URL())
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-api.Failed():
			return err
		case err := <-failed:
			return err
		case err := <-p.db.lost():
			return fmt.Errorf("the embedded database is lost: %w", err)
		case <-prune.C:
			p.pruneIdempotencyKeys(ctx)
		}
	}
}

// reserve checks that an address is free and resolves port 0 into a port.
func reserve(ctx context.Context, flag, address string) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("%s %s is in use by another process: stop it or choose another address", flag, address)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", flag, address, err)
	}
	return l.Addr().String(), l.Close()
}

func (p *platform) pruneIdempotencyKeys(ctx context.Context) {
	for _, m := range p.cfg.hosted() {
		if _, err := httpserver.PruneIdempotencyKeys(ctx, p.db.pools[m], m, httpserver.IdempotencyKeyLifetime); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "cannot prune idempotency keys", "module", m, "error", err)
		}
	}
}

// greet tells a newcomer where to look.
func (p *platform) greet(out io.Writer, api, ops string) {
	fmt.Fprintf(out, "\nLyceum is ready.\n\n  API          %s\n  Reference    %s/docs\n  Operations   %s  (health, metrics, status)\n", api, api, ops)
	if p.catcher != nil {
		fmt.Fprintf(out, "  Caught mail  %s/mail\n", ops)
	}
	if len(p.modules.all) < len(moduleNames) {
		p.greetPart(out)
	}
	if p.wantsDemo() {
		fmt.Fprintf(out, "\nSign in at %s/v1/auth/sign-in with the password %q as\n", api, demoPassword)
		for _, a := range demoAccounts {
			fmt.Fprintf(out, "  %-28s %s\n", a.email, a.what)
		}
	}
	fmt.Fprintln(out, "\nStop with Ctrl-C.")
}

// greetPart says which part of the platform this process is.
func (p *platform) greetPart(out io.Writer) {
	upstreams, _ := p.cfg.upstreams() // has been validated
	var here, forwarded, nowhere []string
	for _, m := range moduleNames {
		switch {
		case p.cfg.runs(m):
			here = append(here, m)
		case len(upstreams[m]) > 0:
			forwarded = append(forwarded, m)
		default:
			nowhere = append(nowhere, m)
		}
	}
	for _, line := range []struct {
		title   string
		modules []string
	}{{"Runs here", here}, {"Forwarded", forwarded}, {"Not here", nowhere}} {
		if len(line.modules) > 0 {
			fmt.Fprintf(out, "  %-12s %s\n", line.title, strings.Join(line.modules, ", "))
		}
	}
}
