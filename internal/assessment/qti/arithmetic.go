package qti

import (
	"fmt"
	"math"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// numberOperators compute. What cannot be computed, as a division by zero or a
// number that is too large, is NULL; so is everything that has NULL in it.
var numberOperators = map[string]operator{
	"sum":              {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return fold(m, e, exact.Number{}, exact.Number.Add) })},
	"product":          {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return fold(m, e, exact.FromInt(1), exact.Number.Mul) })},
	"subtract":         {least: 2, most: 2, build: binary(keepInteger, exact.Number.Sub)},
	"divide":           {least: 2, most: 2, build: binary(alwaysFloat, exact.Number.Quo)},
	"power":            {least: 2, most: 2, build: binary(alwaysFloat, exact.Number.Pow)},
	"integer-divide":   {least: 2, most: 2, build: binary(alwaysInteger, integerDivide)},
	"integer-modulus":  {least: 2, most: 2, build: binary(alwaysInteger, integerModulus)},
	"truncate":         {least: 1, most: 1, build: unary(alwaysInteger, func(n exact.Number) (exact.Number, error) { return n.Trunc(), nil })},
	"round":            {least: 1, most: 1, build: unary(alwaysInteger, roundHalfUp)},
	"round-to":         {least: 1, most: 1, build: buildRoundTo},
	"integer-to-float": {least: 1, most: 1, build: unary(alwaysFloat, func(n exact.Number) (exact.Number, error) { return n, nil })},
	"gcd":              {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return wholes(m, e, gcd) })},
	"lcm":              {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return wholes(m, e, lcm) })},
	"min":              {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return extreme(m, e, -1) })},
	"max":              {least: 1, most: -1, build: simple(func(m *machine, e *expression) Value { return extreme(m, e, +1) })},
	"stats-operator":   {least: 1, most: 1, build: buildStats},
	"math-operator":    {least: 1, most: 2, build: buildMath},
}

// resultType is the type of a result by whether all operands were integers.
type resultType func(integers bool) BaseType

func keepInteger(integers bool) BaseType {
	if integers {
		return IntegerType
	}
	return FloatType
}

func alwaysFloat(bool) BaseType   { return FloatType }
func alwaysInteger(bool) BaseType { return IntegerType }

// numbers computes the operands; ok is false if any is NULL or not a number.
func (m *machine) numbers(e *expression) (values []exact.Number, integers, ok bool) {
	integers = true
	for _, arg := range e.args {
		v := m.eval(arg)
		atoms := v.atoms()
		if len(atoms) == 0 {
			return nil, false, false
		}
		integers = integers && v.base == IntegerType
		for i := range atoms {
			n, isNumber := atoms[i].number(v.base)
			if !isNumber || !m.spend(cost(n)) {
				return nil, false, false
			}
			values = append(values, n)
		}
	}
	return values, integers, true
}

// fold adds or multiplies all operands.
func fold(m *machine, e *expression, total exact.Number, f func(a, b exact.Number) (exact.Number, error)) Value {
	values, integers, ok := m.numbers(e)
	if !ok {
		return Value{}
	}
	for i, n := range values {
		if i == 0 {
			total = n
			continue
		}
		var err error
		if total, err = f(total, n); err != nil || !m.spend(cost(total)) {
			return Value{}
		}
	}
	return number(keepInteger(integers), total)
}

func binary(result resultType, f func(a, b exact.Number) (exact.Number, error)) func(*compiler, *node, *expression) func(*machine) Value {
	return simple(func(m *machine, e *expression) Value {
		values, integers, ok := m.numbers(e)
		if !ok || len(values) != 2 {
			return Value{}
		}
		return arithmetic(result(integers), func() (exact.Number, error) { return f(values[0], values[1]) })
	})
}

