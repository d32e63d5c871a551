package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestKilledWithItsDatabase kills the process that owns the embedded server,
// which goes with it, while eight learners are at work.
func TestKilledWithItsDatabase(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, platformtest.Options{}, rounds(4, 1))
}

// TestKilledAlone kills the process and leaves the database running, so that its
// transactions are broken off in the middle and its locks stay for a moment.
func TestKilledAlone(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, platformtest.Options{DatabaseURL: postgrestest.NewServer(t).New(t).URL()}, rounds(12, 2))
}

func killUnderLoad(t *testing.T, o platformtest.Options, rounds int) {
	platform := platformtest.Start(t, o)
	l := load.New(t, platform, load.Options{})
	l.Begin()
	kills, slowest := 0, time.Duration(0)
	for n := range rounds {
		l.AwaitAnswers(1 + rand.Int64N(120))
		platform.Kill()
		kills++
		if n%3 == 2 { // and once more at some moment of its start
			platform.Launch(t)
			moment := time.NewTimer(rand.N(time.Second))
			<-moment.C
			platform.Kill()
			kills++
		}
		begin := time.Now()
		platform.Restart(t)
		slowest = max(slowest, time.Since(begin))
	}
	l.AwaitAnswers(100)
	l.End()
	t.Logf("%d kills, slowest start after one %s; %s", kills, slowest.Round(time.Millisecond), l.Figures())
	l.Verify(load.SiteOf(t, platform))
}
