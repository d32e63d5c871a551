package drill

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// published are the events of one module.
type published struct {
	module   string
	numbered int64 // in its log
	onKafka  int64 // of these, on its topic
	again    int64 // sent more than once, which consumers know by the number
}

// handled is one consumer's way.
type handled struct {
	consumer string
	events   int64 // that it was to handle
	handled  int64 // numbers that it has come by: each is passed once
}

// tally is what became of all events.
type tally struct {
	published []published
	handled   []handled
}

// lost are events that are not where they should be.
func (y tally) lost() (n int64) {
	for _, p := range y.published {
		n += p.numbered - p.onKafka
	}
	for _, h := range y.handled {
		n += max(0, h.events-h.handled)
	}
	return n
}

// doubled are more handled events than there are.
func (y tally) doubled() (n int64) {
	for _, h := range y.handled {
		n += max(0, h.handled-h.events)
	}
	return n
}

// countEvents compares logs, topics and positions, once everything has arrived.
func countEvents(t *testing.T, brokers []string, database func(module string) *pgxpool.Pool) (all tally) {
	t.Helper()
	contracts, err := app.Contracts()
	require.NoError(t, err)
	heads := map[string]int64{}
	for _, c := range contracts {
		heads[c.Module] = sum(t, database(c.Module), fmt.Sprintf(`select coalesce(sum(seq), 0)::bigint from %s.event_heads`, c.Module))
		if len(c.Publishes) == 0 {
			continue
		}
		p := published{module: c.Module, numbered: heads[c.Module]}
		p.onKafka, p.again = readTopic(t, brokers, "lyceum."+c.Module)
		all.published = append(all.published, p)
	}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			h := handled{consumer: consumer.Name}
			for _, source := range consumer.Sources() {
				h.events += heads[source]
				h.handled += sum(t, database(c.Module), fmt.Sprintf(
					`select coalesce(sum(seq), 0)::bigint from %s.consumer_positions where consumer = $1 and source = $2`, c.Module), consumer.Name, source)
			}
			all.handled = append(all.handled, h)
		}
	}
	return all
}

func sum(t *testing.T, db *pgxpool.Pool, sql string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// number is an event's place in its module's log.
type number struct{ partition, sequence string }

// readTopic reads a topic to its present end and counts the events in it.
func readTopic(t *testing.T, brokers []string, topic string) (events, again int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, ends.Error())
	left := int64(0)
	for _, end := range ends.Offsets().Sorted() {
		left += end.At
	}
	found := map[number]bool{}
	for left > 0 {
		fetches := client.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			n := numberOf(t, r)
			if found[n] {
				again++
			}
			found[n] = true
			left--
		})
	}
	return int64(len(found)), again
}

func numberOf(t *testing.T, r *kgo.Record) (n number) {
	t.Helper()
	for _, h := range r.Headers {
		switch h.Key {
		case "ce_partition":
			n.partition = string(h.Value)
		case "ce_sequence":
			n.sequence = string(h.Value)
		}
	}
	require.Equal(t, strconv.Itoa(int(r.Partition)), n.partition, "the bus's partition is Kafka's")
	require.NotEmpty(t, n.sequence)
	return n
}

// awaitPublished waits until everything that is in the logs is on Kafka.
func awaitPublished(t *testing.T, database func(module string) *pgxpool.Pool) {
	t.Helper()
	contracts, err := app.Contracts()
	require.NoError(t, err)
	platformtest.Eventually(t, "all events are on Kafka", func() error {
		for _, c := range contracts {
			if len(c.Publishes) == 0 {
				continue
			}
			var left int64
			err := database(c.Module).QueryRow(t.Context(), fmt.Sprintf(`select (select sum(seq) from %[1]s.event_heads)::bigint -
				(select coalesce(sum(seq), 0) from %[1]s.consumer_positions where consumer = $1 and source = $2)::bigint`, c.Module),
				c.Module+".kafka", c.Module).Scan(&left)
			if err != nil {
				return err
			}
			if left != 0 {
				return fmt.Errorf("%d of %s are not", left, c.Module)
			}
		}
		return nil
	})
}
