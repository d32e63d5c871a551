package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

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
	consumer  Consumer
	source    string
	db        *postgres.DB // the consumer's
	transport transport
	log       *slog.Logger
	metrics   *metrics
	retry     RetryPolicy
	slots     chan struct{} // bounds the consumer's open transactions
	strangers *strangers
	outage    *complaint

	handlers map[string]Reaction
	// contended is until when events are handled alone, in Unix nanoseconds.
	contended atomic.Int64
}

// sliceTime is when a transaction that handles several events ends, so that a
// slow handler neither runs into the timeout of a single event nor holds up an
// orderly stop.
const sliceTime = time.Second

// aloneFor is how long a consumer handles every event in a transaction of its
// own after two of its transactions have locked each other out. Partitions are
// handled side by side and events of few aggregates, such as the learners of
// one class, lie in all of them: several together lock the same rows in different
// orders, again and again, and each time PostgreSQL takes a second to notice.
const aloneFor = 5 * time.Second

// The reasons to leave an event alone and have it delivered again.
var (
	errBusy    = errors.New("another replica holds the position")
	errNotNext = errors.New("event is not the next one")
	errNewer   = errors.New("the event is of a newer release, whose replica should handle it")
)

// errOutage says that no handler has been tried: the database did not answer.
var errOutage = errors.New("the database is out of reach")

func isForOthers(err error) bool {
	return errors.Is(err, errBusy) || errors.Is(err, errNotNext) || errors.Is(err, errNewer)
}

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

// settle handles the messages of one partition and answers each: as many
// together as can be, and alone, with retries, the one that something is wrong
// with.
func (c *consumption) settle(batch []*message.Message) {
	ctx := batch[0].Context()
	events := make([]Envelope, len(batch))
	for i, m := range batch {
		events[i], _ = fromMessage(m) // run has read it before
	}
	acknowledge := func(n int) {
		for _, m := range batch[:n] {
			m.Ack()
		}
		batch, events = batch[n:], events[n:]
	}
	for together := c.together(events); len(events) > 0; {
		n, err := c.apply(ctx, events[:together])
		switch {
		case err == nil:
			acknowledge(n)
			together = c.together(events)
		case ctx.Err() != nil || isForOthers(err):
			nackAll(batch) // stopping, or not ours now: it is delivered again
			return
		case together > 1 && isContention(err):
			c.contended.Store(time.Now().Add(aloneFor).UnixNano())
			together = 1
		case n > 0:
			together = n // those before the one that failed
		default:
			if err := c.persist(ctx, events[0]); err != nil {
				nackAll(batch)
				return
			}
			acknowledge(1)
			together = c.together(events)
		}
	}
}

// together is how many of the events are handled in one transaction: all, or
// just the next one where longer transactions get in each other's way.
func (c *consumption) together(events []Envelope) int {
	if time.Now().UnixNano() < c.contended.Load() {
		return min(1, len(events))
	}
	return len(events)
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
		_, err := c.apply(ctx, []Envelope{e})
		switch {
		case err == nil:
			c.outage.over(ctx)
			return nil
		case isForOthers(err), ctx.Err() != nil:
			return err // delivered again, in the second case after the start
		case isOutage(err):
			// The database is away. That is not the event's fault.
			c.outage.raise(ctx, err, "event", e.ID, "type", e.Type)
		case attempt >= c.retry.Attempts || errors.As(err, new(permanentError)):
			err = c.setAside(ctx, e, err, attempt)
			if err == nil || isForOthers(err) {
				return err
			}
			c.outage.raise(ctx, err, "event", e.ID, "type", e.Type)
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
// in one transaction. It returns how many events that were, at least one; with
// an error it is the number of those before the one that failed, and nothing
// has been done. Between two events it stops for the end of ctx and when
// sliceTime is over; a handler that has begun is finished even then.
func (c *consumption) apply(ctx context.Context, events []Envelope) (done int, err error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	stopping, begin := ctx, time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.retry.Timeout)
	defer cancel()
	begun, failed := false, 0
	err = c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		at, err := c.lockPosition(ctx, tx, events[0].Partition)
		if err != nil {
			return err
		}
		begun = true
		reached := at.seq
		for i, e := range events {
			if i > 0 && (stopping.Err() != nil || time.Since(begin) > sliceTime) {
				break
			}
			if e.Seq > reached { // else delivered again; its effect is there
				if err := c.next(ctx, tx, e, reached, at); errors.Is(err, errNewer) && i > 0 {
					break
				} else if err != nil {
					failed = i
					return err
				}
				reached = e.Seq
			}
			done = i + 1
		}
		if reached == at.seq {
			return nil
		}
		return c.advance(ctx, tx, events[0].Partition, reached)
	})
	if err != nil && !begun && !errors.Is(err, errBusy) {
		err = errors.Join(errOutage, err)
	}
	if err != nil {
		return failed, err
	}
	return done, nil
}

