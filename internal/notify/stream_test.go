package notify_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/notify"
)

func TestAStreamShowsWhatAnotherReplicaWrites(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t)
	replica, server := w.replica(notify.Config{})
	w.start(replica) // the bus runs with the other one
	l, other := w.learner(), w.learner()
	token := server.Token(t, l.Principal)
	emit(w, event.LearnerEnrolled, w.enrolled(l, "from before"))
	w.bus.Drain()
	first, second := follow(t, server.URL, token, ""), follow(t, server.URL, token, "")

	var worst time.Duration
	for i := range 5 {
		tell(w, event.LearnerEnrolled, w.enrolled(other, "somebody else's"))
		tell(w, event.LearnerEnrolled, w.enrolled(l, fmt.Sprint("course ", i)))
		committed := time.Now()
		e := first.next()
		worst = max(worst, time.Since(committed))
		require.Equal(t, "notification", e.name)
		require.Equal(t, fmt.Sprint("You are enrolled in course ", i), e.data.Title)
		require.Equal(t, e.id, e.data.ID.String())
		require.Equal(t, e, second.next(), "every stream of the account shows it")
	}
	t.Logf("shown at most %v after the commit", worst)
}

func TestAStreamResumesAfterTheLastEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	write := func(title string, age time.Duration) uuid.UUID { return w.write(w.admin, l, title, age) }
	write("long before", time.Hour)
	write("perhaps committed after the last one was shown", 10*time.Minute+time.Second)
	last := write("the last one seen", 10*time.Minute)
	write("missed", 5*time.Minute)
	write("missed, too", time.Second)

	s := follow(t, w.http.URL, l.token, last.String())
	require.Equal(t, "perhaps committed after the last one was shown", s.next().data.Title)
	require.Equal(t, "missed", s.next().data.Title)
	resumed := s.next()
	require.Equal(t, "missed, too", resumed.data.Title)
	tell(w, event.LearnerEnrolled, w.enrolled(l, "new"))
	require.Equal(t, "You are enrolled in new", s.next().data.Title, "and goes on without repeating any")
	s.leave()

	// The last one may have been removed in the meantime.
	_, err := w.admin.Exec(t.Context(), `delete from notify.notifications where id = $1`, last)
	require.NoError(t, err)
	again := follow(t, w.http.URL, l.token, last.String())
	require.Contains(t, again.next().data.Title, "perhaps")
	require.Equal(t, "missed", again.next().data.Title)
}

// execer is a pool or a transaction.
type execer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// write makes a notification as a handler would have done some time ago.
func (w *world) write(db execer, l learner, title string, age time.Duration) uuid.UUID {
	w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	ms := time.Now().Add(-age).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	err := db.QueryRow(w.t.Context(), `
		insert into notify.notifications (id, account_id, organisation_id, source_event_id, kind, title, body, data, link, inbox, created_at)
		values ($1, $2, $3, $4, 'course_enrolled', $5, '', '{}', '/x', true, clock_timestamp() - $6::interval) returning id`,
		id, l.AccountID, w.org, uuid.New(), title, age).Scan(&id)
	require.NoError(w.t, err)
	return id
}

// Ids and times are given out before the commit. A transaction that takes long
// commits what is older than what others have long been shown.
func TestALateCommitIsShownAndNothingIsShownTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	s := follow(t, w.http.URL, l.token, "")
	tell(w, event.LearnerEnrolled, w.enrolled(l, "0"))
	require.Equal(t, "You are enrolled in 0", s.next().data.Title)

	for i, age := range []time.Duration{100 * time.Millisecond, 20 * time.Second} {
		tx, err := w.admin.Begin(t.Context())
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(context.Background()) }()
		w.write(tx, l, fmt.Sprint("late ", i), age)
		tell(w, event.LearnerEnrolled, w.enrolled(l, fmt.Sprint("in time ", i)))
		require.Equal(t, fmt.Sprint("You are enrolled in in time ", i), s.next().data.Title)
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, fmt.Sprint("late ", i), s.next().data.Title)
	}
	// Twenty looks later there has been another sweep over all of them.
	tell(w, event.LearnerEnrolled, w.enrolled(l, "last"))
	require.Equal(t, "You are enrolled in last", s.next().data.Title)
	require.Never(t, func() bool { return len(s.events) > 0 }, 6*time.Second, 100*time.Millisecond, "an event is shown twice")
}

func TestStreamsOfAnAccountAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.learner()
	var open []*stream
	for range 5 {
		s := follow(t, w.http.URL, l.token, "")
		require.Equal(t, 200, s.status)
		open = append(open, s)
	}
	require.Equal(t, 429, follow(t, w.http.URL, l.token, "").status)
	require.Equal(t, 200, follow(t, w.http.URL, w.learner().token, "").status, "another's limit is another's")
	open[0].leave()
	w.eventually(func() bool { return follow(t, w.http.URL, l.token, "").status == 200 }, "who leaves makes room")
}

func TestAStreamEnds(t *testing.T) {
	t.Parallel()
	t.Run("after its lifetime, so that the token is checked again", func(t *testing.T) {
		t.Parallel()
		w := newIdleWorld(t)
		short, server := w.replica(notify.Config{StreamLifetime: time.Second})
		w.start(short)
		require.Empty(t, follow(t, server.URL, server.Token(t, w.learner().Principal), "").ends())
	})
	t.Run("when the server drains", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := follow(t, w.http.URL, w.learner().token, "")
		w.http.HTTP.Drain()
		require.Empty(t, s.ends())
	})
	t.Run("when the module stops, and none begins then", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		l := w.learner()
		s := follow(t, w.http.URL, l.token, "")
		require.NoError(t, w.m.Stop(t.Context()))
		require.NoError(t, w.m.Stop(t.Context()), "stopping again is no error")
		require.Empty(t, s.ends())
		require.Equal(t, 503, follow(t, w.http.URL, l.token, "").status)
	})
}
