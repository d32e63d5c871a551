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

// interval is what a key accepts.
type interval struct {
	low, high         *big.Rat // nil is unbounded
	lowOpen, highOpen bool
	inexact           bool   // the bounds come from float64 arithmetic
	readable          string // for learners: "3.14 ± 2%"
}

// number is a number of the key: an expression, and what its author wrote.
type number struct {
	text       string
	expression *exact.Expression
}

// numberKey accepts the numbers of an interval.
type numberKey struct {
	// A key with a value has a tolerance, one without has ends or one of them.
	value     *number
	tolerance *number
	relative  bool // the tolerance is a percentage
	standard  bool // it is edX's
	geometric bool
	low, high *number
	lowOpen   bool
	highOpen  bool

	fixed    *interval // nil if it depends on variables
	figures  int       // 0 and nil: any
	decimals *int
	credit   Score
	feedback markup
}

func parseNumberKey(def event.NumberKeyV1, s *scope) (numberKey, error) {
	key := numberKey{lowOpen: def.LowOpen, highOpen: def.HighOpen, geometric: def.Geometric, figures: def.Figures, decimals: cloned(def.Decimals)}
	var err error
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, err
	}
	if key.feedback, err = parseMarkup("feedback_html", def.FeedbackHTML, s.names); err != nil {
		return key, err
	}
	if err := checkCount("figures", def.Figures, 0, maxFigures); err != nil {
		return key, err
	}
	if d := def.Decimals; d != nil && (*d < 0 || *d > maxFigures) {
		return key, fmt.Errorf("decimals: %d is not between 0 and %d", *d, maxFigures)
	}
	isRange := def.Low != "" || def.High != ""
	switch {
	case isRange && (def.Value != "" || def.Tolerance != "" || def.Geometric):
		return key, errors.New("value: a range has no value and no tolerance")
	case isRange:
		err = key.setRange(def, s)
	case def.LowOpen || def.HighOpen:
		return key, errors.New("low_open: only a range has open ends")
	default:
		err = key.setValue(def, s)
	}
	if err != nil {
		return key, err
	}
	return key, key.fix(s)
}

// parseNumber reads a number of the key.
func (s *scope) parseNumber(text string) (*number, error) {
	expression, err := s.compile(text, s.variables...)
	return &number{strings.TrimSpace(text), expression}, err
}

func (k *numberKey) setValue(def event.NumberKeyV1, s *scope) error {
	var err error
	if k.value, err = s.parseNumber(def.Value); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	text := strings.TrimSpace(def.Tolerance)
	if text == "" {
		text = defaultTolerance
	}
	k.standard = text == defaultTolerance && !k.geometric
	numeral, relative := strings.CutSuffix(text, "%")
	k.relative = relative
	if k.tolerance, err = s.parseNumber(numeral); err != nil {
		return fmt.Errorf("tolerance: %w", err)
	}
	if strings.TrimSpace(def.Tolerance) != "" {
		k.tolerance.text = text
	} else {
		k.tolerance.text = ""
	}
	return nil
}

func (k *numberKey) setRange(def event.NumberKeyV1, s *scope) error {
	for _, end := range []struct {
		name, text string
		open       bool
		into       **number
	}{{"low", def.Low, def.LowOpen, &k.low}, {"high", def.High, def.HighOpen, &k.high}} {
		if end.text == "" {
			if end.open {
				return fmt.Errorf("%s_open: there is no %s end", end.name, end.name)
			}
			continue
		}
		var err error
		if *end.into, err = s.parseNumber(end.text); err != nil {
			return fmt.Errorf("%s: %w", end.name, err)
		}
	}
	return nil
}

// fix computes the interval of a key without variables, once and for all. The
// expressions of another are noted: values are drawn for which they make sense.
func (k *numberKey) fix(s *scope) error {
	varies := false
	for _, n := range []*number{k.value, k.tolerance, k.low, k.high} {
		if n != nil && len(n.expression.Variables()) > 0 {
			varies = true
			s.keys = append(s.keys, n.expression)
		}
	}
	if varies {
		return nil
	}
	fixed, err := k.interval(draw{})
	k.fixed = fixed
	return err
}

// interval is what the key accepts for the values of a draw.
func (k *numberKey) interval(d draw) (*interval, error) {
	if k.fixed != nil {
		return k.fixed, nil
	}
	if k.value != nil {
		return k.around(d)
	}
	return k.between(d)
}

// evaluate computes a number, and says how it is shown: as its author wrote it
// if it is the same for everybody.
func (n *number) evaluate(field string, d draw) (exact.Number, string, error) {
	v, err := n.expression.Evaluate(d.numbers)
	if err != nil {
		return v, "", fmt.Errorf("%s: %w", field, err)
	}
	if len(n.expression.Variables()) > 0 {
		return v, readable(v), nil
	}
	return v, n.text, nil
}

