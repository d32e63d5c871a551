package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
//
// Partitions do not wait for each other: see outlet. What a pass has waited for
// long enough stays on its way while later passes publish the other partitions,
// and is not locked meanwhile. Another replica may take it up; then it is there
// twice. If it comes later than what follows it, the place is moved back, so that
// what follows it follows it again.
type forwarder struct {
	module  string
	db      *postgres.DB
	heads   *heads
	kafka   *kafka
	facts   map[string]bool // event types whose payloads are contact facts
	idle    time.Duration
	metrics *metrics
	fault   *complaint

	outlets  [Partitions]outlet
	finished chan report // has room for one of each partition
	passes   int
	// generation counts how often the database has been away. What comes back may
	// be a standby that lacks the last events: what was known before is not any
	// more.
	generation int
}

const (
	// passPatience is how long a pass waits for partitions that are slow when there
	// is something else to do.
	passPatience = 250 * time.Millisecond
	// sendTime bounds how long a batch is on its way.
	sendTime = 2 * publishTimeout
)

// forwarderName is the forwarder's name among the module's positions.
func forwarderName(module string) string { return module + ".kafka" }

func newForwarder(module string, db *postgres.DB, b *Bus) *forwarder {
	f := &forwarder{module: module, db: db, heads: b.heads[module], kafka: b.kafka, facts: map[string]bool{},
		idle: b.opts.Idle, metrics: b.metrics, finished: make(chan report, Partitions),
		fault: newComplaint(b.opts.Log, "kafka: cannot publish, events wait in the log", "module", module)}
	for p := range f.outlets {
		f.outlets[p].backoff = newBackoff(50*time.Millisecond, 2*time.Second)
	}
	for _, t := range b.members[module].Contract.Publishes {
		f.facts[t.Type()] = t.HoldsPersonalData()
	}
	return f
}

// forward starts a forwarder for each module that publishes, and who watches the
// brokers.
func (b *Bus) forward(run context.Context) {
	b.running.Go(func() { b.watchKafka(run) })
	for module, m := range b.members {
		if len(m.Contract.Publishes) == 0 {
			continue
		}
		f := newForwarder(module, m.DB, b)
		b.metrics.published.WithLabelValues(module)
		b.metrics.publishFailures.WithLabelValues(module)
		b.running.Go(func() { f.run(run) })
	}
}

// run publishes until ctx ends. What is under way is finished first, or it would
// be published twice.
func (f *forwarder) run(ctx context.Context) {
	backoff := newBackoff(50*time.Millisecond, 2*time.Second)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		_, changed := f.heads.now()
		select {
		case <-ctx.Done():
			f.finish(ctx)
			return
		case <-changed:
		case r := <-f.finished:
			f.settle(ctx, r)
		case <-timer.C:
		}
		sent, err := f.pass(ctx)
		if err != nil {
			f.fail(ctx, err)
			pause(ctx, backoff.next()) // new events are no reason to ask sooner
			timer.Reset(0)
			continue
		}
		backoff.reset()
		if !f.failing() {
			f.fault.over(ctx)
		}
		timer.Reset(f.nextPass(sent))
	}
}

// finish waits for what is under way and marks what has arrived.
func (f *forwarder) finish(stopped context.Context) {
	for f.anyOutlet(func(o *outlet) bool { return o.busy }) {
		f.settle(stopped, <-f.finished)
	}
	if f.anyOutlet(func(o *outlet) bool { return o.sent != nil }) {
		_, _ = f.pass(stopped) // what cannot be marked is published twice
	}
}

func (f *forwarder) anyOutlet(is func(o *outlet) bool) bool {
	for p := range f.outlets {
		if is(&f.outlets[p]) {
			return true
		}
	}
	return false
}

// fail notes that something could not be published.
func (f *forwarder) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // stopping is no fault
	}
	f.metrics.publishFailures.WithLabelValues(f.module).Inc()
	f.fault.raise(ctx, err)
}

func (f *forwarder) failing() bool {
	return f.anyOutlet(func(o *outlet) bool { return o.failure != nil })
}

// nextPass is how long to wait for events that nobody tells of, or until a
// partition that has failed is to be tried again.
func (f *forwarder) nextPass(sent int) time.Duration {
	if sent > 0 {
		return 0
	}
	wait := f.idle
	for p := range f.outlets {
		if again := time.Until(f.outlets[p].again); again > 0 {
			wait = min(wait, again)
		}
	}
	return wait
}

