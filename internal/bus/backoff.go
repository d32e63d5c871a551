package bus

import (
	"math/rand/v2"
	"time"
)

// backoff doubles a wait from least to most, with jitter of up to a half, so that
// replicas do not come back in step.
type backoff struct{ least, most, current time.Duration }

func newBackoff(least, most time.Duration) *backoff { return &backoff{least: least, most: most} }

func (b *backoff) next() time.Duration {
	b.current = min(max(b.current*2, b.least), b.most)
	return b.current/2 + rand.N(b.current/2+1)
}

func (b *backoff) reset() { b.current = 0 }
