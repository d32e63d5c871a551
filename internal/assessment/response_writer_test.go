package assessment

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/problem"
)

// desk is a response writer over a database with attempts in progress, without
// anything around it.
type desk struct {
	testing.TB
	db      *postgres.DB
	owner   *pgxpool.Pool
	metrics *metrics
}

func newDesk(t testing.TB) desk {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	database := postgrestest.New(t)
	return desk{TB: t, db: database.DB(t, moduleName), owner: database.Admin(t), metrics: m}
}

func (d desk) writer(writers, batch int) *responseWriter {
	d.Helper()
	w := newResponseWriter(d.db, d.metrics, writers, batch)
	var running sync.WaitGroup
	running.Go(func() { w.run(context.Background()) })
	d.Cleanup(func() {
		require.NoError(d, w.close(context.Background()))
		running.Wait()
	})
	return w
}

// attempt inserts an attempt in progress, which ends at the deadline if there
// is one.
func (d desk) attempt(deadline *time.Time) uuid.UUID {
	d.Helper()
	id := newID()
	_, err := d.db.Pool.Exec(context.Background(), `
		insert into assessment.attempts (attempt_id, assessment_id, version, learner_id, organisation_id, course_id, number,
			seed, started_at, deadline_at, max_score)
		values ($1, $2, 1, $3, $4, $5, 1, 0, now() - interval '1 hour', $6, 1)`, id, newID(), newID(), newID(), newID(), deadline)
	require.NoError(d, err)
	return id
}

func (d desk) close(attempt uuid.UUID) {
	d.Helper()
	_, err := d.db.Pool.Exec(context.Background(), `
		update assessment.attempts set status = 'submitted', submitted_at = clock_timestamp(), submitted_by = 'learner'
		where attempt_id = $1`, attempt)
	require.NoError(d, err)
}

// counted is the response that counts of an item.
func (d desk) counted(attempt, item uuid.UUID) savedResponse {
	d.Helper()
	found, err := loadResponses(context.Background(), d.db.Pool, attempt, time.Now().Add(-time.Hour))
	require.NoError(d, err)
	for _, r := range found {
		if r.ItemID == item {
			return r
		}
	}
	require.Fail(d, "the item has no response")
	return savedResponse{}
}

func (d desk) rows() (n int) {
	d.Helper()
	require.NoError(d, d.db.Pool.QueryRow(context.Background(), `select count(*) from assessment.response_log`).Scan(&n))
	return n
}

func answer(s string) string { return fmt.Sprintf(`{"1":{"text":%q}}`, s) }

func seq(n int64) *int64 { return &n }

func TestSavesWithoutASequenceFollowOneAnother(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := d.writer(2, 256)
	attempt, item := d.attempt(nil), newID()
	for i := range 5 {
		r, err := w.save(t.Context(), save{attempt, item, nil, answer(fmt.Sprint(i))})
		require.NoError(t, err)
		require.EqualValues(t, i+1, r.Sequence)
	}
	require.JSONEq(t, answer("4"), string(d.counted(attempt, item).Response))
}

func TestTheHighestSequenceCountsInAnyOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := d.writer(2, 256)
	attempt, item := d.attempt(nil), newID()
	for _, n := range []int64{3, 1, 7, 2, 5} {
		r, err := w.save(t.Context(), save{attempt, item, seq(n), answer(fmt.Sprint(n))})
		require.NoError(t, err)
		require.Equal(t, n, r.Sequence)
		require.Equal(t, n == 1 || n == 2 || n == 5, r.Superseded, "sequence %d", n)
	}
	require.EqualValues(t, 7, d.counted(attempt, item).Sequence)
	require.JSONEq(t, answer("7"), string(d.counted(attempt, item).Response))
	require.Equal(t, 5, d.rows(), "the log keeps what came late as well")
}

func TestARepeatedSaveIsAcknowledgedAsTheFirst(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := d.writer(2, 256)
	attempt, item := d.attempt(nil), newID()
	first, err := w.save(t.Context(), save{attempt, item, seq(4), answer("first")})
	require.NoError(t, err)
	again, err := w.save(t.Context(), save{attempt, item, seq(4), answer("second")})
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 1, d.rows())
	require.JSONEq(t, answer("first"), string(d.counted(attempt, item).Response))
}

