// Package gift reads questions in GIFT, Moodle's plain-text format (Moodle
// documentation: "GIFT format").
//
// Parse gives the questions as they are written, Read gives them as items. A
// question that is broken is told with its line and why, and the rest goes on: as
// an empty line ends a question, a mistake in one reaches no other. The file is
// read once from its beginning, with one question in memory.
//
// Where Moodle's documentation and its readers leave something open:
//
//   - An empty line within the answers does not end a question here if what
//     follows closes them. Moodle refuses such questions.
//   - Of two feedbacks to a true-false question the first is for those who were
//     wrong and the second for those who were right, as the documentation has it.
//   - A # in an entity such as &#233; begins no feedback.
//   - Two sets of answers in one question are refused: Moodle would show the
//     second, with its key, as text.
package gift
