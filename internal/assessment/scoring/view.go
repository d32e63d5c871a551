package scoring

import (
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// View is what a learner's client may see of an item while it is being
// answered: nothing of the key, the credits, the feedback or the explanation.
// Hints are counted, and fetched one by one with Item.Hint.
type View struct {
	ItemID   uuid.UUID  `json:"item_id"`
	Title    string     `json:"title"`
	BodyHTML string     `json:"body_html"`
	Parts    []PartView `json:"parts"`
	Hints    int        `json:"hints"`
	MaxScore Score      `json:"max_score"`
}

// PartView is a part of a View.
type PartView struct {
	PartID     string         `json:"part_id"`
	Kind       event.PartKind `json:"kind"`
	PromptHTML string         `json:"prompt_html,omitempty"`
	Label      string         `json:"label,omitempty"`
	Choices    []ChoiceView   `json:"choices,omitempty"`
}

// ChoiceView is a choice of a PartView.
type ChoiceView struct {
	ChoiceID string `json:"choice_id"`
	HTML     string `json:"html"`
}

// View makes the learner's view. The choices of shuffled parts stand in an order
// that follows from the seed, the item's id and the part's id alone; record the
// seed with the attempt and every later view of it is the same.
func (it *Item) View(seed int64) View {
	v := View{
		ItemID: it.id, Title: it.title, BodyHTML: it.body,
		Parts: make([]PartView, 0, len(it.parts)), Hints: len(it.hints), MaxScore: it.weight,
	}
	for i := range it.parts {
		p := &it.parts[i]
		part := PartView{PartID: p.id, Kind: p.kind, PromptHTML: p.prompt, Label: p.label}
		for _, c := range p.order(it.id, seed) {
			part.Choices = append(part.Choices, ChoiceView{ChoiceID: p.choices[c].id, HTML: p.choices[c].html})
		}
		v.Parts = append(v.Parts, part)
	}
	return v
}

// order is the permutation in which the part's choices are shown.
func (p *part) order(item uuid.UUID, seed int64) []int {
	order := make([]int, len(p.choices))
	var loose []int // positions whose choices may move
	for i, c := range p.choices {
		order[i] = i
		if !c.fixed {
			loose = append(loose, i)
		}
	}
	if !p.shuffle {
		return order
	}
	random := newSequence(seed, item[:], []byte(p.id))
	for i := len(loose) - 1; i > 0; i-- { // Fisher and Yates
		j := random.below(uint64(i) + 1)
		order[loose[i]], order[loose[j]] = order[loose[j]], order[loose[i]]
	}
	return order
}
