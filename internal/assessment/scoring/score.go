package scoring

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// The size of a numeral that ParseScore accepts.
const (
	maxScoreDigits  = 9 // before the point
	maxScoreDecimal = 9 // after it
)

// scorePlaces is the number of decimal places that String keeps, and scoreScale
// is ten to its power.
const (
	scorePlaces = 4
	scoreScale  = 10_000
)

// Score is a number of points, or a share of them: an exact rational. The zero
// value is zero. It is immutable; copies may be shared between goroutines.
//
// Scores and credits are nearly always fractions of small numbers. These are kept
// in two integers; the few others are big.Rats, and nobody can tell.
type Score struct {
	num, den int64    // in lowest terms, den > 0; both zero for zero
	big      *big.Rat // instead of num and den if they would not fit; never changed once set
}

var whole = Score{num: 1, den: 1}

// ParseScore reads an unsigned decimal such as "1" or "2.5": up to nine digits
// before the point and nine after it, no exponent, no sign.
func ParseScore(s string) (Score, error) {
	before, after, point := strings.Cut(s, ".")
	if !digits(before, maxScoreDigits) || point && !digits(after, maxScoreDecimal) {
		return Score{}, fmt.Errorf("%s is not a decimal such as \"2.5\"", quote(s))
	}
	num, err := strconv.ParseInt(before+after, 10, 64)
	if err != nil {
		return Score{}, fmt.Errorf("%s is not a decimal such as \"2.5\"", quote(s))
	}
	den := int64(1)
	for range len(after) {
		den *= 10
	}
	return fraction(num, den), nil
}

// ParseSignedScore reads what ParseScore does, with a "-" before it or without.
func ParseSignedScore(s string) (Score, error) {
	unsigned, negative := strings.CutPrefix(s, "-")
	score, err := ParseScore(unsigned)
	switch {
	case err != nil:
		return Score{}, fmt.Errorf("%s is not a decimal such as \"2.5\" or \"-0.25\"", quote(s))
	case negative:
		return score.neg(), nil
	}
	return score, nil
}

// digits reports whether s is 1 to limit ASCII digits.
func digits(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ratio is n/d for d > 0.
func ratio(n, d int) Score { return fraction(int64(n), int64(d)) }

// fraction is n/d for d > 0 in lowest terms. n is not the least int64.
func fraction(n, d int64) Score {
	if n == 0 {
		return Score{}
	}
	a, b := max(n, -n), d
	for b != 0 {
		a, b = b, a%b
	}
	return Score{num: n / a, den: d / a}
}

// fromRat keeps r, which must not be changed any more.
func fromRat(r *big.Rat) Score {
	if r.Num().BitLen() < 63 && r.Denom().BitLen() < 63 {
		return fraction(r.Num().Int64(), r.Denom().Int64())
	}
	return Score{big: r}
}

// FromRat makes a score of a rational.
func FromRat(r *big.Rat) Score { return fromRat(new(big.Rat).Set(r)) }

// Rat returns the exact value, in a copy that the caller may change.
func (s Score) Rat() *big.Rat {
	switch {
	case s.big != nil:
		return new(big.Rat).Set(s.big)
	case s.den == 0:
		return new(big.Rat)
	}
	return big.NewRat(s.num, s.den)
}

// small returns the numerator and denominator if products of two such are sure
// to fit an int64, and sums of two products too.
func (s Score) small() (num, den int64, ok bool) {
	const limit = 1 << 31
	if s.big != nil || s.num <= -limit || s.num >= limit || s.den >= limit {
		return 0, 0, false
	}
	return s.num, max(s.den, 1), true
}

// Add returns s + t.
func (s Score) Add(t Score) Score {
	if a, b, ok := s.small(); ok {
		if c, d, ok := t.small(); ok {
			return fraction(a*d+c*b, b*d)
		}
	}
	return fromRat(new(big.Rat).Add(s.Rat(), t.Rat()))
}

// Sub returns s - t.
func (s Score) Sub(t Score) Score { return s.Add(t.neg()) }

// times returns s * t.
func (s Score) times(t Score) Score {
	if a, b, ok := s.small(); ok {
		if c, d, ok := t.small(); ok {
			return fraction(a*c, b*d)
		}
	}
	return fromRat(new(big.Rat).Mul(s.Rat(), t.Rat()))
}

// over returns s / t. t is not zero.
func (s Score) over(t Score) Score { return fromRat(new(big.Rat).Quo(s.Rat(), t.Rat())) }

func (s Score) neg() Score {
	if s.big != nil {
		return Score{big: new(big.Rat).Neg(s.big)}
	}
	return Score{num: -s.num, den: s.den}
}

// Cmp is -1, 0 or +1 as s is less than, equal to or greater than t.
func (s Score) Cmp(t Score) int {
	if a, b, ok := s.small(); ok {
		if c, d, ok := t.small(); ok {
			switch x, y := a*d, c*b; {
			case x < y:
				return -1
			case x > y:
				return +1
			}
			return 0
		}
	}
	return s.Rat().Cmp(t.Rat())
}

// Sign is -1, 0 or +1.
func (s Score) Sign() int {
	switch {
	case s.big != nil:
		return s.big.Sign()
	case s.num < 0:
		return -1
	case s.num > 0:
		return +1
	}
	return 0
}

// IsZero reports whether s is zero.
func (s Score) IsZero() bool { return s.Sign() == 0 }

// isWhole reports whether a credit is full.
func (s Score) isWhole() bool { return s == whole }

// within is s, or the bound that it lies beyond.
func (s Score) within(low, high Score) Score {
	switch {
	case s.Cmp(low) < 0:
		return low
	case s.Cmp(high) > 0:
		return high
	}
	return s
}

// String is the decimal numeral of s, rounded half to even at four places and
// without trailing zeros: "0.3333", "-2.5", "0". It suits a numeric column. Sum
// first and print afterwards: three printed thirds are 0.9999.
func (s Score) String() string {
	const most = 1 << 48 // times scoreScale fits
	if s.big != nil || s.num >= most || s.num <= -most || s.den >= most {
		return s.bigString()
	}
	if s.num == 0 {
		return "0"
	}
	scaled, den := max(s.num, -s.num)*scoreScale, s.den
	n, rest := scaled/den, scaled%den
	if 2*rest > den || 2*rest == den && n%2 == 1 {
		n++
	}
	return numeralOf(strconv.FormatInt(n, 10), s.num < 0)
}

func (s Score) bigString() string {
	r := s.Rat()
	n := new(big.Int).Mul(new(big.Int).Abs(r.Num()), big.NewInt(scoreScale))
	rest := new(big.Int)
	n.QuoRem(n, r.Denom(), rest)
	half := rest.Lsh(rest, 1).Cmp(r.Denom())
	if half > 0 || half == 0 && n.Bit(0) == 1 {
		n.Add(n, big.NewInt(1))
	}
	return numeralOf(n.String(), r.Sign() < 0)
}

// numeralOf puts the point and the sign to digits that count ten-thousandths.
func numeralOf(digits string, negative bool) string {
	if len(digits) <= scorePlaces {
		digits = strings.Repeat("0", scorePlaces+1-len(digits)) + digits
	}
	before, after := digits[:len(digits)-scorePlaces], strings.TrimRight(digits[len(digits)-scorePlaces:], "0")
	if after != "" {
		before += "." + after
	}
	if negative && before != "0" {
		return "-" + before
	}
	return before
}

// MarshalText is String; in JSON a score is a string.
func (s Score) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSignedScore.
func (s *Score) UnmarshalText(text []byte) error {
	parsed, err := ParseSignedScore(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
