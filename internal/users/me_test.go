package users

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

func TestProfileChanges(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.account("ada@example.org")
	token := f.tokenOf("ada@example.org")
	seen := f.get("/v1/me", token).is(http.StatusOK).header.Get("ETag")
	require.Equal(t, `"1"`, seen)

	r := f.patch("/v1/me", token, seen, obj{"display_name": "  Ada, Countess of Lovelace ", "locale": "en-gb", "time_zone": "Asia/Tokyo"}).is(http.StatusOK)
	require.Equal(t, `"2"`, r.header.Get("ETag"))
	require.Equal(t, "Ada, Countess of Lovelace", r.str("display_name"))
	require.Equal(t, "en-GB", r.str("locale"))
	contact := f.lastContact(id.String())
	require.Equal(t, "Ada, Countess of Lovelace", contact.DisplayName)
	require.Equal(t, "Asia/Tokyo", contact.TimeZone)

	f.patch("/v1/me", token, seen, obj{"locale": "de"}).refuses(http.StatusPreconditionFailed, "version-mismatch")
	f.patch("/v1/me", token, `"x"`, obj{"locale": "de"}).refuses(http.StatusPreconditionFailed, "version-mismatch")
	events := len(f.eventTypes(id.String()))
	f.patch("/v1/me", token, "", obj{"locale": "en-GB"}).is(http.StatusOK)
	f.patch("/v1/me", token, `"2"`, obj{}).is(http.StatusOK)
	require.Len(t, f.eventTypes(id.String()), events, "no change, no event")
	require.Equal(t, `"2"`, f.get("/v1/me", token).header.Get("ETag"))
}

func TestProfileRefusesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	token := f.tokenOf("ada@example.org")
	for name, body := range map[string]obj{
		"an empty name":        {"display_name": ""},
		"a blank name":         {"display_name": "   "},
		"a long name":          {"display_name": strings.Repeat("a", 101)},
		"a line break":         {"display_name": "Ada\nLovelace"},
		"a null character":     {"display_name": "Ada\x00"},
		"a direction override": {"display_name": "Ada \u202e evil"},
		"no language":          {"locale": "!!"},
		"an unknown time zone": {"time_zone": "Mars/Olympus"},
		"the machine's zone":   {"time_zone": "Local"},
		"a path":               {"time_zone": "../../etc/passwd"},
		"an unknown field":     {"email": "other@example.org"},
		"a wrong type":         {"locale": 7},
	} {
		r := f.patch("/v1/me", token, "", body)
		require.Equal(t, http.StatusUnprocessableEntity, r.status, "%s: %s", name, r.raw)
	}
	require.Equal(t, `"1"`, f.get("/v1/me", token).is(http.StatusOK).header.Get("ETag"))
}

func TestPasswordChangeEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	here := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	there := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	token := here.str("access_token")

	f.post("/v1/me/password", token, obj{"current": "not the password", "new": "difference engine"}).refuses(http.StatusUnprocessableEntity, "wrong-password")
	f.post("/v1/me/password", token, obj{"current": testPassword, "new": "password123"}).refuses(http.StatusUnprocessableEntity, "invalid-value")
	f.post("/v1/me/password", token, obj{"current": testPassword, "new": "difference engine"}).is(http.StatusNoContent)
	f.mailed("ada@example.org", "Your password has been changed")

	f.refresh(there.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	f.refresh(here.str("refresh_token")).is(http.StatusOK)
	f.signIn("ada@example.org", testPassword).refuses(http.StatusUnauthorized, "wrong-credentials")
	f.signIn("ada@example.org", "difference engine").is(http.StatusOK)
}

