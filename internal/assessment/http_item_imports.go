package assessment

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

type itemImportBody struct {
	ImportID    uuid.UUID         `json:"import_id" format:"uuid"`
	BankID      uuid.UUID         `json:"bank_id" format:"uuid"`
	RequestedBy *uuid.UUID        `json:"requested_by,omitempty" format:"uuid"`
	FileName    string            `json:"file_name"`
	Bytes       int64             `json:"bytes"`
	Format      string            `json:"format,omitempty" doc:"As it was found out"`
	Status      string            `json:"status" enum:"queued,reading,read,confirmed,applying,done,failed,cancelled" doc:"read waits for its confirmation"`
	Progress    *itemProgressBody `json:"progress,omitempty" doc:"While it is read, for the first time or to be brought"`
	Found       itemFoundBody     `json:"found" doc:"What the file holds, as far as it was read, and what it would bring"`
	Stopped     string            `json:"stopped,omitempty" doc:"Why the file could not be read to its end"`
	Brought     *itemBroughtBody  `json:"brought,omitempty" doc:"What has come into the bank since it was confirmed; it stays when the import is cancelled"`
	Failure     *importFailure    `json:"failure,omitempty" doc:"When failed"`
	RequestedAt time.Time         `json:"requested_at"`
	FinishedAt  *time.Time        `json:"finished_at,omitempty"`
	Report      *itemfile.Report  `json:"report,omitempty" doc:"Once it is read; its lines are at /lines. Not in lists"`
}

type itemProgressBody struct {
	Questions int   `json:"questions" doc:"That were dealt with"`
	Of        int   `json:"of,omitempty" doc:"All, once they were counted"`
	ReadBytes int64 `json:"read_bytes"`
	Bytes     int64 `json:"bytes"`
}

type itemFoundBody struct {
	Questions    int `json:"questions"`
	New          int `json:"new"`
	Changed      int `json:"changed" doc:"Items of the bank that would have a new version"`
	Unchanged    int `json:"unchanged"`
	Skipped      int `json:"skipped" doc:"Questions that do not arrive"`
	Lines        int `json:"lines" doc:"Of the report"`
	OmittedLines int `json:"omitted_lines,omitempty" doc:"Beyond those that are kept"`
}

type itemBroughtBody struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
}

type importFailure struct {
	Reason string `json:"reason" doc:"Stable, for machines"`
	Detail string `json:"detail"`
}

func newItemImportBody(im itemImport) itemImportBody {
	b := itemImportBody{
		ImportID: im.ImportID, BankID: im.BankID, RequestedBy: im.RequestedBy, FileName: im.FileName, Bytes: im.Bytes, Format: im.Format,
		Status: string(im.Status), Stopped: im.Stopped, RequestedAt: im.RequestedAt.UTC(), FinishedAt: utc(im.FinishedAt),
		Found: itemFoundBody{
			Questions: im.Questions, New: im.NewItems, Changed: im.ChangedItems, Unchanged: im.SameItems, Skipped: im.SkippedItems,
			Lines: im.Lines, OmittedLines: im.OmittedLines,
		},
	}
	confirmed := im.Status == importConfirmed || im.Status == importApplying || im.Created+im.Updated+im.Unchanged > 0 || im.Status == importDone
	if confirmed {
		b.Brought = &itemBroughtBody{Created: im.Created, Updated: im.Updated, Unchanged: im.Unchanged}
	}
	if im.Status == importReading || im.Status == importApplying {
		b.Progress = &itemProgressBody{Questions: im.Position, ReadBytes: im.ReadBytes, Bytes: im.Bytes}
		if im.Status == importApplying {
			b.Progress.Of = im.Questions
		}
	}
	if im.Reason != "" {
		b.Failure = &importFailure{Reason: im.Reason, Detail: im.Detail}
	}
	return b
}

// ImportPath names an import of items.
type ImportPath struct {
	ImportID uuid.UUID `path:"item_import_id" format:"uuid"`
}

type itemImportOutput struct {
	Body itemImportBody
}

func (m *Module) handleRequestImport(w http.ResponseWriter, r *http.Request) {
	im, err := m.importOf(r)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/item-imports/"+im.ImportID.String())
	writeJSON(w, http.StatusAccepted, newItemImportBody(im))
}

func (m *Module) importOf(r *http.Request) (itemImport, error) {
	bankID, err := pathID(r, "bank_id")
	if err != nil {
		return itemImport{}, err
	}
	file, err := upload.Of(r, upload.Options{Name: "items", Limit: m.config.MaxImportBytes})
	if err != nil {
		return itemImport{}, err
	}
	return m.requestImport(r.Context(), auth.Caller(r.Context()), bankID, file)
}

type listImportsOutput struct {
	Body httpserver.List[itemImportBody]
}

