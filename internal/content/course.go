package content

import (
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// enrolmentMode says how a learner comes to be enrolled.
type enrolmentMode string

const (
	enrolOpen       enrolmentMode = "open"       // anybody who sees the course
	enrolCode       enrolmentMode = "code"       // whoever knows the code
	enrolInstructor enrolmentMode = "instructor" // only by the course's staff
)

// courseStatus is where a course is in its life.
type courseStatus string

const (
	coursePublished courseStatus = "published"
	courseArchived  courseStatus = "archived" // no longer found or joined; its learners still read it
)

type enrolmentStatus string

const (
	enrolmentActive    enrolmentStatus = "active"
	enrolmentWithdrawn enrolmentStatus = "withdrawn"
)

// course is a course as one caller stands to it. The db tags name the columns
// of courseSelect.
type course struct {
	CourseID       uuid.UUID     `db:"course_id"`
	OrganisationID uuid.UUID     `db:"organisation_id"`
	Key            string        `db:"key"`
	Slug           string        `db:"slug"`
	Title          string        `db:"title"`
	Summary        string        `db:"summary"`
	Language       string        `db:"language"`
	Listed         bool          `db:"listed"`
	Mode           enrolmentMode `db:"enrolment_mode"`
	Code           *string       `db:"enrolment_code"`
	StartsAt       *time.Time    `db:"starts_at"`
	EndsAt         *time.Time    `db:"ends_at"`
	Status         courseStatus  `db:"status"`
	CurrentVersion int           `db:"current_version"`
	RowVersion     int64         `db:"row_version"`

	// Of the caller:
	Teaches         bool             `db:"teaches"`
	EnrolmentID     *uuid.UUID       `db:"enrolment_id"`
	EnrolmentStatus *enrolmentStatus `db:"enrolment_status"`
}

// enrolled reports whether the caller is an active learner of the course.
func (c *course) enrolled() bool {
	return c.EnrolmentStatus != nil && *c.EnrolmentStatus == enrolmentActive
}

// managedBy reports whether the caller may act as the course's staff.
func (c *course) managedBy(p auth.Principal) bool {
	return c.OrganisationID == p.OrganisationID && actsAsStaff(p, c.Teaches)
}

// actsAsStaff reports whether somebody on a course's staff, or not, may act as
// such. Who has lost the role of an instructor may not, on staff or not.
func actsAsStaff(p auth.Principal, teaches bool) bool {
	return teaches && p.Can(auth.AuthorCourses) || p.AdministersOrganisation()
}

// visibleTo reports whether the caller may know that the course exists. An
// unlisted course is there for its people, and for those who may hold its code.
func (c *course) visibleTo(p auth.Principal) bool {
	switch {
	case c.OrganisationID != p.OrganisationID:
		return false
	case c.managedBy(p) || c.enrolled():
		return true
	case c.Status != coursePublished:
		return false
	}
	return c.Listed || c.Mode == enrolCode
}

// readableBy returns why the caller may not read the course's units, or nil.
func (c *course) readableBy(p auth.Principal) error {
	if c.enrolled() || c.managedBy(p) {
		return nil
	}
	return errNotEnrolled()
}

// admits returns how the caller may enrol with this code, or why not.
func (c *course) admits(code string) (how enrolmentMode, err error) {
	if c.Status != coursePublished {
		return "", problem.New(problem.Conflict, "course-archived", "The course is archived and takes no new learners.")
	}
	switch c.Mode {
	case enrolOpen:
		return enrolOpen, nil
	case enrolCode:
		if code == "" {
			return "", problem.New(problem.Forbidden, "enrolment-code-needed", "Enrolling in this course needs its code.")
		}
		if c.Code == nil || subtle.ConstantTimeCompare([]byte(code), []byte(*c.Code)) != 1 {
			return "", problem.New(problem.Forbidden, "wrong-enrolment-code", "This is not the course's enrolment code.")
		}
		return enrolCode, nil
	}
	return "", problem.New(problem.Forbidden, "enrolment-by-instructor", "Learners of this course are enrolled by its instructors.")
}

// The answer for a course of another organisation is that for a course that
// does not exist, to the letter.
func errNoCourse() error { return problem.NotFoundf("There is no such course.") }

func errNotEnrolled() error {
	return problem.New(problem.Forbidden, "not-enrolled", "Only learners who are enrolled in the course may do this.")
}

func errNotStaff() error {
	return problem.New(problem.Forbidden, "not-course-staff", "Only the staff of the course may do this.")
}

// slugOf makes the readable name of a course from its key: "edX/DemoX/2026_T1"
// becomes "edx-demox-2026-t1".
func slugOf(key string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(key) {
		if r < 'a' || r > 'z' {
			if r < '0' || r > '9' {
				gap = b.Len() > 0
				continue
			}
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "course"
	}
	return b.String()
}

// keepEdited returns the title or summary that a course has after an import:
// the new one, unless staff have edited the old one by hand since.
func keepEdited(present, lastImported, imported string) string {
	if present != lastImported {
		return present
	}
	return imported
}

// difference returns the elements of a that are not in b.
func difference(a, b []uuid.UUID) []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(a), func(id uuid.UUID) bool { return slices.Contains(b, id) })
}
