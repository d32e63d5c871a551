package qti

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// BaseType is the kind of a value, in QTI's own words.
type BaseType string

// The base types. A record's fields have each their own.
const (
	NoType          BaseType = "" // of NULL and of records
	IdentifierType  BaseType = "identifier"
	BooleanType     BaseType = "boolean"
	IntegerType     BaseType = "integer"
	FloatType       BaseType = "float"
	StringType      BaseType = "string"
	PointType       BaseType = "point"
	PairType        BaseType = "pair"
	DirectedType    BaseType = "directedPair"
	DurationType    BaseType = "duration"
	FileType        BaseType = "file"
	URIType         BaseType = "uri"
	IntOrIdentifier BaseType = "intOrIdentifier"
)

// baseTypes are the names in the letters of QTI, by their lower case.
var baseTypes = map[string]BaseType{
	"identifier": IdentifierType, "boolean": BooleanType, "integer": IntegerType, "float": FloatType, "string": StringType, "point": PointType,
	"pair": PairType, "directedpair": DirectedType, "duration": DurationType, "file": FileType, "uri": URIType, "intoridentifier": IntOrIdentifier,
	"int": IntegerType, "double": FloatType, // not QTI's, but written
}

// numeric reports whether values of the type are numbers.
func (t BaseType) numeric() bool {
	return t == IntegerType || t == FloatType || t == DurationType
}

// Cardinality is how many values a variable holds.
type Cardinality string

// The cardinalities. NULL has none.
const (
	NoCardinality Cardinality = ""
	Single        Cardinality = "single"
	Multiple      Cardinality = "multiple" // a bag: the order does not matter
	Ordered       Cardinality = "ordered"
	RecordOf      Cardinality = "record"
)

// Value is a value of a variable or an expression. The zero value is NULL, which
// is also what empty texts and empty containers are. Values are immutable; copies
// may be shared between goroutines.
type Value struct {
	cardinality Cardinality
	base        BaseType
	one         atom
	many        []atom
	fields      []Field
}

// atom is a single value without its type. Numbers have num, everything else
// text: "true" and "false", "A B" of pairs, "10 20" of points.
type atom struct {
	text string
	num  exact.Number
}

// Field is a part of a record.
type Field struct {
	Name  string
	Value Value // single
}

// Null is the value that is none.
func Null() Value { return Value{} }

func single(base BaseType, text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{cardinality: Single, base: base, one: atom{text: text}}
}

func number(base BaseType, n exact.Number) Value {
	return Value{cardinality: Single, base: base, one: atom{num: n}}
}

// truth is the answer of a comparison.
func truth(b bool) Value {
	if b {
		return Value{cardinality: Single, base: BooleanType, one: atom{text: "true"}}
	}
	return Value{cardinality: Single, base: BooleanType, one: atom{text: "false"}}
}

// Identifier makes the value that a choice has.
func Identifier(id string) Value { return single(IdentifierType, id) }

// Text makes a string. The empty string is NULL.
func Text(s string) Value { return single(StringType, s) }

// Boolean makes a truth value.
func Boolean(b bool) Value { return truth(b) }

// Integer makes a whole number.
func Integer(i int64) Value { return number(IntegerType, exact.FromInt(i)) }

// Float makes a number.
func Float(n exact.Number) Value { return number(FloatType, n) }

// Duration makes a time in seconds.
func Duration(seconds exact.Number) Value { return number(DurationType, seconds) }

// Pair makes a pair in which the order does not matter.
func Pair(a, b string) Value { return single(PairType, a+" "+b) }

// DirectedPair makes a pair in which it does.
func DirectedPair(from, to string) Value { return single(DirectedType, from+" "+to) }

// Point makes a position in pixels.
func Point(x, y int) Value { return single(PointType, fmt.Sprintf("%d %d", x, y)) }

// File makes a file, which is known by its name.
func File(name string) Value { return single(FileType, name) }

// URI makes a URI.
func URI(uri string) Value { return single(URIType, uri) }

// Bag puts single values of one type together, without an order. NULL among
// them is left out.
func Bag(values ...Value) Value { return contain(Multiple, values) }

