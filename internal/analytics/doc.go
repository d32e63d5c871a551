// Package analytics answers the questions that those who teach a course ask:
// who is there, who is active, where learners stop, and which questions are
// too hard.
//
// It owns projections of other modules' events and nothing else. It consumes
// content's courses, staff, enrolments and progress, assessment's published
// assessments and attempts, and the erasures of users. It publishes nothing.
//
// Invariants:
//
//   - A figure depends on which events have happened, not on the order in which
//     those of different aggregates arrive. A consumer that is sent back to the
//     beginning arrives at the same figures.
//   - Days are days of UTC, everywhere.
//   - An answer is computed on one snapshot, so its figures agree with each
//     other.
//   - A course of another organisation and one that the caller does not teach
//     cannot be told from one that does not exist.
//   - After an erasure no table holds the account's id, not even when events
//     about the account arrive later. Its part of every count stays.
//
// Nothing is counted when an event is handled. The 16 partitions of each source
// are worked at the same time, up to 100 events a transaction, and most of them
// are about the same few courses: counters would be rows that everybody waits
// for, locked in an order that leads to deadlocks. Instead each event becomes a
// row of its own, or none if it says nothing new, under a key that contains the
// event's aggregate. All events of an aggregate come from one partition, so no
// two transactions ever write the same row. The counting is done by the reader,
// along an index that leads with the course.
//
// The price is that an answer costs time in proportion to the size of the
// course. Config.QueryTimeout bounds it; the answers are for the few who teach.
package analytics
