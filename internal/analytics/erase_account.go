package analytics

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// An erasure replaces what is there and leaves word for what comes later.
// Between the two, a handler that has looked for the word and not yet committed
// its row would slip through. So handlers that store an account's id share a
// lock and an erasure holds it alone: it waits for the few milliseconds of the
// transactions under way, and they for it. Once it has the lock it waits for
// nobody, because the rows that it changes are written under the lock only.
// While it waits, those who share the lock wait for nobody either, because each
// row has one writer. So nobody waits in a circle.
const (
	shareErasureLock = `select pg_advisory_xact_lock_shared(hashtextextended('analytics.erasure', 0))`
	takeErasureLock  = `select pg_advisory_xact_lock(hashtextextended('analytics.erasure', 0))`
)

// holdOffErasure keeps erasures out until the end of the transaction.
func holdOffErasure(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, shareErasureLock); err != nil {
		return fmt.Errorf("hold off erasures: %w", err)
	}
	return nil
}

// standIn returns the id under which an account may be stored, and whether the
// account was erased: then it is another id, always the same. It keeps erasures
// out until the end of the transaction.
func standIn(ctx context.Context, tx pgx.Tx, account uuid.UUID) (id uuid.UUID, erased bool, err error) {
	// Two statements in one round trip. They must be two: the second has to see
	// what was committed while the first was waiting.
	id = account
	batch := &pgx.Batch{}
	batch.Queue(shareErasureLock)
	batch.Queue(`select stand_in from analytics.erased_accounts where digest = $1`, digest(account)).QueryRow(
		func(row pgx.Row) error {
			err := row.Scan(&id)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			erased = err == nil
			return err
		})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return uuid.Nil, false, fmt.Errorf("look for the erasure of account %s: %w", account, err)
	}
	return id, erased, nil
}

// accountErased replaces the account's id by a random one wherever it counts,
// and deletes it elsewhere.
func accountErased(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AccountErasedV1]) error {
	account := d.Payload.AccountID
	if _, err := tx.Exec(ctx, takeErasureLock); err != nil {
		return fmt.Errorf("wait for handlers under way: %w", err)
	}
	random, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("make a stand-in: %w", err)
	}
	// If it is there already, nothing has been stored under the account's id
	// since, and the rest finds nothing.
	if _, err := tx.Exec(ctx, `
		insert into analytics.erased_accounts (digest, stand_in) values ($1, $2) on conflict (digest) do nothing`,
		digest(account), random); err != nil {
		return fmt.Errorf("remember the erasure: %w", err)
	}
	for _, sql := range []string{
		`update analytics.activity_days set learner_id = $2 where learner_id = $1`,
		`update analytics.attempts set learner_id = $2 where learner_id = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, account, random); err != nil {
			return fmt.Errorf("replace the account's id: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, `delete from analytics.staff where account_id = $1`, account); err != nil {
		return fmt.Errorf("delete the account from the staff: %w", err)
	}
	return nil
}

func digest(account uuid.UUID) []byte {
	sum := sha256.Sum256(account[:])
	return sum[:]
}
