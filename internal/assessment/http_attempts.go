package assessment

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type attemptBody struct {
	AttemptID       uuid.UUID  `json:"attempt_id" format:"uuid"`
	AssessmentID    uuid.UUID  `json:"assessment_id" format:"uuid"`
	Version         int        `json:"version"`
	CourseID        uuid.UUID  `json:"course_id" format:"uuid"`
	LearnerID       uuid.UUID  `json:"learner_id" format:"uuid"`
	Number          int        `json:"number" doc:"1 for the first attempt"`
	Status          string     `json:"status" enum:"in_progress,submitted,graded"`
	StartedAt       time.Time  `json:"started_at"`
	DeadlineAt      *time.Time `json:"deadline_at,omitempty"`
	TimeLeftSeconds *float64   `json:"time_left_seconds,omitempty" doc:"Until the deadline of an attempt in progress"`
	SubmittedAt     *time.Time `json:"submitted_at,omitempty"`
	SubmittedBy     string     `json:"submitted_by,omitempty" enum:"learner,deadline"`
	Score           *string    `json:"score,omitempty" doc:"Decimal"`
	MaxScore        string     `json:"max_score" doc:"Decimal"`
	GradedAt        *time.Time `json:"graded_at,omitempty"`
	ServerTime      time.Time  `json:"server_time"`

	// Of a single attempt that is started or read.
	Title     string              `json:"title,omitempty"`
	Items     []scoring.View      `json:"items,omitzero" doc:"As the learner sees them; not in lists"`
	Responses []savedResponseBody `json:"responses,omitzero" doc:"Those that count; not in lists"`
}

func newAttemptBody(a attempt) attemptBody {
	b := attemptBody{
		AttemptID: a.AttemptID, AssessmentID: a.AssessmentID, Version: a.Version, CourseID: a.CourseID, LearnerID: a.LearnerID,
		Number: a.Number, Status: string(a.Status), StartedAt: a.StartedAt.UTC(), DeadlineAt: utc(a.DeadlineAt),
		SubmittedAt: utc(a.SubmittedAt), Score: a.Score, MaxScore: a.MaxScore, GradedAt: utc(a.GradedAt), ServerTime: a.Now.UTC(),
	}
	if a.SubmittedBy != nil {
		b.SubmittedBy = string(*a.SubmittedBy)
	}
	if a.Status == inProgress && a.DeadlineAt != nil {
		left := max(a.DeadlineAt.Sub(a.Now), 0).Round(time.Millisecond).Seconds()
		b.TimeLeftSeconds = &left
	}
	return b
}

type savedResponseBody struct {
	ItemID   uuid.UUID       `json:"item_id" format:"uuid"`
	Sequence int64           `json:"sequence"`
	SavedAt  time.Time       `json:"saved_at"`
	Response json.RawMessage `json:"response" doc:"By part id: {choices: [id, ...]}, {text: ...}, {pairs: [[choice, target], ...]}, {points: [[x, y], ...]} or {files: [{file_id, name}, ...]}"`
}

// newOpenAttemptBody is an attempt with everything that is needed to go on with
// it.
func (m *Module) newOpenAttemptBody(o openPaper) attemptBody {
	b := newAttemptBody(o.attempt)
	b.Title, b.Items = o.paper.title, o.paper.views(o.Seed)
	b.Responses = make([]savedResponseBody, 0, len(o.responses))
	for i := range b.Items {
		m.linker(o.paper.items[i].banked()).view(&b.Items[i])
	}
	for _, r := range o.responses {
		b.Responses = append(b.Responses, savedResponseBody{
			ItemID: r.ItemID, Sequence: r.Sequence, SavedAt: r.SavedAt.UTC(), Response: r.Response,
		})
	}
	return b
}

type startAttemptOutput struct {
	Status int
	Body   attemptBody
}

func (m *Module) handleStartAttempt(ctx context.Context, in *assessmentInput) (*startAttemptOutput, error) {
	a, created, err := m.startAttempt(ctx, auth.Caller(ctx), in.AssessmentID)
	if err != nil {
		return nil, err
	}
	open := m.openPaper
	if created {
		open = m.blankPaper
	}
	o, err := open(ctx, a)
	if err != nil {
		return nil, err
	}
	out := &startAttemptOutput{Status: http.StatusOK, Body: m.newOpenAttemptBody(o)}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

type attemptInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
}

