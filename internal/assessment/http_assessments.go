package assessment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type assessmentBody struct {
	AssessmentID     uuid.UUID  `json:"assessment_id" format:"uuid"`
	CourseID         uuid.UUID  `json:"course_id" format:"uuid"`
	Version          int        `json:"version"`
	Title            string     `json:"title"`
	Category         string     `json:"category" doc:"Of the course's grading policy; empty if ungraded"`
	MaxScore         string     `json:"max_score" doc:"Decimal"`
	Items            int        `json:"items"`
	MaxAttempts      int        `json:"max_attempts" doc:"0: unlimited"`
	TimeLimitSeconds int        `json:"time_limit_seconds" doc:"0: none"`
	OpensAt          *time.Time `json:"opens_at,omitempty"`
	DueAt            *time.Time `json:"due_at,omitempty"`
	Release          string     `json:"release" enum:"never,submitted,after_due,last"`
	Withdrawn        bool       `json:"withdrawn,omitempty"`
	Mine             mineBody   `json:"mine"`
	ServerTime       time.Time  `json:"server_time"`

	ExcludedItems []excludedItemBody `json:"excluded_items,omitempty" doc:"Of a single assessment, for staff: the items that cannot be used, and why"`
}

type excludedItemBody struct {
	ItemID uuid.UUID `json:"item_id" format:"uuid"`
	Title  string    `json:"title"`
	Reason string    `json:"reason"`
}

type mineBody struct {
	AttemptsUsed     int        `json:"attempts_used"`
	AttemptsLeft     *int       `json:"attempts_left,omitempty" doc:"Absent if unlimited"`
	RunningAttemptID *uuid.UUID `json:"running_attempt_id,omitempty" format:"uuid"`
	BestAttemptID    *uuid.UUID `json:"best_attempt_id,omitempty" format:"uuid"`
	BestScore        *string    `json:"best_score,omitempty" doc:"Decimal"`
	BestMaxScore     *string    `json:"best_max_score,omitempty" doc:"Decimal; of the version that was attempted"`
}

func newAssessmentBody(o offer) assessmentBody {
	b := assessmentBody{
		AssessmentID: o.AssessmentID, CourseID: o.CourseID, Version: o.Version, Title: o.Title, Category: o.Category,
		MaxScore: o.MaxScore, Items: o.ItemCount, MaxAttempts: o.MaxAttempts, TimeLimitSeconds: o.TimeLimitSeconds,
		OpensAt: utc(o.OpensAt), DueAt: utc(o.DueAt), Release: string(o.Release), Withdrawn: o.WithdrawnAt != nil,
		Mine: mineBody{
			AttemptsUsed: o.Used, RunningAttemptID: o.RunningID,
			BestAttemptID: o.BestID, BestScore: o.BestScore, BestMaxScore: o.BestMax,
		},
		ServerTime: o.Now.UTC(),
	}
	if left := o.policy().attemptsLeft(o.Used); left != unlimitedAttempts {
		b.Mine.AttemptsLeft = &left
	}
	return b
}

type listAssessmentsInput struct {
	httpserver.Page
	CourseID uuid.UUID `query:"course_id" required:"true" format:"uuid"`
}

type listAssessmentsOutput struct {
	Body httpserver.List[assessmentBody]
}

func (m *Module) handleListAssessments(ctx context.Context, in *listAssessmentsInput) (*listAssessmentsOutput, error) {
	caller := auth.Caller(ctx)
	var after *offersAfter
	if in.Cursor != "" {
		after = new(offersAfter)
		if err := httpserver.DecodeCursor(in.Cursor, after); err != nil {
			return nil, err
		}
	}
	out := &listAssessmentsOutput{Body: httpserver.List[assessmentBody]{Items: []assessmentBody{}}}
	s, err := m.standingIn(ctx, caller, in.CourseID)
	if err != nil || !s.Enrolled && !s.Staff {
		return out, err
	}
	offers, err := loadOffers(ctx, m.db.Pool, in.CourseID, caller.AccountID, caller.OrganisationID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	if len(offers) > in.Limit {
		offers = offers[:in.Limit]
		last := offers[in.Limit-1]
		out.Body.NextCursor = httpserver.EncodeCursor(offersAfter{Position: last.Position, AssessmentID: last.AssessmentID})
	}
	for _, o := range offers {
		out.Body.Items = append(out.Body.Items, newAssessmentBody(o))
	}
	return out, nil
}

type assessmentInput struct {
	AssessmentID uuid.UUID `path:"assessment_id" format:"uuid"`
}

type getAssessmentOutput struct {
	Body assessmentBody
}

func (m *Module) handleGetAssessment(ctx context.Context, in *assessmentInput) (*getAssessmentOutput, error) {
	caller := auth.Caller(ctx)
	o, err := loadOffer(ctx, m.db.Pool, in.AssessmentID, caller.AccountID, caller.OrganisationID)
	if err != nil {
		return nil, err
	}
	s, err := m.standingIn(ctx, caller, o.CourseID)
	if err != nil {
		return nil, err
	}
	if !s.Enrolled && !s.Staff {
		return nil, errNotEnrolled()
	}
	out := &getAssessmentOutput{Body: newAssessmentBody(o)}
	if s.Staff {
		p, err := m.papers.get(ctx, o.AssessmentID, o.Version)
		if err != nil {
			return nil, err
		}
		for _, it := range p.excluded {
			out.Body.ExcludedItems = append(out.Body.ExcludedItems, excludedItemBody{ItemID: it.id, Title: it.title, Reason: it.reason})
		}
	}
	return out, nil
}
