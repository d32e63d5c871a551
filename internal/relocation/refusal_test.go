package relocation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/relocation"
)

// TestAMoveIsRefused: each condition that is not met is named with what to do, no
// schema appears at the target, and the source serves.
func TestAMoveIsRefused(t *testing.T) {
	t.Parallel()
	e := newEnds(t, "max_prepared_transactions=5")
	for name, test := range map[string]struct {
		method  relocation.Method
		prepare func(t *testing.T, source, target *postgrestest.Database, o *relocation.Options)
		want    string
	}{
		"no such module": {prepare: func(_ *testing.T, _, _ *postgrestest.Database, o *relocation.Options) { o.Module = "grades" },
			want: `there is no module "grades"`},
		"no such method": {method: "carrier pigeon", want: `there is no method "carrier pigeon"`},
		"onto itself": {prepare: func(_ *testing.T, source, _ *postgrestest.Database, o *relocation.Options) { o.Target = source.URL() },
			want: "the target is the database that module users is in"},
		"no target": {prepare: func(_ *testing.T, _, _ *postgrestest.Database, o *relocation.Options) {
			o.Target = "postgres://admin:hush@127.0.0.1:1/x?connect_timeout=2"
		}, want: "connect to the target as its administrator"},
		"the target does not reach the source": {prepare: func(_ *testing.T, _, _ *postgrestest.Database, o *relocation.Options) {
			o.SourceFromTarget = "postgres://admin:hush@127.0.0.1:1/x?connect_timeout=2"
		}, want: "the target reaches the source: "},
		"a prepared transaction": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			conn, err := pgx.Connect(t.Context(), source.URL())
			require.NoError(t, err)
			defer func() { _ = conn.Close(t.Context()) }()
			_, err = conn.Exec(t.Context(), `begin; update users.event_heads set seq = seq where partition = 9; prepare transaction 'forgotten'`)
			require.NoError(t, err)
			t.Cleanup(func() {
				conn, err := pgx.Connect(context.WithoutCancel(t.Context()), source.URL())
				require.NoError(t, err)
				_, err = conn.Exec(context.WithoutCancel(t.Context()), `rollback prepared 'forgotten'`)
				require.NoError(t, err)
				_ = conn.Close(context.WithoutCancel(t.Context()))
			})
		}, want: "1 are prepared (pg_prepared_xacts): commit or roll them back"},
		"others write": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			run(t, source.Admin(t), `grant insert on users.outbox to lyceum_notify_app`)
		}, want: "the source would not be shut to them: lyceum_notify_app"},
		"behind": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			run(t, source.Admin(t), `delete from users.platform_migrations where version_id = 1`)
		}, want: "run platform migrate first"},
		"ahead": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			run(t, source.Admin(t), `insert into users.schema_migrations (version_id, is_applied) values (9999, true)`)
		}, want: "move with the release that the schema is of"},
		"changed by hand": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			run(t, source.Admin(t), `create table users.extra (id int primary key)`)
			run(t, source.Admin(t), `alter table users.roles add column extra int`)
		}, want: "extra is missing at the target, roles has other columns at the target"},
		"another schema is in use there": {prepare: func(t *testing.T, _, target *postgrestest.Database, _ *relocation.Options) {
			migrated(t, target)
			run(t, target.Admin(t), `update users.event_heads set seq = 1 where partition = 2`)
		}, want: "has a schema users that is in use and holds data"},
		"somebody's own schema": {prepare: func(t *testing.T, _, target *postgrestest.Database, _ *relocation.Options) {
			run(t, target.Admin(t), `create schema users; create table users.mine (id int)`)
		}, want: "has a schema users that is in use and holds data"},
		"a process runs there": {prepare: func(t *testing.T, _, target *postgrestest.Database, _ *relocation.Options) {
			migrated(t, target)
			target.DB(t, module)
		}, want: "1 sessions of lyceum_users_app are in the target database, whose schema would be replaced: stop the process"},
		"no schema": {prepare: func(t *testing.T, source, _ *postgrestest.Database, _ *relocation.Options) {
			run(t, source.Admin(t), `drop schema users cascade`)
		}, want: "has no schema users"},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := e.servers[0].New(t), e.servers[1].Empty(t)
			o := relocation.Options{Source: source.URL(), Target: target.URL(), Module: module, Method: test.method, Progress: telling(t)}
			if test.prepare != nil {
				test.prepare(t, source, target, &o)
			}
			_, err := relocation.Run(t.Context(), o)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hush")
			if name != "no schema" {
				require.True(t, serves(t, source))
			}
		})
	}
}

