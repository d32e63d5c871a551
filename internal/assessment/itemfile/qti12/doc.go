// Package qti12 reads questions in QTI 1.2 (IMS "Question and Test
// Interoperability: ASI", 2002) as it is in use: the exports of Canvas, of its
// classic and its new quizzes, Common Cartridges 1.0 to 1.3, and the dialects of
// Blackboard, Brightspace, Respondus, Sakai and ILIAS as far as they keep to the
// elements of the specification.
//
// # Scoring
//
// QTI 1.2 says how a response is scored by a list of conditions that set and add
// to variables. The package runs that list, on responses of its own making, and
// reads the key of each part off the scores: what a choice earns is what the list
// gives to a learner who makes it. So whatever a generator writes to say that B
// is right, B is right. A key that is read off so is compared with the list; if
// the two disagree then the list itself becomes the item's program, in QTI 3.0.
// What can be neither is not imported, and why is told.
//
// Where the specification and the exporters differ, the exporters are followed:
//
//   - A condition without "continue" that adds to the score does not end the list.
//   - "other" is fulfilled unless an earlier condition has set the score.
//   - Several values for one single response are alternatives, for an ordered
//     response they are its order.
//   - The variable that is set is the score, whatever it is called.
//   - The score of the best response is full credit, if it is not the declared
//     maximum.
package qti12
