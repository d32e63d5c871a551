package bustest

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// Starter starts a bus on the transport under test. Several buses on one
// database are replicas.
type Starter func(t testing.TB, opts bus.Options) *bus.Bus

// counted is an event of the suite: the version is the count of events that
// its aggregate has emitted.
type counted struct {
	Aggregate uuid.UUID `json:"aggregate"`
	Version   int       `json:"version"`
}

var (
	counting = bus.Define("users", "counted", 1, bus.NoPersonalData, func(e counted) uuid.UUID { return e.Aggregate })
	echoing  = bus.Define("content", "echoed", 1, bus.ContactFacts, func(e counted) uuid.UUID { return e.Aggregate })
)

// Conformance holds a transport to the promises of the bus.
func Conformance(t *testing.T, start Starter) {
	for name, test := range map[string]func(*testing.T, *suite){
		"an event is published if and only if its transaction commits": publishedOnCommit,
		"order per aggregate and exactly-once effect with replicas":    orderAndOnce,
		"a late commit is not skipped":                                 lateCommit,
		"a stuck consumer delays nobody":                               stuckConsumer,
		"a poison event is set aside and can be retried":               poison,
		"a panic is a failure like any other":                          panics,
		"a permanent error is not retried":                             permanent,
		"a handler killed half-way takes effect once":                  killedHandler,
		"a consumer can be rebuilt from the beginning":                 replay,
		"a new consumer starts at the beginning":                       newConsumer,
		"stopping under load loses and doubles nothing":                stopUnderLoad,
		"cause, correlation and trace travel along":                    causes,
		"erasure blanks the log and keeps the order":                   erasure,
		"lag is seen while a consumer is behind":                       lag,
		"events of a newer release are left to it":                     newerRelease,
		"events of a withdrawn release stop nobody":                    withdrawnRelease,
		"fields of a newer release are ignored by an older one":        otherFields,
		"a dead letter holds no personal data":                         personalPoison,
		"a stop does not wait for a batch":                             slowStop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newSuite(t, start))
		})
	}
}

type suite struct {
	db    *postgrestest.Database
	start Starter
	users *postgres.DB
	sink  *postgres.DB // notify's: the consumers' side
}

func newSuite(t *testing.T, start Starter) *suite {
	db := postgrestest.New(t)
	admin, err := pgx.Connect(t.Context(), db.URL())
	require.NoError(t, err)
	defer func() { _ = admin.Close(context.Background()) }()
	_, err = admin.Exec(t.Context(), `
		set role lyceum_users_owner;
		create table users.aggregates (id uuid primary key, version int not null);
		set role lyceum_notify_owner;
		create table notify.seen (consumer text, aggregate uuid, version int not null, effects int not null,
			gaps int not null, primary key (consumer, aggregate))`)
	require.NoError(t, err)
	return &suite{db: db, start: start, users: db.DB(t, "users"), sink: db.DB(t, "notify")}
}

// replica starts a bus with the given consumers of notify.
func (s *suite) replica(t testing.TB, consumers ...bus.Consumer) *bus.Bus {
	return s.start(t, bus.Options{
		Members: []bus.Member{
			{DB: s.users, Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{counting}}},
			{DB: s.db.DB(t, "content"), Contract: bus.Contract{Module: "content", Publishes: []bus.AnyTopic{echoing}}},
			{DB: s.sink, Contract: bus.Contract{Module: "notify", Consumers: consumers}},
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Registerer: prometheus.NewRegistry(),
		Idle:  50 * time.Millisecond,
		Retry: bus.RetryPolicy{Attempts: 3, Min: time.Millisecond, Max: 5 * time.Millisecond, Timeout: 10 * time.Second},
	})
}

// counter is a consumer that counts effects and every step out of order.
func counter(name string) bus.Consumer {
	return bus.Consumer{
		Name: name, Purpose: "Counts.",
		Reactions: []bus.Reaction{bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			return count(ctx, tx, name, d.Payload)
		})},
		Reset: func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `delete from notify.seen where consumer = $1`, name)
			return err
		},
	}
}

