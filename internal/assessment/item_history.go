package assessment

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemdiff"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// readItem returns an item with the definition of a version; 0 is the current
// one.
func (m *Module) readItem(ctx context.Context, caller auth.Principal, id uuid.UUID, version int) (bankItem, revision, event.ItemV1, error) {
	it, _, err := itemFor(ctx, m.db.Pool, caller, id, bankReader, false)
	if err != nil {
		return bankItem{}, revision{}, event.ItemV1{}, err
	}
	r, err := loadRevision(ctx, m.db.Pool, it, version)
	if err != nil {
		return bankItem{}, revision{}, event.ItemV1{}, err
	}
	def, err := loadDefinition(ctx, m.db.Pool, id, r.Digest)
	return it, r, def, err
}

// listRevisions returns up to limit versions of an item before one, the newest
// first.
func (m *Module) listRevisions(ctx context.Context, caller auth.Principal, id uuid.UUID, before, limit int) (bankItem, []revision, error) {
	it, _, err := itemFor(ctx, m.db.Pool, caller, id, bankReader, false)
	if err != nil {
		return bankItem{}, nil, err
	}
	rows, err := m.db.Pool.Query(ctx, revisionsSQL+` and r.version < $2 order by r.version desc limit $3`, id, before, limit)
	if err != nil {
		return it, nil, fmt.Errorf("list the versions of item %s: %w", id, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[revision])
	if err != nil {
		return it, nil, fmt.Errorf("list the versions of item %s: %w", id, err)
	}
	return it, found, nil
}

// diffItem compares two versions of an item. Without to it is the current one,
// without from the one before the other.
func (m *Module) diffItem(ctx context.Context, caller auth.Principal, id uuid.UUID, from, to int) (before, after revision, changes []itemdiff.Change, err error) {
	it, _, err := itemFor(ctx, m.db.Pool, caller, id, bankReader, false)
	if err != nil {
		return before, after, nil, err
	}
	if after, err = loadRevision(ctx, m.db.Pool, it, to); err != nil {
		return before, after, nil, err
	}
	if from == 0 {
		from = max(after.Version-1, 1)
	}
	if before, err = loadRevision(ctx, m.db.Pool, it, from); err != nil {
		return before, after, nil, err
	}
	texts := make([][]byte, 2)
	for i, r := range []revision{before, after} {
		err = m.db.Pool.QueryRow(ctx, `select definition from assessment.item_versions where item_id = $1 and digest = $2`, id, r.Digest).Scan(&texts[i])
		if err != nil {
			return before, after, nil, fmt.Errorf("load version %d of item %s: %w", r.Version, id, err)
		}
	}
	changes, err = itemdiff.Between(texts[0], texts[1])
	if err != nil {
		return before, after, nil, fmt.Errorf("compare versions of item %s: %w", id, err)
	}
	return before, after, changes, nil
}
