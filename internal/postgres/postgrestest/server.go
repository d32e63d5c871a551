package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// Server is a PostgreSQL server with the migrated template.
type Server struct {
	url      string // of the administrator, some database
	secret   string
	template string
	dataDir  string // empty on the server of DATABASE_URL
	// disposable servers go with their databases.
	disposable bool

	mu       sync.Mutex
	embedded *postgres.Embedded // nil while stopped
	params   map[string]string
}

// shared is the server of this test binary. It lives as long as the process:
// the kernel ends it and a shell removes its data.
var shared = sync.OnceValues(func() (*Server, error) {
	//nolint:forbidigo // it outlives the test that comes first
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if u := os.Getenv("DATABASE_URL"); u != "" {
		return external(ctx, u)
	}
	return start(ctx, fast)
})

// Settings of servers whose data nobody wants back.
var fast = map[string]string{
	"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
	"max_connections": "300", "shared_buffers": "128MB", "autovacuum_naptime": "10min",
}

// Settings of servers that tests kill.
var durable = map[string]string{"max_connections": "100", "shared_buffers": "64MB"}

// NewServer starts a server for one test that stops, kills or restarts it. It
// keeps its promises about data, unlike the server that New uses, and is removed
// when the test ends. Settings are server parameters beyond its own, as
// name=value.
func NewServer(t testing.TB, settings ...string) *Server {
	t.Helper()
	params := maps.Clone(durable)
	for _, setting := range settings {
		name, value, ok := strings.Cut(setting, "=")
		if !ok {
			t.Fatalf("start PostgreSQL for a test: setting %q is not name=value", setting)
		}
		params[name] = value
	}
	s, err := start(t.Context(), params)
	if err != nil {
		t.Fatalf("start PostgreSQL for a test: %v", err)
	}
	s.disposable = true
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop stops the server in good order; databases of tests stay until Start.
// Stopping a stopped server does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := s.embedded.Stop(ctx); err != nil {
		t.Fatalf("stop PostgreSQL: %v", err)
	}
	s.embedded = nil
}

// Start starts a stopped server at the address that it had.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.start(t.Context()); err != nil {
		t.Fatalf("start PostgreSQL again: %v", err)
	}
}

// RequirePasswords makes the server ask every role but its administrator for a
// password, as a server that is reached over a network does. Roles have one that
// were provisioned with a secret.
func (s *Server) RequirePasswords(t testing.TB) {
	t.Helper()
	rules := "local all lyceum trust\nlocal all all scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(s.dataDir, "postgres", "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		t.Fatalf("require passwords: %v", err)
	}
	if err := s.exec(t.Context(), "select pg_catalog.pg_reload_conf()"); err != nil {
		t.Fatalf("require passwords: %v", err)
	}
}

// Kill kills the server with SIGKILL and returns when it is dead. It comes back
// by itself at the address that it had, after recovering, as an embedded server
// does; the last children of the old one may answer for a moment.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	pid, err := s.pid()
	if err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
	for syscall.Kill(pid, 0) == nil {
		if t.Context().Err() != nil {
			t.Fatal("killed PostgreSQL and it lives on")
		}
		runtime.Gosched()
	}
}

func (s *Server) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.dataDir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("read the server's process id: %w", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		return 0, fmt.Errorf("read the server's process id: %w", err)
	}
	return pid, nil
}

func (s *Server) start(ctx context.Context) error {
	if s.embedded != nil {
		return errors.New("it is running")
	}
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: s.dataDir, Parameters: s.params})
	if err != nil {
		return err
	}
	s.embedded, s.url = embedded, embedded.URL()
	return nil
}

// start starts a server on a copy of the prepared data directory.
func start(ctx context.Context, params map[string]string) (*Server, error) {
	dir, err := prepared(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{template: templateName, dataDir: dir, params: params}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// external prepares the template on the server of DATABASE_URL.
func external(ctx context.Context, adminURL string) (*Server, error) {
	secret, err := postgres.Secret(adminURL)
	if err != nil {
		return nil, err
	}
	version, err := migrationsVersion()
	if err != nil {
		return nil, err
	}
	s := &Server{url: adminURL, secret: secret, template: templateName + "_" + version}
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return nil, fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	// Test binaries run side by side: one of them makes the template.
	if _, err := conn.Exec(ctx, `select pg_catalog.pg_advisory_lock(7302114869002)`); err != nil {
		return nil, fmt.Errorf("wait for the template: %w", err)
	}
	if err := s.makeTemplate(ctx, conn); err != nil {
		return nil, err
	}
	return s, nil
}

// makeTemplate creates and migrates the template unless it is there. It gets its
// name last, so a template that exists is complete.
func (s *Server) makeTemplate(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	err := conn.QueryRow(ctx, `select exists (select from pg_catalog.pg_database where datname = $1)`, s.template).Scan(&exists)
	if err != nil || exists {
		return err
	}
	draft := s.template + "_draft"
	for _, sql := range []string{"drop database if exists " + draft, "create database " + draft + " template template0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create the template: %w", err)
		}
	}
	u, err := withDatabase(s.url, draft)
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, u, migrations.Options{Secret: s.secret}); err != nil {
		return err
	}
	// The migrator's connections may take a moment to go.
	if _, err := conn.Exec(ctx, `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where datname = $1`, draft); err != nil {
		return fmt.Errorf("finish the template: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err = conn.Exec(ctx, "alter database "+draft+" rename to "+s.template)
		if err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("finish the template: %w", err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// drop drops a database and ends what is still connected to it. An administrator
// that may not end the connections of others waits until they have gone.
func (s *Server) drop(ctx context.Context, name string) error {
	err := s.exec(ctx, "drop database if exists "+name+" with (force)")
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42501" {
		return s.exec(ctx, "drop database if exists "+name)
	}
	return err
}

// closeToPublic does for a clone what the migrator did for the template: rights
// on a database itself are not cloned.
func closeToPublic(ctx context.Context, adminURL string) error {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var roles []string
	for _, m := range migrations.Modules() {
		roles = append(roles, postgres.OwnerRole(m), postgres.AppRole(m))
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("revoke all on database %[1]s from public; grant connect on database %[1]s to %[2]s",
		conn.Config().Database, strings.Join(roles, ", ")))
	return err
}

func withDatabase(adminURL, name string) (string, error) {
	u, err := url.Parse(adminURL)
	if err != nil || u.Scheme == "" {
		return "", errors.New("DATABASE_URL must be a URL: postgres://user:password@host/database")
	}
	u.Path = "/" + name
	return u.String(), nil
}