func count(ctx context.Context, tx pgx.Tx, consumer string, e counted) error {
	_, err := tx.Exec(ctx, `
		insert into notify.seen as s (consumer, aggregate, version, effects, gaps) values ($1, $2, $3, 1, ($3 <> 1)::int)
		on conflict (consumer, aggregate) do update set version = $3, effects = s.effects + 1,
			gaps = s.gaps + (s.version + 1 <> $3)::int`, consumer, e.Aggregate, e.Version)
	return err
}

// emit counts an aggregate up and says so, as a module would: the aggregate's
// row is locked before the event is emitted.
func (s *suite) emit(ctx context.Context, aggregate uuid.UUID) error {
	return s.users.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.emitIn(ctx, tx, aggregate) })
}

func (s *suite) emitIn(ctx context.Context, tx pgx.Tx, aggregate uuid.UUID) error {
	e := counted{Aggregate: aggregate}
	err := tx.QueryRow(ctx, `
		insert into users.aggregates as a (id, version) values ($1, 1)
		on conflict (id) do update set version = a.version + 1 returning version`, aggregate).Scan(&e.Version)
	if err != nil {
		return err
	}
	return counting.Emit(ctx, tx, e)
}

// load emits n events for a handful of aggregates from 8 writers.
func (s *suite) load(t testing.TB, n int) []uuid.UUID {
	t.Helper()
	aggregates := make([]uuid.UUID, 40)
	for i := range aggregates {
		aggregates[i] = uuid.New()
	}
	var left atomic.Int64
	left.Store(int64(n))
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.emit(context.Background(), aggregates[rand.IntN(len(aggregates))]); err != nil {
					t.Errorf("emit: %v", err)
					return
				}
			}
		})
	}
	writers.Wait()
	return aggregates
}

type tally struct{ Effects, Gaps int }

func (s *suite) tally(t testing.TB, consumer string) (res tally) {
	t.Helper()
	err := s.sink.Pool.QueryRow(context.Background(), `
		select coalesce(sum(effects), 0)::int, coalesce(sum(gaps), 0)::int from notify.seen where consumer = $1`,
		consumer).Scan(&res.Effects, &res.Gaps)
	require.NoError(t, err)
	return res
}

// eventually waits until consumer has counted exactly this many effects and
// then looks once more, so that one too many is noticed.
func (s *suite) eventually(t testing.TB, consumer string, effects int) {
	t.Helper()
	var last tally
	require.Eventually(t, func() bool {
		last = s.tally(t, consumer)
		return last.Effects >= effects
	}, 30*time.Second, 5*time.Millisecond, "%s did not come to %d effects", consumer, effects)
	require.Equal(t, tally{Effects: effects}, s.tally(t, consumer), "effects and steps out of order of %s", consumer)
}

// published waits until consumers can receive all that a module has emitted.
func (s *suite) published(t testing.TB, b *bus.Bus, module string) {
	t.Helper()
	require.Eventually(t, func() bool {
		n, err := b.Unpublished(context.Background(), module)
		require.NoError(t, err)
		return n == 0
	}, 10*time.Second, 5*time.Millisecond, "events of %s are not published", module)
}

func publishedOnCommit(t *testing.T, s *suite) {
	s.replica(t, counter("notify.a"))
	aggregate := uuid.New()
	errNo := errors.New("no")
	err := s.users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		require.NoError(t, s.emitIn(ctx, tx, aggregate))
		return errNo
	})
	require.ErrorIs(t, err, errNo)
	require.NoError(t, s.emit(t.Context(), aggregate))
	s.eventually(t, "notify.a", 1)
}

func orderAndOnce(t *testing.T, s *suite) {
	s.replica(t, counter("notify.a"), counter("notify.b"))
	s.replica(t, counter("notify.a"), counter("notify.b"))
	s.load(t, 1500)
	s.eventually(t, "notify.a", 1500)
	s.eventually(t, "notify.b", 1500)
}

