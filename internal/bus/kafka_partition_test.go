package bus

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const usersTopic = "lyceum.users"

// keyThat returns an aggregate whose partition is one of those wanted.
func keyThat(wanted func(partition int16) bool) uuid.UUID {
	for {
		if key := uuid.New(); wanted(partitionOf(key)) {
			return key
		}
	}
}

// hold keeps produce requests that a broker gets, those chosen, until release is
// closed, and returns the number of those that it has kept.
func (w *kafkaWorld) hold(release <-chan struct{}, chosen func(nth int64) bool) *atomic.Int64 {
	var met, held atomic.Int64
	w.cluster.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		if chosen(met.Add(1)) {
			held.Add(1)
			w.cluster.SleepControl(func() { <-release })
		}
		return nil, nil, false // the broker takes it now
	})
	return &held
}

// TestALeaderThatHangsHoldsUpItsOwnPartitionsAlone has a broker that takes what is
// sent to it and does not answer.
func TestALeaderThatHangsHoldsUpItsOwnPartitionsAlone(t *testing.T) {
	t.Parallel()
	w := newKafkaWorldOf(t, 3)
	b := w.start(t)
	slow := uuid.New()
	leader := func(p int16) int32 { return w.cluster.LeaderFor(usersTopic, int32(p)) }
	hung := leader(partitionOf(slow))
	w.emit(t, slow, 1)
	w.expect(t, 1)
	release := make(chan struct{})
	held := w.hold(release, func(int64) bool { return w.cluster.CurrentNode() == hung })

	w.emit(t, slow, 2, 3)
	require.Eventually(t, func() bool { return held.Load() > 0 }, 10*time.Second, time.Millisecond)
	const others = 10
	for version := 100; version < 100+others; version++ {
		w.emit(t, keyThat(func(p int16) bool { return leader(p) != hung }), version)
		w.expect(t, version)
	}
	require.Zero(t, testutil.ToFloat64(b.metrics.publishFailures.WithLabelValues("users")), "the broker was given up before the others were served")
	require.Empty(t, w.handled)

	close(release)
	w.expect(t, 2, 3)
	w.emit(t, slow, 4)
	w.expect(t, 4)
	require.Empty(t, w.handled)
	require.Len(t, w.records(t, usersTopic), 4+others, "each is published once")
}

// TestStoppingFinishesWhatHangs stops a bus while a broker does not answer.
func TestStoppingFinishesWhatHangs(t *testing.T) {
	t.Parallel()
	w := newKafkaWorldOf(t, 3)
	b := w.start(t)
	key := uuid.New()
	release := make(chan struct{})
	held := w.hold(release, func(int64) bool { return true })
	w.emit(t, key, 1, 2)
	require.Eventually(t, func() bool { return held.Load() > 0 }, 10*time.Second, time.Millisecond)
	b.stop()
	close(release)
	stopBus(t, b)
	waiting, err := b.Unpublished(t.Context(), "users")
	require.NoError(t, err)
	require.EqualValues(t, 2-len(w.records(t, usersTopic)), waiting, "what has arrived is marked")
	require.Positive(t, len(w.records(t, usersTopic)))
}

// TestWhatComesLateIsFollowedByWhatFollowsIt has a replica whose events arrive
// after another one has taken them up and gone on.
func TestWhatComesLateIsFollowedByWhatFollowsIt(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	release := make(chan struct{})
	held := w.hold(release, func(nth int64) bool { return nth == 1 })
	w.start(t)
	key := uuid.New()
	w.emit(t, key, 1)
	require.Eventually(t, func() bool { return held.Load() == 1 }, 10*time.Second, time.Millisecond)

	w.options.Registerer = prometheus.NewRegistry()
	w.start(t)
	for version := 2; version <= 5; version++ {
		w.emit(t, key, version)
	}
	w.expect(t, 1, 2, 3, 4, 5)
	close(release)
	require.Eventually(t, func() bool {
		records := w.records(t, usersTopic)
		return len(records) > 5 && sequence(t, records[len(records)-1]) == 5
	}, 20*time.Second, 10*time.Millisecond, "the topic does not end with the last event")
	requireFollowed(t, w.records(t, usersTopic))
	w.emit(t, key, 6)
	w.expect(t, 6)
	require.Empty(t, w.handled, "something took effect twice")
}

