package notify

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/problem"
)

// feed finds new notifications for the live streams of this process.
//
// It looks at the table, four times a second and only while a stream is open.
// That needs no NOTIFY, which in the transaction would hold up every commit of
// the cluster and after it would need a place that every replica's consumers
// share; and it sees every replica's work alike.
//
// A cursor would miss what is committed late: ids and times are given out before
// the commit. So the feed looks back over a window of time and remembers what it
// has seen in it. A row counts from its insert and is committed within the time
// that the bus allows a handler, 30 s. Nearly all are committed at once, so the
// frequent look goes back recentWindow, and every sweepEvery-th goes back
// lateWindow for the rest.
type feed struct {
	db         *postgres.DB
	log        *slog.Logger
	metrics    *metrics
	perAccount int

	wake chan struct{} // a first stream is there

	mu      sync.Mutex
	closed  bool
	streams map[uuid.UUID]map[*subscription]struct{}

	seen memory // run's alone
}

const (
	lookEvery    = 250 * time.Millisecond
	recentWindow = 2 * time.Second
	sweepEvery   = 20 // looks
	lateWindow   = time.Minute

	// subscriptionBuffer is how far a client may fall behind.
	subscriptionBuffer = 64
)

// subscription is one stream's share of the feed.
type subscription struct {
	account uuid.UUID
	// news holds each new notification once. It is closed when the stream must
	// end: the client did not keep up, or the process stops.
	news chan notification
}

func newFeed(db *postgres.DB, log *slog.Logger, metrics *metrics, perAccount int) *feed {
	return &feed{
		db: db, log: log, metrics: metrics, perAccount: perAccount,
		wake: make(chan struct{}, 1), streams: map[uuid.UUID]map[*subscription]struct{}{}, seen: memory{},
	}
}

// subscribe opens a share. It may hold notifications from before: the caller
// knows which of them it wants.
func (f *feed) subscribe(account uuid.UUID) (*subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, problem.New(problem.Unavailable, "stopping", "This server is stopping.").After(time.Second)
	}
	of := f.streams[account]
	if len(of) >= f.perAccount {
		return nil, problem.New(problem.TooMany, "too-many-streams", "You have %d streams open, the most there may be.", len(of)).After(30 * time.Second)
	}
	if of == nil {
		of = map[*subscription]struct{}{}
		f.streams[account] = of
	}
	s := &subscription{account: account, news: make(chan notification, subscriptionBuffer)}
	of[s] = struct{}{}
	f.metrics.streams.Inc()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return s, nil
}

// unsubscribe ends a share. It may have ended already.
func (f *feed) unsubscribe(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove(s)
}

// remove is unsubscribe for those who hold the lock.
func (f *feed) remove(s *subscription) {
	of := f.streams[s.account]
	if _, open := of[s]; !open {
		return
	}
	delete(of, s)
	if len(of) == 0 {
		delete(f.streams, s.account)
	}
	close(s.news)
	f.metrics.streams.Dec()
}

// close ends all shares and refuses new ones.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, of := range f.streams {
		for s := range of {
			f.remove(s)
		}
	}
}

func (f *feed) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		accounts := f.accounts()
		if len(accounts) == 0 {
			clear(f.seen)
			n = 0 // whoever comes first is served with a full sweep
			select {
			case <-ctx.Done():
				return
			case <-f.wake:
				continue
			}
		}
		window := recentWindow
		if n%sweepEvery == 1 {
			window = lateWindow
		}
		if err := f.look(ctx, accounts, window); err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "cannot look for new notifications, will try again", "error", err)
			n = 0 // the outage may have been longer than the short window
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *feed) accounts() []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	accounts := make([]uuid.UUID, 0, len(f.streams))
	for a := range f.streams {
		accounts = append(accounts, a)
	}
	return accounts
}

// look hands out what has come within the window and was not seen before.
func (f *feed) look(ctx context.Context, accounts []uuid.UUID, window time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// The window is written out and comes first, so that it is planned for what
	// it is: a little at the end of an index. With the accounts first, a look
	// would go through all that they ever had.
	found, err := collect[notification](ctx, f.db.Pool, fmt.Sprintf(`
		with recent as materialized (
			select `+notificationColumns+` from notify.notifications
			where created_at > now() - interval '%d milliseconds' and inbox
		)
		select * from recent where account_id = any($1) order by id`, window.Milliseconds()), accounts)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range found {
		if !f.seen.add(n.ID, n.CreatedAt) {
			continue
		}
		for s := range f.streams[n.AccountID] {
			select {
			case s.news <- n:
			default:
				f.metrics.dropped.Inc()
				f.remove(s)
			}
		}
	}
	return nil
}

// memory holds the notifications of the last while by id, with their times. What
// no look can meet any more is forgotten as new ones come.
type memory map[uuid.UUID]time.Time

// add reports whether the id is new.
func (m memory) add(id uuid.UUID, created time.Time) bool {
	if _, known := m[id]; known {
		return false
	}
	m[id] = created
	if len(m)%256 == 0 {
		for id, at := range m {
			if created.Sub(at) > 2*lateWindow {
				delete(m, id)
			}
		}
	}
	return true
}
