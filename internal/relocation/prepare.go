package relocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// Prepare makes the module's schema at the target, shut to the module, and for
// method logical begins to fill it. If an earlier run has done so it does
// nothing.
func (m *Move) Prepare(ctx context.Context) error {
	now, err := m.stage(ctx)
	if err != nil {
		return err
	}
	if now.stage != fresh {
		m.resumed = true
		m.tell(SourceMarked, "%s", now.earlier)
		if now.stage == filling {
			// The earlier run may have died while it was shutting the source.
			return m.letIn(ctx)
		}
		return nil
	}
	if err := m.letIn(ctx); err != nil {
		return err
	}
	if err := m.cleanUp(ctx); err != nil {
		return fmt.Errorf("clean up after an earlier run: %w", err)
	}
	if m.id, err = newID(); err != nil {
		return err
	}
	if err := m.mark(ctx, m.source, m.source.conn, postgres.Leaving); err != nil {
		return err
	}
	m.tell(SourceMarked, "move %s from %s to %s", m.id, m.source.place, m.target.place)
	if err := m.replaceTarget(ctx); err != nil {
		return err
	}
	if m.o.Method == Logical {
		return m.replicate(ctx)
	}
	return m.mark(ctx, m.target, m.target.conn, postgres.Receiving)
}

// letIn lets the module connect to the source, which it may do anyway unless a
// run died at the wrong moment.
func (m *Move) letIn(ctx context.Context) error {
	return m.withTurn(ctx, m.source, func(conn *pgx.Conn) error {
		return postgres.LetConnect(ctx, conn, m.o.Module, m.source.database, true)
	})
}

// withTurn keeps migrators of an end out for as long as do takes: they change the
// same rights.
func (m *Move) withTurn(ctx context.Context, e *end, do func(conn *pgx.Conn) error) error {
	conn, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := migrations.TakeTurn(ctx, conn); err != nil {
		return err
	}
	return do(conn)
}

// replaceTarget makes an empty schema of this release at the target, with the
// source's months, that the module cannot reach.
func (m *Move) replaceTarget(ctx context.Context) error {
	if err := m.withTurn(ctx, m.target, func(conn *pgx.Conn) error { return m.shutTarget(ctx, conn) }); err != nil {
		return fmt.Errorf("make room at the target: %w", err)
	}
	// A process that waits for the move looks in again and again, and a new
	// database lets everybody in: whoever was quick enough must not see the schema
	// while it is filled.
	if err := m.target.throwOut(ctx); err != nil {
		return fmt.Errorf("make room at the target: %w", err)
	}
	m.tell(TargetMarked, "the target has an empty schema, shut to the module")
	// It is shut already, and migrating leaves it so.
	if err := migrations.Up(ctx, m.o.Target, migrations.Options{Modules: []string{m.o.Module}, Secret: m.o.Secret}); err != nil {
		return fmt.Errorf("migrate the target: %w", err)
	}
	err := m.withTurn(ctx, m.target, func(conn *pgx.Conn) error {
		return postgres.LetConnect(ctx, conn, m.o.Module, m.target.database, false)
	})
	if err != nil {
		return err
	}
	m.tell(TargetMigrated, "the target's schema is that of this release")
	return m.emptyTarget(ctx)
}

// shutTarget drops what is at the target, in one transaction with the mark that
// keeps the module out of what takes its place.
func (m *Move) shutTarget(ctx context.Context, conn *pgx.Conn) error {
	if err := postgres.ProvisionDatabase(ctx, conn); err != nil { // else everybody may connect
		return err
	}
	var known bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, postgres.AppRole(m.o.Module)).Scan(&known); err != nil {
		return err
	}
	if known {
		if err := postgres.LetConnect(ctx, conn, m.o.Module, m.target.database, false); err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{`drop schema if exists ` + m.o.Module + ` cascade`, `create schema ` + m.o.Module} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return m.mark(ctx, m.target, tx, postgres.Preparing)
	})
}

// emptyTarget removes the rows that migrations have made and adds the months
// that the source has.
func (m *Move) emptyTarget(ctx context.Context) error {
	source, err := tables(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	target, err := tables(ctx, m.target.conn, m.o.Module)
	if err != nil {
		return err
	}
	if err := sameTables(source, target); err != nil {
		return err
	}
	there, err := partitions(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	here, err := partitions(ctx, m.target.conn, m.o.Module)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, m.target.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local role `+postgres.OwnerRole(m.o.Module)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `truncate `+qualifiedList(m.o.Module, target)); err != nil {
			return err
		}
		for _, p := range there {
			if slices.ContainsFunc(here, func(h partition) bool { return h.parent == p.parent && h.name == p.name }) {
				continue
			}
			sql := fmt.Sprintf(`create table %s partition of %s %s`, qualified(m.o.Module, p.name), qualified(m.o.Module, p.parent), p.bounds)
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("empty the target's tables: %w", err)
	}
	m.tell(TargetEmptied, "%d tables are empty at the target", len(target))
	return nil
}

// isLockTimeout reports whether a statement was given up because others hold
// what it needs.
func isLockTimeout(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "55P03" || pgErr.Code == "57014")
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
