package scoring

import (
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// KeyView is the key of an item in a form for learners, to be shown once the
// assessment's policy releases it.
type KeyView struct {
	ItemID          uuid.UUID `json:"item_id"`
	ExplanationHTML string    `json:"explanation_html,omitempty"`
	Parts           []PartKey `json:"parts"`
}

// PartKey lists the answers of a part that earn credit.
type PartKey struct {
	PartID  string         `json:"part_id"`
	Kind    event.PartKind `json:"kind"`
	Answers []Answer       `json:"answers"`
}

// Answer is an answer that earns credit. In a multiple_choice part all answers
// together are the right set; elsewhere each stands alone.
type Answer struct {
	ChoiceID string `json:"choice_id,omitempty"` // of a choice part
	// Text says in plain text what is accepted: "3.14 ± 2%", "Paris (capitals do
	// not matter)". Of other parts.
	Text   string `json:"text,omitempty"`
	Credit Score  `json:"credit"`
}

// Key returns the key in a form for learners.
func (it *Item) Key() KeyView {
	v := KeyView{ItemID: it.id, ExplanationHTML: it.explanation, Parts: make([]PartKey, 0, len(it.parts))}
	for i := range it.parts {
		p := &it.parts[i]
		v.Parts = append(v.Parts, PartKey{PartID: p.id, Kind: p.kind, Answers: p.answers()})
	}
	return v
}

func (p *part) answers() []Answer {
	answers := []Answer{}
	keep := func(a Answer) {
		if !a.Credit.IsZero() {
			answers = append(answers, a)
		}
	}
	for _, c := range p.choices {
		keep(Answer{ChoiceID: c.id, Credit: c.credit})
	}
	for i := range p.numbers {
		keep(Answer{Text: p.numbers[i].readable, Credit: p.numbers[i].credit})
	}
	for i := range p.texts {
		keep(Answer{Text: p.texts[i].readable(), Credit: p.texts[i].credit})
	}
	return answers
}
