package assessment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
)

// gradingWait is how soon a grade is worth asking for again.
const gradingWait = time.Second

// review is a graded attempt and what its reader may see of it.
type review struct {
	openPaper
	visible visibility
	dueAt   *time.Time
	results map[uuid.UUID]scoring.Result
}

// reviewAttempt returns a graded attempt, to its learner as the present release
// policy of the assessment allows, to the staff of the course in full.
func (m *Module) reviewAttempt(ctx context.Context, caller auth.Principal, id uuid.UUID) (review, error) {
	a, staff, err := m.visibleAttempt(ctx, caller, id)
	if err != nil {
		return review{}, err
	}
	if a.Status != graded {
		return review{}, errNotGraded(a)
	}
	o, err := loadOffer(ctx, m.db.Pool, a.AssessmentID, a.LearnerID, a.OrganisationID)
	if err != nil {
		return review{}, err
	}
	open, err := m.openPaper(ctx, a)
	if err != nil {
		return review{}, err
	}
	results, err := loadResults(ctx, m.db.Pool, a)
	if err != nil {
		return review{}, err
	}
	return review{openPaper: open, results: results, dueAt: o.DueAt, visible: release(situation{
		Policy: o.Release, DueAt: o.DueAt, Now: o.Now, Staff: staff,
		FullScore:   *a.Score == a.MaxScore,
		OpenAttempt: o.RunningID != nil, MayTryAgain: o.policy().mayTryAgain(o.Used, o.Now),
	})}, nil
}
