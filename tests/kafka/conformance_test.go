package kafka_test

import (
	"testing"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/tests/kafka"
)

// TestApacheKafkaConforms holds Apache Kafka, as a transport of the bus, to the
// promises of the bus.
func TestApacheKafkaConforms(t *testing.T) {
	for name, nodes := range map[string]int{"one node": 1, "three nodes": 3} {
		t.Run(name, func(t *testing.T) {
			if nodes > 1 && testing.Short() {
				t.Skip("three brokers take long to start")
			}
			cluster := kafka.Start(t, kafka.Options{Nodes: nodes})
			bustest.Conformance(t, func(t testing.TB, opts bus.Options) *bus.Bus {
				opts.Kafka = &bus.KafkaConfig{Brokers: cluster.Brokers(), CreateTopics: true,
					Prefix: opts.Members[0].DB.Pool.Config().ConnConfig.Database}
				return bustest.Start(t, opts)
			})
		})
	}
}
