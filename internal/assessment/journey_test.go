package assessment

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

func TestALearnerTakesAnAssessmentFromStartToReview(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.MaxAttempts = 2; e.TimeLimitSeconds = 3600 }))
	capital, number := set.Items[0].ItemID, set.Items[1].ItemID

	var list httpserver.List[assessmentBody]
	ada.do(http.StatusOK, "GET", "/v1/assessments?course_id="+s.course.String(), nil, &list)
	require.Len(t, list.Items, 1)
	require.Equal(t, set.ProblemSetID, list.Items[0].AssessmentID)
	require.Equal(t, "3", list.Items[0].MaxScore)
	require.Equal(t, 2, list.Items[0].Items)
	require.Equal(t, 2, *list.Items[0].Mine.AttemptsLeft)

	a := ada.start(set)
	require.Equal(t, "in_progress", a.Status)
	require.Equal(t, 1, a.Number)
	require.WithinDuration(t, a.StartedAt.Add(time.Hour), *a.DeadlineAt, 0)
	require.InDelta(t, 3600, *a.TimeLeftSeconds, 10)
	require.Len(t, a.Items, 2)
	require.Equal(t, capital, a.Items[0].ItemID)

	first := ada.save(a.AttemptID, capital, choice("a"))
	second := ada.save(a.AttemptID, capital, choice("b"))
	require.Greater(t, second.Sequence, first.Sequence)
	ada.save(a.AttemptID, number, text("41"))

	// The connection drops; the learner comes back to what was saved.
	back := ada.attempt(a.AttemptID)
	require.Equal(t, a.Items, back.Items)
	given := map[uuid.UUID]string{}
	for _, r := range back.Responses {
		given[r.ItemID] = string(r.Response)
	}
	require.JSONEq(t, `{"1":{"choices":["b"]}}`, given[capital])
	require.JSONEq(t, `{"1":{"text":"41"}}`, given[number])

	done := ada.submit(a.AttemptID)
	require.Equal(t, "learner", done.SubmittedBy)
	review := ada.graded(a.AttemptID)
	require.Equal(t, "1", review.Score)
	require.Equal(t, "3", review.MaxScore)
	require.True(t, review.Items[0].Parts[0].Correct)
	require.Equal(t, []string{"<p>well-done</p>"}, review.Items[0].Parts[0].FeedbackHTML)
	require.Equal(t, "<p>the-explanation</p>", review.Items[0].Key.ExplanationHTML)
	require.False(t, review.Items[1].Parts[0].Correct)
	require.Contains(t, review.Items[1].Key.Parts[0].Answers[0].Text, "42")

	var own httpserver.List[attemptBody]
	ada.do(http.StatusOK, "GET", "/v1/attempts?assessment_id="+set.ProblemSetID.String(), nil, &own)
	require.Len(t, own.Items, 1)
	require.Equal(t, "1", *own.Items[0].Score)

	var one assessmentBody
	ada.do(http.StatusOK, "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil, &one)
	require.Equal(t, 1, *one.Mine.AttemptsLeft)
	require.Equal(t, a.AttemptID, *one.Mine.BestAttemptID)
	require.Equal(t, "1", *one.Mine.BestScore)

	require.Len(t, s.events("lyceum.assessment.attempt-started.v1"), 1)
	require.Len(t, s.events("lyceum.assessment.attempt-submitted.v1"), 1)
	graded := s.events("lyceum.assessment.attempt-graded.v1")
	require.Len(t, graded, 1)
	var e event.AttemptGradedV1
	require.NoError(t, json.Unmarshal([]byte(graded[0]), &e))
	require.Equal(t, "Week 1", e.AssessmentTitle)
	require.Equal(t, "1", e.Score)
	require.Equal(t, "3", e.MaxScore)
	require.Equal(t, []event.ItemScoreV1{
		{ItemID: capital, Score: "1", MaxScore: "1", Answered: true},
		{ItemID: number, Score: "0", MaxScore: "2", Answered: true},
	}, e.Items)
}

func TestStartingTwiceGivesTheAttemptInProgress(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.MaxAttempts = 1 }))
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[0].ItemID, choice("b"))
	var again attemptBody
	ada.do(http.StatusOK, "POST", fmt.Sprintf("/v1/assessments/%s/attempts", set.ProblemSetID), nil, &again)
	require.Equal(t, a.AttemptID, again.AttemptID)
	require.Len(t, again.Responses, 1)
	require.Len(t, s.events("lyceum.assessment.attempt-started.v1"), 1)
}

func TestAStartSentTwiceWithOneIdempotencyKeyIsOne(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	key := httpservertest.Header{Name: "Idempotency-Key", Value: "start-1"}
	var first, again attemptBody
	response := s.api.Do(t, "POST", startPath(set), ada.token, nil, &first, key)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	ada.submit(first.AttemptID)
	response = s.api.Do(t, "POST", startPath(set), ada.token, nil, &again, key)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, first, again)
	require.Len(t, s.events("lyceum.assessment.attempt-started.v1"), 1)
}

func TestTwoDevicesStartingAtOnceShareOneAttempt(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	const devices = 8
	ids := make(chan uuid.UUID, devices)
	for range devices {
		go func() {
			var a attemptBody
			s.api.Do(t, "POST", fmt.Sprintf("/v1/assessments/%s/attempts", set.ProblemSetID), ada.token, nil, &a)
			ids <- a.AttemptID
		}()
	}
	distinct := map[uuid.UUID]bool{}
	for range devices {
		distinct[<-ids] = true
	}
	require.Len(t, distinct, 1)
	require.Len(t, s.events("lyceum.assessment.attempt-started.v1"), 1)
}

func TestAnAttemptShowsNothingOfTheKey(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items[1].Parts[0].Numbers[0].Value = "2718.28" }))
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[0].ItemID, choice("a"))
	_, body := ada.raw("/v1/attempts/" + a.AttemptID.String())
	require.Contains(t, string(body), "Paris")
	for _, secret := range []string{"2718", "credit", "the-explanation", "well-done", "not-lyon", "first-hint", "seed"} {
		require.NotContains(t, string(body), secret)
	}
}

func TestHintsComeOneByOneOnDemand(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	require.Equal(t, 2, a.Items[0].Hints)
	for count, want := range map[string][]string{
		"":         {"<p>first-hint</p>"},
		"?count=2": {"<p>first-hint</p>", "<p>second-hint</p>"},
		"?count=9": {"<p>first-hint</p>", "<p>second-hint</p>"},
	} {
		var got struct {
			HintsHTML []string `json:"hints_html"`
		}
		ada.do(http.StatusOK, "GET", fmt.Sprintf("/v1/attempts/%s/items/%s/hints%s", a.AttemptID, set.Items[0].ItemID, count), nil, &got)
		require.Equal(t, want, got.HintsHTML)
	}
}

func TestMediaInItemsGetSignedURLs(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	asset := "asset:" + strings.Repeat("0a", 32) + "/map.png"
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) {
		e.Items[0].BodyHTML += `<img src="` + asset + `">`
		e.Items[0].Parts[0].Choices[0].HTML = `<img src="` + asset + `">`
		e.Items[0].ExplanationHTML = `<img src="` + asset + `">`
	}))
	a := ada.start(set)
	for _, markup := range []string{a.Items[0].BodyHTML, a.Items[0].Parts[0].Choices[0].HTML} {
		require.NotContains(t, markup, "asset:")
		require.Contains(t, markup, "/v1/media/")
	}
	ada.submit(a.AttemptID)
	review := ada.graded(a.AttemptID)
	require.Contains(t, review.Items[0].Key.ExplanationHTML, "/v1/media/")
}
