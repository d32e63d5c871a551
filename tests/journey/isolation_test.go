package journey

import (
	"encoding/json"
	"fmt"
	"maps"
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
		if len(names) == 0 || op.ID == "get-media" || op.ID == "get-item-media" {
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
	response, definition := map[string]any{}, anItem()
	bodies := map[string]any{
		"edit-course":   map[string]any{"title": "Mine"},
		"enrol-learner": map[string]any{"email": person.Email},
		"save-response": map[string]any{"response": response},

		"edit-item-bank":        map[string]any{"title": "Mine"},
		"put-item-bank-member":  map[string]any{"role": "manager"},
		"create-item-folder":    map[string]any{"name": "Mine"},
		"move-item-folder":      map[string]any{"name": "Mine"},
		"create-item":           map[string]any{"definition": definition},
		"put-item-definition":   map[string]any{"definition": definition},
		"edit-item":             map[string]any{"tags": []string{"mine"}},
		"edit-items":            map[string]any{"filter": map[string]any{}, "change": map[string]any{"tags": []string{"mine"}}},
		"preview-definition":    map[string]any{"definition": definition},
		"try-definition":        map[string]any{"definition": definition, "response": response},
		"try-item":              map[string]any{"response": response},
		"recompose-assessment":  map[string]any{"title": "Mine", "items": []map[string]string{{"item_id": uuid.NewString()}}},
		"mark-item":             map[string]any{"marks": map[string]any{}},
		"request-item-analysis": map[string]any{},
	}
	body := bodies[op.ID]
	if op.BodyRequired {
		require.NotNil(t, body, "%s needs a body", op.ID)
	}
	answer, err := person.Do(t.Context(), op.Method, path, body, platformtest.Header{Name: "If-Match", Value: `"1"`})
	require.NoError(t, err)
	problem, err := answer.Problem()
	require.NoError(t, err, "%s %s", op.Method, path)
	problem.Instance = ""
	return problem
}

// anItem is a definition that a bank takes.
func anItem() map[string]any {
	return map[string]any{
		"title": "Capital", "body_html": "<p>Which?</p>", "weight": "1",
		"parts": []map[string]any{{"part_id": "1", "kind": "text", "texts": []map[string]string{{"match": "exact", "pattern": "Paris", "credit": "1"}}}},
	}
}

// bankIDs makes a bank with one of everything that banks have.
func bankIDs(t *testing.T, iris *platformtest.Person) map[string]string {
	var bank, folder, item, upload map[string]any
	iris.Post(t, "/v1/item-banks", map[string]any{"title": "Capitals"}, &bank)
	path := "/v1/item-banks/" + bank["bank_id"].(string)
	iris.Post(t, path+"/folders", map[string]any{"name": "Europe"}, &folder)
	iris.Post(t, path+"/items", map[string]any{"definition": anItem()}, &item)
	iris.Call(t, http.MethodPost, path+"/imports", platformtest.Raw{ContentType: "text/plain", Body: []byte("::Q:: Is it? {T}")}, &upload)
	return map[string]string{
		"bank_id": bank["bank_id"].(string), "folder_id": folder["folder_id"].(string), "item_id": item["item_id"].(string),
		"item_import_id": upload["import_id"].(string), "version": "1",
	}
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
	attemptItem := ids["item_id"]
	maps.Copy(ids, bankIDs(t, iris))
	var analysis, fileID string
	err := database.Admin(t).QueryRow(t.Context(), `
		insert into assessment.attempt_files (file_id, attempt_id, item_id, part_id, name, bytes)
		values (gen_random_uuid(), $1, $2, '1', 'a.pdf', 1) returning file_id::text`, ids["attempt_id"], attemptItem).Scan(&fileID)
	require.NoError(t, err)
	err = database.Admin(t).QueryRow(t.Context(), `
		insert into assessment.item_analyses (analysis_id, organisation_id, assessment_id, version, title, omitted, response_model)
		select gen_random_uuid(), organisation_id, assessment_id, version, 'Week 1', 'zero', false from assessment.attempts where attempt_id = $1
		returning analysis_id::text`, ids["attempt_id"]).Scan(&analysis)
	require.NoError(t, err)
	ids["file_id"], ids["analysis_id"], ids["table"], ids["plot"] = fileID, analysis, "items.csv", "test-information.svg"
	var session string
	err = database.Admin(t).QueryRow(t.Context(), `select session_id::text from users.sessions where account_id = $1 limit 1`,
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
