// Package assessment keeps banks of items, delivers papers of items to learners
// and scores their answers.
//
// It owns banks with their items, folders, versions, files, imports and exports;
// assessments with their immutable papers; attempts, the log of responses, the
// files that were handed in, scores and the gradebook. It publishes AssessmentPublished,
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
//   - No answer to a learner carries a key before the release policy allows it.
//   - A version of an item never changes. A paper names the versions that are on
//     it, so a later version changes no paper and no attempt.
//   - A bank is there for its members and the organisation's administrators. For
//     everybody else it does not exist.
//   - The markup of an item is sanitised before it is stored, whoever brings it,
//     and shows files of its own bank only.
//   - An import moves its position in the transaction that does what it counts:
//     whatever dies, and however many are at it, each question is dealt with once.
package assessment
