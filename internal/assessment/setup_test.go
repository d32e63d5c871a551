package assessment

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gocloud.dev/blob/memblob"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server that all tests of the binary share.
		goleak.IgnoreAnyFunction("github.com/lyceum-lms/platform/internal/postgres.(*Embedded).run"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"))
}

// school is a course of one organisation with the module, the bus and the API
// running over a database of their own.
type school struct {
	testing.TB
	db           *postgrestest.Database
	producers    map[string]*postgres.DB // the other modules, as publishers
	module       *Module
	bus          *bustest.Running
	api          *httpservertest.Server
	organisation uuid.UUID
	course       uuid.UUID
}

func newModule(t testing.TB, db *postgrestest.Database, config Config) *Module {
	t.Helper()
	media, err := mediaurl.New(bytes.Repeat([]byte{7}, mediaurl.MinKeyBytes), time.Hour)
	require.NoError(t, err)
	blobs := memblob.OpenBucket(nil)
	t.Cleanup(func() { require.NoError(t, blobs.Close()) })
	m, err := New(config, Deps{
		DB: db.DB(t, moduleName), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Registerer: prometheus.NewRegistry(), Media: media, Blobs: blobs,
	})
	require.NoError(t, err)
	return m
}

func startModule(t testing.TB, m *Module) {
	t.Helper()
	require.NoError(t, m.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, m.Stop(ctx))
	})
}

func newSchool(t testing.TB) *school {
	t.Helper()
	return newSchoolWith(t, Config{SweepInterval: 100 * time.Millisecond})
}

func newSchoolWith(t testing.TB, config Config) *school {
	t.Helper()
	db := postgrestest.New(t)
	m := newModule(t, db, config)
	s := &school{
		TB: t, db: db, module: m, organisation: newID(), course: newID(),
		producers: map[string]*postgres.DB{"users": db.DB(t, "users"), "content": db.DB(t, "content")},
	}
	s.bus = bustest.Run(t, db, m.Contract())
	startModule(t, m)
	s.api = httpservertest.New(t, m, httpservertest.WithDB(m.db))
	return s
}

// emit publishes an event as its producing module would.
func emit[T any](s *school, topic bus.Topic[T], payload T) {
	s.Helper()
	require.NoError(s.TB, s.producers[topic.Module()].InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		return topic.Emit(ctx, tx, payload)
	}))
}

func newID() uuid.UUID {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err)
	}
	return id
}

// person is somebody who uses the API.
type person struct {
	*school
	id        uuid.UUID
	enrolment uuid.UUID // the same each time they enrol
	token     string
}

func (s *school) person(organisation uuid.UUID, role auth.Role) person {
	s.Helper()
	id := newID()
	token := s.api.Token(s.TB, auth.Principal{AccountID: id, OrganisationID: organisation, SessionID: newID(), Roles: []auth.Role{role}})
	return person{school: s, id: id, enrolment: newID(), token: token}
}

// learner is enrolled in the course and has a name.
func (s *school) learner(name string) person {
	s.Helper()
	p := s.person(s.organisation, auth.Learner)
	s.enrol(p)
	s.name(p, name)
	return p
}

// teacher is an instructor who teaches the course.
func (s *school) teacher() person {
	s.Helper()
	p := s.person(s.organisation, auth.Instructor)
	emit(s, event.CourseStaffAssigned, event.CourseStaffAssignedV1{
		CourseID: s.course, OrganisationID: s.organisation, AccountID: p.id, At: time.Now(),
	})
	s.bus.Drain()
	return p
}

func (s *school) enrol(p person) {
	s.Helper()
	emit(s, event.LearnerEnrolled, event.LearnerEnrolledV1{
		EnrolmentID: p.enrolment, CourseID: s.course, OrganisationID: s.organisation, LearnerID: p.id, How: "open", At: time.Now(),
	})
	s.bus.Drain()
}

func (s *school) withdraw(p person) {
	s.Helper()
	emit(s, event.LearnerWithdrawn, event.LearnerWithdrawnV1{
		EnrolmentID: p.enrolment, CourseID: s.course, OrganisationID: s.organisation, LearnerID: p.id, At: time.Now(),
	})
	s.bus.Drain()
}

func (s *school) name(p person, name string) {
	s.Helper()
	emit(s, event.ContactChanged, event.ContactChangedV1{
		AccountID: p.id, OrganisationID: s.organisation, Email: "someone@example.org", DisplayName: name, At: time.Now(),
	})
	s.bus.Drain()
}

// problemSet is a graded problem set of the course with two items: a choice of
// 1 point ("b" is right) and a number of 2 points (42 is right).
func (s *school) problemSet(change ...func(*event.ProblemSetPublishedV1)) event.ProblemSetPublishedV1 {
	set := event.ProblemSetPublishedV1{
		ProblemSetID: newID(), CourseID: s.course, OrganisationID: s.organisation, CourseVersion: 1,
		Title: "Week 1", Category: "Homework", Position: 1, Release: event.ReleaseSubmitted,
		Items: []event.ItemV1{choiceItem(newID(), "1"), numberItem(newID(), "2")}, At: time.Now(),
	}
	for _, c := range change {
		c(&set)
	}
	return set
}

