package journey

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

type notification struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	Data   map[string]string `json:"data"`
	ReadAt *string           `json:"read_at"`
}

// feed collects what a stream of server-sent events brings.
type feed struct {
	received chan notification
	end      context.CancelFunc
}

// followNotifications opens the live stream and returns once it is open.
func followNotifications(t *testing.T, ada *platformtest.Person) *feed {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", ada.URL("/v1/notifications/stream"), nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+ada.AccessToken)
	response, err := (&http.Client{}).Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	f := &feed{received: make(chan notification, 100), end: cancel}
	go func() {
		defer close(f.received)
		defer func() { _ = response.Body.Close() }()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var n notification
			if json.Unmarshal([]byte(data), &n) == nil && n.ID != "" {
				f.received <- n
			}
		}
	}()
	return f
}

func readNotifications(t *testing.T, platform *platformtest.Platform, ada *platformtest.Person, live *feed) {
	// One of her enrolment, one of each of eight graded attempts, one of the
	// course's completion.
	var inbox struct{ Items []notification }
	platformtest.Eventually(t, "the inbox has ten notifications", func() error {
		ada.Get(t, "/v1/notifications?limit=100", &inbox)
		return differs("notifications", len(inbox.Items), 10)
	})
	kinds := map[string]int{}
	scores := map[string]bool{}
	for _, n := range inbox.Items {
		kinds[n.Kind]++
		scores[n.Title+"/"+n.Body] = true
	}
	require.Equal(t, map[string]int{"course_enrolled": 1, "attempt_graded": 8, "course_completed": 1}, kinds)
	require.Contains(t, scores, "Graded: Quiz: the whole sky/You scored 7.5 of 10.")

	// The stream was opened after the enrolment and has brought the rest, each
	// once.
	came := map[string]int{}
	platformtest.Eventually(t, "the live stream has brought what the inbox has", func() error {
		for {
			select {
			case n := <-live.received:
				came[n.ID]++
				continue
			default:
			}
			break
		}
		for _, n := range inbox.Items {
			if n.Kind != "course_enrolled" && came[n.ID] == 0 {
				return fmt.Errorf("%s %q is missing", n.Kind, n.Title)
			}
		}
		return nil
	})
	for id, times := range came {
		require.Equal(t, 1, times, "notification %s came more than once", id)
	}
	live.end()

	mail := platform.AwaitMail(t, ada.Email, "Graded: Quiz: the whole sky")
	require.Contains(t, mail.Text, "You scored 7.5 of 10.")

	var count struct{ Unread int }
	ada.Get(t, "/v1/notifications/unread-count", &count)
	require.Equal(t, 10, count.Unread)
	ada.Post(t, "/v1/notifications/"+inbox.Items[0].ID+"/read", nil, nil)
	ada.Get(t, "/v1/notifications/unread-count", &count)
	require.Equal(t, 9, count.Unread)
	ada.Post(t, "/v1/notifications/read-all", nil, nil)
	ada.Get(t, "/v1/notifications?unread=true", &inbox)
	require.Empty(t, inbox.Items)
}

// wantNoMailsOfGrades switches one kind of mail off.
func wantNoMailsOfGrades(t *testing.T, leo *platformtest.Person) {
	type preferences struct {
		Items []struct {
			Kind    string `json:"kind"`
			Channel string `json:"channel"`
			Enabled bool   `json:"enabled"`
		} `json:"items"`
	}
	var wanted, kept preferences
	leo.Get(t, "/v1/notification-preferences", &wanted)
	require.Len(t, wanted.Items, 6, "three kinds on two channels")
	for i, p := range wanted.Items {
		if p.Kind == "attempt_graded" && p.Channel == "mail" {
			require.True(t, p.Enabled, "until somebody says otherwise")
			wanted.Items[i].Enabled = false
		}
	}
	leo.Put(t, "/v1/notification-preferences", wanted, nil)
	leo.Get(t, "/v1/notification-preferences", &kept)
	require.ElementsMatch(t, wanted.Items, kept.Items)
}

// seeGradeInInboxOnly is what follows from wantNoMailsOfGrades.
func seeGradeInInboxOnly(t *testing.T, platform *platformtest.Platform, leo *platformtest.Person) {
	var inbox struct{ Items []notification }
	platformtest.Eventually(t, "Leo's grade is in his inbox", func() error {
		leo.Get(t, "/v1/notifications", &inbox)
		return differs("notifications", len(inbox.Items), 2)
	})
	require.Equal(t, "You scored 3 of 7.", inbox.Items[0].Body)
	for _, m := range platform.Mails(t, leo.Email) {
		require.NotContains(t, m.Subject, "Graded")
	}
}

// differs is an error unless both are equal, for what is waited for.
func differs[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, want %v", what, got, want)
	}
	return nil
}
