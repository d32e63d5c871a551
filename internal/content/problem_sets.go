package content

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content/olx"
)

// A problem of an export has a policy of its own: attempts, release. What a
// learner attempts here is a set of problems, so a set takes the strictest of
// its problems' policies and the report says where that changed one.

// setBuilder collects the problems of one set.
type setBuilder struct {
	set   event.ProblemSetPublishedV1
	place olx.Place
	// What the problems said, to tell whether they agreed.
	attempts []int
	releases []event.ReleasePolicy
	seen     map[uuid.UUID]bool
}

func newSetBuilder(id uuid.UUID, title string, sub *olx.Subsection, place olx.Place) *setBuilder {
	b := &setBuilder{place: place, seen: map[uuid.UUID]bool{}}
	b.set = event.ProblemSetPublishedV1{
		ProblemSetID: id, Title: title, OpensAt: sub.Start, DueAt: sub.Due,
		TimeLimitSeconds: int(sub.TimeLimit / time.Second),
	}
	if sub.Graded {
		b.set.Category = sub.Format
	}
	return b
}

// add takes a problem into the set; false if it is there already.
func (b *setBuilder) add(p *olx.Problem) bool {
	if b.seen[p.Item.ItemID] {
		return false
	}
	b.seen[p.Item.ItemID] = true
	b.set.Items = append(b.set.Items, p.Item)
	b.attempts = append(b.attempts, p.MaxAttempts)
	b.releases = append(b.releases, p.Release)
	return true
}

// finish decides the policy of the set and reports what that simplified.
func (b *setBuilder) finish(report *olx.Report) event.ProblemSetPublishedV1 {
	b.set.MaxAttempts = fewestAttempts(b.attempts)
	b.set.Release = strictestRelease(b.releases)
	what := fmt.Sprintf("problem set %q", b.set.Title)
	if differ(b.attempts) {
		simplified(report, b.place, what,
			"its problems allow different numbers of attempts; the set is attempted as a whole, %d times", b.set.MaxAttempts)
	}
	if differ(b.releases) {
		simplified(report, b.place, what,
			"its problems show their answers at different times; all follow the strictest, %q", b.set.Release)
	}
	return b.set
}

func differ[T comparable](values []T) bool {
	return slices.ContainsFunc(values, func(v T) bool { return v != values[0] })
}

// fewestAttempts is the least limit, where 0 means no limit.
func fewestAttempts(limits []int) int {
	fewest := 0
	for _, n := range limits {
		if n > 0 && (fewest == 0 || n < fewest) {
			fewest = n
		}
	}
	return fewest
}

// strictestRelease is the policy that shows least.
func strictestRelease(policies []event.ReleasePolicy) event.ReleasePolicy {
	byStrictness := []event.ReleasePolicy{
		event.ReleaseNever, event.ReleaseAfterDue, event.ReleaseLast, event.ReleaseSubmitted,
	}
	for _, p := range byStrictness {
		if slices.Contains(policies, p) {
			return p
		}
	}
	return event.ReleaseNever
}

// setDigest identifies the definition of a set: two equal digests mean that
// assessment need not hear of it again.
func setDigest(set event.ProblemSetPublishedV1) ([sha256.Size]byte, error) {
	set.CourseVersion, set.At = 0, time.Time{}
	body, err := json.Marshal(set)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode problem set %s: %w", set.ProblemSetID, err)
	}
	return sha256.Sum256(body), nil
}

func simplified(report *olx.Report, place olx.Place, what, why string, args ...any) {
	report.Entries = append(report.Entries, olx.Entry{
		Severity: olx.Simplified, Place: place, What: what, Why: fmt.Sprintf(why, args...),
	})
}
