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

// PartKey lists the answers of a part that earn credit. Parts that people mark
// have none.
type PartKey struct {
	PartID  string         `json:"part_id"`
	Kind    event.PartKind `json:"kind"`
	Answers []Answer       `json:"answers"`
}

// Answer is an answer that earns credit. In parts whose response is a set of
// choices, pairs or points all answers together are the right set; elsewhere each
// stands alone.
type Answer struct {
	ChoiceID string   `json:"choice_id,omitempty"` // of a choice, or of a pair
	TargetID string   `json:"target_id,omitempty"` // of a pair: a target, or another choice
	Order    []string `json:"order,omitempty"`     // of an ordering: choice ids
	// Area is where a point belongs.
	Area *event.AreaV1 `json:"area,omitempty"`
	// Text says in plain text what is accepted: "3.14 ± 2%", "Paris (capitals do
	// not matter)". Of parts whose response is a text.
	Text   string `json:"text,omitempty"`
	Credit Score  `json:"credit"`
}

// Key returns the key, as it is for the learner with this seed.
func (it *Item) Key(seed int64) KeyView {
	d := it.draw(seed)
	v := KeyView{ItemID: it.id, ExplanationHTML: it.explanation.render(d), Parts: make([]PartKey, 0, len(it.parts))}
	for i := range it.parts {
		p := &it.parts[i]
		key := PartKey{PartID: p.id, Kind: p.kind, Answers: []Answer{}}
		for _, a := range it.answers(p, d) {
			if a.Credit.Sign() > 0 {
				key.Answers = append(key.Answers, a)
			}
		}
		v.Parts = append(v.Parts, key)
	}
	return v
}

func (it *Item) answers(p *part, d draw) []Answer {
	if it.program != nil {
		return it.program.answers(p, d)
	}
	return p.task.answers(d)
}

// FullResponse is a response that scores the full weight for the learner with
// this seed, if one can be made of the key. None can if the credits allow no full
// score, if people mark a part, or if a key does not tell what it accepts, as a
// regular expression.
func (it *Item) FullResponse(seed int64) (Response, bool) {
	d := it.draw(seed)
	r := Response{}
	for i := range it.parts {
		p := &it.parts[i]
		if !it.scoredByProgram() && p.weight.IsZero() {
			continue
		}
		answer, ok := it.full(p, d)
		if ok && answer.answered() {
			r[p.id] = answer
		}
	}
	if it.Check(r) != nil {
		return nil, false
	}
	if result := it.Score(r, seed); result.Score.Cmp(result.Max) != 0 {
		return nil, false
	}
	return r, true
}

func (it *Item) full(p *part, d draw) (PartResponse, bool) {
	if it.program != nil {
		return it.program.full(p, d)
	}
	return p.task.full(d)
}
