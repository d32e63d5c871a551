package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// stage is three modules on the scratch database. Their pools are those of an
// administrator, so that both projections can lie in the bench schema.
type stage struct {
	producer  *postgres.DB
	consumers []*postgres.DB
	commits   *commits

	emitted atomic.Int64 // events whose transaction has committed
	started atomic.Int64 // numbers given to events
	run     *bus.Bus     // nil while nobody reads
	// kafka is what the next bus reads from; nil for one in process.
	kafka *bus.KafkaConfig
}

// projections are the consumers and the tables that they write.
var projections = []struct{ module, consumer, table string }{
	{"analytics", "analytics.first", "bench.first"},
	{"notify", "notify.second", "bench.second"},
}

// newStage makes a stage on which nothing has happened yet, except that the logs
// may hold what earlier ones have emitted and handled.
func newStage(ctx context.Context, url string) (*stage, error) {
	if err := migrations.Up(ctx, url, migrations.Options{Modules: []string{"content", "analytics", "notify"}}); err != nil {
		return nil, err
	}
	s := &stage{commits: newCommits()}
	open := func(conns int32, tracers ...pgx.QueryTracer) (*postgres.DB, error) {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			return nil, fmt.Errorf("read the scratch database's URL: %w", err)
		}
		config.MaxConns = conns
		// The tracer of the platform's pools, for its cost.
		config.ConnConfig.Tracer = multitracer.New(append(tracers, otelpgx.NewTracer())...)
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return nil, fmt.Errorf("open the scratch database: %w", err)
		}
		return postgres.NewDB(pool), nil
	}
	var err error
	if s.producer, err = open(eventWriters + 8); err != nil {
		return nil, err
	}
	for range projections {
		db, err := open(8, s.commits)
		if err != nil {
			return nil, err
		}
		s.consumers = append(s.consumers, db)
	}
	if _, err := s.producer.Pool.Exec(ctx, `
		truncate bench.first, bench.second;
		create table if not exists bench.held (like content.outbox)`); err != nil {
		return nil, fmt.Errorf("make the tables of the scenario: %w", err)
	}
	return s, nil
}

func (s *stage) close() {
	s.producer.Close()
	for _, db := range s.consumers {
		db.Close()
	}
}

// open starts a bus and returns when events get through it.
func (s *stage) open(ctx context.Context) error {
	members := []bus.Member{{Contract: bus.Contract{Module: "content", Publishes: event.PublishedBy("content")}, DB: s.producer}}
	for i, p := range projections {
		apply := `insert into ` + p.table + ` as t (enrolment_id, events) values ($1, 1)
			on conflict (enrolment_id) do update set events = t.events + 1`
		members = append(members, bus.Member{DB: s.consumers[i], Contract: bus.Contract{
			Module: p.module,
			Consumers: []bus.Consumer{{
				Name: p.consumer, Purpose: "Counts the views of units by enrolment.",
				Reactions: []bus.Reaction{bus.On(event.UnitViewed,
					func(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.UnitViewedV1]) error {
						_, err := tx.Exec(ctx, apply, d.Payload.EnrolmentID)
						s.commits.pending(tx.Conn(), numberOf(d.Payload.UnitID))
						return err
					})},
			}},
		}})
	}
	var err error
	if s.run, err = bus.New(bus.Options{Members: members, Kafka: s.kafka, Log: slog.New(slog.NewTextHandler(os.Stderr,
		&slog.HandlerOptions{Level: slog.LevelWarn}))}); err != nil {
		return err
	}
	if err := s.run.Start(ctx); err != nil {
		return err
	}
	// Enough for an event in every partition.
	if err := s.emit(ctx, 8*bus.Partitions); err != nil {
		return err
	}
	return s.handledAll(ctx)
}

// emit emits events, all in one transaction.
func (s *stage) emit(ctx context.Context, n int64) error {
	first := s.started.Add(n) - n
	err := s.producer.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for i := first; i < first+n; i++ {
			if err := event.UnitViewed.Emit(ctx, tx, viewed(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.emitted.Add(n)
	}
	return err
}

func viewed(n int64) event.UnitViewedV1 {
	return event.UnitViewedV1{EnrolmentID: uuidOf(n % enrolments), UnitID: uuidOf(n), At: time.Now().UTC()}
}

// stop stops the bus.
func (s *stage) stop(ctx context.Context) error {
	err := s.run.Stop(ctx)
	s.run = nil
	return err
}

// writers are producers who have nothing else to do: each event is a
// transaction.
func (s *stage) writers(n int) []worker {
	workers := make([]worker, n)
	for i := range workers {
		workers[i] = func(ctx context.Context) error {
			n := s.started.Add(1) - 1
			err := s.producer.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				return event.UnitViewed.Emit(ctx, tx, viewed(n))
			})
			if err == nil {
				s.commits.emitted(n)
				s.emitted.Add(1)
			}
			return err
		}
	}
	return workers
}

// uuidOf hides a number in a UUID, and numberOf finds it again.
func uuidOf(n int64) uuid.UUID {
	id := uuid.UUID{6: 0x70, 8: 0x80}
	for i := range 5 {
		id[15-i] = byte(n >> (8 * i))
	}
	return id
}

func numberOf(id uuid.UUID) (n int64) {
	for _, b := range id[11:] {
		n = n<<8 | int64(b)
	}
	return n
}

// handledAll waits until everything that was emitted has taken every effect.
func (s *stage) handledAll(ctx context.Context) error {
	want := s.emitted.Load() * int64(len(projections))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); s.commits.effects.Load() < want; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Since(begin) > settleTimeout {
			return fmt.Errorf("%d of %d effects after %s", s.commits.effects.Load(), want, settleTimeout)
		}
	}
	return nil
}

