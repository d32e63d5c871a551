package qti

import (
	"maps"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// interval is where a number lies as far as the rules tell; an end that is not
// known is nil.
type interval struct{ low, high *exact.Number }

func exactly(n exact.Number) interval { return interval{&n, &n} }

// join is an interval that holds both.
func (a interval) join(b interval) interval {
	return interval{extremeOf(a.low, b.low, -1), extremeOf(a.high, b.high, +1)}
}

// extremeOf is the lesser (sign -1) or greater of two ends, if both are known.
func extremeOf(a, b *exact.Number, sign int) *exact.Number {
	if a == nil || b == nil {
		return nil
	}
	if b.Cmp(*a) == sign {
		return b
	}
	return a
}

// scoreBounds is where the value of SCORE lies after response processing, if
// every condition may hold or not. It is a bound, which may be wider than what
// can be reached.
func (p *Program) scoreBounds() interval {
	v := p.byName[score]
	if v == nil {
		return interval{}
	}
	state := map[int]interval{}
	for _, w := range p.variables {
		if n, ok := w.initial.Number(); ok && w.kind == OutcomeVariable {
			state[w.slot] = exactly(n)
		}
	}
	run := boundRun{score: v.slot, budget: maxSteps}
	ended := run.rules(p.response, state)
	if run.budget < 0 {
		return interval{}
	}
	ends := run.exits
	if !ended {
		ends = append(ends, state[v.slot])
	}
	if len(ends) == 0 {
		return interval{}
	}
	result := ends[0]
	for _, i := range ends[1:] {
		result = result.join(i)
	}
	return result
}

// boundRun follows the rules once.
type boundRun struct {
	score  int // slot
	budget int
	exits  []interval // of SCORE where processing ended early
}

// rules follows rules in their order; ended says that what comes after them is
// never reached.
func (run *boundRun) rules(rules []*rule, state map[int]interval) (ended bool) {
	for _, r := range rules {
		if run.budget -= 1 + len(state); run.budget < 0 {
			return true
		}
		switch {
		case len(r.branches) > 0:
			if run.branches(r, state) {
				return true
			}
		case strings.HasPrefix(r.name, "exit-"):
			run.exits = append(run.exits, state[run.score])
			return true
		case r.variable == nil || r.variable.kind != OutcomeVariable:
		case r.name == "lookup-outcome-value":
			state[r.variable.slot] = boundTable(r.variable.table)
		default:
			state[r.variable.slot] = bound(r.value, state, &run.budget)
		}
	}
	return false
}

// branches joins the states after all branches that do not end the processing,
// and the state before them if it may be that none is taken.
func (run *boundRun) branches(r *rule, state map[int]interval) (ended bool) {
	var after []map[int]interval
	for _, b := range r.branches {
		next := maps.Clone(state)
		if !run.rules(b.rules, next) {
			after = append(after, next)
		}
		if run.budget < 0 {
			return true
		}
	}
	if r.branches[len(r.branches)-1].condition != nil {
		after = append(after, maps.Clone(state))
	}
	if len(after) == 0 {
		return true
	}
	clear(state)
	for slot, i := range after[0] {
		for _, other := range after[1:] {
			j, known := other[slot]
			if !known {
				j = interval{}
			}
			i = i.join(j)
		}
		state[slot] = i
	}
	return false
}

func boundTable(t *lookupTable) interval {
	var result interval
	values := []Value{t.otherwise}
	for i := range t.entries {
		values = append(values, t.entries[i].target)
	}
	first := true
	for _, v := range values {
		n, ok := v.Number()
		switch {
		case !ok: // NULL, which is no number
		case first:
			result, first = exactly(n), false
		default:
			result = result.join(exactly(n))
		}
	}
	return result
}

// bound is where the value of an expression lies.
func bound(e *expression, state map[int]interval, budget *int) interval {
	if *budget--; *budget < 0 {
		return interval{}
	}
	switch e.name {
	case "base-value":
		if n, ok := e.constant.Number(); ok {
			return exactly(n)
		}
	case "variable":
		if e.variable != nil {
			return state[e.variable.slot]
		}
	case "map-response":
		if e.variable != nil && e.variable.mapping != nil {
			return boundMapping(e.variable)
		}
	case "map-response-point":
		if e.variable != nil && e.variable.areas != nil {
			return boundAreas(e.variable)
		}
	case "sum":
		total := exactly(exact.Number{})
		for _, arg := range e.args {
			b := bound(arg, state, budget)
			total = interval{addEnds(total.low, b.low), addEnds(total.high, b.high)}
		}
		return total
	case "subtract":
		a, b := bound(e.args[0], state, budget), bound(e.args[1], state, budget)
		return interval{addEnds(a.low, negated(b.high)), addEnds(a.high, negated(b.low))}
	case "min", "max":
		return boundExtreme(e, state, budget)
	}
	return interval{}
}

// boundExtreme: one known end is enough for the upper bound of min and for the
// lower one of max.
func boundExtreme(e *expression, state map[int]interval, budget *int) interval {
	sign := map[string]int{"min": -1, "max": +1}[e.name]
	result := bound(e.args[0], state, budget)
	for _, arg := range e.args[1:] {
		b := bound(arg, state, budget)
		low, high := extremeOf(result.low, b.low, sign), extremeOf(result.high, b.high, sign)
		if sign < 0 && high == nil {
			high = either(result.high, b.high)
		}
		if sign > 0 && low == nil {
			low = either(result.low, b.low)
		}
		result = interval{low, high}
	}
	return result
}

func either(a, b *exact.Number) *exact.Number {
	if a != nil {
		return a
	}
	return b
}

func addEnds(a, b *exact.Number) *exact.Number {
	if a == nil || b == nil {
		return nil
	}
	sum, err := a.Add(*b)
	if err != nil {
		return nil
	}
	return &sum
}

func negated(n *exact.Number) *exact.Number {
	if n == nil {
		return nil
	}
	minus := n.Neg()
	return &minus
}

func boundMapping(v *variable) interval {
	var worth []exact.Number
	for _, e := range v.mapping.entries {
		worth = append(worth, e.value)
	}
	return boundWorth(v, worth, v.mapping.otherwise, v.mapping.low, v.mapping.high)
}

func boundAreas(v *variable) interval {
	var worth []exact.Number
	for i := range v.areas.areas {
		worth = append(worth, v.areas.areas[i].value)
	}
	return boundWorth(v, worth, v.areas.otherwise, v.areas.low, v.areas.high)
}

// boundWorth is where the sum of mapped values lies: of one of them, or of any
// number of them and of values that have the default.
func boundWorth(v *variable, worth []exact.Number, otherwise exact.Number, low, high *exact.Number) interval {
	zero := exact.Number{}
	result := exactly(zero) // of NULL
	if v.cardinality == Single {
		result = result.join(exactly(otherwise))
		for _, n := range worth {
			result = result.join(exactly(n))
		}
	} else {
		for i := range worth {
			switch worth[i].Sign() {
			case -1:
				result.low = addEnds(result.low, &worth[i])
			case +1:
				result.high = addEnds(result.high, &worth[i])
			}
		}
		switch otherwise.Sign() {
		case -1:
			result.low = nil
		case +1:
			result.high = nil
		}
	}
	return interval{clampEnd(result.low, low, high, low), clampEnd(result.high, low, high, high)}
}

// clampEnd holds an end between the bounds of a mapping; an end that is not
// known is the bound itself.
func clampEnd(end, low, high, own *exact.Number) *exact.Number {
	if end == nil {
		return own
	}
	n := within(*end, low, high)
	return &n
}
