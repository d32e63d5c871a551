package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// notification is an entry of an inbox.
type notification struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Kind      string
	Title     string
	Body      string
	Data      map[string]any
	Link      string
	CreatedAt time.Time
	ReadAt    *time.Time
}

const notificationColumns = `id, account_id, kind, title, body, data, link, created_at, read_at`

// inboxPage returns up to limit entries before the given one, the newest first.
func (m *Module) inboxPage(ctx context.Context, caller auth.Principal, unread bool, before uuid.UUID, limit int) ([]notification, error) {
	filter := ""
	if unread {
		filter = "and read_at is null" // as the index on unread entries has it
	}
	page, err := collect[notification](ctx, m.db.Pool, `
		select `+notificationColumns+` from notify.notifications
		where account_id = $1 and inbox and id < $2 `+filter+`
		order by id desc limit $3`, caller.AccountID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list the notifications of account %s: %w", caller.AccountID, err)
	}
	return page, nil
}

// countLimit is up to where unread entries are counted.
const countLimit = 1000

func (m *Module) unreadCount(ctx context.Context, caller auth.Principal) (int, error) {
	var n int
	err := m.db.Pool.QueryRow(ctx, `
		select count(*) from (
			select from notify.notifications where account_id = $1 and inbox and read_at is null limit $2
		) as unread`, caller.AccountID, countLimit).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the unread notifications of account %s: %w", caller.AccountID, err)
	}
	return n, nil
}

// markRead marks an entry as read. Marking it again changes nothing.
func (m *Module) markRead(ctx context.Context, caller auth.Principal, id uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			update notify.notifications set read_at = coalesce(read_at, now())
			where id = $1 and account_id = $2 and inbox returning id`, id, caller.AccountID).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return problem.NotFoundf("There is no such notification.")
		}
		if err != nil {
			return fmt.Errorf("mark notification %s as read: %w", id, err)
		}
		return nil
	})
}

// markAllRead marks the unread entries up to the given one, or all of them, and
// returns how many there were. A client names the newest entry that it has
// shown, so that one which came in the meantime stays unread.
func (m *Module) markAllRead(ctx context.Context, caller auth.Principal, upTo *uuid.UUID) (int64, error) {
	var n int64
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		marked, err := tx.Exec(ctx, `
			update notify.notifications set read_at = now()
			where account_id = $1 and inbox and read_at is null and ($2::uuid is null or id <= $2)`, caller.AccountID, upTo)
		if err != nil {
			return fmt.Errorf("mark the notifications of account %s as read: %w", caller.AccountID, err)
		}
		n = marked.RowsAffected()
		return nil
	})
	return n, err
}
