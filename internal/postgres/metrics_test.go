package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// figures are the metrics of one module by name, and by name and state.
func figures(t *testing.T, reg *prometheus.Registry, module string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["module"] == module {
				found[family.GetName()+labels["state"]] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return found
}

func TestAPoolThatIsTooSmallIsSeen(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: database.ModuleURL(t, "users"), Module: "users", MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	reg := prometheus.NewRegistry()
	require.NoError(t, reg.Register(postgres.NewCollector(map[string]*postgres.DB{"users": db, "notify": database.DB(t, "notify")})))

	only, err := db.Pool.Acquire(t.Context())
	require.NoError(t, err)
	before := figures(t, reg, "users")
	require.InDelta(t, 1, before["lyceum_postgres_connections_max"], 0)
	require.InDelta(t, 1, before["lyceum_postgres_connectionsin_use"], 0)
	require.InDelta(t, 0, before["lyceum_postgres_connectionsidle"], 0)

	impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = db.Pool.Acquire(impatient)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	only.Release()
	require.NoError(t, db.Ping(t.Context()))

	after := figures(t, reg, "users")
	require.InDelta(t, before["lyceum_postgres_acquires_cancelled_total"]+1, after["lyceum_postgres_acquires_cancelled_total"], 0)
	require.Greater(t, after["lyceum_postgres_acquires_total"], before["lyceum_postgres_acquires_total"])
	require.InDelta(t, 1, after["lyceum_postgres_connections_opened_total"], 0)
	require.Positive(t, after["lyceum_postgres_acquire_waits_total"], "the first connection was waited for")
	require.Positive(t, after["lyceum_postgres_acquire_wait_seconds_total"])
	require.InDelta(t, 0, figures(t, reg, "notify")["lyceum_postgres_acquires_cancelled_total"], 0, "modules are told apart")
}
