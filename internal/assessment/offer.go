package assessment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// offer is an assessment as one learner meets it: the current version, the
// policy, and what the learner has made of it so far.
type offer struct {
	AssessmentID     uuid.UUID
	CourseID         uuid.UUID
	Version          int
	Title            string
	Category         string
	Position         int32
	MaxScore         string
	ItemCount        int
	MaxAttempts      int
	TimeLimitSeconds int
	OpensAt          *time.Time
	DueAt            *time.Time
	Release          event.ReleasePolicy
	WithdrawnAt      *time.Time

	Enrolled  bool
	Used      int        // attempts, the one in progress included
	RunningID *uuid.UUID // the attempt in progress
	BestID    *uuid.UUID // the graded attempt with the highest share of its maximum
	BestScore *string
	BestMax   *string
	Now       time.Time // by the database clock
}

func (o offer) policy() policy {
	return policy{
		OpensAt: o.OpensAt, DueAt: o.DueAt, TimeLimit: time.Duration(o.TimeLimitSeconds) * time.Second,
		MaxAttempts: o.MaxAttempts, Withdrawn: o.WithdrawnAt != nil,
	}
}

// offerSQL selects offers to the learner $1 in the organisation $2.
const offerSQL = `
	select a.assessment_id, a.course_id, a.current_version as version, a.title, a.category, a.position,
		trim_scale(v.max_score)::text as max_score, v.item_count, a.max_attempts, a.time_limit_seconds,
		a.opens_at, a.due_at, a.release, a.withdrawn_at,
		exists (
			select from assessment.enrolments e
			where e.course_id = a.course_id and e.learner_id = $1 and e.organisation_id = $2 and e.withdrawn_at is null
		) as enrolled,
		mine.used, running.attempt_id as running_id,
		best.attempt_id as best_id, best.score as best_score, best.max_score as best_max,
		clock_timestamp() as now
	from assessment.assessments a
	join assessment.assessment_versions v on v.assessment_id = a.assessment_id and v.version = a.current_version
	cross join lateral (
		select count(*)::integer as used from assessment.attempts t
		where t.assessment_id = a.assessment_id and t.learner_id = $1
	) mine
	left join assessment.attempts running
		on running.assessment_id = a.assessment_id and running.learner_id = $1 and running.status = 'in_progress'
	left join lateral (
		select t.attempt_id, trim_scale(t.score)::text as score, trim_scale(t.max_score)::text as max_score
		from assessment.attempts t
		where t.assessment_id = a.assessment_id and t.learner_id = $1 and t.status = 'graded'
		order by t.score / nullif(t.max_score, 0) desc nulls last, t.number
		limit 1
	) best on true
	where a.organisation_id = $2`

// loadOffer returns an assessment as a learner of an organisation meets it.
func loadOffer(ctx context.Context, q querier, assessment, learner, organisation uuid.UUID) (offer, error) {
	rows, err := q.Query(ctx, offerSQL+` and a.assessment_id = $3`, learner, organisation, assessment)
	if err != nil {
		return offer{}, fmt.Errorf("load assessment %s: %w", assessment, err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[offer])
	if errors.Is(err, pgx.ErrNoRows) {
		return offer{}, errNoAssessment()
	}
	if err != nil {
		return offer{}, fmt.Errorf("load assessment %s: %w", assessment, err)
	}
	return o, nil
}

// offersOfCourseSQL selects a page of the offers of course $3.
const offersOfCourseSQL = offerSQL + `
	and a.course_id = $3 and a.withdrawn_at is null
	and ($4::integer is null or (a.position, a.assessment_id) > ($4, $5::uuid))
	order by a.position, a.assessment_id
	limit $6`

// offersAfter is where a page of a course's offers begins. It comes back from the
// client, so its types are those of the columns: what they cannot hold is refused.
type offersAfter struct {
	Position     int32     `json:"p"`
	AssessmentID uuid.UUID `json:"a"`
}

// loadOffers returns up to limit assessments of a course in reading order,
// without withdrawn ones, that come after a place; nil is the beginning.
func loadOffers(ctx context.Context, q querier, course, learner, organisation uuid.UUID, after *offersAfter, limit int) ([]offer, error) {
	var position *int32
	var id *uuid.UUID
	if after != nil {
		position, id = &after.Position, &after.AssessmentID
	}
	rows, err := q.Query(ctx, offersOfCourseSQL, learner, organisation, course, position, id, limit)
	if err != nil {
		return nil, fmt.Errorf("list the assessments of course %s: %w", course, err)
	}
	offers, err := pgx.CollectRows(rows, pgx.RowToStructByName[offer])
	if err != nil {
		return nil, fmt.Errorf("list the assessments of course %s: %w", course, err)
	}
	return offers, nil
}
