package notify_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/notify"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// Reads stay quick when the tables are big: each goes along an index to what it
// returns. The statements are those that the module has really sent, planned
// without knowing their arguments, which is the worst that can happen to them.
func TestReadsGoAlongIndexes(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t)
	sent := &statements{}
	config, err := pgxpool.ParseConfig(w.db.ModuleURL(t, "notify"))
	require.NoError(t, err)
	config.ConnConfig.Tracer = sent
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	m, err := notify.New(notify.Config{PublicURL: "https://learn.example"}, notify.Deps{
		DB: postgres.NewDB(pool), Log: w.log(), Registerer: prometheus.NewRegistry(), Mail: w.mails,
	})
	require.NoError(t, err)
	server := httpservertest.New(t, m)
	w.start(m)

	// An account with many notifications, most of them read, among many accounts.
	l := w.learner()
	_, err = w.admin.Exec(t.Context(), `
		insert into notify.notifications (id, account_id, organisation_id, source_event_id, kind, title, body, data, link, inbox, created_at, read_at)
		select gen_random_uuid(), case when n % 10 = 0 then $1 else gen_random_uuid() end, $2, gen_random_uuid(), 'course_enrolled',
			't', '', '{}', '/x', true, now() - n * interval '1 minute', case when n % 100 > 0 then now() end
		from generate_series(1, 100000) as n`, l.AccountID, w.org)
	require.NoError(t, err)
	_, err = w.admin.Exec(t.Context(), `analyze notify.notifications`)
	require.NoError(t, err)

	token := server.Token(t, l.Principal)
	for _, path := range []string{"/v1/notifications", "/v1/notifications?unread=true", "/v1/notifications/unread-count"} {
		require.Equal(t, 200, server.Do(t, "GET", path, token, nil, nil).StatusCode)
	}
	follow(t, server.URL, token, "")
	for what, expected := range map[string]struct{ statement, index string }{
		"page":         {`id < \$2\s+order`, "notifications_inbox"},
		"unread page":  {`id < \$2 and read_at is null`, "notifications_unread"},
		"unread count": {`count\(\*\)[^~]*read_at is null`, "notifications_unread"},
		"look":         {`recent[^~]*'2000 milliseconds`, "notifications_created_at"},
		"sweep":        {`recent[^~]*'60000 milliseconds`, "notifications_created_at"},
	} {
		var sql string
		w.eventually(func() bool { sql = sent.like(expected.statement); return sql != "" }, what+" is sent")
		plan := w.genericPlan(sql)
		require.Contains(t, plan, expected.index, "%s: %s", what, plan)
		require.NotContains(t, plan, "Seq Scan", "%s: %s", what, plan)
	}
}

// genericPlan is how the server runs the statement whatever its arguments.
func (w *world) genericPlan(sql string) string {
	w.t.Helper()
	conn, err := w.admin.Acquire(w.t.Context())
	require.NoError(w.t, err)
	defer conn.Release()
	_, err = conn.Exec(w.t.Context(), `set plan_cache_mode = force_generic_plan`)
	require.NoError(w.t, err)
	description, err := conn.Conn().Prepare(w.t.Context(), "planned", sql)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, conn.Conn().Deallocate(w.t.Context(), "planned")) }()
	nulls := strings.TrimSuffix(strings.Repeat("null,", len(description.ParamOIDs)), ",")
	rows, err := conn.Query(w.t.Context(), fmt.Sprintf(`explain execute planned(%s)`, nulls), pgx.QueryExecModeSimpleProtocol)
	require.NoError(w.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	return strings.Join(lines, "\n")
}

// statements remembers what a pool has sent.
type statements struct {
	mu  sync.Mutex
	all []string
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// like returns a statement that matches the pattern; empty if there is none.
func (s *statements) like(pattern string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, regexp.MustCompile(pattern).MatchString)
	if i < 0 {
		return ""
	}
	return s.all[i]
}
