package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// The outcomes of one run of a job.
const (
	outcomeCompleted = "completed"
	outcomeFailed    = "failed"    // and will be tried again
	outcomeDiscarded = "discarded" // failed for the last time
	outcomeCancelled = "cancelled" // failed in a way that trying again cannot help
	outcomeSnoozed   = "snoozed"   // put off by itself
	outcomePanicked  = "panicked"
)

func outcomeOf(job *rivertype.JobRow, err error) string {
	switch {
	case err == nil:
		return outcomeCompleted
	case errors.Is(err, &rivertype.JobSnoozeError{}):
		return outcomeSnoozed
	case errors.Is(err, &rivertype.JobCancelError{}):
		return outcomeCancelled
	case job.Attempt >= job.MaxAttempts:
		return outcomeDiscarded
	default:
		return outcomeFailed
	}
}

// metrics are one module's.
type metrics struct {
	runs    *prometheus.CounterVec // kind, outcome
	seconds prometheus.ObserverVec // kind
	busy    prometheus.Counter
	workers prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, module string) (*metrics, error) {
	runs, err := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lyceum_jobs_total", Help: "Runs of jobs by how they ended.",
	}, []string{"module", "kind", "outcome"}))
	if err != nil {
		return nil, err
	}
	seconds, err := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lyceum_jobs_duration_seconds", Help: "Time that one run of a job took.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
	}, []string{"module", "kind"}))
	if err != nil {
		return nil, err
	}
	busy, err := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lyceum_jobs_busy_seconds_total",
		Help: "Time that workers spent on jobs. Its rate divided by lyceum_jobs_workers is their utilisation.",
	}, []string{"module"}))
	if err != nil {
		return nil, err
	}
	workers, err := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lyceum_jobs_workers", Help: "Jobs that one client runs at once.",
	}, []string{"module"}))
	if err != nil {
		return nil, err
	}
	of := prometheus.Labels{"module": module}
	return &metrics{
		runs: runs.MustCurryWith(of), seconds: seconds.MustCurryWith(of), busy: busy.With(of), workers: workers.With(of),
	}, nil
}

// register returns the collector, or the same one that another client of the
// process registered before.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	if reg == nil {
		return c, nil
	}
	err := reg.Register(c)
	var registered prometheus.AlreadyRegisteredError
	if !errors.As(err, &registered) {
		return c, err
	}
	same, ok := registered.ExistingCollector.(C)
	if !ok {
		return c, fmt.Errorf("the name of %T is taken by a %T", c, registered.ExistingCollector)
	}
	return same, nil
}

// measuring counts and times the runs of jobs. Its labels are bounded by the
// registered kinds: no other is fetched.
type measuring struct {
	river.MiddlewareDefaults
	metrics *metrics
}

// Work implements rivertype.WorkerMiddleware.
func (m *measuring) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	begun, outcome := time.Now(), outcomePanicked
	defer func() {
		took := time.Since(begun).Seconds()
		m.metrics.runs.WithLabelValues(job.Kind, outcome).Inc()
		m.metrics.seconds.WithLabelValues(job.Kind).Observe(took)
		m.metrics.busy.Add(took)
	}()
	err := work(ctx)
	outcome = outcomeOf(job, err)
	return err
}
