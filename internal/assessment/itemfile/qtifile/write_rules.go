package qtifile

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// weights are what the parts are worth.
type weights struct {
	whole *big.Rat // the item
	sum   *big.Rat // of the parts' weights
	least *big.Rat // the least that the parts can score together
	human bool     // people mark some of it
	alone bool     // and nothing else is scored
}

// native writes an item with native keys.
func (w *itemWriter) native() {
	w.WriteString(">\n")
	w.weigh()
	w.variables()
	for i := range w.made.Parts {
		w.part(&w.made.Parts[i])
	}
	w.bounds()
	w.bands()
	w.explanation()
	body := w.body()
	w.WriteString(w.declarations.String())
	w.score()
	w.WriteString(w.outcomes.String())
	w.WriteString(w.templates.String())
	if w.templateRules.Len() > 0 {
		w.WriteString("<qti-template-processing>\n" + w.templateRules.String() + "</qti-template-processing>\n")
	}
	w.WriteString(body)
	switch {
	case w.standard != "":
		w.WriteString(`<qti-response-processing template="` + templateBase + w.standard + ".xml\"/>\n")
	case w.rules.Len() > 0:
		w.WriteString("<qti-response-processing>\n" + w.rules.String() + "</qti-response-processing>\n")
	}
	w.WriteString(w.feedback.String())
}

// templateBase is where the standard templates of QTI 3 are.
const templateBase = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/"

func (w *itemWriter) weigh() {
	w.total = weights{whole: new(big.Rat), sum: new(big.Rat), least: new(big.Rat), alone: true}
	if r, ok := rational(w.made.Weight); ok {
		w.total.whole = r
	}
	for i := range w.made.Parts {
		p := &w.made.Parts[i]
		weight := partWeight(p)
		w.total.sum.Add(w.total.sum, weight)
		switch {
		case weight.Sign() == 0 || p.Kind == event.Unsupported:
		case p.Kind == event.Essay || p.Kind == event.FileUpload:
			w.total.human = true
		default:
			w.total.alone = false
		}
	}
}

func partWeight(p *event.PartV1) *big.Rat {
	if r, ok := rational(p.Weight); ok {
		return r
	}
	if p.Kind == event.Unsupported {
		return new(big.Rat)
	}
	return one()
}

// share is what the part is worth.
func (w *itemWriter) share(p *event.PartV1) *big.Rat {
	if w.total.sum.Sign() == 0 {
		return new(big.Rat)
	}
	share := new(big.Rat).Mul(w.total.whole, partWeight(p))
	return share.Quo(share, w.total.sum)
}

// score declares the outcomes that are the score.
func (w *itemWriter) score() {
	o := &w.xmlWriter
	external := ""
	if w.total.human && w.total.alone {
		external = "human"
	}
	o.WriteString(`<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"`)
	o.attribute("normal-maximum", numeralOf(w.total.whole))
	if w.made.MinScore != "" {
		o.attribute("normal-minimum", w.made.MinScore)
	}
	if external != "" {
		o.attribute("external-scored", external)
	}
	o.WriteString("><qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>\n")
	o.WriteString(`<qti-outcome-declaration identifier="MAXSCORE" cardinality="single" base-type="float"><qti-default-value><qti-value>` +
		numeralOf(w.total.whole) + "</qti-value></qti-default-value></qti-outcome-declaration>\n")
}

