package users

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// The plans of the queries that must not slow down as accounts are added, taken
// where a scan of the table would be cheaper for a planner that has no index.
func TestPlansAtScale(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	const many = 20_000
	f.exec(`insert into users.accounts (account_id, organisation_id, email, email_confirmed_at, display_name, search_name,
			locale, time_zone, status, created_at, updated_at)
		select gen_random_uuid(), o.organisation_id, 'learner' || n || '@example.org', now(), 'Learner ' || n, 'learner ' || n,
			'en', 'UTC', 'active', now(), now()
		from users.organisations o, generate_series(1, $1) n where o.slug = 'demo'`, many)
	f.exec(`insert into users.credentials (account_id, password_hash, changed_at)
		select account_id, '$argon2id$', now() from users.accounts on conflict do nothing`)
	f.exec(`insert into users.roles (account_id, role, organisation_id, granted_at)
		select account_id, 'learner', organisation_id, now() from users.accounts on conflict do nothing`)
	f.exec(`insert into users.sessions (session_id, account_id, user_agent, created_at, last_used_at, expires_at)
		select gen_random_uuid(), account_id, '', now(), now(), now() + interval '1 day' from users.accounts`)
	f.exec(`insert into users.refresh_tokens (token_hash, session_id, issued_at, expires_at)
		select sha256(session_id::text::bytea), session_id, now(), now() + interval '1 day' from users.sessions`)
	f.exec(`analyze users.accounts, users.credentials, users.roles, users.sessions, users.refresh_tokens`)

	var organisation uuid.UUID
	require.NoError(t, f.db.Pool.QueryRow(t.Context(), `select organisation_id from users.organisations where slug = 'demo'`).Scan(&organisation))
	page, pageArgs := membersQuery(organisation, "", uuid.Nil, 51)
	search, searchArgs := membersQuery(organisation, "learner 1234", uuid.Nil, 51)
	for name, q := range map[string]struct {
		sql  string
		args []any
		use  []string // indexes that the plan must name
	}{
		"sign-in":       {candidateQuery, []any{"learner77@example.org"}, []string{"accounts_email_key", "credentials_pkey"}},
		"member page":   {page, pageArgs, []string{"accounts_members"}},
		"member search": {search, searchArgs, []string{"BitmapOr", "accounts_members_name"}},
		"refresh": {`select session_id from users.sessions where session_id =
			(select session_id from users.refresh_tokens where token_hash = $1)`, []any{make([]byte, 32)}, []string{"sessions_pkey", "refresh_tokens_pkey"}},
		"sessions of an account": {`select session_id from users.sessions where account_id = $1 and revoked_at is null`,
			[]any{uuid.Nil}, []string{"sessions_account"}},
	} {
		rows, err := f.db.Pool.Query(t.Context(), `explain `+q.sql, q.args...)
		require.NoError(t, err, name)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, name)
		plan := strings.Join(lines, "\n")
		require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
		for _, index := range q.use {
			require.Contains(t, plan, index, "%s:\n%s", name, plan)
		}
	}
}
