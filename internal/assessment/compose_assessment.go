package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// composition is an assessment that a course's staff put together from banks.
type composition struct {
	Title            string
	Category         string
	MaxAttempts      int
	TimeLimitSeconds int
	OpensAt          *time.Time
	DueAt            *time.Time
	Release          event.ReleasePolicy
	Items            []chosenItem
}

// chosenItem is an item for a paper; version 0 is the current one.
type chosenItem struct {
	ItemID  uuid.UUID
	Version int
}

// clean tidies the composition, or refuses it.
func (c *composition) clean() (err error) {
	if c.Title, err = checkName("body.title", c.Title, maxBankTitle); err != nil {
		return err
	}
	c.Category = strings.TrimSpace(c.Category)
	if c.OpensAt != nil && c.DueAt != nil && !c.DueAt.After(*c.OpensAt) {
		return problem.InvalidField("body.due_at", "it must be after opens_at")
	}
	seen := map[uuid.UUID]bool{}
	for i, it := range c.Items {
		if seen[it.ItemID] {
			return problem.InvalidField(itemPlaceIn(i), "the item is on the paper already")
		}
		seen[it.ItemID] = true
	}
	return nil
}

func itemPlaceIn(i int) string { return "body.items[" + strconv.Itoa(i) + "]" }

// composeAssessment publishes a paper of bank items as a new assessment of a
// course.
func (m *Module) composeAssessment(ctx context.Context, caller auth.Principal, course uuid.UUID, c composition) (uuid.UUID, error) {
	if err := c.clean(); err != nil {
		return uuid.Nil, err
	}
	s, err := m.standingIn(ctx, caller, course)
	if err != nil {
		return uuid.Nil, err
	}
	if !s.Staff {
		return uuid.Nil, errNoCourse()
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make an assessment id: %w", err)
	}
	return id, m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var position int
		err := tx.QueryRow(ctx, `
			insert into assessment.assessments (assessment_id, course_id, organisation_id, origin, position)
			values ($1, $2, $3, 'bank', (select coalesce(max(position), 0) + 1 from assessment.assessments where course_id = $2))
			returning position`, id, course, caller.OrganisationID).Scan(&position)
		if err != nil {
			return fmt.Errorf("make an assessment of course %s: %w", course, err)
		}
		return m.publishComposition(ctx, tx, caller, c, event.ProblemSetPublishedV1{
			ProblemSetID: id, CourseID: course, OrganisationID: caller.OrganisationID, CourseVersion: 1, Position: position,
		})
	})
}

// recomposeAssessment publishes a new version of an assessment from banks that is
// still at the version that its editor saw. Attempts that have begun keep theirs.
func (m *Module) recomposeAssessment(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64, c composition) error {
	if err := c.clean(); err != nil {
		return err
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var course uuid.UUID
		var origin string
		var version, position int
		err := tx.QueryRow(ctx, `
			select course_id, origin, coalesce(current_version, 0), position from assessment.assessments
			where assessment_id = $1 and organisation_id = $2 for update`, id, caller.OrganisationID).
			Scan(&course, &origin, &version, &position)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoAssessment()
		}
		if err != nil {
			return fmt.Errorf("lock assessment %s: %w", id, err)
		}
		s, err := m.standingIn(ctx, caller, course)
		switch {
		case err != nil:
			return err
		case !s.Staff:
			return errNoAssessment()
		case origin != "bank":
			return problem.New(problem.Conflict, "from-course", "The assessment comes with its course. Publish the course again to change it.")
		case int64(version) != seen:
			return problem.New(problem.Precondition, "assessment-changed", "The assessment has changed since. Read it again.")
		}
		return m.publishComposition(ctx, tx, caller, c, event.ProblemSetPublishedV1{
			ProblemSetID: id, CourseID: course, OrganisationID: caller.OrganisationID, CourseVersion: version + 1, Position: position,
		})
	})
}

