package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/jobs"
)

const (
	// importTimeout bounds one try of an import.
	importTimeout = 30 * time.Minute
	importTries   = 4
	// uploadKept is how long an upload may wait for its import before it
	// counts as left behind. It exceeds all tries with their pauses.
	uploadKept = 7 * 24 * time.Hour
)

func (m *Module) newJobs(deps Deps) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	if err := errors.Join(
		river.AddWorkerSafely(workers, &importWorker{module: m}),
		river.AddWorkerSafely(workers, &sweepWorker{module: m}),
	); err != nil {
		return nil, fmt.Errorf("register workers: %w", err)
	}
	return jobs.New(deps.DB, jobs.Config{
		Module: m.Name(), Log: deps.Log, Workers: workers, MaxWorkers: m.cfg.ImportWorkers, Reg: deps.Registerer,
		Periodic: []*river.PeriodicJob{river.NewPeriodicJob(
			river.PeriodicInterval(24*time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return sweepArgs{}, nil },
			&river.PeriodicJobOpts{ID: sweepArgs{}.Kind()},
		)},
	})
}

// importArgs is the job that runs one import.
type importArgs struct {
	ImportID uuid.UUID `json:"import_id"`
}

// Kind implements river.JobArgs.
func (importArgs) Kind() string { return "content.import" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (importArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: importTries} }

type importWorker struct {
	river.WorkerDefaults[importArgs]
	module *Module
}

// Timeout implements river.Worker.
func (*importWorker) Timeout(*river.Job[importArgs]) time.Duration { return importTimeout }

// Work implements river.Worker.
func (w *importWorker) Work(ctx context.Context, job *river.Job[importArgs]) error {
	return w.module.runImport(ctx, job.Args.ImportID, job.Attempt >= job.MaxAttempts)
}

// sweepArgs is the daily job that removes what nobody needs any more: uploads
// that will not be imported, and counts of guesses.
type sweepArgs struct{}

// Kind implements river.JobArgs.
func (sweepArgs) Kind() string { return "content.sweep_uploads" }

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	module *Module
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	return errors.Join(w.module.sweepUploads(ctx), w.module.sweepGuesses(ctx))
}

// sweepUploads removes uploads that a dead process left behind.
func (m *Module) sweepUploads(ctx context.Context) error {
	return m.files.Sweep(ctx, uploadPrefix, m.now().Add(-uploadKept))
}
