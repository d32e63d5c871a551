package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Admin is a client that may do everything. It is closed when the test ends.
func (c *Cluster) Admin(t testing.TB) *kadm.Client {
	t.Helper()
	return kadm.NewClient(c.innerClient(t))
}

// CreateTopic creates a topic with the settings and returns when every
// partition has all its replicas. A replication of -1 is the cluster's.
func (c *Cluster) CreateTopic(t testing.TB, topic string, partitions int32, replication int16, settings map[string]string) {
	t.Helper()
	configs := make(map[string]*string, len(settings))
	for name, value := range settings {
		configs[name] = &value
	}
	if _, err := c.Admin(t).CreateTopic(t.Context(), partitions, replication, configs, topic); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	c.awaitInSync(t, topic)
}

// Controller is the node that is the active controller. It waits until there is
// one that runs.
func (c *Cluster) Controller(t testing.TB) int {
	t.Helper()
	request := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	request.Topics = append(request.Topics, topic)
	client := c.innerClient(t)
	leader := 0
	c.eventually(t, "there is a controller", func(ctx context.Context) error {
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			return err
		}
		if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
			return errors.New("the quorum is not described")
		}
		p := response.Topics[0].Partitions[0]
		leader = int(p.LeaderID)
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil || leader < 1 || !c.node(t, leader).running() {
			return errors.Join(err, fmt.Errorf("node %d, which does not run, leads", leader))
		}
		return nil
	})
	return leader
}

// Leader is the node that leads a partition. It waits until there is one that
// runs.
func (c *Cluster) Leader(t testing.TB, topic string, partition int32) int {
	t.Helper()
	admin := c.Admin(t)
	leader := 0
	c.eventually(t, fmt.Sprintf("partition %d of %s has a leader", partition, topic), func(ctx context.Context) error {
		detail, err := partitionDetail(ctx, admin, topic, partition)
		if err != nil {
			return err
		}
		leader = int(detail.Leader)
		if leader < 1 || !c.node(t, leader).running() {
			return fmt.Errorf("node %d, which does not run, leads", leader)
		}
		return nil
	})
	return leader
}

// MovePartition gives a partition to other nodes, the first of which is to lead
// it, and returns when they have it and the first one leads.
func (c *Cluster) MovePartition(t testing.TB, topic string, partition int32, nodes ...int) {
	t.Helper()
	var replicas []int32
	for _, n := range nodes {
		replicas = append(replicas, int32(c.node(t, n).id))
	}
	admin := c.Admin(t)
	var move kadm.AlterPartitionAssignmentsReq
	move.Assign(topic, partition, replicas)
	answers, err := admin.AlterPartitionAssignments(t.Context(), move)
	if err = errors.Join(err, answers.Error()); err != nil {
		t.Fatalf("move partition %d of %s: %v", partition, topic, err)
	}
	c.eventually(t, fmt.Sprintf("partition %d of %s is at nodes %v", partition, topic, nodes), func(ctx context.Context) error {
		detail, err := partitionDetail(ctx, admin, topic, partition)
		if err != nil {
			return err
		}
		if !slices.Equal(detail.Replicas, replicas) || len(detail.ISR) < len(replicas) {
			return fmt.Errorf("replicas %v, in sync %v", detail.Replicas, detail.ISR)
		}
		if detail.Leader != replicas[0] {
			return errors.Join(fmt.Errorf("node %d leads", detail.Leader), elect(ctx, admin, topic, partition))
		}
		return nil
	})
}

// elect makes the first replica of a partition its leader.
func elect(ctx context.Context, admin *kadm.Client, topic string, partition int32) error {
	var which kadm.TopicsSet
	which.Add(topic, partition)
	_, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, which)
	return err
}

// AwaitInSync returns when the brokers that run, and no others, are members and
// every partition has a leader and all its replicas in sync.
func (c *Cluster) AwaitInSync(t testing.TB) {
	t.Helper()
	c.awaitInSync(t)
}

func (c *Cluster) awaitInSync(t testing.TB, topics ...string) {
	t.Helper()
	admin := c.Admin(t)
	c.eventually(t, "Kafka's replicas are in sync", func(ctx context.Context) error {
		metadata, err := admin.Metadata(ctx, topics...)
		if err != nil {
			return err
		}
		if len(metadata.Brokers) != c.running() {
			return fmt.Errorf("%d brokers are members and %d run", len(metadata.Brokers), c.running())
		}
		for _, topic := range metadata.Topics {
			if topic.Err != nil {
				return fmt.Errorf("topic %s: %w", topic.Topic, topic.Err)
			}
			for _, p := range topic.Partitions {
				if p.Err != nil || p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
					return fmt.Errorf("partition %d of %s: leader %d, replicas %v, in sync %v: %w",
						p.Partition, p.Topic, p.Leader, p.Replicas, p.ISR, p.Err)
				}
			}
		}
		return nil
	})
}

func partitionDetail(ctx context.Context, admin *kadm.Client, topic string, partition int32) (kadm.PartitionDetail, error) {
	metadata, err := admin.Metadata(ctx, topic)
	if err != nil {
		return kadm.PartitionDetail{}, err
	}
	detail, ok := metadata.Topics[topic].Partitions[partition]
	if !ok {
		return kadm.PartitionDetail{}, errors.Join(errors.New("there is no such partition"), metadata.Topics[topic].Err)
	}
	return detail, nil
}

// innerClient is a client of the inner listeners that looks anew each time. It is closed when the test ends.
func (c *Cluster) innerClient(t testing.TB) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Inner()...), kgo.MetadataMinAge(glance)) // kadm keeps answers so long
	if err != nil {
		t.Fatalf("make a client of Kafka: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// eventually waits until check returns nil, and ends the test with the sentence
// and the last error if it does not in time.
func (c *Cluster) eventually(t testing.TB, sentence string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := await(ctx, check); err != nil {
		t.Fatalf("%s: %v", sentence, err)
	}
}
