package assessment

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemanalysis"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

// maxMarksBytes bounds an upload of marks.
const maxMarksBytes = 32 << 20

const analysisPath = "/v1/item-analyses/{analysis_id}"

func (m *Module) analysisRoutes(r *httpserver.Router) {
	const read = auth.ReadGradebook
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/assessments/{assessment_id}/item-analyses", ID: "request-item-analysis",
		Summary: "Have the items of an assessment analysed", Permission: read, Status: 202, Problems: []int{404, 409, 422, 429},
		Description: "A job computes the figures from the graded attempts at one version of the paper. For those who teach the course.",
	}, m.handleRequestAnalysis)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/item-analyses", ID: "analyse-marks",
		Summary: "Have the marks of an existing exam analysed", Permission: read, Status: 202, MaxBody: maxMarksBytes, Problems: []int{413, 422, 429},
		Description: "The body is a CSV of marks: a header with the learner's column and one column for each item, then a row for each learner. " +
			"A header such as q1/4 states the item's maximum. The marks are deleted when the analysis has ended.",
	}, m.handleAnalyseMarks)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/item-analyses", ID: "list-item-analyses",
		Summary: "List the analyses of an assessment, or of marks, the newest first", Permission: read, Problems: []int{404},
	}, m.handleListAnalyses)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: analysisPath, ID: "get-item-analysis",
		Summary: "Get an analysis with its figures once it is done", Permission: read, Problems: []int{404},
	}, m.handleGetAnalysis)
	httpserver.Handle(r, httpserver.Route{
		Method: "DELETE", Path: analysisPath, ID: "delete-item-analysis",
		Summary: "Delete an analysis, and end it if it runs", Permission: read, Problems: []int{404},
	}, m.handleDeleteAnalysis)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: analysisPath + "/abilities", ID: "list-item-analysis-abilities",
		Summary: "List the learners' estimated abilities", Permission: read, Problems: []int{404, 409},
	}, m.handleAbilities)
	httpserver.Raw(r, httpserver.Route{
		Method: "GET", Path: analysisPath + "/tables/{table}", ID: "download-item-analysis-table",
		Summary: "Download a table of an analysis as CSV", Permission: read, Problems: []int{404, 409},
		Description: "items.csv, options.csv or test.csv; model.csv and abilities.csv where the model was fitted.",
	}, m.handleAnalysisTable)
	httpserver.Raw(r, httpserver.Route{
		Method: "GET", Path: analysisPath + "/plots/{plot}", ID: "get-item-analysis-plot",
		Summary: "Get a plot of an analysis as SVG", Permission: read, Problems: []int{404, 409},
		Description: "test-information.svg, or {item_id}-curve.svg and {item_id}-options.svg of an item.",
	}, m.handleAnalysisPlot)
}

type analysisBody struct {
	AnalysisID    uuid.UUID            `json:"analysis_id" format:"uuid"`
	AssessmentID  *uuid.UUID           `json:"assessment_id,omitempty" format:"uuid" doc:"Absent for marks that were brought in"`
	Version       *int                 `json:"version,omitempty" doc:"Of the paper whose attempts count"`
	Title         string               `json:"title"`
	Attempts      string               `json:"attempts" enum:"first,last,best,all" doc:"Which graded attempts of a learner count"`
	Omitted       string               `json:"omitted" enum:"zero,drop_learner" doc:"What becomes of an item that was left blank"`
	ResponseModel bool                 `json:"response_model" doc:"Whether the two-parameter model is fitted as well"`
	Status        string               `json:"status" enum:"queued,running,done,failed,cancelled"`
	Reason        string               `json:"reason,omitempty" doc:"Why it failed"`
	Learners      int                  `json:"learners"`
	Items         int                  `json:"items"`
	Flags         int                  `json:"flags" doc:"How many things there are that a teacher should look at"`
	RequestedAt   time.Time            `json:"requested_at"`
	StartedAt     *time.Time           `json:"started_at,omitempty"`
	FinishedAt    *time.Time           `json:"finished_at,omitempty"`
	Classical     *itemanalysis.Report `json:"classical,omitempty" doc:"Not in lists"`
	Model         *itemanalysis.IRT    `json:"model,omitempty" doc:"Not in lists; the abilities have a list of their own"`
}

