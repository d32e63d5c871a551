package bus

import (
	"context"
	"errors"
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
	forwardEvents, forwardSeconds  *prometheus.GaugeVec
	published, publishFailures     *prometheus.CounterVec
	malformed, passedOver          *prometheus.CounterVec
	kafkaUp                        prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, kafka bool) *metrics {
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
		passedOver: counter("passed_over_total", "Events of a type that this release does not know, set aside because no newer replica has taken them.",
			"consumer"),
	}
	m.forwardEvents = gauge("forward_lag_events", "Events in the module's log that are not on Kafka yet.", "module")
	m.forwardSeconds = gauge("forward_lag_seconds", "Age of the oldest event in the module's log that is not on Kafka yet.", "module")
	m.published = counter("published_total", "Events published to Kafka.", "module")
	m.publishFailures = counter("publish_failures_total", "Attempts to publish events of a partition, or to see what to publish, that failed.", "module")
	m.malformed = counter("malformed_total", "Records on a topic that are no events, set aside.", "consumer", "source")
	m.kafkaUp = prometheus.NewGauge(prometheus.GaugeOpts{Name: "lyceum_bus_kafka_up", Help: "1 while the brokers answer, 0 while they do not."})
	if reg != nil {
		reg.MustRegister(m.handled, m.retries, m.deadLettered, m.handlerSeconds, m.lagEvents, m.lagSeconds,
			m.deadLetters, m.outboxDepth, m.outboxAge, m.passedOver)
		if kafka {
			reg.MustRegister(m.forwardEvents, m.forwardSeconds, m.published, m.publishFailures, m.malformed, m.kafkaUp)
		}
	}
	return m
}

// begin makes the series of a consumer's counters, so that the first increase is
// seen as one.
func (m *metrics) begin(c Consumer) {
	m.retries.WithLabelValues(c.Name)
	m.deadLettered.WithLabelValues(c.Name)
	m.passedOver.WithLabelValues(c.Name)
	for _, source := range c.Sources() {
		m.malformed.WithLabelValues(c.Name, source)
	}
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
	positions, err := c.positions(ctx)
	if err != nil {
		return lag, err
	}
	lag.Events, lag.Behind, err = c.transport.lag(ctx, c.source, positions)
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
	if b.kafka != nil {
		if err := b.measureForwarding(ctx, module, m); err != nil {
			return err
		}
	}
	var failures []error
	for _, c := range b.consumptions {
		if c.db != m.DB {
			continue
		}
		lag, err := b.lagOf(ctx, c)
		if err != nil {
			// No figure is better than one that no longer holds.
			b.metrics.lagEvents.DeleteLabelValues(c.consumer.Name, c.source)
			b.metrics.lagSeconds.DeleteLabelValues(c.consumer.Name, c.source)
			failures = append(failures, fmt.Errorf("measure the lag of %s: %w", c.consumer.Name, err))
			continue
		}
		b.remember(lag)
		b.metrics.lagEvents.WithLabelValues(lag.Consumer, lag.Source).Set(float64(lag.Events))
		b.metrics.lagSeconds.WithLabelValues(lag.Consumer, lag.Source).Set(lag.Behind.Seconds())
	}
	return errors.Join(failures...)
}
