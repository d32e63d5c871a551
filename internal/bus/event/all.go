package event

import "github.com/lyceum-lms/platform/internal/bus"

// All lists every topic. A test compares it with the declarations.
func All() []bus.AnyTopic {
	return []bus.AnyTopic{
		OrganisationCreated, AccountRegistered, ContactChanged, RoleGranted, RoleRevoked, AccountErased,

		CoursePublished, CourseStaffAssigned, CourseStaffRemoved, LearnerEnrolled, LearnerWithdrawn,
		UnitViewed, UnitCompleted, CourseCompleted, ProblemSetPublished, ProblemSetWithdrawn,

		AssessmentPublished, AttemptStarted, AttemptSubmitted, AttemptGraded,
	}
}

// PublishedBy lists the topics of one module, for its contract.
func PublishedBy(module string) []bus.AnyTopic {
	var topics []bus.AnyTopic
	for _, t := range All() {
		if t.Module() == module {
			topics = append(topics, t)
		}
	}
	return topics
}
