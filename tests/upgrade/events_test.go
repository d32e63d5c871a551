package upgrade

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event/eventtest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestEventsOfThePreviousReleaseAreOnlyExtended compares the events as they were
// released with those of today, by the history itself: the copy of them in
// testdata/released, which the tests of package event look at, can be wrong.
func TestEventsOfThePreviousReleaseAreOnlyExtended(t *testing.T) {
	t.Parallel()
	const dir = "internal/bus/event/testdata/"
	previous := previousRelease(t)
	listing, err := previous.git(t, "ls-tree", "--name-only", previous.commit, dir)
	require.NoError(t, err)
	compared := 0
	for _, path := range strings.Fields(string(listing)) {
		if filepath.Ext(path) != ".json" {
			continue
		}
		current, err := os.ReadFile(filepath.Join(platformtest.ModuleRoot(t), filepath.FromSlash(path)))
		require.NoError(t, err, "an event of %s has gone", previous.name)
		breaks, err := eventtest.Breaks(previous.file(t, path), current)
		require.NoError(t, err, path)
		require.Empty(t, breaks, "%s of this release breaks %s, which runs beside it", path, previous.name)
		compared++
	}
	require.Positive(t, compared)
	t.Logf("%d events of %s", compared, previous.name)
}
