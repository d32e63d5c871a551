package upstream

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// What can come of a request.
const (
	outcomeAnswered    = "answered"    // the other process's answer, whatever it says
	outcomeCut         = "cut"         // half an answer
	outcomeFailed      = "failed"      // 502
	outcomeUnavailable = "unavailable" // 503
	outcomeTimeout     = "timeout"     // 504
	outcomeLoop        = "loop"        // 508
	outcomeShed        = "shed"        // 503, too many under way
	outcomeClient      = "client"      // the client went, or its body did not come
)

type metrics struct {
	requests *prometheus.CounterVec
	retries  prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, f *Forwarder) (*metrics, error) {
	module := prometheus.Labels{"module": f.options.Module}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_upstream_requests_total", Help: "Requests passed on to the process that runs the module, by what came of them.",
			ConstLabels: module,
		}, []string{"outcome"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lyceum_upstream_retries_total", Help: "Tries after the first one.", ConstLabels: module,
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lyceum_upstream_seconds", Help: "Time to the header of the answer, all tries included.", ConstLabels: module,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}),
	}
	for _, outcome := range []string{outcomeAnswered, outcomeCut, outcomeFailed, outcomeUnavailable, outcomeTimeout,
		outcomeLoop, outcomeShed, outcomeClient} {
		m.requests.WithLabelValues(outcome) // a rate needs the zero before the first one
	}
	errs := []error{reg.Register(m.requests), reg.Register(m.retries), reg.Register(m.seconds)}
	for kind, p := range map[string]*places{"request": &f.requests, "stream": &f.streams} {
		errs = append(errs, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lyceum_upstream_in_flight", Help: "Requests being passed on. Event streams and large uploads are of kind stream.",
			ConstLabels: prometheus.Labels{"module": f.options.Module, "kind": kind},
		}, func() float64 { return float64(p.inside.Load()) })))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) count(outcome string) { m.requests.WithLabelValues(outcome).Inc() }
