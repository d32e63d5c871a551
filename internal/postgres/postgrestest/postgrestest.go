// Package postgrestest gives each test a migrated database of its own on a real
// PostgreSQL server.
//
// The server is that of DATABASE_URL, whose user must be allowed to create
// databases and roles, or else an embedded one that the test binary starts at
// its first use and that ends with it. A server starts from a copy of a data
// directory that was initialised and migrated once for this state of the
// migration files, and a test's database is a clone of the template in it.
package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// Database is the database of one test. It is dropped when the test ends.
type Database struct {
	server *Server
	name   string
	url    string
}

// New clones the migrated template into a database for this test. Tests that
// use databases of their own may run in parallel.
func New(t testing.TB) *Database {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	return server.New(t)
}

// Name is the name of the database.
func (d *Database) Name() string { return d.name }

// URL leads to the database as the server's administrator.
func (d *Database) URL() string { return d.url }

// ModuleURL leads to the database as the module's app role.
func (d *Database) ModuleURL(t testing.TB, module string) string {
	t.Helper()
	u, err := postgres.ModuleURL(d.url, module, d.server.secret)
	if err != nil {
		t.Fatalf("make the database URL of module %s: %v", module, err)
	}
	return u
}

// DB opens a pool of at most 8 connections as the module's app role. It is
// closed when the test ends.
func (d *Database) DB(t testing.TB, module string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: d.ModuleURL(t, module), Module: module, MaxConns: 8})
	if err != nil {
		t.Fatalf("open the database of module %s: %v", module, err)
	}
	t.Cleanup(db.Close)
	return db
}

// Admin opens a small pool as the server's administrator, which sees every
// schema. It is closed when the test ends.
func (d *Database) Admin(t testing.TB) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: d.url, Module: "test", MaxConns: 4})
	if err != nil {
		t.Fatalf("open the database as administrator: %v", err)
	}
	t.Cleanup(db.Close)
	return db.Pool
}

// New clones the server's template into a database for this test.
func (s *Server) New(t testing.TB) *Database {
	t.Helper()
	return s.create(t, s.template)
}

// Empty creates a database without any schema for this test, for tests of
// migrations.
func (s *Server) Empty(t testing.TB) *Database {
	t.Helper()
	return s.create(t, "template0")
}

// Empty creates a database without any schema for this test on the server that
// New uses.
func Empty(t testing.TB) *Database {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	return server.Empty(t)
}

func (s *Server) create(t testing.TB, template string) *Database {
	t.Helper()
	name := "lyceum_test_" + strings.ToLower(rand.Text())
	if err := s.exec(t.Context(), fmt.Sprintf("create database %s template %s", name, template)); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() {
		if s.disposable {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	u, err := withDatabase(s.url, name)
	if err != nil {
		t.Fatalf("make the test's database URL: %v", err)
	}
	// Rights on a database are not cloned.
	if template == s.template {
		if err := closeToPublic(t.Context(), u); err != nil {
			t.Fatalf("close the test's database to public: %v", err)
		}
	}
	return &Database{server: s, name: name, url: u}
}
