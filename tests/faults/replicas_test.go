package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
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
	load := newLoad(t, first, 8)
	for _, who := range load.learners[4:] {
		who.moveTo(second)
	}
	exam := load.learners[0].abandonExam()
	load.begin()
	load.awaitAnswers(200)
	require.NoError(t, second.Ready(t.Context()))

	begin := time.Now()
	first.Kill()
	for _, who := range load.learners[:4] {
		who.moveTo(second)
	}
	load.awaitAnswers(1)
	gap := time.Since(begin)
	// The jobs, too: the exam that was started at the first replica is handed in
	// and graded by the second.
	_, err := database.Admin(t).Exec(t.Context(),
		`update assessment.attempts set started_at = started_at - interval '1 hour', deadline_at = clock_timestamp() where attempt_id = $1`, exam.id)
	require.NoError(t, err)
	graded := load.learners[0].client.Load().AwaitGrade(t, exam.id)
	require.Equal(t, "deadline", graded.SubmittedBy)
	load.awaitAnswers(200)
	load.end()

	assert.Zero(t, load.failuresOf(load.learners[4:]), "failures of the second replica's learners")
	t.Logf("%d requests, 1 of 2 replicas killed; failed at the survivor: %d; without success at the dead one: %s; the next answer came after %s",
		load.requests.Load(), load.failuresOf(load.learners[4:]), load.failed(), gap.Round(time.Millisecond))
	load.verify(second)
}

// abandonExam starts the timed exam and leaves it to the platform to hand in.
func (l *learner) abandonExam() *attempt {
	l.enrol()
	a := l.start(l.load.exam)
	a.submitted = true
	return a
}

// TestTermUnderLoad stops the process in order while eight learners are at work:
// every request that it has accepted is answered.
func TestTermUnderLoad(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	load := newLoad(t, platform, 8)
	load.begin()
	stops := rounds(3, 1)
	slowest := time.Duration(0)
	for range stops {
		load.awaitAnswers(100)
		begin := time.Now()
		require.NoError(t, platform.Terminate(t), "an orderly stop exits with 0")
		slowest = max(slowest, time.Since(begin))
		platform.Restart(t)
	}
	load.awaitAnswers(100)
	load.end()
	// A connection that the system had taken for a process that was about to
	// close its socket is reset without having been read; a request that was read
	// has an answer, and in the log a line.
	for kind, n := range load.failures {
		if kind != "connection refused" && kind != "connection broken" {
			t.Errorf("%d requests ended with: %s", n, kind)
		}
	}
	assert.NotContains(t, platform.Log(t), "cut off")
	t.Logf("%d requests, %d orderly stops, the slowest in %s; connections refused %d, reset unread %d",
		load.requests.Load(), stops, slowest.Round(time.Millisecond), load.failures["connection refused"], load.failures["connection broken"])
	load.verify(platform)
}

// TestDatabaseRestartedUnderLoad stops, starts and kills PostgreSQL beneath the
// process, which has to find its way back by itself.
func TestDatabaseRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: server.New(t).URL()})
	load := newLoad(t, platform, 8)
	load.begin()
	slowest := time.Duration(0)
	restarts := rounds(4, 2)
	for n := range restarts {
		load.awaitAnswers(100)
		var begin time.Time
		if n%2 == 0 {
			server.Stop(t)
			server.Start(t)
			begin = time.Now()
		} else {
			begin = time.Now()
			server.Kill(t)
		}
		load.awaitAnswers(1)
		slowest = max(slowest, time.Since(begin))
	}
	platformtest.Eventually(t, "the process is ready again", func() error { return platform.Ready(t.Context()) })
	load.awaitAnswers(100)
	load.end()
	for kind, n := range load.failures {
		// A server that dies between a commit and the keeping of its answer leaves
		// a key whose answer nobody knows: its client is told so.
		if kind != answerLost && !strings.HasPrefix(kind, "status 503") {
			t.Errorf("%d requests ended with %q instead of a 503, such as:\n%s", n, kind, strings.Join(linesWith(platform.Log(t), "status=500"), ""))
		}
	}
	t.Logf("%d requests, %d restarts of PostgreSQL, the next answer at the latest after %s; without success: %s",
		load.requests.Load(), restarts, slowest.Round(time.Millisecond), load.failed())
	load.verify(platform)
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
