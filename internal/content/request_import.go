package content

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

// importStatus is where an import is: queued, running, then one of the others
// for ever.
type importStatus string

const (
	importQueued    importStatus = "queued"
	importRunning   importStatus = "running"
	importDone      importStatus = "done"
	importFailed    importStatus = "failed"
	importCancelled importStatus = "cancelled"
)

// importState is an import as the database has it.
type importState struct {
	ImportID       uuid.UUID    `db:"import_id"`
	OrganisationID uuid.UUID    `db:"organisation_id"`
	RequestedBy    uuid.UUID    `db:"requested_by"`
	AnyCourse      bool         `db:"any_course"`
	FileName       string       `db:"file_name"`
	Bytes          int64        `db:"bytes"`
	BlobKey        string       `db:"blob_key"`
	JobID          *int64       `db:"job_id"`
	Status         importStatus `db:"status"`
	Step           string       `db:"step"`
	Done           int          `db:"done"`
	Total          int          `db:"total"`
	CourseID       *uuid.UUID   `db:"course_id"`
	Version        *int         `db:"version"`
	Unchanged      bool         `db:"unchanged"`
	Reason         string       `db:"reason"`
	Detail         string       `db:"detail"`
	RequestedAt    time.Time    `db:"requested_at"`
	StartedAt      *time.Time   `db:"started_at"`
	FinishedAt     *time.Time   `db:"finished_at"`
}

const importSelect = `
	select import_id, organisation_id, requested_by, any_course, file_name, bytes, blob_key, job_id, status, step,
		done, total, course_id, version, unchanged, reason, detail, requested_at, started_at, finished_at
	from content.imports`

func uploadKey(importID uuid.UUID) string { return uploadPrefix + importID.String() }

// uploadPrefix is where uploads wait in the blob store.
const uploadPrefix = "imports/"

// maxWaiting is how many imports of one account may wait or run at once. Each
// holds a file of up to MaxImportBytes.
const maxWaiting = 10

// checkWaiting refuses another import to who has enough of them. It is no more
// than a guard of the disk: uploads at the same time may exceed it by their
// number.
func (m *Module) checkWaiting(ctx context.Context, p auth.Principal) error {
	var waiting int
	err := m.db.Pool.QueryRow(ctx, `select count(*) from content.imports
		where organisation_id = $1 and requested_by = $2 and status in ('queued', 'running')`, p.OrganisationID, p.AccountID).Scan(&waiting)
	if err != nil {
		return fmt.Errorf("count the imports that wait: %w", err)
	}
	if waiting >= maxWaiting {
		return problem.New(problem.TooMany, "too-many-imports", "You have %d imports that have not ended. Wait for one, or cancel it.", waiting).
			After(time.Minute)
	}
	return nil
}

