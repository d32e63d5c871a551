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

func learnerEnrolled(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.LearnerEnrolledV1]) error {
	return recordEnrolmentChange(ctx, tx, d.Payload.CourseID, d.Payload.EnrolmentID, d.Payload.At, false)
}

func learnerWithdrawn(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.LearnerWithdrawnV1]) error {
	return recordEnrolmentChange(ctx, tx, d.Payload.CourseID, d.Payload.EnrolmentID, d.Payload.At, true)
}

func recordEnrolmentChange(ctx context.Context, tx pgx.Tx, course, enrolment uuid.UUID, at time.Time, withdrawn bool) error {
	_, err := tx.Exec(ctx, `
		insert into analytics.enrolment_changes (course_id, enrolment_id, at, withdrawn) values ($1, $2, $3, $4)
		on conflict do nothing`, course, enrolment, at, withdrawn)
	if err != nil {
		return fmt.Errorf("record a change of enrolment %s: %w", enrolment, err)
	}
	return nil
}

// courseCompleted records the first completion only. A learner who comes back
// to a course and completes a later version of it counts once.
func courseCompleted(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseCompletedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into analytics.completions (course_id, enrolment_id, completed_at) values ($1, $2, $3)
		on conflict do nothing`, e.CourseID, e.EnrolmentID, e.At)
	if err != nil {
		return fmt.Errorf("record the completion of enrolment %s: %w", e.EnrolmentID, err)
	}
	return nil
}