func choiceItem(id uuid.UUID, weight string) event.ItemV1 {
	return event.ItemV1{
		ItemID: id, Source: "problem/choice", Title: "Capital", Weight: weight,
		BodyHTML: `<p>Which?</p><div data-part="1"></div>`,
		Parts: []event.PartV1{{
			PartID: "1", Kind: event.SingleChoice, Label: "Which?",
			Choices: []event.ChoiceV1{
				{ChoiceID: "a", HTML: "Lyon", Credit: "0", FeedbackHTML: "<p>not-lyon</p>"},
				{ChoiceID: "b", HTML: "Paris", Credit: "1", FeedbackHTML: "<p>well-done</p>"},
			},
		}},
		HintsHTML: []string{"<p>first-hint</p>", "<p>second-hint</p>"}, ExplanationHTML: "<p>the-explanation</p>",
	}
}

func numberItem(id uuid.UUID, weight string) event.ItemV1 {
	return event.ItemV1{
		ItemID: id, Source: "problem/number", Title: "Answer", Weight: weight,
		BodyHTML: `<p>What?</p><div data-part="1"></div>`,
		Parts: []event.PartV1{{
			PartID: "1", Kind: event.Numerical, Label: "What?",
			Numbers: []event.NumberKeyV1{{Value: "42", Tolerance: "0", Credit: "1"}},
		}},
	}
}

func (s *school) publish(set event.ProblemSetPublishedV1) event.ProblemSetPublishedV1 {
	s.Helper()
	emit(s, event.ProblemSetPublished, set)
	s.bus.Drain()
	return set
}

// problemBody is what a test reads of an RFC 9457 problem.
type problemBody struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
}

// do calls the API and requires a status.
func (p person) do(want int, method, path string, body, out any) *http.Response {
	p.Helper()
	response := p.api.Do(p.TB, method, path, p.token, body, out)
	require.Equal(p.TB, want, response.StatusCode, "%s %s: %+v", method, path, out)
	return response
}

// refused calls the API and requires a problem.
func (p person) refused(status int, reason, method, path string, body any) *http.Response {
	p.Helper()
	var got problemBody
	response := p.do(status, method, path, body, &got)
	require.Regexp(p.TB, "[/:#]"+reason+"$", got.Type, got.Detail)
	return response
}

func (p person) start(set event.ProblemSetPublishedV1) attemptBody {
	p.Helper()
	var a attemptBody
	p.do(http.StatusCreated, "POST", fmt.Sprintf("/v1/assessments/%s/attempts", set.ProblemSetID), nil, &a)
	return a
}

func (p person) attempt(id uuid.UUID) attemptBody {
	p.Helper()
	var a attemptBody
	p.do(http.StatusOK, "GET", "/v1/attempts/"+id.String(), nil, &a)
	return a
}

// raw calls the API and returns the bytes of the answer.
func (p person) raw(path string) (*http.Response, []byte) {
	p.Helper()
	var body []byte
	response := p.do(http.StatusOK, "GET", path, nil, &body)
	return response, body
}

// saved is the acknowledgement of a save.
type saved struct {
	Sequence   int64     `json:"sequence"`
	SavedAt    time.Time `json:"saved_at"`
	Superseded bool      `json:"superseded"`
}

func responsePath(attempt, item uuid.UUID) string {
	return fmt.Sprintf("/v1/attempts/%s/responses/%s", attempt, item)
}

// text and choice are request bodies for the items of problemSet.
func text(s string) map[string]any {
	return map[string]any{"response": map[string]any{"1": map[string]any{"text": s}}}
}

func choice(id string) map[string]any {
	return map[string]any{"response": map[string]any{"1": map[string]any{"choices": []string{id}}}}
}

func numbered(sequence int64, body map[string]any) map[string]any {
	return map[string]any{"sequence": sequence, "response": body["response"]}
}

func (p person) save(attempt, item uuid.UUID, body any) saved {
	p.Helper()
	var s saved
	p.do(http.StatusOK, "PUT", responsePath(attempt, item), body, &s)
	return s
}

func (p person) submit(attempt uuid.UUID) attemptBody {
	p.Helper()
	var a attemptBody
	p.do(http.StatusOK, "POST", fmt.Sprintf("/v1/attempts/%s/submit", attempt), nil, &a)
	return a
}

// graded waits until the attempt has a grade and returns its review.
func (p person) graded(attempt uuid.UUID) reviewBody {
	p.Helper()
	var r reviewBody
	require.Eventually(p.TB, func() bool {
		return p.api.Do(p.TB, "GET", fmt.Sprintf("/v1/attempts/%s/review", attempt), p.token, nil, nil).StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "attempt %s was not graded", attempt)
	p.do(http.StatusOK, "GET", fmt.Sprintf("/v1/attempts/%s/review", attempt), nil, &r)
	return r
}

// events returns the payloads of a type of event that the module has emitted,
// in order.
func (s *school) events(eventType string) []string {
	s.Helper()
	s.bus.Drain()
	rows, err := s.db.Admin(s.TB).Query(context.Background(),
		`select payload::text from assessment.event_log where event_type = $1 order by relayed_at, seq`, eventType)
	require.NoError(s.TB, err)
	defer rows.Close()
	var payloads []string
	for rows.Next() {
		var payload string
		require.NoError(s.TB, rows.Scan(&payload))
		payloads = append(payloads, payload)
	}
	require.NoError(s.TB, rows.Err())
	return payloads
}
