package relocation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/migrations"
)

// querier is a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// table is a table of the schema that is moved, or a partitioned table as a
// whole. The version tables are none.
type table struct {
	name     string
	unlogged bool
	columns  []column
	// keyless tables have nothing that updates could be followed by.
	keyless bool
	bytes   int64
}

type column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Hashable bool   `json:"hashable"`
}

func (t table) columnList() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	return strings.Join(names, ", ")
}

// shape is what must be equal at both ends for rows to fit.
func (t table) shape() string {
	var b strings.Builder
	for _, c := range t.columns {
		fmt.Fprintf(&b, "%s %s, ", c.Name, c.Type)
	}
	return b.String()
}

// leaderTable says which process leads the jobs. That is settled anew.
const leaderTable = "river_leader"

// tables lists what is moved, by name. Generated columns are not: each end
// computes its own.
func tables(ctx context.Context, q querier, module string) ([]table, error) {
	rows, err := q.Query(ctx, `
		select c.relname, c.relpersistence = 'u',
			c.relkind = 'r' and c.relreplident in ('d', 'n') and not exists (
				select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and c.relreplident = 'd'),
			(select pg_catalog.sum(pg_catalog.pg_total_relation_size(coalesce(p.relid, c.oid)))::bigint from pg_catalog.pg_partition_tree(c.oid) p),
			pg_catalog.pg_total_relation_size(c.oid),
			(select pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
					'hashable', exists (select from pg_catalog.pg_opclass o join pg_catalog.pg_am m on m.oid = o.opcmethod
						where m.amname = 'hash' and o.opcdefault and o.opcintype = a.atttypid)) order by a.attname)
				from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')
		from pg_catalog.pg_class c
		where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)
			and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> all($2)
		order by c.relname collate "C"`, module, append(migrations.VersionTables(), leaderTable))
	if err != nil {
		return nil, fmt.Errorf("list the tables of schema %s: %w", module, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		var ofTree *int64
		err = row.Scan(&t.name, &t.unlogged, &t.keyless, &ofTree, &t.bytes, &t.columns)
		if ofTree != nil {
			t.bytes = *ofTree
		}
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables of schema %s: %w", module, err)
	}
	return all, nil
}

// difference says in what the tables of the ends differ, empty if in nothing.
func difference(source, target []table) string {
	shapes := func(all []table) map[string]string {
		m := map[string]string{}
		for _, t := range all {
			m[t.name] = t.shape()
		}
		return m
	}
	at, there := shapes(source), shapes(target)
	var found []string
	for name, shape := range at {
		switch other, ok := there[name]; {
		case !ok:
			found = append(found, name+" is missing at the target")
		case other != shape:
			found = append(found, name+" has other columns at the target")
		}
	}
	for name := range there {
		if _, ok := at[name]; !ok {
			found = append(found, name+" is missing at the source")
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// sameTables is an error if the tables of the ends differ.
func sameTables(source, target []table) error {
	if d := difference(source, target); d != "" {
		return fmt.Errorf("the schemas differ: %s; they must be of the same release, and nobody may have changed them by hand", d)
	}
	return nil
}

// inOrder sorts tables so that each comes after those that its foreign keys
// refer to. Tables that refer to each other in a circle cannot be sorted.
func inOrder(ctx context.Context, q querier, module string, all []table) ([]table, error) {
	rows, err := q.Query(ctx, `
		select c.relname, f.relname from pg_catalog.pg_constraint k
		join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_class f on f.oid = k.confrelid
		where k.contype = 'f' and k.conparentid = 0 and c.oid <> f.oid and c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)`, module)
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of schema %s: %w", module, err)
	}
	listed := map[string]bool{}
	for _, t := range all {
		listed[t.name] = true
	}
	needs := map[string][]string{}
	var name, other string
	if _, err := pgx.ForEachRow(rows, []any{&name, &other}, func() error {
		if listed[other] {
			needs[name] = append(needs[name], other)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the foreign keys of schema %s: %w", module, err)
	}
	var sorted []table
	done := map[string]bool{}
	for len(sorted) < len(all) {
		before := len(sorted)
		for _, t := range all {
			if !done[t.name] && !slices.ContainsFunc(needs[t.name], func(n string) bool { return !done[n] }) {
				sorted = append(sorted, t)
				done[t.name] = true
			}
		}
		if len(sorted) == before {
			return nil, fmt.Errorf("tables of schema %s refer to each other in a circle: each must come after those that it refers to", module)
		}
	}
	return sorted, nil
}

// sequences lists the sequences of the schema but those of version tables.
func sequences(ctx context.Context, q querier, module string) ([]string, error) {
	rows, err := q.Query(ctx, `
		select s.relname from pg_catalog.pg_class s
		where s.relkind = 'S' and s.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)
			and not exists (select from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.refobjid
				where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = s.oid and d.deptype in ('a', 'i') and c.relname = any($2))
		order by s.relname`, module, migrations.VersionTables())
	if err != nil {
		return nil, fmt.Errorf("list the sequences of schema %s: %w", module, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the sequences of schema %s: %w", module, err)
	}
	return all, nil
}

// partition is a part of a partitioned table, and the bounds of what is in it.
type partition struct{ parent, name, bounds string }

func partitions(ctx context.Context, q querier, module string) ([]partition, error) {
	rows, err := q.Query(ctx, `
		select p.relname, c.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
		from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid join pg_catalog.pg_class p on p.oid = i.inhparent
		where c.relispartition and c.relkind = 'r' and not p.relispartition
			and p.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)
		order by p.relname, c.relname`, module)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of schema %s: %w", module, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		return p, row.Scan(&p.parent, &p.name, &p.bounds)
	})
	if err != nil {
		return nil, fmt.Errorf("list the partitions of schema %s: %w", module, err)
	}
	return all, nil
}

// qualified is a quoted name with its schema.
func qualified(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }

// qualifiedList joins the quoted names of tables.
func qualifiedList(schema string, all []table) string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = qualified(schema, t.name)
	}
	return strings.Join(names, ", ")
}

// literal quotes a text for a statement that takes no arguments.
func literal(text string) string {
	if strings.Contains(text, `\`) {
		return ` E'` + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(text) + `'`
	}
	return `'` + strings.ReplaceAll(text, `'`, `''`) + `'`
}
