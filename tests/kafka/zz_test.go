package kafka_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/tests/kafka"
)

func TestZZ(t *testing.T) {
	for _, n := range []int{1, 1, 3, 3} {
		began := time.Now()
		c := kafka.Start(t, kafka.Options{Nodes: n})
		took := time.Since(began)
		for _, p := range c.Processes() {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
			f := strings.Fields(string(b))
			t.Log(n, took, "cpu ticks", f[13], f[14])
		}
		b, _ := os.ReadFile("/proc/loadavg")
		t.Log(string(b))
		c.CreateTopic(t, "notes", 16, -1, nil)
		t.Log("topic", time.Since(began)-took)
		s := time.Now()
		c.Stop(t, 1)
		t.Log("stop", time.Since(s))
		s = time.Now()
		c.Restart(t, 1)
		t.Log("restart", time.Since(s))
		s = time.Now()
		c.AwaitInSync(t)
		t.Log("in sync", time.Since(s))
		s = time.Now()
		c.Kill(t, 1)
		c.Restart(t, 1)
		c.AwaitInSync(t)
		t.Log("kill, restart, in sync", time.Since(s))
		c.Close()
	}
}
