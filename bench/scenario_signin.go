package main

import (
	"context"
	"sync/atomic"
)

// signInClients is how many people sign in at the same time: enough that while
// some wait for a commit others hash.
const signInClients = 8

// signIns measures sign-ins of everybody in turn.
func signIns(ctx context.Context, b *bench) ([]result, error) {
	var next atomic.Int64
	var workers []worker
	for range signInClients {
		c, err := dial(ctx, b.platform.api)
		if err != nil {
			return nil, err
		}
		defer c.close()
		workers = append(workers, func(context.Context) error {
			i := int(next.Add(7919)) % b.accounts // a prime: neighbours in the index are no neighbours in time
			_, err := c.expect(signInRequest(learnerEmail(i), learnerPassword), 200)
			return err
		})
	}
	if _, err := closedLoop(ctx, b.warmUp(), workers); err != nil {
		return nil, err
	}
	var m measured
	runs, probe, err := b.yardsticked(ctx, argon2PerSecond, func() (err error) {
		m, err = b.profile(ctx, "sign-in", func() (measured, error) { return closedLoop(ctx, b.duration, workers) })
		return err
	})
	if err != nil {
		return nil, err
	}
	r := result{What: "sign-ins", Figure: m.perSecond, Unit: "/s", Probe: probe}
	r.latencies(m)
	r.atLeast(0.9, "argon2id/s", runs...)
	r.note("%d clients over HTTP, each a different account of %d every time; the yardstick hashes on all CPUs in this process", signInClients, b.accounts)
	return []result{r}, nil
}
