package users

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/problem"
)

func TestWrongPasswordsAreThrottled(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	f.account("bob@example.org")

	for range signInFromOnePlace.limit {
		f.signIn("ada@example.org", "not the password").refuses(http.StatusUnauthorized, "wrong-credentials")
		f.signIn("nobody@example.org", "not the password").refuses(http.StatusUnauthorized, "wrong-credentials")
	}
	f.clock.advance(5 * time.Minute)
	// The right password does not help now, and an unknown address is throttled
	// in the same way.
	for _, address := range []string{"ada@example.org", "nobody@example.org"} {
		r := f.signIn(address, testPassword)
		r.refuses(http.StatusTooManyRequests, "too-many-attempts")
		seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
		require.NoError(t, err)
		require.Equal(t, 600, seconds)
	}
	f.signIn("bob@example.org", testPassword).is(http.StatusOK)
	f.clock.advance(10 * time.Minute)
	f.signIn("ada@example.org", testPassword).is(http.StatusOK)
}

// Whoever has forgotten the password, tried what came to mind and then set a
// new one is let in at once.
func TestResettingThePasswordEndsTheThrottle(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	for range signInFromOnePlace.limit {
		f.signIn("ada@example.org", "not the password").refuses(http.StatusUnauthorized, "wrong-credentials")
	}
	f.signIn("ada@example.org", "not the password").refuses(http.StatusTooManyRequests, "too-many-attempts")
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	token := f.mailed("ada@example.org", "Set a new password")
	f.post("/v1/auth/password/reset", "", obj{"token": token, "password": "difference engine"}).is(http.StatusNoContent)
	f.signIn("ada@example.org", "difference engine").is(http.StatusOK)
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	for range signInFromOnePlace.limit + 2 {
		f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	}
	require.Zero(t, f.count(`select coalesce(sum(count), 0) from users.throttles`))
}

// The limit holds for guesses that come all at once.
func TestThrottleHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 4 * signInFromOnePlace.limit {
		wg.Go(func() {
			r := f.signIn("ada@example.org", "not the password")
			mu.Lock()
			defer mu.Unlock()
			statuses[r.status]++
		})
	}
	wg.Wait()
	require.Equal(t, map[int]int{http.StatusUnauthorized: signInFromOnePlace.limit, http.StatusTooManyRequests: 3 * signInFromOnePlace.limit}, statuses)
}

// A stranger elsewhere cannot lock the owner out with a few wrong passwords.
func TestThrottleIsByPlace(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	from := func(place, password string) error {
		_, err := f.m.signIn(t.Context(), attempt{email: "ada@example.org", password: password, client: place})
		return err
	}
	for range signInFromOnePlace.limit {
		require.True(t, problem.Is(from("203.0.113.7", "not the password"), "wrong-credentials"))
	}
	require.True(t, problem.Is(from("203.0.113.7", testPassword), "too-many-attempts"))
	// Refused tries do not count towards the limit of all places together.
	for range signInFromAnywhere.limit {
		require.True(t, problem.Is(from("203.0.113.7", "not the password"), "too-many-attempts"))
	}
	require.NoError(t, from("198.51.100.4", testPassword))
}

func TestOldHashesAreReplacedAtSignIn(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.account("ada@example.org")
	old := newHash(Argon2{MemoryKiB: 16, Iterations: 2, Parallelism: 1}, testPassword).String()
	f.exec(`update users.credentials set password_hash = $2 where account_id = $1`, id, old)

	f.signIn("ada@example.org", "not the password").is(http.StatusUnauthorized)
	stored, err := passwordHash(t.Context(), f.db.Pool, id)
	require.NoError(t, err)
	require.Equal(t, old, stored, "a wrong password must change nothing")

	f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	stored, err = passwordHash(t.Context(), f.db.Pool, id)
	require.NoError(t, err)
	require.Contains(t, stored, "$m=32,t=1,p=1$")
	f.signIn("ada@example.org", testPassword).is(http.StatusOK)
}

// A password that is changed while it is being verified does not let anybody in.
func TestSignInRacingAPasswordChangeIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.account("ada@example.org")
	locked, release := make(chan struct{}), make(chan struct{})
	changed := make(chan error, 1)
	go func() {
		changed <- f.db.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx pgx.Tx) error {
			if _, err := lockAccount(ctx, tx, id); err != nil {
				return err
			}
			close(locked)
			<-release
			return setPassword(ctx, tx, id, newHash(cheap, "difference engine").String(), f.clock.now())
		})
	}()
	<-locked
	result := make(chan error, 1)
	go func() {
		_, err := f.m.signIn(context.WithoutCancel(t.Context()), attempt{email: "ada@example.org", password: testPassword})
		result <- err
	}()
	f.eventually("the sign-in waits for the lock", func() bool {
		return f.count(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 1
	})
	close(release)
	require.NoError(t, <-changed)
	require.True(t, problem.Is(<-result, "wrong-credentials"))
	require.Zero(t, f.count(`select count(*) from users.sessions`))
}

func TestHasherSendsAwayWhomItCannotServeInTime(t *testing.T) {
	t.Parallel()
	h, err := newHasher(cheap, prometheus.NewRegistry())
	require.NoError(t, err)
	for range cap(h.slots) { // every processor is busy
		h.slots <- struct{}{}
		h.present.Add(1)
	}
	h.average.Store(int64(maxHashWait) * int64(cap(h.slots)))
	h.present.Add(1) // and somebody waits already
	_, err = h.hash(t.Context(), "analytical engine")
	require.True(t, problem.Is(err, "busy"), "got %v", err)
	require.Equal(t, http.StatusServiceUnavailable, problem.Of(err).Status())
	require.Positive(t, problem.Of(err).RetryAfter)

	h.present.Add(-1)
	for range cap(h.slots) {
		<-h.slots
		h.present.Add(-1)
	}
	_, err = h.hash(t.Context(), "analytical engine")
	require.NoError(t, err)
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"203.0.113.7:4711":              "203.0.113.7",
		"203.0.113.7":                   "203.0.113.7",
		"[::ffff:203.0.113.7]:80":       "203.0.113.7",
		"[2001:db8:1:2:3:4:5:6]:443":    "2001:db8:1:2::/64",
		"[2001:db8:1:2:aaaa::1%eth0]:9": "2001:db8:1:2::/64",
		"@":                             "@",
		"":                              "",
	} {
		require.Equal(t, want, place(remote), remote)
	}
}

// One guess at each of many addresses stays below the limits of each.
func TestGuessesAtManyAddressesFromOnePlaceAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	from := func(place, address, password string) error {
		_, err := f.m.signIn(t.Context(), attempt{email: address, password: password, client: place})
		return err
	}
	for n := range wrongFromOnePlace.limit {
		require.True(t, problem.Is(from("203.0.113.7", fmt.Sprintf("nobody-%d@example.org", n), "not the password"), "wrong-credentials"))
	}
	err := from("203.0.113.7", "ada@example.org", testPassword)
	require.True(t, problem.Is(err, "too-many-attempts"), "got %v", err)
	require.Positive(t, problem.Of(err).RetryAfter)
	require.NoError(t, from("198.51.100.4", "ada@example.org", testPassword), "others are not kept out")
	f.clock.advance(wrongFromOnePlace.window)
	require.NoError(t, from("203.0.113.7", "ada@example.org", testPassword))
}
