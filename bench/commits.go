package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// commits learns when the transactions of handlers have committed, by watching
// the statements of their connections: a handler itself cannot know, and asking
// the database would be a load of its own.
type commits struct {
	effects atomic.Int64

	mu       sync.Mutex
	open     map[*pgx.Conn][]int64 // events handled in the transaction under way
	from     int64                 // events from this number on are watched
	emittedT map[int64]time.Time
	effectT  map[int64][]time.Time
}

func newCommits() *commits { return &commits{open: map[*pgx.Conn][]int64{}, from: 1 << 62} }

// watch begins to take times, of events from this number on.
func (c *commits) watch(from int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.emittedT, c.effectT = from, map[int64]time.Time{}, map[int64][]time.Time{}
}

func (c *commits) emitted(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= c.from {
		c.emittedT[n] = time.Now()
	}
}

func (c *commits) pending(conn *pgx.Conn, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = append(c.open[conn], n)
}

// lags are those of all effects that were watched. An effect can be committed
// before the emitter gets to look at the clock; its lag is then nothing.
func (c *commits) lags() (lags []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, at := range c.emittedT {
		for _, effect := range c.effectT[n] {
			lags = append(lags, max(0, effect.Sub(at)))
		}
	}
	return lags
}

type endOfTransaction struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (c *commits) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if data.SQL == "commit" || data.SQL == "rollback" {
		return context.WithValue(ctx, endOfTransaction{}, data.SQL)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *commits) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	how, ends := ctx.Value(endOfTransaction{}).(string)
	if !ends {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	handled := c.open[conn]
	c.open[conn] = handled[:0]
	if how != "commit" || data.Err != nil {
		return
	}
	for _, n := range handled {
		if n >= c.from {
			c.effectT[n] = append(c.effectT[n], now)
		}
	}
	c.effects.Add(int64(len(handled)))
}
