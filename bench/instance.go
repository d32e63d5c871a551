package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// instance is a run of the platform's binary.
type instance struct {
	name     string
	cmd      *exec.Cmd
	log      string        // path
	ready    chan struct{} // closed when it serves
	exited   chan struct{} // closed when it has ended
	api, ops string        // host:port; valid once it serves
}

func (i *instance) pid() int { return i.cmd.Process.Pid }

// launch starts the binary and does not wait for it: see await.
func (b *bench) launch(name string, args, env []string) (*instance, error) {
	b.launched++
	i := &instance{name: name, log: filepath.Join(b.work, fmt.Sprintf("%02d-%s.log", b.launched, name)),
		ready: make(chan struct{}), exited: make(chan struct{})}
	log, err := os.Create(i.log)
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child has it by then
	i.cmd = exec.Command(b.binary, append([]string{"serve", "--ops-listen=127.0.0.1:0", "--data-dir=" + b.dataDir()}, args...)...)
	i.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "LYCEUM_") || strings.HasPrefix(v, "DATABASE_URL=") || strings.HasPrefix(v, "OTEL_")
	}), env...)
	i.cmd.Stderr = log
	greeting, err := i.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("read what %s prints: %w", name, err)
	}
	if err := i.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go i.watch(greeting)
	return i, nil
}

// watch reads the greeting, and sees the end of the process.
func (i *instance) watch(greeting io.Reader) {
	lines := bufio.NewScanner(greeting)
	for lines.Scan() {
		name, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		address, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		switch name {
		case "API":
			i.api = strings.TrimPrefix(address, "http://")
		case "Operations":
			i.ops = strings.TrimPrefix(address, "http://")
		case "Stop":
			close(i.ready)
		}
	}
	_ = i.cmd.Wait() // stop tells how it ended
	close(i.exited)
}

// await returns when the instance serves.
func (i *instance) await(ctx context.Context) error {
	select {
	case <-i.ready:
		return nil
	case <-i.exited:
		text, _ := os.ReadFile(i.log)
		return fmt.Errorf("%s ended at once:\n%s", i.name, text)
	case <-time.After(startTimeout):
		return fmt.Errorf("%s has not started within %s", i.name, startTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends instances in order, all at once.
func stop(instances ...*instance) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, i := range instances {
		select {
		case <-i.exited:
		default:
			errs = append(errs, i.cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	for _, i := range instances {
		select {
		case <-i.exited:
			if !i.cmd.ProcessState.Success() {
				errs = append(errs, fmt.Errorf("%s ended with %s", i.name, i.cmd.ProcessState))
			}
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("%s had to be killed", i.name), i.cmd.Process.Kill())
			<-i.exited
		}
	}
	return errors.Join(errs...)
}

// profile takes a CPU profile of the platform while load runs, if profiles are
// wanted.
func (b *bench) profile(ctx context.Context, name string, load func() (measured, error)) (measured, error) {
	return b.profileAll(ctx, map[string]*instance{name: b.platform}, load)
}

// profileAll is profile for several instances, by the names of the profiles.
func (b *bench) profileAll(ctx context.Context, instances map[string]*instance, load func() (measured, error)) (measured, error) {
	if b.profiles == "" {
		return load()
	}
	taken := make(chan error, len(instances))
	for name, i := range instances {
		go func() { taken <- b.takeProfile(ctx, i, name) }()
	}
	m, err := load()
	for range instances {
		err = errors.Join(err, <-taken)
	}
	return m, err
}

func (b *bench) takeProfile(ctx context.Context, i *instance, name string) error {
	seconds := max(1, min(50, int(b.duration.Seconds())-1))
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", i.ops, seconds)
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

// freeAddress is a loopback address for an instance that others must know before
// it runs.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
