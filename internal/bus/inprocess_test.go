package bus_test

import (
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/bustest"
)

func TestInProcessTransportConforms(t *testing.T) {
	t.Parallel()
	bustest.Conformance(t, bustest.Start)
}
