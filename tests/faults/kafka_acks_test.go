package faults

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/internal/bus"
)

// yardstick is the topic of an ackWatch, as that of a module.
const yardstick = "yardstick"

// ackWatch produces a record now and then to each partition of a topic of its
// own, as safely as a forwarder does, and sees how long the brokers take to
// acknowledge it. No event can be with its consumers sooner.
type ackWatch struct {
	mu    sync.Mutex
	worst lags
	since map[place]time.Time // of the records that are on their way
}

func watchAcks(t testing.TB, s *site) *ackWatch {
	t.Helper()
	_, err := s.admin.CreateTopic(t.Context(), bus.Partitions, 3, map[string]*string{"min.insync.replicas": new("2")}, s.topic(yardstick))
	if !errors.Is(err, kerr.TopicAlreadyExists) { // by an attempt that was not heard of
		require.NoError(t, err)
	}
	w := &ackWatch{worst: lags{}, since: map[place]time.Time{}}
	ctx, stop := context.WithCancel(context.Background())
	var producing sync.WaitGroup
	for p := range int16(bus.Partitions) {
		// A connection of its own: brokers answer the requests of one in turn.
		client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.MetadataMinAge(250*time.Millisecond))
		require.NoError(t, err)
		producing.Go(func() {
			defer client.Close()
			w.produce(ctx, client, s.topic(yardstick), place{source: yardstick, partition: p})
		})
	}
	t.Cleanup(func() { stop(); producing.Wait() })
	return w
}

func (w *ackWatch) produce(ctx context.Context, client *kgo.Client, topic string, at place) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.mu.Lock()
		w.since[at] = time.Now()
		w.mu.Unlock()
		err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: int32(at.partition), Value: []byte("x")}).FirstErr()
		w.mu.Lock()
		if err == nil {
			w.worst[at] = max(w.worst[at], time.Since(w.since[at]))
		}
		delete(w.since, at)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// take returns the longest waits since the last call, those for records that are
// still on their way included.
func (w *ackWatch) take() lags {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.worst
	for at, since := range w.since {
		taken[at] = max(taken[at], time.Since(since))
	}
	w.worst = lags{}
	return taken
}
