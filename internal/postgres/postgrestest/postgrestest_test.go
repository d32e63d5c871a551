package postgrestest_test

import (
	"testing"
	"time"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
)

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"first", "second", "third"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.New(t).DB(t, "users")
			tag, err := db.Pool.Exec(t.Context(), `update users.event_heads set seq = seq + 1 where partition = 0`)
			if err != nil || tag.RowsAffected() != 1 {
				t.Fatalf("update: %v, %v", tag, err)
			}
			var seq int64
			if err := db.Pool.QueryRow(t.Context(), `select seq from users.event_heads where partition = 0`).Scan(&seq); err != nil || seq != 1 {
				t.Fatalf("seq = %d, %v; another test wrote here", seq, err)
			}
		})
	}
}

func TestTheTemplateIsMigrated(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	for _, module := range migrations.Modules() {
		if err := migrations.Check(t.Context(), database.DB(t, module).Pool, module); err != nil {
			t.Error(err)
		}
	}
}

func TestAKilledServerComesBackWithItsData(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	db := server.New(t).DB(t, "users")
	if _, err := db.Pool.Exec(t.Context(), `update users.event_heads set seq = 42 where partition = 3`); err != nil {
		t.Fatal(err)
	}
	const started = `select pg_postmaster_start_time()`
	var before, after time.Time
	if err := db.Pool.QueryRow(t.Context(), started).Scan(&before); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	for !after.After(before) {
		if err := db.Pool.QueryRow(t.Context(), started).Scan(&after); err != nil && t.Context().Err() != nil {
			t.Fatal("the server did not come back: ", err)
		}
	}
	var seq int64
	if err := db.Pool.QueryRow(t.Context(), `select seq from users.event_heads where partition = 3`).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	if seq != 42 {
		t.Errorf("seq = %d after recovery, want 42", seq)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		postgrestest.New(b)
	}
}
