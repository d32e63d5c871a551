package boundary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
)

const (
	insufficientPrivilege = "42501"
	undefinedTable        = "42P01"
	noSchemaToCreateIn    = "3F000"
)

// refused fails the test unless the server refuses sql with one of the codes.
func refused(t *testing.T, conn interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, who, sql string, codes ...string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || !slices.Contains(codes, pgErr.Code) {
		t.Errorf("%s: %s: got %v, want a refusal %v", who, sql, err, codes)
	}
}

func allowed(t *testing.T, pool *pgxpool.Pool, who, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Errorf("%s: %s: %v", who, sql, err)
	}
}

func TestAModuleReachesItsOwnDataOnly(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	for _, module := range migrations.Modules() {
		pool, who := database.DB(t, module).Pool, postgres.AppRole(module)
		allowed(t, pool, who, fmt.Sprintf(`select seq from %s.event_heads`, module))
		allowed(t, pool, who, fmt.Sprintf(`update %s.event_heads set seq = seq`, module))
		for _, other := range migrations.Modules() {
			if other == module {
				continue
			}
			for _, sql := range []string{
				`select seq from %s.event_heads`,
				`update %s.event_heads set seq = 0`,
				`insert into %s.event_heads (partition) values (0)`,
				`delete from %s.outbox`,
				`select nextval('%s.outbox_id_seq')`,
				`select %s.maintain_event_log('1 day', 1)`,
				`set role lyceum_%s_owner`,
				`set role lyceum_%s_app`,
			} {
				refused(t, pool, who, fmt.Sprintf(sql, other), insufficientPrivilege)
			}
		}
	}
}

func TestAModuleNamesItsSchema(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	for _, module := range migrations.Modules() {
		refused(t, database.DB(t, module).Pool, postgres.AppRole(module), `select seq from event_heads`, undefinedTable)
	}
}

func TestAModuleCannotChangeItsSchema(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	for _, module := range migrations.Modules() {
		pool := database.DB(t, module).Pool
		for _, sql := range []string{
			`create table {m}.more (id int)`,
			`create table public.more (id int)`,
			`create temporary table more (id int)`,
			`create schema more`,
			`create view {m}.more as select 1`,
			`create function {m}.more() returns int language sql as 'select 1'`,
			`alter table {m}.outbox add column more int`,
			`drop table {m}.outbox`,
			`truncate {m}.outbox`,
			`create index more on {m}.outbox (event_type)`,
			`set role lyceum_{m}_owner`,
		} {
			refused(t, pool, postgres.AppRole(module), strings.ReplaceAll(sql, "{m}", module), insufficientPrivilege)
		}
		refused(t, pool, postgres.AppRole(module), `create table more (id int)`, noSchemaToCreateIn)
	}
}

// Migrations run as the owner: it must be confined as the module is.
func TestTheOwnerOfASchemaReachesNoOther(t *testing.T) {
	t.Parallel()
	admin := postgrestest.New(t).Admin(t)
	for _, module := range migrations.Modules() {
		owner := postgres.OwnerRole(module)
		as(t, admin, owner, func(conn *pgx.Conn) {
			sql := fmt.Sprintf(`create table %[1]s.guard (p smallint references %[1]s.event_heads)`, module)
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Errorf("%s: %s: %v", owner, sql, err)
			}
			for _, other := range migrations.Modules() {
				if other == module {
					continue
				}
				for _, sql := range []string{
					`select seq from %[2]s.event_heads`,
					`create table %[1]s.crossing (p smallint references %[2]s.event_heads)`,
					`create view %[1]s.crossing as select * from %[2]s.event_heads`,
					`create table %[2]s.crossing (id int)`,
				} {
					refused(t, conn, owner, fmt.Sprintf(sql, module, other), insufficientPrivilege)
				}
			}
		})
	}
}

// as runs f on a connection that acts as role.
func as(t *testing.T, admin *pgxpool.Pool, role string, f func(*pgx.Conn)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), admin.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `set role `+role); err != nil {
		t.Fatal(err)
	}
	f(conn)
}

