package relocation

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// The objects of a move by method logical. The publication and the subscription
// belong to a database, the slot to the whole server, hence the id in its name.
// helperSchema, at both ends, is outside the module's schema: a row of
// its table marker that arrives at the target tells that everything committed
// before it has arrived.
func (m *Move) publication() string  { return "lyceum_move_" + m.o.Module }
func (m *Move) helperSchema() string { return "lyceum_move_" + m.o.Module }
func (m *Move) slot() string         { return "lyceum_" + m.o.Module + "_" + m.id }

// subscriberURL is a URL as the server's own client library reads it: without
// what only this program's driver knows.
func subscriberURL(text string) (string, error) {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return text, nil // keywords and values
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("the source's URL is not a valid URL") // the error quotes it
	}
	u.RawQuery = strings.Join(slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "pool_") || name == "default_query_exec_mode" || strings.HasSuffix(name, "_cache_capacity")
	}), "&")
	return u.String(), nil
}

// replicate publishes the schema and subscribes to it.
func (m *Move) replicate(ctx context.Context) error {
	if err := m.publish(ctx); err != nil {
		return fmt.Errorf("publish the schema at the source: %w", err)
	}
	m.tell(Published, "the source publishes the schema; copying begins when the transactions that are open now have ended")
	if err := m.makeSlot(ctx); err != nil {
		return fmt.Errorf("make a replication slot at the source: %w", err)
	}
	address, err := subscriberURL(m.o.SourceFromTarget)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, m.target.conn, func(tx pgx.Tx) error {
		for _, sql := range m.helperTables() {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(`create subscription %s connection %s publication %s with (create_slot = false, slot_name = %s)`,
			m.publication(), literal(address), m.publication(), literal(m.slot())))
		if err != nil {
			return err
		}
		return m.mark(ctx, m.target, tx, postgres.Receiving)
	})
	if err != nil {
		return fmt.Errorf("subscribe at the target: %w", err)
	}
	m.tell(Subscribed, "the target copies the schema")
	return nil
}

// makeSlot waits for every transaction of the server that is open now, which a
// decoder cannot understand without its beginning.
func (m *Move) makeSlot(ctx context.Context) error {
	tx, err := m.source.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `set local lock_timeout = 0`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')`, m.slot()); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func (m *Move) helperTables() []string {
	return []string{
		`create schema ` + m.helperSchema(),
		`create table ` + m.helperSchema() + `.marker (id int primary key, n bigint not null)`,
		`create table ` + m.helperSchema() + `.full_identity (name text primary key)`,
	}
}

func (m *Move) publish(ctx context.Context) error {
	all, err := tables(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t table) bool { return t.unlogged })
	for _, sql := range m.helperTables() {
		if _, err := m.source.conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	for _, t := range all {
		if t.keyless {
			if err := m.setFullIdentity(ctx, t.name); err != nil {
				return err
			}
		}
	}
	// As the whole: which months there are is each end's own affair.
	_, err = m.source.conn.Exec(ctx, fmt.Sprintf(`create publication %s for table %s, %s.marker with (publish_via_partition_root = true)`,
		m.publication(), qualifiedList(m.o.Module, all), m.helperSchema()))
	return err
}

// setFullIdentity has updates of a table without a key logged with the whole old
// row, and notes that, so that cleaning up takes it back.
func (m *Move) setFullIdentity(ctx context.Context, name string) error {
	if _, err := m.source.conn.Exec(ctx, `insert into `+m.helperSchema()+`.full_identity values ($1)`, name); err != nil {
		return err
	}
	return m.setIdentity(ctx, name, "full")
}

