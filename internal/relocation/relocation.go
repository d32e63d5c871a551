// Package relocation moves a module's schema from one PostgreSQL database to
// another while the platform runs.
//
// At any moment at most one of the two ends lets the module in. Until the cut it
// is the source, which goes on serving while its rows are copied and followed
// (method logical) or are not yet copied at all (method dump). The cut locks the
// tables against writers, brings the target up to the last committed row,
// compares both ends, shuts the source for the module's role and opens the
// target. From the lock to the opening writers wait; readers do so for the last
// moment only. Until the source is shut every failure leaves it serving, and the
// target shut.
//
// How far a move has come is written at both ends (postgres.Standing), so that a
// process which was killed is followed by another that goes on or gives up. A
// move back is a move in the other direction: the schema that stayed behind,
// shut, is replaced.
//
// Positions, numbers and dead letters of the bus are rows of the schema and move
// with it, so no event is lost or takes effect twice.
package relocation

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

// Method is how the rows get to the target.
type Method string

const (
	// Logical copies the rows while the source serves, follows what is written
	// meanwhile by logical replication, and pauses for the last of it.
	Logical Method = "logical"
	// Dump copies all rows within the pause. It asks nothing of the servers, not
	// even that they reach each other, and is for small schemas.
	Dump Method = "dump"
)

// Options of a move.
type Options struct {
	// Source and Target are the administrators' URLs of the two databases.
	Source, Target string
	// SourceFromTarget is the source's URL as the target's server reaches it, for
	// method logical. Default: Source.
	SourceFromTarget string
	Module           string
	// Secret derives the password of the module's role at the target, as in
	// migrations.Options.
	Secret string
	// Method defaults to Logical.
	Method Method
	// MaxPause bounds the pause: a cut that has not shut the source by then is
	// given up, and the source goes on serving. Default: DefaultMaxPause.
	MaxPause time.Duration
	// Progress, if not nil, is told what has been done. It is called by the
	// goroutine that does it.
	Progress func(Progress)
}

// DefaultMaxPause is less than a module waits for a lock, so that its writers do
// not notice more than the wait.
const DefaultMaxPause = 8 * time.Second

// Progress is a step of a move that is done, or a figure of one under way.
type Progress struct {
	Step Step
	// Text is for people.
	Text string
}

// Step names a point that a move has passed.
type Step string

// The steps in their order. A process may be killed after any of them.
const (
	SourceMarked   Step = "source marked"
	TargetMarked   Step = "target marked"
	TargetMigrated Step = "target migrated"
	TargetEmptied  Step = "target emptied"
	Published      Step = "published" // and what follows, up to Following, for method logical only
	Subscribed     Step = "subscribed"
	Copying        Step = "copying"
	Following      Step = "following"
	Ahead          Step = "checked ahead"
	Locked         Step = "locked"
	CaughtUp       Step = "caught up"
	Compared       Step = "compared"
	TargetComplete Step = "target complete"
	ShutOut        Step = "module shut out"
	SourceShut     Step = "source shut"
	TargetOpen     Step = "target open"
	CleanedUp      Step = "cleaned up"
)

// Result says what a move has done.
type Result struct {
	// Pause is the time from the lock to the opening of the target, in which
	// nobody could write. It is zero when the source was shut by an earlier run.
	Pause time.Duration
	// Attempts is how often the lock was tried, and Blocked how long the longest
	// of those that failed held up writers.
	Attempts int
	Blocked  time.Duration
	// Tables and Rows are what was compared, and Bytes their size at the source.
	Tables      int
	Rows, Bytes int64
	// Resumed is set when an earlier run had begun the move.
	Resumed bool
}

// Move is a move of one module by this process.
type Move struct {
	o      Options
	id     string
	source *end
	target *end
	// resumed is set when an earlier run began the move.
	resumed bool
	// ahead are the checksums computed before the cut.
	ahead *checksums
}

// end is one database of a move.
type end struct {
	name string // "source" or "target"
	url  string
	// conn holds the advisory locks of the move.
	conn *pgx.Conn
	// place names the database for people.
	place    string
	database string
	module   string
}

// ErrNothingToAbort is what Abort returns when no move is under way.
var ErrNothingToAbort = errors.New("no move is under way")

// Open connects to both ends and takes the turn: of two processes that move the
// same module one is refused. It changes nothing yet.
func Open(ctx context.Context, o Options) (_ *Move, err error) {
	o.Method = cmp.Or(o.Method, Logical)
	o.MaxPause = cmp.Or(o.MaxPause, DefaultMaxPause)
	o.SourceFromTarget = cmp.Or(o.SourceFromTarget, o.Source)
	if !slices.Contains(migrations.Modules(), o.Module) {
		return nil, fmt.Errorf("there is no module %q (modules: %s)", o.Module, strings.Join(migrations.Modules(), ", "))
	}
	if o.Method != Logical && o.Method != Dump {
		return nil, fmt.Errorf("there is no method %q: use %s or %s", o.Method, Logical, Dump)
	}
	m := &Move{o: o}
	defer func() {
		if err != nil {
			m.Close(ctx)
		}
	}()
	if m.source, err = openEnd(ctx, "source", o.Source, o.Module); err != nil {
		return nil, err
	}
	if m.target, err = openEnd(ctx, "target", o.Target, o.Module); err != nil {
		return nil, err
	}
	return m, m.takeTurn(ctx)
}