func TestSavesOfOneItemWithinABatchKeepTheirOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	attempt, item, other := d.attempt(nil), newID(), newID()
	// Not running yet, so that all of them are waiting for the first batch.
	w := newResponseWriter(d.db, d.metrics, 1, 16)
	var waiting []*pendingSave
	for i := range 10 {
		p := &pendingSave{save: save{attempt, item, nil, answer(fmt.Sprint(i))}, done: make(chan saveResult, 1)}
		waiting = append(waiting, p)
		w.queues[0] <- p
	}
	w.queues[0] <- &pendingSave{save: save{attempt, other, nil, answer("x")}, done: make(chan saveResult, 1)}
	close(w.quit) // the writers store what is queued and end
	w.run(context.Background())
	for i, p := range waiting {
		r := <-p.done
		require.NoError(t, r.err)
		require.EqualValues(t, i+1, r.receipt.Sequence)
	}
	require.JSONEq(t, answer("9"), string(d.counted(attempt, item).Response))
}

func TestARefusedSaveDoesNotFailItsNeighbours(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	past := time.Now().Add(-time.Minute)
	open, closed, overdue, item := d.attempt(nil), d.attempt(nil), d.attempt(&past), newID()
	d.close(closed)
	w := newResponseWriter(d.db, d.metrics, 1, 16)
	batch := []*pendingSave{
		{save: save{open, item, nil, answer("kept")}},
		{save: save{closed, item, nil, answer("x")}},
		{save: save{overdue, item, nil, answer("x")}},
		{save: save{newID(), item, nil, answer("x")}},
		{save: save{open, newID(), nil, `not JSON`}}, // no check lets this pass; the database would not either
		{save: save{open, newID(), nil, answer("kept too")}},
	}
	for _, p := range batch {
		p.done = make(chan saveResult, 1)
	}
	w.store(t.Context(), batch)
	var reasons []string
	for _, p := range batch {
		r := <-p.done
		reason := ""
		if r.err != nil {
			reason = problem.Of(r.err).Reason
		}
		reasons = append(reasons, reason)
	}
	require.Equal(t, []string{"", "attempt-closed", "deadline-passed", "not-found", "not-stored", ""}, reasons)
	require.Equal(t, 2, d.rows())
}

func TestAnErrorOfTheDatabaseReachesEverySaveOfTheBatch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	attempt := d.attempt(nil)
	w := newResponseWriter(d.db, d.metrics, 1, 16)
	batch := []*pendingSave{{save: save{attempt, newID(), nil, answer("a")}}, {save: save{attempt, newID(), nil, answer("b")}}}
	for _, p := range batch {
		p.done = make(chan saveResult, 1)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.store(gone, batch)
	for _, p := range batch {
		require.True(t, problem.Is((<-p.done).err, "not-stored"))
	}
}

func TestACallerWhoGivesUpDoesNotWait(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := newResponseWriter(d.db, d.metrics, 1, 1) // nobody writes
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.save(ctx, save{newID(), newID(), nil, answer("x")})
	require.ErrorIs(t, err, context.Canceled)
}

func TestASaveAfterTheEndIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	attempt := d.attempt(nil)
	w := newResponseWriter(d.db, d.metrics, 2, 16)
	var running sync.WaitGroup
	running.Go(func() { w.run(t.Context()) })
	require.NoError(t, w.close(t.Context()))
	require.NoError(t, w.close(t.Context()), "closing twice is harmless")
	running.Wait()
	_, err := w.save(t.Context(), save{attempt, newID(), nil, answer("x")})
	require.True(t, problem.Is(err, "stopping"), "got %v", err)
	require.Equal(t, 0, d.rows())
}

