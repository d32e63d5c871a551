package faults

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// place is where a consumer, or a module's forwarder, reads.
type place struct {
	consumer, source string
	partition        int16
}

func (p place) forwarder() bool { return strings.HasSuffix(p.consumer, ".kafka") }

// bookkeeping reads the modules' schemas, which are in one database.
type bookkeeping struct {
	db *pgxpool.Pool
	// Statements over the schemas of all modules.
	lag, positions, heads string
}

func newBookkeeping(t testing.TB, db *pgxpool.Pool) *bookkeeping {
	t.Helper()
	contracts, err := app.Contracts()
	require.NoError(t, err)
	var lags, positions, heads []string
	for _, c := range contracts {
		sources := map[string]bool{c.Module: true} // the forwarder's
		for _, consumer := range c.Consumers {
			for _, s := range consumer.Sources() {
				sources[s] = true
			}
		}
		for s := range sources {
			lags = append(lags, fmt.Sprintf(`
				select p.consumer, p.source, p.partition, extract(epoch from clock_timestamp() - e.occurred_at)::float8
				from %[1]s.consumer_positions p join %[2]s.event_log e on e.partition = p.partition and e.seq = p.seq + 1
				where p.source = '%[2]s'`, c.Module, s))
		}
		positions = append(positions, fmt.Sprintf(`select consumer, source, partition, seq from %s.consumer_positions`, c.Module))
		heads = append(heads, fmt.Sprintf(`select '', '%[1]s', partition, seq from %[1]s.event_heads`, c.Module))
	}
	all := func(queries []string) string { return strings.Join(queries, " union all ") }
	return &bookkeeping{db: db, lag: all(lags), positions: all(positions), heads: all(heads)}
}

func read[T any](ctx context.Context, db *pgxpool.Pool, sql string) (map[place]T, error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	found := map[place]T{}
	var at place
	var value T
	_, err = pgx.ForEachRow(rows, []any{&at.consumer, &at.source, &at.partition, &value}, func() error {
		found[at] = value
		return nil
	})
	return found, err
}

// reached is how far everybody has come.
func (b *bookkeeping) reached(t testing.TB) map[place]int64 {
	t.Helper()
	positions, err := read[int64](t.Context(), b.db, b.positions)
	require.NoError(t, err)
	return positions
}

// ends is how far the logs reach.
func (b *bookkeeping) ends(t testing.TB) map[place]int64 {
	t.Helper()
	heads, err := read[int64](t.Context(), b.db, b.heads)
	require.NoError(t, err)
	return heads
}

// missing counts the events up to the ends that readers, those chosen, have not
// passed.
func missing(ends, reached map[place]int64, chosen func(place) bool) (n int64) {
	for at, seq := range reached {
		if chosen(at) {
			n += max(0, ends[place{source: at.source, partition: at.partition}]-seq)
		}
	}
	return n
}

func everybody(place) bool { return true }

func nobody(place) bool { return false }

// awaitPassed waits until all the readers chosen have passed what the logs hold
// now, and returns how much that was and how long it took.
func (b *bookkeeping) awaitPassed(t testing.TB, chosen func(place) bool) (events int64, took time.Duration) {
	t.Helper()
	begin, ends := time.Now(), b.ends(t)
	events = missing(ends, b.reached(t), chosen)
	platformtest.Eventually(t, "the backlog drains", func() error {
		if n := missing(ends, b.reached(t), chosen); n > 0 {
			return fmt.Errorf("%d of %d have not been passed", n, events)
		}
		return nil
	})
	return events, time.Since(begin)
}

// lagWatch keeps looking how long the next event of each reader has waited.
type lagWatch struct {
	mu    sync.Mutex
	worst map[place]time.Duration
	taken time.Time
}

// sampleEvery is how often a lagWatch looks: what it says may be too little by
// as much.
const sampleEvery = 150 * time.Millisecond

func watchLag(t testing.TB, b *bookkeeping) *lagWatch {
	t.Helper()
	w := &lagWatch{worst: map[place]time.Duration{}}
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			asked := time.Now()
			if now, err := read[float64](ctx, b.db, b.lag); err == nil {
				w.add(now, asked)
			}
		}
	})
	t.Cleanup(func() { stop(); watching.Wait() })
	return w
}

func (w *lagWatch) add(now map[place]float64, asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if asked.Before(w.taken) {
		return // it belongs to what was taken meanwhile
	}
	for at, seconds := range now {
		w.worst[at] = max(w.worst[at], time.Duration(seconds*float64(time.Second)))
	}
}

// lags are the longest waits that a lagWatch has seen.
type lags map[place]time.Duration

// take returns what has been seen since the last call.
func (w *lagWatch) take() lags {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.worst
	w.worst, w.taken = map[place]time.Duration{}, time.Now()
	return taken
}

// of is the longest wait of the readers chosen.
func (l lags) of(chosen func(place) bool) (longest time.Duration) {
	for at, wait := range l {
		if chosen(at) {
			longest = max(longest, wait)
		}
	}
	return longest.Round(time.Millisecond)
}

// String lists the longest wait of each consumer and forwarder.
func (l lags) String() string {
	by := map[string]time.Duration{}
	for at, wait := range l {
		by[at.consumer] = max(by[at.consumer], wait.Round(time.Millisecond))
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b)) })
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %s", name, by[name]))
	}
	return strings.Join(parts, ", ")
}

// watch sees how long events wait, and how long one would have to wait at least.
type watch struct {
	lag  *lagWatch
	acks *ackWatch
}

// take describes the longest waits since the last call: of the partitions that
// are hit, and of the others.
func (w *watch) take(hit func(place) bool) string {
	waits, acks := w.lag.take(), w.acks.take()
	others := func(p place) bool { return !hit(p) }
	of := func(chosen func(place) bool) string {
		return fmt.Sprintf("%s at forwarders, %s at consumers, %s for the acknowledgement to a bare producer",
			waits.of(func(p place) bool { return chosen(p) && p.forwarder() }), waits.of(func(p place) bool { return chosen(p) && !p.forwarder() }),
			acks.of(chosen))
	}
	var longest []string
	if hits := of(hit); acks.any(hit) || waits.any(hit) {
		longest = append(longest, "of the partitions that are hit "+hits)
	}
	return strings.Join(append(longest, "of the others "+of(others)), "; ") + " (" + waits.String() + ")"
}

// any reports whether there are some among those chosen.
func (l lags) any(chosen func(place) bool) bool {
	for at := range l {
		if chosen(at) {
			return true
		}
	}
	return false
}
