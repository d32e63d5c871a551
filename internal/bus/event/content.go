package event

import (
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus"
)

// CoursePublished says that a version of a course is what learners now read.
var CoursePublished = bus.Define("content", "course-published", 1, bus.NoPersonalData,
	func(e CoursePublishedV1) uuid.UUID { return e.CourseID })

// CoursePublishedV1 is the payload of CoursePublished.
type CoursePublishedV1 struct {
	CourseID       uuid.UUID       `json:"course_id"`
	OrganisationID uuid.UUID       `json:"organisation_id"`
	Version        int             `json:"version"`
	Title          string          `json:"title"`
	Units          []OutlineUnitV1 `json:"units"` // in reading order
	At             time.Time       `json:"at"`
}

// OutlineUnitV1 is one unit of a published course.
type OutlineUnitV1 struct {
	UnitID     uuid.UUID `json:"unit_id"`
	Chapter    string    `json:"chapter"`
	Subsection string    `json:"subsection"`
	Title      string    `json:"title"`
}

// CourseStaffAssigned says that an account teaches a course.
var CourseStaffAssigned = bus.Define("content", "course-staff-assigned", 1, bus.NoPersonalData,
	func(e CourseStaffAssignedV1) uuid.UUID { return e.CourseID })

// CourseStaffAssignedV1 is the payload of CourseStaffAssigned.
type CourseStaffAssignedV1 struct {
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	AccountID      uuid.UUID `json:"account_id"`
	At             time.Time `json:"at"`
}

// CourseStaffRemoved says that an account no longer teaches a course.
var CourseStaffRemoved = bus.Define("content", "course-staff-removed", 1, bus.NoPersonalData,
	func(e CourseStaffRemovedV1) uuid.UUID { return e.CourseID })

// CourseStaffRemovedV1 is the payload of CourseStaffRemoved.
type CourseStaffRemovedV1 struct {
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	AccountID      uuid.UUID `json:"account_id"`
	At             time.Time `json:"at"`
}

// LearnerEnrolled says that a learner may take a course.
var LearnerEnrolled = bus.Define("content", "learner-enrolled", 1, bus.NoPersonalData,
	func(e LearnerEnrolledV1) uuid.UUID { return e.EnrolmentID })

// LearnerEnrolledV1 is the payload of LearnerEnrolled.
type LearnerEnrolledV1 struct {
	EnrolmentID    uuid.UUID `json:"enrolment_id"` // the same when a learner comes back after withdrawing
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	CourseTitle    string    `json:"course_title"`
	How            string    `json:"how"` // "open", "code" or "instructor"
	At             time.Time `json:"at"`
}

// LearnerWithdrawn says that an enrolment has ended; its records are kept.
var LearnerWithdrawn = bus.Define("content", "learner-withdrawn", 1, bus.NoPersonalData,
	func(e LearnerWithdrawnV1) uuid.UUID { return e.EnrolmentID })

// LearnerWithdrawnV1 is the payload of LearnerWithdrawn.
type LearnerWithdrawnV1 struct {
	EnrolmentID    uuid.UUID `json:"enrolment_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	At             time.Time `json:"at"`
}

// UnitViewed says that a learner opened a unit for the first time on a day.
var UnitViewed = bus.Define("content", "unit-viewed", 1, bus.NoPersonalData,
	func(e UnitViewedV1) uuid.UUID { return e.EnrolmentID })

// UnitViewedV1 is the payload of UnitViewed.
type UnitViewedV1 struct {
	EnrolmentID    uuid.UUID `json:"enrolment_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	UnitID         uuid.UUID `json:"unit_id"`
	At             time.Time `json:"at"`
}

// UnitCompleted says that a learner has done all there is to do in a unit. It
// is emitted once per learner and unit.
var UnitCompleted = bus.Define("content", "unit-completed", 1, bus.NoPersonalData,
	func(e UnitCompletedV1) uuid.UUID { return e.EnrolmentID })

// UnitCompletedV1 is the payload of UnitCompleted.
type UnitCompletedV1 struct {
	EnrolmentID    uuid.UUID `json:"enrolment_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	UnitID         uuid.UUID `json:"unit_id"`
	At             time.Time `json:"at"`
}

// CourseCompleted says that a learner has completed every unit of the course.
var CourseCompleted = bus.Define("content", "course-completed", 1, bus.NoPersonalData,
	func(e CourseCompletedV1) uuid.UUID { return e.EnrolmentID })

// CourseCompletedV1 is the payload of CourseCompleted.
type CourseCompletedV1 struct {
	EnrolmentID    uuid.UUID `json:"enrolment_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	CourseTitle    string    `json:"course_title"`
	At             time.Time `json:"at"`
}

// ProblemSetPublished hands the problems of a published course to assessment,
// which delivers and scores them. It is keyed by the problem set, and a later
// version replaces an earlier one for new attempts.
var ProblemSetPublished = bus.Define("content", "problem-set-published", 1, bus.NoPersonalData,
	func(e ProblemSetPublishedV1) uuid.UUID { return e.ProblemSetID })

// ProblemSetPublishedV1 is the payload of ProblemSetPublished. It holds keys
// and scoring rules and is therefore never shown to learners.
type ProblemSetPublishedV1 struct {
	ProblemSetID     uuid.UUID     `json:"problem_set_id"`
	CourseID         uuid.UUID     `json:"course_id"`
	OrganisationID   uuid.UUID     `json:"organisation_id"`
	CourseVersion    int           `json:"course_version"`
	Title            string        `json:"title"`
	Category         string        `json:"category"`           // of the grading policy, such as "Homework"; empty if ungraded
	Position         int           `json:"position"`           // reading order within the course
	MaxAttempts      int           `json:"max_attempts"`       // 0: unlimited
	TimeLimitSeconds int           `json:"time_limit_seconds"` // 0: none
	OpensAt          *time.Time    `json:"opens_at,omitempty"`
	DueAt            *time.Time    `json:"due_at,omitempty"`
	Release          ReleasePolicy `json:"release"`
	Items            []ItemV1      `json:"items"`
	At               time.Time     `json:"at"`
}

// ReleasePolicy says when a learner sees score, feedback, key and explanation.
type ReleasePolicy string

// The release policies.
const (
	ReleaseNever     ReleasePolicy = "never"     // the score alone, never key or explanation
	ReleaseSubmitted ReleasePolicy = "submitted" // everything, once the attempt is graded
	ReleaseAfterDue  ReleasePolicy = "after_due" // score once graded; key and explanation after the due time
	ReleaseLast      ReleasePolicy = "last"      // key and explanation once no attempt is left or all is right
)

// ProblemSetWithdrawn says that a problem set is no longer part of its course:
// no new attempts, old ones are kept.
var ProblemSetWithdrawn = bus.Define("content", "problem-set-withdrawn", 1, bus.NoPersonalData,
	func(e ProblemSetWithdrawnV1) uuid.UUID { return e.ProblemSetID })

// ProblemSetWithdrawnV1 is the payload of ProblemSetWithdrawn.
type ProblemSetWithdrawnV1 struct {
	ProblemSetID   uuid.UUID `json:"problem_set_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	At             time.Time `json:"at"`
}
