package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// receipt says that a response is durable.
type receipt struct {
	Sequence int64
	SavedAt  time.Time // when a response of this sequence was first stored
	// Superseded is true when a response with a higher sequence is the one that
	// counts.
	Superseded bool
}

// saveResponse stores the caller's response to an item and returns when it is
// durable. Saves may arrive twice and in any order: the highest sequence
// counts. Without one, the response follows on what was saved before.
func (m *Module) saveResponse(ctx context.Context, caller auth.Principal, attemptID, itemID uuid.UUID, sequence *int64, raw []byte) (receipt, error) {
	f, err := m.ownFacts(ctx, caller, attemptID)
	if err != nil {
		return receipt{}, err
	}
	p, err := m.papers.get(ctx, f.assessment, f.version)
	if err != nil {
		return receipt{}, err
	}
	it, ok := p.item(itemID)
	if !ok {
		return receipt{}, errNoItem()
	}
	response, err := scoring.ParseResponse(raw)
	if err == nil {
		err = it.Check(response)
	}
	if err == nil {
		err = m.checkHandedIn(ctx, attemptID, itemID, response)
	}
	var refused *scoring.ResponseError
	if errors.As(err, &refused) {
		return receipt{}, invalidResponse(refused)
	}
	if err != nil {
		return receipt{}, fmt.Errorf("check a response: %w", err)
	}
	// What is stored is what was understood, in one spelling.
	stored, err := json.Marshal(response)
	if err != nil {
		return receipt{}, fmt.Errorf("encode a response: %w", err)
	}
	return m.writer.save(ctx, save{attempt: attemptID, item: itemID, sequence: sequence, response: string(stored)})
}

// invalidResponse points at the faults within the request's body.
func invalidResponse(refused *scoring.ResponseError) error {
	p := problem.New(problem.Invalid, "invalid-response", "The response does not fit the item.")
	for _, f := range refused.Fields {
		location := "body.response"
		if f.Location != "" {
			location += "." + f.Location
		}
		p.Fields = append(p.Fields, problem.FieldError{Location: location, Message: f.Message})
	}
	return p
}
