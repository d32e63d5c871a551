package content

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

const viewedCacheEntries = 200_000

// viewKey is a view that is known to be noted.
type viewKey struct {
	enrolment, unit uuid.UUID
	day             int64 // since the epoch, UTC
}

// noteView keeps that the learner saw the unit, and emits UnitViewed for the
// first view of a (UTC) day.
func (m *Module) noteView(ctx context.Context, enrolmentID, unitID uuid.UUID) error {
	now := m.now().UTC()
	key := viewKey{enrolment: enrolmentID, unit: unitID, day: now.Unix() / (24 * 60 * 60)}
	if _, noted := m.viewed.get(key); noted {
		return nil
	}
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		e, found, err := one(ctx, tx, pgx.RowToStructByName[enrolment],
			enrolmentSelect+` where e.enrolment_id = $1 and e.status = 'active' for no key update of e`, enrolmentID)
		if err != nil {
			return fmt.Errorf("lock enrolment %s: %w", enrolmentID, err)
		}
		if !found {
			return nil // withdrawn within accessTTL
		}
		first, err := tx.Exec(ctx, `
			insert into content.unit_progress as p (enrolment_id, unit_id, first_viewed_at, last_viewed_on)
			values ($1, $2, $3, $4)
			on conflict (enrolment_id, unit_id) do update
				set first_viewed_at = coalesce(p.first_viewed_at, excluded.first_viewed_at), last_viewed_on = excluded.last_viewed_on
				where p.last_viewed_on is null or p.last_viewed_on < excluded.last_viewed_on`,
			enrolmentID, unitID, now, now)
		if err != nil {
			return fmt.Errorf("note a view of unit %s: %w", unitID, err)
		}
		if first.RowsAffected() == 0 {
			return nil
		}
		err = event.UnitViewed.Emit(ctx, tx, event.UnitViewedV1{
			EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, LearnerID: e.LearnerID,
			UnitID: unitID, At: now,
		})
		if err != nil {
			return err
		}
		return m.settle(ctx, tx, &e)
	})
	if err != nil {
		return err
	}
	m.viewed.put(key, struct{}{}, 1)
	return nil
}

// completeUnit is the learner saying that they have done a unit that has no
// problems. Saying it again changes nothing.
func (m *Module) completeUnit(ctx context.Context, p auth.Principal, courseID, unitID uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		c, err := seenCourse(ctx, tx, p, courseID)
		if err != nil {
			return err
		}
		e, found, err := lockEnrolment(ctx, tx, courseID, p.AccountID)
		if err != nil {
			return err
		}
		if !found || e.Status != enrolmentActive {
			return errNotEnrolled()
		}
		problemSets, err := checkUnit(ctx, tx, courseID, c.CurrentVersion, unitID)
		if err != nil {
			return err
		}
		if len(problemSets) > 0 {
			return problem.New(problem.Conflict, "unit-has-problems",
				"The unit has problems: it is complete once each of its problem sets has a graded attempt.")
		}
		if err := m.complete(ctx, tx, &e, unitID); err != nil {
			return err
		}
		return m.settle(ctx, tx, &e)
	})
}

// complete marks a unit as done, once.
func (m *Module) complete(ctx context.Context, tx pgx.Tx, e *enrolment, unitID uuid.UUID) error {
	now := m.now().UTC()
	done, err := tx.Exec(ctx, `
		insert into content.unit_progress as p (enrolment_id, unit_id, completed_at) values ($1, $2, $3)
		on conflict (enrolment_id, unit_id) do update set completed_at = excluded.completed_at
			where p.completed_at is null`, e.EnrolmentID, unitID, now)
	if err != nil {
		return fmt.Errorf("complete unit %s: %w", unitID, err)
	}
	if done.RowsAffected() == 0 {
		return nil
	}
	return event.UnitCompleted.Emit(ctx, tx, event.UnitCompletedV1{
		EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, LearnerID: e.LearnerID,
		UnitID: unitID, At: now,
	})
}

