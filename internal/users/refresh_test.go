package users

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReuseOfARefreshTokenEndsItsFamily(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	first := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	elsewhere := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	second := f.refresh(first.str("refresh_token")).is(http.StatusOK)
	third := f.refresh(second.str("refresh_token")).is(http.StatusOK)

	f.refresh(first.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	for _, r := range []*reply{first, second, third} {
		f.refresh(r.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	}
	require.Equal(t, 1, f.count(`select count(*) from users.sessions where revoked_for = 'token_reused'`))
	require.Equal(t, 1, f.count(`select count(*) from users.audit_trail where action = 'session.token_reused'`))
	f.refresh(elsewhere.str("refresh_token")).is(http.StatusOK)
}

// Of many uses of one token at once exactly one gives a new one, and as the
// others are reuses the session has ended when all are done.
func TestConcurrentRefreshesWithOneToken(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	for range 5 {
		g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
		token := g.str("refresh_token")
		replies := make([]*reply, 8)
		var wg sync.WaitGroup
		for i := range replies {
			wg.Go(func() { replies[i] = f.refresh(token) })
		}
		wg.Wait()
		var won []*reply
		for _, r := range replies {
			if r.status == http.StatusOK {
				won = append(won, r)
			} else {
				r.refuses(http.StatusUnauthorized, "invalid-refresh-token")
			}
		}
		require.Len(t, won, 1)
		f.refresh(won[0].str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	}
}

func TestRefreshTokensExpire(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	unused := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	require.InDelta(t, (14 * 24 * time.Hour).Seconds(), unused.num("refresh_expires_in"), 0)
	f.clock.advance(14 * 24 * time.Hour)
	f.refresh(unused.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")

	// A session in use ends as well, in the end.
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	for range 8 {
		f.clock.advance(10 * 24 * time.Hour)
		g = f.refresh(g.str("refresh_token")).is(http.StatusOK)
	}
	require.InDelta(t, (10 * 24 * time.Hour).Seconds(), g.num("refresh_expires_in"), 0, "no token outlives its session")
	f.clock.advance(10 * 24 * time.Hour)
	f.refresh(g.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
}

func TestForgedRefreshTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	for _, forged := range []string{"x", string(newSecret()), g.str("refresh_token") + "=", g.str("refresh_token")[1:], g.str("access_token")[:100]} {
		f.refresh(forged).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	}
	f.refresh(g.str("refresh_token")).is(http.StatusOK)
}

// A refresh brings the roles up to date.
func TestRefreshCarriesThePresentRoles(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	id := f.account("ada@example.org")
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	f.get("/v1/accounts", g.str("access_token")).refuses(http.StatusForbidden, "")
	f.put("/v1/accounts/"+id.String()+"/roles/organisation_admin", admin).is(http.StatusOK)
	g = f.refresh(g.str("refresh_token")).is(http.StatusOK)
	f.get("/v1/accounts", g.str("access_token")).is(http.StatusOK)
}
