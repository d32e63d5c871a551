package journey

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestOrganisationsDoNotLearnOfEachOther asks for everything that the demo
// organisation has, as people of another one, and wants to hear exactly what is
// said of things that do not exist. It is driven by the OpenAPI document: a new
// route with an id in its path is covered by itself, or fails for want of an id.
func TestOrganisationsDoNotLearnOfEachOther(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: database.URL()})
	ids := demoIDs(t, platform, database)
	administrator, instructor, learner := otherOrganisation(t, platform)

	var nothing struct{ Items []json.RawMessage }
	learner.Get(t, "/v1/catalogue", &nothing)
	require.Empty(t, nothing.Items)
	administrator.Get(t, "/v1/courses", &nothing)
	require.Empty(t, nothing.Items)
	learner.Get(t, "/v1/assessments?course_id="+ids["course_id"], &nothing)
	require.Empty(t, nothing.Items)

	asked := 0
	for _, op := range platformtest.OperationsOf(t, platform) {
		names := op.PathParameters()
		// Files are fetched with a signature instead of a token.
		if len(names) == 0 || op.ID == "get-media" {
			continue
		}
		for _, name := range names {
			require.NotEmpty(t, ids[name], "%s: the test knows no %s of the demo organisation", op.ID, name)
		}
		for who, person := range map[string]*platformtest.Person{"administrator": administrator, "instructor": instructor, "learner": learner} {
			known := ask(t, person, op, op.Fill(func(name string) string { return ids[name] }))
			unknown := ask(t, person, op, op.Fill(func(name string) string {
				if strings.HasSuffix(name, "_id") {
					return uuid.NewString()
				}
				return ids[name]
			}))
			asked++
			assert.Equal(t, unknown, known, "%s as %s tells that there is such a thing elsewhere", op.ID, who)
			if known.Status != http.StatusForbidden || who == "administrator" { // others lack some permissions
				assert.Equal(t, http.StatusNotFound, known.Status, "%s as %s: %+v", op.ID, who, known)
			}
		}
	}
	t.Logf("%d requests for things of another organisation, each answered as one for nothing", asked)
}

// ask returns the answer without what differs from one request to the next.
func ask(t *testing.T, person *platformtest.Person, op platformtest.Operation, path string) platformtest.Problem {
	t.Helper()
	bodies := map[string]any{
		"edit-course":   map[string]any{"title": "Mine"},
		"enrol-learner": map[string]any{"email": person.Email},
		"save-response": map[string]any{"response": map[string]any{}},
	}
	body := bodies[op.ID]
	if op.BodyRequired {
		require.NotNil(t, body, "%s needs a body", op.ID)
	}
	response, err := person.Do(t.Context(), op.Method, path, body, platformtest.Header{Name: "If-Match", Value: `"1"`})
	require.NoError(t, err)
	problem, err := response.Problem()
	require.NoError(t, err, "%s %s", op.Method, path)
	problem.Instance = ""
	return problem
}

// otherOrganisation makes a second organisation with its people.
func otherOrganisation(t *testing.T, platform *platformtest.Platform) (administrator, instructor, learner *platformtest.Person) {
	platform.Admin(t).Post(t, "/v1/organisations", map[string]any{
		"slug": "other", "name": "The Other School", "self_registration": false,
		"administrator": map[string]string{"email": "admin@other.example", "display_name": "Otto"},
	}, nil)
	platform.Stranger().Refused(t, http.StatusNotFound, "POST", "/v1/auth/register", map[string]string{
		"organisation": "other", "email": "somebody@other.example", "password": "a-long-enough-secret", "display_name": "S",
	})
	administrator = platform.Invited(t, "admin@other.example")
	invite := func(email string, roles ...string) *platformtest.Person {
		administrator.Post(t, "/v1/accounts", map[string]any{"email": email, "display_name": email, "roles": roles}, nil)
		return platform.Invited(t, email)
	}
	return administrator, invite("instructor@other.example", "instructor"), invite("learner@other.example", "learner")
}

// demoIDs is one of everything that the demo organisation has, by the name that
// it has in paths.
func demoIDs(t *testing.T, platform *platformtest.Platform, database *postgrestest.Database) map[string]string {
	iris, leo := platform.Instructor(t), platform.Learner(t)
	course := platformtest.DemoCourse(t, leo.Client)
	var enrolment struct {
		EnrolmentID string `json:"enrolment_id"`
	}
	leo.Post(t, "/v1/courses/"+course+"/enrolment", nil, &enrolment)
	attempt := leo.StartAttempt(t, assessment(t, leo, course, "The Moon").AssessmentID)
	var upload struct {
		ImportID string `json:"import_id"`
	}
	iris.Call(t, http.MethodPost, "/v1/imports", platformtest.Raw{ContentType: "application/gzip", Body: []byte("not an archive")}, &upload)
	var inbox struct{ Items []notification }
	platformtest.Eventually(t, "Leo's enrolment is notified", func() error {
		leo.Get(t, "/v1/notifications", &inbox)
		return differs("notifications", len(inbox.Items), 1)
	})
	ids := map[string]string{
		"account_id": leo.Account.AccountID, "course_id": course, "unit_id": leo.Outline(t, course).Units()[0].UnitID,
		"enrolment_id": enrolment.EnrolmentID, "assessment_id": attempt.AssessmentID, "attempt_id": attempt.AttemptID,
		"item_id": attempt.Items[0].ItemID, "import_id": upload.ImportID, "notification_id": inbox.Items[0].ID,
		"number": "1", "role": "instructor",
	}
	var session string
	err := database.Admin(t).QueryRow(t.Context(), `select session_id::text from users.sessions where account_id = $1 limit 1`,
		leo.Account.AccountID).Scan(&session)
	require.NoError(t, err)
	ids["session_id"] = session
	// Where it is not known yet, nobody could be told of it.
	platformtest.Eventually(t, "analytics knows the course", func() error {
		response, err := iris.Do(t.Context(), "GET", "/v1/analytics/courses/"+course, nil)
		if err == nil && response.Status != http.StatusOK {
			err = fmt.Errorf("%d %s", response.Status, response.Body)
		}
		return err
	})
	return ids
}
