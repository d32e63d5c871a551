package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

const (
	// readBatch and readBytes bound what is in flight of one partition. The
	// bytes are those on disk, compressed; one event always fits.
	readBatch = 100
	readBytes = 1 << 20
	// queryTimeout is for a server that neither answers nor refuses.
	queryTimeout = 30 * time.Second
)

// logReader is the in-process transport: a Watermill Subscriber over a
// producer's event log. The log in PostgreSQL is the truth, and Go channels
// only wake the reader, so nothing is lost with the process.
//
// It hands out the events of a partition in order and, like any Watermill
// subscriber, considers one done when it is acknowledged. After a negative
// acknowledgement it starts again from the position that the consumer has
// stored, which may by then be the work of another replica.
type logReader struct {
	source    string
	sourceDB  *postgres.DB
	consumer  string
	positions func(context.Context) ([]partitionSeq, error)
	types     []string // types that the consumer reacts to; others come without payload
	heads     *heads
	idle      time.Duration
	fault     *complaint
	lost      *complaint

	done sync.WaitGroup
}

var _ message.Subscriber = (*logReader)(nil)

// Subscribe implements message.Subscriber. The channel is closed once ctx has
// ended and nothing is in flight.
func (r *logReader) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		defer close(out)
		r.read(ctx, out)
	}()
	return out, nil
}

// Close implements message.Subscriber: it waits for the goroutines of
// subscriptions whose contexts have ended.
func (r *logReader) Close() error { r.done.Wait(); return nil }

// result is how the events of one partition fared.
type result struct {
	partition int16
	reached   int64 // the last sequence acknowledged; 0 for none
	refused   bool
}

func (r *logReader) read(ctx context.Context, out chan<- *message.Message) {
	var (
		position [Partitions]int64
		inFlight [Partitions]bool
		refusals [Partitions]*backoff
		known    bool // position has been read from the database
		sends    sync.WaitGroup
		results  = make(chan result, Partitions)
		outage   = newBackoff(20*time.Millisecond, 2*time.Second)
		timer    = time.NewTimer(0)
	)
	for p := range refusals {
		refusals[p] = newBackoff(10*time.Millisecond, r.idle)
	}
	defer timer.Stop()
	defer sends.Wait()
	for ctx.Err() == nil {
		heads, changed := r.heads.now()
		wait, fresh := r.idle, !known
		err := r.learnPositions(ctx, &known, &position, inFlight)
		var found [][]Envelope
		var lost error
		if err == nil {
			found, lost, err = r.fetch(ctx, heads, position, inFlight)
		}
		switch {
		case err != nil:
			wait = outage.next()
			r.fault.raise(ctx, err)
		case lost != nil && !fresh:
			known, wait = false, 0 // not lost if another replica has handled it
		case lost != nil:
			r.lost.raise(ctx, lost)
		case fresh:
			r.lost.over(ctx)
		}
		if err == nil {
			outage.reset()
			r.fault.over(ctx)
		}
		for _, batch := range found {
			p := batch[0].Partition
			inFlight[p] = true
			sends.Go(func() {
				res := send(ctx, out, batch)
				if res.refused {
					// Another replica has the partition: do not hammer on it.
					pause(ctx, refusals[p].next())
				} else {
					refusals[p].reset()
				}
				results <- res
			})
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case done := <-results:
			inFlight[done.partition] = false
			position[done.partition] = max(position[done.partition], done.reached)
			if done.refused {
				known = false
			}
		case <-timer.C:
			// A replay, or another replica, may have moved the positions.
			known = false
		}
	}
}

// learnPositions reads the consumer's positions, unless they are known, in the
// partitions that have nothing in flight.
func (r *logReader) learnPositions(ctx context.Context, known *bool, position *[Partitions]int64, inFlight [Partitions]bool) error {
	if *known {
		return nil
	}
	stored, err := r.positions(ctx)
	if err != nil {
		return fmt.Errorf("read the positions: %w", err)
	}
	*known = true
	for _, s := range stored {
		if !inFlight[s.partition] {
			position[s.partition] = s.seq
		}
	}
	return nil
}

