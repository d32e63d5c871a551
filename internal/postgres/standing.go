package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Standing says what part a module's schema in a database plays in a move to
// another database. It is kept as the comment on the schema, where people see it
// too, and the zero value, no comment, is that of a schema which has never been
// moved.
type Standing struct {
	State StandingState `json:"lyceum"`
	// Move is the same at both ends of a move and differs between moves.
	Move string `json:"move"`
	// Peer is the other end, for people.
	Peer string `json:"peer"`
	// Method is how the data are moved.
	Method string    `json:"method"`
	At     time.Time `json:"at"`
}

// StandingState is where in a move a schema is.
type StandingState string

// The states of the end that a move begins at, then those of the other end.
const (
	Leaving    StandingState = "leaving"   // in use, while it is copied
	Left       StandingState = "left"      // shut: the other end is in use
	Preparing  StandingState = "preparing" // shut: not ready to be filled
	Receiving  StandingState = "receiving" // shut: being filled
	Complete   StandingState = "complete"  // shut: all there, the other end is about to be shut
	Arrived    StandingState = "arrived"   // in use
	neverMoved StandingState = ""          // in use
	schemaNote               = "Set by platform extract. Do not change it by hand."
)

// Shut reports whether the module may not use the schema.
func (s Standing) Shut() bool {
	return s.State == Left || s.State == Preparing || s.State == Receiving || s.State == Complete
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ReadStanding reads the standing of a module's schema. Without the schema there
// is none.
func ReadStanding(ctx context.Context, q querier, module string) (s Standing, exists bool, err error) {
	var comment *string
	err = q.QueryRow(ctx, `select pg_catalog.obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace where nspname = $1`, module).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("read the standing of schema %s: %w", module, err)
	}
	if comment == nil || !strings.HasPrefix(*comment, `{"lyceum":`) {
		return s, true, nil // somebody's own comment
	}
	if err := json.Unmarshal([]byte(*comment), &s); err != nil {
		return s, true, fmt.Errorf("read the standing of schema %s, the comment on it: %w", module, err)
	}
	return s, true, nil
}

// WriteStanding records the standing of a module's schema. It changes no rights.
func WriteStanding(ctx context.Context, q querier, module string, s Standing) error {
	comment := "null"
	if s.State != neverMoved {
		text, err := json.Marshal(struct {
			Standing
			Note string `json:"note"`
		}{s, schemaNote})
		if err != nil {
			return fmt.Errorf("write the standing of schema %s: %w", module, err)
		}
		comment = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
	}
	if _, err := q.Exec(ctx, `comment on schema `+pgx.Identifier{module}.Sanitize()+` is `+comment); err != nil {
		return fmt.Errorf("write the standing of schema %s: %w", module, err)
	}
	return nil
}

// LetConnect lets a module's app role connect to the database, or keeps it out.
// Whoever is connected stays so.
func LetConnect(ctx context.Context, q querier, module, database string, let bool) error {
	verb, to := "revoke", "from"
	if let {
		verb, to = "grant", "to"
	}
	sql := verb + ` connect on database ` + pgx.Identifier{database}.Sanitize() + ` ` + to + ` ` + AppRole(module)
	if _, err := q.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	// Neither statement fails for want of the right to do it, and the role may
	// have the right to connect from elsewhere.
	var may bool
	if err := q.QueryRow(ctx, `select pg_catalog.has_database_privilege($1, $2, 'connect')`, AppRole(module), database).Scan(&may); err != nil {
		return fmt.Errorf("check whether %s may connect: %w", AppRole(module), err)
	}
	switch {
	case may && !let:
		return fmt.Errorf("%s may still connect to database %s: it is a superuser, a member of a role that may, or everybody may", AppRole(module), database)
	case !may && let:
		return fmt.Errorf("%s may still not connect to database %s: the administrator must own the database", AppRole(module), database)
	}
	return nil
}

// TakeTables takes from a module's app role all rights to the tables that it
// writes to. The version tables, which it only reads, it goes on to see.
func TakeTables(ctx context.Context, q querier, module string) error {
	return changeTables(ctx, q, module, `has_table_privilege('{role}', c.oid, 'insert')`, `revoke all on %s from {role}`)
}

// GiveTables gives back what TakeTables took.
func GiveTables(ctx context.Context, q querier, module string) error {
	return changeTables(ctx, q, module, `not has_table_privilege('{role}', c.oid, 'select')`, `grant select, insert, update, delete on %s to {role}`)
}

func changeTables(ctx context.Context, q querier, module, which, what string) error {
	sql := strings.NewReplacer("{role}", AppRole(module), "{schema}", module, "{which}", which, "{what}", what).Replace(`do $$ declare t text; begin
		for t in select format('{schema}.%I', c.relname) from pg_catalog.pg_class c
			where c.relnamespace = '{schema}'::regnamespace and c.relkind in ('r', 'p') and {which}
		loop
			execute format('{what}', t);
		end loop;
	end $$`)
	sql = strings.ReplaceAll(sql, "{role}", AppRole(module))
	if _, err := q.Exec(ctx, sql); err != nil {
		return fmt.Errorf("change the rights of %s to its tables: %w", AppRole(module), err)
	}
	return nil
}
