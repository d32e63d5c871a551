package drill

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

const (
	// rate is how many requests a second the learners send. It leaves something of
	// a small machine to processes that start.
	rate = 40
	// drain is how long a process that is told to stop still serves, so that the
	// load balancer notices first, on a busy machine, too.
	drain = 3 * time.Second
	// breath is how many answers are awaited after each thing that is done.
	breath = 80
)

// TestExtraction takes assessment out of the processes that run everything into
// one of its own, its data to a second PostgreSQL, and brings both back, while
// learners are at work. None of them sees an error, and nothing is lost or done
// twice. The report says how long they waited.
//
// It runs on Apache Kafka where there is one (see tests/kafka), otherwise on a
// broker in the test's process; short, on the latter and without the second
// PostgreSQL.
func TestExtraction(t *testing.T) {
	d := prepare(t)
	d.allInOne()
	d.besideTheOthers()
	d.movePaths()
	if !testing.Short() {
		d.moveSchemaThere()
		d.moveSchemaBack()
	}
	d.allInOneAgain()
	d.end()
}

// extraction is one drill.
type extraction struct {
	*testing.T
	report  report
	brokers []string
	data    string // all processes share their files and the mail that they catch
	key     string // signs media URLs

	home  *postgrestest.Database // where everything is in the beginning
	other *postgrestest.Database // on a second server; nil in short runs

	balancer  *load.Balancer
	front     string // the balancer's address
	load      *load.Load
	replicas  []*platformtest.Platform // what the balancer sends learners to
	own, own2 string                   // addresses of assessment's own processes
	at, at2   *platformtest.Platform   // the processes there
}

// prepare starts what is not the platform: Kafka and two PostgreSQL servers, each
// of which is to be replicated from once.
func prepare(t *testing.T) *extraction {
	d := &extraction{T: t, data: platformtest.DataDir(t), own: platformtest.FreeAddress(t), own2: platformtest.FreeAddress(t)}
	if err := kafka.Available(); err == nil && !testing.Short() {
		d.brokers = kafka.Start(t, kafka.Options{}).Brokers()
		d.report.note("Apache Kafka, one node")
	} else {
		d.brokers = platformtest.Kafka(t)
		d.report.note("a Kafka broker in the test's process")
	}
	if testing.Short() {
		d.home = postgrestest.New(t)
		return d
	}
	server := func() *postgrestest.Server {
		return postgrestest.NewServer(t, "wal_level=logical", "max_connections=300")
	}
	d.home, d.other = server().New(t), server().Empty(t)
	// As for any database that is made for the platform: by default PostgreSQL lets
	// everybody in.
	_, err := d.other.Admin(t).Exec(t.Context(), `revoke all on database `+d.other.Name()+` from public`)
	require.NoError(t, err)
	return d
}

// step does something while the learners are at work, and reports what they have
// seen of it.
func (d *extraction) step(name string, do func()) {
	d.Helper()
	before := d.load.Figures()
	do()
	d.load.AwaitAnswers(breath)
	d.report.step(name, d.load.Figures().Since(before))
}

// options are those of every process.
func (d *extraction) options(env ...string) platformtest.Options {
	return platformtest.Options{
		DatabaseURL: d.home.URL(), DataDir: d.data, Bus: "kafka", KafkaBrokers: d.brokers,
		Env: append([]string{"LYCEUM_MEDIA_KEY=" + d.key, "LYCEUM_TRUSTED_PROXIES=127.0.0.0/8", fmt.Sprintf("LYCEUM_DRAIN_DELAY=%s", drain)}, env...),
	}
}

// ownOptions are those of a process with assessment alone.
func (d *extraction) ownOptions(address string, env ...string) platformtest.Options {
	o := d.options(env...)
	o.Modules, o.Upstreams, o.Listen, o.OpsListen = []string{"assessment"}, []string{"users=" + d.front}, address, platformtest.FreeAddress(d)
	return o
}

// allInOne is the beginning: two replicas that run everything behind a load
// balancer, and learners. The first replica has made the key for media URLs, which
// the others are given.
func (d *extraction) allInOne() {
	first := platformtest.Start(d, d.options())
	var err error
	d.key, err = first.Command(d, "media-key")
	require.NoError(d, err)
	d.replicas = []*platformtest.Platform{first, platformtest.Start(d, d.options())}
	d.balancer = load.NewBalancer(d, d.replicas...)
	d.front = d.balancer.Serve(d)
	d.load = load.New(d, first, load.Options{At: func() string { return d.front }, Rate: rate})
	d.load.Begin()
	d.step("two replicas that run everything", func() { d.load.AwaitAnswers(breath) })
}

// besideTheOthers starts assessment's own process on the same database: one more
// replica of that module, to which no request goes yet.
func (d *extraction) besideTheOthers() {
	d.step("assessment started as a process of its own", func() {
		d.at = platformtest.Start(d, d.ownOptions(d.own))
	})
}

