package relocation_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
				// The steps before the cut are the same for both methods.
				late := after(step, relocation.Following)
				if !late && method == relocation.Dump || testing.Short() && !after(step, relocation.Compared) {
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
			for _, step := range []relocation.Step{
				relocation.TargetMarked, relocation.TargetEmptied, relocation.Published, relocation.Subscribed,
				relocation.Locked, relocation.TargetComplete, relocation.ShutOut, relocation.SourceShut,
			} {
				if !slices.Contains(steps(method), step) || testing.Short() && !after(step, relocation.Compared) {
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

// TestServersAreKilledDuringAMove: the run fails or ends, nobody is let in at both
// ends, and the next run ends the move. Each case has servers of its own: one that
// is killed again and again is not started any more.
func TestServersAreKilledDuringAMove(t *testing.T) {
	if testing.Short() {
		t.Skip("servers take long to recover")
	}
	t.Parallel()
	for _, test := range []struct {
		step   relocation.Step
		victim int // which of the servers dies: 0 is the source
	}{{relocation.Locked, 0}, {relocation.CaughtUp, 1}, {relocation.ShutOut, 0}, {relocation.SourceShut, 1}} {
		t.Run(fmt.Sprintf("%s, server %d", test.step, test.victim), func(t *testing.T) {
			e := newEnds(t)
			w := write(t, 2, e.source, e.target)
			o := e.there(t, relocation.Logical)
			killed := false
			o.Progress = func(p relocation.Progress) {
				if p.Step == test.step && !killed {
					killed = true
					e.servers[test.victim].Kill(t)
				}
			}
			_, err := relocation.Run(t.Context(), o)
			require.True(t, killed)
			require.Error(t, err)
			t.Logf("the run failed: %.160v", err)
			// The server recovers by itself.
			for _, d := range []*postgrestest.Database{e.source, e.target} {
				require.Eventually(t, func() bool {
					conn, err := pgx.Connect(t.Context(), d.URL())
					return err == nil && conn.Close(t.Context()) == nil
				}, 2*time.Minute, 100*time.Millisecond, "a server does not come back")
			}
			require.False(t, serves(t, e.source) && serves(t, e.target))
			_, err = relocation.Run(t.Context(), o)
			require.NoError(t, err)
			require.False(t, serves(t, e.source))
			require.True(t, serves(t, e.target))
			w.verify(t, e.target)
		})
	}
}
