package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// forwarder publishes a module's log to Kafka. Its place in the log is a row of
// consumer_positions for each partition, which is its lock, too: replicas share
// the partitions, and one that dies lets go with its connection.
//
// The place moves when all in-sync replicas of the brokers have the events. A
// process that dies between the two publishes them twice, and so may one whose
// publishing timed out; consumers know them by their numbers. The rule that
// they rely on: after an event that is published for the first time comes the
// one with the next number, or a repetition from some number before it.
type forwarder struct {
	module  string
	db      *postgres.DB
	heads   *heads
	kafka   *kafka
	facts   map[string]bool // event types whose payloads are contact facts
	idle    time.Duration
	metrics *metrics
	fault   *complaint

	ready bool
	// follows is the offset that the next record of a partition is expected to
	// get. Where it is not known, or another one came, what is there is looked at
	// before anything more is published: see verify. When the database has been
	// away it is forgotten: what has come back may be a standby that lacks the
	// last events.
	follows map[int16]int64
}

// forwarderName is the forwarder's name among the module's positions.
func forwarderName(module string) string { return module + ".kafka" }

// forward starts a forwarder for each module that publishes, and who watches the
// brokers.
func (b *Bus) forward(run context.Context) {
	b.running.Go(func() { b.watchKafka(run) })
	for module, m := range b.members {
		if len(m.Contract.Publishes) == 0 {
			continue
		}
		f := &forwarder{module: module, db: m.DB, heads: b.heads[module], kafka: b.kafka, facts: map[string]bool{},
			idle: b.opts.Idle, metrics: b.metrics, follows: map[int16]int64{},
			fault: newComplaint(b.opts.Log, "kafka: cannot publish, events wait in the log", "module", module)}
		for _, t := range m.Contract.Publishes {
			f.facts[t.Type()] = t.HoldsPersonalData()
		}
		b.metrics.published.WithLabelValues(module)
		b.metrics.publishFailures.WithLabelValues(module)
		b.running.Go(func() { f.run(run) })
	}
}

// run publishes until ctx ends. What is under way is finished first.
func (f *forwarder) run(ctx context.Context) {
	backoff := newBackoff(50*time.Millisecond, 2*time.Second)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		_, changed := f.heads.now()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer.C:
		}
		sent, err := f.pass(ctx)
		wait := f.idle
		switch {
		case err != nil && ctx.Err() == nil:
			wait = backoff.next()
			f.metrics.publishFailures.WithLabelValues(f.module).Inc()
			f.fault.raise(ctx, err)
			pause(ctx, wait) // new events are no reason to ask sooner
		case sent > 0:
			wait = 0
		}
		if err == nil {
			backoff.reset()
			f.fault.over(ctx)
		}
		timer.Reset(wait)
	}
}

// pass publishes what comes next in the partitions that no other replica is
// publishing, and returns how many events that were.
func (f *forwarder) pass(ctx context.Context) (sent int, err error) {
	waits, err := f.waits(ctx)
	if err != nil {
		clear(f.follows)
	}
	if err != nil || !waits {
		return 0, err
	}
	if !f.ready {
		// Also finds out whether the brokers are there, before a transaction
		// waits for them.
		if err := f.kafka.ensureTopics(ctx); err != nil {
			return 0, err
		}
	}
	f.ready = false
	// What has begun is finished while stopping, or it would be published twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*publishTimeout)
	defer cancel()
	var failure error
	err = f.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		partitions, from, err := f.hold(ctx, tx)
		if err != nil || len(partitions) == 0 {
			return err
		}
		events, err := readLog(ctx, tx, f.module, nil, partitions, from)
		if err != nil || len(events) == 0 {
			return err
		}
		reached, err := f.publish(ctx, tx, events, partitions, from)
		failure = err
		for _, r := range reached {
			sent += int(max(r.seq-from[slices.Index(partitions, r.partition)], 0))
		}
		return f.advance(ctx, tx, reached)
	})
	if err != nil {
		clear(f.follows)
	} else {
		err = failure
	}
	f.ready = err == nil
	f.metrics.published.WithLabelValues(f.module).Add(float64(sent))
	return sent, err
}

