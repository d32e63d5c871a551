package bus

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// relayBatch bounds how many events one relay transaction numbers.
const relayBatch = 1000

// relay gives a module's committed events their place in its log: it moves
// them from the outbox, numbering each partition densely from 1. The number is
// the event's identity towards consumers on every transport, so a duplicate is
// recognised and a loss is noticed.
//
// Any number of replicas run a relay for the same module. The rows of
// event_heads are the locks: whoever holds a partition's head numbers it, the
// others skip it, and a replica that dies lets go with its connection.
//
// Events are found by existence, never by "id greater than the last one": ids
// are drawn before their transactions commit, so a late commit would be missed.
type relay struct {
	module string
	db     *postgres.DB
	heads  *heads
	fault  *complaint
	poke   chan struct{}
	idle   time.Duration
}

func newRelay(module string, db *postgres.DB, h *heads, log *slog.Logger, idle time.Duration) *relay {
	r := &relay{module: module, db: db, heads: h, poke: make(chan struct{}, 1), idle: idle,
		fault: newComplaint(log, "relay: pass failed, will try again", "module", module)}
	db.OnSignal(r.wake)
	return r
}

// wake asks for a pass. Any number of calls before the next pass are one.
func (r *relay) wake() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// run relays until ctx ends. Work that is under way is finished first.
func (r *relay) run(ctx context.Context) {
	backoff := newBackoff(20*time.Millisecond, 2*time.Second)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.poke:
		case <-timer.C:
		}
		wait := r.idle
		moved, contended, err := r.pass(context.WithoutCancel(ctx))
		switch {
		case err != nil:
			wait = backoff.next()
			r.fault.raise(ctx, err)
		case moved == relayBatch:
			wait = 0
		case contended:
			// Another replica is numbering; what it cannot see yet is ours.
			wait = 5 * time.Millisecond
		}
		if err == nil {
			backoff.reset()
			r.fault.over(ctx)
		}
		timer.Reset(wait)
	}
}

// pass numbers what is committed now, at most relayBatch events. contended
// says that another replica holds some of the partitions and events wait.
func (r *relay) pass(ctx context.Context) (moved int, contended bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// By the index, which forgets the dead; a scan would read through all that a
	// backlog has left until it is vacuumed.
	var waiting bool
	if err := r.db.Pool.QueryRow(ctx, r.sql(`
		select coalesce((select true from {m}.outbox order by id limit 1), false)`)).Scan(&waiting); err != nil {
		return 0, false, fmt.Errorf("look into the outbox of %s: %w", r.module, err)
	}
	if !waiting {
		return 0, false, nil
	}
	var reached []partitionSeq
	err = r.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, r.sql(`select partition from {m}.event_heads order by partition for update skip locked`))
		if err != nil {
			return err
		}
		held, err := pgx.CollectRows(rows, pgx.RowTo[int16])
		if err != nil {
			return err
		}
		contended = len(held) < Partitions
		if len(held) == 0 {
			return nil
		}
		// A second statement, so that its snapshot is newer than the locks, and
		// so is relayed_at: retention drops months by it, and must not make a
		// hole in the numbers.
		rows, err = tx.Query(ctx, r.sql(`
			with batch as (
				delete from {m}.outbox where id in (
					select id from {m}.outbox where partition = any($1) order by id limit $2)
				returning *),
			numbered as (
				select b.*, h.seq + row_number() over (partition by b.partition order by b.id) as seq
				from batch b join {m}.event_heads h using (partition)),
			logged as (
				insert into {m}.event_log
					(partition, seq, event_id, event_type, event_key, occurred_at, relayed_at, headers, payload)
				select partition, seq, event_id, event_type, event_key, occurred_at, statement_timestamp(), headers, payload
				from numbered)
			update {m}.event_heads h set seq = n.seq
			from (select partition, max(seq) as seq, count(*) as moved from numbered group by partition) n
			where h.partition = n.partition
			returning h.partition, h.seq, n.moved`), held, relayBatch)
		if err != nil {
			return err
		}
		var n int
		var at partitionSeq
		_, err = pgx.ForEachRow(rows, []any{&at.partition, &at.seq, &n}, func() error {
			moved += n
			reached = append(reached, at)
			return nil
		})
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("relay the events of %s: %w", r.module, err)
	}
	r.heads.raise(reached)
	return moved, contended, nil
}

func (r *relay) sql(text string) string { return inSchema(r.module, text) }
