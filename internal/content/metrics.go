package content

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	unitHits, unitMisses prometheus.Counter
	imports              *prometheus.CounterVec // by outcome: published, unchanged, failed, cancelled
}

func newMetrics(reg prometheus.Registerer) *metrics {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lyceum_content_unit_reads_total",
		Help: "Units read, by whether the rendered unit was in memory.",
	}, []string{"cache"})
	m := &metrics{
		unitHits:   reads.WithLabelValues("hit"),
		unitMisses: reads.WithLabelValues("miss"),
		imports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_content_imports_total",
			Help: "Course imports that ended, by outcome.",
		}, []string{"outcome"}),
	}
	reg.MustRegister(reads, m.imports)
	return m
}
