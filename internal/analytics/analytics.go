package analytics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lyceum-lms/platform/internal/postgres"
)

const moduleName = "analytics"

// Config is what an operator can set. The zero value is a sound one.
type Config struct {
	// QueryTimeout bounds the computation of one answer. Default: 10 s.
	QueryTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.QueryTimeout == 0 {
		c.QueryTimeout = 10 * time.Second
	}
	return c
}

// Validate reports every value that makes no sense.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.QueryTimeout < 10*time.Millisecond || c.QueryTimeout > 10*time.Minute {
		return fmt.Errorf("analytics: QueryTimeout is %s, not between 10 ms and 10 min", c.QueryTimeout)
	}
	return nil
}

// Deps are what the module needs of the process.
type Deps struct {
	DB *postgres.DB // required
	// Now decides which day is today. Default: time.Now.
	Now func() time.Time
}

// Module is the analytics module.
type Module struct {
	config Config
	db     *postgres.DB
	now    func() time.Time
}

// New makes the module. It does no I/O and starts nothing.
func New(config Config, deps Deps) (*Module, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if deps.DB == nil {
		return nil, errors.New("analytics: DB is required")
	}
	m := &Module{config: config.withDefaults(), db: deps.DB, now: deps.Now}
	if m.now == nil {
		m.now = time.Now
	}
	return m, nil
}

// Name is the module's name, which is also its schema.
func (m *Module) Name() string { return moduleName }

// Prefixes are the path prefixes that the module owns.
func (m *Module) Prefixes() []string { return []string{"/v1/analytics"} }

// Start has nothing to start: the module works when it is asked or when the
// bus delivers.
func (m *Module) Start(context.Context) error { return nil }

// Stop has nothing to stop.
func (m *Module) Stop(context.Context) error { return nil }

// Ready returns nil when the module can serve.
func (m *Module) Ready(ctx context.Context) error {
	if err := m.db.Ping(ctx); err != nil {
		return fmt.Errorf("analytics: %w", err)
	}
	return nil
}
