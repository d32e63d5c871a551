package content

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

type importBody struct {
	ImportID    uuid.UUID       `json:"import_id"`
	RequestedBy uuid.UUID       `json:"requested_by"`
	FileName    string          `json:"file_name"`
	Bytes       int64           `json:"bytes"`
	Status      importStatus    `json:"status" enum:"queued,running,done,failed,cancelled"`
	Progress    *importProgress `json:"progress,omitempty" doc:"while it runs"`
	CourseID    *uuid.UUID      `json:"course_id,omitempty" doc:"when done"`
	Version     *int            `json:"version,omitempty" doc:"when done: the version that learners now read"`
	Unchanged   bool            `json:"unchanged,omitempty" doc:"when done: the course said the same already, no version was made"`
	Failure     *importFailure  `json:"failure,omitempty" doc:"when failed"`
	RequestedAt time.Time       `json:"requested_at"`
	StartedAt   *time.Time      `json:"started_at,omitempty"`
	FinishedAt  *time.Time      `json:"finished_at,omitempty"`
	Report      *olx.Report     `json:"report,omitempty" doc:"not in lists"`
}

type importProgress struct {
	Step  string `json:"step"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

type importFailure struct {
	Reason string `json:"reason" doc:"stable, for machines"`
	Detail string `json:"detail"`
}

func newImportBody(s importState) importBody {
	out := importBody{
		ImportID: s.ImportID, RequestedBy: s.RequestedBy, FileName: s.FileName, Bytes: s.Bytes, Status: s.Status,
		CourseID: s.CourseID, Version: s.Version, Unchanged: s.Unchanged,
		RequestedAt: s.RequestedAt, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt,
	}
	if s.Status == importRunning && s.Step != "" {
		out.Progress = &importProgress{Step: s.Step, Done: s.Done, Total: s.Total}
	}
	if s.Status == importFailed {
		out.Failure = &importFailure{Reason: s.Reason, Detail: s.Detail}
	}
	return out
}

func (m *Module) postImport(w http.ResponseWriter, r *http.Request) {
	export, err := m.uploadOf(r)
	if err == nil {
		var state importState
		if state, err = m.requestImport(r.Context(), auth.Caller(r.Context()), export); err == nil {
			w.Header().Set("Location", "/v1/imports/"+state.ImportID.String())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_ = json.NewEncoder(w).Encode(newImportBody(state)) // the client has gone: nobody to tell
			return
		}
	}
	httpserver.WriteProblem(w, r, err)
}

type importsOutput struct {
	Body httpserver.List[importBody]
}

func (m *Module) getImports(ctx context.Context, in *struct{ httpserver.Page }) (*importsOutput, error) {
	before, err := pageID(in.Page, uuid.Max)
	if err != nil {
		return nil, err
	}
	states, err := m.listImports(ctx, auth.Caller(ctx), in.Limit+1, before)
	if err != nil {
		return nil, err
	}
	rows := make([]importBody, 0, len(states))
	for _, s := range states {
		rows = append(rows, newImportBody(s))
	}
	return &importsOutput{Body: listOf(rows, in.Limit, func(b *importBody) uuid.UUID { return b.ImportID })}, nil
}

type importInput struct {
	ImportID uuid.UUID `path:"import_id" format:"uuid"`
}

type importOutput struct {
	Body importBody
}

func (m *Module) getImport(ctx context.Context, in *importInput) (*importOutput, error) {
	p := auth.Caller(ctx)
	state, err := loadImport(ctx, m.db.Pool, p, in.ImportID)
	if err != nil {
		return nil, err
	}
	out := &importOutput{Body: newImportBody(state)}
	report, err := m.importReport(ctx, p, in.ImportID)
	if err != nil && problem.Of(err).Code != problem.NotFound {
		return nil, err
	}
	out.Body.Report = report
	return out, nil
}

func (m *Module) getImportReportText(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(chi.URLParam(r, "import_id"))
	if err != nil {
		httpserver.WriteProblem(w, r, problem.InvalidField("path.import_id", "it is not a UUID"))
		return
	}
	report, err := m.importReport(r.Context(), auth.Caller(r.Context()), id)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, report.Text()) // the client has gone: nobody to tell
}

func (m *Module) postImportCancel(ctx context.Context, in *importInput) (*importOutput, error) {
	state, err := m.cancelImport(ctx, auth.Caller(ctx), in.ImportID)
	if err != nil {
		return nil, err
	}
	return &importOutput{Body: newImportBody(state)}, nil
}
