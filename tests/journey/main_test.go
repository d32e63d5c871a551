// Package journey goes the ways of learners and instructors through the whole
// platform, from the outside.
package journey

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }
