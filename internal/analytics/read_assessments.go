package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// assessmentFigures sum up the graded attempts at an assessment. Every attempt
// counts once, so a learner with three attempts counts three times. The shares
// are of score in the attempt's own maximum, so that attempts at different
// versions compare; attempts that could score nothing have none.
type assessmentFigures struct {
	AssessmentID uuid.UUID
	Title        string
	Category     string
	MaxScore     string // of the current version
	Attempts     int
	Learners     int
	MeanShare    *string // this and the next two are nil without an attempt that could score
	MedianShare  *string
	HighestShare *string
	Buckets      []int // 10: attempts with a share from 0 up to 0.1, ..., from 0.9 up to and including 1
}

// assessments lists the course's assessments in the order of their first
// publication.
func (m *Module) assessments(ctx context.Context, caller auth.Principal, id uuid.UUID) ([]assessmentFigures, error) {
	var found []assessmentFigures
	err := m.report(ctx, caller, id, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		// percentile_cont knows floating point only; the median is made of the
		// values on both sides of the middle, which are equal if their number is
		// odd.
		found, err = rowsOf[assessmentFigures](ctx, tx, `
			with attempts as materialized (
				select assessment_id, learner_id, score / nullif(max_score, 0) as share,
					case when max_score > 0 then least(floor(score * 10 / max_score), 9)::int end as bucket
				from analytics.attempts where course_id = $1
			),
			figures as (
				select assessment_id, count(*)::int as attempts, count(distinct learner_id)::int as learners,
					round(avg(share), 4)::text as mean_share, round(max(share), 4)::text as highest_share,
					round((percentile_disc(0.5) within group (order by share)
						+ percentile_disc(0.5) within group (order by share desc)) / 2, 4)::text as median_share
				from attempts group by assessment_id
			),
			sizes as (
				select assessment_id, bucket, count(*)::int as size from attempts group by assessment_id, bucket
			)
			select a.assessment_id, a.title, a.category, trim_scale(a.max_score)::text as max_score,
				coalesce(f.attempts, 0) as attempts, coalesce(f.learners, 0) as learners,
				f.mean_share, f.median_share, f.highest_share,
				array(
					select coalesce(s.size, 0) from generate_series(0, 9) as b(bucket)
					left join sizes s on s.assessment_id = a.assessment_id and s.bucket = b.bucket
					order by b.bucket
				) as buckets
			from analytics.assessments a
			left join figures f using (assessment_id)
			where a.course_id = $1
			order by a.first_published_at, a.title, a.assessment_id`, id)
		if err != nil {
			return fmt.Errorf("sum up attempts: %w", err)
		}
		return nil
	})
	return found, err
}
