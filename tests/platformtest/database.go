package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// AdminPool opens a small pool on the platform's database as its administrator. It
// is closed when the test ends.
func (p *Platform) AdminPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: p.DatabaseURL(), Module: "test", MaxConns: 2})
	if err != nil {
		t.Fatalf("open the platform's database: %v", err)
	}
	t.Cleanup(db.Close)
	return db.Pool
}

// Snapshot is what the database holds: the number of rows and a checksum of
// them, by table. Tables that change by themselves are left out: those of the
// job queue, the counts of tries, the audit trail and the consumers' positions.
type Snapshot map[string]string

// TakeSnapshot reads every table.
func TakeSnapshot(ctx context.Context, db *pgxpool.Pool) (Snapshot, error) {
	rows, err := db.Query(ctx, `
		select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname in ('users', 'content', 'assessment', 'analytics', 'notify')
			and c.relname !~ '^(river_|audit_trail|throttles|consumer_positions)'`)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	s := Snapshot{}
	for _, table := range tables {
		var n int
		var checksum string
		err := db.QueryRow(ctx, fmt.Sprintf(
			`select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from %s t`, table)).Scan(&n, &checksum)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		s[table] = fmt.Sprintf("%d rows, checksum %s", n, checksum)
	}
	return s, nil
}

// Diff says which tables differ; empty if none does.
func (s Snapshot) Diff(later Snapshot) string {
	var lines []string
	for _, table := range slices.Sorted(maps.Keys(later)) {
		if s[table] != later[table] {
			lines = append(lines, fmt.Sprintf("%s: %s before, %s after", table, s[table], later[table]))
		}
	}
	return strings.Join(lines, "\n")
}

// SettledSnapshot takes a snapshot of a database in which nothing goes on any
// more: every event has arrived, and two snapshots in a row are equal.
func SettledSnapshot(t testing.TB, db *pgxpool.Pool) Snapshot {
	t.Helper()
	Drained(t, db)
	var last Snapshot
	Eventually(t, "the database comes to rest", func() error {
		now, err := TakeSnapshot(t.Context(), db)
		if err != nil {
			return err
		}
		before := last
		last = now
		if before == nil {
			return errors.New("this was the first look")
		}
		if diff := before.Diff(now); diff != "" {
			return fmt.Errorf("it changes:\n%s", diff)
		}
		return nil
	})
	return last
}
