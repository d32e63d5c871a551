package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/jobs"
)

func (m *Module) newJobs(reg prometheus.Registerer) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &mailWorker{module: m})
	river.AddWorker(workers, &purgeWorker{module: m})
	client, err := jobs.New(m.db, jobs.Config{
		Module: moduleName, Log: m.log, Workers: workers, MaxWorkers: m.cfg.MailWorkers, Reg: reg,
		Periodic: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(6*time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return purgeArgs{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the jobs: %w", err)
	}
	return client, nil
}

// mailArgs ask for the mail of a notification. There is one notification per
// event and account, so there is one mail.
type mailArgs struct {
	NotificationID uuid.UUID `json:"notification_id" river:"unique"`
}

// Kind implements river.JobArgs.
func (mailArgs) Kind() string { return "notify.send_mail" }

// InsertOpts implements river.JobArgsWithInsertOpts. The attempts spread over
// about a day.
func (mailArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: mailAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type mailWorker struct {
	river.WorkerDefaults[mailArgs]
	module *Module
}

// Timeout implements river.Worker.
func (*mailWorker) Timeout(*river.Job[mailArgs]) time.Duration { return time.Minute }

// Work implements river.Worker.
func (w *mailWorker) Work(ctx context.Context, job *river.Job[mailArgs]) error {
	wait, err := w.module.sendMail(ctx, job.Args.NotificationID, job.Attempt >= job.MaxAttempts)
	if err != nil {
		return err
	}
	if wait > 0 {
		return river.JobSnooze(wait)
	}
	return nil
}

type purgeArgs struct{}

// Kind implements river.JobArgs.
func (purgeArgs) Kind() string { return "notify.purge" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (purgeArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 3} }

type purgeWorker struct {
	river.WorkerDefaults[purgeArgs]
	module *Module
}

// Timeout implements river.Worker.
func (*purgeWorker) Timeout(*river.Job[purgeArgs]) time.Duration { return 10 * time.Minute }

// Work implements river.Worker.
func (w *purgeWorker) Work(ctx context.Context, _ *river.Job[purgeArgs]) error {
	return w.module.purge(ctx)
}
