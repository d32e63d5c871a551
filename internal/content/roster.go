package content

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// rosterEntry is a learner as the staff of a course see them. Name and address
// are empty for an erased account.
type rosterEntry struct {
	EnrolmentID    uuid.UUID       `json:"enrolment_id"`
	LearnerID      uuid.UUID       `json:"learner_id"`
	DisplayName    string          `json:"display_name"`
	Email          string          `json:"email"`
	Status         enrolmentStatus `json:"status" enum:"active,withdrawn"`
	How            enrolmentMode   `json:"how" enum:"open,code,instructor"`
	EnrolledAt     time.Time       `json:"enrolled_at"`
	WithdrawnAt    *time.Time      `json:"withdrawn_at,omitempty"`
	CompletedAt    *time.Time      `json:"completed_at,omitempty"`
	CompletedUnits int             `json:"completed_units"`
}

// completedUnits counts the units of the current version that an enrolment e
// of a course c has completed.
const completedUnits = `(
	select count(*) from content.unit_progress p
	join content.units u on u.course_id = c.course_id and u.version = c.current_version and u.unit_id = p.unit_id
	where p.enrolment_id = e.enrolment_id and p.completed_at is not null)`

// roster returns one page of a course's enrolments, the oldest first. status
// may be empty.
func (m *Module) roster(ctx context.Context, p auth.Principal, courseID uuid.UUID, status enrolmentStatus, limit int, after uuid.UUID) ([]rosterEntry, error) {
	if _, err := managedCourse(ctx, m.db.Pool, p, courseID); err != nil {
		return nil, err
	}
	page, err := all(ctx, m.db.Pool, pgx.RowToStructByPos[rosterEntry], `
		select e.enrolment_id, e.learner_id, coalesce(k.display_name, ''), coalesce(k.email, ''), e.status, e.how,
			e.enrolled_at, e.withdrawn_at, e.completed_at, `+completedUnits+`
		from content.enrolments e
		join content.courses c using (course_id)
		left join content.contacts k on k.account_id = e.learner_id
		where e.course_id = $1 and e.enrolment_id > $2 and ($3 = '' or e.status = $3)
		order by e.enrolment_id limit $4`, courseID, after, status, limit)
	if err != nil {
		return nil, fmt.Errorf("load the roster of course %s: %w", courseID, err)
	}
	return page, nil
}

// myEnrolment is an enrolment as its learner sees it.
type myEnrolment struct {
	EnrolmentID    uuid.UUID       `json:"enrolment_id"`
	CourseID       uuid.UUID       `json:"course_id"`
	CourseTitle    string          `json:"course_title"`
	CourseSlug     string          `json:"course_slug"`
	Status         enrolmentStatus `json:"status" enum:"active,withdrawn"`
	How            enrolmentMode   `json:"how" enum:"open,code,instructor"`
	EnrolledAt     time.Time       `json:"enrolled_at"`
	CompletedAt    *time.Time      `json:"completed_at,omitempty"`
	CompletedUnits int             `json:"completed_units"`
	TotalUnits     int             `json:"total_units"`
}

// myEnrolments returns one page of the caller's enrolments, the newest first.
func (m *Module) myEnrolments(ctx context.Context, p auth.Principal, limit int, before uuid.UUID) ([]myEnrolment, error) {
	page, err := all(ctx, m.db.Pool, pgx.RowToStructByPos[myEnrolment], `
		select e.enrolment_id, e.course_id, c.title, c.slug, e.status, e.how, e.enrolled_at, e.completed_at,
			`+completedUnits+`, v.unit_count
		from content.enrolments e
		join content.courses c using (course_id)
		join content.course_versions v on v.course_id = c.course_id and v.number = c.current_version
		where e.learner_id = $1 and c.organisation_id = $2 and e.enrolment_id < $3
		order by e.enrolment_id desc limit $4`, p.AccountID, p.OrganisationID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("load the caller's enrolments: %w", err)
	}
	return page, nil
}