// setIdentity changes a table and its partitions. It needs a lock that nobody
// else may have, for a moment.
func (m *Move) setIdentity(ctx context.Context, name, identity string) error {
	rows, err := m.source.conn.Query(ctx, `
		select relid::regclass::text from pg_catalog.pg_partition_tree($1::regclass)
		union select $1::regclass::text`, qualified(m.o.Module, name))
	if err != nil {
		return err
	}
	parts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := pgx.BeginFunc(ctx, m.source.conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `set local lock_timeout = '300ms'`); err != nil {
				return err
			}
			for _, part := range parts {
				if _, err := tx.Exec(ctx, fmt.Sprintf(`alter table %s replica identity %s`, part, identity)); err != nil {
					return err
				}
			}
			return nil
		})
		if !isLockTimeout(err) || attempt >= 100 {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// Follow waits until the target has a copy of everything and is less than half a
// second behind, prepares its statistics, and compares both ends as far as can
// be done while the source is written to.
func (m *Move) Follow(ctx context.Context) error {
	now, err := m.stage(ctx)
	if err != nil {
		return err
	}
	switch {
	case now.stage == fresh:
		return errors.New("the move has not been prepared")
	case now.stage != filling:
		return nil
	}
	if m.o.Method == Logical {
		if err := m.awaitCopies(ctx); err != nil {
			return err
		}
		if err := m.awaitLag(ctx); err != nil {
			return err
		}
		if err := m.analyse(ctx); err != nil {
			return err
		}
	}
	if err := m.compareAhead(ctx); err != nil {
		return err
	}
	m.tell(Ahead, "what is there now has been checked; only what changes from here on is checked within the pause")
	if m.o.Method == Logical {
		return m.awaitLag(ctx)
	}
	return nil
}

// analyse makes the planner's statistics: a schema that has just been filled has
// none.
func (m *Move) analyse(ctx context.Context) error {
	all, err := tables(ctx, m.target.conn, m.o.Module)
	if err != nil {
		return err
	}
	if _, err := m.target.conn.Exec(ctx, `analyze `+qualifiedList(m.o.Module, all)); err != nil {
		return fmt.Errorf("make the target's statistics: %w", err)
	}
	return nil
}

const (
	lookEvery = 100 * time.Millisecond
	tellEvery = 2 * time.Second
	// patience is how long a move waits for workers of the target that fail. They
	// try again every five seconds, and some failures pass: a table is not begun
	// while the server has no place for one more.
	patience = 30 * time.Second
)

// watch notices when the target's workers fail and get no further.
type watch struct {
	progress any
	since    time.Time
	failures int64
}

// look is an error if there has been no progress for long, and failures.
func (w *watch) look(ctx context.Context, m *Move, progress any) error {
	if w.since.IsZero() || progress != w.progress {
		failures, err := m.subscriberFailures(ctx)
		*w = watch{progress, time.Now(), failures}
		return err
	}
	if time.Since(w.since) < patience {
		return nil
	}
	failures, err := m.subscriberFailures(ctx)
	if err != nil {
		return err
	}
	if n := failures - w.failures; n > 0 {
		return fmt.Errorf("the target has failed %d times in %s to take over what the source sends, and got no further: its server's log says why; "+
			"mend that and run the move again, or abort it", n, time.Since(w.since).Round(time.Second))
	}
	return nil
}

// awaitCopies waits until every table has been copied.
func (m *Move) awaitCopies(ctx context.Context) error {
	var told time.Time
	var workers watch
	for {
		var all, ready int
		err := m.target.conn.QueryRow(ctx, `
			select count(*), count(*) filter (where r.srsubstate = 'r') from pg_catalog.pg_subscription_rel r
			join pg_catalog.pg_subscription s on s.oid = r.srsubid
			where s.subname = $1 and s.subdbid = (select oid from pg_catalog.pg_database where datname = current_database())`, m.publication()).Scan(&all, &ready)
		if err != nil {
			return fmt.Errorf("see how far the copying is: %w", err)
		}
		if all == 0 {
			return errors.New("the subscription at the target is gone: abort the move and begin again")
		}
		if ready == all {
			m.tell(Copying, "%d of %d tables are copied", ready, all)
			return nil
		}
		copied, err := m.rowsCopied(ctx)
		if err != nil {
			return err
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			m.tell(Copying, "%d of %d tables are copied, %d rows of those under way", ready, all, copied)
		}
		if err := workers.look(ctx, m, [2]int64{int64(ready), copied}); err != nil {
			return err
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

func (m *Move) rowsCopied(ctx context.Context) (n int64, err error) {
	err = m.target.conn.QueryRow(ctx, `select coalesce(sum(tuples_processed), 0)::bigint from pg_catalog.pg_stat_progress_copy
		where datname = current_database() and command = 'COPY FROM'`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("see how far the copying is: %w", err)
	}
	return n, nil
}

// subscriberFailures counts the failures of the target's workers, which
// PostgreSQL 14 does not.
func (m *Move) subscriberFailures(ctx context.Context) (n int64, err error) {
	var counted bool
	if err := m.target.conn.QueryRow(ctx, `select to_regclass('pg_catalog.pg_stat_subscription_stats') is not null`).Scan(&counted); err != nil || !counted {
		return 0, err
	}
	err = m.target.conn.QueryRow(ctx, `select coalesce(sum(apply_error_count + sync_error_count), 0)::bigint
		from pg_catalog.pg_stat_subscription_stats where subname = $1`, m.publication()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the failures of the target's workers: %w", err)
	}
	return n, nil
}

// nearEnough is how far behind the target may be when the cut begins, which waits
// for the rest.
const nearEnough = 500 * time.Millisecond

// awaitLag waits until what is committed at the source arrives at the target
// soon enough.
func (m *Move) awaitLag(ctx context.Context) error {
	for {
		start := time.Now()
		told := start
		var workers watch
		err := m.awaitMarker(ctx, func() error {
			if time.Since(told) < tellEvery {
				return nil
			}
			told = time.Now()
			m.tell(Following, "the target is more than %s behind", time.Since(start).Round(time.Second))
			return workers.look(ctx, m, nil)
		})
		if err != nil {
			return err
		}
		lag := time.Since(start)
		m.tell(Following, "the target is %s behind", lag.Round(time.Millisecond))
		if lag <= nearEnough {
			return nil
		}
	}
}

// awaitMarker commits a row at the source and waits until it is at the target.
// Transactions arrive in the order of their commits, so everything committed
// before has arrived then.
func (m *Move) awaitMarker(ctx context.Context, meanwhile func() error) error {
	var n int64
	err := m.source.conn.QueryRow(ctx, `insert into `+m.helperSchema()+`.marker (id, n) values (1, 1)
		on conflict (id) do update set n = marker.n + 1 returning n`).Scan(&n)
	if err != nil {
		return fmt.Errorf("mark the place in the source's log: %w", err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		var arrived bool
		err := m.target.conn.QueryRow(ctx, `select exists (select from `+m.helperSchema()+`.marker where id = 1 and n >= $1)`, n).Scan(&arrived)
		if err != nil {
			return fmt.Errorf("look for the mark at the target: %w", err)
		}
		if arrived {
			return nil
		}
		if err := meanwhile(); err != nil {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("wait for the target to catch up: %w", err)
		}
	}
}

// cleanUp removes what the moves of this module have made beside its schema. It
// can be repeated.
func (m *Move) cleanUp(ctx context.Context) error {
	workers, err := m.dropSubscription(ctx)
	if err != nil {
		return fmt.Errorf("drop the subscription at the target: %w", err)
	}
	return m.cleanUpSource(ctx, workers)
}

// dropSubscription returns the beginning of the names of slots that its workers
// have made at the source.
func (m *Move) dropSubscription(ctx context.Context) (workers string, err error) {
	var oid uint32
	err = m.target.conn.QueryRow(ctx, `select oid from pg_catalog.pg_subscription
		where subname = $1 and subdbid = (select oid from pg_catalog.pg_database where datname = current_database())`, m.publication()).Scan(&oid)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", err
	}
	if err == nil {
		for _, sql := range []string{
			`alter subscription ` + m.publication() + ` disable`,
			`alter subscription ` + m.publication() + ` set (slot_name = none)`,
			`drop subscription ` + m.publication(),
		} {
			if _, err := m.target.conn.Exec(ctx, sql); err != nil {
				return "", err
			}
		}
		workers = fmt.Sprintf("pg_%d_sync_", oid)
	}
	_, err = m.target.conn.Exec(ctx, `drop schema if exists `+m.helperSchema()+` cascade`)
	return workers, err
}

func (m *Move) cleanUpSource(ctx context.Context, workers string) error {
	if err := m.dropSlots(ctx, workers); err != nil {
		return fmt.Errorf("drop the replication slots at the source: %w", err)
	}
	if _, err := m.source.conn.Exec(ctx, `drop publication if exists `+m.publication()); err != nil {
		return fmt.Errorf("drop the publication at the source: %w", err)
	}
	var helper bool
	err := m.source.conn.QueryRow(ctx, `select to_regclass($1) is not null`, m.helperSchema()+`.full_identity`).Scan(&helper)
	if err != nil {
		return err
	}
	if helper {
		rows, _ := m.source.conn.Query(ctx, `select name from `+m.helperSchema()+`.full_identity`) // CollectRows returns the error
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("read which tables were changed for the move: %w", err)
		}
		for _, name := range names {
			if err := m.setIdentity(ctx, name, "default"); err != nil {
				return fmt.Errorf("take back the replica identity of %s: %w", name, err)
			}
		}
	}
	if _, err := m.source.conn.Exec(ctx, `drop schema if exists `+m.helperSchema()+` cascade`); err != nil {
		return fmt.Errorf("drop the move's own tables at the source: %w", err)
	}
	return nil
}

// dropSlots drops the slots of this module's moves. One that has a reader loses
// it first, which takes a moment.
func (m *Move) dropSlots(ctx context.Context, workers string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var left int
		err := m.source.conn.QueryRow(ctx, `
			with mine as (
				select slot_name, active_pid from pg_catalog.pg_replication_slots
				where database = current_database() and (slot_name ~ $1 or $2 <> '' and starts_with(slot_name, $2))
			), ended as (
				select pg_catalog.pg_terminate_backend(active_pid) from mine where active_pid is not null
			), dropped as (
				select pg_catalog.pg_drop_replication_slot(slot_name) from mine where active_pid is null
			)
			select (select count(*) from ended) + (select count(*) from dropped) * 0`, `^lyceum_`+m.o.Module+`_[0-9a-f]{12}$`, workers).Scan(&left)
		var pgErr *pgconn.PgError
		inUse := errors.As(err, &pgErr) && pgErr.Code == "55006" // object_in_use: taken meanwhile
		if err != nil && !inUse {
			return err
		}
		if left == 0 && !inUse {
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}
