package assessment

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

func (m *Module) markingRoutes(r *httpserver.Router) {
	const item = "/v1/attempts/{attempt_id}/items/{item_id}/marks"
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/assessments/{assessment_id}/marking", ID: "list-attempts-to-mark",
		Summary: "List the attempts with items that people have yet to mark", Permission: auth.ReadGradebook, Problems: []int{404},
		Description: "For those who teach the course. Read the responses with the attempt.",
	}, m.handleAttemptsToMark)
	httpserver.Handle(r, httpserver.Route{
		Method: "PUT", Path: item, ID: "mark-item",
		Summary: "Mark an item of a graded attempt, and grade the attempt anew", Permission: auth.ReadGradebook, Problems: []int{404, 409, 422},
		Description: "For each part that people mark: a level for every criterion of its rubric, or a credit between the part's bounds. " +
			"Marks that were given before are replaced and stay in the history.",
	}, m.handleMarkItem)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: item, ID: "list-marks",
		Summary: "List the marks that an item of an attempt was given, the last first", Permission: auth.ReadGradebook, Problems: []int{404},
	}, m.handleMarks)
}

type attemptsToMarkInput struct {
	httpserver.Page
	AssessmentID uuid.UUID `path:"assessment_id" format:"uuid"`
}

type toMarkBody struct {
	AttemptID   uuid.UUID   `json:"attempt_id" format:"uuid"`
	LearnerID   uuid.UUID   `json:"learner_id" format:"uuid"`
	Number      int         `json:"number" doc:"1 for the first attempt"`
	SubmittedAt time.Time   `json:"submitted_at"`
	ItemIDs     []uuid.UUID `json:"item_ids" nullable:"false" doc:"Those that wait for marks"`
}

type attemptsToMarkOutput struct{ Body httpserver.List[toMarkBody] }

func (m *Module) handleAttemptsToMark(ctx context.Context, in *attemptsToMarkInput) (*attemptsToMarkOutput, error) {
	if _, err := m.assessmentForStaff(ctx, auth.Caller(ctx), in.AssessmentID); err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Page)
	if err != nil {
		return nil, err
	}
	page, err := m.attemptsToMark(ctx, in.AssessmentID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &attemptsToMarkOutput{Body: pageOf(page, in.Limit, newToMarkBody, func(t toMark) any { return t.AttemptID })}, nil
}

func newToMarkBody(t toMark) toMarkBody {
	return toMarkBody{t.AttemptID, t.LearnerID, t.Number, t.SubmittedAt.UTC(), t.Items}
}

type attemptItemInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
	ItemID    uuid.UUID `path:"item_id" format:"uuid"`
}

// markBody is a mark as it is sent. A credit comes as text, so that it is exact.
type markBody struct {
	Levels map[string]string `json:"levels,omitempty" doc:"Level by criterion; all criteria of the rubric"`
	Credit *string           `json:"credit,omitempty" doc:"Decimal, the share of the part that it earns; instead of levels"`
}

type markItemInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
	ItemID    uuid.UUID `path:"item_id" format:"uuid"`
	Body      struct {
		Marks   map[string]markBody `json:"marks" maxProperties:"200" doc:"By part id"`
		Comment string              `json:"comment,omitempty" maxLength:"10000" doc:"For those who mark"`
	}
}

type markItemOutput struct {
	Body struct {
		AttemptID    uuid.UUID     `json:"attempt_id" format:"uuid"`
		ItemID       uuid.UUID     `json:"item_id" format:"uuid"`
		ItemScore    scoring.Score `json:"item_score"`
		ItemMaxScore scoring.Score `json:"item_max_score"`
		NeedsMarking bool          `json:"needs_marking" doc:"Whether other parts of the item wait for marks"`
		Score        string        `json:"score" doc:"Decimal; of the attempt"`
		MaxScore     string        `json:"max_score" doc:"Decimal"`
		GradedAt     time.Time     `json:"graded_at"`
	}
}

func (m *Module) handleMarkItem(ctx context.Context, in *markItemInput) (*markItemOutput, error) {
	if strings.ContainsRune(in.Body.Comment, 0) {
		return nil, problem.InvalidField("body.comment", "it contains a NUL character")
	}
	marks := scoring.Marks{}
	for part, given := range in.Body.Marks {
		mark := scoring.Mark{Levels: given.Levels}
		if given.Credit != nil {
			var credit scoring.Score
			if err := credit.UnmarshalText([]byte(*given.Credit)); err != nil {
				return nil, problem.InvalidField("body.marks."+part+".credit", "%s", err)
			}
			mark.Credit = &credit
		}
		marks[part] = mark
	}
	a, g, err := m.markItem(ctx, auth.Caller(ctx), in.AttemptID, in.ItemID, marks, in.Body.Comment)
	if err != nil {
		return nil, err
	}
	out := &markItemOutput{}
	b := &out.Body
	b.AttemptID, b.ItemID, b.Score, b.MaxScore, b.GradedAt = a.AttemptID, in.ItemID, *a.Score, a.MaxScore, a.GradedAt.UTC()
	for _, it := range g.items {
		if it.id == in.ItemID {
			b.ItemScore, b.ItemMaxScore, b.NeedsMarking = it.result.Score, it.result.Max, it.result.NeedsMarking
		}
	}
	return out, nil
}

type markingBody struct {
	MarkID   uuid.UUID     `json:"mark_id" format:"uuid"`
	MarkerID *uuid.UUID    `json:"marker_id,omitempty" format:"uuid" doc:"Absent once the account was erased"`
	Marks    scoring.Marks `json:"marks"`
	Comment  string        `json:"comment,omitempty"`
	MarkedAt time.Time     `json:"marked_at"`
}

type marksOutput struct {
	Body struct {
		Items []markingBody `json:"items" nullable:"false" doc:"At most 200"`
	}
}

func (m *Module) handleMarks(ctx context.Context, in *attemptItemInput) (*marksOutput, error) {
	all, err := m.marksOfItem(ctx, auth.Caller(ctx), in.AttemptID, in.ItemID)
	if err != nil {
		return nil, err
	}
	out := &marksOutput{}
	out.Body.Items = []markingBody{}
	for _, k := range all {
		out.Body.Items = append(out.Body.Items, markingBody{k.MarkID, k.MarkerID, k.Marks, k.Comment, k.MarkedAt.UTC()})
	}
	return out, nil
}
