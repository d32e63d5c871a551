package scoring

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// setCompounds takes the feedback for particular sets of choices.
func (p *part) setCompounds(defs []event.CompoundFeedbackV1) error {
	if err := checkCount("compounds", len(defs), 0, maxKeys); err != nil {
		return err
	}
	p.compounds = make(map[string]string, len(defs))
	for i, d := range defs {
		place := "compounds" + at(i)
		if err := checkMarkup(place+".feedback_html", d.FeedbackHTML); err != nil {
			return err
		}
		if err := checkCount(place+".choice_ids", len(d.ChoiceIDs), 1, len(p.choices)); err != nil {
			return err
		}
		for _, id := range d.ChoiceIDs {
			if _, ok := p.choiceIndex[id]; !ok {
				return fmt.Errorf("%s.choice_ids: there is no choice %s", place, quote(id))
			}
		}
		set := choiceSet(d.ChoiceIDs)
		if _, taken := p.compounds[set]; taken {
			return fmt.Errorf("%s.choice_ids: this set has feedback already", place)
		}
		p.compounds[set] = d.FeedbackHTML
	}
	return nil
}

// addChoiceFeedback adds the feedback for a set of choices: that of exactly
// this set if there is any, else that of each choice, chosen or left, in the
// part's order.
func (p *part) addChoiceFeedback(v *verdict, chosen []string) {
	if html, ok := p.compounds[choiceSet(chosen)]; ok {
		v.say(html)
		return
	}
	picked := make(map[string]bool, len(chosen))
	for _, id := range chosen {
		picked[id] = true
	}
	for _, c := range p.choices {
		if picked[c.id] {
			v.say(c.feedback)
		} else {
			v.say(c.unselected)
		}
	}
}

// say adds feedback unless it is empty.
func (v *verdict) say(html string) {
	if html != "" {
		v.feedback = append(v.feedback, html)
	}
}

// worth is a credit in words.
func worth(credit Score) string {
	switch {
	case credit.IsZero():
		return "no credit"
	case credit.isWhole():
		return "full credit"
	}
	return credit.String() + " of the credit"
}
