package scoring

import (
	"errors"
	"fmt"
	"math"
	"math/big"
)

var (
	errTooLarge       = errors.New("it is too large or too small to compute")
	errDivisionByZero = errors.New("it divides by zero")
	errNotReal        = errors.New("it is not a real number")
)

// bounded makes an exact number of r, or an inexact one when r has grown beyond
// maxExactBits.
func bounded(r *big.Rat) (number, error) {
	if r.Num().BitLen() <= maxExactBits && r.Denom().BitLen() <= maxExactBits {
		return number{rat: r, exact: true}, nil
	}
	f, _ := r.Float64()
	if f == 0 {
		return number{}, errTooLarge // r is not zero: zero has few bits
	}
	return inexact(f)
}

// inexact makes a number of a float64. NaN and the infinities are not numbers.
func inexact(f float64) (number, error) {
	switch {
	case math.IsNaN(f):
		return number{}, errNotReal
	case math.IsInf(f, 0):
		return number{}, errTooLarge
	}
	return number{rat: new(big.Rat).SetFloat64(f)}, nil
}

// floats are the operands of an operation that has lost exactness. A value that
// is beyond float64 gives an error.
func floats(a, b number) (float64, float64, error) {
	x, y := a.float(), b.float()
	if math.IsInf(x, 0) || math.IsInf(y, 0) {
		return 0, 0, errTooLarge
	}
	return x, y, nil
}

func negate(a number) number { return number{new(big.Rat).Neg(a.rat), a.exact} }

func add(a, b number) (number, error) {
	if a.exact && b.exact {
		return bounded(new(big.Rat).Add(a.rat, b.rat))
	}
	x, y, err := floats(a, b)
	if err != nil {
		return number{}, err
	}
	return inexact(x + y)
}

func multiply(a, b number) (number, error) {
	if a.exact && b.exact {
		return bounded(new(big.Rat).Mul(a.rat, b.rat))
	}
	x, y, err := floats(a, b)
	if err != nil {
		return number{}, err
	}
	return inexact(x * y)
}

func invert(a number) (number, error) {
	if a.rat.Sign() == 0 {
		return number{}, errDivisionByZero
	}
	if a.exact {
		return number{new(big.Rat).Inv(a.rat), true}, nil
	}
	return inexact(1 / a.float())
}

// raise is base^exponent: exact for a whole exponent when the result is known
// beforehand to be small enough, else by floating point. 0^0 is 1.
func raise(base, exponent number) (number, error) {
	if base.rat.Sign() == 0 && exponent.rat.Sign() < 0 {
		return number{}, errDivisionByZero
	}
	if base.exact && exponent.exact && exponent.rat.IsInt() && exponent.rat.Num().IsInt64() {
		n := exponent.rat.Num().Int64()
		bits := int64(max(base.rat.Num().BitLen(), base.rat.Denom().BitLen()))
		if n >= -maxExactBits && n <= maxExactBits && bits*max(n, -n) <= maxExactBits {
			power := big.NewInt(max(n, -n))
			result := new(big.Rat).SetFrac(
				new(big.Int).Exp(base.rat.Num(), power, nil),
				new(big.Int).Exp(base.rat.Denom(), power, nil))
			if n < 0 {
				result.Inv(result)
			}
			return bounded(result)
		}
	}
	x, y, err := floats(base, exponent)
	if err != nil {
		return number{}, err
	}
	return inexact(math.Pow(x, y))
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

func reciprocalOf(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return 1 / f(x) }
}

func ofReciprocal(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return f(1 / x) }
}

// apply computes a function by its lower-case name.
func apply(name string, a number) (number, error) {
	switch name {
	case "abs":
		return number{new(big.Rat).Abs(a.rat), a.exact}, nil
	case "fact", "factorial":
		if !a.exact || !a.rat.IsInt() || a.rat.Sign() < 0 || a.rat.Cmp(big.NewRat(maxFactorial, 1)) > 0 {
			return number{}, fmt.Errorf("a factorial takes a whole number from 0 to %d", maxFactorial)
		}
		return bounded(new(big.Rat).SetInt(new(big.Int).MulRange(1, a.rat.Num().Int64())))
	case "sqrt":
		return squareRoot(a)
	}
	f, ok := realFunctions[name]
	if !ok {
		return number{}, fmt.Errorf("%s is not a function", quote(name))
	}
	x, _, err := floats(a, a)
	if err != nil {
		return number{}, err
	}
	return inexact(f(x))
}

// squareRoot is exact for the squares of rationals.
func squareRoot(a number) (number, error) {
	if a.rat.Sign() < 0 {
		return number{}, errNotReal
	}
	if a.exact {
		n, d := new(big.Int).Sqrt(a.rat.Num()), new(big.Int).Sqrt(a.rat.Denom())
		root := new(big.Rat).SetFrac(n, d)
		if new(big.Rat).Mul(root, root).Cmp(a.rat) == 0 {
			return number{root, true}, nil
		}
	}
	x, _, err := floats(a, a)
	if err != nil {
		return number{}, err
	}
	return inexact(math.Sqrt(x))
}
