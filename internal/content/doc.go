// Package content owns what is taught and who takes it: courses and their
// immutable versions, units, media, enrolments, progress and course imports.
//
// # Publishes
//
// CoursePublished, CourseStaffAssigned and CourseStaffRemoved (in the order of
// the changes of a course), ProblemSetPublished and ProblemSetWithdrawn,
// LearnerEnrolled, LearnerWithdrawn, UnitViewed, UnitCompleted and
// CourseCompleted (in the order of an enrolment).
//
// # Consumes
//
// ContactChanged and AccountErased (content.people): names and addresses for
// rosters and for enrolling by address; erasure ends enrolments and teaching.
// AttemptGraded (content.results): a unit with problem sets is complete once
// each of them has a graded attempt.
//
// # Invariants
//
//   - Learners read published versions, which never change. An import makes a
//     new version; a unit keeps its id, so enrolments and progress carry over.
//   - A course of another organisation does not exist for a caller: every
//     answer is that for a random id.
//   - A learner has at most one enrolment in a course, for ever. Withdrawing and
//     coming back change its status and keep its records.
//   - UnitCompleted is emitted once per enrolment and unit, CourseCompleted once
//     per enrolment, also when later versions add units.
//   - Problems with their keys leave only in ProblemSetPublished. Units name
//     problem sets and items by id.
//
// # The hot path
//
// Reading a unit needs the caller's access and the rendered unit. Rendered units
// stay in memory, keyed by version. Granted access is remembered for
// accessTTL (2 s): that is how long after a withdrawal, or after the publication of a
// new version, another replica may still serve what was right before; this
// replica forgets at once. Refusals are never remembered.
package content
