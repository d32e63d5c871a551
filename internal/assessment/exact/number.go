package exact

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxBits of a numerator or denominator; beyond it values are float64.
const maxBits = 4096

// Why there is no number. They are sentences for the learner without the final
// stop.
var (
	ErrTooLarge       = errors.New("it is too large or too small to compute")
	ErrDivisionByZero = errors.New("it divides by zero")
	ErrNotReal        = errors.New("it is not a real number")
)

// Number is a rational number, or a float64. The zero value is an exact zero.
// Numbers are immutable; copies may be shared between goroutines. They are not
// to be compared with ==; see Cmp.
type Number struct {
	rat *big.Rat // nil is zero; never changed once set
	// tainted is true when float64 arithmetic had a part in it.
	tainted bool
}

var zero = new(big.Rat)

// value is the number as a rational that must not be changed.
func (n Number) value() *big.Rat {
	if n.rat == nil {
		return zero
	}
	return n.rat
}

// FromInt makes an exact number.
func FromInt(i int64) Number { return Number{rat: new(big.Rat).SetInt64(i)} }

// FromRat makes a number of r, exact unless r has thousands of digits.
func FromRat(r *big.Rat) (Number, error) { return bounded(new(big.Rat).Set(r)) }

// FromFloat makes a number of a float64, which is not exact. NaN and the
// infinities give an error.
func FromFloat(f float64) (Number, error) { return inexact(f) }

// Parse reads a decimal numeral: an optional sign, digits with at most one point
// among or beside them, an optional exponent of at most three digits such as
// "e-3", without white space. The number is exact.
func Parse(numeral string) (Number, error) {
	if len(numeral) > maxAnswerBytes {
		return Number{}, fmt.Errorf("it is longer than %d bytes", maxAnswerBytes)
	}
	if !isNumeral(numeral) {
		return Number{}, fmt.Errorf("%s is not a decimal number", quote(numeral))
	}
	if len(numeral) <= 18 { // the common case: a small integer
		if i, err := strconv.ParseInt(numeral, 10, 64); err == nil {
			return FromInt(i), nil
		}
	}
	r, ok := new(big.Rat).SetString(numeral)
	if !ok {
		return Number{}, fmt.Errorf("%s is not a decimal number", quote(numeral))
	}
	return bounded(r)
}

func isNumeral(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent := s[i+1:]
		mantissa = s[:i]
		if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
			exponent = exponent[1:]
		}
		if exponent == "" || len(exponent) > 3 || !isDigits(exponent) {
			return false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return whole+fraction != "" && isDigits(whole) && isDigits(fraction)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// bounded makes an exact number of r, or a float64 when r has grown beyond
// maxBits. It keeps r.
func bounded(r *big.Rat) (Number, error) {
	if r.Num().BitLen() <= maxBits && r.Denom().BitLen() <= maxBits {
		return Number{rat: r}, nil
	}
	f, _ := r.Float64()
	if f == 0 {
		return Number{}, ErrTooLarge // r is not zero: zero has few bits
	}
	return inexact(f)
}

// inexact makes a number of a float64. NaN and the infinities are not numbers.
func inexact(f float64) (Number, error) {
	switch {
	case math.IsNaN(f):
		return Number{}, ErrNotReal
	case math.IsInf(f, 0):
		return Number{}, ErrTooLarge
	}
	return Number{rat: new(big.Rat).SetFloat64(f), tainted: true}, nil
}

// Exact reports whether float64 arithmetic had no part in the number.
func (n Number) Exact() bool { return !n.tainted }

// Rat is the value, in a copy that the caller may change.
func (n Number) Rat() *big.Rat { return new(big.Rat).Set(n.value()) }

// Float is the nearest float64, an infinity if the number is beyond.
func (n Number) Float() float64 {
	f, _ := n.value().Float64()
	return f
}

// Sign is -1, 0 or +1.
func (n Number) Sign() int { return n.value().Sign() }

// Cmp is -1, 0 or +1 as n is less than, equal to or greater than m.
func (n Number) Cmp(m Number) int { return n.value().Cmp(m.value()) }

// IsInt reports whether the value is a whole number.
func (n Number) IsInt() bool { return n.value().IsInt() }

// Int64 is the value if it is a whole number within int64.
func (n Number) Int64() (int64, bool) {
	r := n.value()
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// String is the value to ten significant digits.
func (n Number) String() string { return new(big.Float).SetRat(n.value()).Text('g', 10) }

// Decimal is the value in digits without an exponent, rounded half away from
// zero at the given number of places (at most 400), without trailing zeros:
// "0.3333", "-2.5", "12".
func (n Number) Decimal(places int) string {
	text := n.value().FloatString(min(max(places, 0), 400))
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

// quote is a text from outside in a message.
func quote(s string) string {
	const limit = 40
	if len(s) > limit {
		return strconv.Quote(strings.ToValidUTF8(s[:limit], "")) + "..."
	}
	return strconv.Quote(s)
}

// Size is the length of the number in bits, which is what arithmetic with it
// costs.
func (n Number) Size() int { return n.value().Num().BitLen() + n.value().Denom().BitLen() }
