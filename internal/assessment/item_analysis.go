package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/assessment/itemanalysis"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// analysisState is an item analysis as the database has it, without its result.
type analysisState struct {
	AnalysisID     uuid.UUID  `db:"analysis_id"`
	OrganisationID uuid.UUID  `db:"organisation_id"`
	RequestedBy    *uuid.UUID `db:"requested_by"`
	AssessmentID   *uuid.UUID `db:"assessment_id"`
	Version        *int       `db:"version"`
	Title          string     `db:"title"`
	Choice         string     `db:"choice"`
	Omitted        string     `db:"omitted"`
	ResponseModel  bool       `db:"response_model"`
	Status         string     `db:"status"`
	Reason         string     `db:"reason"`
	JobID          *int64     `db:"job_id"`
	Learners       int        `db:"learners"`
	Items          int        `db:"items"`
	Flags          int        `db:"flags"`
	RequestedAt    time.Time  `db:"requested_at"`
	StartedAt      *time.Time `db:"started_at"`
	FinishedAt     *time.Time `db:"finished_at"`
}

const analysisColumns = `analysis_id, organisation_id, requested_by, assessment_id, version, title, choice, omitted, response_model,
	status, reason, job_id, learners, items, flags, requested_at, started_at, finished_at`

// analysisResult is what an analysis found.
type analysisResult struct {
	Classical *itemanalysis.Report `json:"classical"`
	Model     *itemanalysis.IRT    `json:"model,omitempty"`
}

// maxAnalysesWaiting is how many analyses of one account may wait or run at once.
const maxAnalysesWaiting = 10

// analysisOrder is what is to be analysed, and how.
type analysisOrder struct {
	assessmentID  *uuid.UUID
	version       *int
	title         string
	choice        string
	omitted       string
	responseModel bool
	marks         []byte // instead of an assessment
}