func unary(result resultType, f func(n exact.Number) (exact.Number, error)) func(*compiler, *node, *expression) func(*machine) Value {
	return simple(func(m *machine, e *expression) Value {
		v := m.eval(e.args[0])
		n, ok := v.Number()
		if !ok || !m.spend(cost(n)) {
			return Value{}
		}
		return arithmetic(result(v.base == IntegerType), func() (exact.Number, error) { return f(n) })
	})
}

// integerDivide is the greatest whole number that is not above the quotient.
func integerDivide(a, b exact.Number) (exact.Number, error) {
	q, err := a.Quo(b)
	return q.Floor(), err
}

func integerModulus(a, b exact.Number) (exact.Number, error) {
	q, err := integerDivide(a, b)
	if err != nil {
		return q, err
	}
	if q, err = q.Mul(b); err != nil {
		return q, err
	}
	return a.Sub(q)
}

// roundHalfUp is n for the numbers from n - 1/2 up to but not n + 1/2.
func roundHalfUp(n exact.Number) (exact.Number, error) {
	half, err := exact.FromInt(1).Quo(exact.FromInt(2))
	if err != nil {
		return n, err
	}
	sum, err := n.Add(half)
	return sum.Floor(), err
}

func buildRoundTo(c *compiler, n *node, e *expression) func(*machine) Value {
	r, ok := c.rounding(n, e)
	if !ok {
		return nil
	}
	return func(m *machine) Value {
		x, ok := m.evalNumber(e.args[0])
		if !ok {
			return Value{}
		}
		if x, ok = r.of(m, x); !ok {
			return Value{}
		}
		return Float(x)
	}
}

// wholes folds whole numbers that fit 64 bits.
func wholes(m *machine, e *expression, f func(a, b int64) (int64, bool)) Value {
	values, _, ok := m.numbers(e)
	if !ok {
		return Value{}
	}
	var total int64
	for i, n := range values {
		x, fits := n.Int64()
		if !fits || x == math.MinInt64 {
			return Value{}
		}
		x = max(x, -x)
		if i == 0 {
			total = x
		} else if total, ok = f(total, x); !ok {
			return Value{}
		}
	}
	return Integer(total)
}

func gcd(a, b int64) (int64, bool) {
	for b != 0 {
		a, b = b, a%b
	}
	return a, true
}

func lcm(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	divisor, _ := gcd(a, b)
	a /= divisor
	if a > math.MaxInt64/b {
		return 0, false
	}
	return a * b, true
}

func extreme(m *machine, e *expression, sign int) Value {
	values, integers, ok := m.numbers(e)
	if !ok {
		return Value{}
	}
	best := values[0]
	for _, n := range values[1:] {
		if n.Cmp(best) == sign {
			best = n
		}
	}
	return number(keepInteger(integers), best)
}

func buildStats(c *compiler, n *node, e *expression) func(*machine) Value {
	name := strings.TrimSpace(n.attr("name"))
	e.note = clip(name)
	switch name {
	case "mean", "sampleVariance", "sampleSD", "popVariance", "popSD":
	default:
		c.report(n, "", fmt.Sprintf("the statistic %s is not known; it is taken as NULL", quote(name)))
		return nil
	}
	return func(m *machine) Value {
		values, _, ok := m.numbers(e)
		if !ok || !m.spend(len(values)) {
			return Value{}
		}
		result, err := statistic(m, name, values)
		if err != nil {
			return Value{}
		}
		return Float(result)
	}
}

// statistic is exact but for the square roots.
func statistic(m *machine, name string, values []exact.Number) (exact.Number, error) {
	count := exact.FromInt(int64(len(values)))
	mean, err := total(m, values)
	if err != nil {
		return mean, err
	}
	if mean, err = mean.Quo(count); err != nil || name == "mean" {
		return mean, err
	}
	squares := make([]exact.Number, len(values))
	for i, n := range values {
		if squares[i], err = n.Sub(mean); err == nil {
			squares[i], err = squares[i].Mul(squares[i])
		}
		if err != nil || !m.spend(cost(squares[i])) {
			return mean, exact.ErrTooLarge
		}
	}
	variance, err := total(m, squares)
	if err != nil {
		return variance, err
	}
	if strings.HasPrefix(name, "sample") {
		count = exact.FromInt(int64(len(values) - 1)) // of one value there is none
	}
	if variance, err = variance.Quo(count); err != nil || strings.HasSuffix(name, "Variance") {
		return variance, err
	}
	return variance.Sqrt()
}

