// Package assessment delivers problem sets to learners and scores their
// answers.
//
// It owns assessments with their immutable papers, attempts, the log of
// responses, scores and the gradebook. It publishes AssessmentPublished,
// AttemptStarted, AttemptSubmitted and AttemptGraded. It consumes content's
// problem sets, enrolments and course staff, and the names and erasures of
// users. Nothing else of other modules is known here.
//
// Invariants:
//
//   - A published paper never changes. An attempt keeps the paper that it was
//     started with, whatever is published meanwhile.
//   - A learner has at most one attempt in progress per assessment.
//   - An attempt goes in_progress, submitted, graded, and never back. It is
//     submitted once, by the learner or by its deadline, and graded once,
//     whatever races, is redelivered or dies.
//   - The database clock decides what is in time. No other clock is asked.
//   - A response that was acknowledged is durable, and the grade has read it: a
//     save and a submission of one attempt exclude each other by its row lock.
//   - No answer carries a key before the release policy allows it.
package assessment
