package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

const testModule = "users"

type greetArgs struct {
	Name string `json:"name" river:"unique"`
}

func (greetArgs) Kind() string { return "users.greet" }

// run is one run of a job.
type run struct {
	name    string
	attempt int
	trace   trace.SpanContext
}

// greeter reports each run and ends it as the test says.
type greeter struct {
	river.WorkerDefaults[greetArgs]
	runs chan run
	work func(ctx context.Context, job *river.Job[greetArgs]) error
}

func (g *greeter) Work(ctx context.Context, job *river.Job[greetArgs]) error {
	g.runs <- run{job.Args.Name, job.Attempt, trace.SpanContextFromContext(ctx)}
	if g.work == nil {
		return nil
	}
	return g.work(ctx, job)
}

func (g *greeter) NextRetry(*river.Job[greetArgs]) time.Time { return time.Now() }

type fixture struct {
	t   *testing.T
	db  *postgres.DB
	reg *prometheus.Registry
	log *syncBuffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return &fixture{t: t, db: postgrestest.New(t).DB(t, testModule), reg: prometheus.NewRegistry(), log: &syncBuffer{}}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newGreeter() *greeter { return &greeter{runs: make(chan run, 100)} }

// client makes a client that the test starts.
func (f *fixture) client(g *greeter, change func(*Config)) *river.Client[pgx.Tx] {
	f.t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, g)
	cfg := Config{Module: testModule, Log: slog.New(slog.NewTextHandler(f.log, nil)).With("module", testModule), Workers: workers, Reg: f.reg}
	if change != nil {
		change(&cfg)
	}
	client, err := New(f.db, cfg)
	require.NoError(f.t, err)
	return client
}

// start makes a client and runs it until the test ends.
func (f *fixture) start(g *greeter, change func(*Config)) *river.Client[pgx.Tx] {
	f.t.Helper()
	client := f.client(g, change)
	require.NoError(f.t, client.Start(f.t.Context()))
	f.t.Cleanup(func() { f.stop(client) })
	return client
}

func (f *fixture) stop(client *river.Client[pgx.Tx]) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), 30*time.Second)
	defer cancel()
	require.NoError(f.t, client.Stop(ctx))
}

func (f *fixture) insert(client *river.Client[pgx.Tx], name string, opts *river.InsertOpts) *rivertype.JobInsertResult {
	f.t.Helper()
	return f.insertFrom(f.t.Context(), client, name, opts)
}

func (f *fixture) insertFrom(ctx context.Context, client *river.Client[pgx.Tx], name string, opts *river.InsertOpts) (inserted *rivertype.JobInsertResult) {
	f.t.Helper()
	err := f.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		inserted, err = client.InsertTx(ctx, tx, greetArgs{name}, opts)
		return err
	})
	require.NoError(f.t, err)
	return inserted
}

func (f *fixture) next(g *greeter) run {
	f.t.Helper()
	select {
	case r := <-g.runs:
		return r
	case <-time.After(20 * time.Second):
		f.t.Fatalf("no job ran; the log says:\n%s", f.log)
		return run{}
	}
}

// metric sums the series of a family that have all the labels.
func (f *fixture) metric(name string, labels ...string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	require.NoError(f.t, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if hasLabels(m, labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}) {
			return false
		}
	}
	return true
}

// A job belongs to the transaction that inserts it, as the module's app role.
func TestJobRunsIffItsTransactionCommits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	client := f.start(g, nil)

	rolledBack := errors.New("rolled back")
	err := f.db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := client.InsertTx(ctx, tx, greetArgs{"nobody"}, nil); err != nil {
			return err
		}
		return rolledBack
	})
	require.ErrorIs(t, err, rolledBack)
	f.insert(client, "Ada", nil)
	require.Equal(t, "Ada", f.next(g).name)
	f.stop(client)
	require.Empty(t, g.runs, "the job of the transaction that was rolled back")
	jobs, err := client.JobList(t.Context(), river.NewJobListParams())
	require.NoError(t, err)
	require.Len(t, jobs.Jobs, 1)

	require.InDelta(t, 1, f.metric("lyceum_jobs_total", "module", testModule, "kind", "users.greet", "outcome", "completed"), 0)
	require.InDelta(t, 1, f.metric("lyceum_jobs_duration_seconds", "module", testModule, "kind", "users.greet"), 0)
	require.Positive(t, f.metric("lyceum_jobs_busy_seconds_total", "module", testModule))
	require.InDelta(t, 8, f.metric("lyceum_jobs_workers", "module", testModule), 0)
	require.Empty(t, f.log.String(), "nothing that went well is logged")
}

