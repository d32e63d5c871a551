package assessment

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// maxBulk is how many items one request changes.
const maxBulk = 1000

// bulkEdit changes many items of a bank at once, those named or those that pass a
// filter: all of them or none.
type bulkEdit struct {
	Items  []uuid.UUID // nil: by Filter
	Filter itemFilter
	Edit   itemEdit
}

// editItems applies a bulk edit and returns the items as they are then.
func (m *Module) editItems(ctx context.Context, caller auth.Principal, bankID uuid.UUID, in bulkEdit) (out []bankItem, err error) {
	if err := in.Edit.clean("body.change"); err != nil {
		return nil, err
	}
	if err := in.Filter.clean("body.filter"); err != nil {
		return nil, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b, err := bankFor(ctx, tx, caller, bankID, bankAuthor)
		if err != nil {
			return err
		}
		if in.Edit.Move {
			if err := folderIn(ctx, tx, bankID, in.Edit.Folder); err != nil {
				return err
			}
		}
		locked, err := lockItems(ctx, tx, bankID, in)
		if err != nil {
			return err
		}
		if err := m.checkSteps(ctx, tx, locked, b, in); err != nil {
			return err
		}
		ids := make([]uuid.UUID, 0, len(locked))
		for _, it := range locked {
			ids = append(ids, it.ItemID)
		}
		if err := applyEdit(ctx, tx, ids, in.Edit); err != nil {
			return err
		}
		out, err = queryItems(ctx, tx, `select `+itemColumns+` from assessment.items i where i.item_id = any($1) order by i.item_id`, ids)
		return err
	})
	return out, err
}

// lockItems locks the items of a bulk edit in the order of their ids, so that two
// of them do not wait for each other.
func lockItems(ctx context.Context, tx pgx.Tx, bankID uuid.UUID, in bulkEdit) ([]bankItem, error) {
	q, err := itemsIn(ctx, tx, bankID, in.Filter)
	if err != nil {
		return nil, err
	}
	if in.Items != nil {
		q.where(`i.item_id = any(` + q.arg(in.Items) + `)`)
	}
	// The condition is looked at again once a row is locked.
	locked, err := queryItems(ctx, tx, `select `+itemColumns+` from assessment.items i where `+strings.Join(q.conditions, " and ")+
		` order by i.item_id limit `+q.arg(maxBulk+1)+` for update`, q.args...)
	if err != nil {
		return nil, err
	}
	if len(locked) > maxBulk {
		return nil, problem.New(problem.Invalid, "too-many-items",
			"More than %d items pass the filter. Narrow it, and repeat the request for the rest.", maxBulk)
	}
	return locked, missingItems(in.Items, locked)
}

// missingItems names what was asked for and is not in the bank.
func missingItems(wanted []uuid.UUID, found []bankItem) error {
	known := make(map[uuid.UUID]bool, len(found))
	for _, it := range found {
		known[it.ItemID] = true
	}
	refusal := errBulk()
	for i, id := range wanted {
		if !known[id] {
			refusal.Fields = append(refusal.Fields, bulkField(i, "there is no such item in the bank"))
		}
	}
	if len(refusal.Fields) > 0 {
		return refusal
	}
	return nil
}

// checkSteps refuses a bulk edit that gives an item a status that it cannot have,
// and names each of those.
func (m *Module) checkSteps(ctx context.Context, tx pgx.Tx, items []bankItem, b bank, in bulkEdit) error {
	refusal := errBulk()
	for _, it := range items {
		err := m.checkStep(ctx, tx, it, b, in.Edit.Status)
		if err == nil {
			continue
		}
		p := problem.Of(err)
		if p.Code == problem.Internal {
			return err
		}
		message := p.Detail
		for _, f := range p.Fields {
			message += " (" + f.Location + ")"
		}
		if in.Items == nil {
			message = fmt.Sprintf("item %s: %s", it.ItemID, message)
		}
		refusal.Fields = append(refusal.Fields, bulkField(slices.Index(in.Items, it.ItemID), message))
	}
	if len(refusal.Fields) > 0 {
		return refusal
	}
	return nil
}

func errBulk() *problem.Problem {
	return problem.New(problem.Invalid, "bulk-refused", "Nothing was changed, because of the items that are named.")
}

// bulkField points at an item of the request, or at the filter (-1) that found it.
func bulkField(i int, message string) problem.FieldError {
	if i < 0 {
		return problem.FieldError{Location: "body.filter", Message: message}
	}
	return problem.FieldError{Location: "body.items[" + strconv.Itoa(i) + "]", Message: message}
}
