package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

const testPassword = "analytical engine"

// fixture is the module, running on a database of its own and served over HTTP.
// The organisation "demo" exists and is open to registration.
type fixture struct {
	t        *testing.T
	database *postgrestest.Database
	db       *postgres.DB
	root     *pgxpool.Pool
	m        *Module
	server   *httpservertest.Server
	clock    *clock
	mails    *mailbox
}

func setup(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, database: postgrestest.New(t), clock: &clock{at: time.Now()}, mails: newMailbox()}
	f.db = f.database.DB(t, "users")
	f.root = f.database.Admin(t)
	f.m, f.server = f.replica()
	err := f.db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := f.m.insertOrganisation(ctx, tx, &organisation{slug: "demo", name: "Demo School", selfRegistration: true})
		return err
	})
	require.NoError(t, err)
	return f
}

// replica starts the module once more on the same database.
func (f *fixture) replica() (*Module, *httpservertest.Server) {
	f.t.Helper()
	verifier := auth.NewVerifier("lyceum", "lyceum", f.clock.now)
	m, err := New(Config{PublicURL: "https://lyceum.example", Argon2: cheap, RegistrationTime: time.Millisecond}, Deps{
		DB: f.db, Log: slog.New(slog.NewTextHandler(f.t.Output(), nil)), Registerer: prometheus.NewRegistry(),
		Now: f.clock.now, Mail: f.mails, Verifier: verifier,
	})
	require.NoError(f.t, err)
	require.Error(f.t, m.Ready(f.t.Context()), "ready before it has started")
	require.NoError(f.t, m.Start(f.t.Context()))
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), 20*time.Second)
		defer cancel()
		require.NoError(f.t, m.Stop(ctx))
		require.NoError(f.t, m.Stop(ctx), "stopping again does nothing")
	})
	require.NoError(f.t, m.Ready(f.t.Context()))
	return m, httpservertest.New(f.t, m, httpservertest.WithVerifier(verifier), httpservertest.WithDB(f.db))
}

// account makes a confirmed learner of the organisation demo with testPassword.
func (f *fixture) account(email string) uuid.UUID {
	f.t.Helper()
	return f.accountIn("demo", email, auth.Learner)
}

func (f *fixture) accountIn(slug, email string, roles ...auth.Role) uuid.UUID {
	f.t.Helper()
	return f.accountNamed(slug, email, "Somebody", roles...)
}

func (f *fixture) accountNamed(slug, email, name string, roles ...auth.Role) uuid.UUID {
	f.t.Helper()
	id, _, err := f.m.EnsureAccount(f.t.Context(), Seed{
		Organisation: SeedOrganisation{Slug: slug, Name: slug, SelfRegistration: true},
		Email:        email, Password: testPassword, DisplayName: name, Roles: roles, Confirmed: true,
	})
	require.NoError(f.t, err)
	return id
}

// admin makes an administrator of the organisation demo and returns an access
// token.
func (f *fixture) admin(email string) string {
	f.t.Helper()
	f.accountIn("demo", email, auth.OrganisationAdmin)
	return f.tokenOf(email)
}

// tokenOf signs in with testPassword.
func (f *fixture) tokenOf(email string) string {
	f.t.Helper()
	return f.signIn(email, testPassword).is(http.StatusOK).str("access_token")
}

func (f *fixture) signIn(email, password string) *reply {
	f.t.Helper()
	return f.post("/v1/auth/sign-in", "", obj{"email": email, "password": password})
}

func (f *fixture) refresh(token string) *reply {
	f.t.Helper()
	return f.post("/v1/auth/refresh", "", obj{"refresh_token": token})
}

func (f *fixture) register(email, password, name string) *reply {
	f.t.Helper()
	return f.post("/v1/auth/register", "", obj{"organisation": "demo", "email": email, "password": password,
		"display_name": name, "locale": "en", "time_zone": "Europe/London"})
}

func (f *fixture) erase(token, password string) *reply {
	f.t.Helper()
	return f.do(http.MethodDelete, "/v1/me", token, obj{"password": password})
}

