package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lane hands one partition's events to a consumer, in the order of their
// numbers. Records come from the group's client as they are published; where
// some that the consumer lacks lie before those, the lane reads them itself.
//
// A lane without a client stands in for a member of the group that makes no
// progress. It reads by itself up to the end, and is done.
type lane struct {
	group    *kafkaGroup
	part     *part
	client   *kgo.Client // nil for a stand-in
	at       topicPartition
	stop     context.CancelFunc
	done     chan struct{}
	wake     chan struct{}
	refusals *backoff
	lost     *complaint

	mu      sync.Mutex
	waiting []*kgo.Record // fetched by the client
	paused  bool
	idle    bool
	back    bool  // the position was moved back
	reached int64 // the number that the consumer has handled, as far as is known

	// The lane's own.
	known   bool             // reached has been read from the database
	lacks   bool             // events after reached may lie before the client's records
	behind  *int64           // offset to read from by itself; nil if the client's records follow
	old     bool             // what is pending lay behind
	erased  map[string]bool  // keys whose facts were erased after it; nil if not looked up
	taken   []*kgo.Record    // records that are not decided on yet
	pending []stored         // events to hand over, in order
	ahead   map[int64]stored // events whose predecessor is missing
	dropped bool             // some that were ahead had to be dropped, and are to be read again
	since   time.Time        // when the last event came that was not ahead
	last    *kgo.Record      // the last record decided on
}

// put adds records, and holds back the client when there are many.
func (l *lane) put(records []*kgo.Record) {
	l.mu.Lock()
	l.waiting = append(l.waiting, records...)
	if len(l.waiting) > laneLimit && !l.paused {
		l.paused = true
		l.client.PauseFetchPartitions(map[string][]int32{l.at.topic: {l.at.partition}})
	}
	l.mu.Unlock()
	l.poke()
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take removes the next records.
func (l *lane) take() []*kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), readBatch)
	records := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	if n == 0 {
		l.waiting = nil
		l.idle = true
	}
	if l.paused && len(l.waiting) < laneLimit/2 {
		l.paused = false
		l.client.ResumeFetchPartitions(map[string][]int32{l.at.topic: {l.at.partition}})
	}
	return records
}

// resting returns the number reached if nothing is being handled.
func (l *lane) resting() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reached, l.idle
}

func (l *lane) rewind() {
	l.mu.Lock()
	l.back = true
	l.mu.Unlock()
	l.poke()
}

func (l *lane) run(ctx context.Context) {
	l.ahead = map[int64]stored{}
	outage := newBackoff(20*time.Millisecond, 2*time.Second)
	for ctx.Err() == nil {
		worked, err := l.step(ctx)
		switch {
		case err != nil:
			l.group.fault.raise(ctx, err)
			pause(ctx, outage.next())
		case worked:
			outage.reset()
		case l.client == nil:
			return
		default:
			l.rest(ctx)
		}
	}
}

// rest waits for records, or until it is time to look for those that are missing.
func (l *lane) rest(ctx context.Context) {
	var overdue <-chan time.Time
	if len(l.ahead) > 0 {
		timer := time.NewTimer(aheadTime)
		defer timer.Stop()
		overdue = timer.C
	}
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-overdue:
	}
}

// step does the next thing there is to do and reports whether there was any.
func (l *lane) step(ctx context.Context) (worked bool, err error) {
	if err := l.learnPosition(ctx); err != nil {
		return false, err
	}
	if len(l.pending) == 0 && len(l.taken) == 0 {
		if len(l.ahead) > aheadLimit || len(l.ahead) > 0 && time.Since(l.since) > aheadTime {
			return true, l.lookFor(ctx)
		}
		if l.taken, err = l.records(ctx); err != nil {
			return false, err
		}
	}
	if len(l.pending) == 0 && len(l.taken) == 0 {
		return false, nil
	}
	if len(l.pending) == 0 {
		if err := l.sort(ctx); err != nil {
			return false, err
		}
	}
	if err := l.deliver(ctx); err != nil {
		return false, err
	}
	if l.client != nil && len(l.pending) == 0 && len(l.ahead) == 0 && l.last != nil {
		l.client.MarkCommitRecords(l.last)
	}
	return true, nil
}

