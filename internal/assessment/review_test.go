package assessment

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestAReviewShowsWhatThePolicyReleases(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		change func(*event.ProblemSetPublishedV1)
		want   visibility
	}{
		{"never", func(e *event.ProblemSetPublishedV1) { e.Release = event.ReleaseNever }, visibility{}},
		{"submitted", func(e *event.ProblemSetPublishedV1) { e.Release = event.ReleaseSubmitted },
			visibility{Parts: true, Feedback: true, Key: true}},
		{"after due", func(e *event.ProblemSetPublishedV1) { e.Release, e.DueAt = event.ReleaseAfterDue, &soon }, visibility{Parts: true}},
		{"last", func(e *event.ProblemSetPublishedV1) { e.Release, e.MaxAttempts = event.ReleaseLast, 2 },
			visibility{Parts: true, Feedback: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSchool(t)
			ada := s.learner("Ada")
			set := s.publish(s.problemSet(c.change))
			a := ada.start(set)
			ada.save(a.AttemptID, set.Items[0].ItemID, choice("a"))
			ada.submit(a.AttemptID)
			review := ada.graded(a.AttemptID)
			require.Equal(t, "0", review.Score)
			item := review.Items[0]
			require.Equal(t, c.want.Parts, len(item.Parts) > 0, "parts")
			if c.want.Parts {
				require.Equal(t, c.want.Feedback, len(item.Parts[0].FeedbackHTML) > 0, "feedback")
				require.Equal(t, c.want.Key, item.Parts[0].How != "", "how")
			}
			require.Equal(t, c.want.Key, item.Key != nil, "key")
			require.Equal(t, releasedBody{Parts: c.want.Parts, Feedback: c.want.Feedback, Key: c.want.Key, DueAt: review.Released.DueAt}, review.Released)

			// Whoever teaches the course sees all of it.
			var full reviewBody
			s.teacher().do(http.StatusOK, "GET", fmt.Sprintf("/v1/attempts/%s/review", a.AttemptID), nil, &full)
			require.NotNil(t, full.Items[0].Key)
			require.NotEmpty(t, full.Items[0].Parts[0].How)
		})
	}
}

func TestTheKeyIsWithheldWhileTheLastAttemptIsInProgress(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Release, e.MaxAttempts = event.ReleaseLast, 2 }))
	first := ada.start(set)
	ada.submit(first.AttemptID)
	require.False(t, ada.graded(first.AttemptID).Released.Key)
	last := ada.start(set)
	require.False(t, ada.graded(first.AttemptID).Released.Key, "no attempt is left, but the last one is in progress")
	ada.submit(last.AttemptID)
	require.True(t, ada.graded(first.AttemptID).Released.Key)
	require.True(t, ada.graded(last.AttemptID).Released.Key)
}

func TestAllRightReleasesTheKeyUnderPolicyLast(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Release = event.ReleaseLast }))
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[0].ItemID, choice("b"))
	ada.save(a.AttemptID, set.Items[1].ItemID, text("6*7"))
	ada.submit(a.AttemptID)
	review := ada.graded(a.AttemptID)
	require.Equal(t, "3", review.Score)
	require.True(t, review.Released.Key)
}

func TestThereIsNothingToReviewBeforeTheGrade(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	path := fmt.Sprintf("/v1/attempts/%s/review", a.AttemptID)
	response := ada.refused(http.StatusConflict, "not-graded-yet", "GET", path, nil)
	require.Empty(t, response.Header.Get("Retry-After"), "waiting does not help an attempt that has not been submitted")

	// Submitted, and nobody grades.
	_, err := s.module.db.Pool.Exec(t.Context(), `
		update assessment.attempts set status = 'submitted', submitted_at = now(), submitted_by = 'learner' where attempt_id = $1`, a.AttemptID)
	require.NoError(t, err)
	response = ada.refused(http.StatusConflict, "not-graded-yet", "GET", path, nil)
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, seconds)
}
