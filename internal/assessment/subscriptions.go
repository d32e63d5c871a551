package assessment

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Contract implements the module's side of the bus. The consumers are apart so
// that none delays another: a paper with a thousand items does not hold up an
// enrolment.
func (m *Module) Contract() bus.Contract {
	return bus.Contract{
		Module:    moduleName,
		Publishes: event.PublishedBy(moduleName),
		Consumers: []bus.Consumer{
			{
				// Papers are records that attempts refer to, not a projection: no Reset.
				Name:    "assessment.papers",
				Purpose: "Turns published problem sets into papers that can be attempted.",
				Reactions: []bus.Reaction{
					bus.On(event.ProblemSetPublished, m.publishPaper),
					bus.On(event.ProblemSetWithdrawn, m.withdrawPaper),
				},
			},
			{
				Name:    "assessment.enrolments",
				Purpose: "Knows who may attempt a course's assessments and who teaches it.",
				Reactions: []bus.Reaction{
					bus.On(event.LearnerEnrolled, learnerEnrolled),
					bus.On(event.LearnerWithdrawn, learnerWithdrawn),
					bus.On(event.CourseStaffAssigned, staffAssigned),
					bus.On(event.CourseStaffRemoved, staffRemoved),
				},
				Reset: resetEnrolments,
			},
			{
				Name:    "assessment.people",
				Purpose: "Keeps the names that the gradebook shows, until their owners are erased.",
				Reactions: []bus.Reaction{
					bus.On(event.ContactChanged, contactChanged),
					bus.On(event.AccountErased, m.accountErased),
				},
				Reset: resetPeople,
			},
		},
	}
}

func learnerEnrolled(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.LearnerEnrolledV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into assessment.enrolments (course_id, learner_id, organisation_id, enrolled_at) values ($1, $2, $3, $4)
		on conflict (course_id, learner_id) do update
		set organisation_id = excluded.organisation_id, enrolled_at = excluded.enrolled_at, withdrawn_at = null`,
		e.CourseID, e.LearnerID, e.OrganisationID, e.At)
	if err != nil {
		return fmt.Errorf("record enrolment %s: %w", e.EnrolmentID, err)
	}
	return nil
}

func learnerWithdrawn(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.LearnerWithdrawnV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into assessment.enrolments (course_id, learner_id, organisation_id, enrolled_at, withdrawn_at)
		values ($1, $2, $3, $4, $4)
		on conflict (course_id, learner_id) do update set withdrawn_at = excluded.withdrawn_at`,
		e.CourseID, e.LearnerID, e.OrganisationID, e.At)
	if err != nil {
		return fmt.Errorf("end enrolment %s: %w", e.EnrolmentID, err)
	}
	return nil
}

func staffAssigned(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseStaffAssignedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into assessment.course_staff (course_id, account_id, organisation_id) values ($1, $2, $3)
		on conflict (course_id, account_id) do update set organisation_id = excluded.organisation_id`,
		e.CourseID, e.AccountID, e.OrganisationID)
	if err != nil {
		return fmt.Errorf("assign staff to course %s: %w", e.CourseID, err)
	}
	return nil
}

func staffRemoved(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseStaffRemovedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `delete from assessment.course_staff where course_id = $1 and account_id = $2`, e.CourseID, e.AccountID)
	if err != nil {
		return fmt.Errorf("remove staff from course %s: %w", e.CourseID, err)
	}
	return nil
}

func resetEnrolments(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `delete from assessment.enrolments`)
	if err != nil {
		return fmt.Errorf("empty the enrolments: %w", err)
	}
	if _, err := tx.Exec(ctx, `delete from assessment.course_staff`); err != nil {
		return fmt.Errorf("empty the course staff: %w", err)
	}
	return nil
}

func contactChanged(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.ContactChangedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into assessment.people (account_id, display_name, organisation_id) values ($1, $2, $3)
		on conflict (account_id) do update set display_name = excluded.display_name, organisation_id = excluded.organisation_id`,
		e.AccountID, e.DisplayName, e.OrganisationID)
	if err != nil {
		return fmt.Errorf("record the name of account %s: %w", e.AccountID, err)
	}
	return nil
}

// accountErased forgets the name, and the responses and files, in which people may
// have written who they are. Attempts and scores stay: they carry an id that now leads
// to nobody, and the statistics of a course need them. Responses that wait for
// their grade stay as well, since without them it would be a wrong one.
func (m *Module) accountErased(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AccountErasedV1]) error {
	_, err := tx.Exec(ctx, `delete from assessment.people where account_id = $1`, d.Payload.AccountID)
	if err != nil {
		return fmt.Errorf("erase the name of account %s: %w", d.Payload.AccountID, err)
	}
	_, err = tx.Exec(ctx, `
		delete from assessment.response_log r using assessment.attempts t
		where t.learner_id = $1 and t.status <> 'submitted' and r.attempt_id = t.attempt_id`, d.Payload.AccountID)
	if err != nil {
		return fmt.Errorf("erase the responses of account %s: %w", d.Payload.AccountID, err)
	}
	if err := m.eraseFiles(ctx, tx, d.Payload.AccountID); err != nil {
		return err
	}
	for _, sql := range []string{
		`delete from assessment.item_analysis_abilities where learner_id = $1`,
		`update assessment.item_analyses set requested_by = null where requested_by = $1`,
		// What somebody wrote for a bank is the organisation's and stays.
		`delete from assessment.bank_members where account_id = $1`,
		`update assessment.banks set created_by = null where created_by = $1`,
		`update assessment.items set created_by = null where created_by = $1`,
		`update assessment.item_revisions set author_id = null where author_id = $1`,
		`update assessment.item_imports set requested_by = null where requested_by = $1`,
		`update assessment.item_imports set confirmed_by = null where confirmed_by = $1`,
		`update assessment.marks set marker_id = null where marker_id = $1`,
		`update assessment.marks k set comment = '' from assessment.attempts t where t.learner_id = $1 and k.attempt_id = t.attempt_id`,
	} {
		if _, err := tx.Exec(ctx, sql, d.Payload.AccountID); err != nil {
			return fmt.Errorf("erase account %s from banks, analyses and marks: %w", d.Payload.AccountID, err)
		}
	}
	_, err = tx.Exec(ctx, `delete from assessment.idempotency_keys where principal = $1`, d.Payload.AccountID)
	if err != nil {
		return fmt.Errorf("erase the kept answers of account %s: %w", d.Payload.AccountID, err)
	}
	return nil
}

func resetPeople(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `delete from assessment.people`); err != nil {
		return fmt.Errorf("empty the names: %w", err)
	}
	return nil
}
