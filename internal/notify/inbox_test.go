package notify_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

func TestLearnersFindInTheirInboxWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, other := w.learner(), w.learner()
	enrolled := w.enrolled(l, "Tides")
	tell(w, event.LearnerEnrolled, enrolled)
	tell(w, event.CourseCompleted, event.CourseCompletedV1{
		EnrolmentID: enrolled.EnrolmentID, CourseID: enrolled.CourseID, OrganisationID: w.org, LearnerID: l.AccountID, CourseTitle: "Tides", At: time.Now(),
	})
	attempt, assessment := uuid.New(), uuid.New()
	tell(w, event.AttemptGraded, event.AttemptGradedV1{
		AttemptID: attempt, AssessmentID: assessment, AssessmentTitle: "Quiz", CourseID: enrolled.CourseID, OrganisationID: w.org,
		LearnerID: l.AccountID, Number: 1, Score: "7.5", MaxScore: "10", At: time.Now(),
	})

	got := w.inbox(l, "").Items
	require.Len(t, got, 3)
	for i := range got {
		require.Nil(t, got[i].ReadAt)
		got[i].ID = uuid.Nil
	}
	course := "/courses/" + enrolled.CourseID.String()
	require.Equal(t, []notification{
		{Kind: "attempt_graded", Title: "Graded: Quiz", Body: "You scored 7.5 of 10.", Link: "/attempts/" + attempt.String(), Data: map[string]string{
			"course_id": enrolled.CourseID.String(), "assessment_id": assessment.String(), "attempt_id": attempt.String()}},
		{Kind: "course_completed", Title: "You have completed Tides", Link: course, Data: map[string]string{"course_id": enrolled.CourseID.String()},
			Body: "Congratulations: you have done everything there is to do in this course."},
		{Kind: "course_enrolled", Title: "You are enrolled in Tides", Link: course, Data: map[string]string{"course_id": enrolled.CourseID.String()},
			Body: "You can start right away."},
	}, got, "the newest first")
	require.Empty(t, w.inbox(other, "").Items, "an inbox is its owner's")
}

func TestAnInboxIsPagedWithoutGapsWhileItGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	for i := range 7 {
		tell(w, event.LearnerEnrolled, w.enrolled(l, fmt.Sprint("course ", i)))
	}
	var titles []string
	for cursor, pages := "", 0; ; pages++ {
		p := w.inbox(l, "?limit=3&cursor="+cursor)
		for _, n := range p.Items {
			titles = append(titles, strings.TrimPrefix(n.Title, "You are enrolled in "))
		}
		if p.NextCursor == "" {
			require.Equal(t, 2, pages)
			break
		}
		cursor = p.NextCursor
		tell(w, event.LearnerEnrolled, w.enrolled(l, "newer"))
	}
	require.Equal(t, []string{"course 6", "course 5", "course 4", "course 3", "course 2", "course 1", "course 0"}, titles)
}

func TestReadingIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, other := w.learner(), w.learner()
	for i := range 4 {
		tell(w, event.LearnerEnrolled, w.enrolled(l, fmt.Sprint(i)))
	}
	all := w.inbox(l, "").Items
	require.Equal(t, 4, w.unread(l))

	path := "/v1/notifications/" + all[0].ID.String() + "/read"
	w.call(other, http.StatusNotFound, "POST", path, nil, nil)
	require.Equal(t, 4, w.unread(l), "nobody reads for another")
	w.call(l, http.StatusNoContent, "POST", path, nil, nil)
	first := w.inbox(l, "").Items[0].ReadAt
	require.NotNil(t, first)
	w.call(l, http.StatusNoContent, "POST", path, nil, nil)
	require.Equal(t, first, w.inbox(l, "").Items[0].ReadAt, "it was read the first time")
	require.Len(t, w.inbox(l, "?unread=true").Items, 3)

	var marked struct{ Marked int }
	w.call(l, http.StatusOK, "POST", "/v1/notifications/read-all?up_to="+all[2].ID.String(), nil, &marked)
	require.Equal(t, 2, marked.Marked, "what is newer than the client has shown stays unread")
	require.Equal(t, all[1].ID, w.inbox(l, "?unread=true").Items[0].ID)
	w.call(l, http.StatusOK, "POST", "/v1/notifications/read-all", nil, &marked)
	require.Equal(t, 1, marked.Marked)
	require.Zero(t, w.unread(l))
}

