package qti12

import (
	"html"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/qti"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// program makes the list of conditions the item's program, in the terms of
// QTI 3.0. It is for lists that are no key of the native kinds: a score that
// needs several responses to be right, choices that matter only with others.
func (q *question) program(slots []*slot) error {
	if len(q.strange) > 0 {
		return refuse("its scoring cannot be read: %s", strings.Join(q.strange, "; "))
	}
	w := &programWriter{question: q, names: map[*response]string{}, slots: map[*response]*slot{}}
	for i, s := range slots {
		w.adopt(s, "R"+strconv.Itoa(i+1))
	}
	if err := w.rules(); err != nil {
		return err
	}
	most := w.most()
	if most.Sign() <= 0 {
		return refuse("its conditions give no points for anything")
	}
	source := `<qti-assessment-item identifier="item" title="" adaptive="false" time-dependent="false">` + w.declarations.String() +
		`<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"><qti-default-value><qti-value>` + exactNumeral(q.rules.start) + `</qti-value></qti-default-value></qti-outcome-declaration>` +
		`<qti-outcome-declaration identifier="FEEDBACK" cardinality="multiple" base-type="identifier"/>` +
		`<qti-outcome-declaration identifier="MET" cardinality="single" base-type="boolean"><qti-default-value><qti-value>false</qti-value></qti-default-value></qti-outcome-declaration>` +
		`<qti-outcome-declaration identifier="ENDED" cardinality="single" base-type="boolean"><qti-default-value><qti-value>false</qti-value></qti-default-value></qti-outcome-declaration>` +
		`<qti-response-processing>` + w.processing.String() + w.bounds() + `</qti-response-processing></qti-assessment-item>`
	parsed, err := qti.Parse(source)
	if err != nil {
		return refuse("its conditions cannot be written as a program: %v", err)
	}
	if not := parsed.Unsupported(); len(not) > 0 {
		return refuse("its conditions cannot be run: %s", not[0])
	}
	q.item.Program = &event.ProgramV1{Language: "qti-3.0", Source: source, Max: decimal(most), Feedbacks: w.feedbacks()}
	q.lose(info, "scoring by conditions", "the conditions do not fit the keys that questions have of themselves; they are kept as a program")
	return nil
}

// programWriter writes a program.
type programWriter struct {
	*question
	names        map[*response]string
	slots        map[*response]*slot
	declarations strings.Builder
	processing   strings.Builder
	shown        []string // feedback, in the order of its identifiers F1, F2...
}

// adopt makes a slot a part of a programmed item: without a key, and with an
// identifier that programs can name.
func (w *programWriter) adopt(s *slot, id string) {
	p := &s.part
	p.PartID = id
	p.Credit, p.Texts, p.Numbers, p.Pairs, p.Orders, p.Areas, p.Compounds = "", nil, nil, nil, nil, nil, nil
	for i := range p.Choices {
		p.Choices[i].Credit, p.Choices[i].FeedbackHTML, p.Choices[i].UnselectedFeedbackHTML = "", "", ""
	}
	cardinality, base := "single", "string"
	switch p.Kind {
	case event.SingleChoice, event.TrueFalse, event.Dropdown:
		base = "identifier"
	case event.MultipleChoice:
		cardinality, base = "multiple", "identifier"
	case event.Hotspot:
		cardinality, base = "multiple", "identifier"
	case event.Ordering:
		cardinality, base = "ordered", "identifier"
	case event.Matching:
		cardinality, base = "multiple", "directedPair"
	case event.Numerical, event.Slider:
		base = "float"
	}
	if p.Kind == event.Text && s.responses[0].kind == choiceResponse {
		w.unknown("a blank whose accepted texts are written as choices")
	}
	for _, r := range s.responses {
		w.names[r], w.slots[r] = id, s
	}
	w.declarations.WriteString(`<qti-response-declaration identifier="` + id + `" cardinality="` + cardinality + `" base-type="` + base + `"/>`)
}

const (
	ended = `<qti-variable identifier="ENDED"/>`
	met   = `<qti-variable identifier="MET"/>`
	yesIs = `<qti-base-value base-type="boolean">true</qti-base-value>`
)

// rules writes a response condition for each rule. What stops the list, and what
// "other" asks, are outcomes of their own.
func (w *programWriter) rules() error {
	stops := false
	for _, r := range w.question.rules.rules {
		var then strings.Builder
		for _, a := range r.set {
			then.WriteString(assigned(a))
		}
		for _, id := range r.feedback {
			if w.feedback[id] == "" {
				continue
			}
			then.WriteString(`<qti-set-outcome-value identifier="FEEDBACK"><qti-multiple><qti-variable identifier="FEEDBACK"/><qti-base-value base-type="identifier">` + w.feedbackName(id) + `</qti-base-value></qti-multiple></qti-set-outcome-value>`)
		}
		if len(r.set) > 0 && !r.when.isOther() {
			then.WriteString(`<qti-set-outcome-value identifier="MET">` + yesIs + `</qti-set-outcome-value>`)
		}
		if r.stops {
			then.WriteString(`<qti-set-outcome-value identifier="ENDED">` + yesIs + `</qti-set-outcome-value>`)
		}
		if then.Len() == 0 {
			continue
		}
		when := w.condition(r.when)
		if stops {
			when = `<qti-and><qti-not>` + ended + `</qti-not>` + when + `</qti-and>`
		}
		stops = stops || r.stops
		w.processing.WriteString(`<qti-response-condition><qti-response-if>` + when + then.String() + `</qti-response-if></qti-response-condition>`)
	}
	if len(w.strange) > 0 {
		return refuse("its scoring cannot be read: %s", strings.Join(w.strange, "; "))
	}
	return nil
}

func assigned(a assignment) string {
	value := `<qti-base-value base-type="float">` + exactNumeral(a.value) + `</qti-base-value>`
	score := `<qti-variable identifier="SCORE"/>`
	expression := value
	switch a.action {
	case "add":
		expression = `<qti-sum>` + score + value + `</qti-sum>`
	case "subtract":
		expression = `<qti-subtract>` + score + value + `</qti-subtract>`
	case "multiply":
		expression = `<qti-product>` + score + value + `</qti-product>`
	case "divide":
		expression = `<qti-divide>` + score + value + `</qti-divide>`
	}
	return `<qti-set-outcome-value identifier="SCORE">` + expression + `</qti-set-outcome-value>`
}

// condition writes a condition that is never NULL, so that its negation means
// what it says.
func (w *programWriter) condition(c *condition) string {
	switch c.op {
	case opAll:
		return w.joined("qti-and", c.kids, "true")
	case opAny:
		return w.joined("qti-or", c.kids, "false")
	case opNot:
		return `<qti-not>` + w.condition(c.kids[0]) + `</qti-not>`
	case opOther:
		return `<qti-not>` + met + `</qti-not>`
	case opNever:
		return `<qti-base-value base-type="boolean">false</qti-base-value>`
	}
	name, known := w.names[c.on]
	if !known {
		w.unknown("a condition on a response that is no part")
		return yesIs
	}
	variable := `<qti-variable identifier="` + name + `"/>`
	s := w.slots[c.on]
	if s.part.Kind == event.Matching {
		return w.pairCondition(c, s, variable)
	}
	if c.op == opUnanswered {
		return `<qti-is-null>` + variable + `</qti-is-null>`
	}
	return `<qti-and><qti-not><qti-is-null>` + variable + `</qti-is-null></qti-not>` + w.comparison(c, s, variable) + `</qti-and>`
}

func (w *programWriter) joined(element string, kids []*condition, empty string) string {
	if len(kids) == 0 {
		return `<qti-base-value base-type="boolean">` + empty + `</qti-base-value>`
	}
	var b strings.Builder
	for _, k := range kids {
		b.WriteString(w.condition(k))
	}
	if len(kids) == 1 {
		return b.String()
	}
	return "<" + element + ">" + b.String() + "</" + element + ">"
}

// pairCondition asks whether a pair is among those of a matching.
func (w *programWriter) pairCondition(c *condition, s *slot, variable string) string {
	id, ok := s.ids[c.on][c.value]
	if c.op != opEqual || c.index > 0 || !ok {
		w.unknown("a condition on a statement of a matching")
		return yesIs
	}
	pair := `<qti-base-value base-type="directedPair">` + html.EscapeString(id) + " " + s.targets[c.on] + `</qti-base-value>`
	return `<qti-and><qti-not><qti-is-null>` + variable + `</qti-is-null></qti-not><qti-member>` + pair + variable + `</qti-member></qti-and>`
}

func (w *programWriter) comparison(c *condition, s *slot, variable string) string {
	if c.on.kind == choiceResponse {
		return w.choiceComparison(c, s, variable)
	}
	sensitive := strconv.FormatBool(c.exact)
	numeric := s.part.Kind == event.Numerical || s.part.Kind == event.Slider
	if numeric && c.number == nil {
		w.unknown("number " + quote(c.value))
		return yesIs
	}
	base := `<qti-base-value base-type="string">` + html.EscapeString(c.value) + `</qti-base-value>`
	if numeric {
		base = `<qti-base-value base-type="float">` + exactNumeral(c.number) + `</qti-base-value>`
	}
	element := map[op]string{opLess: "qti-lt", opLessEqual: "qti-lte", opGreater: "qti-gt", opGreaterEqual: "qti-gte"}[c.op]
	switch {
	case c.op == opEqual && numeric:
		return `<qti-equal tolerance-mode="exact">` + variable + base + `</qti-equal>`
	case c.op == opEqual:
		return `<qti-string-match case-sensitive="` + sensitive + `" substring="false">` + variable + base + `</qti-string-match>`
	case c.op == opContains && !numeric:
		return `<qti-substring case-sensitive="` + sensitive + `">` + base + variable + `</qti-substring>`
	case element != "" && numeric:
		return "<" + element + ">" + variable + base + "</" + element + ">"
	}
	w.unknown("a condition that cannot be asked of this response")
	return yesIs
}

func (w *programWriter) choiceComparison(c *condition, s *slot, variable string) string {
	identifier := func(value string) (string, bool) {
		id, ok := s.ids[c.on][value]
		return `<qti-base-value base-type="identifier">` + html.EscapeString(id) + `</qti-base-value>`, ok
	}
	list := func(element string) string {
		var b strings.Builder
		for _, v := range c.values {
			if base, ok := identifier(v); ok {
				b.WriteString(base)
			} else {
				w.unknown("choice " + quote(v))
			}
		}
		return "<" + element + ">" + b.String() + "</" + element + ">"
	}
	single := s.part.Kind == event.SingleChoice || s.part.Kind == event.TrueFalse || s.part.Kind == event.Dropdown
	switch c.op {
	case opEqual:
		base, ok := identifier(c.value)
		switch {
		case !ok:
			return `<qti-base-value base-type="boolean">false</qti-base-value>` // nobody can choose it
		case single:
			return `<qti-match>` + variable + base + `</qti-match>`
		case c.index > 0:
			return `<qti-match><qti-index n="` + strconv.Itoa(c.index) + `">` + variable + `</qti-index>` + base + `</qti-match>`
		}
		return `<qti-member>` + base + variable + `</qti-member>`
	case opSequence:
		return `<qti-match>` + variable + list("qti-ordered") + `</qti-match>`
	case opSubset:
		if c.exact {
			return `<qti-match>` + variable + list("qti-multiple") + `</qti-match>`
		}
		return `<qti-contains>` + list("qti-multiple") + variable + `</qti-contains>`
	}
	w.unknown("a condition that cannot be asked of choices")
	return yesIs
}

func (w *programWriter) feedbackName(id string) string {
	for i, known := range w.shown {
		if known == id {
			return "F" + strconv.Itoa(i+1)
		}
	}
	w.shown = append(w.shown, id)
	return "F" + strconv.Itoa(len(w.shown))
}

func (w *programWriter) feedbacks() []event.OutcomeFeedbackV1 {
	var out []event.OutcomeFeedbackV1
	for i, id := range w.shown {
		w.used[id] = true
		out = append(out, event.OutcomeFeedbackV1{Outcome: "FEEDBACK", Identifier: "F" + strconv.Itoa(i+1), FeedbackHTML: w.feedback[id]})
	}
	return out
}

// most is the score that is full credit.
func (w *programWriter) most() *rational {
	best := w.best()
	if m := w.question.rules.most; m != nil && m.Sign() > 0 && (best.Sign() <= 0 || m.Cmp(best) < 0 && best.Cmp(big.NewRat(100, 1)) != 0) {
		return m
	}
	return best
}

// bounds holds the score within what is declared.
func (w *programWriter) bounds() string {
	var b strings.Builder
	hold := func(element string, bound *rational) {
		value := `<qti-base-value base-type="float">` + exactNumeral(bound) + `</qti-base-value>`
		b.WriteString(`<qti-response-condition><qti-response-if><` + element + `><qti-variable identifier="SCORE"/>` + value + `</` + element + `><qti-set-outcome-value identifier="SCORE">` + value + `</qti-set-outcome-value></qti-response-if></qti-response-condition>`)
	}
	if least := w.question.rules.least; least != nil {
		hold("qti-lt", least)
	}
	hold("qti-gt", w.most())
	return b.String()
}
