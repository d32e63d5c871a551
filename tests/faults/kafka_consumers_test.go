package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestKafkaDatabaseRestartedUnderLoad stops, starts and kills PostgreSQL beneath
// a process whose events go through Kafka.
func TestKafkaDatabaseRestartedUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("without Kafka it is a part of the short run")
	}
	site := siteOn(t, kafka.Shared(t))
	server := postgrestest.NewServer(t)
	restartDatabase(t, server, site.options(server.New(t).URL(), ""), 4)
}

// away is what a consumer misses in ten minutes at fifty events a second.
const away = 10 * 60 * 50

// TestKafkaConsumerAwayForTenMinutes stops the process of analytics until so
// many events wait for it, and starts it again. The others work meanwhile, and
// are not disturbed when it catches up.
func TestKafkaConsumerAwayForTenMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("thirty thousand events take a while")
	}
	site := siteOn(t, kafka.Shared(t))
	database := postgrestest.New(t)
	split := platformtest.StartSplit(t, [][]string{{"users", "content", "assessment", "notify"}, {"analytics"}},
		site.options(database.URL(), ""))
	analytics := split.Processes[1]
	books := newBookkeeping(t, database.Admin(t))
	lag := watchLag(t, books)
	ofAnalytics := func(p place) bool { return strings.HasPrefix(p.consumer, "analytics.") }
	others := func(p place) bool { return !ofAnalytics(p) }
	l := load.New(t, split.Platform, load.Options{Learners: 4, Rate: 30})
	l.Begin()
	l.AwaitAnswers(50)
	require.NoError(t, analytics.Terminate(t))
	_, _ = books.awaitPassed(t, others)

	course := uuid.New() // of nobody, so that the learners' figures stay as they are
	emitViews(t, books.db, course, away)
	_, _ = books.awaitPassed(t, others)
	_ = lag.take()
	l.AwaitAnswers(60)
	before := lag.take()

	analytics.Launch(t)
	waited, took := books.awaitPassed(t, ofAnalytics)
	during := lag.take()
	analytics.Await(t)
	l.AwaitAnswers(30)
	l.End()

	var effects int
	require.NoError(t, books.db.QueryRow(t.Context(), `
		select count(*) from analytics.unit_progress where course_id = $1 and step = 'viewed'`, course).Scan(&effects))
	assert.Equal(t, away, effects, "units viewed, by learner")
	t.Logf("in: %d events while analytics was away, out: %d effects of them; %d events (by all its consumers) passed within %s of its start: %.0f/s",
		away, effects, waited, took.Round(time.Millisecond), float64(waited)/took.Seconds())
	t.Logf("longest wait of an event at the others: %s before, %s while analytics caught up (%s)", before.of(others), during.of(others), during)
	t.Log(l.Figures())
	l.Verify(load.SiteOf(t, split.Platform))
}

