package scoring

import (
	"fmt"
	"math/big"
	"strings"
)

// The size of a numeral that ParseScore accepts.
const (
	maxScoreDigits  = 9 // before the point
	maxScoreDecimal = 9 // after it
)

// scorePlaces is the number of decimal places that String keeps.
const scorePlaces = 4

// Score is a number of points, or a share of them: an exact rational that is
// never negative. The zero value is zero. It is immutable; copies may be shared
// between goroutines.
type Score struct {
	r *big.Rat // nil is zero; never changed once set
}

// ParseScore reads an unsigned decimal such as "1" or "2.5": up to nine digits
// before the point and nine after it, no exponent, no sign.
func ParseScore(s string) (Score, error) {
	whole, fraction, point := strings.Cut(s, ".")
	if !digits(whole, maxScoreDigits) || point && !digits(fraction, maxScoreDecimal) {
		return Score{}, fmt.Errorf("%s is not a decimal such as \"2.5\"", quote(s))
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return Score{}, fmt.Errorf("%s is not a decimal such as \"2.5\"", quote(s))
	}
	return Score{r}, nil
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

// ratio is n/d for n >= 0 and d > 0.
func ratio(n, d int) Score { return Score{big.NewRat(int64(n), int64(d))} }

func (s Score) rat() *big.Rat {
	if s.r == nil {
		return new(big.Rat)
	}
	return s.r
}

// Rat returns the exact value, in a copy that the caller may change.
func (s Score) Rat() *big.Rat { return new(big.Rat).Set(s.rat()) }

// Add returns s + t.
func (s Score) Add(t Score) Score { return Score{new(big.Rat).Add(s.rat(), t.rat())} }

// times returns s * t.
func (s Score) times(t Score) Score { return Score{new(big.Rat).Mul(s.rat(), t.rat())} }

// Cmp is -1, 0 or +1 as s is less than, equal to or greater than t.
func (s Score) Cmp(t Score) int { return s.rat().Cmp(t.rat()) }

// IsZero reports whether s is zero.
func (s Score) IsZero() bool { return s.rat().Sign() == 0 }

// String is the decimal numeral of s, rounded half to even at four places and
// without trailing zeros: "0.3333", "2.5", "0". It suits a numeric column. Sum
// first and print afterwards: three printed thirds are 0.9999.
func (s Score) String() string {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(scorePlaces), nil)
	n := new(big.Int).Mul(s.rat().Num(), scale)
	d := s.rat().Denom()
	rest := new(big.Int)
	n.QuoRem(n, d, rest)
	half := rest.Lsh(rest, 1).Cmp(d)
	if half > 0 || half == 0 && n.Bit(0) == 1 {
		n.Add(n, big.NewInt(1))
	}
	text := fmt.Sprintf("%0*s", scorePlaces+1, n.String())
	whole, fraction := text[:len(text)-scorePlaces], text[len(text)-scorePlaces:]
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// MarshalText is String; in JSON a score is a string.
func (s Score) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseScore.
func (s *Score) UnmarshalText(text []byte) error {
	parsed, err := ParseScore(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
