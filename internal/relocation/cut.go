package relocation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// afterShut bounds what is done once the source is shut, which the end of the
// caller's context does not interrupt: nobody serves until it is done.
const afterShut = time.Minute

// Cut ends the move: the source is shut and the target opened. If an earlier run
// has shut the source, it only opens the target. An error before the source is
// shut leaves it serving; one after that is ended by cutting again.
func (m *Move) Cut(ctx context.Context) (Result, error) {
	result := Result{Resumed: m.resumed}
	defer func() {
		if m.ahead != nil {
			m.ahead.close(ctx)
			m.ahead = nil
		}
	}()
	now, err := m.stage(ctx)
	if err != nil {
		return result, err
	}
	switch now.stage {
	case fresh:
		return result, errors.New("the move has not been prepared")
	case filling:
		err = m.cut(ctx, &result)
	case sourceShut:
		err = m.finish(ctx, &result)
	}
	if err != nil {
		return result, err
	}
	if m.o.Method == Dump && now.stage != finished {
		if err := m.analyse(ctx); err != nil {
			return result, err
		}
	}
	// The target serves. What follows is not urgent.
	if err := m.cleanUp(ctx); err != nil {
		return result, fmt.Errorf("the module has been moved and serves at the target, but cleaning up failed (run the move again): %w", err)
	}
	m.tell(CleanedUp, "the source keeps its schema, shut, as it was when the module left")
	return result, nil
}

// cut holds migrators of both ends out for its duration: they change the same
// rights, and the tables.
func (m *Move) cut(ctx context.Context, result *Result) error {
	if m.ahead == nil {
		c, err := m.openChecksums(ctx)
		if err != nil {
			return err
		}
		m.ahead = c
	}
	locker, err := m.source.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = locker.Close(context.WithoutCancel(ctx)) }()
	if err := migrations.TakeTurn(ctx, locker); err != nil {
		return err
	}
	return m.withTurn(ctx, m.target, func(*pgx.Conn) error { return m.cutAlone(ctx, locker, result) })
}

func (m *Move) cutAlone(ctx context.Context, locker *pgx.Conn, result *Result) error {
	before, err := tables(ctx, m.target.conn, m.o.Module)
	if err != nil {
		return err
	}
	if err := m.emptyCopied(ctx, before); err != nil {
		return err
	}
	tx, err := locker.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin the cut: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	all, err := m.lock(ctx, tx, result)
	if err != nil {
		return err
	}
	locked := time.Now()
	limited, cancel := context.WithDeadline(ctx, locked.Add(m.o.MaxPause))
	defer cancel()
	m.tell(Locked, "writers wait")
	if err := m.complete(limited, all, result); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("the pause would have become longer than %s; the source serves on (raise --max-pause, or move at a quieter hour): %w", m.o.MaxPause, err)
		}
		return err
	}
	if err := m.shutSource(ctx, limited, tx); err != nil {
		return err
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("the source is shut and the target could not be opened: run the move again at once, or abort it: %w", err)
	}
	result.Pause = time.Since(locked)
	m.tell(TargetOpen, "the module is served at the target; writers waited for %s", result.Pause.Round(time.Millisecond))
	return nil
}

const (
	// lockPatience is how long the cut tries to get the tables.
	lockPatience = time.Minute
	// The longest wait of one attempt, in which writers queue up behind it.
	firstLockWait, longestLockWait = 100 * time.Millisecond, 800 * time.Millisecond
)

