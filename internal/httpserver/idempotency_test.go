package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/problem"
)

// shop is a module whose effects can be counted: rows of its dead letters,
// a table that every module has.
type shop struct {
	*httpservertest.Server
	db     *postgres.DB
	token  string
	calls  atomic.Int64
	before func(ctx context.Context) error // runs in the handler before its transaction
	within func(ctx context.Context) error // runs inside
	after  func(ctx context.Context) error // runs after the commit
}

type orderInput struct {
	Shelf string `query:"shelf"`
	Body  struct {
		Item string `json:"item"`
	}
}

type orderOutput struct {
	Location string `header:"Location"`
	Body     struct {
		OrderID uuid.UUID `json:"order_id"`
	}
}

func newShop(t *testing.T) *shop {
	t.Helper()
	nothing := func(context.Context) error { return nil }
	sh := &shop{db: postgrestest.New(t).DB(t, "users"), before: nothing, within: nothing, after: nothing}
	sh.Server = serve(t, func(r *httpserver.Router) {
		route := post("/orders")
		route.Permission, route.Status = auth.SignedIn, 201
		httpserver.Handle(r, route, sh.order)
		route = post("/orders/raw")
		route.Permission = auth.SignedIn
		httpserver.Raw(r, route, func(w http.ResponseWriter, r *http.Request) {
			id := uuid.New()
			if err := sh.effect(r.Context(), id); err != nil {
				httpserver.WriteProblem(w, r, err)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprint(w, id)
		})
	}, httpservertest.WithDB(sh.db))
	sh.token = sh.Token(t, learner())
	return sh
}

func (sh *shop) order(ctx context.Context, _ *orderInput) (*orderOutput, error) {
	out := &orderOutput{}
	out.Body.OrderID = uuid.New()
	out.Location = "/v1/users/orders/" + out.Body.OrderID.String()
	return out, sh.effect(ctx, out.Body.OrderID)
}

func (sh *shop) effect(ctx context.Context, id uuid.UUID) error {
	sh.calls.Add(1)
	if err := sh.before(ctx); err != nil {
		return err
	}
	err := sh.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into users.dead_letters (id, consumer, source, partition, seq, event_id, event_type, envelope, error, attempts)
			values ($1, 'c', 's', 0, 0, $1, 't', '{}', 'e', 1)`, id)
		if err != nil {
			return err
		}
		return sh.within(ctx)
	})
	if err != nil {
		return err
	}
	return sh.after(ctx)
}

func (sh *shop) effects(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, sh.db.Pool.QueryRow(t.Context(), `select count(*) from users.dead_letters`).Scan(&n))
	return n
}

func (sh *shop) post(t *testing.T, path, key, body string) *http.Response {
	t.Helper()
	return sh.Do(t, "POST", "/v1/users"+path, sh.token, []byte(body), nil, httpservertest.Header{Name: "Idempotency-Key", Value: key})
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	var b []byte
	buf := make([]byte, 1<<16)
	n, _ := res.Body.Read(buf)
	b = append(b, buf[:n]...)
	return string(b)
}

func TestARepeatedRequestTakesEffectOnce(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	for path, status := range map[string]int{"/orders": 201, "/orders/raw": 202} {
		start := sh.effects(t)
		first := sh.post(t, path, "k", `{"item":"x"}`)
		require.Equal(t, status, first.StatusCode)
		require.Empty(t, first.Header.Get("Idempotency-Replayed"))
		again := sh.post(t, path, "k", `{"item":"x"}`)
		require.Equal(t, status, again.StatusCode)
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		require.Equal(t, body(t, first), body(t, again))
		for _, name := range []string{"Location", "Content-Type"} {
			require.Equal(t, first.Header.Get(name), again.Header.Get(name))
		}
		quoted := sh.post(t, path, `"k"`, `{"item":"x"}`)
		require.Equal(t, "true", quoted.Header.Get("Idempotency-Replayed"), "quoted, it is the same key")
		require.Equal(t, start+1, sh.effects(t))
	}
}

func TestAKeyBelongsToItsCallerAndRequest(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	require.Equal(t, 201, sh.post(t, "/orders", "k", `{"item":"x"}`).StatusCode)
	requireProblem(t, sh.post(t, "/orders", "k", `{"item":"y"}`), 422, "idempotency-key-reused")
	requireProblem(t, sh.post(t, "/orders?shelf=2", "k", `{"item":"x"}`), 422, "idempotency-key-reused")
	require.Equal(t, 1, sh.effects(t))
	require.Equal(t, 201, sh.post(t, "/orders", "l", `{"item":"x"}`).StatusCode)
	sh.token = sh.Token(t, learner())
	other := sh.post(t, "/orders", "k", `{"item":"x"}`)
	require.Equal(t, 201, other.StatusCode)
	require.Empty(t, other.Header.Get("Idempotency-Replayed"), "another person's key")
	require.Equal(t, 3, sh.effects(t))
}

func TestSimultaneousRequestsTakeEffectOnce(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	const clients = 6 // fewer than connections, so that none waits for one
	var all sync.WaitGroup
	inside := make(chan struct{}, clients)
	sh.before = func(context.Context) error { inside <- struct{}{}; return nil }
	release := make(chan struct{})
	sh.within = func(context.Context) error { <-release; return nil }
	answers := make(chan *http.Response, clients)
	for range clients {
		all.Go(func() { answers <- sh.post(t, "/orders", "k", `{"item":"x"}`) })
	}
	for range clients {
		<-inside // all have looked the key up and found nothing
	}
	close(release)
	all.Wait()
	close(answers)
	created := map[string]bool{}
	for res := range answers {
		switch res.StatusCode {
		case 201:
			created[body(t, res)] = true
		default:
			requireProblem(t, res, 409, "idempotency-key-in-progress")
			require.Equal(t, "1", res.Header.Get("Retry-After"))
		}
	}
	require.Len(t, created, 1, "whoever got an order got the same")
	require.Equal(t, 1, sh.effects(t))
}

func TestAFailureBeforeTheEffectLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	fail := errors.New("down")
	refuse := problem.New(problem.Conflict, "closed", "Closed.")
	for name, c := range map[string]struct {
		set    func(*shop, func(context.Context) error)
		err    error
		status int
	}{
		"refused before":             {func(s *shop, f func(context.Context) error) { s.before = f }, refuse, 409},
		"broken before":              {func(s *shop, f func(context.Context) error) { s.before = f }, fail, 500},
		"refused in the transaction": {func(s *shop, f func(context.Context) error) { s.within = f }, refuse, 409},
		"broken in the transaction":  {func(s *shop, f func(context.Context) error) { s.within = f }, fail, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShop(t)
			failing := true
			c.set(sh, func(context.Context) error {
				if failing {
					return c.err
				}
				return nil
			})
			require.Equal(t, c.status, sh.post(t, "/orders", "k", `{"item":"x"}`).StatusCode)
			require.Zero(t, sh.effects(t))
			failing = false
			res := sh.post(t, "/orders", "k", `{"item":"x"}`)
			require.Equal(t, 201, res.StatusCode)
			require.Empty(t, res.Header.Get("Idempotency-Replayed"))
			require.Equal(t, 1, sh.effects(t))
		})
	}
}

func TestAFailureAfterTheEffectKeepsTheKey(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	sh.after = func(context.Context) error { return errors.New("down") }
	requireProblem(t, sh.post(t, "/orders", "k", `{"item":"x"}`), 500, "internal")
	sh.after = func(context.Context) error { return nil }
	requireProblem(t, sh.post(t, "/orders", "k", `{"item":"x"}`), 409, "idempotency-key-in-progress")
	require.Equal(t, 1, sh.effects(t), "the outcome is unknown to the client and must not be doubled")
	_, err := sh.db.Pool.Exec(t.Context(), `update users.idempotency_keys set created_at = now() - interval '2 minutes'`)
	require.NoError(t, err)
	lost := sh.post(t, "/orders", "k", `{"item":"x"}`)
	requireProblem(t, lost, 409, "idempotency-answer-lost")
	require.Empty(t, lost.Header.Get("Retry-After"), "waiting does not help any more")
	require.Equal(t, 1, sh.effects(t))

	sh.after = func(context.Context) error { return problem.New(problem.Gone, "gone", "Gone.") }
	requireProblem(t, sh.post(t, "/orders", "l", `{"item":"x"}`), 410, "gone")
	again := sh.post(t, "/orders", "l", `{"item":"x"}`)
	require.Equal(t, 410, again.StatusCode)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, "application/problem+json", again.Header.Get("Content-Type"))
	require.Equal(t, 2, sh.effects(t))
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	for _, key := range []string{"", `"`, `""`, `"a`, "a b", "é", `a"b`, fmt.Sprintf("%0256d", 1)} {
		requireProblem(t, sh.post(t, "/orders", key, `{"item":"x"}`), 400, "idempotency-key-malformed")
	}
	require.Equal(t, 201, sh.post(t, "/orders", fmt.Sprintf("%0255d", 1), `{"item":"x"}`).StatusCode)
	require.Equal(t, 1, sh.effects(t))
}

