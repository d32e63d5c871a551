package upgrade

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// drain is how long a process that is told to stop still serves, so that the load
// balancer notices first.
const drain = 20 * load.CheckEvery

// side is one of the two releases and how it is configured.
type side struct {
	name   string
	binary string
	env    []string
}

func TestUpgradeInProcess(t *testing.T) {
	t.Parallel()
	old, current := sides(t)
	change(t, old, current)
}

func TestDowngradeInProcess(t *testing.T) {
	t.Parallel()
	old, current := sides(t)
	change(t, current, old)
}

func TestUpgradeToKafka(t *testing.T) {
	t.Parallel()
	old, current := sides(t)
	brokers := kafka(t)
	change(t, old.on(t, brokers), current.on(t, brokers))
}

func TestDowngradeFromKafka(t *testing.T) {
	t.Parallel()
	old, current := sides(t)
	brokers := kafka(t)
	change(t, current.on(t, brokers), old.on(t, brokers))
}

// sides are the previous release and this one.
func sides(t *testing.T) (old, current side) {
	t.Helper()
	previous := previousRelease(t)
	return side{name: "the previous release " + previous.name, binary: previous.binary(t)},
		side{name: "this release", binary: platformtest.Binary(t)}
}

// on puts a release on Kafka, if it knows of it. One that does not runs its bus in
// the process, beside the other on the same database.
func (s side) on(t *testing.T, brokers string) side {
	t.Helper()
	if !knows(t, s.binary, "--bus") {
		s.name += " (in process)"
		return s
	}
	s.name += " (on Kafka)"
	s.env = append(s.env, "LYCEUM_BUS=kafka", "LYCEUM_KAFKA_BROKERS="+brokers)
	return s
}

// kafka starts a broker in this process.
func kafka(t *testing.T) string {
	t.Helper()
	if !knows(t, platformtest.Binary(t), "--bus") {
		t.Skip("this release has no --bus yet")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return strings.Join(cluster.ListenAddrs(), ",")
}

// change replaces one release by the other while learners are at work: one alone,
// the other beside it, the one told to stop, the other alone.
func change(t *testing.T, from, to side) {
	database := postgrestest.Empty(t) // the first to start migrates it
	data := platformtest.DataDir(t)
	start := func(s side) *platformtest.Platform {
		return platformtest.Start(t, platformtest.Options{
			Binary: s.binary, DatabaseURL: database.URL(), DataDir: data,
			Env: append(s.env, fmt.Sprintf("LYCEUM_DRAIN_DELAY=%s", drain)),
		})
	}
	first := start(from)
	balancer := load.NewBalancer(t, first)
	l := load.New(t, first, load.Options{At: balancer.URL})
	exam := l.Learners[0].AbandonExam()
	session := first.Learner(t)
	l.Begin()
	l.AwaitAnswers(answers(200, 60))
	alone := l.Figures()

	second := start(to)
	balancer.Add(t, second)
	l.AwaitAnswers(answers(300, 100))
	platformtest.Eventually(t, "both handle events", func() error {
		if a, b := handled(t, first), handled(t, second); a == 0 || b == 0 {
			return fmt.Errorf("%s has handled %d, %s %d", from.name, a, to.name, b)
		}
		return nil
	})
	beside := l.Figures()
	byFirst, bySecond := handled(t, first), handled(t, second)

	begin := time.Now()
	require.NoError(t, first.Terminate(t), "%s stops in order", from.name)
	stopped := time.Since(begin)
	l.AwaitAnswers(answers(200, 60))
	// A session goes on, and work that was left to the one is done by the other.
	var grant platformtest.Grant
	second.Stranger().Post(t, "/v1/auth/refresh", map[string]string{"refresh_token": session.RefreshToken}, &grant)
	expire(t, database, exam)
	assert.Equal(t, "deadline", l.Learners[0].Client().AwaitGrade(t, exam.ID).SubmittedBy)
	l.End()

	figures := l.Figures()
	t.Logf("%s alone:     %s", from.name, alone)
	t.Logf("both:  %s", beside.Since(alone))
	t.Logf("%s stopped in %s; then %s alone: %s", from.name, stopped.Round(time.Millisecond), to.name, figures.Since(beside))
	t.Logf("events handled up to then: %d by %s, %d by %s", byFirst, from.name, bySecond, to.name)
	assert.Zero(t, figures.FailedOtherwise(load.ConnectionRefused), "requests that were not answered: %s", figures.FailuresByKind())
	assert.Zero(t, beside.Failed(), "requests that failed before anything was stopped: %s", beside.FailuresByKind())
	for _, p := range []*platformtest.Platform{first, second} {
		assert.NotContains(t, p.Log(t), "cut off")
	}
	l.Verify(load.SiteOf(t, second))
}

// expire lets the time of an attempt be over.
func expire(t *testing.T, database *postgrestest.Database, a *load.Attempt) {
	t.Helper()
	_, err := database.Admin(t).Exec(t.Context(),
		`update assessment.attempts set started_at = started_at - interval '1 hour', deadline_at = clock_timestamp() where attempt_id = $1`, a.ID)
	require.NoError(t, err)
}

var handledLine = regexp.MustCompile(`(?m)^lyceum_bus_handled_total\{.*\} (\S+)$`)

// handled is how many events the consumers of one process have handled.
func handled(t *testing.T, p *platformtest.Platform) int {
	t.Helper()
	response, err := p.Operations().Do(t.Context(), http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	total := 0.0
	for _, m := range handledLine.FindAllSubmatch(response.Body, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		require.NoError(t, err)
		total += n
	}
	return int(total)
}
