package qti

import (
	"fmt"
	"strings"
)

// rule is a compiled rule of template, response or outcome processing.
type rule struct {
	name     string
	line     int
	run      func(m *machine) signal
	value    *expression // of rules that set something
	variable *variable   // that they set
	branches []branch    // of conditions
}

// branch is a part of a condition; the last may have no condition of its own.
type branch struct {
	name      string
	condition *expression // nil: else
	rules     []*rule
}

// compileRules makes rules of the children of an element from an index on.
func (c *compiler) compileRules(n *node, from int) []*rule {
	var rules []*rule
	for _, child := range n.children[min(from, len(n.children)):] {
		if r := c.compileRule(child); r != nil {
			rules = append(rules, r)
		}
	}
	return rules
}

// placeOf says to which processing a rule belongs by its name; ok is false for
// rules that stand everywhere or nowhere.
func placeOf(name string) (p processing, ok bool) {
	switch name {
	case "template-condition", "set-template-value", "set-correct-response", "set-default-value", "template-constraint", "exit-template":
		return inTemplate, true
	case "response-condition", "exit-response", "response-processing-fragment":
		return inResponse, true
	case "outcome-condition", "exit-test", "outcome-processing-fragment":
		return inOutcome, true
	}
	return 0, false
}

func (c *compiler) compileRule(n *node) *rule {
	if place, ok := placeOf(n.name); ok && place != c.place {
		c.report(n, "", "this rule has no place here; it is left out")
		return nil
	}
	switch n.name {
	case "response-condition", "template-condition", "outcome-condition":
		return c.compileCondition(n)
	case "set-outcome-value", "set-template-value", "set-value":
		return c.compileSet(n, (*machine).assign)
	case "set-correct-response":
		return c.compileSet(n, func(m *machine, v *variable, value Value) Value {
			value = conform(v, value)
			m.corrects[v.slot] = value
			return value
		})
	case "set-default-value":
		return c.compileSet(n, func(m *machine, v *variable, value Value) Value {
			value = conform(v, value)
			m.initials[v.slot] = value
			return value
		})
	case "lookup-outcome-value":
		return c.compileLookup(n)
	case "template-constraint":
		return c.compileConstraint(n)
	case "exit-response", "exit-template", "exit-test":
		r := &rule{name: n.name, line: n.line}
		r.run = func(m *machine) signal {
			m.note(event{rule: r})
			return exit
		}
		return r
	case "response-processing-fragment", "outcome-processing-fragment":
		return c.compileFragment(n)
	}
	c.report(n, "", "this rule is not known; it is left out")
	return nil
}

// compileFragment runs the rules of a fragment in its place. A fragment in
// another file is not fetched.
func (c *compiler) compileFragment(n *node) *rule {
	if n.attr("href") != "" || n.child("include") != nil {
		c.report(n, "", "its rules are in another file; they are left out")
	}
	rules := c.compileRules(n, 0)
	return &rule{name: n.name, line: n.line, branches: []branch{{name: n.name, rules: rules}}, run: func(m *machine) signal { return m.runRules(rules) }}
}

func (c *compiler) compileCondition(n *node) *rule {
	r := &rule{name: n.name, line: n.line}
	kind, _, _ := strings.Cut(n.name, "-")
	for _, child := range n.children {
		b := branch{name: child.name}
		switch strings.TrimPrefix(child.name, kind+"-") {
		case "if", "else-if":
			if len(child.children) == 0 {
				c.report(child, "", "it has no condition; it is left out")
				continue
			}
			b.condition = c.compile(child.children[0])
			b.rules = c.compileRules(child, 1)
		case "else":
			b.rules = c.compileRules(child, 0)
		default:
			c.report(child, "", "it has no place in a condition; it is left out")
			continue
		}
		r.branches = append(r.branches, b)
	}
	r.run = func(m *machine) signal {
		for i := range r.branches {
			b := &r.branches[i]
			if b.condition != nil {
				if holds, known := m.eval(b.condition).Truth(); !known || !holds {
					continue
				}
			}
			m.note(event{rule: r, branch: i})
			m.depth++
			result := m.runRules(b.rules)
			m.depth--
			return result
		}
		return proceed
	}
	return r
}

// compileSet is a rule that computes a value and puts it somewhere.
func (c *compiler) compileSet(n *node, put func(m *machine, v *variable, value Value) Value) *rule {
	v := c.target(n)
	if v == nil {
		return nil
	}
	if len(n.children) != 1 {
		c.report(n, "", "it does not hold exactly one expression; it is left out")
		return nil
	}
	r := &rule{name: n.name, line: n.line, variable: v, value: c.compile(n.children[0])}
	r.run = func(m *machine) signal {
		value := m.eval(r.value)
		if m.err != nil {
			return exit
		}
		m.note(event{rule: r, value: put(m, v, value)})
		return proceed
	}
	return r
}

func (c *compiler) compileLookup(n *node) *rule {
	v := c.target(n)
	if v == nil {
		return nil
	}
	if v.table == nil || len(n.children) != 1 {
		c.report(n, "", fmt.Sprintf("it does not hold exactly one expression, or %s has no table; it is left out", quote(v.identifier)))
		return nil
	}
	r := &rule{name: n.name, line: n.line, variable: v, value: c.compile(n.children[0])}
	r.run = func(m *machine) signal {
		source, ok := m.evalNumber(r.value)
		if m.err != nil || !m.spend(len(v.table.entries)/16) {
			return exit
		}
		target := v.table.otherwise
		if ok {
			target = v.table.of(source)
		}
		m.note(event{rule: r, value: m.assign(v, target)})
		return proceed
	}
	return r
}

func (c *compiler) compileConstraint(n *node) *rule {
	if len(n.children) != 1 {
		c.report(n, "", "it does not hold exactly one expression; it is left out")
		return nil
	}
	r := &rule{name: n.name, line: n.line, value: c.compile(n.children[0])}
	r.run = func(m *machine) signal {
		if holds, known := m.eval(r.value).Truth(); known && holds {
			return proceed
		}
		m.redraw = true
		return exit
	}
	return r
}
