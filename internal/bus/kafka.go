package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/singleflight"
)

// kafka is this process's access to the brokers: it makes and checks topics,
// publishes, and looks single records up. Consumers have clients of their own.
type kafka struct {
	config  KafkaConfig
	modules map[string]bool // whose topics are used, and whether they have one of contact facts
	log     *slog.Logger
	client  *kgo.Client
	admin   *kadm.Client
	// producers share the partitions. A broker answers the requests of a connection
	// one after another: those behind one that waits for a replica wait, too.
	producers [4]*kgo.Client
	ensured   atomic.Bool // the topics have been found in order, and nothing speaks against it
	looking   singleflight.Group

	mu      sync.Mutex
	leaders map[string]leaders // by topic
	lasts   map[place]stored   // the last event before an offset, without its payload
}

// leaders are the brokers to ask for a topic's partitions. One whose leader is
// being chosen is missing.
type leaders struct {
	id        kadm.TopicID
	partition map[int32]int
}

func newKafka(config KafkaConfig, modules map[string]bool, log *slog.Logger) (*kafka, error) {
	k := &kafka{config: config.withDefaults(), modules: modules, log: log, leaders: map[string]leaders{}, lasts: map[place]stored{}}
	opts, err := k.config.clientOptions()
	if err != nil {
		return nil, err
	}
	if k.client, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	k.admin = kadm.NewClient(k.client)
	producing, err := k.producing()
	if err != nil {
		return nil, err
	}
	for i := range k.producers {
		if k.producers[i], err = kgo.NewClient(slices.Concat(opts, producing)...); err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
	}
	return k, nil
}

// producing are the options of producers.
func (k *kafka) producing() ([]kgo.Opt, error) {
	codecs, err := k.config.codecs()
	if err != nil {
		return nil, err
	}
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // the bus's partition is Kafka's
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0), // a forwarder comes with all that there is
		kgo.ProducerBatchCompression(codecs...),
		kgo.ProducerBatchMaxBytes(maxRecord - maxPayload/2), // what a batch has beside its records counts, too
		// All that forwarders have on its way at once: a module whose partitions have
		// no leader leaves the others their room.
		kgo.MaxBufferedRecords((1 + len(k.modules)) * Partitions * readBatch),
		kgo.RecordDeliveryTimeout(publishTimeout),
		kgo.ProduceRequestTimeout(publishTimeout),
		// A record that is given up may still arrive. It is sent again all the
		// same, and consumers know it by its number.
		kgo.AllowIdempotentProduceCancellation(),
	}, nil
}

// ping returns nil if a broker answers.
func (k *kafka) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := k.client.Ping(ctx); err != nil {
		return k.explain("reach the brokers", err)
	}
	return nil
}

// place is a record's place in a topic.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// String is the form of the CloudEvents attribute dataref.
func (p place) String() string { return fmt.Sprintf("%s/%d/%d", p.topic, p.partition, p.offset) }

func parsePlace(s string) (place, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return place{}, fmt.Errorf("%q is not topic/partition/offset", s)
	}
	partition, err1 := strconv.ParseInt(parts[1], 10, 32)
	offset, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return place{}, fmt.Errorf("%q is not topic/partition/offset: %w", s, err)
	}
	return place{topic: parts[0], partition: int32(partition), offset: offset}, nil
}

// oneBatch is how much to ask for to look at a single record: brokers return the
// batch that it is in, whatever its size.
const oneBatch = 1

// fetch reads records from an offset on, some of those that are there, without
// waiting for more: up to size bytes, but whole batches. The end is the offset
// after the last one that can be read.
func (k *kafka) fetch(ctx context.Context, from place, size int32) (records []*kgo.Record, end int64, err error) {
	err = patiently(ctx, func() error {
		if records, end, err = k.fetchOnce(ctx, from, size); err != nil {
			k.forgetLeaders(from.topic)
		}
		return err
	})
	return records, end, err
}

func (k *kafka) fetchOnce(ctx context.Context, from place, size int32) ([]*kgo.Record, int64, error) {
	topic, err := k.leadersOf(ctx, from.topic)
	if err != nil {
		return nil, 0, err
	}
	leader, ok := topic.partition[from.partition]
	if !ok {
		return nil, 0, k.explain("read "+from.String(), kerr.LeaderNotAvailable)
	}
	request := kmsg.NewPtrFetchRequest()
	request.MaxBytes = 2 * maxRecord
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = from.partition, from.offset, size
	asked := kmsg.NewFetchRequestTopic()
	asked.Topic, asked.TopicID, asked.Partitions = from.topic, topic.id, append(asked.Partitions, partition)
	request.Topics = append(request.Topics, asked)
	answer, err := k.client.Broker(leader).Request(ctx, request)
	if err != nil {
		return nil, 0, k.explain("read "+from.String(), err)
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, 0, k.explain("read "+from.String(), err)
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, 0, fmt.Errorf("kafka: read %s: the broker has answered for something else", from)
	}
	found, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: from.offset, Topic: from.topic, Partition: from.partition,
	}, &response.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if found.Err != nil {
		return nil, 0, k.explain("read "+from.String(), found.Err)
	}
	return found.Records, found.HighWatermark, nil
}