// send hands over one partition's events and waits for their acknowledgement.
func send(ctx context.Context, out chan<- *message.Message, batch []Envelope) result {
	res := result{partition: batch[0].Partition}
	sent := make([]*message.Message, 0, len(batch))
	for _, e := range batch {
		m := toMessage(e)
		m.SetContext(ctx)
		select {
		case out <- m:
			sent = append(sent, m)
			continue
		case <-ctx.Done():
		}
		break
	}
	for i, m := range sent {
		// Consumers answer every message they have received, also while stopping.
		select {
		case <-m.Acked():
			if !res.refused {
				res.reached = batch[i].Seq
			}
		case <-m.Nacked():
			res.refused = true
		}
	}
	return res
}

// fetch reads the next events of every partition that has some and is idle.
// lost says that some that ought to follow a position are no longer there:
// those partitions stay where they are, since going on would hide the loss.
func (r *logReader) fetch(ctx context.Context, heads, position [Partitions]int64, inFlight [Partitions]bool) (batches [][]Envelope, lost, err error) {
	var partitions []int16
	var from []int64
	for p := range int16(Partitions) {
		if !inFlight[p] && heads[p] > position[p] {
			partitions = append(partitions, p)
			from = append(from, position[p])
		}
	}
	if len(partitions) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	events, err := readLog(ctx, r.sourceDB.Pool, r.source, r.types, partitions, from)
	if err != nil {
		return nil, nil, err
	}
	next := position
	var holes []error
	for _, e := range events {
		p := e.Partition
		switch {
		case next[p] < 0: // behind a hole
		case e.Seq != next[p]+1:
			if next[p] == position[p] { // else it is met again when it comes first
				holes = append(holes, r.hole(p, next[p], e.Seq-1))
			}
			next[p] = -1
		default:
			if next[p] == position[p] {
				batches = append(batches, nil)
			}
			last := &batches[len(batches)-1]
			*last = append(*last, e)
			next[p] = e.Seq
		}
	}
	for _, p := range partitions {
		if next[p] == position[p] { // nothing is left up to the head
			holes = append(holes, r.hole(p, position[p], heads[p]))
		}
	}
	return batches, errors.Join(holes...), nil
}

func (r *logReader) hole(partition int16, handled, last int64) error {
	return fmt.Errorf("the log of %s no longer holds events %d to %d of partition %d, which %s has not handled: rebuild it "+
		"(platform events replay --consumer %[5]s) or, to accept the loss, set its seq to %[3]d in consumer_positions",
		r.source, handled+1, last, partition, r.consumer)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readLog reads what follows the given numbers in a source's log, ordered by
// partition and number: of each partition up to readBatch events and readBytes.
// With types, the payloads of others are left out.
func readLog(ctx context.Context, db querier, source string, types []string, partitions []int16, after []int64) ([]Envelope, error) {
	// The arrays are sub-selects, so that the server settles on one plan instead
	// of planning anew for every length of an array.
	rows, err := db.Query(ctx, inSchema(source, `
		select l.partition, l.seq, l.event_id, l.event_type, l.event_key, l.occurred_at, l.headers,
			case when $3::text[] is null or l.event_type = any($3) then l.payload end
		from unnest((select $1::smallint[]), (select $2::bigint[])) as want(partition, after)
		cross join lateral (
			select n.*, sum(n.bytes) over (order by n.seq) - n.bytes as before
			from (
				select *, pg_column_size(e.payload) as bytes from {m}.event_log e
				where e.partition = want.partition and e.seq > want.after
				order by e.seq limit $4) n) l
		where l.before < $5
		order by l.partition, l.seq`), partitions, after, types, readBatch, readBytes)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	var events []Envelope
	e := Envelope{Source: source}
	_, err = pgx.ForEachRow(rows, []any{&e.Partition, &e.Seq, &e.ID, &e.Type, &e.Key, &e.OccurredAt, &e.Headers, &e.Payload}, func() error {
		events = append(events, e)
		e = Envelope{Source: source} // the next row must not write into this one's maps and bytes
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return events, nil
}
