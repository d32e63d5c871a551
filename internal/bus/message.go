package bus

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// Metadata names follow the CloudEvents 1.0 Kafka binding in binary mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md),
// so that an event has one form on every transport. partition and sequence are
// extension attributes: the event's place in its producer's own numbering.
const (
	metaSpecVersion   = "ce_specversion"
	metaID            = "ce_id"
	metaSource        = "ce_source"
	metaType          = "ce_type"
	metaTime          = "ce_time"
	metaKey           = "ce_partitionkey"
	metaPartition     = "ce_partition"
	metaSequence      = "ce_sequence"
	metaCorrelationID = "ce_correlationid"
	metaCausationID   = "ce_causationid"
	metaTracePrefix   = "ce_"
	metaContentType   = "content-type"
)

// traceFields are the W3C headers that may travel with an event.
var traceFields = [...]string{"traceparent", "tracestate"}

func toMessage(e Envelope) *message.Message {
	m := message.NewMessage(e.ID.String(), message.Payload(e.Payload))
	m.Metadata = message.Metadata{
		metaSpecVersion:   "1.0",
		metaID:            e.ID.String(),
		metaSource:        e.Source,
		metaType:          e.Type,
		metaTime:          e.OccurredAt.UTC().Format(time.RFC3339Nano),
		metaKey:           e.Key.String(),
		metaPartition:     strconv.Itoa(int(e.Partition)),
		metaSequence:      strconv.FormatInt(e.Seq, 10),
		metaCorrelationID: e.Headers.CorrelationID.String(),
		metaContentType:   "application/json",
	}
	if e.Headers.CausationID != uuid.Nil {
		m.Metadata[metaCausationID] = e.Headers.CausationID.String()
	}
	for _, f := range traceFields {
		if v := e.Headers.Trace[f]; v != "" {
			m.Metadata[metaTracePrefix+f] = v
		}
	}
	return m
}

// fromMessage reads an event back. An error means that the message was not
// written by toMessage.
func fromMessage(m *message.Message) (Envelope, error) {
	e := Envelope{Source: m.Metadata[metaSource], Type: m.Metadata[metaType], Payload: []byte(m.Payload)}
	var err error
	read := func(name string, into func(string) error) {
		if err == nil {
			if cause := into(m.Metadata[name]); cause != nil {
				err = fmt.Errorf("read %s of message %s: %w", name, m.UUID, cause)
			}
		}
	}
	read(metaID, func(s string) (err error) { e.ID, err = uuid.Parse(s); return })
	read(metaKey, func(s string) (err error) { e.Key, err = uuid.Parse(s); return })
	read(metaTime, func(s string) (err error) { e.OccurredAt, err = time.Parse(time.RFC3339Nano, s); return })
	read(metaSequence, func(s string) (err error) { e.Seq, err = strconv.ParseInt(s, 10, 64); return })
	read(metaPartition, func(s string) error {
		p, err := strconv.ParseInt(s, 10, 16)
		if err == nil && (p < 0 || p >= Partitions) {
			err = fmt.Errorf("%d is not a partition", p)
		}
		e.Partition = int16(p)
		return err
	})
	read(metaCorrelationID, func(s string) (err error) { e.Headers.CorrelationID, err = uuid.Parse(s); return })
	if m.Metadata[metaCausationID] != "" {
		read(metaCausationID, func(s string) (err error) { e.Headers.CausationID, err = uuid.Parse(s); return })
	}
	for _, f := range traceFields {
		if v := m.Metadata[metaTracePrefix+f]; v != "" {
			if e.Headers.Trace == nil {
				e.Headers.Trace = map[string]string{}
			}
			e.Headers.Trace[f] = v
		}
	}
	return e, err
}