// learnPosition reads the consumer's position, unless it is known, and goes
// back to it if it lies before what has been met.
func (l *lane) learnPosition(ctx context.Context) error {
	l.mu.Lock()
	if l.back {
		l.known = false
	}
	l.back, l.idle = false, false
	l.mu.Unlock()
	if !l.known {
		positions, err := l.part.consumption.positions(ctx)
		if err != nil {
			return fmt.Errorf("read the positions: %w", err)
		}
		for _, p := range positions {
			if int32(p.partition) == l.at.partition {
				l.lacks = l.lacks || p.seq < l.reached
				l.reach(p.seq)
			}
		}
		l.known = true
		l.pending = after(l.pending, l.reached)
	}
	if l.lacks {
		if err := l.goBack(ctx); err != nil {
			return err
		}
		l.lacks = false
	}
	return nil
}

// reach notes what the consumer has handled.
func (l *lane) reach(seq int64) {
	l.mu.Lock()
	l.reached = seq
	l.mu.Unlock()
}

// forget drops what is at hand, because it is met again or of no use.
func (l *lane) forget() {
	l.taken, l.pending = nil, nil
	clear(l.ahead)
}

// goBack reads from the event after the position on.
func (l *lane) goBack(ctx context.Context) error {
	k, source, partition := l.group.kafka, l.part.consumption.source, int16(l.at.partition)
	r, err := k.reachOf(ctx, source, partition)
	if err != nil {
		return err
	}
	offset, err := k.locate(ctx, source, partition, l.reached, r)
	var gone errGone
	switch {
	case errors.As(err, &gone):
		l.forget()
		return l.gone(ctx, gone.first, r.start[partition])
	case err != nil:
		return err
	}
	l.forget()
	l.behind, l.erased = &offset, nil
	return nil
}

// records are the next ones: those that lie behind first.
func (l *lane) records(ctx context.Context) ([]*kgo.Record, error) {
	if l.old = l.behind != nil; !l.old {
		l.erased = nil
		return l.take(), nil
	}
	records, end, err := l.group.kafka.fetch(ctx, place{l.at.topic, l.at.partition, *l.behind}, readBytes)
	if errors.Is(err, kerr.OffsetOutOfRange) {
		// The topic has lost them since they were located. Where it begins now is
		// seen there, and so is whether events are missing.
		l.behind, l.lacks = nil, true
		return nil, l.learnPosition(ctx)
	}
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		l.behind = nil
		return l.take(), nil
	}
	next := records[len(records)-1].Offset + 1
	l.behind = &next
	l.mu.Lock()
	if l.client != nil && (next >= end || len(l.waiting) > 0 && l.waiting[0].Offset <= next) {
		l.behind = nil // from here on the client has them, or will
	}
	l.mu.Unlock()
	return records, nil
}

// sort decides about each record taken: it is handled already, it is next, it
// is ahead of one that is missing, or it is no event, and set aside.
func (l *lane) sort(ctx context.Context) error {
	c := l.part.consumption
	next := l.reached + 1
	for len(l.taken) > 0 {
		r := l.taken[0]
		e, err := decodeRecord(c.source, r)
		switch {
		case err != nil:
			if err := c.setMalformedAside(ctx, r, err); err != nil {
				return err
			}
		case e.Seq < next:
		case e.Seq == next:
			l.pending = append(l.pending, e)
			next++
		default:
			if len(l.ahead) == 0 {
				l.since = time.Now()
			}
			l.ahead[e.Seq] = e
		}
		l.taken, l.last = l.taken[1:], r
	}
	for {
		e, ok := l.ahead[next]
		if !ok {
			break
		}
		l.pending = append(l.pending, e)
		next++
	}
	maps.DeleteFunc(l.ahead, func(seq int64, _ stored) bool { return seq < next })
	if len(l.pending) > 0 {
		l.since = time.Now()
		l.lost.over(ctx)
		l.lacks, l.dropped = l.lacks || l.dropped, false
	}
	return nil
}

// deliver hands over what is pending, readBatch events at a time.
func (l *lane) deliver(ctx context.Context) error {
	for len(l.pending) > 0 && ctx.Err() == nil {
		events, err := l.events(ctx, l.pending[:min(len(l.pending), readBatch)])
		if err != nil {
			return err
		}
		res := send(ctx, l.part.out, events)
		if res.reached > 0 {
			l.reach(res.reached)
			l.pending = after(l.pending, res.reached)
		}
		if !res.refused {
			l.refusals.reset()
			continue
		}
		if l.client == nil {
			l.stop() // the member is at work after all
			return nil
		}
		// Another replica has the partition, or has gone on, or a replay has begun.
		pause(ctx, l.refusals.next())
		l.known = false
		return nil
	}
	return nil
}

