package assessment

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

// maxHandedIn is how many files an attempt has, those that were taken back
// included.
const maxHandedIn = 500

// handedInPrefix is where learners' files are in the blob store.
const handedInPrefix = "handed-in/"

// handedInFile is a file that a learner has uploaded for a part of an item.
type handedInFile struct {
	FileID     uuid.UUID
	AttemptID  uuid.UUID
	ItemID     uuid.UUID
	PartID     string
	Name       string
	Bytes      int64
	UploadedAt time.Time
}

const fileColumns = `file_id, attempt_id, item_id, part_id, name, bytes, uploaded_at`

func fileKey(id uuid.UUID) string { return handedInPrefix + id.String() }

// uploadRules are what a part takes, once it takes files at all.
func (m *Module) uploadRules(ctx context.Context, caller auth.Principal, attemptID, itemID uuid.UUID, partID string) (event.UploadV1, error) {
	f, err := m.ownFacts(ctx, caller, attemptID)
	if err != nil {
		return event.UploadV1{}, err
	}
	p, err := m.papers.get(ctx, f.assessment, f.version)
	if err != nil {
		return event.UploadV1{}, err
	}
	it, ok := p.item(itemID)
	if !ok {
		return event.UploadV1{}, errNoItem()
	}
	for _, part := range it.View(0).Parts {
		if part.PartID != partID {
			continue
		}
		rules := event.UploadV1{}
		switch {
		case part.Kind == event.FileUpload && part.Upload != nil:
			rules = *part.Upload
		case part.Kind == event.FileUpload, part.Kind == event.Essay && part.Essay != nil && part.Essay.Attachments > 0:
		default:
			return rules, problem.InvalidField("query.part_id", "the part takes no files")
		}
		if rules.MaxBytes <= 0 || rules.MaxBytes > m.config.MaxHandedInBytes {
			rules.MaxBytes = m.config.MaxHandedInBytes
		}
		return rules, nil
	}
	return event.UploadV1{}, problem.InvalidField("query.part_id", "the item has no such part")
}

// takes reports whether a file may be handed in by its name, which is all that is
// known of its kind.
func takes(rules event.UploadV1, name string) bool {
	if len(rules.MediaTypes) == 0 {
		return true
	}
	ending := strings.ToLower(path.Ext(name))
	mediaType, _ := mediastore.MediaType(name)
	mediaType, _, _ = strings.Cut(mediaType, ";")
	if known, _, err := mime.ParseMediaType(mime.TypeByExtension(ending)); err == nil && mediaType == "application/octet-stream" {
		mediaType = known
	}
	for _, wanted := range rules.MediaTypes {
		wanted = strings.ToLower(wanted)
		family, isFamily := strings.CutSuffix(wanted, "/*")
		switch {
		case strings.HasPrefix(wanted, ".") && strings.HasSuffix(strings.ToLower(name), wanted),
			wanted == mediaType, isFamily && (family == "*" || strings.HasPrefix(mediaType, family+"/")):
			return true
		}
	}
	return false
}

// handIn keeps a file of the caller's for a part of an item of their attempt,
// which must be in progress when the file has arrived.
func (m *Module) handIn(ctx context.Context, caller auth.Principal, f handedInFile, file *upload.File, rules event.UploadV1) (handedInFile, error) {
	f.Name = file.Name
	if !takes(rules, f.Name) {
		return f, problem.New(problem.Invalid, "file-type", "The part takes files of the types %s.", strings.Join(rules.MediaTypes, ", "))
	}
	var err error
	if f.FileID, err = uuid.NewV7(); err != nil {
		return f, fmt.Errorf("make a file id: %w", err)
	}
	if err := m.files.Write(ctx, fileKey(f.FileID), "application/octet-stream", file, file.Check); err != nil {
		return f, file.Fault(err)
	}
	f.Bytes = file.Bytes()
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return insertFile(ctx, tx, caller, &f) })
	if err != nil {
		m.files.Delete(ctx, fileKey(f.FileID))
	}
	return f, err
}

// insertFile records a file of an attempt that is in progress. A submission at the
// same time waits, or the file is late.
func insertFile(ctx context.Context, tx pgx.Tx, caller auth.Principal, f *handedInFile) error {
	var open bool
	err := tx.QueryRow(ctx, `
		select status = 'in_progress' and coalesce(deadline_at > clock_timestamp(), true)
		from assessment.attempts where attempt_id = $1 and learner_id = $2 for share`, f.AttemptID, caller.AccountID).Scan(&open)
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoAttempt()
	}
	if err != nil {
		return fmt.Errorf("lock attempt %s: %w", f.AttemptID, err)
	}
	if !open {
		return problem.New(problem.Conflict, "attempt-closed", "The attempt is closed and takes no more files.")
	}
	var count int
	if err := tx.QueryRow(ctx, `select count(*) from assessment.attempt_files where attempt_id = $1`, f.AttemptID).Scan(&count); err != nil {
		return fmt.Errorf("count the files of attempt %s: %w", f.AttemptID, err)
	}
	if count >= maxHandedIn {
		return problem.New(problem.Conflict, "too-many-files", "An attempt has at most %d files, those taken back included.", maxHandedIn)
	}
	err = tx.QueryRow(ctx, `insert into assessment.attempt_files (file_id, attempt_id, item_id, part_id, name, bytes)
		values ($1, $2, $3, $4, $5, $6) returning uploaded_at`, f.FileID, f.AttemptID, f.ItemID, f.PartID, f.Name, f.Bytes).Scan(&f.UploadedAt)
	if err != nil {
		return fmt.Errorf("record a file of attempt %s: %w", f.AttemptID, err)
	}
	return nil
}

