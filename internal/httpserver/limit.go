package httpserver

import "sync/atomic"

// limiter bounds how many are inside at the same time. Nobody waits: a request
// that queues costs its client's patience and our memory.
type limiter struct {
	most   int64
	inside *atomic.Int64
}

func newLimiter(most int) limiter { return limiter{int64(most), &atomic.Int64{}} }

func (l *limiter) enter() bool {
	if l.inside.Add(1) > l.most {
		l.inside.Add(-1)
		return false
	}
	return true
}

func (l *limiter) leave() { l.inside.Add(-1) }