// migrated makes the module's schema in an empty database, as the ordinary start
// of a process does.
func migrated(t *testing.T, d *postgrestest.Database) {
	t.Helper()
	require.NoError(t, migrateUp(t, d))
}

func TestAServerThatCannotReplicateIsRefused(t *testing.T) {
	t.Parallel()
	e := newEnds(t, "wal_level=replica", "max_replication_slots=2", "max_logical_replication_workers=1", "max_wal_senders=2")
	m, err := relocation.Open(t.Context(), e.there(t, relocation.Logical))
	require.NoError(t, err)
	defer m.Close(t.Context())
	findings, err := m.Check(t.Context())
	require.NoError(t, err)
	err = relocation.Refusal(findings)
	for _, want := range []string{
		"wal_level is replica: alter system set wal_level = 'logical', restart the server; or use --method dump",
		"2 are free and 3 needed: raise max_replication_slots", "2 are free and 3 needed: raise max_wal_senders",
		"1 workers and 2 origins are free and 3 needed: raise max_logical_replication_workers",
	} {
		require.ErrorContains(t, err, want)
	}
	m.Close(t.Context())
	// It can dump.
	_, err = relocation.Run(t.Context(), e.there(t, relocation.Dump))
	require.NoError(t, err)
	require.True(t, serves(t, e.target))
}

func TestMovesDoNotCross(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	o := e.there(t, relocation.Logical)
	third := e.servers[1].Empty(t)

	first, err := relocation.Open(t.Context(), o)
	require.NoError(t, err)
	_, err = relocation.Open(t.Context(), o)
	require.ErrorContains(t, err, "another process is moving module users")
	require.NoError(t, first.Prepare(t.Context()))
	first.Close(t.Context())

	// It goes on to where it was going, and nowhere else.
	elsewhere := o
	elsewhere.Target = third.URL()
	_, err = relocation.Run(t.Context(), elsewhere)
	require.ErrorContains(t, err, "is on its way to")
	_, err = relocation.Run(t.Context(), e.back(t, relocation.Logical))
	require.ErrorContains(t, err, "is itself being filled from")
	other := e.servers[0].New(t)
	into := o
	into.Source = other.URL()
	_, err = relocation.Run(t.Context(), into)
	require.ErrorContains(t, err, "is being filled from")
	require.ErrorContains(t, abort(t, elsewhere), "name that as the target")
	require.ErrorContains(t, abort(t, into), "which is another move")

	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	_, err = relocation.Run(t.Context(), elsewhere)
	require.ErrorContains(t, err, "was moved from here to")
	require.ErrorContains(t, abort(t, elsewhere), "the target named is not the other end of that move")

	// From there it can go on to the third, and from the third back to the first,
	// whose schema was left long ago.
	_, err = relocation.Run(t.Context(), relocation.Options{Source: e.target.URL(), Target: third.URL(), Module: module, Progress: telling(t)})
	require.NoError(t, err)
	_, err = relocation.Run(t.Context(), relocation.Options{Source: third.URL(), Target: e.source.URL(), Module: module, Progress: telling(t)})
	require.NoError(t, err)
	require.True(t, serves(t, e.source))
	require.False(t, serves(t, e.target))
	require.False(t, serves(t, third))
}

