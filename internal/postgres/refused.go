package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// LoginRefused reports whether err is a server's refusal to let a role in: it
// may not log in, or not connect to the database. A module whose schema is being
// moved to another server is shut out in this way.
func LoginRefused(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	if !errors.As(err, &connect) || !errors.As(connect, &pg) {
		return false // within a session the same codes mean a right that is missing
	}
	return pg.Code == "42501" || pg.Code == "28000" // insufficient_privilege, invalid_authorization_specification
}