// settle draws what follows from the results and completions that are there:
// units whose problem sets all have a graded attempt are complete, and the
// course is once all its units are. It is called whenever a part of that may
// have changed, so the order in which the parts arrive does not matter. The
// caller holds the lock of the enrolment.
func (m *Module) settle(ctx context.Context, tx pgx.Tx, e *enrolment) error {
	if e.Status != enrolmentActive {
		return nil
	}
	ready, err := all(ctx, tx, pgx.RowTo[uuid.UUID], `
		select u.unit_id from content.units u
		where u.course_id = $1 and u.version = $2 and cardinality(u.problem_set_ids) > 0
			and not exists (select from content.unit_progress p
				where p.enrolment_id = $3 and p.unit_id = u.unit_id and p.completed_at is not null)
			and not exists (select from unnest(u.problem_set_ids) as s(id)
				where not exists (select from content.problem_set_results r where r.learner_id = $4 and r.problem_set_id = s.id))
		order by u.position`, e.CourseID, e.CurrentVersion, e.EnrolmentID, e.LearnerID)
	if err != nil {
		return fmt.Errorf("find the units that results complete: %w", err)
	}
	for _, unitID := range ready {
		if err := m.complete(ctx, tx, e, unitID); err != nil {
			return err
		}
	}
	if e.CompletedAt != nil {
		return nil
	}
	now := m.now().UTC()
	done, err := tx.Exec(ctx, `
		update content.enrolments set completed_at = $4 where enrolment_id = $1 and completed_at is null
			and exists (select from content.units u where u.course_id = $2 and u.version = $3)
			and not exists (select from content.units u where u.course_id = $2 and u.version = $3
				and not exists (select from content.unit_progress p
					where p.enrolment_id = $1 and p.unit_id = u.unit_id and p.completed_at is not null))`,
		e.EnrolmentID, e.CourseID, e.CurrentVersion, now)
	if err != nil {
		return fmt.Errorf("complete enrolment %s: %w", e.EnrolmentID, err)
	}
	if done.RowsAffected() == 0 {
		return nil
	}
	e.CompletedAt = &now
	return event.CourseCompleted.Emit(ctx, tx, event.CourseCompletedV1{
		EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, LearnerID: e.LearnerID,
		CourseTitle: e.CourseTitle, At: now,
	})
}

// unitState is what a learner has done with a unit.
type unitState struct {
	UnitID        uuid.UUID
	FirstViewedAt *time.Time
	CompletedAt   *time.Time
}

// unitStates are an enrolment's, for units that were touched.
func unitStates(ctx context.Context, q querier, enrolmentID uuid.UUID) (map[uuid.UUID]unitState, error) {
	rows, err := all(ctx, q, pgx.RowToStructByPos[unitState],
		`select unit_id, first_viewed_at, completed_at from content.unit_progress where enrolment_id = $1`, enrolmentID)
	if err != nil {
		return nil, fmt.Errorf("load the progress of enrolment %s: %w", enrolmentID, err)
	}
	states := make(map[uuid.UUID]unitState, len(rows))
	for _, r := range rows {
		states[r.UnitID] = r
	}
	return states, nil
}

// result is a learner's best score in a problem set.
type result struct {
	ProblemSetID uuid.UUID
	Score        string
	MaxScore     string
	GradedAt     time.Time
}

func results(ctx context.Context, q querier, courseID, learner uuid.UUID) (map[uuid.UUID]result, error) {
	rows, err := all(ctx, q, pgx.RowToStructByPos[result], `
		select problem_set_id, trim_scale(score)::text, trim_scale(max_score)::text, graded_at
		from content.problem_set_results where learner_id = $1 and course_id = $2`, learner, courseID)
	if err != nil {
		return nil, fmt.Errorf("load the results of a learner in course %s: %w", courseID, err)
	}
	out := make(map[uuid.UUID]result, len(rows))
	for _, r := range rows {
		out[r.ProblemSetID] = r
	}
	return out, nil
}

// loadOutline reads a version's table of contents.
func loadOutline(ctx context.Context, q querier, courseID uuid.UUID, version int) (outline, error) {
	o, found, err := one(ctx, q, pgx.RowTo[outline],
		`select outline from content.course_versions where course_id = $1 and number = $2`, courseID, version)
	if err != nil {
		return outline{}, fmt.Errorf("load the outline of course %s: %w", courseID, err)
	}
	if !found {
		return outline{}, fmt.Errorf("version %d of course %s is missing", version, courseID)
	}
	return o, nil
}

// courseCompletedAt is when the enrolment's course was completed; nil if it
// has not been.
func courseCompletedAt(ctx context.Context, q querier, enrolmentID uuid.UUID) (*time.Time, error) {
	at, _, err := one(ctx, q, pgx.RowTo[*time.Time],
		`select completed_at from content.enrolments where enrolment_id = $1`, enrolmentID)
	if err != nil {
		return nil, fmt.Errorf("load enrolment %s: %w", enrolmentID, err)
	}
	return at, nil
}