// publishComposition makes a version of an assessment's paper, which takes the
// same way as one that comes with a course.
func (m *Module) publishComposition(ctx context.Context, tx pgx.Tx, caller auth.Principal, c composition, e event.ProblemSetPublishedV1) error {
	paper, err := draftOf(ctx, tx, caller, c.Items)
	if err != nil {
		return err
	}
	e.Title, e.Category, e.MaxAttempts, e.TimeLimitSeconds = c.Title, c.Category, c.MaxAttempts, c.TimeLimitSeconds
	e.OpensAt, e.DueAt, e.Release = c.OpensAt, c.DueAt, c.Release
	if err := tx.QueryRow(ctx, `select now()`).Scan(&e.At); err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	if err := savePaper(ctx, tx, e, paper); err != nil {
		return fmt.Errorf("save version %d of assessment %s: %w", e.CourseVersion, e.ProblemSetID, err)
	}
	return m.announcePaper(ctx, tx, e, paper)
}

// draftOf makes a paper of live items that the caller knows of. What is on a
// paper of somebody's choice is there or refused, never left out.
func draftOf(ctx context.Context, tx pgx.Tx, caller auth.Principal, chosen []chosenItem) (draft, error) {
	ids, versions := make([]uuid.UUID, 0, len(chosen)), make([]int, 0, len(chosen))
	for _, it := range chosen {
		ids, versions = append(ids, it.ItemID), append(versions, it.Version)
	}
	// The lock keeps an item from being deleted while it comes onto a paper.
	rows, err := tx.Query(ctx, `
		select i.item_id, i.status, r.version, r.digest, d.definition::text
		from assessment.items i
		join unnest($1::uuid[], $2::integer[]) as c(item_id, version) on c.item_id = i.item_id
		left join assessment.bank_members m on m.bank_id = i.bank_id and m.account_id = $4
		left join assessment.item_revisions r on r.item_id = i.item_id and r.version = case c.version when 0 then i.version else c.version end
		left join assessment.item_versions d on d.item_id = r.item_id and d.digest = r.digest
		where i.organisation_id = $3 and (m.role is not null or $5)
		order by i.item_id for share of i`,
		ids, versions, caller.OrganisationID, caller.AccountID, caller.AdministersOrganisation())
	if err != nil {
		return draft{}, fmt.Errorf("load the items of a paper: %w", err)
	}
	found := map[uuid.UUID]bankedItem{}
	var it bankedItem
	_, err = pgx.ForEachRow(rows, []any{&it.id, &it.status, &it.version, &it.digest, &it.definition}, func() error {
		found[it.id] = it
		it = bankedItem{}
		return nil
	})
	if err != nil {
		return draft{}, fmt.Errorf("load the items of a paper: %w", err)
	}
	return draftFrom(chosen, found)
}

// bankedItem is an item of a bank in the version that was asked for, if there is
// that version.
type bankedItem struct {
	id         uuid.UUID
	status     itemStatus
	version    *int
	digest     []byte
	definition *string
}

func draftFrom(chosen []chosenItem, found map[uuid.UUID]bankedItem) (draft, error) {
	var d draft
	refusal := problem.New(problem.Invalid, "items-not-usable", "Some items cannot be put on a paper.")
	for i, c := range chosen {
		it, fault, err := found[c.ItemID].draft(c.ItemID)
		if err != nil {
			return draft{}, err
		}
		if fault != "" {
			refusal.Fields = append(refusal.Fields, problem.FieldError{Location: itemPlaceIn(i), Message: fault})
			continue
		}
		d.items = append(d.items, it)
		d.maxScore = d.maxScore.Add(it.maxScore)
		d.count++
	}
	if len(refusal.Fields) > 0 {
		return draft{}, refusal
	}
	return d, nil
}

// draft is the item for a paper, or why it cannot be on one.
func (b bankedItem) draft(id uuid.UUID) (it draftItem, fault string, err error) {
	switch {
	case b.id == uuid.Nil:
		return it, "there is no such item", nil
	case b.status != itemLive:
		return it, fmt.Sprintf("the item is %q; only live items can be used", string(b.status)), nil
	case b.version == nil || b.definition == nil:
		return it, "the item has no such version", nil
	}
	var def event.ItemV1
	if err := json.Unmarshal([]byte(*b.definition), &def); err != nil {
		return it, "", fmt.Errorf("decode item %s: %w", id, err)
	}
	parsed, unfit := scoring.Parse(def)
	if unfit != nil {
		return it, unfit.Error(), nil //nolint:nilerr // what is wrong with the item is the answer
	}
	return draftItem{
		id: id, version: b.version, definition: []byte(*b.definition), digest: b.digest, title: def.Title, maxScore: parsed.MaxScore(),
	}, "", nil
}
