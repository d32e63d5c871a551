package users

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/postgres"
)

const moduleName = "users"

// Config is the configuration of the module. Lifetimes that are zero have their
// defaults.
type Config struct {
	// PublicURL is the address of the web interface as people reach it: an
	// absolute URL without a slash at its end. Links in mails begin with it.
	PublicURL string
	// Issuer and Audience are those of the access tokens. The verifiers of all
	// processes must be made with the same. Default "lyceum", both.
	Issuer, Audience string
	// AccessTokenLifetime is how long an access token works. A revoked session
	// or role is felt after it. Default 10 minutes, at most 1 hour.
	AccessTokenLifetime time.Duration
	// RefreshTokenLifetime is how long a session lasts that is not used.
	// Default 14 days.
	RefreshTokenLifetime time.Duration
	// SessionLifetime is how long a session lasts at most. Default 90 days.
	SessionLifetime time.Duration
	// ConfirmationLifetime is how long the token that confirms an address
	// works. Default 24 hours.
	ConfirmationLifetime time.Duration
	// ResetLifetime is how long the token to set a new password works. Default
	// 1 hour.
	ResetLifetime time.Duration
	// InvitationLifetime is how long the token of an invitation works. Default
	// 7 days.
	InvitationLifetime time.Duration
	// SigningKeyLifetime is how long a key signs access tokens. Default 90 days,
	// at least 1 day.
	SigningKeyLifetime time.Duration
	// AuditRetention is how long the audit trail is kept, in whole months.
	// Default 2 years.
	AuditRetention time.Duration
	// RegistrationTime is the least time that a registration takes. Storing an
	// account is more work than finding that its address is taken: without it,
	// the time of the answer tells which it was. Default 400 ms.
	RegistrationTime time.Duration
	// Argon2 is the cost of a password hash. Stored hashes of another cost are
	// replaced at the next sign-in.
	Argon2 Argon2
	// MailWorkers is how many mails are sent at once. Default 4.
	MailWorkers int
}

func (c Config) withDefaults() Config {
	const day = 24 * time.Hour
	c.Issuer = cmp.Or(c.Issuer, "lyceum")
	c.Audience = cmp.Or(c.Audience, "lyceum")
	c.AccessTokenLifetime = cmp.Or(c.AccessTokenLifetime, 10*time.Minute)
	c.RefreshTokenLifetime = cmp.Or(c.RefreshTokenLifetime, 14*day)
	c.SessionLifetime = cmp.Or(c.SessionLifetime, 90*day)
	c.ConfirmationLifetime = cmp.Or(c.ConfirmationLifetime, day)
	c.ResetLifetime = cmp.Or(c.ResetLifetime, time.Hour)
	c.InvitationLifetime = cmp.Or(c.InvitationLifetime, 7*day)
	c.SigningKeyLifetime = cmp.Or(c.SigningKeyLifetime, 90*day)
	c.AuditRetention = cmp.Or(c.AuditRetention, 2*365*day)
	c.RegistrationTime = cmp.Or(c.RegistrationTime, 400*time.Millisecond)
	c.Argon2.MemoryKiB = cmp.Or(c.Argon2.MemoryKiB, 19456)
	c.Argon2.Iterations = cmp.Or(c.Argon2.Iterations, 2)
	c.Argon2.Parallelism = cmp.Or(c.Argon2.Parallelism, 1)
	c.MailWorkers = cmp.Or(c.MailWorkers, 4)
	return c
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("users: "+format, args...)) }
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" ||
		strings.HasSuffix(c.PublicURL, "/") {
		refuse("public URL %q: must be an absolute http or https URL without a slash at its end", c.PublicURL)
	}
	for _, d := range []struct {
		name       string
		value      time.Duration
		least, max time.Duration
	}{
		{"access token lifetime", c.AccessTokenLifetime, time.Second, time.Hour},
		{"refresh token lifetime", c.RefreshTokenLifetime, c.AccessTokenLifetime, 366 * 24 * time.Hour},
		{"session lifetime", c.SessionLifetime, c.AccessTokenLifetime, 366 * 24 * time.Hour},
		{"confirmation lifetime", c.ConfirmationLifetime, time.Minute, 30 * 24 * time.Hour},
		{"reset lifetime", c.ResetLifetime, time.Minute, 24 * time.Hour},
		{"invitation lifetime", c.InvitationLifetime, time.Minute, 60 * 24 * time.Hour},
		{"signing key lifetime", c.SigningKeyLifetime, 24 * time.Hour, 10 * 366 * 24 * time.Hour},
		{"registration time", c.RegistrationTime, time.Nanosecond, 5 * time.Second},
		{"audit retention", c.AuditRetention, 24 * time.Hour, 100 * 366 * 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.max {
			refuse("%s %s: must be between %s and %s", d.name, d.value, d.least, d.max)
		}
	}
	if c.MailWorkers < 1 || c.MailWorkers > 100 {
		refuse("mail workers %d: must be between 1 and 100", c.MailWorkers)
	}
	if err := c.Argon2.validate(); err != nil {
		refuse("%w", err)
	}
	return errors.Join(errs...)
}

