// Package kafka gives tests and benchmarks a real Apache Kafka: brokers that are
// processes of their own, on fresh data, on the loopback interface.
//
// The jars are those of kafka.sh fetch; without them, or without Java, tests are
// skipped, and fail where LYCEUM_KAFKA_REQUIRED is set. Brokers end with the
// process that started them and take their data along.
package kafka

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// script starts the JVM: its flags are in one place.
//
//go:embed kafka.sh
var script string

const (
	// patience bounds every wait. It is long because machines that run tests
	// are busy; nothing waits for it to pass.
	patience = 3 * time.Minute
	// glance is how often a wait looks.
	glance = 20 * time.Millisecond
)

// Options say what cluster is started.
type Options struct {
	// Nodes is how many there are, each a broker and a controller. Default: 1.
	Nodes int
	// Properties are added to those of every broker, as in server.properties.
	Properties map[string]string
	// TLS gives the clients' listener a certificate of the authority CAFile.
	TLS bool
	// ClientName makes brokers ask for a certificate (mutual TLS): that of
	// ClientCertificate, with this name.
	ClientName string
	// Users are those that may sign in (SASL). Without any, nobody has to. Only
	// the mechanisms of users are offered.
	Users []User
	// Authorize refuses what a user has no right to. Nobody has any before Grant.
	Authorize bool
	// JVM are more flags for the brokers' JVM, such as -Xmx1g. It is made to
	// start quickly and stay small, not to run fast.
	JVM []string
}

// Available says what is missing where no broker can be started.
func Available() error {
	_, err := home()
	return err
}

// home is the folder of the jars.
var home = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("bash", "-c", script, "kafka.sh", "home")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
})

// Require skips the test where there is no Kafka to run, or fails it where
// LYCEUM_KAFKA_REQUIRED is set.
func Require(t testing.TB) {
	t.Helper()
	err := Available()
	switch {
	case err == nil:
	case os.Getenv("LYCEUM_KAFKA_REQUIRED") != "":
		t.Fatalf("LYCEUM_KAFKA_REQUIRED is set and there is no Kafka: %v", err)
	default:
		t.Skipf("there is no Kafka: %v", err)
	}
}

// Cluster is a cluster that runs.
type Cluster struct {
	dir     string
	options Options
	nodes   []*node
	janitor *os.File // see sweepAtExit
}

// Start starts a cluster and returns when it serves. It is killed and removed
// when the test ends; the ends of the brokers' logs are shown if the test has
// failed.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := New(ctx, o)
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the ends of the brokers' logs:\n%s", c.Logs())
		}
		if err := c.Close(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	return c
}