// TestARepetitionBeforeAnEventIsContinued has somebody repeat the first events of
// a topic, as a replica does that dies before it sees that it was late.
func TestARepetitionBeforeAnEventIsContinued(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.start(t)
	key := uuid.New()
	w.emit(t, key, 1, 2, 3, 4)
	w.expect(t, 1, 2, 3, 4)
	for _, r := range w.records(t, usersTopic)[:2] {
		w.publish(t, &kgo.Record{Topic: usersTopic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	w.emit(t, key, 5)
	w.expect(t, 5)
	require.Eventually(t, func() bool {
		records := w.records(t, usersTopic)
		return len(records) > 7 && sequence(t, records[len(records)-1]) == 5
	}, 10*time.Second, 10*time.Millisecond, "what comes after the repetition has not been repeated")
	requireFollowed(t, w.records(t, usersTopic))
	require.Empty(t, w.handled, "something took effect twice")
}

func sequence(t *testing.T, r *kgo.Record) int {
	t.Helper()
	n, err := strconv.Atoi(headerOf(r, metaSequence))
	require.NoError(t, err)
	return n
}

// requireFollowed requires of the records of a partition what lets a consumer
// begin at any of them: all that comes after it in the log comes after it there.
func requireFollowed(t *testing.T, records []*kgo.Record) {
	t.Helper()
	var numbers []int
	last := 0
	for _, r := range records {
		numbers = append(numbers, sequence(t, r))
		last = max(last, sequence(t, r))
	}
	for i, n := range numbers {
		next := n + 1
		for _, later := range numbers[i+1:] {
			if later == next {
				next++
			}
		}
		require.Equal(t, last+1, next, "the numbers are %v: from the record %d on, %d does not come", numbers, i, next)
	}
}

// TestAStandInNeedsItsOwnPartitionAlone has a member of the group that does
// nothing, and a partition that has no leader.
func TestAStandInNeedsItsOwnPartitionAlone(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.start(t)
	w.emit(t, uuid.New(), 1)
	w.expect(t, 1)
	var assigned atomic.Int64
	idler, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumerGroup("lyceum.notify.a"), kgo.ConsumeTopics(usersTopic),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			assigned.Add(int64(len(partitions[usersTopic])))
		}))
	require.NoError(t, err)
	t.Cleanup(idler.Close)
	require.Eventually(t, func() bool { return assigned.Load() > 1 }, 20*time.Second, time.Millisecond)
	const leaderless = 7
	w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets, kmsg.Fetch}, Topic: usersTopic, Partitions: []int32{leaderless},
		Err: kerr.LeaderNotAvailable, Count: -1})
	for p := range int16(Partitions) {
		if p == leaderless {
			continue
		}
		w.emit(t, keyThat(func(of int16) bool { return of == p }), int(100+p))
		w.expect(t, int(100+p))
	}
}

// TestEventsThatAreDroppedWhileTheyAreReadAreComplainedAbout has the topic drop
// events between the moment at which a lane finds them and that at which it reads
// them.
func TestEventsThatAreDroppedWhileTheyAreReadAreComplainedAbout(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	w.elsewhere(t)
	key := uuid.New()
	at := topicPartition{usersTopic, int32(partitionOf(key))}
	b := w.start(t)
	w.publish(t, w.record(t, key, 1))
	w.expect(t, 1)
	stopBus(t, b)
	for version := 2; version <= 5; version++ {
		w.publish(t, w.record(t, key, version))
	}
	var met atomic.Bool
	w.cluster.ControlKey(kmsg.Fetch.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		topics := request.(*kmsg.FetchRequest).Topics // none where a session goes on
		if len(topics) > 0 && topics[0].Partitions[0].PartitionMaxBytes != oneBatch && !met.Swap(true) {
			w.cluster.SleepControl(func() {
				if err := w.cluster.DeleteRecords(at.topic, at.partition, 3); err != nil {
					t.Errorf("delete records: %v", err)
				}
			})
		}
		return nil, nil, false
	})
	out := &lockedBuffer{}
	w.options.Log = slog.New(slog.NewTextHandler(out, nil))
	w.options.Registerer = prometheus.NewRegistry()
	idle, err := New(w.options) // whose lane is the only one that reads
	require.NoError(t, err)
	defer func() { require.NoError(t, idle.kafka.Close()) }()
	l := idle.transport.subscribers(idle.consumptions)["users"].(*kafkaGroup).startLane(t.Context(), at, nil)
	require.Eventually(t, func() bool {
		return strings.Contains(out.String(), "level=ERROR") && strings.Contains(out.String(), "the topic begins with event 4")
	}, 20*time.Second, 10*time.Millisecond, "nobody was told")
	l.stop()
	<-l.done
	require.True(t, met.Load())

	w.options.Registerer = prometheus.NewRegistry()
	w.start(t)
	for version := 2; version <= 5; version++ {
		w.publish(t, w.record(t, key, version))
	}
	w.expect(t, 2, 3, 4, 5)
	require.Empty(t, w.handled)
}
