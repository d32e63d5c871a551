package notify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

// resumeLimit is how many missed notifications a stream begins with. The newest
// count; the list has the rest.
const resumeLimit = 500

// handleStream sends the caller's new notifications until the client leaves,
// falls behind, or has been there for the lifetime of a stream.
func (m *Module) handleStream(w http.ResponseWriter, r *http.Request) {
	httpserver.Stream(w, r, func(ctx context.Context, lastEventID string) (<-chan httpserver.Event, error) {
		return m.stream(ctx, auth.Caller(ctx), lastEventID)
	})
}

// stream returns the caller's notifications from the given one on; from now on
// if there is none. The channel is closed when the stream must end, and lives no
// longer than ctx.
func (m *Module) stream(ctx context.Context, caller auth.Principal, lastEventID string) (<-chan httpserver.Event, error) {
	last, err := parseLastEventID(lastEventID)
	if err != nil {
		return nil, err
	}
	share, err := m.feed.subscribe(caller.AccountID)
	if err != nil {
		return nil, err
	}
	// After the subscription: what is committed between the two is in both.
	missed, sent, err := m.missed(ctx, caller.AccountID, last)
	if err != nil {
		m.feed.unsubscribe(share)
		return nil, err
	}
	events := make(chan httpserver.Event)
	go func() {
		defer close(events)
		defer m.feed.unsubscribe(share)
		ctx, cancel := context.WithTimeout(ctx, m.cfg.StreamLifetime)
		defer cancel()
		send := func(n notification) bool {
			select {
			case events <- httpserver.Event{ID: n.ID.String(), Name: "notification", Data: newNotificationBody(n)}:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for _, n := range missed {
			if !send(n) {
				return
			}
		}
		for {
			select {
			case <-ctx.Done():
				return
			case n, open := <-share.news:
				if !open || sent.add(n.ID, n.CreatedAt) && !send(n) {
					return
				}
			}
		}
	}()
	return events, nil
}

// parseLastEventID reads the id of the last notification that the client had;
// nil for none. Ids tell when they were made, which is where to resume, so an id
// whose notification is gone will do as well.
func parseLastEventID(text string) (*uuid.UUID, error) {
	if text == "" {
		return nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || id.Version() != 7 {
		return nil, problem.InvalidField("header.Last-Event-ID", "it is not the id of a notification")
	}
	return &id, nil
}

// missed returns what the client has yet to see of what is there already, oldest
// first, and a memory of all that the feed must not send again. A client that
// resumes is sent those of the last moments before its last one once more: one of
// them may have been committed after it. Clients know them by their ids.
func (m *Module) missed(ctx context.Context, account uuid.UUID, last *uuid.UUID) ([]notification, memory, error) {
	resume := uuid.Max
	if last != nil {
		seconds, nanos := last.Time().UnixTime()
		resume = earliestID(time.Unix(seconds, nanos).Add(-recentWindow))
	}
	found, err := collect[notification](ctx, m.db.Pool, fmt.Sprintf(`
		(select `+notificationColumns+` from notify.notifications
			where account_id = $1 and inbox and id > $2
			order by id desc limit $3)
		union
		(select `+notificationColumns+` from notify.notifications
			where account_id = $1 and inbox and created_at > now() - interval '%d milliseconds')
		order by id`, (2*lateWindow).Milliseconds()), account, resume, resumeLimit)
	if err != nil {
		return nil, nil, fmt.Errorf("look for missed notifications of account %s: %w", account, err)
	}
	sent := memory{}
	for _, n := range found {
		sent.add(n.ID, n.CreatedAt)
	}
	return slices.DeleteFunc(found, func(n notification) bool {
		return slices.Compare(n.ID[:], resume[:]) <= 0 || last != nil && n.ID == *last
	}), sent, nil
}

// earliestID is the first UUIDv7 of a millisecond.
func earliestID(t time.Time) uuid.UUID {
	id := uuid.UUID{6: 0x70, 8: 0x80}
	ms := max(t.UnixMilli(), 0)
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}
