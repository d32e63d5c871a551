package users

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
)

// Another organisation's accounts do not exist, for its administrators neither.
func TestMembersOfOtherOrganisationsDoNotExist(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	stranger := f.accountIn("elsewhere", "bob@example.org", auth.OrganisationAdmin)
	path := "/v1/accounts/" + stranger.String()
	unknown := f.get("/v1/accounts/"+uuid.NewString(), admin)
	unknown.refuses(http.StatusNotFound, "not-found")

	before := f.eventTypes(stranger.String())
	for _, r := range []*reply{
		f.get(path, admin), f.put(path+"/roles/instructor", admin), f.delete(path+"/roles/organisation_admin", admin),
	} {
		r.refuses(http.StatusNotFound, "not-found")
		require.Equal(t, unknown.comparable(), r.comparable())
	}
	require.Equal(t, before, f.eventTypes(stranger.String()))
	for _, a := range f.get("/v1/accounts?query=bob", admin).is(http.StatusOK).list("items") {
		t.Errorf("found %v", a)
	}
	// Not even for the platform's administrator, who acts within an organisation
	// of their own.
	f.accountIn("home", "root@example.org", auth.PlatformAdmin)
	f.get(path, f.tokenOf("root@example.org")).refuses(http.StatusNotFound, "not-found")
}

func TestMemberRoutesNeedAnAdministrator(t *testing.T) {
	t.Parallel()
	f := setup(t)
	learner := f.account("ada@example.org")
	f.accountIn("demo", "ivy@example.org", auth.Instructor)
	for _, token := range []string{f.tokenOf("ada@example.org"), f.tokenOf("ivy@example.org")} {
		path := "/v1/accounts/" + learner.String()
		f.get("/v1/accounts", token).refuses(http.StatusForbidden, "")
		f.get(path, token).refuses(http.StatusForbidden, "")
		f.put(path+"/roles/platform_admin", token).refuses(http.StatusForbidden, "")
		f.delete(path+"/roles/learner", token).refuses(http.StatusForbidden, "")
		f.post("/v1/accounts", token, obj{"email": "eve@example.org", "display_name": "Eve"}).refuses(http.StatusForbidden, "")
		f.post("/v1/organisations", token, obj{"slug": "mine", "name": "Mine", "self_registration": true}).refuses(http.StatusForbidden, "")
		f.get("/v1/organisations", token).refuses(http.StatusForbidden, "")
	}
	for _, path := range []string{"/v1/me", "/v1/accounts", "/v1/organisations", "/v1/organisations/current", "/v1/me/sessions"} {
		f.get(path, "").refuses(http.StatusUnauthorized, "")
	}
}

func TestRolesAreGrantedAndRevoked(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	id := f.account("ada@example.org").String()
	path := "/v1/accounts/" + id + "/roles/"

	r := f.put(path+"instructor", admin).is(http.StatusOK)
	require.Equal(t, []any{"instructor", "learner"}, r.get("roles"))
	f.put(path+"instructor", admin).is(http.StatusOK)
	f.delete(path+"learner", admin).is(http.StatusOK)
	r = f.delete(path+"learner", admin).is(http.StatusOK)
	require.Equal(t, []any{"instructor"}, r.get("roles"))
	f.put(path+"king", admin).is(http.StatusUnprocessableEntity)
	f.put(path+"platform_admin", admin).refuses(http.StatusForbidden, "role-not-yours")
	f.delete(path+"platform_admin", admin).refuses(http.StatusForbidden, "role-not-yours")

	types := f.eventTypes(id)
	require.Equal(t, []string{"lyceum.users.role-granted.v1", "lyceum.users.role-revoked.v1"}, types[len(types)-2:],
		"what changes nothing tells nobody")

	root := f.accountIn("demo", "root@example.org", auth.PlatformAdmin)
	f.put(path+"platform_admin", f.tokenOf("root@example.org")).is(http.StatusOK)
	f.delete("/v1/accounts/"+root.String()+"/roles/platform_admin", f.tokenOf("root@example.org")).is(http.StatusOK)
}

func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	f := setup(t)
	// An administrator elsewhere does not count.
	f.accountIn("elsewhere", "bob@example.org", auth.OrganisationAdmin)
	admin := f.admin("admin@example.org")
	id := f.get("/v1/me", admin).is(http.StatusOK).str("account_id")
	f.delete("/v1/accounts/"+id+"/roles/organisation_admin", admin).refuses(http.StatusConflict, "last-administrator")
	f.erase(admin, testPassword).refuses(http.StatusConflict, "last-administrator")

	f.accountIn("demo", "second@example.org", auth.OrganisationAdmin)
	f.delete("/v1/accounts/"+id+"/roles/organisation_admin", admin).is(http.StatusOK)
}