func (k *kafka) leadersOf(ctx context.Context, topic string) (leaders, error) {
	k.mu.Lock()
	known, ok := k.leaders[topic]
	k.mu.Unlock()
	if ok {
		return known, nil
	}
	metadata, err := k.admin.Metadata(ctx, topic)
	if err == nil {
		err = metadata.Topics[topic].Err
	}
	if err != nil {
		return known, k.explain("find topic "+topic, err)
	}
	known = leaders{id: metadata.Topics[topic].ID, partition: map[int32]int{}}
	for _, p := range metadata.Topics[topic].Partitions {
		if p.Leader >= 0 {
			known.partition[p.Partition] = int(p.Leader)
		}
	}
	k.mu.Lock()
	k.leaders[topic] = known
	k.mu.Unlock()
	return known, nil
}

func (k *kafka) forgetLeaders(topic string) {
	k.mu.Lock()
	delete(k.leaders, topic)
	k.mu.Unlock()
}

// reach is from where to where a source's records can be read, by partition:
// the first offset, and the one after the last.
type reach struct {
	start, end [Partitions]int64
	failure    [Partitions]error // of those whose leader has not answered
}

// of returns the first failure among partitions.
func (r *reach) of(partitions []int16) error {
	for _, p := range partitions {
		if r.failure[p] != nil {
			return r.failure[p]
		}
	}
	return nil
}

func allPartitions() []int16 {
	partitions := make([]int16, Partitions)
	for p := range partitions {
		partitions[p] = int16(p)
	}
	return partitions
}

// reachOf asks how far partitions of a source reach. With an error it holds what
// the others have answered.
func (k *kafka) reachOf(ctx context.Context, source string, partitions ...int16) (r reach, err error) {
	err = patiently(ctx, func() error {
		left := slices.DeleteFunc(slices.Clone(partitions), func(p int16) bool { return r.end[p] > 0 && r.failure[p] == nil })
		k.glance(ctx, source, left, &r)
		return r.of(partitions)
	})
	return r, err
}

// glance asks once how far partitions of a source reach. Each broker is asked by
// itself: one that is away keeps none from the answers of the others.
func (k *kafka) glance(ctx context.Context, source string, partitions []int16, r *reach) {
	topic := k.config.topic(source)
	known, err := k.leadersOf(ctx, topic)
	led := map[int][]int16{}
	for _, p := range partitions {
		leader, ok := known.partition[int32(p)]
		switch {
		case err != nil:
			r.failure[p] = err
		case !ok:
			r.failure[p] = k.explain(fmt.Sprintf("find the leader of partition %d of %s", p, topic), kerr.LeaderNotAvailable)
		default:
			r.failure[p] = nil
			led[leader] = append(led[leader], p)
		}
	}
	var asking sync.WaitGroup
	for leader, partitions := range led {
		asking.Go(func() {
			k.listOffsets(ctx, leader, topic, partitions, -2, &r.start, &r.failure)
			k.listOffsets(ctx, leader, topic, partitions, -1, &r.end, &r.failure)
		})
	}
	asking.Wait()
	if r.of(partitions) != nil {
		k.forgetLeaders(topic)
	}
}

// listOffsets asks a broker for the first (timestamp -2) or the next (-1) offset
// of partitions that it leads.
func (k *kafka) listOffsets(ctx context.Context, leader int, topic string, partitions []int16, timestamp int64,
	into *[Partitions]int64, failure *[Partitions]error) {
	request := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = topic
	for _, p := range partitions {
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = int32(p), timestamp
		asked.Partitions = append(asked.Partitions, partition)
	}
	request.Topics = append(request.Topics, asked)
	fail := func(p int16, err error) {
		failure[p] = k.explain(fmt.Sprintf("find where partition %d of %s begins and ends", p, topic), err)
	}
	response, err := request.RequestWith(ctx, k.client.Broker(leader))
	if err == nil && len(response.Topics) != 1 {
		err = errors.New("the broker has answered for something else")
	}
	if err != nil {
		for _, p := range partitions {
			fail(p, err)
		}
		return
	}
	for _, found := range response.Topics[0].Partitions {
		if found.Partition < 0 || found.Partition >= Partitions {
			continue
		}
		into[found.Partition] = found.Offset
		if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
			fail(int16(found.Partition), err)
		}
	}
}

