package notify

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

type recipient struct{ account, organisation uuid.UUID }

// source is the event that a notification comes from.
type source struct {
	event    uuid.UUID
	replayed bool
}

// notify writes a notification and enqueues its mail, as the account wants it.
func (m *Module) notify(ctx context.Context, tx pgx.Tx, to recipient, from source, n notice) error {
	wanted, erased, err := loadWishes(ctx, tx, to.account, n.kind)
	if err != nil {
		return err
	}
	byMail := wanted[channelMail] && !from.replayed
	if erased || !wanted[channelInbox] && !byMail {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a notification id: %w", err)
	}
	err = tx.QueryRow(ctx, `
		with notification as (
			insert into notify.notifications (id, account_id, organisation_id, source_event_id, kind, title, body, data, link, inbox)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (account_id, source_event_id) do nothing
			returning id
		), delivery as (
			insert into notify.deliveries (notification_id) select id from notification where $11
		)
		select id from notification`,
		id, to.account, to.organisation, from.event, string(n.kind), n.title, n.body, n.data, n.link, wanted[channelInbox], byMail,
	).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // this event has notified the account before
	}
	if err != nil {
		return fmt.Errorf("write a notification of event %s: %w", from.event, err)
	}
	if !byMail {
		return nil
	}
	if _, err := m.jobs.InsertTx(ctx, tx, mailArgs{NotificationID: id}, nil); err != nil {
		return fmt.Errorf("enqueue the mail of notification %s: %w", id, err)
	}
	return nil
}

// loadWishes says on which channels the account wants notifications of the kind,
// and whether the account was erased. Until tx ends the account cannot be erased.
func loadWishes(ctx context.Context, tx pgx.Tx, account uuid.UUID, k kind) (wanted map[channel]bool, erased bool, err error) {
	wanted = map[channel]bool{channelInbox: true, channelMail: true}
	batch := &pgx.Batch{}
	// Two statements: what one reads is from before its wait for a lock.
	batch.Queue(lockShared, lockKey(account))
	batch.Queue(`
		select 'erased', true from notify.erased_accounts where account_id = $1
		union all
		select channel, enabled from notify.preferences where account_id = $1 and kind = $2`, account, string(k),
	).Query(func(rows pgx.Rows) error {
		var name string
		var value bool
		_, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error {
			if name == "erased" {
				erased = true
			} else {
				wanted[channel(name)] = value
			}
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, false, fmt.Errorf("look up what account %s wants: %w", account, err)
	}
	return wanted, erased, nil
}
