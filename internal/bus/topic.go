package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// Partitions is the number of key partitions of each module's events. Events
// of one aggregate share a partition and therefore keep their order. It is part
// of the stored format: changing it needs drained outboxes.
const Partitions = 16

// Topic is one kind of event of one module: a fact in the past tense with a
// payload of type T. Topics are package-level values in internal/bus/event.
type Topic[T any] struct {
	module  string
	name    string
	version int
	key     func(T) uuid.UUID
	holds   PersonalData
}

// PersonalData says whether a topic carries facts about a person beyond ids.
type PersonalData bool

const (
	// NoPersonalData is the rule: payloads carry ids.
	NoPersonalData PersonalData = false
	// ContactFacts marks the rare topic that must carry an address. Its events
	// are blanked in the log when the person is erased: see Topic.Erase.
	ContactFacts PersonalData = true
)

// Define declares a topic. module is the producer, name the fact in the past
// tense ("attempt-submitted"), version its major version, and key the id of the
// aggregate that the fact is about: events with equal keys are delivered in the
// order in which they were emitted. A module has at most one topic of
// ContactFacts: erasure of a key's facts on Kafka is erasure of all of them.
func Define[T any](module, name string, version int, holds PersonalData, key func(T) uuid.UUID) Topic[T] {
	return Topic[T]{module: module, name: name, version: version, key: key, holds: holds}
}

// AnyTopic is a topic without its payload type, as contracts list it.
type AnyTopic interface {
	// Module is the producer.
	Module() string
	// Type is the CloudEvents type: "lyceum.<module>.<name>.v<version>".
	Type() string
	// HoldsPersonalData reports whether the topic was declared ContactFacts.
	HoldsPersonalData() bool
	// PayloadType is the Go type of the payload, for documents and golden files.
	PayloadType() reflect.Type
}

// Module implements AnyTopic.
func (t Topic[T]) Module() string { return t.module }

// Type implements AnyTopic.
func (t Topic[T]) Type() string { return fmt.Sprintf("lyceum.%s.%s.v%d", t.module, t.name, t.version) }

// HoldsPersonalData implements AnyTopic.
func (t Topic[T]) HoldsPersonalData() bool { return bool(t.holds) }

// PayloadType implements AnyTopic.
func (t Topic[T]) PayloadType() reflect.Type { return reflect.TypeFor[T]() }

// Emit records the event in the outbox of the topic's module, in the caller's
// transaction: it is published if and only if the transaction commits. To keep
// the order of an aggregate's events, lock or version-check the aggregate's row
// in the same transaction before emitting.
func (t Topic[T]) Emit(ctx context.Context, tx pgx.Tx, payload T) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode %s: %w", t.Type(), err)
	}
	if len(body) > maxPayload {
		return fmt.Errorf("emit %s: its payload has %d bytes, more than an event may have (%d)", t.Type(), len(body), maxPayload)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an event id: %w", err)
	}
	key := t.key(payload)
	headers := newHeaders(ctx, id)
	headers.PersonalData = bool(t.holds)
	_, err = tx.Exec(ctx, `insert into `+pgx.Identifier{t.module, "outbox"}.Sanitize()+
		` (partition, event_id, event_type, event_key, occurred_at, headers, payload) values ($1,$2,$3,$4,now(),$5,$6)`,
		partitionOf(key), id, t.Type(), key, headers, body)
	if err != nil {
		return fmt.Errorf("emit %s: %w", t.Type(), err)
	}
	postgres.Signal(ctx)
	return nil
}

// tombstoneType replaces the type of an erased event. Nobody reacts to it; it
// keeps the event's place, because consumers refuse to jump over a gap.
const tombstoneType = "lyceum.bus.tombstone.v1"

// Erase blanks every retained event of this topic with the given key, relayed
// or not, so that neither the log nor a replay can bring a person's data back.
// Consumers that have handled them already must erase on an event of their own.
func (t Topic[T]) Erase(ctx context.Context, tx pgx.Tx, key uuid.UUID) error {
	for _, table := range []string{"outbox", "event_log"} {
		_, err := tx.Exec(ctx, `update `+pgx.Identifier{t.module, table}.Sanitize()+
			` set event_type = $1, payload = '{}' where event_key = $2 and event_type = $3`,
			tombstoneType, key, t.Type())
		if err != nil {
			return fmt.Errorf("erase %s in %s: %w", t.Type(), table, err)
		}
	}
	return t.emitTombstone(ctx, tx, key)
}

