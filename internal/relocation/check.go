package relocation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// Finding is one condition of a move.
type Finding struct {
	// What is the condition.
	What string
	OK   bool
	// Note says what was found or, if the condition is not met, what to do.
	Note string
}

// Refusal is an error that names every condition that is not met, nil if all are.
func Refusal(findings []Finding) error {
	var missing []string
	for _, f := range findings {
		if !f.OK {
			missing = append(missing, f.What+": "+f.Note)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return errors.New("the move cannot begin: " + strings.Join(missing, "; "))
}

// checklist collects findings.
type checklist struct{ all []Finding }

func (c *checklist) add(what string, ok bool, good, remedy string) {
	note := good
	if !ok {
		note = remedy
	}
	c.all = append(c.all, Finding{What: what, OK: ok, Note: strings.Join(strings.Fields(note), " ")}) // servers write lines
}

// facts are what a server says of itself and of the administrator's login.
type facts struct {
	version                                                             int
	standby, super, replication, createRole, ownsDatabase, signals      bool
	ownsSchema, appSuper, createsSubscriptions                          bool
	encoding, walLevel, user                                            string
	freeSlots, freeSenders, freeWorkers, freeOrigins, prepared, writers int
	others                                                              []string
}

const oldestServer = 140000

func (e *end) facts(ctx context.Context) (f facts, err error) {
	owner, app := postgres.OwnerRole(e.module), postgres.AppRole(e.module)
	err = e.conn.QueryRow(ctx, `
		select current_setting('server_version_num')::int, pg_is_in_recovery(), r.rolsuper, r.rolreplication, r.rolcreaterole,
			pg_has_role(current_user, d.datdba, 'usage'),
			pg_has_role(current_user, 'pg_signal_backend', 'usage') or coalesce((select pg_has_role(current_user, oid, 'usage') from pg_roles where rolname = $2), false),
			coalesce((select pg_has_role(current_user, oid, 'usage') from pg_roles where rolname = $1), false),
			coalesce((select rolsuper from pg_roles where rolname = $2), false),
			coalesce((select pg_has_role(current_user, oid, 'usage') from pg_roles where rolname = 'pg_create_subscription'), false),
			pg_encoding_to_char(d.encoding), current_setting('wal_level'), current_user,
			current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots),
			current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication),
			current_setting('max_logical_replication_workers')::int - (select count(*) from pg_stat_subscription where pid is not null),
			current_setting('max_replication_slots')::int - (select count(*) from pg_replication_origin),
			(select count(*) from pg_prepared_xacts where database = current_database()),
			(select count(*) from pg_stat_activity where datname = current_database() and usename = $2)
		from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()`, owner, app).Scan(
		&f.version, &f.standby, &f.super, &f.replication, &f.createRole, &f.ownsDatabase, &f.signals, &f.ownsSchema, &f.appSuper,
		&f.createsSubscriptions, &f.encoding, &f.walLevel, &f.user, &f.freeSlots, &f.freeSenders, &f.freeWorkers, &f.freeOrigins, &f.prepared, &f.writers)
	if err != nil {
		return f, fmt.Errorf("look at the %s: %w", e.name, err)
	}
	// Who else may write would go on writing at the source after the cut.
	rows, err := e.conn.Query(ctx, `
		select distinct a.grantee::regrole::text from pg_class c, aclexplode(c.relacl) a
		where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relkind in ('r', 'p')
			and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
			and a.grantee not in (select oid from pg_roles where rolname in ($2, $3))
		union
		select distinct usename::text from pg_stat_activity
		where datname = current_database() and application_name = 'lyceum/' || $1 and usename <> $3`, e.module, owner, app)
	if err != nil {
		return f, fmt.Errorf("look for who else may write at the %s: %w", e.name, err)
	}
	if f.others, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return f, fmt.Errorf("look for who else may write at the %s: %w", e.name, err)
	}
	return f, nil
}

// Check looks at every condition of the move and changes nothing. An error means
// that it could not look.
func (m *Move) Check(ctx context.Context) ([]Finding, error) {
	var c checklist
	now, err := m.stage(ctx)
	if refused := (refusal{}); errors.As(err, &refused) {
		c.add("both ends are ready for this move", false, "", refused.Error())
		return c.all, nil
	}
	if err != nil {
		return nil, err
	}
	if now.earlier != "" {
		c.add("both ends are ready for this move", true, now.earlier, "")
	}
	if now.stage == sourceShut || now.stage == finished {
		return c.all, nil
	}
	source, err := m.source.facts(ctx)
	if err != nil {
		return nil, err
	}
	target, err := m.target.facts(ctx)
	if err != nil {
		return nil, err
	}
	standing, exists, err := m.target.standing(ctx)
	if err != nil {
		return nil, err
	}
	m.checkServers(&c, source, target)
	if exists && !standing.Shut() {
		c.add("nobody uses the target's schema yet", target.writers == 0, "none of its module's sessions is there",
			fmt.Sprintf("%d sessions of %s are in the target database, whose schema would be replaced: stop the process (the module's own process "+
				"is started with --await-database and with its login alone, and waits for the move)", target.writers, postgres.AppRole(m.o.Module)))
	}
	m.checkRights(&c, source, target)
	if err := m.checkSchema(ctx, &c); err != nil {
		return nil, err
	}
	if m.o.Method == Logical && now.stage == fresh {
		m.checkReplication(ctx, &c, source, target)
	}
	return c.all, nil
}

func (m *Move) checkServers(c *checklist, source, target facts) {
	for _, e := range []struct {
		end   *end
		facts facts
	}{{m.source, source}, {m.target, target}} {
		f := e.facts
		c.add("the "+e.end.name+" is a PostgreSQL that can be written to", f.version >= oldestServer && !f.standby,
			fmt.Sprintf("version %d.%d at %s", f.version/10000, f.version%10000, e.end.place),
			fmt.Sprintf("%s has version %d.%d (14 or later is needed) or is a standby: name the server itself", e.end.place, f.version/10000, f.version%10000))
	}
	c.add("both databases have one encoding", source.encoding == target.encoding, source.encoding,
		fmt.Sprintf("%s at the source and %s at the target: create the target with encoding %s", source.encoding, target.encoding, source.encoding))
	c.add("no prepared transaction holds locks at the source", source.prepared == 0, "none",
		fmt.Sprintf("%d are prepared (pg_prepared_xacts): commit or roll them back", source.prepared))
}

func (m *Move) checkRights(c *checklist, source, target facts) {
	module, app := m.o.Module, postgres.AppRole(m.o.Module)
	c.add("the source's login may shut the module out", source.super || (source.ownsDatabase && source.ownsSchema && source.signals), source.user,
		fmt.Sprintf("%s must be a superuser, or own the database, be a member of %s and of pg_signal_backend", source.user, postgres.OwnerRole(module)))
	c.add("the target's login may make the module's schema", target.super || (target.ownsDatabase && target.createRole), target.user,
		fmt.Sprintf("%s must be a superuser, or own the database and have CREATEROLE", target.user))
	c.add("nobody but the module writes to its schema", !source.appSuper && len(source.others) == 0, app,
		fmt.Sprintf("the source would not be shut to them: %s; take their rights, or log the module in as %s, which must not be a superuser",
			strings.Join(append(source.others, map[bool][]string{true: {app}}[source.appSuper]...), ", "), app))
	if m.o.Method != Logical {
		return
	}
	c.add("the source's login may replicate", source.super || source.replication, source.user,
		fmt.Sprintf("%s must be a superuser or have the attribute REPLICATION", source.user))
	c.add("the target's login may subscribe", target.super || target.createsSubscriptions, target.user,
		fmt.Sprintf("%s must be a superuser or, from PostgreSQL 16, a member of pg_create_subscription; or use --method %s", target.user, Dump))
}

// checkSchema looks at what is to be moved.
func (m *Move) checkSchema(ctx context.Context, c *checklist) error {
	lines, err := versions(ctx, m.source)
	if err != nil {
		return err
	}
	var unlike []string
	for _, l := range lines {
		if l.Behind() || l.Ahead() {
			unlike = append(unlike, fmt.Sprintf("%s is at %d and this release at %d", l.Line, l.Applied, l.Known))
		}
	}
	c.add("the schema is that of this release", len(unlike) == 0, "as the target's will be",
		strings.Join(unlike, ", ")+": run platform migrate first, or move with the release that the schema is of")
	all, err := tables(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	var unlogged, keyless []string
	var bytes int64
	for _, t := range all {
		bytes += t.bytes
		if t.unlogged {
			unlogged = append(unlogged, t.name)
		}
		if t.keyless {
			keyless = append(keyless, t.name)
		}
	}
	c.add("there is something to move", len(all) > 0, fmt.Sprintf("%d tables, %s", len(all), size(bytes)), "the schema has no tables")
	if m.o.Method == Dump {
		_, err := inOrder(ctx, m.source.conn, m.o.Module, all)
		c.add("the tables can be copied one after the other", err == nil, "all of them within the pause", fmt.Sprint(err))
		return nil
	}
	if len(unlogged) > 0 {
		c.add("unlogged tables are small", true, strings.Join(unlogged, ", ")+" cannot be followed and is copied within the pause", "")
	}
	if len(keyless) > 0 {
		c.add("updates can be followed", true, strings.Join(keyless, ", ")+" has no primary key: whole rows are written to the log until the move is over", "")
	}
	return nil
}

// versions reports how far the schema has come at an end.
func versions(ctx context.Context, e *end) ([]migrations.Status, error) {
	config, err := pgxpool.ParseConfig(e.url)
	if err != nil {
		return nil, fmt.Errorf("the URL of the %s: %w", e.name, err)
	}
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the %s: %w", e.name, err)
	}
	defer pool.Close()
	lines, err := migrations.Report(ctx, pool, e.module)
	if err != nil {
		return nil, fmt.Errorf("the %s: %w", e.name, err)
	}
	return lines, nil
}

// Copying uses a slot, a sender and a worker for the stream, and up to two for
// tables that are being copied.
const streams = 3

func (m *Move) checkReplication(ctx context.Context, c *checklist, source, target facts) {
	c.add("the source logs what replication needs", source.walLevel == "logical", "wal_level = logical",
		fmt.Sprintf("wal_level is %s: alter system set wal_level = 'logical', restart the server; or use --method %s", source.walLevel, Dump))
	c.add("the source has replication slots to spare", source.freeSlots >= streams, fmt.Sprintf("%d are free", source.freeSlots),
		fmt.Sprintf("%d are free and %d needed: raise max_replication_slots and restart, or drop those that nobody uses", source.freeSlots, streams))
	c.add("the source has senders to spare", source.freeSenders >= streams, fmt.Sprintf("%d are free", source.freeSenders),
		fmt.Sprintf("%d are free and %d needed: raise max_wal_senders and restart", source.freeSenders, streams))
	c.add("the target has workers to spare", target.freeWorkers >= streams && target.freeOrigins >= streams, fmt.Sprintf("%d are free", target.freeWorkers),
		fmt.Sprintf("%d workers and %d origins are free and %d needed: raise max_logical_replication_workers, max_worker_processes and "+
			"max_replication_slots and restart", target.freeWorkers, target.freeOrigins, streams))
	if source.walLevel != "logical" || !target.super && !target.createsSubscriptions {
		return
	}
	err := m.tryReach(ctx)
	c.add("the target reaches the source", err == nil, "it has connected",
		fmt.Sprintf("%v; the target's server itself connects to the source: give --from-as-seen the URL that leads there from it, open the "+
			"way (listen_addresses, pg_hba.conf, firewall), or use --method %s", err, Dump))
}

// tryReach has the target's server connect to the source, in a transaction that
// is rolled back.
func (m *Move) tryReach(ctx context.Context) error {
	tx, err := m.target.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	url, err := subscriberURL(m.o.SourceFromTarget)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`create subscription lyceum_reach connection %s publication lyceum_reach
		with (enabled = false, create_slot = false, slot_name = none)`, literal(url)))
	return err
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.0f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d kB", bytes>>10)
}
