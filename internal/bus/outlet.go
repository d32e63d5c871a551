package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// outlet is what a forwarder knows of one partition, and what is under way there:
// nothing, one look at how the topic ends, or one batch. It is the forwarder's
// own; what is under way tells it by a report.
type outlet struct {
	busy bool
	// known says that the topic's end has been compared with the log, and next is
	// the offset that its next record is expected to get. If another one comes,
	// somebody else publishes there, too.
	known bool
	next  int64
	// sent has arrived, and the place has not been moved.
	sent *batch
	// back is set when events are to be repeated.
	back *comeback
	// doubted says that the end of the topic is to be looked at even if there is
	// nothing to publish.
	doubted bool

	failure error // of the last attempt
	again   time.Time
	backoff *backoff
}

func (o *outlet) fail(err error) {
	o.failure, o.known, o.again = err, false, time.Now().Add(o.backoff.next())
}

// batch is what of a partition is published at a time.
type batch struct {
	pass, generation int
	partition        int16
	from             int64 // the place before it
	events           []Envelope
	reached          int64 // the last number that has arrived with all before it; from for none
}

// comeback says that a topic has not ended with the event of a place, or later,
// although that one has been published: what comes after the one that it ended
// with has to come again. A batch that had been taken for lost came late, the
// topic was made anew, or the brokers have lost its end.
type comeback struct{ place, to int64 }

// report is what has become of what was under way in a partition.
type report struct {
	partition  int16
	generation int
	batch      *batch // nil for a look
	next       int64
	back       *comeback
	err        error
}

// look finds out how the topic ends.
func (f *forwarder) look(ctx context.Context, partition int16, place int64, generation int) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	r := report{partition: partition, generation: generation}
	r.next, r.back, r.err = f.examine(ctx, partition, place)
	f.finished <- r
}

// examine returns the offset that a partition's next record will get, and where
// to go back to if the topic ends before the place.
func (f *forwarder) examine(ctx context.Context, partition int16, place int64) (next int64, back *comeback, err error) {
	if err := f.kafka.ensure(ctx); err != nil {
		return 0, nil, err
	}
	r, err := f.kafka.reachOf(ctx, f.module, partition)
	if err != nil {
		return 0, nil, err
	}
	last, err := f.compareEnd(ctx, r, partition)
	if err != nil {
		return 0, nil, err
	}
	next = r.end[partition]
	if last < place && (last > 0 || next == 0) {
		back = &comeback{place, last}
	}
	return next, back, nil
}

// compareEnd makes sure that a partition's last event is in this log, and returns
// its number; 0 if there is none.
func (f *forwarder) compareEnd(ctx context.Context, r reach, partition int16) (int64, error) {
	last, found, err := f.kafka.last(ctx, f.module, partition, r)
	if err != nil || !found {
		return 0, err
	}
	return last.Seq, f.compare(ctx, last)
}

// errForeign says that a topic is fed from elsewhere, too.
var errForeign = errors.New("another database publishes to this topic, or this one was restored from an older backup")

// compare makes sure that an event on the topic is in this log. Two databases
// that number the same topic would make consumers take one's events for the
// other's.
func (f *forwarder) compare(ctx context.Context, e stored) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var id [16]byte
	var head int64
	err := f.db.Pool.QueryRow(ctx, f.sql(`
		select coalesce((select event_id from {m}.event_log where partition = $1 and seq = $2), '00000000-0000-0000-0000-000000000000'),
			(select seq from {m}.event_heads where partition = $1)`), e.Partition, e.Seq).Scan(&id, &head)
	if err != nil {
		return fmt.Errorf("compare the topic with the log: %w", err)
	}
	if e.Seq > head || id != [16]byte{} && id != e.ID {
		return fmt.Errorf("%w: topic %s: %w: the last record of partition %d is event %d with the id %s, which the log of %s does not have; "+
			"run module %[6]s on one database only, or choose another --kafka-prefix",
			ErrKafkaSetup, f.kafka.config.topic(f.module), errForeign, e.Partition, e.Seq, e.ID, f.module)
	}
	return nil
}

