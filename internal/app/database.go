package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// database is where the pools of the modules lead to.
type database struct {
	embedded *postgres.Embedded // nil when the server is somebody else's
	pools    map[string]*postgres.DB
}

// adminURL is the administrator's login: that of the configuration, or of the
// embedded server, which is started for it.
func adminURL(ctx context.Context, cfg Config, log *slog.Logger) (string, *postgres.Embedded, error) {
	if cfg.DatabaseURL != "" {
		return string(cfg.DatabaseURL), nil, nil
	}
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: cfg.DataDir, Log: log})
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded PostgreSQL (or set DATABASE_URL to use a server of yours): %w", err)
	}
	return embedded.URL(), embedded, nil
}

// everyModuleHasALogin reports whether no administrator is needed.
func everyModuleHasALogin(cfg Config) bool {
	for _, m := range cfg.hosted() {
		if cfg.moduleURL(m) == "" {
			return false
		}
	}
	return true
}

// kept are the modules that run here and whose schemas lie in the
// administrator's database: those without a login of their own, and those whose
// login leads there. The rest have been given a database of their own, and what
// may still lie here under their name is not touched.
func kept(cfg Config, admin string) ([]string, error) {
	var all []string
	for _, m := range cfg.hosted() {
		login := cfg.moduleURL(m)
		if login == "" || cfg.DatabasePooler { // a pooler hides where it leads; it is taken to be here
			all = append(all, m)
			continue
		}
		same, err := sameDatabase(login, admin)
		if err != nil {
			return nil, err
		}
		if same {
			all = append(all, m)
		}
	}
	return all, nil
}

func sameDatabase(a, b string) (bool, error) {
	first, err := pgconn.ParseConfig(a)
	if err != nil {
		return false, fmt.Errorf("read a database URL: %w", err)
	}
	second, err := pgconn.ParseConfig(b)
	if err != nil {
		return false, fmt.Errorf("read a database URL: %w", err)
	}
	return first.Host == second.Host && first.Port == second.Port && first.Database == second.Database, nil
}

// openDatabase connects the modules that run here. With an administrator's login
// it first brings the schemas there up to this release, always in an embedded
// server and otherwise if migrate says so; with logins of the modules alone it
// only checks them.
func openDatabase(ctx context.Context, cfg Config, migrate bool, log *slog.Logger, waiting func(reason error)) (_ *database, err error) {
	d := &database{pools: map[string]*postgres.DB{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(context.WithoutCancel(ctx)))
		}
	}()
	if len(cfg.hosted()) == 0 {
		return d, nil
	}
	admin := ""
	if cfg.DatabaseURL != "" || !everyModuleHasALogin(cfg) {
		if admin, d.embedded, err = adminURL(ctx, cfg, log); err != nil {
			return nil, err
		}
		if migrate || d.embedded != nil {
			if err := await(ctx, cfg, log, waiting, func() error { return migrateKept(ctx, cfg, admin, log) }); err != nil {
				return nil, fmt.Errorf("migrate the database: %w", err)
			}
		}
	}
	for _, m := range cfg.hosted() {
		err := await(ctx, cfg, log, waiting, func() (err error) {
			d.pools[m], err = openModule(ctx, cfg, m, admin)
			return err
		})
		if err != nil {
			delete(d.pools, m)
			return nil, err
		}
	}
	return d, nil
}

func migrateKept(ctx context.Context, cfg Config, admin string, log *slog.Logger) error {
	modules, err := kept(cfg, admin)
	if err != nil || len(modules) == 0 {
		return err
	}
	return migrations.Up(ctx, admin, migrations.Options{Modules: modules, Secret: string(cfg.RoleSecret), Log: log})
}

// openModule connects one module and checks its schema.
func openModule(ctx context.Context, cfg Config, module, admin string) (*postgres.DB, error) {
	url := cfg.moduleURL(module)
	if url == "" {
		var err error
		if url, err = derivedURL(admin, module, cfg); err != nil {
			return nil, err
		}
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: url, Module: module, MaxConns: cfg.poolSize(module), TransactionPooler: cfg.DatabasePooler,
	})
	if err != nil {
		return nil, explainLogin(err, module, cfg)
	}
	if err := migrations.Check(ctx, db.Pool, module); err != nil {
		db.Close()
		return nil, fmt.Errorf("the schema of module %s does not fit this release (platform migrate --modules %s mends that, with the "+
			"--database-url of its server's administrator): %w", module, module, err)
	}
	return db, nil
}

// The pauses of await. A module is being moved while its new process waits, and
// is served again that much later; the log tells of it less often.
const (
	awaitPause    = 200 * time.Millisecond
	awaitReminder = time.Minute
)

