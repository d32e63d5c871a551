package qti

import (
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// Kind is what a variable is for.
type Kind string

// The kinds of variables.
const (
	ResponseVariable Kind = "response" // the learner's
	OutcomeVariable  Kind = "outcome"  // what scoring sets
	TemplateVariable Kind = "template" // drawn for each learner
	ContextVariable  Kind = "context"  // of the surroundings, such as QTI_CONTEXT
)

// variable is a declared variable.
type variable struct {
	identifier  string
	kind        Kind
	cardinality Cardinality
	base        BaseType
	slot        int // index in the machine's values
	initial     Value
	correct     Value
	mapping     *mapping
	areas       *areaMapping
	table       *lookupTable
	maximum     *exact.Number // normalMaximum
	minimum     *exact.Number
	external    string // "human", "externalMachine"
	implicit    bool   // not declared, only used
}

// parseDeclaration reads a declaration of any kind. Faults of single values are
// reported and leave the value out.
func (c *compiler) parseDeclaration(n *node, kind Kind) *variable {
	v := &variable{
		identifier: strings.TrimSpace(n.attr("identifier")), kind: kind, cardinality: c.cardinality(n),
		base: c.baseType(n, n.attr("base-type")), external: strings.TrimSpace(n.attr("external-scored")),
	}
	if d := n.child("default-value"); d != nil {
		v.initial = c.declaredValue(d, v)
	}
	if d := n.child("correct-response"); d != nil {
		v.correct = c.declaredValue(d, v)
	}
	if m := n.child("mapping"); m != nil {
		v.mapping = c.parseMapping(m, v.base)
	}
	if m := n.child("area-mapping"); m != nil {
		v.areas = c.parseAreaMapping(m)
	}
	for _, name := range []string{"match-table", "interpolation-table"} {
		if t := n.child(name); t != nil {
			v.table = c.parseTable(t, v.base)
		}
	}
	v.maximum, v.minimum = c.optionalNumber(n, "normal-maximum"), c.optionalNumber(n, "normal-minimum")
	if v.initial.IsNull() && kind == OutcomeVariable && v.cardinality == Single && v.base.numeric() {
		v.initial = number(v.base, exact.Number{}) // the specification starts numbers at zero
	}
	return v
}

func (c *compiler) cardinality(n *node) Cardinality {
	switch name := Cardinality(strings.ToLower(strings.TrimSpace(n.attr("cardinality")))); name {
	case Single, Multiple, Ordered, RecordOf:
		return name
	case NoCardinality:
		return Single
	default:
		c.report(n, "", fmt.Sprintf("the cardinality %s is not known; it is taken as single", quote(string(name))))
		return Single
	}
}

func (c *compiler) baseType(n *node, name string) BaseType {
	name = strings.TrimSpace(name)
	if t, ok := baseTypes[strings.ToLower(name)]; ok {
		return t
	}
	if name != "" {
		c.report(n, "", fmt.Sprintf("the base type %s is not known; it is taken as string", quote(name)))
		return StringType
	}
	return NoType
}

// declaredValue reads the value elements of a default value or correct response.
func (c *compiler) declaredValue(n *node, v *variable) Value {
	var values []Value
	var fields []Field
	for _, child := range n.children {
		if child.name != "value" {
			continue
		}
		base := v.base
		if named := child.attr("base-type"); named != "" {
			base = c.baseType(child, named)
		}
		value, err := parseSingle(base, child.text)
		if err != nil {
			c.report(child, "", err.Error())
			continue
		}
		if field := child.attr("field-identifier"); field != "" {
			fields = append(fields, Field{field, value})
		}
		values = append(values, value)
	}
	switch {
	case v.cardinality == RecordOf:
		return Record(fields...)
	case v.cardinality == Single && len(values) == 1:
		return values[0]
	case v.cardinality == Ordered:
		return contain(Ordered, values)
	}
	// Several correct values of a single response are alternatives; see match.
	return contain(Multiple, values)
}

// parseSingle reads the text of a value.
func parseSingle(base BaseType, text string) (Value, error) {
	trimmed := strings.TrimSpace(text)
	switch base {
	case StringType, NoType:
		return single(StringType, stringValue(text)), nil
	case IntegerType, FloatType, DurationType:
		return parseNumber(base, trimmed)
	case BooleanType:
		b, ok := truthOf(trimmed)
		if !ok {
			return Value{}, fmt.Errorf("%s is neither true nor false", quote(trimmed))
		}
		return truth(b), nil
	case PointType:
		if _, _, ok := position(trimmed); !ok {
			return Value{}, fmt.Errorf("%s is not a point such as \"10 20\"", quote(trimmed))
		}
		return single(base, strings.Join(strings.FieldsFunc(trimmed, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), " ")), nil
	case PairType, DirectedType:
		words := strings.Fields(trimmed)
		if len(words) != 2 {
			return Value{}, fmt.Errorf("%s is not a pair of two identifiers", quote(trimmed))
		}
		return single(base, words[0]+" "+words[1]), nil
	}
	return single(base, trimmed), nil
}

func parseNumber(base BaseType, text string) (Value, error) {
	n, err := exact.Parse(text)
	if err != nil {
		return Value{}, err
	}
	if base == IntegerType && !n.IsInt() {
		return Value{}, fmt.Errorf("%s is not a whole number", quote(text))
	}
	return number(base, n), nil
}

// stringValue is the text of a string value: as it is, but for white space that
// surrounds it only because the file is laid out in lines.
func stringValue(text string) string {
	trimmed := strings.TrimSpace(text)
	at := strings.Index(text, trimmed)
	if before, after := text[:at], text[at+len(trimmed):]; strings.ContainsAny(before, "\n\r") || strings.ContainsAny(after, "\n\r") {
		return trimmed
	}
	return text
}

// optionalNumber reads a number of an attribute; nil if there is none.
func (c *compiler) optionalNumber(n *node, name string) *exact.Number {
	text := strings.TrimSpace(n.attr(name))
	if text == "" {
		return nil
	}
	value, err := exact.Parse(text)
	if err != nil {
		c.report(n, "", fmt.Sprintf("%s: %v", name, err))
		return nil
	}
	return &value
}

func (c *compiler) numberOrZero(n *node, name string) exact.Number {
	if value := c.optionalNumber(n, name); value != nil {
		return *value
	}
	return exact.Number{}
}

// mapping gives credit to values.
type mapping struct {
	base      BaseType
	otherwise exact.Number
	low, high *exact.Number
	entries   []mapEntry
	exactly   map[string]int // index in entries by the key of the value
	folded    map[string]int // the same of those that ignore case
}

type mapEntry struct {
	key   string
	value exact.Number
}

func (c *compiler) parseMapping(n *node, base BaseType) *mapping {
	m := &mapping{
		base: base, otherwise: c.numberOrZero(n, "default-value"), low: c.optionalNumber(n, "lower-bound"), high: c.optionalNumber(n, "upper-bound"),
		exactly: map[string]int{}, folded: map[string]int{},
	}
	sensitive := true
	if b, ok := truthOf(n.attr("default-case-sensitive")); ok {
		sensitive = b
	}
	for _, child := range n.children {
		if child.name != "map-entry" {
			continue
		}
		key, err := parseSingle(base, child.attr("map-key"))
		value := c.optionalNumber(child, "mapped-value")
		if err != nil || value == nil {
			c.report(child, "", "the entry has no usable key or no value; it is left out")
			continue
		}
		text := ""
		if !key.IsNull() {
			text = key.one.key(base)
		}
		index := m.exactly
		if b, ok := truthOf(child.attr("case-sensitive")); ok && !b || !ok && !sensitive {
			index, text = m.folded, foldKey(text)
		}
		if _, taken := index[text]; !taken {
			index[text] = len(m.entries)
		}
		m.entries = append(m.entries, mapEntry{child.attr("map-key"), *value})
	}
	return m
}

// foldKey is a text in which each letter has become one of those that differ
// from it by case only, always the same one, by Unicode's simple folding.
func foldKey(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, text)
}

