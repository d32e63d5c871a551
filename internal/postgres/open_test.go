package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestOpenSetsUpTheSession(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	open := func(o postgres.Options) *postgres.DB {
		t.Helper()
		o.URL, o.Module = database.ModuleURL(t, "users"), "users"
		db, err := postgres.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		return db
	}
	direct := open(postgres.Options{StatementTimeout: 1500 * time.Millisecond})
	pooled := open(postgres.Options{TransactionPooler: true})
	for _, test := range []struct {
		name          string
		db            *postgres.DB
		setting, want string
	}{
		{"role", direct, "session_authorization", "lyceum_users_app"},
		{"application", direct, "application_name", "lyceum/users"},
		{"search path", direct, "search_path", ""},
		{"statement timeout as asked", direct, "statement_timeout", "1500ms"},
		{"lock timeout by default", direct, "lock_timeout", "10s"},
		{"idle timeout by default", direct, "idle_in_transaction_session_timeout", "1min"},
		{"behind a pooler the role empties the search path", pooled, "search_path", `""`},
		{"behind a pooler the connection sets nothing", pooled, "statement_timeout", "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			if err := test.db.Pool.QueryRow(t.Context(), "show "+test.setting).Scan(&got); err != nil || got != test.want {
				t.Errorf("%s = %q, %v; want %q", test.setting, got, err, test.want)
			}
		})
	}
	_, err := pooled.Pool.Exec(t.Context(), `insert into users.outbox (partition, event_id, event_type, event_key, occurred_at, headers, payload)
		values (0, gen_random_uuid(), 'test', gen_random_uuid(), now(), $1, $2)`, map[string]string{"k": "v"}, []byte(`{"k": 1}`))
	if err != nil {
		t.Errorf("behind a pooler JSON is not written: %v", err)
	}
	var prepared int
	if err := pooled.Pool.QueryRow(t.Context(), "select count(*) from pg_prepared_statements where $1", true).Scan(&prepared); err != nil || prepared != 0 {
		t.Errorf("%d prepared statements (%v) behind a pooler, which would meet them on another connection", prepared, err)
	}
}

func TestOpenFailsWhereThereIsNoServer(t *testing.T) {
	t.Parallel()
	const url = "postgres://user:hidden@/db?host=/nowhere"
	for _, u := range []string{"", "postgres://[", url} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: u, Module: "users"})
		if err == nil {
			t.Errorf("opened %q", u)
			continue
		}
		if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestAPoolRecoversWithItsServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	db := server.New(t).DB(t, "users")
	use := func() error {
		return db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `update users.event_heads set seq = seq + 1 where partition = 0`)
			return err
		})
	}
	if err := use(); err != nil {
		t.Fatal(err)
	}
	server.Stop(t)
	if err := use(); err == nil {
		t.Fatal("wrote to a stopped server")
	}
	server.Start(t)
	eventually(t, "the pool works again", func() bool { return use() == nil })
}

func TestInTxCommitsOrLeavesNothing(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t).DB(t, "users")
	bump := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update users.event_heads set seq = seq + 1 where partition = 0`)
		return err
	}
	signals := 0
	db.OnSignal(func() { signals++ })
	seq := func() (n int) {
		t.Helper()
		if err := db.Pool.QueryRow(t.Context(), `select seq from users.event_heads where partition = 0`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	if err := db.InTx(t.Context(), bump); err != nil || seq() != 1 || signals != 0 {
		t.Errorf("commit: %v, seq %d, %d signals", err, seq(), signals)
	}
	err := db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		postgres.Signal(ctx)
		return bump(ctx, tx)
	})
	if err != nil || seq() != 2 || signals != 1 {
		t.Errorf("commit with a signal: %v, seq %d, %d signals", err, seq(), signals)
	}
	refusal := errors.New("refused")
	err = db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		postgres.Signal(ctx)
		return errors.Join(bump(ctx, tx), refusal)
	})
	if !errors.Is(err, refusal) || seq() != 2 || signals != 1 {
		t.Errorf("error: %v, seq %d, %d signals", err, seq(), signals)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			if err := bump(ctx, tx); err != nil {
				t.Error(err)
			}
			panic("bug")
		})
	}()
	if seq() != 2 {
		t.Errorf("seq %d after a panic", seq())
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		defer cancel()
		return bump(ctx, tx)
	})
	if err == nil || seq() != 2 {
		t.Errorf("caller gone before the commit: %v, seq %d", err, seq())
	}
	if n := db.Pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections were not given back", n)
	}
}
