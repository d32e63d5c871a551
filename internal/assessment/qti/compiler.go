package qti

import (
	"fmt"
	"strconv"
	"strings"
)

// Unsupported is something that a program holds and that is not run.
type Unsupported struct {
	Element string // "qti-custom-operator"
	Class   string // of a custom operator
	Line    int    // in the source
	Why     string // a sentence without the final stop
}

// String is one line of a report.
func (u Unsupported) String() string {
	name := u.Element
	if u.Class != "" {
		name += " " + quote(u.Class)
	}
	return fmt.Sprintf("line %d: %s: %s", u.Line, name, u.Why)
}

// maxReports bounds what is said about one program.
const maxReports = 200

// processing is where a rule or expression stands.
type processing int

const (
	inTemplate processing = iota
	inResponse
	inOutcome
)

// compiler makes a program of nodes.
type compiler struct {
	variables   []*variable
	byName      map[string]*variable
	unsupported []Unsupported
	place       processing
	patterns    int // instructions of the regular expressions so far
	test        *Test
}

// report notes what is not run, or is run otherwise than it says.
func (c *compiler) report(n *node, class, why string) {
	if len(c.unsupported) < maxReports {
		c.unsupported = append(c.unsupported, Unsupported{Element: "qti-" + n.name, Class: clip(class), Line: n.line, Why: why})
	}
}

// declare adds a variable; the first of a name counts.
func (c *compiler) declare(n *node, v *variable) {
	switch {
	case v.identifier == "":
		c.report(n, "", "it has no identifier")
		return
	case c.byName[v.identifier] != nil:
		if old := c.byName[v.identifier]; old.implicit {
			v.slot = old.slot // a built-in variable, declared by the item
			c.byName[v.identifier], c.variables[v.slot] = v, v
			return
		}
		c.report(n, "", fmt.Sprintf("%s is declared twice; the first declaration counts", quote(v.identifier)))
		return
	}
	v.slot = len(c.variables)
	c.variables = append(c.variables, v)
	c.byName[v.identifier] = v
}

// builtIn declares a variable that every item has.
func (c *compiler) builtIn(identifier string, kind Kind, cardinality Cardinality, base BaseType, initial Value) {
	v := &variable{identifier: identifier, kind: kind, cardinality: cardinality, base: base, initial: initial, slot: len(c.variables), implicit: true}
	c.variables = append(c.variables, v)
	c.byName[identifier] = v
}

// lookup finds the variable that an element names. Undeclared ones are NULL, and
// reported.
func (c *compiler) lookup(n *node, identifier string) *variable {
	identifier = strings.TrimSpace(identifier)
	if v := c.byName[identifier]; v != nil {
		return v
	}
	c.report(n, "", fmt.Sprintf("there is no variable %s; it is taken as NULL", quote(identifier)))
	return nil
}

// target finds the outcome that a rule sets. One that is not declared comes into
// being, because items leave out the declaration of SCORE.
func (c *compiler) target(n *node) *variable {
	identifier := strings.TrimSpace(n.attr("identifier"))
	if v := c.byName[identifier]; v != nil {
		return v
	}
	if identifier == "" {
		c.report(n, "", "it names no variable")
		return nil
	}
	kind := OutcomeVariable
	if c.place == inTemplate {
		kind = TemplateVariable
	}
	c.builtIn(identifier, kind, NoCardinality, NoType, Value{})
	return c.byName[identifier]
}

// expression is a compiled expression.
type expression struct {
	name     string
	line     int
	args     []*expression
	run      func(m *machine) Value
	note     string // what its attributes say, for the trace
	constant Value  // of base-value
	variable *variable
}

// null is an expression in place of one that is not run.
func null(n *node) *expression {
	return &expression{name: n.name, line: n.line, run: func(*machine) Value { return Value{} }}
}

// operator is how an expression of a kind is compiled. least and most count its
// sub-expressions; most < 0 is any number.
type operator struct {
	least, most int
	build       func(c *compiler, n *node, e *expression) func(m *machine) Value
	only        []processing // where it may stand; nil: everywhere
}

// compile makes an expression of an element.
func (c *compiler) compile(n *node) *expression {
	op, known := operatorNamed(n.name)
	if !known {
		c.report(n, "", "this expression is not known; it is taken as NULL")
		return null(n)
	}
	if len(op.only) > 0 && !contains(op.only, c.place) {
		c.report(n, "", "this expression has no place here; it is taken as NULL")
		return null(n)
	}
	e := &expression{name: n.name, line: n.line}
	for _, child := range n.children {
		e.args = append(e.args, c.compile(child))
	}
	if len(e.args) < op.least || op.most >= 0 && len(e.args) > op.most {
		c.report(n, "", "it has "+strconv.Itoa(len(e.args))+" sub-expressions, which are too few or too many; it is taken as NULL")
		return null(n)
	}
	if e.run = op.build(c, n, e); e.run == nil { // the builder has said why
		return null(n)
	}
	return e
}

func contains(places []processing, p processing) bool {
	for _, q := range places {
		if p == q {
			return true
		}
	}
	return false
}

// quote is a text from outside in a message.
func quote(s string) string { return strconv.Quote(clip(s)) }

// clip shortens a text from outside.
func clip(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
