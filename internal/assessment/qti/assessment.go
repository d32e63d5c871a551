package qti

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/sequence"
)

// Test is the outcome processing of an assessmentTest: what it makes of the
// outcomes of its items. Selection, order and navigation are not its business.
type Test struct {
	identifier  string
	variables   []*variable
	rules       []*rule
	items       []itemRef
	unsupported []Unsupported
}

// itemRef is an item of a test.
type itemRef struct {
	identifier string
	href       string
	categories []string
	weights    map[string]exact.Number
	sections   []string // identifiers of those around it, and of the test part
}

// TestItem is an item of a test, for those who bring its results.
type TestItem struct {
	Identifier string
	Href       string
	Categories []string
}

// ItemResult is what a candidate did with an item of a test.
type ItemResult struct {
	// Program is the item's, for the expressions that look at correct responses
	// and normal maxima; nil if it is not known.
	Program  *Program
	Template Template
	// Responses are nil if the item was not answered.
	Responses map[string]Value
	// Presented says that the item was shown; Responses say so too.
	Presented bool
	Outcomes  Outcomes
	// Recorded are outcomes that are known otherwise, such as those that people
	// have set. They go before Outcomes.
	Recorded map[string]Value
}

// ParseTest reads an assessmentTest of QTI 2.1 to 3.0.
func ParseTest(source string) (*Test, error) {
	root, err := readXML(source)
	if err != nil {
		return nil, err
	}
	if root.name != "assessment-test" {
		return nil, notAn("assessment test", root)
	}
	t := &Test{identifier: root.attr("identifier")}
	c := &compiler{byName: map[string]*variable{}, place: inOutcome, test: t}
	c.builtIn(duration, ContextVariable, Single, DurationType, Value{})
	c.builtIn(qtiContext, ContextVariable, RecordOf, NoType, Value{})
	for _, n := range root.children {
		switch n.name {
		case "context-declaration":
			c.declare(n, c.parseDeclaration(n, ContextVariable))
		case "outcome-declaration":
			c.declare(n, c.parseDeclaration(n, OutcomeVariable))
		case "test-part":
			c.collectItems(n, nil)
		}
	}
	for _, n := range root.children {
		if n.name == "outcome-processing" {
			t.rules = append(t.rules, c.compileRules(n, 0)...)
		}
	}
	t.variables, t.unsupported = c.variables, c.unsupported
	return t, nil
}

// collectItems finds the items of a test part or section.
func (c *compiler) collectItems(n *node, sections []string) {
	sections = append(slices.Clone(sections), n.attr("identifier"))
	for _, child := range n.children {
		switch child.name {
		case "assessment-section":
			c.collectItems(child, sections)
		case "assessment-section-ref":
			c.report(child, "", "its items are in another file and are not counted")
		case "assessment-item-ref":
			item := itemRef{
				identifier: child.attr("identifier"), href: child.attr("href"), categories: strings.Fields(child.attr("category")),
				weights: map[string]exact.Number{}, sections: sections,
			}
			for _, w := range child.children {
				if w.name == "weight" {
					if value := c.optionalNumber(w, "value"); value != nil {
						item.weights[w.attr("identifier")] = *value
					}
				}
			}
			c.test.items = append(c.test.items, item)
		}
	}
}

// Identifier is the test's identifier.
func (t *Test) Identifier() string { return t.identifier }

// Items are the items of the test in its order.
func (t *Test) Items() []TestItem {
	items := make([]TestItem, 0, len(t.items))
	for _, i := range t.items {
		items = append(items, TestItem{i.identifier, i.href, slices.Clone(i.categories)})
	}
	return items
}

// Unsupported lists what of the outcome processing is not run.
func (t *Test) Unsupported() []Unsupported { return slices.Clone(t.unsupported) }

// testRun is the material of outcome processing.
type testRun struct {
	test    *Test
	results map[string]ItemResult
}

// Score runs outcome processing on the results of items by the identifiers that
// the test has for them. Items without a result count as NULL.
func (t *Test) Score(results map[string]ItemResult) (Outcomes, Trace, error) {
	m := &machine{values: make([]Value, len(t.variables)), variables: t.variables, random: sequence.New(0, forScoring), test: &testRun{t, results}}
	for _, v := range t.variables {
		m.values[v.slot] = v.initial
	}
	m.runRules(t.rules)
	trace := Trace{events: m.events, cut: len(m.events) == maxEvents}
	if m.err != nil {
		return Outcomes{}, trace, fmt.Errorf("outcome processing: %w", m.err)
	}
	return m.outcomes(), trace, nil
}

// value is an outcome, or else a response, of an item.
func (r *testRun) value(item *itemRef, identifier string) Value {
	result, ok := r.results[item.identifier]
	if !ok {
		return Value{}
	}
	if v, ok := result.Recorded[identifier]; ok {
		return v
	}
	if v := result.Outcomes.Value(identifier); !v.IsNull() {
		return v
	}
	return result.Responses[identifier]
}

// weighted is a number times the item's weight, which is 1 unless it is declared.
func (item *itemRef) weighted(v Value, weight string) Value {
	n, isNumber := v.Number()
	w, declared := item.weights[weight]
	if weight == "" || !isNumber || !declared {
		return v
	}
	return arithmetic(FloatType, func() (exact.Number, error) { return n.Mul(w) })
}

