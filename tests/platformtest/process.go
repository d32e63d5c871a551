package platformtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/tests/tied"
)

// Options say how a platform is run.
type Options struct {
	// DatabaseURL is the server to use, as its administrator. Empty for the
	// embedded one.
	DatabaseURL string
	// DataDir is where files are kept. Default: a directory of the test.
	DataDir string
	// Env is added to the environment, as NAME=value.
	Env []string
	// Binary is the platform's binary. Default: that of this source; see Binary.
	Binary string
	// Modules are those that the process runs. Default: all.
	Modules []string
	// Bus is what carries events. Default: the flag's.
	Bus string
	// KafkaBrokers are host:port addresses; see Kafka.
	KafkaBrokers []string
	// Upstreams are where other modules run, as MODULE=URL.
	Upstreams []string
	// Listen and OpsListen are the process's addresses. Default: free ports, others
	// at each start.
	Listen, OpsListen string
}

// Platform is a platform that runs, or ran.
type Platform struct {
	options Options
	binary  string
	log     string // path

	mu       sync.Mutex
	process  *process  // the latest start; nil before the first
	api, ops string    // where it listens or, while it starts again, did before
	mailbox  *Platform // the process that shows its mail; nil for itself
}

// Start starts a platform with the demo organisation and returns when it is
// ready. It is killed when the test ends; the end of its log is shown if the
// test has failed.
func Start(t testing.TB, o Options) *Platform {
	t.Helper()
	p := Prepare(t, o)
	p.Restart(t)
	return p
}

// Prepare is Start for a platform that the test starts itself, by Launch or
// Restart.
func Prepare(t testing.TB, o Options) *Platform {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = DataDir(t)
	}
	if o.Binary == "" {
		o.Binary = Binary(t)
	}
	p := &Platform{options: o, binary: o.Binary, log: filepath.Join(o.DataDir, fmt.Sprintf("test-%d.log", time.Now().UnixNano()))}
	if o.Listen != "" {
		p.api = "http://" + o.Listen
	}
	if o.OpsListen != "" {
		p.ops = "http://" + o.OpsListen
	}
	t.Cleanup(func() {
		if run := p.running(); run != nil {
			run.kill()
		}
		if text, err := os.ReadFile(p.log); err == nil && bytes.Contains(text, []byte("WARNING: DATA RACE")) {
			_, race, _ := bytes.Cut(text, []byte("WARNING: DATA RACE"))
			t.Errorf("the platform has a data race:\n%s", race[:min(len(race), 4000)])
		}
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", p.name(), logTail(p.log))
		}
	})
	return p
}

// name says which process it is.
func (p *Platform) name() string {
	if len(p.options.Modules) == 0 {
		return "the platform"
	}
	return "the process of " + strings.Join(p.options.Modules, ", ")
}

// DataDir makes a data directory for the test. Its path is short, because that
// of a unix socket in it must be, and it can be passed through, because a server
// that root starts runs as somebody else.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lyceum-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The embedded server of a killed platform may still be on its way out.
		Eventually(t, "the data directory can be removed", func() error { return os.RemoveAll(dir) })
	})
	return dir
}

// Launch starts the platform again on the same data and does not wait.
func (p *Platform) Launch(t testing.TB) {
	t.Helper()
	run, err := start(p.binary, p.options, p.log)
	if err != nil {
		t.Fatalf("start the platform: %v", err)
	}
	p.mu.Lock()
	p.process = run
	p.mu.Unlock()
}

// Relaunch is Launch with more in the environment from now on, as NAME=value.
func (p *Platform) Relaunch(t testing.TB, env ...string) {
	t.Helper()
	p.options.Env = append(slices.Clip(p.options.Env), env...)
	p.Launch(t)
}

// Restart starts the platform again on the same data and waits until it is
// ready. Its addresses change unless they were given.
func (p *Platform) Restart(t testing.TB) {
	t.Helper()
	p.Launch(t)
	p.Await(t)
}

// Await waits until the process that Launch has started is ready.
func (p *Platform) Await(t testing.TB) {
	t.Helper()
	run := p.running()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-run.greeting.complete:
		p.mu.Lock()
		p.api, p.ops = run.greeting.addresses()
		p.mu.Unlock()
	case <-run.exited:
		t.Fatalf("%s ended at its start: %v\n%s", p.name(), run.err, logTail(p.log))
	case <-timeout.C:
		t.Fatalf("%s did not say that it is ready within %s\n%s", p.name(), patience, logTail(p.log))
	}
	Eventually(t, p.name()+" is ready", func() error { return p.Ready(t.Context()) })
}

// Ready asks /readyz; the error is what it says.
func (p *Platform) Ready(ctx context.Context) error {
	response, err := p.Operations().Do(ctx, http.MethodGet, "/readyz", nil)
	if err != nil {
		return err
	}
	if response.Status != http.StatusOK {
		return fmt.Errorf("/readyz: %d %s", response.Status, response.Body)
	}
	return nil
}

// Kill ends the process at once, as kill -9 does, and returns when it is gone.
func (p *Platform) Kill() { p.running().kill() }