// List puts single values of one type together, in their order. NULL among them
// is left out.
func List(values ...Value) Value { return contain(Ordered, values) }

// contain makes a container of the atoms of values.
func contain(c Cardinality, values []Value) Value {
	size := 0
	for i := range values {
		size += values[i].Len()
	}
	if size == 0 {
		return Value{}
	}
	result := Value{cardinality: c, many: make([]atom, 0, size)}
	for i := range values {
		v := &values[i]
		if v.IsNull() || v.cardinality == RecordOf {
			continue
		}
		if result.base == NoType {
			result.base = v.base
		}
		if result.base != v.base && result.base.numeric() && v.base.numeric() {
			result.base = FloatType
		}
		result.many = append(result.many, v.atoms()...)
	}
	if len(result.many) == 0 {
		return Value{}
	}
	return result
}

// Record puts named values together. Fields that are NULL are left out.
func Record(fields ...Field) Value {
	kept := slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.Value.IsNull() })
	if len(kept) == 0 {
		return Value{}
	}
	return Value{cardinality: RecordOf, fields: kept}
}

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v.cardinality == NoCardinality }

// Cardinality is that of the value; NULL has none.
func (v Value) Cardinality() Cardinality { return v.cardinality }

// BaseType is the type of a single value or of those of a container.
func (v Value) BaseType() BaseType { return v.base }

// Len is how many values there are: 0 for NULL, 1 for a single value and for a
// record.
func (v Value) Len() int {
	switch v.cardinality {
	case NoCardinality:
		return 0
	case Multiple, Ordered:
		return len(v.many)
	}
	return 1
}

// atoms are the values of a container, or the single value. They must not be
// changed.
func (v *Value) atoms() []atom {
	switch v.cardinality {
	case Single:
		return []atom{v.one}
	case Multiple, Ordered:
		return v.many
	}
	return nil
}

// At is the value with the index, from 0, as a single value.
func (v Value) At(i int) Value {
	atoms := v.atoms()
	if i < 0 || i >= len(atoms) {
		return Value{}
	}
	return Value{cardinality: Single, base: v.base, one: atoms[i]}
}

// Field is a field of a record, NULL if there is none of the name.
func (v Value) Field(name string) Value {
	for _, f := range v.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return Value{}
}

// Fields are the fields of a record.
func (v Value) Fields() []Field { return slices.Clone(v.fields) }

// Number is the number that a single value is. Texts that are numerals count as
// their numbers, because items compare typed texts with numbers.
func (v Value) Number() (exact.Number, bool) {
	if v.cardinality != Single {
		return exact.Number{}, false
	}
	return v.one.number(v.base)
}

func (a *atom) number(base BaseType) (exact.Number, bool) {
	if base.numeric() {
		return a.num, true
	}
	if base != StringType && base != IdentifierType && base != IntOrIdentifier {
		return exact.Number{}, false
	}
	n, err := exact.Parse(strings.TrimSpace(a.text))
	return n, err == nil
}

// Truth is the truth value that a single value is.
func (v Value) Truth() (value, ok bool) {
	if v.cardinality != Single || v.base.numeric() {
		return false, false
	}
	switch strings.ToLower(v.one.text) {
	case "true", "1":
		return true, v.base == BooleanType || v.one.text != "1"
	case "false", "0":
		return false, v.base == BooleanType || v.one.text != "0"
	}
	return false, false
}

// Has reports whether the value is, or as a container holds, the identifier. It
// is what decides whether a feedback is shown.
func (v Value) Has(identifier string) bool {
	if v.base.numeric() {
		n, err := exact.Parse(identifier)
		return err == nil && slices.ContainsFunc(v.atoms(), func(a atom) bool { return a.num.Cmp(n) == 0 })
	}
	return slices.ContainsFunc(v.atoms(), func(a atom) bool { return a.text == identifier })
}

// Strings are the values as texts, those of a record its fields'.
func (v Value) Strings() []string {
	if v.cardinality == RecordOf {
		texts := make([]string, 0, len(v.fields))
		for _, f := range v.fields {
			texts = append(texts, f.Value.String())
		}
		return texts
	}
	atoms := v.atoms()
	texts := make([]string, 0, len(atoms))
	for i := range atoms {
		texts = append(texts, atoms[i].String(v.base))
	}
	return texts
}