// pass publishes what comes next in the partitions that nothing is under way in
// and that no other replica is publishing, and returns how many events that
// were. An error is the database's: what is wrong with a partition is noted
// there. When ctx has ended it marks what has arrived, and that is all.
func (f *forwarder) pass(ctx context.Context) (sent int, err error) {
	f.passes++
	stopped := ctx.Err() != nil
	_, changed := f.heads.now()
	f.settleAll(ctx)
	// What has begun is finished while stopping.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime+queryTimeout)
	defer cancel()
	ready, err := f.choose(ctx, limited)
	if err == nil && len(ready) > 0 {
		err = f.db.InTx(limited, func(limited context.Context, tx pgx.Tx) error {
			held, err := f.hold(limited, tx, ready)
			if err != nil {
				return err
			}
			if err := f.resume(limited, tx, held); err != nil {
				return err
			}
			if !stopped {
				if err := f.send(ctx, limited, tx, held, changed); err != nil {
					return err
				}
			}
			for _, at := range held {
				sent += int(max(at.next-at.place, 0))
			}
			return f.advance(limited, tx, held)
		})
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			f.forget()
		}
		return 0, err
	}
	f.metrics.published.WithLabelValues(f.module).Add(float64(sent))
	return sent, nil
}

// forget is called when the database has been away.
func (f *forwarder) forget() {
	f.generation++
	for p := range f.outlets {
		o := &f.outlets[p]
		o.known, o.sent, o.back, o.doubted = false, nil, nil, false
	}
}

// choose returns the partitions that are to be locked: something is to be
// published or marked there, and it is known how the topic ends. Where that is not
// known it begins to look.
func (f *forwarder) choose(ctx, limited context.Context) (ready []int16, err error) {
	asking := ctx
	if ctx.Err() != nil {
		asking = limited
	}
	standings, err := f.standings(asking)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, s := range standings {
		o := &f.outlets[s.partition]
		switch {
		case o.busy:
		case o.sent != nil:
			ready = append(ready, s.partition)
		case ctx.Err() != nil || now.Before(o.again):
		case s.place >= s.head && o.back == nil && !o.doubted:
			o.failure = nil // what could not be published, somebody has
		case !o.known:
			o.busy = true
			go f.look(ctx, s.partition, s.place, f.generation)
		default:
			ready = append(ready, s.partition)
		}
	}
	return ready, nil
}

// standing is how far a partition is published, and how far its log reaches.
type standing struct {
	partition   int16
	place, head int64
}

func (f *forwarder) standings(ctx context.Context) ([]standing, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := f.db.Pool.Query(ctx, f.sql(`
		select h.partition, coalesce(p.seq, 0), h.seq from {m}.event_heads h left join {m}.consumer_positions p
			on p.consumer = $1 and p.source = $2 and p.partition = h.partition`), forwarderName(f.module), f.module)
	var all []standing
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s standing, err error) {
			return s, row.Scan(&s.partition, &s.place, &s.head)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("see what of %s is not published: %w", f.module, err)
	}
	return all, nil
}

// holding is a partition that is locked.
type holding struct {
	partition int16
	place     int64 // as it is stored
	next      int64 // as it is going to be
}

// hold locks those partitions that no other replica has.
func (f *forwarder) hold(ctx context.Context, tx pgx.Tx, partitions []int16) ([]holding, error) {
	held, err := f.lock(ctx, tx, partitions)
	if err != nil || len(held) > 0 {
		return held, err
	}
	// A module that has never published begins with what its log still holds.
	made, err := tx.Exec(ctx, f.sql(`
		insert into {m}.consumer_positions (consumer, source, partition, seq)
		select $1, $2, h.partition, `+beforeFirst+` from {m}.event_heads h
		where not exists (select from {m}.consumer_positions where consumer = $1 and source = $2)
		on conflict do nothing`), forwarderName(f.module), f.module)
	if err != nil {
		return nil, fmt.Errorf("make the forwarder's place: %w", err)
	}
	if made.RowsAffected() == 0 {
		return nil, nil // other replicas have them
	}
	return f.lock(ctx, tx, partitions)
}

