package assessment

import (
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

// Routes is the module's route table.
func (m *Module) Routes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/assessments", ID: "list-assessments",
		Summary: "List a course's assessments with what the caller has made of them", Permission: auth.TakeAssessments,
		Description: "In reading order. Empty for a course that the caller neither takes nor teaches.",
	}, m.handleListAssessments)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/assessments/{assessment_id}", ID: "get-assessment",
		Summary: "Get an assessment with what the caller has made of it", Permission: auth.TakeAssessments,
		Problems: []int{403, 404},
	}, m.handleGetAssessment)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/assessments/{assessment_id}/attempts", ID: "start-attempt",
		Summary: "Start an attempt, or get the one in progress", Permission: auth.TakeAssessments, Status: 201, Exam: true,
		Description: "201 with a new attempt, 200 with the attempt that is in progress already. The items come without their keys.",
		Problems:    []int{403, 404, 409},
	}, m.handleStartAttempt)

	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/assessments", ID: "compose-assessment",
		Summary: "Publish an assessment of a course that one teaches, with items of banks", Permission: auth.AuthorItems, Status: 201,
		Description: "All items must be live. Attempts keep the versions that are on the paper, whatever becomes of the items.",
		Problems:    []int{404},
	}, m.handleCompose)
	httpserver.Handle(r, httpserver.Route{
		Method: "PUT", Path: "/v1/assessments/{assessment_id}/paper", ID: "recompose-assessment",
		Summary: "Publish a new version of an assessment with items of banks", Permission: auth.AuthorItems,
		Description: "Attempts that have begun keep their version.", Problems: []int{404, 409, 412},
	}, m.handleRecompose)

	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/attempts", ID: "list-attempts",
		Summary: "List the caller's attempts, the newest first", Permission: auth.TakeAssessments,
	}, m.handleListAttempts)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/attempts/{attempt_id}", ID: "get-attempt",
		Summary: "Get an attempt with its items and saved responses", Permission: auth.TakeAssessments, Exam: true,
		Description: "For its learner, who comes back to where they were, and for the staff of the course.",
		Problems:    []int{404},
	}, m.handleGetAttempt)
	httpserver.Handle(r, httpserver.Route{
		Method: "PUT", Path: "/v1/attempts/{attempt_id}/responses/{item_id}", ID: "save-response",
		Summary: "Save the response to an item", Permission: auth.TakeAssessments, Exam: true, MaxBody: 256 << 10,
		Description: "Acknowledged when it is durable. Of several saves of one item the one with the highest sequence counts, " +
			"in whatever order they arrive; without a sequence a save follows on those before it. " +
			"Refused once the attempt is submitted or its deadline, by the database clock, has passed.",
		Problems: []int{404, 409, 413, 422},
	}, m.handleSaveResponse)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/attempts/{attempt_id}/items/{item_id}/hints", ID: "get-hints",
		Summary: "Get the first hints of an item", Permission: auth.TakeAssessments, Exam: true, Problems: []int{404},
	}, m.handleHints)
	httpserver.Handle(r, httpserver.Route{
		Method: "POST", Path: "/v1/attempts/{attempt_id}/submit", ID: "submit-attempt",
		Summary: "Submit an attempt to be graded", Permission: auth.TakeAssessments, Exam: true,
		Description: "Submitting again changes nothing and gives the same answer.",
		Problems:    []int{404},
	}, m.handleSubmit)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/attempts/{attempt_id}/review", ID: "review-attempt",
		Summary: "Get the score of a graded attempt, with what the release policy allows", Permission: auth.TakeAssessments,
		Description: "409 not-graded-yet before, with Retry-After while the grade is being made.",
		Problems:    []int{404, 409},
	}, m.handleReview)

	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/gradebook/{course_id}", ID: "get-gradebook",
		Summary: "Get a course's gradebook, page by page", Permission: auth.ReadGradebook, Problems: []int{404},
		Description: "Every enrolled learner with their best graded attempt at each graded assessment, for those who teach the course.",
	}, m.handleGradebook)
	httpserver.Raw(r, httpserver.Route{
		Method: "GET", Path: "/v1/gradebook/{course_id}/csv", ID: "download-gradebook",
		Summary: "Download a course's gradebook as CSV", Permission: auth.ReadGradebook, Problems: []int{404},
	}, m.handleGradebookCSV)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/gradebook/{course_id}/me", ID: "get-own-grades",
		Summary: "Get the caller's own line of a course's gradebook", Permission: auth.TakeAssessments, Problems: []int{404},
	}, m.handleOwnGrades)
	m.fileRoutes(r)
	m.bankRoutes(r)
	m.analysisRoutes(r)
	m.markingRoutes(r)
}

// utc is t for an answer: in UTC, nil if there is none.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// optionalID reads an id that may be absent.
func optionalID(location, text string) (*uuid.UUID, error) {
	if text == "" {
		return nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, problem.InvalidField(location, "it is not a UUID")
	}
	return &id, nil
}