func (m *Module) handleGetAttempt(ctx context.Context, in *attemptInput) (*attemptOutput, error) {
	o, err := m.readAttempt(ctx, auth.Caller(ctx), in.AttemptID)
	if err != nil {
		return nil, err
	}
	return &attemptOutput{Body: m.newOpenAttemptBody(o)}, nil
}

type listAttemptsInput struct {
	httpserver.Page
	AssessmentID string `query:"assessment_id" format:"uuid"`
	CourseID     string `query:"course_id" format:"uuid"`
}

type listAttemptsOutput struct {
	Body httpserver.List[attemptBody]
}

func (m *Module) handleListAttempts(ctx context.Context, in *listAttemptsInput) (*listAttemptsOutput, error) {
	filter := attemptFilter{Limit: in.Limit + 1}
	var err error
	if filter.Assessment, err = optionalID("query.assessment_id", in.AssessmentID); err != nil {
		return nil, err
	}
	if filter.Course, err = optionalID("query.course_id", in.CourseID); err != nil {
		return nil, err
	}
	if in.Cursor != "" {
		filter.Before = new(uuid.UUID)
		if err := httpserver.DecodeCursor(in.Cursor, filter.Before); err != nil {
			return nil, err
		}
	}
	found, err := m.ownAttempts(ctx, auth.Caller(ctx), filter)
	if err != nil {
		return nil, err
	}
	out := &listAttemptsOutput{Body: httpserver.List[attemptBody]{Items: []attemptBody{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = httpserver.EncodeCursor(found[in.Limit-1].AttemptID)
	}
	for _, a := range found {
		out.Body.Items = append(out.Body.Items, newAttemptBody(a))
	}
	return out, nil
}

type saveResponseInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
	ItemID    uuid.UUID `path:"item_id" format:"uuid"`
	Body      struct {
		Sequence *int64          `json:"sequence,omitempty" minimum:"1" maximum:"9007199254740991" doc:"The client's count of its saves of this item"`
		Response json.RawMessage `json:"response" doc:"By part id: {choices: [id, ...]}, {text: ...}, {pairs: [[choice, target], ...]}, {points: [[x, y], ...]} or {files: [{file_id, name}, ...]}"`
	}
}

type saveResponseOutput struct {
	Body struct {
		Sequence   int64     `json:"sequence"`
		SavedAt    time.Time `json:"saved_at"`
		Superseded bool      `json:"superseded,omitempty" doc:"A response with a higher sequence was saved before and counts"`
	}
}

func (m *Module) handleSaveResponse(ctx context.Context, in *saveResponseInput) (*saveResponseOutput, error) {
	r, err := m.saveResponse(ctx, auth.Caller(ctx), in.AttemptID, in.ItemID, in.Body.Sequence, in.Body.Response)
	if err != nil {
		return nil, err
	}
	out := &saveResponseOutput{}
	out.Body.Sequence, out.Body.SavedAt, out.Body.Superseded = r.Sequence, r.SavedAt.UTC(), r.Superseded
	return out, nil
}

type hintsInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
	ItemID    uuid.UUID `path:"item_id" format:"uuid"`
	Count     int       `query:"count" minimum:"1" maximum:"50" default:"1" doc:"How many hints, from the first"`
}

type hintsOutput struct {
	Body struct {
		HintsHTML []string `json:"hints_html" nullable:"false"`
	}
}

func (m *Module) handleHints(ctx context.Context, in *hintsInput) (*hintsOutput, error) {
	hints, err := m.hints(ctx, auth.Caller(ctx), in.AttemptID, in.ItemID, in.Count)
	if err != nil {
		return nil, err
	}
	out := &hintsOutput{}
	out.Body.HintsHTML = hints
	return out, nil
}

type attemptOutput struct {
	Body attemptBody
}

func (m *Module) handleSubmit(ctx context.Context, in *attemptInput) (*attemptOutput, error) {
	a, err := m.submitAttempt(ctx, auth.Caller(ctx), in.AttemptID)
	if err != nil {
		return nil, err
	}
	return &attemptOutput{Body: newAttemptBody(a)}, nil
}
