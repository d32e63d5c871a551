package event

import (
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus"
)

// AssessmentPublished says that a version of an assessment can be attempted.
var AssessmentPublished = bus.Define("assessment", "assessment-published", 1, bus.NoPersonalData,
	func(e AssessmentPublishedV1) uuid.UUID { return e.AssessmentID })

// AssessmentPublishedV1 is the payload of AssessmentPublished.
type AssessmentPublishedV1 struct {
	AssessmentID   uuid.UUID       `json:"assessment_id"` // equals content's problem set id
	CourseID       uuid.UUID       `json:"course_id"`
	OrganisationID uuid.UUID       `json:"organisation_id"`
	Version        int             `json:"version"`
	Title          string          `json:"title"`
	Category       string          `json:"category"`
	MaxScore       string          `json:"max_score"` // decimal
	DueAt          *time.Time      `json:"due_at,omitempty"`
	Items          []ItemSummaryV1 `json:"items"`
	At             time.Time       `json:"at"`
}

// ItemSummaryV1 names an item without its key.
type ItemSummaryV1 struct {
	ItemID   uuid.UUID `json:"item_id"`
	Title    string    `json:"title"`
	MaxScore string    `json:"max_score"`
}

// AttemptStarted says that a learner has begun an attempt.
var AttemptStarted = bus.Define("assessment", "attempt-started", 1, bus.NoPersonalData,
	func(e AttemptStartedV1) uuid.UUID { return e.AttemptID })

// AttemptStartedV1 is the payload of AttemptStarted.
type AttemptStartedV1 struct {
	AttemptID      uuid.UUID  `json:"attempt_id"`
	AssessmentID   uuid.UUID  `json:"assessment_id"`
	CourseID       uuid.UUID  `json:"course_id"`
	OrganisationID uuid.UUID  `json:"organisation_id"`
	LearnerID      uuid.UUID  `json:"learner_id"`
	Number         int        `json:"number"` // 1 for the first attempt
	DeadlineAt     *time.Time `json:"deadline_at,omitempty"`
	At             time.Time  `json:"at"`
}

// AttemptSubmitted says that an attempt is closed and waits for its grade.
var AttemptSubmitted = bus.Define("assessment", "attempt-submitted", 1, bus.NoPersonalData,
	func(e AttemptSubmittedV1) uuid.UUID { return e.AttemptID })

// AttemptSubmittedV1 is the payload of AttemptSubmitted.
type AttemptSubmittedV1 struct {
	AttemptID      uuid.UUID `json:"attempt_id"`
	AssessmentID   uuid.UUID `json:"assessment_id"`
	CourseID       uuid.UUID `json:"course_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	LearnerID      uuid.UUID `json:"learner_id"`
	ByDeadline     bool      `json:"by_deadline"` // submitted for the learner when the time ran out
	At             time.Time `json:"at"`
}

// AttemptGraded carries an attempt's score.
var AttemptGraded = bus.Define("assessment", "attempt-graded", 1, bus.NoPersonalData,
	func(e AttemptGradedV1) uuid.UUID { return e.AttemptID })

// AttemptGradedV1 is the payload of AttemptGraded. Scores are decimals.
type AttemptGradedV1 struct {
	AttemptID       uuid.UUID     `json:"attempt_id"`
	AssessmentID    uuid.UUID     `json:"assessment_id"`
	AssessmentTitle string        `json:"assessment_title"`
	CourseID        uuid.UUID     `json:"course_id"`
	OrganisationID  uuid.UUID     `json:"organisation_id"`
	LearnerID       uuid.UUID     `json:"learner_id"`
	Number          int           `json:"number"`
	Score           string        `json:"score"`
	MaxScore        string        `json:"max_score"`
	Items           []ItemScoreV1 `json:"items"`
	At              time.Time     `json:"at"`
}

// ItemScoreV1 is the score of one item of an attempt.
type ItemScoreV1 struct {
	ItemID   uuid.UUID `json:"item_id"`
	Score    string    `json:"score"`
	MaxScore string    `json:"max_score"`
	Answered bool      `json:"answered"`
}
