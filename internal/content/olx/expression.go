package olx

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/markup"
)

// evaluate computes an author's arithmetic expression, to tell whether
// assessment can: numerals with exponent and suffix, + - * / ^ and ||,
// parentheses, e, pi and the usual functions. The expression itself, not the
// value, becomes the key; the value only orders ranges and widens tolerances.
func evaluate(text string) (float64, error) {
	const longest = 1000
	if len(text) > longest {
		return 0, errors.New("it is too long")
	}
	x := &expression{rest: strings.TrimSpace(text)}
	value := x.sum()
	if x.err == nil && x.rest != "" {
		x.fail("unexpected %q", markup.Shorten(x.rest, 20))
	}
	if x.err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
		x.fail("it has no finite value")
	}
	return value, x.err
}

type expression struct {
	rest  string
	depth int
	err   error
}

func (x *expression) fail(format string, args ...any) {
	if x.err == nil {
		x.err = fmt.Errorf(format, args...)
		x.rest = ""
	}
}

func (x *expression) take(token string) bool {
	rest, ok := strings.CutPrefix(x.rest, token)
	if ok {
		x.rest = strings.TrimSpace(rest)
	}
	return ok
}

func (x *expression) sum() float64 {
	if x.depth++; x.depth > 50 {
		x.fail("it is nested too deeply")
		return 0
	}
	defer func() { x.depth-- }()
	value := x.product()
	for x.err == nil {
		switch {
		case x.take("+"):
			value += x.product()
		case x.take("-"):
			value -= x.product()
		default:
			return value
		}
	}
	return 0
}

func (x *expression) product() float64 {
	value := x.parallel()
	for x.err == nil {
		switch {
		case x.take("*"):
			value *= x.parallel()
		case x.take("/"):
			divisor := x.parallel()
			if divisor == 0 {
				x.fail("it divides by zero")
			}
			value /= divisor
		default:
			return value
		}
	}
	return 0
}

func (x *expression) parallel() float64 {
	value := x.signed()
	for x.err == nil && x.take("||") {
		value = 1 / (1/value + 1/x.signed())
	}
	return value
}

func (x *expression) signed() float64 {
	sign := 1.0
	for x.rest != "" {
		if x.take("-") {
			sign = -sign
		} else if !x.take("+") {
			break
		}
	}
	return sign * x.power()
}

func (x *expression) power() float64 {
	base := x.atom()
	if x.err != nil || !x.take("^") {
		return base
	}
	if x.depth++; x.depth > 50 {
		x.fail("it is nested too deeply")
		return 0
	}
	defer func() { x.depth-- }()
	return math.Pow(base, x.signed())
}

func (x *expression) atom() float64 {
	switch {
	case x.rest == "":
		x.fail("it ends too early")
		return 0
	case x.take("("):
		return x.closing()
	case x.rest[0] == '.' || isDigit(x.rest[0]):
		return x.numeral()
	case isLetter(x.rest[0]):
		return x.name()
	}
	x.fail("unexpected %q", markup.Shorten(x.rest, 20))
	return 0
}

func (x *expression) closing() float64 {
	value := x.sum()
	if x.err == nil && !x.take(")") {
		x.fail("a parenthesis is not closed")
	}
	return value
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (x *expression) numeral() float64 {
	s, n := x.rest, 0
	digits := func() {
		for n < len(s) && isDigit(s[n]) {
			n++
		}
	}
	digits()
	if n < len(s) && s[n] == '.' {
		n++
		digits()
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		mark := n
		if n++; n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		first := n
		if digits(); n == first {
			n = mark // the e is not an exponent
		}
	}
	value, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		x.fail("%q is not a number", markup.Shorten(s[:n], 20))
		return 0
	}
	if n < len(s) {
		if i := strings.IndexByte("%kMGTcmunp", s[n]); i >= 0 {
			value *= [...]float64{1e-2, 1e3, 1e6, 1e9, 1e12, 1e-2, 1e-3, 1e-6, 1e-9, 1e-12}[i]
			n++
		}
		if n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
			x.fail("an operator is missing after a number")
		}
	}
	x.rest = strings.TrimSpace(s[n:])
	return value
}

func (x *expression) name() float64 {
	n := 0
	for n < len(x.rest) && (isLetter(x.rest[n]) || isDigit(x.rest[n])) {
		n++
	}
	name := strings.ToLower(x.rest[:n])
	x.rest = strings.TrimSpace(x.rest[n:])
	if !x.take("(") {
		switch name {
		case "pi":
			return math.Pi
		case "e":
			return math.E
		}
		x.fail("%q is not a known constant", markup.Shorten(name, 20))
		return 0
	}
	argument := x.closing()
	f := function(name)
	if f == nil {
		x.fail("%q is not a known function", markup.Shorten(name, 20))
		return 0
	}
	return f(argument)
}

func function(name string) func(float64) float64 {
	switch name {
	case "sqrt":
		return math.Sqrt
	case "abs":
		return math.Abs
	case "exp":
		return math.Exp
	case "ln":
		return math.Log
	case "log10":
		return math.Log10
	case "log2":
		return math.Log2
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "tan":
		return math.Tan
	case "arcsin":
		return math.Asin
	case "arccos":
		return math.Acos
	case "arctan":
		return math.Atan
	case "sinh":
		return math.Sinh
	case "cosh":
		return math.Cosh
	case "tanh":
		return math.Tanh
	case "fact", "factorial":
		return func(v float64) float64 {
			if v < 0 || v != math.Trunc(v) || v > 170 {
				return math.NaN()
			}
			return math.Round(math.Gamma(v + 1))
		}
	}
	return nil
}
