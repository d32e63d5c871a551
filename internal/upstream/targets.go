package upstream

import (
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// targets are the places where a module may run. The one that worked last is
// asked first. When a module moves, the old place refuses and the new one does
// not, so everybody stays with the new one; nobody goes back to look.
type targets struct {
	urls     []*url.URL
	patience time.Duration // of a request with an outage
	first    atomic.Int64  // where to begin

	latestGood atomic.Int64 // the one that answered last, at first the first
	down       atomic.Bool  // whether there is an outage
	mu         sync.Mutex
	since      time.Time // the outage's beginning
	latest     time.Time // its last failure
}

func (t *targets) begin() int { return int(t.first.Load()) }

// worked notes that a target has answered. It reports whether that is news:
// another one did before, or none.
func (t *targets) worked(at int) bool {
	back := t.down.Load() && t.down.Swap(false)
	moved := t.latestGood.Load() != int64(at) && t.latestGood.Swap(int64(at)) != int64(at)
	if t.first.Load() != int64(at) {
		t.first.Store(int64(at))
	}
	return back || moved
}

// failed notes that a target has not answered, or has said that it cannot, so
// that the next request begins with the next target.
func (t *targets) failed(at int) {
	t.first.CompareAndSwap(int64(at), int64((at+1)%len(t.urls)))
}

// away notes that no target could serve a request that came at start, and
// returns until when that request should go on trying: as long as the patience
// lasts from its arrival or from the outage's beginning, whichever was first. It
// reports whether the outage begins with it.
func (t *targets) away(start, now time.Time) (until time.Time, news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// What was long ago is another outage: perhaps nobody came by in between.
	if news = !t.down.Swap(true) || now.Sub(t.latest) > t.patience; news {
		t.since = now
	}
	t.latest = now
	if t.since.Before(start) {
		start = t.since
	}
	return start.Add(t.patience), news
}
