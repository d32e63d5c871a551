package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var moduleName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// ProvisionDatabase takes from everybody what PostgreSQL gives to everybody: to
// connect to the database, to make temporary tables in it, and to use the
// schema public. admin must own the database or be a superuser. Running it
// again changes nothing.
func ProvisionDatabase(ctx context.Context, admin *pgx.Conn) error {
	database := pgx.Identifier{admin.Config().Database}.Sanitize()
	_, err := admin.Exec(ctx, `revoke all on database `+database+` from public`)
	if err != nil {
		return explain("close the database to public", err)
	}
	_, err = admin.Exec(ctx, `do $$ begin
		if exists (select from pg_catalog.pg_namespace where nspname = 'public') then
			revoke all on schema public from public;
		end if;
	end $$`)
	if err != nil {
		return explain("close the schema public to public", err)
	}
	// REVOKE only warns when the caller may not revoke; look at the outcome.
	var open []string
	err = admin.QueryRow(ctx, `select coalesce(array_agg(what), '{}') from (
		select 'database ' || current_database() as what from pg_catalog.pg_database d,
			pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
			where d.datname = current_database() and a.grantee = 0
		union
		select 'schema public' from pg_catalog.pg_namespace n,
			pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
			where n.nspname = 'public' and a.grantee = 0) as granted`).Scan(&open)
	if err != nil {
		return fmt.Errorf("check what public may do: %w", err)
	}
	if len(open) > 0 {
		return fmt.Errorf("%s could not be closed to public: user %s must own the database and its schema public "+
			"(alter database ... owner to %[2]s; alter schema public owner to %[2]s)",
			strings.Join(open, " and "), admin.Config().User)
	}
	return nil
}

// ProvisionModule makes the two roles and the schema of a module and gives the
// app role its rights: to use its schema, and to read and write whatever the
// owner makes in it. The administrator needs CREATEROLE and CREATE on the
// database; it becomes a member of the owner role, to migrate as it. Running it
// again changes nothing, and migrators of several databases of one cluster may
// run it at the same time. With an empty secret the app role gets no password.
// A schema that is shut because it has been moved, or is being filled, stays so.
func ProvisionModule(ctx context.Context, admin *pgx.Conn, module, secret string) error {
	if !moduleName.MatchString(module) {
		return fmt.Errorf("provision module %q: not a module name", module)
	}
	owner, app := OwnerRole(module), AppRole(module)
	if err := provisionRoles(ctx, admin, owner, app, secret); err != nil {
		return err
	}
	schema := pgx.Identifier{module}.Sanitize()
	database := pgx.Identifier{admin.Config().Database}.Sanitize()
	standing, _, err := ReadStanding(ctx, admin, module)
	if err != nil {
		return err
	}
	connecting := owner + `, ` + app
	if standing.Shut() {
		connecting = owner
	}
	for _, step := range []struct{ action, sql string }{
		{"let the roles connect", `grant connect on database ` + database + ` to ` + connecting},
		{"create the schema", `create schema if not exists ` + schema + ` authorization ` + owner},
		{"give the schema to its owner", `alter schema ` + schema + ` owner to ` + owner},
		{"open the schema to the app role", `grant usage on schema ` + schema + ` to ` + app},
		{"close future functions to public", `alter default privileges for role ` + owner + ` revoke execute on functions from public`},
		{"grant future tables", `alter default privileges for role ` + owner + ` in schema ` + schema +
			` grant select, insert, update, delete on tables to ` + app},
		{"grant future sequences", `alter default privileges for role ` + owner + ` in schema ` + schema +
			` grant usage, select on sequences to ` + app},
		{"grant future functions", `alter default privileges for role ` + owner + ` in schema ` + schema +
			` grant execute on functions to ` + app},
	} {
		if _, err := admin.Exec(ctx, step.sql); err != nil {
			return explain(fmt.Sprintf("provision module %s: %s", module, step.action), err)
		}
	}
	return nil
}

func provisionRoles(ctx context.Context, admin *pgx.Conn, owner, app, secret string) error {
	password := "null"
	if plain := RolePassword(secret, app); plain != "" {
		verifier, err := scramVerifier(plain, app)
		if err != nil {
			return err
		}
		password = "'" + verifier + "'" // base64, ':' and '$' only
	}
	for _, step := range []struct{ action, sql string }{
		{"create role " + owner, createRole(owner)},
		{"create role " + app, createRole(app)},
		{"set up role " + owner, `alter role ` + owner + ` nologin`},
		{"set up role " + app, `alter role ` + app + ` login noinherit password ` + password},
		{"empty the search path of " + owner, `alter role ` + owner + ` set search_path = ''`},
		{"empty the search path of " + app, `alter role ` + app + ` set search_path = ''`},
		{"join role " + owner, `do $$ begin
			if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
				grant ` + owner + ` to current_user;
			end if;
		end $$`},
	} {
		err := retryRace(ctx, func() error {
			_, err := admin.Exec(ctx, step.sql)
			return err
		})
		if err != nil {
			return explain(step.action, err)
		}
	}
	return nil
}

func createRole(role string) string {
	return `do $$ begin
		if not exists (select from pg_catalog.pg_roles where rolname = '` + role + `') then
			create role ` + role + `;
		end if;
	end $$`
}

// retryRace runs f again while it fails because a migrator of another database
// touched the same role: roles belong to the cluster, and no lock spans its
// databases.
func retryRace(ctx context.Context, f func() error) error {
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		err := f()
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pause > 2*time.Second {
			return err
		}
		switch {
		case pgErr.Code == "42710", pgErr.Code == "23505": // created meanwhile
		case pgErr.Code == "XX000" && strings.Contains(pgErr.Message, "concurrently"):
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// explain adds to a refusal what the administrator lacks.
func explain(action string, err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42501" { // insufficient_privilege
		return fmt.Errorf("%s: %w; migrate as a superuser, or as the owner of the database with the attribute CREATEROLE", action, err)
	}
	return fmt.Errorf("%s: %w", action, err)
}