// crossings finds in the catalogue whatever ties one module's schema to
// another's, of the modules given as $1.
const crossings = `
with module as (
	select n.oid, n.nspname as name from pg_catalog.pg_namespace n where n.nspname = any($1)
), relation as (
	select c.oid, c.relname, m.name as module from pg_catalog.pg_class c join module m on m.oid = c.relnamespace
), routine as (
	select p.oid, p.proname, p.prosrc, m.name as module from pg_catalog.pg_proc p join module m on m.oid = p.pronamespace
)
select 'foreign key ' || c.conname || ' of ' || a.module || ' on ' || b.module
	from pg_catalog.pg_constraint c join relation a on a.oid = c.conrelid join relation b on b.oid = c.confrelid
	where c.contype = 'f' and a.module <> b.module
union all
select 'view ' || v.relname || ' of ' || v.module || ' on ' || b.module
	from pg_catalog.pg_rewrite r join relation v on v.oid = r.ev_class
	join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
	join (select oid, module, 'pg_catalog.pg_class'::regclass as class from relation
		union all select oid, module, 'pg_catalog.pg_proc'::regclass from routine) b on b.oid = d.refobjid and b.class = d.refclassid
	where v.module <> b.module
union all
select 'partition or child ' || a.relname || ' of ' || a.module || ' of a table of ' || b.module
	from pg_catalog.pg_inherits i join relation a on a.oid = i.inhrelid join relation b on b.oid = i.inhparent
	where a.module <> b.module
union all
select 'trigger ' || t.tgname || ' of ' || a.module || ' calling ' || f.module
	from pg_catalog.pg_trigger t join relation a on a.oid = t.tgrelid join routine f on f.oid = t.tgfoid
	where a.module <> f.module
union all
select 'default or check of ' || a.module || ' on ' || b.module
	from pg_catalog.pg_depend d
	left join pg_catalog.pg_attrdef x on d.classid = 'pg_catalog.pg_attrdef'::regclass and x.oid = d.objid
	left join pg_catalog.pg_constraint c on d.classid = 'pg_catalog.pg_constraint'::regclass and c.oid = d.objid and c.contype = 'c'
	join relation a on a.oid = coalesce(x.adrelid, c.conrelid)
	join (select oid, module, 'pg_catalog.pg_class'::regclass as class from relation
		union all select oid, module, 'pg_catalog.pg_proc'::regclass from routine) b on b.oid = d.refobjid and b.class = d.refclassid
	where a.module <> b.module
union all
select 'function ' || f.proname || ' of ' || f.module || ' naming ' || m.name
	from routine f join module m on m.name <> f.module
	where f.prosrc ~* ('\m' || m.name || '"?\s*\.\s*"?[a-z_]')
union all
select 'right of ' || r.rolname || ' to schema ' || m.name
	from module m, pg_catalog.pg_roles r
	where r.rolname ~ '^lyceum_[a-z0-9_]+_(app|owner)$' and r.rolname not in ('lyceum_' || m.name || '_app', 'lyceum_' || m.name || '_owner')
	and (pg_catalog.has_schema_privilege(r.oid, m.oid, 'USAGE') or pg_catalog.has_schema_privilege(r.oid, m.oid, 'CREATE'))
union all
select 'membership of ' || r.rolname || ' in ' || g.rolname
	from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.member join pg_catalog.pg_roles g on g.oid = a.roleid
	where r.rolname ~ '^lyceum_[a-z0-9_]+_(app|owner)$'`

func findCrossings(t *testing.T, tx pgx.Tx) []string {
	t.Helper()
	rows, err := tx.Query(t.Context(), crossings, migrations.Modules())
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNothingInTheDatabaseTiesModulesTogether(t *testing.T) {
	t.Parallel()
	admin := postgrestest.New(t).Admin(t)
	inTxRolledBack(t, admin, func(tx pgx.Tx) {
		for _, crossing := range findCrossings(t, tx) {
			t.Error(crossing)
		}
	})
}

// The guard is not trusted before each kind of tie has been made, by somebody
// who may, and found.
func TestEachKindOfTieIsFound(t *testing.T) {
	t.Parallel()
	admin := postgrestest.New(t).Admin(t)
	for _, test := range []struct{ name, violation, want string }{
		{"foreign key", `create table users.x (p smallint references content.event_heads)`, "foreign key x_p_fkey of users on content"},
		{"view", `create view users.x as select * from content.event_heads`, "view x of users on content"},
		{"view that calls", `create view users.x as select (content.maintain_event_log('1 day', 1)).created`, "view x of users on content"},
		{"materialised view", `create materialized view users.x as select * from content.event_heads`, "view x of users on content"},
		{"child table", `create table users.x () inherits (content.event_heads)`, "partition or child x of users of a table of content"},
		{"trigger", `create function content.f() returns trigger language plpgsql as 'begin return new; end';
			create trigger x before insert on users.event_heads for each row execute function content.f()`, "trigger x of users calling content"},
		{"default", `create table users.x (id bigint default nextval('content.outbox_id_seq'))`, "default or check of users on content"},
		{"check", `create function content.f() returns bool language sql as 'select true';
			create table users.x (id bigint check (content.f()))`, "default or check of users on content"},
		{"function", `create function users.x() returns void language plpgsql as 'begin delete from Content . event_heads; end'`, "function x of users naming content"},
		{"function, quoted", `create function users.x() returns void language plpgsql as 'begin delete from "content"."event_heads"; end'`, "function x of users naming content"},
		{"right", `grant usage on schema content to lyceum_users_app`, "right of lyceum_users_app to schema content"},
		{"right of everybody", `grant create on schema content to public`, "right of lyceum_users_owner to schema content"},
		{"membership", `grant lyceum_content_app to lyceum_users_app`, "membership of lyceum_users_app in lyceum_content_app"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTxRolledBack(t, admin, func(tx pgx.Tx) {
				if _, err := tx.Exec(t.Context(), test.violation); err != nil {
					t.Fatal(err)
				}
				if found := findCrossings(t, tx); !slices.Contains(found, test.want) {
					t.Errorf("found %q, want %q among it", found, test.want)
				}
			})
		})
	}
}

// inTxRolledBack leaves no trace, not even of what concerns the whole cluster.
func inTxRolledBack(t *testing.T, pool *pgxpool.Pool, f func(pgx.Tx)) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	f(tx)
}

// The refusals above come from the roles' rights and from nothing else: given
// the right, the same statement passes.
func TestARightGivenWouldBeUsed(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	admin, users := database.Admin(t), database.DB(t, "users").Pool
	refused(t, users, "users", `select seq from content.event_heads`, insufficientPrivilege)
	allowed(t, admin, "admin", `grant usage on schema content to lyceum_users_app, lyceum_users_owner`)
	allowed(t, admin, "admin", `grant select, references on content.event_heads to lyceum_users_app, lyceum_users_owner`)
	allowed(t, users, "users", `select seq from content.event_heads`)
	as(t, admin, "lyceum_users_owner", func(conn *pgx.Conn) {
		if _, err := conn.Exec(t.Context(), `create table users.crossing (p smallint references content.event_heads)`); err != nil {
			t.Error(err)
		}
	})
}