// waits reports whether the log reaches beyond what is published.
func (f *forwarder) waits(ctx context.Context) (waits bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = f.db.Pool.QueryRow(ctx, f.sql(`
		select exists (select from {m}.event_heads h left join {m}.consumer_positions p
			on p.consumer = $1 and p.source = $2 and p.partition = h.partition
			where h.seq > coalesce(p.seq, 0))`), forwarderName(f.module), f.module).Scan(&waits)
	if err != nil {
		return false, fmt.Errorf("see what of %s is not published: %w", f.module, err)
	}
	return waits, nil
}

// hold locks the partitions that no other replica has and where something is to
// be published, and says after which numbers.
func (f *forwarder) hold(ctx context.Context, tx pgx.Tx) (partitions []int16, from []int64, err error) {
	partitions, from, err = f.lock(ctx, tx)
	if err != nil || len(partitions) > 0 {
		return partitions, from, err
	}
	// A module that has never published begins with what its log still holds.
	made, err := tx.Exec(ctx, f.sql(`
		insert into {m}.consumer_positions (consumer, source, partition, seq)
		select $1, $2, h.partition, `+beforeFirst+` from {m}.event_heads h
		where not exists (select from {m}.consumer_positions where consumer = $1 and source = $2)
		on conflict do nothing`), forwarderName(f.module), f.module)
	if err != nil {
		return nil, nil, fmt.Errorf("make the forwarder's place: %w", err)
	}
	if made.RowsAffected() == 0 {
		return nil, nil, nil // other replicas have those that are left
	}
	return f.lock(ctx, tx)
}

func (f *forwarder) lock(ctx context.Context, tx pgx.Tx) (partitions []int16, from []int64, err error) {
	// If a crash of the server loses the place, events are published twice, which
	// consumers know: the commit need not wait for the disk. Said in the same
	// round trip.
	rows, err := tx.Query(ctx, f.sql(`
		select p.partition, p.seq
		from {m}.consumer_positions p join {m}.event_heads h using (partition), set_config('synchronous_commit', 'off', true)
		where p.consumer = $1 and p.source = $2 and p.seq < h.seq
		order by p.partition for update of p skip locked`), forwarderName(f.module), f.module)
	if err != nil {
		return nil, nil, fmt.Errorf("lock the forwarder's place: %w", err)
	}
	var at partitionSeq
	_, err = pgx.ForEachRow(rows, []any{&at.partition, &at.seq}, func() error {
		partitions, from = append(partitions, at.partition), append(from, at.seq)
		return nil
	})
	return partitions, from, err
}

func (f *forwarder) advance(ctx context.Context, tx pgx.Tx, reached []partitionSeq) error {
	if len(reached) == 0 {
		return nil
	}
	var partitions []int16
	var seqs []int64
	for _, r := range reached {
		partitions, seqs = append(partitions, r.partition), append(seqs, r.seq)
	}
	_, err := tx.Exec(ctx, f.sql(`
		update {m}.consumer_positions p set seq = r.seq, updated_at = now()
		from unnest((select $3::smallint[]), (select $4::bigint[])) as r(partition, seq)
		where p.consumer = $1 and p.source = $2 and p.partition = r.partition`), forwarderName(f.module), f.module, partitions, seqs)
	if err != nil {
		return fmt.Errorf("move the forwarder's place: %w", err)
	}
	return nil
}

