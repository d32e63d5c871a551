package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestWhoseFaultAnErrorIs(t *testing.T) {
	t.Parallel()
	code := func(c string) error { return fmt.Errorf("do something: %w", &pgconn.PgError{Code: c}) }
	for _, test := range []struct {
		name   string
		err    error
		outage bool
	}{
		{"connection exception", code("08006"), true},
		{"administrator's shutdown", code("57P01"), true},
		{"starting up", code("57P03"), true},
		{"too many connections", code("53300"), true},
		{"disk full", code("53100"), true},
		{"input/output error", code("58030"), true},
		{"read-only standby", code("25006"), true},
		{"serialisation failure", code("40001"), true},
		{"deadlock", code("40P01"), true},
		{"unique violation", code("23505"), false},
		{"statement timeout", code("57014"), false},
		{"lock timeout", code("55P03"), false},
		{"aborted transaction", code("25P02"), false},
		{"undefined table", code("42P01"), false},
		{"refused connection", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, true},
		{"end of the stream", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		{"closed connection", net.ErrClosed, true},
		{"no handler was tried", errors.Join(errOutage, errors.New("whatever")), true},
		{"handler too slow", fmt.Errorf("handle: %w", context.DeadlineExceeded), false},
		{"handler's error", errors.New("no"), false},
		{"handler's own stream", handlerError{fmt.Errorf("decode: %w", io.ErrUnexpectedEOF)}, false},
		{"handler that met a deadlock", handlerError{code("40P01")}, true},
		{"permanent error", Permanent(errors.New("no")), false},
		{"permanent error about an outage elsewhere", Permanent(fmt.Errorf("decode: %w", io.ErrUnexpectedEOF)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.outage, isOutage(test.err))
		})
	}
}

func TestPermanentKeepsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := fmt.Errorf("handle: %w", Permanent(cause))
	require.ErrorIs(t, err, cause)
	require.ErrorAs(t, err, new(permanentError))
	require.False(t, errors.As(cause, new(permanentError)))
}

func TestAFaultThatLastsIsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := newComplaint(slog.New(slog.NewTextHandler(&out, nil)), "cannot read", "module", "users")
	lines := func() int { return strings.Count(out.String(), "\n") }
	c.over(t.Context())
	require.Zero(t, lines(), "nothing was wrong")
	for range 100 {
		c.raise(t.Context(), errors.New("gone"))
	}
	require.Equal(t, 1, lines())
	c.logged = c.logged.Add(-complainEvery)
	c.raise(t.Context(), errors.New("gone"))
	require.Equal(t, 2, lines())
	c.over(t.Context())
	c.over(t.Context())
	require.Equal(t, 3, lines())
	require.Contains(t, out.String(), "cannot read: over")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c.raise(stopped, context.Canceled)
	require.Equal(t, 3, lines(), "stopping is no fault")
}

// world is one producer, users, and one consumer, notify.a.
type world struct {
	users, notify *postgres.DB
	admin         func(sql string, args ...any)
	topic         Topic[thing]
	options       Options
	handled       chan int
}

type thing struct {
	Key     uuid.UUID `json:"key"`
	Version int       `json:"version"`
}

func newWorld(t *testing.T) *world {
	db := postgrestest.New(t)
	pool := db.Admin(t)
	w := &world{
		users: db.DB(t, "users"), notify: db.DB(t, "notify"), handled: make(chan int, 1000),
		topic: Define("users", "thing", 1, NoPersonalData, func(e thing) uuid.UUID { return e.Key }),
		admin: func(sql string, args ...any) {
			t.Helper()
			_, err := pool.Exec(t.Context(), sql, args...)
			require.NoError(t, err)
		},
	}
	consumer := Consumer{
		Name: "notify.a", Reset: func(context.Context, pgx.Tx) error { return nil },
		Reactions: []Reaction{On(w.topic, func(_ context.Context, _ pgx.Tx, d Delivery[thing]) error {
			w.handled <- d.Payload.Version
			return nil
		})}}
	w.options = Options{
		Members: []Member{
			{DB: w.users, Contract: Contract{Module: "users", Publishes: []AnyTopic{w.topic}}},
			{DB: w.notify, Contract: Contract{Module: "notify", Consumers: []Consumer{consumer}}},
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Registerer: prometheus.NewRegistry(), Idle: 20 * time.Millisecond,
	}
	return w
}

func (w *world) emit(t *testing.T, key uuid.UUID, versions ...int) {
	t.Helper()
	for _, v := range versions {
		require.NoError(t, w.users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return w.topic.Emit(ctx, tx, thing{Key: key, Version: v})
		}))
	}
}

func (w *world) start(t *testing.T) *Bus {
	t.Helper()
	b, err := New(w.options)
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(func() { stopBus(t, b) })
	return b
}

func stopBus(t *testing.T, b *Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, b.Stop(ctx))
}

func (w *world) expect(t *testing.T, versions ...int) {
	t.Helper()
	for _, want := range versions {
		select {
		case got := <-w.handled:
			require.Equal(t, want, got)
		case <-time.After(10 * time.Second):
			require.FailNow(t, "event not handled", "version %d", want)
		}
	}
}

