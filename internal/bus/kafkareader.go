package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaTransport is Kafka as consumers see it.
type kafkaTransport struct {
	*kafka
	bus *Bus
}

func (t kafkaTransport) subscribers(parts []*consumption) map[string]message.Subscriber {
	g := &kafkaGroup{kafka: t.kafka, bus: t.bus, name: t.config.group(parts[0].consumer.Name), consumer: parts[0].consumer.Name,
		parts: map[string]*part{}, standIns: map[topicPartition]*lane{}, lanes: map[topicPartition]*lane{},
		fault: newComplaint(t.log, "kafka: cannot read, will try again", "consumer", parts[0].consumer.Name)}
	all := map[string]message.Subscriber{}
	for _, c := range parts {
		g.parts[t.config.topic(c.source)] = &part{consumption: c, out: make(chan *message.Message), seen: map[int16]int64{}}
		all[c.source] = g
	}
	return all
}

const (
	// laneLimit is how many records of a partition wait in memory before no more
	// are fetched.
	laneLimit = 10 * readBatch
	// aheadLimit and aheadTime are how many records, and how long, are kept when
	// the one before them is missing, before it is looked for.
	aheadLimit = 10 * readBatch
	aheadTime  = 2 * time.Second
	// sessionTimeout is how soon the partitions of a process that has died go to
	// another one.
	sessionTimeout = 6 * time.Second
	// glanceTime is how long brokers may take that are asked in passing.
	glanceTime = 2 * time.Second
)

// retryTimeout is how long a member tries to be heard. As long as there is nobody
// who coordinates its group it goes on with what it has: others do not get it, and
// it could not get in their way.
func retryTimeout(request int16) time.Duration {
	if request == kmsg.Heartbeat.Int16() {
		return 5 * time.Minute
	}
	return 10 * time.Second
}

// kafkaGroup is a consumer's membership of its consumer group: a Watermill
// Subscriber for each of its sources.
//
// The group divides the partitions among replicas, and that is all that it is
// for. How far the consumer has come is in its own database, moved with its
// effects; the offsets that are committed here only say where to begin to look.
type kafkaGroup struct {
	kafka    *kafka
	bus      *Bus
	name     string
	consumer string
	fault    *complaint

	mu         sync.Mutex
	parts      map[string]*part // by topic
	subscribed int
	done       sync.WaitGroup
	lanes      map[topicPartition]*lane
	standIns   map[topicPartition]*lane
}

// part is what of a group is about one source.
type part struct {
	consumption *consumption
	out         chan *message.Message
	// seen is where partitions were when last looked at.
	seen map[int16]int64
}

type topicPartition struct {
	topic     string
	partition int32
}

var _ message.Subscriber = (*kafkaGroup)(nil)

// Subscribe implements message.Subscriber. The group is joined when every
// source has its subscription. The channel is closed once ctx has ended and
// nothing is in flight.
func (g *kafkaGroup) Subscribe(ctx context.Context, source string) (<-chan *message.Message, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.parts[g.kafka.config.topic(source)]
	if !ok {
		return nil, fmt.Errorf("consumer %s does not read %s", g.consumer, source)
	}
	if g.subscribed++; g.subscribed == len(g.parts) {
		g.done.Go(func() { g.run(ctx) })
	}
	return p.out, nil
}

// Close implements message.Subscriber: it waits for the end of subscriptions
// whose context has ended.
func (g *kafkaGroup) Close() error { g.done.Wait(); return nil }

func (g *kafkaGroup) run(ctx context.Context) {
	defer func() {
		for _, p := range g.parts {
			close(p.out)
		}
	}()
	wait := newBackoff(100*time.Millisecond, 5*time.Second)
	for ctx.Err() == nil {
		err := g.prepare(ctx)
		if err == nil {
			err = g.consume(ctx)
		}
		if err != nil {
			g.fault.raise(ctx, err)
			pause(ctx, wait.next())
		}
	}
}