func TestAnyTitleMakesALineOfText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "ada@example.org", true))
	for _, title := range []string{"", " \r\n\t", "Tides\r\nBcc: all@example.org", strings.Repeat("🌊", 5000), "a\u2028b\u0085c"} {
		tell(w, event.LearnerEnrolled, w.enrolled(l, title))
	}
	var got []string
	for _, n := range w.inbox(l, "").Items {
		got = append(got, n.Title)
	}
	require.Equal(t, []string{
		"You are enrolled in a b c", "You are enrolled in " + strings.Repeat("🌊", 199) + "…",
		"You are enrolled in Tides Bcc: all@example.org", "You are enrolled in a course", "You are enrolled in a course",
	}, got)
	w.eventually(func() bool { return len(w.mails.all()) == 5 }, "each has its mail")
	for _, m := range w.mails.all() {
		require.NotContains(t, m.Subject, "\n")
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	for _, c := range []struct {
		who          learner
		method, path string
		body         any
		status       int
	}{
		{learner{}, "GET", "/v1/notifications", nil, 401},
		{learner{}, "GET", "/v1/notifications/unread-count", nil, 401},
		{learner{}, "GET", "/v1/notifications/stream", nil, 401},
		{learner{}, "POST", "/v1/notifications/read-all", nil, 401},
		{learner{}, "GET", "/v1/notification-preferences", nil, 401},
		{l, "GET", "/v1/notifications?limit=0", nil, 422},
		{l, "GET", "/v1/notifications?limit=201", nil, 422},
		{l, "GET", "/v1/notifications?cursor=nonsense", nil, 422},
		{l, "GET", "/v1/notifications?unread=perhaps", nil, 422},
		{l, "POST", "/v1/notifications/1/read", nil, 422},
		{l, "POST", "/v1/notifications/" + uuid.NewString() + "/read", nil, 404},
		{l, "POST", "/v1/notifications/read-all?up_to=1", nil, 422},
	} {
		res := w.http.Do(t, c.method, c.path, c.who.token, c.body, nil)
		require.Equal(t, c.status, res.StatusCode, "%s %s", c.method, c.path)
	}
	for _, id := range []string{"1", "' or 1=1", uuid.NewString()} { // the last is no UUIDv7
		res := w.http.Do(t, "GET", "/v1/notifications/stream", l.token, nil, nil, httpservertest.Header{Name: "Last-Event-ID", Value: id})
		require.Equal(t, 422, res.StatusCode, id)
	}
}

func TestOldNotificationsGoOnceTheyAreRead(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t)
	l := w.learner()
	for _, title := range []string{"read", "unread"} {
		tell(w, event.LearnerEnrolled, w.enrolled(l, title))
	}
	all := w.inbox(l, "").Items
	w.call(l, http.StatusNoContent, "POST", "/v1/notifications/"+all[1].ID.String()+"/read", nil, nil)

	w.clock.forward(181 * 24 * time.Hour)
	w.start(w.m)
	w.eventually(func() bool { return len(w.inbox(l, "").Items) == 1 }, "the one that was read is removed")
	require.Equal(t, "You are enrolled in unread", w.inbox(l, "").Items[0].Title)
}

func TestOnlyContactsCanBeRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	tell(w, event.ContactChanged, w.contact(l, "old@example.org", true))
	tell(w, event.ContactChanged, w.contact(l, "new@example.org", true))
	require.NoError(t, w.bus.Replay(t.Context(), "notify.contacts"))
	w.bus.Drain()
	var email string
	require.NoError(t, w.admin.QueryRow(t.Context(), `select email from notify.contacts where account_id = $1`, l.AccountID).Scan(&email))
	require.Equal(t, "new@example.org", email)
	for _, consumer := range []string{"notify.courses", "notify.results"} {
		require.ErrorContains(t, w.bus.Replay(t.Context(), consumer), "cannot be rebuilt")
	}
}
