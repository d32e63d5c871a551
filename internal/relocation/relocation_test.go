package relocation_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/relocation"
	"github.com/lyceum-lms/platform/migrations"
)

const module = "users"

// ends are two databases on two servers. The module is at the first.
type ends struct {
	servers        [2]*postgrestest.Server
	source, target *postgrestest.Database
}

func newEnds(t *testing.T, settings ...string) ends {
	t.Helper()
	var e ends
	var group sync.WaitGroup
	for i := range e.servers {
		group.Go(func() { e.servers[i] = postgrestest.NewServer(t, settings...) })
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	e.source, e.target = e.servers[0].New(t), e.servers[1].Empty(t)
	return e
}

// there is a move from the first database to the second, back one to the first.
func (e ends) there(t *testing.T, method relocation.Method) relocation.Options {
	return relocation.Options{Source: e.source.URL(), Target: e.target.URL(), Module: module, Method: method, Progress: telling(t)}
}

func (e ends) back(t *testing.T, method relocation.Method) relocation.Options {
	o := e.there(t, method)
	o.Source, o.Target = o.Target, o.Source
	return o
}

func telling(t *testing.T) func(relocation.Progress) {
	start := time.Now()
	return func(p relocation.Progress) { t.Logf("%6.3f s  %-16s %s", time.Since(start).Seconds(), p.Step, p.Text) }
}

// loginless are pools as the module's role that do not reach the server before
// they are used.
func loginless(t *testing.T, d *postgrestest.Database) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(d.ModuleURL(t, module))
	require.NoError(t, err)
	config.MaxConns = 4
	config.ConnConfig.RuntimeParams["lock_timeout"] = "10s" // as postgres.Open sets it
	config.ConnConfig.RuntimeParams["application_name"] = "lyceum/" + module
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// writers change state and emit events as the module does, wherever they are let
// in, and remember what was acknowledged.
type writers struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	acked    []uuid.UUID         // inserted
	counter  map[uuid.UUID]int64 // the last value of each counter that was acknowledged
	unsure   map[uuid.UUID]bool  // may have been inserted, or not
	failures map[string]int
	longest  time.Duration
	last     time.Time
}

// write starts writers that know both places, as the front does.
func write(t *testing.T, n int, places ...*postgrestest.Database) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &writers{cancel: cancel, counter: map[uuid.UUID]int64{}, unsure: map[uuid.UUID]bool{}, failures: map[string]int{}, last: time.Now()}
	var pools []*pgxpool.Pool
	for _, d := range places {
		pools = append(pools, loginless(t, d))
	}
	for range n {
		w.group.Go(func() { w.run(ctx, pools) })
	}
	t.Cleanup(w.stop)
	return w
}

func (w *writers) stop() {
	w.cancel()
	w.group.Wait()
}

