package content_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestEditingACourse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	tag := w.send(by, "GET", course, nil).ok(200, nil).header.Get("ETag")
	change := map[string]any{"title": "  Ebb and flow  ", "summary": "Moon"}

	var c struct{ Title, Summary string }
	got := w.send(by, "PATCH", course, change, header("If-Match", tag)).ok(200, &c)
	require.Equal(t, "Ebb and flow", c.Title)
	require.NotEqual(t, tag, got.header.Get("ETag"))
	w.send(by, "PATCH", course, change, header("If-Match", tag)).refused(412, "course-changed")
	titles, _ := w.walk(by, "/v1/catalogue?query=ebb")
	require.Equal(t, []string{"Ebb and flow"}, titles, "the search knows the new title")

	t.Run("needs to say what it has seen", func(t *testing.T) {
		require.Equal(t, 422, w.send(by, "PATCH", course, change).status)
		w.send(by, "PATCH", course, change, header("If-Match", "*")).refused(422, "invalid-value")
	})
	t.Run("takes good values only, and all or none", func(t *testing.T) {
		for _, bad := range []map[string]any{
			{"title": ""}, {"title": "   "}, {"title": "two\nlines"}, {"title": strings.Repeat("x", 301)},
			{"summary": strings.Repeat("x", 2001)}, {"unknown": 1}, {"listed": "yes"}, {"status": "deleted"},
			{"enrolment": map[string]any{"mode": "magic"}}, {"enrolment": map[string]any{"mode": "code"}},
			{"enrolment": map[string]any{"mode": "code", "code": "abc"}},
			{"enrolment": map[string]any{"mode": "open", "code": "abcdef"}},
			{"summary": "good", "enrolment": map[string]any{"mode": "code", "code": "with space"}},
		} {
			require.Equal(t, 422, w.edit(by, course, bad).status, "%v", bad)
		}
		w.send(by, "GET", course, nil).ok(200, &c)
		require.Equal(t, "Moon", c.Summary)
	})
	t.Run("is for its staff", func(t *testing.T) {
		w.edit(w.instructor(), course, change).refused(403, "not-course-staff")
		require.Equal(t, 403, w.edit(w.learner(), course, change).status)
		w.edit(w.administrator(), course, change).ok(200, nil)
	})
	t.Run("a code stays until it is replaced", func(t *testing.T) {
		w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code", "code": "first-code"}}).ok(200, nil)
		w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code"}}).ok(200, nil)
		w.send(w.learner(), "POST", course+"/enrolment", map[string]any{"code": "first-code"}).ok(201, nil)
		w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "open"}}).ok(200, nil)
		w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code"}}).refused(422, "invalid-value")
	})
}

func TestCourseStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	second, foreign := w.instructor(), w.callerIn(uuid.New(), auth.Instructor)
	w.contact(second, "second@example.org", "Second")
	w.contact(foreign, "foreign@example.org", "Foreign")
	units, _ := w.units(by, course)
	read := course + "/units/" + units[0]
	of := func(who caller) string { return course + "/staff/" + who.AccountID.String() }

	w.send(second, "POST", of(second), nil).refused(403, "not-course-staff")
	w.send(by, "POST", of(foreign), nil).refused(422, "no-such-account")
	w.send(by, "POST", course+"/staff/"+uuid.NewString(), nil).refused(422, "no-such-account")
	w.send(by, "POST", of(second), nil).ok(204, nil)
	w.send(by, "POST", of(second), nil).ok(204, nil)
	assigned := events(w, event.CourseStaffAssigned)
	require.Len(t, assigned, 2, "the importer and the second; assigning again changes nothing")
	require.Equal(t, second.AccountID, assigned[1].AccountID)
	w.send(second, "GET", read, nil).ok(200, nil)
	demoted := second
	demoted.token = w.http.Token(t, auth.Principal{AccountID: second.AccountID, OrganisationID: w.org, Roles: []auth.Role{auth.Learner}})
	w.send(demoted, "GET", read, nil).refused(403, "not-enrolled")

	w.send(second, "DELETE", of(second), nil).ok(204, nil)
	w.send(by, "DELETE", of(second), nil).ok(204, nil)
	require.Len(t, events(w, event.CourseStaffRemoved), 1)
	w.send(second, "GET", read, nil).refused(403, "not-enrolled")
	w.send(by, "DELETE", of(by), nil).ok(204, nil)
	w.send(by, "POST", of(by), nil).refused(403, "not-course-staff")
	w.send(w.administrator(), "POST", of(second), nil).ok(204, nil)
}

func TestTaughtCoursesArePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	for _, run := range []string{"r1", "r2", "r3"} {
		require.Equal(t, "done", w.ended(by, w.upload(by, named(run, "Course "+run, "s", "c").archive(t))).Status)
	}
	titles, pages := w.walk(by, "/v1/courses?x=")
	require.ElementsMatch(t, []string{"Course r1", "Course r2", "Course r3"}, titles)
	require.Equal(t, 2, pages)
	titles, _ = w.walk(w.administrator(), "/v1/courses?x=")
	require.Len(t, titles, 3)
	titles, _ = w.walk(w.instructor(), "/v1/courses?x=")
	require.Empty(t, titles)
}
