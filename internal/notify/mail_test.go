package notify_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/mail"
)

func TestAMailSaysWhatTheInboxSaysAndLeadsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	enrolled := w.enrolled(l, "Tides")
	tell(w, event.LearnerEnrolled, enrolled)
	w.eventually(func() bool { return w.deliveries(l)["sent"] == 1 }, "the mail is sent")
	require.Len(t, w.mails.all(), 1)
	m := w.mails.all()[0]
	require.Equal(t, "ada@example.org", m.To)
	require.Equal(t, "You are enrolled in Tides", m.Subject)
	require.Equal(t, "notify-"+w.inbox(l, "").Items[0].ID.String(), m.ID)
	require.Contains(t, m.Text, "Hello Ada,")
	require.Contains(t, m.Text, "https://learn.example/courses/"+enrolled.CourseID.String()+"\n")
}

// Events of different modules come in any order.
func TestAMailWaitsForItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	require.Len(t, w.inbox(l, "").Items, 1, "the inbox does not wait")
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", false))
	w.eventually(func() bool { return w.snoozes() > 1 }, "the job has looked and found no confirmed address")
	require.Empty(t, w.mails.all(), "the address may be somebody else's")

	tell(w, event.ContactChanged, w.contact(l, "ada@example.net", true))
	w.eventually(func() bool { return w.deliveries(l)["sent"] == 1 }, "the mail is sent once the address is confirmed")
	require.Len(t, w.mails.all(), 1)
	require.Equal(t, "ada@example.net", w.mails.all()[0].To)
}

// snoozes is how often mail jobs have been postponed.
func (w *world) snoozes() int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.admin.QueryRow(w.t.Context(), `
		select coalesce(sum((metadata->>'snoozes')::int), 0)::int from notify.river_job where kind = 'notify.send_mail'`).Scan(&n))
	return n
}

func TestAMailIsGivenUpAfterADayWithoutAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	w.eventually(func() bool { return w.snoozes() > 0 }, "the job has looked")
	w.clock.forward(25 * time.Hour)
	w.eventually(func() bool { return w.deliveries(l)["failed"] == 1 }, "it is given up, on the record")
	require.Empty(t, w.mails.all())
}

func TestAMailServerThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	w.mails.answerFirst(errors.New("try later"))
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	w.eventually(func() bool { return w.deliveries(l)["sent"] == 1 }, "the second attempt succeeds")
	var attempts int
	require.NoError(t, w.admin.QueryRow(t.Context(), `select attempts from notify.deliveries`).Scan(&attempts))
	require.Equal(t, 2, attempts)
	require.Len(t, w.mails.all(), 1)
}

func TestAMailThatIsRefusedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	w.mails.answerFirst(fmt.Errorf("%w: no such user", mail.ErrRefused))
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	w.eventually(func() bool { return w.deliveries(l)["failed"] == 1 }, "the failure is recorded")
	var state, reason string
	var attempts int
	require.NoError(t, w.admin.QueryRow(t.Context(), `select reason, attempts from notify.deliveries`).Scan(&reason, &attempts))
	require.Contains(t, reason, "no such user")
	require.Equal(t, 1, attempts)
	w.eventually(func() bool {
		require.NoError(t, w.admin.QueryRow(t.Context(), `select state from notify.river_job where kind = 'notify.send_mail'`).Scan(&state))
		return state == "completed"
	}, "the job is done")
	require.Empty(t, w.mails.all())
}

type preference struct {
	Kind    string `json:"kind"`
	Channel string `json:"channel"`
	Enabled bool   `json:"enabled"`
}

type preferences struct {
	Items []preference `json:"items"`
}

const preferencesPath = "/v1/notification-preferences"

func TestPreferencesDecideWhatComesAndHow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))

	var table preferences
	w.call(l, http.StatusOK, "GET", preferencesPath, nil, &table)
	require.Equal(t, []preference{
		{"course_enrolled", "inbox", true}, {"course_enrolled", "mail", true},
		{"course_completed", "inbox", true}, {"course_completed", "mail", true},
		{"attempt_graded", "inbox", true}, {"attempt_graded", "mail", true},
	}, table.Items, "everything is on until it is switched off")

	for name, c := range map[string]struct {
		inbox, mail bool
	}{"both": {true, true}, "inbox only": {true, false}, "mail only": {false, true}, "neither": {false, false}} {
		w.call(l, http.StatusOK, "PUT", preferencesPath, preferences{[]preference{
			{"course_enrolled", "inbox", c.inbox}, {"course_enrolled", "mail", c.mail}}}, nil)
		inboxBefore, mailsBefore := len(w.inbox(l, "").Items), len(w.mails.all())
		tell(w, event.LearnerEnrolled, w.enrolled(l, name))
		inInbox, mailed := 0, 0
		if c.inbox {
			inInbox = 1
		}
		if c.mail {
			mailed = 1
		}
		w.eventually(func() bool { return w.deliveries(l)["queued"] == 0 }, "what is to be mailed is mailed")
		require.Equal(t, inboxBefore+inInbox, len(w.inbox(l, "").Items), name)
		require.Equal(t, inboxBefore+inInbox, w.unread(l), name)
		require.Equal(t, mailsBefore+mailed, len(w.mails.all()), name)
	}
	w.call(l, http.StatusOK, "PUT", preferencesPath, preferences{[]preference{}}, &table)
	require.Len(t, table.Items, 6)
	for _, row := range table.Items {
		require.True(t, row.Enabled, "what is left out takes its default")
	}
}

