package qtifile

import (
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// feedback is a text that an outcome shows or hides.
type feedback struct {
	n                   *node
	outcome, identifier string
	hide                bool
	title, html         string
	choice              string // the choice that it stands in, if any
	modal               bool
}

// bodyFeedback takes feedback out of the body. What is asked within it stays.
func (it *item) bodyFeedback(w *htmlWriter, n *node) {
	if n.holds(isQuestion) {
		it.simplified(n, n.raw+" with an interaction in it", "it is shown from the start")
		w.element(map[string]string{"qti-feedback-inline": "span", "qti-feedback-block": "div"}[n.name], bare(n))
		return
	}
	n.walk(func(d *node) bool {
		if d.is("qti-end-attempt-interaction") {
			it.interaction(w, d)
		}
		return true
	})
	it.feedback(n, it.within)
}

// isQuestion reports whether an element takes a response that counts.
func isQuestion(n *node) bool {
	return strings.HasSuffix(n.name, "-interaction") && n.name != "qti-end-attempt-interaction"
}

// feedback keeps a feedback element.
func (it *item) feedback(n *node, within *part) {
	f := &feedback{
		n: n, outcome: n.get("outcome-identifier"), identifier: n.get("identifier"), hide: n.get("show-hide") == "hide",
		title: markup.Shorten(n.get("title"), 300), modal: n.is("qti-modal-feedback"),
	}
	if within != nil {
		f.choice = within.PartID
	}
	outer := it.within
	it.within = nil
	w := &htmlWriter{it: it}
	w.children(n)
	it.within = outer
	f.html = it.clean(w.String())
	if f.html == "" || f.outcome == "" {
		return
	}
	if it.outcomes.get(f.outcome) == nil {
		it.info(n, n.raw+" of the outcome "+quote(f.outcome), "the outcome is not declared, so the feedback is never shown")
		return
	}
	it.feedbacks = append(it.feedbacks, f)
}

// placed reports what changes its place: all feedback is shown with the results.
func (it *item) placed(f *feedback) {
	if !f.modal && f.choice == "" {
		it.count(itemfile.Simplified, f.n, f.n.raw, "it is shown with the result, not at its place in the text")
	}
}

// nativeFeedback gives the feedback to choices and parts where the outcomes say
// no more than which of them was chosen. It returns false, and gives nothing, if
// any of the feedback depends on something else.
func (it *item) nativeFeedback(made *event.ItemV1, messages map[string]*message) bool {
	give := make([]func(), 0, len(it.feedbacks))
	for _, f := range it.feedbacks {
		g, ok := it.feedbackOf(made, f, messages[f.outcome])
		if !ok {
			return false
		}
		give = append(give, g)
	}
	for i, g := range give {
		g()
		it.placed(it.feedbacks[i])
	}
	return true
}

func (f *feedback) text() string {
	if f.title != "" {
		return "<p><strong>" + markup.Escape(f.title) + "</strong></p>" + f.html
	}
	return f.html
}

// feedbackOf finds where feedback belongs.
func (it *item) feedbackOf(made *event.ItemV1, f *feedback, m *message) (give func(), ok bool) {
	if m == nil { // nothing sets the outcome
		return it.constantFeedback(made, f)
	}
	if m.unknown || len(it.outcomes.get(f.outcome).values) > 0 && len(m.arms) > 0 {
		return nil, false
	}
	i := slices.IndexFunc(it.parts, func(p *part) bool { return p.PartID == m.response })
	if i < 0 {
		return nil, false
	}
	p := it.parts[i]
	if len(m.arms) > 0 {
		return it.chainFeedback(p, f, m)
	}
	at := slices.IndexFunc(p.Choices, func(c event.ChoiceV1) bool { return c.ChoiceID == f.identifier })
	switch {
	case !isSingle(p.Kind) && !isSet(p.Kind) || at < 0:
		return nil, false
	case f.hide:
		return func() { join(&p.Choices[at].UnselectedFeedbackHTML, f.text()) }, isSet(p.Kind)
	}
	return func() { join(&p.Choices[at].FeedbackHTML, f.text()) }, true
}

// constantFeedback is shown after every answer, or never.
func (it *item) constantFeedback(made *event.ItemV1, f *feedback) (func(), bool) {
	shown := slices.Contains(it.outcomes.get(f.outcome).values, f.identifier) != f.hide
	if !shown {
		return func() { it.info(f.n, f.n.raw+" "+quote(f.identifier), "nothing ever shows it") }, true
	}
	return func() { join(&made.ExplanationHTML, f.text()) }, true
}

// chainFeedback is feedback that conditions about one response show.
func (it *item) chainFeedback(p *part, f *feedback, m *message) (func(), bool) {
	if !isSingle(p.Kind) {
		return it.rightOrWrong(p, f, m)
	}
	c := candidate{response: p.PartID, correct: p.decl.correct}
	var at []int
	for i := range p.Choices {
		c.values = []string{p.Choices[i].ChoiceID}
		value, ok := m.value(c)
		if !ok {
			return nil, false
		}
		if (value == f.identifier) != f.hide {
			at = append(at, i)
		}
	}
	return func() {
		for _, i := range at {
			join(&p.Choices[i].FeedbackHTML, f.text())
		}
	}, true
}

func (m *message) value(c candidate) (string, bool) {
	for _, a := range m.arms {
		holds, ok := c.holds(a.when)
		switch {
		case !ok:
			return "", false
		case holds == yes:
			return a.value, true
		}
	}
	return "", true
}

// rightOrWrong recognises feedback for the correct response and for all others,
// of a part whose full credit is the correct response.
func (it *item) rightOrWrong(p *part, f *feedback, m *message) (func(), bool) {
	k := keyMaker{p: p}
	if len(m.arms) == 0 || len(m.arms) > 2 || len(m.arms) == 2 && m.arms[1].when != nil || f.hide {
		return nil, false
	}
	asked, ok := k.asksFor(m.arms[0].when)
	if !ok || p.Credit != event.AllOrNothing || !sameSet(asked, p.decl.correct) || !p.fullOnlyForCorrect() {
		return nil, false
	}
	switch {
	case m.arms[0].value == f.identifier:
		return func() { join(&p.CorrectFeedbackHTML, f.text()) }, true
	case len(m.arms) == 2 && m.arms[1].value == f.identifier:
		return func() {
			join(&p.IncorrectFeedbackHTML, f.text())
			it.info(f.n, f.n.raw+" "+quote(f.identifier), "it is shown only where there is an answer")
		}, true
	}
	return func() { it.info(f.n, f.n.raw+" "+quote(f.identifier), "nothing ever shows it") }, true
}

// fullOnlyForCorrect reports whether full credit is the same as the one correct
// response.
func (p *part) fullOnlyForCorrect() bool {
	full := 0
	for _, t := range p.Texts {
		if t.Credit == "1" {
			full++
		}
	}
	for _, n := range p.Numbers {
		if n.Credit == "1" {
			full++
		}
	}
	return len(p.Texts)+len(p.Numbers) == 0 || full == 1 && len(p.decl.correct) == 1
}

func join(field *string, text string) {
	if *field != "" {
		*field += "\n"
	}
	*field += text
}