// TestDatabasesOfOneServer: a module moves between two databases of one server,
// whose roles they share, and the other modules stay where they are.
func TestDatabasesOfOneServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	source, target := server.New(t), server.Empty(t)
	other := server.New(t)
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		_, err := relocation.Run(t.Context(), relocation.Options{Source: source.URL(), Target: target.URL(), Module: module, Method: method, Progress: telling(t)})
		require.NoError(t, err)
		require.False(t, serves(t, source))
		require.True(t, serves(t, target))
		require.True(t, serves(t, other), "the module of another installation on the server is served")
		source.DB(t, "notify")
		source, target = target, source
		migrateAll(t, source)
	}
}

// TestAnAdministratorWithoutAllPower: who owns the databases and may make roles
// can move by dump.
func TestAnAdministratorWithoutAllPower(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	o := e.there(t, relocation.Dump)
	for _, d := range []*postgrestest.Database{e.source, e.target} {
		admin := d.Admin(t)
		run(t, admin, `create role installer login createrole`)
		run(t, admin, `alter database `+d.Name()+` owner to installer`)
		run(t, admin, `alter schema public owner to installer`)
		run(t, admin, `grant lyceum_users_owner, lyceum_users_app to installer with admin option`)
	}
	for _, u := range []*string{&o.Source, &o.Target} {
		*u = strings.Replace(*u, "lyceum@", "installer@", 1)
	}
	m, err := relocation.Open(t.Context(), o)
	require.NoError(t, err)
	_, err = m.Check(t.Context())
	require.NoError(t, err)
	m.Close(t.Context())
	logical := o
	logical.Method = relocation.Logical
	_, err = relocation.Run(t.Context(), logical)
	require.ErrorContains(t, err, "installer must be a superuser or have the attribute REPLICATION")
	require.ErrorContains(t, err, "installer must be a superuser or, from PostgreSQL 16, a member of pg_create_subscription")

	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.False(t, serves(t, e.source))
	require.True(t, serves(t, e.target))
	o.Source, o.Target = o.Target, o.Source
	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, serves(t, e.source))
}

// TestAProcessThatWaitsIsNotInTheWay: it looks into the new database all the time,
// which lets everybody in before the move and may have let it in just now. It sees
// a schema when the move is over, and not one that is being filled.
func TestAProcessThatWaitsIsNotInTheWay(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	early, err := pgx.Connect(t.Context(), e.target.ModuleURL(t, module))
	require.NoError(t, err, "a new database lets everybody in")
	defer func() { _ = early.Close(t.Context()) }()
	o := e.there(t, relocation.Logical)
	tell, open := o.Progress, false
	o.Progress = func(p relocation.Progress) {
		tell(p)
		if p.Step == relocation.TargetOpen {
			open = true
		}
		if p.Step == relocation.TargetMigrated {
			_, err := early.Exec(t.Context(), `update users.event_heads set seq = 1`)
			require.Error(t, err, "who was there before writes to the schema that is filled")
		}
		if p.Step != relocation.SourceMarked && p.Step != relocation.CleanedUp {
			require.Equal(t, open, serves(t, e.target), "after %s", p.Step)
		}
	}
	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, open)
}

// TestTheCutWaitsForALongTransaction: a long transaction delays the cut and is not
// interrupted. Meanwhile others write, held up for moments only, and readers read
// even while the tables are locked.
func TestTheCutWaitsForALongTransaction(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	w := write(t, 2, e.source, e.target)
	var long pgx.Tx
	writer := loginless(t, e.source)
	reader := loginless(t, e.source)
	var longestRead time.Duration
	o := e.there(t, relocation.Logical)
	tell := o.Progress
	committed := make(chan error, 1)
	o.Progress = func(p relocation.Progress) {
		tell(p)
		switch p.Step {
		case relocation.Ahead:
			var err error
			long, err = writer.Begin(t.Context())
			require.NoError(t, err)
			_, err = long.Exec(t.Context(), `update users.event_heads set seq = 77 where partition = 7`)
			require.NoError(t, err)
			time.AfterFunc(1500*time.Millisecond, func() { committed <- long.Commit(context.WithoutCancel(t.Context())) })
		case relocation.Locked, relocation.CaughtUp, relocation.Compared:
			start := time.Now()
			require.EqualValues(t, 77, scalar[int64](t, reader, `select seq from users.event_heads where partition = 7`))
			longestRead = max(longestRead, time.Since(start))
		}
	}
	result, err := relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, <-committed)
	require.Greater(t, result.Attempts, 1)
	require.NotZero(t, result.Blocked)
	require.EqualValues(t, 77, scalar[int64](t, e.target.Admin(t), `select seq from users.event_heads where partition = 7`))
	t.Logf("%d attempts, writers held up by those in vain for at most %s, longest read during the pause %s, pause %s",
		result.Attempts, result.Blocked, longestRead, result.Pause)
	w.verify(t, e.target)
}

