package content

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/content/olx"
)

// ImportOptions say on whose behalf a course is imported.
type ImportOptions struct {
	// OrganisationID owns the course.
	OrganisationID uuid.UUID
	// ActorID is who publishes it; Nil for the operator.
	ActorID uuid.UUID
	// Teaches makes the actor one of the course's staff.
	Teaches bool
	// AnyCourse lets the actor update a course that they do not teach, as
	// administrators and operators may.
	AnyCourse bool
	// Progress, if not nil, is told how far the import is: done of total in the
	// present step. It is called from the importing goroutine and must be quick.
	Progress func(step string, done, total int)
}

// ImportResult is what an import led to.
type ImportResult struct {
	CourseID uuid.UUID
	Version  int
	// Unchanged is true if the export says what the current version says
	// already: Version is that version, and nothing was published.
	Unchanged bool
	// Report says what was taken over, simplified and skipped. When the import
	// fails it is what is known by then, or nil.
	Report *olx.Report
}

// The steps of an import, as Progress names them.
const (
	stepReading    = "reading"
	stepFiles      = "storing files"
	stepPublishing = "publishing"
)

// ImportCourse publishes the course in src as a new version, in one
// transaction: an import that fails or is killed leaves nothing but files that
// the next try finds in place. Units keep their ids, so learners keep their
// records. The caller closes src.
//
// An error that the importer can do something about is an *olx.InvalidError or
// a *problem.Problem. The result is never nil; with an error it has only the report.
func (m *Module) ImportCourse(ctx context.Context, src *olx.Source, o ImportOptions) (*ImportResult, error) {
	return m.importCourse(ctx, src, o, nil)
}

// importCourse calls finish, if not nil, at the end of the publishing
// transaction.
func (m *Module) importCourse(ctx context.Context, src *olx.Source, o ImportOptions,
	finish func(ctx context.Context, tx pgx.Tx, r *ImportResult) error,
) (*ImportResult, error) {
	progress := func(step string, done, total int) {
		if o.Progress != nil {
			o.Progress(step, done, total)
		}
	}
	progress(stepReading, 0, 1)
	course, report, err := olx.Parse(ctx, src, olx.Options{OrganisationID: o.OrganisationID})
	result := &ImportResult{Report: report}
	if err != nil {
		return result, fmt.Errorf("read the course: %w", err)
	}
	edition := newEdition(course, o.OrganisationID, report, m.now())
	for i, asset := range course.Assets {
		progress(stepFiles, i, len(course.Assets))
		if err := m.files.PutMedia(ctx, asset.SHA256, asset.MediaType, asset.Open); err != nil {
			return result, fmt.Errorf("store %s: %w", asset.Path, err)
		}
	}
	progress(stepPublishing, 0, 1)
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		published, err := m.publish(ctx, tx, edition, report, o)
		if err != nil {
			return err
		}
		result.CourseID, result.Version, result.Unchanged = edition.courseID, published.version, published.unchanged
		if finish != nil {
			return finish(ctx, tx, result)
		}
		return nil
	})
	if err != nil {
		return &ImportResult{Report: report}, err
	}
	m.access.clear() // every reader's version may be another now
	progress(stepPublishing, 1, 1)
	return result, nil
}
