package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"gocloud.dev/gcerrors"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/formats"
	"github.com/lyceum-lms/platform/internal/markup"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	// importQueue is apart from the graders': an import takes minutes.
	importQueue   = "imports"
	importTries   = 5
	importTimeout = 6 * time.Hour
	// importHeartbeat is how often who is at an import says so, and notices that
	// it was cancelled.
	importHeartbeat = 2 * time.Second
	// importSilence is how long nobody may be heard of before another goes on.
	importSilence = 30 * time.Second
)

// importArgs is the job that reads an import, or brings it.
type importArgs struct {
	ImportID uuid.UUID `json:"import_id"`
}

// Kind implements river.JobArgs.
func (importArgs) Kind() string { return "assessment.import_items" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (importArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: importQueue, MaxAttempts: importTries}
}

type importWorker struct {
	river.WorkerDefaults[importArgs]
	module *Module
}

// Timeout implements river.Worker.
func (*importWorker) Timeout(*river.Job[importArgs]) time.Duration { return importTimeout }

// Work implements river.Worker.
func (w *importWorker) Work(ctx context.Context, job *river.Job[importArgs]) error {
	return w.module.runImport(ctx, job.Args.ImportID, job.Attempt >= job.MaxAttempts, nil)
}

// importProgress is told how far a reading is: questions, and bytes of all.
type importProgress func(questions int, read, bytes int64)

// runImport does the next reading of an import: the first, or the one that brings
// it. It may be called again after it was broken off at any point, and goes on
// where that was; of several at once one gets ahead and the others give up. last
// says that there will be no further try.
func (m *Module) runImport(ctx context.Context, id uuid.UUID, last bool, progress importProgress) error {
	begun, err := queryImports(ctx, m.db.Pool, `
		update assessment.item_imports set touched_at = now(),
			status = case status when 'queued' then 'reading' when 'confirmed' then 'applying' else status end
		where import_id = $1 and status in ('queued', 'reading', 'confirmed', 'applying') returning `+importColumns, id)
	if err != nil {
		return fmt.Errorf("begin import %s: %w", id, err)
	}
	if len(begun) == 0 {
		return nil // it has ended
	}
	err = m.readImport(ctx, begun[0], progress)
	if err == nil || errors.Is(err, errImportEnded) {
		return nil
	}
	refused := importRefusal(err)
	if refused == nil && !last {
		return fmt.Errorf("run import %s: %w", id, err)
	}
	if failErr := m.failImport(ctx, begun[0], refused); failErr != nil {
		return failErr
	}
	if refused == nil {
		return fmt.Errorf("run import %s: %w", id, err)
	}
	return nil
}

// importRefusal is what people can be told of an error that no retry can cure, or
// nil.
func importRefusal(err error) *problem.Problem {
	var refused *itemfile.RefusedError
	switch {
	case errors.As(err, &refused):
		return problem.New(problem.Invalid, "file-refused", "%s.", strings.TrimSuffix(refused.Error(), "."))
	case gcerrors.Code(err) == gcerrors.NotFound:
		return problem.New(problem.Gone, "upload-gone", "The uploaded file is no longer kept. Upload it again.")
	}
	var known *problem.Problem
	if errors.As(err, &known) {
		return known
	}
	return nil
}