// A job is announced: with an hour between polls it still runs at once. Each is
// inserted by a replica of its own, since one replica's announcements have to
// be some time apart.
func TestJobsAreAnnounced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	f.start(g, func(c *Config) { c.PollInterval = time.Hour })
	for _, name := range []string{"Ada", "Grace", "Emmy"} {
		f.insert(f.client(g, nil), name, nil)
		require.Equal(t, name, f.next(g).name)
	}
}

func TestUniqueJobsAreInsertedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	client := f.client(g, nil)
	unique := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	require.False(t, f.insert(client, "Ada", unique).UniqueSkippedAsDuplicate)
	require.True(t, f.insert(client, "Ada", unique).UniqueSkippedAsDuplicate)
	require.False(t, f.insert(client, "Grace", unique).UniqueSkippedAsDuplicate)
	require.NoError(t, client.Start(t.Context()))
	names := []string{f.next(g).name, f.next(g).name}
	f.stop(client)
	require.ElementsMatch(t, []string{"Ada", "Grace"}, names)
	require.Empty(t, g.runs)
}

// Replicas of a module share its jobs, and in one process also the metrics.
func TestClientsShareTheJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	// Each client has one worker, and no job ends before both have begun one.
	var both sync.WaitGroup
	both.Add(2)
	meet := func(context.Context, *river.Job[greetArgs]) error {
		both.Done()
		both.Wait()
		return nil
	}
	one, two := newGreeter(), newGreeter()
	one.work, two.work = meet, meet
	single := func(c *Config) { c.MaxWorkers = 1 }
	first, second := f.start(one, single), f.start(two, single)
	f.insert(first, "Ada", nil)
	f.insert(first, "Grace", nil)
	names := []string{f.next(one).name, f.next(two).name}
	require.ElementsMatch(t, []string{"Ada", "Grace"}, names)
	f.stop(first)
	f.stop(second)
	require.InDelta(t, 2, f.metric("lyceum_jobs_total", "outcome", "completed"), 0)
}

func TestStopWaitsForRunningJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	release := make(chan struct{})
	g.work = func(ctx context.Context, _ *river.Job[greetArgs]) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	client := f.start(g, nil)
	id := f.insert(client, "Ada", nil).Job.ID
	f.next(g)

	stopped := make(chan error, 1)
	go func() { stopped <- client.Stop(context.WithoutCancel(t.Context())) }()
	impatient, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, client.Stop(impatient), context.DeadlineExceeded, "the job is running")
	close(release)
	require.NoError(t, <-stopped)
	job, err := client.JobGet(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, rivertype.JobStateCompleted, job.State)
}

// What was running when the process had to go is run again elsewhere, and the
// interruption does not use up one of its attempts.
func TestInterruptedJobRunsAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	g.work = func(ctx context.Context, _ *river.Job[greetArgs]) error { <-ctx.Done(); return ctx.Err() }
	client := f.start(g, nil)
	f.insert(client, "Ada", &river.InsertOpts{MaxAttempts: 1})
	require.Equal(t, 1, f.next(g).attempt)
	require.NoError(t, client.StopAndCancel(t.Context()))
	require.NotContains(t, f.log.String(), "level=ERROR")

	again := newGreeter()
	f.start(again, nil)
	require.Equal(t, run{name: "Ada", attempt: 1}, withoutTrace(f.next(again)))
}

func withoutTrace(r run) run { r.trace = trace.SpanContext{}; return r }

func TestFailuresAreLoggedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	g.work = func(_ context.Context, job *river.Job[greetArgs]) error {
		switch {
		case job.Args.Name == "panic":
			panic("broken")
		case job.Args.Name == "cancel":
			return river.JobCancel(errors.New("pointless"))
		case job.Args.Name == "snooze" && job.Metadata != nil && !bytes.Contains(job.Metadata, []byte("snoozes")):
			return river.JobSnooze(0)
		case job.Args.Name == "flaky" && job.Attempt == 1, job.Args.Name == "hopeless":
			return errors.New("no luck")
		default:
			return nil
		}
	}
	client := f.start(g, nil)
	events, unsubscribe := client.Subscribe(river.EventKindJobCompleted, river.EventKindJobCancelled, river.EventKindJobFailed)
	defer unsubscribe()
	// final waits until the job will not run again.
	final := func(name string, attempts int) rivertype.JobState {
		id := f.insert(client, name, &river.InsertOpts{MaxAttempts: attempts}).Job.ID
		for {
			select {
			case e := <-events:
				if e.Job.ID == id && e.Job.FinalizedAt != nil {
					return e.Job.State
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s did not end; the log says:\n%s", name, f.log)
			}
		}
	}
	require.Equal(t, rivertype.JobStateCompleted, final("flaky", 3))
	require.Equal(t, rivertype.JobStateDiscarded, final("hopeless", 1))
	require.Equal(t, rivertype.JobStateCancelled, final("cancel", 3))
	require.Equal(t, rivertype.JobStateDiscarded, final("panic", 1))
	require.Equal(t, rivertype.JobStateCompleted, final("snooze", 1))
	f.stop(client)

	for outcome, want := range map[string]float64{
		outcomeCompleted: 2, outcomeFailed: 1, outcomeDiscarded: 1, outcomeCancelled: 1, outcomePanicked: 1, outcomeSnoozed: 1,
	} {
		require.InDelta(t, want, f.metric("lyceum_jobs_total", "outcome", outcome), 0, outcome)
	}
	log := f.log.String()
	for _, line := range []string{
		`level=WARN msg="job failed" module=users kind=users.greet`, "outcome=failed attempt=1 max_attempts=3",
		"outcome=discarded attempt=1 max_attempts=1", `error="no luck"`, "outcome=cancelled", "error=broken",
	} {
		require.Contains(t, log, line)
	}
	require.Equal(t, 4, bytes.Count([]byte(log), []byte("job failed")), "once each:\n%s", log)
	for _, argument := range []string{"hopeless", "flaky"} {
		require.NotContains(t, log, argument, "arguments are not logged")
	}
}

