package scoring

import (
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Result is the score of a response to an item.
type Result struct {
	Score Score        `json:"score"`     // between 0 and Max
	Max   Score        `json:"max_score"` // the item's weight
	Parts []PartResult `json:"parts"`     // every part of the item, in its order
}

// Answered reports whether any part was answered.
func (r Result) Answered() bool {
	for _, p := range r.Parts {
		if p.Answered {
			return true
		}
	}
	return false
}

// PartResult is the score of one part. FeedbackHTML and How tell about the key:
// they are for when the assessment's policy releases them.
type PartResult struct {
	PartID       string   `json:"part_id"`
	Answered     bool     `json:"answered"`
	Correct      bool     `json:"correct"` // full credit
	Credit       Score    `json:"credit"`  // share of Max, between 0 and 1
	Score        Score    `json:"score"`   // Credit times Max, exactly
	Max          Score    `json:"max_score"`
	FeedbackHTML []string `json:"feedback_html,omitempty"`
	How          string   `json:"how"` // how the credit came about, a sentence in plain text
}

// verdict is the outcome of one part.
type verdict struct {
	credit   Score
	how      string
	feedback []string
}

// Score scores a response. Parts that r does not name, or names with nothing in
// them, are unanswered and earn nothing. So do parts whose response Check
// refuses; names of unknown parts are ignored.
func (it *Item) Score(r Response) Result {
	result := Result{Max: it.weight, Parts: make([]PartResult, 0, len(it.parts))}
	for i := range it.parts {
		p := &it.parts[i]
		scored := p.score(r[p.id])
		result.Score = result.Score.Add(scored.Score)
		result.Parts = append(result.Parts, scored)
	}
	return result
}

func (p *part) score(r PartResponse) PartResult {
	result := PartResult{PartID: p.id, Answered: r.answered(), Max: p.max}
	var v verdict
	switch faults := p.check(r); {
	case len(faults) > 0:
		v.how = "The answer cannot be scored: " + faults[0].Message + "."
	case !result.Answered:
		v.how = "Not answered."
	default:
		v = p.judge(r)
	}
	if result.Correct = v.credit.isWhole(); result.Correct && len(v.feedback) == 0 {
		v.say(p.correctFeedback)
	}
	result.Credit = v.credit
	result.Score = v.credit.times(p.max)
	result.FeedbackHTML = v.feedback
	result.How = v.how
	return result
}

// judge scores a response that has been checked and is not empty.
func (p *part) judge(r PartResponse) verdict {
	switch {
	case p.takesChoices():
		return p.scoreChoices(r.Choices)
	case p.kind == event.Numerical:
		return p.scoreNumber(r.Text)
	}
	return p.scoreText(r.Text)
}

// answered reports whether there is anything in the response.
func (r PartResponse) answered() bool {
	return len(r.Choices) > 0 || strings.TrimSpace(r.Text) != ""
}
