package exact

import (
	"math"
	"math/big"
)

// floats are the operands of an operation that has lost exactness. A value that
// is beyond float64 gives an error.
func floats(a, b Number) (float64, float64, error) {
	x, y := a.Float(), b.Float()
	if math.IsInf(x, 0) || math.IsInf(y, 0) {
		return 0, 0, ErrTooLarge
	}
	return x, y, nil
}

// Neg is -n.
func (n Number) Neg() Number { return Number{new(big.Rat).Neg(n.value()), n.tainted} }

// Abs is the absolute value of n.
func (n Number) Abs() Number { return Number{new(big.Rat).Abs(n.value()), n.tainted} }

// Add is n + m.
func (n Number) Add(m Number) (Number, error) {
	if n.Exact() && m.Exact() {
		return bounded(new(big.Rat).Add(n.value(), m.value()))
	}
	x, y, err := floats(n, m)
	if err != nil {
		return Number{}, err
	}
	return inexact(x + y)
}

// Sub is n - m.
func (n Number) Sub(m Number) (Number, error) { return n.Add(m.Neg()) }

// Mul is n * m.
func (n Number) Mul(m Number) (Number, error) {
	if n.Exact() && m.Exact() {
		return bounded(new(big.Rat).Mul(n.value(), m.value()))
	}
	x, y, err := floats(n, m)
	if err != nil {
		return Number{}, err
	}
	return inexact(x * y)
}

// Inv is 1 / n.
func (n Number) Inv() (Number, error) {
	if n.Sign() == 0 {
		return Number{}, ErrDivisionByZero
	}
	if n.Exact() {
		return Number{rat: new(big.Rat).Inv(n.value())}, nil
	}
	return inexact(1 / n.Float())
}

// Quo is n / m.
func (n Number) Quo(m Number) (Number, error) {
	if m.Sign() == 0 {
		return Number{}, ErrDivisionByZero
	}
	if n.Exact() && m.Exact() {
		return bounded(new(big.Rat).Quo(n.value(), m.value()))
	}
	x, y, err := floats(n, m)
	if err != nil {
		return Number{}, err
	}
	return inexact(x / y)
}

// Pow is n^exponent: exact for a whole exponent when the result is known
// beforehand to be small enough, else by floating point. 0^0 is 1.
func (n Number) Pow(exponent Number) (Number, error) {
	base, power := n.value(), exponent.value()
	if base.Sign() == 0 && power.Sign() < 0 {
		return Number{}, ErrDivisionByZero
	}
	if n.Exact() && exponent.Exact() && power.IsInt() && power.Num().IsInt64() {
		k := power.Num().Int64()
		bits := int64(max(base.Num().BitLen(), base.Denom().BitLen()))
		if k >= -maxBits && k <= maxBits && bits*max(k, -k) <= maxBits {
			return bounded(wholePower(base, k))
		}
	}
	x, y, err := floats(n, exponent)
	if err != nil {
		return Number{}, err
	}
	return inexact(math.Pow(x, y))
}

// wholePower is base^k. base is not zero if k is negative.
func wholePower(base *big.Rat, k int64) *big.Rat {
	power := big.NewInt(max(k, -k))
	result := new(big.Rat).SetFrac(
		new(big.Int).Exp(base.Num(), power, nil),
		new(big.Int).Exp(base.Denom(), power, nil))
	if k < 0 {
		result.Inv(result)
	}
	return result
}

// Sqrt is the square root, exact for the squares of rationals.
func (n Number) Sqrt() (Number, error) {
	r := n.value()
	if r.Sign() < 0 {
		return Number{}, ErrNotReal
	}
	if n.Exact() {
		root := new(big.Rat).SetFrac(new(big.Int).Sqrt(r.Num()), new(big.Int).Sqrt(r.Denom()))
		if new(big.Rat).Mul(root, root).Cmp(r) == 0 {
			return Number{rat: root}, nil
		}
	}
	x, _, err := floats(n, n)
	if err != nil {
		return Number{}, err
	}
	return inexact(math.Sqrt(x))
}

// Floor is the greatest whole number that is not above n. Like Ceil, Trunc and
// Round it keeps whether n is exact.
func (n Number) Floor() Number {
	r := n.value()
	if r.IsInt() {
		return n
	}
	q := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: towards -infinity, as the denominator is positive
	return Number{new(big.Rat).SetInt(q), n.tainted}
}

// Ceil is the least whole number that is not below n.
func (n Number) Ceil() Number { return n.Neg().Floor().Neg() }

// Trunc is the whole number next to n towards zero.
func (n Number) Trunc() Number {
	if n.Sign() < 0 {
		return n.Ceil()
	}
	return n.Floor()
}

var half = Number{rat: big.NewRat(1, 2)}

// Round is the nearest whole number, half away from zero.
func (n Number) Round() Number {
	r := new(big.Rat)
	if n.Sign() < 0 {
		return Number{r.Sub(n.value(), half.rat), n.tainted}.Ceil()
	}
	return Number{r.Add(n.value(), half.rat), n.tainted}.Floor()
}

// maxPlaces bounds the decimal places and significant digits of roundings.
const maxPlaces = 400

// RoundTo is n rounded to decimal places, half away from zero; a negative number
// of places rounds to tens, hundreds and so on.
func (n Number) RoundTo(places int) (Number, error) {
	if places > maxPlaces || places < -maxPlaces {
		return Number{}, ErrTooLarge
	}
	scale := wholePower(big.NewRat(10, 1), int64(places))
	scaled := Number{new(big.Rat).Mul(n.value(), scale), n.tainted}.Round()
	result, err := bounded(scaled.rat.Quo(scaled.rat, scale)) // Round made it anew
	result.tainted = result.tainted || n.tainted
	return result, err
}

// RoundSignificant is n rounded to significant digits (at least one), half away
// from zero.
func (n Number) RoundSignificant(digits int) (Number, error) {
	if digits < 1 || digits > maxPlaces {
		return Number{}, ErrTooLarge
	}
	if n.Sign() == 0 {
		return n, nil
	}
	return n.RoundTo(digits - 1 - n.Magnitude())
}

// Magnitude is the power of ten of the first significant digit: 2 for 345, -3 for
// 0.00123. That of zero is 0.
func (n Number) Magnitude() int {
	if i, ok := n.Int64(); ok { // the common case
		m := 0
		for i /= 10; i != 0; i /= 10 {
			m++
		}
		return m
	}
	r := new(big.Rat).Abs(n.value())
	// The estimate from the lengths in bits is at most one too low or too high.
	bits := r.Num().BitLen() - r.Denom().BitLen()
	m := int(math.Floor(float64(bits) * math.Log10(2)))
	ten := big.NewRat(10, 1)
	for r.Cmp(wholePower(ten, int64(m))) < 0 {
		m--
	}
	for r.Cmp(wholePower(ten, int64(m+1))) >= 0 {
		m++
	}
	return m
}

// Mod is what is left of n after a whole number of m, with the sign of n
// (truncated division, as fmod).
func (n Number) Mod(m Number) (Number, error) {
	quotient, err := n.Quo(m)
	if err != nil {
		return Number{}, err
	}
	if n.Exact() && m.Exact() && quotient.Exact() {
		multiple, err := quotient.Trunc().Mul(m)
		if err != nil {
			return Number{}, err
		}
		return n.Sub(multiple)
	}
	x, y, err := floats(n, m)
	if err != nil {
		return Number{}, err
	}
	return inexact(math.Mod(x, y))
}
