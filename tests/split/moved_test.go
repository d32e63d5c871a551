package split

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestAModuleThatIsShutOutOfItsDatabase: a module that has been moved to another
// server says so, and the rest of its old process goes on.
func TestAModuleThatIsShutOutOfItsDatabase(t *testing.T) {
	t.Parallel()
	database := postgrestest.NewServer(t).New(t)
	admin := database.Admin(t)
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: database.URL()})
	learner := platform.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	learner.Assessments(t, course)

	_, err := admin.Exec(t.Context(), `revoke connect on database `+database.Name()+` from lyceum_assessment_app`)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lyceum_assessment_app'`)
	require.NoError(t, err)
	path := "/v1/assessments?course_id=" + course
	platformtest.Eventually(t, "the module says that it has moved", func() error {
		response, err := learner.Do(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		// Connections that were open break once, which is another problem.
		problem, err := response.Problem()
		if err != nil {
			return err
		}
		if problem.Type != "/problems/module-moved" {
			return fmt.Errorf("%s", response.Body)
		}
		require.Equal(t, http.StatusServiceUnavailable, response.Status)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		return nil
	})
	learner.Outline(t, course)
	platform.SignIn(t, "learner@demo.example", platformtest.DemoPassword)
	status, ready, err := readiness(t.Context(), platform)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "the other modules are served: %+v", ready)
	require.Contains(t, ready.named(t, "assessment").Warning, "moved elsewhere, or locked out")
	require.True(t, ready.named(t, "bus").Ready)

	_, err = admin.Exec(t.Context(), `grant connect on database `+database.Name()+` to lyceum_assessment_app`)
	require.NoError(t, err)
	learner.Assessments(t, course)
	require.Equal(t, http.StatusOK, learner.Get(t, path, nil).Status)
}

// TestAProcessAwaitsItsDatabase: the process to which modules are moved is there
// before their schemas are.
func TestAProcessAwaitsItsDatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	database := server.Empty(t)
	var env []string
	for _, m := range everything {
		env = append(env, "LYCEUM_"+strings.ToUpper(m)+"_DATABASE_URL="+database.ModuleURL(t, m))
	}
	start := func(env ...string) *platformtest.Platform {
		p := platformtest.Prepare(t, platformtest.Options{Env: env, OpsListen: platformtest.FreeAddress(t)})
		p.Launch(t)
		return p
	}

	t.Run("without being told to, it ends", func(t *testing.T) {
		err := start(env...).AwaitExit(t)
		require.ErrorContains(t, err, "exit status 1")
	})
	waiting := start(append(env, "LYCEUM_AWAIT_DATABASE=true")...)
	awaitUnready(t, waiting, "database", "waiting: ")
	response, err := waiting.Operations().Do(t.Context(), http.MethodGet, "/livez", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.Status, "a process that waits is alive")
	require.Contains(t, waiting.Log(t), "waiting for the database")

	t.Run("and can be stopped meanwhile", func(t *testing.T) {
		other := start(append(env, "LYCEUM_AWAIT_DATABASE=true")...)
		awaitUnready(t, other, "database", "waiting: ")
		require.NoError(t, other.Terminate(t))
	})
	require.NoError(t, migrations.Up(context.WithoutCancel(t.Context()), database.URL(), migrations.Options{}))
	waiting.Await(t)
	require.Equal(t, 1, strings.Count(waiting.Log(t), `msg="waiting for the database" error="the schema of module users`), "it says so once a minute")
	waiting.Learner(t)
}

// TestRequestsWaitForAModuleThatIsBeingMoved: what is asked for while a module is
// nowhere is answered once it is there again.
func TestRequestsWaitForAModuleThatIsBeingMoved(t *testing.T) {
	t.Parallel()
	database := postgrestest.NewServer(t).New(t)
	admin := database.Admin(t)
	s := platformtest.StartSplit(t, [][]string{{"users", "content", "analytics", "notify"}, {"assessment"}},
		platformtest.Options{DatabaseURL: database.URL(), Env: []string{"LYCEUM_AWAIT_DATABASE=true"}})
	learner := s.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	learner.Assessments(t, course)
	assessment := s.Of(t, "assessment")
	assessment.Kill()
	_, err := admin.Exec(t.Context(), `revoke connect on database `+database.Name()+` from lyceum_assessment_app`)
	require.NoError(t, err)
	// Its administrator's login would open the database to it again.
	assessment.Relaunch(t, "DATABASE_URL=", "LYCEUM_ASSESSMENT_DATABASE_URL="+database.ModuleURL(t, "assessment"))
	awaitUnready(t, assessment, "database", "permission denied for database")

	answers := make(chan error, 1)
	var status int
	var at time.Time
	go func() {
		response, err := learner.Do(context.WithoutCancel(t.Context()), http.MethodGet, "/v1/assessments?course_id="+course, nil)
		status, at = response.Status, time.Now()
		answers <- err
	}()
	platformtest.Eventually(t, "the request is on its way", func() error {
		metrics := string(s.Operations().Get(t, "/metrics", nil).Body)
		if !strings.Contains(metrics, `lyceum_upstream_in_flight{kind="request",module="assessment"} 1`) {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	opened := time.Now()
	_, err = admin.Exec(t.Context(), `grant connect on database `+database.Name()+` to lyceum_assessment_app`)
	require.NoError(t, err)
	require.NoError(t, <-answers)
	require.Equal(t, http.StatusOK, status)
	t.Logf("answered %s after the database was opened to the module", at.Sub(opened).Round(time.Millisecond))
}