// handedIn are the files of an attempt that the caller may read.
func (m *Module) handedIn(ctx context.Context, caller auth.Principal, attemptID uuid.UUID) ([]handedInFile, error) {
	if _, _, err := m.visibleAttempt(ctx, caller, attemptID); err != nil {
		return nil, err
	}
	return queryFiles(ctx, m.db.Pool, `select `+fileColumns+` from assessment.attempt_files where attempt_id = $1 order by file_id`, attemptID)
}

func queryFiles(ctx context.Context, q querier, sql string, args ...any) ([]handedInFile, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load the files of an attempt: %w", err)
	}
	files, err := pgx.CollectRows(rows, pgx.RowToStructByName[handedInFile])
	if err != nil {
		return nil, fmt.Errorf("load the files of an attempt: %w", err)
	}
	return files, nil
}

// handedInFile is one file of an attempt that the caller may read.
func (m *Module) handedInFile(ctx context.Context, caller auth.Principal, attemptID, fileID uuid.UUID) (handedInFile, error) {
	if _, _, err := m.visibleAttempt(ctx, caller, attemptID); err != nil {
		return handedInFile{}, err
	}
	found, err := queryFiles(ctx, m.db.Pool, `select `+fileColumns+` from assessment.attempt_files where attempt_id = $1 and file_id = $2`, attemptID, fileID)
	if err == nil && len(found) == 0 {
		err = problem.NotFoundf("There is no such file in this attempt.")
	}
	if err != nil {
		return handedInFile{}, err
	}
	return found[0], nil
}

// checkHandedIn refuses a response that names files which were not handed in for
// its parts.
func (m *Module) checkHandedIn(ctx context.Context, attemptID, itemID uuid.UUID, response scoring.Response) error {
	named := 0
	for _, part := range response {
		named += len(part.Files)
	}
	if named == 0 {
		return nil
	}
	files, err := queryFiles(ctx, m.db.Pool, `select `+fileColumns+` from assessment.attempt_files where attempt_id = $1 and item_id = $2`, attemptID, itemID)
	if err != nil {
		return err
	}
	parts := make(map[string]string, len(files))
	for _, f := range files {
		parts[f.FileID.String()] = f.PartID
	}
	var refused scoring.ResponseError
	for partID, part := range response {
		for i, f := range part.Files {
			if parts[f.FileID] != partID {
				refused.Fields = append(refused.Fields, scoring.FieldError{
					Location: partID + ".files[" + strconv.Itoa(i) + "].file_id", Message: "there is no such file for this part: upload it first",
				})
			}
		}
	}
	if len(refused.Fields) > 0 {
		return &refused
	}
	return nil
}

// eraseFiles removes what somebody has handed in. The content goes once the
// transaction is there.
func (m *Module) eraseFiles(ctx context.Context, tx pgx.Tx, learner uuid.UUID) error {
	rows, err := tx.Query(ctx, `
		delete from assessment.attempt_files f using assessment.attempts t
		where t.learner_id = $1 and t.status <> 'submitted' and f.attempt_id = t.attempt_id returning f.file_id`, learner)
	if err != nil {
		return fmt.Errorf("erase the files of account %s: %w", learner, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("erase the files of account %s: %w", learner, err)
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := m.jobs.InsertTx(ctx, tx, eraseFilesArgs{Files: ids}, nil); err != nil {
		return fmt.Errorf("enqueue the erasure of %d files: %w", len(ids), err)
	}
	return nil
}

// eraseFilesArgs ask for files to be removed from the blob store.
type eraseFilesArgs struct {
	Files []uuid.UUID `json:"files"`
}

// Kind implements river.JobArgs.
func (eraseFilesArgs) Kind() string { return "assessment.erase_files" }

type eraseFilesWorker struct {
	river.WorkerDefaults[eraseFilesArgs]
	module *Module
}

// Work implements river.Worker.
func (w *eraseFilesWorker) Work(ctx context.Context, job *river.Job[eraseFilesArgs]) error {
	for _, id := range job.Args.Files {
		if err := w.module.files.Remove(ctx, fileKey(id)); err != nil {
			return err
		}
	}
	return nil
}

// Timeout implements river.Worker.
func (w *eraseFilesWorker) Timeout(*river.Job[eraseFilesArgs]) time.Duration { return 5 * time.Minute }
