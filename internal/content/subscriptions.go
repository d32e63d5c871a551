package content

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Consumer names are contracts: a renamed consumer reads everything again.
const (
	consumerPeople  = "content.people"
	consumerResults = "content.results"
)

// Contract declares what the module publishes and consumes.
func (m *Module) Contract() bus.Contract {
	return bus.Contract{
		Module: m.Name(),
		Publishes: []bus.AnyTopic{
			event.CoursePublished, event.CourseStaffAssigned, event.CourseStaffRemoved,
			event.LearnerEnrolled, event.LearnerWithdrawn,
			event.UnitViewed, event.UnitCompleted, event.CourseCompleted,
			event.ProblemSetPublished, event.ProblemSetWithdrawn,
		},
		Consumers: []bus.Consumer{
			{
				Name:    consumerPeople,
				Purpose: "Knows names and addresses, so that staff can enrol by address and read a roster; forgets the erased.",
				Reactions: []bus.Reaction{
					bus.On(event.ContactChanged, m.onContactChanged),
					bus.On(event.AccountErased, m.onAccountErased),
				},
				Reset: func(ctx context.Context, tx pgx.Tx) error {
					_, err := tx.Exec(ctx, `delete from content.contacts`)
					return err
				},
			},
			{
				Name:      consumerResults,
				Purpose:   "Completes units once each of their problem sets has a graded attempt.",
				Reactions: []bus.Reaction{bus.On(event.AttemptGraded, m.onAttemptGraded)},
				Reset: func(ctx context.Context, tx pgx.Tx) error {
					_, err := tx.Exec(ctx, `delete from content.problem_set_results`)
					return err
				},
			},
		},
	}
}

func (m *Module) onContactChanged(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.ContactChangedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into content.contacts (account_id, organisation_id, email, email_confirmed, display_name)
		values ($1, $2, $3, $4, $5)
		on conflict (account_id) do update set organisation_id = excluded.organisation_id, email = excluded.email,
			email_confirmed = excluded.email_confirmed, display_name = excluded.display_name`,
		e.AccountID, e.OrganisationID, e.Email, e.EmailConfirmed, e.DisplayName)
	if err != nil {
		return fmt.Errorf("keep the contact of account %s: %w", e.AccountID, err)
	}
	return nil
}

// onAccountErased forgets who the account was, ends what it takes and teaches,
// and removes the traces of its reading. What remains are enrolments that have
// ended, under an id that leads to nobody.
func (m *Module) onAccountErased(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AccountErasedV1]) error {
	account := d.Payload.AccountID
	if _, err := tx.Exec(ctx, `delete from content.contacts where account_id = $1`, account); err != nil {
		return fmt.Errorf("forget the contact of account %s: %w", account, err)
	}
	taught, err := all(ctx, tx, pgx.RowTo[uuid.UUID],
		`select course_id from content.course_staff where account_id = $1 order by course_id`, account)
	if err != nil {
		return fmt.Errorf("find what account %s teaches: %w", account, err)
	}
	for _, courseID := range taught {
		if err := lockCourse(ctx, tx, courseID); err != nil {
			return err
		}
		if err := removeStaff(ctx, tx, courseID, d.Payload.OrganisationID, account, m.now()); err != nil {
			return err
		}
	}
	taken, err := all(ctx, tx, pgx.RowToStructByName[enrolment],
		enrolmentSelect+` where e.learner_id = $1 order by e.enrolment_id for no key update of e`, account)
	if err != nil {
		return fmt.Errorf("find what account %s takes: %w", account, err)
	}
	for i := range taken {
		if err := m.withdraw(ctx, tx, &taken[i]); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from content.unit_progress where enrolment_id = $1`, taken[i].EnrolmentID); err != nil {
			return fmt.Errorf("forget the progress of enrolment %s: %w", taken[i].EnrolmentID, err)
		}
	}
	if _, err := tx.Exec(ctx, `delete from content.problem_set_results where learner_id = $1`, account); err != nil {
		return fmt.Errorf("forget the results of account %s: %w", account, err)
	}
	for _, sql := range []string{
		`delete from content.code_guesses where account_id = $1`,
		// What people call their files can say who they are, here and in what
		// was answered to their uploads.
		`update content.imports set file_name = '' where requested_by = $1`,
		`delete from content.idempotency_keys where principal = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, account); err != nil {
			return fmt.Errorf("forget the traces of account %s: %w", account, err)
		}
	}
	return nil
}

// onAttemptGraded keeps the learner's best score, whether or not the enrolment
// or the problem set is known (yet), and draws what follows.
func (m *Module) onAttemptGraded(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AttemptGradedV1]) error {
	g := d.Payload
	_, err := tx.Exec(ctx, `
		insert into content.problem_set_results as r (learner_id, problem_set_id, course_id, score, max_score, graded_at)
		values ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6)
		on conflict (learner_id, problem_set_id) do update
			set score = excluded.score, max_score = excluded.max_score, graded_at = excluded.graded_at
			where excluded.score > r.score`,
		g.LearnerID, g.AssessmentID, g.CourseID, g.Score, g.MaxScore, g.At)
	if err != nil {
		return fmt.Errorf("keep the result of attempt %s: %w", g.AttemptID, err)
	}
	e, found, err := lockEnrolment(ctx, tx, g.CourseID, g.LearnerID)
	if err != nil || !found {
		return err
	}
	return m.settle(ctx, tx, &e)
}
