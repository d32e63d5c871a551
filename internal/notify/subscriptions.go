package notify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Contract is what the module consumes. Only contacts can be rebuilt: what was
// notified has been read, and mailed.
func (m *Module) Contract() bus.Contract {
	return bus.Contract{
		Module: moduleName,
		Consumers: []bus.Consumer{
			{
				Name:    "notify.contacts",
				Purpose: "Knows where to write to people, until they are erased.",
				Reactions: []bus.Reaction{
					bus.On(event.ContactChanged, contactChanged),
					bus.On(event.AccountErased, accountErased),
				},
				Reset: resetContacts,
			},
			{
				Name:    "notify.courses",
				Purpose: "Tells learners of enrolments and completed courses.",
				Reactions: []bus.Reaction{
					bus.On(event.LearnerEnrolled, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.LearnerEnrolledV1]) error {
						return m.notify(ctx, tx, recipient{d.Payload.LearnerID, d.Payload.OrganisationID}, source{d.ID, d.Replayed}, enrolledNotice(d.Payload))
					}),
					bus.On(event.CourseCompleted, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseCompletedV1]) error {
						return m.notify(ctx, tx, recipient{d.Payload.LearnerID, d.Payload.OrganisationID}, source{d.ID, d.Replayed}, completedNotice(d.Payload))
					}),
				},
			},
			{
				Name:    "notify.results",
				Purpose: "Tells learners of their scores.",
				Reactions: []bus.Reaction{
					bus.On(event.AttemptGraded, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AttemptGradedV1]) error {
						return m.notify(ctx, tx, recipient{d.Payload.LearnerID, d.Payload.OrganisationID}, source{d.ID, d.Replayed}, gradedNotice(d.Payload))
					}),
				},
			},
		},
	}
}

func contactChanged(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.ContactChangedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into notify.contacts (account_id, organisation_id, email, email_confirmed, display_name, locale, time_zone, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (account_id) do update set organisation_id = excluded.organisation_id, email = excluded.email,
			email_confirmed = excluded.email_confirmed, display_name = excluded.display_name, locale = excluded.locale,
			time_zone = excluded.time_zone, changed_at = excluded.changed_at`,
		e.AccountID, e.OrganisationID, e.Email, e.EmailConfirmed, e.DisplayName, e.Locale, e.TimeZone, e.At)
	if err != nil {
		return fmt.Errorf("record the contact of account %s: %w", e.AccountID, err)
	}
	return nil
}

// accountErased removes all that is here of the account. Deliveries go with
// their notifications; a mail job that is left finds nothing to send.
func accountErased(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AccountErasedV1]) error {
	account := d.Payload.AccountID
	if err := lockAccount(ctx, tx, account); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`insert into notify.erased_accounts (account_id, erased_at) values ($1, $2) on conflict do nothing`, account, d.Payload.At)
	for _, table := range []string{"contacts", "notifications", "preferences"} {
		batch.Queue(`delete from `+pgx.Identifier{moduleName, table}.Sanitize()+` where account_id = $1`, account)
	}
	batch.Queue(`delete from notify.idempotency_keys where principal = $1`, account)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("erase account %s: %w", account, err)
	}
	return nil
}

// resetContacts keeps the list of erased accounts: the log may no longer hold
// the events that would make it again.
func resetContacts(ctx context.Context, tx pgx.Tx) error {
	for _, statement := range []string{`set local statement_timeout = 0`, `delete from notify.contacts`} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("empty the contacts: %w", err)
		}
	}
	return nil
}
