package assessment

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestConcurrentSubmissionsAreOne(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[0].ItemID, choice("b"))
	const clients = 8
	answers := make(chan attemptBody, clients)
	for range clients {
		go func() {
			var got attemptBody
			s.api.Do(t, "POST", fmt.Sprintf("/v1/attempts/%s/submit", a.AttemptID), ada.token, nil, &got)
			answers <- got
		}()
	}
	first := <-answers
	require.NotNil(t, first.SubmittedAt)
	for range clients - 1 {
		got := <-answers
		require.Equal(t, first.SubmittedAt, got.SubmittedAt)
		require.Equal(t, "learner", got.SubmittedBy)
	}
	ada.graded(a.AttemptID)
	require.Equal(t, *first.SubmittedAt, *ada.submit(a.AttemptID).SubmittedAt, "submitting a graded attempt changes nothing")
	require.Len(t, s.events("lyceum.assessment.attempt-submitted.v1"), 1)
	require.Len(t, s.events("lyceum.assessment.attempt-graded.v1"), 1)
}

func TestGradingTwiceTakesEffectOnce(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	ada.submit(a.AttemptID)
	var graders sync.WaitGroup
	for range 8 {
		graders.Go(func() {
			if err := s.module.gradeAttempt(context.Background(), a.AttemptID); err != nil {
				t.Error(err)
			}
		})
	}
	graders.Wait()
	ada.graded(a.AttemptID)
	require.Len(t, s.events("lyceum.assessment.attempt-graded.v1"), 1)
	var scores int
	require.NoError(t, s.module.db.Pool.QueryRow(t.Context(),
		`select count(*) from assessment.item_scores where attempt_id = $1`, a.AttemptID).Scan(&scores))
	require.Equal(t, 2, scores)
}

// Every save that was acknowledged, however close to the submission, is what
// the grade was made of.
func TestEveryAcknowledgedSaveIsGraded(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	const items = 30
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) {
		e.Items = nil
		for range items {
			e.Items = append(e.Items, numberItem(newID(), "1"))
		}
	}))
	for range 5 {
		ada := s.learner("Ada")
		a := ada.start(set)
		var savers sync.WaitGroup
		var mu sync.Mutex
		acknowledged := map[uuid.UUID]bool{}
		some := make(chan struct{})
		for _, it := range set.Items {
			savers.Go(func() {
				response := s.api.Do(t, "PUT", responsePath(a.AttemptID, it.ItemID), ada.token, text("42"), nil)
				if response.StatusCode == http.StatusOK {
					mu.Lock()
					defer mu.Unlock()
					if acknowledged[it.ItemID] = true; len(acknowledged) == 5 {
						close(some)
					}
				}
			})
		}
		<-some
		ada.submit(a.AttemptID)
		savers.Wait()
		review := ada.graded(a.AttemptID)
		right := map[uuid.UUID]bool{}
		for _, it := range review.Items {
			right[it.ItemID] = it.Parts[0].Correct
		}
		require.Equal(t, fmt.Sprint(len(acknowledged)), review.Score)
		for item := range acknowledged {
			require.True(t, right[item], "an acknowledged response was not graded")
		}
	}
}

func TestASaveAfterTheSubmissionIsRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[1].ItemID, text("41"))
	ada.submit(a.AttemptID)
	ada.refused(http.StatusConflict, "attempt-closed", "PUT", responsePath(a.AttemptID, set.Items[1].ItemID), text("42"))
	require.Equal(t, "0", ada.graded(a.AttemptID).Score)
}

func TestAnAbandonedAttemptIsSubmittedAtItsDeadline(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 1 }))
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[1].ItemID, text("42"))
	// The client is gone. Nobody calls.
	require.Eventually(t, func() bool { return len(s.events("lyceum.assessment.attempt-graded.v1")) == 1 },
		20*time.Second, 50*time.Millisecond, "the attempt was not submitted and graded by itself")
	review := ada.graded(a.AttemptID)
	require.Equal(t, "deadline", review.SubmittedBy)
	require.Equal(t, *a.DeadlineAt, review.SubmittedAt, "an attempt ends at its deadline, however late that is noticed")
	require.Equal(t, "2", review.Score)
	var e event.AttemptSubmittedV1
	require.NoError(t, json.Unmarshal([]byte(s.events("lyceum.assessment.attempt-submitted.v1")[0]), &e))
	require.True(t, e.ByDeadline)
}

func TestAnAttemptWhoseGradingDiedIsGraded(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet())
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[1].ItemID, text("42"))
	// Submitted, and there is no job that would come back to it.
	_, err := s.module.db.Pool.Exec(context.Background(), `
		update assessment.attempts set status = 'submitted', submitted_by = 'learner', started_at = started_at - interval '2 hours',
			submitted_at = now() - interval '1 minute' where attempt_id = $1`, a.AttemptID)
	require.NoError(t, err)
	require.Equal(t, "2", ada.graded(a.AttemptID).Score)
}

