package assessment

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// draft is a published problem set on its way to becoming a paper.
type draft struct {
	items    []draftItem
	count    int // items that can be answered
	maxScore scoring.Score
}

type draftItem struct {
	id         uuid.UUID
	version    *int // of a bank's item
	definition []byte
	digest     []byte
	title      string
	maxScore   scoring.Score
	fault      string // empty when the item can be answered
}

// newDraft parses a problem set's items. An item that cannot be used is kept
// with its fault and excluded: one bad question must not cost a course its
// assessment.
func newDraft(items []event.ItemV1) (draft, error) {
	var d draft
	seen := map[uuid.UUID]bool{}
	for _, def := range items {
		definition, err := json.Marshal(def)
		if err != nil {
			return d, fmt.Errorf("encode item %s: %w", def.ItemID, err)
		}
		digest := sha256.Sum256(definition)
		it := draftItem{id: def.ItemID, definition: definition, digest: digest[:], title: def.Title}
		parsed, err := scoring.Parse(def)
		switch {
		case err != nil:
			it.fault = err.Error()
		case seen[def.ItemID]:
			it.fault = "item_id: it is used twice in this problem set"
		default:
			seen[def.ItemID] = true
			it.maxScore = parsed.MaxScore()
			d.maxScore = d.maxScore.Add(it.maxScore)
			d.count++
		}
		d.items = append(d.items, it)
	}
	return d, nil
}

// checkProblemSet refuses what no retry can cure.
func checkProblemSet(e event.ProblemSetPublishedV1) error {
	switch {
	case e.ProblemSetID == uuid.Nil || e.CourseID == uuid.Nil || e.OrganisationID == uuid.Nil:
		return errors.New("an id is missing")
	case e.CourseVersion < 1:
		return fmt.Errorf("course_version is %d", e.CourseVersion)
	case e.MaxAttempts < 0:
		return fmt.Errorf("max_attempts is %d", e.MaxAttempts)
	case e.TimeLimitSeconds < 0:
		return fmt.Errorf("time_limit_seconds is %d", e.TimeLimitSeconds)
	}
	switch e.Release {
	case event.ReleaseNever, event.ReleaseSubmitted, event.ReleaseAfterDue, event.ReleaseLast:
		return nil
	}
	return fmt.Errorf("release is %q", e.Release)
}

// publishPaper makes a paper of a published problem set, ready to be started,
// and lets new attempts use it. A version that is not newer than the current
// one changes nothing.
func (m *Module) publishPaper(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.ProblemSetPublishedV1]) error {
	e := d.Payload
	if err := checkProblemSet(e); err != nil {
		return bus.Permanent(fmt.Errorf("problem set %s: %w", e.ProblemSetID, err))
	}
	current, err := lockAssessment(ctx, tx, e.ProblemSetID, e.CourseID, e.OrganisationID)
	if err != nil || current >= e.CourseVersion {
		return err
	}
	paper, err := newDraft(e.Items)
	if err != nil {
		return bus.Permanent(err)
	}
	if err := savePaper(ctx, tx, e, paper); err != nil {
		return fmt.Errorf("save version %d of assessment %s: %w", e.CourseVersion, e.ProblemSetID, err)
	}
	e.At = d.OccurredAt
	return m.announcePaper(ctx, tx, e, paper)
}

// announcePaper tells the others of a paper that tx has saved.
func (m *Module) announcePaper(ctx context.Context, tx pgx.Tx, e event.ProblemSetPublishedV1, paper draft) error {
	published := event.AssessmentPublishedV1{
		AssessmentID: e.ProblemSetID, CourseID: e.CourseID, OrganisationID: e.OrganisationID, Version: e.CourseVersion,
		Title: e.Title, Category: e.Category, MaxScore: paper.maxScore.String(), DueAt: utc(e.DueAt),
		Items: []event.ItemSummaryV1{}, At: e.At.UTC(),
	}
	for _, it := range paper.items {
		if it.fault != "" {
			m.log.WarnContext(ctx, "an item is excluded from its paper", "assessment_id", e.ProblemSetID,
				"version", e.CourseVersion, "item_id", it.id, "fault", it.fault)
			continue
		}
		published.Items = append(published.Items, event.ItemSummaryV1{ItemID: it.id, Title: it.title, MaxScore: it.maxScore.String()})
	}
	return event.AssessmentPublished.Emit(ctx, tx, published)
}

