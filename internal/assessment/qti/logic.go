package qti

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// logicOperators answer true, false or, where they cannot know, NULL.
var logicOperators = map[string]operator{
	"is-null":       {least: 1, most: 1, build: simple(isNull)},
	"not":           {least: 1, most: 1, build: simple(not)},
	"and":           {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return junction(m, e, false) })},
	"or":            {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return junction(m, e, true) })},
	"any-n":         {least: 1, most: -1, build: buildAnyN},
	"match":         {least: 2, most: 2, build: simple(match)},
	"member":        {least: 2, most: 2, build: simple(member)},
	"contains":      {least: 2, most: 2, build: simple(containsAll)},
	"string-match":  {least: 2, most: 2, build: buildStringMatch},
	"substring":     {least: 2, most: 2, build: buildSubstring},
	"pattern-match": {least: 1, most: 1, build: buildPatternMatch},
	"equal":         {least: 2, most: 2, build: buildEqual},
	"equal-rounded": {least: 2, most: 2, build: buildEqualRounded},
	"inside":        {least: 1, most: 1, build: buildInside},
	"lt":            {least: 2, most: 2, build: comparison(func(c int) bool { return c < 0 })},
	"gt":            {least: 2, most: 2, build: comparison(func(c int) bool { return c > 0 })},
	"lte":           {least: 2, most: 2, build: comparison(func(c int) bool { return c <= 0 })},
	"gte":           {least: 2, most: 2, build: comparison(func(c int) bool { return c >= 0 })},
	"duration-lt":   {least: 2, most: 2, build: comparison(func(c int) bool { return c < 0 })},
	"duration-gte":  {least: 2, most: 2, build: comparison(func(c int) bool { return c >= 0 })},
}

// simple is an operator that needs no attributes.
func simple(run func(m *machine, e *expression) Value) func(*compiler, *node, *expression) func(*machine) Value {
	return func(_ *compiler, _ *node, e *expression) func(*machine) Value {
		return func(m *machine) Value { return run(m, e) }
	}
}

func isNull(m *machine, e *expression) Value { return truth(m.eval(e.args[0]).IsNull()) }

func not(m *machine, e *expression) Value {
	b, known := m.eval(e.args[0]).Truth()
	if !known {
		return Value{}
	}
	return truth(!b)
}

// junction is "or" if decisive is true, "and" if it is false: one decisive
// operand decides, else one that is NULL makes it NULL. Operands after the
// decisive one are not computed; they have no effects.
func junction(m *machine, e *expression, decisive bool) Value {
	unknown := false
	for _, arg := range e.args {
		b, known := m.eval(arg).Truth()
		switch {
		case known && b == decisive:
			return truth(decisive)
		case !known:
			unknown = true
		}
	}
	if unknown {
		return Value{}
	}
	return truth(!decisive)
}

func buildAnyN(c *compiler, n *node, e *expression) func(*machine) Value {
	least, ok1 := c.source(n, n.attr("min"))
	most, ok2 := c.source(n, n.attr("max"))
	if !ok1 || !ok2 {
		return nil
	}
	e.note = "at least " + n.attr("min") + ", at most " + n.attr("max")
	return func(m *machine) Value {
		low, okLow := least.whole(m)
		high, okHigh := most.whole(m)
		if !okLow || !okHigh {
			return Value{}
		}
		yes, unknown := 0, 0
		for _, arg := range e.args {
			switch b, known := m.eval(arg).Truth(); {
			case !known:
				unknown++
			case b:
				yes++
			}
		}
		switch {
		case yes > high || yes+unknown < low:
			return truth(false)
		case yes >= low && yes+unknown <= high:
			return truth(true)
		}
		return Value{}
	}
}

func match(m *machine, e *expression) Value {
	a, b := m.eval(e.args[0]), m.eval(e.args[1])
	if a.IsNull() || b.IsNull() {
		return Value{}
	}
	return truth(matches(m, &a, &b))
}

