package users

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
)

func TestEnsureAccountIsIdempotent(t *testing.T) {
	t.Parallel()
	f := setup(t)
	seed := Seed{
		Organisation: SeedOrganisation{Slug: "seeded", Name: "Seeded School", SelfRegistration: true},
		Email:        "Ivy@example.org", Password: testPassword, DisplayName: "Ivy", Roles: []auth.Role{auth.Instructor}, Confirmed: true,
	}
	var mu sync.Mutex
	accounts, organisations := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	var wg sync.WaitGroup
	for range 6 { // as many replicas start at once
		wg.Go(func() {
			account, organisation, err := f.m.EnsureAccount(t.Context(), seed)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			accounts[account], organisations[organisation] = true, true
		})
	}
	wg.Wait()
	require.Len(t, accounts, 1)
	require.Len(t, organisations, 1)
	var id uuid.UUID
	for id = range accounts {
	}
	before := f.eventTypes(id.String())
	require.Equal(t, []string{"lyceum.users.account-registered.v1", "lyceum.users.contact-changed.v1", "lyceum.users.role-granted.v1"}, before)

	// What exists keeps its password and name; roles that are missing come.
	seed.Password, seed.DisplayName, seed.Roles = "another password", "Somebody", []auth.Role{auth.Instructor, auth.OrganisationAdmin}
	_, _, err := f.m.EnsureAccount(t.Context(), seed)
	require.NoError(t, err)
	g := f.signIn("ivy@example.org", testPassword).is(http.StatusOK)
	require.Equal(t, "Ivy", g.get("account", "display_name"))
	require.Equal(t, []any{"instructor", "organisation_admin"}, g.get("account", "roles"))

	seed.Organisation.Slug = "another"
	_, _, err = f.m.EnsureAccount(t.Context(), seed)
	require.ErrorContains(t, err, "another organisation")
	require.Zero(t, f.count(`select count(*) from users.organisations where slug = 'another'`))
}
