package split

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// report is what /readyz says, and the parts of /status.
type report struct {
	OK     bool
	Error  string
	Report []part
}

type part struct {
	Part           string
	Ready          bool
	Error, Warning string
}

// readiness asks /readyz.
func readiness(ctx context.Context, p *platformtest.Platform) (status int, r report, err error) {
	response, err := p.Operations().Do(ctx, http.MethodGet, "/readyz", nil)
	if err != nil {
		return 0, r, err
	}
	return response.Status, r, response.Decode(&r)
}

// named finds a part.
func (r report) named(t *testing.T, name string) part {
	t.Helper()
	for _, p := range r.Report {
		if p.Part == name {
			return p
		}
	}
	require.FailNow(t, "there is no such part", "%s in %+v", name, r)
	return part{}
}

// awaitUnready waits until /readyz says no because of a part, with a reason.
func awaitUnready(t *testing.T, p *platformtest.Platform, name, why string) {
	t.Helper()
	platformtest.Eventually(t, "the process says what it waits for", func() error {
		status, now, err := readiness(t.Context(), p)
		if err != nil {
			return err
		}
		for _, part := range now.Report {
			if part.Part == name && strings.Contains(part.Error, why) && status == http.StatusServiceUnavailable {
				return nil
			}
		}
		return fmt.Errorf("/readyz: %d %+v", status, now)
	})
}
