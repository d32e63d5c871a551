// Package postgres opens the database the way every module uses it: one pool
// per module, logged in as that module's role, transactions as closures.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is one module's database: a pool whose role can see that module's schema
// and nothing else.
type DB struct {
	// Pool serves reads and single statements. Writes that publish events go
	// through InTx.
	Pool *pgxpool.Pool

	afterCommit atomic.Pointer[func()]
}

// NewDB wraps a pool that is already open.
func NewDB(pool *pgxpool.Pool) *DB { return &DB{Pool: pool} }

// Close closes the pool and waits until every connection in use is given back.
func (db *DB) Close() { db.Pool.Close() }

// Ping reports whether a connection can be had and the server answers on it.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.Pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// OnSignal sets the function called after each committed transaction that was
// marked with Signal. It must not block. The event relay uses it to wake up
// without a NOTIFY inside the business transaction, which would serialise
// commits across the whole cluster.
func (db *DB) OnSignal(f func()) { db.afterCommit.Store(&f) }

type signalKey struct{}

// Signal marks the transaction that ctx belongs to, so that the function given
// to OnSignal runs once it has committed. Outside InTx it does nothing.
func Signal(ctx context.Context) {
	if marked, ok := ctx.Value(signalKey{}).(*bool); ok {
		*marked = true
	}
}

// InTx runs fn in one read-committed transaction and commits if fn returns nil.
// fn must use the context it is given. An error of fn or of COMMIT itself is
// returned and leaves nothing behind; a panic rolls back and goes on.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) (err error) {
	marked := false
	ctx = context.WithValue(ctx, signalKey{}, &marked)
	tx, err := db.Pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer func() {
		// After a commit this is a no-op; after a panic or an error it must
		// reach the server even if the caller has gone.
		rollbackErr := tx.Rollback(context.WithoutCancel(ctx))
		if rollbackErr != nil && !errors.Is(rollbackErr, pgx.ErrTxClosed) && err != nil {
			err = errors.Join(err, fmt.Errorf("roll back: %w", rollbackErr))
		}
	}()
	claim := takeClaim(ctx)
	defer claim.giveBack()
	if err := claim.make(ctx, tx); err != nil {
		return err
	}
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	claim.keep()
	if f := db.afterCommit.Load(); marked && f != nil {
		(*f)()
	}
	return nil
}
