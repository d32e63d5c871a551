package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// consumption is one consumer reading one producer, in this process.
type consumption struct {
	consumer Consumer
	source   string
	db       *postgres.DB
	log      *slog.Logger
	metrics  *metrics
	retry    RetryPolicy
	slots    chan struct{} // bounds the consumer's open transactions

	handlers map[string]Reaction
}

// errBusy says that another replica is handling this partition now.
var errBusy = errors.New("another replica holds the position")

// errOutage says that no handler has been tried: the database did not answer.
var errOutage = errors.New("the database is out of reach")

// errNotNext says that the event is not the one after the stored position.
var errNotNext = errors.New("event is not the next one")

// run handles what the subscriber delivers until its channel is closed. Each
// partition has a goroutine of its own, so an event that is being retried
// delays nothing but its own partition of its own consumer.
func (c *consumption) run(messages <-chan *message.Message) {
	var workers sync.WaitGroup
	var queues [Partitions]chan *message.Message
	for p := range queues {
		queues[p] = make(chan *message.Message, readBatch)
		workers.Go(func() { c.work(queues[p]) })
	}
	for m := range messages {
		e, err := fromMessage(m)
		if err != nil {
			// Not ours, or from a release that this one cannot read. Going on
			// would lose it in silence.
			c.log.Error("bus: unreadable message, the consumer waits", "consumer", c.consumer.Name, "error", err)
			m.Nack()
			continue
		}
		queues[e.Partition] <- m
	}
	for _, q := range queues {
		close(q)
	}
	workers.Wait()
}

func (c *consumption) work(queue <-chan *message.Message) {
	for m := range queue {
		batch := []*message.Message{m}
		for len(batch) < readBatch {
			select {
			case more, ok := <-queue:
				if ok {
					batch = append(batch, more)
					continue
				}
			default:
			}
			break
		}
		c.settle(batch)
	}
}

// settle handles the messages of one partition, together if it can be, one by
// one if something is wrong with one of them, and answers each.
func (c *consumption) settle(batch []*message.Message) {
	ctx := batch[0].Context()
	events := make([]Envelope, len(batch))
	for i, m := range batch {
		events[i], _ = fromMessage(m) // run has read it before
	}
	if ctx.Err() != nil {
		nackAll(batch) // stopping; they are delivered again after the start
		return
	}
	if c.apply(ctx, events) == nil {
		for _, m := range batch {
			m.Ack()
		}
		return
	}
	for i, m := range batch {
		if err := c.persist(ctx, events[i]); err != nil {
			nackAll(batch[i:])
			return
		}
		m.Ack()
	}
}

func nackAll(batch []*message.Message) {
	for _, m := range batch {
		m.Nack()
	}
}

// persist handles one event, with retries, and sets it aside when they are
// used up. It returns an error only when the event must be delivered again.
func (c *consumption) persist(ctx context.Context, e Envelope) error {
	wait := newBackoff(c.retry.Min, c.retry.Max)
	for attempt := 1; ; {
		err := c.apply(ctx, []Envelope{e})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errBusy), errors.Is(err, errNotNext):
			pause(ctx, 20*time.Millisecond)
			return err
		case ctx.Err() != nil:
			return err // stopping; the event is delivered again after the start
		case isOutage(err):
			// The database is away. That is not the event's fault.
			c.log.WarnContext(ctx, "bus: cannot reach the database, will try again", "consumer", c.consumer.Name, "error", err)
		case attempt >= c.retry.Attempts || errors.As(err, new(permanentError)):
			if err = c.setAside(ctx, e, err, attempt); err == nil {
				return nil
			}
		default:
			c.metrics.retries.WithLabelValues(c.consumer.Name).Inc()
			c.log.WarnContext(ctx, "bus: handler failed, will try again", "consumer", c.consumer.Name,
				"event", e.ID, "type", e.Type, "attempt", attempt, "error", err)
			attempt++
		}
		pause(ctx, wait.next())
	}
}

// apply runs the handlers of consecutive events and advances the position, all
// in one transaction.
func (c *consumption) apply(ctx context.Context, events []Envelope) error {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	// A handler that has begun is finished even when the process is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.retry.Timeout)
	defer cancel()
	begun := false
	err := c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		at, err := c.lockPosition(ctx, tx, events[0].Partition)
		if err != nil {
			return err
		}
		begun = true
		reached := at.seq
		for _, e := range events {
			if e.Seq <= reached {
				continue // delivered again; its effect is there
			}
			if e.Seq != reached+1 {
				return fmt.Errorf("%w: %s has handled %d of %s/%d and was handed %d", errNotNext,
					c.consumer.Name, reached, c.source, e.Partition, e.Seq)
			}
			if err := c.handle(ctx, tx, e, e.Seq <= at.replayUntil); err != nil {
				return err
			}
			reached = e.Seq
		}
		if reached == at.seq {
			return nil
		}
		return c.advance(ctx, tx, events[0].Partition, reached)
	})
	if err != nil && !begun && !errors.Is(err, errBusy) {
		return errors.Join(errOutage, err)
	}
	return err
}

