package content

import (
	"net/http"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/upload"
)

// Routes registers what the module serves.
func (m *Module) Routes(r *httpserver.Router) {
	const (
		get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

		course    = "/v1/courses/{course_id}"
		unit      = course + "/units/{unit_id}"
		enrolment = course + "/enrolment"
		roster    = course + "/enrolments"
		staff     = course + "/staff/{account_id}"
		imported  = "/v1/imports/{import_id}"
	)
	take, author, enrol := auth.TakeCourses, auth.AuthorCourses, auth.ManageEnrolments

	// Finding and reading.
	httpserver.Handle(r, httpserver.Route{Method: get, Path: "/v1/catalogue", ID: "search-catalogue", Permission: take,
		Summary: "Browse and search the courses of the caller's organisation"}, m.getCatalogue)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: course, ID: "get-course", Permission: take,
		Summary: "Show a course and the caller's enrolment", Problems: []int{404}}, m.getCourse)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: course + "/outline", ID: "get-course-outline", Permission: take,
		Summary: "Show a course's contents and what the caller has completed", Problems: []int{404}}, m.getOutline)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: unit, ID: "read-unit", Permission: take,
		Summary: "Read a unit", Description: "The unit as the course's current version has it. The first read of a day counts as a view.",
		Problems: []int{403, 404}}, m.getUnit)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: unit + "/completion", ID: "complete-unit", Permission: take,
		Status: http.StatusNoContent, Summary: "Mark a unit without problems as done", Problems: []int{403, 404, 409}}, m.postCompletion)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: course + "/progress", ID: "get-course-progress", Permission: take,
		Summary: "Show the caller's progress in a course", Problems: []int{403, 404}}, m.getProgress)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: "/v1/media/{sha256}/{name}", ID: "get-media", Permission: auth.Public,
		Summary: "Fetch a file by its signed URL", Problems: []int{403, 404}}, m.getMedia)

	// Enrolments.
	httpserver.Handle(r, httpserver.Route{Method: post, Path: enrolment, ID: "enrol", Permission: take, Status: http.StatusCreated,
		Summary: "Enrol in a course, with its code if it has one", Problems: []int{403, 404, 409, 429}}, m.postEnrolment)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: enrolment, ID: "withdraw", Permission: take, Status: http.StatusNoContent,
		Summary: "Withdraw from a course; records are kept", Problems: []int{403, 404}}, m.deleteEnrolment)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: "/v1/enrolments", ID: "list-my-enrolments", Permission: take,
		Summary: "List the caller's enrolments, the newest first"}, m.getMyEnrolments)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: roster, ID: "enrol-learner", Permission: enrol, Status: http.StatusCreated,
		Summary: "Enrol somebody of the organisation in a course one teaches", Problems: []int{403, 404, 409}}, m.postRoster)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: roster, ID: "list-course-enrolments", Permission: enrol,
		Summary: "List the learners of a course one teaches", Problems: []int{403, 404}}, m.getRoster)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: roster + "/{enrolment_id}", ID: "withdraw-learner", Permission: enrol,
		Status: http.StatusNoContent, Summary: "End a learner's enrolment; records are kept", Problems: []int{403, 404}}, m.deleteRosterEntry)

	// Authoring.
	httpserver.Handle(r, httpserver.Route{Method: get, Path: "/v1/courses", ID: "list-taught-courses", Permission: author,
		Summary: "List the courses that the caller teaches or administers"}, m.getTaughtCourses)
	httpserver.Handle(r, httpserver.Route{Method: patch, Path: course, ID: "edit-course", Permission: author,
		Summary: "Change title, summary, visibility, status or way of enrolment", Problems: []int{403, 404, 412}}, m.patchCourse)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: staff, ID: "assign-course-staff", Permission: author,
		Status: http.StatusNoContent, Summary: "Let an account teach a course", Problems: []int{403, 404}}, m.postStaff)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: staff, ID: "remove-course-staff", Permission: author,
		Status: http.StatusNoContent, Summary: "Let an account no longer teach a course", Problems: []int{403, 404}}, m.deleteStaff)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: course + "/versions", ID: "list-course-versions", Permission: author,
		Summary: "List a course's published versions, the newest first", Problems: []int{403, 404}}, m.getVersions)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: course + "/versions/{number}/report", ID: "get-version-report", Permission: author,
		Summary: "Show the import report of a version", Problems: []int{403, 404}}, m.getVersionReport)

	// Imports.
	httpserver.Raw(r, httpserver.Route{Method: post, Path: "/v1/imports", ID: "request-import", Permission: author,
		Status: http.StatusAccepted, MaxBody: m.cfg.MaxImportBytes + upload.FormOverhead,
		Summary:     "Upload an Open edX course export and queue its import",
		Description: "The body is the .tar.gz itself (application/gzip), or a form with it as its first file (multipart/form-data).",
		Problems:    []int{413, 429}}, m.postImport)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: "/v1/imports", ID: "list-imports", Permission: author,
		Summary: "List the caller's imports, or the organisation's for its administrators, the newest first"}, m.getImports)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: imported, ID: "get-import", Permission: author,
		Summary: "Show an import: status, progress and, at its end, its report", Problems: []int{404}}, m.getImport)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: imported + "/report.txt", ID: "get-import-report-text", Permission: author,
		Summary: "Show an import's report as text", Problems: []int{404}}, m.getImportReportText)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: imported + "/cancel", ID: "cancel-import", Permission: author,
		Summary: "Cancel an import that has not ended", Problems: []int{404, 409}}, m.postImportCancel)
}