// of is what a value is worth.
func (m *mapping) of(a *atom) exact.Number {
	key := a.key(m.base)
	i, found := m.exactly[key]
	if len(m.folded) > 0 {
		if j, ok := m.folded[foldKey(key)]; ok && (!found || j < i) {
			i, found = j, true
		}
	}
	if found {
		return m.entries[i].value
	}
	return m.otherwise
}

// within holds n between the bounds.
func within(n exact.Number, low, high *exact.Number) exact.Number {
	if high != nil && n.Cmp(*high) > 0 {
		n = *high
	}
	if low != nil && n.Cmp(*low) < 0 {
		n = *low
	}
	return n
}

// areaMapping gives credit to points.
type areaMapping struct {
	otherwise exact.Number
	low, high *exact.Number
	areas     []mappedArea
}

type mappedArea struct {
	area  area
	value exact.Number
}

func (c *compiler) parseAreaMapping(n *node) *areaMapping {
	m := &areaMapping{
		otherwise: c.numberOrZero(n, "default-value"), low: c.optionalNumber(n, "lower-bound"), high: c.optionalNumber(n, "upper-bound"),
	}
	for _, child := range n.children {
		if child.name != "area-map-entry" {
			continue
		}
		a, err := parseArea(child.attr("shape"), child.attr("coords"))
		value := c.optionalNumber(child, "mapped-value")
		if err != nil || value == nil {
			c.report(child, "", "the area has no usable shape or no value; it is left out")
			continue
		}
		m.areas = append(m.areas, mappedArea{a, *value})
	}
	return m
}

// area is a part of an image; its edge belongs to it.
type area struct {
	shape  string
	coords []float64
}