// Two administrators who unmake each other at the same moment leave one.
func TestLastTwoAdministratorsAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 5 {
		slug := fmt.Sprintf("org-%d", i)
		var tokens, paths []string
		for j := range 2 {
			address := fmt.Sprintf("admin-%d-%d@example.org", i, j)
			id := f.accountIn(slug, address, auth.OrganisationAdmin)
			tokens = append(tokens, f.tokenOf(address))
			paths = append(paths, "/v1/accounts/"+id.String()+"/roles/organisation_admin")
		}
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		for j := range 2 {
			wg.Go(func() { statuses[j] = f.delete(paths[1-j], tokens[j]).status })
		}
		wg.Wait()
		require.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, statuses)
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	f.accountIn("elsewhere", "bob@example.org", auth.Learner)

	r := f.post("/v1/accounts", admin, obj{"email": "Ivy@example.org", "display_name": "Ivy", "roles": []string{"instructor", "learner", "instructor"}}).is(http.StatusCreated)
	require.Equal(t, []any{"instructor", "learner"}, r.get("roles"))
	require.Equal(t, false, r.get("email_confirmed"))
	token := f.mailed("ivy@example.org", "You have been invited")
	f.signIn("ivy@example.org", "chosen by ivy").refuses(http.StatusUnauthorized, "wrong-credentials")
	f.post("/v1/auth/password/reset", "", obj{"token": token, "password": "chosen by ivy"}).is(http.StatusNoContent)
	f.signIn("ivy@example.org", "chosen by ivy").is(http.StatusOK)
	require.True(t, f.lastContact(r.str("account_id")).EmailConfirmed)

	// In use here or in use elsewhere: the answer is the same.
	here := f.post("/v1/accounts", admin, obj{"email": "ivy@example.org", "display_name": "Ivy"})
	here.refuses(http.StatusConflict, "address-unavailable")
	there := f.post("/v1/accounts", admin, obj{"email": "bob@example.org", "display_name": "Bob"})
	require.Equal(t, here.comparable(), there.comparable())

	f.post("/v1/accounts", admin, obj{"email": "eve@example.org", "display_name": "Eve", "roles": []string{"platform_admin"}}).refuses(http.StatusForbidden, "role-not-yours")
	f.post("/v1/accounts", admin, obj{"email": "eve", "display_name": "Eve\n", "locale": "?"}).refuses(http.StatusUnprocessableEntity, "invalid-value")
	require.Zero(t, f.count(`select count(*) from users.accounts where email like 'eve%'`))
}

func TestMembersAreListedAndFound(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	for i := range 7 {
		f.accountNamed("demo", fmt.Sprintf("member%d@example.org", i), fmt.Sprintf("Zwölfte Zahl %d", i), auth.Learner)
	}
	f.accountNamed("elsewhere", "member9@example.org", "Zwölfte Zahl 9", auth.Learner)

	var addresses []string
	cursor, pages := "", 0
	for {
		page := f.get("/v1/accounts?limit=3&cursor="+url.QueryEscape(cursor), admin).is(http.StatusOK)
		for _, a := range page.list("items") {
			addresses = append(addresses, a["email"].(string))
		}
		pages++
		if cursor, _ = page.get("next_cursor").(string); cursor == "" {
			break
		}
	}
	require.Equal(t, 3, pages)
	require.Equal(t, []string{"admin@example.org", "member0@example.org", "member1@example.org", "member2@example.org",
		"member3@example.org", "member4@example.org", "member5@example.org", "member6@example.org"}, addresses)

	for query, want := range map[string]int{
		"member": 7, "MEMBER3": 1, "zwölfte": 7, "ZWÖLFTE ZAHL 4": 1, "zwo\u0308lfte": 7, "nobody": 0, "%": 0, "_ember": 0, "member3@example.org": 1,
		"ember": 0,
	} {
		r := f.get("/v1/accounts?query="+url.QueryEscape(query), admin).is(http.StatusOK)
		require.Len(t, r.list("items"), want, "query %q", query)
	}
	for _, bad := range []string{"query=%00", "query=%ff", "limit=0", "limit=100000", "limit=x", "cursor=x", "cursor=" + strings.Repeat("A", 5000)} {
		r := f.get("/v1/accounts?"+bad, admin)
		require.True(t, r.status >= 400 && r.status < 500, "%s: %d %s", bad, r.status, r.raw)
	}
}
