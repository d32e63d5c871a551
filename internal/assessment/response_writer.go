package assessment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/problem"
)

// responseWriter stores responses in groups. A commit costs a disk flush
// however many rows it holds, so a few writers collect what arrives while the
// last flush is under way and store it by one statement. Nothing waits on
// purpose: an idle writer stores a single save at once.
//
// What it promises:
//
//   - A save is acknowledged only when its commit is durable.
//   - A save and the submission of its attempt exclude each other. The statement
//     locks the attempts' rows for share, which waits for a submission under way
//     and is waited for by a later one. So a save is either refused or committed
//     before the attempt is submitted, and the grade, which reads after that,
//     has seen every save that was ever acknowledged.
//   - A refused row does not fail its neighbours; an error of the database fails
//     all the saves of its statement, none of which is acknowledged.
//   - All saves of an attempt go through the same writer of this process, so
//     those that come without a sequence are numbered in the order of arrival.
//
// A caller that gives up may have its response stored nevertheless, without
// an acknowledgement. Sending it again is harmless.
type responseWriter struct {
	db      *postgres.DB
	metrics *metrics
	batch   int // most rows of a statement

	queues []chan *pendingSave
	quit   chan struct{} // closed when no more saves are taken
	ended  chan struct{} // closed when the last writer has ended
	stop   sync.Once
}

// save is a response that has passed every check that needs no database.
type save struct {
	attempt  uuid.UUID
	item     uuid.UUID
	sequence *int64 // nil: the next one
	response string // JSON
}

type pendingSave struct {
	save
	done chan saveResult // has room for the one result
}

type saveResult struct {
	receipt receipt
	err     error
}

// saveTimeout bounds one statement. It is not the request's: the saves of many
// learners share it.
const saveTimeout = 10 * time.Second

func newResponseWriter(db *postgres.DB, m *metrics, writers, batch int) *responseWriter {
	w := &responseWriter{db: db, metrics: m, batch: batch, quit: make(chan struct{}), ended: make(chan struct{})}
	for range writers {
		w.queues = append(w.queues, make(chan *pendingSave, batch))
	}
	return w
}

// run stores saves until close, and then those that are queued already. The end
// of ctx does not end it: what has been taken is stored.
func (w *responseWriter) run(ctx context.Context) {
	defer close(w.ended)
	ctx = context.WithoutCancel(ctx)
	var writers sync.WaitGroup
	for _, queue := range w.queues {
		writers.Go(func() { w.write(ctx, queue) })
	}
	writers.Wait()
}

// close ends the writers once they have stored what is queued, and waits for
// them as long as ctx allows. Saves that come later are refused.
func (w *responseWriter) close(ctx context.Context) error {
	w.stop.Do(func() { close(w.quit) })
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("store the queued responses: %w", ctx.Err())
	}
}

// save returns when the response is durable or refused.
func (w *responseWriter) save(ctx context.Context, s save) (receipt, error) {
	p := &pendingSave{save: s, done: make(chan saveResult, 1)}
	select {
	case <-w.quit:
		return receipt{}, errStopping()
	default:
	}
	select {
	case w.queue(s.attempt) <- p:
	case <-w.quit:
		return receipt{}, errStopping()
	case <-ctx.Done():
		return receipt{}, fmt.Errorf("wait to store a response: %w", ctx.Err())
	}
	select {
	case r := <-p.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return receipt{}, fmt.Errorf("wait for a response to be stored: %w", ctx.Err())
	case <-w.ended:
	}
	// The last writer may have answered before it ended, or have ended between
	// this save's entering the queue and its last look at it.
	select {
	case r := <-p.done:
		return r.receipt, r.err
	default:
		return receipt{}, errStopping()
	}
}

// queue is the one that all saves of an attempt go through. The last bytes of a
// UUIDv7 are random.
func (w *responseWriter) queue(attempt uuid.UUID) chan *pendingSave {
	return w.queues[int(attempt[15])%len(w.queues)]
}

// write collects and stores batches until quit is closed and the queue empty.
func (w *responseWriter) write(ctx context.Context, queue chan *pendingSave) {
	var held []*pendingSave // left over from the last batch, in order
	for {
		batch := held
		if len(batch) == 0 {
			select {
			case p := <-queue:
				batch = append(batch, p)
			case <-w.quit:
				select {
				case p := <-queue:
					batch = append(batch, p)
				default:
					return
				}
			}
		}
		for more := true; more && len(batch) < w.batch; {
			select {
			case p := <-queue:
				batch = append(batch, p)
			default:
				more = false
			}
		}
		batch, held = distinct(batch)
		w.store(ctx, batch)
	}
}

// distinct splits off the saves to an item that the batch holds already: a
// statement cannot see the rows that it inserts itself, and the second of two
// must be numbered after the first.
func distinct(saves []*pendingSave) (first, later []*pendingSave) {
	type target struct{ attempt, item uuid.UUID }
	seen := make(map[target]struct{}, len(saves))
	for _, p := range saves {
		t := target{p.attempt, p.item}
		if _, ok := seen[t]; ok {
			later = append(later, p)
			continue
		}
		seen[t] = struct{}{}
		first = append(first, p)
	}
	return first, later
}

// store stores a batch and answers every save in it.
func (w *responseWriter) store(ctx context.Context, batch []*pendingSave) {
	w.metrics.saveBatch.Observe(float64(len(batch)))
	results, err := w.insert(ctx, batch)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && len(batch) > 1 && isDataError(refused) {
		// The checks let something pass that the database does not take.
		// Its neighbours must not suffer: each gets a statement of its own.
		for _, p := range batch {
			w.store(ctx, []*pendingSave{p})
		}
		return
	}
	for i, p := range batch {
		r := saveResult{err: err}
		if err == nil {
			r = results[i]
		}
		w.metrics.saves.WithLabelValues(outcome(r)).Inc()
		p.done <- r
	}
}

