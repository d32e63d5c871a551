package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// marking is what somebody gave for an item of an attempt.
type marking struct {
	MarkID   uuid.UUID
	MarkerID *uuid.UUID
	Marks    scoring.Marks
	Comment  string
	MarkedAt time.Time
}

// attemptForStaff loads an attempt of a course that the caller teaches.
func (m *Module) attemptForStaff(ctx context.Context, caller auth.Principal, id uuid.UUID) (attempt, error) {
	a, staff, err := m.visibleAttempt(ctx, caller, id)
	if err == nil && !staff {
		// Nobody marks their own attempt.
		return attempt{}, errNoAttempt()
	}
	return a, err
}

// markItem gives marks for an item of a graded attempt and grades the attempt
// anew. The marks that were given before are replaced, and kept.
func (m *Module) markItem(ctx context.Context, caller auth.Principal, id, item uuid.UUID, given scoring.Marks, comment string) (attempt, grade, error) {
	a, err := m.attemptForStaff(ctx, caller, id)
	if err != nil {
		return attempt{}, grade{}, err
	}
	p, err := m.papers.get(ctx, a.AssessmentID, a.Version)
	if err != nil {
		return attempt{}, grade{}, err
	}
	it, ok := p.item(item)
	if !ok {
		return attempt{}, grade{}, errNoItem()
	}
	if err := it.CheckMarks(given); err != nil {
		return attempt{}, grade{}, invalidMarks(err)
	}
	responses, err := loadResponses(ctx, m.db.Pool, id, a.StartedAt)
	if err != nil {
		return attempt{}, grade{}, err
	}
	var g grade
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Marks of other items that are given meanwhile wait for these.
		if _, err := tx.Exec(ctx, `select from assessment.attempts where attempt_id = $1 for no key update`, id); err != nil {
			return fmt.Errorf("lock attempt %s: %w", id, err)
		}
		if a, err = loadAttempt(ctx, tx, id); err != nil {
			return err
		}
		if a.Status != graded {
			return errNotGraded(a)
		}
		if err := checkResponses(ctx, tx, a, responses); err != nil {
			return err
		}
		if err := insertMarks(ctx, tx, id, item, caller.AccountID, given, comment); err != nil {
			return err
		}
		marks, err := currentMarks(ctx, tx, id)
		if err != nil {
			return err
		}
		if g, err = gradePaper(p, responses, a.Seed, marks); err != nil {
			return err
		}
		at, err := saveGrade(ctx, tx, a, g, p.title)
		score := g.score.String()
		a.GradedAt, a.Score = &at, &score
		return err
	})
	if err != nil {
		return attempt{}, grade{}, fmt.Errorf("mark item %s of attempt %s: %w", item, id, err)
	}
	return a, g, nil
}

// invalidMarks points at the faults within the request's body.
func invalidMarks(err error) error {
	var refused *scoring.ResponseError
	if !errors.As(err, &refused) {
		return err
	}
	p := problem.New(problem.Invalid, "invalid-marks", "The marks do not fit the item.")
	for _, f := range refused.Fields {
		p.Fields = append(p.Fields, problem.FieldError{Location: "body.marks." + f.Location, Message: f.Message})
	}
	return p
}

// checkResponses refuses to grade an attempt anew whose responses are gone: their
// scores would be lost.
func checkResponses(ctx context.Context, tx pgx.Tx, a attempt, responses []savedResponse) error {
	results, err := loadResults(ctx, tx, a)
	if err != nil {
		return err
	}
	for _, r := range responses {
		delete(results, r.ItemID)
	}
	for _, result := range results {
		if result.Answered() {
			return problem.New(problem.Conflict, "responses-erased", "The responses of this attempt were erased with the learner's account. Its grade stays as it is.")
		}
	}
	return nil
}

func insertMarks(ctx context.Context, tx pgx.Tx, id, item, marker uuid.UUID, given scoring.Marks, comment string) error {
	markID, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make the id of a mark: %w", err)
	}
	encoded, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("encode the marks: %w", err)
	}
	_, err = tx.Exec(ctx, `insert into assessment.marks (mark_id, attempt_id, item_id, marker_id, marks, comment) values ($1, $2, $3, $4, $5, $6)`,
		markID, id, item, marker, string(encoded), comment)
	if err != nil {
		return fmt.Errorf("keep the marks: %w", err)
	}
	return nil
}

// currentMarks are the marks of an attempt that count.
func currentMarks(ctx context.Context, q querier, id uuid.UUID) (map[uuid.UUID]scoring.Marks, error) {
	rows, err := q.Query(ctx, `select distinct on (item_id) item_id, marks from assessment.marks where attempt_id = $1
		order by item_id, marked_at desc, mark_id desc`, id)
	if err != nil {
		return nil, fmt.Errorf("load the marks of attempt %s: %w", id, err)
	}
	current, err := decodedByItem[scoring.Marks](rows)
	if err != nil {
		return nil, fmt.Errorf("load the marks of attempt %s: %w", id, err)
	}
	return current, nil
}

// marksOfItem are all marks that an item of an attempt was given, the last first.
func (m *Module) marksOfItem(ctx context.Context, caller auth.Principal, id, item uuid.UUID) ([]marking, error) {
	if _, err := m.attemptForStaff(ctx, caller, id); err != nil {
		return nil, err
	}
	rows, err := m.db.Pool.Query(ctx, `select mark_id, marker_id, marks, comment, marked_at from assessment.marks
		where attempt_id = $1 and item_id = $2 order by marked_at desc, mark_id desc limit 200`, id, item)
	if err != nil {
		return nil, fmt.Errorf("load the marks of item %s: %w", item, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[marking])
	if err != nil {
		return nil, fmt.Errorf("load the marks of item %s: %w", item, err)
	}
	return all, nil
}

// toMark is an attempt with items that people have yet to mark.
type toMark struct {
	AttemptID   uuid.UUID
	LearnerID   uuid.UUID
	Number      int
	SubmittedAt time.Time
	Items       []uuid.UUID
}

// attemptsToMark is a page of the attempts at an assessment that wait for marks.
func (m *Module) attemptsToMark(ctx context.Context, assessment, after uuid.UUID, limit int) ([]toMark, error) {
	rows, err := m.db.Pool.Query(ctx, `
		select t.attempt_id, t.learner_id, t.number, t.submitted_at, array(
			select s.item_id from assessment.item_scores s
			where s.attempt_id = t.attempt_id and s.graded_at = t.graded_at and (s.result ->> 'needs_marking')::boolean order by s.item_id)
		from assessment.attempts t
		where t.assessment_id = $1 and t.items_to_mark > 0 and t.attempt_id > $2
		order by t.attempt_id limit $3`, assessment, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list what is to be marked: %w", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[toMark])
	if err != nil {
		return nil, fmt.Errorf("list what is to be marked: %w", err)
	}
	return page, nil
}
