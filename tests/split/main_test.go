// Package split runs the platform in several processes and looks at what one
// does for another: forwards to it, waits for it, goes on without it.
package split

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }

// everything are all modules.
var everything = []string{"users", "content", "assessment", "analytics", "notify"}