func lateCommit(t *testing.T, s *suite) {
	s.replica(t, counter("notify.a"))
	late, err := s.users.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = late.Rollback(context.Background()) }()
	require.NoError(t, s.emitIn(t.Context(), late, uuid.New())) // draws its id first ...
	for range 50 {
		require.NoError(t, s.emit(t.Context(), uuid.New()))
	}
	s.eventually(t, "notify.a", 50) // ... the others overtake it in every partition ...
	require.NoError(t, late.Commit(t.Context()))
	s.eventually(t, "notify.a", 51) // ... and it is still found
}

func stuckConsumer(t *testing.T, s *suite) {
	release := make(chan struct{})
	stuck := bus.Consumer{Name: "notify.stuck", Purpose: "Hangs.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return count(ctx, tx, "notify.stuck", d.Payload)
		})}}
	s.replica(t, stuck, counter("notify.a"))
	s.load(t, 200)
	s.eventually(t, "notify.a", 200)
	require.Zero(t, s.tally(t, "notify.stuck").Effects, "the stuck consumer must still be stuck for this to mean anything")
	close(release)
	s.eventually(t, "notify.stuck", 200)
}

// failing is a counter that fails on some aggregates as long as broken is set.
func failing(broken *atomic.Bool, fail func(counted) error) bus.Consumer {
	return bus.Consumer{Name: "notify.a", Purpose: "Fails.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			if err := count(ctx, tx, "notify.a", d.Payload); err != nil {
				return err
			}
			if broken.Load() {
				return fail(d.Payload)
			}
			return nil
		})}}
}

func poison(t *testing.T, s *suite) {
	bad := uuid.New()
	var broken atomic.Bool
	broken.Store(true)
	b := s.replica(t, failing(&broken, func(e counted) error {
		if e.Aggregate == bad {
			return errors.New("cannot digest this\x00")
		}
		return nil
	}))
	require.NoError(t, s.emit(t.Context(), bad))
	s.load(t, 300)
	s.eventually(t, "notify.a", 300)
	letters := s.deadLetters(t, b, 1)
	require.Equal(t, "notify.a", letters[0].Consumer)
	require.Equal(t, 3, letters[0].Attempts)
	require.Equal(t, "cannot digest this", letters[0].Error)

	// A retry that fails again is visible as such.
	s.retry(t, b, letters[0].ID)
	require.Eventually(t, func() bool {
		again := s.deadLetters(t, b, 1)[0]
		return again.Attempts == 4 && again.RetryRequestedAt == nil
	}, 10*time.Second, 10*time.Millisecond, "the retry was not counted")

	broken.Store(false)
	s.retry(t, b, uuid.Nil)
	s.eventually(t, "notify.a", 301)
	s.deadLetters(t, b, 0)
}

func (s *suite) retry(t testing.TB, b *bus.Bus, id uuid.UUID) {
	t.Helper()
	n, err := b.Retry(t.Context(), "notify.a", id)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func (s *suite) deadLetters(t testing.TB, b *bus.Bus, want int) (letters []bus.DeadLetter) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		letters, err = b.DeadLetters(context.Background(), 100)
		require.NoError(t, err)
		return len(letters) == want
	}, 10*time.Second, 10*time.Millisecond, "there are not %d dead letters", want)
	return letters
}

func panics(t *testing.T, s *suite) {
	bad := uuid.New()
	var broken atomic.Bool
	broken.Store(true)
	b := s.replica(t, failing(&broken, func(e counted) error {
		if e.Aggregate == bad {
			panic("boom")
		}
		return nil
	}))
	require.NoError(t, s.emit(t.Context(), bad))
	require.NoError(t, s.emit(t.Context(), uuid.New()))
	s.eventually(t, "notify.a", 1)
	require.Contains(t, s.deadLetters(t, b, 1)[0].Error, "boom")
}

func permanent(t *testing.T, s *suite) {
	var broken atomic.Bool
	broken.Store(true)
	b := s.replica(t, failing(&broken, func(counted) error { return bus.Permanent(errors.New("never")) }))
	require.NoError(t, s.emit(t.Context(), uuid.New()))
	require.Equal(t, 1, s.deadLetters(t, b, 1)[0].Attempts)
}

