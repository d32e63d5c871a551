package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/argon2"
)

// probe is how many one-row transactions a single client commits in a second:
// how fast the disk is at this moment, which neighbours change.
func (b *bench) probe(ctx context.Context) (float64, error) {
	m, err := closedLoop(ctx, time.Second, []worker{func(ctx context.Context) error {
		_, err := b.scratch.Exec(ctx, `insert into bench.probe default values`)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("probe the disk: %w", err)
	}
	return m.perSecond, nil
}

// yardsticked measures a yardstick, runs a load, and measures the yardstick
// again, with a probe of the disk beside it.
func (b *bench) yardsticked(ctx context.Context, yardstick func(context.Context, time.Duration) (float64, error),
	load func() error) (runs []float64, probe float64, err error) {
	for half := range 2 {
		y, err := yardstick(ctx, b.duration/2)
		if err != nil {
			return nil, 0, fmt.Errorf("measure the yardstick: %w", err)
		}
		if y <= 0 {
			return nil, 0, errTooFew
		}
		runs = append(runs, y)
		if half == 0 {
			if err := load(); err != nil {
				return nil, 0, err
			}
		}
	}
	probe, err = b.probe(ctx)
	return runs, probe, err
}

// argon2PerSecond is how many passwords this process hashes on all CPUs.
func argon2PerSecond(ctx context.Context, d time.Duration) (float64, error) {
	workers := make([]worker, runtime.GOMAXPROCS(0))
	for i := range workers {
		workers[i] = func(context.Context) error {
			argon2.IDKey([]byte(learnerPassword), make([]byte, argonSalt), argonPasses, argonMemory, 1, argonHash)
			return nil
		}
	}
	m, err := closedLoop(ctx, d, workers)
	return m.perSecond, err
}

// commitClients is how many clients commit at the same time for a yardstick.
const commitClients = 16

const insertSaved = `insert into bench.saved (attempt_id, sequence, saved_at, response) values (%s, 1, clock_timestamp(), '{"1":{"text":"42"}}')`

// commitsPerSecond is how many one-row INSERTs the platform's PostgreSQL server
// commits for 16 clients: with pgbench if the server brings it along, or else
// with pgx in this process, which is somewhat slower.
func (b *bench) commitsPerSecond(ctx context.Context, d time.Duration) (float64, error) {
	var dir string
	if err := b.scratch.QueryRow(ctx, `select setting from pg_config where name = 'BINDIR'`).Scan(&dir); err != nil {
		return 0, fmt.Errorf("find the server's programs: %w", err)
	}
	program := filepath.Join(dir, "pgbench")
	if _, err := os.Stat(program); errors.Is(err, os.ErrNotExist) {
		return b.commitsByPgx(ctx, d)
	}
	script := filepath.Join(b.work, "insert.sql")
	text := "\\set a random(1, 1000000000)\n" + fmt.Sprintf(insertSaved, ":a") + ";\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return 0, fmt.Errorf("write a script for pgbench: %w", err)
	}
	config := b.scratch.Config()
	out, err := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--client="+strconv.Itoa(commitClients),
		"--jobs=2", "--time="+strconv.Itoa(max(1, int(d.Seconds()))), "--file="+script, "--host="+config.Host,
		"--port="+strconv.Itoa(int(config.Port)), "--username="+config.User, config.Database).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run pgbench: %w\n%s", err, out)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench names no rate:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func (b *bench) commitsByPgx(ctx context.Context, d time.Duration) (float64, error) {
	workers := make([]worker, commitClients)
	for i := range workers {
		c, err := pgx.ConnectConfig(ctx, b.scratch.Config())
		if err != nil {
			return 0, fmt.Errorf("connect to the scratch database: %w", err)
		}
		defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
		workers[i] = func(ctx context.Context) error {
			_, err := c.Exec(ctx, fmt.Sprintf(insertSaved, "$1"), i)
			return err
		}
	}
	m, err := closedLoop(ctx, d, workers)
	return m.perSecond, err
}

// bareServerCommand makes this program a server that does nothing but send a
// file's bytes. It is a process of its own, as the platform is.
const bareServerCommand = "serve-bytes"

// serveBytes serves the file on a free port, whose address it prints.
func serveBytes(file string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})}
	return server.Serve(l)
}

// bareServer starts serveBytes. The caller ends it.
func (b *bench) bareServer(ctx context.Context, body []byte) (address string, server *exec.Cmd, err error) {
	file := filepath.Join(b.work, "bytes")
	if err := os.WriteFile(file, body, 0o644); err != nil {
		return "", nil, fmt.Errorf("write the bytes to serve: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("find this program: %w", err)
	}
	server = exec.CommandContext(ctx, self, bareServerCommand, file)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("read what the bare server prints: %w", err)
	}
	if err := server.Start(); err != nil {
		return "", nil, fmt.Errorf("start the bare server: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("start the bare server: %w", err), end(server))
	}
	return strings.TrimSpace(line), server, nil
}

// end kills a process that has nothing to lose.
func end(c *exec.Cmd) error {
	if err := c.Process.Kill(); err != nil {
		return fmt.Errorf("end the bare server: %w", err)
	}
	_ = c.Wait() // reports that it was killed
	return nil
}
