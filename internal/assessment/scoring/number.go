package scoring

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// defaultTolerance is edX's. Only this one is a share of the larger of the
// response and the value.
const defaultTolerance = "0.001%"

// floatSlack is the share by which a closed bound is widened when float64
// arithmetic had a part in the comparison.
var floatSlack = big.NewRat(1, 1_000_000_000_000)

// numberKey accepts the numbers of an interval.
type numberKey struct {
	low, high         *big.Rat // nil is unbounded
	lowOpen, highOpen bool
	inexact           bool   // the bounds come from float64 arithmetic
	readable          string // for learners: "3.14 ± 2%"
	credit            Score
	feedback          string
}

func parseNumberKey(def event.NumberKeyV1) (numberKey, error) {
	key := numberKey{feedback: def.FeedbackHTML}
	var err error
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, err
	}
	if err := checkMarkup("feedback_html", def.FeedbackHTML); err != nil {
		return key, err
	}
	switch isRange := def.Low != "" || def.High != ""; {
	case isRange && (def.Value != "" || def.Tolerance != ""):
		return key, errors.New("a range has no value and no tolerance")
	case isRange:
		return key, key.setRange(def)
	case def.LowOpen || def.HighOpen:
		return key, errors.New("only a range has open ends")
	}
	return key, key.setValue(def.Value, def.Tolerance)
}

func (k *numberKey) setValue(value, tolerance string) error {
	expected, err := exact.Evaluate(value)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	k.readable = strings.TrimSpace(value)
	tolerance = strings.TrimSpace(tolerance)
	if tolerance == "" {
		tolerance = defaultTolerance
	} else {
		k.readable += " ± " + tolerance
	}
	numeral, relative := strings.CutSuffix(tolerance, "%")
	amount, err := exact.Evaluate(numeral)
	if err != nil {
		return fmt.Errorf("tolerance: %w", err)
	}
	if amount.Sign() < 0 {
		return errors.New("tolerance: it is negative")
	}
	k.inexact = !expected.Exact() || !amount.Exact()
	centre := expected.Rat()
	magnitude := new(big.Rat).Abs(centre)
	margin := amount.Rat()
	if relative {
		margin.Mul(margin, big.NewRat(1, 100)).Mul(margin, magnitude)
	}
	k.low = new(big.Rat).Sub(centre, margin)
	k.high = new(big.Rat).Add(centre, margin)
	if tolerance == defaultTolerance {
		// |x-e| <= p*max(|x|,|e|) reaches to e/(1-p) on the side away from zero.
		far := new(big.Rat).Mul(centre, big.NewRat(100_000, 99_999))
		if centre.Sign() < 0 {
			k.low = far
		} else {
			k.high = far
		}
	}
	return nil
}

func (k *numberKey) setRange(def event.NumberKeyV1) error {
	k.lowOpen, k.highOpen = def.LowOpen, def.HighOpen
	var ends []string
	for _, end := range []struct {
		name, text string
		open       bool
		bound      **big.Rat
		closedSign string
		openSign   string
	}{
		{"low", def.Low, def.LowOpen, &k.low, "at least ", "more than "},
		{"high", def.High, def.HighOpen, &k.high, "at most ", "less than "},
	} {
		if end.text == "" {
			if end.open {
				return fmt.Errorf("%s_open: there is no %s end", end.name, end.name)
			}
			continue
		}
		value, err := exact.Evaluate(end.text)
		if err != nil {
			return fmt.Errorf("%s: %w", end.name, err)
		}
		*end.bound = value.Rat()
		k.inexact = k.inexact || !value.Exact()
		sign := end.closedSign
		if end.open {
			sign = end.openSign
		}
		ends = append(ends, sign+strings.TrimSpace(end.text))
	}
	if k.low != nil && k.high != nil {
		if c := k.low.Cmp(k.high); c > 0 || c == 0 && (k.lowOpen || k.highOpen) {
			return errors.New("the range is empty")
		}
	}
	k.readable = strings.Join(ends, " and ")
	return nil
}

// matches reports whether the key accepts v.
func (k *numberKey) matches(v exact.Number) bool {
	isExact, r := v.Exact() && !k.inexact, v.Rat()
	return within(k.low, r, k.lowOpen, isExact) && within(r, k.high, k.highOpen, isExact)
}

// within reports whether a <= b, or a < b when open. Either may be nil, which
// is unbounded. Inexact operands of a closed bound may be out of order by a
// share of floatSlack.
func within(a, b *big.Rat, open, isExact bool) bool {
	if a == nil || b == nil {
		return true
	}
	c := a.Cmp(b)
	if open {
		return c < 0
	}
	if c <= 0 || isExact {
		return c <= 0
	}
	excess := new(big.Rat).Sub(a, b)
	slack := new(big.Rat).Abs(a)
	if m := new(big.Rat).Abs(b); m.Cmp(slack) > 0 {
		slack = m
	}
	return excess.Cmp(slack.Mul(slack, floatSlack)) <= 0
}

// scoreNumber scores a numerical part.
func (p *part) scoreNumber(text string) verdict {
	value, err := exact.Evaluate(text)
	if err != nil {
		return verdict{how: fmt.Sprintf("The answer is not a number: %v.", err)}
	}
	for i := range p.numbers {
		if key := &p.numbers[i]; key.matches(value) {
			v := verdict{credit: key.credit, how: fmt.Sprintf("The answer equals %v, which earns %s.", value, worth(key.credit))}
			v.say(key.feedback)
			return v
		}
	}
	return verdict{how: fmt.Sprintf("The answer equals %v, which is not among the accepted numbers.", value)}
}
