package jobs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// waitingTimeout bounds what a scrape waits for the database.
const waitingTimeout = 2 * time.Second

// waiting measures, whenever the process is scraped, for how long the oldest job
// of each queue could have run and has not. It grows when nobody works, which
// the counts of runs cannot tell from there being nothing to do. While the
// database cannot be asked there is no figure.
type waiting struct {
	db     *postgres.DB
	module string
	queues []string
	desc   *prometheus.Desc
}

func newWaiting(db *postgres.DB, module string, queues map[string]river.QueueConfig) *waiting {
	return &waiting{
		db: db, module: module, queues: slices.Sorted(maps.Keys(queues)),
		desc: prometheus.NewDesc("lyceum_jobs_waiting_seconds", "Time since the job that has waited longest could have run.",
			[]string{"queue"}, prometheus.Labels{"module": module}),
	}
}

// Describe implements prometheus.Collector.
func (w *waiting) Describe(out chan<- *prometheus.Desc) { out <- w.desc }

// waitingSQL reads one row of each queue, state and priority, however many jobs
// there are: the columns of the index that River fetches by, in its order. All
// three states are due once their time has come: the client that leads makes
// "available" of the others.
const waitingSQL = `
	select q.name, coalesce(extract(epoch from now() - min(oldest.scheduled_at)), 0)::float8
	from unnest($1::text[]) as q(name)
	cross join unnest(array['available', 'retryable', 'scheduled']::{m}.river_job_state[]) as s(state)
	cross join generate_series(1, 4) as p(priority)
	left join lateral (
		select j.scheduled_at from {m}.river_job j
		where j.state = s.state and j.queue = q.name and j.priority = p.priority and j.scheduled_at <= now()
		order by j.scheduled_at limit 1) oldest on true
	group by q.name`

// Collect implements prometheus.Collector.
func (w *waiting) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), waitingTimeout) //nolint:forbidigo // a scrape has no context
	defer cancel()
	rows, err := w.db.Pool.Query(ctx, strings.ReplaceAll(waitingSQL, "{m}", w.module), w.queues)
	if err != nil {
		return
	}
	var queue string
	var seconds float64
	_, _ = pgx.ForEachRow(rows, []any{&queue, &seconds}, func() error { // an error leaves the queue out, which is all that it can do
		out <- prometheus.MustNewConstMetric(w.desc, prometheus.GaugeValue, max(seconds, 0), queue)
		return nil
	})
}
