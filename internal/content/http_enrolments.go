package content

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

type enrolmentBody struct {
	EnrolmentID uuid.UUID       `json:"enrolment_id"`
	CourseID    uuid.UUID       `json:"course_id"`
	LearnerID   uuid.UUID       `json:"learner_id"`
	Status      enrolmentStatus `json:"status" enum:"active,withdrawn"`
	How         enrolmentMode   `json:"how" enum:"open,code,instructor"`
	EnrolledAt  time.Time       `json:"enrolled_at"`
}

type enrolmentOutput struct {
	// Status is 201, or 200 if the learner was enrolled already.
	Status int
	Body   enrolmentBody
}

func newEnrolmentOutput(e enrolment, created bool) *enrolmentOutput {
	out := &enrolmentOutput{Status: http.StatusOK, Body: enrolmentBody{
		EnrolmentID: e.EnrolmentID, CourseID: e.CourseID, LearnerID: e.LearnerID,
		Status: e.Status, How: e.How, EnrolledAt: e.EnrolledAt.UTC(),
	}}
	if created {
		out.Status = http.StatusCreated
	}
	return out
}

type enrolInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	Body     *struct {
		Code string `json:"code,omitempty" maxLength:"64" doc:"for a course whose enrolment mode is code"`
	} `required:"false"`
}

func (m *Module) postEnrolment(ctx context.Context, in *enrolInput) (*enrolmentOutput, error) {
	code := ""
	if in.Body != nil {
		code = in.Body.Code
	}
	e, created, err := m.enrolSelf(ctx, auth.Caller(ctx), in.CourseID, code)
	if err != nil {
		return nil, err
	}
	return newEnrolmentOutput(e, created), nil
}

func (m *Module) deleteEnrolment(ctx context.Context, in *courseInput) (*struct{}, error) {
	return nil, m.withdrawSelf(ctx, auth.Caller(ctx), in.CourseID)
}

type enrolLearnerInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	Body     struct {
		Email     string     `json:"email,omitempty" maxLength:"254" doc:"a confirmed address; this or learner_id"`
		LearnerID *uuid.UUID `json:"learner_id,omitempty" format:"uuid"`
	}
}

func (m *Module) postRoster(ctx context.Context, in *enrolLearnerInput) (*enrolmentOutput, error) {
	if (in.Body.Email == "") == (in.Body.LearnerID == nil) {
		return nil, problem.InvalidField("body", "name the learner by email or by learner_id, one of them")
	}
	e, created, err := m.enrolOther(ctx, auth.Caller(ctx), in.CourseID, in.Body.LearnerID, in.Body.Email)
	if err != nil {
		return nil, err
	}
	return newEnrolmentOutput(e, created), nil
}

type rosterInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	httpserver.Page
	Status enrolmentStatus `query:"status" enum:"active,withdrawn" doc:"only these"`
}

type rosterOutput struct {
	Body httpserver.List[rosterEntry]
}

func (m *Module) getRoster(ctx context.Context, in *rosterInput) (*rosterOutput, error) {
	after, err := pageID(in.Page, uuid.Nil)
	if err != nil {
		return nil, err
	}
	rows, err := m.roster(ctx, auth.Caller(ctx), in.CourseID, in.Status, in.Limit+1, after)
	if err != nil {
		return nil, err
	}
	return &rosterOutput{Body: listOf(rows, in.Limit, func(e *rosterEntry) uuid.UUID { return e.EnrolmentID })}, nil
}

type rosterEntryInput struct {
	CourseID    uuid.UUID `path:"course_id" format:"uuid"`
	EnrolmentID uuid.UUID `path:"enrolment_id" format:"uuid"`
}

func (m *Module) deleteRosterEntry(ctx context.Context, in *rosterEntryInput) (*struct{}, error) {
	return nil, m.withdrawOther(ctx, auth.Caller(ctx), in.CourseID, in.EnrolmentID)
}

type myEnrolmentsOutput struct {
	Body httpserver.List[myEnrolment]
}

func (m *Module) getMyEnrolments(ctx context.Context, in *struct{ httpserver.Page }) (*myEnrolmentsOutput, error) {
	before, err := pageID(in.Page, uuid.Max)
	if err != nil {
		return nil, err
	}
	rows, err := m.myEnrolments(ctx, auth.Caller(ctx), in.Limit+1, before)
	if err != nil {
		return nil, err
	}
	return &myEnrolmentsOutput{Body: listOf(rows, in.Limit, func(e *myEnrolment) uuid.UUID { return e.EnrolmentID })}, nil
}
