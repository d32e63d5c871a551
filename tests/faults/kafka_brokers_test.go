package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// outage is how long the only broker is away in the longer of its outages:
// longer than a publishing may take, and than members may be silent.
const outage = 15 * time.Second

// TestKafkaBrokerLostUnderLoad kills the only broker, starts it again, and then
// stops it for longer. The platform serves all the while, events wait in the log,
// and afterwards they arrive by themselves.
func TestKafkaBrokerLostUnderLoad(t *testing.T) {
	cluster := kafka.Start(t, kafka.Options{})
	site := siteOn(t, cluster)
	database := postgrestest.New(t)
	platform := platformtest.Start(t, site.options(database.URL(), ""))
	books := newBookkeeping(t, database.Admin(t))
	lag := watchLag(t, books)
	l := load.New(t, platform, load.Options{Rate: 60})
	l.Begin()
	l.AwaitAnswers(100)
	back := func(how string, begin time.Time) {
		require.NoError(t, platform.Ready(t.Context()), "the platform serves without its broker")
		cluster.Restart(t, 1)
		gone := time.Since(begin)
		waited, took := books.awaitPassed(t, everybody)
		t.Logf("the broker was %s: away for %s, then %d events waited (by all who read), passed after another %s; longest wait %s",
			how, gone.Round(time.Millisecond), waited, took.Round(time.Millisecond), lag.take().of(everybody))
	}
	for range rounds(2, 1) {
		begin := time.Now()
		cluster.Kill(t, 1)
		l.AwaitAnswers(60)
		back("killed", begin)
		l.AwaitAnswers(30)
	}
	if !testing.Short() {
		begin := time.Now()
		cluster.Stop(t, 1)
		_ = lag.take()
		platformtest.Eventually(t, "events wait long", func() error {
			lag.mu.Lock()
			defer lag.mu.Unlock()
			if waited := lags(lag.worst).of(place.forwarder); waited < outage {
				return fmt.Errorf("the longest since %s", waited)
			}
			return nil
		})
		back("stopped", begin)
	}
	l.AwaitAnswers(50)
	l.End()
	figures := l.Figures()
	assert.Zero(t, figures.Failed(), "requests failed although only Kafka was away: %s", figures.FailuresByKind())
	t.Log(figures)
	verdict := l.Verify(load.SiteOf(t, platform))
	t.Logf("in: %d events, on the topics: %d records", verdict.Events, site.records(t))
}

// impatient makes brokers miss a follower soon, so that what waits for that does
// not hide what waits for a new leader: see docs/runbooks/event-bus.md.
var impatient = map[string]string{"replica.lag.time.max.ms": "500"}

// TestKafkaClusterDegradedUnderLoad does to a cluster of three what happens to
// them: brokers are replaced one by one, the controller dies, partitions are
// moved, a leader dies. How long events wait is shown for the partitions that are
// hit and for the others, beside how long a producer that does nothing but
// produce waits for the same brokers.
func TestKafkaClusterDegradedUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("three brokers take long to start")
	}
	cluster := kafka.Start(t, kafka.Options{Nodes: 3, Properties: impatient})
	site := siteOn(t, cluster)
	database := postgrestest.New(t)
	platform := platformtest.Start(t, site.options(database.URL(), "", "LYCEUM_KAFKA_REPLICATION=3"))
	books := newBookkeeping(t, database.Admin(t))
	watch := &watch{lag: watchLag(t, books), acks: watchAcks(t, site)}
	l := load.New(t, platform, load.Options{Learners: 4, Rate: 20})
	l.Begin()
	l.AwaitAnswers(20)
	_, _ = books.awaitPassed(t, everybody)
	t.Logf("before: %s", watch.take(nobody))

	// without goes on without a node until nothing waits any more.
	without := func(node int, lose func(testing.TB, int)) {
		watch.take(nobody)
		led, began := site.leads(t, node), time.Now()
		lose(t, node)
		l.AwaitAnswers(40)
		_, _ = books.awaitPassed(t, everybody)
		t.Logf("node %d lost, for %s; longest waits: %s", node, time.Since(began).Round(time.Millisecond), watch.take(led))
		cluster.Restart(t, node)
		cluster.AwaitInSync(t)
		_, _ = books.awaitPassed(t, everybody)
		t.Logf("node %d is back: %s", node, watch.take(nobody))
	}
	topic := site.topic("assessment")
	for _, fault := range []struct {
		name   string
		happen func()
	}{
		{"all brokers restarted, one after another", func() {
			for node := 1; node <= 3; node++ {
				without(node, cluster.Stop)
			}
		}},
		{"the active controller killed", func() { without(cluster.Controller(t), cluster.Kill) }},
		{"four partitions moved", func() {
			for p := range int32(4) {
				leader := cluster.Leader(t, topic, p)
				next, last := leader%3+1, (leader+1)%3+1
				cluster.MovePartition(t, topic, p, next, last)
				cluster.MovePartition(t, topic, p, last, leader, next) // whose data is copied anew
			}
			l.AwaitAnswers(20)
			_, _ = books.awaitPassed(t, everybody)
			t.Logf("longest waits: %s", watch.take(func(at place) bool { return at.source == "assessment" && at.partition < 4 }))
		}},
		{"the leader of a partition killed", func() { without(cluster.Leader(t, topic, 0), cluster.Kill) }},
		{"the leader of a partition killed that is not the controller", func() {
			without(cluster.Controller(t)%3+1, cluster.Kill)
		}},
	} {
		t.Log(fault.name + ":")
		begin, earlier := time.Now(), l.Figures()
		fault.happen()
		t.Logf("%s, within %s: %s", fault.name, time.Since(begin).Round(time.Millisecond), l.Figures().Since(earlier))
	}
	l.End()
	figures := l.Figures()
	assert.Zero(t, figures.Failed(), "requests failed although only Kafka was disturbed: %s", figures.FailuresByKind())
	verdict := l.Verify(load.SiteOf(t, platform))
	t.Logf("in: %d events, on the topics: %d records", verdict.Events, site.records(t))
}