// matches compares whole values. A single value matches a container if it is in
// it: QTI leaves that open, and items write the alternatives of a single correct
// response so.
func matches(m *machine, a, b *Value) bool {
	switch {
	case a.cardinality == Single && b.cardinality == Single:
		return same(&a.one, a.base, &b.one, b.base)
	case a.cardinality == RecordOf || b.cardinality == RecordOf:
		return sameRecord(m, a, b)
	case a.cardinality == Single:
		return countIn(m, b, &a.one, a.base) > 0
	case b.cardinality == Single:
		return len(a.many) == 1 && same(&a.many[0], a.base, &b.one, b.base)
	case len(a.many) != len(b.many):
		return false
	case a.cardinality == Ordered && b.cardinality == Ordered:
		return startsWith(m, a.many, a.base, b)
	}
	return holdsAll(m, a, b)
}

func sameRecord(m *machine, a, b *Value) bool {
	if a.cardinality != b.cardinality || len(a.fields) != len(b.fields) {
		return false
	}
	for _, f := range a.fields {
		other := b.Field(f.Name)
		if !m.spend(len(b.fields)) || other.IsNull() || !same(&f.Value.one, f.Value.base, &other.one, other.base) {
			return false
		}
	}
	return true
}

// countIn is how often a value is in a container.
func countIn(m *machine, container *Value, a *atom, base BaseType) int {
	count := 0
	atoms := container.atoms()
	m.spend(len(atoms) / 16)
	for i := range atoms {
		if same(&atoms[i], container.base, a, base) {
			count++
		}
	}
	return count
}

// startsWith reports whether atoms begin with those of b.
func startsWith(m *machine, atoms []atom, base BaseType, b *Value) bool {
	m.spend(len(b.many) / 16)
	for i := range b.many {
		if !same(&atoms[i], base, &b.many[i], b.base) {
			return false
		}
	}
	return true
}

// holdsAll reports whether a holds every value of b at least as often as b does.
func holdsAll(m *machine, a, b *Value) bool {
	if len(a.many) < len(b.many) {
		return false
	}
	if len(b.many) <= 16 {
		used := make([]bool, len(a.many))
		for i := range b.many {
			if !m.spend(len(a.many)/16) || !takeOne(a, used, &b.many[i], b.base) {
				return false
			}
		}
		return true
	}
	if !m.spend((len(a.many) + len(b.many)) / 4) {
		return false
	}
	counts := make(map[string]int, len(a.many))
	for i := range a.many {
		counts[a.many[i].key(a.base)]++
	}
	for i := range b.many {
		key := b.many[i].key(b.base)
		if counts[key] == 0 {
			return false
		}
		counts[key]--
	}
	return true
}

// takeOne marks the first unused value that is the same.
func takeOne(a *Value, used []bool, b *atom, base BaseType) bool {
	for j := range a.many {
		if !used[j] && same(&a.many[j], a.base, b, base) {
			used[j] = true
			return true
		}
	}
	return false
}

func member(m *machine, e *expression) Value {
	one, container := m.eval(e.args[0]), m.eval(e.args[1])
	if one.Len() != 1 || one.cardinality == RecordOf || container.IsNull() {
		return Value{}
	}
	return truth(countIn(m, &container, &one.atoms()[0], one.base) > 0)
}

// containsAll: an ordered container holds another in one piece and in its order.
func containsAll(m *machine, e *expression) Value {
	a, b := m.eval(e.args[0]), m.eval(e.args[1])
	if a.IsNull() || b.IsNull() {
		return Value{}
	}
	a, b = asContainer(a), asContainer(b)
	if a.cardinality != Ordered || b.cardinality != Ordered {
		return truth(holdsAll(m, &a, &b))
	}
	for i := 0; i+len(b.many) <= len(a.many); i++ {
		if !m.spend(1) {
			return Value{}
		}
		if startsWith(m, a.many[i:], a.base, &b) {
			return truth(true)
		}
	}
	return truth(false)
}

func asContainer(v Value) Value {
	if v.cardinality == Single {
		return Value{cardinality: Multiple, base: v.base, many: v.atoms()}
	}
	return v
}

// texts computes both operands as texts.
func (m *machine) texts(e *expression) (a, b string, ok bool) {
	x, y := m.eval(e.args[0]), m.eval(e.args[1])
	if x.cardinality != Single || y.cardinality != Single {
		return "", "", false
	}
	a, b = x.String(), y.String()
	return a, b, m.spend((len(a) + len(b)) / 256)
}