// String is the value for people: numbers in digits, several values with commas,
// "" for NULL.
func (v Value) String() string {
	if v.cardinality == Single {
		return v.one.String(v.base)
	}
	if v.cardinality == RecordOf {
		var parts []string
		for _, f := range v.fields {
			parts = append(parts, f.Name+" "+f.Value.String())
		}
		return strings.Join(parts, ", ")
	}
	return strings.Join(v.Strings(), ", ")
}

// String is the value as a text: numbers in digits where they are short.
func (a *atom) String(base BaseType) string {
	if !base.numeric() {
		return a.text
	}
	return numeral(a.num)
}

// numeral writes a number with at most twelve significant digits, without an
// exponent where that stays readable.
func numeral(n exact.Number) string {
	const digits = 12
	switch m := n.Magnitude(); {
	case n.IsInt() && m < 30:
		return n.Decimal(0)
	case m >= -6 && m < digits:
		return n.Decimal(digits - 1 - m)
	}
	return n.String()
}

// same reports whether two single values are equal, as match and member have it.
func same(a *atom, aType BaseType, b *atom, bType BaseType) bool {
	if aType.numeric() || bType.numeric() {
		x, okX := a.number(aType)
		y, okY := b.number(bType)
		return okX && okY && equalNumbers(x, y)
	}
	if a.text == b.text {
		return true
	}
	switch {
	case aType == PairType || bType == PairType:
		return pairKey(a.text) == pairKey(b.text)
	case aType == PointType && bType == PointType:
		return samePoint(a.text, b.text)
	case aType == BooleanType || bType == BooleanType:
		x, okX := truthOf(a.text)
		y, okY := truthOf(b.text)
		return okX && okY && x == y
	}
	return false
}

func truthOf(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// slack is the share by which numbers may differ that float64 arithmetic had a
// part in: it hides the last bits, in which platforms may differ.
var slack = big.NewRat(1, 1_000_000_000_000)

func equalNumbers(x, y exact.Number) bool { return compareNumbers(x, y) == 0 }

// compareNumbers is -1, 0 or +1; numbers that float64 arithmetic had a part in
// are equal if they differ by less than slack.
func compareNumbers(x, y exact.Number) int {
	c := x.Cmp(y)
	if c == 0 || x.Exact() && y.Exact() {
		return c
	}
	a, b := x.Rat(), y.Rat()
	size := new(big.Rat).Abs(a)
	if m := new(big.Rat).Abs(b); m.Cmp(size) > 0 {
		size = m
	}
	if difference := a.Abs(a.Sub(a, b)); difference.Cmp(size.Mul(size, slack)) <= 0 {
		return 0
	}
	return c
}

// pairKey is a pair in the one of its two orders that comes first.
func pairKey(text string) string {
	a, b := twoWords(text)
	if cmp.Compare(a, b) > 0 {
		a, b = b, a
	}
	return a + " " + b
}

func twoWords(text string) (string, string) {
	words := strings.Fields(text)
	switch len(words) {
	case 0:
		return "", ""
	case 1:
		return words[0], ""
	}
	return words[0], words[1]
}

// position is a point's coordinates.
func position(text string) (x, y exact.Number, ok bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
	if len(words) != 2 {
		return x, y, false
	}
	x, errX := exact.Parse(words[0])
	y, errY := exact.Parse(words[1])
	return x, y, errX == nil && errY == nil
}

func samePoint(a, b string) bool {
	x1, y1, ok1 := position(a)
	x2, y2, ok2 := position(b)
	return ok1 && ok2 && x1.Cmp(x2) == 0 && y1.Cmp(y2) == 0
}

// key is a text that two atoms share exactly if they are the same.
func (a *atom) key(base BaseType) string {
	switch base {
	case PairType:
		return pairKey(a.text)
	case PointType:
		if x, y, ok := position(a.text); ok {
			return x.Rat().RatString() + " " + y.Rat().RatString()
		}
	case BooleanType:
		return strings.ToLower(a.text)
	case IntegerType, FloatType, DurationType:
		return a.num.Rat().RatString()
	}
	return a.text
}
