package httpserver

import (
	"errors"
	"strconv"
	"sync"
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
			// 0.18 is the bound of the service level (deploy/prometheus/rules.yml).
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .18, .25, .5, 1, 2.5, 10, 30},
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

// series are one route's, looked up once: labels are hashed for every look.
type series struct {
	requests [6]func() prometheus.Counter // by the first digit of the status
	duration func() prometheus.Observer
}

// seriesOf are those of a route. They appear with its first request.
func (m *metrics) seriesOf(b *boundRoute) *series {
	s := &series{duration: sync.OnceValue(func() prometheus.Observer {
		return m.duration.WithLabelValues(b.module, b.Path, b.Method)
	})}
	for class := range s.requests {
		s.requests[class] = sync.OnceValue(func() prometheus.Counter {
			return m.requests.WithLabelValues(b.module, b.Path, b.Method, codeClass(class))
		})
	}
	return s
}

func codeClass(class int) string { return strconv.Itoa(class) + "xx" }

func (m *metrics) observe(c *call, status int, took time.Duration) {
	class := min(status/100, 5)
	if c.route == nil { // its method is anything a client makes up
		m.requests.WithLabelValues("", c.pattern(), "", codeClass(class)).Inc()
		m.duration.WithLabelValues("", c.pattern(), "").Observe(took.Seconds())
		return
	}
	c.route.series.requests[class]().Inc()
	c.route.series.duration().Observe(took.Seconds())
}

func (m *metrics) shed(b *boundRoute) {
	path := "ordinary"
	if b.Exam {
		path = "exam"
	}
	m.refused.WithLabelValues(path).Inc()
}
