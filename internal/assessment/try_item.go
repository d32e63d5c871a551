package assessment

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// previewID is that of an item that is looked at before it is kept. What is drawn
// for a learner depends on the id, so it is always the same one.
var previewID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://lyceum.example/item-preview"))

// triedItem is an item as its authors try it.
type triedItem struct {
	*scoring.Item
	removed []removal // from the markup of one that is not kept
	untold  []string
}

// keptItem is a version of an item of a bank, 0 being the current one, to be
// tried by somebody who may see it.
func (m *Module) keptItem(ctx context.Context, caller auth.Principal, id uuid.UUID, version int) (triedItem, error) {
	_, _, def, err := m.readItem(ctx, caller, id, version)
	if err != nil {
		return triedItem{}, err
	}
	item, err := scoring.Parse(def)
	if err != nil {
		return triedItem{}, fmt.Errorf("parse item %s: %w", id, err)
	}
	return triedItem{Item: item, untold: m.untold(def)}, nil
}

// unsavedItem is a definition that has not been kept, to be tried.
func (m *Module) unsavedItem(ctx context.Context, caller auth.Principal, bankID uuid.UUID, def event.ItemV1) (triedItem, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankReader); err != nil {
		return triedItem{}, err
	}
	e, removed, err := m.editionOf(ctx, m.db.Pool, bankID, previewID, def)
	if err != nil {
		return triedItem{}, err
	}
	return triedItem{Item: e.item, removed: removed, untold: m.untold(e.def)}, nil
}

// try scores a response as an attempt with this seed would.
func (t triedItem) try(raw []byte, seed int64) (scoring.Result, error) {
	response, err := scoring.ParseResponse(raw)
	if err == nil {
		err = t.Check(response)
	}
	var refused *scoring.ResponseError
	if errors.As(err, &refused) {
		return scoring.Result{}, invalidResponse(refused)
	}
	if err != nil {
		return scoring.Result{}, fmt.Errorf("check a response: %w", err)
	}
	return t.Score(response, seed), nil
}

// errNoSeed is for what is no seed.
func errNoSeed() error {
	return problem.InvalidField("body.seed", "it must be a whole number of up to 19 digits, as a string")
}
