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

// assignStaff makes the account teach the course, if it does not. The caller
// holds the course's lock.
func assignStaff(ctx context.Context, tx pgx.Tx, courseID, organisation, account, by uuid.UUID, now time.Time) error {
	added, err := tx.Exec(ctx, `
		insert into content.course_staff (course_id, account_id, assigned_by) values ($1, $2, $3)
		on conflict do nothing`, courseID, account, by)
	if err != nil {
		return fmt.Errorf("assign staff to course %s: %w", courseID, err)
	}
	if added.RowsAffected() == 0 {
		return nil
	}
	return event.CourseStaffAssigned.Emit(ctx, tx, event.CourseStaffAssignedV1{
		CourseID: courseID, OrganisationID: organisation, AccountID: account, At: now.UTC(),
	})
}

// removeStaff ends that the account teaches the course, if it does. The caller
// holds the course's lock.
func removeStaff(ctx context.Context, tx pgx.Tx, courseID, organisation, account uuid.UUID, now time.Time) error {
	removed, err := tx.Exec(ctx, `delete from content.course_staff where course_id = $1 and account_id = $2`, courseID, account)
	if err != nil {
		return fmt.Errorf("remove staff from course %s: %w", courseID, err)
	}
	if removed.RowsAffected() == 0 {
		return nil
	}
	return event.CourseStaffRemoved.Emit(ctx, tx, event.CourseStaffRemovedV1{
		CourseID: courseID, OrganisationID: organisation, AccountID: account, At: now.UTC(),
	})
}

// assignCourseStaff is the use case: staff and administrators let an account of
// their organisation teach the course.
func (m *Module) assignCourseStaff(ctx context.Context, p auth.Principal, courseID, account uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockCourse(ctx, tx, courseID); err != nil {
			return err
		}
		if _, err := managedCourse(ctx, tx, p, courseID); err != nil {
			return err
		}
		if _, err := contactByID(ctx, tx, p.OrganisationID, account); err != nil {
			return err
		}
		return assignStaff(ctx, tx, courseID, p.OrganisationID, account, p.AccountID, m.now())
	})
}

// removeCourseStaff is the use case. Whoever removes the last one leaves the
// course to the organisation's administrators.
func (m *Module) removeCourseStaff(ctx context.Context, p auth.Principal, courseID, account uuid.UUID) error {
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockCourse(ctx, tx, courseID); err != nil {
			return err
		}
		if _, err := managedCourse(ctx, tx, p, courseID); err != nil {
			return err
		}
		return removeStaff(ctx, tx, courseID, p.OrganisationID, account, m.now())
	})
	if err == nil {
		m.forgetAccess(courseID, account)
	}
	return err
}

// contact is what is known of an account.
type contact struct {
	AccountID   uuid.UUID `db:"account_id"`
	Email       string    `db:"email"`
	DisplayName string    `db:"display_name"`
}

func errNoAccount() error {
	return problem.New(problem.Invalid, "no-such-account", "There is no such account in your organisation.")
}

func contactByID(ctx context.Context, q querier, organisation, account uuid.UUID) (contact, error) {
	c, found, err := one(ctx, q, pgx.RowToStructByName[contact], `
		select account_id, email, display_name from content.contacts
		where account_id = $1 and organisation_id = $2`, account, organisation)
	if err != nil {
		return contact{}, fmt.Errorf("load account %s: %w", account, err)
	}
	if !found {
		return contact{}, errNoAccount()
	}
	return c, nil
}

// contactByEmail finds the account that has proved the address to be its own.
func contactByEmail(ctx context.Context, q querier, organisation uuid.UUID, email string) (contact, error) {
	found, err := all(ctx, q, pgx.RowToStructByName[contact], `
		select account_id, email, display_name from content.contacts
		where organisation_id = $1 and lower(email) = lower($2) and email_confirmed
		limit 2`, organisation, email)
	if err != nil {
		return contact{}, fmt.Errorf("find an account by address: %w", err)
	}
	if len(found) != 1 {
		return contact{}, errNoAccount()
	}
	return found[0], nil
}
