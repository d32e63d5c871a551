package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// readBatch bounds how many events of one partition are in flight.
const readBatch = 100

// logReader is the in-process transport: a Watermill Subscriber over a
// producer's event log. The log in PostgreSQL is the truth, and Go channels
// only wake the reader, so nothing is lost with the process.
//
// It hands out the events of a partition in order and, like any Watermill
// subscriber, considers one done when it is acknowledged. After a negative
// acknowledgement it starts again from the position that the consumer has
// stored, which may by then be the work of another replica.
type logReader struct {
	source     string
	sourceDB   *postgres.DB
	consumer   string
	consumerDB *postgres.DB
	types      []string // types that the consumer reacts to; others come without payload
	heads      *heads
	log        *slog.Logger
	idle       time.Duration

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
		known    bool // position has been read from the database
		sends    sync.WaitGroup
		results  = make(chan result, Partitions)
		backoff  = newBackoff(20*time.Millisecond, 2*time.Second)
		timer    = time.NewTimer(0)
	)
	defer timer.Stop()
	defer sends.Wait()
	for ctx.Err() == nil {
		heads, changed := r.heads.now()
		wait := r.idle
		if !known {
			stored, err := r.storedPositions(ctx)
			if err != nil {
				wait = backoff.next()
				r.warn(ctx, "read positions", err, wait)
			} else {
				known = true
				for _, s := range stored {
					if !inFlight[s.partition] {
						position[s.partition] = s.seq
					}
				}
			}
		}
		if known {
			batches, err := r.fetch(ctx, heads, position, inFlight)
			if err != nil {
				wait = backoff.next()
				r.warn(ctx, "read the log", err, wait)
			} else {
				backoff.reset()
			}
			for _, batch := range batches {
				inFlight[batch[0].Partition] = true
				sends.Go(func() { results <- send(ctx, out, batch) })
			}
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
func (r *logReader) fetch(ctx context.Context, heads, position [Partitions]int64, inFlight [Partitions]bool) ([][]Envelope, error) {
	var partitions []int16
	var from []int64
	for p := range int16(Partitions) {
		if !inFlight[p] && heads[p] > position[p] {
			partitions = append(partitions, p)
			from = append(from, position[p])
		}
	}
	if len(partitions) == 0 {
		return nil, nil
	}
	rows, err := r.sourceDB.Pool.Query(ctx, inSchema(r.source, `
		select l.partition, l.seq, l.event_id, l.event_type, l.event_key, l.occurred_at, l.headers,
			case when l.event_type = any($3) then l.payload end
		from unnest($1::smallint[], $2::bigint[]) as want(partition, after)
		cross join lateral (
			select * from {m}.event_log e
			where e.partition = want.partition and e.seq > want.after
			order by e.seq limit $4) l
		order by l.partition, l.seq`), partitions, from, r.types, readBatch)
	if err != nil {
		return nil, err
	}
	var batches [][]Envelope
	e := Envelope{Source: r.source}
	_, err = pgx.ForEachRow(rows, []any{&e.Partition, &e.Seq, &e.ID, &e.Type, &e.Key, &e.OccurredAt, &e.Headers, &e.Payload}, func() error {
		if len(batches) == 0 || batches[len(batches)-1][0].Partition != e.Partition {
			batches = append(batches, nil)
		}
		last := &batches[len(batches)-1]
		*last = append(*last, e)
		e = Envelope{Source: r.source} // the next row must not write into this one's maps and bytes
		return nil
	})
	return batches, err
}

func (r *logReader) storedPositions(ctx context.Context) ([]partitionSeq, error) {
	return readPartitions(ctx, r.consumerDB, consumerSQL(r.consumer,
		`select partition, seq from {m}.consumer_positions where consumer = $1 and source = $2`), r.consumer, r.source)
}

func (r *logReader) warn(ctx context.Context, doing string, err error, wait time.Duration) {
	if ctx.Err() != nil {
		return
	}
	r.log.WarnContext(ctx, fmt.Sprintf("bus: cannot %s, will try again", doing),
		"consumer", r.consumer, "source", r.source, "error", err, "wait", wait)
}
