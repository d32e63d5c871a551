package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const readConnections = 32

// unitReads measures the reading of a published unit.
func unitReads(ctx context.Context, b *bench) ([]result, error) {
	tokens, err := b.signInLearners(ctx, b.school.learners[:1])
	if err != nil {
		return nil, err
	}
	req := request("GET", "/v1/courses/"+b.school.course.String()+"/units/"+b.school.unit.String(), tokens[0], nil)
	workers, body, closeAll, err := readers(ctx, b.platform.api, req)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	address, bare, err := b.bareServer(ctx, body)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(bare)) }()
	bareWorkers, bareBody, closeBare, err := readers(ctx, address, req)
	if err != nil {
		return nil, err
	}
	defer closeBare()
	if !bytes.Equal(body, bareBody) {
		return nil, errors.New("the yardstick sends other bytes than the platform")
	}
	for _, w := range [][]worker{workers, bareWorkers} {
		if _, err := closedLoop(ctx, b.warmUp(), w); err != nil {
			return nil, err
		}
	}
	var m measured
	var cpu, bareCPU time.Duration
	var bareCount int
	runs, probe, err := b.yardsticked(ctx, func(ctx context.Context, d time.Duration) (float64, error) {
		spent, m, err := spending([]int{bare.Process.Pid}, func() (measured, error) { return closedLoop(ctx, d, bareWorkers) })
		bareCPU += spent[0]
		bareCount += m.count
		return m.perSecond, err
	}, func() error {
		var spent []time.Duration
		spent, m, err = spending([]int{b.platform.pid(), b.postmaster}, func() (measured, error) {
			return b.profile(ctx, "unit-read", func() (measured, error) { return closedLoop(ctx, b.duration, workers) })
		})
		cpu = spent[0] + spent[1]
		return err
	})
	if err != nil {
		return nil, err
	}
	r := result{What: "unit reads", Figure: m.perSecond, Unit: "/s", Probe: probe}
	r.latencies(m)
	r.atLeast(0.7, "/s bare net/http", runs...)
	r.note("%d connections of one signed-in learner, %d bytes; the bare handler is a process of its own and sends the same bytes", readConnections, len(body))
	r.note("server's CPU per request: %.0f us, bare %.0f us, ratio %.2f", perUnit(cpu, m.count), perUnit(bareCPU, bareCount),
		perUnit(bareCPU, bareCount)/perUnit(cpu, m.count))
	return []result{r}, nil
}

// readers are connections that ask for the same again and again, and what they
// must get.
func readers(ctx context.Context, address string, req []byte) (workers []worker, body []byte, closeAll func(), err error) {
	var conns []*conn
	closeAll = func() {
		for _, c := range conns {
			c.close()
		}
	}
	for range readConnections {
		c, err := dial(ctx, address)
		if err != nil {
			closeAll()
			return nil, nil, nil, err
		}
		conns = append(conns, c)
	}
	first, err := conns[0].expect(req, 200)
	if err != nil {
		closeAll()
		return nil, nil, nil, fmt.Errorf("read the unit: %w", err)
	}
	body = bytes.Clone(first)
	for _, c := range conns {
		workers = append(workers, func(context.Context) error {
			got, err := c.expect(req, 200)
			if err == nil && len(got) != len(body) {
				err = fmt.Errorf("got %d bytes of %d", len(got), len(body))
			}
			return err
		})
	}
	return workers, body, closeAll, nil
}
