package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 40 * time.Second
	// scratchDatabase is on the platform's server beside the platform's own. What
	// yardsticks write goes there.
	scratchDatabase = "bench"
)

// bench is a run: the platform as a process of its own, and access to the
// PostgreSQL server that it has started.
type bench struct {
	options
	work     string // removed at the end
	platform *exec.Cmd
	exited   chan struct{} // closed when the platform has ended
	api, ops string        // host:port
	server   *postgres.Embedded
	admin    *pgx.Conn // the platform's database, as administrator
	scratch  *pgx.Conn // the scratch database, as administrator
	school   *school
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// start builds and starts the platform and fills it with what all scenarios
// need.
func start(ctx context.Context, o options) (_ *bench, err error) {
	b := &bench{options: o}
	if b.work, err = os.MkdirTemp(o.dir, "lyceum-bench-"); err != nil {
		return nil, fmt.Errorf("make a directory to work in: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	// PostgreSQL does not run as root: its user must be able to pass.
	if err := os.Chmod(b.work, 0o755); err != nil {
		return nil, fmt.Errorf("open the directory to work in: %w", err)
	}
	if b.binary == "" {
		b.say("building the platform")
		b.binary = filepath.Join(b.work, "platform")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "github.com/lyceum-lms/platform/cmd/platform")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the platform: %w\n%s", err, out)
		}
	}
	if err := b.launch(ctx); err != nil {
		return nil, err
	}
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	b.say("filling the database: %d accounts, a course, %d learners", o.accounts, o.learners)
	b.school, err = openSchool(ctx, b)
	return b, err
}

// launch starts the platform as an operator would, with its defaults, and waits
// for its greeting.
func (b *bench) launch(ctx context.Context) error {
	log, err := os.Create(filepath.Join(b.work, "platform.log"))
	if err != nil {
		return fmt.Errorf("make the platform's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has it by then
	b.platform = exec.Command(b.binary, "serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--data-dir="+b.dataDir())
	b.platform.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "LYCEUM_") || strings.HasPrefix(v, "DATABASE_URL=") || strings.HasPrefix(v, "OTEL_")
	})
	b.platform.Stderr = log
	greeting, err := b.platform.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read what the platform prints: %w", err)
	}
	if err := b.platform.Start(); err != nil {
		return fmt.Errorf("start the platform: %w", err)
	}
	b.exited = make(chan struct{})
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(greeting)
		for lines.Scan() {
			name, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
			address, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			switch name {
			case "API":
				b.api = strings.TrimPrefix(address, "http://")
			case "Operations":
				b.ops = strings.TrimPrefix(address, "http://")
			case "Stop":
				close(ready)
			}
		}
		_ = b.platform.Wait() // stop tells how it ended
		close(b.exited)
	}()
	select {
	case <-ready:
		return nil
	case <-b.exited:
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the platform ended at once:\n%s", text)
	case <-time.After(startTimeout):
		return fmt.Errorf("the platform has not started within %s", startTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bench) dataDir() string { return filepath.Join(b.work, "data") }

// connect attaches to the platform's PostgreSQL server and makes the scratch
// database.
func (b *bench) connect(ctx context.Context) (err error) {
	if b.server, err = postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: b.dataDir()}); err != nil {
		return err
	}
	if b.admin, err = pgx.Connect(ctx, b.server.URL()); err != nil {
		return fmt.Errorf("connect to the platform's database: %w", err)
	}
	if _, err := b.admin.Exec(ctx, `create database `+scratchDatabase); err != nil {
		return fmt.Errorf("make the scratch database: %w", err)
	}
	if b.scratch, err = pgx.Connect(ctx, b.scratchURL()); err != nil {
		return fmt.Errorf("connect to the scratch database: %w", err)
	}
	_, err = b.scratch.Exec(ctx, `
		create schema bench;
		create table bench.probe (id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp());
		create table bench.saved (id bigint generated always as identity primary key, attempt_id bigint not null,
			sequence bigint not null, saved_at timestamptz not null, response json not null);
		create table bench.first (enrolment_id uuid primary key, events bigint not null);
		create table bench.second (enrolment_id uuid primary key, events bigint not null)`)
	if err != nil {
		return fmt.Errorf("make the yardsticks' tables: %w", err)
	}
	return nil
}

func (b *bench) scratchURL() string {
	return strings.Replace(b.server.URL(), "/"+b.admin.Config().Database+"?", "/"+scratchDatabase+"?", 1)
}

// stop ends the platform in order and removes what the run has written.
func (b *bench) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, c := range []*pgx.Conn{b.admin, b.scratch} {
		if c != nil {
			errs = append(errs, c.Close(ctx))
		}
	}
	if b.server != nil {
		errs = append(errs, b.server.Stop(ctx)) // the platform owns it and goes on
	}
	if b.exited != nil {
		errs = append(errs, b.platform.Process.Signal(syscall.SIGTERM))
		select {
		case <-b.exited:
			if !b.platform.ProcessState.Success() {
				errs = append(errs, fmt.Errorf("the platform ended with %s", b.platform.ProcessState))
			}
		case <-ctx.Done():
			errs = append(errs, errors.New("the platform had to be killed"), b.platform.Process.Kill())
			<-b.exited
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.work))...)
}

// profile takes a CPU profile of the platform while load runs, if profiles are
// wanted.
func (b *bench) profile(ctx context.Context, name string, load func() (measured, error)) (measured, error) {
	if b.profiles == "" {
		return load()
	}
	taken := make(chan error, 1)
	go func() { taken <- b.takeProfile(ctx, name) }()
	m, err := load()
	return m, errors.Join(err, <-taken)
}

func (b *bench) takeProfile(ctx context.Context, name string) error {
	seconds := max(1, min(50, int(b.duration.Seconds())-1))
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.ops, seconds)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask for a profile: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for a profile: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for a profile: %s", resp.Status)
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return fmt.Errorf("make the directory of profiles: %w", err)
	}
	file, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	_, err = io.Copy(file, resp.Body)
	return errors.Join(err, file.Close())
}

// warmUp is how long a load runs before anything counts.
func (b *bench) warmUp() time.Duration { return min(2*time.Second, b.duration/2) }

// machine says what was measured on.
func machine() string {
	text := fmt.Sprintf("%d CPUs, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return text + ", " + strings.TrimSpace(value)
			}
		}
	}
	return text
}
