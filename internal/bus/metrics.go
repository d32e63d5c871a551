package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	handled, retries, deadLettered *prometheus.CounterVec
	handlerSeconds                 *prometheus.HistogramVec
	lagEvents, lagSeconds          *prometheus.GaugeVec
	deadLetters                    *prometheus.GaugeVec
	outboxDepth, outboxAge         *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lyceum_bus_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lyceum_bus_" + name, Help: help}, labels)
	}
	m := &metrics{
		handled:      counter("handled_total", "Events handed to a consumer's handler.", "consumer", "outcome"),
		retries:      counter("retries_total", "Events that a consumer tried again.", "consumer"),
		deadLettered: counter("dead_lettered_total", "Events set aside as dead letters.", "consumer"),
		handlerSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lyceum_bus_handler_seconds", Help: "Time a handler took for one event.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"consumer"}),
		lagEvents:   gauge("consumer_lag_events", "Events in the source's log that the consumer has not passed.", "consumer", "source"),
		lagSeconds:  gauge("consumer_lag_seconds", "Age of the oldest event that the consumer has not passed.", "consumer", "source"),
		deadLetters: gauge("dead_letters", "Dead letters that wait for somebody.", "module"),
		outboxDepth: gauge("outbox_events", "Committed events that no relay has taken yet.", "module"),
		outboxAge:   gauge("outbox_age_seconds", "Age of the oldest event that no relay has taken yet.", "module"),
	}
	if reg != nil {
		reg.MustRegister(m.handled, m.retries, m.deadLettered, m.handlerSeconds, m.lagEvents, m.lagSeconds,
			m.deadLetters, m.outboxDepth, m.outboxAge)
	}
	return m
}

// Lag is how far a consumer is behind a source.
type Lag struct {
	Consumer string `json:"consumer"`
	Source   string `json:"source"`
	// Events counts what is in the source's log and not passed yet.
	Events int64 `json:"events"`
	// Behind is the age of the oldest of them, by the database clock.
	Behind time.Duration `json:"behind_ns"`
}

// Lag measures every consumer of this process.
func (b *Bus) Lag(ctx context.Context) ([]Lag, error) {
	var all []Lag
	for _, c := range b.consumptions {
		l, err := b.lagOf(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("measure the lag of %s: %w", c.consumer.Name, err)
		}
		all = append(all, l)
	}
	return all, nil
}

func (b *Bus) lagOf(ctx context.Context, c *consumption) (Lag, error) {
	lag := Lag{Consumer: c.consumer.Name, Source: c.source}
	positions, err := b.reader(c).storedPositions(ctx)
	if err != nil {
		return lag, err
	}
	var partitions []int16
	var seqs []int64
	for _, p := range positions {
		partitions = append(partitions, p.partition)
		seqs = append(seqs, p.seq)
	}
	var seconds float64
	err = b.members[c.source].DB.Pool.QueryRow(ctx, inSchema(c.source, `
		select coalesce(sum(greatest(h.seq - p.seq, 0)), 0)::bigint,
			coalesce(extract(epoch from now() - min(oldest.relayed_at)), 0)::float8
		from unnest($1::smallint[], $2::bigint[]) as p(partition, seq)
		join {m}.event_heads h using (partition)
		left join lateral (
			select relayed_at from {m}.event_log e
			where e.partition = p.partition and e.seq > p.seq and h.seq > p.seq order by e.seq limit 1) oldest on true`),
		partitions, seqs).Scan(&lag.Events, &seconds)
	lag.Behind = time.Duration(max(seconds, 0) * float64(time.Second))
	return lag, err
}

// measure updates the gauges of one member.
func (b *Bus) measure(ctx context.Context, module string, m Member) error {
	var depth, dead int64
	var age float64
	err := m.DB.Pool.QueryRow(ctx, inSchema(module, `
		select (select count(*) from (select from {m}.outbox order by id limit 100000) o),
			coalesce(extract(epoch from now() - (select occurred_at from {m}.outbox order by id limit 1)), 0)::float8,
			(select count(*) from {m}.dead_letters where resolved_at is null)`)).Scan(&depth, &age, &dead)
	if err != nil {
		return err
	}
	b.metrics.outboxDepth.WithLabelValues(module).Set(float64(depth))
	b.metrics.outboxAge.WithLabelValues(module).Set(max(age, 0))
	b.metrics.deadLetters.WithLabelValues(module).Set(float64(dead))
	for _, c := range b.consumptions {
		if c.db != m.DB {
			continue
		}
		lag, err := b.lagOf(ctx, c)
		if err != nil {
			return err
		}
		b.metrics.lagEvents.WithLabelValues(lag.Consumer, lag.Source).Set(float64(lag.Events))
		b.metrics.lagSeconds.WithLabelValues(lag.Consumer, lag.Source).Set(lag.Behind.Seconds())
	}
	return nil
}
