package users

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lyceum-lms/platform/internal/problem"
)

// maxHashWait is the longest that a caller waits for a turn at hashing. Who
// would have to wait longer is sent away at once.
const maxHashWait = 2 * time.Second

// hasher hashes passwords, as many at a time as there are processors: argon2id
// takes a core and its memory for tens of milliseconds, and a rush of sign-ins
// must neither exhaust the memory nor queue up beyond what a person waits for.
type hasher struct {
	params  Argon2
	slots   chan struct{}
	present atomic.Int64 // callers that hash or wait to
	average atomic.Int64 // ns of one hash, exponentially smoothed
	seconds prometheus.Histogram
}

func newHasher(p Argon2, reg prometheus.Registerer) (*hasher, error) {
	h := &hasher{
		params: p,
		slots:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lyceum_users_password_hash_seconds", Help: "Time of one password hash, without the wait for a turn.",
			Buckets: []float64{.005, .01, .02, .04, .08, .16, .32, .64},
		}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lyceum_users_password_hash_waiting", Help: "Callers waiting for a turn at hashing a password.",
	}, func() float64 { return float64(max(0, h.present.Load()-int64(cap(h.slots)))) })
	for _, c := range []prometheus.Collector{h.seconds, waiting} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// hash hashes a new password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	var made hash
	err := h.turn(ctx, func() { made = newHash(h.params, password) })
	if err != nil {
		return "", err
	}
	return made.String(), nil
}

// verify reports whether the password has the stored hash. An empty hash is
// that of nobody: the answer is no, after the same work.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	known := unmatchable(h.params)
	if stored != "" {
		if known, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	err = h.turn(ctx, func() { ok = known.matches(password) })
	return ok, known.outdated(h.params), err
}

// turn runs work when a processor is free for it.
func (h *hasher) turn(ctx context.Context, work func()) error {
	ahead := h.present.Add(1) - 1
	defer h.present.Add(-1)
	if wait := h.expectedWait(ahead); wait > maxHashWait {
		return busy(wait)
	}
	timer := time.NewTimer(maxHashWait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return busy(maxHashWait)
	}
	defer func() { <-h.slots }()
	start := time.Now()
	work()
	took := time.Since(start)
	h.seconds.Observe(took.Seconds())
	if last := h.average.Load(); last == 0 {
		h.average.Store(int64(took))
	} else {
		h.average.Store(last + (int64(took)-last)/8)
	}
	return nil
}

// expectedWait is the time until a caller with so many ahead gets its turn.
func (h *hasher) expectedWait(ahead int64) time.Duration {
	queued := ahead - int64(cap(h.slots)) + 1
	if queued <= 0 {
		return 0
	}
	return time.Duration(queued * h.average.Load() / int64(cap(h.slots)))
}

func busy(wait time.Duration) error {
	return problem.New(problem.Unavailable, "busy", "Too many people are signing in at the moment. Try again shortly.").
		After(max(time.Second, wait.Round(time.Second)))
}