// publish sends events, facts first, and returns how far each partition has
// been acknowledged without a gap.
func (f *forwarder) publish(ctx context.Context, tx pgx.Tx, events []Envelope, partitions []int16, from []int64) ([]partitionSeq, error) {
	next := map[int16]int64{}
	for i, p := range partitions {
		next[p] = from[i]
	}
	again, err := f.beginAgain(ctx, tx, next, events)
	if err != nil || len(again) > 0 {
		return again, err
	}
	var facts, all []*message.Message
	var factsOf []int // which of the events they belong to
	for _, e := range events {
		if e.Seq != next[e.Partition]+1 {
			return nil, fmt.Errorf("the log of %s lacks the events %d to %d of partition %d: consumers wait for them; "+
				"restore them, or accept the loss by setting seq to %[3]d for %[5]s in consumer_positions",
				f.module, next[e.Partition]+1, e.Seq-1, e.Partition, forwarderName(f.module))
		}
		next[e.Partition] = e.Seq
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
	failure := f.kafka.Publish(f.kafka.config.topic(f.module), all...)
	var reached []partitionSeq
	broken := map[int16]bool{}
	for i, e := range events {
		offset, err := strconv.ParseInt(all[i].Metadata[metaOffset], 10, 64)
		if broken[e.Partition] = broken[e.Partition] || err != nil; broken[e.Partition] {
			delete(f.follows, e.Partition)
			continue
		}
		if expected, ok := f.follows[e.Partition]; ok && expected != offset {
			delete(f.follows, e.Partition) // somebody else publishes here, too
		} else {
			f.follows[e.Partition] = offset + 1
		}
		if n := len(reached); n > 0 && reached[n-1].partition == e.Partition {
			reached[n-1].seq = e.Seq
		} else {
			reached = append(reached, partitionSeq{e.Partition, e.Seq})
		}
	}
	return reached, failure
}

// beginAgain verifies the partitions of the events that are to be published,
// and returns the numbers to begin again with where a topic is new.
func (f *forwarder) beginAgain(ctx context.Context, tx pgx.Tx, at map[int16]int64, events []Envelope) (again []partitionSeq, err error) {
	var unknown []Envelope // the first event of each partition that is to be verified
	for i, e := range events {
		if _, known := f.follows[e.Partition]; !known && (i == 0 || events[i-1].Partition != e.Partition) {
			unknown = append(unknown, e)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	r, err := f.kafka.reachOf(ctx, f.module)
	if err != nil {
		return nil, err
	}
	for _, e := range unknown {
		err := f.verify(ctx, tx, r, e.Partition, at[e.Partition])
		if errors.Is(err, errNewTopic) {
			begin, err := f.begin(ctx, tx, e.Partition)
			if err != nil {
				return nil, err
			}
			if begin < at[e.Partition] {
				again = append(again, partitionSeq{e.Partition, begin})
			}
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return again, nil
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

// errForeign says that a topic is fed from elsewhere, too.
var errForeign = errors.New("another database publishes to this topic, or this one was restored from an older backup")

// errNewTopic says that a partition that was published to has never held a
// record: the topic has been made anew, or the cluster is another one.
var errNewTopic = errors.New("the topic is new")

// verify makes sure, where this process does not know what was published last,
// that the topic, which reaches to r, continues this log. Two databases that
// number the same topic would make consumers take one's events for the other's.
func (f *forwarder) verify(ctx context.Context, tx pgx.Tx, r reach, partition int16, at int64) error {
	last, found, err := f.kafka.last(ctx, f.module, partition, r)
	if err != nil {
		return err
	}
	if !found {
		f.follows[partition] = r.end[partition]
		if r.end[partition] == 0 && at > 0 {
			return errNewTopic
		}
		return nil
	}
	var id [16]byte
	var head int64
	err = tx.QueryRow(ctx, f.sql(`
		select coalesce((select event_id from {m}.event_log where partition = $1 and seq = $2), '00000000-0000-0000-0000-000000000000'),
			(select seq from {m}.event_heads where partition = $1)`), partition, last.Seq).Scan(&id, &head)
	if err != nil {
		return fmt.Errorf("compare the topic with the log: %w", err)
	}
	if last.Seq > head || id != [16]byte{} && id != last.ID {
		return fmt.Errorf("%w: topic %s: %w: the last record of partition %d is event %d with the id %s, which the log of %s does not have; "+
			"run module %[6]s on one database only, or choose another --kafka-prefix",
			ErrKafkaSetup, f.kafka.config.topic(f.module), errForeign, partition, last.Seq, last.ID, f.module)
	}
	f.follows[partition] = r.end[partition]
	return nil
}

// begin is the number before the first event that the log still holds.
func (f *forwarder) begin(ctx context.Context, tx pgx.Tx, partition int16) (seq int64, err error) {
	err = tx.QueryRow(ctx, f.sql(`select `+beforeFirst+` from {m}.event_heads h where h.partition = $1`), partition).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("find the beginning of the log: %w", err)
	}
	return seq, nil
}

func (f *forwarder) sql(text string) string { return inSchema(f.module, text) }

// prepare makes and checks the topics and sees to it that those of the modules
// that publish from here are fed from here alone.
func (k *kafka) prepare(ctx context.Context, members map[string]Member) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := k.ping(ctx); err != nil {
		return err
	}
	if err := k.ensureTopics(ctx); err != nil {
		return err
	}
	for module, m := range members {
		if len(m.Contract.Publishes) == 0 {
			continue
		}
		f := &forwarder{module: module, db: m.DB, kafka: k, follows: map[int16]int64{}}
		r, err := k.reachOf(ctx, module)
		if err != nil {
			return err
		}
		err = m.DB.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for p := range int16(Partitions) {
				if err := f.verify(ctx, tx, r, p, 0); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Unpublished counts the committed events of a module that its consumers
// cannot receive yet: those in the outbox, and on Kafka those that are not
// there.
func (b *Bus) Unpublished(ctx context.Context, module string) (int64, error) {
	m, ok := b.members[module]
	if !ok {
		return 0, fmt.Errorf("module %q does not run here", module)
	}
	var n int64
	if err := m.DB.Pool.QueryRow(ctx, inSchema(module, `select count(*) from {m}.outbox`)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the outbox of %s: %w", module, err)
	}
	if b.kafka == nil || len(m.Contract.Publishes) == 0 {
		return n, nil
	}
	waiting, _, err := b.forwardLag(ctx, module, m)
	return n + waiting, err
}

// forwardLag is what a module's log holds that is not on Kafka.
func (b *Bus) forwardLag(ctx context.Context, module string, m Member) (events int64, behind time.Duration, err error) {
	positions, err := readPartitions(ctx, m.DB, inSchema(module,
		`select h.partition, coalesce(p.seq, 0) from {m}.event_heads h left join {m}.consumer_positions p
			on p.consumer = $1 and p.source = $2 and p.partition = h.partition`), forwarderName(module), module)
	if err != nil {
		return 0, 0, fmt.Errorf("read the forwarder's place: %w", err)
	}
	return logTransport{b}.lag(ctx, module, positions)
}

func (b *Bus) measureForwarding(ctx context.Context, module string, m Member) error {
	events, behind, err := b.forwardLag(ctx, module, m)
	if err != nil {
		return err
	}
	b.metrics.forwardEvents.WithLabelValues(module).Set(float64(events))
	b.metrics.forwardSeconds.WithLabelValues(module).Set(behind.Seconds())
	return nil
}

// watchKafka measures whether the brokers answer, until ctx ends. It is the
// forwarders that complain when they do not.
func (b *Bus) watchKafka(ctx context.Context) {
	for ctx.Err() == nil {
		up := 1.0
		if b.kafka.ping(ctx) != nil {
			up = 0
		}
		b.metrics.kafkaUp.Set(up)
		pause(ctx, 5*b.opts.Idle)
	}
}

// Resend has the forwarder publish a module's retained log from its beginning,
// for a topic that has been lost. Consumers pass over what they have handled.
func (b *Bus) Resend(ctx context.Context, module string) error {
	m, ok := b.members[module]
	if !ok {
		return fmt.Errorf("module %q does not run here", module)
	}
	_, err := m.DB.Pool.Exec(ctx, inSchema(module, `delete from {m}.consumer_positions where consumer = $1 and source = $2`),
		forwarderName(module), module)
	if err != nil {
		return fmt.Errorf("send the forwarder back: %w", err)
	}
	return nil
}
