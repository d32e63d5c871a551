package assessment

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/lyceum-lms/platform/internal/assessment/itemhtml"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
)

// SeedBody is the seed of an attempt. It has more digits than a number of
// JavaScript holds, so it is a string.
type SeedBody struct {
	Seed string `json:"seed,omitempty" maxLength:"20" doc:"Whole number from which all that is drawn for a learner follows; the answer says which it was. Default: a random one"`
}

func (in SeedBody) seed() (int64, error) {
	if in.Seed == "" {
		return rand.Int64(), nil
	}
	seed, err := strconv.ParseInt(in.Seed, 10, 64)
	if err != nil {
		return 0, errNoSeed()
	}
	return seed, nil
}

type previewOutput struct {
	Body struct {
		Seed    string        `json:"seed"`
		Item    scoring.View  `json:"item" doc:"As the learner of an attempt with this seed gets it"`
		HTML    string        `json:"html" doc:"The same as a page of its own with form controls and no script"`
		Removed []removalBody `json:"removed,omitempty" doc:"What did not come through of the markup that was sent"`
		Untold  []string      `json:"missing_alternatives,omitempty" doc:"Places of images without an alternative text"`
	}
}

func (m *Module) newPreview(t triedItem, in SeedBody) (*previewOutput, error) {
	seed, err := in.seed()
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.Seed = strconv.FormatInt(seed, 10)
	out.Body.Item = t.View(seed)
	m.linker(true).view(&out.Body.Item)
	if out.Body.HTML, err = itemhtml.Page(out.Body.Item); err != nil {
		return nil, fmt.Errorf("render item %s: %w", out.Body.Item.ItemID, err)
	}
	out.Body.Removed, out.Body.Untold = newRemovalBodies(t.removed), t.untold
	return out, nil
}

// VersionBody names a version of a kept item.
type VersionBody struct {
	Version int `json:"version,omitempty" minimum:"1" maximum:"2147483647" doc:"Default: the current one"`
}

func (m *Module) handlePreviewItem(ctx context.Context, in *struct {
	ItemPath
	Body *struct {
		VersionBody
		SeedBody
	}
}) (*previewOutput, error) {
	var version VersionBody
	var seed SeedBody
	if in.Body != nil {
		version, seed = in.Body.VersionBody, in.Body.SeedBody
	}
	t, err := m.keptItem(ctx, auth.Caller(ctx), in.ItemID, version.Version)
	if err != nil {
		return nil, err
	}
	return m.newPreview(t, seed)
}

func (m *Module) handlePreviewDefinition(ctx context.Context, in *struct {
	BankPath
	Body struct {
		SeedBody
		Definition definitionInput `json:"definition"`
	}
}) (*previewOutput, error) {
	t, err := m.unsavedItem(ctx, auth.Caller(ctx), in.BankID, in.Body.Definition.item())
	if err != nil {
		return nil, err
	}
	return m.newPreview(t, in.Body.SeedBody)
}

// TrialBody is a response to be scored.
type TrialBody struct {
	SeedBody
	Response json.RawMessage `json:"response" doc:"By part id, as in an attempt"`
}

type trialOutput struct {
	Body struct {
		Seed   string          `json:"seed"`
		Result scoring.Result  `json:"result" doc:"With how each score came about"`
		Key    scoring.KeyView `json:"key"`
	}
}

func (m *Module) newTrial(t triedItem, in TrialBody) (*trialOutput, error) {
	seed, err := in.seed()
	if err != nil {
		return nil, err
	}
	out := &trialOutput{}
	out.Body.Seed = strconv.FormatInt(seed, 10)
	if out.Body.Result, err = t.try(in.Response, seed); err != nil {
		return nil, err
	}
	link := m.linker(true)
	out.Body.Result.FeedbackHTML = link.all(out.Body.Result.FeedbackHTML)
	for i := range out.Body.Result.Parts {
		p := &out.Body.Result.Parts[i]
		p.FeedbackHTML = link.all(p.FeedbackHTML)
	}
	out.Body.Key = t.Key(seed)
	out.Body.Key.ExplanationHTML = link.html(out.Body.Key.ExplanationHTML)
	return out, nil
}

func (m *Module) handleTryItem(ctx context.Context, in *struct {
	ItemPath
	Body struct {
		VersionBody
		TrialBody
	}
}) (*trialOutput, error) {
	t, err := m.keptItem(ctx, auth.Caller(ctx), in.ItemID, in.Body.Version)
	if err != nil {
		return nil, err
	}
	return m.newTrial(t, in.Body.TrialBody)
}

func (m *Module) handleTryDefinition(ctx context.Context, in *struct {
	BankPath
	Body struct {
		TrialBody
		Definition definitionInput `json:"definition"`
	}
}) (*trialOutput, error) {
	t, err := m.unsavedItem(ctx, auth.Caller(ctx), in.BankID, in.Body.Definition.item())
	if err != nil {
		return nil, err
	}
	return m.newTrial(t, in.Body.TrialBody)
}
