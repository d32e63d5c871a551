package assessment

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

// fileRoutes is the route table of the files that learners hand in.
func (m *Module) fileRoutes(r *httpserver.Router) {
	const files = "/v1/attempts/{attempt_id}/files"
	httpserver.Raw(r, httpserver.Route{
		Method: http.MethodPost, Path: files, ID: "hand-in-file", Permission: auth.TakeAssessments, Status: http.StatusCreated, Exam: true,
		MaxBody: m.config.MaxHandedInBytes + upload.FormOverhead, Summary: "Upload a file for a part of an item of an attempt in progress",
		Description: "item_id and part_id name the part. The body is the file itself, named by Content-Disposition, or a form with it as its " +
			"first file (multipart/form-data). It counts once a response names its file_id.",
		Problems: []int{404, 409, 413, 422},
	}, m.handleHandIn)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: files, ID: "list-attempt-files", Permission: auth.TakeAssessments,
		Summary:     "List the files that were uploaded for an attempt",
		Description: "For its learner and for the staff of the course.", Problems: []int{404},
	}, m.handleListFiles)
	httpserver.Raw(r, httpserver.Route{
		Method: http.MethodGet, Path: files + "/{file_id}", ID: "download-attempt-file", Permission: auth.TakeAssessments,
		Summary: "Download a file that was uploaded for an attempt", Problems: []int{404},
	}, m.handleDownloadFile)
}

type handedInBody struct {
	FileID     uuid.UUID `json:"file_id" format:"uuid"`
	ItemID     uuid.UUID `json:"item_id" format:"uuid"`
	PartID     string    `json:"part_id"`
	Name       string    `json:"name"`
	Bytes      int64     `json:"bytes"`
	UploadedAt time.Time `json:"uploaded_at"`
}

func newHandedInBody(f handedInFile) handedInBody {
	return handedInBody{FileID: f.FileID, ItemID: f.ItemID, PartID: f.PartID, Name: f.Name, Bytes: f.Bytes, UploadedAt: f.UploadedAt.UTC()}
}

func (m *Module) handleHandIn(w http.ResponseWriter, r *http.Request) {
	f, err := m.handedInBy(r)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, newHandedInBody(f))
}

func (m *Module) handedInBy(r *http.Request) (handedInFile, error) {
	ctx, caller := r.Context(), auth.Caller(r.Context())
	f := handedInFile{PartID: r.URL.Query().Get("part_id")}
	var err error
	if f.AttemptID, err = pathID(r, "attempt_id"); err != nil {
		return f, err
	}
	item, err := optionalID("query.item_id", r.URL.Query().Get("item_id"))
	if err != nil {
		return f, err
	}
	if item == nil {
		if _, err := m.ownFacts(ctx, caller, f.AttemptID); err != nil {
			return f, err
		}
		return f, problem.InvalidField("query.item_id", "say for which item and part_id the file is")
	}
	f.ItemID = *item
	// The rules come first: what is too large for the part is not read.
	rules, err := m.uploadRules(ctx, caller, f.AttemptID, f.ItemID, f.PartID)
	if err != nil {
		return f, err
	}
	file, err := upload.Of(r, upload.Options{Name: "file", Limit: rules.MaxBytes})
	if err != nil {
		return f, err
	}
	return m.handIn(ctx, caller, f, file, rules)
}

type listFilesOutput struct {
	Body struct {
		Items []handedInBody `json:"items" nullable:"false"`
	}
}

func (m *Module) handleListFiles(ctx context.Context, in *attemptInput) (*listFilesOutput, error) {
	files, err := m.handedIn(ctx, auth.Caller(ctx), in.AttemptID)
	if err != nil {
		return nil, err
	}
	out := &listFilesOutput{}
	out.Body.Items = make([]handedInBody, 0, len(files))
	for _, f := range files {
		out.Body.Items = append(out.Body.Items, newHandedInBody(f))
	}
	return out, nil
}

func (m *Module) handleDownloadFile(w http.ResponseWriter, r *http.Request) {
	attempt, err := pathID(r, "attempt_id")
	var id uuid.UUID
	if err == nil {
		id, err = pathID(r, "file_id")
	}
	var f handedInFile
	if err == nil {
		f, err = m.handedInFile(r.Context(), auth.Caller(r.Context()), attempt, id)
	}
	if err == nil {
		err = m.files.Download(w, r, fileKey(f.FileID), f.Name)
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
	}
}