func buildStringMatch(_ *compiler, n *node, e *expression) func(*machine) Value {
	sensitive := isTrue(n.attr("case-sensitive"), true)
	part := isTrue(n.attr("substring"), false)
	e.note = caseNote(sensitive)
	return func(m *machine) Value {
		a, b, ok := m.texts(e)
		switch {
		case !ok:
			return Value{}
		case part:
			return truth(holdsText(a, b, sensitive))
		case sensitive:
			return truth(a == b)
		}
		return truth(strings.EqualFold(a, b))
	}
}

func isTrue(s string, otherwise bool) bool {
	if b, ok := truthOf(strings.TrimSpace(s)); ok {
		return b
	}
	return otherwise
}

func caseNote(sensitive bool) string {
	if sensitive {
		return ""
	}
	return "capitals do not matter"
}

// holdsText reports whether text holds part.
func holdsText(text, part string, sensitive bool) bool {
	if sensitive {
		return strings.Contains(text, part)
	}
	return strings.Contains(foldKey(text), foldKey(part))
}

// substring asks whether the first text is in the second.
func buildSubstring(_ *compiler, n *node, e *expression) func(*machine) Value {
	sensitive := isTrue(n.attr("case-sensitive"), true)
	e.note = caseNote(sensitive)
	return func(m *machine) Value {
		part, text, ok := m.texts(e)
		if !ok {
			return Value{}
		}
		return truth(holdsText(text, part, sensitive))
	}
}

func buildPatternMatch(c *compiler, n *node, e *expression) func(*machine) Value {
	text := n.attr("pattern")
	e.note = clip(text)
	if name := strings.TrimSpace(text); len(name) > 2 && name[0] == '{' && name[len(name)-1] == '}' && c.byName[name[1:len(name)-1]] != nil {
		return matchPatternOf(c.byName[name[1:len(name)-1]], e)
	}
	pattern, size, err := compilePattern(text)
	if err == nil && c.patterns+size > maxPatterns {
		err = fmt.Errorf("the patterns of the item are too large together")
	}
	if err != nil {
		c.report(n, "", fmt.Sprintf("the pattern cannot be used: %v; it is taken as NULL", err))
		return nil
	}
	c.patterns += size
	return func(m *machine) Value { return m.matchPattern(e, pattern, size) }
}

// matchPatternOf matches with a pattern that a variable holds.
func matchPatternOf(v *variable, e *expression) func(*machine) Value {
	return func(m *machine) Value {
		source := m.values[v.slot]
		if source.cardinality != Single || !m.spend(100+len(source.one.text)) {
			return Value{}
		}
		pattern, size, err := compilePattern(source.one.text)
		if err != nil {
			return Value{}
		}
		return m.matchPattern(e, pattern, size)
	}
}

func (m *machine) matchPattern(e *expression, pattern *regexp.Regexp, size int) Value {
	v := m.eval(e.args[0])
	if v.cardinality != Single {
		return Value{}
	}
	text := v.String()
	if len(text) > maxMatching || !m.spend(len(text)*size/1000) {
		return Value{}
	}
	return truth(pattern.MatchString(text))
}

// comparison compares two numbers.
func comparison(holds func(c int) bool) func(*compiler, *node, *expression) func(*machine) Value {
	return simple(func(m *machine, e *expression) Value {
		a, okA := m.evalNumber(e.args[0])
		b, okB := m.evalNumber(e.args[1])
		if !okA || !okB {
			return Value{}
		}
		return truth(holds(compareNumbers(a, b)))
	})
}

// tolerance is how far the second number of "equal" may lie from the first.
type tolerance struct {
	relative         bool
	below, above     numberSource
	closedL, closedH bool // the bounds belong to the range
}

func buildEqual(c *compiler, n *node, e *expression) func(*machine) Value {
	mode := strings.TrimSpace(n.attr("tolerance-mode"))
	if mode == "" || mode == "exact" {
		return func(m *machine) Value {
			a, okA := m.evalNumber(e.args[0])
			b, okB := m.evalNumber(e.args[1])
			if !okA || !okB {
				return Value{}
			}
			return truth(equalNumbers(a, b))
		}
	}
	words := strings.Fields(strings.ReplaceAll(n.attr("tolerance"), ",", " "))
	if mode != "absolute" && mode != "relative" || len(words) == 0 || len(words) > 2 {
		c.report(n, "", fmt.Sprintf("the tolerance %s of the mode %s is not known; it is taken as NULL", quote(n.attr("tolerance")), quote(mode)))
		return nil
	}
	t := tolerance{relative: mode == "relative", closedL: isTrue(n.attr("include-lower-bound"), true), closedH: isTrue(n.attr("include-upper-bound"), true)}
	var ok1, ok2 bool
	t.below, ok1 = c.source(n, words[0])
	t.above, ok2 = c.source(n, words[len(words)-1])
	if !ok1 || !ok2 {
		return nil
	}
	e.note = "within " + strings.Join(words, " to ")
	if t.relative {
		e.note += " %"
	}
	return func(m *machine) Value { return m.equalWithin(e, t) }
}

