package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// SlowAfter is what a learner waits for an answer without noticing.
const SlowAfter = 180 * time.Millisecond

// AnswerLost is the kind of failure of a request whose effect is there and whose
// answer is not: the learner asks again with a new Idempotency-Key.
const AnswerLost = "answer lost between the commit and its keeping, asked again with a new key"

// Kinds of failure of requests that have no answer.
const (
	ConnectionRefused = "connection refused"
	ConnectionBroken  = "connection broken"
)

// Figures are what learners have seen, from the beginning or between two looks.
//
// A learner waits from when they first ask until they have the answer, however
// often their client has to repeat the request meanwhile.
type Figures struct {
	Elapsed  time.Duration
	Requests int            // sent, repeats included
	Answers  int            // waits that ended with success
	Failures map[string]int // requests without success, by what became of them
	Slow     int            // waits longer than SlowAfter

	waits []time.Duration
}

// Since are the figures after an earlier look.
func (f Figures) Since(earlier Figures) Figures {
	d := Figures{
		Elapsed: f.Elapsed - earlier.Elapsed, Requests: f.Requests - earlier.Requests, Answers: f.Answers - earlier.Answers,
		Failures: map[string]int{}, Slow: f.Slow - earlier.Slow, waits: f.waits[len(earlier.waits):],
	}
	for kind, n := range f.Failures {
		if n -= earlier.Failures[kind]; n > 0 {
			d.Failures[kind] = n
		}
	}
	return d
}

// Failed counts the requests without success.
func (f Figures) Failed() (n int) {
	for _, of := range f.Failures {
		n += of
	}
	return n
}

// FailedOtherwise counts those that failed in none of the ways.
func (f Figures) FailedOtherwise(kinds ...string) int {
	n := f.Failed()
	for _, kind := range kinds {
		n -= f.Failures[kind]
	}
	return n
}

// FailuresByKind lists the failures.
func (f Figures) FailuresByKind() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(f.Failures)) {
		parts = append(parts, fmt.Sprintf("%d × %s", f.Failures[kind], kind))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// LongestPause is the longest that a learner has waited.
func (f Figures) LongestPause() time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	return slices.Max(f.waits)
}

// Wait is what the given share of all waits is not longer than, such as 0.99.
func (f Figures) Wait(share float64) time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f.waits))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// SlowShare is the share of waits longer than SlowAfter, from 0 to 1.
func (f Figures) SlowShare() float64 {
	if f.Answers == 0 {
		return 0
	}
	return float64(f.Slow) / float64(f.Answers)
}

// String is a line for the test's log.
func (f Figures) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d requests in %s (%.0f/s), %d answered, failed: %s; waits: p50 %s, p99 %s, longest pause %s, longer than %s: %d (%.2f %%)",
		f.Requests, f.Elapsed.Round(time.Millisecond), float64(f.Requests)/max(f.Elapsed.Seconds(), 1e-9), f.Answers, f.FailuresByKind(),
		round(f.Wait(0.5)), round(f.Wait(0.99)), round(f.LongestPause()), SlowAfter, f.Slow, 100*f.SlowShare())
}