// patiently does something that may meet brokers which have not heard yet of a
// topic that was made or of a leader that was chosen, or which are gone.
func patiently(ctx context.Context, do func() error) error {
	for attempt := 0; ; attempt++ {
		err := do()
		if err == nil || attempt == 5 || ctx.Err() != nil || !isPassing(err) {
			return err
		}
		pause(ctx, 50*time.Millisecond<<attempt)
	}
}

// isPassing reports whether an error of the brokers, or that none has answered,
// may soon be over.
func isPassing(err error) bool {
	if answer, ok := errors.AsType[*kerr.Error](err); ok {
		return answer.Retriable
	}
	return !errors.Is(err, kgo.ErrClientClosed)
}

// stored is an event with its place in the topic.
type stored struct {
	Envelope
	ref    string // of a payload that is among the contact facts
	offset int64
	at     time.Time // when it was published
}

// scan calls do with the events of a source's partition from an offset on, until
// it returns false or there are no more. Records that are no events are passed
// over. size is how much to fetch at a time.
func (k *kafka) scan(ctx context.Context, source string, partition int16, offset int64, size int32, do func(stored) bool) error {
	for {
		records, end, err := k.fetch(ctx, place{k.config.topic(source), int32(partition), offset}, size)
		if err != nil {
			return err
		}
		for _, r := range records {
			if e, err := decodeRecord(source, r); err == nil && !do(e) {
				return nil
			}
			offset = r.Offset + 1
		}
		if len(records) == 0 || offset >= end {
			return nil
		}
	}
}

// next is the first event of a source's partition from an offset on; found is
// false if there is none.
func (k *kafka) next(ctx context.Context, source string, partition int16, offset int64) (first stored, found bool, err error) {
	err = k.scan(ctx, source, partition, offset, oneBatch, func(e stored) bool {
		first, found = e, true
		return false
	})
	return first, found, err
}

// last is the last event of a source's partition. It is remembered as long as
// nothing is added.
func (k *kafka) last(ctx context.Context, source string, partition int16, r reach) (e stored, found bool, err error) {
	end := place{k.config.topic(source), int32(partition), r.end[partition]}
	k.mu.Lock()
	e, found = k.lasts[end]
	k.mu.Unlock()
	if found || r.end[partition] == r.start[partition] {
		return e, found, nil
	}
	for step := int64(1); !found; step *= 2 {
		from := max(end.offset-step, r.start[partition])
		err := k.scan(ctx, source, partition, from, oneBatch, func(next stored) bool {
			if next.offset < end.offset {
				e, found = next, true
			}
			return next.offset < end.offset
		})
		if err != nil {
			return e, false, err
		}
		if from == r.start[partition] {
			break
		}
	}
	if found {
		e.Payload = nil
		k.mu.Lock()
		maps.DeleteFunc(k.lasts, func(p place, _ stored) bool { return p.topic == end.topic && p.partition == end.partition })
		k.lasts[end] = e
		k.mu.Unlock()
	}
	return e, found, nil
}

// errGone says that the event after a position can no longer be read.
type errGone struct{ first int64 } // the first number that can

func (e errGone) Error() string {
	return fmt.Sprintf("the first event that can still be read has the number %d", e.first)
}

// locate finds an offset from which on the event after a number is met. Numbers
// grow along a partition, except that a run of them may be there again; after
// any event with a number up to the one sought the missing ones follow, so it
// does not matter which run the search meets. It is the end if there is no such
// event yet.
func (k *kafka) locate(ctx context.Context, source string, partition int16, after int64, r reach) (int64, error) {
	last, found, err := k.last(ctx, source, partition, r)
	if err != nil || !found || last.Seq <= after { // the usual case, and remembered
		return r.end[partition], err
	}
	first, found, err := k.next(ctx, source, partition, r.start[partition])
	switch {
	case err != nil || !found:
		return r.end[partition], err
	case first.Seq > after+1:
		return 0, errGone{first.Seq}
	}
	low, high := first.offset, r.end[partition]
	middle := last.offset - (last.Seq - after) // right where nothing is there twice
	for high-low > readBatch {
		if middle <= low || middle >= high {
			middle = low + (high-low)/2
		}
		e, found, err := k.next(ctx, source, partition, middle)
		switch {
		case err != nil:
			return 0, err
		case !found || e.offset >= high || e.Seq > after:
			high = middle
		default:
			low = e.offset
			if e.Seq == after {
				return low, nil
			}
		}
		middle = low + (high-low)/2
	}
	return low, nil
}