func total(m *machine, values []exact.Number) (sum exact.Number, err error) {
	for _, n := range values {
		if sum, err = sum.Add(n); err != nil {
			return sum, err
		}
		if !m.spend(cost(sum)) {
			return sum, exact.ErrTooLarge
		}
	}
	return sum, nil
}

func buildMathConstant(c *compiler, n *node, e *expression) func(*machine) Value {
	e.note = clip(n.attr("name"))
	var f float64
	switch strings.TrimSpace(n.attr("name")) {
	case "pi":
		f = math.Pi
	case "e":
		f = math.E
	default:
		c.report(n, "", fmt.Sprintf("the constant %s is not known; it is taken as NULL", quote(n.attr("name"))))
		return nil
	}
	value := arithmetic(FloatType, func() (exact.Number, error) { return exact.FromFloat(f) })
	return func(*machine) Value { return value }
}

// realFunctions are those that lose exactness.
var realFunctions = map[string]func(float64) float64{
	"sin": math.Sin, "cos": math.Cos, "tan": math.Tan,
	"sec": inverse(math.Cos), "csc": inverse(math.Sin), "cot": inverse(math.Tan),
	"asin": math.Asin, "acos": math.Acos, "atan": math.Atan,
	"asec": ofInverse(math.Acos), "acsc": ofInverse(math.Asin), "acot": ofInverse(math.Atan),
	"sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh,
	"sech": inverse(math.Cosh), "csch": inverse(math.Sinh), "coth": inverse(math.Tanh),
	"log": math.Log10, "ln": math.Log, "exp": math.Exp,
	"toDegrees": func(x float64) float64 { return x / math.Pi * 180 },
	"toRadians": func(x float64) float64 { return x / 180 * math.Pi },
}

func inverse(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return 1 / f(x) }
}

func ofInverse(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return f(1 / x) }
}

func buildMath(c *compiler, n *node, e *expression) func(*machine) Value {
	name := strings.TrimSpace(n.attr("name"))
	e.note = clip(name)
	if want := map[bool]int{true: 2, false: 1}[name == "atan2"]; len(e.args) != want {
		c.report(n, "", fmt.Sprintf("the function %s has another number of arguments; it is taken as NULL", quote(name)))
		return nil
	}
	keep := func(f func(exact.Number) exact.Number, result resultType) func(*machine) Value {
		return unary(result, func(n exact.Number) (exact.Number, error) { return f(n), nil })(c, n, e)
	}
	switch name {
	case "abs":
		return keep(exact.Number.Abs, keepInteger)
	case "floor":
		return keep(exact.Number.Floor, alwaysInteger)
	case "ceil":
		return keep(exact.Number.Ceil, alwaysInteger)
	case "signum":
		return keep(func(n exact.Number) exact.Number { return exact.FromInt(int64(n.Sign())) }, alwaysInteger)
	case "sqrt": // not in the specification, but written
		return unary(alwaysFloat, exact.Number.Sqrt)(c, n, e)
	case "atan2":
		return binary(alwaysFloat, func(y, x exact.Number) (exact.Number, error) {
			return exact.FromFloat(math.Atan2(y.Float(), x.Float()))
		})(c, n, e)
	}
	f, ok := realFunctions[name]
	if !ok {
		c.report(n, "", fmt.Sprintf("the function %s is not known; it is taken as NULL", quote(name)))
		return nil
	}
	return unary(alwaysFloat, func(n exact.Number) (exact.Number, error) { return exact.FromFloat(f(n.Float())) })(c, n, e)
}