// lock keeps writers out of every table and lets readers go on. First it waits
// for who is in the way without being in anybody's: those that clean or change
// tables. Then it tries for moments to get all tables, and lets the writers go on
// between two attempts.
func (m *Move) lock(ctx context.Context, tx pgx.Tx, result *Result) ([]table, error) {
	all, err := tables(ctx, tx, m.o.Module)
	if err != nil {
		return nil, err
	}
	list := qualifiedList(m.o.Module, all)
	// If this process vanishes without its connections being closed, the server
	// lets go of the tables by itself.
	_, err = tx.Exec(ctx, fmt.Sprintf(`set local idle_in_transaction_session_timeout = %d`, (m.o.MaxPause+5*time.Second).Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("lock the tables: %w", err)
	}
	if _, err := tx.Exec(ctx, `lock table `+list+` in share update exclusive mode`); err != nil {
		return nil, fmt.Errorf("wait for those who clean or change the tables: %w", err)
	}
	deadline := time.Now().Add(lockPatience)
	for wait := firstLockWait; ; wait = min(wait*3/2, longestLockWait) {
		result.Attempts++
		start := time.Now()
		err := m.tryLock(ctx, tx, list, wait)
		if err == nil {
			return all, m.sameNow(ctx, all)
		}
		if !isLockTimeout(err) {
			return nil, fmt.Errorf("lock the tables: %w", err)
		}
		result.Blocked = max(result.Blocked, time.Since(start))
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the tables were in use all the time for %s; the source serves on; look for long transactions: %s: %w",
				lockPatience, m.inTheWay(ctx), err)
		}
		if err := pause(ctx, wait+rand.N(wait)); err != nil {
			return nil, err
		}
	}
}

func (m *Move) tryLock(ctx context.Context, tx pgx.Tx, list string, wait time.Duration) error {
	attempt, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	// The one bounds the wait for each table, the other that for all.
	_, err = attempt.Exec(ctx, fmt.Sprintf(`set local lock_timeout = %d; set local statement_timeout = %d`, wait.Milliseconds(), 2*wait.Milliseconds()))
	if err == nil {
		_, err = attempt.Exec(ctx, `lock table `+list+` in exclusive mode`)
	}
	if err != nil {
		return errors.Join(err, attempt.Rollback(ctx))
	}
	if _, err := attempt.Exec(ctx, `set local lock_timeout = '10s'; set local statement_timeout = 0`); err != nil {
		return err
	}
	return attempt.Commit(ctx)
}

// inTheWay names the sessions that have written to the tables for longest.
func (m *Move) inTheWay(ctx context.Context) string {
	rows, err := m.source.conn.Query(ctx, `
		select format('process %s (%s, %s, for %s)', a.pid, a.usename, a.application_name, date_trunc('second', now() - a.xact_start))
		from pg_stat_activity a where a.datname = current_database() and a.pid in (
			select l.pid from pg_locks l join pg_class c on c.oid = l.relation
			where l.granted and c.relnamespace = (select oid from pg_namespace where nspname = $1)
				and l.mode in ('RowShareLock', 'RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
			and a.application_name <> 'lyceum/relocate'
		order by a.xact_start limit 3`, m.o.Module)
	if err != nil {
		return err.Error()
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return "none is there now"
	}
	return strings.Join(names, ", ")
}

// sameNow makes sure that nobody has changed the schema since the move began.
func (m *Move) sameNow(ctx context.Context, all []table) error {
	target, err := tables(ctx, m.target.conn, m.o.Module)
	if err != nil {
		return err
	}
	return sameTables(all, target)
}

// complete brings the target up to what the source has, and compares. Nobody
// writes to the source.
func (m *Move) complete(ctx context.Context, all []table, result *Result) error {
	if m.o.Method == Logical {
		if err := m.awaitMarker(ctx, func() error { return nil }); err != nil {
			return err
		}
	}
	if err := m.copyTables(ctx, all); err != nil {
		return err
	}
	if err := m.copySequences(ctx); err != nil {
		return err
	}
	m.tell(CaughtUp, "the target has everything")
	rows, err := m.ahead.compare(ctx, all)
	if err != nil {
		return err
	}
	result.Tables, result.Rows = len(all), rows
	for _, t := range all {
		result.Bytes += t.bytes
	}
	m.tell(Compared, "%d rows of %d tables are the same at both ends", rows, len(all))
	// The first commit that waits for the disk at the target: what replication has
	// brought is durable with it.
	if err := m.mark(ctx, m.target, m.target.conn, postgres.Complete); err != nil {
		return err
	}
	m.tell(TargetComplete, "the target is complete")
	return nil
}

