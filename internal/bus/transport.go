package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// transport carries events from their producer's log to consumers. Everything
// that a consumer needs to know of a source it asks its transport, because the
// source may be in another process and on another database.
type transport interface {
	// subscribers are those of one consumer, by source.
	subscribers(parts []*consumption) map[string]message.Subscriber
	// extent is what can still be read of a source.
	extent(ctx context.Context, source string) (extent, error)
	// lag is how far these positions are behind a source.
	lag(ctx context.Context, source string, positions []partitionSeq) (events int64, behind time.Duration, err error)
	// payload is that of an event whose dead letter was kept without it. The
	// error is errErased when a person's erasure has blanked it.
	payload(ctx context.Context, e Envelope) (json.RawMessage, error)
}

// errErased says that an event's payload was blanked.
var errErased = errors.New("the event has been erased")

// extent is what a source's events reach from and to: for each partition, the
// sequence before the first one retained, and that of the last one.
type extent struct {
	partitions    []int16
	begins, heads []int64
}

// beforeFirst is, for a row h of event_heads, the number before the first event
// that the log still holds.
const beforeFirst = `coalesce((
	select e.seq - 1 from {m}.event_log e where e.partition = h.partition order by e.seq limit 1), h.seq)`

// logTransport reads the producers' logs where they are written.
type logTransport struct{ bus *Bus }

func (t logTransport) subscribers(parts []*consumption) map[string]message.Subscriber {
	all := map[string]message.Subscriber{}
	for _, c := range parts {
		all[c.source] = t.bus.reader(c)
	}
	return all
}

func (t logTransport) extent(ctx context.Context, source string) (extent, error) {
	var log extent
	err := t.bus.members[source].DB.Pool.QueryRow(ctx, inSchema(source, `
		select array_agg(partition), array_agg(first), array_agg(head) from (
			select h.partition, h.seq as head, `+beforeFirst+` as first from {m}.event_heads h) p`)).Scan(&log.partitions, &log.begins, &log.heads)
	if err != nil {
		return log, fmt.Errorf("find the extent of the log of %s: %w", source, err)
	}
	return log, nil
}

func (t logTransport) lag(ctx context.Context, source string, positions []partitionSeq) (events int64, behind time.Duration, err error) {
	var partitions []int16
	var seqs []int64
	for _, p := range positions {
		partitions = append(partitions, p.partition)
		seqs = append(seqs, p.seq)
	}
	var seconds float64
	err = t.bus.members[source].DB.Pool.QueryRow(ctx, inSchema(source, `
		select coalesce(sum(greatest(h.seq - p.seq, 0)), 0)::bigint,
			coalesce(extract(epoch from now() - min(oldest.relayed_at)), 0)::float8
		from unnest($1::smallint[], $2::bigint[]) as p(partition, seq)
		join {m}.event_heads h using (partition)
		left join lateral (
			select relayed_at from {m}.event_log e
			where e.partition = p.partition and e.seq > p.seq and h.seq > p.seq order by e.seq limit 1) oldest on true`),
		partitions, seqs).Scan(&events, &seconds)
	return events, time.Duration(max(seconds, 0) * float64(time.Second)), err
}

func (t logTransport) payload(ctx context.Context, e Envelope) (json.RawMessage, error) {
	var kind string
	var payload json.RawMessage
	err := t.bus.members[e.Source].DB.Pool.QueryRow(ctx, inSchema(e.Source, `
		select event_type, payload from {m}.event_log where partition = $1 and seq = $2`),
		e.Partition, e.Seq).Scan(&kind, &payload)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("the log of %s no longer holds the event", e.Source)
	case err != nil:
		return nil, errors.Join(errOutage, fmt.Errorf("read the event from the log of %s: %w", e.Source, err))
	case kind == tombstoneType:
		return nil, errErased
	}
	return payload, nil
}
