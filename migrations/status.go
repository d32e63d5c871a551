package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Status is how far one line of a module's history has come.
type Status struct {
	Module string
	// Line is "platform", "module" or "river".
	Line string
	// Applied is the last version in the database, 0 if none.
	Applied int64
	// Known is the last version of this release.
	Known int64
	// Missing are the versions of this release that the database lacks.
	Missing []int64
}

// Behind reports that the database lacks a migration of this release.
func (s Status) Behind() bool { return len(s.Missing) > 0 }

// Ahead reports that the database has a migration of a later release. This
// release works on it: schemas are expanded one release before they are
// contracted.
func (s Status) Ahead() bool { return s.Applied > s.Known }

// BehindError says which modules cannot start before the migrator has run.
type BehindError struct {
	Lines []Status
}

// Error implements error.
func (e *BehindError) Error() string {
	var parts []string
	for _, s := range e.Lines {
		parts = append(parts, fmt.Sprintf("%s/%s is at version %d and needs %d", s.Module, s.Line, s.Applied, s.Known))
	}
	return "the database schema is behind this release: " + strings.Join(parts, ", ") + "; run `platform migrate`"
}

// Check returns a *BehindError when a module's schema lacks a migration of this
// release. A schema that is ahead is none: releases run side by side. The app
// role of the module is enough.
func Check(ctx context.Context, pool *pgxpool.Pool, modules ...string) error {
	all, err := Report(ctx, pool, modules...)
	if err != nil {
		return err
	}
	behind := slices.DeleteFunc(all, func(s Status) bool { return !s.Behind() })
	if len(behind) > 0 {
		return &BehindError{Lines: behind}
	}
	return nil
}

// Report tells how far the modules' schemas have come, line by line.
func Report(ctx context.Context, pool *pgxpool.Pool, modules ...string) ([]Status, error) {
	var all []Status
	for _, module := range modules {
		if !slices.Contains(Modules(), module) {
			return nil, fmt.Errorf("check the schema: there is no module %q", module)
		}
		lines, err := report(ctx, pool, module)
		if err != nil {
			return nil, fmt.Errorf("check the schema of module %s: %w", module, err)
		}
		all = append(all, lines...)
	}
	return all, nil
}

func report(ctx context.Context, pool *pgxpool.Pool, module string) ([]Status, error) {
	var all []Status
	for _, line := range sqlLines(module) {
		known, err := versions(line.files)
		if err != nil {
			return nil, err
		}
		applied, err := appliedVersions(ctx, pool, `select version_id from `+line.table+` where is_applied and version_id > 0`)
		if err != nil {
			return nil, err
		}
		all = append(all, newStatus(module, line.name, applied, known))
	}
	river, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: module})
	if err != nil {
		return nil, fmt.Errorf("read the river migrations: %w", err)
	}
	var known []int64
	for _, m := range river.AllVersions() {
		known = append(known, int64(m.Version))
	}
	applied, err := appliedVersions(ctx, pool, `select version from `+module+`.river_migration where line = 'main'`)
	if err != nil {
		return nil, err
	}
	return append(all, newStatus(module, "river", applied, known)), nil
}

func newStatus(module, line string, applied, known []int64) Status {
	s := Status{Module: module, Line: line}
	for _, v := range known {
		s.Known = max(s.Known, v)
		if !slices.Contains(applied, v) {
			s.Missing = append(s.Missing, v)
		}
	}
	for _, v := range applied {
		s.Applied = max(s.Applied, v)
	}
	return s
}

// appliedVersions is empty when the version table is not there or, for an app
// role, not yet to be seen, or has the form of River's first versions, which is
// on its way to the next.
func appliedVersions(ctx context.Context, pool *pgxpool.Pool, sql string) ([]int64, error) {
	rows, _ := pool.Query(ctx, sql) // CollectRows returns the error
	all, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "42P01" || pgErr.Code == "3F000" || pgErr.Code == "42501" || pgErr.Code == "42703") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	return all, nil
}

// versions are the numbers that the file names of a history begin with.
func versions(files fs.FS) ([]int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %q does not begin with a number: %w", name, err)
		}
		all = append(all, v)
	}
	return all, nil
}
