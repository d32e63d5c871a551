package relocation_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/relocation"
)

type counted struct {
	ID uuid.UUID `json:"id"`
	N  int       `json:"n"`
}

var countedTopic = bus.Define("users", "counted", 1, bus.NoPersonalData, func(c counted) uuid.UUID { return c.ID })

// busOn is a bus whose producer's schema is in one database and whose consumer's
// in another.
func busOn(t *testing.T, producer, consumer *postgres.DB) *bus.Bus {
	t.Helper()
	b, err := bus.New(bus.Options{
		Members: []bus.Member{
			{Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{countedTopic}}, DB: producer},
			{Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{{
				Name: "notify.counting", Purpose: "Counts.", Reactions: []bus.Reaction{
					bus.On(countedTopic, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[counted]) error {
						// Refuses what comes twice or out of order.
						tag, err := tx.Exec(ctx, `insert into notify.consumer_positions (consumer, source, partition, seq) values ('seen', $1, 0, $2)
							on conflict (consumer, source, partition) do update set seq = excluded.seq where consumer_positions.seq = excluded.seq - 1`,
							d.Payload.ID.String(), d.Payload.N)
						if err == nil && tag.RowsAffected() != 1 {
							return bus.Permanent(errors.New("not the next event"))
						}
						return err
					}),
				}}}}, DB: consumer},
		},
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Idle: 20 * time.Millisecond,
	})
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	return b
}

// TestNumbersGoOnAfterAMove: outbox, log, heads and positions move with the
// schema of the producer and with that of the consumer. Every event takes effect
// once and in order, those that were not relayed or not handled when the module
// left among them.
func TestNumbersGoOnAfterAMove(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	var ids [40]uuid.UUID
	for i := range ids {
		ids[i] = uuid.New()
	}
	emitted := 0
	emit := func(db *postgres.DB, rounds int) {
		t.Helper()
		for range rounds {
			emitted++
			for _, id := range ids {
				require.NoError(t, db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
					return countedTopic.Emit(ctx, tx, counted{id, emitted})
				}))
			}
		}
	}
	handled := func(d *postgrestest.Database) {
		t.Helper()
		admin := d.Admin(t)
		require.Eventually(t, func() bool {
			return scalar[int](t, admin, `select count(*) from notify.consumer_positions where consumer = 'seen' and seq = $1`, emitted) == len(ids)
		}, 30*time.Second, 20*time.Millisecond, "events are missing after %d rounds", emitted)
		require.Zero(t, scalar[int](t, admin, `select count(*) from notify.dead_letters`))
	}
	stop := func(b *bus.Bus) {
		t.Helper()
		require.NoError(t, b.Stop(t.Context()))
	}

	users, notify := e.source.DB(t, "users"), e.source.DB(t, "notify")
	b := busOn(t, users, notify)
	emit(users, 5)
	handled(e.source)
	emit(users, 3) // some of these are under way when the bus stops
	stop(b)
	emit(users, 2) // in the outbox
	_, err := relocation.Run(t.Context(), e.there(t, relocation.Logical))
	require.NoError(t, err)

	users = e.target.DB(t, "users")
	emit(users, 2) // before a relay runs there
	b = busOn(t, users, notify)
	emit(users, 3)
	handled(e.source)
	emit(users, 2)
	stop(b)

	// The consumer follows, by the other method.
	o := e.there(t, relocation.Dump)
	o.Module = "notify"
	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	b = busOn(t, users, e.target.DB(t, "notify"))
	emit(users, 3)
	handled(e.target)
	stop(b)

	admin := e.target.Admin(t)
	require.EqualValues(t, emitted*len(ids), scalar[int64](t, admin, `select count(*) from users.event_log`))
	require.EqualValues(t, emitted*len(ids), scalar[int64](t, admin, `select sum(seq)::bigint from users.event_heads`), "the numbers have no gap")
	require.Zero(t, scalar[int](t, admin, `select count(*) from users.outbox`))
}
