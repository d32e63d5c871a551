package platformtest

import (
	"testing"
	"time"
)

const (
	// patience bounds every wait. It is long because machines that run tests
	// are busy; nothing waits for it to pass.
	patience = 90 * time.Second
	// glance is how often a wait looks.
	glance = 20 * time.Millisecond
)

// Eventually waits until check returns nil, and ends the test with the sentence
// and the last error if it does not in time.
func Eventually(t testing.TB, sentence string, check func() error) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("%s: not within %s: %v", sentence, patience, err)
		}
	}
}