// Deps are what the module is made of. All are needed.
type Deps struct {
	// DB is the pool of the role lyceum_users_app.
	DB         *postgres.DB
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock.
	Now  func() time.Time
	Mail mail.Sender
	// Verifier checks the access tokens of this process. The module gives it
	// the public keys when it starts, and again whenever they change.
	Verifier *auth.Verifier
}

// Module is the users module.
type Module struct {
	cfg      Config
	db       *postgres.DB
	log      *slog.Logger
	clock    func() time.Time
	hasher   *hasher
	throttle throttle
	metrics  *metrics
	keys     *keyring
	mail     mail.Sender
	jobs     *river.Client[pgx.Tx]

	stop    context.CancelFunc // of the key watch; nil until started
	stopped chan struct{}
}

// New makes the module. It does no I/O.
func New(cfg Config, deps Deps) (*Module, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	hasher, err := newHasher(cfg.Argon2, deps.Registerer)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, err
	}
	m := &Module{
		cfg: cfg, db: deps.DB, log: deps.Log, clock: deps.Now, hasher: hasher, throttle: throttle{deps.DB},
		metrics: metrics, mail: deps.Mail, keys: newKeyring(cfg, deps.Verifier),
	}
	m.jobs, err = m.newJobs(deps.Registerer)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// now is the present moment as the database can store it.
func (m *Module) now() time.Time { return m.clock().UTC().Truncate(time.Microsecond) }

// Name is the module's name: its schema, roles and events bear it.
func (m *Module) Name() string { return moduleName }

// Prefixes are the path prefixes that the module owns.
func (m *Module) Prefixes() []string {
	return []string{"/v1/auth", "/v1/me", "/v1/accounts", "/v1/organisations"}
}

// Contract is what the module publishes. It consumes nothing.
func (m *Module) Contract() bus.Contract {
	return bus.Contract{
		Module: moduleName,
		Publishes: []bus.AnyTopic{
			event.OrganisationCreated, event.AccountRegistered, event.ContactChanged,
			event.RoleGranted, event.RoleRevoked, event.AccountErased,
		},
	}
}

// keyCheckInterval is how often the signing keys are read again. Another
// replica may have made one; it does not sign before its notice is over.
const keyCheckInterval = time.Minute

// Start loads the signing keys, making the first one if need be, and starts the
// jobs. It returns when both are there.
func (m *Module) Start(ctx context.Context) error {
	if err := m.refreshKeys(ctx); err != nil {
		return err
	}
	// The jobs and the watch outlive the call, until Stop.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	if err := m.jobs.Start(running); err != nil {
		stop()
		return fmt.Errorf("start the jobs of users: %w", err)
	}
	m.stop, m.stopped = stop, make(chan struct{})
	go m.watchKeys(running)
	return nil
}

func (m *Module) watchKeys(ctx context.Context) {
	defer close(m.stopped)
	tick := time.NewTicker(keyCheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := m.refreshKeys(ctx); err != nil && ctx.Err() == nil {
				m.log.ErrorContext(ctx, "the signing keys could not be read; the known ones stay", "error", err)
			}
		}
	}
}

// Stop lets the running jobs finish, as long as ctx allows, and waits for
// everything that Start began. Calling it again does nothing.
func (m *Module) Stop(ctx context.Context) error {
	if m.stop == nil {
		return nil
	}
	err := m.jobs.Stop(ctx)
	m.stop()
	m.stop = nil
	<-m.stopped
	if err != nil {
		return fmt.Errorf("stop the jobs of users: %w", err)
	}
	return nil
}

// Ready returns nil when the module can serve: it has a key to sign with and
// reaches its database.
func (m *Module) Ready(ctx context.Context) error {
	if _, err := m.keys.signer(m.now()); err != nil {
		return err
	}
	return m.db.Ping(ctx)
}