// lockAssessment makes the assessment's row if there is none, locks it and
// returns its current version, 0 for none yet.
func lockAssessment(ctx context.Context, tx pgx.Tx, id, course, organisation uuid.UUID) (current int, err error) {
	var sameOwner bool
	err = tx.QueryRow(ctx, `
		insert into assessment.assessments as a (assessment_id, course_id, organisation_id) values ($1, $2, $3)
		on conflict (assessment_id) do update set assessment_id = excluded.assessment_id
		returning coalesce(a.current_version, 0), a.course_id = $2 and a.organisation_id = $3`,
		id, course, organisation).Scan(&current, &sameOwner)
	if err != nil {
		return 0, fmt.Errorf("lock assessment %s: %w", id, err)
	}
	if !sameOwner {
		return 0, bus.Permanent(fmt.Errorf("assessment %s belongs to another course", id))
	}
	return current, nil
}

func savePaper(ctx context.Context, tx pgx.Tx, e event.ProblemSetPublishedV1, paper draft) error {
	var (
		ids         []uuid.UUID
		digests     [][]byte
		definitions []string
		faults      []*string
		versions    []*int
	)
	for _, it := range paper.items {
		var fault *string
		if it.fault != "" {
			fault = &it.fault
		}
		ids = append(ids, it.id)
		digests = append(digests, it.digest)
		definitions = append(definitions, string(it.definition))
		faults = append(faults, fault)
		versions = append(versions, it.version)
	}
	if err := saveItemVersions(ctx, tx, ids, digests, definitions); err != nil {
		return err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`insert into assessment.assessment_versions (assessment_id, version, title, max_score, item_count, published_at)
			values ($1, $2, $3, $4::text::numeric, $5, now())`,
			[]any{e.ProblemSetID, e.CourseVersion, e.Title, paper.maxScore.String(), paper.count}},
		{`insert into assessment.paper_items (assessment_id, version, position, item_id, digest, fault, item_version)
			select $1, $2, position, item_id, digest, fault, item_version
			from unnest($3::uuid[], $4::bytea[], $5::text[], $6::integer[]) with ordinality as i(item_id, digest, fault, item_version, position)`,
			[]any{e.ProblemSetID, e.CourseVersion, ids, digests, faults, versions}},
		{`update assessment.assessments
			set current_version = $2, title = $3, category = $4, position = $5, max_attempts = $6, time_limit_seconds = $7,
				opens_at = $8, due_at = $9, release = $10, published_at = $11,
				withdrawn_at = case when withdrawn_at > $11 then withdrawn_at end
			where assessment_id = $1`,
			[]any{e.ProblemSetID, e.CourseVersion, e.Title, e.Category, e.Position, e.MaxAttempts,
				e.TimeLimitSeconds, e.OpensAt, e.DueAt, string(e.Release), e.At}},
	} {
		if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// withdrawPaper ends the starting of new attempts. Attempts in progress go on.
func (m *Module) withdrawPaper(ctx context.Context, tx pgx.Tx, d bus.Delivery[event.ProblemSetWithdrawnV1]) error {
	e := d.Payload
	if _, err := lockAssessment(ctx, tx, e.ProblemSetID, e.CourseID, e.OrganisationID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `update assessment.assessments set withdrawn_at = $2 where assessment_id = $1`, e.ProblemSetID, e.At)
	if err != nil {
		return fmt.Errorf("withdraw assessment %s: %w", e.ProblemSetID, err)
	}
	return nil
}
