package assessment

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// standing is what the caller is to a course. All are false for a course of
// another organisation and for one that does not exist.
type standing struct {
	Enrolled bool // now
	Known    bool // was enrolled once
	Staff    bool // teaches it, or administers its organisation
}

// standingIn looks up what the caller is to a course.
func (m *Module) standingIn(ctx context.Context, caller auth.Principal, course uuid.UUID) (standing, error) {
	var s standing
	err := m.db.Pool.QueryRow(ctx, `
		select coalesce(bool_or(kind = 'enrolled'), false), coalesce(bool_or(kind in ('enrolled', 'withdrawn')), false),
			coalesce(bool_or(kind in ('staff', 'administrator')), false)
		from (
			select case when withdrawn_at is null then 'enrolled' else 'withdrawn' end
			from assessment.enrolments where course_id = $1 and learner_id = $2 and organisation_id = $3
			union all
			select 'staff' from assessment.course_staff where course_id = $1 and account_id = $2 and organisation_id = $3 and $4
			union all
			select 'administrator' where $4 and $5 and (
				exists (select from assessment.assessments where course_id = $1 and organisation_id = $3)
				or exists (select from assessment.enrolments where course_id = $1 and organisation_id = $3)
				or exists (select from assessment.course_staff where course_id = $1 and organisation_id = $3))
		) as s(kind)`,
		course, caller.AccountID, caller.OrganisationID, caller.Can(auth.ReadGradebook), caller.AdministersOrganisation(),
	).Scan(&s.Enrolled, &s.Known, &s.Staff)
	if err != nil {
		return s, fmt.Errorf("look up the caller's standing in course %s: %w", course, err)
	}
	return s, nil
}

func errNoAttempt() error    { return problem.NotFoundf("There is no such attempt.") }
func errNoAssessment() error { return problem.NotFoundf("There is no such assessment.") }
func errNoCourse() error     { return problem.NotFoundf("There is no such course.") }
func errNoItem() error       { return problem.NotFoundf("There is no such item in this attempt.") }

func errNotEnrolled() error {
	return problem.New(problem.Forbidden, "not-enrolled", "You are not enrolled in this course.")
}
