package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestModuleURL(t *testing.T) {
	t.Parallel()
	password := postgres.RolePassword("s3cret", "lyceum_users_app")
	for _, test := range []struct{ name, admin, secret, want string }{
		{"over the network", "postgres://root:pw@db:5433/lms?sslmode=verify-full", "s3cret",
			"postgres://lyceum_users_app:" + password + "@db:5433/lms?sslmode=verify-full"},
		{"without a secret there is no password", "postgres://lyceum@/lyceum?host=%2Frun", "",
			"postgres://lyceum_users_app@/lyceum?host=%2Frun"},
		{"the login may stand in the query", "postgres:///lms?host=%2Frun&user=root&password=pw", "s3cret",
			"postgres://lyceum_users_app:" + password + "@/lms?host=%2Frun"},
		{"what else is in the query stays as it is", "postgres://root:pw@db/lms?options=-c%20geqo%3Doff&user=root&application_name=a+b", "s3cret",
			"postgres://lyceum_users_app:" + password + "@db/lms?options=-c%20geqo%3Doff&application_name=a+b"},
		{"keywords and values", "host=db user=root password=pw dbname=lms", "s3cret",
			"host=db user=root password=pw dbname=lms user=lyceum_users_app password='" + password + "'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := postgres.ModuleURL(test.admin, "users", test.secret)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
			config, err := pgconn.ParseConfig(got)
			if err != nil || config.User != "lyceum_users_app" || config.Password != postgres.RolePassword(test.secret, "lyceum_users_app") {
				t.Errorf("it logs in as %q, %v", config.User, err)
			}
		})
	}
	if _, err := postgres.ModuleURL("postgres://root:hidden@db:port/x", "users", ""); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a malformed URL gives %v", err)
	}
}

func TestRolePasswordsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, secret := range []string{"one", "two"} {
		for _, role := range []string{"a", "b"} {
			p := postgres.RolePassword(secret, role)
			if len(p) < 40 || seen[p] || p != postgres.RolePassword(secret, role) {
				t.Errorf("password %q of %s with %s", p, role, secret)
			}
			seen[p] = true
		}
	}
}

func TestModulesLogInWithTheDerivedPassword(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	database := server.Empty(t)
	admin, err := pgx.Connect(t.Context(), database.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(t.Context()) })
	if err := postgres.ProvisionModule(t.Context(), admin, "users", "s3cret"); err != nil {
		t.Fatal(err)
	}
	server.RequirePasswords(t)
	for _, test := range []struct {
		secret string
		let    bool
	}{{"s3cret", true}, {"wrong", false}, {"", false}} {
		u, err := postgres.ModuleURL(database.URL(), "users", test.secret)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), u)
		if (err == nil) != test.let {
			t.Errorf("log in with secret %q: %v", test.secret, err)
		}
		if err == nil {
			_ = conn.Close(t.Context())
		}
	}
	// Without a secret nobody gets in by password.
	if err := postgres.ProvisionModule(t.Context(), admin, "users", ""); err != nil {
		t.Fatal(err)
	}
	u, err := postgres.ModuleURL(database.URL(), "users", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), u); err == nil {
		t.Error("the old password works after it was taken away")
	}
}

func TestMigratorsOfOneClusterDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	var group sync.WaitGroup
	for range 8 {
		database := server.Empty(t)
		group.Go(func() {
			conn, err := pgx.Connect(t.Context(), database.URL())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(t.Context()) }()
			for range 5 {
				for _, module := range []string{"alpha", "beta"} { // roles that nobody has made yet
					if err := postgres.ProvisionModule(t.Context(), conn, module, "s3cret"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

func TestAMissingPrivilegeIsNamed(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	for _, test := range []struct {
		name, role, owner string
		want              string
	}{
		{"cannot make roles", "create role weak login", "weak", "CREATEROLE"},
		{"does not own the database", "create role guest login createrole", "lyceum", "must own the database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			database := server.Empty(t)
			admin := database.Admin(t)
			name := strings.Fields(test.role)[2]
			for _, sql := range []string{test.role, fmt.Sprintf("alter database %s owner to %s", database.Name(), test.owner)} {
				if _, err := admin.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			conn, err := pgx.Connect(t.Context(), strings.Replace(database.URL(), "lyceum@", name+"@", 1))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(t.Context()) }()
			err = errors.Join(postgres.ProvisionDatabase(t.Context(), conn), postgres.ProvisionModule(t.Context(), conn, "gamma", ""))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not name %q", err, test.want)
			}
		})
	}
}
