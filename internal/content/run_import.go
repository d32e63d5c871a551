package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/problem"
)

// errImportEnded says that the import was cancelled while it ran.
var errImportEnded = errors.New("the import has ended")

// runImport does what a request queued. It may be called again after it was
// broken off at any point: it begins anew, and it publishes at most once,
// because the import is done in the publishing transaction itself. last says
// that there will be no further try.
func (m *Module) runImport(ctx context.Context, id uuid.UUID, last bool) error {
	state, found, err := one(ctx, m.db.Pool, pgx.RowToStructByName[importState], `
		update content.imports set status = 'running', started_at = coalesce(started_at, now()), step = '', done = 0, total = 0
		where import_id = $1 and status in ('queued', 'running')
		returning import_id, organisation_id, requested_by, any_course, file_name, bytes, blob_key, job_id, status, step,
			done, total, course_id, version, unchanged, reason, detail, requested_at, started_at, finished_at`, id)
	if err != nil {
		return fmt.Errorf("begin import %s: %w", id, err)
	}
	if !found {
		return nil // cancelled, or done by a run whose end was not recorded
	}
	result, err := m.importUpload(ctx, state)
	switch {
	case err == nil:
		outcome := "published"
		if result.Unchanged {
			outcome = "unchanged"
		}
		m.metrics.imports.WithLabelValues(outcome).Inc()
	case errors.Is(err, errImportEnded):
	default:
		cause := importFault(err)
		if cause == nil && !last {
			return fmt.Errorf("run import %s: %w", id, err)
		}
		if cause != nil && cause.Unwrap() != nil {
			m.log.ErrorContext(ctx, "an export could not be stored", "import_id", id, "error", cause.Unwrap())
		}
		if err := m.failImport(ctx, id, cause, result); err != nil {
			return err
		}
		m.metrics.imports.WithLabelValues("failed").Inc()
		if cause == nil {
			m.files.Delete(ctx, state.BlobKey)
			return fmt.Errorf("run import %s: %w", id, err)
		}
	}
	m.files.Delete(ctx, state.BlobKey)
	return nil
}

// importUpload reads the upload and publishes it. The result may be nil.
func (m *Module) importUpload(ctx context.Context, state importState) (*ImportResult, error) {
	upload, err := m.files.Open(ctx, state.BlobKey)
	if err != nil {
		return nil, fmt.Errorf("open the upload: %w", err)
	}
	defer func() { _ = upload.Close() }()
	src, err := olx.OpenArchive(ctx, upload, olx.Limits{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	return m.importCourse(ctx, src, ImportOptions{
		OrganisationID: state.OrganisationID, ActorID: state.RequestedBy,
		Teaches: true, AnyCourse: state.AnyCourse,
		Progress: m.progressWriter(ctx, state.ImportID),
	}, func(ctx context.Context, tx pgx.Tx, r *ImportResult) error {
		return finishImport(ctx, tx, state.ImportID, r)
	})
}

// progressWriter keeps progress for those who ask: each step, and within a
// step not more than twice a second.
func (m *Module) progressWriter(ctx context.Context, id uuid.UUID) func(step string, done, total int) {
	var lastStep string
	var lastAt time.Time
	return func(step string, done, total int) {
		now := m.now()
		if step == lastStep && now.Sub(lastAt) < 500*time.Millisecond {
			return
		}
		lastStep, lastAt = step, now
		_, err := m.db.Pool.Exec(ctx, `
			update content.imports set step = $2, done = $3, total = $4 where import_id = $1 and status = 'running'`,
			id, step, done, total)
		if err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "could not note the progress of an import", "import_id", id, "error", err)
		}
	}
}

// finishImport ends the import in the transaction that publishes. If it was
// cancelled meanwhile, nothing is published.
func finishImport(ctx context.Context, tx pgx.Tx, id uuid.UUID, r *ImportResult) error {
	report, err := json.Marshal(r.Report)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	ended, err := tx.Exec(ctx, `
		update content.imports set status = 'done', finished_at = now(), course_id = $2, version = $3, unchanged = $4,
			report = $5, step = '', done = 0, total = 0
		where import_id = $1 and status = 'running'`, id, r.CourseID, r.Version, r.Unchanged, report)
	if err != nil {
		return fmt.Errorf("finish import %s: %w", id, err)
	}
	if ended.RowsAffected() == 0 {
		return errImportEnded
	}
	return nil
}

// importFault returns what the requester can be told of an error that no
// retry can cure, or nil.
func importFault(err error) *problem.Problem {
	var invalid *olx.InvalidError
	if errors.As(err, &invalid) {
		return problem.New(problem.Invalid, "invalid-export", "%s", invalid.Error())
	}
	var known *problem.Problem
	if errors.As(err, &known) {
		return known
	}
	// Text that the database cannot hold, such as U+0000, or a value that it
	// does not take: what the reader of exports should have refused.
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || refused.Code == "23514") {
		return problem.New(problem.Invalid, "invalid-export", "The export has text in it that cannot be stored.").WithCause(err)
	}
	return nil
}

// failImport ends the import with what the requester may know of the cause;
// nil means that the fault is ours.
func (m *Module) failImport(ctx context.Context, id uuid.UUID, cause *problem.Problem, r *ImportResult) error {
	if cause == nil {
		cause = problem.New(problem.Internal, "internal", "Something went wrong on our side.")
	}
	var report []byte
	if r != nil && r.Report != nil {
		var err error
		if report, err = json.Marshal(r.Report); err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
	}
	// The job's own time may be what ran out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := m.db.Pool.Exec(ctx, `
		update content.imports set status = 'failed', finished_at = now(), reason = $2, detail = $3, report = $4
		where import_id = $1 and status = 'running'`, id, cause.Reason, cause.Detail, report)
	if err != nil {
		return fmt.Errorf("fail import %s: %w", id, err)
	}
	return nil
}
