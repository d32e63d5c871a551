package assessment

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// definitionPlace is where requests have an item's definition.
const definitionPlace = "body.definition"

// authoredItem is an item after its author has changed it.
type authoredItem struct {
	bankItem
	definition event.ItemV1
	removed    []removal // from the markup
	untold     []string  // images without an alternative text
	unchanged  bool      // the definition is what it was
}

// editionOf cleans and checks a definition that somebody has written for an item.
func (m *Module) editionOf(ctx context.Context, q querier, bankID, id uuid.UUID, def event.ItemV1) (edition, []removal, error) {
	removed, err := m.cleanItem(ctx, q, bankID, &def, definitionPlace)
	if err != nil {
		return edition{}, nil, err
	}
	e, err := newEdition(def, id)
	var invalid *definitionError
	if errors.As(err, &invalid) {
		return edition{}, nil, invalid.problem(definitionPlace)
	}
	return e, removed, err
}

// newItem is what an author says about a new item.
type newItem struct {
	Identity   string // empty: its id
	Definition event.ItemV1
	Labels     labels
	Note       string
}

// createItem adds a draft to a bank.
func (m *Module) createItem(ctx context.Context, caller auth.Principal, bankID uuid.UUID, in newItem) (out authoredItem, err error) {
	if in.Identity != "" {
		err = checkIdentity("body.identity", in.Identity)
	}
	if err == nil {
		err = in.Labels.clean("body")
	}
	if err != nil {
		return authoredItem{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return authoredItem{}, fmt.Errorf("make an item id: %w", err)
	}
	if in.Identity == "" {
		in.Identity = id.String()
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b, err := bankFor(ctx, tx, caller, bankID, bankAuthor)
		if err != nil {
			return err
		}
		if err := folderIn(ctx, tx, bankID, in.Labels.FolderID); err != nil {
			return err
		}
		e, removed, err := m.editionOf(ctx, tx, bankID, id, in.Definition)
		if err != nil {
			return err
		}
		err = insertItems(ctx, tx, b, &caller.AccountID, []itemWrite{{
			id: id, identity: in.Identity, version: 1, status: itemDraft, edition: e, labels: in.Labels, origin: authored, note: in.Note,
		}})
		if violates(err, uniqueKey) {
			return problem.New(problem.Conflict, "identity-taken", "The bank has an item with this identity already.")
		}
		if err != nil {
			return err
		}
		out = authoredItem{definition: e.def, removed: removed, untold: m.untold(e.def)}
		out.bankItem, _, err = itemFor(ctx, tx, caller, id, bankAuthor, false)
		return err
	})
	return out, err
}

// clean tidies labels, or refuses them.
func (l *labels) clean(location string) (err error) {
	if l.Tags, err = cleanTags(location+".tags", l.Tags); err != nil {
		return err
	}
	if l.Difficulty != nil {
		*l.Difficulty, err = cleanDifficulty(location+".difficulty", *l.Difficulty)
	}
	return err
}

// folderIn checks that a folder, if there is one, is in the bank.
func folderIn(ctx context.Context, q querier, bankID uuid.UUID, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	_, err := folderOf(ctx, q, bankID, *id)
	if problem.Of(err).Code == problem.NotFound {
		return problem.InvalidField("body.folder_id", "there is no such folder in the bank")
	}
	return err
}

// changeItem locks an item that is still as its author saw it and lets change
// work on it; then it returns the item as it is.
func (m *Module) changeItem(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64,
	change func(ctx context.Context, tx pgx.Tx, it bankItem, b bank) error,
) (out bankItem, err error) {
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		it, b, err := itemFor(ctx, tx, caller, id, bankAuthor, true)
		if err != nil {
			return err
		}
		if it.RowVersion != seen {
			return errItemChanged()
		}
		if err := change(ctx, tx, it, b); err != nil {
			return err
		}
		out, _, err = itemFor(ctx, tx, caller, id, bankAuthor, false)
		return err
	})
	return out, err
}

// putDefinition makes a new version of an item, if it says something new.
func (m *Module) putDefinition(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64, def event.ItemV1, note string) (authoredItem, error) {
	var out authoredItem
	it, err := m.changeItem(ctx, caller, id, seen, func(ctx context.Context, tx pgx.Tx, it bankItem, b bank) error {
		e, removed, err := m.editionOf(ctx, tx, b.BankID, id, def)
		if err != nil {
			return err
		}
		out = authoredItem{definition: e.def, removed: removed, untold: m.untold(e.def)}
		out.unchanged, err = addVersion(ctx, tx, caller, it, b, e, authored, note)
		return err
	})
	out.bankItem = it
	return out, err
}

// addVersion makes a version of a locked item, unless its definition is the
// present one.
func addVersion(ctx context.Context, tx pgx.Tx, caller auth.Principal, it bankItem, b bank, e edition, from origin, note string) (unchanged bool, err error) {
	if string(e.digest) == string(it.Digest) {
		return true, nil
	}
	return false, updateItems(ctx, tx, &caller.AccountID, []itemWrite{{
		id: it.ItemID, version: it.Version + 1, status: it.Status.afterEdit(b.Role), edition: e, origin: from, note: note,
	}})
}

