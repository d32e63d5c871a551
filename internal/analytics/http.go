package analytics

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

// Routes is the module's route table. The lists are whole: a course has as many
// units and assessments as people can make, and a series has a bound.
func (m *Module) Routes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}", ID: "get-course-analytics",
		Summary: "Get a course's key figures", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "For those who teach the course or administer its organisation, as all analytics. " +
			"Figures follow what happens within moments. Days are UTC days; the last 7 and 30 days include today.",
	}, m.handleOverview)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}/enrolments", ID: "get-enrolment-analytics",
		Summary: "Count a course's enrolments by day", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "Every UTC day of the period, in order. A learner who comes back counts again.",
	}, m.handleEnrolments)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}/activity", ID: "get-activity-analytics",
		Summary: "Count a course's active learners by day", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "Every UTC day of the period, in order. Active is who opened or completed a unit, or started or " +
			"submitted an attempt; a submission made by the deadline is nobody's activity.",
	}, m.handleActivity)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}/funnel", ID: "get-funnel-analytics",
		Summary: "Count the learners who reached and completed each unit", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "The units of the published version in reading order. Learners who withdrew are included.",
	}, m.handleFunnel)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}/assessments", ID: "get-assessment-analytics",
		Summary: "Get the distribution of scores of each assessment", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "In the order of first publication. Every graded attempt counts once, with its share of its own maximum.",
	}, m.handleAssessments)
	httpserver.Handle(r, httpserver.Route{
		Method: "GET", Path: "/v1/analytics/courses/{course_id}/assessments/{assessment_id}/items", ID: "get-item-analytics",
		Summary: "Get how hard each item of an assessment is", Permission: auth.ReadAnalytics, Problems: []int{http.StatusNotFound},
		Description: "The items of the current version in order, then those that only earlier versions have.",
	}, m.handleItems)
}

// courseInput is the input of reports on a whole course.
type courseInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
}

// seriesInput is the input of reports by day.
type seriesInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	From     string    `query:"from" format:"date" doc:"First UTC day. Default: 29 days before the last"`
	To       string    `query:"to" format:"date" doc:"Last UTC day. Default: today. A period has at most 366 days"`
}