func (m *Module) handleListImports(ctx context.Context, in *struct {
	BankPath
	httpserver.Page
}) (*listImportsOutput, error) {
	before := uuid.Max
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	imports, err := m.listImports(ctx, auth.Caller(ctx), in.BankID, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listImportsOutput{Body: pageOf(imports, in.Limit, newItemImportBody, func(im itemImport) any { return im.ImportID })}, nil
}

func (m *Module) handleGetImport(ctx context.Context, in *ImportPath) (*itemImportOutput, error) {
	im, _, err := importFor(ctx, m.db.Pool, auth.Caller(ctx), in.ImportID, bankAuthor)
	if err != nil {
		return nil, err
	}
	out := &itemImportOutput{Body: newItemImportBody(im)}
	out.Body.Report, err = importReport(ctx, m.db.Pool, in.ImportID)
	return out, err
}

type importLineBody struct {
	Number int `json:"number"`
	itemfile.Line
}

type listLinesOutput struct {
	Body httpserver.List[importLineBody]
}

func (m *Module) handleListLines(ctx context.Context, in *struct {
	ImportPath
	httpserver.Page
	Severity string `query:"severity" enum:"info,simplified,skipped,missing"`
}) (*listLinesOutput, error) {
	var after int32
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	if _, _, err := importFor(ctx, m.db.Pool, auth.Caller(ctx), in.ImportID, bankAuthor); err != nil {
		return nil, err
	}
	lines, err := importLines(ctx, m.db.Pool, in.ImportID, itemfile.Severity(in.Severity), int(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listLinesOutput{Body: pageOf(lines, in.Limit,
		func(l importLine) importLineBody { return importLineBody{Number: l.Seq, Line: l.line()} },
		func(l importLine) any { return l.Seq })}, nil
}

// linesPage is how many lines are read at once for a report as text.
const linesPage = 1000

// handleImportText streams the report as text: what it says as a whole, then each
// line.
func (m *Module) handleImportText(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	id, err := pathID(r, "item_import_id")
	var im itemImport
	if err == nil {
		im, _, err = importFor(ctx, m.db.Pool, auth.Caller(ctx), id, bankAuthor)
	}
	var report *itemfile.Report
	if err == nil {
		report, err = importReport(ctx, m.db.Pool, id)
	}
	if err == nil && report == nil {
		err = problem.NotFoundf("The import has no report yet.")
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := bufio.NewWriter(w)
	writeImportSummary(out, im, *report)
	for after := 0; ; {
		lines, err := importLines(ctx, m.db.Pool, id, "", after, linesPage)
		for _, l := range lines {
			fmt.Fprintln(out, lineText(l.line()))
			after = l.Seq
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			m.log.WarnContext(ctx, "the download of a report broke off", "import_id", id, "error", err)
			panic(http.ErrAbortHandler) // a client must not take a part for the whole
		}
		if len(lines) < linesPage {
			return
		}
	}
}

// writeImportSummary is the report without its lines.
func writeImportSummary(out *bufio.Writer, im itemImport, report itemfile.Report) {
	fmt.Fprint(out, report.Text())
	fmt.Fprintf(out, "\nInto the bank: %d new, %d new versions of items it has, %d unchanged.\n", im.NewItems, im.ChangedItems, im.SameItems)
	if im.Created+im.Updated+im.Unchanged > 0 || im.Status == importDone {
		fmt.Fprintf(out, "Brought so far: %d new, %d new versions, %d unchanged. The import is %s.\n", im.Created, im.Updated, im.Unchanged, im.Status)
	}
	fmt.Fprintf(out, "\nAll lines (%d)\n", im.Lines)
	if im.OmittedLines > 0 {
		fmt.Fprintf(out, "and %d more that are not kept\n", im.OmittedLines)
	}
}

// lineText is a line of a report on one line.
func lineText(l itemfile.Line) string {
	text := string(l.Severity)
	if at := l.Place.String(); at != "" {
		text += "  " + at
	}
	text += "  " + l.What
	if l.Why != "" {
		text += ": " + l.Why
	}
	return text
}

func (m *Module) handleConfirmImport(ctx context.Context, in *struct {
	ImportPath
	Body *struct {
		Status   string     `json:"status,omitempty" enum:"draft,review,live" default:"draft" doc:"Of new items; live needs the role of a manager"`
		FolderID *uuid.UUID `json:"folder_id,omitempty" format:"uuid" doc:"The folder below which the file's folders are made; none: the root"`
		Tags     []string   `json:"tags,omitempty" maxItems:"50" nullable:"false" doc:"For new items, beside their own"`
		Partial  bool       `json:"partial,omitempty" doc:"Also if the file could not be read to its end"`
	}
}) (*itemImportOutput, error) {
	c := confirmation{Status: itemDraft}
	if in.Body != nil {
		c.Folder, c.Tags, c.Partial = in.Body.FolderID, in.Body.Tags, in.Body.Partial
		if in.Body.Status != "" {
			c.Status = itemStatus(in.Body.Status)
		}
	}
	im, err := m.confirmImport(ctx, auth.Caller(ctx), in.ImportID, c)
	if err != nil {
		return nil, err
	}
	return &itemImportOutput{Body: newItemImportBody(im)}, nil
}

func (m *Module) handleCancelImport(ctx context.Context, in *ImportPath) (*itemImportOutput, error) {
	im, err := m.cancelImport(ctx, auth.Caller(ctx), in.ImportID)
	if err != nil {
		return nil, err
	}
	return &itemImportOutput{Body: newItemImportBody(im)}, nil
}
