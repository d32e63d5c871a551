package content

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content/olx"
)

// published is what publishing an edition led to.
type published struct {
	version   int
	unchanged bool
}

// publish stores the edition as the course's next version, which learners read
// from the commit on.
func (m *Module) publish(ctx context.Context, tx pgx.Tx, e *edition, report *olx.Report, o ImportOptions) (published, error) {
	digest, err := e.digest()
	if err != nil {
		return published{}, err
	}
	before, err := lockForPublication(ctx, tx, e, o)
	if err != nil {
		return published{}, err
	}
	if o.Teaches {
		if err := assignStaff(ctx, tx, e.courseID, o.OrganisationID, o.ActorID, o.ActorID, m.now()); err != nil {
			return published{}, err
		}
	}
	if before.exists && bytes.Equal(before.digest, digest[:]) {
		return published{version: before.version, unchanged: true}, nil
	}
	version := before.version + 1
	if err := insertVersion(ctx, tx, e, version, digest[:], report, o.ActorID); err != nil {
		return published{}, fmt.Errorf("store version %d of course %s: %w", version, e.key, err)
	}
	title := keepEdited(before.title, before.importedTitle, e.Title)
	summary := keepEdited(before.summary, before.importedSummary, e.Summary)
	if err := updateCourse(ctx, tx, e, version, title, summary); err != nil {
		return published{}, err
	}
	if err := event.CoursePublished.Emit(ctx, tx, publishedEvent(e, version, title, o.OrganisationID, m.now())); err != nil {
		return published{}, err
	}
	if err := publishProblemSets(ctx, tx, e, version, o.OrganisationID, m.now()); err != nil {
		return published{}, err
	}
	return published{version: version}, nil
}

// publishedBefore is the course as the import finds it. version is 0 when it
// has just been made.
type publishedBefore struct {
	exists                         bool
	version                        int
	title, summary                 string // now
	importedTitle, importedSummary string // as the current version had them
	digest                         []byte
}

// lockForPublication makes the course if it is not there, locks it and checks
// that the actor may publish to it.
func lockForPublication(ctx context.Context, tx pgx.Tx, e *edition, o ImportOptions) (publishedBefore, error) {
	made, err := tx.Exec(ctx, `
		insert into content.courses (course_id, organisation_id, key, slug, title, summary, current_version, search)
		values ($1, $2, $3, $4, $5, $6, 1, '')
		on conflict do nothing`, e.courseID, o.OrganisationID, e.key, slugOf(e.key), e.Title, e.Summary)
	if err != nil {
		return publishedBefore{}, fmt.Errorf("make course %s: %w", e.key, err)
	}
	if made.RowsAffected() == 1 {
		return publishedBefore{title: e.Title, summary: e.Summary, importedTitle: e.Title, importedSummary: e.Summary}, nil
	}
	before := publishedBefore{exists: true}
	var teaches bool
	err = tx.QueryRow(ctx, `
		select c.title, c.summary, c.current_version,
			exists (select from content.course_staff s where s.course_id = c.course_id and s.account_id = $2)
		from content.courses c where c.course_id = $1 for update`, e.courseID, o.ActorID).
		Scan(&before.title, &before.summary, &before.version, &teaches)
	if err != nil {
		return publishedBefore{}, fmt.Errorf("lock course %s: %w", e.key, err)
	}
	if !o.AnyCourse && !teaches {
		return publishedBefore{}, errNotStaff()
	}
	err = tx.QueryRow(ctx, `
		select title, summary, digest from content.course_versions where course_id = $1 and number = $2`,
		e.courseID, before.version).Scan(&before.importedTitle, &before.importedSummary, &before.digest)
	if err != nil {
		return publishedBefore{}, fmt.Errorf("load version %d of course %s: %w", before.version, e.key, err)
	}
	return before, nil
}

