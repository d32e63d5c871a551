package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// activityDay is how many learners were active on a day.
type activityDay struct {
	Day      time.Time
	Learners int
}

// activitySeries has an entry for every day of the period, in order.
func (m *Module) activitySeries(ctx context.Context, caller auth.Principal, id uuid.UUID, p period) ([]activityDay, error) {
	var days []activityDay
	err := m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		days, err = rowsOf[activityDay](ctx, tx, `
			select day, coalesce(learners, 0)::int as learners
			from (select $2::date + n as day from generate_series(0, $3::date - $2::date) as n) as days
			left join (
				select day, count(distinct learner_id) as learners
				from analytics.activity_days where course_id = $1 and day between $2 and $3 group by day
			) as active using (day)
			order by day`, id, p.From, p.To)
		if err != nil {
			return fmt.Errorf("count active learners by day: %w", err)
		}
		return nil
	})
	return days, err
}
