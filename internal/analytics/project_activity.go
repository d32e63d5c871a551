package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func unitViewed(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.UnitViewedV1]) error {
	e := d.Payload
	if err := recordActivity(ctx, tx, e.CourseID, e.LearnerID, e.EnrolmentID, e.At); err != nil {
		return err
	}
	return recordProgress(ctx, tx, e.CourseID, e.UnitID, e.EnrolmentID, "viewed")
}

func unitCompleted(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.UnitCompletedV1]) error {
	e := d.Payload
	if err := recordActivity(ctx, tx, e.CourseID, e.LearnerID, e.EnrolmentID, e.At); err != nil {
		return err
	}
	return recordProgress(ctx, tx, e.CourseID, e.UnitID, e.EnrolmentID, "completed")
}

func attemptStarted(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AttemptStartedV1]) error {
	e := d.Payload
	return recordActivity(ctx, tx, e.CourseID, e.LearnerID, e.AttemptID, e.At)
}

// attemptSubmitted is no activity of the learner if time submitted for them.
func attemptSubmitted(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AttemptSubmittedV1]) error {
	e := d.Payload
	if e.ByDeadline {
		return nil
	}
	return recordActivity(ctx, tx, e.CourseID, e.LearnerID, e.AttemptID, e.At)
}

// recordActivity notes that the learner did something in source, which is the
// aggregate of the event.
func recordActivity(ctx context.Context, tx pgx.Tx, course, learner, source uuid.UUID, at time.Time) error {
	learner, _, err := standIn(ctx, tx, learner)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into analytics.activity_days (course_id, day, learner_id, source_id) values ($1, $2, $3, $4)
		on conflict do nothing`, course, dayOf(at), learner, source)
	if err != nil {
		return fmt.Errorf("record activity in %s: %w", source, err)
	}
	return nil
}

func recordProgress(ctx context.Context, tx pgx.Tx, course, unit, enrolment uuid.UUID, step string) error {
	_, err := tx.Exec(ctx, `
		insert into analytics.unit_progress (course_id, unit_id, step, enrolment_id) values ($1, $2, $3, $4)
		on conflict do nothing`, course, unit, step, enrolment)
	if err != nil {
		return fmt.Errorf("record unit %s as %s: %w", unit, step, err)
	}
	return nil
}
