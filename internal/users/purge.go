package users

import (
	"context"
	"fmt"
	"time"
)

const (
	// purgeBatch bounds a statement, so that none holds many locks for long.
	purgeBatch = 5000
	// keepSessions is how long an ended session is kept, to be asked about.
	keepSessions = 30 * 24 * time.Hour
)

// purge deletes what has expired and looks after the partitions of the audit
// trail.
func (m *Module) purge(ctx context.Context) error {
	now := m.now()
	for _, table := range []struct {
		name, sql string
		before    time.Time
	}{
		{"throttles", `delete from users.throttles where (rule, key, place) in
			(select rule, key, place from users.throttles where expires_at < $1 limit $2)`, now},
		{"mailed tokens", `delete from users.email_tokens where token_hash in
			(select token_hash from users.email_tokens where expires_at < $1 limit $2)`, now},
		{"refresh tokens", `delete from users.refresh_tokens where token_hash in
			(select token_hash from users.refresh_tokens where expires_at < $1 limit $2)`, now},
		{"sessions", `delete from users.sessions where session_id in
			(select session_id from users.sessions where expires_at < $1 limit $2)`, now.Add(-keepSessions)},
	} {
		for {
			tag, err := m.db.Pool.Exec(ctx, table.sql, table.before, purgeBatch)
			if err != nil {
				return fmt.Errorf("purge %s: %w", table.name, err)
			}
			if tag.RowsAffected() < purgeBatch {
				break
			}
		}
	}
	_, err := m.db.Pool.Exec(ctx, `select users.maintain_audit_trail($1, 3)`, m.cfg.AuditRetention)
	if err != nil {
		return fmt.Errorf("maintain the audit trail: %w", err)
	}
	return nil
}
