package kafka_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/tests/kafka"
)

func TestThreeNodesServeWithoutOneOfThem(t *testing.T) {
	began := time.Now()
	c := kafka.Start(t, kafka.Options{Nodes: 3})
	t.Logf("three nodes serve after %s and take %s", time.Since(began).Round(time.Millisecond), memory(t, c))
	c.CreateTopic(t, "notes", 1, 3, map[string]string{"min.insync.replicas": "2"})
	client := c.Client(t)
	produce(t, client, "notes", "one")

	dead := c.Controller(t)
	c.MovePartition(t, "notes", 0, rotated(dead)...)
	require.Equal(t, dead, c.Leader(t, "notes", 0), "the worst case: leader and controller in one")
	c.Kill(t, dead)
	produce(t, client, "notes", "two")
	require.NotEqual(t, dead, c.Controller(t))
	require.NotEqual(t, dead, c.Leader(t, "notes", 0))

	c.Restart(t, dead)
	c.AwaitInSync(t)
	c.Stop(t, rotated(dead)[1])
	produce(t, client, "notes", "three")
	requireValues(t, c.Client(t, kgo.ConsumeTopics("notes")), "one", "two", "three")
}

func TestAPartitionMovesToOtherNodes(t *testing.T) {
	c := kafka.Start(t, kafka.Options{Nodes: 3})
	c.CreateTopic(t, "notes", 1, 1, nil)
	first := c.Leader(t, "notes", 0)
	produce(t, c.Client(t), "notes", "one")
	others := rotated(first)[1:]

	c.MovePartition(t, "notes", 0, others...)

	require.Equal(t, others[0], c.Leader(t, "notes", 0))
	c.Kill(t, first)
	requireValues(t, c.Client(t, kgo.ConsumeTopics("notes")), "one")
}

// rotated are the three nodes, beginning with the first.
func rotated(first int) []int {
	nodes := []int{1, 2, 3}
	return slices.Concat(nodes[first-1:], nodes[:first-1])
}
