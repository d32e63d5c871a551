package assessment

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// sweepBatch is how many overdue attempts one transaction submits.
	sweepBatch = 500
	// gradingGrace is how long the grading of an attempt is left to its job
	// before the sweeper does it. It is a multiple of what a busy queue takes.
	gradingGrace = 15 * time.Second
	// gradingBatch is how many a sweep grades: the sweeper makes up for the dead,
	// it is no further worker.
	gradingBatch = 50
	// partitionsAhead is how many months are prepared.
	partitionsAhead  = 2
	maintainInterval = 6 * time.Hour
	measureInterval  = 30 * time.Second
	// resumeInterval is how often imports are looked for that nobody is at.
	resumeInterval = 10 * time.Second
	// countedAttempts bounds the work of counting attempts in progress.
	countedAttempts = 100_000
)

// sweep submits overdue attempts in bulk until ctx ends, besides keeping the
// partitions and measuring. Each attempt has a job of its own for its deadline;
// the sweeper is there for the many that end in the same second, which jobs
// would take one by one, and for those whose job was lost. It grades, too, what
// a killed process was grading: that job counts as running for minutes.
func (m *Module) sweep(ctx context.Context) {
	tick := time.NewTicker(m.config.SweepInterval)
	defer tick.Stop()
	var maintained, measured, resumed time.Time
	for {
		m.sweepOnce(ctx)
		m.gradeForgotten(ctx)
		if time.Since(measured) > measureInterval {
			measured = time.Now()
			m.measure(ctx)
		}
		if time.Since(resumed) > resumeInterval {
			resumed = time.Now()
			if err := m.resumeImports(ctx); err != nil && ctx.Err() == nil {
				m.log.WarnContext(ctx, "cannot look after imports", "error", err)
			}
		}
		if time.Since(maintained) > maintainInterval && m.maintain(ctx) {
			maintained = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweepOnce submits everything that is overdue now.
func (m *Module) sweepOnce(ctx context.Context) {
	for ctx.Err() == nil {
		closed, err := m.closeOverdue(ctx, sweepBatch)
		if err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "cannot submit overdue attempts", "error", err)
		}
		if err != nil || closed < sweepBatch {
			return
		}
	}
}

// gradeForgotten grades attempts that have waited for longer than gradingGrace.
// Its job may come to the same attempt later, or another replica at the same
// time: grading is fenced.
func (m *Module) gradeForgotten(ctx context.Context) {
	forgotten, err := ungraded(ctx, m.db.Pool, gradingGrace, gradingBatch)
	if err != nil {
		if ctx.Err() == nil {
			m.log.WarnContext(ctx, "cannot look for attempts that wait for their grade", "error", err)
		}
		return
	}
	for _, id := range forgotten {
		if err := m.gradeAttempt(ctx, id); err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "cannot grade an attempt that waits for its grade", "attempt_id", id, "error", err)
		}
	}
}

func (m *Module) measure(ctx context.Context) {
	var open float64
	err := m.db.Pool.QueryRow(ctx, `
		select count(*) from (select from assessment.attempts where status = 'in_progress' limit $1) t`, countedAttempts).Scan(&open)
	if err != nil {
		if ctx.Err() == nil {
			m.log.WarnContext(ctx, "cannot count the attempts in progress", "error", err)
		}
		return
	}
	m.metrics.openAttempts.Set(open)
}

// maintain makes the partitions of the coming months and reports whether that
// went well. It clears up after imports, too.
func (m *Module) maintain(ctx context.Context) bool {
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `select assessment.maintain_partitions($1)`, partitionsAhead)
		return err
	})
	if err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "cannot make partitions", "error", err)
	}
	if importsErr := m.expireImports(ctx); importsErr != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "cannot clear up after imports", "error", importsErr)
	}
	return err == nil
}