// around is the interval of a value and its tolerance.
func (k *numberKey) around(d draw) (*interval, error) {
	expected, shown, err := k.value.evaluate("value", d)
	if err != nil {
		return nil, err
	}
	tolerance, shownTolerance, err := k.tolerance.evaluate("tolerance", d)
	if err != nil {
		return nil, err
	}
	if tolerance.Sign() < 0 {
		return nil, errors.New("tolerance: it is negative")
	}
	iv := &interval{inexact: !expected.Exact() || !tolerance.Exact(), readable: shown}
	margin := tolerance.Rat()
	if k.relative {
		margin.Mul(margin, big.NewRat(1, 100))
	}
	if k.geometric {
		iv.setFactor(expected.Rat(), margin.Add(margin, big.NewRat(1, 1)))
		if shownTolerance != "" {
			iv.readable += " times or divided by 1 + " + shownTolerance
		}
		return iv, nil
	}
	if shownTolerance != "" {
		iv.readable += " ± " + shownTolerance
	}
	if k.relative {
		margin.Mul(margin, expected.Abs().Rat())
	}
	iv.low, iv.high = new(big.Rat).Sub(expected.Rat(), margin), new(big.Rat).Add(expected.Rat(), margin)
	if k.standard {
		iv.widen(expected)
	}
	return iv, nil
}

// widen makes edX's tolerance a share of the larger of the response and the
// value: |x-e| <= p*max(|x|,|e|) reaches to e/(1-p) on the side away from zero.
func (iv *interval) widen(expected exact.Number) {
	far := expected.Rat()
	far.Mul(far, big.NewRat(100_000, 99_999))
	if expected.Sign() < 0 {
		iv.low = far
	} else {
		iv.high = far
	}
}

// setFactor makes the interval that of the quotient and the product with a factor
// of at least 1.
func (iv *interval) setFactor(expected, factor *big.Rat) {
	iv.low, iv.high = new(big.Rat).Quo(expected, factor), new(big.Rat).Mul(expected, factor)
	if expected.Sign() < 0 {
		iv.low, iv.high = iv.high, iv.low
	}
}

// between is the interval of a range.
func (k *numberKey) between(d draw) (*interval, error) {
	iv := &interval{lowOpen: k.lowOpen, highOpen: k.highOpen}
	var ends []string
	for _, end := range []struct {
		name   string
		number *number
		open   bool
		bound  **big.Rat
		words  [2]string // closed, open
	}{
		{"low", k.low, k.lowOpen, &iv.low, [2]string{"at least ", "more than "}},
		{"high", k.high, k.highOpen, &iv.high, [2]string{"at most ", "less than "}},
	} {
		if end.number == nil {
			continue
		}
		v, shown, err := end.number.evaluate(end.name, d)
		if err != nil {
			return nil, err
		}
		*end.bound = v.Rat()
		iv.inexact = iv.inexact || !v.Exact()
		words := end.words[0]
		if end.open {
			words = end.words[1]
		}
		ends = append(ends, words+shown)
	}
	if iv.low != nil && iv.high != nil {
		if c := iv.low.Cmp(iv.high); c > 0 || c == 0 && (iv.lowOpen || iv.highOpen) {
			return nil, errors.New("low: the range is empty")
		}
	}
	iv.readable = strings.Join(ends, " and ")
	return iv, nil
}

// accepts reports whether a number lies in the interval.
func (iv *interval) accepts(v exact.Number) bool {
	sure := v.Exact() && !iv.inexact
	r := v.Rat()
	return ordered(iv.low, r, iv.lowOpen, sure) && ordered(r, iv.high, iv.highOpen, sure)
}

// ordered reports whether a <= b, or a < b when open. Either may be nil, which
// is unbounded. Operands of a closed bound that are not sure may be out of order
// by a share of floatSlack.
func ordered(a, b *big.Rat, open, sure bool) bool {
	if a == nil || b == nil {
		return true
	}
	c := a.Cmp(b)
	if open {
		return c < 0
	}
	if c <= 0 || sure {
		return c <= 0
	}
	excess := new(big.Rat).Sub(a, b)
	slack := new(big.Rat).Abs(a)
	if m := new(big.Rat).Abs(b); m.Cmp(slack) > 0 {
		slack = m
	}
	return excess.Cmp(slack.Mul(slack, floatSlack)) <= 0
}

// numberTask is a part whose response is a number, perhaps with a unit.
type numberTask struct {
	keys  []numberKey
	units units
}

