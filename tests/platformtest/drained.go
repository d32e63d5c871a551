package platformtest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lyceum-lms/platform/internal/app"
)

// Drained waits until every event has reached every consumer.
func Drained(t testing.TB, db *pgxpool.Pool) {
	t.Helper()
	contracts, err := app.Contracts()
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "every event reaches every consumer", func() error {
		var behind []error
		for _, c := range contracts {
			var waiting int
			if err := db.QueryRow(t.Context(), fmt.Sprintf(`select count(*) from %s.outbox`, c.Module)).Scan(&waiting); err != nil {
				return err
			}
			if waiting > 0 {
				behind = append(behind, fmt.Errorf("%d events wait in the outbox of %s", waiting, c.Module))
			}
			for _, consumer := range c.Consumers {
				for _, source := range consumer.Sources() {
					var events int64
					err := db.QueryRow(t.Context(), fmt.Sprintf(`
						select coalesce(sum(h.seq - coalesce(p.seq, 0)), 0)::bigint from %s.event_heads h
						left join %s.consumer_positions p on p.partition = h.partition and p.consumer = $1 and p.source = $2`,
						source, c.Module), consumer.Name, source).Scan(&events)
					if err != nil {
						return err
					}
					if events != 0 {
						behind = append(behind, fmt.Errorf("%s is %d events of %s behind", consumer.Name, events, source))
					}
				}
			}
		}
		return errors.Join(behind...)
	})
}
