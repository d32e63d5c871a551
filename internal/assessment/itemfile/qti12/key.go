package qti12

import (
	"math/big"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// key fills in what earns credit in a part, by what the list of conditions gives
// for responses to it.
func (q *question) key(s *slot, worth func(answers) *rational) error {
	switch s.part.Kind {
	case event.SingleChoice, event.TrueFalse, event.Dropdown:
		return q.singleKey(s, worth)
	case event.MultipleChoice:
		return q.multipleKey(s, worth)
	case event.Hotspot:
		if s.responses[0].multiple {
			return q.multipleKey(s, worth)
		}
		return q.singleKey(s, worth)
	case event.Ordering:
		return q.orderKey(s, worth)
	case event.Matching:
		return q.matchingKey(s, worth)
	case event.Text:
		if s.responses[0].kind == choiceResponse {
			return q.blankKey(s, worth)
		}
		return q.textKey(s, worth)
	case event.Numerical, event.Slider:
		return q.numberKey(s, worth)
	case event.Point:
		return q.pointKey(s, worth)
	}
	return nil // people mark it
}

// credit is a share of the best, as a decimal.
func credit(earned, best *rational) string {
	if earned.Sign() == 0 || best == nil || best.Sign() <= 0 {
		return "0"
	}
	return decimal(new(big.Rat).Quo(earned, best))
}

// note keeps the best response of a slot.
func (s *slot) note(given answers, earned *rational) {
	if earned.Sign() > 0 && (s.best == nil || earned.Cmp(s.best) > 0) {
		s.best, s.full = earned, given
	}
}

func float(n *rational) float64 {
	f, _ := n.Float64()
	return f
}

func (q *question) singleKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	earned := make([]*rational, len(p.Choices))
	given := make([]answers, len(p.Choices))
	for _, l := range r.labels {
		i := s.choice(r, l.ident)
		if i < 0 || earned[i] != nil {
			continue
		}
		given[i] = answers{r: {ids: []string{l.ident}}}
		earned[i] = worth(given[i])
		s.note(given[i], earned[i])
	}
	for i := range p.Choices {
		choice := &p.Choices[i]
		choice.Credit = credit(earned[i], s.best)
		s.atoms = append(s.atoms, atom{
			given: given[i], names: given[i][r].ids[0], credit: share(earned[i], s.best),
			say: func(html string) { choice.FeedbackHTML += html },
		})
	}
	return nil
}

func share(earned, best *rational) float64 {
	if best == nil || best.Sign() <= 0 {
		return 0
	}
	return float(earned) / float(best)
}

// choice is the position of the choice that an identifier of the source became,
// or -1.
func (s *slot) choice(r *response, ident string) int {
	id, ok := s.ids[r][ident]
	if !ok {
		return -1
	}
	return slices.IndexFunc(s.part.Choices, func(c event.ChoiceV1) bool { return c.ChoiceID == id })
}

// multipleKey finds the rule by which sets of choices earn credit.
func (q *question) multipleKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	idents := make([]string, len(p.Choices))
	for _, l := range r.labels {
		if i := s.choice(r, l.ident); i >= 0 && idents[i] == "" {
			idents[i] = l.ident
		}
	}
	set := newSubsets(r, idents, worth)
	if rule, ok := set.plain(q.rules); ok && len(q.slots) == 1 {
		p.Credit = rule
	} else if rule, ok = q.asked(set, r, idents); ok {
		p.Credit = rule
	} else {
		return errNoKey
	}
	s.best, s.full = set.best, set.given(set.right)
	for i := range p.Choices {
		choice := &p.Choices[i]
		choice.Credit = set.credits[i]
		only := make([]bool, len(idents))
		only[i] = true
		s.atoms = append(s.atoms, atom{
			given: set.given(only), names: idents[i], credit: share(set.value(only), set.best),
			say: func(html string) { choice.FeedbackHTML += html },
		})
	}
	if p.MaxChoices > 0 {
		right := 0
		for _, in := range set.right {
			if in {
				right++
			}
		}
		if right > p.MaxChoices {
			p.MaxChoices = 0
		}
	}
	if p.Credit == event.AllOrNothing && q.typeName() == "multiple_answers" && set.best != nil {
		q.lose(info, "partial credit", "the file gives full credit for exactly the right choices and no other; Canvas itself gives a share for each")
	}
	return nil
}

// asked finds the rule by the scores of sets.
func (q *question) asked(set *subsets, r *response, idents []string) (event.PartialCredit, bool) {
	set.ask()
	switch {
	case set.allOrNothing(q.positive(r, idents)):
		return event.AllOrNothing, true
	case set.sum():
		return event.SumOfCredits, true
	case set.everyChoice():
		return event.EveryChoice, true
	}
	return "", false
}

// positive are the sets of choices that conditions ask for, without a negation.
func (q *question) positive(r *response, idents []string) [][]bool {
	var sets [][]bool
	for _, rule := range q.rules.rules {
		if len(rule.set) == 0 {
			continue
		}
		set, named := make([]bool, len(idents)), false
		rule.when.walk(func(c *condition, negated bool) {
			if c.on != r || negated {
				return
			}
			for _, id := range append([]string{c.value}, c.values...) {
				if i := slices.Index(idents, id); i >= 0 {
					set[i], named = true, true
				}
			}
		})
		if named {
			sets = append(sets, set)
		}
	}
	return sets
}

