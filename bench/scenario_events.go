package main

import (
	"context"
	"fmt"
	"time"
)

const (
	eventWriters = 16
	// enrolments is over how many aggregates the events are spread.
	enrolments = 1000
	// lagRate is the load at which the lag is measured, in events a second.
	lagRate = 200
)

// events measures the bus in this process, on a database of its own on the
// platform's server: one module publishes, two others project.
func events(ctx context.Context, b *bench) ([]result, error) {
	s, err := newStage(ctx, b.scratchURL())
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.warmUp(ctx, b.warmUp()); err != nil {
		return nil, err
	}
	written, drained, err := s.backlogs(ctx, b, "events")
	if err != nil {
		return nil, err
	}
	probe, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	throughput := result{What: "events end to end", Figure: mean(drained), Unit: "/s", Probe: probe}
	throughput.atLeast(1.0, "/s outbox INSERTs", written...)
	throughput.note("committed outbox rows to the committed effects of two consumers, a backlog worked off; the yardstick is %d writers, each event a transaction of its own", eventWriters)
	throughput.note("the two backlogs: %s/s and %s/s", number(drained[0]), number(drained[1]))

	together, err := s.together(ctx, b.duration)
	if err != nil {
		return nil, err
	}
	throughput.note("with %d writers and both consumers at the same time: %s/s written, %s/s with both effects", eventWriters,
		number(together.written), number(together.handled))

	f, err := s.lag(ctx, b, b.duration, "events")
	if err != nil {
		return nil, err
	}
	const goal = 20 * time.Millisecond
	lag := result{What: fmt.Sprintf("event lag at %d/s", lagRate), Figure: milliseconds(f.lags.p99), Unit: "ms p99", Probe: probe,
		Yardstick: "ms allowed", YardstickValue: milliseconds(goal), Ratio: float64(goal) / float64(f.lags.p99),
		Goal: "p99 < 20 ms", Reached: f.lags.p99 < goal}
	lag.latencies(f.lags)
	f.describe(&lag, "in process")
	return []result{throughput, lag}, s.verify(ctx)
}
