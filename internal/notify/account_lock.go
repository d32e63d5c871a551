package notify

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What is written for an account and the erasure of that account exclude each
// other by a lock: otherwise a notification that is not committed yet would
// survive an erasure that cannot see it. Writers share the lock, so they do not
// wait for each other.

const lockShared = `select pg_advisory_xact_lock_shared($1)`

// lockKey is the account's advisory lock. That two accounts have the same, by a
// chance of one in 2^62, makes one wait for the other.
func lockKey(account uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(account[8:])) }

// lockAccount keeps every other transaction from writing for the account.
func lockAccount(ctx context.Context, tx pgx.Tx, account uuid.UUID) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, lockKey(account)); err != nil {
		return fmt.Errorf("lock account %s: %w", account, err)
	}
	return nil
}
