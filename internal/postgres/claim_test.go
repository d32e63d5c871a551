package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestAClaimIsRecordedWithTheFirstCommit(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t).DB(t, "users")
	fail := errors.New("no")
	recorded := 0
	var refuse error
	ctx, claim := postgres.WithClaim(t.Context(), func(_ context.Context, tx pgx.Tx) error {
		recorded++
		return refuse
	})
	nothing := func(context.Context, pgx.Tx) error { return nil }

	require.ErrorIs(t, db.InTx(ctx, func(context.Context, pgx.Tx) error { return fail }), fail)
	require.Equal(t, 1, recorded)
	require.False(t, claim.Kept(), "it was rolled back with the transaction")

	refuse = fail
	require.ErrorIs(t, db.InTx(ctx, func(context.Context, pgx.Tx) error {
		t.Error("the transaction went on without its claim")
		return nil
	}), fail)
	require.False(t, claim.Kept())

	refuse = nil
	require.NoError(t, db.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error {
		// Another transaction of the same request, inside the first one.
		return db.InTx(ctx, nothing)
	}))
	require.True(t, claim.Kept())
	require.Equal(t, 3, recorded, "the inner transaction did not record")
	require.NoError(t, db.InTx(ctx, nothing))
	require.Equal(t, 3, recorded, "what is kept is not recorded again")
	require.NoError(t, db.InTx(t.Context(), nothing), "without a claim nothing is different")
}
