package split

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestOneAddressForEverything: whoever speaks to a process that runs no module
// finds the whole platform there, and its description.
func TestOneAddressForEverything(t *testing.T) {
	t.Parallel()
	groups := [][]string{platformtest.Forwarding, {"users", "content"}, {"assessment", "analytics", "notify"}}
	s := platformtest.StartSplit(t, groups, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	whole := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	require.Equal(t, string(whole.Stranger().Get(t, "/openapi.json", nil).Body), string(s.Stranger().Get(t, "/openapi.json", nil).Body))

	learner := s.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	require.NotEmpty(t, learner.Assessments(t, course))
	learner.Get(t, "/v1/notifications", nil)
	// Refusals are those of the process that knows.
	require.Equal(t, "/problems/token-missing", s.Stranger().Refused(t, http.StatusUnauthorized, "GET", "/v1/me", nil).Type)
	require.Equal(t, "/problems/no-such-path", s.Stranger().Refused(t, http.StatusNotFound, "GET", "/v1/me/nothing", nil).Type)
	require.Equal(t, "/problems/no-such-path", s.Stranger().Refused(t, http.StatusNotFound, "GET", "/v2", nil).Type)

	var status struct {
		Transport        string
		PublishesToKafka bool `json:"publishes_to_kafka"`
		Modules          []string
		Upstreams        map[string][]string
		Routes           map[string][]string
	}
	s.Operations().Get(t, "/status", &status)
	require.Equal(t, "none", status.Transport)
	require.Empty(t, status.Modules)
	require.Equal(t, []string{s.Of(t, "content").URL()}, status.Upstreams["content"])
	require.Len(t, status.Upstreams, 5)
	s.Of(t, "notify").Operations().Get(t, "/status", &status)
	require.Equal(t, "kafka", status.Transport)
	require.True(t, status.PublishesToKafka)
	require.Equal(t, []string{"assessment", "analytics", "notify"}, status.Modules)
	require.Contains(t, status.Routes, "notify")
}

// TestPathsOfModulesThatAreNowhere are told from paths that do not exist.
func TestPathsOfModulesThatAreNowhere(t *testing.T) {
	t.Parallel()
	s := platformtest.StartSplit(t, [][]string{{"users"}}, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	refused := s.Stranger().Refused(t, http.StatusNotFound, "GET", "/v1/catalogue", nil)
	require.Equal(t, "/problems/module-not-here", refused.Type)
	require.Contains(t, refused.Detail, "content")
	require.Equal(t, "/problems/no-such-path", s.Stranger().Refused(t, http.StatusNotFound, "GET", "/v1/nothing", nil).Type)
	var document struct{ Paths map[string]json.RawMessage }
	s.Stranger().Get(t, "/openapi.json", &document)
	require.Contains(t, document.Paths, "/v1/me")
	require.NotContains(t, document.Paths, "/v1/catalogue", "it is described where it can be asked for")
}

// TestModulesThatAreAway: what one process runs is served while another is
// away, and the other is back as soon as it runs again.
func TestModulesThatAreAway(t *testing.T) {
	t.Parallel()
	groups := [][]string{{"users", "content"}, {"assessment"}, {"analytics", "notify"}}
	s := platformtest.StartSplit(t, groups, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	learner := s.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	learner.Assessments(t, course)
	path := "/v1/assessments?course_id=" + course

	s.Of(t, "assessment").Kill()
	refused := learner.Refused(t, http.StatusServiceUnavailable, "GET", path, nil)
	require.Equal(t, "/problems/upstream-unavailable", refused.Type)
	learner.Outline(t, course)
	learner.Get(t, "/v1/notifications", nil)
	require.NoError(t, s.Ready(t.Context()), "a process is not taken out of service because another is away")

	s.Of(t, "assessment").Restart(t)
	learner.Get(t, path, nil)
}
