package assessment

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

func startPath(set event.ProblemSetPublishedV1) string {
	return fmt.Sprintf("/v1/assessments/%s/attempts", set.ProblemSetID)
}

func TestStartsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	hour := func(n int) *time.Time {
		at := time.Now().Add(time.Duration(n) * time.Hour)
		return &at
	}
	for reason, change := range map[string]func(*event.ProblemSetPublishedV1){
		"not-open-yet":      func(e *event.ProblemSetPublishedV1) { e.OpensAt = hour(1) },
		"assessment-closed": func(e *event.ProblemSetPublishedV1) { e.DueAt = hour(-1) },
		"nothing-to-answer": func(e *event.ProblemSetPublishedV1) { e.Items = nil },
	} {
		set := s.publish(s.problemSet(change))
		ada.refused(http.StatusConflict, reason, "POST", startPath(set), nil)
	}

	once := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.MaxAttempts = 1 }))
	ada.takes(once, "42")
	ada.refused(http.StatusConflict, "no-attempts-left", "POST", startPath(once), nil)

	withdrawn := s.publish(s.problemSet())
	emit(s, event.ProblemSetWithdrawn, event.ProblemSetWithdrawnV1{
		ProblemSetID: withdrawn.ProblemSetID, CourseID: s.course, OrganisationID: s.organisation, At: time.Now(),
	})
	s.bus.Drain()
	ada.refused(http.StatusConflict, "assessment-withdrawn", "POST", startPath(withdrawn), nil)

	require.Len(t, s.events("lyceum.assessment.attempt-started.v1"), 1, "what was refused has left nothing behind")
}

// Cursors come back from clients, who can write anything into them.
func TestForgedCursorsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	for path, positions := range map[string][]any{
		"/v1/assessments?course_id=" + s.course.String() + "&": {map[string]any{"p": 1 << 40, "a": newID()}, map[string]any{"p": 1.5}, map[string]any{"x": 1}, "x", 1},
		"/v1/attempts?": {map[string]any{"p": 1}, "x", 1},
	} {
		for _, p := range positions {
			ada.refused(http.StatusUnprocessableEntity, "invalid-value", "GET", path+"cursor="+httpserver.EncodeCursor(p), nil)
		}
	}
}

func TestALearnerWhoHasWithdrawnKeepsTheirAttempts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set, other := s.publish(s.problemSet()), s.publish(s.problemSet())
	done := ada.takes(set, "42")
	running := ada.start(other)
	s.withdraw(ada)

	ada.refused(http.StatusForbidden, "not-enrolled", "POST", startPath(set), nil)
	ada.refused(http.StatusForbidden, "not-enrolled", "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil)
	var list httpserver.List[assessmentBody]
	ada.do(http.StatusOK, "GET", "/v1/assessments?course_id="+s.course.String(), nil, &list)
	require.Empty(t, list.Items)
	require.Equal(t, "2", ada.graded(done).Score)
	ada.submit(running.AttemptID)
	ada.graded(running.AttemptID)

	s.enrol(ada)
	ada.start(set)
}

// A stranger cannot tell what exists from what does not.
func TestOtherPeoplesIDsAreLikeNone(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	item := set.Items[0].ItemID

	strangers := map[string]person{
		"another learner of the course":       s.learner("Bob"),
		"a learner of another organisation":   s.person(newID(), auth.Learner),
		"an instructor who teaches elsewhere": s.person(s.organisation, auth.Instructor),
		"an administrator of another":         s.person(newID(), auth.OrganisationAdmin),
		"a platform administrator of another": s.person(newID(), auth.PlatformAdmin),
	}
	for who, p := range strangers {
		for _, id := range []string{a.AttemptID.String(), newID().String()} {
			t.Log(who, id)
			for _, call := range []struct {
				method, path string
				body         any
			}{
				{"GET", "/v1/attempts/" + id, nil},
				{"GET", "/v1/attempts/" + id + "/review", nil},
				{"POST", "/v1/attempts/" + id + "/submit", nil},
				{"PUT", "/v1/attempts/" + id + "/responses/" + item.String(), choice("b")},
				{"GET", "/v1/attempts/" + id + "/items/" + item.String() + "/hints", nil},
			} {
				var got problemBody
				p.do(http.StatusNotFound, call.method, call.path, call.body, &got)
				require.Equal(t, "There is no such attempt.", got.Detail, "%s %s", call.method, call.path)
			}
		}
	}
	outside := strangers["a learner of another organisation"]
	for _, id := range []string{set.ProblemSetID.String(), newID().String()} {
		var got problemBody
		outside.do(http.StatusNotFound, "GET", "/v1/assessments/"+id, nil, &got)
		require.Equal(t, "There is no such assessment.", got.Detail)
		outside.do(http.StatusNotFound, "POST", "/v1/assessments/"+id+"/attempts", nil, &got)
		require.Equal(t, "There is no such assessment.", got.Detail)
	}
	var list httpserver.List[assessmentBody]
	outside.do(http.StatusOK, "GET", "/v1/assessments?course_id="+s.course.String(), nil, &list)
	require.Empty(t, list.Items)
	require.Empty(t, ada.attempt(a.AttemptID).Responses, "nothing was saved")
	require.Equal(t, "in_progress", ada.attempt(a.AttemptID).Status)
}

