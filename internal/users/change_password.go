package users

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// changePassword replaces the caller's password and ends their other sessions.
func (m *Module) changePassword(ctx context.Context, current, next string) error {
	next = normalPassword(next)
	a, err := m.me(ctx)
	if err != nil {
		return err
	}
	if err := checkPassword("body.new", next, a.email); err != nil {
		return err
	}
	stored, err := m.provePassword(ctx, "body.current", current)
	if err != nil {
		return err
	}
	hashed, err := m.hasher.hash(ctx, next)
	if err != nil {
		return err
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		a, err := m.lockProven(ctx, tx, stored)
		if err != nil {
			return err
		}
		if err := setPassword(ctx, tx, a.id, hashed, now); err != nil {
			return err
		}
		// A mail to set the password that somebody else may have got is void.
		if err := voidEmailTokens(ctx, tx, a.id, tokenSetPassword, now); err != nil {
			return err
		}
		keep := auth.Caller(ctx).SessionID
		if err := revokeSessions(ctx, tx, a.id, &keep, revokedByPassword, now); err != nil {
			return err
		}
		if err := audit(ctx, tx, now, passwordChanged, a.id, a.organisationID, ""); err != nil {
			return err
		}
		return m.enqueueMail(ctx, tx, a.id, mailPasswordChanged)
	})
}

// provePassword has the caller show that they know their password, and not only
// hold a token. It returns the stored hash that was matched.
func (m *Module) provePassword(ctx context.Context, location, password string) (string, error) {
	id := auth.Caller(ctx).AccountID
	password = normalPassword(password)
	wrong := problem.InvalidField(location, "is not the present password")
	wrong.Reason = "wrong-password"
	if len(password) > maxPasswordBytes {
		return "", wrong
	}
	guess := ownPassword.of(id.String())
	if err := m.throttle.take(ctx, m.now(), guess); err != nil {
		return "", err
	}
	stored, err := passwordHash(ctx, m.db.Pool, id)
	if err != nil {
		return "", err
	}
	right, _, err := m.hasher.verify(ctx, stored, password)
	if err != nil {
		return "", fmt.Errorf("verify the password of account %s: %w", id, err)
	}
	if !right {
		return "", wrong
	}
	return stored, m.throttle.giveBack(ctx, guess)
}

// lockProven locks the caller's account if its password is still the one that
// provePassword saw.
func (m *Module) lockProven(ctx context.Context, tx pgx.Tx, stored string) (account, error) {
	a, err := lockAccount(ctx, tx, auth.Caller(ctx).AccountID)
	if err != nil {
		return account{}, signedInAccount(err)
	}
	now, err := passwordHash(ctx, tx, a.id)
	if err != nil {
		return account{}, err
	}
	if now != stored {
		return account{}, problem.New(problem.Conflict, "password-changed", "The password was changed meanwhile.")
	}
	return a, nil
}
