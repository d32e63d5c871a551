package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// action names what happened, for the audit trail. The names are stored.
type action string

const (
	organisationCreated action = "organisation.created"
	accountRegistered   action = "account.registered"
	accountInvited      action = "account.invited"
	accountSeeded       action = "account.seeded"
	addressConfirmed    action = "account.confirmed"
	profileChanged      action = "account.profile_changed"
	accountErased       action = "account.erased"
	passwordChanged     action = "password.changed"
	passwordReset       action = "password.reset"
	roleGranted         action = "role.granted"
	roleRevoked         action = "role.revoked"
	sessionStarted      action = "session.started"
	sessionEnded        action = "session.ended"
	tokenReused         action = "session.token_reused"
)

// audit records in tx that the caller did something to subject, an account or
// an organisation. detail is a role or an id, never anything about a person.
func audit(ctx context.Context, tx pgx.Tx, now time.Time, what action, subject, organisation uuid.UUID, detail string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an audit id: %w", err)
	}
	var actor *uuid.UUID
	if p, ok := auth.FromContext(ctx); ok {
		actor = &p.AccountID
	}
	_, err = tx.Exec(ctx, `insert into users.audit_trail (audit_id, at, action, actor_id, subject_id, organisation_id, detail)
		values ($1, $2, $3, $4, $5, $6, $7)`, id, now, string(what), actor, subject, organisation, detail)
	if err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	return nil
}
