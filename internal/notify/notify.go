package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/postgres"
)

const moduleName = "notify"

// Config is what an operator can set. Everything but PublicURL has a default.
type Config struct {
	// PublicURL is the address of the web interface as people reach it: an
	// absolute URL without a slash at its end. Links in mails begin with it.
	PublicURL string
	// APIURL is the address of the API as mail programs reach it, of the same
	// form. Default: PublicURL.
	APIURL string
	// Retention is how long notifications are kept after they were made. Unread
	// ones stay. Default 180 days.
	Retention time.Duration
	// MailWorkers is how many mails a replica sends at once. Default 4.
	MailWorkers int
	// ContactRetry is the first pause before a mail looks again for an address
	// that is not there or not confirmed. Pauses grow with the age of the
	// notification, up to an hour. Default 1 min.
	ContactRetry time.Duration
	// StreamsPerAccount is how many live streams an account may have open on one
	// replica. Default 5.
	StreamsPerAccount int
	// StreamLifetime is after how long a live stream is ended, so that its client
	// comes back with a token that is still good. Default 10 min.
	StreamLifetime time.Duration
}

func (c Config) withDefaults() Config {
	c.APIURL = cmp.Or(c.APIURL, c.PublicURL)
	c.Retention = cmp.Or(c.Retention, 180*24*time.Hour)
	c.MailWorkers = cmp.Or(c.MailWorkers, 4)
	c.ContactRetry = cmp.Or(c.ContactRetry, time.Minute)
	c.StreamsPerAccount = cmp.Or(c.StreamsPerAccount, 5)
	c.StreamLifetime = cmp.Or(c.StreamLifetime, 10*time.Minute)
	return c
}

// Validate reports every value that makes no sense.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("notify: "+format, args...)) }
	for name, address := range map[string]string{"PublicURL": c.PublicURL, "APIURL": c.APIURL} {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" ||
			strings.HasSuffix(address, "/") {
			refuse("%s %q must be an absolute http or https URL without a slash at its end", name, address)
		}
	}
	for _, d := range []struct {
		name               string
		value, least, most time.Duration
	}{
		{"Retention", c.Retention, 24 * time.Hour, 100 * 366 * 24 * time.Hour},
		{"ContactRetry", c.ContactRetry, 10 * time.Millisecond, time.Hour},
		{"StreamLifetime", c.StreamLifetime, time.Second, time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			refuse("%s is %s, not between %s and %s", d.name, d.value, d.least, d.most)
		}
	}
	if c.MailWorkers < 1 || c.MailWorkers > 100 {
		refuse("MailWorkers is %d, not between 1 and 100", c.MailWorkers)
	}
	if c.StreamsPerAccount < 1 || c.StreamsPerAccount > 1000 {
		refuse("StreamsPerAccount is %d, not between 1 and 1000", c.StreamsPerAccount)
	}
	return errors.Join(errs...)
}

// Deps are what the module needs of the process. All are required but Now.
type Deps struct {
	// DB is the pool of the role lyceum_notify_app.
	DB         *postgres.DB
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Mail       mail.Sender
	// Now tells the age of what waits or is kept. Default: time.Now.
	Now func() time.Time
}

// Module is the notify module. Its methods are safe for concurrent use.
type Module struct {
	cfg     Config
	db      *postgres.DB
	log     *slog.Logger
	mail    mail.Sender
	now     func() time.Time
	metrics *metrics
	feed    *feed
	links   linkKey
	jobs    *river.Client[pgx.Tx]

	cancel  context.CancelFunc // nil until started
	running sync.WaitGroup
}

// New makes the module. It does no I/O and starts nothing.
func New(cfg Config, deps Deps) (*Module, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.DB == nil || deps.Log == nil || deps.Registerer == nil || deps.Mail == nil {
		return nil, errors.New("notify: DB, Log, Registerer and Mail are required")
	}
	m := &Module{cfg: cfg.withDefaults(), db: deps.DB, log: deps.Log, mail: deps.Mail, now: deps.Now}
	if m.now == nil {
		m.now = time.Now
	}
	var err error
	if m.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	m.feed = newFeed(m.db, m.log, m.metrics, m.cfg.StreamsPerAccount)
	if m.jobs, err = m.newJobs(deps.Registerer); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return m, nil
}

// Name is the module's name, which is also its schema.
func (m *Module) Name() string { return moduleName }

// Prefixes are the path prefixes that the module owns.
func (m *Module) Prefixes() []string {
	return []string{"/v1/notifications", "/v1/notification-preferences"}
}

// Start starts the mail workers and the feed of the live streams.
func (m *Module) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if err := m.jobs.Start(ctx); err != nil {
		cancel()
		return fmt.Errorf("start the jobs of notify: %w", err)
	}
	m.cancel = cancel
	m.running.Go(func() { m.feed.run(ctx) })
	return nil
}

// Stop ends the live streams, lets mails under way finish within ctx, and waits.
// It is idempotent.
func (m *Module) Stop(ctx context.Context) error {
	m.feed.close()
	if m.cancel == nil {
		return nil
	}
	err := m.jobs.Stop(ctx)
	m.cancel()
	m.cancel = nil
	m.running.Wait()
	if err != nil {
		return fmt.Errorf("stop the jobs of notify: %w", err)
	}
	return nil
}

// Ready returns nil when the module can serve.
func (m *Module) Ready(ctx context.Context) error {
	if err := m.db.Ping(ctx); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// collect reads all rows of a query into structs, by column name.
func collect[T any](ctx context.Context, q querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
