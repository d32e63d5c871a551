package analytics

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// now is the time at which all reports are read.
var now = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// school is the module with its API over a database of its own, and the other
// modules as publishers of events.
type school struct {
	testing.TB
	db           *postgrestest.Database
	dbs          map[string]*postgres.DB // of the publishers
	module       *Module
	bus          *bustest.Running // nil before listen
	api          *httpservertest.Server
	organisation uuid.UUID
}

func newSchool(t testing.TB) *school {
	t.Helper()
	db := postgrestest.New(t)
	m, err := New(Config{}, Deps{DB: db.DB(t, moduleName), Now: func() time.Time { return now }})
	require.NoError(t, err)
	s := &school{TB: t, db: db, module: m, organisation: uuid.New(), dbs: map[string]*postgres.DB{}}
	for _, publisher := range []string{"users", "content", "assessment"} {
		s.dbs[publisher] = db.DB(t, publisher)
	}
	s.api = httpservertest.New(t, m)
	return s
}

// listen starts the bus. What has happened before is delivered then, many
// events in one transaction.
func (s *school) listen() {
	s.Helper()
	s.bus = bustest.Run(s.TB, s.db, s.module.Contract())
}

// happen emits events in this order, each in a transaction of its own as the
// publishers do, and waits until they have taken effect.
func (s *school) happen(payloads ...any) {
	s.Helper()
	for _, p := range payloads {
		topicOf(p).emit(s)
	}
	if s.bus == nil {
		s.listen()
	}
	s.bus.Drain()
	letters, err := s.bus.DeadLetters(s.Context(), 10)
	require.NoError(s.TB, err)
	require.Empty(s.TB, letters)
}

// occurrence is an event with what the tests need to know of its topic.
type occurrence struct {
	aggregate uuid.UUID
	emit      func(*school)
}

// topicOf finds the topic of a payload.
func topicOf(payload any) occurrence {
	switch e := payload.(type) {
	case event.CoursePublishedV1:
		return occurs(event.CoursePublished, e, e.CourseID)
	case event.CourseStaffAssignedV1:
		return occurs(event.CourseStaffAssigned, e, e.CourseID)
	case event.CourseStaffRemovedV1:
		return occurs(event.CourseStaffRemoved, e, e.CourseID)
	case event.LearnerEnrolledV1:
		return occurs(event.LearnerEnrolled, e, e.EnrolmentID)
	case event.LearnerWithdrawnV1:
		return occurs(event.LearnerWithdrawn, e, e.EnrolmentID)
	case event.UnitViewedV1:
		return occurs(event.UnitViewed, e, e.EnrolmentID)
	case event.UnitCompletedV1:
		return occurs(event.UnitCompleted, e, e.EnrolmentID)
	case event.CourseCompletedV1:
		return occurs(event.CourseCompleted, e, e.EnrolmentID)
	case event.AssessmentPublishedV1:
		return occurs(event.AssessmentPublished, e, e.AssessmentID)
	case event.AttemptStartedV1:
		return occurs(event.AttemptStarted, e, e.AttemptID)
	case event.AttemptSubmittedV1:
		return occurs(event.AttemptSubmitted, e, e.AttemptID)
	case event.AttemptGradedV1:
		return occurs(event.AttemptGraded, e, e.AttemptID)
	case event.AccountErasedV1:
		return occurs(event.AccountErased, e, e.AccountID)
	}
	panic(fmt.Sprintf("no topic has the payload %T", payload))
}

func occurs[T any](topic bus.Topic[T], payload T, aggregate uuid.UUID) occurrence {
	return occurrence{aggregate: aggregate, emit: func(s *school) {
		s.Helper()
		err := s.dbs[topic.Module()].InTx(s.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return topic.Emit(ctx, tx, payload)
		})
		require.NoError(s.TB, err)
	}}
}

// person is somebody who uses the API.
type person struct {
	*school
	id    uuid.UUID
	token string
}

func (s *school) person(organisation uuid.UUID, role auth.Role) person {
	s.Helper()
	id := uuid.New()
	token := s.api.Token(s.TB, auth.Principal{AccountID: id, OrganisationID: organisation, SessionID: uuid.New(), Roles: []auth.Role{role}})
	return person{school: s, id: id, token: token}
}

// administrator reads every course of the organisation.
func (s *school) administrator() person { return s.person(s.organisation, auth.OrganisationAdmin) }

// get reads from the API and requires a status.
func (p person) get(status int, path string, out any) {
	p.Helper()
	response := p.api.Do(p.TB, http.MethodGet, path, p.token, nil, out)
	require.Equal(p.TB, status, response.StatusCode, "GET %s: %+v", path, out)
}

// report reads a report on a course.
func report[T any](p person, course uuid.UUID, path string) T {
	p.Helper()
	var body T
	p.get(http.StatusOK, fmt.Sprintf("/v1/analytics/courses/%s%s", course, path), &body)
	return body
}

// course is a published course without units.
func (s *school) course() event.CoursePublishedV1 {
	return event.CoursePublishedV1{CourseID: uuid.New(), OrganisationID: s.organisation, Version: 1, Title: "Logic", At: now.AddDate(0, -2, 0)}
}

// assessmentOf is an assessment of a course with one item of 2 points.
func (s *school) assessmentOf(course uuid.UUID) event.AssessmentPublishedV1 {
	return event.AssessmentPublishedV1{
		AssessmentID: uuid.New(), CourseID: course, OrganisationID: s.organisation, Version: 1, Title: "Quiz", MaxScore: "2",
		Items: []event.ItemSummaryV1{{ItemID: uuid.New(), Title: "Question", MaxScore: "2"}}, At: now.AddDate(0, -2, 0),
	}
}

// grade is a new learner's graded attempt, every item with the whole score.
func grade(a event.AssessmentPublishedV1, score, most string) event.AttemptGradedV1 {
	g := event.AttemptGradedV1{
		AttemptID: uuid.New(), AssessmentID: a.AssessmentID, AssessmentTitle: a.Title, CourseID: a.CourseID,
		OrganisationID: a.OrganisationID, LearnerID: uuid.New(), Number: 1, Score: score, MaxScore: most, At: now,
	}
	for _, i := range a.Items {
		g.Items = append(g.Items, event.ItemScoreV1{ItemID: i.ItemID, Score: score, MaxScore: most, Answered: true})
	}
	return g
}

func text(s string) *string { return &s }