func newAnalysisBody(s analysisState) analysisBody {
	return analysisBody{
		AnalysisID: s.AnalysisID, AssessmentID: s.AssessmentID, Version: s.Version, Title: s.Title, Attempts: s.Choice, Omitted: s.Omitted,
		ResponseModel: s.ResponseModel, Status: s.Status, Reason: s.Reason, Learners: s.Learners, Items: s.Items, Flags: s.Flags,
		RequestedAt: s.RequestedAt.UTC(), StartedAt: utc(s.StartedAt), FinishedAt: utc(s.FinishedAt),
	}
}

type analysisOutput struct {
	Location string `header:"Location"`
	Body     analysisBody
}

func newAnalysisOutput(s analysisState) *analysisOutput {
	return &analysisOutput{Location: "/v1/item-analyses/" + s.AnalysisID.String(), Body: newAnalysisBody(s)}
}

type requestAnalysisInput struct {
	AssessmentID uuid.UUID `path:"assessment_id" format:"uuid"`
	Body         struct {
		Version       *int   `json:"version,omitempty" minimum:"1" doc:"Of the paper; default: the current one"`
		Attempts      string `json:"attempts,omitempty" enum:"first,last,best,all" default:"first"`
		Omitted       string `json:"omitted,omitempty" enum:"zero,drop_learner" default:"zero"`
		ResponseModel *bool  `json:"response_model,omitempty" doc:"Default: true"`
	}
}

func (m *Module) handleRequestAnalysis(ctx context.Context, in *requestAnalysisInput) (*analysisOutput, error) {
	caller := auth.Caller(ctx)
	a, err := m.assessmentForStaff(ctx, caller, in.AssessmentID)
	if err != nil {
		return nil, err
	}
	version, err := m.versionOf(ctx, a, in.Body.Version)
	if err != nil {
		return nil, err
	}
	state, err := m.requestAnalysis(ctx, caller, analysisOrder{
		assessmentID: &a.ID, version: &version, title: a.Title, choice: in.Body.Attempts, omitted: in.Body.Omitted,
		responseModel: in.Body.ResponseModel == nil || *in.Body.ResponseModel,
	})
	if err != nil {
		return nil, err
	}
	return newAnalysisOutput(state), nil
}

type analyseMarksInput struct {
	Title         string `query:"title" maxLength:"300" doc:"What the exam is called"`
	Omitted       string `query:"omitted" enum:"zero,drop_learner" default:"zero"`
	ResponseModel bool   `query:"response_model" default:"true"`
	RawBody       []byte `contentType:"text/csv"`
}

func (m *Module) handleAnalyseMarks(ctx context.Context, in *analyseMarksInput) (*analysisOutput, error) {
	title := strings.TrimSpace(in.Title)
	switch {
	case title == "":
		title = "Marks"
	case !utf8.ValidString(title) || strings.ContainsRune(title, 0):
		return nil, problem.InvalidField("query.title", "it is not text")
	}
	// Read now, so that who sends a file that cannot be read learns why at once.
	if _, err := itemanalysis.ReadCSV(bytes.NewReader(in.RawBody)); err != nil {
		return nil, problem.New(problem.Invalid, "bad-marks", "The marks cannot be analysed: %s.", err)
	}
	state, err := m.requestAnalysis(ctx, auth.Caller(ctx), analysisOrder{
		title: title, choice: "all", omitted: in.Omitted, responseModel: in.ResponseModel, marks: in.RawBody,
	})
	if err != nil {
		return nil, err
	}
	return newAnalysisOutput(state), nil
}