// TestAPauseThatWouldBecomeTooLong: the cut is given up, and the source serves.
func TestAPauseThatWouldBecomeTooLongIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := newEnds(t)
			w := write(t, 2, e.source, e.target)
			o := e.there(t, method)
			o.MaxPause = time.Millisecond
			_, err := relocation.Run(t.Context(), o)
			require.ErrorContains(t, err, "the pause would have become longer than 1ms; the source serves on (raise --max-pause")
			require.True(t, serves(t, e.source))
			require.False(t, serves(t, e.target))
			o.MaxPause = 0
			result, err := relocation.Run(t.Context(), o)
			require.NoError(t, err)
			require.True(t, result.Resumed)
			w.verify(t, e.target)
		})
	}
}

// TestTheCutWaitsForTheLastCommit: what is committed before the lock arrives
// before the ends are compared, however long the target takes.
func TestTheCutWaitsForTheLastCommit(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	holder, err := pgx.Connect(t.Context(), e.target.URL())
	require.NoError(t, err)
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	o := e.there(t, relocation.Logical)
	tell, ahead, held := o.Progress, false, false
	released := make(chan error, 1)
	o.Progress = func(p relocation.Progress) {
		tell(p)
		switch {
		case p.Step == relocation.Ahead:
			ahead = true
		case p.Step == relocation.Following && ahead && !held:
			held = true
			// The target can be read and takes over nothing.
			_, err := holder.Exec(t.Context(), `begin; lock table users.consumer_positions in share row exclusive mode`)
			require.NoError(t, err)
			run(t, loginless(t, e.source), `insert into users.consumer_positions (consumer, source, partition, seq) values ('late', 'x', 0, 5)`)
		case p.Step == relocation.Locked:
			require.Zero(t, scalar[int](t, e.target.Admin(t), `select count(*) from users.consumer_positions`), "the test holds nothing up")
			time.AfterFunc(700*time.Millisecond, func() {
				_, err := holder.Exec(context.WithoutCancel(t.Context()), `commit`)
				released <- err
			})
		}
	}
	_, err = relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, <-released)
	require.EqualValues(t, 5, scalar[int64](t, e.target.Admin(t), `select seq from users.consumer_positions where consumer = 'late'`))
}

// TestADifferenceIsFound: the target is not opened when a row is missing there,
// one too many, or another, although the server takes it for a copy.
func TestADifferenceIsFound(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	for name, test := range map[string]struct{ tamper, want string }{
		"missing": {`delete from users.event_heads where partition = 3`, "event_heads has 16 rows at the source and 15 at the target"},
		"more":    {`insert into users.consumer_positions (consumer, source, partition) values ('x', 'y', 1)`, "consumer_positions has 0 rows at the source and 1 at the target"},
		"other":   {`update users.event_heads set seq = 1 where partition = 3`, "event_heads has other values in some of its 16 rows at the target"},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := e.servers[0].New(t), e.servers[1].Empty(t)
			o := relocation.Options{Source: source.URL(), Target: target.URL(), Module: module}
			o.Progress = func(p relocation.Progress) {
				if p.Step == relocation.Ahead {
					run(t, target.Admin(t), test.tamper)
				}
			}
			_, err := relocation.Run(t.Context(), o)
			require.ErrorContains(t, err, test.want)
			require.True(t, serves(t, source))
			require.False(t, serves(t, target))
			require.NoError(t, abort(t, o))
			require.True(t, serves(t, source))
		})
	}
}

