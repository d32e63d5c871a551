package kafka_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lyceum-lms/platform/tests/kafka"
)

// otherProcess makes the test binary a process that starts a broker and waits to
// be killed.
const otherProcess = "LYCEUM_TEST_OTHER_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(otherProcess) != "" {
		c, err := kafka.New(context.Background(), kafka.Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stdout, c.Brokers()[0], c.Dir())
		select {}
	}
	os.Exit(m.Run())
}
