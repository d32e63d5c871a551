package httpserver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// TestAModuleWhoseDatabaseShutsItOut: a module that is moved to another server is
// shut out of its database. Whoever asks is told to ask again, and elsewhere.
func TestAModuleWhoseDatabaseShutsItOut(t *testing.T) {
	t.Parallel()
	database := postgrestest.NewServer(t).New(t)
	db, admin := database.DB(t, "users"), database.Admin(t)
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/read"), func(ctx context.Context, _ *none) (*none, error) {
			_, err := db.Pool.Exec(ctx, `select from users.accounts limit 1`)
			return &none{}, err
		})
		httpserver.Handle(r, get("/foreign"), func(ctx context.Context, _ *none) (*none, error) {
			_, err := db.Pool.Exec(ctx, `select from notify.notifications limit 1`)
			return &none{}, err
		})
	})
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/read", "", nil, nil).StatusCode)

	for _, shut := range []struct{ close, open string }{
		{`revoke connect on database ` + database.Name() + ` from lyceum_users_app`, `grant connect on database ` + database.Name() + ` to lyceum_users_app`},
		{`alter role lyceum_users_app nologin`, `alter role lyceum_users_app login`},
	} {
		_, err := admin.Exec(t.Context(), shut.close)
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lyceum_users_app'`)
		require.NoError(t, err)
		db.Pool.Reset()
		res := s.Do(t, "GET", "/v1/users/read", "", nil, nil)
		requireProblem(t, res, 503, "module-moved")
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		_, err = admin.Exec(t.Context(), shut.open)
		require.NoError(t, err)
		require.Equal(t, 204, s.Do(t, "GET", "/v1/users/read", "", nil, nil).StatusCode, "it is let in again")
	}
	// The same code within a session is a mistake of the module's.
	requireProblem(t, s.Do(t, "GET", "/v1/users/foreign", "", nil, nil), 500, "internal")
	require.False(t, postgres.LoginRefused(fmt.Errorf("read: %w", context.Canceled)))
}
