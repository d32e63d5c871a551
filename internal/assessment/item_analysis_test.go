package assessment

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

// analysed waits until an analysis is done.
func (p person) analysed(id uuid.UUID) analysisBody {
	p.Helper()
	var a analysisBody
	require.Eventually(p.TB, func() bool {
		a = analysisBody{}
		p.do(http.StatusOK, "GET", "/v1/item-analyses/"+id.String(), nil, &a)
		return a.Status != "queued" && a.Status != "running"
	}, 30*time.Second, 50*time.Millisecond, "analysis %s has not ended", id)
	return a
}

// chooses makes an attempt with a choice and a number, and waits for the grade.
func (p person) chooses(set event.ProblemSetPublishedV1, option, number string) {
	p.Helper()
	a := p.start(set)
	if option != "" {
		p.save(a.AttemptID, set.Items[0].ItemID, choice(option))
	}
	p.save(a.AttemptID, set.Items[1].ItemID, text(number))
	p.submit(a.AttemptID)
	p.graded(a.AttemptID)
}

func TestAnAnalysisCountsTheFirstGradedAttempts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	set := s.publish(s.problemSet())
	for i, answers := range [][2]string{{"b", "42"}, {"b", "42"}, {"a", "41"}, {"", "41"}} {
		p := s.learner(fmt.Sprintf("Learner %d", i))
		p.chooses(set, answers[0], answers[1])
		if i == 2 {
			p.chooses(set, "b", "42") // the second attempt does not count
		}
	}
	var requested analysisBody
	response := teacher.do(http.StatusAccepted, "POST", fmt.Sprintf("/v1/assessments/%s/item-analyses", set.ProblemSetID), map[string]any{}, &requested)
	require.Equal(t, "/v1/item-analyses/"+requested.AnalysisID.String(), response.Header.Get("Location"))
	a := teacher.analysed(requested.AnalysisID)
	require.Equal(t, "done", a.Status, a.Reason)
	require.Equal(t, 4, a.Classical.Learners)
	require.Equal(t, 2, a.Items)
	capital := a.Classical.Items[0]
	require.Equal(t, "Capital", capital.Label)
	require.InDelta(t, 0.5, *capital.Facility.Value, 1e-12)
	require.Equal(t, 1, capital.Omits)
	chosen := map[string]int{}
	for _, o := range capital.Options {
		chosen[o.Label] = o.N
		require.Equal(t, o.Label == "Paris", o.Key, o.Label)
	}
	require.Equal(t, 2, chosen["Paris"])
	require.Equal(t, 1, chosen["Lyon"])
	require.Empty(t, a.Classical.Items[1].Options, "a number has no distractors")

	var all analysisBody
	teacher.do(http.StatusAccepted, "POST", fmt.Sprintf("/v1/assessments/%s/item-analyses", set.ProblemSetID), map[string]any{"attempts": "all"}, &all)
	require.Equal(t, 5, teacher.analysed(all.AnalysisID).Learners)

	var list struct{ Items []analysisBody }
	teacher.do(http.StatusOK, "GET", "/v1/item-analyses?assessment_id="+set.ProblemSetID.String(), nil, &list)
	require.Len(t, list.Items, 2)
	require.Equal(t, all.AnalysisID, list.Items[0].AnalysisID, "the newest comes first")

	response, table := teacher.raw("/v1/item-analyses/" + a.AnalysisID.String() + "/tables/options.csv")
	require.Contains(t, response.Header.Get("Content-Type"), "text/csv")
	require.Contains(t, string(table), "Lyon")
	response, plot := teacher.raw("/v1/item-analyses/" + a.AnalysisID.String() + "/plots/" + set.Items[0].ItemID.String() + "-options.svg")
	require.Equal(t, "image/svg+xml", response.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(string(plot), "<svg"), "%.60s", plot)
	teacher.refused(http.StatusNotFound, "not-found", "GET", "/v1/item-analyses/"+a.AnalysisID.String()+"/plots/"+set.Items[1].ItemID.String()+"-options.svg", nil)

	teacher.do(http.StatusNoContent, "DELETE", "/v1/item-analyses/"+a.AnalysisID.String(), nil, nil)
	teacher.refused(http.StatusNotFound, "not-found", "GET", "/v1/item-analyses/"+a.AnalysisID.String(), nil)
}

// marks sends a CSV of marks.
func (p person) marks(csv, query string, out any) *http.Response {
	p.Helper()
	return p.api.Do(p.TB, "POST", "/v1/item-analyses"+query, p.token, []byte(csv), out, httpservertest.Header{Name: "Content-Type", Value: "text/csv"})
}

