package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// flowsAtOnce is how many learners are in their exams at the same time.
	flowsAtOnce = 32
	// reviewPause is how long a learner waits before asking again for a grade
	// that is not there yet.
	reviewPause = 50 * time.Millisecond
	// moodleCPU is CPU time of one quiz attempt in a tuned Moodle 4.3 through its
	// REST API, web server and database together, on a machine of this kind:
	// 6.4 attempts a second on two CPUs. It is not measured here.
	moodleCPU = 300 * time.Millisecond
	// examGoal is the most that ours may take.
	examGoal = 6 * time.Millisecond
)

// examFlows measures whole exams: start, a save for each item, submit, wait for
// the grade, review.
func examFlows(ctx context.Context, b *bench) ([]result, error) {
	tokens, err := b.signInLearners(ctx, b.school.learners)
	if err != nil {
		return nil, err
	}
	n := min(flowsAtOnce, len(tokens))
	var polls atomic.Int64
	workers, closeAll, err := atOnce(ctx, b.platform.api, tokens, func(ctx context.Context, c *conn, token string) error {
		return examFlow(ctx, b, c, token, &polls)
	})
	if err != nil {
		return nil, err
	}
	defer closeAll()
	if _, err := closedLoop(ctx, b.warmUp(), workers); err != nil {
		return nil, err
	}
	if err := b.settle(ctx, false); err != nil {
		return nil, err
	}
	polls.Store(0)
	probeBefore, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	// What the flows leave to be done, such as notifications, is theirs, too.
	cpu, m, err := spending([]int{b.platform.pid(), b.postmaster}, func() (measured, error) {
		m, err := b.profile(ctx, "exam", func() (measured, error) { return closedLoop(ctx, b.duration, workers) })
		if err == nil {
			err = b.settle(ctx, false)
		}
		return m, err
	})
	if err != nil {
		return nil, err
	}
	probeAfter, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	total := cpu[0] + cpu[1]
	if m.count == 0 || total == 0 {
		return nil, fmt.Errorf("%w (the CPU time of processes is known on Linux only)", errTooFew)
	}
	perFlow := total / time.Duration(m.count)
	r := result{
		What: "exam flow", Figure: milliseconds(perFlow), Unit: "CPU-ms", Probe: mean([]float64{probeBefore, probeAfter}),
		Yardstick: "CPU-ms Moodle 4.3 (published)", YardstickValue: milliseconds(moodleCPU),
		Ratio: float64(moodleCPU) / float64(perFlow), Goal: fmt.Sprintf("<= %.0f CPU-ms, %.0f x", milliseconds(examGoal), float64(moodleCPU)/float64(examGoal)),
		Reached: perFlow <= examGoal,
	}
	r.latencies(m)
	r.note("CPU time of the platform and PostgreSQL together, events, grading, notifications and mail included, for one flow of start, %d saves, submit, graded, review",
		itemsOfExam)
	r.note("of that the platform %.1f ms, the database %.1f ms", perUnit(cpu[0], m.count)/1000, perUnit(cpu[1], m.count)/1000)
	r.note("%.1f flows/s, %d at a time; latencies are of whole flows, in which a learner asks for the grade every %s: %.2f times a flow",
		m.perSecond, n, reviewPause, float64(polls.Load())/float64(m.count))
	r.note("the yardstick is an external, published figure")
	return []result{r}, nil
}

// atOnce are the workers of flowsAtOnce learners who do the same. Each worker has
// a connection and takes the learners by turns; no two share one.
func atOnce(ctx context.Context, address string, tokens []string,
	do func(ctx context.Context, c *conn, token string) error) (workers []worker, closeAll func(), err error) {
	n := min(flowsAtOnce, len(tokens))
	var conns []*conn
	closeAll = func() {
		for _, c := range conns {
			c.close()
		}
	}
	for i := range n {
		c, err := dial(ctx, address)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
		learner := i
		workers = append(workers, func(ctx context.Context) error {
			if learner += n; learner >= len(tokens) {
				learner = i
			}
			return do(ctx, c, tokens[learner])
		})
	}
	return workers, closeAll, nil
}

func examFlow(ctx context.Context, b *bench, c *conn, token string, polls *atomic.Int64) error {
	body, err := c.expect(startRequest(b.school.assessment, token), http.StatusCreated, http.StatusOK)
	if err != nil {
		return fmt.Errorf("start an attempt: %w", err)
	}
	p, err := newPaper(body, token)
	if err != nil {
		return err
	}
	for range itemsOfExam {
		body, err := c.expect(p.nextSave(), http.StatusOK)
		if err != nil {
			return fmt.Errorf("save a response: %w", err)
		}
		if err := checkSaved(body, p.sequence); err != nil {
			return err
		}
	}
	path := "/v1/attempts/" + p.id.String()
	if _, err := c.expect(request("POST", path+"/submit", token, nil), http.StatusOK); err != nil {
		return fmt.Errorf("submit an attempt: %w", err)
	}
	review := request("GET", path+"/review", token, nil)
	pause := time.NewTimer(reviewPause)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		polls.Add(1)
		status, body, err := c.do(review)
		switch {
		case err != nil:
			return fmt.Errorf("review an attempt: %w", err)
		case status == http.StatusOK:
			return nil
		case status != http.StatusConflict:
			return fmt.Errorf("review an attempt: %w", &statusError{status, string(body)})
		}
		pause.Reset(reviewPause)
	}
}
