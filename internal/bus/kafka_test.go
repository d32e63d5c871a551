package bus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
)

// TestKafkaTransportConforms runs the suite against a broker in this process
// that speaks Kafka's protocol. tests/kafka runs it against Apache Kafka.
func TestKafkaTransportConforms(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	bustest.Conformance(t, func(t testing.TB, opts bus.Options) *bus.Bus {
		return startOnKafka(t, opts, cluster.ListenAddrs())
	})
}

// startOnKafka starts a bus whose topics and groups are those of its database,
// so that replicas share them and other tests do not.
func startOnKafka(t testing.TB, opts bus.Options, brokers []string) *bus.Bus {
	opts.Kafka = &bus.KafkaConfig{Brokers: brokers, Prefix: opts.Members[0].DB.Pool.Config().ConnConfig.Database, CreateTopics: true}
	return bustest.Start(t, opts)
}