// TestALargeTableIsCheckedAhead: rows that change between the check ahead and the
// cut are checked in the cut, however large the table.
func TestALargeTableIsCheckedAhead(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	fill(t, e.source, 20_000, 400)
	run(t, e.source.Admin(t), `update users.event_log set headers = '{"a": 1}'`)
	for name, test := range map[string]struct{ source, target, want string }{
		"changed, deleted and added at both": {`
			update users.event_log set payload = '{"changed": true}' where seq % 100 = 0;
			delete from users.event_log where seq % 100 = 1;
			insert into users.event_log select partition, seq + 1000000, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload
				from users.event_log where seq % 100 = 2`, ``, ""},
		"changed at the target alone": {``, `update users.event_log set payload = '{"lost": 1}' where seq = 4711`,
			"event_log has other values in some of its"},
		// Every row is a new version in the place of the one that was hashed ahead.
		"another row in its place": {``, `do $$ declare before tid; begin
				select ctid into before from users.event_log where seq = 4711;
				create table public.kept as select partition, seq, event_id, event_type, event_key, occurred_at, relayed_at,
					case when seq = 4711 then '{"a": 2}'::jsonb else headers end as headers, payload
					from users.event_log order by tableoid, ctid;
				create table public.place as select before;
			end $$;
			delete from users.event_log`, "event_log has other values in some of its"},
	} {
		t.Run(name, func(t *testing.T) {
			target := e.servers[1].Empty(t)
			o := relocation.Options{Source: e.source.URL(), Target: target.URL(), Module: module}
			o.Progress = func(p relocation.Progress) {
				if p.Step == relocation.Ahead {
					run(t, e.source.Admin(t), test.source)
					run(t, target.Admin(t), test.target)
					if name == "another row in its place" {
						inItsPlace(t, target)
					}
				}
			}
			_, err := relocation.Run(t.Context(), o)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				require.NoError(t, abort(t, o))
				return
			}
			require.NoError(t, err)
			o.Source, o.Target, o.Progress = o.Target, o.Source, nil
			_, err = relocation.Run(t.Context(), o)
			require.NoError(t, err)
		})
	}
}

// inItsPlace puts back the rows that were kept, each where it was, and one of
// them changed.
func inItsPlace(t *testing.T, d *postgrestest.Database) {
	t.Helper()
	admin := d.Admin(t)
	run(t, admin, `vacuum users.event_log`)
	columns := `partition, seq, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload`
	run(t, admin, `insert into users.event_log (`+columns+`) select `+columns+` from public.kept`)
	require.True(t, scalar[bool](t, admin, `select ctid = (select before from public.place) from users.event_log where seq = 4711`),
		"the row is elsewhere: the test would show nothing")
}

// TestMonthsAreNotMadeDuringAMove: rows on their way from the default partition
// to a new month would be lost on the way.
func TestMonthsAreNotMadeDuringAMove(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	app := loginless(t, e.source)
	run(t, app, `insert into users.event_log (partition, seq, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload)
		select 0, g, gen_random_uuid(), 't', gen_random_uuid(), now(), now() + interval '5 months', '{}', '{}' from generate_series(1, 10) g`)
	o := e.there(t, relocation.Logical)
	o.Progress = func(p relocation.Progress) {
		if p.Step == relocation.Following {
			require.Zero(t, scalar[int](t, app, `select created from users.maintain_event_log('30 days', 8)`))
		}
	}
	_, err := relocation.Run(t.Context(), o)
	require.NoError(t, err)
	there := loginless(t, e.target)
	require.Equal(t, 10, scalar[int](t, there, `select count(*) from users.event_log`))
	require.NotZero(t, scalar[int](t, there, `select created from users.maintain_event_log('30 days', 8)`), "the target makes them")
	require.Equal(t, 10, scalar[int](t, there, `select count(*) from users.event_log`))
}
