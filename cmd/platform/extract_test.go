package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// TestExtractMovesAndAborts: the command moves a schema, says for how long writers
// waited, gives up within the pause that it is given, and aborts, also without a
// target.
func TestExtractMovesAndAborts(t *testing.T) {
	clean(t)
	source, second := postgrestest.NewServer(t).New(t), postgrestest.NewServer(t)
	target := second.Empty(t)
	t.Setenv("DATABASE_URL", source.URL())
	t.Setenv("LYCEUM_ROLE_SECRET", "hush")
	extract := func(args ...string) (int, string, string) {
		t.Helper()
		return platform(t, append([]string{"extract", "notify", "--data-dir", t.TempDir(), "--move-to", target.URL()}, args...)...)
	}

	code, out, errs := extract("--method", "dump", "--max-pause", "1ms")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "raise --max-pause", "the advice names a flag that there is")
	require.Contains(t, out, "target emptied", "its progress is told")
	code, _, errs = extract("--abort")
	require.Zero(t, code, errs)
	code, _, errs = extract("--abort")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no move is under way")
	code, _, errs = extract("--target-lost")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--target-lost goes with --abort")

	code, login, errs := extract("--login")
	require.Zero(t, code, errs)
	login = strings.TrimSpace(login)
	require.Contains(t, login, postgres.RolePassword("hush", "lyceum_notify_app"))
	code, out, errs = extract()
	require.Zero(t, code, errs)
	require.Contains(t, out, "Writers waited")
	require.NotContains(t, out+errs, "hush")
	second.RequirePasswords(t)
	conn, err := pgx.Connect(t.Context(), login)
	require.NoError(t, err, "the login that was printed is let in")
	require.NoError(t, conn.Close(t.Context()))

	code, _, errs = extract("--abort")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "the move is finished and the target serves")
}

// TestAMoveWhoseTargetIsGoneIsGivenUp: the source is in use again without it.
func TestAMoveWhoseTargetIsGoneIsGivenUp(t *testing.T) {
	clean(t)
	source := postgrestest.New(t)
	admin := source.Admin(t)
	require.NoError(t, postgres.WriteStanding(t.Context(), admin, "notify", postgres.Standing{State: postgres.Left, Move: "abc", Peer: "gone"}))
	require.NoError(t, postgres.LetConnect(t.Context(), admin, "notify", source.Name(), false))
	t.Setenv("DATABASE_URL", source.URL())
	args := []string{"extract", "notify", "--data-dir", t.TempDir(), "--move-to", "postgres://admin:hush@127.0.0.1:1/gone?connect_timeout=1", "--abort"}
	code, _, errs := platform(t, args...)
	require.Equal(t, 1, code, "without being told it does not take the target for lost")
	require.NotContains(t, errs, "hush")
	code, _, errs = platform(t, append(args, "--target-lost")...)
	require.Zero(t, code, errs)
	source.DB(t, "notify")
}
