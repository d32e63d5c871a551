package users

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/problem"
)

// refresh exchanges a refresh token for the next pair of tokens. A token works
// once, without a moment of grace: seen again, it is in two hands, and nobody
// can say which are the owner's, so the session ends for both.
func (m *Module) refresh(ctx context.Context, token secret) (grant, error) {
	var g grant
	var refusal error
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		h, err := lockRefreshToken(ctx, tx, token)
		if errors.Is(err, errNoToken) {
			return m.refuseRefresh("unknown")
		}
		if err != nil {
			return err
		}
		a, err := loadAccount(ctx, tx, h.accountID)
		if errors.Is(err, errNoAccount) {
			return m.refuseRefresh("unknown")
		}
		if err != nil {
			return err
		}
		switch {
		case h.sessionRevoked:
			return m.refuseRefresh("revoked")
		case !now.Before(h.expiresAt), !now.Before(h.sessionExpires):
			return m.refuseRefresh("expired")
		case h.rotated:
			// The revocation must stay when the caller is refused.
			refusal = m.refuseRefresh("reused")
			if _, err := revokeSession(ctx, tx, a.id, h.sessionID, revokedByReuse, now); err != nil {
				return err
			}
			return audit(ctx, tx, now, tokenReused, a.id, a.organisationID, h.sessionID.String())
		}
		if err := rotateRefreshToken(ctx, tx, token, h.sessionID, now); err != nil {
			return err
		}
		g, err = m.issueTokens(ctx, tx, a, h.sessionID, h.sessionExpires, now)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return grant{}, err
	}
	m.metrics.refreshes.WithLabelValues("ok").Inc()
	return g, nil
}

// refuseRefresh gives one answer for every reason; the metric tells them apart.
func (m *Module) refuseRefresh(why string) error {
	m.metrics.refreshes.WithLabelValues(why).Inc()
	return problem.New(problem.Unauthenticated, "invalid-refresh-token",
		"The refresh token is unknown, used up, revoked or expired. Sign in again.")
}
