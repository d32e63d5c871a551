package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaWorld is a world whose bus is on a broker of its own.
type kafkaWorld struct {
	*world
	cluster *kfake.Cluster
	client  *kgo.Client // a stranger's: it may publish anything
}

func newKafkaWorld(t *testing.T) *kafkaWorld { return newKafkaWorldOf(t, 1) }

func newKafkaWorldOf(t *testing.T, brokers int) *kafkaWorld {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	w := &kafkaWorld{world: newWorld(t), cluster: cluster}
	w.options.Kafka = &KafkaConfig{Brokers: cluster.ListenAddrs(), CreateTopics: true}
	w.client, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(maxRecord-1024), kgo.MetadataMinAge(100*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	return w
}

// elsewhere takes the producer out of the bus: the test publishes in its place.
func (w *kafkaWorld) elsewhere(t *testing.T) {
	w.options.Elsewhere = []Contract{w.options.Members[0].Contract}
	w.options.Members = w.options.Members[1:]
	admin := kadm.NewClient(w.client)
	k, err := newKafka(*w.options.Kafka, map[string]bool{"users": false}, w.options.Log)
	require.NoError(t, err)
	defer func() { require.NoError(t, k.Close()) }()
	require.NoError(t, k.ensureTopics(t.Context()))
	require.Eventually(t, func() bool {
		ends, err := admin.ListEndOffsets(t.Context(), "lyceum.users")
		return err == nil && ends.Error() == nil
	}, 5*time.Second, 10*time.Millisecond)
}

// record is what a forwarder would publish.
func (w *kafkaWorld) record(t *testing.T, key uuid.UUID, version int) *kgo.Record {
	t.Helper()
	payload, err := json.Marshal(thing{Key: key, Version: version})
	require.NoError(t, err)
	r, err := encodeRecord("lyceum.users", toMessage(Envelope{
		ID: uuid.New(), Source: "users", Partition: partitionOf(key), Seq: int64(version), Type: w.topic.Type(), Key: key,
		OccurredAt: time.Now(), Headers: Headers{CorrelationID: uuid.New()}, Payload: payload,
	}))
	require.NoError(t, err)
	return r
}

func (w *kafkaWorld) publish(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	require.NoError(t, w.client.ProduceSync(t.Context(), records...).FirstErr())
}

func header(r *kgo.Record, name, value string) *kgo.Record {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			r.Headers[i].Value = []byte(value)
		}
	}
	return r
}

