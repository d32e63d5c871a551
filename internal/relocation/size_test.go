package relocation_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/relocation"
	"github.com/lyceum-lms/platform/migrations"
)

var (
	sizeRows  = flag.Int("relocation.rows", 5_000, "rows of the large table in TestThePauseBySize")
	sizeBytes = flag.Int("relocation.row-bytes", 1_000, "size of each of its rows")
)

// fill writes rows of about so many bytes, which do not compress, to the log.
func fill(t *testing.T, d *postgrestest.Database, rows, bytes int) {
	t.Helper()
	admin := d.Admin(t)
	run(t, admin, `set statement_timeout = 0`)
	for done := 0; done < rows; done += 10_000 {
		run(t, admin, fmt.Sprintf(`insert into users.event_log (partition, seq, event_id, event_type, event_key, occurred_at, headers, payload)
			select g %% 16, g, gen_random_uuid(), 'lyceum.users.test.v1', gen_random_uuid(), now(), '{}', jsonb_build_object('text',
				(select string_agg(md5(g::text || i::text), '') from generate_series(1, %d) i))
			from generate_series(%d, %d) g`, max(1, bytes/32), done+1, min(done+10_000, rows)))
	}
}

// TestThePauseBySize prints how long writers wait, for a table of a size:
//
//	go test ./internal/relocation -run TestThePauseBySize -v -relocation.rows 200000 -relocation.row-bytes 5000
func TestThePauseBySize(t *testing.T) {
	e := newEnds(t, "shared_buffers=256MB", "max_wal_size=4GB")
	fill(t, e.source, *sizeRows, *sizeBytes)
	w := write(t, 4, e.source, e.target)
	from, to := e.source, e.target
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		start := time.Now()
		result, err := relocation.Run(t.Context(), relocation.Options{
			Source: from.URL(), Target: to.URL(), Module: module, Method: method, MaxPause: 10 * time.Minute, Progress: telling(t),
		})
		require.NoError(t, err)
		t.Logf("%s: %d rows, %d MB: writers waited for %s, the whole move took %s", method, result.Rows, result.Bytes>>20,
			result.Pause.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
		from, to = to, from
	}
	w.verify(t, from)
}

func migrateUp(t *testing.T, d *postgrestest.Database) error {
	return migrations.Up(t.Context(), d.URL(), migrations.Options{Modules: []string{module}})
}

func migrateAll(t *testing.T, d *postgrestest.Database) {
	t.Helper()
	require.NoError(t, migrations.Up(t.Context(), d.URL(), migrations.Options{}))
}
