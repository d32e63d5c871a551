package qtifile

import (
	"math/big"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// earning is a part's native key with what it is worth.
type earning struct {
	best  *big.Rat // the most points that the part earns
	least *big.Rat // the least, not above zero
}

// native gives the parts their keys, if these score exactly as the processing
// does. It returns false, and leaves the parts without keys, if they would not.
func (it *item) native(score *sum) bool {
	if score == nil || score.constant.Sign() != 0 || len(it.templates.order) > 0 {
		return false
	}
	keyed := make([]event.PartV1, len(it.parts))
	worth := make([]earning, len(it.parts))
	used := 0
	for i, p := range it.parts {
		keyed[i] = p.PartV1
		worth[i] = earning{new(big.Rat), new(big.Rat)}
		mine := score.of(p.PartID)
		used += len(mine)
		switch {
		case len(mine) == 0:
			if !withoutKey(&keyed[i]) {
				return false
			}
		case len(mine) > 1:
			return false
		default:
			k := keyMaker{p: p, part: &keyed[i], term: mine[0]}
			if !k.make() {
				return false
			}
			worth[i] = earning{k.best, k.least}
		}
	}
	if used != len(score.terms) {
		return false // a response that no part gives
	}
	total, least := new(big.Rat), new(big.Rat)
	for i := range worth {
		total.Add(total, worth[i].best)
		least.Add(least, worth[i].least)
	}
	if it.floor != nil && it.floor.Cmp(least) > 0 {
		least = it.floor
	}
	weights, ok := shares(it.parts, worth)
	if !ok {
		return false
	}
	whole, okTotal := decimal(total)
	lowest, okLeast := orDefault(least, "0")
	if !okTotal || !okLeast {
		return false
	}
	for i, p := range it.parts {
		keyed[i].Weight = weights[i]
		p.PartV1 = keyed[i]
	}
	it.weight, it.least = whole, lowest
	return true
}

// of are the terms of a response that are not zero.
func (s *sum) of(response string) []term {
	var out []term
	for _, t := range s.terms {
		if t.response == response {
			out = append(out, t)
		}
	}
	return out
}

// withoutKey prepares a part that earns nothing. Some kinds cannot be without a
// key.
func withoutKey(p *event.PartV1) bool {
	switch p.Kind {
	case event.Text, event.Numerical, event.Slider:
		return false
	case event.Ordering:
		ids := make([]string, 0, len(p.Choices))
		for _, c := range p.Choices {
			ids = append(ids, c.ChoiceID)
		}
		p.Orders = [][]string{ids}
	case event.SingleChoice, event.MultipleChoice, event.TrueFalse, event.Dropdown, event.HotText, event.Hotspot:
		p.Choices = slices.Clone(p.Choices)
		for i := range p.Choices {
			p.Choices[i].Credit = "0"
		}
		if p.Kind != event.SingleChoice && p.Kind != event.TrueFalse && p.Kind != event.Dropdown {
			p.Credit = event.SumOfCredits
		}
	}
	return true
}

// shares are the weights of the parts: nothing where all weigh the same, "0" for
// those that earn nothing.
func shares(parts []*part, worth []earning) ([]string, bool) {
	out := make([]string, len(parts))
	same := true
	for i := range worth {
		same = same && worth[i].best.Cmp(worth[0].best) == 0
	}
	if same && worth[0].best.Sign() > 0 {
		return out, true
	}
	// Thirds have no decimal, but three times as much of everything does.
	scale := one()
	for i := range worth {
		denominator := new(big.Rat).SetInt(worth[i].best.Denom())
		if _, ok := decimal(new(big.Rat).Mul(worth[i].best, scale)); !ok {
			scale.Mul(scale, denominator)
		}
	}
	for i := range worth {
		s, ok := decimal(new(big.Rat).Mul(worth[i].best, scale))
		if !ok {
			return nil, false
		}
		if parts[i].Kind == event.Unsupported && s == "0" {
			s = ""
		}
		out[i] = s
	}
	return out, true
}

// keyMaker makes the key of one part.
type keyMaker struct {
	p           *part
	part        *event.PartV1
	term        term
	best, least *big.Rat
}

func (k *keyMaker) make() bool {
	if k.term.factor.Sign() <= 0 {
		return false
	}
	d := k.p.decl
	ok := false
	switch k.term.way {
	case byMapping:
		ok = (d.cardinality == "single" || d.cardinality == "multiple") && d.mapping != nil && (k.term.guarded || d.mapping.otherwise.Sign() == 0) && k.mapped(d.mapping)
	case byArea:
		ok = d.areas != nil && d.areas.otherwise.Sign() == 0 && k.mappedAreas(d.areas)
	case byChain:
		ok = k.chained()
	}
	if !ok || k.best.Sign() <= 0 {
		return false
	}
	k.best = new(big.Rat).Mul(k.best, k.term.factor)
	k.least = new(big.Rat).Mul(k.least, k.term.factor)
	return true
}

// credit is points as a share of the best.
func (k *keyMaker) credit(points *big.Rat) (string, bool) {
	return decimal(new(big.Rat).Quo(points, k.best))
}

// isSingle reports whether one choice is the response.
func isSingle(kind event.PartKind) bool {
	return kind == event.SingleChoice || kind == event.TrueFalse || kind == event.Dropdown
}

// isSet reports whether a set of choices is the response.
func isSet(kind event.PartKind) bool {
	return kind == event.MultipleChoice || kind == event.HotText || kind == event.Hotspot
}

func isPairs(kind event.PartKind) bool {
	switch kind {
	case event.Matching, event.GapMatch, event.ImageGapMatch, event.Association:
		return true
	}
	return false
}

// mapped makes the key of a mapping.
func (k *keyMaker) mapped(m *mapping) bool {
	switch {
	case isSingle(k.part.Kind), isSet(k.part.Kind):
		return k.mappedChoices(m)
	case isPairs(k.part.Kind):
		return k.mappedPairs(m)
	case k.part.Kind == event.Text:
		return k.p.decl.cardinality == "single" && k.p.decl.base == "string" && k.mappedTexts(m)
	case k.part.Kind == event.Numerical, k.part.Kind == event.Slider:
		return k.p.decl.cardinality == "single" && k.mappedNumbers(m)
	}
	return false
}

// within holds points between the bounds of a mapping.
func within(points, lower, upper *big.Rat) *big.Rat {
	if lower != nil && points.Cmp(lower) < 0 {
		return lower
	}
	if upper != nil && points.Cmp(upper) > 0 {
		return upper
	}
	return points
}

// pointsOf is what a mapping gives for a value.
func (m *mapping) pointsOf(value string) *big.Rat {
	for _, e := range m.entries {
		if e.key == value || e.fold && strings.EqualFold(e.key, value) {
			return e.points
		}
	}
	return m.otherwise
}

func (k *keyMaker) mappedChoices(m *mapping) bool {
	values := make([]*big.Rat, len(k.part.Choices))
	most := k.part.MaxChoices
	if isSingle(k.part.Kind) || k.p.decl.cardinality == "single" {
		most = 1
	}
	for i, c := range k.part.Choices {
		values[i] = m.pointsOf(c.ChoiceID)
		if most == 1 {
			values[i] = within(values[i], m.lower, m.upper)
		}
	}
	if !k.bounds(values, most, m.lower, m.upper) {
		return false
	}
	k.part.Choices = slices.Clone(k.part.Choices)
	for i := range values {
		s, ok := k.credit(values[i])
		if !ok {
			return false
		}
		k.part.Choices[i].Credit = s
	}
	if isSet(k.part.Kind) {
		k.part.Credit = event.SumOfCredits
	}
	return true
}

// bounds finds the best and the least sum of values of which at most so many are
// taken, and the bounds that the part needs.
func (k *keyMaker) bounds(values []*big.Rat, most int, lower, upper *big.Rat) bool {
	sorted := slices.SortedFunc(slices.Values(values), func(a, b *big.Rat) int { return b.Cmp(a) })
	if most == 0 || most > len(sorted) {
		most = len(sorted)
	}
	best, least := new(big.Rat), new(big.Rat)
	for i := range most {
		if sorted[i].Sign() > 0 {
			best.Add(best, sorted[i])
		}
		if v := sorted[len(sorted)-1-i]; v.Sign() < 0 {
			least.Add(least, v)
		}
	}
	if upper != nil && upper.Cmp(best) < 0 {
		best = upper
	}
	if lower != nil && lower.Cmp(least) > 0 {
		least = lower
	}
	if least.Sign() > 0 || best.Sign() <= 0 {
		return false // less than nothing cannot be the least
	}
	for _, v := range values {
		if new(big.Rat).Quo(v, best).Cmp(one()) > 0 {
			return false // a credit is at most 1
		}
	}
	k.best, k.least = best, least
	low, ok := orDefault(new(big.Rat).Quo(least, best), "0")
	k.part.LowBound = low
	return ok
}

func (k *keyMaker) mappedPairs(m *mapping) bool {
	if m.otherwise.Sign() != 0 {
		var ok bool
		if m, ok = k.listed(m); !ok {
			return false
		}
	}
	var values []*big.Rat
	for _, e := range m.entries {
		values = append(values, e.points)
	}
	most := k.part.MaxChoices
	if k.p.decl.cardinality == "single" {
		most = 1
	}
	if !k.bounds(values, most, m.lower, m.upper) {
		return false
	}
	// What adds up to the best must be possible; the correct response shows it.
	reached := new(big.Rat)
	for _, pair := range k.p.decl.correct {
		reached.Add(reached, k.pointsOfPair(m, pair))
	}
	if m.upper != nil && m.upper.Cmp(reached) < 0 {
		reached = m.upper
	}
	if reached.Cmp(k.best) != 0 {
		return false
	}
	k.part.Credit = event.SumOfCredits
	if k.equalPairs(m) {
		return true
	}
	for _, e := range m.entries {
		a, b, found := strings.Cut(e.key, " ")
		s, ok := k.credit(e.points)
		if !ok || !found || e.fold {
			return false
		}
		if e.points.Sign() == 0 {
			continue
		}
		k.part.Pairs = append(k.part.Pairs, event.PairKeyV1{ChoiceID: a, TargetID: b, Credit: s})
	}
	return k.sortPairs()
}

// listed is the mapping with every pair that the part can have in it.
func (k *keyMaker) listed(m *mapping) (*mapping, bool) {
	const most = 400
	if k.part.Kind == event.Association || len(k.part.Choices)*len(k.part.Targets) > most {
		return nil, false
	}
	full := &mapping{lower: m.lower, upper: m.upper, otherwise: new(big.Rat)}
	for _, c := range k.part.Choices {
		for _, t := range k.part.Targets {
			pair := c.ChoiceID + " " + t.TargetID
			full.entries = append(full.entries, mapEntry{key: pair, points: m.pointsOf(pair)})
		}
	}
	return full, true
}

func (k *keyMaker) pointsOfPair(m *mapping, pair string) *big.Rat {
	if a, b, ok := strings.Cut(pair, " "); ok && k.part.Kind == event.Association {
		if points := m.pointsOf(b + " " + a); points.Sign() != 0 {
			return points
		}
	}
	return m.pointsOf(pair)
}

// equalPairs takes the rule that every pair counts the same, where it gives what
// the mapping gives although the share has no decimal: where no more pairs can be
// given than are right.
func (k *keyMaker) equalPairs(m *mapping) bool {
	if len(m.entries) == 0 {
		return false
	}
	first := m.entries[0].points
	for _, e := range m.entries {
		if e.points.Cmp(first) != 0 || e.points.Sign() <= 0 || e.fold {
			return false
		}
	}
	n := int64(len(m.entries))
	if _, ok := k.credit(first); ok || k.most() > len(m.entries) || k.most() == 0 ||
		new(big.Rat).Mul(first, new(big.Rat).SetInt64(n)).Cmp(k.best) != 0 {
		return false
	}
	for _, e := range m.entries {
		a, b, found := strings.Cut(e.key, " ")
		if !found {
			return false
		}
		k.part.Pairs = append(k.part.Pairs, event.PairKeyV1{ChoiceID: a, TargetID: b, Credit: "1"})
	}
	k.part.Credit = event.EveryPair
	return k.sortPairs()
}

// most is how many pairs can be given at most: as many as are asked for, or as
// there is room for. 0: any number.
func (k *keyMaker) most() int {
	room := 0
	for _, t := range k.part.Targets {
		if t.MaxUse == 0 && k.part.Kind == event.Matching {
			room = 0
			break
		}
		room += max(t.MaxUse, 1)
	}
	uses := 0
	for _, c := range k.part.Choices {
		if c.MaxUse == 0 && k.part.Kind == event.Matching {
			uses = 0
			break
		}
		uses += max(c.MaxUse, 1)
	}
	if k.part.Kind == event.Association {
		uses /= 2
	}
	least := k.part.MaxChoices
	for _, n := range []int{room, uses} {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// sortPairs checks that the pairs are of the part, the right way round.
func (k *keyMaker) sortPairs() bool {
	choices, targets := map[string]bool{}, map[string]bool{}
	for _, c := range k.part.Choices {
		choices[c.ChoiceID] = true
	}
	for _, t := range k.part.Targets {
		targets[t.TargetID] = true
	}
	if k.part.Kind == event.Association {
		targets = choices
	}
	for i := range k.part.Pairs {
		pair := &k.part.Pairs[i]
		if !choices[pair.ChoiceID] || !targets[pair.TargetID] {
			return false
		}
	}
	return true
}

// entryPoints are what the entries of a mapping earn alone, within its bounds;
// false if what is not mapped earns something.
func (k *keyMaker) entryPoints(m *mapping) (values []*big.Rat, ok bool) {
	if m.otherwise.Sign() != 0 {
		return nil, false
	}
	for _, e := range m.entries {
		values = append(values, within(e.points, m.lower, m.upper))
	}
	return values, k.bounds(values, 1, m.lower, m.upper)
}

func (k *keyMaker) mappedTexts(m *mapping) bool {
	values, ok := k.entryPoints(m)
	if !ok {
		return false
	}
	for i, e := range m.entries {
		s, ok := k.credit(values[i])
		if !ok || strings.TrimSpace(e.key) == "" {
			return false
		}
		way := event.MatchExact
		if e.fold {
			way = event.MatchFold
		}
		k.part.Texts = append(k.part.Texts, event.TextKeyV1{Match: way, Pattern: e.key, Credit: s})
	}
	return true
}

func (k *keyMaker) mappedNumbers(m *mapping) bool {
	values, ok := k.entryPoints(m)
	if !ok {
		return false
	}
	for i, e := range m.entries {
		s, ok := k.credit(values[i])
		if _, isNumber := rational(e.key); !ok || !isNumber {
			return false
		}
		k.part.Numbers = append(k.part.Numbers, event.NumberKeyV1{Value: e.key, Tolerance: "0", Credit: s})
	}
	k.wholeNumbers()
	return true
}

func (k *keyMaker) mappedAreas(m *areaMapping) bool {
	var values []*big.Rat
	for _, e := range m.entries {
		values = append(values, e.points)
	}
	if k.part.Kind != event.Point || len(values) == 0 || !k.bounds(values, max(k.part.MaxChoices, 1), m.lower, m.upper) {
		return false
	}
	for _, e := range m.entries {
		s, ok := k.credit(e.points)
		area, exact := exactArea(e.node)
		if !ok || !exact {
			return false
		}
		k.part.Areas = append(k.part.Areas, event.AreaKeyV1{Area: area, Credit: s})
	}
	return true
}

// chained makes the key of conditions.
func (k *keyMaker) chained() bool {
	best, least := new(big.Rat), new(big.Rat)
	for _, a := range k.term.arms {
		if a.points.Cmp(best) > 0 {
			best = a.points
		}
		if a.points.Cmp(least) < 0 {
			least = a.points
		}
		if a.when == nil && a.points.Sign() != 0 {
			return false // no response would earn that too
		}
	}
	k.best, k.least = best, least
	if best.Sign() <= 0 {
		return false
	}
	low, ok := orDefault(new(big.Rat).Quo(least, best), "0")
	if !ok {
		return false
	}
	k.part.LowBound = low
	switch {
	case isSingle(k.part.Kind):
		return k.chainedChoices()
	case k.part.Kind == event.Numerical, k.part.Kind == event.Slider:
		return k.p.decl.cardinality == "single" && k.chainedNumbers()
	case k.part.Kind == event.Text:
		return k.p.decl.cardinality == "single" && k.p.decl.base == "string" && k.chainedTexts()
	}
	return k.allOrNothing()
}

// earned is what the chain gives a response.
func (k *keyMaker) earned(c candidate) (*big.Rat, bool) {
	for _, a := range k.term.arms {
		holds, ok := c.holds(a.when)
		switch {
		case !ok:
			return nil, false
		case holds == yes:
			return a.points, true
		}
	}
	return new(big.Rat), true
}

// chainedChoices tries the chain on every choice, and on none.
func (k *keyMaker) chainedChoices() bool {
	c := candidate{response: k.p.PartID, correct: k.p.decl.correct}
	if none, ok := k.earned(c); !ok || none.Sign() != 0 {
		return false
	}
	if len(c.correct) > 1 && k.p.decl.cardinality == "single" {
		return false // what the correct one is, is a matter of interpretation
	}
	k.part.Choices = slices.Clone(k.part.Choices)
	reached := false // the best can be earned
	for i := range k.part.Choices {
		c.values = []string{k.part.Choices[i].ChoiceID}
		points, ok := k.earned(c)
		if !ok {
			return false
		}
		if k.part.Choices[i].Credit, ok = k.credit(points); !ok {
			return false
		}
		reached = reached || points.Cmp(k.best) == 0
	}
	return reached
}

// allOrNothing recognises a chain that asks for the correct response, and for
// nothing else.
func (k *keyMaker) allOrNothing() bool {
	if len(k.term.arms) == 0 || len(k.term.arms) > 2 || k.term.arms[0].points.Sign() <= 0 {
		return false
	}
	for _, a := range k.term.arms[1:] {
		if a.when != nil || a.points.Sign() != 0 {
			return false
		}
	}
	if ordered := k.p.decl.cardinality == "ordered"; ordered != (k.part.Kind == event.Ordering) ||
		!ordered && k.p.decl.cardinality != "multiple" && k.p.decl.cardinality != "single" {
		return false
	}
	if when := k.term.arms[0].when; k.part.Kind == event.Ordering && when != nil && when.is("qti-or") {
		return k.severalOrders(when)
	}
	correct, ok := k.asksFor(k.term.arms[0].when)
	if !ok && isSet(k.part.Kind) {
		correct, ok = k.onlySet()
	}
	if !ok || len(correct) == 0 {
		return false
	}
	switch {
	case isSet(k.part.Kind):
		k.part.Choices = slices.Clone(k.part.Choices)
		for i := range k.part.Choices {
			k.part.Choices[i].Credit = "0"
			if slices.Contains(correct, k.part.Choices[i].ChoiceID) {
				k.part.Choices[i].Credit = "1"
			}
		}
		return len(slices.Compact(slices.Sorted(slices.Values(correct)))) == len(correct) && k.known(correct)
	case isPairs(k.part.Kind):
		for _, pair := range correct {
			a, b, found := strings.Cut(pair, " ")
			if !found {
				return false
			}
			k.part.Pairs = append(k.part.Pairs, event.PairKeyV1{ChoiceID: a, TargetID: b, Credit: "1"})
		}
		return k.sortPairs()
	case k.part.Kind == event.Ordering:
		k.part.Orders = [][]string{correct}
		return k.known(correct)
	}
	return false
}

// onlySet tries the chain on every set of choices, and on none. It returns the one
// that earns anything.
func (k *keyMaker) onlySet() ([]string, bool) {
	const most = 10
	if len(k.part.Choices) > most || k.p.decl.cardinality != "multiple" {
		return nil, false
	}
	var only []string
	for set := range 1 << len(k.part.Choices) {
		c := candidate{response: k.p.PartID, correct: k.p.decl.correct}
		for i := range k.part.Choices {
			if set>>i&1 == 1 {
				c.values = append(c.values, k.part.Choices[i].ChoiceID)
			}
		}
		points, ok := k.earned(c)
		switch {
		case !ok:
			return nil, false
		case points.Sign() == 0:
		case only != nil || set == 0:
			return nil, false
		default:
			only = c.values
		}
	}
	return only, only != nil
}

// severalOrders recognises a chain that asks for one of several orders.
func (k *keyMaker) severalOrders(n *node) bool {
	for _, c := range n.elements() {
		order, ok := k.asksFor(c)
		if !ok || len(order) == 0 || !k.known(order) {
			return false
		}
		k.part.Orders = append(k.part.Orders, order)
	}
	return len(k.part.Orders) > 0
}

// known reports whether all values are choices of the part.
func (k *keyMaker) known(values []string) bool {
	for _, v := range values {
		if !slices.ContainsFunc(k.part.Choices, func(c event.ChoiceV1) bool { return c.ChoiceID == v }) {
			return false
		}
	}
	return true
}

// asksFor is the value that a condition demands of the whole response.
func (k *keyMaker) asksFor(n *node) ([]string, bool) {
	if n == nil || !n.is("qti-match") || len(n.elements()) != 2 {
		return nil, false
	}
	a, b := n.elements()[0], n.elements()[1]
	if b.is("qti-variable") {
		a, b = b, a
	}
	if !a.is("qti-variable") || a.get("identifier") != k.p.PartID {
		return nil, false
	}
	d := k.p.decl
	switch {
	case b.is("qti-correct") && b.get("identifier") == k.p.PartID:
		return d.correct, d.cardinality != "single" || len(d.correct) == 1
	case b.is("qti-base-value") && d.cardinality == "single":
		return []string{normalValue(b.content(), d.base)}, true
	case b.is("qti-ordered") && d.cardinality == "ordered", b.is("qti-multiple") && d.cardinality == "multiple":
		var out []string
		for _, v := range b.elements() {
			if !v.is("qti-base-value") {
				return nil, false
			}
			out = append(out, normalValue(v.content(), d.base))
		}
		return out, true
	}
	return nil, false
}

// chainedTexts makes rules of conditions about a text.
func (k *keyMaker) chainedTexts() bool {
	for _, a := range k.term.arms {
		if a.when == nil {
			continue
		}
		credit, ok := k.credit(a.points)
		if !ok {
			return false
		}
		rules, ok := k.textRules(a.when)
		if !ok {
			return false
		}
		for _, r := range rules {
			r.Credit = credit
			k.part.Texts = append(k.part.Texts, r)
		}
	}
	return len(k.part.Texts) > 0
}

func (k *keyMaker) textRules(n *node) ([]event.TextKeyV1, bool) {
	kids := n.elements()
	switch n.name {
	case "qti-or":
		var out []event.TextKeyV1
		for _, c := range kids {
			rules, ok := k.textRules(c)
			if !ok {
				return nil, false
			}
			out = append(out, rules...)
		}
		return out, len(out) > 0
	case "qti-match":
		values, ok := k.asksFor(n)
		if !ok || len(values) != 1 || values[0] == "" {
			return nil, false
		}
		return []event.TextKeyV1{{Match: event.MatchExact, Pattern: values[0]}}, true
	case "qti-string-match":
		return k.stringMatch(n, kids)
	case "qti-pattern-match":
		return k.patternMatch(n, kids)
	}
	return nil, false
}

func (k *keyMaker) stringMatch(n *node, kids []*node) ([]event.TextKeyV1, bool) {
	if len(kids) != 2 || n.isTrue("substring") {
		return nil, false
	}
	a, b := kids[0], kids[1]
	if b.is("qti-variable") {
		a, b = b, a
	}
	if !a.is("qti-variable") || a.get("identifier") != k.p.PartID {
		return nil, false
	}
	text := ""
	switch {
	case b.is("qti-base-value"):
		text = strings.TrimSpace(b.content())
	case b.is("qti-correct") && len(k.p.decl.correct) == 1:
		text = k.p.decl.correct[0]
	}
	way := event.MatchFold
	if v, stated := n.attr("case-sensitive"); !stated || n.isTrue("case-sensitive") || v == "" {
		way = event.MatchExact
	}
	return []event.TextKeyV1{{Match: way, Pattern: text}}, text != ""
}

// patternMatch takes expressions that mean the same in XML Schema's language and
// in ours.
func (k *keyMaker) patternMatch(n *node, kids []*node) ([]event.TextKeyV1, bool) {
	pattern := n.get("pattern")
	if len(kids) != 1 || !kids[0].is("qti-variable") || kids[0].get("identifier") != k.p.PartID || !commonPattern(pattern) {
		return nil, false
	}
	return []event.TextKeyV1{{Match: event.MatchRegexp, Pattern: pattern}}, true
}

// commonPattern refuses what only one of the two languages has, or has
// otherwise.
func commonPattern(pattern string) bool {
	pattern = strings.TrimPrefix(pattern, "(?i)")
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	if pattern == "" || strings.ContainsAny(pattern, "^$") || strings.Contains(pattern, "(?") || strings.Contains(pattern, "-[") ||
		strings.Contains(pattern, "[[:") || strings.Contains(pattern, "??") || strings.Contains(pattern, "*?") || strings.Contains(pattern, "+?") || strings.Contains(pattern, "}?") {
		return false
	}
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if i++; i == len(pattern) || !strings.ContainsRune(`.\-+*?()[]{}|d`, rune(pattern[i])) {
			return false
		}
	}
	_, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil
}

// chainedNumbers makes keys of conditions about a number.
func (k *keyMaker) chainedNumbers() bool {
	for _, a := range k.term.arms {
		if a.when == nil {
			continue
		}
		credit, ok := k.credit(a.points)
		if !ok {
			return false
		}
		keys, ok := k.numberKeys(a.when)
		if !ok {
			return false
		}
		for _, key := range keys {
			key.Credit = credit
			k.part.Numbers = append(k.part.Numbers, key)
		}
	}
	k.wholeNumbers()
	return len(k.part.Numbers) > 0
}

// wholeNumbers has a response of the type integer be written as one: others are
// none.
func (k *keyMaker) wholeNumbers() {
	if k.p.decl.base != "integer" || k.part.Kind != event.Numerical {
		return
	}
	for i := range k.part.Numbers {
		k.part.Numbers[i].Decimals = new(int)
	}
}

func (k *keyMaker) numberKeys(n *node) ([]event.NumberKeyV1, bool) {
	switch n.name {
	case "qti-or":
		var out []event.NumberKeyV1
		for _, c := range n.elements() {
			keys, ok := k.numberKeys(c)
			if !ok {
				return nil, false
			}
			out = append(out, keys...)
		}
		return out, len(out) > 0
	case "qti-match":
		v, ok := k.asksFor(n)
		if !ok || len(v) != 1 {
			return nil, false
		}
		_, isNumber := rational(v[0])
		return []event.NumberKeyV1{{Value: v[0], Tolerance: "0"}}, isNumber
	case "qti-equal":
		key, ok := k.equal(n)
		return []event.NumberKeyV1{key}, ok
	case "qti-and", "qti-gt", "qti-gte", "qti-lt", "qti-lte":
		key := event.NumberKeyV1{}
		conditions := []*node{n}
		if n.is("qti-and") {
			conditions = n.elements()
		}
		for _, c := range conditions {
			if !k.limit(c, &key) {
				return nil, false
			}
		}
		return []event.NumberKeyV1{key}, true
	}
	return nil, false
}

// limit takes a comparison of the response with a number for one end of a range.
func (k *keyMaker) limit(n *node, key *event.NumberKeyV1) bool {
	kids := n.elements()
	if len(kids) != 2 || !n.is("qti-gt", "qti-gte", "qti-lt", "qti-lte") {
		return false
	}
	open, above := n.is("qti-gt", "qti-lt"), n.is("qti-gt", "qti-gte")
	value, ok := k.compared(kids[0], kids[1])
	if !ok {
		if value, ok = k.compared(kids[1], kids[0]); !ok {
			return false
		}
		above = !above
	}
	switch {
	case above && key.Low == "":
		key.Low, key.LowOpen = value, open
	case !above && key.High == "":
		key.High, key.HighOpen = value, open
	default:
		return false
	}
	return true
}

// compared is the numeral that the response is compared with.
func (k *keyMaker) compared(a, b *node) (string, bool) {
	if !a.is("qti-variable") || a.get("identifier") != k.p.PartID {
		return "", false
	}
	text := ""
	switch {
	case b.is("qti-base-value"):
		text = strings.TrimSpace(b.content())
	case b.is("qti-correct") && b.get("identifier") == k.p.PartID && len(k.p.decl.correct) == 1:
		text = k.p.decl.correct[0]
	}
	_, ok := rational(text)
	return text, ok
}

// equal takes a comparison with a tolerance.
func (k *keyMaker) equal(n *node) (event.NumberKeyV1, bool) {
	kids := n.elements()
	if len(kids) != 2 {
		return event.NumberKeyV1{}, false
	}
	value, ok := k.compared(kids[0], kids[1])
	if !ok {
		if value, ok = k.compared(kids[1], kids[0]); !ok {
			return event.NumberKeyV1{}, false
		}
	}
	mode := n.get("tolerance-mode")
	if mode == "" || mode == "exact" {
		return event.NumberKeyV1{Value: value, Tolerance: "0"}, true
	}
	widths := strings.Fields(n.get("tolerance"))
	if len(widths) == 0 || len(widths) > 2 {
		return event.NumberKeyV1{}, false
	}
	below, ok := rational(widths[0])
	above, okAbove := rational(widths[len(widths)-1])
	if !ok || !okAbove || below.Sign() < 0 || above.Sign() < 0 {
		return event.NumberKeyV1{}, false
	}
	lowOpen, highOpen := isFalse(n, "include-lower-bound"), isFalse(n, "include-upper-bound")
	if below.Cmp(above) == 0 && !lowOpen && !highOpen {
		unit := map[string]string{"absolute": "", "relative": "%"}
		suffix, known := unit[mode]
		return event.NumberKeyV1{Value: value, Tolerance: widths[0] + suffix}, known
	}
	if mode != "absolute" {
		return event.NumberKeyV1{}, false
	}
	v, _ := rational(value)
	low, okLow := decimal(new(big.Rat).Sub(v, below))
	high, okHigh := decimal(new(big.Rat).Add(v, above))
	return event.NumberKeyV1{Low: low, High: high, LowOpen: lowOpen, HighOpen: highOpen}, okLow && okHigh
}

func isFalse(n *node, name string) bool {
	v := strings.ToLower(n.get(name))
	return v == "false" || v == "0"
}
