package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// attemptGraded records an attempt's scores. An attempt that is graded again
// counts once, with its latest scores.
func attemptGraded(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AttemptGradedV1]) error {
	e := d.Payload
	learner, _, err := standIn(ctx, tx, e.LearnerID)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		insert into analytics.attempts as a (attempt_id, course_id, assessment_id, learner_id, score, max_score, graded_at)
		values ($1, $2, $3, $4, $5::text::numeric, $6::text::numeric, $7)
		on conflict (attempt_id) do update
		set score = excluded.score, max_score = excluded.max_score, graded_at = excluded.graded_at
		where a.graded_at <= excluded.graded_at`,
		e.AttemptID, e.CourseID, e.AssessmentID, learner, e.Score, e.MaxScore, e.At)
	if err != nil {
		return fmt.Errorf("record the score of attempt %s: %w", e.AttemptID, err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	var ids []uuid.UUID
	var scores, maxima []string
	var answered []bool
	for _, i := range e.Items {
		ids, answered = append(ids, i.ItemID), append(answered, i.Answered)
		scores, maxima = append(scores, i.Score), append(maxima, i.MaxScore)
	}
	_, err = tx.Exec(ctx, `
		insert into analytics.item_scores (assessment_id, item_id, attempt_id, score, max_score, answered)
		select $1, u.item_id, $2, u.score::numeric, u.max_score::numeric, u.answered
		from unnest($3::uuid[], $4::text[], $5::text[], $6::boolean[]) as u(item_id, score, max_score, answered)
		on conflict (assessment_id, item_id, attempt_id) do update
		set score = excluded.score, max_score = excluded.max_score, answered = excluded.answered`,
		e.AssessmentID, e.AttemptID, ids, scores, maxima, answered)
	if err != nil {
		return fmt.Errorf("record the item scores of attempt %s: %w", e.AttemptID, err)
	}
	return nil
}