// warmUp lets everything happen once, so that statements are prepared and the
// positions of the consumers exist.
func (s *stage) warmUp(ctx context.Context, d time.Duration) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if _, err := closedLoop(ctx, d, s.writers(eventWriters)); err != nil {
		return err
	}
	return errors.Join(s.handledAll(ctx), s.stop(ctx))
}

// backlogs measures twice how fast writers fill the outbox and, with the backlog
// that this leaves, how fast it is worked off.
func (s *stage) backlogs(ctx context.Context, b *bench, name string) (written, drained []float64, err error) {
	for range 2 {
		m, err := closedLoop(ctx, b.duration/2, s.writers(eventWriters))
		if err != nil {
			return nil, nil, err
		}
		if m.count == 0 {
			return nil, nil, errTooFew
		}
		written = append(written, m.perSecond)
		count, took, err := s.drain(ctx, b, name)
		if err != nil {
			return nil, nil, err
		}
		drained = append(drained, float64(count)/took.Seconds())
	}
	return written, drained, nil
}

// drain tells how long it takes to work off what is in the outbox. That is kept
// back until the bus runs: to join a consumer group takes its time, and is no
// part of an event's way.
func (s *stage) drain(ctx context.Context, b *bench, name string) (count int64, took time.Duration, err error) {
	if count, err = s.move(ctx, "content.outbox", "bench.held"); err != nil {
		return 0, 0, err
	}
	s.emitted.Add(-count)
	if err := s.open(ctx); err != nil {
		return 0, 0, err
	}
	finish, err := b.profileSelf(name)
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.move(ctx, "bench.held", "content.outbox"); err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	s.emitted.Add(count)
	err = s.handledAll(ctx)
	took = time.Since(begin)
	return count, took, errors.Join(err, finish(), s.stop(ctx))
}

// move moves all rows of a table to another of its kind, and wakes the relay.
func (s *stage) move(ctx context.Context, from, to string) (count int64, err error) {
	err = s.producer.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		postgres.Signal(ctx)
		moved, err := tx.Exec(ctx, `with moved as (delete from `+from+` returning *)
			insert into `+to+` overriding system value select * from moved order by id`)
		count = moved.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("move the backlog: %w", err)
	}
	return count, nil
}

type bothRates struct{ written, handled float64 }

// together has writers and consumers work at the same time.
func (s *stage) together(ctx context.Context, d time.Duration) (bothRates, error) {
	if err := s.open(ctx); err != nil {
		return bothRates{}, err
	}
	begin := time.Now()
	m, err := closedLoop(ctx, d, s.writers(eventWriters))
	err = errors.Join(err, s.handledAll(ctx))
	took := time.Since(begin)
	return bothRates{m.perSecond, float64(m.count) / took.Seconds()}, errors.Join(err, s.stop(ctx))
}

// lag measures the time from commit to commit at an even, modest load, and what
// CPU time some processes spend on it.
func (s *stage) lag(ctx context.Context, b *bench, d time.Duration, name string, roots ...int) (f lagFigures, err error) {
	if err := s.open(ctx); err != nil {
		return f, err
	}
	finish, err := b.profileSelf(name + "-lag")
	if err != nil {
		return f, err
	}
	s.commits.watch(s.started.Load())
	f.spent, f.load, err = spending(append(roots, os.Getpid(), b.postmaster), func() (measured, error) {
		m, err := openLoop(ctx, d, lagRate, s.writers(eventWriters))
		return m, errors.Join(err, s.handledAll(ctx))
	})
	err = errors.Join(err, finish(), s.stop(ctx))
	f.lags = summarise(s.commits.lags(), d)
	return f, err
}

// lagFigures are what a measurement of the lag has found.
type lagFigures struct {
	load, lags measured
	// spent is the CPU time of the given processes, then of this one with the
	// server, then of the server alone.
	spent []time.Duration
}

// describe says what was measured and what an event costs.
func (f lagFigures) describe(r *result, how string) {
	n := len(f.spent)
	server := f.spent[n-1]
	r.note("%s: p50 %.2f, p95 %.2f, p99 %.2f ms from the return of the emitting COMMIT to that of the COMMIT of the effect, %d effects at %.0f events/s",
		how, milliseconds(f.lags.p50), milliseconds(f.lags.p95), milliseconds(f.lags.p99), f.lags.count, f.load.perSecond)
	text := fmt.Sprintf("%s: CPU per event, two effects included: bus and writers %.2f ms, database %.2f ms", how,
		perUnit(f.spent[n-2]-server, f.load.count)/1000, perUnit(server, f.load.count)/1000)
	if n > 2 {
		text += fmt.Sprintf(", broker %.2f ms", perUnit(f.spent[0], f.load.count)/1000)
	}
	r.note("%s", text)
}

// verify makes sure that every event took each effect once.
func (s *stage) verify(ctx context.Context) error {
	for i, p := range projections {
		var events int64
		if err := s.consumers[i].Pool.QueryRow(ctx, `select coalesce(sum(events), 0)::bigint from `+p.table).Scan(&events); err != nil {
			return fmt.Errorf("count the effects of %s: %w", p.consumer, err)
		}
		if emitted := s.emitted.Load(); events != emitted {
			return fmt.Errorf("%s has counted %d of %d events", p.consumer, events, emitted)
		}
	}
	return nil
}

// profileSelf takes a CPU profile of this process, in which the bus runs, if
// profiles are wanted.
func (b *bench) profileSelf(name string) (finish func() error, err error) {
	if b.profiles == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of profiles: %w", err)
	}
	file, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("take a profile: %w", err)
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, nil
}
