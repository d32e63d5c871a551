package journey

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestAnAbandonedExamIsHandedInAtItsDeadline: what was saved in time counts, and
// nothing that comes later. The twenty minutes are cut short in the database,
// whose clock is the one that decides.
func TestAnAbandonedExamIsHandedInAtItsDeadline(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: database.URL()})
	learner := platform.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	exam := learner.StartAttempt(t, assessment(t, learner, course, "Quiz: the whole sky").AssessmentID)
	for _, item := range exam.Items {
		if item.Title == "Full Moon at midnight" || item.Title == "Wanderers" { // 2 and 3 points
			learner.Save(t, exam, item.ItemID, item.Respond(t, rightAnswers[item.Title]))
		}
	}

	_, err := database.Admin(t).Exec(t.Context(),
		`update assessment.attempts set started_at = started_at - interval '1 hour', deadline_at = clock_timestamp() where attempt_id = $1`, exam.AttemptID)
	require.NoError(t, err)
	late := learner.Refused(t, http.StatusConflict, "PUT", "/v1/attempts/"+exam.AttemptID+"/responses/"+exam.Items[0].ItemID,
		map[string]any{"response": exam.Items[0].Respond(t, rightAnswers[exam.Items[0].Title])})
	require.NotEmpty(t, late.Detail)

	graded := learner.AwaitGrade(t, exam.AttemptID)
	require.Equal(t, "deadline", graded.SubmittedBy)
	require.Equal(t, "5", graded.Score)
	require.Len(t, graded.Responses, 2)
	mail := platform.AwaitMail(t, learner.Email, "Graded: Quiz: the whole sky")
	require.Contains(t, mail.Text, "You scored 5 of 10.")
}
