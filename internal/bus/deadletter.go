package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// DeadLetter is an event that a consumer could not handle. The envelope of a
// topic with personal data has no payload.
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
	return b.changeDeadLetters(ctx, consumer, id, `retry_requested_at = now()`)
}

// Discard closes dead letters that nobody will handle, one by its id, or with
// uuid.Nil all of the consumer, and returns how many that were.
func (b *Bus) Discard(ctx context.Context, consumer string, id uuid.UUID) (int64, error) {
	return b.changeDeadLetters(ctx, consumer, id, `resolved_at = now(), retry_requested_at = null`)
}

// changeDeadLetters sets columns of a consumer's dead letters that wait: of one,
// or with uuid.Nil of all.
func (b *Bus) changeDeadLetters(ctx context.Context, consumer string, id uuid.UUID, set string) (int64, error) {
	for _, c := range b.consumptions {
		if c.consumer.Name != consumer {
			continue
		}
		tag, err := c.db.Pool.Exec(ctx, consumerSQL(consumer, `
			update {m}.dead_letters set `+set+`
			where consumer = $1 and resolved_at is null and ($2 = '00000000-0000-0000-0000-000000000000'::uuid or id = $2)`),
			consumer, id)
		if err != nil {
			return 0, fmt.Errorf("change dead letters: %w", err)
		}
		return tag.RowsAffected(), nil
	}
	return 0, fmt.Errorf("no consumer is called %q", consumer)
}

// retryRequested handles the dead letters of a member's consumers for which
// somebody asked. Each is tried once per request.
func (b *Bus) retryRequested(ctx context.Context, module string, m Member) error {
	for ctx.Err() == nil {
		rows, err := m.DB.Pool.Query(ctx, inSchema(module, `
			select id, consumer, source, partition from {m}.dead_letters
			where resolved_at is null and retry_requested_at is not null order by source, partition, seq limit 100`))
		if err != nil {
			return fmt.Errorf("look for retries: %w", err)
		}
		asked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[retryRequest])
		if err != nil {
			return fmt.Errorf("look for retries: %w", err)
		}
		tried := false
		for _, r := range asked {
			c := b.consumption(r.Consumer, r.Source)
			if c == nil {
				continue // another release's
			}
			if err := c.retryOne(ctx, r); err != nil {
				return fmt.Errorf("retry a dead letter of %s: %w", r.Consumer, err)
			}
			tried = true
		}
		if !tried {
			return nil
		}
	}
	return nil
}

type retryRequest struct {
	ID        uuid.UUID
	Consumer  string
	Source    string
	Partition int16
}

func (b *Bus) consumption(consumer, source string) *consumption {
	for _, c := range b.consumptions {
		if c.consumer.Name == consumer && c.source == source {
			return c
		}
	}
	return nil
}

// retryOne handles a dead letter. It holds the position of the letter's
// partition meanwhile: handlers of one partition never run at the same time.
func (c *consumption) retryOne(ctx context.Context, r retryRequest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.retry.Timeout)
	defer cancel()
	var failure error
	err := c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var replayUntil int64
		err := tx.QueryRow(ctx, consumerSQL(c.consumer.Name, `
			select replay_until from {m}.consumer_positions
			where consumer = $1 and source = $2 and partition = $3 for update`),
			c.consumer.Name, c.source, r.Partition).Scan(&replayUntil)
		if err != nil {
			return fmt.Errorf("wait for the handlers under way: %w", err)
		}
		var e Envelope
		err = tx.QueryRow(ctx, consumerSQL(c.consumer.Name, `
			select envelope from {m}.dead_letters
			where id = $1 and resolved_at is null and retry_requested_at is not null for update skip locked`), r.ID).Scan(&e)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // another replica was faster
		}
		if err != nil {
			return fmt.Errorf("read the dead letter: %w", err)
		}
		if failure = c.again(ctx, tx, e, e.Seq <= replayUntil); failure != nil {
			return failure
		}
		_, err = tx.Exec(ctx, consumerSQL(c.consumer.Name,
			`update {m}.dead_letters set resolved_at = now() where id = $1`), r.ID)
		return err
	})
	if failure == nil || isOutage(failure) {
		return err
	}
	_, err = c.db.Pool.Exec(ctx, consumerSQL(c.consumer.Name, `
		update {m}.dead_letters set error = $2, attempts = attempts + 1, failed_at = now(), retry_requested_at = null
		where id = $1`), r.ID, errorText(failure))
	return err
}

