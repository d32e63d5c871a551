package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// measured is what a load came to. Latencies are those of successful
// operations; any failure ends the load with an error instead.
type measured struct {
	perSecond          float64
	count              int
	p50, p95, p99, max time.Duration
}

func summarise(latencies []time.Duration, took time.Duration) measured {
	slices.Sort(latencies)
	m := measured{count: len(latencies), perSecond: float64(len(latencies)) / took.Seconds()}
	if m.count > 0 {
		m.p50, m.p95, m.p99 = quantile(latencies, 0.50), quantile(latencies, 0.95), quantile(latencies, 0.99)
		m.max = latencies[m.count-1]
	}
	return m
}

// quantile of sorted values, by the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, max(0, int(q*float64(len(sorted))+0.999999)-1))]
}

// worker does one operation after another. It belongs to one goroutine.
type worker func(ctx context.Context) error

// closedLoop has every worker begin its next operation as soon as the last one
// has ended, for d. An operation that is under way at the end is finished and
// counted, and so is its time.
func closedLoop(ctx context.Context, d time.Duration, workers []worker) (measured, error) {
	return run(ctx, len(workers), func(ctx context.Context, i int, start time.Time, record func(time.Duration)) error {
		for ctx.Err() == nil {
			begin := time.Now()
			if begin.Sub(start) >= d {
				return nil
			}
			if err := workers[i](ctx); err != nil {
				return err
			}
			record(time.Since(begin))
		}
		return ctx.Err()
	})
}

// openLoop has the workers together begin perSecond operations a second, evenly
// spread, for d. The time of an operation counts from when it was due, so a
// server that falls behind cannot hide it by holding up its clients.
func openLoop(ctx context.Context, d time.Duration, perSecond float64, workers []worker) (measured, error) {
	interval := time.Duration(float64(len(workers)) / perSecond * float64(time.Second))
	return run(ctx, len(workers), func(ctx context.Context, i int, start time.Time, record func(time.Duration)) error {
		due := start.Add(interval * time.Duration(i) / time.Duration(len(workers)))
		timer := time.NewTimer(0)
		defer timer.Stop()
		for ; due.Sub(start) < d; due = due.Add(interval) {
			timer.Reset(time.Until(due))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := workers[i](ctx); err != nil {
				return err
			}
			record(time.Since(due))
		}
		return nil
	})
}

func run(ctx context.Context, n int, work func(ctx context.Context, i int, start time.Time, record func(time.Duration)) error) (measured, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	latencies := make([][]time.Duration, n)
	var group sync.WaitGroup
	start := time.Now()
	for i := range n {
		group.Go(func() {
			err := work(ctx, i, start, func(t time.Duration) { latencies[i] = append(latencies[i], t) })
			if err != nil {
				cancel(fmt.Errorf("client %d: %w", i, err)) // the first one counts
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	if err := context.Cause(ctx); err != nil {
		return measured{}, err
	}
	return summarise(slices.Concat(latencies...), took), nil
}

// errTooFew says that a scenario has nothing to divide by.
var errTooFew = errors.New("nothing was measured: is the duration too short?")