func TestAMailIsSwitchedOffUntilTheMomentItLeaves(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	w.call(l, http.StatusOK, "PUT", preferencesPath, preferences{[]preference{{"course_enrolled", "mail", false}}}, nil)
	w.start(w.m)
	w.eventually(func() bool { return w.deliveries(l)["cancelled"] == 1 }, "the mail is cancelled")
	require.Empty(t, w.mails.all())
}

func TestPreferencesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	for name, body := range map[string]any{
		"unknown kind":    preferences{[]preference{{"course_cancelled", "mail", false}}},
		"unknown channel": preferences{[]preference{{"course_enrolled", "pigeon", false}}},
		"twice":           preferences{[]preference{{"course_enrolled", "mail", false}, {"course_enrolled", "mail", true}}},
		"one bad of two":  preferences{[]preference{{"course_enrolled", "mail", false}, {"", "mail", true}}},
		"unknown field":   map[string]any{"items": []any{}, "all": true},
		"missing items":   map[string]any{},
		"missing enabled": map[string]any{"items": []any{map[string]any{"kind": "course_enrolled", "channel": "mail"}}},
		"wrong type":      map[string]any{"items": []any{map[string]any{"kind": "course_enrolled", "channel": "mail", "enabled": "no"}}},
	} {
		res := w.http.Do(t, "PUT", preferencesPath, l.token, body, nil)
		require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode, name)
	}
	var table preferences
	w.call(l, http.StatusOK, "GET", preferencesPath, nil, &table)
	for _, row := range table.Items {
		require.True(t, row.Enabled, "a refused request changes nothing")
	}
}

func TestPreferencesAreNotReplacedUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	seen := httpservertest.Header{Name: "If-Match", Value: w.call(l, http.StatusOK, "GET", preferencesPath, nil, nil).Header.Get("ETag")}
	off := preferences{[]preference{{"attempt_graded", "mail", false}}}
	w.call(l, http.StatusOK, "PUT", preferencesPath, off, nil, seen)
	w.call(l, http.StatusPreconditionFailed, "PUT", preferencesPath, preferences{[]preference{}}, nil, seen)
	var table preferences
	res := w.call(l, http.StatusOK, "GET", preferencesPath, nil, &table)
	require.Contains(t, table.Items, preference{"attempt_graded", "mail", false})
	now := httpservertest.Header{Name: "If-Match", Value: res.Header.Get("ETag")}
	w.call(l, http.StatusOK, "PUT", preferencesPath, preferences{[]preference{}}, nil, now)
}

func TestAMailProgramUnsubscribesWithOneClick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, other := w.learner(), w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
	w.eventually(func() bool { return len(w.mails.all()) == 1 }, "the mail is sent")
	headers := w.mails.all()[0].Headers
	require.Equal(t, "List-Unsubscribe=One-Click", headers["List-Unsubscribe-Post"])
	link := strings.Trim(headers["List-Unsubscribe"], "<>")
	path, ok := strings.CutPrefix(link, "https://api.example")
	require.True(t, ok, link)

	form := httpservertest.Header{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}
	click := func(path string) int {
		return w.http.Do(t, "POST", path, "", []byte("List-Unsubscribe=One-Click"), nil, form).StatusCode
	}
	base, token, _ := strings.Cut(path, "?token=")
	flipped := "A" + token[1:]
	if flipped == token {
		flipped = "B" + token[1:]
	}
	for _, bad := range []string{base, base + "?token=", base + "?token=x", base + "?token=" + token[:len(token)-2], base + "?token=" + flipped, base + "?token=" + strings.Repeat("A", 64)} {
		require.Equal(t, http.StatusUnprocessableEntity, click(bad), bad)
	}
	var table preferences
	w.call(l, http.StatusOK, "GET", preferencesPath, nil, &table)
	require.Contains(t, table.Items, preference{"course_enrolled", "mail", true})

	require.Equal(t, http.StatusNoContent, click(path))
	require.Equal(t, http.StatusNoContent, click(path), "clicking again is no error")
	w.call(l, http.StatusOK, "GET", preferencesPath, nil, &table)
	require.Contains(t, table.Items, preference{"course_enrolled", "mail", false})
	require.Contains(t, table.Items, preference{"course_enrolled", "inbox", true})
	require.Contains(t, table.Items, preference{"attempt_graded", "mail", true}, "the other kinds stay")
	w.call(other, http.StatusOK, "GET", preferencesPath, nil, &table)
	require.Contains(t, table.Items, preference{"course_enrolled", "mail", true}, "and so do others' preferences")
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Currents"))
	require.Equal(t, map[string]int{"sent": 1}, w.deliveries(l))
}
