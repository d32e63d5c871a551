package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// complainEvery is how often a fault that lasts is logged.
const complainEvery = time.Minute

// complaint logs a fault at once, then once a minute while it lasts, and its
// end: a database that is away for an hour must not bury the rest of the log.
type complaint struct {
	log   *slog.Logger
	level slog.Level
	text  string

	mu     sync.Mutex
	since  time.Time // zero while nothing is wrong
	logged time.Time
}

func newComplaint(log *slog.Logger, text string, args ...any) *complaint {
	return &complaint{log: log.With(args...), level: slog.LevelWarn, text: text}
}

// newLossComplaint is about events that a consumer can no longer read.
func newLossComplaint(log *slog.Logger, consumer, source string) *complaint {
	c := newComplaint(log, "bus: events are lost, the consumer waits", "consumer", consumer, "source", source)
	c.level = slog.LevelError
	return c
}

func (c *complaint) raise(ctx context.Context, err error, args ...any) {
	if ctx.Err() != nil {
		return // stopping is no fault
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.since.IsZero() {
		c.since = now
	} else if now.Sub(c.logged) < complainEvery {
		return
	}
	c.logged = now
	c.log.Log(ctx, c.level, c.text, append([]any{"error", err, "since", c.since.UTC()}, args...)...)
}

func (c *complaint) over(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.log.InfoContext(ctx, c.text+": over", "lasted", time.Since(c.since).Round(time.Millisecond))
	c.since = time.Time{}
}
