package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ProducerPerf is what ProducerPerformance measures at a test's cluster.
func ProducerPerf(t testing.TB, c *Cluster, topic string, records, size int) (recordsPerSecond float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rate, err := c.ProducerPerformance(ctx, topic, records, size)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

var produced = regexp.MustCompile(`(?m)^(\d+) records sent, ([0-9.]+) records/sec`)

// ProducerPerformance sends records of a size in bytes to a topic with Kafka's
// own tool, as quickly as it can, and returns how many a second the replicas in
// sync had acknowledged.
func (c *Cluster) ProducerPerformance(ctx context.Context, topic string, records, size int) (recordsPerSecond float64, err error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", script, "kafka.sh", "tool",
		"org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", strings.Join(c.Inner(), ","), "--topic", topic,
		"--num-records", strconv.Itoa(records), "--record-size", strconv.Itoa(size), "--throughput", "-1",
		"--command-property", "acks=all")
	// It is to run fast; brokers start fast.
	cmd.Env = append(os.Environ(), "LYCEUM_KAFKA_JVM=-XX:TieredStopAtLevel=4")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run Kafka's producer performance tool: %w\n%s", err, out)
	}
	lines := produced.FindAllSubmatch(out, -1)
	if len(lines) == 0 {
		return 0, fmt.Errorf("no rate in what Kafka's producer performance tool says:\n%s", out)
	}
	last := lines[len(lines)-1] // of all records; lines before are of intervals
	if string(last[1]) != strconv.Itoa(records) {
		return 0, errors.New("not all records were sent: " + string(last[0]))
	}
	return strconv.ParseFloat(string(last[2]), 64)
}
