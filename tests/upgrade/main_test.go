// Package upgrade runs the previous release and this one side by side, on one
// database, with people at work: one is brought up beside the other and the other
// is stopped, upwards and downwards. And it compares what the two promise to
// their clients.
//
// The previous release is built from the history of the repository; see
// previousRelease.
package upgrade

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }

// answers is how many answers the learners get in a phase.
func answers(long, short int64) int64 {
	if testing.Short() {
		return short
	}
	return long
}
