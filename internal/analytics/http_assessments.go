package analytics

import (
	"context"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
)

type assessmentBody struct {
	AssessmentID   uuid.UUID `json:"assessment_id" format:"uuid"`
	Title          string    `json:"title"`
	Category       string    `json:"category" doc:"Of the course's grading policy; empty if ungraded"`
	MaxScore       string    `json:"max_score" doc:"Decimal, in points; of the current version"`
	AttemptsGraded int       `json:"attempts_graded"`
	Learners       int       `json:"learners" doc:"Learners with a graded attempt"`
	MeanShare      *string   `json:"mean_share" doc:"Decimal from 0 to 1; null, as the next two, without an attempt that could score"`
	MedianShare    *string   `json:"median_share"`
	HighestShare   *string   `json:"highest_share"`
	Buckets        []int     `json:"buckets" nullable:"false" minItems:"10" maxItems:"10" doc:"Attempts by share, in steps of 10 %: from 0 up to 0.1, and so on; the last includes 1"`
}

type assessmentsBody struct {
	Assessments []assessmentBody `json:"assessments" nullable:"false"`
}

type assessmentsOutput struct{ Body assessmentsBody }

func (m *Module) handleAssessments(ctx context.Context, in *courseInput) (*assessmentsOutput, error) {
	found, err := m.assessments(ctx, auth.Caller(ctx), in.CourseID)
	if err != nil {
		return nil, err
	}
	out := &assessmentsOutput{assessmentsBody{make([]assessmentBody, 0, len(found))}}
	for _, a := range found {
		out.Body.Assessments = append(out.Body.Assessments, assessmentBody{
			AssessmentID: a.AssessmentID, Title: a.Title, Category: a.Category, MaxScore: a.MaxScore,
			AttemptsGraded: a.Attempts, Learners: a.Learners,
			MeanShare: a.MeanShare, MedianShare: a.MedianShare, HighestShare: a.HighestShare, Buckets: a.Buckets,
		})
	}
	return out, nil
}

type itemsInput struct {
	CourseID     uuid.UUID `path:"course_id" format:"uuid"`
	AssessmentID uuid.UUID `path:"assessment_id" format:"uuid"`
}

type itemBody struct {
	ItemID    uuid.UUID `json:"item_id" format:"uuid"`
	Title     string    `json:"title"`
	MaxScore  string    `json:"max_score" doc:"Decimal, in points; of the latest version with the item"`
	Current   bool      `json:"current" doc:"Whether the current version of the assessment has the item"`
	Responses int       `json:"responses" doc:"Graded attempts that had the item"`
	Answered  int       `json:"answered" doc:"Those in which it was not left out"`
	Facility  *string   `json:"facility" doc:"Decimal from 0 (nobody solved it) to 1 (everybody did): mean of score divided by maximum; null without a response that could score"`
}

type itemsBody struct {
	Items []itemBody `json:"items" nullable:"false"`
}

type itemsOutput struct{ Body itemsBody }

func (m *Module) handleItems(ctx context.Context, in *itemsInput) (*itemsOutput, error) {
	found, err := m.items(ctx, auth.Caller(ctx), in.CourseID, in.AssessmentID)
	if err != nil {
		return nil, err
	}
	out := &itemsOutput{itemsBody{make([]itemBody, 0, len(found))}}
	for _, i := range found {
		out.Body.Items = append(out.Body.Items, itemBody(i))
	}
	return out, nil
}
