package users

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// eraseAccount forgets the caller: everything that this module holds about the
// person goes, in the retained events too, and the other modules are told to do
// the same. The id stays, so that records of what was done keep a subject.
func (m *Module) eraseAccount(ctx context.Context, password string) error {
	stored, err := m.provePassword(ctx, "body.password", password)
	if err != nil {
		return err
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		a, err := m.lockProven(ctx, tx, stored)
		if err != nil {
			return err
		}
		for _, r := range a.roles {
			if err := keepAdministrator(ctx, tx, a, r); err != nil {
				return err
			}
		}
		if err := erasePerson(ctx, tx, a); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update users.accounts set status = 'erased', email = null, email_confirmed_at = null,
			display_name = '', search_name = '', locale = $2, time_zone = $3, version = version + 1, updated_at = $4
			where account_id = $1`, a.id, defaultLocale, defaultTimeZone, now)
		if err != nil {
			return fmt.Errorf("erase account %s: %w", a.id, err)
		}
		if err := audit(ctx, tx, now, accountErased, a.id, a.organisationID, ""); err != nil {
			return err
		}
		if err := event.ContactChanged.Erase(ctx, tx, a.id); err != nil {
			return err
		}
		return event.AccountErased.Emit(ctx, tx, event.AccountErasedV1{
			AccountID: a.id, OrganisationID: a.organisationID, At: now,
		})
	})
}

// erasePerson deletes what hangs on the account.
func erasePerson(ctx context.Context, tx pgx.Tx, a account) error {
	for _, table := range []struct{ name, sql string }{
		{"credentials", `delete from users.credentials where account_id = $1`},
		{"roles", `delete from users.roles where account_id = $1`},
		{"mailed tokens", `delete from users.email_tokens where account_id = $1`},
		{"sessions", `delete from users.sessions where account_id = $1`}, // and their refresh tokens
		{"kept answers", `delete from users.idempotency_keys where principal = $1`},
		// The administrator who invited the person may have been answered lately.
		{"kept invitations", `delete from users.idempotency_keys
			where route = 'invite-account' and position(convert_to($1::uuid::text, 'UTF8') in body) > 0`},
	} {
		if _, err := tx.Exec(ctx, table.sql, a.id); err != nil {
			return fmt.Errorf("erase the %s of account %s: %w", table.name, a.id, err)
		}
	}
	return forgetTries(ctx, tx, signInFromAnywhere.of(a.email), signInFromOnePlace.of(a.email),
		mailToOneAddress.of(a.email), ownPassword.of(a.id.String()))
}
