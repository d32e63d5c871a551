package notify

import (
	"net/http"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

// Routes is the module's route table. Everybody has an inbox, and nobody sees
// another's.
func (m *Module) Routes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/notifications", ID: "list-notifications",
		Summary: "List the caller's notifications, the newest first", Permission: auth.SignedIn,
	}, m.handleList)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/notifications/unread-count", ID: "count-unread-notifications",
		Summary: "Count the caller's unread notifications", Permission: auth.SignedIn,
	}, m.handleUnreadCount)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/notifications/{notification_id}/read", ID: "read-notification",
		Summary: "Mark a notification as read", Permission: auth.SignedIn, Status: http.StatusNoContent,
		Problems: []int{http.StatusNotFound},
	}, m.handleRead)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/notifications/read-all", ID: "read-all-notifications",
		Summary: "Mark the caller's notifications as read", Permission: auth.SignedIn,
	}, m.handleReadAll)
	httpserver.Raw(r, httpserver.Route{
		Method: "GET", Path: "/v1/notifications/stream", ID: "stream-notifications",
		Summary: "Follow the caller's notifications live", Permission: auth.SignedIn,
		Description: "Server-sent events named \"notification\": the id is the notification's, the data the notification as in the " +
			"list. A new stream begins with what comes next; with Last-Event-ID it resumes after that notification, and may " +
			"repeat those of the moments before it. A stream ends after some minutes, or when its client does not keep up: " +
			"come back with the last id and a fresh token.",
		Problems: []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, m.handleStream)

	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/notification-preferences", ID: "get-notification-preferences",
		Summary: "Get which notifications the caller wants on which channel", Permission: auth.SignedIn,
	}, m.handleGetPreferences)
	httpserver.Handle(r, httpserver.Route{
		Method: "PUT", Path: "/v1/notification-preferences", ID: "put-notification-preferences",
		Summary: "Replace the caller's notification preferences", Permission: auth.SignedIn,
		Description: "What is left out takes its default, which is on.",
		Problems:    []int{http.StatusGone, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
	}, m.handlePutPreferences)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: unsubscribePath, ID: "unsubscribe-from-mail",
		Summary: "Switch off mails of the kind that the token came with", Permission: auth.Public, Status: http.StatusNoContent,
		Description: "For mail programs (RFC 8058). The body does not matter.", MaxBody: 64 << 10,
		Problems: []int{http.StatusUnprocessableEntity},
	}, m.handleUnsubscribe)
}

const unsubscribePath = "/v1/notification-preferences/unsubscribe"
