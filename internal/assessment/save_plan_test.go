package assessment

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Planning the statement takes far longer than storing a save, so it must come
// to be planned once for all sizes.
func TestSavingIsPlannedOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := newDesk(t)
	conn, err := d.db.Pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	const runs, tried = 20, 5 // the server tries plans for the values at hand five times
	for range runs {
		tag, err := conn.Exec(ctx, insertSQL, []uuid.UUID{uuid.New()}, []uuid.UUID{uuid.New()}, []*int64{nil}, []string{"{}"}, clockSlack)
		require.NoError(t, err)
		require.Equal(t, int64(1), tag.RowsAffected(), "the answer for one save")
	}
	var general, special int
	err = conn.QueryRow(ctx, `select generic_plans, custom_plans from pg_catalog.pg_prepared_statements where statement = $1`, insertSQL).
		Scan(&general, &special)
	require.NoError(t, err)
	require.Equal(t, tried, special)
	require.Equal(t, runs-tried, general)
}
