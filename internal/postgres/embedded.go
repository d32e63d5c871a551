package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// EmbeddedOptions say where an embedded server keeps its data.
type EmbeddedOptions struct {
	// DataDir is the platform's data directory; the server uses postgres,
	// postgres.log, postgres.lock and run in it. Default DefaultDataDir().
	DataDir string
	// Parameters are server settings beyond the defaults.
	Parameters map[string]string
	// Log is told what happens to the server. Nil is silence.
	Log *slog.Logger
}

// Embedded is a PostgreSQL server that belongs to a data directory. It listens
// on a unix socket only, which other users cannot reach.
//
// Of several processes on one data directory the first owns the server and the
// others attach to it. The server ends with its owner, however that ends; then
// one of the others takes over and starts it again at the same address. Calls
// fail for the moment that takes. A server that crashes is started again by its
// owner.
type Embedded struct {
	cluster     string // the server's own directory
	logFile     string
	lockFile    string
	socketDir   string
	account     account
	binaries    binaries
	parameters  map[string]string
	log         *slog.Logger
	stop        context.CancelFunc
	stopped     chan struct{}
	failed      chan error
	initialised bool // the first start or attachment is over
	quickEnds   int  // how often in a row it ended soon after its start
}

const (
	embeddedUser     = "lyceum"
	embeddedDatabase = "lyceum"
	// maxSocketDir leaves room for "/.s.PGSQL.5432.lock" within the 103 bytes
	// that the strictest system allows for the address of a socket.
	maxSocketDir = 84
	// stopTimeout is for a fast shutdown, which writes out what is in memory.
	stopTimeout = 60 * time.Second
	// startTimeout is for crash recovery after the worst of deaths.
	startTimeout = 2 * time.Minute
	// poll is how often a start looks whether the server is there.
	poll = 10 * time.Millisecond
)

// plainPath is a path that every reader of a list of directories and of a
// database URL takes as it stands: they differ about commas, quotes and spaces.
var plainPath = regexp.MustCompile(`^[\w/.-]+$`)

// DefaultDataDir is where the platform keeps its data unless told otherwise:
// /var/lib/lyceum for root, else $XDG_DATA_HOME/lyceum, else
// ~/.local/share/lyceum.
func DefaultDataDir() (string, error) {
	if os.Getuid() == 0 {
		return "/var/lib/lyceum", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lyceum"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for data: %w", err)
	}
	return filepath.Join(home, ".local", "share", "lyceum"), nil
}

// StartEmbedded starts the server of a data directory, or attaches to it where
// another process runs it already. It returns when the server answers; ctx
// bounds the wait, not the life of the server. A new data directory takes a
// second, an existing one a tenth of that.
//
// The server's programs are those installed, in the version that wrote the data
// or else the newest; where none are installed they are fetched once into the
// user's cache.
func StartEmbedded(ctx context.Context, o EmbeddedOptions) (*Embedded, error) {
	e := &Embedded{log: o.Log, stopped: make(chan struct{}), failed: make(chan error, 1)}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.layOut(o.DataDir); err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	major, err := dataMajor(e.cluster)
	if err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	var ok bool
	if e.binaries, ok = installedBinaries(ctx, os.Getenv("PATH"), installations, major); !ok {
		f, err := newFetcher(e.account, e.log)
		if err != nil {
			return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
		}
		if e.binaries, err = f.fetch(ctx, major); err != nil {
			return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
		}
	}
	e.parameters = map[string]string{
		"listen_addresses": "", "unix_socket_directories": e.socketDir, "unix_socket_permissions": "0700",
		"port": "5432", "max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "2GB",
		// A module's schema can be moved while it is in use: one slot a table, at its target.
		"wal_level": "logical", "max_replication_slots": "64",
		"logging_collector": "off", "log_min_messages": "warning", "log_statement": "none", "timezone": "UTC",
	}
	maps.Copy(e.parameters, o.Parameters)

	lifetime, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	ready := make(chan error, 1)
	go e.run(lifetime, ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		stop()
		<-e.stopped
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	return e, nil
}

// URL is the address of the database, as its superuser.
func (e *Embedded) URL() string { return e.databaseURL(embeddedDatabase) }

func (e *Embedded) databaseURL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(embeddedUser), Path: "/" + database,
		RawQuery: url.Values{"host": {e.socketDir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}).String()
}

// Wait gives the reason when the server is lost for good: it keeps crashing, or
// it could not be taken over. After Stop it gives nothing.
func (e *Embedded) Wait() <-chan error { return e.failed }