var errNotThere = errors.New("not on Kafka")

// find reads one event by its number.
func (k *kafka) find(ctx context.Context, source string, partition int16, seq int64) (found stored, err error) {
	r, err := k.reachOf(ctx, source, partition)
	if err != nil {
		return found, err
	}
	offset, err := k.locate(ctx, source, partition, seq-1, r)
	if err != nil {
		return found, err
	}
	beyond := 0
	err = k.scan(ctx, source, partition, offset, readBytes, func(e stored) bool {
		if e.Seq > seq {
			beyond++ // somebody may have put it after its successors
		}
		if e.Seq == seq {
			found = e
		}
		return e.Seq != seq && beyond <= aheadLimit
	})
	if err == nil && found.Seq == 0 {
		err = fmt.Errorf("%w: event %d of partition %d of topic %s", errNotThere, seq, partition, k.config.topic(source))
	}
	return found, err
}

// fact reads a payload with personal data. The error is errErased when it is
// no longer there: its person has been erased, or a later state has taken its
// place, which comes with an event of its own.
func (k *kafka) fact(ctx context.Context, e stored) (json.RawMessage, error) {
	at, err := parsePlace(e.ref)
	if err != nil {
		return nil, err
	}
	if at.topic != k.config.factsTopic(e.Source) || at.partition != int32(e.Partition) {
		return nil, fmt.Errorf("%s is not a place for the payload of an event of %s", at, e.Source)
	}
	records, end, err := k.fetch(ctx, at, oneBatch)
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return nil, errErased
	case err != nil:
		return nil, err
	case end <= at.offset:
		return nil, fmt.Errorf("kafka: %s cannot be read yet", at)
	case len(records) == 0 || records[0].Offset != at.offset || records[0].Value == nil:
		return nil, errErased
	case string(records[0].Key) != e.Key.String():
		return nil, fmt.Errorf("the record at %s has another key", at)
	}
	return records[0].Value, nil
}

// The transport of a bus whose consumers read from Kafka.

func (k *kafka) extent(ctx context.Context, source string) (extent, error) {
	var x extent
	r, err := k.reachOf(ctx, source, allPartitions()...)
	if err != nil {
		return x, err
	}
	for p := range int16(Partitions) {
		first, found, err := k.next(ctx, source, p, r.start[p])
		if err != nil {
			return x, err
		}
		last := first
		if found {
			if last, _, err = k.last(ctx, source, p, r); err != nil {
				return x, err
			}
			first.Seq--
		}
		x.partitions = append(x.partitions, p)
		x.begins, x.heads = append(x.begins, first.Seq), append(x.heads, last.Seq)
	}
	return x, nil
}