// next handles the event after the one reached.
func (c *consumption) next(ctx context.Context, tx pgx.Tx, e Envelope, reached int64, at position) error {
	if e.Seq != reached+1 {
		return fmt.Errorf("%w: %s has handled %d of %s/%d and was handed %d", errNotNext,
			c.consumer.Name, reached, c.source, e.Partition, e.Seq)
	}
	if _, ok := c.handlers[e.Type]; !ok {
		return c.strangers.judge(ctx, e, time.Now())
	}
	return c.handle(ctx, tx, e, e.Seq <= at.replayUntil)
}

type position struct{ seq, replayUntil int64 }

func (c *consumption) lockPosition(ctx context.Context, tx pgx.Tx, partition int16) (position, error) {
	// The effect and the position stand or fall together, so a crash of the
	// server that loses the last milliseconds only makes this happen again: the
	// commit need not wait for the disk. Said in the same round trip.
	var at position
	err := tx.QueryRow(ctx, consumerSQL(c.consumer.Name, `
		select seq, replay_until from {m}.consumer_positions, set_config('synchronous_commit', 'off', true)
		where consumer = $1 and source = $2 and partition = $3 for update of consumer_positions skip locked`),
		c.consumer.Name, c.source, partition).Scan(&at.seq, &at.replayUntil)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, errBusy // the rows are made before the consumer starts
	}
	if err != nil {
		return at, fmt.Errorf("lock the position of %s: %w", c.consumer.Name, err)
	}
	return at, nil
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

// handle runs one event's handler, which there is, under the trace of its emitter.
func (c *consumption) handle(ctx context.Context, tx pgx.Tx, e Envelope, replayed bool) (err error) {
	r := c.handlers[e.Type]
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
			if !tx.Conn().IsClosed() {
				err = handlerError{err}
			}
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
//
// A payload with personal data is not kept: the letter would outlive the
// person's erasure. A retry reads it from the source's log, where erasure has
// blanked it.
func (c *consumption) setAside(ctx context.Context, e Envelope, failure error, attempts int) error {
	kept := e
	reaction, known := c.handlers[e.Type]
	if !known || reaction.topic.HoldsPersonalData() {
		kept.Payload = nil
	} else if !fitsJSONB(kept.Payload) {
		kept.Payload, _ = json.Marshal(clip(string(kept.Payload))) // as text: the letter is to be kept whatever it holds
	}
	handled := false
	err := c.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		at, err := c.lockPosition(ctx, tx, e.Partition)
		if err != nil {
			return err
		}
		if handled = e.Seq <= at.seq; handled {
			return nil
		}
		if e.Seq != at.seq+1 {
			return errNotNext // a replay has begun: going past this event would skip what is before it
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
			id, c.consumer.Name, e.Source, e.Partition, e.Seq, e.ID, e.Type, kept, errorText(failure), attempts); err != nil {
			return fmt.Errorf("set the event aside: %w", err)
		}
		return c.advance(ctx, tx, e.Partition, e.Seq)
	})
	if err == nil && !handled {
		if !known {
			c.metrics.passedOver.WithLabelValues(c.consumer.Name).Inc()
		}
		c.metrics.deadLettered.WithLabelValues(c.consumer.Name).Inc()
		c.log.ErrorContext(ctx, "bus: event set aside as a dead letter", "consumer", c.consumer.Name,
			"event", e.ID, "type", e.Type, "attempts", attempts, "error", failure)
	}
	return err
}

// fitsJSONB reports whether PostgreSQL takes a text as jsonb.
func fitsJSONB(text json.RawMessage) bool {
	return json.Valid(text) && utf8.Valid(text) && !bytes.Contains(text, []byte(`\u0000`))
}

// errorText fits an error into a text column.
func errorText(err error) string {
	s := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	if len(s) > 4000 {
		s = strings.ToValidUTF8(s[:4000], "")
	}
	return s
}

// handlerError is an error of a handler whose connection is in order. A handler
// may meet the end of some stream of its own, which is no lost connection.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// isOutage tells an unreachable or restarting database, or one that ended this
// transaction for its own reasons, from an error of the handler.
func isOutage(err error) bool {
	if errors.Is(err, errOutage) {
		return true
	}
	if errors.As(err, new(permanentError)) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"),
			strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "58"):
			return true // connection exception, shutdown, insufficient resources, system error
		case pg.Code == "25006":
			return true // read-only: a standby that has not been promoted yet
		}
		return isContention(err)
	}
	if errors.As(err, new(handlerError)) || errors.Is(err, context.DeadlineExceeded) {
		return false // a handler that takes too long is the event's fault, or the handler's
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// isContention reports a serialisation failure or a deadlock.
func isContention(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// positions are where the consumer has come to.
func (c *consumption) positions(ctx context.Context) ([]partitionSeq, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return readPartitions(ctx, c.db, consumerSQL(c.consumer.Name,
		`select partition, seq from {m}.consumer_positions where consumer = $1 and source = $2`), c.consumer.Name, c.source)
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
