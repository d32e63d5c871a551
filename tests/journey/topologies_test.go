package journey

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// everything are all modules in one process.
var everything = []string{"users", "content", "assessment", "analytics", "notify"}

// TestTheWayIsTheSameHoweverThePlatformRuns goes the same way through the
// platform in every topology and wants the same end of it: what people read, and
// how many rows each table holds. Whoever travels sees one address.
func TestTheWayIsTheSameHoweverThePlatformRuns(t *testing.T) {
	t.Parallel()
	groups := map[string][][]string{
		"one process on Kafka":              {everything},
		"two processes":                     {{"users", "content"}, {"assessment", "analytics", "notify"}},
		"three replicas on Kafka":           {everything, everything, everything},
		"five processes":                    {{"content"}, {"users"}, {"assessment"}, {"analytics"}, {"notify"}},
		"five and one that forwards":        {platformtest.Forwarding, {"users"}, {"content"}, {"assessment"}, {"analytics"}, {"notify"}},
		"three, the last two of them twice": {{"notify"}, {"users"}, {"users"}, {"content", "assessment", "analytics"}, {"content", "assessment", "analytics"}},
	}
	if testing.Short() {
		groups = map[string][][]string{"five processes": groups["five processes"]}
	}
	var mu sync.Mutex
	ends := map[string]end{}
	keep := func(t *testing.T, topology string, p *platformtest.Platform) {
		e := reach(t, p, goTheWay(t, p))
		mu.Lock()
		defer mu.Unlock()
		ends[topology] = e
	}
	t.Run("topologies", func(t *testing.T) {
		t.Run("in process", func(t *testing.T) {
			t.Parallel()
			keep(t, "in process", platformtest.Start(t, platformtest.Options{
				DatabaseURL: postgrestest.New(t).URL(), Env: []string{"LYCEUM_MEDIA_KEY=" + platformtest.MediaKey()},
			}))
		})
		t.Run("one on Kafka beside one in process", func(t *testing.T) {
			t.Parallel()
			// The way from one transport to the other.
			o := platformtest.Options{
				DatabaseURL: postgrestest.New(t).URL(), DataDir: platformtest.DataDir(t), KafkaBrokers: platformtest.Kafka(t),
				Env: []string{"LYCEUM_MEDIA_KEY=" + platformtest.MediaKey()},
			}
			old := platformtest.Start(t, o)
			o.Bus = "kafka"
			platformtest.Start(t, o)
			keep(t, "one on Kafka beside one in process", old)
		})
		t.Run("two processes on the embedded database", func(t *testing.T) {
			t.Parallel()
			s := platformtest.StartSplit(t, [][]string{{"users", "content", "notify"}, {"analytics", "assessment"}}, platformtest.Options{})
			keep(t, "two processes on the embedded database", s.Platform)
		})
		t.Run("five processes on Apache Kafka", func(t *testing.T) {
			t.Parallel()
			s := platformtest.StartSplit(t, groups["five processes"], platformtest.Options{
				DatabaseURL: postgrestest.New(t).URL(), KafkaBrokers: kafka.Start(t, kafka.Options{}).Brokers(),
			})
			keep(t, "five processes on Apache Kafka", s.Platform)
		})
		for topology, processes := range groups {
			t.Run(topology, func(t *testing.T) {
				t.Parallel()
				s := platformtest.StartSplit(t, processes, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
				keep(t, topology, s.Platform)
			})
		}
	})
	if t.Failed() {
		return
	}
	want := ends["in process"]
	require.NotEmpty(t, want.Rows)
	require.Zero(t, want.Rows["assessment.dead_letters"])
	for topology, got := range ends {
		assert.Equal(t, want, got, topology)
	}
}

// end is what there is at the end of the way, without what differs from one time
// to the next.
type end struct {
	// Read is what people read, by who and where.
	Read map[string]any
	// Rows is how many rows each table holds.
	Rows map[string]int64
}

// reach waits until everything has arrived and looks around.
func reach(t *testing.T, p *platformtest.Platform, who travellers) end {
	t.Helper()
	db := p.AdminPool(t)
	platformtest.SettledSnapshot(t, db)
	platformtest.Eventually(t, "the last mail is sent", func() error {
		var waiting int
		err := db.QueryRow(t.Context(), `
			select (select count(*) from users.river_job where state in ('available', 'running', 'retryable', 'pending'))
				+ (select count(*) from notify.river_job where state in ('available', 'running', 'retryable', 'pending'))`).Scan(&waiting)
		if err == nil && waiting > 0 {
			err = fmt.Errorf("%d jobs have not ended", waiting)
		}
		return err
	})
	e := end{Read: map[string]any{}, Rows: map[string]int64{}}
	for name, look := range map[string]struct {
		person *platformtest.Person
		paths  []string
	}{
		"Iris": {who.iris, []string{"/v1/gradebook/{course}", "/v1/courses/{course}/enrolments", "/v1/analytics/courses/{course}",
			"/v1/analytics/courses/{course}/funnel", "/v1/analytics/courses/{course}/assessments",
			"/v1/analytics/courses/{course}/activity", "/v1/analytics/courses/{course}/enrolments"}},
		"Ada":  {who.ada, []string{"/v1/notifications", "/v1/gradebook/{course}/me", "/v1/courses/{course}/progress", "/v1/enrolments"}},
		"Leo":  {who.leo, []string{"/v1/notifications", "/v1/gradebook/{course}/me", "/v1/courses/{course}/progress", "/v1/notification-preferences"}},
		"Cleo": {who.cleo, []string{"/v1/notifications", "/v1/enrolments"}},
	} {
		for _, path := range look.paths {
			var answer any
			look.person.Get(t, strings.ReplaceAll(path, "{course}", who.course), &answer)
			e.Read[name+" "+path] = timeless(answer)
		}
		var subjects []string
		for _, m := range p.Mails(t, look.person.Email) {
			subjects = append(subjects, m.Subject)
		}
		slices.Sort(subjects)
		e.Read[name+"'s mail"] = subjects
	}
	rows, err := db.Query(t.Context(), `
		select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname = any($1) and c.relname !~ '^(river_|throttles|consumer_positions)'`, everything)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		var n int64
		require.NoError(t, db.QueryRow(t.Context(), `select count(*) from `+table).Scan(&n))
		e.Rows[table] = n
	}
	return e
}

var (
	idText   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeText = regexp.MustCompile(`\d{4}-\d\d-\d\d(T[0-9:.]+Z)?`)
)

// timeless puts names in place of ids and times, and orders lists, whose order
// may be that of ids.
func timeless(value any) any {
	switch v := value.(type) {
	case string:
		return timeText.ReplaceAllString(idText.ReplaceAllString(v, "ID"), "TIME")
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = timeless(item)
		}
		slices.SortFunc(out, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		return out
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			out[idText.ReplaceAllString(name, "ID")] = timeless(item)
		}
		return out
	}
	return value
}

func text(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(body)
}
