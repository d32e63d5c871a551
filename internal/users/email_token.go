package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/problem"
)

// tokenPurpose says what a mailed token proves. The names are stored.
type tokenPurpose string

const (
	tokenConfirm     tokenPurpose = "confirm"
	tokenSetPassword tokenPurpose = "set_password"
)

// issueEmailToken makes a token for a mail and stores its digest.
func issueEmailToken(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, p tokenPurpose, now time.Time, lifetime time.Duration) (secret, error) {
	token := newSecret()
	_, err := tx.Exec(ctx, `insert into users.email_tokens (token_hash, account_id, purpose, created_at, expires_at)
		values ($1, $2, $3, $4, $5)`, token.digest(), accountID, string(p), now, now.Add(lifetime))
	if err != nil {
		return "", fmt.Errorf("store a mailed token: %w", err)
	}
	return token, nil
}

// redeemEmailToken uses a token up, with every other token of that purpose that
// the account has been sent, and returns the account, locked.
func redeemEmailToken(ctx context.Context, tx pgx.Tx, token secret, p tokenPurpose, now time.Time) (account, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `select account_id from users.email_tokens where token_hash = $1 and purpose = $2`,
		token.digest(), string(p)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, invalidToken()
	}
	if err != nil {
		return account{}, fmt.Errorf("find a mailed token: %w", err)
	}
	a, err := lockAccount(ctx, tx, id)
	if errors.Is(err, errNoAccount) {
		return account{}, invalidToken()
	}
	if err != nil {
		return account{}, err
	}
	// The account is locked, so of two uses of a token at once one comes second
	// and finds it used.
	tag, err := tx.Exec(ctx, `update users.email_tokens set used_at = $2
		where token_hash = $1 and used_at is null and expires_at > $2`, token.digest(), now)
	if err != nil {
		return account{}, fmt.Errorf("use a mailed token: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return account{}, invalidToken()
	}
	return a, voidEmailTokens(ctx, tx, id, p, now)
}

// voidEmailTokens uses up every token of the purpose that the account has been
// sent. The account must be locked.
func voidEmailTokens(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, p tokenPurpose, now time.Time) error {
	_, err := tx.Exec(ctx, `update users.email_tokens set used_at = $3
		where account_id = $1 and purpose = $2 and used_at is null`, accountID, string(p), now)
	if err != nil {
		return fmt.Errorf("use up mailed tokens: %w", err)
	}
	return nil
}

func invalidToken() error {
	return problem.New(problem.Gone, "invalid-token", "The token is unknown, used up or expired. Ask for a new one.")
}

// openToken refuses a token that redeemEmailToken would refuse, without using
// it.
func (m *Module) openToken(ctx context.Context, token secret, p tokenPurpose) error {
	var open bool
	err := m.db.Pool.QueryRow(ctx, `select exists (select from users.email_tokens
		where token_hash = $1 and purpose = $2 and used_at is null and expires_at > $3)`,
		token.digest(), string(p), m.now()).Scan(&open)
	if err != nil {
		return fmt.Errorf("look up a mailed token: %w", err)
	}
	if !open {
		return invalidToken()
	}
	return nil
}
