package platformtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/internal/bus"
)

// Drained waits until every event has reached every consumer.
func Drained(t testing.TB, db *pgxpool.Pool) {
	t.Helper()
	DrainedAcross(t, func(string) *pgxpool.Pool { return db })
}

// DrainedAcross does the same where modules keep their schemas in databases of
// their own; each is reached as its administrator.
func DrainedAcross(t testing.TB, database func(module string) *pgxpool.Pool) {
	t.Helper()
	contracts, err := app.Contracts()
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "every event reaches every consumer", func() error {
		// Positions are read before outboxes and logs: what a handler had emitted
		// by then is in one of these.
		consumers, err := positions(t.Context(), contracts, database)
		if err != nil {
			return err
		}
		return behind(t.Context(), consumers, contracts, database)
	})
}

// reading is one consumer's way through one module's events.
type reading struct{ consumer, source string }

// positions are how far each consumer has come, by partition.
func positions(ctx context.Context, contracts []bus.Contract, database func(string) *pgxpool.Pool) (map[reading][]int64, error) {
	found := map[reading][]int64{}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			for _, source := range consumer.Sources() {
				var at []int64
				err := database(c.Module).QueryRow(ctx, fmt.Sprintf(`
					select array_agg(coalesce(p.seq, 0) order by n) from generate_series(0, %d) n
					left join %s.consumer_positions p on p.partition = n and p.consumer = $1 and p.source = $2`,
					bus.Partitions-1, c.Module), consumer.Name, source).Scan(&at)
				if err != nil {
					return nil, fmt.Errorf("read the position of %s: %w", consumer.Name, err)
				}
				found[reading{consumer.Name, source}] = at
			}
		}
	}
	return found, nil
}

// behind says what has not been relayed and who has not come to the end of a log.
func behind(ctx context.Context, consumers map[reading][]int64, contracts []bus.Contract, database func(string) *pgxpool.Pool) error {
	var errs []error
	heads := map[string][]int64{} // by module
	for _, c := range contracts {
		var waiting int
		var head []int64
		err := database(c.Module).QueryRow(ctx, fmt.Sprintf(`
			select (select count(*) from %[1]s.outbox), (select array_agg(seq order by partition) from %[1]s.event_heads)`,
			c.Module)).Scan(&waiting, &head)
		if err != nil {
			return fmt.Errorf("read the outbox of %s: %w", c.Module, err)
		}
		if waiting > 0 {
			errs = append(errs, fmt.Errorf("%d events wait in the outbox of %s", waiting, c.Module))
		}
		heads[c.Module] = head
	}
	for r, at := range consumers {
		if head := heads[r.source]; !slices.Equal(at, head) {
			errs = append(errs, fmt.Errorf("%s is at %v of %s, which has %v", r.consumer, at, r.source, head))
		}
	}
	return errors.Join(errs...)
}