// A stolen access token is not a licence to guess the password.
func TestOwnPasswordIsThrottled(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	token := f.tokenOf("ada@example.org")
	for range ownPassword.limit {
		f.erase(token, "not the password").refuses(http.StatusUnprocessableEntity, "wrong-password")
	}
	f.erase(token, testPassword).refuses(http.StatusTooManyRequests, "too-many-attempts")
	f.post("/v1/me/password", token, obj{"current": testPassword, "new": "difference engine"}).refuses(http.StatusTooManyRequests, "too-many-attempts")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	f.account("bob@example.org")
	here := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	there := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	bob := f.tokenOf("bob@example.org")

	list := f.get("/v1/me/sessions", here.str("access_token")).is(http.StatusOK).list("items")
	require.Len(t, list, 2)
	var other string
	for _, s := range list {
		require.Equal(t, "Lyceum test", s["user_agent"])
		if s["current"] == false {
			other = s["session_id"].(string)
		}
	}
	f.delete("/v1/me/sessions/"+other, bob).refuses(http.StatusNotFound, "not-found")
	f.delete("/v1/me/sessions/"+uuid.NewString(), here.str("access_token")).refuses(http.StatusNotFound, "not-found")
	f.delete("/v1/me/sessions/"+other, here.str("access_token")).is(http.StatusNoContent)
	f.delete("/v1/me/sessions/"+other, here.str("access_token")).refuses(http.StatusNotFound, "not-found")
	f.refresh(there.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	require.Len(t, f.get("/v1/me/sessions", here.str("access_token")).is(http.StatusOK).list("items"), 1)
}

func TestErasureLeavesNothingOfThePerson(t *testing.T) {
	t.Parallel()
	f := setup(t)
	running := bustest.Run(t, f.database, f.m.Contract())
	f.register("ada@example.org", testPassword, "Ada Lovelace").is(http.StatusAccepted)
	f.post("/v1/auth/confirm", "", obj{"token": f.mailed("ada@example.org", "Confirm your e-mail address")}).is(http.StatusNoContent)
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	id := g.get("account", "account_id").(string)
	token := g.str("access_token")
	f.signIn("ada@example.org", "not the password").is(http.StatusUnauthorized)
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	reset := f.mailed("ada@example.org", "Set a new password")
	running.Drain() // contact events are in the log
	f.patch("/v1/me", token, "", obj{"locale": "de"}).is(http.StatusOK)
	require.NotEmpty(t, f.tablesWith("ada@example.org"))

	f.erase(token, testPassword).is(http.StatusNoContent)
	running.Drain()

	for _, fact := range []string{"ada@example.org", "Lovelace", "lovelace", "Lyceum test", g.str("refresh_token")} {
		require.Empty(t, f.tablesWith(fact), "%q is still there", fact)
	}
	for _, table := range []string{"credentials", "roles", "sessions", "refresh_tokens", "email_tokens"} {
		require.Zero(t, f.count(`select count(*) from users.`+table), table)
	}
	types := f.eventTypes(id)
	require.NotContains(t, types, "lyceum.users.contact-changed.v1")
	require.Equal(t, "lyceum.users.account-erased.v1", types[len(types)-1])

	f.get("/v1/me", token).refuses(http.StatusUnauthorized, "account-erased")
	f.patch("/v1/me", token, "", obj{"locale": "de"}).refuses(http.StatusUnauthorized, "account-erased")
	f.refresh(g.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "difference engine"}).refuses(http.StatusGone, "invalid-token")
	f.signIn("ada@example.org", testPassword).refuses(http.StatusUnauthorized, "wrong-credentials")

	// The address is free again, for somebody with another id.
	f.register("ada@example.org", testPassword, "Another Ada").is(http.StatusAccepted)
	f.post("/v1/auth/confirm", "", obj{"token": f.mailed("ada@example.org", "Confirm your e-mail address")}).is(http.StatusNoContent)
	again := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	require.NotEqual(t, id, again.get("account", "account_id"))
}

// The answer to an invitation is kept for a repetition of the request.
func TestErasureReachesTheInvitersKeptAnswers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	invite := func() *reply {
		return f.do(http.MethodPost, "/v1/accounts", admin, obj{"email": "ivy@example.org", "display_name": "Ivy Invited"},
			httpservertest.Header{Name: "Idempotency-Key", Value: "one"})
	}
	first := invite().is(http.StatusCreated)
	require.Equal(t, first.raw, invite().is(http.StatusCreated).raw)
	token := f.mailed("ivy@example.org", "You have been invited")
	f.post("/v1/auth/password/reset", "", obj{"token": token, "password": testPassword}).is(http.StatusNoContent)
	require.Contains(t, f.tablesWith("Ivy Invited"), "idempotency_keys")
	f.erase(f.tokenOf("ivy@example.org"), testPassword).is(http.StatusNoContent)
	require.Empty(t, f.tablesWith("Ivy Invited"))
}

// An erasure that comes together with sign-ins and refreshes leaves no session.
func TestErasureAgainstSignInsAndRefreshes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 5 {
		f.account("ada@example.org")
		g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
		token := g.str("access_token")
		var erased *reply
		var wg sync.WaitGroup
		wg.Go(func() { erased = f.erase(token, testPassword) })
		wg.Go(func() { f.refresh(g.str("refresh_token")) })
		wg.Go(func() { f.signIn("ada@example.org", testPassword) })
		wg.Wait()
		erased.is(http.StatusNoContent)
		require.Zero(t, f.count(`select count(*) from users.sessions`))
		require.Zero(t, f.count(`select count(*) from users.refresh_tokens`))
	}
}

func TestPurgeDeletesWhatHasExpired(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	old := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	f.signIn("ada@example.org", "not the password").is(http.StatusUnauthorized)
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	f.mailed("ada@example.org", "Set a new password")

	require.NoError(t, f.m.purge(t.Context()))
	f.refresh(old.str("refresh_token")).is(http.StatusOK)
	f.clock.advance(f.m.cfg.SessionLifetime + keepSessions + time.Second)
	young := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	require.NoError(t, f.m.purge(context.WithoutCancel(t.Context())))
	require.Zero(t, f.count(`select count(*) from users.throttles where expires_at < $1`, f.clock.now()))
	for table, want := range map[string]int{"email_tokens": 0, "sessions": 1, "refresh_tokens": 1} {
		require.Equal(t, want, f.count(`select count(*) from users.`+table), table)
	}
	f.refresh(young.str("refresh_token")).is(http.StatusOK)
}
