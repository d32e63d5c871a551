package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
)

// paper is an attempt as its learner has it: where to save a response to each
// item, and what the request looks like.
type paper struct {
	id    uuid.UUID
	token string
	saves [][]byte // a whole request for each item
	next  int      // the item to save next
	// sequence is the client's count of its saves. It begins high, so that it
	// always has as many digits as the requests have room for.
	sequence int64
}

const (
	firstSequence  = 1_000_000
	sequencePrefix = `{"sequence":`
)

type attemptBody struct {
	AttemptID uuid.UUID `json:"attempt_id"`
	Status    string    `json:"status"`
	Items     []struct {
		ItemID uuid.UUID `json:"item_id"`
		Parts  []struct {
			PartID  string `json:"part_id"`
			Choices []struct {
				ChoiceID string `json:"choice_id"`
			} `json:"choices"`
		} `json:"parts"`
	} `json:"items"`
}

func startRequest(assessment uuid.UUID, token string) []byte {
	return request("POST", "/v1/assessments/"+assessment.String()+"/attempts", token, nil)
}

// newPaper reads the answer to the start of an attempt and prepares the saves.
func newPaper(body []byte, token string) (*paper, error) {
	var a attemptBody
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("decode an attempt: %w", err)
	}
	if len(a.Items) != itemsOfExam || a.Status != "in_progress" {
		return nil, fmt.Errorf("an attempt %s with %d items", a.Status, len(a.Items))
	}
	p := &paper{id: a.AttemptID, token: token, sequence: firstSequence}
	for _, it := range a.Items {
		response := map[string]any{}
		for _, part := range it.Parts {
			if len(part.Choices) > 0 {
				response[part.PartID] = map[string]any{"choices": []string{part.Choices[0].ChoiceID}}
			} else {
				response[part.PartID] = map[string]any{"text": "42"}
			}
		}
		text, err := json.Marshal(response)
		if err != nil {
			return nil, fmt.Errorf("encode a response: %w", err)
		}
		p.saves = append(p.saves, request("PUT", "/v1/attempts/"+a.AttemptID.String()+"/responses/"+it.ItemID.String(), token,
			fmt.Appendf(nil, `%s%d,"response":%s}`, sequencePrefix, int64(firstSequence), text)))
	}
	return p, nil
}

// nextSave is the request that saves a response to the next item. It is valid
// until the next call for the same item.
func (p *paper) nextSave() []byte {
	req := p.saves[p.next%len(p.saves)]
	p.next++
	p.sequence++
	at := bodyAt(req) + len(sequencePrefix)
	strconv.AppendInt(req[at:at:len(req)], p.sequence, 10) // over the old digits, which are as many
	return req
}

// bodyAt is where the body of a request begins.
func bodyAt(req []byte) int {
	for i := 3; i < len(req); i++ {
		if req[i] == '\n' && req[i-1] == '\r' && req[i-2] == '\n' {
			return i + 1
		}
	}
	return len(req)
}

// errSuperseded says that a save was stored but is not the one that counts,
// which must not happen to a client that counts upwards.
var errSuperseded = errors.New("a save was superseded")

// checkSaved makes sure that an answer acknowledges a save that counts.
func checkSaved(body []byte, sequence int64) error {
	var receipt struct {
		Sequence   int64 `json:"sequence"`
		Superseded bool  `json:"superseded"`
	}
	if err := json.Unmarshal(body, &receipt); err != nil {
		return fmt.Errorf("decode a receipt: %w", err)
	}
	if receipt.Sequence != sequence {
		return fmt.Errorf("the receipt is for save %d, not for %d", receipt.Sequence, sequence)
	}
	if receipt.Superseded {
		return errSuperseded
	}
	return nil
}
