package notify

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

type notificationBody struct {
	ID        uuid.UUID      `json:"id" format:"uuid"`
	Kind      string         `json:"kind" doc:"course_enrolled, course_completed or attempt_graded; more will follow"`
	Title     string         `json:"title"`
	Body      string         `json:"body"`
	Link      string         `json:"link" doc:"Path in the web interface"`
	Data      map[string]any `json:"data" doc:"Ids of what it is about, such as course_id"`
	CreatedAt time.Time      `json:"created_at"`
	ReadAt    *time.Time     `json:"read_at" doc:"Null while unread"`
}

func newNotificationBody(n notification) notificationBody {
	b := notificationBody{
		ID: n.ID, Kind: n.Kind, Title: n.Title, Body: n.Body, Link: n.Link, Data: n.Data, CreatedAt: n.CreatedAt.UTC(),
	}
	if n.ReadAt != nil {
		at := n.ReadAt.UTC()
		b.ReadAt = &at
	}
	return b
}

type listInput struct {
	httpserver.Page
	Unread bool `query:"unread" doc:"Only what has not been read"`
}

type listOutput struct {
	Body httpserver.List[notificationBody]
}

func (m *Module) handleList(ctx context.Context, in *listInput) (*listOutput, error) {
	before := uuid.Max
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	page, err := m.inboxPage(ctx, auth.Caller(ctx), in.Unread, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listOutput{Body: httpserver.List[notificationBody]{Items: []notificationBody{}}}
	if len(page) > in.Limit {
		page = page[:in.Limit]
		out.Body.NextCursor = httpserver.EncodeCursor(page[in.Limit-1].ID)
	}
	for _, n := range page {
		out.Body.Items = append(out.Body.Items, newNotificationBody(n))
	}
	return out, nil
}

type unreadCountOutput struct {
	Body struct {
		Unread int `json:"unread" doc:"Counted up to 1000"`
	}
}

func (m *Module) handleUnreadCount(ctx context.Context, _ *struct{}) (*unreadCountOutput, error) {
	out := &unreadCountOutput{}
	var err error
	out.Body.Unread, err = m.unreadCount(ctx, auth.Caller(ctx))
	return out, err
}

type readInput struct {
	NotificationID uuid.UUID `path:"notification_id" format:"uuid"`
}

func (m *Module) handleRead(ctx context.Context, in *readInput) (*struct{}, error) {
	return nil, m.markRead(ctx, auth.Caller(ctx), in.NotificationID)
}

type readAllInput struct {
	UpTo string `query:"up_to" format:"uuid" doc:"The newest notification to mark; all of them if left out"`
}

type readAllOutput struct {
	Body struct {
		Marked int64 `json:"marked" doc:"How many had been unread"`
	}
}

func (m *Module) handleReadAll(ctx context.Context, in *readAllInput) (*readAllOutput, error) {
	var upTo *uuid.UUID
	if in.UpTo != "" {
		id, err := uuid.Parse(in.UpTo)
		if err != nil {
			return nil, problem.InvalidField("query.up_to", "it is not a UUID")
		}
		upTo = &id
	}
	out := &readAllOutput{}
	var err error
	out.Body.Marked, err = m.markAllRead(ctx, auth.Caller(ctx), upTo)
	return out, err
}
