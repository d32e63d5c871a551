package assessment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/assessment/itemanalysis"
)

// analysisQueue is apart from the graders': an analysis takes seconds of a core.
const analysisQueue = "analysis"

// analyseArgs ask for an analysis that was requested.
type analyseArgs struct {
	AnalysisID uuid.UUID `json:"analysis_id" river:"unique"`
}

// Kind implements river.JobArgs.
func (analyseArgs) Kind() string { return "assessment.analyse" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (analyseArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: analysisQueue, MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type analyseWorker struct {
	river.WorkerDefaults[analyseArgs]
	module *Module
}

// Work implements river.Worker.
func (w *analyseWorker) Work(ctx context.Context, job *river.Job[analyseArgs]) error {
	return w.module.runAnalysis(ctx, job.Args.AnalysisID, job.Attempt >= job.MaxAttempts)
}

// Timeout implements river.Worker.
func (w *analyseWorker) Timeout(*river.Job[analyseArgs]) time.Duration { return 15 * time.Minute }

// unfitError is why marks cannot be analysed, for who asked.
type unfitError struct{ error }

// runAnalysis does what a request queued. It may run again after it was broken
// off at any point. last says that there will be no further try.
func (m *Module) runAnalysis(ctx context.Context, id uuid.UUID, last bool) error {
	state, found, err := oneAnalysis(ctx, m.db.Pool, `update assessment.item_analyses set status = 'running', started_at = coalesce(started_at, now())
		where analysis_id = $1 and status in ('queued', 'running') returning `+analysisColumns, id)
	if err != nil {
		return fmt.Errorf("begin analysis %s: %w", id, err)
	}
	if !found {
		return nil // deleted, or done by a run whose end was not recorded
	}
	err = m.analyse(ctx, state)
	var unfit unfitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unfit):
		return m.failAnalysis(ctx, id, unfit.Error())
	case last && ctx.Err() == nil:
		return errors.Join(err, m.failAnalysis(ctx, id, "something went wrong on our side; it has been logged"))
	}
	return fmt.Errorf("run analysis %s: %w", id, err)
}

func (m *Module) failAnalysis(ctx context.Context, id uuid.UUID, reason string) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update assessment.item_analyses set status = 'failed', reason = $2, finished_at = now()
			where analysis_id = $1 and status = 'running'`, id, reason)
		if err != nil {
			return fmt.Errorf("end analysis %s: %w", id, err)
		}
		return forgetMarks(ctx, tx, id)
	})
}

func forgetMarks(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `delete from assessment.item_analysis_marks where analysis_id = $1`, id); err != nil {
		return fmt.Errorf("delete the marks of analysis %s: %w", id, err)
	}
	return nil
}

func (m *Module) analyse(ctx context.Context, state analysisState) error {
	marks, err := m.marksOf(ctx, state)
	if err != nil {
		return err
	}
	var result analysisResult
	result.Classical, err = itemanalysis.Analyse(ctx, marks, itemanalysis.Options{Omitted: itemanalysis.OmittedRule(state.Omitted)})
	if err != nil {
		return fmt.Errorf("compute the classical figures: %w", err)
	}
	var abilities []itemanalysis.Ability
	if state.ResponseModel {
		result.Model, err = itemanalysis.FitIRT(ctx, marks, itemanalysis.IRTOptions{Abilities: true})
		if err != nil {
			return fmt.Errorf("fit the response model: %w", err)
		}
		abilities, result.Model.Abilities = result.Model.Abilities, nil
	}
	return m.saveAnalysis(ctx, state, result, abilities)
}

func (m *Module) marksOf(ctx context.Context, state analysisState) (*itemanalysis.Marks, error) {
	if state.AssessmentID != nil {
		return m.attemptMarks(ctx, state)
	}
	var content []byte
	err := m.db.Pool.QueryRow(ctx, `select content from assessment.item_analysis_marks where analysis_id = $1`, state.AnalysisID).Scan(&content)
	if err != nil {
		return nil, fmt.Errorf("load the marks: %w", err)
	}
	marks, err := itemanalysis.ReadCSV(bytes.NewReader(content))
	if err != nil {
		return nil, unfitError{err}
	}
	return marks, nil
}

func flagsOf(report *itemanalysis.Report) int {
	n := len(report.Flags)
	for i := range report.Items {
		n += len(report.Items[i].Flags)
	}
	return n
}

func (m *Module) saveAnalysis(ctx context.Context, state analysisState, result analysisResult, abilities []itemanalysis.Ability) error {
	encoded, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `update assessment.item_analyses
			set status = 'done', result = $2, learners = $3, items = $4, flags = $5, finished_at = now()
			where analysis_id = $1 and status = 'running'`,
			state.AnalysisID, string(encoded), result.Classical.Learners, len(result.Classical.Items), flagsOf(result.Classical))
		if err != nil {
			return fmt.Errorf("keep the result: %w", err)
		}
		if done.RowsAffected() == 0 {
			return nil // deleted meanwhile
		}
		ofAccounts := state.AssessmentID != nil
		_, err = tx.CopyFrom(ctx, pgx.Identifier{moduleName, "item_analysis_abilities"},
			[]string{"analysis_id", "position", "learner", "learner_id", "items_right", "answered", "ability", "error", "likeliest", "likeliest_error"},
			pgx.CopyFromSlice(len(abilities), func(i int) ([]any, error) {
				a := abilities[i]
				row := []any{state.AnalysisID, i + 1, a.Learner, nil, a.Right, a.Answered, a.EAP.Value, a.PosteriorSD.Value, a.ML.Value, a.MLError.Value}
				if !ofAccounts {
					return row, nil
				}
				learner, err := uuid.Parse(a.Learner)
				row[3] = learner
				return row, err
			}))
		if err != nil {
			return fmt.Errorf("keep the abilities: %w", err)
		}
		return forgetMarks(ctx, tx, state.AnalysisID)
	})
}
