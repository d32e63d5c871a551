package qti

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// Maximum is the greatest score that an item is thought to give.
type Maximum struct {
	Score exact.Number // above zero
	How   string       // how it was found, a sentence
}

// MaxScore estimates the value of SCORE that is the item's full weight; ok is
// false if nothing tells it. It looks at what the item says (the default of
// MAXSCORE, the normal maximum of SCORE), at what the table can give that SCORE
// is looked up in, at what a best response scores (the correct ones, or those
// that the mappings give the most for), and at what the rules give at most. What
// is scored counts if it is more than what is said, the table bounds both, and
// the bound of the rules is the last resort.
func (p *Program) MaxScore() (Maximum, bool) {
	said, ok := p.saidMaximum()
	if table, bounded := p.tableMaximum(); bounded && (!ok || table.Score.Cmp(said.Score) < 0) {
		return table, true
	}
	reached, scored := p.reachedMaximum()
	switch {
	case scored && ok && reached.Score.Cmp(said.Score) > 0:
		reached.How += fmt.Sprintf(", more than the %s that the item says", said.Score.Decimal(6))
		return reached, true
	case ok:
		return said, true
	case scored:
		return reached, true
	}
	if high := p.scoreBounds().high; high != nil && high.Sign() > 0 {
		return Maximum{*high, "the rules give at most " + high.Decimal(6)}, true
	}
	return Maximum{}, false
}

// MinScore is the least that the item can give where it says so or its rules tell
// so: the default of MINSCORE, the normal minimum of SCORE, or the bound of the
// rules. It is never above zero.
func (p *Program) MinScore() (n exact.Number, how string, ok bool) {
	if v := p.byName["MINSCORE"]; v != nil && v.kind == OutcomeVariable {
		if n, ok := v.initial.Number(); ok && n.Sign() <= 0 && !v.implicit {
			return n, "MINSCORE has the default " + n.Decimal(6), true
		}
	}
	if v := p.byName[score]; v != nil && v.minimum != nil && v.minimum.Sign() <= 0 {
		return *v.minimum, "SCORE has the normal minimum " + v.minimum.Decimal(6), true
	}
	if low := p.scoreBounds().low; low != nil {
		if low.Sign() > 0 {
			low = &exact.Number{}
		}
		return *low, "the rules give at least " + low.Decimal(6), true
	}
	return n, "", false
}

func (p *Program) saidMaximum() (Maximum, bool) {
	if v := p.byName[maxScore]; v != nil && v.kind == OutcomeVariable {
		if n, ok := v.initial.Number(); ok && n.Sign() > 0 {
			return Maximum{n, "MAXSCORE has the default " + n.Decimal(6)}, true
		}
	}
	if v := p.byName[score]; v != nil && v.maximum != nil && v.maximum.Sign() > 0 {
		return Maximum{*v.maximum, "SCORE has the normal maximum " + v.maximum.Decimal(6)}, true
	}
	return Maximum{}, false
}

// tableMaximum is the greatest value of the table that SCORE is looked up in, if
// nothing else sets SCORE.
func (p *Program) tableMaximum() (Maximum, bool) {
	v := p.byName[score]
	if v == nil || v.table == nil || !onlyLooksUp(p.response, v) {
		return Maximum{}, false
	}
	best, found := exact.Number{}, false
	for i := range v.table.entries {
		if n, ok := v.table.entries[i].target.Number(); ok && n.Cmp(best) > 0 {
			best, found = n, true
		}
	}
	return Maximum{best, "the table of SCORE gives at most " + best.Decimal(6)}, found
}

// onlyLooksUp reports whether some rule looks the variable up and none sets it
// otherwise.
func onlyLooksUp(rules []*rule, v *variable) bool {
	lookups, others := settings(rules, v)
	return lookups > 0 && others == 0
}

func settings(rules []*rule, v *variable) (lookups, others int) {
	for _, r := range rules {
		switch {
		case r.variable != v:
		case r.name == "lookup-outcome-value":
			lookups++
		default:
			others++
		}
		for _, b := range r.branches {
			l, o := settings(b.rules, v)
			lookups, others = lookups+l, others+o
		}
	}
	return lookups, others
}

// reachedMaximum scores the correct responses and the best of the mappings.
func (p *Program) reachedMaximum() (best Maximum, ok bool) {
	t, err := p.Draw(1)
	if err != nil {
		return best, false
	}
	correct, mapped := map[string]Value{}, map[string]Value{}
	for _, v := range p.variables {
		if v.kind != ResponseVariable || v.implicit {
			continue
		}
		if c := t.Correct(v.identifier); !c.IsNull() {
			if v.cardinality == Single {
				c = c.At(0) // the first of the alternatives
			}
			correct[v.identifier], mapped[v.identifier] = c, c
		}
		if m := bestMapped(v); !m.IsNull() {
			mapped[v.identifier] = m
		}
	}
	for _, try := range []struct {
		responses map[string]Value
		how       string
	}{{correct, "the correct responses score "}, {mapped, "the responses that the mappings give the most for score "}} {
		if len(try.responses) == 0 {
			continue
		}
		outcomes, _, err := p.Score(t, try.responses)
		n, scored := outcomes.Score()
		if err == nil && scored && n.Sign() > 0 && (!ok || n.Cmp(best.Score) > 0) {
			best, ok = Maximum{n, try.how + n.Decimal(6)}, true
		}
	}
	return best, ok
}

// bestMapped is the response that the mapping of a variable gives the most for.
func bestMapped(v *variable) Value {
	var values []Value
	var worth []exact.Number
	add := func(value Value, n exact.Number) {
		if n.Sign() > 0 && !value.IsNull() {
			values = append(values, value)
			worth = append(worth, n)
		}
	}
	switch {
	case v.mapping != nil:
		for _, e := range v.mapping.entries {
			if value, err := parseSingle(v.base, e.key); err == nil {
				add(value, e.value)
			}
		}
	case v.areas != nil:
		for i := range v.areas.areas {
			a := &v.areas.areas[i]
			if x, y, ok := a.area.within(); ok {
				add(Point(x, y), a.value)
			}
		}
	}
	if v.cardinality == Single {
		best := -1
		for i := range worth {
			if best < 0 || worth[i].Cmp(worth[best]) > 0 {
				best = i
			}
		}
		if best < 0 {
			return Value{}
		}
		return values[best]
	}
	if v.cardinality == Ordered {
		return contain(Ordered, values)
	}
	return contain(Multiple, values)
}

// within is some point of the area.
func (a *area) within() (x, y int, ok bool) {
	c := a.coords
	switch a.shape {
	case "rect":
		return int((c[0] + c[2]) / 2), int((c[1] + c[3]) / 2), true
	case "circle", "ellipse", "poly":
		return int(c[0]), int(c[1]), a.contains(float64(int(c[0])), float64(int(c[1])))
	}
	return 0, 0, false
}
