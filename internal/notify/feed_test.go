package notify

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// A client that does not read must neither hold up the others nor fill the
// memory.
func TestAStreamThatDoesNotKeepUpIsDropped(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t).DB(t, "notify")
	registry := prometheus.NewRegistry()
	metrics, err := newMetrics(registry)
	require.NoError(t, err)
	f := newFeed(db, slog.New(slog.NewTextHandler(t.Output(), nil)), metrics, 5)
	account := uuid.New()
	slow, err := f.subscribe(account)
	require.NoError(t, err)
	quick, err := f.subscribe(account)
	require.NoError(t, err)

	write := func(n int) {
		t.Helper()
		_, err := db.Pool.Exec(t.Context(), `
			insert into notify.notifications (id, account_id, organisation_id, source_event_id, kind, title, body, data, link, inbox)
			select gen_random_uuid(), $1, $1, gen_random_uuid(), 'course_enrolled', 't', '', '{}', '/x', true from generate_series(1, $2)`,
			account, n)
		require.NoError(t, err)
		// Every look finds all of them, and hands out those that are new.
		for range 3 {
			require.NoError(t, f.look(t.Context(), []uuid.UUID{account}, time.Minute))
		}
	}
	write(subscriptionBuffer)
	require.Len(t, slow.news, subscriptionBuffer)
	require.Len(t, quick.news, subscriptionBuffer)
	for range subscriptionBuffer {
		<-quick.news
	}
	write(1)
	n := 0
	for range slow.news {
		n++
	}
	require.Equal(t, subscriptionBuffer, n, "the slow one gets what was buffered and is closed")
	require.Len(t, quick.news, 1, "the other goes on")
	f.unsubscribe(quick)
	f.unsubscribe(slow) // as its handler does when it finds out
	measured := map[string]float64{}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		m := family.GetMetric()[0]
		measured[family.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	require.Equal(t, 1.0, measured["lyceum_notify_streams_dropped_total"])
	require.Zero(t, measured["lyceum_notify_streams"])
}

func TestMemoryForgetsWhatNoLookCanMeet(t *testing.T) {
	t.Parallel()
	m := memory{}
	start := time.Now()
	for i := range 10_000 {
		id := uuid.New()
		at := start.Add(time.Duration(i) * time.Second)
		require.True(t, m.add(id, at))
		require.False(t, m.add(id, at), "it is known for now")
	}
	require.Less(t, len(m), 600, "a window and what has come since the last clearance")
}
