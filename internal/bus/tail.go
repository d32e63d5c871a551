package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// tailInterval is how often the logs are looked at for new events.
const tailInterval = 250 * time.Millisecond

// Tail calls each with the events that are published from now on, by the given
// modules or by all, until ctx ends or each returns an error. It moves no
// position. Payloads with personal data are left out. Events of one aggregate
// come in order.
func (b *Bus) Tail(ctx context.Context, modules []string, each func(Envelope) error) error {
	if b.readsKafka() {
		return b.tailKafka(ctx, modules, each)
	}
	return b.tailLogs(ctx, modules, each)
}

func (b *Bus) tailLogs(ctx context.Context, modules []string, each func(Envelope) error) error {
	after := map[string][]int64{}
	for module, m := range b.members {
		if len(modules) > 0 && !slices.Contains(modules, module) {
			continue
		}
		heads, err := readPartitions(ctx, m.DB, inSchema(module, `select partition, seq from {m}.event_heads`))
		if err != nil {
			return fmt.Errorf("find the end of the log of %s: %w", module, err)
		}
		after[module] = make([]int64, Partitions)
		for _, h := range heads {
			after[module][h.partition] = h.seq
		}
	}
	if len(after) == 0 {
		return fmt.Errorf("none of the modules %v runs here", modules)
	}
	partitions := allPartitions()
	for ctx.Err() == nil {
		for module, seqs := range after {
			events, err := readLog(ctx, b.members[module].DB.Pool, module, nil, partitions, seqs)
			if err != nil && ctx.Err() == nil {
				return err
			}
			for _, e := range events { // none after an error
				seqs[e.Partition] = e.Seq
				if b.holdsPersonalData(e) {
					e.Payload = nil
				}
				if err := each(e); err != nil {
					return err
				}
			}
		}
		pause(ctx, tailInterval)
	}
	return nil
}

func (b *Bus) holdsPersonalData(e Envelope) bool {
	return e.Headers.PersonalData || slices.ContainsFunc(b.members[e.Source].Contract.Publishes, func(t AnyTopic) bool {
		return t.Type() == e.Type && t.HoldsPersonalData()
	})
}

// tailKafka reads the topics beside all groups. Contact facts are not on them.
func (b *Bus) tailKafka(ctx context.Context, modules []string, each func(Envelope) error) error {
	sources := map[string]string{}
	for module := range b.kafka.modules {
		if len(modules) == 0 || slices.Contains(modules, module) {
			sources[b.kafka.config.topic(module)] = module
		}
	}
	if len(sources) == 0 {
		return fmt.Errorf("none of the modules %v publishes events that are used here", modules)
	}
	opts, err := b.kafka.config.clientOptions()
	if err != nil {
		return err
	}
	var topics []string
	for topic := range sources {
		topics = append(topics, topic)
	}
	client, err := kgo.NewClient(append(opts, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err0(); err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			return b.kafka.explain("read the topics", err)
		}
		for _, r := range fetched.Records() {
			e, err := decodeRecord(sources[r.Topic], r)
			if err != nil {
				e.Envelope = Envelope{Source: sources[r.Topic], Partition: int16(r.Partition), Type: MalformedType, OccurredAt: r.Timestamp}
			}
			if err := each(e.Envelope); err != nil {
				return err
			}
		}
	}
	return nil
}
