package relocation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// checksums compares the rows of both ends. A sum over hashes of rows does not
// depend on their order. Most of the work is done ahead: the hash of every row
// version of a large table is kept in a temporary table of the session, by its
// place and the transaction that made it, which no other version ever has. The
// comparison within the pause then hashes only versions that are new.
type checksums struct {
	module string
	ends   []*sums
}

// sums is the session at one end.
type sums struct {
	name  string
	conn  *pgx.Conn
	ahead map[string]string // the temporary table of a table
}

// sum is what a table comes to.
type sum struct {
	rows int64
	hash string
}

// worthAhead is the size from which a table is hashed ahead.
const worthAhead = 4 << 20

func (m *Move) openChecksums(ctx context.Context) (*checksums, error) {
	c := &checksums{module: m.o.Module}
	for _, e := range []*end{m.source, m.target} {
		conn, err := e.connect(ctx)
		if err != nil {
			c.close(ctx)
			return nil, err
		}
		c.ends = append(c.ends, &sums{name: e.name, conn: conn, ahead: map[string]string{}})
		if _, err := conn.Exec(ctx, `set work_mem = '64MB'; set jit = off`); err != nil {
			c.close(ctx)
			return nil, fmt.Errorf("prepare to compare: %w", err)
		}
	}
	return c, nil
}

func (c *checksums) close(ctx context.Context) {
	for _, s := range c.ends {
		_ = s.conn.Close(context.WithoutCancel(ctx))
	}
}

// compareAhead hashes what is there while the source is written to.
func (m *Move) compareAhead(ctx context.Context) error {
	all, err := tables(ctx, m.source.conn, m.o.Module)
	if err != nil {
		return err
	}
	c, err := m.openChecksums(ctx)
	if err != nil {
		return err
	}
	err = c.both(func(s *sums) error {
		for i, t := range all {
			if t.bytes < worthAhead || t.unlogged || (m.o.Method == Dump && s.name == m.target.name) {
				continue
			}
			if err := s.hashAhead(ctx, c.module, t, fmt.Sprintf("pg_temp.ahead_%d", i)); err != nil {
				return fmt.Errorf("hash table %s at the %s: %w", t.name, s.name, err)
			}
		}
		return nil
	})
	if err != nil {
		c.close(ctx)
		return err
	}
	m.ahead = c
	return nil
}

// both runs do for both ends at once.
func (c *checksums) both(do func(s *sums) error) error {
	errs := make([]error, len(c.ends))
	var group sync.WaitGroup
	for i, s := range c.ends {
		group.Go(func() { errs[i] = do(s) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// rowHash hashes a row t. Types that have no hash are hashed as text.
func rowHash(t table) string {
	values := make([]string, len(t.columns))
	for i, c := range t.columns {
		values[i] = "t." + pgx.Identifier{c.Name}.Sanitize()
		if !c.Hashable {
			values[i] += "::text"
		}
	}
	return "pg_catalog.hash_record_extended(row(" + strings.Join(values, ", ") + "), 0)"
}

func (s *sums) hashAhead(ctx context.Context, module string, t table, into string) error {
	_, err := s.conn.Exec(ctx, fmt.Sprintf(`create temporary table %s as
		select t.tableoid as part, t.ctid as place, t.xmin as made_by, %s as hash from %s t`, into, rowHash(t), qualified(module, t.name)))
	if err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, `analyze `+into); err != nil {
		return err
	}
	s.ahead[t.name] = into
	return nil
}

func (s *sums) of(ctx context.Context, module string, t table) (result sum, err error) {
	hash, join := rowHash(t), ""
	if ahead := s.ahead[t.name]; ahead != "" {
		hash = "coalesce(a.hash, " + hash + ")"
		join = " left join " + ahead + " a on a.part = t.tableoid and a.place = t.ctid and a.made_by = t.xmin"
	}
	err = s.conn.QueryRow(ctx, fmt.Sprintf(`select count(*), coalesce(sum(%s), 0)::text from %s t%s`, hash, qualified(module, t.name), join)).
		Scan(&result.rows, &result.hash)
	return result, err
}

// compare is an error unless both ends have the same rows. Nobody may be writing
// to either.
func (c *checksums) compare(ctx context.Context, all []table) (rows int64, err error) {
	found := map[string]map[string]sum{}
	for _, s := range c.ends {
		found[s.name] = map[string]sum{}
	}
	err = c.both(func(s *sums) error {
		mine := found[s.name]
		for _, t := range all {
			result, err := s.of(ctx, c.module, t)
			if err != nil {
				return fmt.Errorf("sum up table %s at the %s: %w", t.name, s.name, err)
			}
			mine[t.name] = result
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var differ []string
	for _, t := range all {
		a, b := found[c.ends[0].name][t.name], found[c.ends[1].name][t.name]
		switch {
		case a.rows != b.rows:
			differ = append(differ, fmt.Sprintf("%s has %d rows at the source and %d at the target", t.name, a.rows, b.rows))
		case a.hash != b.hash:
			differ = append(differ, fmt.Sprintf("%s has other values in some of its %d rows at the target", t.name, a.rows))
		}
		rows += a.rows
	}
	if len(differ) > 0 {
		return 0, fmt.Errorf("the ends differ: %s; abort the move and begin again", strings.Join(differ, ", "))
	}
	return rows, nil
}
