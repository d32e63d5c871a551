package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/notify"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

const soon = 10 * time.Second

// world is the module with a database, a bus, a mail server and an HTTP server
// of its own, in one organisation.
type world struct {
	t         *testing.T
	db        *postgrestest.Database
	admin     *pgxpool.Pool
	producers map[string]*postgres.DB
	mails     *mailServer
	clock     *clock
	m         *notify.Module
	http      *httpservertest.Server
	bus       *bustest.Running
	org       uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newIdleWorld(t)
	w.start(w.m)
	return w
}

// newIdleWorld is a world whose module sends no mails and feeds no streams
// until it is started.
func newIdleWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, db: postgrestest.New(t), producers: map[string]*postgres.DB{}, mails: &mailServer{}, clock: &clock{}, org: uuid.New(),
	}
	w.admin = w.db.Admin(t)
	for _, producer := range []string{"users", "content", "assessment"} {
		w.producers[producer] = w.db.DB(t, producer)
	}
	w.m, w.http = w.replica(notify.Config{})
	w.bus = bustest.Run(t, w.db, w.m.Contract())
	return w
}

// replica makes the module and server of another process on the same database.
func (w *world) replica(cfg notify.Config) (*notify.Module, *httpservertest.Server) {
	w.t.Helper()
	cfg.PublicURL, cfg.APIURL = "https://learn.example", "https://api.example"
	cfg.ContactRetry = 20 * time.Millisecond
	m, err := notify.New(cfg, notify.Deps{
		DB: w.db.DB(w.t, "notify"), Log: w.log(),
		Registerer: prometheus.NewRegistry(), Mail: w.mails, Now: w.clock.now,
	})
	require.NoError(w.t, err)
	return m, httpservertest.New(w.t, m)
}

func (w *world) log() *slog.Logger { return slog.New(slog.NewTextHandler(w.t.Output(), nil)) }

func (w *world) start(m *notify.Module) {
	w.t.Helper()
	require.NoError(w.t, m.Start(w.t.Context()))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(w.t, m.Stop(ctx))
	})
}

// clock is the present and what the test adds to it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// mailServer stands for the world's mail servers: it takes mails, or not.
type mailServer struct {
	mu     sync.Mutex
	errors []error // what it answers first, in order
	taken  []mail.Message
}

func (s *mailServer) Send(_ context.Context, m mail.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errors) > 0 {
		err := s.errors[0]
		s.errors = s.errors[1:]
		return err
	}
	s.taken = append(s.taken, m)
	return nil
}

func (s *mailServer) answerFirst(errors ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = errors
}

func (s *mailServer) all() []mail.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mail.Message(nil), s.taken...)
}

// tell emits an event and waits until it has taken effect.
func tell[T any](w *world, topic bus.Topic[T], payload T) {
	w.t.Helper()
	emit(w, topic, payload)
	w.bus.Drain()
}

func emit[T any](w *world, topic bus.Topic[T], payload T) {
	w.t.Helper()
	err := w.producers[topic.Module()].InTx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return topic.Emit(ctx, tx, payload)
	})
	require.NoError(w.t, err)
}

// learner is somebody with an account and a token.
type learner struct {
	auth.Principal
	token string
}

func (w *world) learner() learner {
	p := auth.Principal{AccountID: uuid.New(), OrganisationID: w.org, SessionID: uuid.New(), Roles: []auth.Role{auth.Learner}}
	return learner{p, w.http.Token(w.t, p)}
}

func (w *world) enrolled(l learner, title string) event.LearnerEnrolledV1 {
	return event.LearnerEnrolledV1{
		EnrolmentID: uuid.New(), CourseID: uuid.New(), OrganisationID: w.org, LearnerID: l.AccountID, CourseTitle: title,
		How: "open", At: time.Now(),
	}
}

