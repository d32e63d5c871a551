package load

import (
	"context"
	"fmt"
	"slices"
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
	gone    []string // what was seen of those that were taken out
}

// target is one platform, as the balancer sees it.
type target struct {
	platform *platformtest.Platform
	unwatch  func()
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
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	one := &target{platform: p, unready: map[string]int{}, unwatch: func() { stop(); watching.Wait() }}
	b.mu.Lock()
	b.targets = append(b.targets, one)
	b.mu.Unlock()
	watching.Go(func() { b.watch(ctx, one) })
	t.Cleanup(one.unwatch)
	platformtest.Eventually(t, "the load balancer takes the platform in", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !one.ready {
			return fmt.Errorf("it is not ready: %v", one.unready)
		}
		return nil
	})
}

// Remove forgets a platform, which has stopped.
func (b *Balancer) Remove(p *platformtest.Platform) {
	b.mu.Lock()
	var left []*target
	for _, one := range b.targets {
		if one.platform == p {
			defer one.unwatch() // outside the lock, which the watching takes
			b.gone = append(b.gone, one.String())
		} else {
			left = append(left, one)
		}
	}
	b.targets = left
	b.mu.Unlock()
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

// String says what the balancer has seen of each platform, those that it has
// forgotten first.
func (b *Balancer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := slices.Clone(b.gone)
	for _, one := range b.targets {
		lines = append(lines, one.String())
	}
	for i := range lines {
		lines[i] = fmt.Sprintf("platform %d: %s", i+1, lines[i])
	}
	return strings.Join(lines, "\n")
}

func (one *target) String() string {
	return fmt.Sprintf("%d checks, the slowest in %s, not ready: %v", one.checks, one.slowest.Round(time.Millisecond), one.unready)
}
