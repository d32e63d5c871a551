package users

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

func memberNotFound() error { return problem.NotFoundf("There is no such account.") }

// member loads an account of the caller's organisation. One of another
// organisation does not exist.
func (m *Module) member(ctx context.Context, id uuid.UUID) (account, error) {
	a, err := oneAccount(ctx, m.db.Pool, `a.account_id = $1 and a.organisation_id = $2`, id, auth.Caller(ctx).OrganisationID)
	if errors.Is(err, errNoAccount) {
		return account{}, memberNotFound()
	}
	return a, err
}

// lockMember is member for changes.
func lockMember(ctx context.Context, tx pgx.Tx, id uuid.UUID) (account, error) {
	a, err := lockAccount(ctx, tx, id)
	if errors.Is(err, errNoAccount) || err == nil && a.organisationID != auth.Caller(ctx).OrganisationID {
		return account{}, memberNotFound()
	}
	return a, err
}

// last is the greatest code point: in the order of bytes, everything that
// begins with s lies between s and s+last.
const last = "\U0010FFFF"

// members lists the accounts of the caller's organisation in the order in which
// they came, from the one after the given id. A query that is not empty narrows
// them to those whose address or name begins with it.
func (m *Module) members(ctx context.Context, query string, after uuid.UUID, limit int) ([]account, error) {
	sql, args := membersQuery(auth.Caller(ctx).OrganisationID, query, after, limit)
	rows, err := m.db.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

func membersQuery(organisation uuid.UUID, query string, after uuid.UUID, limit int) (string, []any) {
	sql := `select ` + accountColumns + ` from users.accounts a
		where a.organisation_id = $1 and a.status = 'active' and a.account_id > $2`
	args := []any{organisation, after, limit}
	if query = searchKey(strings.TrimSpace(query)); query != "" {
		// Ranges, not LIKE: a pattern in a parameter cannot use an index.
		sql += ` and (a.email >= $4 and a.email < $5 or a.search_name >= $4 and a.search_name < $5)`
		args = append(args, query, query+last)
	}
	return sql + ` order by a.account_id limit $3`, args
}