// isDataError reports whether the error is about a value: SQLSTATE classes 22
// (data exception) and 23 (integrity constraint violation).
func isDataError(err *pgconn.PgError) bool {
	return len(err.Code) == 5 && (err.Code[:2] == "22" || err.Code[:2] == "23")
}

func outcome(r saveResult) string {
	switch {
	case r.err == nil && r.receipt.Superseded:
		return "superseded"
	case r.err == nil:
		return "saved"
	case problem.Of(r.err).Code == problem.Conflict:
		return "refused"
	}
	return "failed"
}

// insertSQL stores what may be stored and says for each row, in order, what
// became of it.
//
// asked numbers the rows. locked shuts out submissions, taking the locks in the
// order of ids, and decides by the wall clock after it has them. latest is the
// highest sequence stored so far; same is the row that this one repeats.
// clock_timestamp() and not now(): the lock may have been waited for. It refers to
// l so that it is read after the lock. The bounds on saved_at spare the months
// in which the attempt cannot have been.
//
// The arrays are selected and not named so that the planner cannot look into
// them: knowing how many saves there are makes no better plan, but makes every
// plan look cheaper than the one for all sizes, and planning takes five times as
// long as storing a few saves.
const insertSQL = `
with asked as (
	select * from unnest((select $1::uuid[]), (select $2::uuid[]), (select $3::bigint[]), (select $4::text[]))
		with ordinality as a(attempt_id, item_id, sequence, response, row)
), locked as materialized (
	select t.attempt_id, t.status, t.deadline_at, t.started_at
	from assessment.attempts t
	where t.attempt_id = any((select $1::uuid[])::uuid[])
	order by t.attempt_id
	for share
), judged as materialized (
	select a.row, a.attempt_id, a.item_id, a.response,
		coalesce(a.sequence, coalesce(latest.sequence, 0) + 1) as sequence,
		coalesce(latest.sequence > a.sequence, false) as superseded,
		same.saved_at as same_saved_at,
		clock.now as saved_at,
		case
			when l.attempt_id is null then 'no-attempt'
			when clock.status <> 'in_progress' then 'attempt-closed'
			when l.deadline_at <= clock.now then 'deadline-passed'
		end as refusal
	from asked a
	left join locked l on l.attempt_id = a.attempt_id
	cross join lateral (select clock_timestamp() as now, l.status) clock
	left join lateral (
		select r.sequence from assessment.response_log r
		where r.attempt_id = a.attempt_id and r.item_id = a.item_id
			and r.saved_at >= l.started_at - $5::interval and r.saved_at < now() + $5::interval
		order by r.sequence desc limit 1
	) latest on true
	left join lateral (
		select r.saved_at from assessment.response_log r
		where r.attempt_id = a.attempt_id and r.item_id = a.item_id and r.sequence = a.sequence
			and a.sequence <= latest.sequence
			and r.saved_at >= l.started_at - $5::interval and r.saved_at < now() + $5::interval
		order by r.saved_at limit 1
	) same on true
), stored as (
	insert into assessment.response_log (attempt_id, item_id, sequence, saved_at, response)
	select attempt_id, item_id, sequence, saved_at, response::json
	from judged where refusal is null and same_saved_at is null
)
select sequence, coalesce(same_saved_at, saved_at), superseded, coalesce(refusal, '') from judged order by row`

// insert runs one statement, which is a transaction of its own. Without an
// error, each save has its result and what was acknowledged is durable.
func (w *responseWriter) insert(ctx context.Context, batch []*pendingSave) ([]saveResult, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	var (
		attempts  = make([][16]byte, len(batch)) // uuid.UUID would be encoded by way of its text
		items     = make([][16]byte, len(batch))
		sequences = make([]*int64, len(batch))
		responses = make([]string, len(batch))
	)
	for i, p := range batch {
		attempts[i], items[i], sequences[i], responses[i] = p.attempt, p.item, p.sequence, p.response
	}
	rows, err := w.db.Pool.Query(ctx, insertSQL, attempts, items, sequences, responses, clockSlack)
	if err != nil {
		return nil, errNotStored(err)
	}
	results := make([]saveResult, 0, len(batch))
	var (
		r       receipt
		refusal string
	)
	// ForEachRow reads to the end of the transaction, so that it returns the
	// error of a COMMIT that fails.
	_, err = pgx.ForEachRow(rows, []any{&r.Sequence, &r.SavedAt, &r.Superseded, &refusal}, func() error {
		if refusal != "" {
			results = append(results, saveResult{err: errRefused(refusal)})
		} else {
			results = append(results, saveResult{receipt: r})
		}
		return nil
	})
	if err != nil {
		return nil, errNotStored(err)
	}
	if len(results) != len(batch) {
		return nil, fmt.Errorf("store %d responses: the database answered for %d", len(batch), len(results))
	}
	return results, nil
}

func errRefused(reason string) error {
	switch reason {
	case "attempt-closed":
		return problem.New(problem.Conflict, reason, "The attempt has been submitted.")
	case "deadline-passed":
		return problem.New(problem.Conflict, reason, "The attempt's time is over.")
	}
	return errNoAttempt()
}

func errStopping() error {
	return problem.New(problem.Unavailable, "stopping", "This server is stopping. Send the response again.").After(time.Second)
}

// errNotStored keeps the cause for the log and for store.
func errNotStored(err error) error {
	return problem.New(problem.Unavailable, "not-stored", "The response could not be stored. Send it again.").After(time.Second).WithCause(err)
}