// numeralOf is r as QTI writes numbers, to 15 places if it has no end.
func numeralOf(r *big.Rat) string {
	places, finite := r.FloatPrec()
	if !finite || places > 15 {
		places = 15
	}
	s := r.FloatString(places)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Expressions.

func ref(element, id string) string { return "<qti-" + element + ` identifier="` + id + `"/>` }

func variableOf(p *event.PartV1) string { return ref("variable", p.PartID) }

func floatValue(r *big.Rat) string {
	return `<qti-base-value base-type="float">` + numeralOf(r) + "</qti-base-value>"
}

func intValue(i int) string {
	return `<qti-base-value base-type="integer">` + strconv.Itoa(i) + "</qti-base-value>"
}

func baseValue(base, s string) string {
	w := &xmlWriter{}
	w.WriteString(`<qti-base-value base-type="` + base + `">`)
	w.escape(s)
	w.WriteString("</qti-base-value>")
	return w.String()
}

// pointsValue is an expression for a number of points that need not have a decimal.
func pointsValue(r *big.Rat) string {
	if places, finite := r.FloatPrec(); finite && places <= 15 {
		return floatValue(r)
	}
	return "<qti-divide>" + floatValue(new(big.Rat).SetInt(r.Num())) + floatValue(new(big.Rat).SetInt(r.Denom())) + "</qti-divide>"
}

// times is an expression for factor * e.
func times(e string, factor *big.Rat) string {
	if factor.Cmp(one()) == 0 {
		return e
	}
	if places, finite := factor.FloatPrec(); finite && places <= 15 {
		return "<qti-product>" + e + floatValue(factor) + "</qti-product>"
	}
	return "<qti-divide><qti-product>" + e + floatValue(new(big.Rat).SetInt(factor.Num())) + "</qti-product>" +
		floatValue(new(big.Rat).SetInt(factor.Denom())) + "</qti-divide>"
}

func setOutcome(id, e string) string {
	return `<qti-set-outcome-value identifier="` + id + `">` + e + "</qti-set-outcome-value>"
}

func addTo(id, e string) string {
	return setOutcome(id, "<qti-sum>"+ref("variable", id)+e+"</qti-sum>")
}

func when(condition, rules string) string {
	return "<qti-response-condition><qti-response-if>" + condition + rules + "</qti-response-if></qti-response-condition>\n"
}

func whenElse(condition, rules, otherwise string) string {
	return "<qti-response-condition><qti-response-if>" + condition + rules + "</qti-response-if><qti-response-else>" + otherwise +
		"</qti-response-else></qti-response-condition>\n"
}

// chainWriter writes conditions of which the first that holds counts.
type chainWriter struct {
	strings.Builder
	arms int
}

func (c *chainWriter) arm(condition, rules string) {
	name := "qti-response-if"
	if c.arms > 0 {
		name = "qti-response-else-if"
	}
	c.arms++
	c.WriteString("<" + name + ">" + condition + rules + "</" + name + ">")
}

func (c *chainWriter) rules() string {
	if c.arms == 0 {
		return ""
	}
	return "<qti-response-condition>" + c.String() + "</qti-response-condition>\n"
}

func notNull(p *event.PartV1) string {
	return "<qti-not><qti-is-null>" + variableOf(p) + "</qti-is-null></qti-not>"
}

func matchCorrect(p *event.PartV1) string {
	return "<qti-match>" + variableOf(p) + ref("correct", p.PartID) + "</qti-match>"
}

// declare writes the declaration of a response.
func (w *itemWriter) declare(p *event.PartV1, cardinality, base string, correct []string, mapping string) {
	d := &w.declarations
	if w.share(p).Sign() == 0 { // without a key nobody takes it for scored
		correct, mapping = nil, ""
	}
	d.WriteString("<qti-response-declaration")
	d.attribute("identifier", p.PartID)
	d.attribute("cardinality", cardinality)
	d.attribute("base-type", base)
	if len(correct) == 0 && mapping == "" {
		d.WriteString("/>\n")
		return
	}
	d.WriteString(">")
	if len(correct) > 0 {
		d.WriteString("<qti-correct-response>")
		for _, v := range correct {
			d.WriteString("<qti-value>")
			d.escape(v)
			d.WriteString("</qti-value>")
		}
		d.WriteString("</qti-correct-response>")
	}
	d.WriteString(mapping + "</qti-response-declaration>\n")
}

// outcome declares an outcome for the use of the rules.
func (w *itemWriter) outcome(id, cardinality, base, value string) {
	o := &w.outcomes
	o.WriteString("<qti-outcome-declaration")
	o.attribute("identifier", id)
	o.attribute("cardinality", cardinality)
	o.attribute("base-type", base)
	if value == "" {
		o.WriteString("/>\n")
		return
	}
	o.WriteString("><qti-default-value><qti-value>")
	o.escape(value)
	o.WriteString("</qti-value></qti-default-value></qti-outcome-declaration>\n")
}

// limits are the bounds of a part's credit.
func limits(p *event.PartV1) (low, high *big.Rat) {
	low, high = new(big.Rat), one()
	if r, ok := rational(p.LowBound); ok {
		low = r
	}
	if r, ok := rational(p.HighBound); ok {
		high = r
	}
	return low, high
}

// held is a credit within the part's bounds.
func held(credit string, p *event.PartV1) *big.Rat {
	r, ok := rational(credit)
	if !ok {
		return new(big.Rat)
	}
	low, high := limits(p)
	return within(r, low, high)
}

// part writes the declaration of a part and the rules that score it.
func (w *itemWriter) part(p *event.PartV1) {
	w.partFeedback(p)
	before := w.rules.Len()
	w.unscored = w.share(p).Sign() == 0
	defer func() { w.unscored = false }()
	switch p.Kind {
	case event.SingleChoice, event.TrueFalse, event.Dropdown:
		w.oneChoice(p)
	case event.MultipleChoice, event.HotText, event.Hotspot:
		w.choiceSet(p)
	case event.Ordering:
		w.ordering(p)
	case event.Matching, event.GapMatch, event.ImageGapMatch, event.Association:
		w.pairs(p)
	case event.Point:
		w.pointsIn(p)
	case event.Numerical, event.Slider:
		w.numbers(p)
	case event.Text:
		w.texts(p)
	case event.Formula:
		w.formula(p)
	case event.Essay:
		w.declare(p, "single", "string", nil, "")
	case event.FileUpload:
		w.declare(p, "single", "file", nil, "")
	}
	low, _ := limits(p)
	if w.rules.Len() > before && low.Sign() < 0 {
		w.total.least.Add(w.total.least, new(big.Rat).Mul(low, w.share(p)))
	}
}

// rule writes a rule, unless it is one of a part that earns nothing.
func (w *itemWriter) rule(text string) {
	if !w.unscored {
		w.rules.WriteString(text)
	}
}

// earn adds points for a condition.
func (w *itemWriter) earn(p *event.PartV1, condition string) {
	if w.isStandard(p, "match_correct", condition == matchCorrect(p)) {
		return
	}
	w.rule(when(condition, addTo(scoreOutcome, pointsValue(w.share(p)))))
}

// isStandard notes that a standard template is all that is needed.
func (w *itemWriter) isStandard(p *event.PartV1, template string, fits bool) bool {
	if fits && len(w.made.Parts) == 1 && p.PartID == "RESPONSE" && w.share(p).Cmp(one()) == 0 && w.rules.Len() == 0 && len(w.made.Bands) == 0 {
		w.standard = template
		return true
	}
	return false
}

// earnCredit adds the share of a credit, which an expression gives.
func (w *itemWriter) earnCredit(p *event.PartV1, credit string) {
	w.rule(addTo(scoreOutcome, times(credit, w.share(p))) + "\n")
}

// earnBounded adds the share of a credit that may lie beyond the part's bounds.
func (w *itemWriter) earnBounded(p *event.PartV1, condition, credit string, least, most *big.Rat) {
	low, high := limits(p)
	if least.Cmp(low) >= 0 && most.Cmp(high) <= 0 {
		w.rule(when(condition, addTo(scoreOutcome, times(credit, w.share(p)))))
		return
	}
	w.earnHeld(p, "CREDIT_"+p.PartID, condition, credit)
}

// earnHeld adds the share of a credit that is held within the part's bounds by way
// of an outcome.
func (w *itemWriter) earnHeld(p *event.PartV1, id, condition, credit string) {
	low, high := limits(p)
	w.outcome(id, "single", "float", "0")
	inner := setOutcome(id, credit) +
		when("<qti-lt>"+ref("variable", id)+floatValue(low)+"</qti-lt>", setOutcome(id, floatValue(low))) +
		when("<qti-gt>"+ref("variable", id)+floatValue(high)+"</qti-gt>", setOutcome(id, floatValue(high))) +
		addTo(scoreOutcome, times(ref("variable", id), w.share(p)))
	w.rule(when(condition, inner))
}

func (w *itemWriter) oneChoice(p *event.PartV1) {
	var full, best []string
	flat := true
	top := new(big.Rat)
	for _, c := range p.Choices {
		credit := held(c.Credit, p)
		switch {
		case credit.Cmp(one()) == 0:
			full = append(full, c.ChoiceID)
		case credit.Sign() != 0:
			flat = false
		}
		if credit.Cmp(top) > 0 {
			top, best = credit, []string{c.ChoiceID}
		}
	}
	if flat && len(full) == 1 {
		w.declare(p, "single", "identifier", full, "")
		w.earn(p, matchCorrect(p))
		return
	}
	var entries []pairEntry
	for _, c := range p.Choices {
		entries = append(entries, pairEntry{c.ChoiceID, c.Credit})
	}
	mapping := mappingOf(p, entries)
	w.declare(p, "single", "identifier", best, mapping)
	w.earnMapped(p, mapping, "map-response", "map_response")
}

// pairEntry is a value with its credit.
type pairEntry struct{ key, credit string }

// mappingOf is a mapping with the part's bounds. Credits of nothing are left out.
func mappingOf(p *event.PartV1, entries []pairEntry) string {
	m := &xmlWriter{}
	low, high := limits(p)
	m.WriteString("<qti-mapping")
	m.attribute("default-value", "0")
	m.attribute("lower-bound", numeralOf(low))
	m.attribute("upper-bound", numeralOf(high))
	m.WriteString(">")
	some := false
	for _, e := range entries {
		r, ok := rational(e.credit)
		if !ok || r.Sign() == 0 {
			continue
		}
		some = true
		m.WriteString("<qti-map-entry")
		m.attribute("map-key", e.key)
		m.attribute("mapped-value", numeralOf(r))
		m.WriteString("/>")
	}
	m.WriteString("</qti-mapping>")
	if !some {
		return ""
	}
	return m.String()
}

// earnMapped adds what the mapping gives; without one nothing earns anything.
func (w *itemWriter) earnMapped(p *event.PartV1, mapping, expression, template string) {
	if mapping == "" {
		return
	}
	if w.isStandard(p, template, true) {
		return
	}
	w.earnCredit(p, ref(expression, p.PartID))
}

func rightOf(p *event.PartV1) []string {
	var right []string
	for _, c := range p.Choices {
		if r, ok := rational(c.Credit); ok && r.Sign() != 0 {
			right = append(right, c.ChoiceID)
		}
	}
	return right
}

func (w *itemWriter) choiceSet(p *event.PartV1) {
	right := rightOf(p)
	n := len(p.Choices)
	signs := func() string { // +1 for each right choice, -1 for each wrong one
		m := &xmlWriter{}
		m.WriteString(`<qti-mapping default-value="-1">`)
		for _, id := range right {
			m.WriteString("<qti-map-entry")
			m.attribute("map-key", id)
			m.WriteString(` mapped-value="1"/>`)
		}
		m.WriteString("</qti-mapping>")
		return m.String()
	}
	switch p.Credit {
	case event.SumOfCredits:
		var entries []pairEntry
		var best []string
		for _, c := range p.Choices {
			entries = append(entries, pairEntry{c.ChoiceID, c.Credit})
			if r, ok := rational(c.Credit); ok && r.Sign() > 0 {
				best = append(best, c.ChoiceID)
			}
		}
		mapping := mappingOf(p, entries)
		w.declare(p, "multiple", "identifier", best, mapping)
		w.earnMapped(p, mapping, "map-response", "map_response")
	case event.EveryChoice:
		w.declare(p, "multiple", "identifier", right, signs())
		credit := "<qti-divide><qti-sum>" + floatValue(big.NewRat(int64(n-len(right)), 1)) + ref("map-response", p.PartID) + "</qti-sum>" +
			floatValue(big.NewRat(int64(n), 1)) + "</qti-divide>"
		w.earnBounded(p, notNull(p), credit, new(big.Rat), one())
	case event.Halves:
		w.declare(p, "multiple", "identifier", right, signs())
		w.halves(p, len(right), n)
	default:
		w.declare(p, "multiple", "identifier", right, "")
		if len(right) > 0 {
			w.earn(p, matchCorrect(p))
		}
	}
}

// halves compares how many more right than wrong choices were made with what it
// would be without an error.
func (w *itemWriter) halves(p *event.PartV1, right, n int) {
	c := &chainWriter{}
	for wrong, credit := range []*big.Rat{one(), big.NewRat(1, 2), big.NewRat(1, 4)} {
		if wrong == 1 && n < 3 || wrong == 2 && n < 5 {
			break
		}
		low, high := limits(p)
		points := new(big.Rat).Mul(within(credit, low, high), w.share(p))
		c.arm("<qti-and>"+notNull(p)+`<qti-equal tolerance-mode="exact">`+ref("map-response", p.PartID)+floatValue(big.NewRat(int64(right-wrong), 1))+
			"</qti-equal></qti-and>", addTo(scoreOutcome, pointsValue(points)))
	}
	w.rule(c.rules())
}

// maxOrdered bounds the choices of an ordering whose rule is written out: the
// rules grow with its square.
const maxOrdered = 40

func (w *itemWriter) ordering(p *event.PartV1) {
	var first []string
	if len(p.Orders) > 0 {
		first = p.Orders[0]
	}
	w.declare(p, "ordered", "identifier", first, "")
	if len(p.Orders) == 0 {
		return
	}
	if p.Credit == event.AllOrNothing || len(p.Choices) > maxOrdered {
		if p.Credit != event.AllOrNothing {
			w.differs("partial credit of an ordering of "+strconv.Itoa(len(p.Choices))+" choices", "the rules would be too long; in QTI it is all or nothing")
		}
		if len(p.Orders) == 1 {
			w.earn(p, matchCorrect(p))
			return
		}
		var either strings.Builder
		for _, o := range p.Orders {
			either.WriteString("<qti-match>" + variableOf(p) + orderedValue(o) + "</qti-match>")
		}
		w.earn(p, "<qti-or>"+either.String()+"</qti-or>")
		return
	}
	var credits strings.Builder
	for i, o := range p.Orders {
		id := fmt.Sprintf("RIGHT_%s_%d", p.PartID, i+1)
		w.outcome(id, "single", "integer", "0")
		places := "<qti-max><qti-container-size>" + variableOf(p) + "</qti-container-size>" + intValue(len(o)) + "</qti-max>"
		switch p.Credit {
		case event.EveryPlace:
			w.everyPlace(p, o, id)
		case event.Neighbours:
			w.neighbours(p, o, id)
		case event.LongestRun:
			w.longestRun(p, o, id, i)
			credits.WriteString("<qti-divide>" + ref("variable", id) + "<qti-max>" + intValue(1) + "<qti-subtract>" + places + intValue(1) + "</qti-subtract></qti-max></qti-divide>")
			continue
		}
		credits.WriteString("<qti-divide>" + ref("variable", id) + places + "</qti-divide>")
	}
	credit := credits.String()
	if len(p.Orders) > 1 {
		credit = "<qti-max>" + credit + "</qti-max>"
	}
	w.earnBounded(p, notNull(p), credit, new(big.Rat), one())
}

func orderedValue(ids []string) string {
	var b strings.Builder
	b.WriteString("<qti-ordered>")
	for _, id := range ids {
		b.WriteString(baseValue("identifier", id))
	}
	b.WriteString("</qti-ordered>")
	return b.String()
}

func indexed(p *event.PartV1, n int) string {
	return `<qti-index n="` + strconv.Itoa(n) + `">` + variableOf(p) + "</qti-index>"
}

func stands(p *event.PartV1, n int, id string) string {
	return "<qti-match>" + indexed(p, n) + baseValue("identifier", id) + "</qti-match>"
}

func (w *itemWriter) everyPlace(p *event.PartV1, order []string, id string) {
	for i, c := range order {
		w.rule(when(stands(p, i+1, c), addTo(id, intValue(1))))
	}
}

// neighbours counts the choices that are followed by the right one, the last of
// the order by nothing.
func (w *itemWriter) neighbours(p *event.PartV1, order []string, id string) {
	for i, c := range order {
		var either strings.Builder
		for n := 1; n <= len(p.Choices); n++ {
			switch {
			case i+1 == len(order):
				either.WriteString("<qti-and>" + stands(p, n, c) + `<qti-equal tolerance-mode="exact"><qti-container-size>` + variableOf(p) + "</qti-container-size>" + intValue(n) + "</qti-equal></qti-and>")
			case n < len(p.Choices):
				either.WriteString("<qti-and>" + stands(p, n, c) + stands(p, n+1, order[i+1]) + "</qti-and>")
			}
		}
		if either.Len() > 0 {
			w.rule(when("<qti-or>"+either.String()+"</qti-or>", addTo(id, intValue(1))))
		}
	}
}

// longestRun finds, for each choice in the right order, its place in the response
// and the longest run that ends with it. id becomes the longest less one, or one
// where there is only one place.
func (w *itemWriter) longestRun(p *event.PartV1, order []string, id string, number int) {
	place := func(i int) string { return fmt.Sprintf("PLACE_%s_%d_%d", p.PartID, number+1, i+1) }
	run := func(i int) string { return fmt.Sprintf("RUN_%s_%d_%d", p.PartID, number+1, i+1) }
	for i, c := range order {
		w.outcome(place(i), "single", "integer", "0")
		w.outcome(run(i), "single", "integer", "0")
		chain := &chainWriter{}
		for n := 1; n <= len(p.Choices); n++ {
			chain.arm(stands(p, n, c), setOutcome(place(i), intValue(n)))
		}
		w.rule(chain.rules())
	}
	for i := range order {
		inner := setOutcome(run(i), intValue(1))
		for j := range i {
			inner += when("<qti-and><qti-gt>"+ref("variable", place(j))+intValue(0)+"</qti-gt><qti-lt>"+ref("variable", place(j))+ref("variable", place(i))+
				"</qti-lt><qti-gte>"+ref("variable", run(j))+ref("variable", run(i))+"</qti-gte></qti-and>",
				setOutcome(run(i), "<qti-sum>"+ref("variable", run(j))+intValue(1)+"</qti-sum>"))
		}
		w.rule(when("<qti-gt>"+ref("variable", place(i))+intValue(0)+"</qti-gt>", inner))
	}
	var all strings.Builder
	for i := range order {
		all.WriteString(ref("variable", run(i)))
	}
	longest := "<qti-max>" + all.String() + intValue(0) + "</qti-max>"
	less := setOutcome(id, "<qti-subtract>"+longest+intValue(1)+"</qti-subtract>")
	if len(order) == 1 {
		// One place alone is right or wrong.
		less = whenElse(`<qti-equal tolerance-mode="exact"><qti-container-size>`+variableOf(p)+"</qti-container-size>"+intValue(1)+"</qti-equal>", setOutcome(id, intValue(1)), less)
	}
	w.rule(when("<qti-gt>"+longest+intValue(0)+"</qti-gt>", less))
}

func (w *itemWriter) pairs(p *event.PartV1) {
	base := "directedPair"
	if p.Kind == event.Association {
		base = "pair"
	}
	var right []string
	var entries []pairEntry
	var ones []pairEntry
	for _, k := range p.Pairs {
		r, _ := rational(k.Credit)
		key := k.ChoiceID + " " + k.TargetID
		entries = append(entries, pairEntry{key, k.Credit})
		if r == nil {
			continue
		}
		if r.Cmp(one()) == 0 || p.Credit == event.SumOfCredits && r.Sign() > 0 {
			right = append(right, key)
			ones = append(ones, pairEntry{key, "1"})
		}
	}
	switch p.Credit {
	case event.SumOfCredits:
		mapping := mappingOf(p, entries)
		w.declare(p, "multiple", base, right, mapping)
		w.earnMapped(p, mapping, "map-response", "map_response")
	case event.EveryPair:
		wide := *p
		wide.LowBound, wide.HighBound = "0", strconv.Itoa(len(ones))
		w.declare(p, "multiple", base, right, mappingOf(&wide, ones))
		if len(right) > 0 {
			w.everyPair(p, len(right))
		}
	default:
		w.declare(p, "multiple", base, right, "")
		if len(right) > 0 {
			w.earn(p, matchCorrect(p))
		}
	}
}

// everyPair is the share of the right pairs, less what wrong ones take if more
// pairs were given than are right.
func (w *itemWriter) everyPair(p *event.PartV1, right int) {
	given := "<qti-container-size>" + variableOf(p) + "</qti-container-size>"
	share := "<qti-divide>" + ref("map-response", p.PartID) + intValue(right) + "</qti-divide>"
	places := big.NewRat(int64(len(p.Targets)), 1)
	if p.Kind == event.Association {
		places = big.NewRat(int64(len(p.Choices)), 2)
	}
	less := "<qti-subtract>" + share + "<qti-divide><qti-subtract>" + given + ref("map-response", p.PartID) + "</qti-subtract>" + floatValue(places) + "</qti-divide></qti-subtract>"
	few := "<qti-and>" + notNull(p) + "<qti-lte>" + given + intValue(right) + "</qti-lte></qti-and>"
	many := "<qti-gt>" + given + intValue(right) + "</qti-gt>"
	w.earnBounded(p, few, share, new(big.Rat), one())
	w.earnHeld(p, "MANY_"+p.PartID, many, less)
}

func (w *itemWriter) pointsIn(p *event.PartV1) {
	m := &xmlWriter{}
	low, high := limits(p)
	m.WriteString("<qti-area-mapping")
	m.attribute("default-value", "0")
	m.attribute("lower-bound", numeralOf(low))
	m.attribute("upper-bound", numeralOf(high))
	m.WriteString(">")
	for _, a := range p.Areas {
		m.WriteString("<qti-area-map-entry")
		m.attribute("shape", string(a.Area.Shape))
		m.attribute("coords", coordinates(&a.Area))
		r, _ := rational(a.Credit)
		if r == nil {
			r = new(big.Rat)
		}
		m.attribute("mapped-value", numeralOf(r))
		m.WriteString("/>")
	}
	m.WriteString("</qti-area-mapping>")
	cardinality := "multiple"
	if p.MaxChoices <= 1 {
		cardinality = "single"
	}
	if len(p.Areas) == 0 {
		w.declare(p, cardinality, "point", nil, "")
		return
	}
	w.declare(p, cardinality, "point", nil, m.String())
	w.earnMapped(p, m.String(), "map-response-point", "map_response_point")
}

// numbers writes a chain of comparisons.
func (w *itemWriter) numbers(p *event.PartV1) {
	var correct []string
	c := &chainWriter{}
	if len(p.Units) > 0 {
		w.only("units of a number", "QTI compares numbers alone")
	}
	for i := range p.Numbers {
		k := &p.Numbers[i]
		condition, value := w.numberCondition(p, k)
		if condition == "" {
			continue
		}
		credit := held(k.Credit, p)
		if credit.Cmp(one()) == 0 && value != "" && len(correct) == 0 {
			correct = []string{value}
		}
		rules := ""
		if credit.Sign() != 0 {
			rules = addTo(scoreOutcome, pointsValue(credit.Mul(credit, w.share(p))))
		}
		rules += w.keyFeedback(p, i, k.FeedbackHTML)
		c.arm(condition, rules)
	}
	base := "float"
	if p.Kind == event.Slider && isWholeScale(p.Slider) || wantsWhole(p) {
		base = "integer"
	}
	w.declare(p, "single", base, correct, "")
	w.rule(c.rules())
}

// wantsWhole reports whether every key takes whole numbers alone.
func wantsWhole(p *event.PartV1) bool {
	for _, k := range p.Numbers {
		if k.Decimals == nil || *k.Decimals != 0 || k.Figures > 0 {
			return false
		}
	}
	return len(p.Numbers) > 0
}

func isWholeScale(s *event.SliderV1) bool {
	if s == nil || s.Step == "" {
		return false
	}
	for _, n := range []string{s.Low, s.High, s.Step} {
		if r, ok := rational(n); !ok || !r.IsInt() {
			return false
		}
	}
	return true
}

// numberCondition is when a number key matches, with the key's number if it has
// one. It is "" for what cannot be written.
func (w *itemWriter) numberCondition(p *event.PartV1, k *event.NumberKeyV1) (condition, value string) {
	if k.Figures > 0 || k.Decimals != nil && !wantsWhole(p) {
		w.only("significant figures and decimal places", "QTI compares numbers, not how they are written")
	}
	compare := func(name, numeral string) string {
		e := w.numberExpression(numeral)
		if e == "" {
			return ""
		}
		return "<qti-" + name + ">" + variableOf(p) + e + "</qti-" + name + ">"
	}
	if k.Low != "" || k.High != "" {
		var ends []string
		if k.Low != "" {
			ends = append(ends, compare(map[bool]string{false: "gte", true: "gt"}[k.LowOpen], k.Low))
		}
		if k.High != "" {
			ends = append(ends, compare(map[bool]string{false: "lte", true: "lt"}[k.HighOpen], k.High))
		}
		if slices.Contains(ends, "") {
			return "", ""
		}
		if len(ends) == 1 {
			return ends[0], ""
		}
		return "<qti-and>" + strings.Join(ends, "") + "</qti-and>", ""
	}
	expected := w.numberExpression(k.Value)
	if expected == "" {
		return "", ""
	}
	if r, ok := constant(k.Value); ok {
		value = numeralOf(r)
	}
	mode, tolerance, low, high := w.tolerance(k)
	if mode == "range" {
		return "<qti-and>" + compare("gte", low) + compare("lte", high) + "</qti-and>", value
	}
	e := `<qti-equal tolerance-mode="` + mode + `"`
	if mode != "exact" {
		e += ` tolerance="` + tolerance + " " + tolerance + `"`
	}
	return e + ">" + variableOf(p) + expected + "</qti-equal>", value
}

// constant is the value of an arithmetic expression of numerals.
func constant(text string) (*big.Rat, bool) {
	n, err := exact.Evaluate(text)
	if err != nil {
		return nil, false
	}
	return n.Rat(), true
}

// numberExpression is a number of the key, or a variable of the item.
func (w *itemWriter) numberExpression(text string) string {
	if r, ok := constant(text); ok {
		return floatValue(r)
	}
	name := strings.TrimSpace(text)
	if slices.ContainsFunc(w.made.Variables, func(v event.VariableV1) bool { return v.Name == name }) {
		return ref("variable", name)
	}
	w.only("an expression in a key", "QTI's processing is not written for it")
	return ""
}

// tolerance says how a number is compared: "exact", "absolute" and "relative"
// with a width, or "range".
func (w *itemWriter) tolerance(k *event.NumberKeyV1) (mode, width, low, high string) {
	numeral, relative := strings.CutSuffix(strings.TrimSpace(k.Tolerance), "%")
	value, isConstant := constant(k.Value)
	t, ok := constant(numeral)
	switch {
	case k.Tolerance == "" || k.Geometric:
		if !isConstant {
			return "relative", "0.001", "", ""
		}
		low, high = spread(value, t, k)
		return "range", "", low, high
	case !ok:
		w.only("an expression in a tolerance", "QTI's processing is not written for it")
		return "exact", "", "", ""
	case t.Sign() == 0:
		return "exact", "", "", ""
	case relative:
		return "relative", numeralOf(t), "", ""
	}
	return "absolute", numeralOf(t), "", ""
}

// spread are the ends of a tolerance that QTI does not have.
func spread(value, t *big.Rat, k *event.NumberKeyV1) (low, high string) {
	var a, b *big.Rat
	if k.Geometric && t != nil {
		if strings.HasSuffix(strings.TrimSpace(k.Tolerance), "%") {
			t = new(big.Rat).Quo(t, big.NewRat(100, 1))
		}
		factor := new(big.Rat).Add(one(), t)
		a, b = new(big.Rat).Quo(value, factor), new(big.Rat).Mul(value, factor)
	} else { // a share of the greater of both
		a = new(big.Rat).Mul(value, big.NewRat(99_999, 100_000))
		b = new(big.Rat).Mul(value, big.NewRat(100_000, 99_999))
	}
	if a.Cmp(b) > 0 {
		a, b = b, a
	}
	return numeralOf(a), numeralOf(b)
}

// texts writes a mapping where one says it all, else a chain of comparisons.
func (w *itemWriter) texts(p *event.PartV1) {
	var correct []string
	plainKeys, speaking := true, false
	for _, k := range p.Texts {
		if k.Match != event.MatchExact && k.Match != event.MatchFold {
			plainKeys = false
		}
		speaking = speaking || k.FeedbackHTML != ""
		if held(k.Credit, p).Cmp(one()) == 0 && len(correct) == 0 && k.Match != event.MatchRegexp && k.Match != event.MatchWildcard && k.Match != event.MatchWildcardFold {
			correct = []string{k.Pattern}
		}
	}
	switch {
	case len(p.Texts) == 1 && plainKeys && p.Texts[0].Match == event.MatchExact && len(correct) == 1 && !speaking:
		w.declare(p, "single", "string", correct, "")
		w.earn(p, matchCorrect(p))
	case plainKeys && !speaking:
		mapping := w.textMapping(p)
		w.declare(p, "single", "string", correct, mapping)
		w.earnMapped(p, mapping, "map-response", "map_response")
	default:
		w.declare(p, "single", "string", correct, "")
		w.rule(w.textChain(p))
	}
}

func (w *itemWriter) textMapping(p *event.PartV1) string {
	m := &xmlWriter{}
	low, high := limits(p)
	m.WriteString("<qti-mapping")
	m.attribute("default-value", "0")
	m.attribute("lower-bound", numeralOf(low))
	m.attribute("upper-bound", numeralOf(high))
	m.WriteString(">")
	for _, k := range p.Texts {
		m.WriteString("<qti-map-entry")
		m.attribute("map-key", norm.NFC.String(strings.TrimSpace(k.Pattern)))
		if r, ok := rational(k.Credit); ok {
			m.attribute("mapped-value", numeralOf(r))
		}
		m.attribute("case-sensitive", strconv.FormatBool(k.Match == event.MatchExact))
		m.WriteString("/>")
	}
	m.WriteString("</qti-mapping>")
	return m.String()
}

func (w *itemWriter) textChain(p *event.PartV1) string {
	c := &chainWriter{}
	for i := range p.Texts {
		k := &p.Texts[i]
		credit := held(k.Credit, p)
		rules := ""
		if credit.Sign() != 0 {
			rules = addTo(scoreOutcome, pointsValue(credit.Mul(credit, w.share(p))))
		}
		c.arm(w.textCondition(p, k), rules+w.keyFeedback(p, i, k.FeedbackHTML))
	}
	return c.rules()
}

func (w *itemWriter) textCondition(p *event.PartV1, k *event.TextKeyV1) string {
	pattern := norm.NFC.String(k.Pattern)
	equal := func(sensitive bool) string {
		return `<qti-string-match case-sensitive="` + strconv.FormatBool(sensitive) + `">` + variableOf(p) + baseValue("string", strings.TrimSpace(pattern)) + "</qti-string-match>"
	}
	matches := func(pattern string) string {
		x := &xmlWriter{}
		x.WriteString("<qti-pattern-match")
		x.attribute("pattern", pattern)
		x.WriteString(">" + variableOf(p) + "</qti-pattern-match>")
		return x.String()
	}
	switch k.Match {
	case event.MatchFold:
		return equal(false)
	case event.MatchNormalised:
		w.differs("a text whose accents and punctuation do not matter", "in QTI they do")
		return equal(false)
	case event.MatchRegexp:
		if !commonPattern(pattern) {
			w.differs("the regular expression "+quote(pattern), "it is written as it is; in QTI it may mean something else")
		}
		return matches(pattern)
	case event.MatchWildcard:
		return matches(wildcardPattern(pattern, false))
	case event.MatchWildcardFold:
		return matches(wildcardPattern(pattern, true))
	}
	return equal(true)
}

// wildcardPattern is a regular expression for a pattern with stars.
func wildcardPattern(pattern string, fold bool) string {
	var b strings.Builder
	pattern = strings.TrimSpace(pattern)
	for i, r := range pattern {
		switch {
		case r == '*' && i > 0 && pattern[i-1] == '\\':
			b.WriteString(`\*`)
		case r == '*':
			b.WriteString(".*")
		case r == '\\' && strings.HasPrefix(pattern[i+1:], "*"):
		case fold && strings.ToLower(string(r)) != strings.ToUpper(string(r)):
			b.WriteString("[" + strings.ToLower(string(r)) + strings.ToUpper(string(r)) + "]")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}

// formula compares the text of the expression: QTI does not know when two
// expressions are the same.
func (w *itemWriter) formula(p *event.PartV1) {
	w.only("equivalence of formulas", "QTI compares texts; there, only the very expression of the key is right")
	var correct []string
	c := &chainWriter{}
	for _, k := range p.Formulas {
		credit := held(k.Credit, p)
		if credit.Cmp(one()) == 0 && len(correct) == 0 {
			correct = []string{k.Expression}
		}
		c.arm(`<qti-string-match case-sensitive="true">`+variableOf(p)+baseValue("string", k.Expression)+"</qti-string-match>",
			addTo(scoreOutcome, pointsValue(credit.Mul(credit, w.share(p)))))
	}
	w.declare(p, "single", "string", correct, "")
	w.rule(c.rules())
}

// bounds holds the score at the item's least.
func (w *itemWriter) bounds() {
	least := new(big.Rat)
	if r, ok := rational(w.made.MinScore); ok {
		least = r
	}
	if w.total.least.Cmp(least) >= 0 {
		return
	}
	if w.standard != "" { // the rules must be written out after all
		template := w.standard
		w.standard = ""
		p := &w.made.Parts[0]
		expression := map[string]string{"map_response": ref("map-response", p.PartID), "map_response_point": ref("map-response-point", p.PartID)}[template]
		w.rule(addTo(scoreOutcome, expression) + "\n")
	}
	w.rule(when("<qti-lt>"+ref("variable", scoreOutcome)+floatValue(least)+"</qti-lt>", setOutcome(scoreOutcome, floatValue(least))))
}

// variables declares what is drawn for each learner.
func (w *itemWriter) variables() {
	for i := range w.made.Variables {
		v := &w.made.Variables[i]
		t := &w.templates
		t.WriteString("<qti-template-declaration")
		t.attribute("identifier", v.Name)
		t.WriteString(` cardinality="single" base-type="float" math-variable="true"/>` + "\n")
		e := ""
		switch {
		case v.Decimals != nil || v.Significant != nil:
		case v.Kind == event.ListVariable:
			var all strings.Builder
			for _, value := range v.Values {
				if r, ok := constant(value); ok {
					all.WriteString(floatValue(r))
				}
			}
			e = "<qti-random><qti-multiple>" + all.String() + "</qti-multiple></qti-random>"
		case v.Kind == event.RangeVariable:
			e = rangeExpression(v)
		}
		if e == "" {
			w.only("the variable "+quote(v.Name), "QTI's processing is not written for it")
			continue
		}
		w.templateRules.WriteString(`<qti-set-template-value identifier="` + v.Name + `">` + e + "</qti-set-template-value>\n")
	}
}

// rangeExpression draws low + n * step.
func rangeExpression(v *event.VariableV1) string {
	low, okLow := constant(v.Low)
	high, okHigh := constant(v.High)
	step, okStep := constant(orElse(v.Step, "1"))
	if !okLow || !okHigh || !okStep || step.Sign() <= 0 || high.Cmp(low) < 0 {
		return ""
	}
	steps := new(big.Rat).Quo(new(big.Rat).Sub(high, low), step)
	n := new(big.Int).Quo(steps.Num(), steps.Denom())
	if !n.IsInt64() || n.Int64() > 1_000_000_000 {
		return ""
	}
	return `<qti-sum>` + floatValue(low) + `<qti-product><qti-integer-to-float><qti-random-integer min="0" max="` + n.String() + `"/></qti-integer-to-float>` + floatValue(step) + "</qti-product></qti-sum>"
}