// Close gives the turn back. What has been done stays.
func (m *Move) Close(ctx context.Context) {
	for _, e := range []*end{m.source, m.target} {
		if e != nil {
			_ = e.conn.Close(context.WithoutCancel(ctx))
		}
	}
}

// Run moves the module: it checks the conditions, prepares, follows and cuts, or
// goes on with what an earlier run has begun.
func Run(ctx context.Context, o Options) (Result, error) {
	m, err := Open(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer m.Close(ctx)
	findings, err := m.Check(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := Refusal(findings); err != nil {
		return Result{}, err
	}
	if err := m.Prepare(ctx); err != nil {
		return Result{}, err
	}
	if err := m.Follow(ctx); err != nil {
		return Result{}, err
	}
	return m.Cut(ctx)
}

func openEnd(ctx context.Context, name, url, module string) (*end, error) {
	e := &end{name: name, url: url, module: module}
	conn, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	e.conn, e.database, e.place = conn, conn.Config().Database, place(conn)
	return e, nil
}

// place names a database without its login.
func place(conn *pgx.Conn) string {
	c := conn.Config()
	return fmt.Sprintf("%s:%d/%s", c.Host, c.Port, c.Database)
}

// connect opens one more session as the administrator.
func (e *end) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(e.url)
	if err != nil {
		return nil, fmt.Errorf("the URL of the %s: %w", e.name, err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	// The text of rows and of bounds of partitions must mean the same at both ends.
	for key, value := range map[string]string{
		"application_name": "lyceum/relocate", "search_path": "", "timezone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres",
		"extra_float_digits": "1", "bytea_output": "hex", "client_encoding": "UTF8", "lock_timeout": "10s", "statement_timeout": "0",
		"idle_in_transaction_session_timeout": "0", "synchronous_commit": "on",
		// A process that is killed leaves no query behind that goes on under its locks.
		"client_connection_check_interval": "1s",
	} {
		config.RuntimeParams[key] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the %s as its administrator: %w", e.name, err)
	}
	return conn, nil
}

// takeTurn locks the move at both ends for the life of the connections, and
// refuses to move a schema onto itself.
func (m *Move) takeTurn(ctx context.Context) error {
	// A number that nobody else has tells whether both ends are one database.
	var probe [7]byte
	if _, err := rand.Read(probe[:]); err != nil {
		return fmt.Errorf("make a random number: %w", err)
	}
	number := int64(0)
	for _, b := range probe {
		number = number<<8 | int64(b)
	}
	for _, e := range []*end{m.source, m.target} {
		var free bool
		if err := e.conn.QueryRow(ctx, `select pg_catalog.pg_try_advisory_lock($1)`, number).Scan(&free); err != nil {
			return fmt.Errorf("take the turn at the %s: %w", e.name, err)
		}
		if !free {
			return fmt.Errorf("the target is the database that module %s is in: name another one", m.o.Module)
		}
	}
	for _, e := range []*end{m.source, m.target} {
		if err := m.awaitTurn(ctx, e); err != nil {
			return err
		}
	}
	return m.holdMaintenance(ctx)
}

// turnPatience is how long a server may take to notice that a process which had
// the turn was killed.
const turnPatience = 3 * time.Second

func (m *Move) awaitTurn(ctx context.Context, e *end) error {
	for deadline := time.Now().Add(turnPatience); ; {
		var free bool
		err := e.conn.QueryRow(ctx, `select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext($1), 7302)`, "lyceum relocation of "+m.o.Module).Scan(&free)
		if err != nil {
			return fmt.Errorf("take the turn at the %s: %w", e.name, err)
		}
		if free {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process is moving module %s at the %s (%s): wait for it or end it", m.o.Module, e.name, e.place)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// holdMaintenance keeps the functions that make and drop months of partitioned
// tables from working at the source: rows that they move from the default
// partition to a month that is not published yet would not be followed. The
// functions return at once while somebody has their lock.
func (m *Move) holdMaintenance(ctx context.Context) error {
	_, err := m.source.conn.Exec(ctx, `
		select pg_catalog.pg_advisory_lock(pg_catalog.hashtext(n.nspname || '.' || p.proname), 0)
		from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
		where n.nspname = $1 and p.proname like 'maintain\_%' and p.prosecdef`, m.o.Module)
	if err != nil {
		return fmt.Errorf("keep the source from making and dropping months: %w", err)
	}
	return nil
}

func (m *Move) tell(step Step, format string, args ...any) {
	if m.o.Progress != nil {
		m.o.Progress(Progress{Step: step, Text: fmt.Sprintf(format, args...)})
	}
}

// standing reads what part the schema at this end plays.
func (e *end) standing(ctx context.Context) (postgres.Standing, bool, error) {
	return postgres.ReadStanding(ctx, e.conn, e.module)
}

// mark records what part the schema at this end plays.
func (m *Move) mark(ctx context.Context, e *end, q querier, state postgres.StandingState) error {
	peer := m.target.place
	if e == m.target {
		peer = m.source.place
	}
	return postgres.WriteStanding(ctx, q, m.o.Module, postgres.Standing{
		State: state, Move: m.id, Peer: peer, Method: string(m.o.Method), At: time.Now().UTC().Truncate(time.Second),
	})
}
