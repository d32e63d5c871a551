package hostile

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// atOnce sends the same request n times at the same moment.
func atOnce(t *testing.T, n int, send func() (platformtest.Response, error)) []platformtest.Response {
	t.Helper()
	responses := make([]platformtest.Response, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			responses[i], errs[i] = send()
		})
	}
	close(start)
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return responses
}

// TestTheSameTwice: what is sent twice, by impatience or by a network, happens
// once.
func TestTheSameTwice(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	db := platform.AdminPool(t)
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&n))
		return n
	}
	learner := platform.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)

	// Eight enrolments at once, without a key: one enrolment, one event.
	enrolments := atOnce(t, 8, func() (platformtest.Response, error) {
		return learner.Do(t.Context(), "POST", "/v1/courses/"+course+"/enrolment", nil)
	})
	created := 0
	for _, r := range enrolments {
		require.Equal(t, 2, r.Status/100, "%s", r.Body)
		require.JSONEq(t, string(enrolments[0].Body), string(r.Body))
		if r.Status == http.StatusCreated {
			created++
		}
	}
	assert.Equal(t, 1, created)

	set := learner.Assessments(t, course)[1]
	learner.StartAttempt(t, set.AssessmentID) // waits for the enrolment to arrive
	other := learner.Assessments(t, course)[2]

	// The same Idempotency-Key: one effect and one answer.
	key := platformtest.Header{Name: "Idempotency-Key", Value: uuid.NewString()}
	path := "/v1/assessments/" + other.AssessmentID + "/attempts"
	var first platformtest.Attempt
	learner.Post(t, path, nil, &first, key)
	var second platformtest.Attempt
	replayed := learner.Post(t, path, nil, &second, key)
	assert.Equal(t, http.StatusCreated, replayed.Status, "the answer is the one of the first time")
	assert.Equal(t, "true", replayed.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, first.AttemptID, second.AttemptID)
	learner.Refused(t, http.StatusUnprocessableEntity, "POST", "/v1/assessments/"+set.AssessmentID+"/attempts", nil, key)

	admin := platform.Admin(t)
	key.Value = uuid.NewString()
	for _, r := range atOnce(t, 8, func() (platformtest.Response, error) {
		return admin.Do(t.Context(), "POST", "/v1/organisations", map[string]any{"slug": "once", "name": "Once", "self_registration": false}, key)
	}) {
		if r.Status != http.StatusCreated { // it came while the first was under way
			problem, err := r.Problem()
			require.NoError(t, err)
			require.Equal(t, "/problems/idempotency-key-in-progress", problem.Type)
		}
	}
	assert.Equal(t, 1, count(`select count(*) from users.organisations where slug = 'once'`))

	// Eight submissions at once: one grade, one event of each kind.
	for _, r := range atOnce(t, 8, func() (platformtest.Response, error) {
		return learner.Do(t.Context(), "POST", "/v1/attempts/"+first.AttemptID+"/submit", nil)
	}) {
		require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	}
	learner.AwaitGrade(t, first.AttemptID)
	platformtest.Eventually(t, "the grade's event is relayed", func() error {
		if n := count(`select count(*) from assessment.event_log where event_type = 'lyceum.assessment.attempt-graded.v1'`); n != 1 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
	assert.Equal(t, 1, count(`select count(*) from assessment.event_log where event_type = 'lyceum.assessment.attempt-submitted.v1'`))
	assert.Equal(t, other.Items, count(`select count(*) from assessment.item_scores where attempt_id = $1`, first.AttemptID))

	// A save that comes after the submission changes nothing.
	learner.Refused(t, http.StatusConflict, "PUT", "/v1/attempts/"+first.AttemptID+"/responses/"+first.Items[0].ItemID,
		map[string]any{"response": platformtest.ItemResponse{}})
}

// TestOtherLearnersThings: to a learner, somebody else's attempt of the same
// organisation and course is one that does not exist.
func TestOtherLearnersThings(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	leo := platform.Learner(t)
	course := platformtest.DemoCourse(t, leo.Client)
	leo.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	set := leo.Assessments(t, course)[0]
	attempt := leo.StartAttempt(t, set.AssessmentID)
	eve := platform.Register(t, "eve@school.example", "Eve")
	eve.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)

	body := map[string]any{"response": platformtest.ItemResponse{}}
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/attempts/%s", nil},
		{"PUT", "/v1/attempts/%s/responses/" + attempt.Items[0].ItemID, body},
		{"GET", "/v1/attempts/%s/items/" + attempt.Items[0].ItemID + "/hints", nil},
		{"POST", "/v1/attempts/%s/submit", nil},
		{"GET", "/v1/attempts/%s/review", nil},
	} {
		theirs := eve.Refused(t, http.StatusNotFound, r.method, fmt.Sprintf(r.path, attempt.AttemptID), r.body)
		nobodys := eve.Refused(t, http.StatusNotFound, r.method, fmt.Sprintf(r.path, uuid.NewString()), r.body)
		theirs.Instance, nobodys.Instance = "", ""
		assert.Equal(t, nobodys, theirs)
	}
	var mine struct{ Items []platformtest.Attempt }
	eve.Get(t, "/v1/attempts?assessment_id="+set.AssessmentID, &mine)
	assert.Empty(t, mine.Items)
	var still platformtest.Attempt
	leo.Get(t, "/v1/attempts/"+attempt.AttemptID, &still)
	assert.Equal(t, "in_progress", still.Status)
}
