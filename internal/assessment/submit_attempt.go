package assessment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// submitAttempt closes the caller's attempt and returns it. A second submission
// changes nothing and returns the same.
func (m *Module) submitAttempt(ctx context.Context, caller auth.Principal, id uuid.UUID) (attempt, error) {
	if _, err := m.ownFacts(ctx, caller, id); err != nil {
		return attempt{}, err
	}
	var closed *attempt
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		closed, err = m.close(ctx, tx, id, byLearner)
		return err
	})
	if err != nil {
		return attempt{}, err
	}
	if closed != nil {
		return *closed, nil
	}
	return loadAttempt(ctx, m.db.Pool, id)
}

// ownFacts are the facts of an attempt that is the caller's own.
func (m *Module) ownFacts(ctx context.Context, caller auth.Principal, id uuid.UUID) (attemptFacts, error) {
	f, err := m.facts.get(ctx, id)
	if err == nil && f.learner != caller.AccountID {
		err = errNoAttempt()
	}
	return f, err
}

// close submits an attempt that is in progress, byDeadline only if its deadline
// has come. It returns the attempt if it did; of several at once one does,
// because the row's lock lets them through one by one, and saves are shut out
// meanwhile. An attempt ends at its deadline, however late that is noticed.
func (m *Module) close(ctx context.Context, tx pgx.Tx, id uuid.UUID, by submitter) (*attempt, error) {
	closed, err := queryAttempts(ctx, tx, `
		update assessment.attempts t
		set status = 'submitted', submitted_at = least(clock_timestamp(), t.deadline_at),
			submitted_by = case when t.deadline_at <= clock_timestamp() then 'deadline' else 'learner' end
		where t.attempt_id = $1 and t.status = 'in_progress' and ($2 or t.deadline_at <= clock_timestamp())
		returning `+attemptColumns, id, by == byLearner)
	if err != nil {
		return nil, fmt.Errorf("submit attempt %s: %w", id, err)
	}
	if len(closed) == 0 {
		return nil, nil
	}
	return &closed[0], m.announceSubmitted(ctx, tx, closed)
}

// closeOverdueSQL submits up to $1 overdue attempts. It compares with now() and
// not with the wall clock: only a value that is fixed for the statement lets the
// index find the overdue ones among all that run.
const closeOverdueSQL = `
	with due as (
		select attempt_id from assessment.attempts
		where status = 'in_progress' and deadline_at <= now()
		order by deadline_at, attempt_id
		limit $1
		for update skip locked
	)
	update assessment.attempts t
	set status = 'submitted', submitted_at = t.deadline_at, submitted_by = 'deadline'
	from due where t.attempt_id = due.attempt_id
	returning ` + attemptColumns

// closeOverdue submits up to limit attempts whose deadline has come, and
// returns how many. Replicas share the work: each skips what another has
// locked.
func (m *Module) closeOverdue(ctx context.Context, limit int) (int, error) {
	var closed []attempt
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		closed, err = queryAttempts(ctx, tx, closeOverdueSQL, limit)
		if err != nil {
			return fmt.Errorf("submit overdue attempts: %w", err)
		}
		return m.announceSubmitted(ctx, tx, closed)
	})
	return len(closed), err
}

// announceSubmitted enqueues the grading of attempts that tx has closed, and
// tells the others.
func (m *Module) announceSubmitted(ctx context.Context, tx pgx.Tx, closed []attempt) error {
	if len(closed) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, 0, len(closed))
	for _, a := range closed {
		jobs = append(jobs, river.InsertManyParams{Args: gradeArgs{AttemptID: a.AttemptID}})
		ended := event.AttemptSubmittedV1{
			AttemptID: a.AttemptID, AssessmentID: a.AssessmentID, CourseID: a.CourseID, OrganisationID: a.OrganisationID,
			LearnerID: a.LearnerID, ByDeadline: *a.SubmittedBy == byDeadline, At: a.SubmittedAt.UTC(),
		}
		if err := event.AttemptSubmitted.Emit(ctx, tx, ended); err != nil {
			return err
		}
		if ended.ByDeadline {
			m.metrics.lateness.Observe(a.Now.Sub(*a.DeadlineAt).Seconds())
		}
	}
	if _, err := m.jobs.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("enqueue the grading of %d attempts: %w", len(closed), err)
	}
	return nil
}

// finalise submits an attempt whose deadline has come. If it has not, by the
// database clock, it returns how long that will take.
func (m *Module) finalise(ctx context.Context, id uuid.UUID) (early time.Duration, err error) {
	a, err := loadAttempt(ctx, m.db.Pool, id)
	if err != nil || a.Status != inProgress || a.DeadlineAt == nil {
		return 0, err
	}
	if left := a.DeadlineAt.Sub(a.Now); left > 0 {
		return left, nil
	}
	return 0, m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := m.close(ctx, tx, id, byDeadline)
		return err
	})
}
