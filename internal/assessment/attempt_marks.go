package assessment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemanalysis"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// chosenAttempts picks the attempts that an analysis counts, by its choice:
// learners who try again have seen the items, so that by default only the first
// counts.
var chosenAttempts = map[string]string{
	"first": `select distinct on (learner_id) attempt_id, learner_id, started_at, graded_at from graded order by learner_id, number`,
	"last":  `select distinct on (learner_id) attempt_id, learner_id, started_at, graded_at from graded order by learner_id, number desc`,
	"best":  `select distinct on (learner_id) attempt_id, learner_id, started_at, graded_at from graded order by learner_id, score desc, number`,
	"all":   `select attempt_id, learner_id, started_at, graded_at from graded order by learner_id, number`,
}

type gradedAttempt struct {
	AttemptID uuid.UUID
	LearnerID uuid.UUID
	StartedAt time.Time
	GradedAt  time.Time
}

// marksPage is how many attempts' marks are read by one statement.
const marksPage = 2000

// attemptMarks collects the marks of the graded attempts at a version of an
// assessment.
func (m *Module) attemptMarks(ctx context.Context, state analysisState) (*itemanalysis.Marks, error) {
	columns, err := m.markColumns(ctx, *state.AssessmentID, *state.Version)
	if err != nil {
		return nil, err
	}
	marks, err := itemanalysis.New(columns.items)
	if err != nil {
		return nil, unfitError{err}
	}
	rows, err := m.db.Pool.Query(ctx, `with graded as (
			select attempt_id, learner_id, number, score, started_at, graded_at from assessment.attempts
			where assessment_id = $1 and version = $2 and status = 'graded') `+chosenAttempts[state.Choice],
		state.AssessmentID, state.Version)
	if err != nil {
		return nil, fmt.Errorf("find the graded attempts: %w", err)
	}
	attempts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[gradedAttempt])
	if err != nil {
		return nil, fmt.Errorf("find the graded attempts: %w", err)
	}
	if len(attempts) > itemanalysis.MaxLearners {
		return nil, unfitError{fmt.Errorf("there are %d attempts; an analysis takes %d", len(attempts), itemanalysis.MaxLearners)}
	}
	for start := 0; start < len(attempts); start += marksPage {
		if err := m.addMarks(ctx, marks, columns, attempts[start:min(start+marksPage, len(attempts))]); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// markColumns are the items of a paper as an analysis has them.
type markColumns struct {
	items  []itemanalysis.Item
	index  map[uuid.UUID]int
	tables []optionTable // of each item
	tabled []uuid.UUID   // items with options
}

// optionTable says which choices of an item are its options.
type optionTable struct {
	part    string // whose choices they are
	options map[string]bool
}

func (m *Module) markColumns(ctx context.Context, assessment uuid.UUID, version int) (*markColumns, error) {
	rows, err := m.db.Pool.Query(ctx, `
		select i.item_id, d.definition from assessment.paper_items i
		join assessment.item_versions d on d.item_id = i.item_id and d.digest = i.digest
		where i.assessment_id = $1 and i.version = $2 and i.fault is null order by i.position`, assessment, version)
	if err != nil {
		return nil, fmt.Errorf("load the paper: %w", err)
	}
	c := &markColumns{index: map[uuid.UUID]int{}}
	var id uuid.UUID
	var definition []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &definition}, func() error {
		var def event.ItemV1
		if err := json.Unmarshal(definition, &def); err != nil {
			return fmt.Errorf("decode item %s: %w", id, err)
		}
		return c.add(id, def)
	})
	if err != nil {
		return nil, fmt.Errorf("load the paper: %w", err)
	}
	return c, nil
}

func (c *markColumns) add(id uuid.UUID, def event.ItemV1) error {
	weight, err := scoring.ParseScore(def.Weight)
	if err != nil {
		return fmt.Errorf("the weight of item %s: %w", id, err)
	}
	highest, _ := weight.Rat().Float64()
	item := itemanalysis.Item{ID: id.String(), Label: def.Title, Max: highest}
	var table optionTable
	if options := optionsOf(def); len(options) > 0 && len(options) <= itemanalysis.MaxOptions {
		item.Options = options
		table = optionTable{part: def.Parts[0].PartID, options: make(map[string]bool, len(options))}
		for _, o := range options {
			table.options[o.ID] = true
		}
		c.tabled = append(c.tabled, id)
	}
	c.index[id] = len(c.items)
	c.items = append(c.items, item)
	c.tables = append(c.tables, table)
	return nil
}

