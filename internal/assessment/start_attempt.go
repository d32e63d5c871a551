package assessment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// errRaced says that another request of the same learner was faster.
var errRaced = errors.New("another start was faster")

// startAttempt gives the caller an attempt at an assessment: the one in
// progress, or a new one, in a single short transaction over a paper that is
// ready.
func (m *Module) startAttempt(ctx context.Context, caller auth.Principal, assessment uuid.UUID) (a attempt, created bool, err error) {
	for range 3 {
		err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			a, created, err = m.start(ctx, tx, caller, assessment)
			return err
		})
		if !errors.Is(err, errRaced) {
			break
		}
	}
	if errors.Is(err, errRaced) {
		return attempt{}, false, problem.New(problem.Conflict, "start-raced",
			"The assessment is being started elsewhere. Try again.").After(time.Second)
	}
	if err != nil {
		return attempt{}, false, err
	}
	m.facts.add(a)
	return a, created, nil
}

func (m *Module) start(ctx context.Context, tx pgx.Tx, caller auth.Principal, assessment uuid.UUID) (attempt, bool, error) {
	o, err := loadOffer(ctx, tx, assessment, caller.AccountID, caller.OrganisationID)
	if err != nil {
		return attempt{}, false, err
	}
	if o.RunningID != nil {
		closed, err := m.close(ctx, tx, *o.RunningID, byDeadline)
		if err != nil {
			return attempt{}, false, err
		}
		if closed == nil {
			// Also for who has been withdrawn meanwhile: what was started may be finished.
			a, err := loadAttempt(ctx, tx, *o.RunningID)
			return a, false, err
		}
	}
	if !o.Enrolled {
		return attempt{}, false, errNotEnrolled()
	}
	if refusal := o.policy().canStart(o.Used, o.Now); refusal != nil {
		return attempt{}, false, refusal
	}
	if o.ItemCount == 0 {
		return attempt{}, false, problem.New(problem.Conflict, "nothing-to-answer", "This assessment has no items that can be answered.")
	}
	a, err := insertAttempt(ctx, tx, o, caller)
	if err != nil {
		return attempt{}, false, err
	}
	if a.DeadlineAt != nil {
		if _, err := m.jobs.InsertTx(ctx, tx, finaliseArgs{AttemptID: a.AttemptID}, &river.InsertOpts{ScheduledAt: *a.DeadlineAt}); err != nil {
			return attempt{}, false, fmt.Errorf("schedule the end of attempt %s: %w", a.AttemptID, err)
		}
	}
	return a, true, event.AttemptStarted.Emit(ctx, tx, event.AttemptStartedV1{
		AttemptID: a.AttemptID, AssessmentID: a.AssessmentID, CourseID: a.CourseID, OrganisationID: a.OrganisationID,
		LearnerID: a.LearnerID, Number: a.Number, DeadlineAt: utc(a.DeadlineAt), At: a.StartedAt.UTC(),
	})
}

// insertAttempt records the next attempt. The unique keys on number and on the
// attempt in progress decide between two that start at once: errRaced.
func insertAttempt(ctx context.Context, tx pgx.Tx, o offer, caller auth.Principal) (attempt, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return attempt{}, fmt.Errorf("make an attempt id: %w", err)
	}
	inserted, err := queryAttempts(ctx, tx, `
		insert into assessment.attempts as t (attempt_id, assessment_id, version, learner_id, organisation_id, course_id, number,
			seed, started_at, deadline_at, max_score)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::numeric)
		on conflict do nothing
		returning `+attemptColumns,
		id, o.AssessmentID, o.Version, caller.AccountID, caller.OrganisationID, o.CourseID, o.Used+1,
		rand.Int64(), o.Now, deadline(o.Now, o.policy().TimeLimit, o.DueAt), o.MaxScore)
	if err != nil {
		return attempt{}, fmt.Errorf("record an attempt at assessment %s: %w", o.AssessmentID, err)
	}
	if len(inserted) == 0 {
		return attempt{}, errRaced
	}
	return inserted[0], nil
}
