// Package drill does to a platform under load what its operators will do one day,
// and reports what learners have noticed.
package drill

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }
