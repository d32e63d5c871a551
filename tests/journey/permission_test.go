package journey

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestEveryOperationAsksForItsPermission: strangers and learners are refused
// before anything else is looked at, wherever the document says so.
func TestEveryOperationAsksForItsPermission(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	stranger, learner := platform.Stranger(), platform.Learner(t)
	learners := []string{"public", "signed-in", "courses:take", "assessments:take"}
	refusals := map[int]int{}
	for _, op := range platformtest.OperationsOf(t, platform) {
		if !assert.NotEmpty(t, op.Permission, "%s has no x-permission", op.ID) || op.Permission == "public" {
			continue
		}
		// Neither ids nor bodies are good: the refusal must not depend on them.
		path := op.Fill(func(name string) string {
			if strings.HasSuffix(name, "_id") {
				return uuid.NewString()
			}
			return "1"
		})
		wantRefusal := func(who *platformtest.Client, status int) {
			response, err := who.Do(t.Context(), op.Method, path, nil)
			if !assert.NoError(t, err) || !assert.Equal(t, status, response.Status, "%s: %s", op.ID, response.Body) {
				return
			}
			_, err = response.Problem()
			assert.NoError(t, err, op.ID)
			refusals[status]++
		}
		wantRefusal(stranger, http.StatusUnauthorized)
		wantRefusal(stranger.WithToken("not-a-token"), http.StatusUnauthorized)
		if !slices.Contains(learners, op.Permission) {
			wantRefusal(learner.Client, http.StatusForbidden)
		}
	}
	t.Logf("refusals by status: %v", refusals)
}
