package assessment

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
)

type reviewBody struct {
	AttemptID    uuid.UUID        `json:"attempt_id" format:"uuid"`
	AssessmentID uuid.UUID        `json:"assessment_id" format:"uuid"`
	Version      int              `json:"version"`
	CourseID     uuid.UUID        `json:"course_id" format:"uuid"`
	LearnerID    uuid.UUID        `json:"learner_id" format:"uuid"`
	Number       int              `json:"number" doc:"1 for the first attempt"`
	Title        string           `json:"title"`
	SubmittedAt  time.Time        `json:"submitted_at"`
	SubmittedBy  string           `json:"submitted_by" enum:"learner,deadline"`
	Score        string           `json:"score" doc:"Decimal"`
	MaxScore     string           `json:"max_score" doc:"Decimal"`
	GradedAt     time.Time        `json:"graded_at"`
	Released     releasedBody     `json:"released" doc:"What the release policy lets the caller see now"`
	Items        []reviewItemBody `json:"items" nullable:"false"`
}

type releasedBody struct {
	Parts    bool       `json:"parts"`
	Feedback bool       `json:"feedback"`
	Key      bool       `json:"key"`
	DueAt    *time.Time `json:"due_at,omitempty" doc:"When policy after_due releases the key"`
}

type reviewItemBody struct {
	ItemID   uuid.UUID        `json:"item_id" format:"uuid"`
	Score    scoring.Score    `json:"score"`
	MaxScore scoring.Score    `json:"max_score"`
	Answered bool             `json:"answered"`
	Item     scoring.View     `json:"item"`
	Response json.RawMessage  `json:"response,omitempty"`
	Parts    []reviewPartBody `json:"parts,omitempty"`
	// Of the item as a whole, beside what its parts say.
	NeedsMarking bool     `json:"needs_marking,omitempty" doc:"People have yet to mark something; it counts as nothing until then"`
	FeedbackHTML []string `json:"feedback_html,omitempty"`
	How          string   `json:"how,omitempty" doc:"How the score came about where it is not the sum of the parts', one sentence a line"`

	Key *scoring.KeyView `json:"key,omitempty"`
}

type reviewPartBody struct {
	PartID       string        `json:"part_id"`
	Answered     bool          `json:"answered"`
	Correct      bool          `json:"correct"`
	Score        scoring.Score `json:"score"`
	MaxScore     scoring.Score `json:"max_score"`
	NeedsMarking bool          `json:"needs_marking,omitempty" doc:"It has yet to be marked by people"`
	FeedbackHTML []string      `json:"feedback_html,omitempty"`
	How          string        `json:"how,omitempty" doc:"How the score came about"`
}

type reviewOutput struct {
	Body reviewBody
}

func (m *Module) handleReview(ctx context.Context, in *attemptInput) (*reviewOutput, error) {
	r, err := m.reviewAttempt(ctx, auth.Caller(ctx), in.AttemptID)
	if err != nil {
		return nil, err
	}
	return &reviewOutput{Body: m.reviewBody(r)}, nil
}

func (m *Module) reviewBody(r review) reviewBody {
	b := reviewBody{
		AttemptID: r.AttemptID, AssessmentID: r.AssessmentID, Version: r.Version, CourseID: r.CourseID, LearnerID: r.LearnerID,
		Number: r.Number, Title: r.paper.title, SubmittedAt: r.SubmittedAt.UTC(), SubmittedBy: string(*r.SubmittedBy),
		Score: *r.Score, MaxScore: r.MaxScore, GradedAt: r.GradedAt.UTC(),
		Released: releasedBody{Parts: r.visible.Parts, Feedback: r.visible.Feedback, Key: r.visible.Key, DueAt: utc(r.dueAt)},
		Items:    make([]reviewItemBody, 0, len(r.paper.items)),
	}
	given := make(map[uuid.UUID]json.RawMessage, len(r.responses))
	for _, s := range r.responses {
		given[s.ItemID] = s.Response
	}
	for _, it := range r.paper.items {
		result := r.results[it.id]
		view := it.View(r.Seed)
		link := m.linker(it.banked())
		link.view(&view)
		body := reviewItemBody{
			ItemID: it.id, Score: result.Score, MaxScore: result.Max, Answered: result.Answered(),
			Item: view, Response: given[it.id], Parts: reviewParts(result, r.visible, link),
		}
		body.NeedsMarking = result.NeedsMarking
		if r.visible.Feedback {
			body.FeedbackHTML = link.all(result.FeedbackHTML)
		}
		if r.visible.Key {
			key := it.Key(r.Seed)
			key.ExplanationHTML = link.html(key.ExplanationHTML)
			body.Key, body.How = &key, result.How
		}
		b.Items = append(b.Items, body)
	}
	return b
}

// reviewParts is what may be seen of an item's parts.
func reviewParts(result scoring.Result, v visibility, link linker) []reviewPartBody {
	if !v.Parts {
		return nil
	}
	parts := make([]reviewPartBody, 0, len(result.Parts))
	for _, p := range result.Parts {
		part := reviewPartBody{PartID: p.PartID, Answered: p.Answered, Correct: p.Correct, Score: p.Score, MaxScore: p.Max, NeedsMarking: p.NeedsMarking}
		if v.Feedback {
			part.FeedbackHTML = link.all(p.FeedbackHTML)
		}
		if v.Key {
			part.How = p.How
		}
		parts = append(parts, part)
	}
	return parts
}
