package users

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// resetPassword sets the password of the account that a mailed token belongs
// to and ends all of its sessions. The token also proves the address: whoever
// made the account, and with whatever password, it is now in the hands of the
// one who reads the mail.
func (m *Module) resetPassword(ctx context.Context, token secret, password string) error {
	password = normalPassword(password)
	// The rule about the address is checked below, when it is known.
	if err := checkPassword("body.password", password, ""); err != nil {
		return err
	}
	if err := m.openToken(ctx, token, tokenSetPassword); err != nil {
		return err // before the work of hashing
	}
	hashed, err := m.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		a, err := redeemEmailToken(ctx, tx, token, tokenSetPassword, now)
		if err != nil {
			return err
		}
		if err := checkPassword("body.password", password, a.email); err != nil {
			return err
		}
		if err := setPassword(ctx, tx, a.id, hashed, now); err != nil {
			return err
		}
		if err := revokeSessions(ctx, tx, a.id, nil, revokedByPassword, now); err != nil {
			return err
		}
		if err := forgetTries(ctx, tx, signInFromAnywhere.of(a.email), signInFromOnePlace.of(a.email)); err != nil {
			return err
		}
		if a.confirmedAt == nil {
			a.confirmedAt = &now
			if err := updateAccount(ctx, tx, &a, now); err != nil {
				return err
			}
		}
		if err := audit(ctx, tx, now, passwordReset, a.id, a.organisationID, ""); err != nil {
			return err
		}
		return m.enqueueMail(ctx, tx, a.id, mailPasswordChanged)
	})
}