// equalWithin: the first number gives the range, the second must lie in it.
func (m *machine) equalWithin(e *expression, t tolerance) Value {
	x, okX := m.evalNumber(e.args[0])
	y, okY := m.evalNumber(e.args[1])
	below, okL := t.below.of(m)
	above, okH := t.above.of(m)
	if !okX || !okY || !okL || !okH || below.Sign() < 0 || above.Sign() < 0 {
		return Value{}
	}
	low, err1 := t.bound(x, below.Neg())
	high, err2 := t.bound(x, above)
	if err1 != nil || err2 != nil {
		return Value{}
	}
	closedL, closedH := t.closedL, t.closedH
	if low.Cmp(high) > 0 { // a share of a negative number
		low, high, closedL, closedH = high, low, closedH, closedL
	}
	c, d := compareNumbers(y, low), compareNumbers(y, high)
	return truth((c > 0 || c == 0 && closedL) && (d < 0 || d == 0 && closedH))
}

func (t tolerance) bound(x, distance exact.Number) (exact.Number, error) {
	if t.relative {
		hundredth, err := distance.Quo(exact.FromInt(100))
		if err != nil {
			return x, err
		}
		if distance, err = x.Mul(hundredth); err != nil {
			return x, err
		}
	}
	return x.Add(distance)
}

// rounding is how numbers are rounded: to significant figures unless it says
// decimal places.
type rounding struct {
	places  bool
	figures numberSource
}

func (c *compiler) rounding(n *node, e *expression) (rounding, bool) {
	r := rounding{}
	switch mode := strings.TrimSpace(n.attr("rounding-mode")); mode {
	case "", "significantFigures":
	case "decimalPlaces":
		r.places = true
	default:
		c.report(n, "", fmt.Sprintf("the rounding mode %s is not known; it is taken as NULL", quote(mode)))
		return r, false
	}
	var ok bool
	r.figures, ok = c.source(n, n.attr("figures"))
	e.note = clip(n.attr("figures")) + " significant figures"
	if r.places {
		e.note = clip(n.attr("figures")) + " decimal places"
	}
	return r, ok
}

func (r rounding) of(m *machine, n exact.Number) (exact.Number, bool) {
	figures, ok := r.figures.whole(m)
	if !ok {
		return n, false
	}
	var err error
	if r.places {
		if figures < 0 {
			return n, false
		}
		n, err = n.RoundTo(figures)
	} else {
		n, err = n.RoundSignificant(figures)
	}
	return n, err == nil
}

func buildEqualRounded(c *compiler, n *node, e *expression) func(*machine) Value {
	r, ok := c.rounding(n, e)
	if !ok {
		return nil
	}
	return func(m *machine) Value {
		x, okX := m.evalNumber(e.args[0])
		y, okY := m.evalNumber(e.args[1])
		if !okX || !okY {
			return Value{}
		}
		x, okX = r.of(m, x)
		y, okY = r.of(m, y)
		if !okX || !okY {
			return Value{}
		}
		return truth(equalNumbers(x, y))
	}
}

// inside asks whether any of the points lies in a shape.
func buildInside(c *compiler, n *node, e *expression) func(*machine) Value {
	a, err := parseArea(n.attr("shape"), n.attr("coords"))
	if err != nil {
		c.report(n, "", err.Error()+"; it is taken as NULL")
		return nil
	}
	e.note = a.shape + " " + clip(n.attr("coords"))
	return func(m *machine) Value {
		points := m.eval(e.args[0])
		if points.IsNull() || !m.spend(points.Len()*(1+len(a.coords)/16)) {
			return Value{}
		}
		for _, p := range points.atoms() {
			x, y, ok := position(p.text)
			if ok && a.contains(x.Float(), y.Float()) {
				return truth(true)
			}
		}
		return truth(false)
	}
}
