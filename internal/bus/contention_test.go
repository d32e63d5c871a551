package bus

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// TestTransactionsThatLockEachOtherOutBecomeShort hands two partitions batches
// whose events lock the same two rows in opposite orders.
func TestTransactionsThatLockEachOtherOutBecomeShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const events = 40
	one, other := uuid.New(), uuid.New()
	for partitionOf(one) == partitionOf(other) {
		other = uuid.New()
	}
	var arrived atomic.Int32
	both := make(chan struct{})
	effects := make(chan thing, 10*events)
	consumer := &w.options.Members[1].Contract.Consumers[0]
	consumer.Reactions = []Reaction{On(w.topic, func(ctx context.Context, tx pgx.Tx, d Delivery[thing]) error {
		row := d.Payload.Version % 2
		if d.Payload.Key == other {
			row = 1 - row
		}
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, row); err != nil {
			return err
		}
		if d.Payload.Version == 1 { // each has one of the rows
			if arrived.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		effects <- d.Payload
		return nil
	})}
	b, err := New(w.options)
	require.NoError(t, err)
	c := b.consumptions[0]
	require.NoError(t, b.makePositions(t.Context(), c))

	batch := func(key uuid.UUID) (messages []*message.Message) {
		for v := 1; v <= events; v++ {
			payload, err := json.Marshal(thing{Key: key, Version: v})
			require.NoError(t, err)
			messages = append(messages, toMessage(Envelope{ID: uuid.New(), Source: "users", Partition: partitionOf(key), Seq: int64(v),
				Type: w.topic.Type(), Key: key, OccurredAt: time.Now(), Payload: payload}))
		}
		return messages
	}
	var handling sync.WaitGroup
	for _, key := range []uuid.UUID{one, other} {
		messages := batch(key)
		handling.Go(func() { c.settle(messages) })
	}
	handling.Wait()

	positions, err := c.positions(t.Context())
	require.NoError(t, err)
	reached := map[int16]int64{}
	for _, p := range positions {
		reached[p.partition] = p.seq
	}
	require.EqualValues(t, events, reached[partitionOf(one)])
	require.EqualValues(t, events, reached[partitionOf(other)])
	// One of the two was ended. What it had to do again it did by itself.
	require.InDelta(t, 1, testutil.ToFloat64(b.metrics.handled.WithLabelValues("notify.a", "failed")), 0, "deadlocks")
	require.Len(t, effects, 2*events+1, "handlers' successes: one was undone")
	require.Equal(t, 1, c.together(make([]Envelope, 10)), "for a while")
	c.contended.Store(time.Now().UnixNano())
	require.Equal(t, 10, c.together(make([]Envelope, 10)), "and then as before")
}
