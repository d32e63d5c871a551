package relocation_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/internal/relocation"
)

// child is what the test binary is told when it plays the tool that is killed.
type child struct {
	Source, Target string
	Method         relocation.Method
	// Until is the step after which it waits to be killed.
	Until relocation.Step
}

const (
	childVariable = "LYCEUM_TEST_RELOCATION"
	reached       = "reached"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		os.Exit(play(text))
	}
	os.Exit(m.Run())
}

func play(text string) int {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 2
	}
	_, err := relocation.Run(context.Background(), relocation.Options{
		Source: c.Source, Target: c.Target, Module: module, Method: c.Method,
		Progress: func(p relocation.Progress) {
			if p.Step == c.Until {
				fmt.Fprintln(os.Stdout, reached)
				select {} // to be killed
			}
		},
	})
	fmt.Fprintln(os.Stdout, "ended:", err)
	return 1
}

// killAfter runs the move in a process of its own and kills it with SIGKILL when
// it has taken the step.
func killAfter(t *testing.T, step relocation.Step, o relocation.Options) {
	t.Helper()
	text, err := json.Marshal(child{o.Source, o.Target, o.Method, step})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, reached, strings.TrimSpace(line))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

// steps are those of a move by a method, in their order.
func steps(method relocation.Method) []relocation.Step {
	all := []relocation.Step{relocation.SourceMarked, relocation.TargetMarked, relocation.TargetMigrated, relocation.TargetEmptied}
	if method == relocation.Logical {
		all = append(all, relocation.Published, relocation.Subscribed, relocation.Copying, relocation.Following)
	}
	return append(all, relocation.Ahead, relocation.Locked, relocation.CaughtUp, relocation.Compared, relocation.TargetComplete,
		relocation.ShutOut, relocation.SourceShut, relocation.TargetOpen)
}

// after reports whether a step comes after another.
func after(step, other relocation.Step) bool {
	var seen bool
	for _, s := range steps(relocation.Logical) {
		if s == step {
			return seen
		}
		seen = seen || s == other
	}
	return false
}

// TestARunGoesOnWhereAnotherWasKilled: whatever the step after which the tool is
// killed, never do both ends serve, the next run ends the move, and the writers
// lose nothing. Each step is on the way there or on the way back, under load.
func TestARunGoesOnWhereAnotherWasKilled(t *testing.T) {
	t.Parallel()
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := newEnds(t)
			w := write(t, 2, e.source, e.target)
			from, to := e.source, e.target
			for _, step := range steps(method) {
				if testing.Short() && !after(step, relocation.Compared) {
					continue
				}
				o := relocation.Options{Source: from.URL(), Target: to.URL(), Module: module, Method: method}
				killAfter(t, step, o)
				here, there := serves(t, from), serves(t, to)
				require.False(t, here && there, "both ends serve after %s", step)
				switch {
				case !after(step, relocation.TargetComplete):
					require.True(t, here, "the source does not serve after %s", step)
				case step == relocation.TargetOpen:
					require.True(t, there, "the target does not serve")
				}
				// While the next run prepares its cut, the module is served again.
				o.Progress = func(p relocation.Progress) {
					if p.Step == relocation.Ahead {
						require.True(t, serves(t, from), "the run after %s does not let the module in", step)
					}
				}
				result, err := relocation.Run(t.Context(), o)
				require.NoError(t, err, "after %s", step)
				t.Logf("killed after %-16s source serves: %-5t target serves: %-5t the next run went on: %-5t and paused for %s",
					step, here, there, result.Resumed, result.Pause)
				require.False(t, serves(t, from))
				require.True(t, serves(t, to))
				require.Zero(t, leftovers(t, from)+leftovers(t, to))
				from, to = to, from
			}
			w.verify(t, from)
		})
	}
}