// Whatever is acknowledged while the writer is being stopped is stored, and
// every caller gets an answer.
func TestStoppingUnderLoadLosesNoAcknowledgedSave(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := newResponseWriter(d.db, d.metrics, 2, 8)
	var running, callers sync.WaitGroup
	running.Go(func() { w.run(context.Background()) })
	var mu sync.Mutex
	acknowledged := 0
	enough := make(chan struct{})
	for range 32 {
		attempt := d.attempt(nil)
		callers.Go(func() {
			for {
				_, err := w.save(context.Background(), save{attempt, newID(), nil, answer("x")})
				if err != nil {
					return
				}
				mu.Lock()
				if acknowledged++; acknowledged == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	require.NoError(t, w.close(t.Context()))
	running.Wait()
	callers.Wait()
	require.GreaterOrEqual(t, acknowledged, 200)
	require.GreaterOrEqual(t, d.rows(), acknowledged)
}

// waitForLock waits until a session of this database waits for a lock.
func (d desk) waitForLock(what string) {
	d.Helper()
	require.Eventually(d, func() bool {
		var waiting bool
		err := d.db.Pool.QueryRow(context.Background(), `
			select exists (select from pg_catalog.pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, 5*time.Millisecond, "%s did not wait", what)
}

func TestASaveWaitsForASubmissionUnderWay(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := d.writer(2, 256)
	attempt := d.attempt(nil)
	submission, err := d.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = submission.Rollback(context.Background()) }()
	_, err = submission.Exec(t.Context(), `
		update assessment.attempts set status = 'submitted', submitted_at = now(), submitted_by = 'learner' where attempt_id = $1`, attempt)
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() {
		_, err := w.save(context.Background(), save{attempt, newID(), nil, answer("x")})
		result <- err
	}()
	d.waitForLock("the save")
	require.NoError(t, submission.Commit(t.Context()))
	require.True(t, problem.Is(<-result, "attempt-closed"))
	require.Equal(t, 0, d.rows())
}

func TestASubmissionWaitsForASaveUnderWay(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	attempt, item := d.attempt(nil), newID()
	saving, err := d.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = saving.Rollback(context.Background()) }()
	_, err = saving.Exec(t.Context(), insertSQL, []uuid.UUID{attempt}, []uuid.UUID{item}, []*int64{nil}, []string{answer("x")}, clockSlack)
	require.NoError(t, err)
	submitted := make(chan struct{})
	go func() {
		defer close(submitted)
		d.close(attempt)
	}()
	d.waitForLock("the submission")
	require.NoError(t, saving.Commit(t.Context()))
	<-submitted
	require.JSONEq(t, answer("x"), string(d.counted(attempt, item).Response))
}

// The property that grading stands on, under load: what was acknowledged is
// committed before the attempt is submitted, and nothing is added afterwards.
func TestNoSaveIsAcknowledgedAfterTheSubmission(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := d.writer(2, 256)
	for range 20 {
		attempt := d.attempt(nil)
		var savers sync.WaitGroup
		acknowledged := make([]map[uuid.UUID]bool, 8)
		ready := make(chan struct{}, len(acknowledged))
		for i := range acknowledged {
			acknowledged[i] = map[uuid.UUID]bool{}
			savers.Go(func() {
				for {
					item := newID()
					if _, err := w.save(context.Background(), save{attempt, item, nil, answer("x")}); err != nil {
						require.True(t, problem.Is(err, "attempt-closed"), "got %v", err)
						return
					}
					if len(acknowledged[i]) == 0 {
						ready <- struct{}{}
					}
					acknowledged[i][item] = true
				}
			})
		}
		for range acknowledged {
			<-ready
		}
		d.close(attempt)
		// What the grade would read: at this moment, not later.
		read, err := loadResponses(t.Context(), d.db.Pool, attempt, time.Now().Add(-time.Hour))
		require.NoError(t, err)
		savers.Wait()
		graded := map[uuid.UUID]bool{}
		for _, r := range read {
			graded[r.ItemID] = true
		}
		for _, set := range acknowledged {
			for item := range set {
				require.True(t, graded[item], "an acknowledged save is missing in what was graded")
			}
		}
	}
}

// BenchmarkSaves compares grouped saves with a commit for each row, both by 256
// callers: -bench Saves -benchtime 20000x.
func BenchmarkSaves(b *testing.B) {
	d := newDesk(b)
	var attempts []uuid.UUID
	for range 256 {
		attempts = append(attempts, d.attempt(nil))
	}
	each := func(b *testing.B, save func(attempt uuid.UUID) error) {
		next := make(chan struct{})
		var callers sync.WaitGroup
		for _, attempt := range attempts {
			callers.Go(func() {
				for range next {
					if err := save(attempt); err != nil {
						b.Error(err)
					}
				}
			})
		}
		b.ResetTimer()
		for range b.N {
			next <- struct{}{}
		}
		close(next)
		callers.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
	}
	b.Run("grouped", func(b *testing.B) {
		w := d.writer(2, 256)
		item := newID()
		each(b, func(attempt uuid.UUID) error {
			_, err := w.save(context.Background(), save{attempt, item, nil, answer("x")})
			return err
		})
	})
	b.Run("single", func(b *testing.B) {
		item := newID()
		each(b, func(attempt uuid.UUID) error {
			return pgx.BeginFunc(context.Background(), d.db.Pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(context.Background(), `
					insert into assessment.response_log (attempt_id, item_id, sequence, saved_at, response)
					values ($1, $2, 1, clock_timestamp(), $3::text::json)`, attempt, item, answer("x"))
				return err
			})
		})
	})
}
