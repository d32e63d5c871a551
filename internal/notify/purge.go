package notify

import (
	"context"
	"fmt"
	"time"
)

const (
	purgeBatch = 1000
	// lostAfter is when a delivery counts as lost whose job has ended without
	// a word, because its process was killed in the last attempt.
	lostAfter = 7 * 24 * time.Hour
)

// purge removes what has been read, or was only mailed, and is older than the
// retention. It works in small steps, so that it holds nobody up.
func (m *Module) purge(ctx context.Context) error {
	for {
		removed, err := m.db.Pool.Exec(ctx, `
			delete from notify.notifications where id in (
				select id from notify.notifications
				where created_at < $1 and (read_at is not null or not inbox) limit $2 for update skip locked
			)`, m.now().Add(-m.cfg.Retention), purgeBatch)
		if err != nil {
			return fmt.Errorf("remove old notifications: %w", err)
		}
		if removed.RowsAffected() < purgeBatch {
			break
		}
	}
	_, err := m.db.Pool.Exec(ctx, `
		update notify.deliveries set status = 'failed', reason = 'lost', settled_at = now()
		where status = 'queued' and queued_at < $1`, m.now().Add(-lostAfter))
	if err != nil {
		return fmt.Errorf("give up lost mails: %w", err)
	}
	return nil
}
