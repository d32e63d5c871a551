package bus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// strangers decides what to do with events of types that this release has never
// heard of. While a newer release is rolled out, both run the same consumer:
// the older one must not go past an event that only the newer one can handle.
// When the newer one has been rolled back, nobody will come, and waiting for
// ever would stop the consumer.
//
// So such an event is left alone, which lets a newer replica take it at once,
// and is set aside as a dead letter when none has done so within patience: the
// release that knows it can handle it then.
type strangers struct {
	known    map[string]bool // types that the source publishes in this release
	patience time.Duration
	log      *slog.Logger

	mu      sync.Mutex
	waiting map[int16]stranger
	givenUp map[string]time.Time // types that nobody came for, and when
}

type stranger struct {
	seq   int64
	since time.Time
}

// trustRollback is how long the types that nobody came for are passed over
// without waiting again.
const trustRollback = time.Hour

// errStranger says why an event was set aside.
var errStranger = errors.New("this release does not know the event's type, and no replica of another one has taken it")

// judge decides about an event that the consumer does not react to: nil if it
// is of no interest, errNewer to leave it alone, errStranger to set it aside.
func (s *strangers) judge(ctx context.Context, e Envelope, now time.Time) error {
	if s.known[e.Type] || e.Type == tombstoneType {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.givenUp[e.Type]; ok && now.Sub(at) < trustRollback {
		return Permanent(errStranger)
	}
	w := s.waiting[e.Partition]
	if w.seq != e.Seq {
		w = stranger{seq: e.Seq, since: now}
		s.waiting[e.Partition] = w
	}
	if now.Sub(w.since) < s.patience {
		return errNewer
	}
	s.givenUp[e.Type] = now
	s.log.WarnContext(ctx, "bus: setting aside events of a type that this release does not know and that no newer replica has taken",
		"type", e.Type, "first", e.ID, "waited", s.patience)
	return Permanent(errStranger)
}
