// Package migrations holds the schema history of every module and brings a
// database up to it.
//
// Each module has a schema, two roles and three lines of history, each with a
// version table of its own in that schema: the platform's tables (the template
// in platform/, the same for every module), the module's own files, and River's
// tables. A file that has been merged never changes: releases expand the schema
// first and contract it one release later, so that two releases run side by
// side on one database.
package migrations

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/lyceum-lms/platform/internal/postgres"
)

//go:embed all:users all:content all:assessment all:analytics all:notify platform
var files embed.FS

// Modules are the modules that have a schema, in the order of migration.
func Modules() []string { return []string{"users", "content", "assessment", "analytics", "notify"} }

// VersionTables are the tables of a schema that tell how far it has come. They
// belong to the schema, not to the module's data.
func VersionTables() []string {
	return []string{"platform_migrations", "schema_migrations", "river_migration"}
}

// Files is the file system that the histories are in: one directory a module,
// and platform for the template.
func Files() fs.FS { return files }

// Options of Up. The zero value migrates all modules.
type Options struct {
	// Modules to migrate; all of them if empty.
	Modules []string
	// Secret derives the passwords of the module roles; by default the password
	// in the administrator's URL. See postgres.RolePassword.
	Secret string
	// LockTimeout bounds the wait of a migration for a table that is in use.
	// Queries queue up behind that wait, hence the short default of 10 s.
	LockTimeout time.Duration
	// Log is told what was applied. Nil is silence.
	Log *slog.Logger
}

// migrationLock is the advisory lock that migrators of one database take turns
// by. The number means nothing; it must not change.
const migrationLock = 7_302_114_869_001

// Up provisions the roles and schemas of the modules and applies every
// migration that is missing. Any number of migrators may run at once: they take
// turns, and those that come later find nothing to do. adminURL must lead to
// the server itself, not to a transaction pooler, and its user must be a
// superuser or own the database and have CREATEROLE.
func Up(ctx context.Context, adminURL string, o Options) error {
	if len(o.Modules) == 0 {
		o.Modules = Modules()
	}
	for _, m := range o.Modules {
		if !slices.Contains(Modules(), m) {
			return fmt.Errorf("migrate: there is no module %q (modules: %v)", m, Modules())
		}
	}
	if o.Secret == "" {
		secret, err := postgres.Secret(adminURL)
		if err != nil {
			return err
		}
		o.Secret = secret
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	admin, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("migrate: connect to the database: %w", err)
	}
	// Closing the connection gives the lock back.
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	if err := takeTurns(ctx, admin, o.Log); err != nil {
		return fmt.Errorf("migrate: wait for other migrators: %w", err)
	}
	if err := postgres.ProvisionDatabase(ctx, admin); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, m := range o.Modules {
		if err := postgres.ProvisionModule(ctx, admin, m, o.Secret); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if err := upModule(ctx, adminURL, m, o); err != nil {
			return fmt.Errorf("migrate module %s: %w", m, err)
		}
	}
	return nil
}

// TakeTurn keeps migrators of the database out until conn is closed, and waits
// for one that is at work.
func TakeTurn(ctx context.Context, conn *pgx.Conn) error {
	if err := takeTurns(ctx, conn, slog.New(slog.DiscardHandler)); err != nil {
		return fmt.Errorf("wait for migrators of the database: %w", err)
	}
	return nil
}

// takeTurns waits until no other migrator is at work, and says so.
func takeTurns(ctx context.Context, admin *pgx.Conn, log *slog.Logger) error {
	var first bool
	if err := admin.QueryRow(ctx, `select pg_catalog.pg_try_advisory_lock($1)`, int64(migrationLock)).Scan(&first); err != nil || first {
		return err
	}
	log.InfoContext(ctx, "waiting for another process that is migrating the database")
	_, err := admin.Exec(ctx, `select pg_catalog.pg_advisory_lock($1)`, int64(migrationLock))
	return err
}

func upModule(ctx context.Context, adminURL, module string, o Options) error {
	pool, err := ownerPool(ctx, adminURL, module, o.LockTimeout)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	start, applied := time.Now(), 0
	for _, line := range sqlLines(module) {
		provider, err := goose.NewProvider(goose.DialectPostgres, db, line.files,
			goose.WithTableName(line.table), goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true))
		if errors.Is(err, goose.ErrNoMigrations) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the %s migrations: %w", line.name, err)
		}
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("apply the %s migrations: %w", line.name, err)
		}
		for _, r := range results {
			applied++
			o.Log.DebugContext(ctx, "migration applied", "module", module, "line", line.name,
				"file", r.Source.Path, "duration", r.Duration)
		}
	}
	river, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{
		Schema: module, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return fmt.Errorf("read the river migrations: %w", err)
	}
	result, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("apply the river migrations: %w", err)
	}
	for _, v := range result.Versions {
		applied++
		o.Log.DebugContext(ctx, "migration applied", "module", module, "line", "river", "file", v.Name, "duration", v.Duration)
	}
	if applied > 0 {
		o.Log.InfoContext(ctx, "schema migrated", "module", module, "migrations", applied, "duration", time.Since(start))
	}
	return protectVersions(ctx, pool, module)
}

// protectVersions lets the app role read the version tables, which it needs to
// check the schema, and not write them.
func protectVersions(ctx context.Context, pool *pgxpool.Pool, module string) error {
	_, err := pool.Exec(ctx, `do $$ declare t text; begin
		for t in select format('%I.%I', schemaname, tablename) from pg_catalog.pg_tables
			where schemaname = '`+module+`' and tablename in ('`+strings.Join(VersionTables(), "', '")+`')
		loop
			execute 'revoke insert, update, delete on ' || t || ' from `+postgres.AppRole(module)+`';
		end loop;
	end $$`)
	if err != nil {
		return fmt.Errorf("protect the version tables: %w", err)
	}
	return nil
}

// ownerPool logs in as the administrator and acts as the owner of the module's
// schema, who can neither see nor refer to another schema.
func ownerPool(ctx context.Context, adminURL, module string, lockTimeout time.Duration) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(adminURL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	config.MaxConns = 2
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "lyceum/migrate"
	params["search_path"] = ""
	params["timezone"] = "UTC"
	params["lock_timeout"] = fmt.Sprint(cmp.Or(lockTimeout, 10*time.Second).Milliseconds())
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `set role `+postgres.OwnerRole(module)); err != nil {
			return fmt.Errorf("act as %s: %w", postgres.OwnerRole(module), err)
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// line is one history within a module's schema that goose applies.
type line struct {
	name  string
	table string
	files fs.FS
}

func sqlLines(module string) []line {
	return []line{
		{"platform", module + ".platform_migrations", templateFS{mustSub("platform"), module}},
		{"module", module + ".schema_migrations", mustSub(module)},
	}
}

// mustSub is for directories that go:embed has proved to exist.
func mustSub(dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return sub
}
