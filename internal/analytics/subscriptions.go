package analytics

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Contract implements the module's side of the bus. The consumers are apart so
// that the many events of activity do not hold up a grade, and so that each can
// be rebuilt alone.
func (m *Module) Contract() bus.Contract {
	return bus.Contract{
		Module:    moduleName,
		Publishes: event.PublishedBy(moduleName),
		Consumers: []bus.Consumer{
			{
				Name:    "analytics.courses",
				Purpose: "Knows courses with their outline and staff, and assessments with their items.",
				Reactions: []bus.Reaction{
					bus.On(event.CoursePublished, coursePublished),
					bus.On(event.CourseStaffAssigned, staffAssigned),
					bus.On(event.CourseStaffRemoved, staffRemoved),
					bus.On(event.AssessmentPublished, assessmentPublished),
				},
				Reset: emptying("courses", "outline", "staff", "assessments", "assessment_items"),
			},
			{
				Name:    "analytics.enrolments",
				Purpose: "Records when learners join, leave and complete courses.",
				Reactions: []bus.Reaction{
					bus.On(event.LearnerEnrolled, learnerEnrolled),
					bus.On(event.LearnerWithdrawn, learnerWithdrawn),
					bus.On(event.CourseCompleted, courseCompleted),
				},
				Reset: emptying("enrolment_changes", "completions"),
			},
			{
				Name:    "analytics.activity",
				Purpose: "Records on which days learners are active and which units they reach.",
				Reactions: []bus.Reaction{
					bus.On(event.UnitViewed, unitViewed),
					bus.On(event.UnitCompleted, unitCompleted),
					bus.On(event.AttemptStarted, attemptStarted),
					bus.On(event.AttemptSubmitted, attemptSubmitted),
				},
				Reset: emptying("activity_days", "unit_progress"),
			},
			{
				Name:      "analytics.results",
				Purpose:   "Records the scores of graded attempts and of their items.",
				Reactions: []bus.Reaction{bus.On(event.AttemptGraded, attemptGraded)},
				Reset:     emptying("attempts", "item_scores"),
			},
			{
				// What it has done to the others' tables cannot be undone: no Reset.
				Name:      "analytics.erasure",
				Purpose:   "Replaces the ids of erased accounts by random ones.",
				Reactions: []bus.Reaction{bus.On(event.AccountErased, accountErased)},
			},
		},
	}
}

// emptying returns a Reset that empties tables of the module.
func emptying(tables ...string) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		// An erasure under way locks rows in an order of its own.
		if err := holdOffErasure(ctx, tx); err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.Exec(ctx, `delete from `+pgx.Identifier{moduleName, table}.Sanitize()); err != nil {
				return fmt.Errorf("empty %s: %w", table, err)
			}
		}
		return nil
	}
}