// restoreVersion makes an earlier version the current one again, as a new
// version.
func (m *Module) restoreVersion(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64, version int, note string) (authoredItem, error) {
	var out authoredItem
	it, err := m.changeItem(ctx, caller, id, seen, func(ctx context.Context, tx pgx.Tx, it bankItem, b bank) error {
		r, err := loadRevision(ctx, tx, it, version)
		if err != nil {
			return err
		}
		def, err := loadDefinition(ctx, tx, id, r.Digest)
		if err != nil {
			return err
		}
		// It was checked when it was made; this release must still take it.
		e, err := newEdition(def, id)
		var invalid *definitionError
		if errors.As(err, &invalid) {
			return invalid.problem("version")
		}
		if err != nil {
			return err
		}
		if note == "" {
			note = fmt.Sprintf("Version %d again.", version)
		}
		out = authoredItem{definition: e.def, untold: m.untold(e.def)}
		out.unchanged, err = addVersion(ctx, tx, caller, it, b, e, restored, note)
		return err
	})
	out.bankItem = it
	return out, err
}

// itemEdit is what somebody changes of an item beside its definition. A nil
// field stays as it is.
type itemEdit struct {
	AddTags       []string
	RemoveTags    []string
	Tags          *[]string // instead of the two above
	Move          bool      // to Folder
	Folder        *uuid.UUID
	SetDifficulty bool // to Difficulty
	Difficulty    *string
	Status        *itemStatus
}

// clean tidies the edit, or refuses it.
func (e *itemEdit) clean(location string) (err error) {
	if e.AddTags, err = cleanTags(location+".add_tags", e.AddTags); err != nil {
		return err
	}
	if e.RemoveTags, err = cleanTags(location+".remove_tags", e.RemoveTags); err != nil {
		return err
	}
	if e.Tags != nil {
		if *e.Tags, err = cleanTags(location+".tags", *e.Tags); err != nil {
			return err
		}
	}
	if e.Difficulty != nil {
		*e.Difficulty, err = cleanDifficulty(location+".difficulty", *e.Difficulty)
	}
	return err
}

// editItem changes what people say about an item.
func (m *Module) editItem(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64, edit itemEdit) (bankItem, error) {
	if err := edit.clean("body"); err != nil {
		return bankItem{}, err
	}
	return m.changeItem(ctx, caller, id, seen, func(ctx context.Context, tx pgx.Tx, it bankItem, b bank) error {
		if edit.Move {
			if err := folderIn(ctx, tx, b.BankID, edit.Folder); err != nil {
				return err
			}
		}
		if err := m.checkStep(ctx, tx, it, b, edit.Status); err != nil {
			return err
		}
		return applyEdit(ctx, tx, []uuid.UUID{id}, edit)
	})
}

// checkStep refuses a status that the item cannot have now. What learners may be
// given must be fit for them.
func (m *Module) checkStep(ctx context.Context, q querier, it bankItem, b bank, to *itemStatus) error {
	if to == nil || *to == it.Status {
		return nil
	}
	if refusal := it.Status.canBecome(*to, b.Role); refusal != nil {
		return refusal
	}
	if !to.forLearners() {
		return nil
	}
	def, err := loadDefinition(ctx, q, it.ItemID, it.Digest)
	if err != nil {
		return err
	}
	if places := m.untold(def); len(places) > 0 {
		return errUntold("definition", places)
	}
	return nil
}

// applyEdit changes items that the transaction has locked and found fit for it.
func applyEdit(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, e itemEdit) error {
	var tags []string
	if e.Tags != nil {
		tags = *e.Tags
	}
	var most int
	err := tx.QueryRow(ctx, `with edited as (
		update assessment.items i set
			tags = case when $2 then $3::text[] else array(
				select t collate "C" from (
					select unnest(i.tags) as t union select unnest($4::text[])
				) all_tags where not t = any($5::text[]) order by 1) end,
			folder_id = case when $6 then $7 else i.folder_id end,
			difficulty = case when $8 then $9::text::numeric else i.difficulty end,
			status = coalesce($10, i.status), row_version = i.row_version + 1, updated_at = now()
		where i.item_id = any($1) returning cardinality(i.tags) as tags
		) select coalesce(max(tags), 0) from edited`,
		ids, e.Tags != nil, tags, e.AddTags, e.RemoveTags, e.Move, e.Folder, e.SetDifficulty, e.Difficulty, e.Status).Scan(&most)
	if err != nil {
		return fmt.Errorf("edit %d items: %w", len(ids), err)
	}
	if most > maxTags {
		return problem.New(problem.Invalid, "too-many-tags", "An item has at most %d tags.", maxTags)
	}
	return nil
}

// deleteItem removes an item that no paper has, with its history.
func (m *Module) deleteItem(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		it, b, err := itemFor(ctx, tx, caller, id, bankAuthor, true)
		if err != nil {
			return err
		}
		if it.Status != itemDraft {
			err = b.allows(bankManager)
		}
		if err != nil {
			return err
		}
		if it.RowVersion != seen {
			return errItemChanged()
		}
		var used bool
		err = tx.QueryRow(ctx, `select exists (select from assessment.paper_items where item_id = $1 and item_version is not null)`, id).Scan(&used)
		if err != nil {
			return fmt.Errorf("look for papers with item %s: %w", id, err)
		}
		if used {
			return problem.New(problem.Conflict, "item-in-use", "The item is on a paper and stays for its attempts. Retire it instead.")
		}
		for _, sql := range []string{
			`delete from assessment.items where item_id = $1`,
			`delete from assessment.item_versions where item_id = $1`,
		} {
			if _, err := tx.Exec(ctx, sql, id); err != nil {
				return fmt.Errorf("delete item %s: %w", id, err)
			}
		}
		return nil
	})
}
