package assessment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"gocloud.dev/blob"

	"github.com/lyceum-lms/platform/internal/jobs"
	"github.com/lyceum-lms/platform/internal/markup"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/postgres"
)

const moduleName = "assessment"

// itemMediaPrefix is the path below which the files of banks are served.
const itemMediaPrefix = "/v1/item-media/"

// Config is what an operator can set. The zero value is a sound one.
type Config struct {
	// GradingWorkers is how many jobs a replica works on at once. Default: 4.
	GradingWorkers int
	// SaveWriters is how many statements that store responses a replica has
	// under way at once, each on a connection of its own. Default: 2.
	SaveWriters int
	// SaveBatch is the most responses stored by one statement. Default: 256.
	SaveBatch int
	// CachedPapers is how many parsed papers are kept in memory. Default: 256.
	CachedPapers int
	// CachedAttempts is how many attempts' owners and versions are kept in
	// memory, about 150 bytes each. Default: 50,000.
	CachedAttempts int
	// ImportWorkers is how many imports of items a replica works on at once, apart
	// from other jobs. Default: 2.
	ImportWorkers int
	// MaxImportBytes bounds a file that items are imported from. Default: 2 GiB.
	MaxImportBytes int64
	// MaxMediaBytes bounds a file that is uploaded for items. Default: 100 MiB.
	MaxMediaBytes int64
	// MaxHandedInBytes bounds a file that learners hand in, whatever the item says.
	// Default: 256 MiB.
	MaxHandedInBytes int64
	// SweepInterval is how often overdue attempts are looked for. Default: 1 s.
	SweepInterval time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value    *int
		fallback int
	}{
		{&c.GradingWorkers, 4}, {&c.SaveWriters, 2}, {&c.SaveBatch, 256}, {&c.CachedPapers, 256}, {&c.CachedAttempts, 50_000},
		{&c.ImportWorkers, 2},
	} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.SweepInterval == 0 {
		c.SweepInterval = time.Second
	}
	if c.MaxImportBytes == 0 {
		c.MaxImportBytes = 2 << 30
	}
	if c.MaxHandedInBytes == 0 {
		c.MaxHandedInBytes = 256 << 20
	}
	if c.MaxMediaBytes == 0 {
		c.MaxMediaBytes = 100 << 20
	}
	return c
}

// Validate reports every value that makes no sense.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	for _, v := range []struct {
		name        string
		value, most int
	}{
		{"GradingWorkers", c.GradingWorkers, 1000}, {"SaveWriters", c.SaveWriters, 64}, {"SaveBatch", c.SaveBatch, 10_000},
		{"CachedPapers", c.CachedPapers, 100_000}, {"CachedAttempts", c.CachedAttempts, 10_000_000},
		{"ImportWorkers", c.ImportWorkers, 64},
	} {
		if v.value < 1 || v.value > v.most {
			errs = append(errs, fmt.Errorf("assessment: %s is %d, not between 1 and %d", v.name, v.value, v.most))
		}
	}
	if c.SweepInterval < 10*time.Millisecond || c.SweepInterval > time.Hour {
		errs = append(errs, fmt.Errorf("assessment: SweepInterval is %s, not between 10 ms and 1 h", c.SweepInterval))
	}
	if c.MaxImportBytes < 1 {
		errs = append(errs, fmt.Errorf("assessment: MaxImportBytes is %d, less than 1", c.MaxImportBytes))
	}
	if c.MaxHandedInBytes < 1 {
		errs = append(errs, fmt.Errorf("assessment: MaxHandedInBytes is %d, less than 1", c.MaxHandedInBytes))
	}
	if c.MaxMediaBytes < 1 {
		errs = append(errs, fmt.Errorf("assessment: MaxMediaBytes is %d, less than 1", c.MaxMediaBytes))
	}
	return errors.Join(errs...)
}

// Deps are what the module needs of the process. All are required but Now.
type Deps struct {
	DB         *postgres.DB
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Media signs the URLs of the files that items show.
	Media *mediaurl.Signer
	// Blobs is the module's own part of the blob store: files of banks, and
	// uploads.
	Blobs *blob.Bucket
	// Now is the time from which those URLs expire, and decides nothing else.
	// Default: time.Now.
	Now func() time.Time
}

