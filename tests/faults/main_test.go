// Package faults breaks the platform in the middle of its work, again and
// again, and then counts: what was acknowledged must be there, and what follows
// from it must have happened once. The work and the counting are package load's.
package faults

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }

// rounds is how often a fault is repeated.
func rounds(long, short int) int {
	if testing.Short() {
		return short
	}
	return long
}