// await calls do again and again while it fails because a database or a schema
// is not there, if the configuration says to. waiting is told why.
func await(ctx context.Context, cfg Config, log *slog.Logger, waiting func(reason error), do func() error) error {
	var told time.Time
	for {
		err := do()
		if err == nil && !told.IsZero() {
			log.InfoContext(ctx, "the database is there")
		}
		if err == nil || !cfg.AwaitDatabase || !comesLater(err) {
			return err
		}
		waiting(err)
		if time.Since(told) >= awaitReminder {
			told = time.Now()
			log.WarnContext(ctx, "waiting for the database", "error", err)
		}
		timer := time.NewTimer(awaitPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

// comesLater tells what a wait can cure: a server that cannot be reached or lets
// nobody in, and a schema that is not there or behind.
func comesLater(err error) bool {
	var connect *pgconn.ConnectError
	var behind *migrations.BehindError
	return errors.As(err, &connect) || errors.As(err, &behind)
}

// explainLogin adds the way out when the server wants a password that could
// not be derived.
func explainLogin(err error, module string, cfg Config) error {
	err = fmt.Errorf("open the database of module %s: %w", module, err)
	var pgErr *pgconn.PgError
	refused := errors.As(err, &pgErr) && (pgErr.Code == "28000" || pgErr.Code == "28P01") // invalid authorisation, password
	switch {
	case postgres.LoginRefused(err) && pgErr.Code == "42501":
		return fmt.Errorf("%w; if the module is being moved here, --await-database waits for it; if it has been moved away, "+
			"--%s-database-url says where to", err, module)
	case !refused || cfg.DatabaseURL == "":
		return err
	case cfg.moduleURL(module) != "":
		return fmt.Errorf("%w; check --%s-database-url", err, module)
	case cfg.RoleSecret == "":
		return fmt.Errorf("%w; the password of the module's role is derived from that in --database-url: "+
			"if it has none, set --role-secret, and the server must accept passwords", err)
	}
	return err
}

func derivedURL(admin, module string, cfg Config) (string, error) {
	secret := string(cfg.RoleSecret)
	if secret == "" {
		var err error
		if secret, err = postgres.Secret(admin); err != nil {
			return "", fmt.Errorf("read the database URL: %w", err)
		}
	}
	return postgres.ModuleURL(admin, module, secret)
}

// lost gives the reason when an embedded server is gone for good.
func (d *database) lost() <-chan error {
	if d.embedded == nil {
		return nil
	}
	return d.embedded.Wait()
}

// close waits for connections in use, but not longer than ctx, and then stops
// the embedded server.
func (d *database) close(ctx context.Context) error {
	var pools sync.WaitGroup
	for _, db := range d.pools {
		pools.Go(db.Close)
	}
	closed := make(chan struct{})
	go func() { pools.Wait(); close(closed) }()
	var err error
	select {
	case <-closed:
	case <-ctx.Done():
		err = fmt.Errorf("close the database pools: connections are still in use: %w", ctx.Err())
	}
	if d.embedded == nil {
		return err
	}
	return errors.Join(err, d.embedded.Stop(ctx))
}

// Migrate brings the schemas of the configured modules up to this release, or
// with statusOnly only says on out how far they have come.
func Migrate(ctx context.Context, cfg Config, statusOnly bool, out io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if len(cfg.hosted()) == 0 {
		return errors.New("--modules names no module to migrate")
	}
	admin, embedded, err := adminURL(ctx, cfg, log)
	if err != nil {
		return err
	}
	if embedded != nil {
		defer func() { err = errors.Join(err, embedded.Stop(context.WithoutCancel(ctx))) }()
	}
	modules, err := kept(cfg, admin)
	if err != nil {
		return err
	}
	var elsewhere []string
	for _, m := range cfg.hosted() {
		if !slices.Contains(modules, m) {
			elsewhere = append(elsewhere, m)
		}
	}
	if len(elsewhere) > 0 {
		fmt.Fprintf(out, "Left alone, because they have a database of their own (platform migrate --modules %s, with the --database-url "+
			"of its administrator): %s\n", strings.Join(elsewhere, ","), strings.Join(elsewhere, ", "))
	}
	if len(modules) == 0 {
		return nil
	}
	if !statusOnly {
		return migrations.Up(ctx, admin, migrations.Options{Modules: modules, Secret: string(cfg.RoleSecret), Log: log})
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: admin, Module: "migrate", MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	lines, err := migrations.Report(ctx, db.Pool, modules...)
	if err != nil {
		return err
	}
	for _, l := range lines {
		fmt.Fprintf(out, "%-12s %-9s at %d of %d\n", l.Module, l.Line, l.Applied, l.Known)
	}
	return nil
}