func parseArea(shape, coords string) (area, error) {
	a := area{shape: strings.ToLower(strings.TrimSpace(shape))}
	for _, word := range strings.FieldsFunc(coords, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }) {
		n, err := exact.Parse(word)
		if err != nil || len(a.coords) >= 10_000 {
			return a, fmt.Errorf("%s are not coordinates in pixels", quote(coords))
		}
		a.coords = append(a.coords, n.Float())
	}
	need := map[string]int{"rect": 4, "circle": 3, "ellipse": 4, "poly": 6, "default": 0}
	switch count, known := need[a.shape]; {
	case !known:
		return a, fmt.Errorf("the shape %s is not known", quote(shape))
	case len(a.coords) < count, a.shape != "poly" && a.shape != "default" && len(a.coords) > count, a.shape == "poly" && len(a.coords)%2 != 0:
		return a, fmt.Errorf("the shape %s has %d coordinates", quote(shape), len(a.coords))
	}
	return a, nil
}

// contains reports whether a point lies in the area.
func (a *area) contains(x, y float64) bool {
	c := a.coords
	switch a.shape {
	case "rect":
		return x >= min(c[0], c[2]) && x <= max(c[0], c[2]) && y >= min(c[1], c[3]) && y <= max(c[1], c[3])
	case "circle":
		return (x-c[0])*(x-c[0])+(y-c[1])*(y-c[1]) <= c[2]*c[2]
	case "ellipse":
		if c[2] == 0 || c[3] == 0 {
			return false
		}
		dx, dy := (x-c[0])/c[2], (y-c[1])/c[3]
		return dx*dx+dy*dy <= 1
	case "poly":
		return insidePolygon(c, x, y)
	}
	return true
}

// insidePolygon counts the edges that a ray crosses; the edges themselves are
// inside.
func insidePolygon(c []float64, x, y float64) bool {
	inside := false
	n := len(c) / 2
	for i, j := 0, n-1; i < n; j, i = i, i+1 {
		x1, y1, x2, y2 := c[2*j], c[2*j+1], c[2*i], c[2*i+1]
		cross := (x2-x1)*(y-y1) - (y2-y1)*(x-x1)
		if cross == 0 && x >= min(x1, x2) && x <= max(x1, x2) && y >= min(y1, y2) && y <= max(y1, y2) {
			return true
		}
		if (y1 > y) != (y2 > y) && x < (x2-x1)*(y-y1)/(y2-y1)+x1 {
			inside = !inside
		}
	}
	return inside
}

// of is the sum of what the areas are worth in which points lie; each area
// counts once, and each point for the first area it lies in.
func (m *areaMapping) of(points []atom) (total exact.Number, err error) {
	used := make([]bool, len(m.areas))
	for i := range points {
		worth := m.otherwise
		if px, py, ok := position(points[i].text); ok {
			x, y := px.Float(), py.Float()
			if math.IsInf(x, 0) || math.IsInf(y, 0) {
				continue
			}
			for j := range m.areas {
				if !m.areas[j].area.contains(x, y) {
					continue
				}
				worth = m.areas[j].value
				if used[j] {
					worth = exact.Number{}
				}
				used[j] = true
				break
			}
		}
		if total, err = total.Add(worth); err != nil {
			return total, err
		}
	}
	return within(total, m.low, m.high), nil
}

// lookupTable turns a number into a value of an outcome.
type lookupTable struct {
	interpolate bool
	entries     []tableEntry
	otherwise   Value
}

type tableEntry struct {
	source exact.Number
	closed bool // the source value itself belongs to the entry
	target Value
}

func (c *compiler) parseTable(n *node, base BaseType) *lookupTable {
	t := &lookupTable{interpolate: n.name == "interpolation-table"}
	target := func(n *node, name string) Value {
		value, err := parseSingle(base, n.attr(name))
		if err != nil {
			c.report(n, "", fmt.Sprintf("%s: %v", name, err))
		}
		return value
	}
	if n.attr("default-value") != "" {
		t.otherwise = target(n, "default-value")
	}
	for _, child := range n.children {
		if child.name != "match-table-entry" && child.name != "interpolation-table-entry" {
			continue
		}
		source := c.optionalNumber(child, "source-value")
		if source == nil {
			c.report(child, "", "the entry has no source value; it is left out")
			continue
		}
		closed := true
		if b, ok := truthOf(child.attr("include-boundary")); ok {
			closed = b
		}
		t.entries = append(t.entries, tableEntry{*source, closed, target(child, "target-value")})
	}
	return t
}

// of looks a number up. In an interpolation table the entry counts that has the
// greatest source value which the number reaches, whatever order they are in.
func (t *lookupTable) of(n exact.Number) Value {
	best := -1
	for i := range t.entries {
		e := &t.entries[i]
		c := compareNumbers(n, e.source)
		if !t.interpolate {
			if c == 0 {
				return e.target
			}
			continue
		}
		if c > 0 || c == 0 && e.closed {
			if best < 0 || e.source.Cmp(t.entries[best].source) > 0 {
				best = i
			}
		}
	}
	if best >= 0 {
		return t.entries[best].target
	}
	return t.otherwise
}
