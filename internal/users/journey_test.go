package users

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJourneyFromRegistrationToReset(t *testing.T) {
	t.Parallel()
	f := setup(t)

	f.register("Ada@Example.org", "analytical engine", "Ada Lovelace").is(http.StatusAccepted)
	confirm := f.mailed("ada@example.org", "Confirm your e-mail address")

	// The right password is not enough before the address is confirmed, and only
	// the right one is told so.
	f.signIn("ada@example.org", "analytical engine").refuses(http.StatusForbidden, "address-not-confirmed")
	f.signIn("ada@example.org", "difference engine").refuses(http.StatusUnauthorized, "wrong-credentials")

	f.post("/v1/auth/confirm", "", obj{"token": confirm}).is(http.StatusNoContent)
	f.post("/v1/auth/confirm", "", obj{"token": confirm}).refuses(http.StatusGone, "invalid-token")

	first := f.signIn(" ADA@example.org ", "analytical engine").is(http.StatusOK)
	require.Equal(t, "no-store", first.header.Get("Cache-Control"))
	require.Equal(t, "Bearer", first.str("token_type"))
	require.InDelta(t, 600, first.num("expires_in"), 1)
	require.Equal(t, []any{"learner"}, first.get("account", "roles"))

	me := f.get("/v1/me", first.str("access_token")).is(http.StatusOK)
	require.Equal(t, "ada@example.org", me.str("email"))
	require.Equal(t, "Ada Lovelace", me.str("display_name"))
	require.Equal(t, true, me.get("email_confirmed"))
	require.Equal(t, "Europe/London", me.str("time_zone"))

	f.clock.advance(5 * time.Minute)
	second := f.refresh(first.str("refresh_token")).is(http.StatusOK)
	require.NotEqual(t, first.str("refresh_token"), second.str("refresh_token"))
	f.get("/v1/me", second.str("access_token")).is(http.StatusOK)

	f.post("/v1/auth/sign-out", "", obj{"refresh_token": second.str("refresh_token")}).is(http.StatusNoContent)
	f.post("/v1/auth/sign-out", "", obj{"refresh_token": second.str("refresh_token")}).is(http.StatusNoContent)
	f.refresh(second.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")

	other := f.signIn("ada@example.org", "analytical engine").is(http.StatusOK)
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	reset := f.mailed("ada@example.org", "Set a new password")
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "short"}).refuses(http.StatusUnprocessableEntity, "")
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "Ada@Example.org"}).refuses(http.StatusUnprocessableEntity, "invalid-value")
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "difference engine"}).is(http.StatusNoContent)
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "difference engine"}).refuses(http.StatusGone, "invalid-token")
	f.mailed("ada@example.org", "Your password has been changed")

	f.refresh(other.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
	f.signIn("ada@example.org", "analytical engine").refuses(http.StatusUnauthorized, "wrong-credentials")
	f.signIn("ada@example.org", "difference engine").is(http.StatusOK)

	require.Equal(t, []string{
		"lyceum.users.account-registered.v1",
		"lyceum.users.contact-changed.v1", // unconfirmed
		"lyceum.users.role-granted.v1",
		"lyceum.users.contact-changed.v1", // confirmed
	}, f.eventTypes(first.get("account", "account_id")))
	contact := f.lastContact(first.get("account", "account_id"))
	require.True(t, contact.EmailConfirmed)
	require.Equal(t, "ada@example.org", contact.Email)

	require.Equal(t, []string{
		"account.registered", "role.granted", "account.confirmed", "session.started", "session.ended",
		"session.started", "password.reset", "session.started",
	}, f.audited(first.get("account", "account_id")))
}

// Of many registrations of one address at once one makes the account.
func TestConcurrentRegistrationsOfOneAddress(t *testing.T) {
	t.Parallel()
	f := setup(t)
	replies := make([]*reply, 8)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { replies[i] = f.register("ada@example.org", testPassword, "Ada") })
	}
	wg.Wait()
	for _, r := range replies {
		r.is(http.StatusAccepted)
	}
	require.Equal(t, 1, f.count(`select count(*) from users.accounts where email = 'ada@example.org'`))
	require.Equal(t, 1, f.count(`select count(*) from users.outbox where event_type = 'lyceum.users.account-registered.v1'`))
	require.Equal(t, mailToOneAddress.limit, f.count(`select count(*) from users.river_job where kind = 'users.send_mail'`))
}

func TestSignOutWithTheAccessToken(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)

	f.post("/v1/auth/sign-out", "", nil).refuses(http.StatusUnauthorized, "unauthenticated")
	f.post("/v1/auth/sign-out", g.str("access_token"), nil).is(http.StatusNoContent)
	f.refresh(g.str("refresh_token")).refuses(http.StatusUnauthorized, "invalid-refresh-token")
}

func TestMailedTokensExpireAndServeOnePurpose(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("ada@example.org", testPassword, "Ada").is(http.StatusAccepted)
	confirm := f.mailed("ada@example.org", "Confirm your e-mail address")

	f.post("/v1/auth/password/reset", "", obj{"token": confirm, "password": "difference engine"}).refuses(http.StatusGone, "invalid-token")
	f.post("/v1/auth/confirm", "", obj{"token": confirm + "x"}).refuses(http.StatusGone, "invalid-token")
	f.clock.advance(24 * time.Hour)
	f.post("/v1/auth/confirm", "", obj{"token": confirm}).refuses(http.StatusGone, "invalid-token")

	f.post("/v1/auth/confirm/resend", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	again := f.mailed("ada@example.org", "Confirm your e-mail address")
	f.post("/v1/auth/confirm", "", obj{"token": again}).is(http.StatusNoContent)

	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	reset := f.mailed("ada@example.org", "Set a new password")
	f.post("/v1/auth/confirm", "", obj{"token": reset}).refuses(http.StatusGone, "invalid-token")
	f.clock.advance(time.Hour)
	f.post("/v1/auth/password/reset", "", obj{"token": reset, "password": "difference engine"}).refuses(http.StatusGone, "invalid-token")
	f.signIn("ada@example.org", testPassword).is(http.StatusOK)
}

func TestUsingAMailedTokenUsesUpTheOthers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	var tokens []string
	for range 2 {
		f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
		tokens = append(tokens, f.mailed("ada@example.org", "Set a new password"))
	}
	f.post("/v1/auth/password/reset", "", obj{"token": tokens[1], "password": "difference engine"}).is(http.StatusNoContent)
	f.post("/v1/auth/password/reset", "", obj{"token": tokens[0], "password": "somebody elses"}).refuses(http.StatusGone, "invalid-token")
}
