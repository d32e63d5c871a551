package assessment

import (
	"context"
	"fmt"
	"math/big"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
)

// gradebookColumn is a graded assessment: one that has a category in the
// course's grading policy and has not been withdrawn.
type gradebookColumn struct {
	AssessmentID uuid.UUID
	Title        string
	Category     string
	MaxScore     string
}

// gradebookRow is a learner. Cells are in the order of the columns; nil is an
// assessment without a graded attempt.
type gradebookRow struct {
	LearnerID uuid.UUID
	Name      string // empty if unknown or erased
	Cells     []*gradebookCell
	Total     scoring.Score
	Max       scoring.Score
}

// gradebookCell is the learner's best graded attempt at an assessment, with the
// maximum of the version that it was made of.
type gradebookCell struct {
	AttemptID uuid.UUID
	Score     scoring.Score
	Max       scoring.Score
}

// Percent is the overall result: the sum of the best scores divided by the sum
// of the maxima, every point counting the same whatever its category. What has
// not been attempted counts as zero. It has two decimals, and is empty for a
// course without points.
func (r gradebookRow) Percent() string {
	if r.Max.IsZero() {
		return ""
	}
	share := new(big.Rat).Quo(r.Total.Rat(), r.Max.Rat())
	return share.Mul(share, big.NewRat(100, 1)).FloatString(2)
}

// gradebookCourse checks that the caller may read a course's whole gradebook
// and returns its columns.
func (m *Module) gradebookCourse(ctx context.Context, caller auth.Principal, course uuid.UUID) ([]gradebookColumn, error) {
	s, err := m.standingIn(ctx, caller, course)
	if err != nil {
		return nil, err
	}
	if !s.Staff {
		return nil, errNoCourse()
	}
	return m.gradebookColumns(ctx, course)
}

func (m *Module) gradebookColumns(ctx context.Context, course uuid.UUID) ([]gradebookColumn, error) {
	rows, err := m.db.Pool.Query(ctx, `
		select a.assessment_id, a.title, a.category, trim_scale(v.max_score)::text as max_score
		from assessment.assessments a
		join assessment.assessment_versions v on v.assessment_id = a.assessment_id and v.version = a.current_version
		where a.course_id = $1 and a.category <> '' and a.withdrawn_at is null
		order by a.position, a.assessment_id`, course)
	if err != nil {
		return nil, fmt.Errorf("load the gradebook's columns: %w", err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByName[gradebookColumn])
	if err != nil {
		return nil, fmt.Errorf("load the gradebook's columns: %w", err)
	}
	return columns, nil
}

const gradebookSelect = `select l.learner_id, coalesce(p.display_name, ''), b.assessment_id, b.attempt_id, b.score, b.max_score`

// bestAttemptsSQL joins names and the best graded attempt at each assessment of
// course $1 to learners l.
const bestAttemptsSQL = `
	left join assessment.people p on p.account_id = l.learner_id
	left join lateral (
		select distinct on (t.assessment_id) t.assessment_id, t.attempt_id,
			trim_scale(t.score)::text as score, trim_scale(t.max_score)::text as max_score
		from assessment.attempts t
		where t.learner_id = l.learner_id and t.course_id = $1 and t.status = 'graded'
		order by t.assessment_id, t.score / nullif(t.max_score, 0) desc nulls last, t.number
	) b on true
	order by l.learner_id`

// gradebookPageSQL selects a page of course $1 in organisation $2 after learner
// $3.
const gradebookPageSQL = `
	with l as materialized (
		select learner_id from assessment.enrolments
		where course_id = $1 and organisation_id = $2 and withdrawn_at is null and learner_id > $3
		order by learner_id limit $4
	) ` + gradebookSelect + ` from l ` + bestAttemptsSQL

// gradebookPage returns up to limit enrolled learners after one, with or
// without attempts, in the order of their ids. It reads as many index entries
// as the page has learners and attempts, however large the course is.
func (m *Module) gradebookPage(ctx context.Context, caller auth.Principal, course uuid.UUID, columns []gradebookColumn, after uuid.UUID, limit int) ([]gradebookRow, error) {
	return m.gradebookRows(ctx, columns, gradebookPageSQL, course, caller.OrganisationID, after, limit)
}

// ownGrades returns the caller's own line and the columns. It is there for
// whoever is enrolled or was.
func (m *Module) ownGrades(ctx context.Context, caller auth.Principal, course uuid.UUID) ([]gradebookColumn, gradebookRow, error) {
	s, err := m.standingIn(ctx, caller, course)
	if err != nil {
		return nil, gradebookRow{}, err
	}
	if !s.Known {
		return nil, gradebookRow{}, errNoCourse()
	}
	columns, err := m.gradebookColumns(ctx, course)
	if err != nil {
		return nil, gradebookRow{}, err
	}
	rows, err := m.gradebookRows(ctx, columns,
		gradebookSelect+` from (select $2::uuid) as l(learner_id) `+bestAttemptsSQL, course, caller.AccountID)
	if err != nil {
		return nil, gradebookRow{}, err
	}
	return columns, rows[0], nil
}

// gradebookRows runs a query that selects gradebookSelect, ordered by learner.
func (m *Module) gradebookRows(ctx context.Context, columns []gradebookColumn, sql string, args ...any) ([]gradebookRow, error) {
	place := make(map[uuid.UUID]int, len(columns))
	maxima := make([]scoring.Score, len(columns))
	for i, c := range columns {
		place[c.AssessmentID] = i
		var err error
		if maxima[i], err = scoring.ParseScore(c.MaxScore); err != nil {
			return nil, fmt.Errorf("read the maximum of assessment %s: %w", c.AssessmentID, err)
		}
	}
	found, err := m.db.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load the gradebook: %w", err)
	}
	var (
		rows                []gradebookRow
		learner             uuid.UUID
		name                string
		assessment, attempt *uuid.UUID
		score, maxScore     *string
	)
	_, err = pgx.ForEachRow(found, []any{&learner, &name, &assessment, &attempt, &score, &maxScore}, func() error {
		if len(rows) == 0 || rows[len(rows)-1].LearnerID != learner {
			rows = append(rows, gradebookRow{LearnerID: learner, Name: name, Cells: make([]*gradebookCell, len(columns))})
		}
		if assessment == nil {
			return nil
		}
		i, ok := place[*assessment]
		if !ok {
			return nil // not graded, or withdrawn
		}
		cell, err := newCell(*attempt, *score, *maxScore)
		rows[len(rows)-1].Cells[i] = cell
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the gradebook: %w", err)
	}
	for r := range rows {
		rows[r].addUp(maxima)
	}
	return rows, nil
}

func newCell(attempt uuid.UUID, score, maxScore string) (*gradebookCell, error) {
	s, err := scoring.ParseScore(score)
	if err != nil {
		return nil, fmt.Errorf("read the score of attempt %s: %w", attempt, err)
	}
	most, err := scoring.ParseScore(maxScore)
	if err != nil {
		return nil, fmt.Errorf("read the maximum of attempt %s: %w", attempt, err)
	}
	return &gradebookCell{AttemptID: attempt, Score: s, Max: most}, nil
}

// addUp computes the totals. maxima are those of the columns.
func (r *gradebookRow) addUp(maxima []scoring.Score) {
	for i, cell := range r.Cells {
		if cell == nil {
			r.Max = r.Max.Add(maxima[i])
			continue
		}
		r.Total = r.Total.Add(cell.Score)
		r.Max = r.Max.Add(cell.Max)
	}
}