// prepare gives a new consumer its positions and a new group its offsets.
func (g *kafkaGroup) prepare(ctx context.Context) error {
	if err := g.kafka.ensure(ctx); err != nil {
		return err
	}
	var committed kadm.OffsetResponses
	err := patiently(ctx, func() (err error) {
		committed, err = g.kafka.admin.FetchOffsets(ctx, g.name)
		return err
	})
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return g.kafka.explain("read the offsets of group "+g.name, err)
	}
	offsets := kadm.Offsets{}
	for topic, p := range g.parts {
		if err := g.bus.makePositions(ctx, p.consumption); err != nil {
			return err
		}
		if _, ok := committed[topic]; ok {
			continue
		}
		if err := g.findOffsets(ctx, p.consumption, offsets); err != nil {
			return err
		}
	}
	if len(offsets) > 0 {
		// Members that are there already know better, and the group refuses.
		_, _ = g.kafka.admin.CommitOffsets(ctx, g.name, offsets)
	}
	return nil
}

// findOffsets finds where a group begins that takes over from another
// transport, so that it need not read through everything from the beginning.
func (g *kafkaGroup) findOffsets(ctx context.Context, c *consumption, offsets kadm.Offsets) error {
	positions, err := c.positions(ctx)
	if err != nil {
		return err
	}
	r, err := g.kafka.reachOf(ctx, c.source, allPartitions()...)
	if err != nil {
		return err
	}
	for _, at := range positions {
		offset, err := g.kafka.locate(ctx, c.source, at.partition, at.seq, r)
		if errors.As(err, new(errGone)) {
			continue
		}
		if err != nil {
			return err
		}
		offsets.AddOffset(g.kafka.config.topic(c.source), int32(at.partition), offset, -1)
	}
	return nil
}

// consume is one membership of the group.
func (g *kafkaGroup) consume(ctx context.Context) error {
	opts, err := g.kafka.config.clientOptions()
	if err != nil {
		return err
	}
	var topics []string
	for topic := range g.parts {
		topics = append(topics, topic)
	}
	var client *kgo.Client
	client, err = kgo.NewClient(append(opts,
		kgo.ConsumerGroup(g.name),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(sessionTimeout/3),
		kgo.RebalanceTimeout(2*sessionTimeout),
		kgo.RetryTimeoutFn(retryTimeout),
		kgo.FetchMaxBytes(8*readBytes),
		kgo.FetchMaxPartitionBytes(readBytes),
		// A partition that was held back is asked for again when the request for the
		// others is answered: where they have nothing to tell, after this time.
		kgo.FetchMaxWait(250*time.Millisecond),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(2*time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, assigned map[string][]int32) {
			g.assigned(ctx, client, assigned)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, revoked map[string][]int32) { g.revoked(revoked) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { g.revoked(lost) }),
	)...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer client.CloseAllowingRebalance()
	defer g.endAll()
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { g.keepWatch(ctx) })
	for ctx.Err() == nil {
		g.distribute(ctx, client.PollRecords(ctx, laneLimit))
	}
	return nil
}

func (g *kafkaGroup) keepWatch(ctx context.Context) {
	fault := newComplaint(g.kafka.log, "kafka: cannot compare positions, will try again", "consumer", g.consumer)
	for {
		pause(ctx, g.bus.opts.Idle)
		if ctx.Err() != nil {
			return
		}
		if err := g.watch(ctx); err != nil {
			fault.raise(ctx, err)
		} else {
			fault.over(ctx)
		}
	}
}

// distribute gives each partition's records to its lane.
func (g *kafkaGroup) distribute(ctx context.Context, fetched kgo.Fetches) {
	var failure error
	fetched.EachError(func(topic string, _ int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			failure = g.kafka.explain("read "+topic, err)
		}
	})
	if failure != nil {
		g.fault.raise(ctx, failure)
		pause(ctx, 100*time.Millisecond)
	}
	fetched.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		g.fault.over(ctx)
		g.mu.Lock()
		l := g.lanes[topicPartition{p.Topic, p.Partition}]
		g.mu.Unlock()
		if l != nil {
			l.put(p.Records)
		}
	})
}

func (g *kafkaGroup) assigned(ctx context.Context, client *kgo.Client, assigned map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for topic, partitions := range assigned {
		for _, p := range partitions {
			at := topicPartition{topic, p}
			if g.lanes[at] != nil || g.parts[topic] == nil {
				continue
			}
			if l := g.standIns[at]; l != nil {
				l.stop()
			}
			g.lanes[at] = g.startLane(ctx, at, client)
		}
	}
}