// Stop stops the server if this process owns it, and detaches from it
// otherwise. It returns when the server has ended. Stopping twice is stopping
// once.
func (e *Embedded) Stop(ctx context.Context) error {
	e.stop()
	select {
	case <-e.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop embedded PostgreSQL: %w", ctx.Err())
	}
}

// MakeDataDir makes the data directory, unless it is there. Whoever puts something
// into it makes it so, because the embedded server, which root runs as another
// user, has to pass through it.
func MakeDataDir(dir string) error {
	mode := os.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// layOut makes the directories and settles the paths.
func (e *Embedded) layOut(dataDir string) (err error) {
	if dataDir == "" {
		if dataDir, err = DefaultDataDir(); err != nil {
			return err
		}
	}
	if dataDir, err = filepath.Abs(dataDir); err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	if e.account, err = serverAccount(); err != nil {
		return err
	}
	if err := MakeDataDir(dataDir); err != nil {
		return err
	}
	// Two names of one directory must lead to one socket.
	if dataDir, err = filepath.EvalSymlinks(dataDir); err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	if err := e.account.enter(dataDir); err != nil {
		return err
	}
	e.cluster = filepath.Join(dataDir, "postgres")
	e.logFile = filepath.Join(dataDir, "postgres.log")
	e.lockFile = filepath.Join(dataDir, "postgres.lock")
	e.socketDir = filepath.Join(dataDir, "run")
	if len(e.socketDir) > maxSocketDir || !plainPath.MatchString(e.socketDir) {
		// Not os.TempDir: processes that share the data need not share TMPDIR.
		e.socketDir = fmt.Sprintf("/tmp/lyceum-%x", sha256.Sum256([]byte(dataDir)))[:len("/tmp/lyceum-")+16]
	}
	return e.account.own(e.socketDir)
}

// run takes turns in owning the server until it is told to stop.
func (e *Embedded) run(ctx context.Context, ready chan<- error) {
	defer close(e.stopped)
	for ctx.Err() == nil {
		lock, err := tryLock(e.lockFile)
		if err != nil {
			e.fail(ready, err)
			return
		}
		if lock == nil { // another process owns the server
			if !e.initialised && e.reachable(ctx, embeddedDatabase) {
				e.log.InfoContext(ctx, "attached to the embedded PostgreSQL of another process", "socket", e.socketDir)
				e.announce(ready)
			}
			if err := pause(ctx, 5*poll); err != nil {
				return
			}
			continue
		}
		err = e.serve(ctx, ready)
		if closeErr := lock.Close(); closeErr != nil {
			err = cmp.Or(err, closeErr)
		}
		if err != nil && ctx.Err() == nil {
			e.fail(ready, err)
			return
		}
	}
}

func (e *Embedded) announce(ready chan<- error) {
	if !e.initialised {
		e.initialised = true
		ready <- nil
	}
}

func (e *Embedded) fail(ready chan<- error, err error) {
	if !e.initialised {
		ready <- err
		return
	}
	e.log.Error("embedded PostgreSQL is lost", "error", err)
	e.failed <- err
}

// errEnded means that the server has ended by itself.
var errEnded = errors.New("the server ended by itself")

// serve runs the server until it ends or ctx does. An error means that trying
// again will not help.
func (e *Embedded) serve(ctx context.Context, ready chan<- error) error {
	if err := e.awaitPredecessor(ctx); err != nil {
		return err
	}
	if err := e.initialise(ctx); err != nil {
		return err
	}
	begin := time.Now()
	err := e.serveOnce(ctx, ready)
	if !errors.Is(err, errEnded) {
		return err
	}
	output := tail(e.logFile)
	if time.Since(begin) > 10*time.Second {
		e.quickEnds = 0
	}
	e.quickEnds++
	switch {
	case strings.Contains(output, "pre-existing shared memory block") && e.quickEnds < 100:
		// The postmaster was killed and its last children are on their way out.
		return pause(ctx, 10*poll)
	case !e.initialised || e.quickEnds > 3:
		return fmt.Errorf("%w:\n%s", err, output)
	}
	e.log.ErrorContext(ctx, "embedded PostgreSQL ended; starting it again", "output", output)
	return nil
}

func (e *Embedded) serveOnce(ctx context.Context, ready chan<- error) error {
	begin := time.Now()
	process, exited, err := e.start()
	if err != nil {
		return err
	}
	release, err := watch(process.Pid)
	if err != nil {
		return errors.Join(err, halt(process, exited))
	}
	defer release()
	if err := e.awaitReady(ctx, exited); err != nil {
		return errors.Join(err, halt(process, exited))
	}
	if err := e.createDatabase(ctx); err != nil {
		return errors.Join(err, halt(process, exited))
	}
	e.log.InfoContext(ctx, "embedded PostgreSQL started", "version", fmt.Sprintf("%d.%d", e.binaries.major, e.binaries.minor),
		"data", e.cluster, "socket", e.socketDir, "user", e.account.name, "duration", time.Since(begin))
	e.announce(ready)
	select {
	case <-ctx.Done():
		if err := halt(process, exited); err != nil {
			e.log.WarnContext(ctx, "embedded PostgreSQL did not stop in good order", "error", err)
		}
		return nil
	case <-exited:
		return errEnded
	}
}

// awaitPredecessor waits until a server that lost its owner a moment ago has
// ended, and clears what a dead one has left if a stranger has its process id.
func (e *Embedded) awaitPredecessor(ctx context.Context) error {
	pidFile := filepath.Join(e.cluster, "postmaster.pid")
	deadline := time.Now().Add(stopTimeout)
	for {
		pid, err := readPID(pidFile)
		if err != nil || pid == 0 {
			return err
		}
		switch e.identify(pid) {
		case gone:
			return nil // the server itself clears the file, with more checks than we can make
		case stranger:
			// The id was given to another process, as happens in containers
			// and after a reboot. The server would take that for itself.
			if err := os.Remove(pidFile); err != nil {
				return fmt.Errorf("clear the id of a dead server: %w", err)
			}
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a PostgreSQL server that this program did not start is running in %s (process %d): stop it first", e.cluster, pid)
		}
		if err := pause(ctx, poll); err != nil {
			return err
		}
	}
}

// initialise makes the cluster if there is none. It appears under its name only
// when it is complete.
func (e *Embedded) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(e.cluster, "PG_VERSION")); err == nil {
		return nil
	}
	unfinished := e.cluster + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished data directory: %w", err)
	}
	if err := e.account.own(unfinished); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, e.binaries.path("initdb"), "--auth=trust", "--no-sync", "--encoding=UTF8",
		"--locale=C", "--username="+embeddedUser, "--pgdata="+unfinished)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: e.account.credential(), Setpgid: true}
	cmd.Dir, cmd.Env = unfinished, e.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise the data directory: %w\n%s", err, out)
	}
	if err := os.Rename(unfinished, e.cluster); err != nil {
		return fmt.Errorf("finish the data directory: %w", err)
	}
	return nil
}