func killedHandler(t *testing.T, s *suite) {
	var kills atomic.Int32
	s.replica(t, bus.Consumer{Name: "notify.a", Purpose: "Is killed.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			if err := count(ctx, tx, "notify.a", d.Payload); err != nil {
				return err
			}
			if d.Payload.Version%7 == 0 && kills.Add(1) <= 20 {
				// The connection dies with the effect written and not committed.
				_, err := tx.Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
				return err
			}
			return nil
		})}})
	s.load(t, 400)
	s.eventually(t, "notify.a", 400)
	require.Positive(t, kills.Load(), "no handler was killed")
}

func replay(t *testing.T, s *suite) {
	var replayed, fresh atomic.Int32
	watched := counter("notify.a")
	watched.Reactions = []bus.Reaction{bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
		if d.Replayed {
			replayed.Add(1)
		} else {
			fresh.Add(1)
		}
		return count(ctx, tx, "notify.a", d.Payload)
	})}
	unreplayable := counter("notify.b")
	unreplayable.Reset = nil
	b := s.replica(t, watched, unreplayable)
	s.load(t, 200)
	s.eventually(t, "notify.a", 200)
	require.Zero(t, replayed.Load())

	require.NoError(t, b.Replay(t.Context(), "notify.a"))
	s.load(t, 100)
	s.eventually(t, "notify.a", 300)
	require.EqualValues(t, 200, replayed.Load(), "events seen before are marked as replayed")
	require.GreaterOrEqual(t, fresh.Load(), int32(300))
	s.eventually(t, "notify.b", 300) // untouched by its neighbour's replay

	require.ErrorContains(t, b.Replay(t.Context(), "notify.b"), "cannot be rebuilt")
	require.ErrorContains(t, b.Replay(t.Context(), "notify.c"), "no consumer")
}

func newConsumer(t *testing.T, s *suite) {
	first := s.replica(t, counter("notify.a"))
	s.load(t, 100)
	s.eventually(t, "notify.a", 100)
	stop(t, first)
	var history, fresh atomic.Int32
	added := bus.Consumer{Name: "notify.b", Purpose: "Counts.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			if d.Replayed {
				history.Add(1)
			} else {
				fresh.Add(1)
			}
			return count(ctx, tx, "notify.b", d.Payload)
		})}}
	s.replica(t, counter("notify.a"), added)
	s.eventually(t, "notify.b", 100)
	s.eventually(t, "notify.a", 100)
	require.Zero(t, fresh.Load(), "what was there before the consumer is history to it: it must not send mail about it")
	require.NoError(t, s.emit(t.Context(), uuid.New()))
	s.eventually(t, "notify.b", 101)
	require.EqualValues(t, 1, fresh.Load())
}

// newerRelease runs a consumer in two releases at once. The older one knows
// neither the new event type nor the reaction to it.
func newerRelease(t *testing.T, s *suite) {
	invented := bus.Define("users", "invented", 1, bus.NoPersonalData, func(e counted) uuid.UUID { return e.Aggregate })
	older := s.replica(t, counter("notify.a"))
	emit := func(n int) {
		t.Helper()
		for range n {
			Emit(t, s.db, invented, counted{Aggregate: uuid.New(), Version: 1})
			require.NoError(t, s.emit(t.Context(), uuid.New()))
		}
	}
	emit(40)
	require.Eventually(t, func() bool {
		lags, err := older.Lag(context.Background())
		require.NoError(t, err)
		return len(lags) == 1 && lags[0].Events >= 16 && s.tally(t, "notify.a").Effects > 0
	}, 10*time.Second, 10*time.Millisecond, "the older release went past events that it does not know")

	consumer := counter("notify.a")
	consumer.Reactions = append(consumer.Reactions,
		bus.On(invented, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			return count(ctx, tx, "notify.a", d.Payload)
		}))
	s.start(t, bus.Options{
		Members: []bus.Member{
			{DB: s.users, Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{counting, invented}}},
			{DB: s.sink, Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{consumer}}},
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Idle: 50 * time.Millisecond,
	})
	emit(40)
	s.eventually(t, "notify.a", 160)
}