// itemVariable compiles a variable of an item: "ITEM.SCORE".
func (c *compiler) itemVariable(n *node, e *expression) func(*machine) Value {
	name := strings.TrimSpace(n.attr("identifier"))
	weight := strings.TrimSpace(n.attr("weight-identifier"))
	e.note = clip(name)
	for i := range c.test.items {
		item := &c.test.items[i]
		if identifier, ok := strings.CutPrefix(name, item.identifier+"."); ok {
			return func(m *machine) Value { return item.weighted(m.test.value(item, identifier), weight) }
		}
	}
	c.report(n, "", fmt.Sprintf("%s is of no item of the test; it is taken as NULL", quote(name)))
	return nil
}

// testOperators look at the items of a test.
var testOperators = map[string]operator{
	"test-variables":   {build: buildTestVariables, only: []processing{inOutcome}},
	"outcome-maximum":  {build: buildBound(func(v *variable) *exact.Number { return v.maximum }), only: []processing{inOutcome}},
	"outcome-minimum":  {build: buildBound(func(v *variable) *exact.Number { return v.minimum }), only: []processing{inOutcome}},
	"number-correct":   {build: buildCount(func(r ItemResult) bool { return r.answeredRightly(true) }), only: []processing{inOutcome}},
	"number-incorrect": {build: buildCount(func(r ItemResult) bool { return r.answeredRightly(false) }), only: []processing{inOutcome}},
	"number-presented": {build: buildCount(func(r ItemResult) bool { return r.Presented || r.Responses != nil }), only: []processing{inOutcome}},
	"number-responded": {build: buildCount(func(r ItemResult) bool { return r.responded() }), only: []processing{inOutcome}},
	"number-selected":  {build: buildCount(func(ItemResult) bool { return true }), only: []processing{inOutcome}},
}

// subset compiles which items an expression looks at.
func (c *compiler) subset(n *node, e *expression) func(item *itemRef) bool {
	section := strings.TrimSpace(n.attr("section-identifier"))
	include, exclude := strings.Fields(n.attr("include-category")), strings.Fields(n.attr("exclude-category"))
	e.note = strings.TrimSpace(strings.Join(slices.Concat([]string{section}, include), " "))
	in := func(item *itemRef, categories []string) bool {
		return slices.ContainsFunc(item.categories, func(category string) bool { return slices.Contains(categories, category) })
	}
	return func(item *itemRef) bool {
		return (section == "" || slices.Contains(item.sections, section)) && (len(include) == 0 || in(item, include)) && !in(item, exclude)
	}
}

// each calls f for the items of a subset.
func (m *machine) each(subset func(*itemRef) bool, f func(item *itemRef)) {
	if m.test == nil {
		return
	}
	for i := range m.test.test.items {
		if !m.spend(1) {
			return
		}
		if item := &m.test.test.items[i]; subset(item) {
			f(item)
		}
	}
}

func buildTestVariables(c *compiler, n *node, e *expression) func(*machine) Value {
	subset := c.subset(n, e)
	name, weight := strings.TrimSpace(n.attr("variable-identifier")), strings.TrimSpace(n.attr("weight-identifier"))
	base := c.baseType(n, n.attr("base-type"))
	e.note = strings.TrimSpace(name + " " + e.note)
	return func(m *machine) Value {
		var values []Value
		m.each(subset, func(item *itemRef) {
			v := m.test.value(item, name)
			if v.Cardinality() == Single && (base == NoType || base == v.base || base.numeric() && v.base.numeric()) {
				values = append(values, item.weighted(v, weight))
			}
		})
		return contain(Multiple, values)
	}
}

// buildBound looks the normal maxima or minima of an outcome up; if any item has
// none, the result is NULL.
func buildBound(bound func(*variable) *exact.Number) func(*compiler, *node, *expression) func(*machine) Value {
	return func(c *compiler, n *node, e *expression) func(*machine) Value {
		subset := c.subset(n, e)
		name, weight := strings.TrimSpace(n.attr("outcome-identifier")), strings.TrimSpace(n.attr("weight-identifier"))
		return func(m *machine) Value {
			var values []Value
			missing := false
			m.each(subset, func(item *itemRef) {
				p := m.test.results[item.identifier].Program
				if p == nil || p.byName[name] == nil || bound(p.byName[name]) == nil {
					missing = true
					return
				}
				values = append(values, item.weighted(Float(*bound(p.byName[name])), weight))
			})
			if missing {
				return Value{}
			}
			return contain(Multiple, values)
		}
	}
}

func buildCount(counts func(r ItemResult) bool) func(*compiler, *node, *expression) func(*machine) Value {
	return func(c *compiler, n *node, e *expression) func(*machine) Value {
		subset := c.subset(n, e)
		return func(m *machine) Value {
			count := 0
			m.each(subset, func(item *itemRef) {
				if counts(m.test.results[item.identifier]) {
					count++
				}
			})
			return Integer(int64(count))
		}
	}
}

func (r ItemResult) responded() bool {
	for _, v := range r.Responses {
		if !v.IsNull() {
			return true
		}
	}
	return false
}

// answeredRightly reports whether all responses are the correct ones (right), or
// whether at least one is not. Items without correct responses are neither.
func (r ItemResult) answeredRightly(right bool) bool {
	if r.Program == nil || !r.Presented && r.Responses == nil {
		return false
	}
	m := machine{} // comparing spends steps
	defined, all := false, true
	for _, v := range r.Program.variables {
		if v.kind != ResponseVariable || v.implicit {
			continue
		}
		correct := v.correct
		if c, ok := r.Template.corrects[v.slot]; ok {
			correct = c
		}
		if correct.IsNull() {
			all = all && !right // a response that cannot be correct
			continue
		}
		defined = true
		response := conformResponse(v, r.Responses[v.identifier])
		if response.IsNull() || !matches(&m, &response, &correct) {
			all = false
		}
	}
	return defined && all == right
}