// again hands a dead letter's event to its handler, with its payload from the
// transport if the letter has none.
func (c *consumption) again(ctx context.Context, tx pgx.Tx, e Envelope, replayed bool) error {
	if _, ok := c.handlers[e.Type]; !ok {
		return fmt.Errorf("%s does not react to %s in this release", c.consumer.Name, e.Type)
	}
	if len(e.Payload) == 0 || string(e.Payload) == "null" {
		var err error
		if e.Payload, err = c.transport.payload(ctx, e); errors.Is(err, errErased) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return c.handle(ctx, tx, e, replayed)
}

// MalformedType is the event type of dead letters that are records which are no
// events. Their payload is what can be said of the record.
const MalformedType = "lyceum.bus.malformed"

// malformedRecord is what is kept of such a record.
type malformedRecord struct {
	Topic   string            `json:"topic"`
	Offset  int64             `json:"offset"`
	Key     string            `json:"key,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Bytes   int               `json:"bytes"`
	Value   []byte            `json:"value,omitempty"` // its beginning
}

// keptOfMalformed bounds what is kept of a record's value and of each header.
const keptOfMalformed = 4096

// setMalformedAside records a record that is no event, once. It has no number,
// so no position moves.
func (c *consumption) setMalformedAside(ctx context.Context, r *kgo.Record, reason error) error {
	kept := malformedRecord{Topic: r.Topic, Offset: r.Offset, Key: clip(string(r.Key)), Headers: map[string]string{},
		Bytes: len(r.Value), Value: r.Value[:min(len(r.Value), keptOfMalformed)]}
	for _, h := range r.Headers[:min(len(r.Headers), 50)] {
		kept.Headers[clip(h.Key)] = clip(string(h.Value))
	}
	payload, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("describe a malformed record: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	event := uuid.NewSHA1(uuid.NameSpaceURL, []byte(place{r.Topic, r.Partition, r.Offset}.String()))
	tag, err := c.db.Pool.Exec(ctx, consumerSQL(c.consumer.Name, `
		insert into {m}.dead_letters (id, consumer, source, partition, seq, event_id, event_type, envelope, error, attempts)
		values ($1,$2,$3,$4,0,$5,$6,$7,$8,1) on conflict (consumer, event_id) do nothing`),
		id, c.consumer.Name, c.source, int16(r.Partition), event, MalformedType,
		Envelope{ID: event, Source: c.source, Partition: int16(r.Partition), Type: MalformedType, OccurredAt: r.Timestamp, Payload: payload},
		errorText(reason))
	if err != nil {
		return fmt.Errorf("set a malformed record aside: %w", err)
	}
	if tag.RowsAffected() > 0 {
		c.metrics.malformed.WithLabelValues(c.consumer.Name, c.source).Inc()
		c.log.ErrorContext(ctx, "kafka: a record that is no event has been set aside", "consumer", c.consumer.Name,
			"topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", reason)
	}
	return nil
}

// clip makes text of foreign bytes that PostgreSQL takes.
func clip(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), keptOfMalformed)], "\x00", ""), "\uFFFD")
}

// resolvedRetention is how long a dead letter is kept after it was handled.
const resolvedRetention = 30 * 24 * time.Hour

// pruneDeadLetters throws away what was handled long ago. Those that wait for
// somebody stay.
func pruneDeadLetters(ctx context.Context, module string, m Member) error {
	_, err := m.DB.Pool.Exec(ctx, inSchema(module, `delete from {m}.dead_letters where resolved_at < now() - $1::interval`), resolvedRetention)
	if err != nil {
		return fmt.Errorf("prune dead letters: %w", err)
	}
	return nil
}