func TestStaffReadAttemptsAndDoNotTouchThem(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, teacher := s.learner("Ada"), s.teacher()
	set := s.publish(s.problemSet())
	a := ada.start(set)
	require.Equal(t, ada.id, teacher.attempt(a.AttemptID).LearnerID)
	require.Equal(t, ada.id, s.person(s.organisation, auth.OrganisationAdmin).attempt(a.AttemptID).LearnerID)
	teacher.do(http.StatusNotFound, "PUT", responsePath(a.AttemptID, set.Items[0].ItemID), choice("b"), nil)
	teacher.do(http.StatusNotFound, "POST", fmt.Sprintf("/v1/attempts/%s/submit", a.AttemptID), nil, nil)
	emit(s, event.CourseStaffRemoved, event.CourseStaffRemovedV1{
		CourseID: s.course, OrganisationID: s.organisation, AccountID: teacher.id, At: time.Now(),
	})
	s.bus.Drain()
	teacher.do(http.StatusNotFound, "GET", "/v1/attempts/"+a.AttemptID.String(), nil, nil)
}

func TestResponsesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	item := set.Items[0].ItemID
	for name, body := range map[string]any{
		"no response":         map[string]any{},
		"a foreign field":     map[string]any{"response": map[string]any{}, "score": 1},
		"an unknown part":     map[string]any{"response": map[string]any{"9": map[string]any{"choices": []string{"b"}}}},
		"an unknown choice":   choice("z"),
		"two choices":         map[string]any{"response": map[string]any{"1": map[string]any{"choices": []string{"a", "b"}}}},
		"a text for a choice": text("b"),
		"a list":              map[string]any{"response": []string{"b"}},
		"a string":            map[string]any{"response": "b"},
		"sequence zero":       numbered(0, choice("b")),
		"a negative sequence": numbered(-1, choice("b")),
		"a huge sequence":     map[string]any{"response": map[string]any{}, "sequence": 1e300},
		"a NUL":               map[string]any{"response": map[string]any{"1": map[string]any{"text": "\x00"}}},
		"a very long text":    text(strings.Repeat("4", 20_000)),
	} {
		var got problemBody
		response := s.api.Do(t, "PUT", responsePath(a.AttemptID, item), ada.token, body, &got)
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s: %+v", name, got)
	}
	ada.do(http.StatusNotFound, "PUT", responsePath(a.AttemptID, newID()), choice("b"), nil)
	require.Empty(t, ada.attempt(a.AttemptID).Responses)
}

func TestSavesCarryTheClientsSequence(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	number := set.Items[1].ItemID
	require.Equal(t, saved{Sequence: 2, SavedAt: ada.save(a.AttemptID, number, numbered(2, text("42"))).SavedAt},
		ada.save(a.AttemptID, number, numbered(2, text("41"))), "a repeated save is acknowledged as the first")
	late := ada.save(a.AttemptID, number, numbered(1, text("40")))
	require.True(t, late.Superseded)
	require.EqualValues(t, 2, ada.attempt(a.AttemptID).Responses[0].Sequence)
	ada.submit(a.AttemptID)
	require.Equal(t, "2", ada.graded(a.AttemptID).Score)
}
