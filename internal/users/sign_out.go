package users

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// signOut ends the session of the refresh token or, without one, that of the
// caller's access token. A session that has ended already is no error.
func (m *Module) signOut(ctx context.Context, token secret) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if token == "" {
			p, ok := auth.FromContext(ctx)
			if !ok {
				return problem.New(problem.Unauthenticated, "unauthenticated",
					"Send the refresh token or the access token of the session to end.")
			}
			return m.end(ctx, tx, p.AccountID, p.SessionID, revokedBySignOut)
		}
		h, err := lockRefreshToken(ctx, tx, token)
		if errors.Is(err, errNoToken) {
			return nil
		}
		if err != nil {
			return err
		}
		return m.end(ctx, tx, h.accountID, h.sessionID, revokedBySignOut)
	})
}

// endSession ends a session of the caller, seen in the list of sessions.
func (m *Module) endSession(ctx context.Context, id uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return m.end(ctx, tx, auth.Caller(ctx).AccountID, id, revokedByOwner)
	})
}

func (m *Module) end(ctx context.Context, tx pgx.Tx, accountID, sessionID uuid.UUID, why revocation) error {
	now := m.now()
	ended, err := revokeSession(ctx, tx, accountID, sessionID, why, now)
	if err != nil {
		return err
	}
	if !ended && why == revokedByOwner {
		return problem.NotFoundf("There is no such session.")
	}
	if !ended {
		return nil
	}
	a, err := loadAccount(ctx, tx, accountID)
	if err != nil {
		return signedInAccount(err)
	}
	return audit(ctx, tx, now, sessionEnded, accountID, a.organisationID, sessionID.String())
}
