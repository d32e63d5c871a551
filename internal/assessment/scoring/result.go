package scoring

// Result is the score of a response to an item. FeedbackHTML and How tell about
// the key, in the item's result as in those of its parts: they are for when the
// assessment's policy releases them.
type Result struct {
	Score Score        `json:"score"`     // between the item's least score and Max
	Max   Score        `json:"max_score"` // the item's weight
	Parts []PartResult `json:"parts"`     // every part of the item, in its order
	// NeedsMarking is true when people have yet to mark something. It counts as
	// nothing until then.
	NeedsMarking bool     `json:"needs_marking,omitempty"`
	FeedbackHTML []string `json:"feedback_html,omitempty"` // on the whole item
	// How says how the score came about where it is not the sum of the parts'
	// scores, one sentence a line.
	How string `json:"how,omitempty"`
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

// PartResult is the score of one part.
type PartResult struct {
	PartID       string   `json:"part_id"`
	Answered     bool     `json:"answered"`
	Correct      bool     `json:"correct"` // full credit
	Credit       Score    `json:"credit"`  // share of Max, within the part's bounds
	Score        Score    `json:"score"`   // Credit times Max, exactly
	Max          Score    `json:"max_score"`
	NeedsMarking bool     `json:"needs_marking,omitempty"`
	FeedbackHTML []string `json:"feedback_html,omitempty"`
	How          string   `json:"how"` // how the credit came about, sentences in plain text
}

// verdict is the outcome of one part.
type verdict struct {
	credit       Score
	how          string
	feedback     []*markup
	needsMarking bool
}

// say adds feedback unless it is empty.
func (v *verdict) say(m *markup) {
	if !m.empty() {
		v.feedback = append(v.feedback, m)
	}
}

// Score scores the response of the learner with this seed, who has seen
// View(seed). Parts that r does not name, or names with nothing in them, are
// unanswered and earn nothing. So do parts whose response Check refuses; names of
// unknown parts are ignored.
func (it *Item) Score(r Response, seed int64) Result {
	d := it.draw(seed)
	if it.scoredByProgram() {
		return it.scoreProgram(r, d)
	}
	return it.total(d, func(p *part) PartResult { return p.score(r[p.id], d) })
}

// total adds up what the parts score.
func (it *Item) total(d draw, score func(p *part) PartResult) Result {
	result := Result{Max: it.weight, Parts: make([]PartResult, 0, len(it.parts))}
	for i := range it.parts {
		scored := score(&it.parts[i])
		result.Score = result.Score.Add(scored.Score)
		result.NeedsMarking = result.NeedsMarking || scored.NeedsMarking
		result.Parts = append(result.Parts, scored)
	}
	if held := result.Score.within(it.min, it.weight); held.Cmp(result.Score) != 0 {
		result.How = "The parts add up to " + result.Score.String() + "; the item scores no less than " + held.String() + "."
		result.Score = held
	}
	it.addBand(&result, d)
	return result
}

// addBand adds the feedback on the whole item, once there is a score to speak of.
func (it *Item) addBand(result *Result, d draw) {
	if len(it.bands) == 0 || result.NeedsMarking || !result.Answered() {
		return
	}
	for i := range it.bands {
		b := &it.bands[i]
		if result.Score.Cmp(b.from.times(it.weight)) < 0 {
			continue
		}
		if !b.feedback.empty() {
			result.FeedbackHTML = append(result.FeedbackHTML, b.feedback.render(d))
		}
		return
	}
}