// requestAnalysis queues an analysis.
func (m *Module) requestAnalysis(ctx context.Context, caller auth.Principal, order analysisOrder) (analysisState, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return analysisState{}, fmt.Errorf("make the id of an analysis: %w", err)
	}
	var state analysisState
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var waiting int
		err := tx.QueryRow(ctx, `select count(*) from assessment.item_analyses
			where organisation_id = $1 and requested_by = $2 and status in ('queued', 'running')`,
			caller.OrganisationID, caller.AccountID).Scan(&waiting)
		if err != nil {
			return fmt.Errorf("count the analyses that wait: %w", err)
		}
		if waiting >= maxAnalysesWaiting {
			return problem.New(problem.TooMany, "too-many-analyses", "You have %d analyses that have not ended. Wait for one, or delete it.", waiting).
				After(time.Minute)
		}
		if _, err := tx.Exec(ctx, `
			insert into assessment.item_analyses
				(analysis_id, organisation_id, requested_by, assessment_id, version, title, choice, omitted, response_model)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			id, caller.OrganisationID, caller.AccountID, order.assessmentID, order.version, order.title, order.choice, order.omitted,
			order.responseModel); err != nil {
			return fmt.Errorf("queue an analysis: %w", err)
		}
		if order.marks != nil {
			if _, err := tx.Exec(ctx, `insert into assessment.item_analysis_marks (analysis_id, content) values ($1, $2)`, id, order.marks); err != nil {
				return fmt.Errorf("keep the marks: %w", err)
			}
		}
		job, err := m.jobs.InsertTx(ctx, tx, analyseArgs{AnalysisID: id}, nil)
		if err != nil {
			return fmt.Errorf("enqueue an analysis: %w", err)
		}
		state, _, err = oneAnalysis(ctx, tx, `update assessment.item_analyses set job_id = $2 where analysis_id = $1 returning `+analysisColumns, id, job.Job.ID)
		return err
	})
	return state, err
}

// oneAnalysis returns the analysis that a statement gives, if it gives one.
func oneAnalysis(ctx context.Context, q querier, sql string, args ...any) (state analysisState, found bool, err error) {
	rows, err := q.Query(ctx, sql, args...)
	if err == nil {
		state, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[analysisState])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return analysisState{}, false, nil
	}
	if err != nil {
		return analysisState{}, false, fmt.Errorf("load an analysis: %w", err)
	}
	return state, true, nil
}

func errNoAnalysis() error { return problem.NotFoundf("There is no such analysis.") }

// visibleAnalysis loads an analysis for who asked for it, the staff of the
// course and the administrators of the organisation.
func (m *Module) visibleAnalysis(ctx context.Context, caller auth.Principal, id uuid.UUID) (analysisState, error) {
	state, found, err := oneAnalysis(ctx, m.db.Pool, `select `+analysisColumns+` from assessment.item_analyses where analysis_id = $1 and organisation_id = $2`,
		id, caller.OrganisationID)
	if err != nil {
		return analysisState{}, err
	}
	if !found {
		return analysisState{}, errNoAnalysis()
	}
	if state.AssessmentID == nil {
		if caller.AdministersOrganisation() || state.RequestedBy != nil && *state.RequestedBy == caller.AccountID {
			return state, nil
		}
		return analysisState{}, errNoAnalysis()
	}
	// Who asked for it may no longer teach the course.
	if _, err := m.assessmentForStaff(ctx, caller, *state.AssessmentID); err != nil {
		return analysisState{}, errNoAnalysis()
	}
	return state, nil
}

// staffedAssessment is an assessment as the staff of its course see it.
type staffedAssessment struct {
	ID             uuid.UUID
	CourseID       uuid.UUID
	Title          string
	CurrentVersion *int
}

// assessmentForStaff loads an assessment of a course that the caller teaches.
func (m *Module) assessmentForStaff(ctx context.Context, caller auth.Principal, id uuid.UUID) (staffedAssessment, error) {
	a := staffedAssessment{ID: id}
	err := m.db.Pool.QueryRow(ctx, `select course_id, title, current_version from assessment.assessments where assessment_id = $1 and organisation_id = $2`,
		id, caller.OrganisationID).Scan(&a.CourseID, &a.Title, &a.CurrentVersion)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, errNoAssessment()
	}
	if err != nil {
		return a, fmt.Errorf("load assessment %s: %w", id, err)
	}
	s, err := m.standingIn(ctx, caller, a.CourseID)
	if err != nil {
		return a, err
	}
	if !s.Staff {
		return a, errNoAssessment()
	}
	return a, nil
}

// versionOf finds the version of an assessment's paper that is asked for, by
// default the current one.
func (m *Module) versionOf(ctx context.Context, a staffedAssessment, wanted *int) (version int, err error) {
	if wanted == nil {
		wanted = a.CurrentVersion
	}
	err = m.db.Pool.QueryRow(ctx, `select version from assessment.assessment_versions where assessment_id = $1 and version = $2`,
		a.ID, wanted).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, problem.InvalidField("body.version", "the assessment has no such version")
	}
	if err != nil {
		return 0, fmt.Errorf("look for the version of assessment %s: %w", a.ID, err)
	}
	return version, nil
}

// listAnalyses returns a page of analyses, the newest first: those of an
// assessment, or those of marks that the caller may see.
func (m *Module) listAnalyses(ctx context.Context, caller auth.Principal, of *uuid.UUID, before uuid.UUID, limit int) ([]analysisState, error) {
	rows, err := m.db.Pool.Query(ctx, `select `+analysisColumns+` from assessment.item_analyses
		where organisation_id = $1 and analysis_id < $2
			and case when $3::uuid is null then assessment_id is null and ($4 or requested_by = $5) else assessment_id = $3 end
		order by analysis_id desc limit $6`,
		caller.OrganisationID, before, of, caller.AdministersOrganisation(), caller.AccountID, limit)
	if err != nil {
		return nil, fmt.Errorf("list the analyses: %w", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByName[analysisState])
	if err != nil {
		return nil, fmt.Errorf("list the analyses: %w", err)
	}
	return page, nil
}

// unfinished says why an analysis has no result; nil if it has.
func (s analysisState) unfinished() error {
	switch s.Status {
	case "done":
		return nil
	case "failed":
		return problem.New(problem.Conflict, "analysis-failed", "The analysis has failed: %s", s.Reason)
	}
	return problem.New(problem.Conflict, "analysis-not-done", "The analysis is %s. Ask again in a moment.", s.Status).After(2 * time.Second)
}

// analysisResultOf loads the result of an analysis that is done.
func (m *Module) analysisResultOf(ctx context.Context, state analysisState) (analysisResult, error) {
	var r analysisResult
	if err := state.unfinished(); err != nil {
		return r, err
	}
	var encoded []byte
	if err := m.db.Pool.QueryRow(ctx, `select result from assessment.item_analyses where analysis_id = $1`, state.AnalysisID).Scan(&encoded); err != nil {
		return r, fmt.Errorf("load the result of analysis %s: %w", state.AnalysisID, err)
	}
	if err := json.Unmarshal(encoded, &r); err != nil {
		return r, fmt.Errorf("decode the result of analysis %s: %w", state.AnalysisID, err)
	}
	return r, nil
}

// analysisAbility is the estimate of a learner.
type analysisAbility struct {
	Position  int        `db:"position"`
	Learner   string     `db:"learner"`
	LearnerID *uuid.UUID `db:"learner_id"`
	Name      string     `db:"name"`
	Right     int        `db:"items_right"`
	Ability   *float64   `db:"ability"` // nil if it is not determined
	Error     *float64   `db:"error"`

	Answered       int      `db:"answered"`
	Likeliest      *float64 `db:"likeliest"`
	LikeliestError *float64 `db:"likeliest_error"`
}

func (m *Module) abilitiesPage(ctx context.Context, id uuid.UUID, after, limit int) ([]analysisAbility, error) {
	rows, err := m.db.Pool.Query(ctx, `
		select a.position, a.learner, a.learner_id, coalesce(p.display_name, '') as name, a.items_right, a.answered, a.ability, a.error, a.likeliest, a.likeliest_error
		from assessment.item_analysis_abilities a left join assessment.people p on p.account_id = a.learner_id
		where a.analysis_id = $1 and a.position > $2 order by a.position limit $3`, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("load the abilities of analysis %s: %w", id, err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByName[analysisAbility])
	if err != nil {
		return nil, fmt.Errorf("load the abilities of analysis %s: %w", id, err)
	}
	return page, nil
}

// deleteAnalysis takes an analysis away, and ends it if it runs.
func (m *Module) deleteAnalysis(ctx context.Context, state analysisState) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if state.JobID != nil && (state.Status == "queued" || state.Status == "running") {
			if _, err := m.jobs.JobCancelTx(ctx, tx, *state.JobID); err != nil && !errors.Is(err, river.ErrNotFound) {
				return fmt.Errorf("cancel the job of analysis %s: %w", state.AnalysisID, err)
			}
		}
		if _, err := tx.Exec(ctx, `delete from assessment.item_analyses where analysis_id = $1`, state.AnalysisID); err != nil {
			return fmt.Errorf("delete analysis %s: %w", state.AnalysisID, err)
		}
		return nil
	})
}
