package content

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"gocloud.dev/blob"

	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// Config is what an operator may set. The zero value of a field means its
// default.
type Config struct {
	// MaxImportBytes bounds an uploaded course export. Default: 512 MiB.
	MaxImportBytes int64
	// MediaURLTTL is the longest life of a media URL signed with the module's
	// own key; the shortest is half of it. Default: 12 h.
	MediaURLTTL time.Duration
	// UnitCacheBytes bounds the memory for rendered units. Default: 64 MiB.
	UnitCacheBytes int64
	// ImportWorkers is how many imports this process runs at once. Default: 2.
	ImportWorkers int
}

func (c Config) withDefaults() Config {
	if c.MaxImportBytes == 0 {
		c.MaxImportBytes = 512 << 20
	}
	if c.MediaURLTTL == 0 {
		c.MediaURLTTL = 12 * time.Hour
	}
	if c.UnitCacheBytes == 0 {
		c.UnitCacheBytes = 64 << 20
	}
	if c.ImportWorkers == 0 {
		c.ImportWorkers = 2
	}
	return c
}

// Validate returns every violation, joined.
func (c Config) Validate() error {
	var errs []error
	if c.MaxImportBytes < 0 {
		errs = append(errs, fmt.Errorf("the import limit is %d bytes, less than 0", c.MaxImportBytes))
	}
	if c.MediaURLTTL != 0 && c.MediaURLTTL < time.Minute {
		errs = append(errs, fmt.Errorf("media URLs live for %s, less than 1 min", c.MediaURLTTL))
	}
	if c.UnitCacheBytes < 0 {
		errs = append(errs, fmt.Errorf("the unit cache has %d bytes, less than 0", c.UnitCacheBytes))
	}
	if c.ImportWorkers < 0 {
		errs = append(errs, fmt.Errorf("there are %d import workers, fewer than 0", c.ImportWorkers))
	}
	return errors.Join(errs...)
}

// Deps are what the module is given to work with. All but Media are needed.
type Deps struct {
	DB         *postgres.DB
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Blobs holds media, by the digest of their content, and uploads under way.
	Blobs *blob.Bucket
	// Media signs media URLs. Default: a signer with a random key that is made
	// once and kept in the module's database; see Module.MediaSigner.
	Media *mediaurl.Signer
}

// Module is the content module. Its methods are safe for concurrent use.
type Module struct {
	cfg     Config
	db      *postgres.DB
	log     *slog.Logger
	now     func() time.Time
	files   *mediastore.Store
	jobs    *river.Client[pgx.Tx]
	metrics *metrics

	signer atomic.Pointer[mediaurl.Signer] // nil until first needed
	access *lru[accessKey, access]
	units  *lru[unitKey, *renderedUnit]
	viewed *lru[viewKey, struct{}]

	started atomic.Bool
}

// New makes the module. It does no I/O and starts nothing.
func New(cfg Config, deps Deps) (*Module, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	cfg = cfg.withDefaults()
	m := &Module{
		cfg: cfg, db: deps.DB, log: deps.Log, now: deps.Now, files: mediastore.New(deps.Blobs, deps.Log),
		metrics: newMetrics(deps.Registerer),
		access:  newLRU[accessKey, access](accessCacheEntries),
		units:   newLRU[unitKey, *renderedUnit](cfg.UnitCacheBytes),
		viewed:  newLRU[viewKey, struct{}](viewedCacheEntries),
	}
	m.signer.Store(deps.Media)
	client, err := m.newJobs(deps)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	m.jobs = client
	return m, nil
}

// Name is the module's name.
func (m *Module) Name() string { return "content" }

// Prefixes are the paths that the module owns.
func (m *Module) Prefixes() []string {
	return []string{"/v1/courses", "/v1/catalogue", "/v1/enrolments", "/v1/imports", "/v1/media"}
}

// Start starts the import workers. It returns when they run.
func (m *Module) Start(ctx context.Context) error {
	// Made now, so that a database that refuses is found out at the start.
	if _, err := m.MediaSigner(ctx); err != nil {
		return err
	}
	if err := m.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the jobs of content: %w", err)
	}
	m.started.Store(true)
	return nil
}

// Stop lets the imports under way finish within ctx, else ends them: they begin
// anew on another replica or at the next start. It is idempotent.
func (m *Module) Stop(ctx context.Context) error {
	if !m.started.CompareAndSwap(true, false) {
		return nil
	}
	if err := m.jobs.Stop(ctx); err != nil {
		return fmt.Errorf("stop the jobs of content: %w", err)
	}
	return nil
}

// Ready returns nil when the module can serve.
func (m *Module) Ready(ctx context.Context) error {
	if !m.started.Load() {
		return errors.New("content: not started")
	}
	if err := m.db.Pool.Ping(ctx); err != nil {
		return fmt.Errorf("content: reach the database: %w", err)
	}
	return nil
}
