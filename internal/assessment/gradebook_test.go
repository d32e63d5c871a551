package assessment

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// gradebookPageBody is a page of the gradebook as a client reads it.
type gradebookPageBody struct {
	Columns    []columnBody   `json:"columns"`
	Items      []gradeRowBody `json:"items"`
	NextCursor string         `json:"next_cursor"`
}

// takes makes an attempt with the number as the only answer, and waits for the
// grade: 2 of 3 points for 42.
func (p person) takes(set event.ProblemSetPublishedV1, number string) uuid.UUID {
	p.Helper()
	a := p.start(set)
	p.save(a.AttemptID, set.Items[1].ItemID, text(number))
	p.submit(a.AttemptID)
	p.graded(a.AttemptID)
	return a.AttemptID
}

func TestTheGradebookHasEveryEnrolledLearnerWithTheirBestAttempts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	first := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Title, e.Position = "First", 1 }))
	s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Title, e.Position = "Second", 2 }))
	s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Title, e.Category = "Ungraded", "" }))
	gone := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Title = "Withdrawn" }))
	emit(s, event.ProblemSetWithdrawn, event.ProblemSetWithdrawnV1{
		ProblemSetID: gone.ProblemSetID, CourseID: s.course, OrganisationID: s.organisation, At: time.Now(),
	})
	ada, bob, cleo := s.learner("Ada"), s.learner("Bob"), s.learner("Cleo")
	best := ada.takes(first, "42")
	ada.takes(first, "41") // worse, and later
	bob.takes(first, "41")
	s.withdraw(cleo)

	var page gradebookPageBody
	teacher.do(http.StatusOK, "GET", "/v1/gradebook/"+s.course.String(), nil, &page)
	require.Len(t, page.Columns, 2)
	require.Equal(t, "First", page.Columns[0].Title)
	require.Equal(t, "Second", page.Columns[1].Title)
	require.Len(t, page.Items, 2, "Cleo has withdrawn")
	require.Equal(t, "Ada", page.Items[0].Name)
	require.Equal(t, best, page.Items[0].Scores[0].AttemptID)
	require.Equal(t, "2", page.Items[0].Scores[0].Score.String())
	require.Nil(t, page.Items[0].Scores[1])
	require.Equal(t, "2", page.Items[0].Total.String())
	require.Equal(t, "6", page.Items[0].MaxTotal.String())
	require.Equal(t, "33.33", page.Items[0].Percent)
	require.Equal(t, "0.00", page.Items[1].Percent)

	var own struct {
		Grades gradeRowBody `json:"grades"`
	}
	ada.do(http.StatusOK, "GET", fmt.Sprintf("/v1/gradebook/%s/me", s.course), nil, &own)
	require.Equal(t, page.Items[0], own.Grades)
	cleo.do(http.StatusOK, "GET", fmt.Sprintf("/v1/gradebook/%s/me", s.course), nil, &own)
	require.Equal(t, cleo.id, own.Grades.LearnerID, "who has withdrawn keeps their record")
}

func TestTheGradebookIsPagedByLearner(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	set := s.publish(s.problemSet())
	var want []uuid.UUID
	for i := range 5 {
		p := s.learner(fmt.Sprint("Learner ", i))
		want = append(want, p.id)
		if i%2 == 0 {
			p.takes(set, "42")
		}
	}
	var got []uuid.UUID
	for cursor := ""; ; {
		var page gradebookPageBody
		teacher.do(http.StatusOK, "GET", fmt.Sprintf("/v1/gradebook/%s?limit=2&cursor=%s", s.course, cursor), nil, &page)
		require.LessOrEqual(t, len(page.Items), 2)
		for _, r := range page.Items {
			got = append(got, r.LearnerID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Equal(t, want, got)
}

func TestTheGradebookAsCSV(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Title = "=cmd|'/c calc'!A0" }))
	ada := s.learner(`@SUM(1,"2")`)
	ada.takes(set, "42")
	plain := s.learner("Bob, the\nsecond")

	response, raw := teacher.raw(fmt.Sprintf("/v1/gradebook/%s/csv", s.course))
	require.Contains(t, response.Header.Get("Content-Type"), "text/csv")
	require.Contains(t, response.Header.Get("Content-Disposition"), "attachment")
	require.Contains(t, string(raw), "percent\r\n", "RFC 4180 ends lines with CRLF")
	records, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"learner_id", "name", "'=cmd|'/c calc'!A0 (3)", "total", "max_total", "percent"},
		{ada.id.String(), `'@SUM(1,"2")`, "2", "2", "3", "66.67"},
		{plain.id.String(), "Bob, the\nsecond", "", "0", "3", "0.00"},
	}, records)
}

func TestCSVCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Ada": "Ada", "1+1": "1+1", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		" =1": "' =1", "\u200b=1": "'\u200b=1", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "Łukasz": "Łukasz", "李": "李",
	} {
		require.Equal(t, want, csvCell(text))
	}
}

func TestALongGradebookIsDownloadedInPages(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	s.publish(s.problemSet())
	const learners = 2*csvPage + 1
	_, err := s.module.db.Pool.Exec(t.Context(), `
		insert into assessment.enrolments (course_id, learner_id, organisation_id, enrolled_at)
		select $1, gen_random_uuid(), $2, now() from generate_series(1, $3)`, s.course, s.organisation, learners)
	require.NoError(t, err)
	_, raw := teacher.raw(fmt.Sprintf("/v1/gradebook/%s/csv", s.course))
	records, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	distinct := map[string]bool{}
	for _, r := range records[1:] {
		distinct[r[0]] = true
	}
	require.Len(t, distinct, learners)
	require.Len(t, records, learners+1)
}

func TestWhoMayReadTheGradebook(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	set := s.publish(s.problemSet())
	path := "/v1/gradebook/" + s.course.String()
	ada := s.learner("Ada")
	ada.start(set)
	s.teacher().do(http.StatusOK, "GET", path, nil, nil)
	s.person(s.organisation, auth.OrganisationAdmin).do(http.StatusOK, "GET", path, nil, nil)

	ada.do(http.StatusForbidden, "GET", path, nil, nil)
	ada.do(http.StatusForbidden, "GET", path+"/csv", nil, nil)
	for who, p := range map[string]person{
		"an instructor who does not teach it":       s.person(s.organisation, auth.Instructor),
		"another organisation's administrator":      s.person(newID(), auth.OrganisationAdmin),
		"an administrator of the platform, outside": s.person(newID(), auth.PlatformAdmin),
	} {
		t.Log(who)
		p.refused(http.StatusNotFound, "not-found", "GET", path, nil)
		p.refused(http.StatusNotFound, "not-found", "GET", path+"/csv", nil)
		p.refused(http.StatusNotFound, "not-found", "GET", path+"/me", nil)
	}
}

func TestAnErasedNameLeavesTheGradebook(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	set := s.publish(s.problemSet())
	ada := s.learner("Ada")
	ada.takes(set, "42")
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: ada.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	var page gradebookPageBody
	teacher.do(http.StatusOK, "GET", "/v1/gradebook/"+s.course.String(), nil, &page)
	require.Empty(t, page.Items[0].Name)
	require.Equal(t, "2", page.Items[0].Total.String(), "the score stays, for the course's statistics")
	var left int
	require.NoError(t, s.module.db.Pool.QueryRow(context.Background(), `select count(*) from assessment.people`).Scan(&left))
	require.Zero(t, left)
}