func insertVersion(ctx context.Context, tx pgx.Tx, e *edition, version int, digest []byte, report *olx.Report, actor uuid.UUID) error {
	toc, err := json.Marshal(e.Outline)
	if err != nil {
		return fmt.Errorf("encode the outline: %w", err)
	}
	grading, err := json.Marshal(e.Grading)
	if err != nil {
		return fmt.Errorf("encode the grading policy: %w", err)
	}
	lines, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	_, err = tx.Exec(ctx, `
		insert into content.course_versions
			(course_id, number, title, summary, outline, unit_count, grading_policy, digest, report, published_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, '00000000-0000-0000-0000-000000000000'::uuid))`,
		e.courseID, version, e.Title, e.Summary, toc, len(e.Units), grading, digest, lines, actor)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"content", "units"},
		[]string{"course_id", "version", "unit_id", "position", "chapter", "subsection", "title", "content", "problem_set_ids"},
		pgx.CopyFromSlice(len(e.Units), func(i int) ([]any, error) {
			u := &e.Units[i]
			content, err := json.Marshal(u.Blocks)
			return []any{e.courseID, version, u.UnitID, i + 1, u.Chapter, u.Subsection, u.Title, content, u.ProblemSetIDs}, err
		}))
	if err != nil {
		return fmt.Errorf("store the units: %w", err)
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"content", "course_files"},
		[]string{"course_id", "version", "path", "sha256", "media_type", "bytes"},
		pgx.CopyFromSlice(len(e.Files), func(i int) ([]any, error) {
			f := &e.Files[i]
			digest, err := hex.DecodeString(f.SHA256)
			return []any{e.courseID, version, f.Path, digest, f.MediaType, f.Bytes}, err
		}))
	if err != nil {
		return fmt.Errorf("store the list of files: %w", err)
	}
	return nil
}

func updateCourse(ctx context.Context, tx pgx.Tx, e *edition, version int, title, summary string) error {
	_, err := tx.Exec(ctx, `
		update content.courses set title = $2, summary = $3, description = $4, image = $5, language = $6,
			headings = $7, starts_at = $8, ends_at = $9, current_version = $10,
			search = content.course_search($11, $12, $7), row_version = row_version + 1, updated_at = now()
		where course_id = $1`, e.courseID,
		title, summary, e.Description, e.Image, e.Language, strings.ToLower(e.headings()), e.StartsAt, e.EndsAt, version,
		strings.ToLower(title), strings.ToLower(summary))
	if err != nil {
		return fmt.Errorf("update course %s: %w", e.key, err)
	}
	return nil
}

func publishedEvent(e *edition, version int, title string, organisation uuid.UUID, now time.Time) event.CoursePublishedV1 {
	out := event.CoursePublishedV1{
		CourseID: e.courseID, OrganisationID: organisation, Version: version, Title: title,
		Units: []event.OutlineUnitV1{}, At: now.UTC(),
	}
	for i := range e.Units {
		u := &e.Units[i]
		out.Units = append(out.Units, event.OutlineUnitV1{
			UnitID: u.UnitID, Chapter: u.Chapter, Subsection: u.Subsection, Title: u.Title,
		})
	}
	return out
}

// publishProblemSets hands the sets that are new or different to assessment
// and withdraws those that the course has no longer. The caller holds the
// course's lock, which is what keeps the events of a set in order.
func publishProblemSets(ctx context.Context, tx pgx.Tx, e *edition, version int, organisation uuid.UUID, now time.Time) error {
	known, err := all(ctx, tx, pgx.RowToStructByPos[struct {
		ID        uuid.UUID
		Digest    []byte
		Withdrawn bool
	}], `select problem_set_id, digest, withdrawn from content.problem_sets where course_id = $1 order by position`, e.courseID)
	if err != nil {
		return fmt.Errorf("load the problem sets of course %s: %w", e.key, err)
	}
	current := map[uuid.UUID][]byte{}
	var vanished []uuid.UUID
	for _, k := range known {
		if !k.Withdrawn {
			current[k.ID] = k.Digest
			vanished = append(vanished, k.ID)
		}
	}
	var kept []uuid.UUID
	for _, set := range e.Sets {
		kept = append(kept, set.ProblemSetID)
		digest, err := setDigest(set)
		if err != nil {
			return err
		}
		if bytes.Equal(current[set.ProblemSetID], digest[:]) {
			continue
		}
		_, err = tx.Exec(ctx, `
			insert into content.problem_sets (problem_set_id, course_id, course_version, position, title, items, digest)
			values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (problem_set_id) do update set course_version = excluded.course_version,
				position = excluded.position, title = excluded.title, items = excluded.items,
				digest = excluded.digest, withdrawn = false`,
			set.ProblemSetID, e.courseID, version, set.Position, set.Title, len(set.Items), digest[:])
		if err != nil {
			return fmt.Errorf("store problem set %s: %w", set.ProblemSetID, err)
		}
		set.CourseVersion, set.At = version, now.UTC()
		if err := event.ProblemSetPublished.Emit(ctx, tx, set); err != nil {
			return err
		}
	}
	for _, id := range difference(vanished, kept) {
		if _, err := tx.Exec(ctx, `update content.problem_sets set withdrawn = true where problem_set_id = $1`, id); err != nil {
			return fmt.Errorf("withdraw problem set %s: %w", id, err)
		}
		err := event.ProblemSetWithdrawn.Emit(ctx, tx, event.ProblemSetWithdrawnV1{
			ProblemSetID: id, CourseID: e.courseID, OrganisationID: organisation, At: now.UTC(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
