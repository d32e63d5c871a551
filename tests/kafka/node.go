package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lyceum-lms/platform/tests/tied"
)

// node is a broker and controller.
type node struct {
	id                         int
	dir                        string
	clients, inner, controller string // addresses

	mu      sync.Mutex
	process *process // the latest; nil before the first start
}

// process is one run of a node.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed at the end
	err    error         // valid then
}

func (n *node) start(jvm []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil && !n.process.over() {
		return errors.New("it is running")
	}
	// The shell becomes the JVM.
	cmd := exec.Command("bash", "-c", script, "kafka.sh", "run", n.dir)
	cmd.Env = append(os.Environ(), "LYCEUM_KAFKA_JVM="+strings.Join(jvm, " "))
	tied.ToThisProcess(cmd)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // see tie
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	n.process = p
	return nil
}

// awaitServing returns when the node serves clients and sees so many brokers,
// itself among them.
func (n *node) awaitServing(ctx context.Context, brokers int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.inner), kgo.DialTimeout(time.Second))
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := n.latest()
	err = await(ctx, func(ctx context.Context) error {
		if p.over() {
			cancel() // there is nothing to wait for
			return fmt.Errorf("it ended at its start: %w", p.err)
		}
		return n.sees(ctx, client, brokers)
	})
	if err != nil {
		return fmt.Errorf("node %d does not serve: %w\n%s", n.id, err, n.logTail())
	}
	return nil
}

func (n *node) sees(ctx context.Context, client *kgo.Client, brokers int) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	response, err := client.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return err
	}
	metadata, ok := response.(*kmsg.MetadataResponse)
	if !ok {
		return fmt.Errorf("unexpected answer %T", response)
	}
	itself := false
	for _, b := range metadata.Brokers {
		itself = itself || int(b.NodeID) == n.id
	}
	if !itself || len(metadata.Brokers) < brokers {
		return fmt.Errorf("it sees %d brokers instead of %d", len(metadata.Brokers), brokers)
	}
	return nil
}

// kill ends the node at once, if it runs, and returns when it is dead.
func (n *node) kill() {
	p := n.latest()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it fails if the process has ended, which is what is wanted
	<-p.exited
}

// stop asks the node to end and returns when it has.
func (n *node) stop() error {
	p := n.latest()
	if p == nil || p.over() {
		return errors.New("it is not running")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("send SIGTERM: %w", err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timeout.C:
		return fmt.Errorf("it has not stopped %s after SIGTERM\n%s", patience, n.logTail())
	}
}

func (n *node) running() bool {
	p := n.latest()
	return p != nil && !p.over()
}

func (n *node) latest() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

func (p *process) over() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// logTail is the end of the node's log: its last warnings and errors, and its
// last lines.
func (n *node) logTail() string {
	const shown = 25
	text, err := os.ReadFile(filepath.Join(n.dir, "broker.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	last := lines[max(0, len(lines)-shown):]
	var serious []string
	for _, l := range lines[:len(lines)-len(last)] {
		if strings.Contains(l, "] WARN ") || strings.Contains(l, "] ERROR ") {
			serious = append(serious, l)
		}
	}
	return strings.Join(append(serious[max(0, len(serious)-shown):], last...), "\n")
}