// TestEventsThatWereLostAreNoticed drops events that a consumer has not handled,
// as a restored backup or a hand at the wrong table would.
func TestEventsThatWereLostAreNoticed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose string
		left []int
	}{
		"in the middle": {`delete from users.event_log where (payload->>'version')::int in (3, 4)`, []int{5}},
		"to the end":    {`delete from users.event_log where (payload->>'version')::int >= 3`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			key := uuid.New()
			w.emit(t, key, 1, 2)
			b := w.start(t)
			w.expect(t, 1, 2)
			stopBus(t, b)
			w.emit(t, key, 3, 4, 5)
			r := newRelay("users", w.users, newHeads(), w.options.Log, time.Second)
			_, _, err := r.pass(t.Context())
			require.NoError(t, err)
			w.admin(test.lose)

			out := &lockedBuffer{}
			w.options.Log = slog.New(slog.NewTextHandler(out, nil))
			w.options.Registerer = nil
			b = w.start(t)
			require.Eventually(t, func() bool {
				return strings.Contains(out.String(), "level=ERROR") && strings.Contains(out.String(), "platform events replay --consumer notify.a")
			}, 10*time.Second, 5*time.Millisecond, "nobody was told")
			require.Empty(t, w.handled, "the consumer went past a loss")
			require.Equal(t, 1, strings.Count(out.String(), "level=ERROR"), "told once, not in a loop")

			// The way out that the message names.
			require.NoError(t, b.Replay(t.Context(), "notify.a"))
			if test.left == nil {
				w.expect(t, 1, 2)
				return
			}
			w.admin(`delete from users.event_log where (payload->>'version')::int < 3`)
			require.NoError(t, b.Replay(t.Context(), "notify.a"))
			require.Eventually(t, func() bool {
				var last int
				for len(w.handled) > 0 {
					last = <-w.handled
				}
				return last == 5
			}, 10*time.Second, 5*time.Millisecond, "the replay does not begin behind the loss")
		})
	}
}

// TestRetentionKeepsWhatIsNotHandled lets a month pass its retention while a
// consumer has not read it.
func TestRetentionKeepsWhatIsNotHandled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.options.Retention = 24 * time.Hour
	b, err := New(w.options)
	require.NoError(t, err)
	for _, c := range b.consumptions {
		require.NoError(t, b.makePositions(t.Context(), c))
	}
	w.emit(t, uuid.New(), 1, 2)
	r := newRelay("users", w.users, newHeads(), w.options.Log, time.Second)
	_, _, err = r.pass(t.Context())
	require.NoError(t, err)
	w.admin(`update users.event_log set relayed_at = now() - interval '90 days'`) // into the default partition
	left := func() (n int) {
		t.Helper()
		require.NoError(t, w.users.Pool.QueryRow(t.Context(), `select count(*) from users.event_log`).Scan(&n))
		return n
	}
	users := b.members["users"]
	require.NoError(t, b.maintain(t.Context(), "users", users))
	require.Equal(t, 2, left(), "dropped although notify.a has not handled them")
	w.admin(`update notify.consumer_positions p set seq = h.seq from users.event_heads h where h.partition = p.partition`)
	require.NoError(t, b.maintain(t.Context(), "users", users))
	require.Zero(t, left(), "kept although everybody has handled them")
}

// TestSettingAsideNeverJumps has a replay begin between the last try of an
// event and its setting aside.
func TestSettingAsideNeverJumps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, err := New(w.options)
	require.NoError(t, err)
	c := b.consumptions[0]
	require.NoError(t, b.makePositions(t.Context(), c))
	event := Envelope{ID: uuid.New(), Source: "users", Partition: 3, Seq: 50, Type: w.topic.Type()}
	require.ErrorIs(t, c.setAside(t.Context(), event, errors.New("no"), 6), errNotNext)
	at := func() (seq int64) {
		t.Helper()
		require.NoError(t, w.notify.Pool.QueryRow(t.Context(),
			`select seq from notify.consumer_positions where consumer = 'notify.a' and partition = 3`).Scan(&seq))
		return seq
	}
	require.Zero(t, at(), "events 1 to 49 were skipped")
	event.Seq = 1
	require.NoError(t, c.setAside(t.Context(), event, errors.New("no"), 6))
	require.EqualValues(t, 1, at())
}

func TestResolvedDeadLettersArePruned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, resolved := range []string{"null", "now() - interval '29 days'", "now() - interval '31 days'"} {
		w.admin(`insert into notify.dead_letters (id, consumer, source, partition, seq, event_id, event_type, envelope, error, attempts, failed_at, resolved_at)
			values (gen_random_uuid(), 'notify.a', 'users', 0, $1, gen_random_uuid(), 'x', '{}', 'no', 1, now() - interval '1 year', `+resolved+`)`, i)
	}
	require.NoError(t, pruneDeadLetters(t.Context(), "notify", Member{DB: w.notify}))
	rows, err := w.notify.Pool.Query(t.Context(), `select seq from notify.dead_letters order by seq`)
	require.NoError(t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, left, "the unresolved and the recent one stay")
}

// TestStartAndStopLeaveNothingBehind is not parallel: it counts goroutines.
func TestStartAndStopLeaveNothingBehind(t *testing.T) {
	w := newWorld(t)
	w.options.Registerer = nil
	before := goleak.IgnoreCurrent()
	key := uuid.New()
	for i := range 20 {
		b, err := New(w.options)
		require.NoError(t, err)
		require.NoError(t, b.Start(t.Context()))
		if i%2 == 0 { // stopped at work, or at once
			w.emit(t, key, i)
			w.expect(t, i)
		}
		stopBus(t, b)
		stopBus(t, b) // stopping twice is stopping once
		require.Error(t, b.Start(t.Context()))
	}
	w.users.Pool.Reset() // its connections have goroutines of their own
	w.notify.Pool.Reset()
	goleak.VerifyNone(t, before)
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
