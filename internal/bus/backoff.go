package bus

import (
	"math/rand/v2"
	"time"
)

// backoff doubles a wait from min to max, with jitter of up to a half, so that
// replicas do not come back in step.
type backoff struct{ min, max, current time.Duration }

func newBackoff(min, max time.Duration) *backoff { return &backoff{min: min, max: max} }

func (b *backoff) next() time.Duration {
	b.current = min(max(b.current*2, b.min), b.max)
	return b.current/2 + rand.N(b.current/2+1)
}

func (b *backoff) reset() { b.current = 0 }