// New starts a cluster outside a test and returns when it serves. Close it.
func New(ctx context.Context, o Options) (*Cluster, error) {
	// Ports are free when they are chosen; somebody else may be quicker.
	for attempt := 0; ; attempt++ {
		c, err := start(ctx, o)
		if err == nil {
			return c, nil
		}
		if closeErr := c.Close(); closeErr != nil {
			return nil, errors.Join(err, closeErr)
		}
		if attempt == 2 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

// start makes and starts the nodes. What it returns beside an error is to be closed.
func start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	c := &Cluster{options: o}
	jars, err := home()
	if err != nil {
		return c, err
	}
	if c.dir, err = os.MkdirTemp("", "lyceum-kafka-"); err != nil {
		return c, fmt.Errorf("make a folder for Kafka: %w", err)
	}
	if c.janitor, err = sweepAtExit(c.dir); err != nil {
		return c, err
	}
	if err := c.makeNodes(ctx, jars); err != nil {
		return c, err
	}
	for _, n := range c.nodes {
		if err := n.start(o.JVM); err != nil {
			return c, err
		}
	}
	for _, n := range c.nodes {
		if err := n.awaitServing(ctx, len(c.nodes)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Close kills the brokers and removes their data.
func (c *Cluster) Close() error {
	for _, n := range c.nodes {
		n.kill()
	}
	err := os.RemoveAll(c.dir)
	if c.janitor != nil {
		_ = c.janitor.Close() // the shell ends; it has nothing to do
	}
	if err != nil {
		return fmt.Errorf("remove Kafka's data: %w", err)
	}
	return nil
}

// Brokers are the addresses for clients.
func (c *Cluster) Brokers() []string {
	addresses := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addresses[i] = n.clients
	}
	return addresses
}

// Inner are the brokers' addresses for one another, where nobody signs in and
// everything is allowed.
func (c *Cluster) Inner() []string {
	addresses := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addresses[i] = n.inner
	}
	return addresses
}

// Dir is the folder of everything that the cluster keeps.
func (c *Cluster) Dir() string { return c.dir }

// Processes are the process ids of the nodes that run.
func (c *Cluster) Processes() []int {
	var ids []int
	for _, n := range c.nodes {
		if n.running() {
			ids = append(ids, n.latest().cmd.Process.Pid)
		}
	}
	return ids
}

// Client is a client of the brokers, over TLS if they want it. It is closed when
// the test ends.
func (c *Cluster) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	// A moved leader is found at once, and not after 5 seconds.
	all := []kgo.Opt{kgo.SeedBrokers(c.Brokers()...), kgo.MetadataMinAge(100 * time.Millisecond)}
	if c.options.TLS {
		all = append(all, kgo.DialTLSConfig(c.TLSConfig(t)))
	}
	client, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		t.Fatalf("make a client of Kafka: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// Kill kills a node with SIGKILL and returns when it is dead. Nodes are numbered
// from 1.
func (c *Cluster) Kill(t testing.TB, node int) {
	t.Helper()
	c.node(t, node).kill()
}

// Stop stops a node in good order and returns when it is gone. What it led is
// led by others then.
func (c *Cluster) Stop(t testing.TB, node int) {
	t.Helper()
	if err := c.node(t, node).stop(); err != nil {
		t.Fatalf("stop node %d of Kafka: %v", node, err)
	}
}

// Restart starts a node that was killed or stopped, on the same ports and data,
// and returns when it serves.
func (c *Cluster) Restart(t testing.TB, node int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := c.node(t, node)
	if err := n.start(c.options.JVM); err != nil {
		t.Fatalf("start node %d of Kafka again: %v", node, err)
	}
	if err := n.awaitServing(ctx, c.running()); err != nil {
		t.Fatalf("start node %d of Kafka again: %v", node, err)
	}
}

// Logs are the ends of the brokers' logs.
func (c *Cluster) Logs() string {
	var all strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&all, "node %d:\n%s\n", n.id, n.logTail())
	}
	return all.String()
}

func (c *Cluster) node(t testing.TB, id int) *node {
	t.Helper()
	if id < 1 || id > len(c.nodes) {
		t.Fatalf("Kafka has no node %d, it has 1 to %d", id, len(c.nodes))
	}
	return c.nodes[id-1]
}

// running is the number of nodes that run.
func (c *Cluster) running() int {
	count := 0
	for _, n := range c.nodes {
		if n.running() {
			count++
		}
	}
	return count
}

// sweepAtExit starts a shell that waits for the end of a pipe that only this
// process holds open, and removes the folder: a test run that is killed leaves
// nothing behind.
func sweepAtExit(dir string) (*os.File, error) {
	cmd := exec.Command("/bin/sh", "-c", `
		cat >/dev/null
		n=0
		until rm -rf -- "$1" 2>/dev/null || [ $n -ge 100 ]; do sleep 0.1; n=$((n+1)); done`, "sh", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = r.Close() }()
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the cleaning shell: %w", err), w.Close())
	}
	return w, nil
}

// await repeats a check until it returns nil or the context ends.
func await(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not in time: %w", err)
		}
	}
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make a folder for Kafka: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write a file for Kafka: %w", err)
	}
	return nil
}
