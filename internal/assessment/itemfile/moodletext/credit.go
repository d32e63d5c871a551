package moodletext

import (
	"math/big"
	"strings"
)

// Share is a share of a mark in billionths: Moodle writes thirds as 33.33333
// percent, which must add up to the whole all the same.
type Share int64

// Whole is all of a mark.
const Whole Share = 1_000_000_000

// ParsePercent reads a percentage as Moodle writes it, "33.33333" or "-50" or
// "12,5", and returns the share. Thirds, sixths, sevenths and so on are restored
// to the precision that there is.
func ParsePercent(text string) (Share, bool) {
	switch text {
	case "0":
		return 0, true
	case "100":
		return Whole, true
	}
	return parseShare(text, Whole/100)
}

// ParseShare reads a share, such as "0.3333333".
func ParseShare(text string) (Share, bool) { return parseShare(text, Whole) }

// parseShare reads a decimal in units, of which there are at most 1000 wholes.
func parseShare(text string, unit Share) (Share, bool) {
	r, ok := Decimal(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(unit)))
	whole := round(r)
	if !whole.IsInt64() || whole.Int64() > 1000*int64(Whole) || whole.Int64() < -1000*int64(Whole) {
		return 0, false
	}
	return nearest(Share(whole.Int64())), true
}

// nearest moves a share to a common fraction that lies within what five digits
// after the point tell.
func nearest(s Share) Share {
	const within = Whole / 200_000
	for d := Share(1); d <= 12; d++ {
		// Halves away from zero.
		n := s * d
		if n >= 0 {
			n = (n + Whole/2) / Whole
		} else {
			n = (n - Whole/2) / Whole
		}
		snapped := n * Whole
		if snapped >= 0 {
			snapped = (snapped + d/2) / d
		} else {
			snapped = (snapped - d/2) / d
		}
		if gap := s - snapped; gap > -within && gap < within {
			return snapped
		}
	}
	return s
}

// round is the whole number next to r, halves away from zero.
func round(r *big.Rat) *big.Int {
	half := big.NewRat(1, 2)
	if r.Sign() < 0 {
		half.Neg(half)
	}
	r = new(big.Rat).Add(r, half)
	return new(big.Int).Quo(r.Num(), r.Denom())
}

// Decimal reads a decimal or scientific numeral of bounded size; a comma may
// stand for the point.
func Decimal(text string) (*big.Rat, bool) {
	text = strings.Replace(strings.TrimSpace(text), ",", ".", 1)
	if text == "" || len(text) > 60 || strings.ContainsAny(text, "/_xXpP") {
		return nil, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(strings.TrimLeft(text[i+1:], "+-0")) > 3 {
		return nil, false // an exponent that would fill the memory
	}
	return new(big.Rat).SetString(text)
}

// String is the share as a decimal.
func (s Share) String() string { return DecimalText(big.NewRat(int64(s), int64(Whole)), 9) }

// DecimalText writes a number with at most so many places, without trailing
// zeros.
func DecimalText(r *big.Rat, places int) string {
	text := r.FloatString(places)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" || text == "" {
		return "0"
	}
	return text
}

// Complete makes shares that were meant to add up to the whole do so to the last
// digit, those above zero and those below it each for themselves.
func Complete(shares []Share) {
	for _, sign := range []Share{1, -1} {
		total, last := Share(0), -1
		for i, s := range shares {
			if s*sign > 0 {
				total += s * sign
				last = i
			}
		}
		if gap := Whole - total; last >= 0 && gap != 0 && gap > -Whole/10_000 && gap < Whole/10_000 {
			shares[last] += gap * sign
		}
	}
}
