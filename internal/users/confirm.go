package users

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// confirm takes the token of a mail as the proof that the account's owner reads
// the mail sent to its address.
func (m *Module) confirm(ctx context.Context, token secret) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		a, err := redeemEmailToken(ctx, tx, token, tokenConfirm, now)
		if err != nil || a.confirmedAt != nil {
			return err
		}
		a.confirmedAt = &now
		if err := updateAccount(ctx, tx, &a, now); err != nil {
			return err
		}
		return audit(ctx, tx, now, addressConfirmed, a.id, a.organisationID, "")
	})
}
