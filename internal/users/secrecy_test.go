package users

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
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