func TestRecordsThatAreNoEventsAreSetAside(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	key := uuid.New()
	p := int32(partitionOf(key))
	foreign := map[string]*kgo.Record{
		"ce_specversion is":             {Topic: "lyceum.users", Partition: p, Value: []byte("hello")},
		"of version 1.0":                header(w.record(t, key, 1), metaSpecVersion, "2.0"),
		"ce_sequence":                   header(w.record(t, key, 1), metaSequence, "first"),
		"lacks an id, a type":           header(w.record(t, key, 1), metaSequence, "-4"),
		"is not a partition":            header(w.record(t, key, 1), metaPartition, "77"),
		"is of \"assessment\"":          header(w.record(t, key, 1), metaSource, "assessment"),
		"is not that of its aggregate":  header(w.record(t, key, 1), metaKey, uuid.NewString()),
		"its key belongs to partition":  header(w.record(t, key, 1), metaPartition, strconv.Itoa(int(p+1)%Partitions)),
		"header \"ce_id\" is no text":   header(w.record(t, key, 1), metaID, "\x00\xff"),
		"more than an event may have":   {Topic: "lyceum.users", Partition: p, Value: bytes.Repeat([]byte("x"), 10<<20)},
		"ce_time":                       header(w.record(t, key, 1), metaTime, "yesterday"),
		"ce_specversion is \"\"":        {Topic: "lyceum.users", Partition: p, Key: []byte(key.String())},
		"it is no CloudEvent of versio": {Topic: "lyceum.users", Partition: p, Headers: []kgo.RecordHeader{{Key: "\x00", Value: []byte{0xff, 0}}}},
	}
	b := w.start(t)
	w.publish(t, w.record(t, key, 1))
	for _, r := range foreign {
		w.publish(t, r)
	}
	w.publish(t, w.record(t, key, 2))
	w.expect(t, 1, 2)

	letters, err := b.DeadLetters(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, letters, len(foreign))
	for reason := range foreign {
		require.True(t, slices.ContainsFunc(letters, func(l DeadLetter) bool {
			return l.EventType == MalformedType && strings.Contains(l.Error, reason)
		}), "no record was set aside because %q: %v", reason, letters)
	}
	require.InDelta(t, len(foreign), testutil.ToFloat64(b.metrics.malformed.WithLabelValues("notify.a", "users")), 0)

	n, err := b.Retry(t.Context(), "notify.a", letters[0].ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Eventually(t, func() bool {
		again, err := b.DeadLetters(t.Context(), 100)
		require.NoError(t, err)
		return slices.ContainsFunc(again, func(l DeadLetter) bool { return l.ID == letters[0].ID && l.RetryRequestedAt == nil && l.Attempts == 2 })
	}, 10*time.Second, 10*time.Millisecond, "a retry of what is no event ends, and the letter stays")
}

func TestAnEventWithAPayloadThatCannotBeReadIsADeadLetter(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	key := uuid.New()
	b := w.start(t)
	bad := w.record(t, key, 1)
	bad.Value = []byte(`{"key":`)
	w.publish(t, bad, w.record(t, key, 2))
	w.expect(t, 2)
	letters, err := b.DeadLetters(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Error, "decode")
}

func TestDuplicatesAndDisorderOnTheTopicChangeNothing(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	w.start(t)
	key := uuid.New()
	for _, version := range []int{1, 1, 3, 2, 2, 1, 5, 6, 4, 3, 4, 5, 6, 7} {
		w.publish(t, w.record(t, key, version))
	}
	w.expect(t, 1, 2, 3, 4, 5, 6, 7)
	w.publish(t, w.record(t, key, 8))
	w.expect(t, 8)
	require.Empty(t, w.handled, "something took effect twice")
}

func TestAMissingEventIsWaitedForAndComplainedAbout(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	out := &lockedBuffer{}
	w.options.Log = slog.New(slog.NewTextHandler(out, nil))
	w.start(t)
	key := uuid.New()
	w.publish(t, w.record(t, key, 1), w.record(t, key, 3), w.record(t, key, 4))
	w.expect(t, 1)
	require.Eventually(t, func() bool {
		return strings.Contains(out.String(), "level=ERROR") && strings.Contains(out.String(), "platform events resend --module users")
	}, 15*time.Second, 10*time.Millisecond, "nobody was told")
	require.Empty(t, w.handled, "the consumer went past a loss")
	w.publish(t, w.record(t, key, 2))
	w.expect(t, 2, 3, 4)
}

// TestALogThatIsSentAgainMendsAGap has more events after the gap than are kept.
func TestALogThatIsSentAgainMendsAGap(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	w.handled = make(chan int, 3*aheadLimit)
	key := uuid.New()
	var records []*kgo.Record
	last := 2*aheadLimit + 10
	for version := 1; version <= last; version++ {
		if version != 2 {
			records = append(records, w.record(t, key, version))
		}
	}
	out := &lockedBuffer{}
	w.options.Log = slog.New(slog.NewTextHandler(out, nil))
	w.publish(t, records...)
	w.start(t)
	w.expect(t, 1)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "level=ERROR") }, 15*time.Second, 10*time.Millisecond)
	w.publish(t, slices.Insert(records, 1, w.record(t, key, 2))...)
	for version := 2; version <= last; version++ {
		w.expect(t, version)
	}
	require.Empty(t, w.handled)
}

// TestTheBrokersMayBeAway has none at the start and none in the middle.
func TestTheBrokersMayBeAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	port := freePort(t)
	w.options.Kafka = &KafkaConfig{Brokers: []string{fmt.Sprintf("127.0.0.1:%d", port)}, CreateTopics: true}
	key := uuid.New()
	b := w.start(t)
	w.emit(t, key, 1, 2)
	waits := func(n int64) func() bool {
		return func() bool {
			waiting, err := b.Unpublished(t.Context(), "users")
			require.NoError(t, err)
			return waiting == n
		}
	}
	require.Eventually(t, waits(2), 5*time.Second, 5*time.Millisecond)
	data := t.TempDir()
	serve := func() *kfake.Cluster {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(data), kfake.SyncWrites())
		require.NoError(t, err)
		return cluster
	}
	cluster := serve()
	w.expect(t, 1, 2)
	cluster.Close()
	require.NoError(t, b.Ready(t.Context(), time.Minute), "no broker is no reason not to serve")
	w.emit(t, key, 3, 4, 5)
	require.Eventually(t, func() bool { return testutil.ToFloat64(b.metrics.kafkaUp) == 0 }, 20*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return testutil.ToFloat64(b.metrics.forwardEvents.WithLabelValues("users")) == 3
	}, 20*time.Second, 10*time.Millisecond, "the backlog is not seen")
	cluster = serve()
	t.Cleanup(cluster.Close)
	select {
	case got := <-w.handled:
		require.Equal(t, 3, got)
	case <-time.After(30 * time.Second):
		require.FailNow(t, "the backlog does not drain")
	}
	w.expect(t, 4, 5)
	require.Empty(t, w.handled)
}