// shutSource shuts the source for the module, for good with the commit of tx.
// Until then an error undoes it. While the tables are locked nobody new is let
// in and who is in is thrown out, so nobody is left who could write once they
// are free; the rights to the tables go too, in case somebody is let in again.
func (m *Move) shutSource(ctx, limited context.Context, tx pgx.Tx) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, m.reopen(ctx))
		}
	}()
	if err := postgres.LetConnect(limited, m.source.conn, m.o.Module, m.source.database, false); err != nil {
		return err
	}
	if err := m.source.throwOut(limited); err != nil {
		return err
	}
	m.tell(ShutOut, "nobody is connected as the module at the source")
	if err := postgres.TakeTables(limited, tx, m.o.Module); err != nil {
		return err
	}
	if err := m.mark(limited, m.source, tx, postgres.Left); err != nil {
		return err
	}
	if err := tx.Commit(limited); err != nil && !m.isShut(ctx) {
		return fmt.Errorf("shut the source: %w", err)
	}
	m.tell(SourceShut, "the source is shut")
	return nil
}

// isShut reports whether the source is shut for good, after a commit of which
// nobody knows how it ended.
func (m *Move) isShut(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	conn, err := m.source.connect(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close(ctx) }()
	standing, _, err := postgres.ReadStanding(ctx, conn, m.o.Module)
	return err == nil && standing.State == postgres.Left
}

// reopen lets the module in again after a cut that failed.
func (m *Move) reopen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// The session of the move may be what has failed.
	conn, err := m.source.connect(ctx)
	if err == nil {
		defer func() { _ = conn.Close(ctx) }()
		err = postgres.LetConnect(ctx, conn, m.o.Module, m.source.database, true)
	}
	if err != nil {
		return fmt.Errorf("the module could not be let in again: run the move again or abort it: %w", err)
	}
	return nil
}

// throwOut ends the module's sessions at this end and waits until they are gone.
// Nobody new must be let in.
func (e *end) throwOut(ctx context.Context) error {
	for {
		var left int
		err := e.conn.QueryRow(ctx, `select count(pg_catalog.pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity
			where datname = current_database() and usename = $1`, postgres.AppRole(e.module)).Scan(&left)
		if err != nil {
			return fmt.Errorf("end the module's sessions at the %s: %w", e.name, err)
		}
		if left == 0 {
			return nil
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return fmt.Errorf("end the module's sessions at the %s: %w", e.name, err)
		}
	}
}

// open lets the module use the target.
func (m *Move) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterShut)
	defer cancel()
	return pgx.BeginFunc(ctx, m.target.conn, func(tx pgx.Tx) error {
		if err := postgres.LetConnect(ctx, tx, m.o.Module, m.target.database, true); err != nil {
			return err
		}
		return m.mark(ctx, m.target, tx, postgres.Arrived)
	})
}

// finish opens the target after a run that shut the source and died. It makes
// sure again that the target is complete: its server may have died, too.
func (m *Move) finish(ctx context.Context, result *Result) error {
	if m.ahead == nil {
		c, err := m.openChecksums(ctx)
		if err != nil {
			return err
		}
		m.ahead = c
	}
	all, err := tables(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	if err := m.sameNow(ctx, all); err != nil {
		return err
	}
	if err := m.emptyCopied(ctx, all); err != nil {
		return err
	}
	if err := m.complete(ctx, all, result); err != nil {
		return err
	}
	err = m.withTurn(ctx, m.target, func(*pgx.Conn) error { return m.open(ctx) })
	if err != nil {
		return err
	}
	m.tell(TargetOpen, "the module is served at the target")
	return nil
}
