package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// readinessTimeout bounds what a scrape waits for the parts.
const readinessTimeout = 5 * time.Second

// readiness shows what /readyz says of each part as a metric, since nobody may
// be sending requests to a part that is not well.
type readiness struct {
	platform *platform
	desc     *prometheus.Desc
}

func newReadiness(p *platform) readiness {
	return readiness{p, prometheus.NewDesc("lyceum_ready", "1 for a part that is ready, as /readyz says it, otherwise 0.", []string{"part"}, nil)}
}

// Describe implements prometheus.Collector.
func (r readiness) Describe(out chan<- *prometheus.Desc) { out <- r.desc }

// Collect implements prometheus.Collector. A module that is not well and does
// not keep the process from serving has been moved to another, which tells of it.
func (r readiness) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readinessTimeout) //nolint:forbidigo // a scrape has no context
	defer cancel()
	report, _ := r.platform.ready(ctx) // the error says the same
	states, _ := report.([]partState)
	for _, s := range states {
		if s.Warning != "" && slices.Contains(moduleNames, s.Part) {
			continue
		}
		value := 0.0
		if s.Ready {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, value, s.Part)
	}
}

// instrument registers what only the process as a whole can tell.
func (p *platform) instrument() error {
	return errors.Join(p.tel.Registry.Register(postgres.NewCollector(p.db.pools)), p.tel.Registry.Register(newReadiness(p)))
}

// WithMetrics calls do with the registry of a process of this configuration,
// which runs nothing.
func WithMetrics(ctx context.Context, cfg Config, do func(reg *prometheus.Registry) error) error {
	cfg.LogLevel = "warn"
	return with(ctx, cfg, func(ctx context.Context, p *platform) error {
		return p.connect(ctx, publicURL(cfg, cfg.Listen), false)
	}, func(_ context.Context, p *platform) error { return do(p.tel.Registry) })
}