func TestJobContinuesTheTraceOfItsInserter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	g.work = func(context.Context, *river.Job[greetArgs]) error { return nil }
	client := f.start(g, nil)
	state, err := trace.ParseTraceState("vendor=1")
	require.NoError(t, err)
	inserter := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5}, TraceFlags: trace.FlagsSampled, TraceState: state,
	})
	f.insertFrom(trace.ContextWithSpanContext(t.Context(), inserter), client, "Ada", &river.InsertOpts{Metadata: []byte(`{"kept": 1}`)})
	got := f.next(g).trace
	require.Equal(t, inserter.TraceID(), got.TraceID())
	require.Equal(t, "1", got.TraceState().Get("vendor"))
	jobs, err := client.JobList(t.Context(), river.NewJobListParams())
	require.NoError(t, err)
	require.Contains(t, string(jobs.Jobs[0].Metadata), `"kept"`)

	f.insert(client, "Grace", nil)
	require.False(t, f.next(g).trace.IsValid(), "a job without an inserter's trace")
}

func TestJobsOfOtherVersionsWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	newer := river.NewWorkers()
	river.AddWorker(newer, river.WorkFunc(func(context.Context, *river.Job[waveArgs]) error { return nil }))
	newerClient, err := New(f.db, Config{Module: testModule, Log: slog.New(slog.DiscardHandler), Workers: newer})
	require.NoError(t, err)
	inserted, err := newerClient.Insert(t.Context(), waveArgs{}, nil)
	require.NoError(t, err)

	client := f.start(g, nil)
	f.insert(client, "Ada", nil)
	f.next(g)
	f.stop(client)
	job, err := client.JobGet(t.Context(), inserted.Job.ID)
	require.NoError(t, err)
	require.Equal(t, rivertype.JobStateAvailable, job.State)
	require.Zero(t, job.Attempt)
}

type waveArgs struct{}

func (waveArgs) Kind() string { return "users.wave" }

func TestPeriodicJobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	f.start(g, func(c *Config) {
		c.Periodic = []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return greetArgs{"everybody"}, nil },
			&river.PeriodicJobOpts{RunOnStart: true})}
	})
	require.Equal(t, "everybody", f.next(g).name)
}

func TestFurtherQueues(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	client := f.start(g, func(c *Config) { c.MaxWorkers = 2; c.Queues = map[string]int{"slow": 1} })
	f.insert(client, "Ada", &river.InsertOpts{Queue: "slow"})
	require.Equal(t, "Ada", f.next(g).name)
	require.InDelta(t, 3, f.metric("lyceum_jobs_workers", "module", testModule), 0)
}

// Documents about the modules are generated without any database.
func TestClientWithoutADatabase(t *testing.T) {
	t.Parallel()
	workers := river.NewWorkers()
	river.AddWorker(workers, newGreeter())
	_, err := New(postgres.NewDB(nil), Config{
		Module: testModule, Log: slog.New(slog.DiscardHandler), Workers: workers, Reg: prometheus.NewRegistry(),
		Periodic: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return greetArgs{}, nil }, nil)},
	})
	require.NoError(t, err)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	log, workers := slog.New(slog.DiscardHandler), river.NewWorkers()
	taken := prometheus.NewRegistry()
	require.NoError(t, taken.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "lyceum_jobs_total", Help: "Another."})))
	for why, cfg := range map[string]Config{
		"no module":        {Log: log, Workers: workers},
		"no log":           {Module: testModule, Workers: workers},
		"no workers":       {Module: testModule, Log: log},
		"impossible queue": {Module: "no schema", Log: log, Workers: workers},
		"metric is taken":  {Module: testModule, Log: log, Workers: workers, Reg: taken},
	} {
		_, err := New(postgres.NewDB(nil), cfg)
		require.Error(t, err, why)
	}
}
