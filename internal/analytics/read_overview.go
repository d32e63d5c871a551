package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// enrolmentTurnsSQL selects the changes of course $1 that changed something:
// an enrolment that begins twice without an end between counts once.
const enrolmentTurnsSQL = `
	select enrolment_id, at, withdrawn
	from (
		select enrolment_id, at, withdrawn,
			lag(withdrawn, 1, true) over (partition by enrolment_id order by at, withdrawn) as was_out
		from analytics.enrolment_changes where course_id = $1
	) as changes
	where withdrawn <> was_out`

// overview is a course at a glance.
type overview struct {
	Title          string
	EnrolledNow    int
	EnrolledEver   int // learners, however often they came
	ActiveToday    int
	ActiveWeek     int // today and the 6 days before
	ActiveMonth    int // today and the 29 days before
	Completions    int
	GradedAttempts int
	MeanShare      *string // of score in maximum, over the graded attempts that could score; nil without one
}

func (m *Module) overview(ctx context.Context, caller auth.Principal, id uuid.UUID, now time.Time) (overview, error) {
	var o overview
	err := m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with turns as (`+enrolmentTurnsSQL+`)
			select c.title, e.*, d.*, f.*, r.*
			from analytics.courses c, (
				select (count(*) filter (where not withdrawn) - count(*) filter (where withdrawn))::int as enrolled_now,
					count(distinct enrolment_id)::int as enrolled_ever
				from turns
			) as e, (
				select count(distinct learner_id) filter (where day = $2::date)::int as active_today,
					count(distinct learner_id) filter (where day > $2::date - 7)::int as active_week,
					count(distinct learner_id)::int as active_month
				from analytics.activity_days where course_id = $1 and day > $2::date - 30 and day <= $2::date
			) as d, (
				select count(*)::int as completions from analytics.completions where course_id = $1
			) as f, (
				select count(*)::int as graded_attempts,
					round(avg(score / max_score) filter (where max_score > 0), 4)::text as mean_share
				from analytics.attempts where course_id = $1
			) as r
			where c.course_id = $1`, id, dayOf(now))
		if err != nil {
			return fmt.Errorf("sum up: %w", err)
		}
		if o, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[overview]); err != nil {
			return fmt.Errorf("sum up: %w", err)
		}
		return nil
	})
	return o, err
}
