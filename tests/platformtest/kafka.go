package platformtest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Kafka starts a cluster of three brokers in this process, which ends with the
// test, and returns their addresses. It makes no topic by itself.
func Kafka(t testing.TB) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}
