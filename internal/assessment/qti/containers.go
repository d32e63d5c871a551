package qti

import (
	"strings"
)

// containerOperators make containers and take them apart.
var containerOperators = map[string]operator{
	"multiple":       {most: -1, build: simple(func(m *machine, e *expression) Value { return gather(m, e, Multiple) })},
	"ordered":        {most: -1, build: simple(func(m *machine, e *expression) Value { return gather(m, e, Ordered) })},
	"container-size": {least: 1, most: 1, build: simple(func(m *machine, e *expression) Value { return Integer(int64(m.eval(e.args[0]).Len())) })},
	"index":          {least: 1, most: 1, build: buildIndex},
	"field-value":    {least: 1, most: 1, build: buildFieldValue},
	"delete":         {least: 2, most: 2, build: simple(deleteAll)},
	"random":         {least: 1, most: 1, build: simple(random)},
	"repeat":         {least: 1, most: -1, build: buildRepeat},
}

// gather puts the values of the operands together.
func gather(m *machine, e *expression, c Cardinality) Value {
	values := make([]Value, 0, len(e.args))
	size := 0
	for _, arg := range e.args {
		v := m.eval(arg)
		size += v.Len()
		values = append(values, v)
	}
	if !m.spend(size / 16) {
		return Value{}
	}
	return contain(c, values)
}

// index counts from 1.
func buildIndex(c *compiler, n *node, e *expression) func(*machine) Value {
	at, ok := c.source(n, n.attr("n"))
	if !ok {
		return nil
	}
	e.note = clip(n.attr("n"))
	return func(m *machine) Value {
		i, ok := at.whole(m)
		v := m.eval(e.args[0])
		if !ok {
			return Value{}
		}
		return v.At(i - 1)
	}
}

func buildFieldValue(_ *compiler, n *node, e *expression) func(*machine) Value {
	name := strings.TrimSpace(n.attr("field-identifier"))
	e.note = clip(name)
	return func(m *machine) Value { return m.eval(e.args[0]).Field(name) }
}

// deleteAll takes every occurrence of the first operand out of the second.
func deleteAll(m *machine, e *expression) Value {
	one, container := m.eval(e.args[0]), m.eval(e.args[1])
	if one.Len() != 1 || one.cardinality == RecordOf || container.IsNull() || container.cardinality == RecordOf {
		return Value{}
	}
	unwanted := &one.atoms()[0]
	var kept []atom
	for _, a := range container.atoms() {
		if !same(unwanted, one.base, &a, container.base) {
			kept = append(kept, a)
		}
	}
	if len(kept) == 0 {
		return Value{}
	}
	cardinality := container.cardinality
	if cardinality == Single {
		cardinality = Multiple
	}
	return Value{cardinality: cardinality, base: container.base, many: kept}
}

// random is one of the values, each as likely.
func random(m *machine, e *expression) Value {
	v := m.eval(e.args[0])
	if v.IsNull() || v.cardinality == RecordOf {
		return Value{}
	}
	return v.At(int(m.random.Below(uint64(v.Len()))))
}

// repeat computes its operands again for each repetition.
func buildRepeat(c *compiler, n *node, e *expression) func(*machine) Value {
	times, ok := c.source(n, n.attr("number-repeats"))
	if !ok {
		return nil
	}
	e.note = clip(n.attr("number-repeats")) + " times"
	return func(m *machine) Value {
		count, ok := times.whole(m)
		if !ok {
			if big, isNumber := times.of(m); isNumber && big.Sign() > 0 {
				m.spend(maxSteps + 1) // more than a million
			}
			return Value{}
		}
		var values []Value
		for range count {
			for _, arg := range e.args {
				v := m.eval(arg)
				if m.err != nil {
					return Value{}
				}
				values = append(values, v)
			}
		}
		return contain(Ordered, values)
	}
}
