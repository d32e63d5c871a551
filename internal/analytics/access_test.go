package analytics

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// paths are all reports on a course.
func paths(course, assessment uuid.UUID) []string {
	root := fmt.Sprintf("/v1/analytics/courses/%s", course)
	return []string{
		root, root + "/enrolments", root + "/activity", root + "/funnel", root + "/assessments",
		fmt.Sprintf("%s/assessments/%s/items", root, assessment),
	}
}

func (s *school) assigns(course uuid.UUID, p person) event.CourseStaffAssignedV1 {
	return event.CourseStaffAssignedV1{CourseID: course, OrganisationID: s.organisation, AccountID: p.id, At: now}
}

func TestWhoSeesACourse(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	mine, other := s.course(), s.course()
	quiz := s.assessmentOf(mine.CourseID)
	teacher := s.person(s.organisation, auth.Instructor)
	colleague := s.person(s.organisation, auth.Instructor)
	formerTeacher := s.person(s.organisation, auth.Instructor)
	elsewhere := uuid.New()
	s.happen(mine, other, quiz, s.assigns(mine.CourseID, teacher), s.assigns(other.CourseID, colleague),
		s.assigns(mine.CourseID, formerTeacher),
		event.CourseStaffRemovedV1{CourseID: mine.CourseID, OrganisationID: s.organisation, AccountID: formerTeacher.id, At: now})

	for name, allowed := range map[string]person{
		"its teacher":              teacher,
		"the organisation's admin": s.administrator(),
		"a platform admin at home": s.person(s.organisation, auth.PlatformAdmin),
	} {
		for _, path := range paths(mine.CourseID, quiz.AssessmentID) {
			t.Log(name, path)
			allowed.get(http.StatusOK, path, nil)
		}
	}
	for name, refused := range map[string]person{
		"another course's teacher":       colleague,
		"a former teacher":               formerTeacher,
		"another organisation's teacher": s.person(elsewhere, auth.Instructor),
		"another organisation's admin":   s.person(elsewhere, auth.OrganisationAdmin),
		"a platform admin of elsewhere":  s.person(elsewhere, auth.PlatformAdmin),
	} {
		for i, path := range paths(mine.CourseID, quiz.AssessmentID) {
			unknown := paths(uuid.New(), uuid.New())[i]
			require.Equal(t, refused.refusal(unknown), refused.refusal(path), "%s must not learn that the course exists", name)
		}
	}
	learner := s.person(s.organisation, auth.Learner)
	for _, path := range paths(mine.CourseID, quiz.AssessmentID) {
		learner.get(http.StatusForbidden, path, nil)
		person{school: s}.get(http.StatusUnauthorized, path, nil)
	}
}

// refusal is a 404 without what tells one request from another.
func (p person) refusal(path string) map[string]any {
	p.Helper()
	var body map[string]any
	p.get(http.StatusNotFound, path, &body)
	delete(body, "instance")
	return body
}

// TestAnAssessmentIsSeenThroughItsCourseOnly asks for another course's
// assessment under a course that one teaches.
func TestAnAssessmentIsSeenThroughItsCourseOnly(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	mine, other := s.course(), s.course()
	quiz := s.assessmentOf(other.CourseID)
	teacher := s.person(s.organisation, auth.Instructor)
	s.happen(mine, other, quiz, s.assigns(mine.CourseID, teacher))
	under := func(assessment uuid.UUID) string {
		return fmt.Sprintf("/v1/analytics/courses/%s/assessments/%s/items", mine.CourseID, assessment)
	}
	require.Equal(t, teacher.refusal(under(uuid.New())), teacher.refusal(under(quiz.AssessmentID)))
}

// TestStaffOfAnotherOrganisationStaysOutside holds even for an event that names
// the course with a foreign organisation.
func TestStaffOfAnotherOrganisationStaysOutside(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	elsewhere := uuid.New()
	stranger := s.person(elsewhere, auth.Instructor)
	s.happen(c, event.CourseStaffAssignedV1{CourseID: c.CourseID, OrganisationID: elsewhere, AccountID: stranger.id, At: now})
	stranger.get(http.StatusNotFound, paths(c.CourseID, uuid.New())[0], nil)
}