type position struct{ seq, replayUntil int64 }

func (c *consumption) lockPosition(ctx context.Context, tx pgx.Tx, partition int16) (position, error) {
	var at position
	err := tx.QueryRow(ctx, consumerSQL(c.consumer.Name, `
		select seq, replay_until from {m}.consumer_positions
		where consumer = $1 and source = $2 and partition = $3 for update skip locked`),
		c.consumer.Name, c.source, partition).Scan(&at.seq, &at.replayUntil)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, errBusy // the rows are made before the consumer starts
	}
	if err != nil {
		return at, fmt.Errorf("lock the position of %s: %w", c.consumer.Name, err)
	}
	// The effect and the position stand or fall together, so a crash of the
	// server that loses the last milliseconds only makes this happen again.
	_, err = tx.Exec(ctx, `set local synchronous_commit = off`)
	return at, err
}

func (c *consumption) advance(ctx context.Context, tx pgx.Tx, partition int16, seq int64) error {
	_, err := tx.Exec(ctx, consumerSQL(c.consumer.Name, `
		update {m}.consumer_positions set seq = $4, updated_at = now()
		where consumer = $1 and source = $2 and partition = $3`), c.consumer.Name, c.source, partition, seq)
	if err != nil {
		return fmt.Errorf("advance %s: %w", c.consumer.Name, err)
	}
	return nil
}

// handle runs one event's handler under the trace of its emitter.
func (c *consumption) handle(ctx context.Context, tx pgx.Tx, e Envelope, replayed bool) (err error) {
	r, ok := c.handlers[e.Type]
	if !ok {
		return nil
	}
	ctx = otel.GetTextMapPropagator().Extract(ctx, propagation.MapCarrier(e.Headers.Trace))
	ctx = context.WithValue(ctx, causeKey{}, cause{event: e.ID, correlation: e.Headers.CorrelationID})
	ctx, span := otel.Tracer("lyceum/bus").Start(ctx, "consume "+e.Type, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.consumer.group.name", c.consumer.Name),
			attribute.String("messaging.message.id", e.ID.String())))
	start := time.Now()
	outcome := "handled"
	defer func() {
		if p := recover(); p != nil {
			c.log.ErrorContext(ctx, "bus: handler panicked", "consumer", c.consumer.Name, "event", e.ID,
				"type", e.Type, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("handler panicked: %v", p)
		}
		if err != nil {
			outcome = "failed"
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		c.metrics.handled.WithLabelValues(c.consumer.Name, outcome).Inc()
		c.metrics.handlerSeconds.WithLabelValues(c.consumer.Name).Observe(time.Since(start).Seconds())
	}()
	return r.handle(ctx, tx, e, replayed)
}

// setAside records a dead letter and passes over the event.
func (c *consumption) setAside(ctx context.Context, e Envelope, failure error, attempts int) error {
	err := c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		at, err := c.lockPosition(ctx, tx, e.Partition)
		if err != nil || e.Seq <= at.seq {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, consumerSQL(c.consumer.Name, `
			insert into {m}.dead_letters
				(id, consumer, source, partition, seq, event_id, event_type, envelope, error, attempts)
			values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)
			on conflict (consumer, event_id) do update set
				error = excluded.error, attempts = dead_letters.attempts + excluded.attempts,
				failed_at = now(), resolved_at = null, retry_requested_at = null`),
			id, c.consumer.Name, e.Source, e.Partition, e.Seq, e.ID, e.Type, e, errorText(failure), attempts); err != nil {
			return fmt.Errorf("set the event aside: %w", err)
		}
		return c.advance(ctx, tx, e.Partition, e.Seq)
	})
	if err == nil {
		c.metrics.deadLettered.WithLabelValues(c.consumer.Name).Inc()
		c.log.ErrorContext(ctx, "bus: event set aside as a dead letter", "consumer", c.consumer.Name,
			"event", e.ID, "type", e.Type, "attempts", attempts, "error", failure)
	}
	return err
}

// errorText fits an error into a text column.
func errorText(err error) string {
	s := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	if len(s) > 4000 {
		s = strings.ToValidUTF8(s[:4000], "")
	}
	return s
}

// isOutage tells an unreachable or restarting database, or one that ended this
// transaction for its own reasons, from an error of the handler.
func isOutage(err error) bool {
	if errors.Is(err, errOutage) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"):
			return true // connection exception, shutdown, insufficient resources
		case pg.Code == "40001", pg.Code == "40P01":
			return true // serialisation failure, deadlock
		}
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return false // a handler that takes too long is the event's fault, or the handler's
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// consumerSQL puts the schema of the consumer's module in place of {m}.
func consumerSQL(consumer, text string) string {
	module, _, _ := strings.Cut(consumer, ".")
	return inSchema(module, text)
}