type obj map[string]any

func (f *fixture) get(path, token string) *reply {
	f.t.Helper()
	return f.do(http.MethodGet, path, token, nil)
}

func (f *fixture) post(path, token string, body obj) *reply {
	f.t.Helper()
	return f.do(http.MethodPost, path, token, body)
}

func (f *fixture) put(path, token string) *reply {
	f.t.Helper()
	return f.do(http.MethodPut, path, token, nil)
}

func (f *fixture) delete(path, token string) *reply {
	f.t.Helper()
	return f.do(http.MethodDelete, path, token, nil)
}

func (f *fixture) patch(path, token, ifMatch string, body obj) *reply {
	f.t.Helper()
	if ifMatch == "" {
		return f.do(http.MethodPatch, path, token, body)
	}
	return f.do(http.MethodPatch, path, token, body, httpservertest.Header{Name: "If-Match", Value: ifMatch})
}

func (f *fixture) do(method, path, token string, body obj, headers ...httpservertest.Header) *reply {
	f.t.Helper()
	var raw []byte
	var content any // nil is no body; a nil obj would be one
	if body != nil {
		content = body
	}
	headers = append(headers, httpservertest.Header{Name: "User-Agent", Value: "Lyceum test"})
	response := f.server.Do(f.t, method, path, token, content, &raw, headers...)
	out := &reply{t: f.t, what: method + " " + path, status: response.StatusCode, header: response.Header, raw: string(raw)}
	if len(raw) > 0 {
		require.NoError(f.t, json.Unmarshal(raw, &out.body), "%s: %s", out.what, raw)
	}
	return out
}

// reply is an answer over HTTP.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	raw    string
	body   obj
}

func (r *reply) is(status int) *reply {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s: %s", r.what, r.raw)
	return r
}

// refuses checks the status and the reason of a problem; an empty reason is any.
func (r *reply) refuses(status int, reason string) {
	r.t.Helper()
	r.is(status)
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"), "%s: %s", r.what, r.raw)
	if reason != "" {
		require.Regexp(r.t, "[/:]"+reason+"$", r.str("type"), "%s: %s", r.what, r.raw)
	}
}

// comparable is everything in the answer that may differ for a reason.
func (r *reply) comparable() string {
	header := r.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Request-Id", "Traceparent"} {
		header.Del(name)
	}
	body := obj{}
	for k, v := range r.body {
		if k != "instance" && k != "request_id" && k != "trace_id" {
			body[k] = v
		}
	}
	return fmt.Sprint(r.status, header, body)
}

