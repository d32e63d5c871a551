package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// A COMMIT can fail although every statement before it has succeeded. InTx must
// say so, and signal nothing.
func TestInTxReturnsAFailedCommit(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	if _, err := database.Admin(t).Exec(t.Context(), `
		create table users.parents (id int primary key);
		create table users.children (parent int references users.parents deferrable initially deferred);
		grant select, insert on users.parents, users.children to lyceum_users_app`); err != nil {
		t.Fatal(err)
	}
	db := database.DB(t, "users")
	signals := 0
	db.OnSignal(func() { signals++ })
	orphan := func(ctx context.Context, tx pgx.Tx) error {
		postgres.Signal(ctx)
		_, err := tx.Exec(ctx, `insert into users.children values (1)`)
		return err
	}
	var pgErr *pgconn.PgError
	if err := db.InTx(t.Context(), orphan); !errors.As(err, &pgErr) || pgErr.Code != "23503" {
		t.Errorf("a deferred constraint failed at the commit, and InTx returned %v", err)
	}
	swallow := func(ctx context.Context, tx pgx.Tx) error {
		postgres.Signal(ctx)
		_, _ = tx.Exec(ctx, `select 1/0`) // the caller ignores it; the server does not
		return nil
	}
	if err := db.InTx(t.Context(), swallow); !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("the server rolled back at the commit, and InTx returned %v", err)
	}
	claimed, claim := postgres.WithClaim(t.Context(), func(context.Context, pgx.Tx) error { return nil })
	if err := db.InTx(claimed, orphan); err == nil || claim.Kept() {
		t.Errorf("error %v, claim kept: %v", err, claim.Kept())
	}
	if signals != 0 {
		t.Errorf("%d signals of transactions that did not commit", signals)
	}
	var n int
	if err := db.Pool.QueryRow(t.Context(), `select count(*) from users.children`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}