// withdrawnRelease leaves events behind that nobody knows any more.
func withdrawnRelease(t *testing.T, s *suite) {
	invented := bus.Define("users", "invented", 1, bus.NoPersonalData, func(e counted) uuid.UUID { return e.Aggregate })
	s.start(t, bus.Options{
		Members: []bus.Member{
			{DB: s.users, Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{counting}}},
			{DB: s.sink, Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{counter("notify.a")}}},
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Idle: 50 * time.Millisecond, Patience: 200 * time.Millisecond,
	})
	for range 40 {
		Emit(t, s.db, invented, counted{Aggregate: uuid.New(), Version: 1})
		require.NoError(t, s.emit(t.Context(), uuid.New()))
	}
	s.eventually(t, "notify.a", 40)
}

// personalPoison sets an event with personal data aside: the letter does not
// hold the data, a retry does find them, and after an erasure neither does.
func personalPoison(t *testing.T, s *suite) {
	var broken atomic.Bool
	broken.Store(true)
	handled := make(chan counted, 10)
	b := s.replica(t, bus.Consumer{Name: "notify.a", Purpose: "Fails.", Reactions: []bus.Reaction{
		bus.On(echoing, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			if broken.Load() {
				return bus.Permanent(errors.New("not now"))
			}
			handled <- d.Payload
			return nil
		})}})
	kept, erased := counted{Aggregate: uuid.New(), Version: 7}, counted{Aggregate: uuid.New(), Version: 8}
	Emit(t, s.db, echoing, kept)
	Emit(t, s.db, echoing, erased)
	for _, l := range s.deadLetters(t, b, 2) {
		require.Equal(t, "null", string(l.Envelope.Payload), "the letter holds personal data")
	}
	require.NoError(t, s.db.DB(t, "content").InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return echoing.Erase(ctx, tx, erased.Aggregate)
	}))
	s.published(t, b, "content")
	broken.Store(false)
	n, err := b.Retry(t.Context(), "notify.a", uuid.Nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	s.deadLetters(t, b, 0)
	require.Equal(t, kept, receive(t, handled))
	require.Empty(t, handled, "an erased event has been handled")
}

// slowStop stops while a batch of slow events is being handled.
func slowStop(t *testing.T, s *suite) {
	const slow = 100 * time.Millisecond
	began := make(chan struct{}, 1000)
	consumer := bus.Consumer{Name: "notify.a", Purpose: "Is slow.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			began <- struct{}{}
			if _, err := tx.Exec(ctx, `select pg_sleep($1)`, slow.Seconds()); err != nil {
				return err
			}
			return count(ctx, tx, "notify.a", d.Payload)
		})}}
	aggregate := uuid.New()
	for range 60 {
		require.NoError(t, s.emit(t.Context(), aggregate))
	}
	b := s.replica(t, consumer)
	receive(t, began)
	start := time.Now()
	stop(t, b)
	require.Less(t, time.Since(start), 3*time.Second, "60 events of %s hold up the stop", slow)
	require.Positive(t, s.tally(t, "notify.a").Effects, "what was handled by then is kept")
	s.replica(t, consumer)
	s.eventually(t, "notify.a", 60)
}

func stop(t testing.TB, b *bus.Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, b.Stop(ctx))
}

func stopUnderLoad(t *testing.T, s *suite) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.load(t, 1500)
	}()
	for running := true; running; {
		b := s.replica(t, counter("notify.a"))
		seen := s.tally(t, "notify.a").Effects
		require.Eventually(t, func() bool {
			select {
			case <-done:
				running = false
				return true
			default:
				return s.tally(t, "notify.a").Effects > seen+100
			}
		}, 30*time.Second, time.Millisecond, "no progress under load")
		stop(t, b)
	}
	s.replica(t, counter("notify.a"))
	s.eventually(t, "notify.a", 1500)
}