// get follows keys into the body; it returns nil where there is none.
func (r *reply) get(keys ...string) any {
	var v any = map[string]any(r.body)
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func (r *reply) str(key string) string {
	r.t.Helper()
	s, ok := r.body[key].(string)
	require.True(r.t, ok, "%s: no text %q in %s", r.what, key, r.raw)
	return s
}

func (r *reply) num(key string) float64 {
	r.t.Helper()
	n, ok := r.body[key].(float64)
	require.True(r.t, ok, "%s: no number %q in %s", r.what, key, r.raw)
	return n
}

func (r *reply) list(key string) []map[string]any {
	r.t.Helper()
	items, ok := r.body[key].([]any)
	require.True(r.t, ok, "%s: no list %q in %s", r.what, key, r.raw)
	list := make([]map[string]any, len(items))
	for i, item := range items {
		list[i] = item.(map[string]any)
	}
	return list
}

var mailedTokenPattern = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{43})$`)

// mailed waits for the next mail to the address with the subject and returns
// the token in it, or "" if it carries none.
func (f *fixture) mailed(address, subject string) string {
	f.t.Helper()
	text := f.mailText(address, subject)
	found := mailedTokenPattern.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	require.Contains(f.t, text, "https://lyceum.example/")
	require.Contains(f.t, text, "#token="+found[1])
	return found[1]
}

func (f *fixture) mailText(address, subject string) string {
	f.t.Helper()
	select {
	case m := <-f.mails.to(address, subject):
		return m.Text
	case <-time.After(20 * time.Second):
		f.t.Fatalf("no mail %q to %s", subject, address)
		return ""
	}
}

// eventTypes lists the events of an aggregate, in order, relayed or not.
func (f *fixture) eventTypes(id any) []string {
	f.t.Helper()
	rows, err := f.root.Query(f.t.Context(), `select event_type from (
		select 0 as relayed, seq as n, event_type, event_key from users.event_log
		union all select 1, id, event_type, event_key from users.outbox) e
		where event_key = $1 order by relayed, n`, fmt.Sprint(id))
	require.NoError(f.t, err)
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(f.t, err)
	return types
}

func (f *fixture) lastContact(id any) event.ContactChangedV1 {
	f.t.Helper()
	var e event.ContactChangedV1
	err := f.root.QueryRow(f.t.Context(), `select payload from users.outbox where event_key = $1 and event_type = $2
		order by id desc limit 1`, fmt.Sprint(id), event.ContactChanged.Type()).Scan(&e)
	require.NoError(f.t, err)
	return e
}

// audited lists what was done to an account, in order.
func (f *fixture) audited(id any) []string {
	f.t.Helper()
	rows, err := f.root.Query(f.t.Context(), `select action from users.audit_trail where subject_id = $1 order by audit_id`, fmt.Sprint(id))
	require.NoError(f.t, err)
	actions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(f.t, err)
	return actions
}

// count runs a query for one number as the administrator.
func (f *fixture) count(sql string, args ...any) int {
	f.t.Helper()
	var n int
	require.NoError(f.t, f.root.QueryRow(f.t.Context(), sql, args...).Scan(&n))
	return n
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	_, err := f.root.Exec(f.t.Context(), sql, args...)
	require.NoError(f.t, err)
}

// tablesWith searches every row of every table of the schema, as text, and
// binary columns for the bytes.
func (f *fixture) tablesWith(text string) []string {
	f.t.Helper()
	rows, err := f.root.Query(f.t.Context(), `select c.relname::text from pg_class c
		where c.relnamespace = 'users'::regnamespace and c.relkind = 'r' order by 1`)
	require.NoError(f.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(f.t, err)
	require.Greater(f.t, len(tables), 10)
	var found []string
	for _, table := range tables {
		n := f.count(`select count(*) from `+pgx.Identifier{"users", table}.Sanitize()+` r where position($1 in r::text) > 0
			or position(encode(convert_to($1, 'UTF8'), 'hex') in r::text) > 0`, text)
		if n > 0 {
			found = append(found, table)
		}
	}
	return found
}

// eventually polls until something is true.
func (f *fixture) eventually(what string, is func() bool) {
	f.t.Helper()
	require.Eventually(f.t, is, 20*time.Second, 10*time.Millisecond, what)
}

// clock is a clock that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// mailbox stands in for the mail server.
type mailbox struct {
	mu       sync.Mutex
	boxes    map[string]chan mail.Message
	ids      []string
	failures []string
}

func newMailbox() *mailbox { return &mailbox{boxes: map[string]chan mail.Message{}} }

func (b *mailbox) to(address, subject string) chan mail.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := address + "\n" + subject
	if b.boxes[key] == nil {
		b.boxes[key] = make(chan mail.Message, 100)
	}
	return b.boxes[key]
}

// Send implements mail.Sender.
func (b *mailbox) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	b.ids = append(b.ids, m.ID)
	if len(b.failures) > 0 {
		text := b.failures[0]
		b.failures = b.failures[1:]
		b.mu.Unlock()
		return errors.New(text)
	}
	b.mu.Unlock()
	if strings.Contains(m.Subject, "\n") {
		return errors.New("a subject of several lines")
	}
	b.to(m.To, m.Subject) <- m
	return nil
}

// failNext has the next mail refused with the text.
func (b *mailbox) failNext(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, text)
}

// attempted lists the ids of the mails that were tried to send.
func (b *mailbox) attempted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids
}