// optionsOf are the options of an item that is one question with choices; what
// earns anything is the key. Of items with several parts there is no one table of
// distractors.
func optionsOf(def event.ItemV1) []itemanalysis.Option {
	if len(def.Parts) != 1 || def.Program != nil {
		return nil
	}
	part := def.Parts[0]
	switch part.Kind {
	case event.SingleChoice, event.MultipleChoice, event.Dropdown, event.TrueFalse, event.HotText, event.Hotspot:
	default:
		return nil
	}
	options := make([]itemanalysis.Option, 0, len(part.Choices))
	for _, choice := range part.Choices {
		credit, err := scoring.ParseScore(choice.Credit)
		options = append(options, itemanalysis.Option{
			ID: choice.ChoiceID, Label: labelOf(choice), Key: err == nil && credit.Rat().Sign() > 0,
		})
	}
	return options
}

// maxLabel is how much of a choice's text labels it, in characters.
const maxLabel = 80

// labelOf is the text of a choice, cut to what fits a label; its id where there
// is no text.
func labelOf(choice event.ChoiceV1) string {
	return cmp.Or(markup.Shorten(plainText(choice.HTML), maxLabel), choice.ChoiceID)
}

// addMarks reads the marks of some attempts.
func (m *Module) addMarks(ctx context.Context, marks *itemanalysis.Marks, columns *markColumns, attempts []gradedAttempt) error {
	ids := make([]uuid.UUID, len(attempts))
	started, graded := make([]time.Time, len(attempts)), make([]time.Time, len(attempts))
	for i, a := range attempts {
		ids[i], started[i], graded[i] = a.AttemptID, a.StartedAt.Add(-clockSlack), a.GradedAt
	}
	rows, err := m.db.Pool.Query(ctx, `
		select a.n::int, s.item_id, s.score::float8, s.answered, r.response
		from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) with ordinality as a(attempt_id, started_at, graded_at, n)
		join assessment.item_scores s on s.attempt_id = a.attempt_id and s.graded_at = a.graded_at
		left join lateral (
			select response from assessment.response_log r
			where r.attempt_id = a.attempt_id and r.item_id = s.item_id and r.saved_at >= a.started_at
			order by r.sequence desc, r.saved_at desc limit 1) r on s.item_id = any($4::uuid[])
		order by a.n`, ids, started, graded, columns.tabled)
	if err != nil {
		return fmt.Errorf("read the marks: %w", err)
	}
	blank := func() []itemanalysis.Mark {
		row := make([]itemanalysis.Mark, len(columns.items))
		for i := range row {
			row[i].State = itemanalysis.NotGiven
		}
		return row
	}
	table := make([][]itemanalysis.Mark, len(attempts))
	for i := range table {
		table[i] = blank()
	}
	var (
		n        int
		item     uuid.UUID
		score    float64
		answered bool
		response []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&n, &item, &score, &answered, &response}, func() error {
		at, known := columns.index[item]
		if !known {
			return nil
		}
		mark := itemanalysis.Mark{Score: score, State: itemanalysis.Scored, Chosen: columns.tables[at].chosen(response)}
		if !answered {
			mark = itemanalysis.Mark{State: itemanalysis.Omitted}
		}
		table[n-1][at] = mark
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the marks: %w", err)
	}
	for i, row := range table {
		if err := marks.Add(attempts[i].LearnerID.String(), row); err != nil {
			return unfitError{err}
		}
	}
	return nil
}

// chosen are the options that a response chose. A response that cannot be read
// chose none: its score says what it was worth.
func (t optionTable) chosen(response []byte) []string {
	if t.part == "" || response == nil {
		return nil
	}
	parsed, err := scoring.ParseResponse(response)
	if err != nil {
		return nil
	}
	var chosen []string
	for _, id := range parsed[t.part].Choices {
		if t.options[id] {
			chosen = append(chosen, id)
		}
	}
	return chosen
}
