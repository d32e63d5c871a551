package users

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
)

func TestOrganisations(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.accountIn("demo", "root@example.org", auth.PlatformAdmin)
	root := f.tokenOf("root@example.org")

	created := f.post("/v1/organisations", root, obj{"slug": "acme", "name": "Acme Academy", "self_registration": false,
		"administrator": obj{"email": "boss@acme.example", "display_name": "Boss"}}).is(http.StatusCreated)
	require.Equal(t, []string{"lyceum.users.organisation-created.v1"}, f.eventTypes(created.str("organisation_id")))
	f.post("/v1/organisations", root, obj{"slug": "acme", "name": "Acme again", "self_registration": true}).refuses(http.StatusConflict, "slug-taken")
	for _, slug := range []string{"", "Acme", "a--b", "-a", "a-", "a b", "ä", "a\x00b"} {
		f.post("/v1/organisations", root, obj{"slug": slug, "name": "X", "self_registration": true}).is(http.StatusUnprocessableEntity)
	}
	// An administrator who cannot be invited leaves no organisation behind.
	f.post("/v1/organisations", root, obj{"slug": "globex", "name": "Globex", "self_registration": false,
		"administrator": obj{"email": "root@example.org", "display_name": "Root"}}).refuses(http.StatusConflict, "address-unavailable")
	f.post("/v1/organisations", root, obj{"slug": "globex", "name": "Globex", "self_registration": true}).is(http.StatusCreated)

	token := f.mailed("boss@acme.example", "You have been invited")
	f.post("/v1/auth/password/reset", "", obj{"token": token, "password": testPassword}).is(http.StatusNoContent)
	boss := f.tokenOf("boss@acme.example")
	require.Equal(t, "acme", f.get("/v1/organisations/current", boss).is(http.StatusOK).str("slug"))
	require.Len(t, f.get("/v1/accounts", boss).is(http.StatusOK).list("items"), 1)
	f.get("/v1/organisations", boss).refuses(http.StatusForbidden, "")

	first := f.get("/v1/organisations?limit=2", root).is(http.StatusOK)
	require.Equal(t, "acme", first.list("items")[0]["slug"])
	require.Equal(t, "demo", first.list("items")[1]["slug"])
	second := f.get("/v1/organisations?limit=2&cursor="+url.QueryEscape(first.str("next_cursor")), root).is(http.StatusOK)
	require.Len(t, second.list("items"), 1)
	require.Equal(t, "globex", second.list("items")[0]["slug"])
	require.Nil(t, second.get("next_cursor"))
}

// A closed organisation and one that does not exist look the same to strangers.
func TestRegistrationNeedsAnOpenOrganisation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.accountIn("demo", "root@example.org", auth.PlatformAdmin)
	f.post("/v1/organisations", f.tokenOf("root@example.org"), obj{"slug": "closed", "name": "Closed", "self_registration": false}).is(http.StatusCreated)
	register := func(slug string) *reply {
		return f.post("/v1/auth/register", "", obj{"organisation": slug, "email": "ada@example.org", "password": testPassword, "display_name": "Ada"})
	}
	closed := register("closed")
	closed.refuses(http.StatusNotFound, "organisation-not-found")
	for _, slug := range []string{"nowhere", "", "De mo", "DEMO"} {
		require.Equal(t, closed.comparable(), register(slug).comparable(), "slug %q", slug)
	}
	require.Zero(t, f.count(`select count(*) from users.accounts where email = 'ada@example.org'`))
}

func TestRegistrationReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := f.post("/v1/auth/register", "", obj{"organisation": "demo", "email": "not an address", "password": "password123",
		"display_name": "A\u202eda", "locale": "!", "time_zone": "Nowhere"})
	r.refuses(http.StatusUnprocessableEntity, "invalid-value")
	for _, location := range []string{"body.email", "body.password", "body.display_name", "body.locale", "body.time_zone"} {
		require.Contains(t, r.raw, location)
	}
	require.NotContains(t, r.raw, "password123")
}