// ship publishes a batch where the next record is expected to get an offset.
// When the forwarder stops it is finished, or what has arrived would be published
// twice.
func (f *forwarder) ship(ctx context.Context, b batch, next int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	b.reached = b.from
	r := report{partition: b.partition, generation: b.generation, batch: &b, next: next}
	messages, err := f.publish(ctx, b.events)
	r.err = err
	for i, m := range messages {
		offset, err := strconv.ParseInt(m.Metadata[metaOffset], 10, 64)
		if err != nil {
			break // it has not arrived, and what is behind it has arrived in vain
		}
		b.reached = b.events[i].Seq
		if offset != r.next {
			back, err := f.metBefore(ctx, b.events[i], r.next, offset)
			r.err = errors.Join(r.err, err)
			if back != nil && (r.back == nil || back.to < r.back.to) {
				r.back = back
			}
		}
		r.next = offset + 1
	}
	if r.back != nil {
		r.back.place = b.reached
	}
	f.finished <- r
}

// metBefore looks at what is before an event that has not got the offset that was
// expected. Other replicas may have published the same; but the event has to
// follow the one before it, or one that is later.
func (f *forwarder) metBefore(ctx context.Context, e Envelope, expected, offset int64) (*comeback, error) {
	var r reach
	if expected < offset {
		r.start[e.Partition] = expected
	}
	r.end[e.Partition] = offset
	before, err := f.compareEnd(ctx, r, e.Partition)
	if err == nil && before < e.Seq-1 && (before > 0 || offset < expected) {
		return &comeback{to: before}, nil
	}
	return nil, err
}

// publish sends events, facts first. Those that have arrived have an offset, also
// after an error.
func (f *forwarder) publish(ctx context.Context, events []Envelope) ([]*message.Message, error) {
	var facts, all []*message.Message
	var factsOf []int // which of the events they belong to
	for _, e := range events {
		m := f.message(ctx, e)
		if fact := f.fact(m, e); fact != nil {
			facts, factsOf = append(facts, fact), append(factsOf, len(all))
		}
		all = append(all, m)
	}
	if err := f.kafka.Publish(f.kafka.config.factsTopic(f.module), facts...); err != nil {
		return nil, err
	}
	for i, event := range factsOf {
		if facts[i].Payload == nil {
			continue // a tombstone: nothing to point to
		}
		offset, err := strconv.ParseInt(facts[i].Metadata[metaOffset], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("find what was published: %w", err)
		}
		all[event].Metadata[metaDataRef] = place{f.kafka.config.factsTopic(f.module), int32(events[event].Partition), offset}.String()
	}
	return all, f.kafka.Publish(f.kafka.config.topic(f.module), all...)
}

// message is an event as it is published, under a span of its own that joins
// the emitter's trace.
func (f *forwarder) message(ctx context.Context, e Envelope) *message.Message {
	if len(e.Headers.Trace) > 0 {
		propagator := otel.GetTextMapPropagator()
		emitter := propagator.Extract(ctx, propagation.MapCarrier(e.Headers.Trace))
		traced, span := otel.Tracer("lyceum/bus").Start(emitter, "publish "+e.Type, trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(attribute.String("messaging.system", "kafka"),
				attribute.String("messaging.destination.name", f.kafka.config.topic(f.module)),
				attribute.String("messaging.message.id", e.ID.String())))
		propagator.Inject(traced, propagation.MapCarrier(e.Headers.Trace))
		span.End()
	}
	m := toMessage(e)
	m.SetContext(ctx)
	if e.Type == tombstoneType {
		m.Payload = []byte{}
	}
	return m
}

// fact is what goes to the compacted topic because of an event: its payload, or
// a tombstone for an erased key. The event itself then has neither.
func (f *forwarder) fact(m *message.Message, e Envelope) *message.Message {
	holds := f.facts[e.Type] || e.Headers.PersonalData
	if !holds && (e.Type != tombstoneType || !f.kafka.modules[f.module]) {
		return nil
	}
	fact := m.Copy()
	fact.SetContext(m.Context())
	if e.Type == tombstoneType {
		fact.Payload = nil
	}
	m.Payload = []byte{}
	return fact
}
