package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// database is the server that the modules' pools lead to.
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
	for _, m := range moduleNames {
		if cfg.moduleURL(m) == "" {
			return false
		}
	}
	return true
}

// openDatabase connects every module. With an administrator's login it first
// brings the schemas up to this release, always in an embedded server and
// otherwise if migrate says so; with logins of the modules alone it only checks
// them.
func openDatabase(ctx context.Context, cfg Config, migrate bool, log *slog.Logger) (_ *database, err error) {
	d := &database{pools: map[string]*postgres.DB{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(context.WithoutCancel(ctx)))
		}
	}()
	admin := ""
	if cfg.DatabaseURL != "" || !everyModuleHasALogin(cfg) {
		if admin, d.embedded, err = adminURL(ctx, cfg, log); err != nil {
			return nil, err
		}
		if migrate || d.embedded != nil {
			if err := migrations.Up(ctx, admin, migrations.Options{Secret: string(cfg.RoleSecret), Log: log}); err != nil {
				return nil, fmt.Errorf("migrate the database: %w", err)
			}
		}
	}
	for _, m := range moduleNames {
		url := cfg.moduleURL(m)
		if url == "" {
			if url, err = derivedURL(admin, m, cfg); err != nil {
				return nil, err
			}
		}
		db, err := postgres.Open(ctx, postgres.Options{
			URL: url, Module: m, MaxConns: cfg.poolSize(m), TransactionPooler: cfg.DatabasePooler,
		})
		if err != nil {
			return nil, explainLogin(err, m, cfg)
		}
		d.pools[m] = db
		if err := migrations.Check(ctx, db.Pool, m); err != nil {
			return nil, fmt.Errorf("the schema of module %s does not fit this release (platform migrate mends that): %w", m, err)
		}
	}
	return d, nil
}

// explainLogin adds the way out when the server wants a password that could
// not be derived.
func explainLogin(err error, module string, cfg Config) error {
	err = fmt.Errorf("open the database of module %s: %w", module, err)
	var pgErr *pgconn.PgError
	refused := errors.As(err, &pgErr) && (pgErr.Code == "28000" || pgErr.Code == "28P01") // invalid authorisation, password
	switch {
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

// Migrate brings the schemas up to this release, or with statusOnly only says
// on out how far they have come.
func Migrate(ctx context.Context, cfg Config, statusOnly bool, out io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	admin, embedded, err := adminURL(ctx, cfg, log)
	if err != nil {
		return err
	}
	if embedded != nil {
		defer func() { err = errors.Join(err, embedded.Stop(context.WithoutCancel(ctx))) }()
	}
	if !statusOnly {
		return migrations.Up(ctx, admin, migrations.Options{Secret: string(cfg.RoleSecret), Log: log})
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: admin, Module: "migrate", MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	lines, err := migrations.Report(ctx, db.Pool, migrations.Modules()...)
	if err != nil {
		return err
	}
	for _, l := range lines {
		fmt.Fprintf(out, "%-12s %-9s at %d of %d\n", l.Module, l.Line, l.Applied, l.Known)
	}
	return nil
}