// emitViews emits events that somebody has opened a unit of the course, all
// different.
func emitViews(t *testing.T, db *pgxpool.Pool, course uuid.UUID, n int) {
	t.Helper()
	const atOnce = 500
	var enrolments [100]event.UnitViewedV1
	for i := range enrolments {
		enrolments[i] = event.UnitViewedV1{EnrolmentID: uuid.New(), CourseID: course, OrganisationID: uuid.New(), LearnerID: uuid.New(), At: time.Now()}
	}
	for begin := 0; begin < n; begin += atOnce {
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			for i := begin; i < min(begin+atOnce, n); i++ {
				view := enrolments[i%len(enrolments)]
				view.UnitID = uuid.New()
				if err := event.UnitViewed.Emit(t.Context(), tx, view); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
}

// note is the payload of the events of TestKafkaPoisonEvent.
type note struct {
	Key    uuid.UUID
	Number int
}

// TestKafkaPoisonEvent has an event that one of two consumers can never handle.
// It is set aside after its attempts, those behind it go on, and the other
// consumer notices nothing.
func TestKafkaPoisonEvent(t *testing.T) {
	site := siteOn(t, kafka.Shared(t))
	database := postgrestest.New(t)
	topic := bus.Define("content", "note-taken", 1, bus.NoPersonalData, func(n note) uuid.UUID { return n.Key })
	const events, poison = 2000, 700
	admin := database.Admin(t)
	_, err := admin.Exec(t.Context(), `create schema effects; grant usage on schema effects to public;
		create table effects.seen (consumer text, number int); grant all on effects.seen to public`)
	require.NoError(t, err)
	consumer := func(name string, fails func(int) bool) bus.Consumer {
		return bus.Consumer{
			Name: name, Purpose: "Writes down what it has seen.", Reset: func(context.Context, pgx.Tx) error { return nil },
			Reactions: []bus.Reaction{bus.On(topic, func(ctx context.Context, tx pgx.Tx, d bus.Delivery[note]) error {
				if fails(d.Payload.Number) {
					return errors.New("this is poison")
				}
				_, err := tx.Exec(ctx, `insert into effects.seen values ($1, $2)`, name, d.Payload.Number)
				return err
			})},
		}
	}
	content, notify := database.DB(t, "content"), database.DB(t, "notify")
	b, err := bus.New(bus.Options{
		Members: []bus.Member{
			{DB: content, Contract: bus.Contract{Module: "content", Publishes: []bus.AnyTopic{topic}}},
			{DB: notify, Contract: bus.Contract{Module: "notify", Consumers: []bus.Consumer{
				consumer("notify.sick", func(n int) bool { return n == poison }), consumer("notify.sound", func(int) bool { return false }),
			}}},
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Registerer: prometheus.NewRegistry(),
		Kafka: &bus.KafkaConfig{Brokers: site.cluster.Brokers(), Prefix: site.prefix, CreateTopics: true},
		Retry: bus.RetryPolicy{Attempts: 5, Min: 100 * time.Millisecond, Max: time.Second, Timeout: 10 * time.Second},
	})
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		assert.NoError(t, b.Stop(ctx))
	})
	lag := watchLag(t, newBookkeeping(t, admin))
	effects := func(consumer string) (all, different int) {
		require.NoError(t, admin.QueryRow(t.Context(), `select count(*), count(distinct number) from effects.seen where consumer = $1`,
			consumer).Scan(&all, &different))
		return all, different
	}
	var keys [50]uuid.UUID
	for i := range keys {
		keys[i] = uuid.New()
	}
	emit := func(n int) {
		require.NoError(t, content.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return topic.Emit(ctx, tx, note{keys[n%len(keys)], n})
		}))
	}
	handled := func(consumer string, want int) {
		platformtest.Eventually(t, consumer+" has handled everything", func() error {
			if all, _ := effects(consumer); all < want {
				return fmt.Errorf("%d of %d", all, want)
			}
			return nil
		})
	}
	emit(0)
	handled("notify.sound", 1)
	handled("notify.sick", 1) // both are in their groups
	_ = lag.take()
	begin := time.Now()
	for n := 1; n < events; n++ {
		emit(n)
	}
	took := map[string]time.Duration{}
	for consumer, want := range map[string]int{"notify.sound": events, "notify.sick": events - 1} {
		handled(consumer, want)
		took[consumer] = time.Since(begin)
		all, different := effects(consumer)
		assert.Equal(t, want, all, consumer)
		assert.Equal(t, want, different, consumer)
	}
	letters, err := b.DeadLetters(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	assert.Equal(t, "notify.sick", letters[0].Consumer)
	assert.Contains(t, letters[0].Error, "this is poison")
	waits := lag.take()
	of := func(consumer string) time.Duration {
		return waits.of(func(p place) bool { return p.consumer == consumer })
	}
	t.Logf("in: %d events within %s; out: %d effects of the sound consumer, the longest wait %s, and %d of the sick one, the longest wait %s; dead letters: %d, after %d attempts",
		events, took["notify.sound"].Round(time.Millisecond), events, of("notify.sound"), events-1, of("notify.sick"), len(letters), letters[0].Attempts)
}
