package bus

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

type partitionSeq struct {
	partition int16
	seq       int64
}

// heads is what this process knows of how far a module's log reaches. It wakes
// the readers of that log, and is only ever a hint: the truth is in
// event_heads, which the bus polls as well.
type heads struct {
	mu      sync.Mutex
	seq     [Partitions]int64
	changed chan struct{}
}

func newHeads() *heads { return &heads{changed: make(chan struct{})} }

// raise records that the log reaches these positions and wakes the readers.
func (h *heads) raise(reached []partitionSeq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	raised := false
	for _, r := range reached {
		if r.seq > h.seq[r.partition] {
			h.seq[r.partition] = r.seq
			raised = true
		}
	}
	if raised {
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// now returns the heads and a channel that is closed at their next change.
func (h *heads) now() ([Partitions]int64, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seq, h.changed
}

// refresh reads what other replicas have relayed.
func (h *heads) refresh(ctx context.Context, db *postgres.DB, module string) error {
	reached, err := readPartitions(ctx, db, inSchema(module, `select partition, seq from {m}.event_heads`))
	if err != nil {
		return fmt.Errorf("read the heads of %s: %w", module, err)
	}
	h.raise(reached)
	return nil
}

func readPartitions(ctx context.Context, db *postgres.DB, sql string, args ...any) ([]partitionSeq, error) {
	rows, err := db.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partitionSeq, err error) {
		return p, row.Scan(&p.partition, &p.seq)
	})
}

// inSchema puts a module's quoted schema name in place of {m}.
func inSchema(module, sql string) string {
	return strings.ReplaceAll(sql, "{m}", pgx.Identifier{module}.Sanitize())
}
