package users

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/problem"
)

// mayMail reports whether strangers may have another mail sent to the address.
// That they may not is kept from them: the limit is the owner's business.
func (m *Module) mayMail(ctx context.Context, email string) (bool, error) {
	err := m.throttle.take(ctx, m.now(), mailToOneAddress.of(email))
	if problem.Is(err, tooManyAttempts) {
		return false, nil
	}
	return err == nil, err
}

// requestMail has a mail sent to the owner of an address, if there is one. What
// becomes of it is not for the caller to know.
func (m *Module) requestMail(ctx context.Context, address string, p mailPurpose) error {
	email, err := emailField("body.email", address)
	if err != nil {
		return err
	}
	if may, err := m.mayMail(ctx, email); err != nil || !may {
		return err
	}
	id, err := accountOf(ctx, m.db.Pool, email)
	if err != nil {
		return err
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return m.enqueueMail(ctx, tx, id, p)
	})
}
