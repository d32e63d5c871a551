package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DeadLetter is an event that a consumer could not handle.
type DeadLetter struct {
	ID               uuid.UUID  `json:"id"`
	Consumer         string     `json:"consumer"`
	EventID          uuid.UUID  `json:"event_id"`
	EventType        string     `json:"event_type"`
	Envelope         Envelope   `json:"envelope"`
	Error            string     `json:"error"`
	Attempts         int        `json:"attempts"`
	FailedAt         time.Time  `json:"failed_at"`
	RetryRequestedAt *time.Time `json:"retry_requested_at,omitempty"`
}

// DeadLetters lists what waits for somebody to look at it, oldest first, at
// most limit per module.
func (b *Bus) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	var all []DeadLetter
	for module, m := range b.members {
		rows, err := m.DB.Pool.Query(ctx, inSchema(module, `
			select id, consumer, event_id, event_type, envelope, error, attempts, failed_at, retry_requested_at
			from {m}.dead_letters where resolved_at is null order by failed_at limit $1`), limit)
		if err != nil {
			return nil, fmt.Errorf("list dead letters of %s: %w", module, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
		if err != nil {
			return nil, fmt.Errorf("list dead letters of %s: %w", module, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Retry asks the running replicas to handle dead letters again: one by its id,
// or with uuid.Nil all of the consumer. It returns how many were asked for.
func (b *Bus) Retry(ctx context.Context, consumer string, id uuid.UUID) (int64, error) {
	for _, c := range b.consumptions {
		if c.consumer.Name != consumer {
			continue
		}
		tag, err := c.db.Pool.Exec(ctx, consumerSQL(consumer, `
			update {m}.dead_letters set retry_requested_at = now()
			where consumer = $1 and resolved_at is null and ($2 = '00000000-0000-0000-0000-000000000000'::uuid or id = $2)`),
			consumer, id)
		if err != nil {
			return 0, fmt.Errorf("request a retry: %w", err)
		}
		return tag.RowsAffected(), nil
	}
	return 0, fmt.Errorf("no consumer is called %q", consumer)
}

// retryRequested handles this consumer's dead letters for which somebody asked.
// Each is tried once per request.
func (c *consumption) retryRequested(ctx context.Context) error {
	for ctx.Err() == nil {
		again, err := c.retryOne(ctx)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

func (c *consumption) retryOne(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.retry.Timeout)
	defer cancel()
	var id uuid.UUID
	var failure error
	err = c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var e Envelope
		err := tx.QueryRow(ctx, consumerSQL(c.consumer.Name, `
			select id, envelope from {m}.dead_letters
			where consumer = $1 and source = $2 and resolved_at is null and retry_requested_at is not null
			order by failed_at limit 1 for update skip locked`), c.consumer.Name, c.source).Scan(&id, &e)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find a dead letter: %w", err)
		}
		found = true
		if failure = c.handle(ctx, tx, e, false); failure != nil {
			return failure
		}
		_, err = tx.Exec(ctx, consumerSQL(c.consumer.Name,
			`update {m}.dead_letters set resolved_at = now() where id = $1`), id)
		return err
	})
	if failure == nil || isOutage(failure) {
		return found, err
	}
	_, err = c.db.Pool.Exec(ctx, consumerSQL(c.consumer.Name, `
		update {m}.dead_letters set error = $2, attempts = attempts + 1, failed_at = now(), retry_requested_at = null
		where id = $1`), id, errorText(failure))
	return found, err
}
