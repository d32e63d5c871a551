// Package jobs sets up River, the job queue in a module's own schema, the way
// every module uses it: jobs are inserted in the transaction that needs them,
// run at least once and carry the trace they came from.
package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/lyceum-lms/platform/internal/postgres"
)

const (
	defaultMaxWorkers = 8
	defaultJobTimeout = time.Minute
	// defaultPollInterval is the longest that a job waits which River did not
	// announce: see fetchCooldown.
	defaultPollInterval = 500 * time.Millisecond
	// rescueMargin is how much longer than its timeout a job counts as running
	// before another process may take it over.
	rescueMargin = 30 * time.Second
	// fetchCooldown is the least time between two announcements by a client of
	// jobs in the same queue, and between its fetches. A job inserted in between
	// is fetched with the next announced one or at the next poll. An announcement
	// is a NOTIFY, which makes commits wait for each other: it must not come with
	// every job of a busy client.
	fetchCooldown = 20 * time.Millisecond
	// softStop is how long Stop lets running jobs go on before it cancels their
	// contexts. It is below the time an orchestrator usually grants.
	softStop = 20 * time.Second
)

// Config says what a module's job client does. Zero values have the documented
// defaults.
type Config struct {
	// Module is the module's name: the schema of its jobs and a metric label.
	Module string
	// Log is the module's logger, which names the module already.
	Log *slog.Logger
	// Workers are all kinds of jobs that the module has.
	Workers *river.Workers
	// Periodic jobs are inserted by one of the module's clients, whichever leads.
	Periodic []*river.PeriodicJob
	// MaxWorkers is how many jobs of the default queue run at once; 8 if not
	// positive.
	MaxWorkers int
	// Queues are further queues, each with its own number of workers.
	Queues map[string]int
	// JobTimeout is when the context of a job ends whose worker has no timeout
	// of its own; a minute if not positive.
	JobTimeout time.Duration
	// PollInterval is how often the client looks for jobs that nobody announced;
	// half a second if not positive.
	PollInterval time.Duration
	// Reg receives the metrics. Clients may share one. Nil keeps them unseen.
	Reg prometheus.Registerer
}

// New returns the module's job client. It does no I/O and starts nothing: jobs
// run from Start until Stop, which waits for those running, cancels their
// contexts after 20 seconds and makes their jobs available again. The context
// given to Start ends it in the same way.
//
// A job that fails or whose process dies is run again, so its worker must bear
// that. It counts as abandoned 30 seconds after its timeout.
//
// A database without a pool gives a client that describes the module and can
// neither insert nor run anything.
func New(db *postgres.DB, cfg Config) (*river.Client[pgx.Tx], error) {
	if db == nil || cfg.Module == "" || cfg.Log == nil || cfg.Workers == nil {
		return nil, errors.New("make a job client: database, module, log and workers are needed")
	}
	log := cfg.Log
	queues := cfg.queues()
	m, err := newMetrics(cfg.Reg, cfg.Module)
	if err != nil {
		return nil, fmt.Errorf("register the metrics of %s's jobs: %w", cfg.Module, err)
	}
	failures := &failureLog{log: log}
	rc := &river.Config{
		Schema:              cfg.Module,
		Logger:              slog.New(riverHandler{log.Handler()}),
		Workers:             cfg.Workers,
		FetchCooldown:       fetchCooldown,
		FetchPollInterval:   positiveOr(cfg.PollInterval, defaultPollInterval),
		FetchOnlyKnownKinds: true, // a newer version's jobs wait for it
		JobTimeout:          positiveOr(cfg.JobTimeout, defaultJobTimeout),
		SoftStopTimeout:     softStop,
		ErrorHandler:        failures,
		Middleware:          []rivertype.Middleware{&tracing{module: cfg.Module}, &measuring{metrics: m}, failures},
		// Rebuilding an index takes the rights of its owner, which the app role
		// does not have. Empty, not nil: nil means River's own list.
		ReindexerIndexNames: []string{},
	}
	rc.RescueStuckJobsAfter = rc.JobTimeout + rescueMargin
	driver := riverpgxv5.New(db.Pool)
	if driver.PoolIsSet() {
		rc.Queues, rc.PeriodicJobs = queues, cfg.Periodic
		m.workers.Set(float64(workersOf(queues)))
		if _, err := register(cfg.Reg, newWaiting(db, cfg.Module, queues)); err != nil {
			return nil, fmt.Errorf("register the metrics of %s's jobs: %w", cfg.Module, err)
		}
	}
	client, err := river.NewClient(driver, rc)
	if err != nil {
		return nil, fmt.Errorf("make the job client of %s: %w", cfg.Module, err)
	}
	return client, nil
}

func (cfg Config) queues() map[string]river.QueueConfig {
	queues := map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: positiveOr(cfg.MaxWorkers, defaultMaxWorkers)},
	}
	for name, workers := range cfg.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: workers}
	}
	return queues
}

func workersOf(queues map[string]river.QueueConfig) int {
	n := 0
	for _, q := range queues {
		n += q.MaxWorkers
	}
	return n
}

func positiveOr[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
