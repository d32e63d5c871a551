package load

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Balancer sends requests to platforms in turn, as a load balancer does that
// asks each from time to time whether it is ready.
type Balancer struct {
	mu      sync.Mutex
	targets []*target
	next    int
}

// target is one platform, as the balancer sees it.
type target struct {
	platform *platformtest.Platform
	ready    bool
	checks   int
	slowest  time.Duration // check
	unready  map[string]int
}

// CheckEvery is how often a balancer asks a platform whether it is ready. One that
// stops should go on serving for longer: see --drain-delay.
const CheckEvery = 50 * time.Millisecond

// NewBalancer looks at the platforms until the test ends.
func NewBalancer(t testing.TB, platforms ...*platformtest.Platform) *Balancer {
	t.Helper()
	b := &Balancer{}
	for _, p := range platforms {
		b.Add(t, p)
	}
	return b
}

// Add sends requests to one more platform, once it is ready, and returns then.
func (b *Balancer) Add(t testing.TB, p *platformtest.Platform) {
	t.Helper()
	one := &target{platform: p, unready: map[string]int{}}
	b.mu.Lock()
	b.targets = append(b.targets, one)
	b.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { b.watch(ctx, one) })
	t.Cleanup(func() { stop(); watching.Wait() })
	platformtest.Eventually(t, "the load balancer takes the platform in", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !one.ready {
			return fmt.Errorf("it is not ready: %v", one.unready)
		}
		return nil
	})
}

// watch asks one platform, again and again, until ctx ends.
func (b *Balancer) watch(ctx context.Context, one *target) {
	tick := time.NewTicker(CheckEvery)
	defer tick.Stop()
	for {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := one.platform.Ready(limited)
		cancel()
		if ctx.Err() != nil {
			return
		}
		b.mu.Lock()
		one.ready = err == nil
		one.checks++
		one.slowest = max(one.slowest, time.Since(begin))
		if err != nil {
			what, _, _ := strings.Cut(err.Error(), " {") // without the parts
			one.unready[what]++
		}
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// URL is the base URL of the next request: of the next platform that is ready or,
// if none is, of the next.
func (b *Balancer) URL() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.targets {
		b.next++
		if one := b.targets[b.next%len(b.targets)]; one.ready {
			return one.platform.URL()
		}
	}
	b.next++
	return b.targets[b.next%len(b.targets)].platform.URL()
}

// String says what the balancer has seen of each platform.
func (b *Balancer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for i, one := range b.targets {
		lines = append(lines, fmt.Sprintf("platform %d: %d checks, the slowest in %s, not ready: %v",
			i+1, one.checks, one.slowest.Round(time.Millisecond), one.unready))
	}
	return strings.Join(lines, "\n")
}
