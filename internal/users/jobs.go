package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/lyceum-lms/platform/internal/jobs"
	"github.com/lyceum-lms/platform/internal/mail"
)

func (m *Module) newJobs(reg prometheus.Registerer) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &mailWorker{m: m})
	river.AddWorker(workers, &purgeWorker{m: m})
	client, err := jobs.New(m.db, jobs.Config{
		Module: moduleName, Log: m.log, Workers: workers, MaxWorkers: m.cfg.MailWorkers, Reg: reg,
		Periodic: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return purgeArgs{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the jobs of users: %w", err)
	}
	return client, nil
}

// mailArgs ask for a mail. They name the account, not the address, and carry no
// token: a job's arguments are kept for days.
type mailArgs struct {
	AccountID uuid.UUID   `json:"account_id"`
	Purpose   mailPurpose `json:"purpose"`
}

// Kind implements river.JobArgs.
func (mailArgs) Kind() string { return "users.send_mail" }

// InsertOpts implements river.JobArgsWithInsertOpts. The attempts spread over
// about a day.
func (mailArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 12} }

// enqueueMail has a mail sent if tx commits.
func (m *Module) enqueueMail(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, p mailPurpose) error {
	if _, err := m.jobs.InsertTx(ctx, tx, mailArgs{accountID, p}, nil); err != nil {
		return fmt.Errorf("enqueue a mail: %w", err)
	}
	return nil
}

type mailWorker struct {
	river.WorkerDefaults[mailArgs]
	m *Module
}

// Timeout implements river.Worker.
func (*mailWorker) Timeout(*river.Job[mailArgs]) time.Duration { return time.Minute }

// Work implements river.Worker.
func (w *mailWorker) Work(ctx context.Context, job *river.Job[mailArgs]) error {
	return w.m.sendMail(ctx, job.ID, job.Args)
}

// sendMail makes the token that the mail carries and sends it. A retry is the
// same mail by its id, with a token of its own: the one of a mail that has been
// sent after all still works.
func (m *Module) sendMail(ctx context.Context, jobID int64, args mailArgs) error {
	a, err := loadAccount(ctx, m.db.Pool, args.AccountID)
	if errors.Is(err, errNoAccount) {
		return nil // erased meanwhile, or there never was one: see accountOf
	}
	if err != nil {
		return err
	}
	purpose, lifetime, wanted := m.cfg.plan(args.Purpose, a)
	if !wanted {
		return nil
	}
	var token mailedToken
	if purpose != "" {
		err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			// The lock keeps erasure out: no token outlives its account.
			if a, err = lockAccount(ctx, tx, a.id); err != nil {
				return err
			}
			now := m.now()
			token.expiresAt = now.Add(lifetime)
			token.secret, err = issueEmailToken(ctx, tx, a.id, purpose, now, lifetime)
			return err
		})
		if errors.Is(err, errNoAccount) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	l := m.cfg.write(args.Purpose, a, token)
	err = m.mail.Send(ctx, mail.Message{
		ID: fmt.Sprintf("%s-%d", moduleName, jobID), To: a.email, Subject: l.subject, Text: l.text,
	})
	switch {
	case errors.Is(err, mail.ErrRefused):
		return river.JobCancel(withoutAddress(err, a.email))
	case err != nil:
		return withoutAddress(err, a.email)
	}
	return nil
}

type purgeArgs struct{}

// Kind implements river.JobArgs.
func (purgeArgs) Kind() string { return "users.purge" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (purgeArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 3} }

type purgeWorker struct {
	river.WorkerDefaults[purgeArgs]
	m *Module
}

// Timeout implements river.Worker.
func (*purgeWorker) Timeout(*river.Job[purgeArgs]) time.Duration { return 10 * time.Minute }

// Work implements river.Worker.
func (w *purgeWorker) Work(ctx context.Context, _ *river.Job[purgeArgs]) error { return w.m.purge(ctx) }
