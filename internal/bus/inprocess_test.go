package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
)

func TestInProcessTransportConforms(t *testing.T) {
	t.Parallel()
	bustest.Conformance(t, func(t testing.TB, opts bus.Options) *bus.Bus {
		b, err := bus.New(opts)
		require.NoError(t, err)
		require.NoError(t, b.Start(t.Context()))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			require.NoError(t, b.Stop(ctx))
		})
		return b
	})
}