func freePort(t *testing.T) int {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestASetupThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, w *kafkaWorld)
		says    string
	}{
		"missing topic": {func(_ *testing.T, w *kafkaWorld) { w.options.Kafka.CreateTopics = false },
			"topic lyceum.users is missing and --kafka-create-topics is off"},
		"wrong partition count": {func(t *testing.T, w *kafkaWorld) { w.makeTopic(t, 3, nil) }, "has 3 partitions and must have 16"},
		"compacted": {func(t *testing.T, w *kafkaWorld) {
			w.makeTopic(t, Partitions, map[string]*string{"cleanup.policy": new("compact"), "max.message.bytes": new("20000000")})
		}, "cleanup.policy=compact and needs delete"},
		"small messages": {func(t *testing.T, w *kafkaWorld) {
			w.makeTopic(t, Partitions, map[string]*string{"max.message.bytes": new("1000000")})
		}, "max.message.bytes=1000000 and needs at least"},
		"too many replicas": {func(_ *testing.T, w *kafkaWorld) { w.options.Kafka.Replication = 5 }, "set --kafka-replication"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKafkaWorld(t)
			test.prepare(t, w)
			b, err := New(w.options)
			require.NoError(t, err)
			defer stopBus(t, b)
			err = b.Start(t.Context())
			require.ErrorIs(t, err, ErrKafkaSetup)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func (w *kafkaWorld) makeTopic(t *testing.T, partitions int32, configs map[string]*string) {
	t.Helper()
	_, err := kadm.NewClient(w.client).CreateTopic(t.Context(), partitions, 1, configs, "lyceum.users")
	require.NoError(t, err)
}

// TestATopicIsFedByOneDatabase starts a second installation on the same topics.
func TestATopicIsFedByOneDatabase(t *testing.T) {
	t.Parallel()
	first := newKafkaWorld(t)
	first.start(t)
	key := uuid.New()
	first.emit(t, key, 1, 2)
	first.expect(t, 1, 2)

	second := newWorld(t)
	second.options.Kafka = first.options.Kafka
	b, err := New(second.options)
	require.NoError(t, err)
	defer stopBus(t, b)
	err = b.Start(t.Context())
	require.ErrorIs(t, err, ErrKafkaSetup)
	require.ErrorContains(t, err, "another database publishes to this topic")
}

// TestATopicThatWasLostIsFilledAgain deletes the topics under the running bus.
func TestATopicThatWasLostIsFilledAgain(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	b := w.start(t)
	key := uuid.New()
	w.emit(t, key, 1, 2, 3)
	w.expect(t, 1, 2, 3)
	stopBus(t, b)
	_, err := kadm.NewClient(w.client).DeleteTopics(t.Context(), "lyceum.users")
	require.NoError(t, err)
	w.options.Registerer = prometheus.NewRegistry()
	w.start(t)
	w.emit(t, key, 4)
	w.expect(t, 4)
	require.Empty(t, w.handled, "what was handled took effect again")
	require.Equal(t, 4, len(w.records(t, "lyceum.users")))
}

// records are all of a topic, once nothing more is on its way.
func (w *kafkaWorld) records(t *testing.T, topic string) (all []*kgo.Record) {
	t.Helper()
	ends, err := kadm.NewClient(w.client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	expected := int64(0)
	ends.Each(func(o kadm.ListedOffset) { expected += o.Offset })
	reader, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer reader.Close()
	for int64(len(all)) < expected {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		fetched := reader.PollFetches(ctx)
		cancel()
		require.NoError(t, fetched.Err0())
		all = append(all, fetched.Records()...)
	}
	return all
}

// TestContactFactsAreKeptApart sees to it that a payload with personal data is
// on the compacted topic alone, and that erasure puts a tombstone on it.
func TestContactFactsAreKeptApart(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	facts := Define("users", "contact", 1, ContactFacts, func(e thing) uuid.UUID { return e.Key })
	users := &w.options.Members[0].Contract
	users.Publishes = append(users.Publishes, facts)
	consumer := &w.options.Members[1].Contract.Consumers[0]
	consumer.Reactions = append(consumer.Reactions, On(facts, func(_ context.Context, _ pgx.Tx, d Delivery[thing]) error {
		w.handled <- 100 + d.Payload.Version
		return nil
	}))
	b := w.start(t)
	person := uuid.New()
	require.NoError(t, w.users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return facts.Emit(ctx, tx, thing{Key: person, Version: 1})
	}))
	w.emit(t, person, 2)
	w.expect(t, 101, 2)
	require.NoError(t, w.users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return facts.Erase(ctx, tx, person) }))
	require.Eventually(t, func() bool {
		n, err := b.Unpublished(t.Context(), "users")
		require.NoError(t, err)
		return n == 0
	}, 10*time.Second, 5*time.Millisecond)

	apart := w.records(t, "lyceum.users.contact-facts")
	require.Len(t, apart, 2)
	require.Contains(t, string(apart[0].Value), person.String())
	require.Nil(t, apart[1].Value, "a tombstone")
	for _, r := range apart {
		require.Equal(t, person.String(), string(r.Key))
	}
	for _, r := range w.records(t, "lyceum.users") {
		if strings.Contains(headerOf(r, metaType), "contact") {
			require.Empty(t, r.Value, "personal data on a topic that is not compacted")
			require.Equal(t, place{"lyceum.users.contact-facts", r.Partition, apart[0].Offset}.String(), headerOf(r, metaDataRef))
		}
	}
	configs, err := kadm.NewClient(w.client).DescribeTopicConfigs(t.Context(), "lyceum.users.contact-facts")
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool {
		return c.Key == "cleanup.policy" && c.MaybeValue() == "compact"
	}))
}

