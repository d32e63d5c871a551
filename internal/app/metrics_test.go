package app

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// readyParts are the figures of lyceum_ready.
func readyParts(t *testing.T, p *platform) map[string]float64 {
	t.Helper()
	families, err := p.tel.Registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "lyceum_ready" {
				found[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return found
}

func TestReadinessIsAMetric(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	cfg := sound()
	cfg.DatabaseURL, cfg.DataDir, cfg.Demo, cfg.LogLevel = Secret(database.URL()), t.TempDir(), "no", "error"
	p, err := prepare(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		require.NoError(t, p.stop(ctx))
	})
	require.NoError(t, p.connect(t.Context(), "http://localhost", false))
	require.Zero(t, readyParts(t, p)["content"], "it has not been started")

	require.NoError(t, p.start(t.Context()))
	require.NoError(t, p.startBus(t.Context()))
	require.Equal(t, map[string]float64{"users": 1, "content": 1, "assessment": 1, "analytics": 1, "notify": 1, "bus": 1}, readyParts(t, p))

	// The module's new process speaks for it, even if that one is not well.
	admin := database.Admin(t)
	_, err = admin.Exec(t.Context(), `revoke connect on database `+database.Name()+` from public, lyceum_content_app`)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lyceum_content_app'`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		parts := readyParts(t, p)
		_, told := parts["content"]
		return !told && parts["users"] == 1
	}, 30*time.Second, 50*time.Millisecond, "a module that was moved away is not told of")
}