// TestAKilledMoveCanBeAborted: the source serves again, nothing is left, and the
// next move begins anew.
func TestAKilledMoveCanBeAborted(t *testing.T) {
	t.Parallel()
	for _, method := range []relocation.Method{relocation.Logical, relocation.Dump} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := newEnds(t)
			w := write(t, 2, e.source, e.target)
			o := e.there(t, method)
			o.Progress = nil
			for i, step := range steps(method) {
				early := step != relocation.Subscribed && !after(step, relocation.Following)
				if step == relocation.TargetOpen || early && i%2 == 1 || testing.Short() && !after(step, relocation.Compared) {
					continue
				}
				killAfter(t, step, o)
				require.NoError(t, abort(t, o), "after %s", step)
				require.True(t, serves(t, e.source), "the source does not serve after %s", step)
				require.False(t, serves(t, e.target))
				require.Zero(t, leftovers(t, e.source)+leftovers(t, e.target))
				require.ErrorIs(t, abort(t, o), relocation.ErrNothingToAbort)
			}
			killAfter(t, relocation.TargetOpen, o)
			require.ErrorContains(t, abort(t, o), "the move is finished and the target serves")
			require.True(t, serves(t, e.target))
			result, err := relocation.Run(t.Context(), o)
			require.NoError(t, err)
			require.True(t, result.Resumed)
			require.Zero(t, leftovers(t, e.source)+leftovers(t, e.target))
			w.verify(t, e.target)
		})
	}
}

func abort(t *testing.T, o relocation.Options) error {
	t.Helper()
	m, err := relocation.Open(t.Context(), o)
	require.NoError(t, err)
	defer m.Close(t.Context())
	return m.Abort(t.Context())
}

// TestATargetThatIsLostIsAbandoned: the source serves again without it.
func TestATargetThatIsLostIsAbandoned(t *testing.T) {
	t.Parallel()
	e := newEnds(t)
	w := write(t, 2, e.source)
	o := e.there(t, relocation.Logical)
	killAfter(t, relocation.SourceShut, o)
	require.False(t, serves(t, e.source))
	e.servers[1].Stop(t)
	require.NoError(t, relocation.AbandonTarget(t.Context(), o))
	require.True(t, serves(t, e.source))
	require.Zero(t, leftovers(t, e.source))
	require.ErrorIs(t, relocation.AbandonTarget(t.Context(), o), relocation.ErrNothingToAbort)
	// It comes back after all, and is not opened.
	e.servers[1].Start(t)
	require.False(t, serves(t, e.target))
	_, err := relocation.Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, serves(t, e.target))
	w.verify(t, e.target)
}

// TestServersAreKilledDuringAMove: the run fails, nobody is let in at both ends,
// and the next run ends the move.
func TestServersAreKilledDuringAMove(t *testing.T) {
	if testing.Short() {
		t.Skip("servers take long to recover")
	}
	t.Parallel()
	e := newEnds(t)
	w := write(t, 2, e.source, e.target)
	from, to := 0, 1
	databases := []*postgrestest.Database{e.source, e.target}
	for _, test := range []struct {
		step   relocation.Step
		source bool // which of the servers dies
	}{
		{relocation.Following, false}, {relocation.Locked, true}, {relocation.CaughtUp, false}, {relocation.ShutOut, true},
		{relocation.SourceShut, false}, {relocation.SourceShut, true},
	} {
		o := relocation.Options{Source: databases[from].URL(), Target: databases[to].URL(), Module: module}
		victim := to
		if test.source {
			victim = from
		}
		killed := false
		o.Progress = func(p relocation.Progress) {
			if p.Step == test.step && !killed {
				killed = true
				e.servers[victim].Kill(t)
			}
		}
		_, err := relocation.Run(t.Context(), o)
		require.True(t, killed)
		t.Logf("source killed: %-5t after %-16s: %.160v", test.source, test.step, err)
		// The server recovers by itself; until then nobody can connect to it.
		for runs := 1; err != nil; runs++ {
			require.NoError(t, t.Context().Err(), "the servers did not come back: %v", err)
			_, err = relocation.Run(t.Context(), o)
			if connect := (*pgconn.ConnectError)(nil); err != nil && !errors.As(err, &connect) {
				t.Logf("  again: %.160v", err)
				require.Less(t, runs, 100000)
			}
		}
		require.False(t, serves(t, databases[from]))
		require.True(t, serves(t, databases[to]))
		from, to = to, from
	}
	w.verify(t, databases[from])
}
