package assessment

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// essayItem is an essay of 4 points with a rubric of two criteria.
func essayItem(id uuid.UUID) event.ItemV1 {
	return event.ItemV1{
		ItemID: id, Source: "problem/essay", Title: "Essay", Weight: "4", BodyHTML: `<p>Discuss.</p><div data-part="1"></div>`,
		Parts: []event.PartV1{{
			PartID: "1", Kind: event.Essay, Label: "Essay", Essay: &event.EssayV1{Format: "plain"},
			Rubric: []event.CriterionV1{
				{CriterionID: "argument", HTML: "Argument", Levels: []event.LevelV1{{LevelID: "weak", HTML: "Weak", Points: "1"}, {LevelID: "strong", HTML: "Strong", Points: "3"}}},
				{CriterionID: "style", HTML: "Style", Levels: []event.LevelV1{{LevelID: "poor", HTML: "Poor", Points: "0"}, {LevelID: "good", HTML: "Good", Points: "1"}}},
			},
		}},
	}
}

func (s *school) essaySet() event.ProblemSetPublishedV1 {
	return s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = append(e.Items, essayItem(newID())) }))
}

func marksPath(attempt, item uuid.UUID) string {
	return fmt.Sprintf("/v1/attempts/%s/items/%s/marks", attempt, item)
}

func levels(argument, style string) map[string]any {
	return map[string]any{"marks": map[string]any{"1": map[string]any{"levels": map[string]string{"argument": argument, "style": style}}}}
}

func TestAnEssayIsMarkedByPeople(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher, ada := s.teacher(), s.learner("Ada")
	set := s.essaySet()
	essay := set.Items[2].ItemID
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[1].ItemID, text("42"))
	ada.save(a.AttemptID, essay, text("It depends."))
	ada.submit(a.AttemptID)
	review := ada.graded(a.AttemptID)
	require.Equal(t, "2", review.Score, "the essay counts as nothing until it is marked")
	require.True(t, review.Items[2].NeedsMarking)

	var waiting struct{ Items []toMarkBody }
	list := fmt.Sprintf("/v1/assessments/%s/marking", set.ProblemSetID)
	teacher.do(http.StatusOK, "GET", list, nil, &waiting)
	require.Len(t, waiting.Items, 1)
	require.Equal(t, []uuid.UUID{essay}, waiting.Items[0].ItemIDs)

	var marked struct {
		ItemScore string `json:"item_score"`
		Score     string `json:"score"`
	}
	teacher.do(http.StatusOK, "PUT", marksPath(a.AttemptID, essay), levels("weak", "good"), &marked)
	require.Equal(t, "2", marked.ItemScore, "2 of 4 points of the rubric")
	require.Equal(t, "4", marked.Score)
	review = ada.graded(a.AttemptID)
	require.Equal(t, "4", review.Score)
	require.False(t, review.Items[2].NeedsMarking)
	teacher.do(http.StatusOK, "GET", list, nil, &waiting)
	require.Empty(t, waiting.Items)

	credit := map[string]any{"marks": map[string]any{"1": map[string]any{"credit": "0.75"}}, "comment": "second thoughts"}
	teacher.do(http.StatusOK, "PUT", marksPath(a.AttemptID, essay), credit, &marked)
	require.Equal(t, "5", marked.Score)
	var history struct{ Items []markingBody }
	teacher.do(http.StatusOK, "GET", marksPath(a.AttemptID, essay), nil, &history)
	require.Len(t, history.Items, 2)
	require.Equal(t, "second thoughts", history.Items[0].Comment)
	require.Equal(t, "weak", history.Items[1].Marks["1"].Levels["argument"])
	require.Len(t, s.events(event.AttemptGraded.Type()), 3, "whoever keeps scores is told of each grade")
}

func TestMarksThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher, ada := s.teacher(), s.learner("Ada")
	set := s.essaySet()
	essay := set.Items[2].ItemID
	a := ada.start(set)
	teacher.refused(http.StatusConflict, "not-graded-yet", "PUT", marksPath(a.AttemptID, essay), levels("weak", "good"))
	ada.submit(a.AttemptID)
	ada.graded(a.AttemptID)
	for name, body := range map[string]any{
		"an unknown level":         levels("brilliant", "good"),
		"a criterion missing":      map[string]any{"marks": map[string]any{"1": map[string]any{"levels": map[string]string{"style": "good"}}}},
		"more than all":            map[string]any{"marks": map[string]any{"1": map[string]any{"credit": "1.5"}}},
		"less than nothing":        map[string]any{"marks": map[string]any{"1": map[string]any{"credit": "-0.5"}}},
		"no number":                map[string]any{"marks": map[string]any{"1": map[string]any{"credit": "good"}}},
		"a part that is not there": map[string]any{"marks": map[string]any{"2": map[string]any{"credit": "1"}}},
	} {
		var got problemBody
		response := teacher.api.Do(t, "PUT", marksPath(a.AttemptID, essay), teacher.token, body, &got)
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s: %+v", name, got)
	}
	teacher.refused(http.StatusUnprocessableEntity, "invalid-marks", "PUT", marksPath(a.AttemptID, set.Items[0].ItemID),
		map[string]any{"marks": map[string]any{"1": map[string]any{"credit": "1"}}})
	require.Len(t, s.events(event.AttemptGraded.Type()), 1, "nothing was graded anew")
}

func TestOnlyTheStaffMark(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.learner("Ada"), s.learner("Bob")
	set := s.essaySet()
	essay := set.Items[2].ItemID
	a := ada.start(set)
	ada.submit(a.AttemptID)
	ada.graded(a.AttemptID)
	for _, learner := range []person{ada, bob} {
		learner.refused(http.StatusForbidden, "forbidden", "PUT", marksPath(a.AttemptID, essay), levels("strong", "good"))
	}
	for _, who := range []person{s.person(s.organisation, auth.Instructor), s.person(newID(), auth.OrganisationAdmin)} {
		who.refused(http.StatusNotFound, "not-found", "PUT", marksPath(a.AttemptID, essay), levels("strong", "good"))
		who.refused(http.StatusNotFound, "not-found", "GET", marksPath(a.AttemptID, essay), nil)
		who.refused(http.StatusNotFound, "not-found", "GET", fmt.Sprintf("/v1/assessments/%s/marking", set.ProblemSetID), nil)
	}
}

func TestTheGradeOfAnErasedLearnerStays(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher, ada := s.teacher(), s.learner("Ada")
	set := s.essaySet()
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[1].ItemID, text("42"))
	ada.submit(a.AttemptID)
	ada.graded(a.AttemptID)
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: ada.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	teacher.refused(http.StatusConflict, "responses-erased", "PUT", marksPath(a.AttemptID, set.Items[2].ItemID), levels("strong", "good"))
}
