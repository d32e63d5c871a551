package analytics

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// requireGone looks for ids in every row of every table of the module's schema,
// as text and as the bytes that a bytea column would hold.
func (s *school) requireGone(ids ...uuid.UUID) {
	s.Helper()
	for _, id := range ids {
		require.Empty(s.TB, s.tablesWith(id), "tables that still hold an erased id")
	}
}

func (s *school) tablesWith(id uuid.UUID) []string {
	s.Helper()
	admin := s.db.Admin(s.TB)
	rows, err := admin.Query(s.Context(), `select table_name::text from information_schema.tables where table_schema = $1 and table_type = 'BASE TABLE'`, moduleName)
	require.NoError(s.TB, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.TB, err)
	var found []string
	for _, table := range tables {
		var holds bool
		err := admin.QueryRow(s.Context(), `select exists (select from `+pgx.Identifier{moduleName, table}.Sanitize()+` t
			where position($1 in t::text) > 0 or position(replace($1, '-', '') in t::text) > 0)`, id.String()).Scan(&holds)
		require.NoError(s.TB, err)
		if holds {
			found = append(found, table)
		}
	}
	return found
}

func TestErasureRemovesTheIDAndKeepsTheCounts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	quiz := s.assessmentOf(c.CourseID)
	learner, enrolment, attempt := uuid.New(), uuid.New(), grade(quiz, "1", "2")
	attempt.LearnerID = learner
	view := event.UnitViewedV1{EnrolmentID: enrolment, CourseID: c.CourseID, OrganisationID: s.organisation, LearnerID: learner, UnitID: uuid.New(), At: now}
	s.happen(c, quiz, attempt, view,
		event.LearnerEnrolledV1{EnrolmentID: enrolment, CourseID: c.CourseID, OrganisationID: s.organisation, LearnerID: learner, At: now})
	admin := s.administrator()
	before := admin.figures(c.CourseID)
	require.Equal(t, 1, before.Overview.ActiveLearners.Today)
	require.Equal(t, 1, before.Assessments.Assessments[0].Learners)
	require.NotEmpty(t, s.tablesWith(learner), "the search must find what is there")

	s.happen(event.AccountErasedV1{AccountID: learner, OrganisationID: s.organisation, At: now})
	s.requireGone(learner)
	require.Equal(t, before, admin.figures(c.CourseID))

	// Events that other modules' logs deliver later are the same person's.
	again := grade(quiz, "2", "2")
	again.LearnerID = learner
	s.happen(view, again, event.AttemptStartedV1{
		AttemptID: again.AttemptID, AssessmentID: quiz.AssessmentID, CourseID: c.CourseID, OrganisationID: s.organisation, LearnerID: learner, At: now,
	})
	s.requireGone(learner)
	after := admin.figures(c.CourseID)
	require.Equal(t, before.Overview.ActiveLearners, after.Overview.ActiveLearners)
	require.Equal(t, 2, after.Assessments.Assessments[0].AttemptsGraded)
	require.Equal(t, 1, after.Assessments.Assessments[0].Learners)
}

func TestErasedStaffTeachNothing(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	teacher := s.person(s.organisation, auth.Instructor)
	path := paths(c.CourseID, uuid.New())[0]
	s.happen(c, s.assigns(c.CourseID, teacher))
	teacher.get(http.StatusOK, path, nil)
	s.happen(event.AccountErasedV1{AccountID: teacher.id, OrganisationID: s.organisation, At: now})
	s.requireGone(teacher.id)
	s.happen(s.assigns(c.CourseID, teacher)) // late, or replayed
	s.requireGone(teacher.id)
	teacher.get(http.StatusNotFound, path, nil)
}

// TestAnErasureWaitsForHandlersUnderWay has a handler store the id and not yet
// commit when the erasure begins. Without the lock the row would appear after
// the erasure has looked.
func TestAnErasureWaitsForHandlersUnderWay(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	learner := uuid.New()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	erased := make(chan error, 1)
	err := s.module.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		started := event.AttemptStartedV1{AttemptID: uuid.New(), CourseID: uuid.New(), OrganisationID: s.organisation, LearnerID: learner, At: now}
		if err := attemptStarted(ctx, tx, bus.Delivery[event.AttemptStartedV1]{Payload: started}); err != nil {
			return err
		}
		go func() {
			erased <- s.module.db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				return accountErased(ctx, tx, bus.Delivery[event.AccountErasedV1]{Payload: event.AccountErasedV1{AccountID: learner}})
			})
		}()
		require.Eventually(t, func() bool {
			var waiting bool
			err := s.db.Admin(t).QueryRow(ctx, `select exists (select from pg_locks where locktype = 'advisory' and not granted
				and database = (select oid from pg_database where datname = current_database()))`).Scan(&waiting)
			return err == nil && waiting
		}, 10*time.Second, 20*time.Millisecond, "the erasure does not wait")
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, <-erased)
	s.requireGone(learner)
}
