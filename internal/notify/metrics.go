package notify

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	streams prometheus.Gauge
	dropped prometheus.Counter
	mails   *prometheus.CounterVec // sent, failed, cancelled, postponed
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lyceum_notify_streams", Help: "Live streams that are open.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lyceum_notify_streams_dropped_total", Help: "Live streams that were ended because their client did not keep up.",
		}),
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_notify_mails_total", Help: "Mails about notifications, by what became of them.",
		}, []string{"outcome"}),
	}
	for _, c := range []prometheus.Collector{m.streams, m.dropped, m.mails} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