// orderKey takes the orders that conditions ask for.
func (q *question) orderKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	if err := q.orderByPlace(s, worth); err == nil {
		return nil
	}
	var sequences [][]string
	for _, rule := range q.rules.rules {
		if len(rule.set) == 0 {
			continue
		}
		bad := false
		rule.when.walk(func(c *condition, negated bool) {
			switch {
			case c.on != r:
			case c.op == opSequence && !negated:
				sequences = append(sequences, c.values)
			default:
				bad = true
			}
		})
		if bad {
			return errNoKey
		}
	}
	if len(sequences) > 100 {
		return errNoKey
	}
	earned := make([]*rational, len(sequences))
	for i, sequence := range sequences {
		given := answers{r: {ids: sequence}}
		earned[i] = worth(given)
		s.note(given, earned[i])
	}
	for i, sequence := range sequences {
		var order []string
		for _, ident := range sequence {
			id, ok := s.ids[r][ident]
			if !ok {
				return errNoKey
			}
			order = append(order, id)
		}
		switch {
		case earned[i].Sign() == 0 || s.best == nil:
		case earned[i].Cmp(s.best) != 0:
			return errNoKey
		default:
			p.Orders = append(p.Orders, order)
			if len(order) < len(p.Choices) {
				p.MaxChoices = len(order)
			}
		}
	}
	return nil
}

// orderByPlace is about a list that adds the same for each choice in its place.
func (q *question) orderByPlace(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	order := make([]string, len(p.Choices))
	var each *rational
	for _, rule := range q.rules.rules {
		if len(rule.set) == 0 {
			continue
		}
		c := rule.when
		for (c.op == opAll || c.op == opAny) && len(c.kids) == 1 {
			c = c.kids[0]
		}
		if c.op != opEqual || c.on != r || c.index < 1 || c.index > len(order) || order[c.index-1] != "" ||
			len(rule.set) != 1 || rule.set[0].action != "add" || each != nil && !near(rule.set[0].value, each) {
			return errNoKey
		}
		each = rule.set[0].value
		order[c.index-1] = c.value
	}
	if len(order) == 0 || slices.Contains(order, "") {
		return errNoKey
	}
	given := answers{r: {ids: order}}
	s.note(given, worth(given))
	var ids []string
	for _, ident := range order {
		id, ok := s.ids[r][ident]
		if !ok {
			return errNoKey
		}
		ids = append(ids, id)
	}
	p.Orders, p.Credit = [][]string{ids}, event.EveryPlace
	return nil
}

// matchingKey finds the credits of pairs.
func (q *question) matchingKey(s *slot, worth func(answers) *rational) error {
	if !q.rules.scores() && (len(q.shown.rights) > 0 || q.meta.get("bbmd_questiontype") != "") {
		return q.matchingWithoutScores(s)
	}
	if err := q.matchingAll(s, worth); err == nil {
		return nil
	}
	if !q.byStatement(s) {
		return errNoKey
	}
	p := &s.part
	pairs, total, equal := q.pairs(s, worth)
	p.Credit = event.SumOfCredits
	if equal {
		p.Credit = event.EveryPair
	}
	if total.Sign() > 0 {
		s.best = total
	}
	for _, pr := range pairs {
		value := credit(pr.earned, s.best)
		if equal && pr.earned.Sign() > 0 {
			value = "1"
		}
		q.pair(s, pr.r, pr.ident, value, share(pr.earned, s.best))
	}
	if !equal {
		evenOut(p)
	}
	return nil
}

// earningPair is an answer to a statement, with what it earns.
type earningPair struct {
	r      *response
	ident  string
	earned *rational
}

// pairs asks what each answer to each statement earns. equal says that each
// statement has one answer that earns something, and all earn the same.
func (q *question) pairs(s *slot, worth func(answers) *rational) (pairs []earningPair, total *rational, equal bool) {
	total, equal = new(big.Rat), true
	s.full = answers{}
	var first *rational
	for _, r := range s.responses {
		best := new(big.Rat)
		earning := 0
		for _, l := range r.labels {
			earned := worth(answers{r: {ids: []string{l.ident}}})
			pairs = append(pairs, earningPair{r, l.ident, earned})
			if earned.Sign() != 0 {
				earning++
			}
			if earned.Cmp(best) > 0 {
				best = earned
				s.full[r] = answer{ids: []string{l.ident}}
			}
		}
		if first == nil {
			first = best
		}
		equal = equal && earning == 1 && best.Sign() > 0 && near(best, first)
		total.Add(total, best)
	}
	if total.Sign() <= 0 {
		s.full = nil
	}
	return pairs, total, equal
}