// run makes one transaction after the other: it raises the aggregate's counter
// and writes an event that has the value.
func (w *writers) run(ctx context.Context, pools []*pgxpool.Pool) {
	aggregate, place := uuid.New(), 0
	for ctx.Err() == nil {
		event := uuid.New()
		n, err := w.once(ctx, pools[place], aggregate, event)
		if ctx.Err() != nil {
			w.mu.Lock()
			w.unsure[event] = true
			w.mu.Unlock()
			return
		}
		w.mu.Lock()
		now := time.Now()
		if err == nil {
			w.longest = max(w.longest, now.Sub(w.last))
			w.last = now
			w.acked = append(w.acked, event)
			w.counter[aggregate] = n
		} else {
			w.unsure[event] = true
			w.failures[fmt.Sprintf("at place %d: %s", place, code(err))]++
			place = (place + 1) % len(pools)
		}
		w.mu.Unlock()
		if err != nil {
			select { // as the front does, between two addresses
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// deniedInSession is what a session gets that outlives the shutting of its
// schema. The API would answer it with 500 and not with a 503 that asks for
// another try.
const deniedInSession = "denied within a session"

func code(err error) string {
	var refused interface{ SQLState() string }
	if errors.As(err, &refused) && refused.SQLState() == "42501" && !postgres.LoginRefused(err) {
		return deniedInSession
	}
	if errors.As(err, &refused) {
		return refused.SQLState()
	}
	return "no code"
}

func (w *writers) once(ctx context.Context, pool *pgxpool.Pool, aggregate, event uuid.UUID) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `insert into users.consumer_positions (consumer, source, partition, seq) values ($1, 'test', 0, 1)
			on conflict (consumer, source, partition) do update set seq = consumer_positions.seq + 1 returning seq`, aggregate.String()).Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into users.outbox (partition, event_id, event_type, event_key, occurred_at, headers, payload)
			values (0, $1, 'lyceum.users.test.v1', $2, now(), '{}', jsonb_build_object('n', $3::bigint))`, event, aggregate, n)
		return err
	})
	return n, err
}

// verify counts at the place that serves.
func (w *writers) verify(t *testing.T, d *postgrestest.Database) {
	t.Helper()
	w.stop()
	// One snapshot: a transaction that was cut off may still commit.
	admin, err := d.Admin(t).BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = admin.Rollback(t.Context()) }()
	rows, err := admin.Query(t.Context(), `select event_id, event_key, (payload->>'n')::bigint from users.outbox order by id`)
	require.NoError(t, err)
	found := map[uuid.UUID]int{}
	last := map[uuid.UUID]int64{}
	var event, aggregate uuid.UUID
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&event, &aggregate, &n}, func() error {
		found[event]++
		if n != last[aggregate]+1 {
			t.Errorf("event %d of an aggregate comes after %d", n, last[aggregate])
		}
		last[aggregate] = n
		return nil
	})
	require.NoError(t, err)
	acked := map[uuid.UUID]bool{}
	for _, event := range w.acked {
		acked[event] = true
		if found[event] != 1 {
			t.Errorf("an acknowledged write is there %d times", found[event])
		}
	}
	for event := range found {
		if !acked[event] && !w.unsure[event] {
			t.Error("there is a write that nobody made")
		}
	}
	for aggregate, n := range w.counter {
		require.GreaterOrEqual(t, last[aggregate], n)
		var seq int64
		require.NoError(t, admin.QueryRow(t.Context(), `select seq from users.consumer_positions where consumer = $1`, aggregate.String()).Scan(&seq))
		require.Equal(t, last[aggregate], seq, "state and event differ")
	}
	for failure := range w.failures {
		require.NotContains(t, failure, deniedInSession)
	}
	t.Logf("%d writes were acknowledged, none is lost, none is doubled; longest pause of the writers %s; failures met: %v", len(w.acked), w.longest.Round(time.Millisecond), w.failures)
}

// serves reports which of the databases let the module in.
func serves(t *testing.T, d *postgrestest.Database) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.ModuleURL(t, module))
	if err == nil {
		defer func() { _ = conn.Close(t.Context()) }()
		_, err = conn.Exec(t.Context(), `update users.event_heads set seq = seq where partition = 0`)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42P01" {
		return false // an empty database
	}
	if err != nil {
		require.True(t, postgres.LoginRefused(err), "it is refused otherwise than by the login: %v", err)
	}
	return err == nil
}

// leftovers are what a move must not leave behind.
func leftovers(t *testing.T, d *postgrestest.Database) (n int) {
	t.Helper()
	err := d.Admin(t).QueryRow(t.Context(), `select (select count(*) from pg_publication) + (select count(*) from pg_replication_slots)
		+ (select count(*) from pg_subscription) + (select count(*) from pg_namespace where nspname like 'lyceum_move%')
		+ (select count(*) from pg_class where relnamespace = to_regnamespace('users') and relreplident = 'f')`).Scan(&n)
	require.NoError(t, err)
	return n
}

// TestAModuleMovesAndComesBackUnderLoad: writers that go where they are let in
// lose nothing and see nothing twice, there and back.
func TestAModuleMovesAndComesBackUnderLoad(t *testing.T) {
	t.Parallel()
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := newEnds(t)
			w := write(t, 4, e.source, e.target)
			for _, o := range []relocation.Options{e.there(t, method), e.back(t, method), e.there(t, method)} {
				result, err := relocation.Run(t.Context(), o)
				require.NoError(t, err)
				t.Logf("paused for %s; %d attempts to lock, of which the longest in vain held writers up for %s; %d rows",
					result.Pause, result.Attempts, result.Blocked, result.Rows)
				require.NotZero(t, result.Rows)
				require.False(t, result.Resumed)
				for _, d := range []*postgrestest.Database{e.source, e.target} {
					require.Equal(t, d.URL() == o.Target, serves(t, d), "the target serves, and it alone")
					require.Zero(t, leftovers(t, d))
				}
				// Once more is not another move.
				again, err := relocation.Run(t.Context(), o)
				require.NoError(t, err)
				require.True(t, again.Resumed)
				require.Zero(t, again.Pause)
			}
			w.verify(t, e.target)
		})
	}
}

// TestAnythingASchemaHoldsMoves: kinds of tables and rows that need care.
func TestAnythingASchemaHoldsMoves(t *testing.T) {
	t.Parallel()
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := newEnds(t)
			admin := e.source.Admin(t)
			run(t, admin, `insert into users.throttles (rule, key, place, count, expires_at)
				values ('x', decode(repeat('ab', 32), 'hex'), '', 3, 'infinity')`)
			run(t, admin, `alter table users.email_tokens drop constraint email_tokens_pkey`)
			run(t, admin, `insert into users.organisations values ($1, 'a', E'tab\t line\n back\\slash \u00fc', true, now())`, uuid.New())
			run(t, admin, `insert into users.accounts select gen_random_uuid(), organisation_id, 'a@b.example', null, 'A', 'a', 'en', 'UTC', 'active', 1, now(), now()
				from users.organisations`)
			run(t, admin, `insert into users.email_tokens select decode(md5(g::text) || md5(g::text), 'hex'), account_id, 'confirm', now(), now(), null
				from users.accounts, generate_series(1, 50) g`)
			run(t, admin, `insert into users.river_job (kind, max_attempts, args, tags, errors) values ('k', 3, '{"a":[1,2]}', '{x,"y z"}', array['{"e":1}'::jsonb])`)
			run(t, admin, `select nextval('users.river_job_id_seq') from generate_series(1, 40)`)
			run(t, admin, `create table users.event_log_200001 partition of users.event_log for values from ('2000-01-01') to ('2000-02-01')`)
			run(t, admin, `alter table users.event_log_200001 owner to lyceum_users_owner`)
			run(t, admin, `insert into users.event_log (partition, seq, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload)
				select 1, g, gen_random_uuid(), 't', gen_random_uuid(), now(), timestamptz '2000-01-15' + g * interval '1 day', '{}', '{"a": null}' from generate_series(1, 30) g`)
			o := e.there(t, method)
			tell, changed := o.Progress, false
			o.Progress = func(p relocation.Progress) {
				tell(p)
				if p.Step == relocation.Ahead && !changed {
					changed = true
					run(t, admin, `update users.email_tokens set used_at = now() where token_hash < decode('8000', 'hex')`)
					run(t, admin, `delete from users.email_tokens where token_hash > decode('e000', 'hex')`)
					run(t, admin, `update users.organisations set name = 'changed since'`)
				}
			}
			_, err := relocation.Run(t.Context(), o)
			require.NoError(t, err)
			require.True(t, changed)
			require.Zero(t, leftovers(t, e.source), "the replica identity is as it was")

			there := e.target.Admin(t)
			for _, sql := range []string{
				`select count(*)::text || sum(count) from users.throttles`,
				`select string_agg(encode(token_hash, 'hex') || (used_at is null), ',' order by token_hash) from users.email_tokens`,
				`select string_agg(o::text, ',') from users.organisations o`,
				`select string_agg(j::text, ',') from users.river_job j`,
				`select string_agg(e::text, ',' order by seq) from users.event_log e`,
				`select count(*)::text from users.event_log_200001`,
				`select string_agg(h::text, ',' order by partition) from users.event_heads h`,
			} {
				require.NotEmpty(t, scalar[string](t, admin, sql), sql)
				require.Equal(t, scalar[string](t, admin, sql), scalar[string](t, there, sql), sql)
			}
			require.EqualValues(t, 42, scalar[int64](t, there, `insert into users.river_job (kind, max_attempts, args) values ('k', 3, '{}') returning id`),
				"the target numbers on")
			require.Zero(t, scalar[int](t, there, `select count(*) from users.river_leader`))
			require.NoError(t, migrationsFit(t, e.target))
		})
	}
}

// TestAMovedSchemaGrantsWhatAMigratedOneDoes: a schema that has moved has the rights and the
// functions that migrations give.
func TestAMovedSchemaGrantsWhatAMigratedOneDoes(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	rights := func(d *postgrestest.Database) string {
		return scalar[string](t, d.Admin(t), `select string_agg(what, E'\n' order by what) from (
			select relname || ' ' || relkind::text || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '') as what from pg_class where relnamespace = 'users'::regnamespace
			union all select proname || ' ' || proowner::regrole || coalesce(proacl::text, '') from pg_proc where pronamespace = 'users'::regnamespace
			union all select nspname || ' ' || nspowner::regrole || coalesce(nspacl::text, '') from pg_namespace where nspname = 'users'
			union all select 'connect ' || has_database_privilege('lyceum_users_app', current_database(), 'connect')) r`)
	}
	migrated := rights(e.source)
	_, err := relocation.Run(t.Context(), e.there(t, relocation.Dump))
	require.NoError(t, err)
	require.Equal(t, migrated, rights(e.target))
	require.NotEqual(t, migrated, rights(e.source), "the source is shut")

	// Neither migrating nor starting a process lets the module in there again.
	require.NoError(t, migrations.Up(t.Context(), e.source.URL(), migrations.Options{}))
	require.False(t, serves(t, e.source))
	require.True(t, serves(t, e.target))

	// Who is let in by hand all the same can read and write nothing.
	run(t, e.source.Admin(t), `grant connect on database `+e.source.Name()+` to lyceum_users_app`)
	_, err = loginless(t, e.source).Exec(t.Context(), `update users.event_heads set seq = 0`)
	require.ErrorContains(t, err, "permission denied for table event_heads")
}

func run(t *testing.T, q *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := q.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func scalar[T any](t *testing.T, q *pgxpool.Pool, sql string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, q.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

func migrationsFit(t *testing.T, d *postgrestest.Database) error {
	return migrations.Check(t.Context(), d.DB(t, module).Pool, module)
}