func TestMarksOfAnExistingExamAreAnalysed(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.person(s.organisation, auth.Instructor)
	var csv strings.Builder
	csv.WriteString("student,q1,q2,q3\n")
	for i := range 200 {
		fmt.Fprintf(&csv, "s%03d,%d,%d,%d\n", i, (i+i/3)%2, i/100, (i/50+i%2)%2)
	}
	var requested analysisBody
	require.Equal(t, http.StatusAccepted, teacher.marks(csv.String(), "?title=Finals", &requested).StatusCode)
	a := teacher.analysed(requested.AnalysisID)
	require.Equal(t, "done", a.Status, a.Reason)
	require.Equal(t, "Finals", a.Title)
	require.Equal(t, 200, a.Learners)
	require.InDelta(t, 0.5, *a.Classical.Items[1].Facility.Value, 1e-12)
	require.NotNil(t, a.Model)
	require.Empty(t, a.Model.Abilities, "they have a list of their own")
	var abilities struct {
		Items      []abilityBody
		NextCursor string `json:"next_cursor"`
	}
	teacher.do(http.StatusOK, "GET", "/v1/item-analyses/"+a.AnalysisID.String()+"/abilities?limit=150", nil, &abilities)
	require.Len(t, abilities.Items, 150)
	require.Equal(t, "s000", abilities.Items[0].Learner)
	teacher.do(http.StatusOK, "GET", "/v1/item-analyses/"+a.AnalysisID.String()+"/abilities?limit=150&cursor="+abilities.NextCursor, nil, &abilities)
	require.Len(t, abilities.Items, 50)
	_, table := teacher.raw("/v1/item-analyses/" + a.AnalysisID.String() + "/tables/abilities.csv")
	require.Equal(t, 201, strings.Count(string(table), "\n"))
	_, plot := teacher.raw("/v1/item-analyses/" + a.AnalysisID.String() + "/plots/test-information.svg")
	require.True(t, strings.HasPrefix(string(plot), "<svg"), "%.60s", plot)

	var kept int
	require.NoError(t, s.db.Admin(t).QueryRow(t.Context(), `select count(*) from assessment.item_analysis_marks`).Scan(&kept))
	require.Zero(t, kept, "the marks are deleted when the analysis has ended")
}

func TestMarksThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.person(s.organisation, auth.Instructor)
	for name, csv := range map[string]string{
		"only a header": "student,q1\n", "no items": "student\na\n", "not a mark": "student,q1\na,good\n", "ragged": "student,q1,q2\na,1\n", "twice": "student,q1\na,1\na,0\n",
	} {
		var got problemBody
		response := teacher.marks(csv, "", &got)
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s: %+v", name, got)
		require.NotEmpty(t, got.Detail, name)
	}
	var n int
	require.NoError(t, s.db.Admin(t).QueryRow(t.Context(), `select count(*) from assessment.item_analyses`).Scan(&n))
	require.Zero(t, n)
}

func TestAnalysesAreForTheStaff(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher, learner := s.teacher(), s.learner("Ada")
	set := s.publish(s.problemSet())
	path := fmt.Sprintf("/v1/assessments/%s/item-analyses", set.ProblemSetID)
	var a analysisBody
	teacher.do(http.StatusAccepted, "POST", path, map[string]any{}, &a)
	var marks analysisBody
	require.Equal(t, http.StatusAccepted, teacher.marks("student,q1\na,1\nb,0\n", "", &marks).StatusCode)

	stranger, other := s.person(newID(), auth.OrganisationAdmin), s.person(s.organisation, auth.Instructor)
	for name, who := range map[string]person{"another organisation": stranger, "not of the course": other} {
		who.refused(http.StatusNotFound, "not-found", "POST", path, map[string]any{})
		who.refused(http.StatusNotFound, "not-found", "GET", "/v1/item-analyses?assessment_id="+set.ProblemSetID.String(), nil)
		for _, id := range []uuid.UUID{a.AnalysisID, marks.AnalysisID} {
			for _, suffix := range []string{"", "/abilities", "/tables/items.csv", "/plots/test-information.svg"} {
				who.refused(http.StatusNotFound, "not-found", "GET", "/v1/item-analyses/"+id.String()+suffix, nil)
			}
			who.refused(http.StatusNotFound, "not-found", "DELETE", "/v1/item-analyses/"+id.String(), nil)
		}
		t.Log(name)
	}
	learner.refused(http.StatusForbidden, "forbidden", "POST", path, map[string]any{})
	learner.refused(http.StatusForbidden, "forbidden", "GET", "/v1/item-analyses/"+a.AnalysisID.String(), nil)
	require.Equal(t, "done", teacher.analysed(a.AnalysisID).Status)
	require.Equal(t, "done", teacher.analysed(marks.AnalysisID).Status)
}

func TestAnErasedLearnerIsNotInTheAbilities(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = append(e.Items, choiceItem(newID(), "1")) }))
	learners := []person{s.learner("Ada"), s.learner("Bob"), s.learner("Cleo"), s.learner("Dan")}
	for i, p := range learners {
		a := p.start(set)
		p.save(a.AttemptID, set.Items[i%3].ItemID, []map[string]any{choice("b"), text("42"), choice("b")}[i%3])
		p.submit(a.AttemptID)
		p.graded(a.AttemptID)
	}
	var a analysisBody
	teacher.do(http.StatusAccepted, "POST", fmt.Sprintf("/v1/assessments/%s/item-analyses", set.ProblemSetID), map[string]any{}, &a)
	require.Equal(t, "done", teacher.analysed(a.AnalysisID).Status)
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: learners[0].id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	var abilities struct{ Items []abilityBody }
	teacher.do(http.StatusOK, "GET", "/v1/item-analyses/"+a.AnalysisID.String()+"/abilities", nil, &abilities)
	require.Len(t, abilities.Items, 3)
	for _, ability := range abilities.Items {
		require.NotEqual(t, learners[0].id.String(), ability.Learner)
		require.NotEmpty(t, ability.Name)
	}
}
