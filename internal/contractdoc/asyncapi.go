// Package contractdoc makes documents out of the modules' contracts: AsyncAPI,
// a graph of who talks to whom, and a page per module.
package contractdoc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus"
)

type object map[string]any

// AsyncAPI describes every event in AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0):
// a channel per producing module, a message per event type, and operations for
// who sends and who receives. Schemas come from the same reflector as the
// OpenAPI document. The result is deterministic.
func AsyncAPI(version string, contracts ...bus.Contract) ([]byte, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[uuid.UUID](), reflect.TypeFor[uuidText]())
	channels, operations, messages := object{}, object{}, object{}
	for _, c := range contracts {
		if len(c.Publishes) == 0 {
			continue
		}
		inChannel := object{}
		var sent []object
		for _, t := range c.Publishes {
			messages[t.Type()] = message(t, registry)
			inChannel[t.Type()] = ref("components", "messages", t.Type())
			sent = append(sent, ref("channels", channel(c.Module), "messages", t.Type()))
		}
		channels[channel(c.Module)] = object{
			"address":     "lyceum." + c.Module,
			"description": fmt.Sprintf("Facts of module %s, in order per key.", c.Module),
			"messages":    inChannel,
			"bindings":    object{"kafka": object{"partitions": bus.Partitions, "bindingVersion": "0.5.0"}},
		}
		if slices.ContainsFunc(c.Publishes, bus.AnyTopic.HoldsPersonalData) {
			channels[channel(c.Module)+"-contact-facts"] = object{
				"address": "lyceum." + c.Module + ".contact-facts",
				"description": "Payloads with personal data under the id of their person, compacted; no value is a tombstone. " +
					"An event on lyceum." + c.Module + " points here by its dataref.",
				"bindings": object{"kafka": object{
					"partitions": bus.Partitions, "topicConfiguration": object{"cleanup.policy": []string{"compact"}}, "bindingVersion": "0.5.0",
				}},
			}
		}
		operations[c.Module+".publish"] = object{
			"action": "send", "channel": ref("channels", channel(c.Module)), "messages": sent,
		}
	}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			for _, source := range consumer.Sources() {
				var received []object
				for _, r := range consumer.Reactions {
					if r.Topic().Module() == source {
						received = append(received, ref("channels", channel(source), "messages", r.Topic().Type()))
					}
				}
				operations[consumer.Name+"."+source] = object{
					"action": "receive", "channel": ref("channels", channel(source)),
					"summary": consumer.Purpose, "messages": received,
					"bindings": object{"kafka": object{
						"groupId": object{"type": "string", "enum": []string{"lyceum." + consumer.Name}}, "bindingVersion": "0.5.0",
					}},
				}
			}
		}
	}
	for _, schema := range registry.Map() {
		schema.AdditionalProperties = nil // events are extended: a reader must bear what it does not know
	}
	schemas := object{"EventHeaders": eventHeaders()}
	for name, schema := range registry.Map() {
		schemas[name] = schema
	}
	doc := object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Lyceum events", "version": version,
			"description": "CloudEvents 1.0 in binary mode. Delivered at least once, in order per key; each consumer's effect takes place once.",
		},
		"defaultContentType": "application/json",
		"channels":           channels,
		"operations":         operations,
		"components":         object{"messages": messages, "schemas": schemas},
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the AsyncAPI document: %w", err)
	}
	return append(out, '\n'), nil
}

// uuidText stands for uuid.UUID, whose form the reflector cannot see.
type uuidText struct{}

// Schema implements huma.SchemaProvider.
func (uuidText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

func message(t bus.AnyTopic, registry huma.Registry) object {
	m := object{
		"name":        t.Type(),
		"contentType": "application/json",
		"headers":     object{"$ref": "#/components/schemas/EventHeaders"},
		"payload":     object{"$ref": registry.Schema(t.PayloadType(), true, "").Ref},
		"bindings":    object{"kafka": object{"key": object{"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
	}
	if t.HoldsPersonalData() {
		m["tags"] = []object{{"name": "personal-data"}}
		m["description"] = "Carries personal data; erasure blanks its retained events. On Kafka the payload is among the contact facts, where ce_dataref says."
	}
	return m
}

// eventHeaders are the CloudEvents attributes as the Kafka binding names them.
func eventHeaders() object {
	text := func(about string) object { return object{"type": "string", "description": about} }
	return object{
		"type":     "object",
		"required": []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_partitionkey", "ce_partition", "ce_sequence"},
		"properties": object{
			"ce_specversion": object{"const": "1.0"}, "ce_id": text("UUID of the event."), "ce_source": text("The producing module."),
			"ce_type": text("lyceum.<module>.<fact>.v<version>"), "ce_time": text("RFC 3339 time of the emitting transaction."),
			"ce_partitionkey": text("UUID of the aggregate, and the record's key."),
			"ce_partition":    text("The partition, as the producer numbers events."), "ce_sequence": text("The number in it, from 1 without a gap."),
			"ce_correlationid": text("UUID of the first event of the chain."), "ce_causationid": text("UUID of the event whose handling emitted this one."),
			"ce_traceparent": text("W3C trace context."), "ce_tracestate": text("W3C trace context."),
			"ce_dataref": text("Topic, partition and offset of a payload that is kept elsewhere."),
		},
	}
}

func channel(module string) string { return module }

func ref(path ...string) object {
	for i, p := range path {
		path[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
	}
	return object{"$ref": "#/" + strings.Join(path, "/")}
}

// fieldNames lists the JSON names of a payload's fields, for the module pages.
func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range fields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
