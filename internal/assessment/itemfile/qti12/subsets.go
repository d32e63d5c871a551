package qti12

import (
	"math/big"
	"slices"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// subsets finds out by which rule sets of choices earn credit: it asks the list
// of conditions for the scores of sets, of all of them if there are few choices,
// else of enough to tell the rules apart.
type subsets struct {
	on      *response
	idents  []string
	worth   func(answers) *rational
	probes  [][]bool
	values  []*rational
	empty   *rational
	best    *rational // nil if no set earns anything
	right   []bool
	credits []string
}

const exhaustive = 8 // choices

func newSubsets(on *response, idents []string, worth func(answers) *rational) *subsets {
	s := &subsets{on: on, idents: idents, worth: worth, right: make([]bool, len(idents)), credits: make([]string, len(idents))}
	for i := range s.credits {
		s.credits[i] = "0"
	}
	return s
}

// literals are what a condition asks of each choice, if it asks for some to be
// made and some to be left and for nothing else.
func (s *subsets) literals(c *condition) (made, left []bool, ok bool) {
	made, left = make([]bool, len(s.idents)), make([]bool, len(s.idents))
	ok = true
	var visit func(c *condition, negated bool)
	visit = func(c *condition, negated bool) {
		at := -1
		if c.op == opEqual && c.on == s.on {
			at = slices.Index(s.idents, c.value)
		}
		switch {
		case at >= 0 && negated:
			left[at] = true
		case at >= 0:
			made[at] = true
		case c.op == opNot && !negated:
			visit(c.kids[0], true)
		case (c.op == opAll || c.op == opAny) && len(c.kids) == 1, c.op == opAll && !negated:
			for _, k := range c.kids {
				visit(k, negated)
			}
		default:
			ok = false
		}
	}
	visit(c, false)
	return made, left, ok
}

// plain reads the two rules that nearly all files follow off the conditions
// themselves: one condition about every choice, and a condition for each choice.
func (s *subsets) plain(list *ruleList) (event.PartialCredit, bool) {
	if list.start.Sign() != 0 {
		return "", false
	}
	var scoring []*rule
	for i := range list.rules {
		r := &list.rules[i]
		goesOn := !r.stops || i == len(list.rules)-1
		if zero := !slices.ContainsFunc(r.set, func(a assignment) bool { return a.value.Sign() != 0 }); goesOn && (len(r.set) == 0 || zero && r.when.isOther()) {
			continue
		}
		scoring = append(scoring, r)
	}
	if len(scoring) == 1 {
		made, left, ok := s.literals(scoring[0].when)
		for i := range made {
			ok = ok && made[i] != left[i]
		}
		if a := scoring[0].set; ok && len(a) == 1 && (a[0].action == "set" || a[0].action == "add") && a[0].value.Sign() > 0 {
			s.best, s.right = a[0].value, made
			for i, in := range made {
				if in {
					s.credits[i] = "1"
				}
			}
			return event.AllOrNothing, true
		}
	}
	each := make([]*rational, len(s.idents))
	for i := range each {
		each[i] = new(big.Rat)
	}
	for _, r := range scoring {
		made, left, ok := s.literals(r.when)
		at := slices.Index(made, true)
		if !ok || at < 0 || slices.Contains(left, true) || slices.Contains(made[at+1:], true) || r.stops || len(r.set) != 1 || r.set[0].action != "add" {
			return "", false
		}
		each[at].Add(each[at], r.set[0].value)
	}
	return event.SumOfCredits, s.adopt(each)
}

// ask asks for the scores of sets.
func (s *subsets) ask() {
	s.choose()
	for _, probe := range s.probes {
		v := s.value(probe)
		s.values = append(s.values, v)
		if v.Sign() > 0 && (s.best == nil || v.Cmp(s.best) > 0) {
			s.best, s.right = v, probe
		}
	}
	s.empty = s.value(make([]bool, len(s.idents)))
}

// choose makes the sets that are asked for.
func (s *subsets) choose() {
	n := len(s.idents)
	if n <= exhaustive {
		for bits := range 1 << n {
			set := make([]bool, n)
			for i := range n {
				set[i] = bits>>i&1 == 1
			}
			s.probes = append(s.probes, set)
		}
		return
	}
	add := func(in func(i int) bool) {
		set := make([]bool, n)
		for i := range set {
			set[i] = in(i)
		}
		s.probes = append(s.probes, set)
	}
	add(func(int) bool { return false })
	add(func(int) bool { return true })
	for k := range n {
		add(func(i int) bool { return i == k })
		add(func(i int) bool { return i != k })
		add(func(i int) bool { return i <= k })
	}
	// The same sets every time: a generator with a fixed seed.
	state := uint64(0x9E3779B97F4A7C15)
	for range 300 {
		add(func(int) bool {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			return state&1 == 1
		})
	}
}

func (s *subsets) given(set []bool) answers {
	var ids []string
	for i, in := range set {
		if in {
			ids = append(ids, s.idents[i])
		}
	}
	if len(ids) == 0 {
		return answers{}
	}
	return answers{s.on: {ids: ids}}
}

func (s *subsets) value(set []bool) *rational { return s.worth(s.given(set)) }

// consider adds sets that conditions name, and those that differ from them by
// one choice.
func (s *subsets) consider(sets [][]bool) {
	if len(s.idents) <= exhaustive {
		return
	}
	for _, set := range sets[:min(len(sets), 50)] {
		tries := [][]bool{set}
		for i := range set {
			other := slices.Clone(set)
			other[i] = !other[i]
			tries = append(tries, other)
		}
		for _, try := range tries {
			v := s.value(try)
			s.probes, s.values = append(s.probes, try), append(s.values, v)
			if v.Sign() > 0 && (s.best == nil || v.Cmp(s.best) > 0) {
				s.best, s.right = v, try
			}
		}
	}
}

// allOrNothing reports whether exactly one set earns credit.
func (s *subsets) allOrNothing(named [][]bool) bool {
	s.consider(named)
	for i, probe := range s.probes {
		if same := slices.Equal(probe, s.right); !same && s.values[i].Sign() != 0 {
			return false
		}
	}
	for i, in := range s.right {
		if in && s.best != nil {
			s.credits[i] = "1"
		}
	}
	return true
}

// sum reports whether each choice earns its own credit.
func (s *subsets) sum() bool {
	if s.empty.Sign() != 0 || s.best == nil {
		return false
	}
	each := make([]*rational, len(s.idents))
	for i := range each {
		only := make([]bool, len(each))
		only[i] = true
		each[i] = s.value(only)
	}
	for i, probe := range s.probes {
		total := new(big.Rat)
		for k, in := range probe {
			if in {
				total.Add(total, each[k])
			}
		}
		if total.Cmp(s.values[i]) != 0 {
			return false
		}
	}
	return s.adopt(each)
}

// adopt makes the credits of what each choice earns. It returns false if none
// earns anything.
func (s *subsets) adopt(each []*rational) bool {
	best := new(big.Rat)
	last := -1
	for i, v := range each {
		s.right[i] = v.Sign() > 0
		if s.right[i] {
			best.Add(best, v)
			last = i
		}
	}
	if last < 0 {
		return false
	}
	s.best = best
	total := new(big.Rat)
	for i, v := range each {
		s.credits[i] = credit(v, best)
		if s.right[i] {
			total.Add(total, parseNumber(s.credits[i]))
		}
	}
	s.credits[last] = rounded(s.credits[last], total)
	return true
}

// everyChoice reports whether each choice that is rightly made or rightly left
// earns the same.
func (s *subsets) everyChoice() bool {
	if s.best == nil {
		return false
	}
	n := int64(len(s.idents))
	for i, probe := range s.probes {
		agreed := int64(0)
		for k := range probe {
			if probe[k] == s.right[k] {
				agreed++
			}
		}
		want := new(big.Rat).Mul(s.best, big.NewRat(agreed, n))
		if agreed == 0 && s.values[i].Sign() == 0 {
			continue
		}
		if !near(s.values[i], want) {
			return false
		}
	}
	for i, in := range s.right {
		if in {
			s.credits[i] = "1"
		}
	}
	return true
}
