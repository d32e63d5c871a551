package kafka_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
)

// contact is an event with personal data.
type contact struct {
	Person uuid.UUID `json:"person"`
	Email  string    `json:"email"`
}

var contacts = bus.Define("users", "contact", 1, bus.ContactFacts, func(e contact) uuid.UUID { return e.Person })

// TestABrokerForgetsWhatWasErased waits for the broker's compaction, after which
// nothing of the person is left in the topic, and a consumer that is new gets
// what there is without missing what is gone.
func TestABrokerForgetsWhatWasErased(t *testing.T) {
	cluster := kafka.Start(t, kafka.Options{Properties: map[string]string{"log.cleaner.backoff.ms": "100"}})
	db := postgrestest.New(t)
	start := func(consumer string, seen chan string) *bus.Bus {
		reaction := bus.On(contacts, func(_ context.Context, _ pgx.Tx, d bus.Delivery[contact]) error {
			seen <- d.Payload.Email
			return nil
		})
		return bustest.Start(t, bus.Options{
			Members: []bus.Member{
				{DB: db.DB(t, "users"), Contract: bus.Contract{Module: "users", Publishes: []bus.AnyTopic{contacts}}},
				{DB: db.DB(t, "notify"), Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{{Name: consumer, Reactions: []bus.Reaction{reaction}}}}},
			},
			Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Idle: 100 * time.Millisecond,
			Kafka: &bus.KafkaConfig{Brokers: cluster.Brokers(), CreateTopics: true},
		})
	}
	first := make(chan string, 1000)
	start("notify.first", first)
	admin := cluster.Admin(t)
	_, err := admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
		{Name: "segment.ms", Value: new("50")}, {Name: "min.cleanable.dirty.ratio", Value: new("0.01")}, {Name: "max.compaction.lag.ms", Value: new("100")},
	}, "lyceum.users.contact-facts")
	require.NoError(t, err)

	person, other := uuid.New(), uuid.New()
	for other[15] = 0; partition(other) != partition(person); other[15]++ { // in the same partition, so that it makes segments roll
	}
	bustest.Emit(t, db, contacts, contact{person, "old@example.org"})
	bustest.Emit(t, db, contacts, contact{person, "new@example.org"})
	bustest.Emit(t, db, contacts, contact{other, "other@example.org"})
	for _, want := range []string{"old@example.org", "new@example.org", "other@example.org"} {
		require.Equal(t, want, receive(t, first))
	}
	users := db.DB(t, "users")
	require.NoError(t, users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return contacts.Erase(ctx, tx, person) }))
	require.Eventually(t, func() bool {
		bustest.Emit(t, db, contacts, contact{other, "other@example.org"})
		for _, r := range payloads(t, cluster, "lyceum.users.contact-facts") {
			if strings.Contains(r, "old@") || strings.Contains(r, "new@") {
				return false
			}
		}
		return true
	}, 90*time.Second, 200*time.Millisecond, "the broker keeps what was erased")

	second := make(chan string, 1000)
	start("notify.second", second)
	require.Equal(t, "other@example.org", receive(t, second))
	bustest.Emit(t, db, contacts, contact{other, "last@example.org"})
	for got := ""; got != "last@example.org"; {
		got = receive(t, second)
		require.NotContains(t, []string{"old@example.org", "new@example.org"}, got)
	}
}

// partition is the bus's: FNV-1a of the key, modulo the partitions.
func partition(key uuid.UUID) uint32 {
	h := uint32(2166136261)
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	return h % bus.Partitions
}

func receive(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		require.FailNow(t, "nothing came")
		return ""
	}
}

// payloads are the values of a topic's records at present.
func payloads(t *testing.T, cluster *kafka.Cluster, topic string) (all []string) {
	t.Helper()
	client := cluster.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		fetched := client.PollFetches(ctx)
		cancel()
		if fetched.Empty() {
			return all
		}
		fetched.EachRecord(func(r *kgo.Record) { all = append(all, string(r.Value)) })
	}
}
