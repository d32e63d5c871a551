package bus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// The moments at which a process can die are met exactly here. tests/faults kills
// whole processes, at moments of chance.

// TestCutOffBetweenSendAndMark ends the forwarder's transaction while the broker
// takes what it sends: its place does not move, and it sends everything again.
func TestCutOffBetweenSendAndMark(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	key := uuid.New()
	w.emit(t, key, 1, 2, 3)
	var met atomic.Bool
	var ended atomic.Int64
	w.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if !met.Swap(true) {
			n := int64(0)
			err := w.users.Pool.QueryRow(t.Context(), `
				select count(pg_terminate_backend(pid)) from pg_stat_activity
				where usename = current_user and datname = current_database() and state = 'idle in transaction'`).Scan(&n)
			if err != nil {
				t.Errorf("end the forwarder's transaction: %v", err)
			}
			ended.Store(n)
		}
		return nil, nil, false // the broker takes it all the same
	})
	w.start(t)
	w.expect(t, 1, 2, 3)
	require.Positive(t, ended.Load(), "transactions that were ended")
	w.emit(t, key, 4)
	w.expect(t, 4)
	require.Empty(t, w.handled, "something took effect twice")
	require.Len(t, w.records(t, "lyceum.users"), 7, "the first three were sent twice")
}

// effectsOf makes the consumer write its effects, which stand or fall with its
// transaction, and returns a function that reads them.
func (w *kafkaWorld) effectsOf(t *testing.T, then func(ctx context.Context, tx pgx.Tx, version int) error) func() []int {
	t.Helper()
	w.admin(`create schema effects; grant usage on schema effects to public;
		create table effects.seen (id bigint generated always as identity, version int); grant all on effects.seen to public`)
	w.options.Members[1].Contract.Consumers[0].Reactions = []Reaction{On(w.topic, func(ctx context.Context, tx pgx.Tx, d Delivery[thing]) error {
		if _, err := tx.Exec(ctx, `insert into effects.seen (version) values ($1)`, d.Payload.Version); err != nil {
			return err
		}
		if err := then(ctx, tx, d.Payload.Version); err != nil {
			return err
		}
		w.handled <- d.Payload.Version
		return nil
	})}
	return func() []int {
		rows, err := w.users.Pool.Query(t.Context(), `select version from effects.seen order by id`)
		require.NoError(t, err)
		versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
		require.NoError(t, err)
		return versions
	}
}

// TestAConsumerCutOffBeforeItsCommit ends the transaction that has the effect and
// not yet the position.
func TestAConsumerCutOffBeforeItsCommit(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	var cut atomic.Bool
	effects := w.effectsOf(t, func(ctx context.Context, tx pgx.Tx, version int) error {
		if version != 2 || cut.Swap(true) {
			return nil
		}
		_, err := tx.Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	w.start(t)
	w.emit(t, uuid.New(), 1, 2, 3)
	require.Eventually(t, func() bool { return len(effects()) == 3 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, []int{1, 2, 3}, effects())
	require.True(t, cut.Load())
}

// TestAConsumerCutOffAfterItsCommit loses the answer to a commit: the effect and
// the position are there, and nobody has been told. A process that dies then
// leaves the same behind.
func TestAConsumerCutOffAfterItsCommit(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	var losing, lost atomic.Bool
	config := w.notify.Pool.Config()
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &losingConn{Conn: conn, losing: &losing, lost: &lost}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.options.Members[1].DB = postgres.NewDB(pool)
	effects := w.effectsOf(t, func(_ context.Context, _ pgx.Tx, version int) error {
		losing.Store(version == 2)
		return nil
	})
	w.start(t)
	w.emit(t, uuid.New(), 1, 2)
	require.Eventually(t, lost.Load, 10*time.Second, 10*time.Millisecond)
	w.emit(t, uuid.New(), 3)
	require.Eventually(t, func() bool { return len(effects()) == 3 }, 10*time.Second, 10*time.Millisecond)
	require.ElementsMatch(t, []int{1, 2, 3}, effects())
}

// TestADatabaseThatComesBackWithoutItsLastEvents is what a standby is that was
// promoted before it had them. Numbers that are on the topic are not given to
// other events in silence.
func TestADatabaseThatComesBackWithoutItsLastEvents(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t)
	b, err := New(w.options)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.kafka.Close()) }()
	f := newForwarder("users", w.users, b)
	key := uuid.New()
	relay := newRelay("users", w.users, b.heads["users"], w.options.Log, time.Second)
	publish := func(versions ...int) error {
		w.emit(t, key, versions...)
		_, _, err := relay.pass(t.Context())
		require.NoError(t, err)
		for {
			if _, err := f.pass(t.Context()); err != nil {
				return err
			}
			o := &f.outlets[partitionOf(key)]
			switch waiting, err := b.Unpublished(t.Context(), "users"); {
			case err != nil || o.failure != nil:
				return errors.Join(err, o.failure)
			case o.busy:
				f.settle(t.Context(), <-f.finished)
			case waiting == 0:
				return nil
			}
		}
	}
	require.NoError(t, publish(1, 2))
	require.NoError(t, publish(3))

	// A connection that was used a moment ago is taken without a look at it.
	w.admin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
	_, err = f.pass(t.Context())
	require.Error(t, err, "the database does not answer")
	w.admin(`delete from users.event_log where (payload->>'version')::int = 3`)
	w.admin(`update users.event_heads set seq = 2 where seq = 3`)
	w.admin(`update users.consumer_positions set seq = 2 where seq = 3 and consumer = 'users.kafka'`)
	w.users.Pool.Reset()

	err = publish(4)
	require.ErrorIs(t, err, errForeign)
	require.ErrorContains(t, err, "event 3")
	require.Len(t, w.records(t, "lyceum.users"), 3)
}

// losingConn loses the answer to a commit that is sent while losing is set, and
// with it the connection.
type losingConn struct {
	net.Conn
	losing, lost *atomic.Bool
	dead         atomic.Bool
}

func (c *losingConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("commit\x00")) && c.losing.CompareAndSwap(true, false) {
		c.dead.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *losingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.dead.Load() { // the server has answered: it is committed
		c.lost.Store(true)
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Conn.Close())
	}
	return n, err
}
