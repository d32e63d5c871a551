package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
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

const (
	eventWriters = 16
	// enrolments is over how many aggregates the events are spread.
	enrolments = 1000
	// lagRate is the load at which the lag is measured, in events a second.
	lagRate = 200
)

// events measures the bus in this process, on a database of its own on the
// platform's server: one module publishes, two others project.
func events(ctx context.Context, b *bench) ([]result, error) {
	if err := migrations.Up(ctx, b.scratchURL(), migrations.Options{Modules: []string{"content", "analytics", "notify"}}); err != nil {
		return nil, err
	}
	s, err := newStage(ctx, b.scratchURL())
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.warmUp(ctx, b.warmUp()); err != nil {
		return nil, err
	}

	// The yardstick leaves the backlog that is then worked off, twice.
	var written, drained []float64
	for range 2 {
		m, err := closedLoop(ctx, b.duration/2, s.writers(eventWriters))
		if err != nil {
			return nil, err
		}
		if m.count == 0 {
			return nil, errTooFew
		}
		written = append(written, m.perSecond)
		took, err := s.drain(ctx, b)
		if err != nil {
			return nil, err
		}
		drained = append(drained, float64(m.count)/took.Seconds())
	}
	probe, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	throughput := result{What: "events end to end", Figure: mean(drained), Unit: "/s", Probe: probe}
	throughput.atLeast(1.0, "/s outbox INSERTs", written...)
	throughput.note("committed outbox rows to the committed effects of two consumers, a backlog worked off; the yardstick is %d writers, each event a transaction of its own", eventWriters)
	throughput.note("the two backlogs: %s/s and %s/s", number(drained[0]), number(drained[1]))

	together, err := s.together(ctx, b.duration)
	if err != nil {
		return nil, err
	}
	throughput.note("with %d writers and both consumers at the same time: %s/s written, %s/s with both effects", eventWriters,
		number(together.written), number(together.handled))

	m, lags, err := s.lag(ctx, b.duration)
	if err != nil {
		return nil, err
	}
	const goal = 20 * time.Millisecond
	lag := result{What: fmt.Sprintf("event lag at %d/s", lagRate), Figure: milliseconds(lags.p99), Unit: "ms p99", Probe: probe,
		Yardstick: "ms allowed", YardstickValue: milliseconds(goal), Ratio: float64(goal) / float64(lags.p99),
		Goal: "p99 < 20 ms", Reached: lags.p99 < goal}
	lag.latencies(lags)
	lag.note("from the return of the emitting COMMIT to that of the COMMIT of the effect, %d effects at %.0f events/s", lags.count, m.perSecond)
	return []result{throughput, lag}, s.verify(ctx)
}

// stage is three modules on the scratch database. Their pools are those of an
// administrator, so that both projections can lie in the bench schema.
type stage struct {
	producer  *postgres.DB
	consumers []*postgres.DB
	commits   *commits

	emitted atomic.Int64 // events whose transaction has committed
	started atomic.Int64 // numbers given to events
	run     *bus.Bus     // nil while nobody reads
}

// projections are the consumers and the tables that they write.
var projections = []struct{ module, consumer, table string }{
	{"analytics", "analytics.first", "bench.first"},
	{"notify", "notify.second", "bench.second"},
}

func newStage(ctx context.Context, url string) (*stage, error) {
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
	return s, nil
}

func (s *stage) close() {
	s.producer.Close()
	for _, db := range s.consumers {
		db.Close()
	}
}

// open starts a bus.
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
	if s.run, err = bus.New(bus.Options{Members: members, Log: slog.New(slog.NewTextHandler(os.Stderr,
		&slog.HandlerOptions{Level: slog.LevelWarn}))}); err != nil {
		return err
	}
	return s.run.Start(ctx)
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
				return event.UnitViewed.Emit(ctx, tx, event.UnitViewedV1{
					EnrolmentID: uuidOf(n % enrolments), UnitID: uuidOf(n), At: time.Now().UTC(),
				})
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

// drain starts a bus and tells how long it takes to work off what waits.
func (s *stage) drain(ctx context.Context, b *bench) (time.Duration, error) {
	finish, err := b.profileSelf("events")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := s.open(ctx); err != nil {
		return 0, err
	}
	err = s.handledAll(ctx)
	took := time.Since(begin)
	return took, errors.Join(err, finish(), s.stop(ctx))
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

// lag measures the time from commit to commit at an even, modest load.
func (s *stage) lag(ctx context.Context, d time.Duration) (load, lags measured, err error) {
	if err := s.open(ctx); err != nil {
		return load, lags, err
	}
	s.commits.watch(s.started.Load())
	load, err = openLoop(ctx, d, lagRate, s.writers(eventWriters))
	err = errors.Join(err, s.handledAll(ctx), s.stop(ctx))
	return load, summarise(s.commits.lags(), d), err
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

// commits learns when the transactions of handlers have committed, by watching
// the statements of their connections: a handler itself cannot know, and asking
// the database would be a load of its own.
type commits struct {
	effects atomic.Int64

	mu       sync.Mutex
	open     map[*pgx.Conn][]int64 // events handled in the transaction under way
	from     int64                 // events from this number on are watched
	emittedT map[int64]time.Time
	effectT  map[int64][]time.Time
}

func newCommits() *commits { return &commits{open: map[*pgx.Conn][]int64{}, from: 1 << 62} }

// watch begins to take times, of events from this number on.
func (c *commits) watch(from int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.emittedT, c.effectT = from, map[int64]time.Time{}, map[int64][]time.Time{}
}

func (c *commits) emitted(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= c.from {
		c.emittedT[n] = time.Now()
	}
}

func (c *commits) pending(conn *pgx.Conn, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = append(c.open[conn], n)
}

// lags are those of all effects that were watched. An effect can be committed
// before the emitter gets to look at the clock; its lag is then nothing.
func (c *commits) lags() (lags []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, at := range c.emittedT {
		for _, effect := range c.effectT[n] {
			lags = append(lags, max(0, effect.Sub(at)))
		}
	}
	return lags
}

type endOfTransaction struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (c *commits) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if data.SQL == "commit" || data.SQL == "rollback" {
		return context.WithValue(ctx, endOfTransaction{}, data.SQL)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *commits) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	how, ends := ctx.Value(endOfTransaction{}).(string)
	if !ends {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	handled := c.open[conn]
	c.open[conn] = handled[:0]
	if how != "commit" || data.Err != nil {
		return
	}
	for _, n := range handled {
		if n >= c.from {
			c.effectT[n] = append(c.effectT[n], now)
		}
	}
	c.effects.Add(int64(len(handled)))
}
