package kafka

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
)

// shared is the cluster of this test binary. It ends with the process.
var shared = sync.OnceValues(func() (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return New(ctx, Options{})
})

// Shared is a cluster of one node that all tests of a package share. It is
// started for the first of them. They use topics and groups of their own (see
// Prefix) and do not stop it.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	Require(t)
	c, err := shared()
	if err != nil {
		t.Fatalf("start Kafka for the tests: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the broker's log:\n%s", c.Logs())
		}
	})
	return c
}

// Prefix is what names of topics and groups begin with that nobody else uses.
func Prefix() string { return "test-" + strings.ToLower(rand.Text()[:12]) }
