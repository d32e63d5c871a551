package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// windows counts the events that were somewhere between two steps of their way
// when a process was killed.
type windows struct {
	outbox    int64 // committed, not relayed
	log       int64 // relayed, not published
	unmarked  int64 // published, the forwarder's place not moved: they are published twice
	unhandled int64 // not passed by a consumer, counted for each
	uncounted int64 // passed, the group's offset not committed: they are delivered twice
}

func (w windows) String() string {
	return fmt.Sprintf("%d not relayed, %d relayed and not published, %d published and not marked, %d not handled (by all consumers), "+
		"at least %d handled and not committed to the group", w.outbox, w.log, w.unmarked, w.unhandled, w.uncounted)
}

// census is what the database and the brokers say of the windows.
type census struct {
	*bookkeeping
	site *site
	sum  windows
	// surplus is by how many the records were more than the events at the last
	// look.
	surplus int64
}

// look adds what is between two steps now, after a kill.
func (c *census) look(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	for _, m := range migrations.Modules() {
		var n int64
		require.NoError(t, c.db.QueryRow(ctx, fmt.Sprintf(`select count(*) from %s.outbox`, m)).Scan(&n))
		c.sum.outbox += n
	}
	ends, reached := c.ends(t), c.reached(t)
	c.sum.log += missing(ends, reached, place.forwarder)
	c.sum.unhandled += missing(ends, reached, func(p place) bool { return !p.forwarder() })
	marked := int64(0)
	for at, seq := range reached {
		if at.forwarder() {
			marked += seq
		}
	}
	surplus := c.site.records(t) - marked
	c.sum.unmarked += surplus - c.surplus
	c.surplus = surplus
	c.sum.uncounted += c.uncounted(t, reached)
}

// uncounted compares positions with the offsets that groups have committed. An
// offset is at least the number of events before it.
func (c *census) uncounted(t testing.TB, reached map[place]int64) (n int64) {
	t.Helper()
	committed := map[place]int64{}
	for consumer, group := range c.site.groups(t) {
		offsets, err := c.site.admin.FetchOffsets(t.Context(), group)
		require.NoError(t, err)
		for at := range reached {
			if o, ok := offsets.Lookup(c.site.topic(at.source), int32(at.partition)); ok && at.consumer == consumer {
				committed[at] = o.At
			}
		}
	}
	for at, offset := range committed {
		n += max(0, reached[at]-offset)
	}
	return n
}

// TestKafkaKilledUnderLoad kills the process again and again and counts what
// was under way each time.
func TestKafkaKilledUnderLoad(t *testing.T) {
	site := siteOn(t, kafka.Shared(t))
	database := postgrestest.NewServer(t).New(t)
	platform := platformtest.Start(t, site.options(database.URL(), ""))
	seen := &census{bookkeeping: newBookkeeping(t, database.Admin(t)), site: site}
	l := load.New(t, platform, load.Options{})
	l.Begin()
	kills, slowest := rounds(8, 1), time.Duration(0)
	for range kills {
		l.AwaitAnswers(1 + rand.Int64N(150))
		platform.Kill()
		seen.look(t)
		begin := time.Now()
		platform.Restart(t)
		slowest = max(slowest, time.Since(begin))
	}
	l.AwaitAnswers(100)
	l.End()
	t.Logf("%d kills, slowest start after one %s; %s", kills, slowest.Round(time.Millisecond), l.Figures())
	t.Logf("events under way at the kills: %s", seen.sum)
	verdict := l.Verify(load.SiteOf(t, platform))
	t.Logf("in: %d events, on the topics: %d records", verdict.Events, site.records(t))
}

// TestKafkaReplicaKilledUnderLoad kills one of two replicas. The other does
// everything then, also what the group still takes to be the dead one's.
func TestKafkaReplicaKilledUnderLoad(t *testing.T) {
	site := siteOn(t, kafka.Shared(t))
	database := postgrestest.New(t)
	options := site.options(database.URL(), platformtest.DataDir(t)) // they share their files and caught mail
	first, second := platformtest.Start(t, options), platformtest.Start(t, options)
	lag := watchLag(t, newBookkeeping(t, database.Admin(t)))
	l := load.New(t, first, load.Options{Rate: 100})
	for _, who := range l.Learners[4:] {
		who.MoveTo(second.URL)
	}
	before := site.shares(t, 2)
	l.Begin()
	l.AwaitAnswers(50)
	_ = lag.take()
	l.AwaitAnswers(200)
	steady := lag.take()

	begin := time.Now()
	first.Kill()
	for _, who := range l.Learners[:4] {
		who.MoveTo(second.URL)
	}
	after := site.shares(t, 1)
	noticed := time.Since(begin)
	l.AwaitAnswers(200)
	left := map[string]bool{}
	for _, member := range after {
		left[member] = true
	}
	dead := func(p place) bool { return !p.forwarder() && !left[before[p]] }
	survivors := func(p place) bool { return !p.forwarder() && left[before[p]] }
	worst := lag.take()
	l.End()

	t.Logf("longest wait of an event before the kill: %s; after it, until a consumer has passed it whose partition the dead replica had: %s, "+
		"the other replica: %s, until it was on its topic: %s; the groups noticed after %s",
		steady.of(everybody), worst.of(dead), worst.of(survivors), worst.of(place.forwarder), noticed.Round(time.Millisecond))
	t.Logf("by consumer: %s", worst)
	assert.Zero(t, l.FailuresOf(l.Learners[4:]), "failures of the second replica's learners")
	t.Log(l.Figures())
	verdict := l.Verify(load.SiteOf(t, second))
	t.Logf("in: %d events, on the topics: %d records", verdict.Events, site.records(t))
}

// TestKafkaRebalancedUnderLoad has replicas come and go while events are
// handled, in order and by kill -9, so that partitions change hands in the middle
// of a batch.
func TestKafkaRebalancedUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("one replica that dies is enough for a short run")
	}
	site := siteOn(t, kafka.Shared(t))
	database := postgrestest.New(t)
	options := site.options(database.URL(), platformtest.DataDir(t))
	first := platformtest.Start(t, options)
	other := platformtest.Prepare(t, options)
	lag := watchLag(t, newBookkeeping(t, database.Admin(t)))
	l := load.New(t, first, load.Options{Rate: 100})
	l.Begin()
	l.AwaitAnswers(100)
	const visits = 5
	for n := range visits {
		other.Restart(t)
		if n%2 == 0 {
			site.shares(t, 2)
		}
		l.AwaitAnswers(1 + rand.Int64N(50))
		if n%2 == 0 {
			require.NoError(t, other.Terminate(t))
		} else {
			other.Kill()
		}
	}
	l.AwaitAnswers(100)
	l.End()
	figures := l.Figures()
	assert.Zero(t, figures.Failed(), "requests to the replica that stayed failed: %s", figures.FailuresByKind())
	t.Logf("a second replica came and went %d times; longest waits: %s; %s", visits, lag.take(), figures)
	verdict := l.Verify(load.SiteOf(t, first))
	t.Logf("in: %d events, on the topics: %d records", verdict.Events, site.records(t))
}