// emitTombstone makes the forwarder publish a tombstone under the key, after
// which compaction forgets what had been published before.
func (t Topic[T]) emitTombstone(ctx context.Context, tx pgx.Tx, key uuid.UUID) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an event id: %w", err)
	}
	_, err = tx.Exec(ctx, `insert into `+pgx.Identifier{t.module, "outbox"}.Sanitize()+
		` (partition, event_id, event_type, event_key, occurred_at, headers, payload) values ($1,$2,$3,$4,now(),$5,'{}')`,
		partitionOf(key), id, tombstoneType, key, newHeaders(ctx, id))
	if err != nil {
		return fmt.Errorf("emit a tombstone for %s: %w", t.Type(), err)
	}
	postgres.Signal(ctx)
	return nil
}

// partitionOf spreads keys evenly. UUIDv7 keys are random in their last bytes.
func partitionOf(key uuid.UUID) int16 {
	h := uint32(2166136261) // FNV-1a
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	return int16(h % Partitions)
}

// Headers are what travels with an event beside its payload.
type Headers struct {
	// CorrelationID is the id of the first event of the chain.
	CorrelationID uuid.UUID `json:"correlation_id"`
	// CausationID is the event whose handling emitted this one; zero at the
	// start of a chain.
	CausationID uuid.UUID `json:"causation_id,omitzero"`
	// Trace is the W3C trace context of the emitter.
	Trace map[string]string `json:"trace,omitempty"`
	// PersonalData marks an event of a topic of ContactFacts, so that a forwarder
	// of an older release, which may not know the topic, keeps it apart, too.
	PersonalData bool `json:"personal_data,omitempty"`
}

type causeKey struct{}

type cause struct{ event, correlation uuid.UUID }

func newHeaders(ctx context.Context, id uuid.UUID) Headers {
	h := Headers{CorrelationID: id}
	if c, ok := ctx.Value(causeKey{}).(cause); ok {
		h.CorrelationID, h.CausationID = c.correlation, c.event
	}
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	if len(carrier) > 0 {
		h.Trace = carrier
	}
	return h
}

// Delivery is one event as a consumer receives it.
type Delivery[T any] struct {
	// ID identifies the event, on every transport and in every replay.
	ID uuid.UUID
	// OccurredAt is the database time of the emitting transaction.
	OccurredAt time.Time
	// Replayed is true while the consumer is being rebuilt and has not yet
	// reached the position it had before, and while a consumer that is new
	// catches up with what was in the log before it. Handlers with effects
	// outside their own tables (mail, for one) skip those effects then.
	Replayed bool
	Headers  Headers
	Payload  T
}

// Handler applies an event to the consumer's own state, within tx. The
// position of the consumer is written in the same transaction, so an effect
// takes place exactly once however often the event is delivered. A handler
// writes state, emits events and enqueues jobs; it does nothing slow and calls
// nobody over the network.
type Handler[T any] func(ctx context.Context, tx pgx.Tx, d Delivery[T]) error

// Reaction is one event type's handler within a consumer.
type Reaction struct {
	topic  AnyTopic
	handle func(ctx context.Context, tx pgx.Tx, e Envelope, replayed bool) error
}

// Topic is the event type that is reacted to.
func (r Reaction) Topic() AnyTopic { return r.topic }

// On makes a reaction: what a consumer does on an event of a topic.
func On[T any](t Topic[T], handler Handler[T]) Reaction {
	return Reaction{topic: t, handle: func(ctx context.Context, tx pgx.Tx, e Envelope, replayed bool) error {
		var payload T
		if err := json.Unmarshal(e.Payload, &payload); err != nil {
			return Permanent(fmt.Errorf("decode %s: %w", e.Type, err))
		}
		return handler(ctx, tx, Delivery[T]{
			ID: e.ID, OccurredAt: e.OccurredAt, Replayed: replayed, Headers: e.Headers, Payload: payload,
		})
	}}
}

// Envelope is an event as it is stored and transported.
type Envelope struct {
	ID         uuid.UUID `json:"id"`
	Source     string    `json:"source"` // the producing module
	Partition  int16     `json:"partition"`
	Seq        int64     `json:"seq"` // position in the source's partition; 0 until relayed
	Type       string    `json:"type"`
	Key        uuid.UUID `json:"key"`
	OccurredAt time.Time `json:"occurred_at"`
	Headers    Headers   `json:"headers"`
	// Payload is raw JSON.
	Payload json.RawMessage `json:"payload"`
}