func (f *forwarder) lock(ctx context.Context, tx pgx.Tx, partitions []int16) (held []holding, err error) {
	// If a crash of the server loses the place, events are published twice, which
	// consumers know: the commit need not wait for the disk. Said in the same
	// round trip.
	rows, err := tx.Query(ctx, f.sql(`
		select p.partition, p.seq from {m}.consumer_positions p, set_config('synchronous_commit', 'off', true)
		where p.consumer = $1 and p.source = $2 and p.partition = any((select $3::smallint[])::smallint[])
		order by p.partition for update of p skip locked`), forwarderName(f.module), f.module, partitions)
	if err == nil {
		held, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (at holding, err error) {
			err = row.Scan(&at.partition, &at.place)
			at.next = at.place
			return at, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("lock the forwarder's place: %w", err)
	}
	return held, nil
}

// resume goes on where a partition was left: behind what has arrived since, or
// before what is to be repeated.
func (f *forwarder) resume(ctx context.Context, tx pgx.Tx, held []holding) error {
	for i := range held {
		at := &held[i]
		o := &f.outlets[at.partition]
		if o.sent != nil && o.sent.from == at.place {
			at.next = o.sent.reached
		} else if o.sent != nil {
			o.known, o.doubted = false, true // another replica has taken it up: who knows what came last
		}
		if o.back != nil && at.next >= o.back.place {
			begin, err := f.begin(ctx, tx, at.partition)
			if err != nil {
				return err
			}
			at.next = min(at.next, max(o.back.to, begin))
		}
		o.sent, o.back = nil, nil
	}
	return nil
}

// send publishes what comes next in the partitions held and moves their places.
func (f *forwarder) send(ctx, limited context.Context, tx pgx.Tx, held []holding, changed <-chan struct{}) error {
	var partitions []int16
	var from []int64
	for _, at := range held {
		if f.outlets[at.partition].known {
			partitions, from = append(partitions, at.partition), append(from, at.next)
		}
	}
	if len(partitions) == 0 {
		return nil
	}
	events, err := readLog(limited, tx, f.module, nil, partitions, from)
	if err != nil {
		return err
	}
	sending := 0
	for i, p := range partitions {
		n := 0
		for n < len(events) && events[n].Partition == p {
			n++
		}
		if n > 0 && f.begun(ctx, batch{pass: f.passes, generation: f.generation, partition: p, from: from[i], events: events[:n:n]}) {
			sending++
		}
		events = events[n:]
	}
	f.wait(ctx, sending, changed)
	for i := range held {
		if o := &f.outlets[held[i].partition]; o.sent != nil && o.sent.pass == f.passes {
			held[i].next, o.sent = o.sent.reached, nil
		}
	}
	return nil
}

// begun begins to publish a batch, unless the log lacks what comes before it.
func (f *forwarder) begun(ctx context.Context, b batch) bool {
	o := &f.outlets[b.partition]
	for i, e := range b.events {
		if next := b.from + 1 + int64(i); e.Seq != next && i == 0 {
			o.fail(fmt.Errorf("the log of %s lacks the events %d to %d of partition %d: consumers wait for them; "+
				"restore them, or accept the loss by setting seq to %[3]d for %[5]s in consumer_positions",
				f.module, next, e.Seq-1, b.partition, forwarderName(f.module)))
			f.fail(ctx, o.failure)
			return false
		} else if e.Seq != next {
			b.events = b.events[:i] // what lacks is met again when it is the first
			break
		}
	}
	o.busy = true
	go f.ship(ctx, b, o.next)
	return true
}

// wait waits for the batches of this pass. If there is something else to do, it
// waits no longer than passPatience for those that are slow.
func (f *forwarder) wait(ctx context.Context, sending int, changed <-chan struct{}) {
	patience, other := time.NewTimer(passPatience), time.NewTimer(f.nextPass(0))
	defer patience.Stop()
	defer other.Stop()
	for patient, wanted := true, false; sending > 0 && (patient || !wanted); {
		select {
		case r := <-f.finished:
			f.settle(ctx, r)
			if r.batch != nil && r.batch.pass == f.passes {
				sending--
			}
			wanted = true // what has arrived is to be marked
		case <-changed:
			changed, wanted = nil, true
		case <-other.C:
			wanted = true
		case <-patience.C:
			patient = false
		}
	}
}

// settleAll settles what is finished.
func (f *forwarder) settleAll(ctx context.Context) {
	for {
		select {
		case r := <-f.finished:
			f.settle(ctx, r)
		default:
			return
		}
	}
}

// settle notes what has become of what was under way in a partition.
func (f *forwarder) settle(ctx context.Context, r report) {
	o := &f.outlets[r.partition]
	o.busy = false
	switch {
	case r.err != nil:
		o.fail(r.err)
		f.kafka.ensured.Store(false)
		f.fail(ctx, r.err)
	case r.batch != nil:
		o.failure = nil
		o.backoff.reset()
	}
	if r.generation != f.generation {
		return // the database has been away meanwhile
	}
	o.known, o.next, o.back = r.err == nil, r.next, r.back
	if r.batch == nil {
		o.doubted = o.doubted && r.err != nil
	} else if r.batch.reached != r.batch.from {
		o.sent = r.batch
	}
}

func (f *forwarder) advance(ctx context.Context, tx pgx.Tx, held []holding) error {
	var partitions []int16
	var seqs []int64
	for _, at := range held {
		if at.next != at.place {
			partitions, seqs = append(partitions, at.partition), append(seqs, at.next)
		}
	}
	if len(partitions) == 0 {
		return nil
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
	var away error
	for module, m := range members {
		if len(m.Contract.Publishes) == 0 {
			continue
		}
		f := &forwarder{module: module, db: m.DB, kafka: k}
		r, err := k.reachOf(ctx, module, allPartitions()...)
		if errors.Is(err, ErrKafkaSetup) {
			return err
		}
		away = errors.Join(away, err) // a leader that does not answer keeps the others from nothing
		for p := range int16(Partitions) {
			if r.failure[p] != nil {
				continue
			}
			if _, err := f.compareEnd(ctx, r, p); err != nil {
				return err
			}
		}
	}
	return away
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
