package qti

import (
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// operatorNamed finds an operator by QTI 3's name without "qti-".
func operatorNamed(name string) (operator, bool) {
	for _, table := range []map[string]operator{generalOperators, logicOperators, containerOperators, numberOperators, testOperators} {
		if op, ok := table[name]; ok {
			return op, true
		}
	}
	return operator{}, false
}

// generalOperators have values from outside the expression.
var generalOperators = map[string]operator{
	"base-value":         {build: buildBaseValue},
	"variable":           {build: buildVariable},
	"default":            {build: buildDefault},
	"correct":            {build: buildCorrect},
	"map-response":       {build: buildMapResponse},
	"map-response-point": {build: buildMapResponsePoint},
	"null": {build: func(*compiler, *node, *expression) func(*machine) Value {
		return func(*machine) Value { return Value{} }
	}},
	"math-constant":   {build: buildMathConstant},
	"random-integer":  {build: buildRandomInteger},
	"random-float":    {build: buildRandomFloat},
	"custom-operator": {most: -1, build: buildCustom},
}

func buildBaseValue(c *compiler, n *node, e *expression) func(*machine) Value {
	value, err := parseSingle(c.baseType(n, n.attr("base-type")), n.text)
	if err != nil {
		c.report(n, "", err.Error()+"; it is taken as NULL")
		return nil
	}
	e.constant = value
	return func(*machine) Value { return value }
}

func buildVariable(c *compiler, n *node, e *expression) func(*machine) Value {
	if c.place == inOutcome && strings.Contains(n.attr("identifier"), ".") {
		return c.itemVariable(n, e)
	}
	v := c.lookup(n, n.attr("identifier"))
	if v == nil {
		return nil
	}
	e.variable = v
	return func(m *machine) Value { return m.values[v.slot] }
}

func buildDefault(c *compiler, n *node, e *expression) func(*machine) Value {
	v := c.lookup(n, n.attr("identifier"))
	if v == nil {
		return nil
	}
	e.variable = v
	return func(m *machine) Value { return m.initial(v) }
}

func buildCorrect(c *compiler, n *node, e *expression) func(*machine) Value {
	v := c.lookup(n, n.attr("identifier"))
	if v == nil {
		return nil
	}
	e.variable = v
	return func(m *machine) Value { return m.correct(v) }
}

// mapResponse is the sum of what each different value of a response is worth,
// held between the bounds. NULL is worth nothing.
func buildMapResponse(c *compiler, n *node, e *expression) func(*machine) Value {
	v := c.lookup(n, n.attr("identifier"))
	if v == nil {
		return nil
	}
	e.variable = v
	if v.mapping == nil {
		c.report(n, "", fmt.Sprintf("%s has no mapping; it is taken as NULL", quote(v.identifier)))
		return nil
	}
	return func(m *machine) Value {
		response := m.values[v.slot]
		atoms := response.atoms()
		total := exact.Number{}
		for i := range atoms {
			if !m.spend(1) {
				return Value{}
			}
			if response.base != v.mapping.base && response.base.numeric() != v.mapping.base.numeric() {
				continue
			}
			if repeated(atoms, i, response.base, m) {
				continue
			}
			var err error
			if total, err = total.Add(v.mapping.of(&atoms[i])); err != nil {
				return Value{}
			}
		}
		return Float(within(total, v.mapping.low, v.mapping.high))
	}
}

// repeated reports whether an earlier value of the list is the same.
func repeated(atoms []atom, i int, base BaseType, m *machine) bool {
	m.spend(i / 16)
	for j := range i {
		if same(&atoms[j], base, &atoms[i], base) {
			return true
		}
	}
	return false
}

func buildMapResponsePoint(c *compiler, n *node, e *expression) func(*machine) Value {
	v := c.lookup(n, n.attr("identifier"))
	if v == nil {
		return nil
	}
	e.variable = v
	if v.areas == nil {
		c.report(n, "", fmt.Sprintf("%s has no area mapping; it is taken as NULL", quote(v.identifier)))
		return nil
	}
	cost := 0
	for i := range v.areas.areas {
		cost += 1 + len(v.areas.areas[i].area.coords)/16
	}
	return func(m *machine) Value {
		response := m.values[v.slot]
		if !m.spend(cost * response.Len() / 4) {
			return Value{}
		}
		total, err := v.areas.of(response.atoms())
		if err != nil {
			return Value{}
		}
		return Float(total)
	}
}

// numberSource is a number of an attribute: a numeral, or the name of a variable
// that holds it.
type numberSource struct {
	fixed    exact.Number
	variable *variable
}

// source reads a numeral or the name of a variable, with or without braces.
func (c *compiler) source(n *node, text string) (numberSource, bool) {
	text = strings.TrimSpace(text)
	if value, err := exact.Parse(text); err == nil {
		return numberSource{fixed: value}, true
	}
	name := strings.Trim(text, "{}$ ")
	if v := c.byName[name]; v != nil && name != "" {
		return numberSource{variable: v}, true
	}
	c.report(n, "", fmt.Sprintf("%s is neither a number nor a variable; the expression is taken as NULL", quote(text)))
	return numberSource{}, false
}

func (s numberSource) of(m *machine) (exact.Number, bool) {
	if s.variable == nil {
		return s.fixed, true
	}
	return m.values[s.variable.slot].Number()
}

// whole is the source's value as an int, within a million.
func (s numberSource) whole(m *machine) (int, bool) {
	n, ok := s.of(m)
	i, fits := n.Int64()
	if !ok || !fits || i > 1_000_000 || i < -1_000_000 {
		return 0, false
	}
	return int(i), true
}

func buildRandomInteger(c *compiler, n *node, _ *expression) func(*machine) Value {
	low, ok1 := c.source(n, orDefault(n.attr("min"), "0"))
	high, ok2 := c.source(n, n.attr("max"))
	step, ok3 := c.source(n, orDefault(n.attr("step"), "1"))
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	return func(m *machine) Value {
		a, okA := low.of(m)
		b, okB := high.of(m)
		s, okS := step.of(m)
		least, fitsA := a.Int64()
		most, fitsB := b.Int64()
		width, fitsS := s.Int64()
		const limit = 1 << 60
		if !okA || !okB || !okS || !fitsA || !fitsB || !fitsS || width < 1 || most < least || least < -limit || most > limit {
			return Value{}
		}
		return Integer(least + width*int64(m.random.Below(uint64((most-least)/width)+1)))
	}
}

func orDefault(s, otherwise string) string {
	if strings.TrimSpace(s) == "" {
		return otherwise
	}
	return s
}

func buildRandomFloat(c *compiler, n *node, _ *expression) func(*machine) Value {
	low, ok1 := c.source(n, orDefault(n.attr("min"), "0"))
	high, ok2 := c.source(n, n.attr("max"))
	if !ok1 || !ok2 {
		return nil
	}
	return func(m *machine) Value {
		a, okA := low.of(m)
		b, okB := high.of(m)
		if !okA || !okB || a.Cmp(b) > 0 {
			return Value{}
		}
		share, err := exact.FromInt(int64(m.random.Below(1 << 53))).Quo(exact.FromInt(1 << 53))
		if err != nil {
			return Value{}
		}
		return arithmetic(FloatType, func() (exact.Number, error) {
			width, err := b.Sub(a)
			if err != nil {
				return width, err
			}
			if width, err = width.Mul(share); err != nil {
				return width, err
			}
			return a.Add(width)
		})
	}
}

// arithmetic makes a value of a computation; what cannot be computed is NULL.
func arithmetic(base BaseType, compute func() (exact.Number, error)) Value {
	n, err := compute()
	if err != nil {
		return Value{}
	}
	if base == IntegerType && !n.IsInt() {
		base = FloatType
	}
	return number(base, n)
}
