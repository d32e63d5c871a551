package assessment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// finaliseArgs ask for an attempt to be submitted at its deadline.
type finaliseArgs struct {
	AttemptID uuid.UUID `json:"attempt_id"`
}

// Kind implements river.JobArgs.
func (finaliseArgs) Kind() string { return "assessment.finalise" }

type finaliseWorker struct {
	river.WorkerDefaults[finaliseArgs]
	module *Module
}

// Work implements river.Worker. A job that is early by the database clock comes
// back when it is time.
func (w *finaliseWorker) Work(ctx context.Context, job *river.Job[finaliseArgs]) error {
	early, err := w.module.finalise(ctx, job.Args.AttemptID)
	if err != nil {
		return fmt.Errorf("finalise attempt %s: %w", job.Args.AttemptID, err)
	}
	if early > 0 {
		return river.JobSnooze(early)
	}
	return nil
}

// Timeout implements river.Worker.
func (w *finaliseWorker) Timeout(*river.Job[finaliseArgs]) time.Duration { return 15 * time.Second }

// gradeArgs ask for a submitted attempt to be graded.
type gradeArgs struct {
	AttemptID uuid.UUID `json:"attempt_id" river:"unique"`
}

// Kind implements river.JobArgs.
func (gradeArgs) Kind() string { return "assessment.grade" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (gradeArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type gradeWorker struct {
	river.WorkerDefaults[gradeArgs]
	module *Module
}

// Work implements river.Worker.
func (w *gradeWorker) Work(ctx context.Context, job *river.Job[gradeArgs]) error {
	return w.module.gradeAttempt(ctx, job.Args.AttemptID)
}

// Timeout implements river.Worker.
func (w *gradeWorker) Timeout(*river.Job[gradeArgs]) time.Duration { return 30 * time.Second }