// requestImport streams an upload to the blob store and queues its import.
func (m *Module) requestImport(ctx context.Context, p auth.Principal, export *upload.File) (importState, error) {
	if err := m.checkWaiting(ctx, p); err != nil {
		return importState{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return importState{}, fmt.Errorf("make an import id: %w", err)
	}
	key := uploadKey(id)
	if err := m.files.Write(ctx, key, "application/gzip", export, export.Check); err != nil {
		return importState{}, export.Fault(err)
	}
	var state importState
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into content.imports (import_id, organisation_id, requested_by, any_course, file_name, bytes, blob_key)
			values ($1, $2, $3, $4, $5, $6, $7)`,
			id, p.OrganisationID, p.AccountID, p.AdministersOrganisation(), export.Name, export.Bytes(), key)
		if err != nil {
			return fmt.Errorf("queue an import: %w", err)
		}
		job, err := m.jobs.InsertTx(ctx, tx, importArgs{ImportID: id}, nil)
		if err != nil {
			return fmt.Errorf("enqueue an import: %w", err)
		}
		if _, err := tx.Exec(ctx, `update content.imports set job_id = $2 where import_id = $1`, id, job.Job.ID); err != nil {
			return fmt.Errorf("queue an import: %w", err)
		}
		state, err = loadImport(ctx, tx, p, id)
		return err
	})
	if err != nil {
		m.files.Delete(ctx, key)
	}
	return state, err
}

// exportTypes are the media types of an export that is sent as a body.
func exportTypes() []string {
	return []string{"application/gzip", "application/x-gzip", "application/x-tar", "application/tar", "application/tar+gzip",
		"application/x-gtar", "application/x-compressed-tar", "application/octet-stream"}
}

// uploadOf finds the export in a request.
func (m *Module) uploadOf(r *http.Request) (*upload.File, error) {
	return upload.Of(r, upload.Options{
		Types: exportTypes(), Name: "course.tar.gz", Limit: m.cfg.MaxImportBytes,
		Otherwise: problem.New(problem.Invalid, "not-an-archive",
			"Send the export as application/gzip, or as a file in multipart/form-data."),
	})
}

// loadImport loads an import of the caller, or of the organisation for its
// administrators.
func loadImport(ctx context.Context, q querier, p auth.Principal, id uuid.UUID) (importState, error) {
	state, found, err := one(ctx, q, pgx.RowToStructByName[importState],
		importSelect+` where import_id = $1 and organisation_id = $2 and ($3 or requested_by = $4)`,
		id, p.OrganisationID, p.AdministersOrganisation(), p.AccountID)
	if err != nil {
		return importState{}, fmt.Errorf("load import %s: %w", id, err)
	}
	if !found {
		return importState{}, problem.NotFoundf("There is no such import.")
	}
	return state, nil
}

// listImports returns one page of the imports that the caller may see, the
// newest first.
func (m *Module) listImports(ctx context.Context, p auth.Principal, limit int, before uuid.UUID) ([]importState, error) {
	page, err := all(ctx, m.db.Pool, pgx.RowToStructByName[importState], importSelect+`
		where organisation_id = $1 and ($2 or requested_by = $3) and import_id < $4
		order by import_id desc limit $5`, p.OrganisationID, p.AdministersOrganisation(), p.AccountID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return page, nil
}

// importReport returns the report of an import that has got one.
func (m *Module) importReport(ctx context.Context, p auth.Principal, id uuid.UUID) (*olx.Report, error) {
	if _, err := loadImport(ctx, m.db.Pool, p, id); err != nil {
		return nil, err
	}
	report, _, err := one(ctx, m.db.Pool, pgx.RowTo[*olx.Report],
		`select report from content.imports where import_id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("load the report of import %s: %w", id, err)
	}
	if report == nil {
		return nil, problem.NotFoundf("The import has no report yet.")
	}
	return report, nil
}

// cancelImport ends an import that has not published yet. Whichever of the
// two commits first, the cancellation or the publication, holds.
func (m *Module) cancelImport(ctx context.Context, p auth.Principal, id uuid.UUID) (importState, error) {
	var state importState
	cancelled := false
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := loadImport(ctx, tx, p, id); err != nil {
			return err
		}
		ended, err := tx.Exec(ctx, `
			update content.imports set status = 'cancelled', finished_at = now()
			where import_id = $1 and status in ('queued', 'running')`, id)
		if err != nil {
			return fmt.Errorf("cancel import %s: %w", id, err)
		}
		if state, err = loadImport(ctx, tx, p, id); err != nil {
			return err
		}
		if ended.RowsAffected() == 0 {
			if state.Status == importCancelled {
				return nil
			}
			return problem.New(problem.Conflict, "import-ended", "The import has ended already: it is %s.", state.Status)
		}
		cancelled = true
		if state.JobID == nil {
			return nil
		}
		// Reaches the replica that runs it, if one does.
		if _, err := m.jobs.JobCancelTx(ctx, tx, *state.JobID); err != nil {
			return fmt.Errorf("cancel the job of import %s: %w", id, err)
		}
		return nil
	})
	if err != nil {
		return importState{}, err
	}
	if cancelled {
		m.metrics.imports.WithLabelValues("cancelled").Inc()
		m.files.Delete(ctx, state.BlobKey)
	}
	return state, nil
}