func (k *kafka) lag(ctx context.Context, source string, positions []partitionSeq) (events int64, behind time.Duration, err error) {
	r, err := k.reachOf(ctx, source, allPartitions()...)
	if err != nil {
		return 0, 0, err
	}
	for _, at := range positions {
		last, found, err := k.last(ctx, source, at.partition, r)
		if err != nil {
			return 0, 0, err
		}
		if !found || last.Seq <= at.seq {
			continue
		}
		events += last.Seq - at.seq
		offset, err := k.locate(ctx, source, at.partition, at.seq, r)
		if errors.As(err, new(errGone)) {
			offset, err = r.start[at.partition], nil
		}
		if err != nil {
			return 0, 0, err
		}
		err = k.scan(ctx, source, at.partition, offset, readBytes, func(e stored) bool {
			if e.Seq > at.seq {
				behind = max(behind, time.Since(e.at))
			}
			return e.Seq <= at.seq
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return events, behind, nil
}

func (k *kafka) payload(ctx context.Context, e Envelope) (json.RawMessage, error) {
	found, err := k.find(ctx, e.Source, e.Partition, e.Seq)
	if err != nil {
		return nil, errors.Join(errOutage, fmt.Errorf("read the event from Kafka: %w", err))
	}
	if found.Type == tombstoneType {
		return nil, errErased
	}
	if found.ref == "" {
		return found.Payload, nil
	}
	payload, err := k.fact(ctx, found)
	if err == nil {
		err = k.checkNotErased(ctx, found)
	}
	if err != nil && !errors.Is(err, errErased) {
		err = errors.Join(errOutage, err)
	}
	return payload, err
}

// checkNotErased looks for a tombstone after a payload, which compaction will
// remove, but not at once.
func (k *kafka) checkNotErased(ctx context.Context, e stored) error {
	at, err := parsePlace(e.ref)
	if err != nil {
		return err
	}
	erased, err := k.erasedAfter(ctx, at)
	if err == nil && erased[e.Key.String()] {
		err = errErased
	}
	return err
}

// erasedAfter are the keys that were erased after a place among contact facts.
func (k *kafka) erasedAfter(ctx context.Context, at place) (map[string]bool, error) {
	erased := map[string]bool{}
	for {
		at.offset++
		records, end, err := k.fetch(ctx, at, readBytes)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Value == nil {
				erased[string(r.Key)] = true
			}
			at.offset = r.Offset
		}
		if len(records) == 0 || at.offset+1 >= end {
			return erased, nil
		}
	}
}

const (
	metaDataRef = "ce_dataref"
	// metaOffset is where a published message has come to. It does not travel.
	metaOffset = "kafka_offset"
)

// publishTimeout bounds one publishing.
const publishTimeout = 10 * time.Second

// Publish implements message.Publisher: it returns when every in-sync replica
// has the messages, and writes the offset of each into its metadata. After an
// error those without an offset may or may not be there. Messages of a
// partition keep their order.
func (k *kafka) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(messages[0].Context(), publishTimeout+5*time.Second)
	defer cancel()
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		r, err := encodeRecord(topic, m)
		if err != nil {
			return err
		}
		records[i] = r
	}
	errs := make([]error, len(records))
	var sending sync.WaitGroup
	sending.Add(len(records))
	for i, r := range records {
		k.producers[int(r.Partition)%len(k.producers)].Produce(ctx, r, func(r *kgo.Record, err error) {
			defer sending.Done()
			if errs[i] = err; err == nil {
				messages[i].Metadata.Set(metaOffset, strconv.FormatInt(r.Offset, 10))
			}
		})
	}
	sending.Wait()
	for _, err := range errs {
		if err != nil {
			return k.explain("publish to "+topic, err)
		}
	}
	return nil
}

// Close implements message.Publisher.
func (k *kafka) Close() error {
	for _, p := range k.producers {
		p.Close()
	}
	k.client.Close()
	return nil
}

var _ message.Publisher = (*kafka)(nil)

func encodeRecord(topic string, m *message.Message) (*kgo.Record, error) {
	partition, err := strconv.ParseInt(m.Metadata[metaPartition], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("publish message %s: %w", m.UUID, err)
	}
	r := &kgo.Record{Topic: topic, Partition: int32(partition), Key: []byte(m.Metadata[metaKey]), Value: m.Payload}
	for name, value := range m.Metadata {
		if name != metaOffset {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
	}
	return r, nil
}

// decodeRecord reads an event of a source. An error says why the record is
// none.
func decodeRecord(source string, r *kgo.Record) (stored, error) {
	e := stored{offset: r.Offset, at: r.Timestamp}
	if len(r.Value) > maxPayload {
		return e, fmt.Errorf("it has %d bytes, more than an event may have (%d)", len(r.Value), maxPayload)
	}
	m := message.NewMessage("", r.Value)
	m.Metadata = make(message.Metadata, len(r.Headers))
	for _, h := range r.Headers {
		if !utf8.Valid(h.Value) || bytes.IndexByte(h.Value, 0) >= 0 {
			return e, fmt.Errorf("its header %q is no text", h.Key)
		}
		m.Metadata[h.Key] = string(h.Value)
	}
	m.UUID = m.Metadata[metaID]
	if v := m.Metadata[metaSpecVersion]; v != "1.0" {
		return e, fmt.Errorf("it is no CloudEvent of version 1.0: ce_specversion is %q", v)
	}
	var err error
	if e.Envelope, err = fromMessage(m); err != nil {
		return e, err
	}
	e.ref = m.Metadata[metaDataRef]
	switch {
	case e.ID == uuid.Nil || e.Type == "" || e.Seq < 1:
		err = errors.New("it lacks an id, a type or a number")
	case e.Source != source:
		err = fmt.Errorf("it is of %q and not of %s", e.Source, source)
	case string(r.Key) != e.Key.String():
		err = fmt.Errorf("its key %q is not that of its aggregate, %s", r.Key, e.Key)
	case int32(e.Partition) != r.Partition || partitionOf(e.Key) != e.Partition:
		err = fmt.Errorf("its key belongs to partition %d, it says %d and is in %d", partitionOf(e.Key), e.Partition, r.Partition)
	}
	return e, err
}