func parseNumberTask(_ *part, def event.PartV1, s *scope) (task, error) {
	t := &numberTask{}
	var err error
	if t.keys, err = parseNumberKeys(def.Numbers, s); err != nil {
		return nil, err
	}
	t.units, err = parseUnits(def)
	return t, err
}

func parseNumberKeys(defs []event.NumberKeyV1, s *scope) ([]numberKey, error) {
	least := 1
	if s.programmed {
		least = 0
	}
	if err := checkCount("numbers", len(defs), least, maxKeys); err != nil {
		return nil, err
	}
	keys := make([]numberKey, 0, len(defs))
	for i, d := range defs {
		key, err := parseNumberKey(d, s)
		if err != nil {
			return nil, fmt.Errorf("numbers%s.%w", at(i), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (t *numberTask) check(r PartResponse) *FieldError {
	return checkAnswer(r.Text, exact.MaxAnswerBytes)
}

func (t *numberTask) judge(r PartResponse, d draw) verdict {
	m, err := t.units.measure(r.Text)
	if err != nil {
		return verdict{how: fmt.Sprintf("The answer is not a number: %v.", err)}
	}
	v := judgeNumber(t.keys, m.value, writtenAs(m.number), d)
	switch {
	case m.unit == "":
		t.units.charge(&v, m)
	case m.unit != t.units.key:
		v.how += fmt.Sprintf(" For its unit %s the number was multiplied by %s.", m.unit, readable(m.factor))
	}
	return v
}

// judgeNumber looks for the first key that accepts a number.
func judgeNumber(keys []numberKey, value exact.Number, form written, d draw) verdict {
	var closest string // why a key with the right number did not match
	for i := range keys {
		key := &keys[i]
		iv, err := key.interval(d)
		if err != nil {
			closest = fmt.Sprintf(" Key %d has no value: %v.", i+1, err)
			continue
		}
		if !iv.accepts(value) {
			continue
		}
		if why := form.violates(key); why != "" {
			closest = " The number would do, but " + why + "."
			continue
		}
		v := verdict{credit: key.credit, how: fmt.Sprintf("The answer equals %v, which earns %s.", value, worth(key.credit))}
		v.say(&key.feedback)
		return v
	}
	return verdict{how: fmt.Sprintf("The answer equals %v, which is not among the accepted numbers.%s", value, closest)}
}

func (t *numberTask) show(*PartView, draw) {}

func (t *numberTask) answers(d draw) []Answer { return numberAnswers(t.keys, t.units.key, d) }

func numberAnswers(keys []numberKey, unit string, d draw) []Answer {
	var answers []Answer
	for i := range keys {
		iv, err := keys[i].interval(d)
		if err != nil {
			continue
		}
		answers = append(answers, Answer{Text: strings.TrimSpace(iv.readable + " " + unit + keys[i].form()), Credit: keys[i].credit})
	}
	return answers
}

func (t *numberTask) full(d draw) (PartResponse, bool) {
	text, ok := fullNumber(t.keys, d)
	if unit := t.units.key; ok && unit != "" {
		text += " " + unit
	}
	return PartResponse{Text: text}, ok
}

// fullNumber is a number that the best key accepts.
func fullNumber(keys []numberKey, d draw) (string, bool) {
	var best *numberKey
	for i := range keys {
		if best == nil || keys[i].credit.Cmp(best.credit) > 0 {
			best = &keys[i]
		}
	}
	if best == nil {
		return "", false
	}
	iv, err := best.interval(d)
	if err != nil {
		return "", false
	}
	return best.numeral(iv.middle())
}

// middle is a number of the interval.
func (iv *interval) middle() *big.Rat {
	one := big.NewRat(1, 1)
	switch {
	case iv.low == nil:
		return one.Sub(iv.high, one)
	case iv.high == nil:
		return one.Add(iv.low, one)
	}
	m := new(big.Rat).Add(iv.low, iv.high)
	return m.Mul(m, big.NewRat(1, 2))
}

// numeral writes a number as the key demands it, exactly if that is possible.
func (k *numberKey) numeral(r *big.Rat) (string, bool) {
	n, err := exact.FromRat(r)
	if err != nil {
		return "", false
	}
	switch {
	case k.decimals != nil:
		return r.FloatString(*k.decimals), true
	case k.figures > 0:
		places := k.figures - 1 - n.Magnitude()
		if places < 0 {
			return "", false // the zeros of 1200 are not known to be significant
		}
		return r.FloatString(places), true
	case r.IsInt():
		return r.RatString(), len(r.RatString()) <= exact.MaxAnswerBytes
	}
	if text := r.RatString(); len(text) <= exact.MaxAnswerBytes {
		return text, true
	}
	return n.String(), true
}
