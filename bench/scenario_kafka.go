package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/tests/kafka"
)

const (
	// benchPrefix is what topics and groups of the scenario begin with.
	benchPrefix = "bench"
	// perfTopic is what Kafka's own tool writes to.
	perfTopic = benchPrefix + ".yardstick"
	// sampled is of how many events the size is looked at.
	sampled = 1000
	// perfSample is how many records tell how many are to be sent.
	perfSample = 50_000
)

// startKafka starts a broker for a scenario, which closes it.
func startKafka(ctx context.Context) (*kafka.Cluster, error) {
	if err := kafka.Available(); err != nil {
		return nil, errMissing{err}
	}
	// Elsewhere brokers are made to start quickly, and are missed after four seconds
	// in which they are not heard of. This one is to run fast, and one that is alone
	// on a busy machine is not to be shut out for seconds because it was slow: all
	// partitions would lose their leader.
	return kafka.New(ctx, kafka.Options{JVM: []string{"-Xmx1g", "-XX:TieredStopAtLevel=4"}, Properties: map[string]string{
		"broker.session.timeout.ms": "30000", "broker.heartbeat.interval.ms": "2000",
	}})
}

// eventsOnKafka is the scenario events with a broker between the log and the
// consumers.
func eventsOnKafka(ctx context.Context, b *bench) (_ []result, err error) {
	cluster, err := startKafka(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	s, err := newStage(ctx, b.scratchURL())
	if err != nil {
		return nil, err
	}
	defer s.close()

	// What it is compared with in process comes first: positions go on on Kafka.
	if err := s.warmUp(ctx, b.warmUp()); err != nil {
		return nil, err
	}
	inProcess, err := s.lag(ctx, b, b.duration/2, "events-in-process")
	if err != nil {
		return nil, err
	}

	s.kafka = &bus.KafkaConfig{Brokers: cluster.Brokers(), Prefix: benchPrefix, CreateTopics: true}
	if err := s.warmUp(ctx, b.warmUp()); err != nil {
		return nil, err
	}
	y, err := newProducerYardstick(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer y.client.Close()
	var written, drained []float64
	produced, probe, err := b.yardsticked(ctx, y.perSecond, func() (err error) {
		written, drained, err = s.backlogs(ctx, b, "events-kafka")
		return err
	})
	if err != nil {
		return nil, err
	}
	together, err := s.together(ctx, b.duration)
	if err != nil {
		return nil, err
	}
	f, err := s.lag(ctx, b, b.duration, "events-kafka", cluster.Processes()...)
	if err != nil {
		return nil, err
	}

	throughput := result{What: "events on Kafka", Figure: mean(drained), Unit: "/s", Probe: probe}
	throughput.beside("/s Kafka's ProducerPerformance", produced...)
	throughput.note("committed outbox rows to the committed effects of two consumers by way of the broker, a backlog worked off; the two: %s/s and %s/s",
		number(drained[0]), number(drained[1]))
	throughput.note("the yardstick is Kafka's own tool, which only sends: records of %d bytes, which is what an event has with key and headers, "+
		"acks=all, to as many partitions of the same broker, uncompressed", y.size)
	throughput.note("with %d writers and both consumers at the same time: %s/s written, %s/s with both effects", eventWriters,
		number(together.written), number(together.handled))

	inserts := result{What: "events on Kafka by INSERTs", Figure: mean(drained), Unit: "/s", Probe: probe}
	inserts.beside("/s outbox INSERTs", written...)
	inserts.note("the same figure beside the yardstick of the events in process: %d writers, each event a transaction of its own", eventWriters)

	lag := result{What: fmt.Sprintf("event lag on Kafka at %d/s", lagRate), Figure: milliseconds(f.lags.p99), Unit: "ms p99", Probe: probe,
		Yardstick: "ms p99 in process", YardstickValue: milliseconds(inProcess.lags.p99), Ratio: float64(inProcess.lags.p99) / float64(f.lags.p99)}
	lag.latencies(f.lags)
	f.describe(&lag, "on Kafka")
	inProcess.describe(&lag, "in process, shortly before")
	return []result{throughput, inserts, lag}, s.verify(ctx)
}

// producerYardstick is Kafka's own tool at a broker, with records as large as
// those of the scenario.
type producerYardstick struct {
	cluster *kafka.Cluster
	client  *kgo.Client
	size    int
	rate    float64 // of the last run
}

// newProducerYardstick looks at the events that are on the broker, makes a topic
// like theirs, and lets broker and tool warm up.
func newProducerYardstick(ctx context.Context, cluster *kafka.Cluster) (_ *producerYardstick, err error) {
	y := &producerYardstick{cluster: cluster}
	y.client, err = kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...), kgo.ConsumeTopics(benchPrefix+".content"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, fmt.Errorf("make a client of Kafka: %w", err)
	}
	if err := y.prepare(ctx); err != nil {
		y.client.Close()
		return nil, err
	}
	return y, nil
}

func (y *producerYardstick) prepare(ctx context.Context) (err error) {
	if y.size, err = recordSize(ctx, y.client); err != nil {
		return err
	}
	if _, err := kadm.NewClient(y.client).CreateTopic(ctx, bus.Partitions, 1, nil, perfTopic); err != nil {
		return fmt.Errorf("make the topic of the yardstick: %w", err)
	}
	y.rate, err = y.cluster.ProducerPerformance(ctx, perfTopic, perfSample, y.size)
	return err
}

// perSecond lets the tool send for about as long as d.
func (y *producerYardstick) perSecond(ctx context.Context, d time.Duration) (_ float64, err error) {
	y.rate, err = y.cluster.ProducerPerformance(ctx, perfTopic, max(perfSample, int(y.rate*d.Seconds())), y.size)
	return y.rate, err
}

// recordSize is the mean of what some records have, with key and headers.
func recordSize(ctx context.Context, client *kgo.Client) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	count, size := 0, 0
	for count < sampled {
		fetched := client.PollRecords(ctx, sampled-count)
		if err := fetched.Err(); err != nil {
			return 0, fmt.Errorf("read events from Kafka: %w", err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			count++
			size += len(r.Key) + len(r.Value)
			for _, h := range r.Headers {
				size += len(h.Key) + len(h.Value)
			}
		})
	}
	client.PauseFetchTopics(benchPrefix + ".content") // no more is wanted, and it would cost
	return size / count, nil
}
