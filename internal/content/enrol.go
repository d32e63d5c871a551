package content

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// enrolment is one learner's place in one course.
type enrolment struct {
	EnrolmentID uuid.UUID       `db:"enrolment_id"`
	CourseID    uuid.UUID       `db:"course_id"`
	LearnerID   uuid.UUID       `db:"learner_id"`
	Status      enrolmentStatus `db:"status"`
	How         enrolmentMode   `db:"how"`
	EnrolledAt  time.Time       `db:"enrolled_at"`
	WithdrawnAt *time.Time      `db:"withdrawn_at"`
	CompletedAt *time.Time      `db:"completed_at"`
	// Of its course:
	OrganisationID uuid.UUID `db:"organisation_id"`
	CourseTitle    string    `db:"title"`
	CurrentVersion int       `db:"current_version"`
}

const enrolmentSelect = `
	select e.enrolment_id, e.course_id, e.learner_id, e.status, e.how, e.enrolled_at, e.withdrawn_at, e.completed_at,
		c.organisation_id, c.title, c.current_version
	from content.enrolments e join content.courses c using (course_id)`

// lockEnrolment loads and locks a learner's enrolment, so that its changes and
// their events take turns.
func lockEnrolment(ctx context.Context, tx pgx.Tx, courseID, learner uuid.UUID) (e enrolment, found bool, err error) {
	e, found, err = one(ctx, tx, pgx.RowToStructByName[enrolment],
		enrolmentSelect+` where e.course_id = $1 and e.learner_id = $2 for no key update of e`, courseID, learner)
	if err != nil {
		return e, false, fmt.Errorf("lock the enrolment of %s in course %s: %w", learner, courseID, err)
	}
	return e, found, nil
}

// enrolSelf enrols the caller into an open course, or one whose code they know.
// created is false if they were enrolled already.
func (m *Module) enrolSelf(ctx context.Context, p auth.Principal, courseID uuid.UUID, code string) (e enrolment, created bool, err error) {
	if code != "" {
		if err := m.countGuess(ctx, p, courseID); err != nil {
			return e, false, err
		}
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		c, err := seenCourse(ctx, tx, p, courseID)
		if err != nil {
			return err
		}
		how := c.Mode
		if !c.enrolled() {
			if how, err = c.admits(code); err != nil {
				return err
			}
		}
		if e, created, err = m.enrol(ctx, tx, c.CourseID, p.AccountID, how); err != nil || code == "" {
			return err
		}
		return forgetGuesses(ctx, tx, c.CourseID, p.AccountID)
	})
	return e, created, err
}

// enrolOther enrols somebody of the organisation, named by id or by confirmed
// address, as the staff of the course may.
func (m *Module) enrolOther(ctx context.Context, p auth.Principal, courseID uuid.UUID, learner *uuid.UUID, email string) (e enrolment, created bool, err error) {
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		c, err := managedCourse(ctx, tx, p, courseID)
		if err != nil {
			return err
		}
		if c.Status != coursePublished {
			return problem.New(problem.Conflict, "course-archived", "The course is archived and takes no new learners.")
		}
		var who contact
		if learner != nil {
			who, err = contactByID(ctx, tx, p.OrganisationID, *learner)
		} else {
			who, err = contactByEmail(ctx, tx, p.OrganisationID, email)
		}
		if err != nil {
			return err
		}
		e, created, err = m.enrol(ctx, tx, c.CourseID, who.AccountID, enrolInstructor)
		return err
	})
	return e, created, err
}

