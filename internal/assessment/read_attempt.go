package assessment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// openPaper is an attempt with what is needed to go on with it.
type openPaper struct {
	attempt
	paper     *paper
	responses []savedResponse
}

// readAttempt returns an attempt with its items and saved responses, to its
// learner or to the staff of the course.
func (m *Module) readAttempt(ctx context.Context, caller auth.Principal, id uuid.UUID) (openPaper, error) {
	a, _, err := m.visibleAttempt(ctx, caller, id)
	if err != nil {
		return openPaper{}, err
	}
	return m.openPaper(ctx, a)
}

func (m *Module) openPaper(ctx context.Context, a attempt) (openPaper, error) {
	o, err := m.blankPaper(ctx, a)
	if err != nil {
		return openPaper{}, err
	}
	o.responses, err = loadResponses(ctx, m.db.Pool, a.AttemptID, a.StartedAt)
	return o, err
}

// blankPaper is an attempt that has just been started: there is nothing to load.
func (m *Module) blankPaper(ctx context.Context, a attempt) (openPaper, error) {
	p, err := m.papers.get(ctx, a.AssessmentID, a.Version)
	return openPaper{attempt: a, paper: p}, err
}

// visibleAttempt returns an attempt that the caller may read, and whether they
// do so as staff. A learner's own attempts stay readable after a withdrawal.
func (m *Module) visibleAttempt(ctx context.Context, caller auth.Principal, id uuid.UUID) (a attempt, staff bool, err error) {
	a, err = loadAttempt(ctx, m.db.Pool, id)
	if err != nil {
		return attempt{}, false, err
	}
	if a.LearnerID == caller.AccountID {
		return a, false, nil
	}
	if a.OrganisationID != caller.OrganisationID {
		return attempt{}, false, errNoAttempt()
	}
	s, err := m.standingIn(ctx, caller, a.CourseID)
	if err != nil {
		return attempt{}, false, err
	}
	if !s.Staff {
		return attempt{}, false, errNoAttempt()
	}
	return a, true, nil
}

// hints returns the first n hints of an item of the caller's attempt, or all
// that there are.
func (m *Module) hints(ctx context.Context, caller auth.Principal, attemptID, itemID uuid.UUID, n int) ([]string, error) {
	f, err := m.ownFacts(ctx, caller, attemptID)
	if err != nil {
		return nil, err
	}
	p, err := m.papers.get(ctx, f.assessment, f.version)
	if err != nil {
		return nil, err
	}
	it, ok := p.item(itemID)
	if !ok {
		return nil, errNoItem()
	}
	hints := []string{}
	for i := range min(n, it.Hints()) {
		html, _ := it.Hint(i, f.seed)
		hints = append(hints, m.linker(it.banked()).html(html))
	}
	return hints, nil
}

// attemptFilter selects some of a learner's attempts.
type attemptFilter struct {
	Assessment *uuid.UUID
	Course     *uuid.UUID
	Before     *uuid.UUID // exclusive; nil is the newest
	Limit      int
}

const ownAttemptsSQL = `
	select ` + attemptColumns + ` from assessment.attempts t
	where t.learner_id = $1
		and ($2::uuid is null or t.assessment_id = $2)
		and ($3::uuid is null or t.course_id = $3)
		and ($4::uuid is null or t.attempt_id < $4)
	order by t.attempt_id desc limit $5`

// ownAttempts lists the caller's attempts, the newest first.
func (m *Module) ownAttempts(ctx context.Context, caller auth.Principal, f attemptFilter) ([]attempt, error) {
	found, err := queryAttempts(ctx, m.db.Pool, ownAttemptsSQL, caller.AccountID, f.Assessment, f.Course, f.Before, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	return found, nil
}

// errNotGraded says that there is nothing to review yet.
func errNotGraded(a attempt) error {
	if a.Status == inProgress {
		return problem.New(problem.Conflict, "not-graded-yet", "The attempt has not been submitted.")
	}
	return problem.New(problem.Conflict, "not-graded-yet", "The attempt is being graded.").After(gradingWait)
}
