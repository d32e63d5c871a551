package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
)

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func scalar[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func TestMigratorsTakeTurns(t *testing.T) {
	t.Parallel()
	database := postgrestest.Empty(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := migrations.Up(t.Context(), database.URL(), migrations.Options{Modules: []string{"users", "notify"}}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	admin := database.Admin(t)
	if err := migrations.Check(t.Context(), admin, "users", "notify"); err != nil {
		t.Error(err)
	}
	if n := scalar[int](t, admin, `select count(*) from users.platform_migrations where version_id = 1`); n != 1 {
		t.Errorf("a migration was applied %d times", n)
	}
	if n := scalar[int](t, admin, `select count(*) from pg_namespace where nspname = 'assessment'`); n != 0 {
		t.Error("a module that was not asked for has a schema")
	}
}

func TestUpWorksForTheOwnerOfTheDatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	database := server.Empty(t)
	admin := database.Admin(t)
	exec(t, admin, `create role installer login createrole`)
	exec(t, admin, `alter database `+database.Name()+` owner to installer`)
	// The roles of the template would belong to another administrator.
	exec(t, admin, `drop database if exists lyceum_template`)
	for _, m := range migrations.Modules() {
		exec(t, admin, fmt.Sprintf(`drop role if exists lyceum_%[1]s_owner, lyceum_%[1]s_app`, m))
	}
	u := strings.Replace(database.URL(), "lyceum@", "installer@", 1)
	for range 2 { // the second time over what the first has made
		if err := migrations.Up(t.Context(), u, migrations.Options{Secret: "s3cret"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrations.Check(t.Context(), admin, migrations.Modules()...); err != nil {
		t.Error(err)
	}
}

func TestUpRefusesAnUnknownModule(t *testing.T) {
	t.Parallel()
	database := postgrestest.Empty(t)
	err := migrations.Up(t.Context(), database.URL(), migrations.Options{Modules: []string{"users; drop schema x"}})
	if err == nil || !strings.Contains(err.Error(), "no module") {
		t.Errorf("error %v", err)
	}
}

func TestCheckSeesWhatIsBehindAndAcceptsWhatIsAhead(t *testing.T) {
	t.Parallel()
	t.Run("nothing migrated", func(t *testing.T) {
		t.Parallel()
		admin := postgrestest.Empty(t).Admin(t)
		err := migrations.Check(t.Context(), admin, "users")
		var behind *migrations.BehindError
		if !errors.As(err, &behind) || len(behind.Lines) == 0 || !strings.Contains(err.Error(), "platform migrate") {
			t.Errorf("error %v", err)
		}
	})
	for _, line := range []struct{ name, lose string }{
		{"platform", `delete from users.platform_migrations where version_id = 1`},
		{"river", `delete from users.river_migration where version = 3`},
	} {
		t.Run(line.name+" lacks one", func(t *testing.T) {
			t.Parallel()
			database := postgrestest.New(t)
			exec(t, database.Admin(t), line.lose)
			// The app role is enough to find out.
			err := migrations.Check(t.Context(), database.DB(t, "users").Pool, "users")
			var behind *migrations.BehindError
			if !errors.As(err, &behind) || len(behind.Lines) != 1 || behind.Lines[0].Line != line.name {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("ahead", func(t *testing.T) {
		t.Parallel()
		database := postgrestest.New(t)
		exec(t, database.Admin(t), `insert into users.platform_migrations (version_id, is_applied) values (9999, true)`)
		pool := database.DB(t, "users").Pool
		if err := migrations.Check(t.Context(), pool, "users"); err != nil {
			t.Errorf("the previous release would not start beside the new one: %v", err)
		}
		lines, err := migrations.Report(t.Context(), pool, "users")
		if err != nil {
			t.Fatal(err)
		}
		if lines[0].Line != "platform" || !lines[0].Ahead() || lines[0].Applied != 9999 {
			t.Errorf("the report does not tell that the schema is ahead: %+v", lines[0])
		}
		// Nor must migrating with the older release fail or undo anything.
		if err := migrations.Up(t.Context(), database.URL(), migrations.Options{Modules: []string{"users"}}); err != nil {
			t.Errorf("migrating with the older release: %v", err)
		}
	})
}

func TestModulesCannotChangeTheirVersionTables(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t).DB(t, "users").Pool
	for _, table := range []string{"platform_migrations", "river_migration"} {
		if _, err := pool.Exec(t.Context(), `delete from users.`+table); err == nil {
			t.Errorf("the app role emptied users.%s", table)
		}
	}
}

const insertEvent = `insert into users.event_log
	(partition, seq, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload)
	values (0, $1, gen_random_uuid(), 'lyceum.users.test.v1', gen_random_uuid(), now(), $2, '{}', '{}')`

func TestEventLogMaintenance(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	app, admin := database.DB(t, "users").Pool, database.Admin(t)
	maintain := func(keep string, ahead int) (created, dropped int) {
		t.Helper()
		err := app.QueryRow(t.Context(), `select created, dropped from users.maintain_event_log($1::text::interval, $2)`, keep, ahead).Scan(&created, &dropped)
		if err != nil {
			t.Fatal(err)
		}
		return created, dropped
	}
	count := func(table string) int {
		t.Helper()
		return scalar[int](t, admin, `select count(*) from users.`+table)
	}
	now := time.Now().UTC()
	begin := func(n int) time.Time {
		return time.Date(now.Year(), now.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	}
	month := func(n int) string { return begin(n).Format("event_log_200601") }

	maintain("60 days", 3)
	if created, dropped := maintain("60 days", 3); created != 0 || dropped != 0 {
		t.Errorf("again: created %d, dropped %d", created, dropped)
	}

	// An event of a month that nobody had made went to the default partition.
	exec(t, app, insertEvent, 1, begin(5).Add(time.Hour))
	exec(t, app, insertEvent, 2, time.Now())
	if n := count("event_log_default"); n != 1 {
		t.Fatalf("the default partition has %d events", n)
	}
	if created, _ := maintain("60 days", 6); created != 3 {
		t.Errorf("created %d months, want the 3 that are new", created)
	}
	if moved, left := count(month(5)), count("event_log_default"); moved != 1 || left != 0 {
		t.Errorf("%d events moved to their month, %d stayed", moved, left)
	}

	// A month that has ended goes with its events; the rest stays.
	exec(t, admin, fmt.Sprintf(`alter table users.event_log detach partition users.%s`, month(5)))
	exec(t, admin, fmt.Sprintf(`delete from users.%s`, month(5)))
	exec(t, admin, fmt.Sprintf(`alter table users.%s rename to %s`, month(5), month(-4)))
	exec(t, admin, fmt.Sprintf(`alter table users.event_log attach partition users.%s for values from ('%s') to ('%s')`, month(-4),
		begin(-4).Format(time.RFC3339), begin(-3).Format(time.RFC3339)))
	exec(t, app, insertEvent, 3, begin(-4).Add(time.Hour))
	exec(t, app, insertEvent, 4, begin(-2)) // in the default partition
	if _, dropped := maintain("89 days", 3); dropped != 1 {
		t.Errorf("dropped %d months, want 1", dropped)
	}
	if n := count("event_log"); n != 2 {
		t.Errorf("%d events are left, want the one of this month and the one within the retention", n)
	}
	maintain("27 days", 3)
	if n := count("event_log"); n != 1 {
		t.Errorf("%d events are left, want this month's", n)
	}
	if _, dropped := maintain("0", 3); dropped != 0 || count("event_log") != 1 {
		t.Error("this month was dropped")
	}
}

func TestEventLogMaintenanceRefusesNonsense(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	for _, call := range []string{
		`select users.maintain_event_log(null, 3)`, `select users.maintain_event_log('-1 day', 3)`,
		`select users.maintain_event_log('1 day', -1)`, `select users.maintain_event_log('1 day', 400)`, `select users.maintain_event_log('1 day', null)`,
	} {
		if _, err := database.DB(t, "users").Pool.Exec(t.Context(), call); err == nil {
			t.Errorf("%s was accepted", call)
		}
	}
	if _, err := database.DB(t, "notify").Pool.Exec(t.Context(), `select users.maintain_event_log('1 day', 3)`); err == nil {
		t.Error("another module called it")
	}
}

// The relay goes on while months are made: events written meanwhile are neither
// refused nor lost.
func TestEventLogMaintenanceBesideWriters(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	app := database.DB(t, "users").Pool
	far := time.Now().UTC().AddDate(0, 12, 0)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	written := make([]int64, 3)
	for w := range written {
		group.Go(func() {
			for ctx.Err() == nil {
				seq := int64(w)<<32 | written[w]
				if _, err := app.Exec(t.Context(), insertEvent, seq, far); err != nil {
					t.Error(err)
					return
				}
				written[w]++
			}
		})
	}
	for ahead := 4; ahead <= 24; ahead++ {
		exec(t, app, `select users.maintain_event_log('30 days', $1)`, ahead)
	}
	cancel()
	group.Wait()
	var want int64
	for _, n := range written {
		want += n
	}
	if got := scalar[int64](t, app, `select count(*) from users.event_log`); got != want {
		t.Errorf("%d events in the log, %d were written", got, want)
	}
	if n := scalar[int](t, app, `select count(*) from users.event_log_default`); n != 0 {
		t.Errorf("%d events stayed in the default partition", n)
	}
}

func TestReadPlansUseTheKey(t *testing.T) {
	t.Parallel()
	app := postgrestest.New(t).DB(t, "users").Pool
	rows, err := app.Query(t.Context(), `explain select * from users.outbox where partition = 3 order by id limit 200`)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "outbox_partition_id") {
		t.Errorf("the relay's query does not use its index:\n%s", text)
	}
}