// events are as they are handed over: with a payload if the consumer reacts to
// them, which may lie among the contact facts.
func (l *lane) events(ctx context.Context, batch []stored) ([]Envelope, error) {
	events := make([]Envelope, 0, len(batch))
	for _, e := range batch {
		_, wanted := l.part.consumption.handlers[e.Type]
		switch {
		case !wanted:
			e.Payload = nil
		case e.ref != "":
			payload, err := l.fact(ctx, e)
			if errors.Is(err, errErased) {
				e.Type = tombstoneType
			} else if err != nil {
				return nil, err
			}
			e.Payload = payload
		}
		events = append(events, e.Envelope)
	}
	return events, nil
}

// fact reads a payload with personal data. What lies behind may have been erased
// since, and its tombstone be ahead: a replay must not bring it back even for
// the time between the two.
func (l *lane) fact(ctx context.Context, e stored) (json.RawMessage, error) {
	payload, err := l.group.kafka.fact(ctx, e)
	if err != nil || !l.old {
		return payload, err
	}
	if l.erased == nil {
		at, err := parsePlace(e.ref)
		if err != nil {
			return nil, err
		}
		if l.erased, err = l.group.kafka.erasedAfter(ctx, at); err != nil {
			return nil, err
		}
	}
	if l.erased[e.Key.String()] {
		return nil, errErased
	}
	return payload, nil
}

func after(batch []stored, seq int64) []stored {
	for len(batch) > 0 && batch[0].Seq <= seq {
		batch = batch[1:]
	}
	return batch
}

// lookFor looks for the event that follows the position, which has not come
// although later ones have.
func (l *lane) lookFor(ctx context.Context) error {
	l.since = time.Now()
	l.known = false
	if err := l.learnPosition(ctx); err != nil {
		return err
	}
	maps.DeleteFunc(l.ahead, func(seq int64, _ stored) bool { return seq <= l.reached })
	if e, ok := l.ahead[l.reached+1]; ok {
		delete(l.ahead, e.Seq)
		l.pending = append(l.pending, e) // another replica has handled what was missing
		return nil
	}
	if len(l.ahead) == 0 {
		return nil
	}
	found, err := l.group.kafka.find(ctx, l.part.consumption.source, int16(l.at.partition), l.reached+1)
	switch {
	case errors.As(err, new(errGone)):
		l.lacks = true
		return nil
	case errors.Is(err, errNotThere):
		l.complain(ctx, err)
		return nil
	case err != nil:
		return err
	}
	l.forget() // they are met again
	l.behind = &found.offset
	return nil
}

// gone is met when the topic no longer reaches back to the consumer's position.
// A consumer that has not handled anything begins with what there is.
func (l *lane) gone(ctx context.Context, first, start int64) error {
	c := l.part.consumption
	if l.reached > 0 {
		l.complain(ctx, fmt.Errorf("the topic begins with event %d of partition %d and %s has handled those up to %d",
			first, l.at.partition, c.consumer.Name, l.reached))
		return nil
	}
	_, err := c.db.Pool.Exec(ctx, consumerSQL(c.consumer.Name, `
		update {m}.consumer_positions set seq = $4 where consumer = $1 and source = $2 and partition = $3 and seq = 0`),
		c.consumer.Name, c.source, int16(l.at.partition), first-1)
	if err != nil {
		return fmt.Errorf("begin with event %d: %w", first, err)
	}
	l.reach(first - 1)
	l.behind = &start
	return nil
}

// complain says that events are lost and what to do. Until something is done,
// later ones wait.
func (l *lane) complain(ctx context.Context, err error) {
	c := l.part.consumption
	l.lost.raise(ctx, fmt.Errorf("%w: have the producer send its log again (platform events resend --module %s), rebuild the consumer "+
		"(platform events replay --consumer %s) or, to accept the loss, set its seq in consumer_positions", err, c.source, c.consumer.Name))
	if len(l.ahead) > aheadLimit {
		clear(l.ahead)
		l.dropped = true
	}
	l.known = false
	pause(ctx, aheadTime)
	l.since = time.Now()
}
