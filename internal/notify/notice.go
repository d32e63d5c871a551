package notify

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// kind says what a notification is about. The names are stored and part of the
// API.
type kind string

const (
	kindEnrolled  kind = "course_enrolled"
	kindCompleted kind = "course_completed"
	kindGraded    kind = "attempt_graded"
)

// kinds are all kinds in the order in which preferences show them.
func kinds() []kind { return []kind{kindEnrolled, kindCompleted, kindGraded} }

// notice is what an event has to say to one account. Link is a path of the web
// interface; data holds ids for clients that make links of their own.
type notice struct {
	kind  kind
	title string
	body  string
	link  string
	data  map[string]string
}

func enrolledNotice(e event.LearnerEnrolledV1) notice {
	body := "You can start right away."
	if e.How == "instructor" {
		body = "You have been enrolled by those who teach the course. You can start right away."
	}
	return notice{
		kind: kindEnrolled, title: "You are enrolled in " + quoted(e.CourseTitle, "a course"), body: body,
		link: "/courses/" + e.CourseID.String(),
		data: ids("course_id", e.CourseID),
	}
}

func completedNotice(e event.CourseCompletedV1) notice {
	return notice{
		kind: kindCompleted, title: "You have completed " + quoted(e.CourseTitle, "a course"),
		body: "Congratulations: you have done everything there is to do in this course.",
		link: "/courses/" + e.CourseID.String(),
		data: ids("course_id", e.CourseID),
	}
}

// gradedNotice tells the score: whatever the release policy of an assessment,
// learners see the score of a graded attempt.
func gradedNotice(e event.AttemptGradedV1) notice {
	return notice{
		kind: kindGraded, title: "Graded: " + quoted(e.AssessmentTitle, "your attempt"),
		body: fmt.Sprintf("You scored %s of %s.", oneLine(e.Score), oneLine(e.MaxScore)),
		link: "/attempts/" + e.AttemptID.String(),
		data: ids("course_id", e.CourseID, "assessment_id", e.AssessmentID, "attempt_id", e.AttemptID),
	}
}

// ids makes a map of alternating names and ids.
func ids(pairs ...any) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1].(uuid.UUID).String()
	}
	return m
}

// titleLimit is how much of somebody's title fits into one of ours, in
// characters.
const titleLimit = 200

// quoted is a title that somebody wrote, fit for a line of ours.
func quoted(title, fallback string) string {
	title = oneLine(title)
	if runes := []rune(title); len(runes) > titleLimit {
		title = string(runes[:titleLimit-1]) + "…"
	}
	if title == "" {
		return fallback
	}
	return title
}

// oneLine makes a line of any text: a title with a line break in it would end
// the subject of a mail.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}