type listAnalysesInput struct {
	httpserver.Page
	AssessmentID string `query:"assessment_id" doc:"Absent: the analyses of marks"`
}

type listAnalysesOutput struct{ Body httpserver.List[analysisBody] }

func (m *Module) handleListAnalyses(ctx context.Context, in *listAnalysesInput) (*listAnalysesOutput, error) {
	caller := auth.Caller(ctx)
	of, err := optionalID("query.assessment_id", in.AssessmentID)
	if err != nil {
		return nil, err
	}
	if of != nil {
		if _, err := m.assessmentForStaff(ctx, caller, *of); err != nil {
			return nil, err
		}
	}
	before := uuid.Max
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	page, err := m.listAnalyses(ctx, caller, of, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listAnalysesOutput{Body: pageOf(page, in.Limit, newAnalysisBody, func(s analysisState) any { return s.AnalysisID })}, nil
}

type analysisInput struct {
	AnalysisID uuid.UUID `path:"analysis_id" format:"uuid"`
}

func (m *Module) handleGetAnalysis(ctx context.Context, in *analysisInput) (*analysisOutput, error) {
	state, err := m.visibleAnalysis(ctx, auth.Caller(ctx), in.AnalysisID)
	if err != nil {
		return nil, err
	}
	out := newAnalysisOutput(state)
	if state.Status == "done" {
		r, err := m.analysisResultOf(ctx, state)
		if err != nil {
			return nil, err
		}
		out.Body.Classical, out.Body.Model = r.Classical, r.Model
	}
	return out, nil
}

func (m *Module) handleDeleteAnalysis(ctx context.Context, in *analysisInput) (*struct{}, error) {
	state, err := m.visibleAnalysis(ctx, auth.Caller(ctx), in.AnalysisID)
	if err != nil {
		return nil, err
	}
	return nil, m.deleteAnalysis(ctx, state)
}

type abilityBody struct {
	Learner   string     `json:"learner" doc:"The account's id, or what the marks call the learner"`
	LearnerID *uuid.UUID `json:"learner_id,omitempty" format:"uuid"`
	Name      string     `json:"name,omitempty" doc:"Empty if it is not known or was erased"`
	Right     int        `json:"items_right"`
	Ability   *float64   `json:"ability" doc:"In standard deviations of the learners; null if the marks do not determine it"`
	Error     *float64   `json:"standard_error"`
}

func newAbilityBody(a analysisAbility) abilityBody {
	return abilityBody{a.Learner, a.LearnerID, a.Name, a.Right, a.Ability, a.Error}
}

type abilitiesInput struct {
	httpserver.Page
	AnalysisID uuid.UUID `path:"analysis_id" format:"uuid"`
}

type abilitiesOutput struct{ Body httpserver.List[abilityBody] }

func (m *Module) handleAbilities(ctx context.Context, in *abilitiesInput) (*abilitiesOutput, error) {
	state, err := m.visibleAnalysis(ctx, auth.Caller(ctx), in.AnalysisID)
	if err != nil {
		return nil, err
	}
	if err := state.unfinished(); err != nil {
		return nil, err
	}
	after := 0
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	page, err := m.abilitiesPage(ctx, in.AnalysisID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &abilitiesOutput{Body: pageOf(page, in.Limit, newAbilityBody, func(a analysisAbility) any { return a.Position })}, nil
}

// rawAnalysis finds the analysis of a request that huma does not read.
func (m *Module) rawAnalysis(r *http.Request) (analysisState, analysisResult, error) {
	id, err := uuid.Parse(chi.URLParam(r, "analysis_id"))
	if err != nil {
		return analysisState{}, analysisResult{}, problem.InvalidField("path.analysis_id", "it is not a UUID")
	}
	state, err := m.visibleAnalysis(r.Context(), auth.Caller(r.Context()), id)
	if err != nil {
		return analysisState{}, analysisResult{}, err
	}
	result, err := m.analysisResultOf(r.Context(), state)
	return state, result, err
}

func (m *Module) handleAnalysisTable(w http.ResponseWriter, r *http.Request) {
	state, result, err := m.rawAnalysis(r)
	name := chi.URLParam(r, "table")
	var text bytes.Buffer
	if err == nil && name == "abilities.csv" && result.Model != nil {
		result.Model.Abilities, err = m.allAbilities(r.Context(), state.AnalysisID)
	}
	if err == nil {
		err = writeTable(&text, result, name)
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="item-analysis-%s-%s"`, state.AnalysisID, name))
	m.send(w, r, text.Bytes())
}

// writeTable writes the table of that name.
func writeTable(w io.Writer, result analysisResult, name string) error {
	switch {
	case name == "items.csv":
		return itemanalysis.WriteItemsCSV(w, result.Classical)
	case name == "options.csv":
		return itemanalysis.WriteOptionsCSV(w, result.Classical)
	case name == "test.csv":
		return itemanalysis.WriteTestCSV(w, result.Classical)
	case name == "model.csv" && result.Model != nil:
		return itemanalysis.WriteIRTItemsCSV(w, result.Model)
	case name == "abilities.csv" && result.Model != nil:
		return itemanalysis.WriteAbilitiesCSV(w, result.Model)
	}
	return problem.NotFoundf("There is no such table in this analysis.")
}

// allAbilities are the abilities of an analysis as the writers take them.
func (m *Module) allAbilities(ctx context.Context, id uuid.UUID) ([]itemanalysis.Ability, error) {
	const undetermined = "the marks do not determine it"
	figure := func(v *float64) itemanalysis.Figure {
		if v == nil {
			return itemanalysis.Figure{Why: undetermined}
		}
		return itemanalysis.Figure{Value: v}
	}
	var all []itemanalysis.Ability
	for after := 0; ; {
		page, err := m.abilitiesPage(ctx, id, after, marksPage)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, a := range page {
			all = append(all, itemanalysis.Ability{
				Learner: a.Learner, Right: a.Right, Answered: a.Answered, EAP: figure(a.Ability), PosteriorSD: figure(a.Error),
				ML: figure(a.Likeliest), MLError: figure(a.LikeliestError),
			})
		}
		after = page[len(page)-1].Position
	}
}

func (m *Module) handleAnalysisPlot(w http.ResponseWriter, r *http.Request) {
	_, result, err := m.rawAnalysis(r)
	var svg []byte
	if err == nil {
		svg, err = plot(result, chi.URLParam(r, "plot"))
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	m.send(w, r, svg)
}

// plot draws what a plot's name asks for.
func plot(result analysisResult, name string) ([]byte, error) {
	missing := problem.NotFoundf("There is no such plot in this analysis.")
	var svg bytes.Buffer
	if name == "test-information.svg" {
		if result.Model == nil || len(result.Model.Curve) == 0 {
			return nil, missing
		}
		err := itemanalysis.WriteTestInformationSVG(&svg, result.Model)
		return svg.Bytes(), err
	}
	if item, ok := strings.CutSuffix(name, "-curve.svg"); ok && result.Model != nil {
		for i := range result.Model.Items {
			if it := result.Model.Items[i]; it.ItemID == item {
				err := itemanalysis.WriteItemCurveSVG(&svg, it)
				return svg.Bytes(), err
			}
		}
	}
	if item, ok := strings.CutSuffix(name, "-options.svg"); ok {
		for i := range result.Classical.Items {
			if it := result.Classical.Items[i]; it.ItemID == item && len(it.Options) > 0 {
				err := itemanalysis.WriteDistractorSVG(&svg, it)
				return svg.Bytes(), err
			}
		}
	}
	return nil, missing
}

func (m *Module) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if _, err := w.Write(body); err != nil {
		m.log.DebugContext(r.Context(), "a download broke off", "error", err)
	}
}
