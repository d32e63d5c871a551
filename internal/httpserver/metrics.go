package httpserver

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the API. Routes are labelled with their pattern, so the number of
// series is bounded by the route tables.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refused  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Server) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_http_requests_total", Help: "Requests answered, by route pattern and class of status.",
		}, []string{"module", "route", "method", "code_class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lyceum_http_request_duration_seconds", Help: "Time to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}, []string{"module", "route", "method"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_http_requests_shed_total", Help: "Requests refused because too many were in flight.",
		}, []string{"path"}),
	}
	errs := []error{reg.Register(m.requests), reg.Register(m.duration), reg.Register(m.refused)}
	for path, l := range map[string]limiter{"ordinary": s.ordinary, "exam": s.exam, "stream": s.streams} {
		errs = append(errs, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lyceum_http_requests_in_flight", Help: "Requests being served.",
			ConstLabels: prometheus.Labels{"path": path},
		}, func() float64 { return float64(l.inside.Load()) })))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) observe(c *call, status int, took time.Duration) {
	method := c.method
	if c.route == nil {
		method = "" // anything a client makes up
	}
	m.requests.WithLabelValues(c.module(), c.pattern(), method, strconv.Itoa(status/100)+"xx").Inc()
	m.duration.WithLabelValues(c.module(), c.pattern(), method).Observe(took.Seconds())
}

func (m *metrics) shed(b *boundRoute) {
	path := "ordinary"
	if b.Exam {
		path = "exam"
	}
	m.refused.WithLabelValues(path).Inc()
}