func (e *Embedded) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// start starts the server. The channel is closed when it has ended.
func (e *Embedded) start() (*os.Process, <-chan struct{}, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(e.logFile); err == nil && info.Size() > 10<<20 {
		flags |= os.O_TRUNC
	}
	output, err := os.OpenFile(e.logFile, flags, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = output.Close() }()
	args := []string{"-D", e.cluster}
	for _, name := range slices.Sorted(maps.Keys(e.parameters)) {
		args = append(args, "-c", name+"="+e.parameters[name])
	}
	cmd := exec.Command(e.binaries.path("postgres"), args...) //nolint:noctx // it is stopped in order, by halt
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = e.cluster, e.environment(), output, output
	tie(cmd, e.account.credential())

	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		// The server is tied to the thread that starts it: keep the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, nil, fmt.Errorf("start the server: %w", err)
	}
	return cmd.Process, exited, nil
}

func (e *Embedded) awaitReady(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !e.reachable(ctx, "postgres") {
		select {
		case <-exited:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w\n%s", ctx.Err(), tail(e.logFile))
		case <-time.After(poll):
		}
	}
	return nil
}

func (e *Embedded) reachable(ctx context.Context, database string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, e.databaseURL(database))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func (e *Embedded) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, e.databaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var exists bool
	err = conn.QueryRow(ctx, `select exists (select from pg_catalog.pg_database where datname = $1)`, embeddedDatabase).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, `create database `+embeddedDatabase); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// halt asks the server to disconnect everybody and stop, and insists.
func halt(process *os.Process, exited <-chan struct{}) error {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the server: %w", err)
		}
		select {
		case <-exited:
			if signal != syscall.SIGINT {
				return fmt.Errorf("the server had to be stopped by %v", signal)
			}
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return errors.New("the server does not end")
}
