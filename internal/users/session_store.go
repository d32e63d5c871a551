package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// session is a session as its owner sees it.
type session struct {
	id         uuid.UUID
	userAgent  string
	createdAt  time.Time
	lastUsedAt time.Time
	expiresAt  time.Time
}

// revocation says why a session ended early. The names are stored.
type revocation string

const (
	revokedBySignOut  revocation = "sign_out"
	revokedByOwner    revocation = "ended_by_owner"
	revokedByPassword revocation = "password_changed"
	revokedByReuse    revocation = "token_reused"
)

func insertSession(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, s session) error {
	_, err := tx.Exec(ctx, `insert into users.sessions (session_id, account_id, user_agent, created_at, last_used_at, expires_at)
		values ($1, $2, $3, $4, $4, $5)`, s.id, accountID, s.userAgent, s.createdAt, s.expiresAt)
	if err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	return nil
}

// insertRefreshToken makes the next token of a session's family.
func insertRefreshToken(ctx context.Context, tx pgx.Tx, sessionID uuid.UUID, now, expiresAt time.Time) (secret, error) {
	token := newSecret()
	_, err := tx.Exec(ctx, `insert into users.refresh_tokens (token_hash, session_id, issued_at, expires_at)
		values ($1, $2, $3, $4)`, token.digest(), sessionID, now, expiresAt)
	if err != nil {
		return "", fmt.Errorf("insert refresh token: %w", err)
	}
	return token, nil
}

// heldToken is a refresh token with its session, which is locked.
type heldToken struct {
	sessionID      uuid.UUID
	accountID      uuid.UUID
	sessionExpires time.Time
	sessionRevoked bool
	expiresAt      time.Time
	rotated        bool
}

var errNoToken = errors.New("no such refresh token")

// lockRefreshToken finds the token and locks its session, under whose lock
// alone the tokens of the family change: of two uses at once one comes second
// and sees what the first has done.
func lockRefreshToken(ctx context.Context, tx pgx.Tx, token secret) (heldToken, error) {
	var h heldToken
	err := tx.QueryRow(ctx, `select session_id, account_id, expires_at, revoked_at is not null from users.sessions
		where session_id = (select session_id from users.refresh_tokens where token_hash = $1) for update`, token.digest()).
		Scan(&h.sessionID, &h.accountID, &h.sessionExpires, &h.sessionRevoked)
	if errors.Is(err, pgx.ErrNoRows) {
		return heldToken{}, errNoToken
	}
	if err != nil {
		return heldToken{}, fmt.Errorf("lock the session of a refresh token: %w", err)
	}
	// A statement of its own, which sees what was committed while the first
	// waited for the lock.
	err = tx.QueryRow(ctx, `select expires_at, rotated_at is not null from users.refresh_tokens where token_hash = $1`,
		token.digest()).Scan(&h.expiresAt, &h.rotated)
	if errors.Is(err, pgx.ErrNoRows) {
		return heldToken{}, errNoToken
	}
	if err != nil {
		return heldToken{}, fmt.Errorf("load a refresh token: %w", err)
	}
	return h, nil
}

// rotateRefreshToken marks the token as used and its session as alive.
func rotateRefreshToken(ctx context.Context, tx pgx.Tx, token secret, sessionID uuid.UUID, now time.Time) error {
	_, err := tx.Exec(ctx, `update users.refresh_tokens set rotated_at = $2 where token_hash = $1`, token.digest(), now)
	if err != nil {
		return fmt.Errorf("rotate a refresh token: %w", err)
	}
	_, err = tx.Exec(ctx, `update users.sessions set last_used_at = $2 where session_id = $1`, sessionID, now)
	if err != nil {
		return fmt.Errorf("touch session %s: %w", sessionID, err)
	}
	return nil
}

// revokeSession ends one session of the account. It reports whether there was
// one to end.
func revokeSession(ctx context.Context, tx pgx.Tx, accountID, sessionID uuid.UUID, why revocation, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `update users.sessions set revoked_at = $3, revoked_for = $4
		where session_id = $1 and account_id = $2 and revoked_at is null and expires_at > $3`, sessionID, accountID, now, string(why))
	if err != nil {
		return false, fmt.Errorf("revoke session %s: %w", sessionID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// revokeSessions ends all sessions of the account but one.
func revokeSessions(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, except *uuid.UUID, why revocation, now time.Time) error {
	_, err := tx.Exec(ctx, `update users.sessions set revoked_at = $3, revoked_for = $4
		where account_id = $1 and revoked_at is null and session_id is distinct from $2`, accountID, except, now, string(why))
	if err != nil {
		return fmt.Errorf("revoke the sessions of account %s: %w", accountID, err)
	}
	return nil
}

// liveSessions lists the account's sessions, the latest first, at most 200.
func liveSessions(ctx context.Context, q querier, accountID uuid.UUID, now time.Time) ([]session, error) {
	rows, err := q.Query(ctx, `select session_id, user_agent, created_at, last_used_at, expires_at from users.sessions
		where account_id = $1 and revoked_at is null and expires_at > $2 order by last_used_at desc, session_id desc limit 200`,
		accountID, now)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (session, error) {
		var s session
		err := row.Scan(&s.id, &s.userAgent, &s.createdAt, &s.lastUsedAt, &s.expiresAt)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}
