package split

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestRequestsDoNotWaitForBrokers: a process answers what is forwarded to it before
// the brokers answer, and says that it is not ready for more. The module that is
// being moved to it would be away for as long.
func TestRequestsDoNotWaitForBrokers(t *testing.T) {
	t.Parallel()
	p := platformtest.Prepare(t, platformtest.Options{
		DatabaseURL: postgrestest.New(t).URL(), Bus: "kafka", KafkaBrokers: []string{silent(t)},
		Listen: platformtest.FreeAddress(t), OpsListen: platformtest.FreeAddress(t),
	})
	p.Launch(t)
	platformtest.Eventually(t, "requests are answered", func() error {
		_, err := p.Stranger().Do(t.Context(), http.MethodGet, "/v1/auth/keys", nil)
		return err
	})
	require.NotContains(t, p.Log(t), "kafka: cannot be reached", "it still waits for the brokers")
	awaitUnready(t, p, "process", "starting")
	p.Await(t)
	require.Contains(t, p.Log(t), "kafka: cannot be reached")
}

// silent is the address of a broker whose system takes connections, and that never
// answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(t.Context()), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l.Addr().String()
}
