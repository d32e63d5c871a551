package users

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

// Whether an address is taken, waits for its confirmation or is unknown makes
// no difference to what a stranger sees.
func TestPublicAnswersDoNotTellWhetherAnAddressIsTaken(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("taken@example.org")
	f.register("waiting@example.org", testPassword, "Waiting").is(http.StatusAccepted)
	addresses := []string{"unknown@example.org", "taken@example.org", "waiting@example.org"}

	for _, ask := range []struct {
		name string
		of   func(address string) *reply
	}{
		{"sign in", func(a string) *reply { return f.signIn(a, "not the password") }},
		{"forgot", func(a string) *reply { return f.post("/v1/auth/password/forgot", "", obj{"email": a}) }},
		{"resend", func(a string) *reply { return f.post("/v1/auth/confirm/resend", "", obj{"email": a}) }},
		{"register", func(a string) *reply { return f.register(a, "another password", "Somebody") }},
	} {
		want := ask.of(addresses[0])
		for _, a := range addresses[1:] {
			got := ask.of(a)
			require.Equal(t, want.status, got.status, "%s of %s", ask.name, a)
			require.Equal(t, want.comparable(), got.comparable(), "%s of %s", ask.name, a)
		}
	}
}

func TestOwnerIsToldOfASecondRegistration(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	f.register("ADA@example.org", "another password", "Mallory").is(http.StatusAccepted)
	text := f.mailText("ada@example.org", "You already have an account")
	require.NotContains(t, text, "Mallory")
	require.NotContains(t, text, "token")
	f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	f.signIn("ada@example.org", "another password").refuses(http.StatusUnauthorized, "wrong-credentials")
}

// Somebody registers another's address with a password of their own, and waits
// for the owner to confirm it.
func TestAStrangersEarlierRegistrationGivesThemNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.register("victim@example.org", "strangers secret", "Victim").is(http.StatusAccepted)
	f.mailed("victim@example.org", "Confirm your e-mail address")

	f.register("victim@example.org", "the owners choice", "Victim").is(http.StatusAccepted)
	token := f.mailed("victim@example.org", "Finish your registration")
	f.post("/v1/auth/confirm", "", obj{"token": token}).refuses(http.StatusGone, "invalid-token")
	f.post("/v1/auth/password/reset", "", obj{"token": token, "password": "the owners choice"}).is(http.StatusNoContent)

	f.signIn("victim@example.org", "strangers secret").refuses(http.StatusUnauthorized, "wrong-credentials")
	f.signIn("victim@example.org", "the owners choice").is(http.StatusOK)
}

func TestMailsToOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	for range 3 * mailToOneAddress.limit {
		f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	}
	require.Equal(t, mailToOneAddress.limit, f.count(`select count(*) from users.river_job where kind = 'users.send_mail'`))
	f.clock.advance(mailToOneAddress.window)
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	require.Equal(t, mailToOneAddress.limit+1, f.count(`select count(*) from users.river_job where kind = 'users.send_mail'`))
}

// What a mail server says is stored with the job, for days.
func TestAFailedMailIsTriedAgainAndItsErrorNamesNobody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.mails.failNext("550 5.1.1 <Ada@Example.org>: no such mailbox")
	f.register("ada@example.org", testPassword, "Ada").is(http.StatusAccepted)
	token := f.mailed("ada@example.org", "Confirm your e-mail address")
	ids := f.mails.attempted()
	require.Len(t, ids, 2)
	require.Equal(t, ids[0], ids[1], "a retry must be the same mail")
	require.Equal(t, 1, f.count(`select count(*) from users.river_job where array_length(errors, 1) = 1`))
	require.Zero(t, f.count(`select count(*) from users.river_job j where j::text ilike '%ada@example.org%'`))
	require.Zero(t, f.count(`select count(*) from users.river_job j where position($1 in j::text) > 0`, token))
	f.post("/v1/auth/confirm", "", obj{"token": token}).is(http.StatusNoContent)
}

// No table holds a secret that would let its reader in.
func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	reset := f.mailed("ada@example.org", "Set a new password")
	for name, secret := range map[string]string{
		"the refresh token": g.str("refresh_token"), "the access token": g.str("access_token"),
		"the mailed token": reset, "the password": testPassword,
	} {
		require.Empty(t, f.tablesWith(secret), "%s is stored", name)
	}
	require.NotEmpty(t, f.tablesWith("ada@example.org"), "the search finds nothing at all")
}

// A client may send an Idempotency-Key with everything. What is kept for one
// would hold tokens in the clear, and fast digests of passwords.
func TestIdempotencyKeysKeepNoSecrets(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	token := f.tokenOf("ada@example.org")
	key := httpservertest.Header{Name: "Idempotency-Key", Value: "one"}
	signIn := obj{"email": "ada@example.org", "password": testPassword}
	g := f.do(http.MethodPost, "/v1/auth/sign-in", token, signIn, key).is(http.StatusOK)
	f.do(http.MethodPost, "/v1/auth/refresh", token, obj{"refresh_token": g.str("refresh_token")}, key).is(http.StatusOK)
	f.do(http.MethodPost, "/v1/me/password", token, obj{"current": testPassword, "new": "difference engine"}, key).is(http.StatusNoContent)
	require.Zero(t, f.count(`select count(*) from users.idempotency_keys`))
}

// Whoever changes their password because somebody has got into their mail must
// not lose it again to a mail that was sent before.
func TestAChangedPasswordVoidsMailsToSetOne(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	f.post("/v1/auth/password/forgot", "", obj{"email": "ada@example.org"}).is(http.StatusAccepted)
	sent := f.mailed("ada@example.org", "Set a new password")
	f.post("/v1/me/password", f.tokenOf("ada@example.org"), obj{"current": testPassword, "new": "difference engine"}).is(http.StatusNoContent)
	f.post("/v1/auth/password/reset", "", obj{"token": sent, "password": "the thiefs choice"}).refuses(http.StatusGone, "invalid-token")
	f.signIn("ada@example.org", "difference engine").is(http.StatusOK)
}

// Storing an account takes longer than finding its address taken. The time of
// the answer must not tell which it was.
func TestARegistrationTakesItsTime(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.m.cfg.RegistrationTime = 200 * time.Millisecond
	f.account("taken@example.org")
	for _, address := range []string{"unknown@example.org", "taken@example.org"} {
		start := time.Now()
		f.register(address, testPassword, "Ada").is(http.StatusAccepted)
		require.GreaterOrEqual(t, time.Since(start), f.m.cfg.RegistrationTime, address)
	}
}