func causes(t *testing.T, s *suite) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	tracer := trace.NewTracerProvider().Tracer("test")
	ctx, span := tracer.Start(t.Context(), "click")
	defer span.End()

	type link struct {
		id, correlation, cause uuid.UUID
		traceID                string
	}
	links := make(chan link, 2)
	see := func(ctx context.Context, id uuid.UUID, h bus.Headers) {
		remote := otel.GetTextMapPropagator().Extract(context.Background(), propagation.MapCarrier(h.Trace))
		links <- link{id, h.CorrelationID, h.CausationID, oteltrace.SpanContextFromContext(remote).TraceID().String()}
	}
	b := s.start(t, bus.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Idle: 50 * time.Millisecond,
		Members: []bus.Member{
			{DB: s.users, Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{counting}}},
			{DB: s.db.DB(t, "content"), Contract: bus.Contract{Module: "content", Publishes: []bus.AnyTopic{echoing},
				Consumers: []bus.Consumer{{Name: "content.echo", Reactions: []bus.Reaction{
					bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
						see(ctx, d.ID, d.Headers)
						return echoing.Emit(ctx, tx, d.Payload)
					})}}}}},
			{DB: s.sink, Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{
				{Name: "notify.a", Reactions: []bus.Reaction{
					bus.On(echoing, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
						see(ctx, d.ID, d.Headers)
						return nil
					})}}}}},
		},
	})
	require.NotNil(t, b)
	require.NoError(t, s.emit(ctx, uuid.New()))
	first, second := receive(t, links), receive(t, links)
	require.Equal(t, first.id, first.correlation, "a chain is called after its first event")
	require.Equal(t, uuid.Nil, first.cause)
	require.Equal(t, first.id, second.correlation)
	require.Equal(t, first.id, second.cause)
	require.Equal(t, span.SpanContext().TraceID().String(), first.traceID)
	require.Equal(t, first.traceID, second.traceID, "one trace from the click to the last consumer")
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}

func erasure(t *testing.T, s *suite) {
	content := s.db.DB(t, "content")
	person, other := uuid.New(), uuid.New()
	emit := func(key uuid.UUID, version int) {
		Emit(t, s.db, echoing, counted{Aggregate: key, Version: version})
	}
	seen := bus.Consumer{Name: "notify.a", Purpose: "Counts.", Reactions: []bus.Reaction{
		bus.On(echoing, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			return count(ctx, tx, "notify.a", d.Payload)
		})},
		Reset: func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `delete from notify.seen`)
			return err
		}}
	b := s.replica(t, seen)
	for v := 1; v <= 3; v++ {
		emit(person, v)
		emit(other, v)
	}
	s.eventually(t, "notify.a", 6)
	require.NoError(t, content.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return echoing.Erase(ctx, tx, person)
	}))
	s.published(t, b, "content")
	var left int
	require.NoError(t, content.Pool.QueryRow(t.Context(), `select count(*) from content.event_log where payload::text like '%'||$1||'%'`,
		person.String()).Scan(&left))
	require.Zero(t, left, "payloads that still name the person")
	require.NoError(t, b.Replay(t.Context(), "notify.a"))
	emit(other, 4)
	s.eventually(t, "notify.a", 4)
}

func lag(t *testing.T, s *suite) {
	release := make(chan struct{})
	b := s.replica(t, bus.Consumer{Name: "notify.a", Purpose: "Waits.", Reactions: []bus.Reaction{
		bus.On(counting, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
			<-release
			return count(ctx, tx, "notify.a", d.Payload)
		})}})
	require.NoError(t, b.Ready(t.Context(), 0))
	for range 5 {
		require.NoError(t, s.emit(t.Context(), uuid.New()))
	}
	find := func(want int64) func() bool {
		return func() bool {
			lags, err := b.Lag(context.Background())
			require.NoError(t, err)
			return len(lags) == 1 && lags[0].Events == want && (lags[0].Behind > 0) == (want > 0)
		}
	}
	require.Eventually(t, find(5), 10*time.Second, 5*time.Millisecond, "the lag of 5 events is not seen")
	require.Eventually(t, func() bool {
		err := b.Ready(context.Background(), 0)
		return errors.Is(err, bus.ErrBehind) && strings.Contains(err.Error(), "notify.a")
	}, 10*time.Second, 5*time.Millisecond, "readiness does not name who is behind")
	close(release)
	require.Eventually(t, find(0), 10*time.Second, 5*time.Millisecond, "the lag does not go away")
}