// Module is the assessment module.
type Module struct {
	config    Config
	db        *postgres.DB
	log       *slog.Logger
	media     *mediaurl.Signer // of what courses show
	itemMedia *mediaurl.Signer // of what banks' items show
	files     *mediastore.Store
	cleaner   *markup.Cleaner
	now       func() time.Time
	metrics   *metrics
	papers    *papers
	facts     *facts
	writer    *responseWriter
	jobs      *river.Client[pgx.Tx]

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes the module. It does no I/O and starts nothing.
func New(config Config, deps Deps) (*Module, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if deps.DB == nil || deps.Log == nil || deps.Registerer == nil || deps.Media == nil || deps.Blobs == nil {
		return nil, errors.New("assessment: DB, Log, Registerer, Media and Blobs are required")
	}
	m := &Module{
		config: config.withDefaults(), db: deps.DB, log: deps.Log, now: deps.Now,
		media: deps.Media, itemMedia: deps.Media.Below(itemMediaPrefix), files: mediastore.New(deps.Blobs, deps.Log),
		cleaner: newCleaner(),
	}
	if m.now == nil {
		m.now = time.Now
	}
	var err error
	if m.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, fmt.Errorf("assessment: %w", err)
	}
	if m.papers, err = newPapers(m.db, m.config.CachedPapers); err != nil {
		return nil, fmt.Errorf("assessment: %w", err)
	}
	if m.facts, err = newFacts(m.db, m.config.CachedAttempts); err != nil {
		return nil, fmt.Errorf("assessment: %w", err)
	}
	m.writer = newResponseWriter(m.db, m.metrics, m.config.SaveWriters, m.config.SaveBatch)
	workers := river.NewWorkers()
	river.AddWorker(workers, &finaliseWorker{module: m})
	river.AddWorker(workers, &gradeWorker{module: m})
	river.AddWorker(workers, &analyseWorker{module: m})
	river.AddWorker(workers, &importWorker{module: m})
	river.AddWorker(workers, &eraseFilesWorker{module: m})
	m.jobs, err = jobs.New(m.db, jobs.Config{
		Module: moduleName, Log: m.log, Workers: workers, MaxWorkers: m.config.GradingWorkers, Reg: deps.Registerer,
		Queues: map[string]int{analysisQueue: 1, importQueue: m.config.ImportWorkers},
	})
	if err != nil {
		return nil, fmt.Errorf("assessment: make the job client: %w", err)
	}
	return m, nil
}

// Name is the module's name, which is also its schema.
func (m *Module) Name() string { return moduleName }

// Prefixes are the path prefixes that the module owns.
func (m *Module) Prefixes() []string {
	return []string{"/v1/assessments", "/v1/attempts", "/v1/gradebook", "/v1/item-analyses", "/v1/item-banks", "/v1/item-imports", "/v1/items", "/v1/item-media"}
}

// Start starts the writers of responses, the sweeper and the job workers.
func (m *Module) Start(ctx context.Context) error {
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.running.Go(func() { m.writer.run(ctx) })
	m.running.Go(func() { m.sweep(ctx) })
	if err := m.jobs.Start(ctx); err != nil {
		return fmt.Errorf("assessment: start the job workers: %w", err)
	}
	return nil
}

// Stop ends what Start has started: first no more responses are taken and those
// taken are stored, then the jobs under way end. It is idempotent.
func (m *Module) Stop(ctx context.Context) error {
	if m.cancel == nil {
		return nil
	}
	errs := []error{m.writer.close(ctx)}
	if err := m.jobs.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop the job workers: %w", err))
	}
	m.cancel()
	ended := make(chan struct{})
	go func() { m.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("wait for the sweeper and the writers: %w", ctx.Err()))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("assessment: %w", err)
	}
	return nil
}

// Ready returns nil when the module can serve.
func (m *Module) Ready(ctx context.Context) error {
	if err := m.db.Ping(ctx); err != nil {
		return fmt.Errorf("assessment: %w", err)
	}
	return nil
}
