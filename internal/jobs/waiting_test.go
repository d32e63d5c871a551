package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
)

const waitingMetric = "lyceum_jobs_waiting_seconds"

func TestAJobThatNobodyRunsIsSeenToWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := newGreeter()
	client := f.client(g, func(c *Config) { c.Queues = map[string]int{"slow": 1} })
	require.InDelta(t, 0, f.metric(waitingMetric, "queue", "default"), 0, "nothing is there")

	f.insert(client, "Ada", &river.InsertOpts{ScheduledAt: time.Now().Add(time.Hour)})
	require.InDelta(t, 0, f.metric(waitingMetric, "queue", "default"), 0, "it is not due")

	f.insert(client, "Grace", &river.InsertOpts{ScheduledAt: time.Now().Add(-time.Hour), Priority: 4})
	f.insert(client, "Emmy", &river.InsertOpts{ScheduledAt: time.Now().Add(-time.Minute)})
	require.Greater(t, f.metric(waitingMetric, "module", testModule, "queue", "default"), time.Hour.Seconds()-1)
	require.InDelta(t, 0, f.metric(waitingMetric, "queue", "slow"), 0, "queues are told apart")

	require.NoError(t, client.Start(t.Context()))
	require.ElementsMatch(t, []string{"Grace", "Emmy"}, []string{f.next(g).name, f.next(g).name})
	f.stop(client)
	require.InDelta(t, 0, f.metric(waitingMetric, "queue", "default"), 0, "all that were due have run")
}

func TestWithoutADatabaseTheWaitIsUnknown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.client(newGreeter(), nil)
	f.db.Close()
	families, err := f.reg.Gather()
	require.NoError(t, err, "the other metrics are there")
	require.NotEmpty(t, families)
	for _, family := range families {
		require.NotEqual(t, waitingMetric, family.GetName(), "an old figure would look like a healthy queue")
	}
}

// A backlog is when somebody looks, so the look must not be slow then.
func TestTheWaitIsLookedUpInAnIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.db.Pool.Exec(t.Context(), `
		insert into users.river_job (args, kind, max_attempts, state, scheduled_at)
		select '{}', 'users.greet', 1, 'available', now() - n * interval '1 second' from generate_series(1, 20000) n`)
	require.NoError(t, err)
	rows, err := f.db.Pool.Query(t.Context(), "explain "+strings.ReplaceAll(waitingSQL, "{m}", testModule), []string{"default"})
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "using river_job_prioritized_fetching_index")
	require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan on river_job")
}
