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
// balancer notices first, on a busy machine, too.
const drain = 2 * time.Second

// rate is how many requests a second there are. It leaves something of a small
// machine to a process that starts.
const rate = 80

// side is one of the two releases and how it is configured.
type side struct {
	name   string
	binary string
	env    []string
}

func TestUpgradeInProcess(t *testing.T) {
	t.Parallel()
	onlyAtLength(t)
	old, current := sides(t)
	change(t, old, current)
}

// A release that adds a consumer, or an event that the learners cause, leaves the
// previous one behind for as long as bus.Options.Patience says: it will have to be
// said here what is expected then.
func TestDowngradeInProcess(t *testing.T) {
	t.Parallel()
	onlyAtLength(t)
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

// TestChangeOfTransport takes one release from the bus in the process to Kafka.
func TestChangeOfTransport(t *testing.T) {
	t.Parallel()
	onlyAtLength(t)
	_, current := sides(t)
	inProcess := current
	inProcess.name += " (in process)"
	change(t, inProcess, current.on(t, kafka(t)))
}

// onlyAtLength skips in short runs what runs on Kafka there.
func onlyAtLength(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: only the two on Kafka")
	}
}

// sides are the previous release and this one.
func sides(t *testing.T) (old, current side) {
	t.Helper()
	previous := previousRelease(t)
	return side{name: "the previous release " + previous.name, binary: previous.binary(t)},
		side{name: "this release", binary: platformtest.Binary(t)}
}

// on puts a release on Kafka, if it knows of it; firstRelease does not. It runs its
// bus in the process then, beside the other on the same database.
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
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return strings.Join(cluster.ListenAddrs(), ",")
}

// change replaces one release by the other while learners are at work.
func change(t *testing.T, from, to side) {
	c := begin(t, from)
	c.alone(t)
	c.beside(t, to)
	c.replaced(t)
	c.verify(t)
}

// changing is one change of releases.
type changing struct {
	from, to      side
	database      *postgrestest.Database
	data          string // the replicas share their files and the mail that they catch
	first, second *platformtest.Platform
	balancer      *load.Balancer
	load          *load.Load

	exam    *load.Attempt        // left to the platform to hand in
	session *platformtest.Person // signed in at the first
}

// begin starts the first release on a database that it has to migrate, and sends
// the learners to work.
func begin(t *testing.T, from side) *changing {
	t.Helper()
	c := &changing{from: from, database: postgrestest.Empty(t), data: platformtest.DataDir(t)}
	c.first = c.start(t, from)
	c.balancer = load.NewBalancer(t, c.first)
	c.load = load.New(t, c.first, load.Options{At: c.balancer.URL, Rate: rate})
	c.exam = c.load.Learners[0].AbandonExam()
	c.session = c.first.Learner(t)
	c.load.Begin()
	return c
}

func (c *changing) start(t *testing.T, s side) *platformtest.Platform {
	t.Helper()
	return platformtest.Start(t, platformtest.Options{
		Binary: s.binary, DatabaseURL: c.database.URL(), DataDir: c.data,
		Env: append(s.env, fmt.Sprintf("LYCEUM_DRAIN_DELAY=%s", drain)),
	})
}

// alone has the first release do everything.
func (c *changing) alone(t *testing.T) {
	t.Helper()
	before := c.load.Figures()
	c.load.AwaitAnswers(answers(120, 60))
	c.tell(t, c.from.name+" alone", before)
}

// beside brings up the second release, and both serve.
func (c *changing) beside(t *testing.T, to side) {
	t.Helper()
	before := c.load.Figures()
	c.to = to
	c.second = c.start(t, to)
	c.balancer.Add(t, c.second)
	c.load.AwaitAnswers(answers(200, 100))
	var byFirst, bySecond int
	platformtest.Eventually(t, "both handle events", func() error {
		if byFirst, bySecond = handled(t, c.first), handled(t, c.second); byFirst == 0 || bySecond == 0 {
			return fmt.Errorf("%s has handled %d, %s %d", c.from.name, byFirst, to.name, bySecond)
		}
		return nil
	})
	c.tell(t, "both", before)
	t.Logf("events handled so far: %d by %s, %d by %s", byFirst, c.from.name, bySecond, to.name)
	failures := c.load.Figures()
	assert.Zero(t, failures.Failed(), "requests that failed before anything was told to stop: %s", failures.FailuresByKind())
}

// replaced tells the first release to stop. The second goes on with what that has
// begun.
func (c *changing) replaced(t *testing.T) {
	t.Helper()
	before, begin := c.load.Figures(), time.Now()
	require.NoError(t, c.first.Terminate(t), "%s stops in order", c.from.name)
	t.Logf("%s has stopped in %s", c.from.name, time.Since(begin).Round(time.Millisecond))
	c.load.AwaitAnswers(answers(120, 60))
	var grant platformtest.Grant
	c.second.Stranger().Post(t, "/v1/auth/refresh", map[string]string{"refresh_token": c.session.RefreshToken}, &grant)
	expire(t, c.database, c.exam)
	c.load.Learners[0].MoveTo(c.second.URL)
	assert.Equal(t, "deadline", c.load.Learners[0].Client().AwaitGrade(t, c.exam.ID).SubmittedBy)
	c.load.End()
	c.tell(t, c.to.name+" alone", before)
}

// verify looks for what was lost or doubled.
func (c *changing) verify(t *testing.T) {
	t.Helper()
	figures := c.load.Figures()
	t.Logf("in all: %s", figures)
	t.Logf("the load balancer:\n%s", c.balancer)
	// Where the load balancer was too late, a connection is refused, or reset
	// without having been read. A request that was read has an answer.
	assert.Zero(t, figures.FailedOtherwise(load.ConnectionRefused, load.ConnectionBroken),
		"requests that were read and not answered: %s", figures.FailuresByKind())
	for _, p := range []*platformtest.Platform{c.first, c.second} {
		assert.NotContains(t, p.Log(t), "cut off")
	}
	c.load.Verify(load.SiteOf(t, c.second))
}

func (c *changing) tell(t *testing.T, phase string, since load.Figures) {
	t.Helper()
	t.Logf("%s: %s", phase, c.load.Figures().Since(since))
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