func TestWithoutADatabaseAKeyIsRefusedRatherThanIgnored(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		route := post("/x")
		route.Permission = auth.SignedIn
		httpserver.Handle(r, route, ok)
	})
	res := s.Do(t, "POST", "/v1/users/x", s.Token(t, learner()), nil, nil, httpservertest.Header{Name: "Idempotency-Key", Value: "k"})
	requireProblem(t, res, 400, "idempotency-key-unsupported")
}

func TestPruneForgetsOldKeysOnly(t *testing.T) {
	t.Parallel()
	sh := newShop(t)
	sh.post(t, "/orders", "old", `{"item":"x"}`)
	sh.post(t, "/orders", "new", `{"item":"x"}`)
	_, err := sh.db.Pool.Exec(t.Context(), `update users.idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'`)
	require.NoError(t, err)
	n, err := httpserver.PruneIdempotencyKeys(t.Context(), sh.db, "users", httpserver.IdempotencyKeyLifetime)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, "true", sh.post(t, "/orders", "new", `{"item":"x"}`).Header.Get("Idempotency-Replayed"))
	require.Empty(t, sh.post(t, "/orders", "old", `{"item":"x"}`).Header.Get("Idempotency-Replayed"))
	n, err = httpserver.PruneIdempotencyKeys(t.Context(), sh.db, "users", time.Hour)
	require.NoError(t, err)
	require.Zero(t, n)
}
