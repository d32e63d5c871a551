package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// With this variable the test binary is an owner or a replica on the named data
// directory: it prints the address when it is ready and stops at the end of its
// input.
const ownerVariable = "LYCEUM_TEST_EMBEDDED_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		if err := runOwner(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runOwner(dir string) error {
	ctx := context.Background()
	e, err := postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: dir})
	if err != nil {
		return err
	}
	fmt.Println(e.URL())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return e.Stop(ctx)
}

// process is a re-executed test binary.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin}
	t.Cleanup(func() { p.kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal("the process did not get ready: ", err)
	}
	p.url = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := errors.Join(p.stdin.Close(), p.cmd.Wait()); err != nil {
		t.Error("stop: ", err)
	}
}

// newDataDir is a directory that the server's user can reach; t.TempDir is not
// when root runs the tests.
func newDataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lyceum-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func start(t *testing.T, dir string) *postgres.Embedded {
	t.Helper()
	e, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t *testing.T, e *postgres.Embedded) {
	t.Helper()
	if err := e.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func exec1(ctx context.Context, dsn, sql string) (result string, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return "", err
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(values, ","), err
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	result, err := exec1(t.Context(), dsn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return result
}

func serverPID(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls, as the processes watched here give no signal to wait for.
func eventually(t *testing.T, sentence string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not within 30 s: ", sentence)
		}
	}
}

// running is false for a dead process that nobody has collected, too.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestEmbeddedKeepsItsDataAndStartsFastAgain(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	first := start(t, dir)
	query(t, first.URL(), `create table public.kept(note text); insert into public.kept values ('here')`)
	pid := serverPID(t, dir)
	stop(t, first)
	if running(pid) {
		t.Error("the server runs after Stop")
	}
	stop(t, first) // once more is nothing

	begin := time.Now()
	second := start(t, dir)
	t.Logf("the second start took %v", time.Since(begin))
	if got := query(t, second.URL(), `select note from public.kept`); got != "here" {
		t.Errorf("read %q from the table of before", got)
	}
	if got := query(t, second.URL(), `show listen_addresses`); got != "" {
		t.Errorf("it listens on %q, want the socket only", got)
	}
	select {
	case err := <-second.Wait():
		t.Errorf("Wait reported %v of a healthy server", err)
	default:
	}
}

func TestEmbeddedEndsWithAKilledOwner(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	owner := startProcess(t, dir)
	query(t, owner.url, `create table public.kept(note text); insert into public.kept values ('committed')`)
	pid := serverPID(t, dir)
	owner.kill()
	// A start at once must wait for the old server, not fail because of it.
	next := start(t, dir)
	if running(pid) {
		t.Error("two servers at a time")
	}
	if got := query(t, next.URL(), `select note from public.kept`); got != "committed" {
		t.Errorf("read %q after the death of the owner", got)
	}
}

func TestEmbeddedLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	owner := startProcess(t, dir)
	pid := serverPID(t, dir)
	owner.kill()
	eventually(t, "the server ends after its owner was killed", func() bool { return !running(pid) })
}

func TestASecondProcessAttachesAndTakesOver(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	owner := startProcess(t, dir)
	pid := serverPID(t, dir)
	replica := start(t, dir)
	if replica.URL() != owner.url {
		t.Errorf("the replica uses %s, the owner %s", replica.URL(), owner.url)
	}
	if now := serverPID(t, dir); now != pid {
		t.Errorf("the replica started a server of its own: process %d beside %d", now, pid)
	}
	query(t, replica.URL(), `create table public.kept(note text); insert into public.kept values ('by the replica')`)

	owner.kill()
	eventually(t, "the replica takes over", func() bool {
		note, err := exec1(t.Context(), replica.URL(), `select note from public.kept`)
		return err == nil && note == "by the replica" && !running(pid)
	})
	stop(t, replica)
	if _, err := os.Stat(filepath.Join(dir, "postgres", "postmaster.pid")); err == nil {
		t.Error("the server of the replica that took over outlived its Stop")
	}
}

func TestAReplicaThatStopsLeavesTheServerToItsOwner(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	owner := start(t, dir)
	replica := startProcess(t, dir)
	replica.stop(t)
	if got := query(t, owner.URL(), `select 'alive'`); got != "alive" {
		t.Errorf("got %q", got)
	}
}

func TestAnOwnerStartsACrashedServerAgain(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	e := start(t, dir)
	pid := serverPID(t, dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is back", func() bool {
		_, err := exec1(t.Context(), e.URL(), `select 'alive'`)
		return err == nil && !running(pid)
	})
}

// In a container the process id of yesterday's server is somebody else's today.
func TestAStrangersProcessIDIsNoServer(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	stop(t, start(t, dir))
	stale := fmt.Sprintf("%d\n%s/postgres\n1700000000\n5432\n\n\n\n", os.Getpid(), dir)
	if err := os.WriteFile(filepath.Join(dir, "postgres", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	query(t, start(t, dir).URL(), `select 'alive'`)
}

func TestADataDirectoryCanBeDeepOrOddlyNamed(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"deep": strings.Repeat("deep/", 30), "odd": `a "folder", my 1 + only (ö)`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			useAwkwardDataDir(t, filepath.Join(newDataDir(t), path))
		})
	}
}

func useAwkwardDataDir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	e := start(t, dir)
	u, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	socketDir := u.Query().Get("host")
	t.Cleanup(func() { _ = os.RemoveAll(socketDir) })
	if len(socketDir) > 84 {
		t.Errorf("the socket's directory %s has %d bytes", socketDir, len(socketDir))
	}
	query(t, e.URL(), `select 'alive'`)
}

func TestADirectoryThatTheServersUserCannotEnterIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root changes the user")
	}
	closed := t.TempDir() // below a directory of mode 0700
	_, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedOptions{DataDir: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), "may not enter") || !strings.Contains(err.Error(), "/var/lib/lyceum") {
		t.Errorf("error %v does not say what to do", err)
	}
}

func TestACancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: dir}); err == nil {
		t.Fatal("started with a cancelled context")
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres", "postmaster.pid")); err == nil {
		t.Error("a server runs")
	}
}
