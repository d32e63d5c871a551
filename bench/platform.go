package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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

// bench is a run: a PostgreSQL server, and the platform as a process of its own.
type bench struct {
	options
	work       string // removed at the end
	server     *postgres.Embedded
	postmaster int       // its process id; 0 if unknown
	admin      *pgx.Conn // the platform's database, as administrator
	scratch    *pgx.Conn // the scratch database, as administrator
	platform   *instance // nil if no scenario wants it
	launched   int
	school     *school
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// start starts the database server and, if a scenario wants it, builds and starts
// the platform and fills it with what those scenarios need.
func start(ctx context.Context, o options, wantPlatform bool) (_ *bench, err error) {
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
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	if !wantPlatform {
		return b, nil
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	if err := b.startPlatform(ctx); err != nil {
		return nil, err
	}
	b.say("filling the database: %d accounts, a course, %d learners", o.accounts, o.learners)
	b.school, err = openSchool(ctx, b)
	return b, err
}

func (b *bench) build(ctx context.Context) error {
	if b.binary != "" {
		return nil
	}
	b.say("building the platform")
	b.binary = filepath.Join(b.work, "platform")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "github.com/lyceum-lms/platform/cmd/platform")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the platform: %w\n%s", err, out)
	}
	return nil
}

// startPlatform starts the platform as an operator would, with its defaults. It
// finds the embedded server running and attaches to it.
func (b *bench) startPlatform(ctx context.Context) (err error) {
	if b.platform, err = b.launch("platform", []string{"--listen=127.0.0.1:0"}, nil); err != nil {
		return err
	}
	return b.platform.await(ctx)
}

func (b *bench) dataDir() string { return filepath.Join(b.work, "data") }

// connect starts the embedded PostgreSQL server, as the platform would, and makes
// the scratch database. It is this process's, so that processes of the platform
// can come and go on it.
func (b *bench) connect(ctx context.Context) (err error) {
	if b.server, err = postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: b.dataDir()}); err != nil {
		return err
	}
	if b.admin, err = pgx.Connect(ctx, b.server.URL()); err != nil {
		return fmt.Errorf("connect to the platform's database: %w", err)
	}
	if all, err := readProcesses(); err == nil {
		b.postmaster = all[int(b.admin.PgConn().PID())].parent
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
	if b.platform != nil {
		errs = append(errs, stop(b.platform))
	}
	for _, c := range []*pgx.Conn{b.admin, b.scratch} {
		if c != nil {
			errs = append(errs, c.Close(ctx))
		}
	}
	if b.server != nil {
		errs = append(errs, b.server.Stop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(b.work))...)
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
