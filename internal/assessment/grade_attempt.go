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
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// gradeAttempt scores a submitted attempt, once: the change of its status in
// the transaction that writes the scores is the fence. An attempt that is
// graded already, or not submitted, is left alone.
func (m *Module) gradeAttempt(ctx context.Context, id uuid.UUID) error {
	a, err := loadAttempt(ctx, m.db.Pool, id)
	if err != nil || a.Status != submitted {
		return err
	}
	p, err := m.papers.get(ctx, a.AssessmentID, a.Version)
	if err != nil {
		return err
	}
	// The submission is committed, so no save can be added to these.
	responses, err := loadResponses(ctx, m.db.Pool, id, a.StartedAt)
	if err != nil {
		return err
	}
	g, err := gradePaper(p, responses, a.Seed, nil)
	if err != nil {
		return fmt.Errorf("grade attempt %s: %w", id, err)
	}
	var gradedAt time.Time
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		gradedAt, err = saveGrade(ctx, tx, a, g, p.title)
		return err
	})
	if err != nil {
		return fmt.Errorf("grade attempt %s: %w", id, err)
	}
	if !gradedAt.IsZero() {
		m.metrics.grading.Observe(gradedAt.Sub(*a.SubmittedAt).Seconds())
	}
	return nil
}

// ungradedSQL selects up to $2 attempts that were submitted longer than $1 ago
// and are not graded yet, the oldest first.
const ungradedSQL = `
	select attempt_id from assessment.attempts
	where status = 'submitted' and submitted_at < now() - $1::interval
	order by submitted_at limit $2`

func ungraded(ctx context.Context, q querier, longerThan time.Duration, limit int) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, ungradedSQL, longerThan, limit)
	if err != nil {
		return nil, fmt.Errorf("look for ungraded attempts: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look for ungraded attempts: %w", err)
	}
	return ids, nil
}

// grade is the outcome of scoring every item of a paper.
type grade struct {
	score  scoring.Score
	items  []itemGrade // in the order of the paper
	toMark int         // items that people have yet to mark
}

type itemGrade struct {
	id     uuid.UUID
	result scoring.Result
}

// stored is the item's score as rows and events have it: they hold none below
// zero. The result keeps a penalty in full, and so does the total.
func (g itemGrade) stored() scoring.Score { return notNegative(g.result.Score) }

func notNegative(s scoring.Score) scoring.Score {
	if s.Sign() < 0 {
		return scoring.Score{}
	}
	return s
}

// gradePaper scores the responses to a paper, as it was drawn for an attempt with
// this seed. Items without a response earn nothing. Penalties of one item reach
// into what others have earned, but not below zero.
// What people have yet to mark counts as nothing.
func gradePaper(p *paper, responses []savedResponse, seed int64, marks map[uuid.UUID]scoring.Marks) (grade, error) {
	given := make(map[uuid.UUID]scoring.Response, len(responses))
	for _, r := range responses {
		parsed, err := r.parse()
		if err != nil {
			return grade{}, err
		}
		given[r.ItemID] = parsed
	}
	var g grade
	for _, it := range p.items {
		result := it.ScoreMarks(given[it.id], seed, marks[it.id])
		if result.NeedsMarking {
			g.toMark++
		}
		g.score = g.score.Add(result.Score)
		g.items = append(g.items, itemGrade{it.id, result})
	}
	g.score = notNegative(g.score)
	return g, nil
}

func (g grade) summaries() []event.ItemScoreV1 {
	summaries := make([]event.ItemScoreV1, 0, len(g.items))
	for _, it := range g.items {
		summaries = append(summaries, event.ItemScoreV1{
			ItemID: it.id, Score: it.stored().String(), MaxScore: it.result.Max.String(), Answered: it.result.Answered(),
		})
	}
	return summaries
}

// saveGrade writes the scores of an attempt, tells of them, and returns when; the
// zero time if somebody else has graded it since a was read. The scores of an
// earlier grade stay.
func saveGrade(ctx context.Context, tx pgx.Tx, a attempt, g grade, title string) (gradedAt time.Time, err error) {
	err = tx.QueryRow(ctx, `
		update assessment.attempts
		set status = 'graded', score = $2::text::numeric, graded_at = clock_timestamp(), items_to_mark = $5
		where attempt_id = $1 and status = $3 and graded_at is not distinct from $4
		returning graded_at`, a.AttemptID, g.score.String(), a.Status, a.GradedAt, g.toMark).Scan(&gradedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("write the score: %w", err)
	}
	var (
		ids      = make([]uuid.UUID, 0, len(g.items))
		scores   = make([]string, 0, len(g.items))
		maxima   = make([]string, 0, len(g.items))
		answered = make([]bool, 0, len(g.items))
		results  = make([]string, 0, len(g.items))
	)
	for _, it := range g.items {
		encoded, err := json.Marshal(it.result)
		if err != nil {
			return time.Time{}, fmt.Errorf("encode the result of item %s: %w", it.id, err)
		}
		ids = append(ids, it.id)
		scores = append(scores, it.stored().String())
		maxima = append(maxima, it.result.Max.String())
		answered = append(answered, it.result.Answered())
		results = append(results, string(encoded))
	}
	_, err = tx.Exec(ctx, `
		insert into assessment.item_scores (attempt_id, item_id, graded_at, score, max_score, answered, result)
		select $1, item_id, $2, score::numeric, max_score::numeric, answered, result::json
		from unnest($3::uuid[], $4::text[], $5::text[], $6::boolean[], $7::text[]) as s(item_id, score, max_score, answered, result)`,
		a.AttemptID, gradedAt, ids, scores, maxima, answered, results)
	if err != nil {
		return time.Time{}, fmt.Errorf("write the items' scores: %w", err)
	}
	return gradedAt, event.AttemptGraded.Emit(ctx, tx, event.AttemptGradedV1{
		AttemptID: a.AttemptID, AssessmentID: a.AssessmentID, AssessmentTitle: title, CourseID: a.CourseID,
		OrganisationID: a.OrganisationID, LearnerID: a.LearnerID, Number: a.Number,
		Score: g.score.String(), MaxScore: a.MaxScore, Items: g.summaries(), At: gradedAt.UTC(),
	})
}

// loadResults returns the results of a graded attempt by item.
func loadResults(ctx context.Context, q querier, a attempt) (map[uuid.UUID]scoring.Result, error) {
	rows, err := q.Query(ctx, `select item_id, result from assessment.item_scores where attempt_id = $1 and graded_at = $2`,
		a.AttemptID, a.GradedAt)
	if err != nil {
		return nil, fmt.Errorf("load the scores of attempt %s: %w", a.AttemptID, err)
	}
	results, err := decodedByItem[scoring.Result](rows)
	if err != nil {
		return nil, fmt.Errorf("load the scores of attempt %s: %w", a.AttemptID, err)
	}
	return results, nil
}

// decodedByItem reads rows of an item's id and JSON about it.
func decodedByItem[T any](rows pgx.Rows) (map[uuid.UUID]T, error) {
	decoded := map[uuid.UUID]T{}
	var id uuid.UUID
	var encoded []byte
	_, err := pgx.ForEachRow(rows, []any{&id, &encoded}, func() error {
		var about T
		if err := json.Unmarshal(encoded, &about); err != nil {
			return fmt.Errorf("decode what is kept of item %s: %w", id, err)
		}
		decoded[id] = about
		return nil
	})
	return decoded, err
}