func (w *world) contact(l learner, email string, confirmed bool) event.ContactChangedV1 {
	return event.ContactChangedV1{
		AccountID: l.AccountID, OrganisationID: w.org, Email: email, EmailConfirmed: confirmed, DisplayName: "Ada",
		Locale: "en", TimeZone: "UTC", At: time.Now(),
	}
}

type notification struct {
	ID     uuid.UUID         `json:"id"`
	Kind   string            `json:"kind"`
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	Link   string            `json:"link"`
	Data   map[string]string `json:"data"`
	ReadAt *time.Time        `json:"read_at"`
}

type page struct {
	Items      []notification `json:"items"`
	NextCursor string         `json:"next_cursor"`
}

// call sends a request that must be answered with the status.
func (w *world) call(l learner, status int, method, path string, body, out any, headers ...httpservertest.Header) *http.Response {
	w.t.Helper()
	var raw []byte
	res := w.http.Do(w.t, method, path, l.token, body, &raw, headers...)
	require.Equal(w.t, status, res.StatusCode, "%s %s: %s", method, path, raw)
	if out != nil {
		require.NoError(w.t, json.Unmarshal(raw, out), "%s", raw)
	}
	return res
}

func (w *world) inbox(l learner, query string) page {
	w.t.Helper()
	var p page
	w.call(l, http.StatusOK, "GET", "/v1/notifications"+query, nil, &p)
	return p
}

func (w *world) unread(l learner) int {
	w.t.Helper()
	var out struct{ Unread int }
	w.call(l, http.StatusOK, "GET", "/v1/notifications/unread-count", nil, &out)
	return out.Unread
}

// deliveries counts the mail deliveries of the account by status.
func (w *world) deliveries(l learner) map[string]int {
	w.t.Helper()
	rows, err := w.admin.Query(w.t.Context(), `
		select d.status, count(*)::int from notify.deliveries d join notify.notifications n on n.id = d.notification_id
		where n.account_id = $1 group by 1`, l.AccountID)
	require.NoError(w.t, err)
	counts := map[string]int{}
	var status string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&status, &n}, func() error { counts[status] = n; return nil })
	require.NoError(w.t, err)
	return counts
}

func (w *world) eventually(condition func() bool, failure string) {
	w.t.Helper()
	require.Eventually(w.t, condition, soon, 10*time.Millisecond, failure)
}

// serverEvent is an event of a stream.
type serverEvent struct {
	id, name string
	data     notification
}

// stream is a client of the live stream. events is closed when it ends.
type stream struct {
	t      *testing.T
	status int
	events chan serverEvent
	leave  context.CancelFunc
}

func follow(t *testing.T, base, token, lastEventID string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/notifications/stream", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	s := &stream{t: t, status: res.StatusCode, events: make(chan serverEvent, 1000), leave: cancel}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.events)
		defer func() { _ = res.Body.Close() }()
		readEvents(res.Body, s.events)
	}()
	t.Cleanup(func() { cancel(); <-read })
	return s
}

func readEvents(r io.Reader, events chan<- serverEvent) {
	lines := bufio.NewScanner(r)
	var e serverEvent
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				e.name = "broken: " + err.Error()
			}
		case "":
			if e.id != "" {
				events <- e
			}
			e = serverEvent{}
		}
	}
}

// next waits for an event.
func (s *stream) next() serverEvent {
	s.t.Helper()
	select {
	case e, open := <-s.events:
		require.True(s.t, open, "the stream has ended")
		return e
	case <-time.After(soon):
		require.Fail(s.t, "no event came")
		return serverEvent{}
	}
}

// ends waits for the end of the stream and returns what came before it.
func (s *stream) ends() []serverEvent {
	s.t.Helper()
	var before []serverEvent
	for {
		select {
		case e, open := <-s.events:
			if !open {
				return before
			}
			before = append(before, e)
		case <-time.After(soon):
			require.Fail(s.t, "the stream goes on")
			return nil
		}
	}
}
