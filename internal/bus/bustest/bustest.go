// Package bustest runs the real bus on a test's real database.
package bustest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
)

// Running is a bus that runs until its test ends.
type Running struct {
	*bus.Bus
	t   testing.TB
	dbs map[string]*postgres.DB
}

// Run starts relays for all five modules, and consumers for the contracts
// given, which may be one module's alone: the other modules are there as
// publishers of their events. Retries are quick.
func Run(t testing.TB, db *postgrestest.Database, contracts ...bus.Contract) *Running {
	t.Helper()
	given := map[string]bus.Contract{}
	for _, c := range contracts {
		given[c.Module] = c
	}
	var members []bus.Member
	dbs := map[string]*postgres.DB{}
	for _, m := range migrations.Modules() {
		c, ok := given[m]
		if !ok {
			c = bus.Contract{Module: m, Publishes: event.PublishedBy(m)}
		}
		dbs[m] = db.DB(t, m)
		members = append(members, bus.Member{Contract: c, DB: dbs[m]})
	}
	b := Start(t, bus.Options{
		Members: members, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Registerer: prometheus.NewRegistry(),
		Idle:  100 * time.Millisecond,
		Retry: bus.RetryPolicy{Attempts: 3, Min: time.Millisecond, Max: 10 * time.Millisecond, Timeout: 10 * time.Second},
	})
	return &Running{Bus: b, t: t, dbs: dbs}
}

// Start starts a bus that runs until the test ends.
func Start(t testing.TB, opts bus.Options) *bus.Bus {
	t.Helper()
	b, err := bus.New(opts)
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, b.Stop(ctx))
	})
	return b
}

// Drain waits until every outbox is empty and every consumer has passed every
// event, including those that handlers emitted meanwhile.
func (r *Running) Drain() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		return r.idle() && r.idle() //nolint:staticcheck // twice: a handler may have emitted between the looks
	}, 30*time.Second, 10*time.Millisecond, "the bus did not come to rest: see the log for failing consumers")
}

func (r *Running) idle() bool {
	ctx := context.Background()
	for m, db := range r.dbs {
		var waiting bool
		err := db.Pool.QueryRow(ctx,
			`select exists (select 1 from `+pgx.Identifier{m, "outbox"}.Sanitize()+`)`).Scan(&waiting)
		require.NoError(r.t, err)
		if waiting {
			return false
		}
	}
	lags, err := r.Lag(ctx)
	require.NoError(r.t, err)
	for _, l := range lags {
		if l.Events > 0 {
			return false
		}
	}
	return true
}

// Emit publishes an event as its producing module would, in a transaction of
// its own.
func Emit[T any](t testing.TB, db *postgrestest.Database, topic bus.Topic[T], payload T) {
	t.Helper()
	err := db.DB(t, topic.Module()).InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		return topic.Emit(ctx, tx, payload)
	})
	require.NoError(t, err)
}
