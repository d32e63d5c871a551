package assessment

import (
	"time"

	"github.com/lyceum-lms/platform/internal/problem"
)

// status is where an attempt stands. It only moves forward.
type status string

const (
	inProgress status = "in_progress"
	submitted  status = "submitted" // closed, waits for its grade
	graded     status = "graded"
)

// submitter is who closed an attempt.
type submitter string

const (
	byLearner  submitter = "learner"
	byDeadline submitter = "deadline"
)

// policy is what an assessment's author lets learners do.
type policy struct {
	OpensAt     *time.Time
	DueAt       *time.Time
	TimeLimit   time.Duration // 0: none
	MaxAttempts int           // 0: unlimited
	Withdrawn   bool
}

// deadline is when an attempt ends by itself: the time limit after its start,
// but not after the due time. It is nil when there is neither.
func deadline(startedAt time.Time, limit time.Duration, dueAt *time.Time) *time.Time {
	var end *time.Time
	if limit > 0 {
		t := startedAt.Add(limit)
		end = &t
	}
	if dueAt != nil && (end == nil || dueAt.Before(*end)) {
		t := *dueAt
		end = &t
	}
	return end
}

// canStart says why an enrolled learner who has made used attempts, none of
// which is in progress, cannot start another now; nil means that they can.
func (p policy) canStart(used int, now time.Time) *problem.Problem {
	switch {
	case p.Withdrawn:
		return problem.New(problem.Conflict, "assessment-withdrawn", "This assessment is no longer part of its course.")
	case p.OpensAt != nil && now.Before(*p.OpensAt):
		return problem.New(problem.Conflict, "not-open-yet", "This assessment opens at %s.", p.OpensAt.UTC().Format(time.RFC3339)).
			After(p.OpensAt.Sub(now))
	case p.closed(now):
		return problem.New(problem.Conflict, "assessment-closed", "This assessment was due at %s.", p.DueAt.UTC().Format(time.RFC3339))
	case p.attemptsLeft(used) == 0:
		return problem.New(problem.Conflict, "no-attempts-left", "All %d attempts have been used.", p.MaxAttempts)
	}
	return nil
}

// closed reports whether the due time has come.
func (p policy) closed(now time.Time) bool { return p.DueAt != nil && !now.Before(*p.DueAt) }

// unlimitedAttempts is what attemptsLeft returns without a limit.
const unlimitedAttempts = -1

// attemptsLeft is how many attempts may still be started after used ones.
func (p policy) attemptsLeft(used int) int {
	if p.MaxAttempts == 0 {
		return unlimitedAttempts
	}
	return max(p.MaxAttempts-used, 0)
}

// mayTryAgain reports whether the learner could start another attempt, now or
// when the assessment opens.
func (p policy) mayTryAgain(used int, now time.Time) bool {
	return !p.Withdrawn && !p.closed(now) && p.attemptsLeft(used) != 0
}
