package exact

import (
	"fmt"
	"math"
	"math/big"
)

// maxFactorial is the last number whose factorial fits a float64.
const maxFactorial = 170

// function computes a value from its arguments, of which there are as many as
// its signature says.
type function struct {
	least, most int
	compute     func(arguments []Number) (Number, error)
	author      bool // not for learners
}

// realFunctions are edX's functions of one real argument, in radians.
var realFunctions = map[string]func(float64) float64{
	"sin": math.Sin, "cos": math.Cos, "tan": math.Tan,
	"sec": reciprocalOf(math.Cos), "csc": reciprocalOf(math.Sin), "cot": reciprocalOf(math.Tan),
	"arcsin": math.Asin, "arccos": math.Acos, "arctan": math.Atan,
	"arcsec": ofReciprocal(math.Acos), "arccsc": ofReciprocal(math.Asin), "arccot": ofReciprocal(math.Atan),
	"sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh,
	"sech": reciprocalOf(math.Cosh), "csch": reciprocalOf(math.Sinh), "coth": reciprocalOf(math.Tanh),
	"arcsinh": math.Asinh, "arccosh": math.Acosh, "arctanh": math.Atanh,
	"arcsech": ofReciprocal(math.Acosh), "arccsch": ofReciprocal(math.Asinh), "arccoth": ofReciprocal(math.Atanh),
	"ln": math.Log, "log2": math.Log2, "log10": math.Log10, "exp": math.Exp,
}

// authorFunctions are those that Moodle has besides, of one real argument.
var authorFunctions = map[string]func(float64) float64{
	"asin": math.Asin, "acos": math.Acos, "atan": math.Atan,
	"asinh": math.Asinh, "acosh": math.Acosh, "atanh": math.Atanh,
	"expm1": math.Expm1, "log1p": math.Log1p,
	"deg2rad": func(x float64) float64 { return x / 180 * math.Pi },
	"rad2deg": func(x float64) float64 { return x / math.Pi * 180 },
}

func reciprocalOf(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return 1 / f(x) }
}

func ofReciprocal(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return f(1 / x) }
}

// functionNamed finds a function by its lower-case name.
func functionNamed(name string) (function, bool) {
	if f, ok := realFunctions[name]; ok {
		return function{least: 1, most: 1, compute: onFloat(f)}, true
	}
	if f, ok := authorFunctions[name]; ok {
		return function{least: 1, most: 1, compute: onFloat(f), author: true}, true
	}
	switch name {
	case "abs":
		return one(func(a Number) (Number, error) { return a.Abs(), nil }), true
	case "fact", "factorial":
		return one(factorial), true
	case "sqrt":
		return one(Number.Sqrt), true
	}
	f, ok := wholeFunctions(name)
	f.author = true
	return f, ok
}

// wholeFunctions are Moodle's functions that keep exact numbers exact, and those
// of two arguments.
func wholeFunctions(name string) (function, bool) {
	switch name {
	case "floor":
		return one(func(a Number) (Number, error) { return a.Floor(), nil }), true
	case "ceil":
		return one(func(a Number) (Number, error) { return a.Ceil(), nil }), true
	case "round":
		return function{least: 1, most: 2, compute: round}, true
	case "min":
		return function{least: 1, most: maxArguments, compute: extreme(-1)}, true
	case "max":
		return function{least: 1, most: maxArguments, compute: extreme(+1)}, true
	case "pow":
		return two(Number.Pow), true
	case "fmod":
		return two(Number.Mod), true
	case "atan2":
		return two(arcTangent), true
	case "log":
		return function{least: 1, most: 2, compute: logarithm}, true
	case "pi":
		return function{compute: func([]Number) (Number, error) { return inexact(math.Pi) }}, true
	}
	return function{}, false
}

func one(f func(Number) (Number, error)) function {
	return function{least: 1, most: 1, compute: func(a []Number) (Number, error) { return f(a[0]) }}
}

func two(f func(a, b Number) (Number, error)) function {
	return function{least: 2, most: 2, compute: func(a []Number) (Number, error) { return f(a[0], a[1]) }}
}

func onFloat(f func(float64) float64) func([]Number) (Number, error) {
	return func(a []Number) (Number, error) {
		x, _, err := floats(a[0], a[0])
		if err != nil {
			return Number{}, err
		}
		return inexact(f(x))
	}
}

func factorial(a Number) (Number, error) {
	n, ok := a.Int64()
	if !a.Exact() || !ok || n < 0 || n > maxFactorial {
		return Number{}, fmt.Errorf("a factorial takes a whole number from 0 to %d", maxFactorial)
	}
	return bounded(new(big.Rat).SetInt(new(big.Int).MulRange(1, n)))
}

func round(a []Number) (Number, error) {
	if len(a) == 1 {
		return a[0].Round(), nil
	}
	places, ok := a[1].Int64()
	if !ok || places > maxPlaces || places < -maxPlaces {
		return Number{}, fmt.Errorf("a rounding takes a whole number of places from %d to %d", -maxPlaces, maxPlaces)
	}
	return a[0].RoundTo(int(places))
}

// extreme is the least (sign -1) or greatest (+1) of the arguments.
func extreme(sign int) func([]Number) (Number, error) {
	return func(a []Number) (Number, error) {
		best := a[0]
		for _, n := range a[1:] {
			if n.Cmp(best) == sign {
				best = n
			}
		}
		return best, nil
	}
}

func arcTangent(a, b Number) (Number, error) {
	y, x, err := floats(a, b)
	if err != nil {
		return Number{}, err
	}
	return inexact(math.Atan2(y, x))
}

// logarithm is the natural one, or that to the base of the second argument.
func logarithm(a []Number) (Number, error) {
	x, _, err := floats(a[0], a[0])
	if err != nil || len(a) == 1 {
		return orInexact(math.Log(x), err)
	}
	base, _, err := floats(a[1], a[1])
	return orInexact(math.Log(x)/math.Log(base), err)
}

func orInexact(f float64, err error) (Number, error) {
	if err != nil {
		return Number{}, err
	}
	return inexact(f)
}
