package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// readyLag is how far a consumer may be behind before /readyz says so. That
// alone does not make the process unready: every replica would be at once, and
// taking them away would make no consumer faster.
const readyLag = 10 * time.Minute

// partState is one line of /readyz and /status.
type partState struct {
	Part    string `json:"part"`
	Ready   bool   `json:"ready"`
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"`
}

// health collects the states of the parts.
type health struct {
	states []partState
	errs   []error
}

func (h *health) check(part string, err error) {
	s := partState{Part: part, Ready: err == nil}
	if err != nil {
		s.Error = err.Error()
		h.errs = append(h.errs, fmt.Errorf("%s: %w", part, err))
	}
	h.states = append(h.states, s)
}

// warn is for what must be looked at and does not keep the process from serving.
func (h *health) warn(part string, err error) {
	h.states = append(h.states, partState{Part: part, Ready: true, Warning: err.Error()})
}

// ready reports on every part, so that who is called at night sees at once
// which one it is.
func (p *platform) ready(ctx context.Context) (any, error) {
	var h health
	if p.draining.Load() {
		h.check("process", errors.New("stopping"))
	}
	if !p.connected.Load() {
		reason := "starting"
		if awaited := p.awaited.Load(); awaited != nil {
			reason = "waiting: " + *awaited
		}
		h.check("database", errors.New(reason))
		return h.states, errors.Join(h.errs...)
	}
	if !p.complete.Load() {
		h.check("process", errors.New("starting"))
	}
	p.checkModules(ctx, &h)
	if p.keys != nil {
		h.check("keys", p.keys.Ready(ctx))
	}
	if p.bus != nil {
		switch err := p.bus.Ready(ctx, readyLag); {
		case errors.Is(err, bus.ErrBehind), postgres.LoginRefused(err):
			h.warn("bus", err)
		default:
			h.check("bus", err)
		}
	}
	return h.states, errors.Join(h.errs...)
}

// checkModules asks the modules. One whose database lets it in no more has been
// moved to another process: this one goes on with the rest, if there is any.
func (p *platform) checkModules(ctx context.Context, h *health) {
	moved := 0
	for _, m := range p.modules.all {
		err := m.Ready(ctx)
		if postgres.LoginRefused(err) {
			if moved++; moved < len(p.modules.all) {
				h.warn(m.Name(), fmt.Errorf("moved elsewhere, or locked out: %w", err))
				continue
			}
		}
		h.check(m.Name(), err)
	}
}

// status is what /status shows.
func (p *platform) status(ctx context.Context) any {
	parts, _ := p.ready(ctx)
	transport := p.cfg.Bus
	if len(p.cfg.hosted()) == 0 {
		transport = noModules
	}
	shown := map[string]any{
		"version": Version(), "started_at": p.started.UTC(), "parts": parts, "modules": append([]string{}, p.cfg.hosted()...),
		"transport": transport, "publishes_to_kafka": len(p.cfg.KafkaBrokers) > 0 && len(p.cfg.hosted()) > 0,
	}
	if upstreams, err := p.cfg.upstreams(); err == nil {
		addresses := map[string][]string{}
		for module, urls := range upstreams {
			for _, u := range urls {
				addresses[module] = append(addresses[module], u.String())
			}
		}
		shown["upstreams"] = addresses
	}
	if !p.connected.Load() {
		return shown
	}
	routes := map[string][]string{}
	for _, r := range p.server.Routes() {
		routes[r.Module] = append(routes[r.Module], r.Method+" "+r.Path)
	}
	shown["routes"] = routes
	if p.bus == nil {
		return shown
	}
	lags, err := p.bus.Lag(ctx)
	if err != nil {
		p.log.WarnContext(ctx, "status: cannot measure the lag", "error", err)
	}
	shown["consumers"] = lags
	return shown
}
