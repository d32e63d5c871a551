package assessment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
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
	ETag string `header:"ETag" doc:"Of the version, for If-Match"`
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
	out := &getAssessmentOutput{ETag: httpserver.ETag(int64(o.Version)), Body: newAssessmentBody(o)}
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

// CompositionBody is an assessment that is put together from banks. It is
// exported for the description of the API, like all that other types embed.
type CompositionBody struct {
	Title            string            `json:"title" minLength:"1" maxLength:"300"`
	Category         string            `json:"category,omitempty" maxLength:"200" doc:"Of the course's grading policy; empty if ungraded"`
	MaxAttempts      int               `json:"max_attempts,omitempty" minimum:"0" maximum:"1000" doc:"0: unlimited"`
	TimeLimitSeconds int               `json:"time_limit_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"0: none"`
	OpensAt          *time.Time        `json:"opens_at,omitempty"`
	DueAt            *time.Time        `json:"due_at,omitempty"`
	Release          string            `json:"release,omitempty" enum:"never,submitted,after_due,last" default:"submitted" doc:"When learners see the answers"`
	Items            []chosenItemInput `json:"items" minItems:"1" maxItems:"500" nullable:"false" doc:"In order"`
}

type chosenItemInput struct {
	ItemID  uuid.UUID `json:"item_id" format:"uuid"`
	Version int       `json:"version,omitempty" minimum:"1" maximum:"2147483647" doc:"Default: the current one"`
}

func (in CompositionBody) composition() composition {
	c := composition{
		Title: in.Title, Category: in.Category, MaxAttempts: in.MaxAttempts, TimeLimitSeconds: in.TimeLimitSeconds,
		OpensAt: in.OpensAt, DueAt: in.DueAt, Release: event.ReleasePolicy(in.Release),
	}
	for _, it := range in.Items {
		c.Items = append(c.Items, chosenItem(it))
	}
	return c
}

func (m *Module) handleCompose(ctx context.Context, in *struct {
	Body struct {
		CourseID uuid.UUID `json:"course_id" format:"uuid"`
		CompositionBody
	}
}) (*getAssessmentOutput, error) {
	id, err := m.composeAssessment(ctx, auth.Caller(ctx), in.Body.CourseID, in.Body.composition())
	if err != nil {
		return nil, err
	}
	return m.handleGetAssessment(ctx, &assessmentInput{AssessmentID: id})
}

func (m *Module) handleRecompose(ctx context.Context, in *struct {
	AssessmentID uuid.UUID `path:"assessment_id" format:"uuid"`
	IfMatch      string    `header:"If-Match" required:"true" maxLength:"50" doc:"The ETag that the assessment was read with"`
	Body         CompositionBody
}) (*getAssessmentOutput, error) {
	seen, err := httpserver.ParseIfMatch(in.IfMatch, "assessment")
	if err != nil {
		return nil, err
	}
	if err := m.recomposeAssessment(ctx, auth.Caller(ctx), in.AssessmentID, seen, in.Body.composition()); err != nil {
		return nil, err
	}
	return m.handleGetAssessment(ctx, &assessmentInput{AssessmentID: in.AssessmentID})
}
