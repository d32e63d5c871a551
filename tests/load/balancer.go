package load

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Balancer sends requests to platforms in turn, as a load balancer does that
// asks each from time to time whether it is ready.
type Balancer struct {
	looking sync.Mutex // one look at a time

	mu    sync.Mutex
	all   []*platformtest.Platform
	ready []string // base URLs
	next  int
	last  string // where the latest request went
}

// CheckEvery is how often a balancer asks whether a platform is ready. One that
// stops should go on serving for longer: see --drain-delay.
const CheckEvery = 50 * time.Millisecond

// NewBalancer looks at the platforms until the test ends.
func NewBalancer(t testing.TB, platforms ...*platformtest.Platform) *Balancer {
	t.Helper()
	b := &Balancer{}
	for _, p := range platforms {
		b.Add(t, p)
	}
	ctx, stop := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(CheckEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.look(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { stop(); looking.Wait() })
	return b
}

// Add sends requests to one more platform, once it is ready, and returns then.
func (b *Balancer) Add(t testing.TB, p *platformtest.Platform) {
	t.Helper()
	b.mu.Lock()
	b.all = append(b.all, p)
	b.mu.Unlock()
	platformtest.Eventually(t, "the load balancer takes the platform in", func() error {
		if err := p.Ready(t.Context()); err != nil {
			return err
		}
		b.look(t.Context())
		return nil
	})
}

// URL is the base URL of the next request. With no platform ready it is one that
// was, as a client knows no better.
func (b *Balancer) URL() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) > 0 {
		b.next++
		b.last = b.ready[b.next%len(b.ready)]
	}
	return b.last
}

// look asks every platform.
func (b *Balancer) look(ctx context.Context) {
	b.looking.Lock()
	defer b.looking.Unlock()
	b.mu.Lock()
	all := slices.Clone(b.all)
	b.mu.Unlock()
	var ready []string
	for _, p := range all {
		limited, cancel := context.WithTimeout(ctx, time.Second) // one that hangs is not ready
		if p.Ready(limited) == nil {
			ready = append(ready, p.URL())
		}
		cancel()
	}
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = ready
}
