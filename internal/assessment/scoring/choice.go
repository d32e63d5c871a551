package scoring

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// choice is one option of a choice part.
type choice struct {
	id         string
	html       string
	credit     Score // in multiple_choice: positive means that it belongs to the right set
	fixed      bool
	feedback   string
	unselected string // feedback when it was not chosen
}

// takesChoices reports whether the part's response is a set of choices.
func (p *part) takesChoices() bool {
	switch p.kind {
	case event.SingleChoice, event.MultipleChoice, event.Dropdown:
		return true
	}
	return false
}

func (p *part) setChoices(def event.PartV1) error {
	switch def.Credit {
	case event.AllOrNothing, event.EveryChoice, event.Halves:
		p.rule = def.Credit
	default:
		return fmt.Errorf("credit: %s is not a rule of partial credit", quote(string(def.Credit)))
	}
	p.choiceIndex = make(map[string]int, len(def.Choices))
	for i, d := range def.Choices {
		c, err := parseChoice(p.kind, d)
		if err != nil {
			return fmt.Errorf("choices%s.%w", at(i), err)
		}
		if _, taken := p.choiceIndex[c.id]; taken {
			return fmt.Errorf("choices%s.choice_id: %s is used twice", at(i), quote(c.id))
		}
		p.choiceIndex[c.id] = i
		p.choices = append(p.choices, c)
	}
	return p.setCompounds(def.Compounds)
}

func parseChoice(kind event.PartKind, def event.ChoiceV1) (choice, error) {
	c := choice{
		id: def.ChoiceID, html: def.HTML, fixed: def.Fixed,
		feedback: def.FeedbackHTML, unselected: def.UnselectedFeedbackHTML,
	}
	if err := cmp.Or(
		checkID("choice_id", def.ChoiceID),
		checkMarkup("html", def.HTML),
		checkMarkup("feedback_html", def.FeedbackHTML),
		checkMarkup("unselected_feedback_html", def.UnselectedFeedbackHTML),
	); err != nil {
		return c, err
	}
	var err error
	if c.credit, err = parseCredit(def.Credit); err != nil {
		return c, err
	}
	if kind != event.MultipleChoice && c.unselected != "" {
		return c, fmt.Errorf("unselected_feedback_html: a %s part has none", kind)
	}
	if kind == event.MultipleChoice && !c.credit.IsZero() && !c.credit.isWhole() {
		return c, fmt.Errorf("credit: in multiple_choice it is 0 or 1, not %s", quote(def.Credit))
	}
	return c, nil
}

// isWhole reports whether a credit is full.
func (s Score) isWhole() bool { return s.rat().Cmp(big.NewRat(1, 1)) == 0 }

// scoreChoices scores a choice part. chosen has been checked and is not empty.
func (p *part) scoreChoices(chosen []string) verdict {
	var v verdict
	if p.kind == event.MultipleChoice {
		v.credit, v.how = p.scoreSet(chosen)
	} else {
		c := p.choices[p.choiceIndex[chosen[0]]]
		v.credit, v.how = c.credit, fmt.Sprintf("The chosen option earns %s.", worth(c.credit))
	}
	p.addChoiceFeedback(&v, chosen)
	return v
}

// scoreSet gives the credit of a set of choices and its derivation.
func (p *part) scoreSet(chosen []string) (credit Score, how string) {
	picked := make(map[string]bool, len(chosen))
	for _, id := range chosen {
		picked[id] = true
	}
	total, wrong := len(p.choices), 0
	for _, c := range p.choices {
		if picked[c.id] == c.credit.IsZero() {
			wrong++
		}
	}
	right := total - wrong
	switch p.rule {
	case event.EveryChoice:
		credit = ratio(right, total)
		how = fmt.Sprintf("Every choice counts: %d of %d are right, which earns %s.", right, total, worth(credit))
	case event.Halves:
		switch {
		case wrong == 0:
			credit = ratio(1, 1)
		case wrong == 1 && total >= 3:
			credit = ratio(1, 2)
		case wrong == 2 && total >= 5:
			credit = ratio(1, 4)
		}
		how = fmt.Sprintf("Each error halves the credit: %d of %d choices are wrong, which earns %s.", wrong, total, worth(credit))
	default:
		if wrong == 0 {
			return ratio(1, 1), "Exactly the right choices, which earns full credit."
		}
		how = fmt.Sprintf("All or nothing: %d of %d choices are right, which earns no credit.", right, total)
	}
	return credit, how
}

// choiceSet names a set of choices regardless of order and repetition. Ids hold
// no spaces.
func choiceSet(ids []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	return strings.Join(sorted, " ")
}
