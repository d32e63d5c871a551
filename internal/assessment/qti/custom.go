package qti

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// customOperators are the operators outside the specification that are known, by
// the end of their class or definition in lower case: Cito's (depcp:, questify:
// and qade:) and those of the Open Operator library for points.
var customOperators = map[string]func(v Value) Value{
	"trim":              func(v Value) Value { return changed(v, strings.TrimSpace) },
	"toascii":           func(v Value) Value { return changed(v, withoutAccents) },
	"parsecommadecimal": parseCommaDecimal,
	"pointx":            func(v Value) Value { return coordinate(v, 0) },
	"pointy":            func(v Value) Value { return coordinate(v, 1) },
}

// operatorClass is the name by which a custom operator is known: the end of its
// class or definition.
func operatorClass(n *node) (full, short string) {
	full = strings.TrimSpace(n.attr("class"))
	if full == "" {
		full = strings.TrimSpace(n.attr("definition"))
	}
	short = full
	if i := strings.LastIndexAny(full, ":./\\#"); i >= 0 {
		short = full[i+1:]
	}
	return full, strings.ToLower(short)
}

func buildCustom(c *compiler, n *node, e *expression) func(*machine) Value {
	full, short := operatorClass(n)
	e.note = clip(full)
	f, known := customOperators[short]
	if definition := strings.TrimSpace(n.attr("definition")); !known && definition != "" && definition != full {
		if i := strings.LastIndexAny(definition, ":./\\#"); i >= 0 {
			f, known = customOperators[strings.ToLower(definition[i+1:])]
		}
	}
	if !known {
		c.report(n, full, "this custom operator is not known; it is taken as NULL")
		return nil
	}
	if len(e.args) != 1 {
		c.report(n, full, "this custom operator takes one sub-expression; it is taken as NULL")
		return nil
	}
	return func(m *machine) Value {
		v := m.eval(e.args[0])
		if v.cardinality != Single || !m.spend(len(v.one.text)/64) {
			return Value{}
		}
		return f(v)
	}
}

func changed(v Value, f func(string) string) Value {
	if v.base.numeric() {
		return v
	}
	return single(v.base, f(v.one.text))
}

// withoutAccents takes the marks off letters: "é" is "e".
func withoutAccents(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// parseCommaDecimal reads a number that has a comma or a point before its
// decimals.
func parseCommaDecimal(v Value) Value {
	if v.base.numeric() {
		return convert(FloatType, v)
	}
	n, err := exact.Parse(strings.ReplaceAll(strings.TrimSpace(v.one.text), ",", "."))
	if err != nil {
		return Value{}
	}
	return Float(n)
}

func coordinate(v Value, i int) Value {
	x, y, ok := position(v.one.text)
	if !ok {
		return Value{}
	}
	n := []exact.Number{x, y}[i]
	if n.IsInt() {
		return number(IntegerType, n)
	}
	return Float(n)
}
