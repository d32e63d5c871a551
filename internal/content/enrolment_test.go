package content_test

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// problemWithoutPath is a problem without what repeats the request.
func problemWithoutPath(t *testing.T, a answer) map[string]any {
	t.Helper()
	var p map[string]any
	require.NoError(t, json.Unmarshal(a.body, &p), "%s", a.body)
	for _, echo := range []string{"instance", "trace_id", "request_id"} {
		delete(p, echo)
	}
	return p
}

func TestEnrollingInAnOpenCourse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	learner := w.learner()

	id := w.enrol(learner, course)
	w.send(learner, "POST", course+"/enrolment", nil).ok(200, nil)
	w.send(learner, "POST", course+"/enrolment", map[string]any{}).ok(200, nil)

	emitted := events(w, event.LearnerEnrolled)
	require.Len(t, emitted, 1, "enrolling again changes nothing")
	require.Equal(t, id, emitted[0].EnrolmentID.String())
	require.Equal(t, learner.AccountID, emitted[0].LearnerID)
	require.Equal(t, w.org, emitted[0].OrganisationID)
	require.Equal(t, "Tides and Currents", emitted[0].CourseTitle)
	require.Equal(t, "open", emitted[0].How)

	var mine struct {
		Items []struct {
			CourseTitle string `json:"course_title"`
			Status      string `json:"status"`
			TotalUnits  int    `json:"total_units"`
		} `json:"items"`
	}
	w.send(learner, "GET", "/v1/enrolments", nil).ok(200, &mine)
	require.Len(t, mine.Items, 1)
	require.Equal(t, "Tides and Currents", mine.Items[0].CourseTitle)
	require.Equal(t, 3, mine.Items[0].TotalUnits)
}

func TestEnrollingByCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code", "code": "tide-42"}}).ok(200, nil)
	learner := w.learner()
	w.send(learner, "POST", course+"/enrolment", nil).refused(403, "enrolment-code-needed")
	w.send(learner, "POST", course+"/enrolment", map[string]any{"code": "tide-43"}).refused(403, "wrong-enrolment-code")
	w.send(learner, "POST", course+"/enrolment", map[string]any{"kode": "tide-42"}).ok(422, nil)
	require.Empty(t, events(w, event.LearnerEnrolled))
	w.send(learner, "POST", course+"/enrolment", map[string]any{"code": "tide-42"}).ok(201, nil)
	require.Equal(t, "code", events(w, event.LearnerEnrolled)[0].How)

	var seen struct {
		Enrolment struct{ Mode, Code string } `json:"enrolment"`
	}
	w.send(learner, "GET", course, nil).ok(200, &seen)
	require.Equal(t, "code", seen.Enrolment.Mode)
	require.Empty(t, seen.Enrolment.Code, "the code is for staff to give out")
	w.send(by, "GET", course, nil).ok(200, &seen)
	require.Equal(t, "tide-42", seen.Enrolment.Code)
}

// A code has as few as four characters.
func TestGuessesAtACodeAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code", "code": "tide-42"}}).ok(200, nil)
	try := func(who caller, code string) answer {
		return w.send(who, "POST", course+"/enrolment", map[string]any{"code": code})
	}
	mallory, ada := w.learner(), w.learner()
	for range 10 {
		try(mallory, "tide-41").refused(403, "wrong-enrolment-code")
	}
	try(mallory, "tide-41").refused(429, "too-many-codes")
	try(mallory, "tide-42").refused(429, "too-many-codes")
	require.Empty(t, events(w, event.LearnerEnrolled), "the right code is of no use any more")
	try(ada, "tide-42").ok(201, nil)
	for range 15 {
		try(ada, "tide-42").ok(200, nil) // who is in guesses nothing
	}
	w.clock.forward(15 * time.Minute)
	try(mallory, "tide-42").ok(201, nil)

	t.Run("at once", func(t *testing.T) {
		eve := w.learner()
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if try(eve, "tide-41").status == 429 {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 20, refused.Load())
	})
	t.Run("where there is nothing to guess nothing is counted", func(t *testing.T) {
		stranger := w.callerIn(uuid.New(), auth.Learner)
		for range 11 {
			try(stranger, "tide-42").refused(404, "not-found")
		}
		require.Zero(t, w.count(`select count(*) from content.code_guesses where account_id = $1`, stranger.AccountID))
	})
}

func TestEnrollingOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "instructor"}}).ok(200, nil)
	anna, bert, foreign := w.learner(), w.learner(), w.callerIn(uuid.New(), auth.Learner)
	w.contact(anna, "anna@example.org", "Anna")
	w.contact(bert, "bert@example.org", "Bert")
	w.contact(foreign, "eve@example.org", "Eve")

	w.send(anna, "POST", course+"/enrolment", nil).refused(403, "enrolment-by-instructor")
	w.send(by, "POST", course+"/enrolments", map[string]any{"email": "ANNA@example.org"}).ok(201, nil)
	w.send(by, "POST", course+"/enrolments", map[string]any{"email": "anna@example.org"}).ok(200, nil)
	w.send(by, "POST", course+"/enrolments", map[string]any{"learner_id": bert.AccountID}).ok(201, nil)
	require.Len(t, events(w, event.LearnerEnrolled), 2)
	require.Equal(t, "instructor", events(w, event.LearnerEnrolled)[0].How)

	t.Run("only accounts of the own organisation exist", func(t *testing.T) {
		w.send(by, "POST", course+"/enrolments", map[string]any{"email": "eve@example.org"}).refused(422, "no-such-account")
		w.send(by, "POST", course+"/enrolments", map[string]any{"email": "nobody@example.org"}).refused(422, "no-such-account")
		w.send(by, "POST", course+"/enrolments", map[string]any{"learner_id": foreign.AccountID}).refused(422, "no-such-account")
	})
	t.Run("an address counts once it is confirmed", func(t *testing.T) {
		carl := w.learner()
		bustest.Emit(t, w.db, event.ContactChanged, event.ContactChangedV1{
			AccountID: carl.AccountID, OrganisationID: w.org, Email: "carl@example.org", DisplayName: "Carl",
		})
		w.running().Drain()
		w.send(by, "POST", course+"/enrolments", map[string]any{"email": "carl@example.org"}).refused(422, "no-such-account")
		w.contact(carl, "carl@example.org", "Carl")
		w.send(by, "POST", course+"/enrolments", map[string]any{"email": "carl@example.org"}).ok(201, nil)
	})
	t.Run("the learner is named once", func(t *testing.T) {
		w.send(by, "POST", course+"/enrolments", map[string]any{}).refused(422, "invalid-value")
		w.send(by, "POST", course+"/enrolments", map[string]any{"email": "anna@example.org", "learner_id": bert.AccountID}).refused(422, "invalid-value")
	})
	t.Run("by the course's own staff", func(t *testing.T) {
		w.send(w.instructor(), "POST", course+"/enrolments", map[string]any{"email": "anna@example.org"}).refused(403, "not-course-staff")
		require.Equal(t, 403, w.send(anna, "POST", course+"/enrolments", map[string]any{"learner_id": bert.AccountID}).status)
		w.send(w.administrator(), "POST", course+"/enrolments", map[string]any{"email": "anna@example.org"}).ok(200, nil)
	})
}

