package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// funnelStep is how many learners reached a unit and how many did all of it.
type funnelStep struct {
	UnitID         uuid.UUID
	Chapter        string
	Subsection     string
	Title          string
	Viewed         int
	Completed      int
	ViewedShare    *string // of all learners who ever enrolled; nil without one
	CompletedShare *string
}

// funnel has a step for each unit of the published version, in reading order,
// and the number of learners who ever enrolled. Those who withdrew are counted
// too: where they stopped is what a funnel shows.
func (m *Module) funnel(ctx context.Context, caller auth.Principal, id uuid.UUID) (steps []funnelStep, enrolled int, err error) {
	err = m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			select count(distinct enrolment_id) from analytics.enrolment_changes where course_id = $1 and not withdrawn`, id).Scan(&enrolled)
		if err != nil {
			return fmt.Errorf("count enrolments: %w", err)
		}
		steps, err = rowsOf[funnelStep](ctx, tx, `
			select o.unit_id, o.chapter, o.subsection, o.title,
				coalesce(p.viewed, 0)::int as viewed, coalesce(p.completed, 0)::int as completed,
				round(coalesce(p.viewed, 0) / nullif($2::numeric, 0), 4)::text as viewed_share,
				round(coalesce(p.completed, 0) / nullif($2::numeric, 0), 4)::text as completed_share
			from analytics.outline o
			left join (
				select unit_id, count(*) filter (where step = 'viewed') as viewed, count(*) filter (where step = 'completed') as completed
				from analytics.unit_progress where course_id = $1 group by unit_id
			) as p using (unit_id)
			where o.course_id = $1
			order by o.position`, id, enrolled)
		if err != nil {
			return fmt.Errorf("count learners by unit: %w", err)
		}
		return nil
	})
	return steps, enrolled, err
}
