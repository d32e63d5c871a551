package assessment

import (
	"io"
	"net/http"
	"slices"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/problem"
)

// exportOf reads a request for an export.
func (m *Module) exportOf(r *http.Request) (*export, error) {
	bankID, err := pathID(r, "bank_id")
	if err != nil {
		return nil, err
	}
	// Before anything is said about the rest: who does not know of the bank is told
	// that there is none.
	if _, err := bankFor(r.Context(), m.db.Pool, auth.Caller(r.Context()), bankID, bankReader); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	format := exportFormat(q.Get("format"))
	if format != exportQTI && format != exportMoodle {
		return nil, problem.InvalidField("query.format", `it must be "qti-3.0" or "moodle-xml"`)
	}
	if status := q.Get("status"); status != "" && !slices.Contains([]itemStatus{itemDraft, itemReview, itemLive, itemRetired}, itemStatus(status)) {
		return nil, problem.InvalidField("query.status", "there is no such status")
	}
	f, err := FilterQuery{
		Query: q.Get("q"), Identity: q.Get("identity"), Tags: q["tag"], Folder: q.Get("folder"), Subfolders: q.Get("subfolders") != "false",
		Status: q.Get("status"), Kind: q.Get("kind"), Easiest: q.Get("difficulty_from"), Hardest: q.Get("difficulty_to"),
	}.filter()
	if err != nil {
		return nil, err
	}
	return m.exportItems(r.Context(), auth.Caller(r.Context()), bankID, format, f)
}

// handleExport streams the items.
func (m *Module) handleExport(w http.ResponseWriter, r *http.Request) {
	x, err := m.exportOf(r)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	mediaType, ending := "application/zip", ".zip"
	if x.format == exportMoodle {
		mediaType, ending = "application/xml", ".xml"
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Disposition", mediastore.Disposition(x.bank.Title+ending, false))
	if _, err := x.write(r.Context(), w); err != nil {
		m.log.WarnContext(r.Context(), "an export of items broke off", "bank_id", x.bank.BankID, "error", err)
		panic(http.ErrAbortHandler) // a client must not take a part for the whole
	}
}

// exportReportBody says what an export would lose.
type exportReportBody struct {
	Items int             `json:"items"` // that are in the export
	Lines []itemfile.Line `json:"lines"`
}

// handleExportReport writes the export to nobody. That may take longer than a
// request usually may.
func (m *Module) handleExportReport(w http.ResponseWriter, r *http.Request) {
	x, err := m.exportOf(r)
	report := exportReportBody{Lines: []itemfile.Line{}}
	if err == nil {
		var lines []itemfile.Line
		lines, err = x.write(r.Context(), io.Discard)
		report.Lines, report.Items = append(report.Lines, lines...), x.items
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, report)
}