func (g *kafkaGroup) startLane(ctx context.Context, at topicPartition, client *kgo.Client) *lane {
	ctx, stop := context.WithCancel(ctx)
	l := &lane{group: g, part: g.parts[at.topic], client: client, at: at, stop: stop, wake: make(chan struct{}, 1), lacks: true,
		done: make(chan struct{}), refusals: newBackoff(10*time.Millisecond, g.bus.opts.Idle),
		lost: newLossComplaint(g.kafka.log, g.consumer, g.parts[at.topic].consumption.source)}
	go func() {
		defer close(l.done)
		defer stop()
		l.run(ctx)
	}()
	return l
}

// revoked ends lanes. What is in flight is finished, so that the next member
// does not find the position locked.
func (g *kafkaGroup) revoked(revoked map[string][]int32) {
	var ending []*lane
	g.mu.Lock()
	for topic, partitions := range revoked {
		for _, p := range partitions {
			at := topicPartition{topic, p}
			if l := g.lanes[at]; l != nil {
				ending = append(ending, l)
				delete(g.lanes, at)
			}
		}
	}
	g.mu.Unlock()
	end(ending)
}

func end(lanes []*lane) {
	for _, l := range lanes {
		l.stop()
	}
	for _, l := range lanes {
		<-l.done
	}
}

// endAll ends every lane.
func (g *kafkaGroup) endAll() {
	g.mu.Lock()
	all := slices.Concat(slices.Collect(maps.Values(g.lanes)), slices.Collect(maps.Values(g.standIns)))
	clear(g.lanes)
	clear(g.standIns)
	g.mu.Unlock()
	end(all)
}

// watch compares what the group does with the positions in the database, for
// each source.
func (g *kafkaGroup) watch(ctx context.Context) error {
	var errs []error
	for topic, p := range g.parts {
		resting, mine := g.ofTopic(topic)
		positions, err := p.consumption.positions(ctx)
		if err != nil {
			return fmt.Errorf("read the positions: %w", err)
		}
		for _, stored := range positions {
			l, ok := resting[stored.partition]
			if ok && stored.seq < l.seq {
				l.lane.rewind() // a replay has moved it back
			}
		}
		if len(mine) < Partitions {
			errs = append(errs, g.standIn(ctx, p, positions, mine))
		}
	}
	return errors.Join(errs...)
}

type restingLane struct {
	lane *lane
	seq  int64
}

// ofTopic are the partitions of a topic that this member has, and the lanes
// among them that have nothing to do.
func (g *kafkaGroup) ofTopic(topic string) (resting map[int16]restingLane, mine map[int16]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	resting, mine = map[int16]restingLane{}, map[int16]bool{}
	for at, l := range g.lanes {
		if at.topic != topic {
			continue
		}
		mine[int16(at.partition)] = true
		if seq, rests := l.resting(); rests {
			resting[int16(at.partition)] = restingLane{l, seq}
		}
	}
	return resting, mine
}

// standIn takes up partitions of other members that have events and do not get
// on: the member has died and the group has not noticed yet, or it is of an
// older release that leaves events of types it does not know to this one. The
// position's lock keeps it from getting in the way of a member that works.
func (g *kafkaGroup) standIn(run context.Context, p *part, positions []partitionSeq, mine map[int16]bool) error {
	source := p.consumption.source
	var stuck []partitionSeq
	var partitions []int16
	for _, at := range positions {
		before, looked := p.seen[at.partition]
		p.seen[at.partition] = at.seq
		if !mine[at.partition] && looked && before == at.seq {
			stuck, partitions = append(stuck, at), append(partitions, at.partition)
		}
	}
	ctx, cancel := context.WithTimeout(run, glanceTime)
	defer cancel()
	var r reach
	g.kafka.glance(ctx, source, partitions, &r)
	var errs []error
	for _, at := range stuck {
		if err := r.failure[at.partition]; err != nil {
			errs = append(errs, err) // nobody can read it; the others can be read
			continue
		}
		last, found, err := g.kafka.last(ctx, source, at.partition, r)
		if err != nil {
			errs = append(errs, err)
		}
		if found && last.Seq > at.seq {
			g.startStandIn(run, topicPartition{g.kafka.config.topic(source), int32(at.partition)})
		}
	}
	return errors.Join(errs...)
}

func (g *kafkaGroup) startStandIn(ctx context.Context, at topicPartition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.standIns[at]; l != nil {
		select {
		case <-l.done:
		default:
			return // at work
		}
	}
	if g.lanes[at] == nil {
		g.standIns[at] = g.startLane(ctx, at, nil)
	}
}
