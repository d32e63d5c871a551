package kafka_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/tests/kafka"
)

func TestANodeThatIsKilledOrStoppedComesBackWithItsData(t *testing.T) {
	began := time.Now()
	c := kafka.Start(t, kafka.Options{})
	t.Logf("one node serves after %s and takes %s", time.Since(began).Round(time.Millisecond), memory(t, c))
	c.CreateTopic(t, "notes", 1, 1, nil)
	brokers := c.Brokers()

	produce(t, c.Client(t), "notes", "one")
	c.Kill(t, 1)
	c.Restart(t, 1)
	produce(t, c.Client(t), "notes", "two")
	c.Stop(t, 1)
	c.Restart(t, 1)

	require.Equal(t, brokers, c.Brokers(), "addresses stay")
	requireValues(t, c.Client(t, kgo.ConsumeTopics("notes")), "one", "two")
}

func TestPropertiesReachTheBrokers(t *testing.T) {
	c := kafka.Start(t, kafka.Options{Properties: map[string]string{"message.max.bytes": "2000"}})
	c.CreateTopic(t, "notes", 1, 1, nil)

	err := c.Client(t, kgo.ProducerBatchCompression(kgo.NoCompression())).ProduceSync(t.Context(), &kgo.Record{Topic: "notes", Value: make([]byte, 4000)}).FirstErr()

	require.ErrorContains(t, err, "MESSAGE_TOO_LARGE")
}

func TestABrokerThatCannotStartSaysWhy(t *testing.T) {
	kafka.Require(t)

	_, err := kafka.New(t.Context(), kafka.Options{Properties: map[string]string{"num.io.threads": "none"}})

	require.ErrorContains(t, err, "node 1 does not serve: ")
	require.ErrorContains(t, err, "Invalid value none for configuration num.io.threads")
}

func TestTestsOfAPackageShareACluster(t *testing.T) {
	c := kafka.Shared(t)
	require.Same(t, c, kafka.Shared(t))
	require.NotEqual(t, kafka.Prefix(), kafka.Prefix())

	topic := kafka.Prefix()
	c.CreateTopic(t, topic, 1, -1, nil)
	produce(t, c.Client(t), topic, "one")
	requireValues(t, c.Client(t, kgo.ConsumeTopics(topic)), "one")
}

func TestKafkasOwnProducerIsMeasured(t *testing.T) {
	c := kafka.Shared(t)
	topic := kafka.Prefix()
	c.CreateTopic(t, topic, 4, 1, nil)

	rate := kafka.ProducerPerf(t, c, topic, 20_000, 300)

	require.Positive(t, rate)
	offsets, err := c.Admin(t).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	total := int64(0)
	for _, o := range offsets.Offsets().Sorted() {
		total += o.At
	}
	require.EqualValues(t, 20_000, total)
	t.Logf("%.0f records of 300 bytes a second", rate)
}

func TestAKilledTestRunLeavesNothing(t *testing.T) {
	kafka.Require(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), otherProcess+"=yes")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
	require.NoError(t, dial(address))
	require.DirExists(t, dir)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	require.Eventually(t, func() bool { return dial(address) != nil }, patience, 20*time.Millisecond, "the broker goes")
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, patience, 20*time.Millisecond, "its data go")
}

func TestWithoutKafkaTestsAreSkippedUnlessItIsRequired(t *testing.T) {
	run := func(env ...string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestTestsOfAPackageShareACluster$", "-test.v")
		for _, e := range os.Environ() {
			if !strings.HasPrefix(e, "LYCEUM_") {
				cmd.Env = append(cmd.Env, e)
			}
		}
		cmd.Env = append(append(cmd.Env, "LYCEUM_KAFKA_CACHE="+t.TempDir()), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	out, err := run()
	require.NoError(t, err, out)
	require.Contains(t, out, "--- SKIP: TestTestsOfAPackageShareACluster")

	out, err = run("LYCEUM_KAFKA_REQUIRED=1")
	require.Error(t, err, out)
	require.Contains(t, out, "LYCEUM_KAFKA_REQUIRED is set and there is no Kafka: ")
}

func dial(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// memory is what the nodes' processes have in memory.
func memory(t *testing.T, c *kafka.Cluster) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return "an unknown amount of memory"
	}
	var all []string
	for _, pid := range c.Processes() {
		text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(text), "VmRSS:")
		size, _, _ := strings.Cut(rest, "\n")
		all = append(all, strings.TrimSpace(size))
	}
	return strings.Join(all, ", ")
}
