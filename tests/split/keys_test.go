package split

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestAProcessWithoutUsersWaitsForItsKeys: until it has them it is not ready, and
// signs nobody out. Once it has them it checks tokens by itself.
func TestAProcessWithoutUsersWaitsForItsKeys(t *testing.T) {
	t.Parallel()
	groups := [][]string{{"content"}, {"users"}}
	s := platformtest.PrepareSplit(t, groups, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	content, users := s.Processes[0], s.Processes[1]
	content.Launch(t)
	awaitUnready(t, content, "keys", "no key that verifies access tokens is known")
	users.Launch(t)
	users.Await(t)
	content.Await(t)
	_, ready, err := readiness(t.Context(), content)
	require.NoError(t, err)
	require.True(t, ready.named(t, "keys").Ready)
	require.True(t, ready.named(t, "bus").Ready)

	learner := s.Learner(t)
	platformtest.DemoCourse(t, learner.Client)
	users.Kill()
	platformtest.DemoCourse(t, learner.Client)
	require.NoError(t, content.Ready(t.Context()), "it needs users no more")
	problem := s.Stranger().WithToken("no.t.oken").Refused(t, http.StatusUnauthorized, "GET", "/v1/catalogue", nil)
	require.Equal(t, "/problems/token-invalid", problem.Type)
}

// TestMediaURLsOutliveTheSplit: the key that content has made is given to the
// processes that follow, so that pages which are open keep their pictures.
func TestMediaURLsOutliveTheSplit(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	dir := platformtest.DataDir(t)
	whole := platformtest.Start(t, platformtest.Options{DatabaseURL: database.URL(), DataDir: dir})
	learner := whole.Learner(t)
	var course struct {
		Image string `json:"image_url"`
	}
	learner.Get(t, "/v1/courses/"+platformtest.DemoCourse(t, learner.Client), &course)
	key, err := whole.Command(t, "media-key")
	require.NoError(t, err)
	again, err := whole.Command(t, "media-key", "--modules", "assessment")
	require.NoError(t, err)
	require.Equal(t, key, again, "it is the one that content keeps, whoever asks")
	require.NoError(t, whole.Terminate(t))

	s := platformtest.StartSplit(t, [][]string{{"users", "assessment"}, {"content"}}, platformtest.Options{
		DatabaseURL: database.URL(), DataDir: dir, Env: []string{"LYCEUM_MEDIA_KEY=" + key},
	})
	picture := s.Stranger().Get(t, course.Image, nil)
	require.Equal(t, "image/svg+xml", picture.Header.Get("Content-Type"))
	configured, err := s.Command(t, "media-key")
	require.NoError(t, err)
	require.Equal(t, key, configured)
}

// TestMigratingSomeModules leaves the others alone.
func TestMigratingSomeModules(t *testing.T) {
	t.Parallel()
	database := postgrestest.Empty(t)
	p := platformtest.Prepare(t, platformtest.Options{DatabaseURL: database.URL(), Modules: []string{"notify"}})
	_, err := p.Command(t, "migrate")
	require.NoError(t, err)
	var schemas []string
	require.NoError(t, database.Admin(t).QueryRow(t.Context(),
		`select array_agg(nspname::text) from pg_namespace where nspname = any($1)`, everything).Scan(&schemas))
	require.Equal(t, []string{"notify"}, schemas)
	out, err := p.Command(t, "migrate", "--status")
	require.NoError(t, err)
	require.Contains(t, out, "notify")
	require.NotContains(t, out, "users")

	elsewhere := platformtest.Prepare(t, platformtest.Options{DatabaseURL: database.URL(), Modules: []string{"notify", "content"},
		Env: []string{"LYCEUM_CONTENT_DATABASE_URL=postgres://lyceum_content_app@db.example/lyceum"}})
	out, err = elsewhere.Command(t, "migrate", "--status")
	require.NoError(t, err)
	require.Contains(t, out, "Left alone, because they have a database of their own")
	require.NotContains(t, out, "content      module")
}