// enrol makes the learner's enrolment, or makes it active again. However many
// callers try at once, one of them enrols and one event is emitted.
func (m *Module) enrol(ctx context.Context, tx pgx.Tx, courseID, learner uuid.UUID, how enrolmentMode) (e enrolment, created bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return e, false, fmt.Errorf("make an enrolment id: %w", err)
	}
	now := m.now().UTC()
	made, err := tx.Exec(ctx, `
		insert into content.enrolments (enrolment_id, course_id, learner_id, status, how, enrolled_at)
		values ($1, $2, $3, 'active', $4, $5)
		on conflict (course_id, learner_id) do nothing`, id, courseID, learner, how, now)
	if err != nil {
		return e, false, fmt.Errorf("enrol %s in course %s: %w", learner, courseID, err)
	}
	e, found, err := lockEnrolment(ctx, tx, courseID, learner)
	if err != nil {
		return e, false, err
	}
	if !found {
		return e, false, fmt.Errorf("the enrolment of %s in course %s has vanished", learner, courseID)
	}
	if made.RowsAffected() == 0 {
		if e.Status == enrolmentActive {
			return e, false, nil
		}
		_, err := tx.Exec(ctx, `
			update content.enrolments set status = 'active', how = $2, enrolled_at = $3, withdrawn_at = null
			where enrolment_id = $1`, e.EnrolmentID, how, now)
		if err != nil {
			return e, false, fmt.Errorf("renew enrolment %s: %w", e.EnrolmentID, err)
		}
		e.Status, e.How, e.EnrolledAt, e.WithdrawnAt = enrolmentActive, how, now, nil
	}
	err = event.LearnerEnrolled.Emit(ctx, tx, event.LearnerEnrolledV1{
		EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, LearnerID: e.LearnerID,
		CourseTitle: e.CourseTitle, How: string(how), At: now,
	})
	if err != nil {
		return e, false, err
	}
	// Results may have come before the enrolment.
	return e, true, m.settle(ctx, tx, &e)
}

// withdrawSelf ends the caller's enrolment. Ending what has ended is no error.
func (m *Module) withdrawSelf(ctx context.Context, p auth.Principal, courseID uuid.UUID) error {
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Whoever has left an unlisted course may not see it any more.
		e, found, err := lockEnrolment(ctx, tx, courseID, p.AccountID)
		if err != nil {
			return err
		}
		if !found || e.OrganisationID != p.OrganisationID {
			if _, err := seenCourse(ctx, tx, p, courseID); err != nil {
				return err
			}
			return errNotEnrolled()
		}
		return m.withdraw(ctx, tx, &e)
	})
	if err == nil {
		m.forgetAccess(courseID, p.AccountID)
	}
	return err
}

// withdrawOther ends an enrolment of a course whose staff the caller is.
func (m *Module) withdrawOther(ctx context.Context, p auth.Principal, courseID, enrolmentID uuid.UUID) error {
	var learner uuid.UUID
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := managedCourse(ctx, tx, p, courseID); err != nil {
			return err
		}
		e, found, err := one(ctx, tx, pgx.RowToStructByName[enrolment],
			enrolmentSelect+` where e.enrolment_id = $1 and e.course_id = $2 for no key update of e`, enrolmentID, courseID)
		if err != nil {
			return fmt.Errorf("lock enrolment %s: %w", enrolmentID, err)
		}
		if !found {
			return problem.NotFoundf("There is no such enrolment in the course.")
		}
		learner = e.LearnerID
		return m.withdraw(ctx, tx, &e)
	})
	if err == nil {
		m.forgetAccess(courseID, learner)
	}
	return err
}

// withdraw ends a locked enrolment and keeps its records.
func (m *Module) withdraw(ctx context.Context, tx pgx.Tx, e *enrolment) error {
	if e.Status == enrolmentWithdrawn {
		return nil
	}
	now := m.now().UTC()
	_, err := tx.Exec(ctx, `
		update content.enrolments set status = 'withdrawn', withdrawn_at = $2 where enrolment_id = $1`, e.EnrolmentID, now)
	if err != nil {
		return fmt.Errorf("withdraw enrolment %s: %w", e.EnrolmentID, err)
	}
	return event.LearnerWithdrawn.Emit(ctx, tx, event.LearnerWithdrawnV1{
		EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, LearnerID: e.LearnerID, At: now,
	})
}
