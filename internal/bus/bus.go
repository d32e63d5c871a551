// Package bus is the event bus: the only way in which modules talk.
//
// Publishing needs a transaction by its type. Topic.Emit writes the event to
// the outbox of the producing module, in the transaction that makes it true. A
// relay numbers committed events into the module's log. Each consumer reads the
// logs it wants at its own pace and keeps its position in its own schema,
// written in the same transaction as the effect of the event. From that follow
// the promises:
//
//   - an event is published if and only if its transaction commits;
//   - it takes effect exactly once per consumer, in the whole fleet of replicas;
//   - events of one aggregate take effect in the order of their emission;
//   - a slow or failing consumer delays neither another nor the producer;
//   - an event that cannot be handled is retried, then set aside as a dead
//     letter, to be looked at and retried by people;
//   - a consumer can be rebuilt from the beginning of the retained log.
//
// Positions count in the producer's own numbering, so they mean the same
// whatever carries the events. The transport is a Watermill Subscriber per
// consumer: a reader of the log in this process, or of Kafka, to which a
// forwarder publishes what is in the log. Both may be in use at once.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// Member is a module that takes part in the bus: what it declares, and the
// database that holds its outbox, its log and its consumers' positions.
type Member struct {
	Contract Contract
	DB       *postgres.DB
}

// RetryPolicy says how often an event is tried before it is set aside.
type RetryPolicy struct {
	// Attempts is the number of tries in all. Default: 6.
	Attempts int
	// Min and Max bound the wait between tries, which doubles each time.
	// Default: 50 ms and 5 s.
	Min, Max time.Duration
	// Timeout bounds one try. Default: 30 s.
	Timeout time.Duration
}

// Options configure a Bus.
type Options struct {
	// Members are the modules of this process. With the in-process transport
	// they must be all that talk to each other.
	Members []Member
	// Elsewhere are the contracts of modules that other processes run, whose
	// events come by Kafka.
	Elsewhere []Contract
	// Kafka is nil for the in-process transport.
	Kafka      *KafkaConfig
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Retry      RetryPolicy
	// Workers bounds the open transactions of one consumer. Default: its share
	// of two thirds of its module's pool, from 2 to 4, so that consumers that
	// hang leave connections to each other and to requests.
	Workers int
	// Idle is how long a relay or a reader waits for work that nobody told it
	// of, such as another replica's. Default: 1 s.
	Idle time.Duration
	// Retention is how long a module's log keeps relayed events for replays.
	// What a consumer has not handled is kept longer. Default: 400 days.
	Retention time.Duration
	// Patience is how long an event of a type that this release does not know
	// is left to replicas of a newer one. Default: 5 minutes.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	orDefault := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if o.Retry.Attempts == 0 {
		o.Retry.Attempts = 6
	}
	orDefault(&o.Retry.Min, 50*time.Millisecond)
	orDefault(&o.Retry.Max, 5*time.Second)
	orDefault(&o.Retry.Timeout, 30*time.Second)
	orDefault(&o.Idle, time.Second)
	orDefault(&o.Retention, 400*24*time.Hour)
	orDefault(&o.Patience, 5*time.Minute)
	return o
}

func (o Options) workers(m Member) int {
	if o.Workers > 0 {
		return o.Workers
	}
	share := int(m.DB.Pool.Config().MaxConns) * 2 / 3 / len(m.Contract.Consumers)
	return min(max(share, 2), 4)
}

