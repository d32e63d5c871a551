package qtifile

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// partFeedback writes the feedback of choices, pairs and the part itself.
func (w *itemWriter) partFeedback(p *event.PartV1) {
	specific := w.choiceFeedback(p)
	specific = w.pairFeedback(p) || specific
	if len(p.Compounds) > 0 {
		w.only("feedback for combinations of choices", "its processing is not written")
	}
	for _, a := range p.Areas {
		if a.FeedbackHTML != "" {
			w.only("feedback for areas", "its processing is not written")
		}
	}
	for _, k := range p.Numbers {
		specific = specific || k.FeedbackHTML != ""
	}
	for _, k := range p.Texts {
		specific = specific || k.FeedbackHTML != ""
	}
	for _, k := range p.Formulas {
		if k.FeedbackHTML != "" {
			w.only("feedback for formulas", "its processing is not written")
		}
	}
	if p.CorrectFeedbackHTML == "" && p.IncorrectFeedbackHTML == "" {
		return
	}
	if specific || !w.hasOneCorrect(p) {
		w.only("feedback for right and wrong answers", "its processing is not written where other feedback goes before it or credit is given in parts")
		return
	}
	id := "RESULT_" + p.PartID
	w.outcome(id, "single", "identifier", "")
	w.rules.WriteString(whenElse(matchCorrect(p), setOutcome(id, baseValue("identifier", "correct")), setOutcome(id, baseValue("identifier", "incorrect"))))
	if p.CorrectFeedbackHTML != "" {
		w.modal(&w.feedback, id, "correct", false, "", p.CorrectFeedbackHTML)
	}
	if p.IncorrectFeedbackHTML != "" {
		w.modal(&w.feedback, id, "incorrect", false, "", p.IncorrectFeedbackHTML)
	}
}

// hasOneCorrect reports whether full credit is one response, which is declared.
func (w *itemWriter) hasOneCorrect(p *event.PartV1) bool {
	full := 0
	partly := false
	count := func(credit string) {
		switch r, _ := rational(credit); {
		case r == nil || r.Sign() == 0:
		case r.Cmp(one()) == 0:
			full++
		default:
			partly = true
		}
	}
	switch {
	case isSingle(p.Kind):
		for _, c := range p.Choices {
			count(c.Credit)
		}
		return full == 1
	case isSet(p.Kind):
		return p.Credit != event.SumOfCredits && len(rightOf(p)) > 0
	case isPairs(p.Kind):
		return p.Credit == event.AllOrNothing && len(p.Pairs) > 0
	case p.Kind == event.Ordering:
		return len(p.Orders) == 1
	case p.Kind == event.Text:
		for _, k := range p.Texts {
			count(k.Credit)
		}
		return full == 1 && !partly && len(p.Texts) == 1 && p.Texts[0].Match == event.MatchExact
	}
	return false
}

// choiceFeedback is feedback by what was chosen.
func (w *itemWriter) choiceFeedback(p *event.PartV1) bool {
	said := false
	for _, c := range p.Choices {
		said = said || c.FeedbackHTML != "" || c.UnselectedFeedbackHTML != ""
	}
	if !said {
		return false
	}
	if !isSingle(p.Kind) && !isSet(p.Kind) {
		w.only("feedback for choices of "+string(p.Kind)+" parts", "its processing is not written")
		return true
	}
	id, cardinality := "FEEDBACK_"+p.PartID, "multiple"
	if isSingle(p.Kind) {
		cardinality = "single"
	}
	w.outcome(id, cardinality, "identifier", "")
	w.rules.WriteString(setOutcome(id, variableOf(p)) + "\n")
	for _, c := range p.Choices {
		if c.FeedbackHTML != "" {
			w.modal(&w.feedback, id, c.ChoiceID, false, "", c.FeedbackHTML)
		}
		if c.UnselectedFeedbackHTML != "" {
			w.modal(&w.feedback, id, c.ChoiceID, true, "", c.UnselectedFeedbackHTML)
		}
	}
	return true
}

// pairFeedback is feedback for each pair of the key that was given.
func (w *itemWriter) pairFeedback(p *event.PartV1) bool {
	base := "directedPair"
	if p.Kind == event.Association {
		base = "pair"
	}
	id, said := "FEEDBACK_"+p.PartID, false
	for i, k := range p.Pairs {
		if k.FeedbackHTML == "" {
			continue
		}
		if !said {
			w.outcome(id, "multiple", "identifier", "")
		}
		said = true
		name := fmt.Sprintf("pair_%d", i+1)
		w.rules.WriteString(when("<qti-member>"+baseValue(base, k.ChoiceID+" "+k.TargetID)+variableOf(p)+"</qti-member>",
			setOutcome(id, "<qti-multiple>"+ref("variable", id)+baseValue("identifier", name)+"</qti-multiple>")))
		w.modal(&w.feedback, id, name, false, "", k.FeedbackHTML)
	}
	return said
}

// keyFeedback is the rule by which a key of a number or a text shows its
// feedback.
func (w *itemWriter) keyFeedback(p *event.PartV1, i int, text string) string {
	if text == "" {
		return ""
	}
	id := "FEEDBACK_" + p.PartID
	if !strings.Contains(w.outcomes.String(), `identifier="`+id+`"`) {
		w.outcome(id, "single", "identifier", "")
	}
	name := fmt.Sprintf("key_%d", i+1)
	w.modal(&w.feedback, id, name, false, "", text)
	return setOutcome(id, baseValue("identifier", name))
}

// bands is feedback by the score.
func (w *itemWriter) bands() {
	if len(w.made.Bands) == 0 {
		return
	}
	w.outcome("BAND", "single", "identifier", "")
	c := &chainWriter{}
	for i, b := range w.made.Bands {
		from, ok := rational(b.From)
		if !ok {
			continue
		}
		name := fmt.Sprintf("band_%d", i+1)
		c.arm("<qti-gte>"+ref("variable", scoreOutcome)+pointsValue(new(big.Rat).Mul(from, w.total.whole))+"</qti-gte>", setOutcome("BAND", baseValue("identifier", name)))
		w.modal(&w.feedback, "BAND", name, false, "", b.FeedbackHTML)
	}
	w.rules.WriteString(c.rules())
}

// explanation is shown after every answer.
func (w *itemWriter) explanation() {
	if w.made.ExplanationHTML == "" {
		return
	}
	w.outcome("EXPLANATION", "single", "identifier", "shown")
	w.modal(&w.feedback, "EXPLANATION", "shown", false, "", w.made.ExplanationHTML)
}