// Terminate asks the process to stop, as kill does, and returns when it is gone
// with what it ended with: nil for an orderly stop.
func (p *Platform) Terminate(t testing.TB) error {
	t.Helper()
	if err := p.running().cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("send SIGTERM: %v", err)
	}
	return p.AwaitExit(t)
}

// AwaitExit waits until the process has ended, and returns what it ended with.
func (p *Platform) AwaitExit(t testing.TB) error {
	t.Helper()
	run := p.running()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-run.exited:
		return run.err
	case <-timeout.C:
		t.Fatalf("%s has not ended within %s", p.name(), patience)
		return nil
	}
}

// DatabaseURL leads to the platform's database, as its administrator.
func (p *Platform) DatabaseURL() string {
	if p.options.DatabaseURL != "" {
		return p.options.DatabaseURL
	}
	dir, err := filepath.EvalSymlinks(p.options.DataDir)
	if err != nil {
		dir = p.options.DataDir // what fails is the connection, with the path in its error
	}
	return (&url.URL{Scheme: "postgres", User: url.User("lyceum"), Path: "/lyceum", RawQuery: url.Values{
		"host": {filepath.Join(dir, "run")}, "port": {"5432"}, "sslmode": {"disable"},
	}.Encode()}).String()
}

// Command runs another of the binary's commands with the same configuration.
func (p *Platform) Command(t testing.TB, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Env = p.options.environment()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("platform %s: %w\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), nil
}

// Log is everything that the platform has logged so far.
func (p *Platform) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// URL is where the platform's API listens or, while it starts again, did before.
func (p *Platform) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.api
}

func (p *Platform) opsURL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ops
}

func (p *Platform) running() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process
}

// process is one run of the binary.
type process struct {
	cmd      *exec.Cmd
	greeting *greeting
	exited   chan struct{} // closed at the end
	err      error         // valid then
}

func start(binary string, o Options, log string) (*process, error) {
	logFile, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logFile.Close() }()
	const free = "127.0.0.1:0"
	cmd := exec.Command(binary, "serve", "--listen", cmp.Or(o.Listen, free), "--ops-listen", cmp.Or(o.OpsListen, free))
	run := &process{cmd: cmd, greeting: &greeting{complete: make(chan struct{})}, exited: make(chan struct{})}
	cmd.Env, cmd.Stdout, cmd.Stderr = o.environment(), run.greeting, logFile
	tied.ToThisProcess(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // see tie
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			run.err = cmd.Wait()
			close(run.exited)
		}
	}()
	return run, <-started
}

func (r *process) kill() {
	_ = r.cmd.Process.Kill() // it fails if the process has ended, which is what is wanted
	<-r.exited
}

// environment is that of the test without what configures a platform there.
func (o Options) environment() []string {
	var env []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if name != "DATABASE_URL" && !strings.HasPrefix(name, "LYCEUM_") && !strings.HasPrefix(name, "OTEL_") {
			env = append(env, setting)
		}
	}
	env = append(env, "LYCEUM_DATA_DIR="+o.DataDir, "LYCEUM_DEMO=yes")
	if o.DatabaseURL != "" {
		env = append(env, "DATABASE_URL="+o.DatabaseURL)
	}
	for _, s := range []struct{ name, value string }{
		{"LYCEUM_MODULES", strings.Join(o.Modules, ",")}, {"LYCEUM_BUS", o.Bus},
		{"LYCEUM_KAFKA_BROKERS", strings.Join(o.KafkaBrokers, ",")}, {"LYCEUM_UPSTREAM", strings.Join(o.Upstreams, ";")},
	} {
		if s.value != "" {
			env = append(env, s.name+"="+s.value)
		}
	}
	return append(env, o.Env...)
}

// greeting reads where the platform listens from what it prints at its start.
type greeting struct {
	mu       sync.Mutex
	text     []byte
	api, ops string
	complete chan struct{}
}

var (
	apiLine = regexp.MustCompile(`(?m)^\s*API\s+(http://\S+)`)
	opsLine = regexp.MustCompile(`(?m)^\s*Operations\s+(http://\S+)`)
)

// Write implements io.Writer.
func (g *greeting) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.text = append(g.text, p...)
	if g.api != "" || !bytes.Contains(g.text, []byte("Stop with Ctrl-C.")) {
		return len(p), nil
	}
	api, ops := apiLine.FindSubmatch(g.text), opsLine.FindSubmatch(g.text)
	if api == nil || ops == nil {
		return 0, errors.New("the greeting does not say where the platform listens")
	}
	g.api, g.ops = string(api[1]), string(ops[1])
	close(g.complete)
	return len(p), nil
}

func (g *greeting) addresses() (api, ops string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.api, g.ops
}

// logTail is the end of a log: its last warnings and errors, and its last lines.
func logTail(path string) string {
	const shown = 30
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	last := lines[max(0, len(lines)-shown):]
	var serious []string
	for _, l := range lines[:len(lines)-len(last)] {
		if strings.Contains(l, "level=WARN") || strings.Contains(l, "level=ERROR") {
			serious = append(serious, l)
		}
	}
	return strings.Join(append(serious[max(0, len(serious)-shown):], last...), "\n")
}