// movePaths replaces the replicas by others that do not run assessment and pass its
// paths on.
func (d *extraction) movePaths() {
	o := d.options()
	o.Modules = []string{"users", "content", "analytics", "notify"}
	o.Upstreams = []string{"assessment=http://" + d.own}
	if d.other != nil {
		o.Upstreams[0] += ",http://" + d.own2
	}
	for i := range d.replicas {
		d.step(fmt.Sprintf("replica %d without it: its paths move", i+1), func() { d.replace(i, o) })
	}
}

// replace puts another process in a replica's place: first the new one is ready,
// then the old one stops in order.
func (d *extraction) replace(i int, o platformtest.Options) {
	old := d.replicas[i]
	d.replicas[i] = platformtest.Start(d, o)
	d.balancer.Add(d, d.replicas[i])
	d.stop(old)
	d.balancer.Remove(old)
}

// stop stops a process as an operator does. It answers what it has begun.
func (d *extraction) stop(p *platformtest.Platform) {
	d.Helper()
	require.NoError(d, p.Terminate(d), "an orderly stop")
	require.NotContains(d, p.Log(d), "cut off")
}

// moveSchemaThere moves the data to the second server, where a process waits for
// them, and stops the one that they have left.
func (d *extraction) moveSchemaThere() {
	d.step("a second process waits for the data", func() { d.at2 = d.await(d.own2, d.other) })
	d.step("the data move to the second PostgreSQL", func() {
		d.move(d.at2, "extract", "assessment", "--move-to", d.other.URL())
	})
	d.servedAt(d.other, d.home)
	d.step("the process that they have left stops", func() { d.stop(d.at) })
}

// moveSchemaBack is the same in the other direction.
func (d *extraction) moveSchemaBack() {
	d.step("a process waits for the data to come back", func() { d.at = d.await(d.own, d.home) })
	d.step("the data move back", func() {
		d.move(d.at, "extract", "assessment", "--from", d.other.URL(), "--move-to", d.home.URL())
	})
	d.servedAt(d.home, d.other)
	d.step("the process that they have left stops", func() { d.stop(d.at2) })
}

// await starts a process of assessment that leads to a database and waits until it
// is let in. It has the login of its module alone, as a process that is not the
// administrator's.
func (d *extraction) await(address string, at *postgrestest.Database) *platformtest.Platform {
	o := d.ownOptions(address, "LYCEUM_AWAIT_DATABASE=true", "LYCEUM_ASSESSMENT_DATABASE_URL="+at.ModuleURL(d, "assessment"))
	o.DatabaseURL = ""
	p := platformtest.Prepare(d, o)
	p.Launch(d)
	platformtest.Eventually(d, "the process waits for its database", func() error {
		if err := p.Ready(d.Context()); err == nil || !waiting.MatchString(err.Error()) {
			return fmt.Errorf("it does not wait: %w", err)
		}
		return nil
	})
	return p
}

var (
	waiting = regexp.MustCompile(`waiting: `)
	waited  = regexp.MustCompile(`(?m)^assessment has moved: .*$`)
)

// move runs the command that moves the data, and returns when they are served by
// the process that waits for them.
func (d *extraction) move(to *platformtest.Platform, command ...string) {
	d.Helper()
	output, err := d.replicas[0].Command(d, command...)
	d.Logf("platform extract:\n%s", output)
	require.NoError(d, err)
	d.report.note("%s", waited.FindString(output))
	to.Await(d)
}

// servedAt makes sure that one database lets assessment in, and the other does not.
func (d *extraction) servedAt(here, notThere *postgrestest.Database) {
	d.Helper()
	for _, at := range []*postgrestest.Database{here, notThere} {
		var open bool
		err := at.Admin(d).QueryRow(d.Context(), `select has_database_privilege($1, current_database(), 'connect')`,
			postgres.AppRole("assessment")).Scan(&open)
		require.NoError(d, err)
		require.Equal(d, at == here, open, "one database lets assessment in, and it alone")
	}
}

// allInOneAgain is the end: as it was in the beginning.
func (d *extraction) allInOneAgain() {
	for i := range d.replicas {
		d.step(fmt.Sprintf("replica %d runs everything again", i+1), func() { d.replace(i, d.options()) })
	}
	d.step("assessment's own process stops", func() { d.stop(d.at) })
}

// end lets the learners finish, looks at everything, and prints the report.
func (d *extraction) end() {
	d.load.End()
	figures := d.load.Figures()
	d.report.total(figures)
	db := d.home.Admin(d)
	database := func(string) *pgxpool.Pool { return db }
	verdict := d.load.Verify(load.Site{URL: func() string { return d.front }, Database: database})
	awaitPublished(d.T, database)
	events := countEvents(d.T, d.brokers, database)
	d.report.events(events, verdict)
	d.Logf("the load balancer:\n%s", d.balancer)
	d.Logf("\n%s", d.report.String())

	assert.Zero(d, figures.Failed(), "requests that failed: %s", figures.FailuresByKind())
	assert.Zero(d, int64(verdict.Lost)+events.lost(), "lost")
	assert.Zero(d, int64(verdict.Doubled)+events.doubled(), "doubled")
	assert.Zero(d, verdict.Gaps+verdict.DeadLetters, "partitions with a gap, and dead letters")
}
