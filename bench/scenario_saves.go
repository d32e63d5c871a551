package main

import (
	"context"
	"fmt"
	"time"
)

// saves measures responses saved by many learners at the same time, and before
// that how fast everybody's attempts start at once.
func saves(ctx context.Context, b *bench) ([]result, error) {
	tokens, err := b.signInLearners(ctx, b.school.learners)
	if err != nil {
		return nil, err
	}
	var workers []worker
	conns := make([]*conn, len(tokens))
	papers := make([]*paper, len(tokens))
	for i := range tokens {
		if conns[i], err = dial(ctx, b.platform.api); err != nil {
			return nil, err
		}
		defer conns[i].close()
	}
	starts, err := run(ctx, len(tokens), func(_ context.Context, i int, _ time.Time, record func(time.Duration)) error {
		begin := time.Now()
		body, err := conns[i].expect(startRequest(b.school.assessment, tokens[i]), 200, 201)
		if err != nil {
			return fmt.Errorf("start an attempt: %w", err)
		}
		record(time.Since(begin))
		papers[i], err = newPaper(body, tokens[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, p := range papers {
		workers = append(workers, func(context.Context) error {
			body, err := conns[i].expect(p.nextSave(), 200)
			if err != nil {
				return err
			}
			return checkSaved(body, p.sequence)
		})
	}
	if _, err := closedLoop(ctx, b.warmUp(), workers); err != nil {
		return nil, err
	}
	var flatOut, half measured
	var cpu []time.Duration
	runs, probe, err := b.yardsticked(ctx, b.commitsPerSecond, func() error {
		cpu, flatOut, err = spending([]int{b.platform.pid(), b.postmaster}, func() (measured, error) {
			return b.profile(ctx, "saves", func() (measured, error) { return closedLoop(ctx, b.duration, workers) })
		})
		if err != nil {
			return err
		}
		half, err = openLoop(ctx, b.duration, flatOut.perSecond/2, workers)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := result{What: "durable saves", Figure: flatOut.perSecond, Unit: "/s", Probe: probe}
	r.latencies(flatOut)
	r.atLeast(1.0, "/s one-row commits", runs...)
	r.note("%d learners over HTTP, each with a connection, saving again as soon as the last save is acknowledged; the yardstick has %d clients on the same server",
		len(tokens), commitClients)
	r.note("at half that load (%.0f/s, counted from when each was due): p50 %.2f, p95 %.2f, p99 %.2f, max %.1f ms", half.perSecond,
		milliseconds(half.p50), milliseconds(half.p95), milliseconds(half.p99), milliseconds(half.max))
	r.note("CPU per save: platform %.0f us, database %.0f us", perUnit(cpu[0], flatOut.count), perUnit(cpu[1], flatOut.count))
	s := result{What: "attempt starts", Figure: starts.perSecond, Unit: "/s", Probe: probe}
	s.latencies(starts)
	s.atLeast(0.5, "/s durable saves", flatOut.perSecond)
	s.note("all %d learners at the same moment, once; none failed", starts.count)
	return []result{r, s}, nil
}