// failImport ends an import with what people may know of the cause; nil means
// that the fault is ours.
func (m *Module) failImport(ctx context.Context, im itemImport, cause *problem.Problem) error {
	if cause == nil {
		cause = problem.New(problem.Internal, "internal", "Something went wrong on our side.")
	}
	// The job's own time may be what ran out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := m.db.Pool.Exec(ctx, `
		update assessment.item_imports set status = 'failed', finished_at = now(), reason = $2, detail = $3
		where import_id = $1 and status in ('reading', 'applying')`, im.ImportID, cause.Reason, cause.Detail)
	if err != nil {
		return fmt.Errorf("fail import %s: %w", im.ImportID, err)
	}
	m.files.Delete(ctx, im.BlobKey)
	return nil
}

// readImport reads the upload once, from its beginning, and deals with what no
// reading before it has dealt with.
func (m *Module) readImport(ctx context.Context, im itemImport, progress importProgress) error {
	file, err := m.fetchUpload(ctx, im)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }() // it is a copy
	data := &countedFile{file: file}
	ctx, stop := m.keepTouched(ctx, im, data, progress)
	defer stop()
	src := itemfile.Source{Name: im.FileName, Data: data, Size: im.Bytes}
	format, questions, err := formats.Open(ctx, src)
	if err != nil {
		return endOf(ctx, err)
	}
	run := newImportRun(m, im, src.Name, format)
	err = run.read(ctx, questions)
	if err == nil {
		err = run.finish(ctx)
	}
	return endOf(ctx, err)
}

// endOf tells an import that has been cancelled from one that was broken off.
func endOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errImportEnded) {
		return errImportEnded
	}
	return err
}

// fetchUpload copies the upload to a file of its own, since readers want to read
// it at any place.
func (m *Module) fetchUpload(ctx context.Context, im itemImport) (*os.File, error) {
	blob, err := m.files.Open(ctx, im.BlobKey)
	if err != nil {
		return nil, err
	}
	defer func() { _ = blob.Close() }()
	file, err := os.CreateTemp("", "lyceum-import-*")
	if err != nil {
		return nil, fmt.Errorf("make a copy of the upload: %w", err)
	}
	if _, err := io.Copy(file, blob); err != nil {
		return nil, errors.Join(fmt.Errorf("copy the upload: %w", err), file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// countedFile knows how much was read of it.
type countedFile struct {
	file io.ReaderAt
	read atomic.Int64
}

// ReadAt implements io.ReaderAt.
func (c *countedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.file.ReadAt(p, off)
	c.read.Add(int64(n))
	return n, err
}

// keepTouched says that somebody is at the import until stop is called. Its
// context ends when the import was cancelled meanwhile.
func (m *Module) keepTouched(ctx context.Context, im itemImport, data *countedFile, progress importProgress) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(importHeartbeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			read := min(data.read.Load(), im.Bytes) // parts are read more than once
			var position int
			err := m.db.Pool.QueryRow(ctx, `update assessment.item_imports set touched_at = now(), read_bytes = $2
				where import_id = $1 and status in ('reading', 'applying') returning position`, im.ImportID, read).Scan(&position)
			if errors.Is(err, pgx.ErrNoRows) {
				cancel(errImportEnded)
			} else if err == nil && progress != nil {
				progress(position, read, im.Bytes)
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		done.Wait()
	}
}

// resumeImports lets somebody go on with the imports that nobody is at: their
// process has died, and its job would only be missed after its timeout.
func (m *Module) resumeImports(ctx context.Context) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update assessment.item_imports set touched_at = now()
			where import_id in (
				select import_id from assessment.item_imports
				where status in ('reading', 'applying') and touched_at < now() - $1::interval
				limit 10 for update skip locked)
			returning import_id`, importSilence)
		if err != nil {
			return fmt.Errorf("look for imports that nobody is at: %w", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("look for imports that nobody is at: %w", err)
		}
		for _, id := range ids {
			if err := m.queueImport(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// importRun is one reading of an import.
type importRun struct {
	m       *Module
	im      itemImport
	bank    bank
	tally   *itemfile.Tally
	folders *folderMaker
	prefix  []string // path of the folder below which the file's folders are
	batch   importBatch
	passed  int    // questions that were passed by, dealt with or not
	stopped string // why the file could not be read to its end
}

func newImportRun(m *Module, im itemImport, source string, format itemfile.Detected) *importRun {
	r := &importRun{
		m: m, im: im, bank: bank{BankID: im.BankID, OrganisationID: im.OrganisationID, Role: bankAuthor}, folders: newFolderMaker(im.BankID),
	}
	if im.Manages {
		r.bank.Role = bankManager
	}
	r.im.Format = format.Name
	r.tally = itemfile.NewTally(source, format, r.keepLine)
	return r
}

func (r *importRun) applying() bool { return r.im.Status == importApplying }

// keepLine takes a line for the batch, unless an earlier reading has kept it.
func (r *importRun) keepLine(line itemfile.Line) {
	if r.passed > r.im.Position {
		r.batch.lines = append(r.batch.lines, line)
	}
}

// read passes all questions by.
func (r *importRun) read(ctx context.Context, questions itemfile.Questions) error {
	if r.applying() && r.im.FolderID != nil {
		f, err := folderOf(ctx, r.m.db.Pool, r.im.BankID, *r.im.FolderID)
		if err != nil {
			return err
		}
		r.prefix = f.Path
	}
	for found, err := range questions {
		var refused *itemfile.RefusedError
		if errors.As(err, &refused) && r.passed > 0 {
			r.stopped = markup.Shorten(refused.Error(), 500)
			r.tally.Stop(err)
			break
		}
		if err != nil {
			return err
		}
		if err := r.pass(ctx, found); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// pass deals with one question.
func (r *importRun) pass(ctx context.Context, found itemfile.Found) error {
	done := r.passed < r.im.Position
	if done && r.applying() {
		r.passed++
		return nil
	}
	item := prepareFound(r.m.cleaner, found, len(r.prefix))
	if !done && r.batch.full(item) {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.passed++
	if !r.applying() {
		r.tally.Add(item.Found) // which hands its lines to keepLine
	}
	if !done {
		r.batch.add(item)
	}
	return nil
}

// finish ends the reading.
func (r *importRun) finish(ctx context.Context) error {
	if r.applying() {
		return r.finishApplying(ctx)
	}
	report := r.tally.Report()
	report.Lines, report.Omitted = nil, nil // they are kept one by one
	text, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	ended, err := r.m.db.Pool.Exec(ctx, `
		update assessment.item_imports set status = 'read', format = $2, report = $3, stopped = $4, read_bytes = bytes, touched_at = now()
		where import_id = $1 and status = 'reading' and position = $5`, r.im.ImportID, r.im.Format, text, r.stopped, r.im.Position)
	if err != nil {
		return fmt.Errorf("finish the reading of import %s: %w", r.im.ImportID, err)
	}
	if ended.RowsAffected() == 0 {
		return errImportEnded
	}
	return nil
}

func (r *importRun) finishApplying(ctx context.Context) error {
	ended, err := r.m.db.Pool.Exec(ctx, `
		update assessment.item_imports set status = 'done', read_bytes = bytes, finished_at = now(), touched_at = now()
		where import_id = $1 and status = 'applying' and position = $2`, r.im.ImportID, r.im.Position)
	if err != nil {
		return fmt.Errorf("finish import %s: %w", r.im.ImportID, err)
	}
	if ended.RowsAffected() == 0 {
		return errImportEnded
	}
	r.m.files.Delete(ctx, r.im.BlobKey)
	return nil
}