// pair adds a pair to the key if it earns something, and remembers it for its
// feedback in any case.
func (q *question) pair(s *slot, r *response, ident, value string, earned float64) {
	p := &s.part
	key := event.PairKeyV1{ChoiceID: s.ids[r][ident], TargetID: s.targets[r], Credit: value}
	at := -1
	if value != "0" {
		at = len(p.Pairs)
		p.Pairs = append(p.Pairs, key)
	}
	s.atoms = append(s.atoms, atom{
		given: answers{r: {ids: []string{ident}}}, names: ident, credit: earned,
		say: func(html string) {
			if at < 0 {
				if len(p.Pairs) >= 1000 {
					return
				}
				at = len(p.Pairs)
				p.Pairs = append(p.Pairs, key)
			}
			p.Pairs[at].FeedbackHTML += html
		},
	})
}

// byStatement reports whether each condition asks about one statement and adds.
func (q *question) byStatement(s *slot) bool {
	for i, rule := range q.rules.rules {
		if rule.stops && i < len(q.rules.rules)-1 {
			return false
		}
		if len(rule.set) == 0 {
			continue
		}
		if len(rule.when.concerns()) != 1 {
			return false
		}
		for _, a := range rule.set {
			if a.action != "add" && a.action != "subtract" {
				return false
			}
		}
		plain := true
		rule.when.walk(func(c *condition, _ bool) {
			switch {
			case c.op != opAll && c.op != opAny && c.op != opEqual:
				plain = false
			case c.op == opAll && len(c.kids) > 1 && rule.when.concerns()[0].multiple:
				plain = false // it depends on what else is put there
			}
		})
		if !plain {
			return false
		}
	}
	return true
}

// matchingAll is about a list with one condition, which asks for all pairs.
func (q *question) matchingAll(s *slot, worth func(answers) *rational) error {
	full := answers{}
	lists := 0
	for _, rule := range q.rules.rules {
		if len(rule.set) == 0 || rule.when.isOther() {
			continue
		}
		lists++
		rule.when.walk(func(c *condition, negated bool) {
			if c.op == opEqual && !negated && slices.Contains(s.responses, c.on) && !c.on.multiple {
				if _, twice := full[c.on]; !twice {
					full[c.on] = answer{ids: []string{c.value}}
				}
			}
		})
	}
	if lists != 1 || len(full) < 2 || len(full) != len(s.responses) {
		return errNoKey
	}
	best := worth(full)
	if best.Sign() <= 0 {
		return errNoKey
	}
	for r, given := range full {
		less := answers{}
		for other, a := range full {
			if other != r {
				less[other] = a
			}
		}
		if worth(less).Sign() != 0 || worth(answers{r: given}).Sign() != 0 {
			return errNoKey
		}
		for _, l := range r.labels {
			if l.ident != given.ids[0] {
				less[r] = answer{ids: []string{l.ident}}
				if worth(less).Sign() != 0 {
					return errNoKey
				}
			}
		}
	}
	s.best, s.full = best, full
	s.part.Credit = event.AllOrNothing
	for _, r := range s.responses {
		for _, l := range r.labels {
			value := "0"
			if l.ident == full[r].ids[0] {
				value = "1"
			}
			q.pair(s, r, l.ident, value, 0)
		}
	}
	return nil
}

// matchingWithoutScores is about Blackboard, whose lists name the right pairs
// and leave the points to the program.
func (q *question) matchingWithoutScores(s *slot) error {
	right := map[*response]string{}
	for _, rule := range q.rules.rules {
		rule.when.walk(func(c *condition, negated bool) {
			if c.op == opEqual && !negated {
				right[c.on] = c.value
			}
		})
	}
	s.part.Credit = event.EveryPair
	if strings.EqualFold(q.meta.get("bbmd_partialcredit"), "false") {
		s.part.Credit = event.AllOrNothing
	}
	s.full = answers{}
	for _, r := range s.responses {
		for _, l := range r.labels {
			value := "0"
			if right[r] == l.ident {
				value = "1"
				s.full[r] = answer{ids: []string{l.ident}}
				s.best = big.NewRat(1, 1)
			}
			q.pair(s, r, l.ident, value, 0)
		}
	}
	return nil
}

// evenOut makes the credits of the right pairs add up to exactly one.
func evenOut(p *event.PartV1) {
	seen := map[string]*rational{}
	last := map[string]int{}
	sum := new(big.Rat)
	for i, pair := range p.Pairs {
		c := parseNumber(pair.Credit)
		if c == nil || c.Sign() <= 0 {
			continue
		}
		if best := seen[pair.TargetID]; best == nil || c.Cmp(best) > 0 {
			seen[pair.TargetID], last[pair.TargetID] = c, i
		}
	}
	at := -1
	for target, c := range seen {
		sum.Add(sum, c)
		at = max(at, last[target])
	}
	if at >= 0 {
		p.Pairs[at].Credit = rounded(p.Pairs[at].Credit, sum)
	}
}

// rounded adds to a credit what is missing to a sum of one by rounding.
func rounded(value string, sum *rational) string {
	rest := new(big.Rat).Sub(big.NewRat(1, 1), sum)
	if d := new(big.Rat).Abs(rest); d.Cmp(big.NewRat(1, 1_000_000)) > 0 {
		return value
	}
	return decimal(rest.Add(rest, parseNumber(value)))
}