// expire moves an attempt into the past, so that its deadline has come without
// anybody having noticed, and returns the deadline.
func (s *school) expire(attempt uuid.UUID) (deadline time.Time) {
	s.Helper()
	err := s.module.db.Pool.QueryRow(context.Background(), `
		update assessment.attempts set started_at = started_at - interval '2 hours', deadline_at = now() - interval '1 second'
		where attempt_id = $1 returning deadline_at`, attempt).Scan(&deadline)
	require.NoError(s.TB, err)
	return deadline.UTC()
}

// newQuietSchool is a school that does not look for overdue attempts by itself.
func newQuietSchool(t testing.TB) *school {
	t.Helper()
	return newSchoolWith(t, Config{SweepInterval: time.Hour})
}

func TestAfterTheDeadlineASaveIsRefusedBeforeAnybodyHasSubmitted(t *testing.T) {
	t.Parallel()
	s := newQuietSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 3600 }))
	a := ada.start(set)
	s.expire(a.AttemptID)
	ada.refused(http.StatusConflict, "deadline-passed", "PUT", responsePath(a.AttemptID, set.Items[1].ItemID), text("42"))
	require.Equal(t, "in_progress", ada.attempt(a.AttemptID).Status)
	require.Zero(t, *ada.attempt(a.AttemptID).TimeLeftSeconds)
}

func TestALateSubmissionCountsAsTheDeadlines(t *testing.T) {
	t.Parallel()
	s := newQuietSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 3600 }))
	a := ada.start(set)
	deadline := s.expire(a.AttemptID)
	done := ada.submit(a.AttemptID)
	require.Equal(t, "deadline", done.SubmittedBy)
	require.Equal(t, deadline, *done.SubmittedAt)
}

func TestStartingOverAnOverdueAttemptSubmitsIt(t *testing.T) {
	t.Parallel()
	s := newQuietSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 3600; e.MaxAttempts = 2 }))
	a := ada.start(set)
	s.expire(a.AttemptID)
	second := ada.start(set)
	require.Equal(t, 2, second.Number)
	require.Equal(t, "deadline", ada.attempt(a.AttemptID).SubmittedBy)
}

func TestFinalisingEarlyComesBackWhenItIsTime(t *testing.T) {
	t.Parallel()
	s := newQuietSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 3600 }))
	a := ada.start(set)
	worker := &finaliseWorker{module: s.module}
	err := worker.Work(t.Context(), &river.Job[finaliseArgs]{Args: finaliseArgs{AttemptID: a.AttemptID}})
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, err, &snooze)
	require.InDelta(t, time.Hour, snooze.Duration, float64(time.Minute))
	require.Equal(t, "in_progress", ada.attempt(a.AttemptID).Status)

	s.expire(a.AttemptID)
	require.NoError(t, worker.Work(t.Context(), &river.Job[finaliseArgs]{Args: finaliseArgs{AttemptID: a.AttemptID}}))
	require.NoError(t, worker.Work(t.Context(), &river.Job[finaliseArgs]{Args: finaliseArgs{AttemptID: a.AttemptID}}), "again")
	require.Len(t, s.events("lyceum.assessment.attempt-submitted.v1"), 1)
}

func TestReplicasShareTheOverdueAttempts(t *testing.T) {
	t.Parallel()
	s := newQuietSchool(t)
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.TimeLimitSeconds = 3600 }))
	const attempts = 60
	_, err := s.module.db.Pool.Exec(t.Context(), `
		insert into assessment.attempts (attempt_id, assessment_id, version, learner_id, organisation_id, course_id, number,
			seed, started_at, deadline_at, max_score)
		select gen_random_uuid(), $1, 1, gen_random_uuid(), $2, $3, 1, 0, now() - interval '1 hour', now() - interval '1 minute', 3
		from generate_series(1, $4)`, set.ProblemSetID, s.organisation, s.course, attempts)
	require.NoError(t, err)
	var replicas sync.WaitGroup
	var mu sync.Mutex
	closed := 0
	for range 4 {
		replicas.Go(func() {
			for {
				n, err := s.module.closeOverdue(context.Background(), 10)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				closed += n
				mu.Unlock()
				if n == 0 {
					return
				}
			}
		})
	}
	replicas.Wait()
	require.Equal(t, attempts, closed)
	require.Eventually(t, func() bool { return len(s.events("lyceum.assessment.attempt-graded.v1")) == attempts },
		20*time.Second, 50*time.Millisecond, "not all attempts were graded")
	require.Len(t, s.events("lyceum.assessment.attempt-submitted.v1"), attempts)
}
