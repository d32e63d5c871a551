package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// coursePublished replaces the course and its outline, unless a later version
// is there: a dead letter may be retried long after.
func coursePublished(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CoursePublishedV1]) error {
	e := d.Payload
	tag, err := tx.Exec(ctx, `
		insert into analytics.courses as c (course_id, organisation_id, version, title, published_at) values ($1, $2, $3, $4, $5)
		on conflict (course_id) do update
		set organisation_id = excluded.organisation_id, version = excluded.version, title = excluded.title,
			published_at = excluded.published_at
		where c.version <= excluded.version`,
		e.CourseID, e.OrganisationID, e.Version, e.Title, e.At)
	if err != nil {
		return fmt.Errorf("record course %s: %w", e.CourseID, err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `delete from analytics.outline where course_id = $1`, e.CourseID); err != nil {
		return fmt.Errorf("remove the old outline of course %s: %w", e.CourseID, err)
	}
	var ids []uuid.UUID
	var chapters, subsections, titles []string
	for _, u := range e.Units {
		ids, titles = append(ids, u.UnitID), append(titles, u.Title)
		chapters, subsections = append(chapters, u.Chapter), append(subsections, u.Subsection)
	}
	_, err = tx.Exec(ctx, `
		insert into analytics.outline (course_id, position, unit_id, chapter, subsection, title)
		select $1, u.position, u.unit_id, u.chapter, u.subsection, u.title
		from unnest($2::uuid[], $3::text[], $4::text[], $5::text[])
			with ordinality as u(unit_id, chapter, subsection, title, position)`,
		e.CourseID, ids, chapters, subsections, titles)
	if err != nil {
		return fmt.Errorf("record the outline of course %s: %w", e.CourseID, err)
	}
	return nil
}

func staffAssigned(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseStaffAssignedV1]) error {
	e := d.Payload
	_, erased, err := standIn(ctx, tx, e.AccountID)
	if err != nil || erased {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into analytics.staff (course_id, account_id, organisation_id) values ($1, $2, $3)
		on conflict (course_id, account_id) do update set organisation_id = excluded.organisation_id`,
		e.CourseID, e.AccountID, e.OrganisationID)
	if err != nil {
		return fmt.Errorf("assign staff to course %s: %w", e.CourseID, err)
	}
	return nil
}

func staffRemoved(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.CourseStaffRemovedV1]) error {
	e := d.Payload
	// An erasure deletes rows of many courses; without the lock the two could
	// wait for each other.
	if err := holdOffErasure(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `delete from analytics.staff where course_id = $1 and account_id = $2`, e.CourseID, e.AccountID)
	if err != nil {
		return fmt.Errorf("remove staff from course %s: %w", e.CourseID, err)
	}
	return nil
}

// assessmentPublished records the assessment as its latest version has it, and
// each item as the latest version with that item has it.
func assessmentPublished(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.AssessmentPublishedV1]) error {
	e := d.Payload
	_, err := tx.Exec(ctx, `
		insert into analytics.assessments as a
			(assessment_id, course_id, organisation_id, version, title, category, max_score, first_published_at)
		values ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8)
		on conflict (assessment_id) do update
		set course_id = excluded.course_id, organisation_id = excluded.organisation_id, version = excluded.version,
			title = excluded.title, category = excluded.category, max_score = excluded.max_score,
			first_published_at = least(a.first_published_at, excluded.first_published_at)
		where a.version <= excluded.version`,
		e.AssessmentID, e.CourseID, e.OrganisationID, e.Version, e.Title, e.Category, e.MaxScore, e.At)
	if err != nil {
		return fmt.Errorf("record assessment %s: %w", e.AssessmentID, err)
	}
	var ids []uuid.UUID
	var titles, maxima []string
	for _, i := range e.Items {
		ids, titles, maxima = append(ids, i.ItemID), append(titles, i.Title), append(maxima, i.MaxScore)
	}
	_, err = tx.Exec(ctx, `
		insert into analytics.assessment_items as i (assessment_id, item_id, version, position, title, max_score)
		select $1, u.item_id, $2, u.position, u.title, u.max_score::numeric
		from unnest($3::uuid[], $4::text[], $5::text[]) with ordinality as u(item_id, title, max_score, position)
		on conflict (assessment_id, item_id) do update
		set version = excluded.version, position = excluded.position, title = excluded.title, max_score = excluded.max_score
		where i.version <= excluded.version`,
		e.AssessmentID, e.Version, ids, titles, maxima)
	if err != nil {
		return fmt.Errorf("record the items of assessment %s: %w", e.AssessmentID, err)
	}
	return nil
}
