package qti

import (
	"errors"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/sequence"
)

// What a run may cost.
const (
	maxSteps    = 100_000
	maxRedraws  = 100 // of template processing, by template constraints
	maxEvents   = 1000
	maxMatching = 20_000 // bytes of a text that a pattern is matched with
)

// ErrTooLong is returned when a program runs longer than maxSteps.
var ErrTooLong = errors.New("the program runs too long: it takes more than 100,000 steps")

// machine runs a program once.
type machine struct {
	values    []Value // by slot
	corrects  map[int]Value
	initials  map[int]Value // defaults that template processing has set
	random    *sequence.Sequence
	steps     int
	err       error
	events    []event
	depth     int  // of conditions
	redraw    bool // a template constraint has failed
	variables []*variable
	test      *testRun // while outcomes of a test are processed
}

// spend takes steps; it reports false when there are none left.
func (m *machine) spend(steps int) bool {
	if m.err != nil {
		return false
	}
	if m.steps += steps; m.steps > maxSteps {
		m.err = ErrTooLong
		return false
	}
	return true
}

// eval computes an expression; NULL once the steps are used up.
func (m *machine) eval(e *expression) Value {
	if !m.spend(1) {
		return Value{}
	}
	v := e.run(m)
	if cost := v.Len() / 8; cost > 0 && !m.spend(cost) {
		return Value{}
	}
	return v
}

// evalNumber computes an expression that should be a number. Large numbers cost
// more, so that a run of many of them comes to an end.
func (m *machine) evalNumber(e *expression) (exact.Number, bool) {
	v := m.eval(e)
	n, ok := v.Number()
	if ok && !m.spend(cost(n)) {
		return n, false
	}
	return n, ok
}

// correct is the correct response of a variable in this run.
func (m *machine) correct(v *variable) Value {
	if c, ok := m.corrects[v.slot]; ok {
		return c
	}
	return v.correct
}

func (m *machine) initial(v *variable) Value {
	if d, ok := m.initials[v.slot]; ok {
		return d
	}
	return v.initial
}

// reset gives the variables of a kind their defaults.
func (m *machine) reset(kind Kind) {
	for _, v := range m.variables {
		if v.kind == kind {
			m.values[v.slot] = m.initial(v)
		}
	}
}

// signal says how processing goes on after a rule.
type signal int

const (
	proceed signal = iota
	exit           // of the whole processing
)

// runRules runs rules in their order until one of them ends the processing.
func (m *machine) runRules(rules []*rule) signal {
	for _, r := range rules {
		if !m.spend(1) {
			return exit
		}
		if r.run(m) == exit {
			return exit
		}
	}
	return proceed
}

// assign sets a variable to a value in the form that its declaration asks for.
func (m *machine) assign(v *variable, value Value) Value {
	value = conform(v, value)
	m.values[v.slot] = value
	return value
}

// conform gives a value the cardinality and type of a variable where that loses
// nothing. The specification demands that they agree; items in the wild set
// integers to floats and containers to single values.
func conform(v *variable, value Value) Value {
	if value.IsNull() || value.cardinality == RecordOf {
		return value
	}
	switch {
	case (v.cardinality == Multiple || v.cardinality == Ordered) && value.cardinality != v.cardinality:
		value = Value{cardinality: v.cardinality, base: value.base, many: value.atoms()}
	case v.cardinality == Single && value.cardinality != Single:
		if len(value.many) == 1 {
			value = value.At(0)
		} else if v.base.numeric() {
			return Value{} // no one number
		}
	}
	if v.base == NoType || v.base == value.base {
		return value
	}
	return convert(v.base, value)
}

// convert changes the type of a value's atoms, if all can be changed.
func convert(base BaseType, value Value) Value {
	atoms := value.atoms()
	converted := make([]atom, len(atoms))
	for i := range atoms {
		switch {
		case base.numeric():
			n, ok := atoms[i].number(value.base)
			if !ok {
				return Value{}
			}
			converted[i] = atom{num: n}
		case value.base.numeric():
			converted[i] = atom{text: atoms[i].String(value.base)}
		default:
			converted[i] = atoms[i]
		}
	}
	if base == IntegerType {
		for i := range converted {
			if !converted[i].num.IsInt() {
				base = FloatType // half a point is kept, whatever the declaration says
			}
		}
	}
	if value.cardinality == Single {
		return Value{cardinality: Single, base: base, one: converted[0]}
	}
	return Value{cardinality: value.cardinality, base: base, many: converted}
}

// cost is how many steps arithmetic with a number takes.
func cost(n exact.Number) int { return 1 + n.Size()/32 }