func headerOf(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// TestTheTransportCanBeChangedUnderLoad goes from the log to Kafka and back,
// with both at once in between, as replicas are replaced one by one.
func TestTheTransportCanBeChangedUnderLoad(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	onKafka, inProcess := w.options, w.options
	inProcess.Kafka = nil
	emitted := 0
	key := uuid.New()
	run := func(o Options) *Bus {
		o.Registerer = prometheus.NewRegistry()
		w.options = o
		return w.start(t)
	}
	emit := func(n int) {
		for range n {
			emitted++
			w.emit(t, key, emitted)
		}
	}
	first := run(inProcess)
	emit(50)
	second := run(onKafka)
	emit(50)
	stopBus(t, first)
	emit(50)
	third := run(inProcess)
	emit(50)
	stopBus(t, second)
	emit(50)
	stopBus(t, third)
	run(onKafka)
	emit(50)
	for want := 1; want <= emitted; want++ {
		w.expect(t, want)
	}
	require.Empty(t, w.handled)
}

func TestALargeEventFits(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	large := Define("users", "large", 1, NoPersonalData, func(e string) uuid.UUID { return uuid.Nil })
	w.options.Members[0].Contract.Publishes = append(w.options.Members[0].Contract.Publishes, large)
	consumer := &w.options.Members[1].Contract.Consumers[0]
	consumer.Reactions = append(consumer.Reactions, On(large, func(_ context.Context, _ pgx.Tx, d Delivery[string]) error {
		w.handled <- len(d.Payload)
		return nil
	}))
	w.start(t)
	emit := func(size int) error {
		return w.users.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return large.Emit(ctx, tx, strings.Repeat("x", size))
		})
	}
	require.NoError(t, emit(maxPayload-2))
	w.expect(t, maxPayload-2)
	require.ErrorContains(t, emit(maxPayload-1), "more than an event may have")
}

func TestTailShowsEventsOfEitherTransport(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	inProcess := w.options
	inProcess.Kafka = nil
	for name, options := range map[string]Options{"kafka": w.options, "in process": inProcess} {
		w.options = options
		w.options.Registerer = prometheus.NewRegistry()
		b := w.start(t)
		ctx, stop := context.WithCancel(t.Context())
		seen := make(chan Envelope, 100)
		ended := make(chan error, 1)
		go func() { ended <- b.Tail(ctx, nil, func(e Envelope) error { seen <- e; return nil }) }()
		key := uuid.New()
		var first Envelope
		require.Eventually(t, func() bool { // it begins some time after it was called
			w.emit(t, key, 1)
			select {
			case first = <-seen:
				return first.Key == key // another one was left over from before
			case <-time.After(100 * time.Millisecond):
				return false
			}
		}, 10*time.Second, time.Millisecond, name)
		require.Equal(t, w.topic.Type(), first.Type, name)
		require.JSONEq(t, fmt.Sprintf(`{"key":%q,"version":1}`, key), string(first.Payload), name)
		stop()
		require.NoError(t, <-ended, name)
		stopBus(t, b)
	}
}