// Bus runs the relays and consumers of the modules of one process. A stopped
// bus cannot be started again.
type Bus struct {
	opts         Options
	members      map[string]Member
	heads        map[string]*heads
	consumptions []*consumption
	metrics      *metrics
	transport    transport
	kafka        *kafka // nil without brokers

	mu       sync.Mutex
	measured map[string]Lag // by consumer and source

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New checks the members' contracts against each other and prepares the bus.
// It does no I/O.
func New(opts Options) (*Bus, error) {
	opts = opts.withDefaults()
	b := &Bus{opts: opts, members: map[string]Member{}, heads: map[string]*heads{}, measured: map[string]Lag{}, metrics: newMetrics(opts.Registerer, opts.Kafka != nil)}
	contracts := slices.Clone(opts.Elsewhere)
	for _, m := range opts.Members {
		contracts = append(contracts, m.Contract)
		b.members[m.Contract.Module] = m
		b.heads[m.Contract.Module] = newHeads()
	}
	if err := Check(contracts...); err != nil {
		return nil, fmt.Errorf("the modules' contracts do not fit together: %w", err)
	}
	if err := b.chooseTransport(contracts); err != nil {
		return nil, err
	}
	known := map[string]map[string]bool{}
	for _, c := range contracts {
		known[c.Module] = map[string]bool{}
		for _, t := range c.Publishes {
			known[c.Module][t.Type()] = true
		}
	}
	for _, m := range opts.Members {
		for _, c := range m.Contract.Consumers {
			slots := make(chan struct{}, opts.workers(m))
			b.metrics.begin(c)
			for _, source := range c.Sources() {
				handlers := map[string]Reaction{}
				for _, r := range c.Reactions {
					if r.topic.Module() == source {
						handlers[r.topic.Type()] = r
					}
				}
				b.consumptions = append(b.consumptions, &consumption{
					consumer: c, source: source, db: m.DB, transport: b.transport, log: opts.Log, metrics: b.metrics,
					retry: opts.Retry, slots: slots, handlers: handlers,
					strangers: &strangers{known: known[source], patience: opts.Patience, log: opts.Log.With("consumer", c.Name),
						waiting: map[int16]stranger{}, givenUp: map[string]time.Time{}},
					outage: newComplaint(opts.Log, "bus: the database is away or has ended the transaction, will try again", "consumer", c.Name),
				})
			}
		}
	}
	return b, nil
}

// chooseTransport decides where consumers read, and where forwarders publish.
func (b *Bus) chooseTransport(contracts []Contract) error {
	b.transport = logTransport{b}
	if b.opts.Kafka == nil {
		if len(b.opts.Elsewhere) > 0 {
			return errors.New("modules in other processes are reached by Kafka alone: set --bus kafka, or run all modules here")
		}
		return nil
	}
	uses := map[string]bool{}
	for _, c := range contracts {
		if _, here := b.members[c.Module]; len(c.Publishes) > 0 && (here || b.isRead(c.Module)) {
			uses[c.Module] = slices.ContainsFunc(c.Publishes, AnyTopic.HoldsPersonalData)
		}
	}
	var err error
	if b.kafka, err = newKafka(*b.opts.Kafka, uses, b.opts.Log); err != nil {
		return err
	}
	if !b.opts.Kafka.PublishOnly {
		b.transport = kafkaTransport{b.kafka, b}
	}
	return nil
}

// isRead reports whether a consumer of this process reads a module's events.
func (b *Bus) isRead(module string) bool {
	for _, m := range b.opts.Members {
		for _, c := range m.Contract.Consumers {
			if slices.Contains(c.Sources(), module) {
				return true
			}
		}
	}
	return false
}

// Start makes the positions of new consumers and starts consumers, then
// relays. It returns when they run.
func (b *Bus) Start(ctx context.Context) error {
	if b.stop != nil {
		return errors.New("start the bus: it has been started before")
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for module := range b.members {
		if err := b.heads[module].refresh(ctx, b.members[module].DB, module); err != nil {
			stop()
			return err
		}
	}
	if err := b.subscribe(run); err != nil {
		stop()
		return err
	}
	if b.kafka != nil {
		b.forward(run)
	}
	for module, m := range b.members {
		r := newRelay(module, m.DB, b.heads[module], b.opts.Log, b.opts.Idle)
		b.running.Go(func() { r.run(run) })
		b.running.Go(func() {
			b.every(run, b.opts.Idle, module, "learn how far the log reaches", func(ctx context.Context) error {
				return b.heads[module].refresh(ctx, m.DB, module)
			})
		})
		b.running.Go(func() {
			b.every(run, b.opts.Idle, module, "retry dead letters", func(ctx context.Context) error {
				return b.retryRequested(ctx, module, m)
			})
		})
		b.running.Go(func() {
			b.every(run, 5*b.opts.Idle, module, "measure", func(ctx context.Context) error {
				return b.measure(ctx, module, m)
			})
		})
		b.running.Go(func() {
			b.every(run, maintenanceInterval, module, "maintain the log", func(ctx context.Context) error {
				return errors.Join(b.maintain(ctx, module, m), pruneDeadLetters(ctx, module, m))
			})
		})
	}
	return nil
}

// prepare does what has to be done before anything runs. Brokers that do not
// answer are no reason not to start; those that answer with a refusal are.
func (b *Bus) prepare(ctx context.Context) error {
	if b.kafka != nil {
		if err := b.kafka.prepare(ctx, b.members); errors.Is(err, ErrKafkaSetup) {
			return err
		} else if err != nil {
			b.opts.Log.WarnContext(ctx, "kafka: cannot be reached, events wait for it", "error", err)
		}
	}
	if b.readsKafka() {
		return nil // its groups make their positions when the brokers are there
	}
	for _, c := range b.consumptions {
		if err := b.makePositions(ctx, c); err != nil {
			return fmt.Errorf("start consumer %s: %w", c.consumer.Name, err)
		}
	}
	return nil
}

func (b *Bus) readsKafka() bool { return b.kafka != nil && !b.opts.Kafka.PublishOnly }

// subscribe starts the consumers.
func (b *Bus) subscribe(run context.Context) error {
	byConsumer := map[string][]*consumption{}
	for _, c := range b.consumptions {
		byConsumer[c.consumer.Name] = append(byConsumer[c.consumer.Name], c)
	}
	for name, parts := range byConsumer {
		subscribers := b.transport.subscribers(parts)
		for _, c := range parts {
			messages, err := subscribers[c.source].Subscribe(run, c.source)
			if err != nil {
				return fmt.Errorf("subscribe %s to %s: %w", name, c.source, err)
			}
			b.running.Go(func() { c.run(messages) })
		}
	}
	return nil
}

func (b *Bus) reader(c *consumption) *logReader {
	var types []string
	for t := range c.handlers {
		types = append(types, t)
	}
	return &logReader{
		source: c.source, sourceDB: b.members[c.source].DB, consumer: c.consumer.Name, positions: c.positions,
		types: types, heads: b.heads[c.source], idle: b.opts.Idle,
		fault: newComplaint(b.opts.Log, "bus: cannot read, will try again", "consumer", c.consumer.Name, "source", c.source),
		lost:  newLossComplaint(b.opts.Log, c.consumer.Name, c.source),
	}
}

// Stop ends relays and consumers and waits for what is under way, but not
// longer than ctx. It is idempotent.
func (b *Bus) Stop(ctx context.Context) error {
	if b.stop != nil {
		b.stop()
	}
	done := make(chan struct{})
	go func() { b.running.Wait(); close(done) }()
	select {
	case <-done:
		if b.kafka != nil {
			return b.kafka.Close()
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the bus: handlers are still running: %w", ctx.Err())
	}
}

// makePositions gives a consumer that is new its place at the beginning of
// what the source's log still holds. What is there already is history to it.
func (b *Bus) makePositions(ctx context.Context, c *consumption) error {
	var missing bool
	err := c.db.Pool.QueryRow(ctx, consumerSQL(c.consumer.Name, `
		select count(*) < $3 from {m}.consumer_positions where consumer = $1 and source = $2`),
		c.consumer.Name, c.source, Partitions).Scan(&missing)
	if err != nil || !missing {
		return err
	}
	log, err := b.transport.extent(ctx, c.source)
	if err != nil {
		return err
	}
	_, err = c.db.Pool.Exec(ctx, consumerSQL(c.consumer.Name, `
		insert into {m}.consumer_positions (consumer, source, partition, seq, replay_until)
		select $1, $2, partition, seq, head from unnest($3::smallint[], $4::bigint[], $5::bigint[]) as b(partition, seq, head)
		on conflict do nothing`), c.consumer.Name, c.source, log.partitions, log.begins, log.heads)
	return err
}

// maintenanceInterval is how often the log's months are made and dropped.
const maintenanceInterval = 6 * time.Hour

// every does something for a member now and then, until ctx ends. A fault is
// tried again within a minute.
func (b *Bus) every(ctx context.Context, interval time.Duration, module, action string, do func(ctx context.Context) error) {
	fault := newComplaint(b.opts.Log, "bus: cannot "+action+", will try again", "module", module)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		limited, cancel := context.WithTimeout(ctx, queryTimeout)
		err := do(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			fault.raise(ctx, err)
			timer.Reset(min(interval, time.Minute))
			continue
		}
		fault.over(ctx)
		timer.Reset(interval)
	}
}

// maintain makes the coming months of a member's log and drops those that are
// older than the retention and that every consumer has handled.
func (b *Bus) maintain(ctx context.Context, module string, m Member) error {
	keep := b.opts.Retention
	for _, c := range b.consumptions {
		if c.source != module || b.readsKafka() {
			continue // what is on Kafka is kept there
		}
		lag, err := b.lagOf(ctx, c)
		if err != nil {
			return fmt.Errorf("see what %s has not handled: %w", c.consumer.Name, err)
		}
		if unread := lag.Behind + 24*time.Hour; lag.Events > 0 && unread > keep {
			keep = unread
			b.opts.Log.ErrorContext(ctx, "bus: events are kept beyond their retention, because a consumer has not handled them",
				"consumer", lag.Consumer, "source", module, "behind", lag.Behind.Round(time.Second), "retention", b.opts.Retention)
		}
	}
	if b.kafka != nil {
		_, behind, err := b.forwardLag(ctx, module, m)
		if err != nil {
			return err
		}
		if behind > 0 {
			keep = max(keep, behind+24*time.Hour)
		}
	}
	if _, err := m.DB.Pool.Exec(ctx, inSchema(module, `select {m}.maintain_event_log($1, 2)`), keep); err != nil {
		return fmt.Errorf("make and drop months: %w", err)
	}
	return nil
}

// Replay sends a consumer back to the beginning of the retained logs, after
// its Reset has emptied what it had built, in one transaction. Running replicas
// notice by themselves.
func (b *Bus) Replay(ctx context.Context, consumer string) error {
	var parts []*consumption
	for _, c := range b.consumptions {
		if c.consumer.Name == consumer {
			parts = append(parts, c)
		}
	}
	if len(parts) == 0 {
		return fmt.Errorf("no consumer is called %q", consumer)
	}
	reset := parts[0].consumer.Reset
	if reset == nil {
		return fmt.Errorf("consumer %q cannot be rebuilt: what it has done is not a projection", consumer)
	}
	logs := map[string]extent{}
	for _, c := range parts {
		log, err := b.transport.extent(ctx, c.source)
		if err != nil {
			return err
		}
		logs[c.source] = log
	}
	return parts[0].db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Waits for the handlers under way, and keeps new ones out.
		if _, err := tx.Exec(ctx, consumerSQL(consumer, `
			select from {m}.consumer_positions where consumer = $1 order by source, partition for update`), consumer); err != nil {
			return fmt.Errorf("stop %s: %w", consumer, err)
		}
		if err := reset(ctx, tx); err != nil {
			return fmt.Errorf("reset %s: %w", consumer, err)
		}
		for source, log := range logs {
			if _, err := tx.Exec(ctx, consumerSQL(consumer, `
				update {m}.consumer_positions p
				set replay_until = greatest(p.replay_until, p.seq), seq = b.seq, updated_at = now()
				from unnest($3::smallint[], $4::bigint[]) as b(partition, seq)
				where p.consumer = $1 and p.source = $2 and p.partition = b.partition`),
				consumer, source, log.partitions, log.begins); err != nil {
				return fmt.Errorf("send %s back: %w", consumer, err)
			}
			// The replay meets these events again.
			if _, err := tx.Exec(ctx, consumerSQL(consumer, `
				update {m}.dead_letters d set resolved_at = now()
				from unnest($3::smallint[], $4::bigint[]) as b(partition, seq)
				where d.consumer = $1 and d.source = $2 and d.resolved_at is null and d.partition = b.partition and d.seq > b.seq`),
				consumer, source, log.partitions, log.begins); err != nil {
				return fmt.Errorf("close the dead letters of %s: %w", consumer, err)
			}
		}
		return nil
	})
}

// ErrBehind is in the error of Ready that names consumers which are behind.
var ErrBehind = errors.New("consumers are behind")

// Ready returns nil if no consumer is further behind than maxLag. The error
// wraps ErrBehind, unless it is that the lag could not be measured. On Kafka it
// is as was last measured, up to a few seconds ago: whether this process can
// serve must not depend on brokers that do not answer.
func (b *Bus) Ready(ctx context.Context, maxLag time.Duration) error {
	var lags []Lag
	var err error
	if b.readsKafka() {
		b.mu.Lock()
		lags = slices.Collect(maps.Values(b.measured))
		b.mu.Unlock()
	} else if lags, err = b.Lag(ctx); err != nil {
		return err
	}
	var errs []error
	for _, l := range lags {
		if l.Behind > maxLag {
			errs = append(errs, fmt.Errorf("consumer %s is %s behind %s", l.Consumer, l.Behind.Round(time.Second), l.Source))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrBehind, errors.Join(errs...))
	}
	return nil
}

func (b *Bus) remember(l Lag) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.measured[l.Consumer+" of "+l.Source] = l
}