func TestRoster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	anna, bert, carl := w.learner(), w.learner(), w.learner()
	w.contact(anna, "anna@example.org", "Anna")
	for _, l := range []caller{anna, bert, carl} {
		w.enrol(l, course)
	}
	w.send(bert, "DELETE", course+"/enrolment", nil).ok(204, nil)
	units, _ := w.units(by, course)
	w.send(anna, "POST", course+"/units/"+units[0]+"/completion", nil).ok(204, nil)

	type page struct {
		Items []struct {
			EnrolmentID    string `json:"enrolment_id"`
			DisplayName    string `json:"display_name"`
			Email          string `json:"email"`
			Status         string `json:"status"`
			CompletedUnits int    `json:"completed_units"`
		} `json:"items"`
		NextCursor string `json:"next_cursor"`
	}
	var first, second, active page
	w.send(by, "GET", course+"/enrolments?limit=2", nil).ok(200, &first)
	require.Len(t, first.Items, 2)
	require.Equal(t, "Anna", first.Items[0].DisplayName)
	require.Equal(t, "anna@example.org", first.Items[0].Email)
	require.Equal(t, 1, first.Items[0].CompletedUnits)
	require.Equal(t, "withdrawn", first.Items[1].Status)
	w.send(by, "GET", course+"/enrolments?limit=2&cursor="+first.NextCursor, nil).ok(200, &second)
	require.Len(t, second.Items, 1)
	require.Empty(t, second.NextCursor)
	w.send(by, "GET", course+"/enrolments?status=active", nil).ok(200, &active)
	require.Len(t, active.Items, 2)
	w.send(by, "GET", course+"/enrolments?status=nonsense", nil).ok(422, nil)

	require.Equal(t, 403, w.send(anna, "GET", course+"/enrolments", nil).status)
	w.send(w.instructor(), "GET", course+"/enrolments", nil).refused(403, "not-course-staff")

	w.send(by, "DELETE", course+"/enrolments/"+first.Items[0].EnrolmentID, nil).ok(204, nil)
	w.send(by, "DELETE", course+"/enrolments/"+first.Items[0].EnrolmentID, nil).ok(204, nil)
	w.send(by, "DELETE", course+"/enrolments/"+uuid.NewString(), nil).refused(404, "not-found")
	require.Len(t, events(w, event.LearnerWithdrawn), 2)
	w.send(anna, "GET", course+"/units/"+units[0], nil).refused(403, "not-enrolled")
}

func TestWithdrawingAndComingBackKeepsTheRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	learner := w.learner()
	w.send(learner, "DELETE", course+"/enrolment", nil).refused(403, "not-enrolled")
	id := w.enrol(learner, course)
	units, _ := w.units(learner, course)
	w.send(learner, "POST", course+"/units/"+units[0]+"/completion", nil).ok(204, nil)

	w.send(learner, "DELETE", course+"/enrolment", nil).ok(204, nil)
	w.send(learner, "DELETE", course+"/enrolment", nil).ok(204, nil)
	require.Len(t, events(w, event.LearnerWithdrawn), 1)
	w.send(learner, "POST", course+"/units/"+units[1]+"/completion", nil).refused(403, "not-enrolled")

	require.Equal(t, id, w.enrol(learner, course), "the same enrolment")
	require.Len(t, events(w, event.LearnerEnrolled), 2)
	require.Equal(t, 1, w.outline(learner, course).CompletedUnits)
}

func TestManyWhoEnrolAtOnceAreEnrolledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	learner := w.learner()
	w.contact(learner, "l@example.org", "L")
	var wg sync.WaitGroup
	statuses := make([]int, 24)
	for i := range statuses {
		wg.Go(func() {
			if i%2 == 0 {
				statuses[i] = w.send(learner, "POST", course+"/enrolment", nil).status
				return
			}
			statuses[i] = w.send(by, "POST", course+"/enrolments", map[string]any{"learner_id": learner.AccountID}).status
		})
	}
	wg.Wait()
	created := 0
	for _, s := range statuses {
		require.Contains(t, []int{200, 201}, s)
		if s == 201 {
			created++
		}
	}
	require.Equal(t, 1, created)
	require.Equal(t, 1, w.count(`select count(*) from content.enrolments`))
	require.Len(t, events(w, event.LearnerEnrolled), 1)
}

func TestAnArchivedCourseIsReadByItsLearnersOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	member := w.learner()
	w.enrol(member, course)
	w.contact(member, "m@example.org", "M")
	w.edit(by, course, map[string]any{"status": "archived"}).ok(200, nil)
	units, _ := w.units(member, course)
	w.send(member, "GET", course+"/units/"+units[0], nil).ok(200, nil)
	w.send(w.learner(), "GET", course, nil).refused(404, "not-found")
	w.send(by, "POST", course+"/enrolments", map[string]any{"learner_id": member.AccountID}).refused(409, "course-archived")
	titles, _ := w.walk(member, "/v1/catalogue?query=")
	require.Empty(t, titles)
}
