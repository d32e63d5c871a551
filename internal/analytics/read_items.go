package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// itemFigures sum up an item over the graded attempts that had it.
type itemFigures struct {
	ItemID    uuid.UUID
	Title     string
	MaxScore  string // of the latest version with the item
	Current   bool   // whether the current version has it
	Responses int    // graded attempts that had the item
	Answered  int    // those in which it was not left out
	// Facility is the mean share of score in maximum: 1 if everybody solves the
	// item. Left out counts as not solved. Nil without a response that could
	// score.
	Facility *string
}

// items lists the items of the current version in order, then those that only
// earlier versions have.
func (m *Module) items(ctx context.Context, caller auth.Principal, id, assessment uuid.UUID) ([]itemFigures, error) {
	var found []itemFigures
	err := m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		var known bool
		err := tx.QueryRow(ctx, `
			select exists (select from analytics.assessments where assessment_id = $1 and course_id = $2)`,
			assessment, id).Scan(&known)
		if err != nil {
			return fmt.Errorf("look up assessment %s: %w", assessment, err)
		}
		if !known {
			return errNoAssessment()
		}
		found, err = rowsOf[itemFigures](ctx, tx, `
			select i.item_id, i.title, trim_scale(i.max_score)::text as max_score, i.version = a.version as current,
				coalesce(s.responses, 0)::int as responses, coalesce(s.answered, 0)::int as answered, s.facility
			from analytics.assessments a
			join analytics.assessment_items i using (assessment_id)
			left join (
				select item_id, count(*) as responses, count(*) filter (where answered) as answered,
					round(avg(score / nullif(max_score, 0)), 4)::text as facility
				from analytics.item_scores where assessment_id = $1 group by item_id
			) as s using (item_id)
			where a.assessment_id = $1
			order by current desc, i.version desc, i.position, i.item_id`, assessment)
		if err != nil {
			return fmt.Errorf("sum up the items of assessment %s: %w", assessment, err)
		}
		return nil
	})
	return found, err
}
