package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestTheSecondReplicaTakesOver runs two replicas on one database. Both serve
// until one is killed; then the other does everything, and none of its own
// learners notices.
func TestTheSecondReplicaTakesOver(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	// They share their files and the mail that they catch.
	options := platformtest.Options{DatabaseURL: database.URL(), DataDir: platformtest.DataDir(t)}
	first := platformtest.Start(t, options)
	second := platformtest.Start(t, options)
	l := load.New(t, first, load.Options{})
	for _, who := range l.Learners[4:] {
		who.MoveTo(second.URL)
	}
	exam := l.Learners[0].AbandonExam()
	l.Begin()
	l.AwaitAnswers(200)
	require.NoError(t, second.Ready(t.Context()))

	begin := time.Now()
	first.Kill()
	for _, who := range l.Learners[:4] {
		who.MoveTo(second.URL)
	}
	l.AwaitAnswers(1)
	gap := time.Since(begin)
	// The jobs, too: the exam that was started at the first replica is handed in
	// and graded by the second.
	_, err := database.Admin(t).Exec(t.Context(),
		`update assessment.attempts set started_at = started_at - interval '1 hour', deadline_at = clock_timestamp() where attempt_id = $1`, exam.ID)
	require.NoError(t, err)
	graded := l.Learners[0].Client().AwaitGrade(t, exam.ID)
	require.Equal(t, "deadline", graded.SubmittedBy)
	l.AwaitAnswers(200)
	l.End()

	assert.Zero(t, l.FailuresOf(l.Learners[4:]), "failures of the second replica's learners")
	t.Logf("1 of 2 replicas killed; failed at the survivor: %d; the next answer came after %s; %s",
		l.FailuresOf(l.Learners[4:]), gap.Round(time.Millisecond), l.Figures())
	l.Verify(load.SiteOf(t, second))
}

// TestTermUnderLoad stops the process in order while eight learners are at work:
// every request that it has accepted is answered.
func TestTermUnderLoad(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	l := load.New(t, platform, load.Options{})
	l.Begin()
	stops := rounds(3, 1)
	slowest := time.Duration(0)
	for range stops {
		l.AwaitAnswers(100)
		begin := time.Now()
		require.NoError(t, platform.Terminate(t), "an orderly stop exits with 0")
		slowest = max(slowest, time.Since(begin))
		platform.Restart(t)
	}
	l.AwaitAnswers(100)
	l.End()
	// A connection that the system had taken for a process that was about to
	// close its socket is reset without having been read; a request that was read
	// has an answer, and in the log a line.
	figures := l.Figures()
	assert.Zero(t, figures.FailedOtherwise(load.ConnectionRefused, load.ConnectionBroken), "requests that were read and not answered: %s", figures.FailuresByKind())
	assert.NotContains(t, platform.Log(t), "cut off")
	t.Logf("%d orderly stops, the slowest in %s; %s", stops, slowest.Round(time.Millisecond), figures)
	l.Verify(load.SiteOf(t, platform))
}

// TestDatabaseRestartedUnderLoad stops, starts and kills PostgreSQL beneath the
// process, which has to find its way back by itself.
func TestDatabaseRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	restartDatabase(t, server, platformtest.Options{DatabaseURL: server.New(t).URL()}, rounds(4, 2))
}

func restartDatabase(t *testing.T, server *postgrestest.Server, o platformtest.Options, restarts int) {
	platform := platformtest.Start(t, o)
	l := load.New(t, platform, load.Options{})
	l.Begin()
	slowest := time.Duration(0)
	for n := range restarts {
		l.AwaitAnswers(100)
		var begin time.Time
		if n%2 == 0 {
			server.Stop(t)
			server.Start(t)
			begin = time.Now()
		} else {
			begin = time.Now()
			server.Kill(t)
		}
		l.AwaitAnswers(1)
		slowest = max(slowest, time.Since(begin))
	}
	platformtest.Eventually(t, "the process is ready again", func() error { return platform.Ready(t.Context()) })
	l.AwaitAnswers(100)
	l.End()
	figures := l.Figures()
	for kind, n := range figures.Failures {
		// A server that dies between a commit and the keeping of its answer leaves
		// a key whose answer nobody knows: its client is told so.
		if kind != load.AnswerLost && !strings.HasPrefix(kind, "status 503") {
			t.Errorf("%d requests ended with %q instead of a 503, such as:\n%s", n, kind, strings.Join(linesWith(platform.Log(t), "status=500"), ""))
		}
	}
	t.Logf("%d restarts of PostgreSQL, the next answer at the latest after %s; %s",
		restarts, slowest.Round(time.Millisecond), figures)
	l.Verify(load.SiteOf(t, platform))
}

// linesWith are the lines with a text in them.
func linesWith(log, text string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}
