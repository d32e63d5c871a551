// Package hostile sends what no honest client sends, and wants to hear a clear
// problem and to find that nothing has changed.
package hostile

import (
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }
