package faults

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Tests of faults on Apache Kafka have "Kafka" in their names, by which CI finds
// them, and run one after another: brokers, databases and platforms of several at
// once are too much for two cores.

// site is a broker, or several, with the names that a test uses there.
type site struct {
	cluster *kafka.Cluster
	prefix  string
	admin   *kadm.Client
}

func siteOn(t testing.TB, cluster *kafka.Cluster) *site {
	t.Helper()
	return &site{cluster: cluster, prefix: kafka.Prefix(), admin: cluster.Admin(t)}
}

// options are those of a platform whose events go through the site.
func (s *site) options(databaseURL, dataDir string, env ...string) platformtest.Options {
	return platformtest.Options{
		DatabaseURL: databaseURL, DataDir: dataDir, Bus: "kafka", KafkaBrokers: s.cluster.Brokers(),
		Env: append([]string{"LYCEUM_KAFKA_PREFIX=" + s.prefix}, env...),
	}
}

func (s *site) topic(module string) string { return s.prefix + "." + module }

// modules that have a topic.
func (s *site) modules(t testing.TB) (publishing []string) {
	t.Helper()
	contracts, err := app.Contracts()
	require.NoError(t, err)
	for _, c := range contracts {
		if len(c.Publishes) > 0 {
			publishing = append(publishing, c.Module)
		}
	}
	return publishing
}

// records is how many there are on the topics, whose retention ends after the
// test.
func (s *site) records(t testing.TB) (n int64) {
	t.Helper()
	var topics []string
	for _, m := range s.modules(t) {
		topics = append(topics, s.topic(m))
	}
	ends, err := s.admin.ListEndOffsets(t.Context(), topics...)
	require.NoError(t, err)
	require.NoError(t, ends.Error())
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

// leads returns which partitions have events that a node must take: it is the
// leader of the topic, or of that of the contact facts.
func (s *site) leads(t testing.TB, node int) func(place) bool {
	t.Helper()
	found, err := s.admin.Metadata(t.Context())
	require.NoError(t, err)
	led := map[place]bool{}
	for _, source := range append(s.modules(t), yardstick) {
		for _, topic := range []string{s.topic(source), s.topic(source) + ".contact-facts"} {
			for p, detail := range found.Topics[topic].Partitions {
				if int(detail.Leader) == node {
					led[place{source: source, partition: int16(p)}] = true
				}
			}
		}
	}
	return func(p place) bool { return led[place{source: p.source, partition: p.partition}] }
}

// groups are the consumers' groups by their consumers.
func (s *site) groups(t testing.TB) map[string]string {
	t.Helper()
	contracts, err := app.Contracts()
	require.NoError(t, err)
	groups := map[string]string{}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			groups[consumer.Name] = s.prefix + "." + consumer.Name
		}
	}
	return groups
}

// shares are who of a group reads what.
type shares map[place]string

// shares returns when every group has so many members, between which everything
// is divided.
func (s *site) shares(t testing.TB, members int) shares {
	t.Helper()
	sources := map[string]string{} // by topic
	for _, m := range migrations.Modules() {
		sources[s.topic(m)] = m
	}
	var found shares
	platformtest.Eventually(t, fmt.Sprintf("every group has %d members", members), func() (err error) {
		found = shares{}
		for consumer, group := range s.groups(t) {
			if err := s.addShares(t.Context(), found, consumer, group, members, sources); err != nil {
				return fmt.Errorf("group %s: %w", group, err)
			}
		}
		return nil
	})
	return found
}

func (s *site) addShares(ctx context.Context, found shares, consumer, group string, members int, sources map[string]string) error {
	described, err := s.admin.DescribeGroups(ctx, group)
	if err != nil {
		return err
	}
	g := described[group]
	if g.Err != nil || g.State != "Stable" || len(g.Members) != members {
		return fmt.Errorf("it is %q and has %d members: %w", g.State, len(g.Members), g.Err)
	}
	for _, m := range g.Members {
		assigned, ok := m.Assigned.AsConsumer()
		if !ok {
			return fmt.Errorf("member %s has no assignment", m.MemberID)
		}
		for _, topic := range assigned.Topics {
			for _, p := range topic.Partitions {
				found[place{consumer, sources[topic.Topic], int16(p)}] = m.MemberID
			}
		}
	}
	return nil
}
