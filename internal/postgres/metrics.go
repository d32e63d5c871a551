package postgres

import "github.com/prometheus/client_golang/prometheus"

// NewCollector measures the pools of modules whenever the process is scraped.
func NewCollector(pools map[string]*DB) prometheus.Collector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lyceum_postgres_"+name, help, append([]string{"module"}, labels...), nil)
	}
	return &collector{
		pools:       pools,
		connections: describe("connections", "Connections of the module's pool, by what they are doing: in_use, idle or opening.", "state"),
		most:        describe("connections_max", "Connections that the module's pool may have."),
		acquired:    describe("acquires_total", "Times that a connection was taken out of the pool."),
		waits:       describe("acquire_waits_total", "Times that no connection was free and a caller waited until it had one."),
		waited:      describe("acquire_wait_seconds_total", "Time that callers waited for a connection until they had one."),
		gaveUp:      describe("acquires_cancelled_total", "Times that a caller gave up before there was a connection."),
		opened:      describe("connections_opened_total", "Connections made to the server."),
	}
}

type collector struct {
	pools map[string]*DB

	connections, most, acquired, waits, waited, gaveUp, opened *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connections, c.most, c.acquired, c.waits, c.waited, c.gaveUp, c.opened} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for module, db := range c.pools {
		s := db.Pool.Stat()
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{module}, labels...)...)
		}
		counter := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, module)
		}
		gauge(c.connections, float64(s.AcquiredConns()), "in_use")
		gauge(c.connections, float64(s.IdleConns()), "idle")
		gauge(c.connections, float64(s.ConstructingConns()), "opening")
		gauge(c.most, float64(s.MaxConns()))
		counter(c.acquired, float64(s.AcquireCount()))
		counter(c.waits, float64(s.EmptyAcquireCount()))
		counter(c.waited, s.EmptyAcquireWaitTime().Seconds())
		counter(c.gaveUp, float64(s.CanceledAcquireCount()))
		counter(c.opened, float64(s.NewConnsCount()))
	}
}
