package assessment

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	saveBatch    prometheus.Histogram
	saves        *prometheus.CounterVec // by outcome
	grading      prometheus.Histogram
	lateness     prometheus.Histogram
	openAttempts prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		saveBatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lyceum_assessment_save_batch_size", Help: "Responses stored by one statement.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		saves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_assessment_saves_total", Help: "Responses received, by what became of them.",
		}, []string{"outcome"}),
		grading: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lyceum_assessment_grading_seconds", Help: "Time from the end of an attempt to its grade.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2.5, 12),
		}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lyceum_assessment_deadline_lateness_seconds", Help: "Time from a deadline to the submission that it caused.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2.5, 12),
		}),
		openAttempts: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lyceum_assessment_open_attempts", Help: fmt.Sprintf("Attempts in progress in the whole fleet; counted up to %d.", countedAttempts),
		}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.saveBatch, m.saves, m.grading, m.lateness, m.openAttempts} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}
