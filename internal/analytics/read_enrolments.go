package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// enrolmentDay is what one day changed.
type enrolmentDay struct {
	Day       time.Time
	Enrolled  int
	Withdrawn int
	Total     int // enrolled at the end of the day
}

// enrolmentSeries has an entry for every day of the period, in order.
func (m *Module) enrolmentSeries(ctx context.Context, caller auth.Principal, id uuid.UUID, p period) ([]enrolmentDay, error) {
	var days []enrolmentDay
	err := m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		days, err = rowsOf[enrolmentDay](ctx, tx, `
			with turns as (`+enrolmentTurnsSQL+`),
			per_day as (
				select (at at time zone 'UTC')::date as day,
					count(*) filter (where not withdrawn) as enrolled, count(*) filter (where withdrawn) as withdrawn
				from turns group by 1
			)
			select day, coalesce(enrolled, 0)::int as enrolled, coalesce(withdrawn, 0)::int as withdrawn,
				(coalesce((select sum(b.enrolled - b.withdrawn) from per_day b where b.day < $2::date), 0)
					+ sum(coalesce(enrolled - withdrawn, 0)) over (order by day))::int as total
			from (select $2::date + n as day from generate_series(0, $3::date - $2::date) as n) as days
			left join per_day using (day)
			order by day`, id, p.From, p.To)
		if err != nil {
			return fmt.Errorf("count enrolments by day: %w", err)
		}
		return nil
	})
	return days, err
}
