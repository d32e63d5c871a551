package scoring

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/sequence"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of formulas.
const (
	maxDomain        = 20
	maxSamples       = 100
	defaultSamples   = 10
	formulaTolerance = "0.01%"
	// forcedDraws is how often a point is drawn with the signs that it should have;
	// then the signs are left to chance.
	forcedDraws = 8
	// grid is how many points a range has; it is prime, so that they are no round
	// numbers, at which wrong formulas agree with right ones by chance.
	grid = 65_537
)

// domain is the range of a variable.
type domain struct {
	name      string
	low, high exact.Number
}

// straddles reports whether the range has numbers of both signs.
func (v *domain) straddles() bool { return v.low.Sign() < 0 && v.high.Sign() > 0 }

// sample is a point of the domain with the value of a key there.
type sample struct {
	at    map[string]exact.Number // the variables of the item among them
	value exact.Number
}

// formulaKey is an expression that earns credit.
type formulaKey struct {
	expression number
	tolerance  exact.Number
	relative   bool
	around     string   // " ± 1%", if the author says so
	samples    []sample // nil if they depend on the variables of the item
	credit     Score
	feedback   markup
}

// formulaTask is a part whose response is an expression in variables.
type formulaTask struct {
	part    string
	domain  []domain
	names   []string
	samples int
	keys    []formulaKey
}

func parseFormulaTask(_ *part, def event.PartV1, s *scope) (task, error) {
	t := &formulaTask{part: def.PartID, samples: def.Samples}
	if err := checkCount("samples", def.Samples, 0, maxSamples); err != nil {
		return nil, err
	}
	if t.samples == 0 {
		t.samples = defaultSamples
	}
	if err := t.setDomain(def.Domain, s); err != nil {
		return nil, err
	}
	if s.samples += len(def.Formulas) * t.wanted(); s.samples > maxItemSamples {
		return nil, fmt.Errorf("samples: the formulas of the item are compared at more than %d points together", maxItemSamples)
	}
	least := 1
	if s.programmed {
		least = 0
	}
	if err := checkCount("formulas", len(def.Formulas), least, maxKeys); err != nil {
		return nil, err
	}
	for i, d := range def.Formulas {
		if err := t.addKey(d, s); err != nil {
			return nil, fmt.Errorf("formulas%s.%w", at(i), err)
		}
	}
	return t, nil
}

func (t *formulaTask) setDomain(defs []event.DomainV1, s *scope) error {
	if err := checkCount("domain", len(defs), 0, maxDomain); err != nil {
		return err
	}
	taken := names{}
	for _, name := range s.variables {
		taken[name] = true
	}
	for i, d := range defs {
		if !variableName.MatchString(d.Name) {
			return fmt.Errorf("domain%s.name: %s is not a letter followed by letters, digits and underscores", at(i), quote(d.Name))
		}
		if taken[d.Name] {
			return fmt.Errorf("domain%s.name: there is a variable %s already", at(i), quote(d.Name))
		}
		taken[d.Name] = true
		low, high, err := parseBounds(d.Low, d.High)
		if err != nil {
			return fmt.Errorf("domain%s.%w", at(i), err)
		}
		t.domain = append(t.domain, domain{d.Name, low, high})
		t.names = append(t.names, d.Name)
	}
	return nil
}

func (t *formulaTask) addKey(def event.FormulaKeyV1, s *scope) error {
	var key formulaKey
	var err error
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return err
	}
	if key.feedback, err = parseMarkup("feedback_html", def.FeedbackHTML, s.names); err != nil {
		return err
	}
	all := append(append([]string(nil), t.names...), s.variables...)
	key.expression.text = strings.TrimSpace(def.Expression)
	if key.expression.expression, err = s.compile(def.Expression, all...); err != nil {
		return fmt.Errorf("expression: %w", err)
	}
	if err := key.setTolerance(def.Tolerance); err != nil {
		return fmt.Errorf("tolerance: %w", err)
	}
	// The values of the item's variables are those of an attempt: only without
	// them is what the key gives known now.
	if len(s.variables) == 0 {
		if key.samples = t.draw(&key, draw{item: s.item}); len(key.samples) == 0 {
			return errors.New("expression: it has no value at any point of its domain that was tried")
		}
	}
	t.keys = append(t.keys, key)
	return nil
}

func (k *formulaKey) setTolerance(text string) error {
	if text = strings.TrimSpace(text); text == "" {
		text = formulaTolerance
	} else {
		k.around = " ± " + text
	}
	numeral, relative := strings.CutSuffix(text, "%")
	k.relative = relative
	var err error
	if k.tolerance, err = constant(numeral); err != nil {
		return err
	}
	if k.tolerance.Sign() < 0 {
		return errors.New("it is negative")
	}
	if relative {
		k.tolerance, err = k.tolerance.Quo(exact.FromInt(100))
	}
	return err
}

// draw finds points at which the key has a value. They follow from the item and
// the part, not from the learner's seed: nobody is asked to be equal at points
// that are kinder than another's. If a range has numbers of both signs then there
// are points of both, in every combination if there are enough of them, so that x
// and |x| are told apart.
func (t *formulaTask) draw(key *formulaKey, d draw) []sample {
	random := newSequence(0, d.item, t.part, "samples")
	var samples []sample
	failures := 0 // in a row
	for left := t.budget(); left > 0 && len(samples) < t.wanted(); left-- {
		signs := t.signs(len(samples), d)
		if failures >= forcedDraws {
			signs = nil // no such point may exist: sqrt(x) has none below zero
		}
		at := t.point(signs, random, d)
		v, err := key.expression.expression.Evaluate(at)
		if err != nil {
			failures++
			continue
		}
		failures = 0
		samples = append(samples, sample{at, v})
	}
	return samples
}

// budget is how many points are tried. If the key has no value at most of them
// then fewer are compared.
func (t *formulaTask) budget() int { return 10*t.wanted() + 50 }

// wanted is how many points are drawn: at least two if a range has both signs.
func (t *formulaTask) wanted() int {
	if t.straddling() > 0 {
		return max(t.samples, 2)
	}
	return t.samples
}

// straddling counts the variables whose range has both signs.
func (t *formulaTask) straddling() int {
	n := 0
	for i := range t.domain {
		if t.domain[i].straddles() {
			n++
		}
	}
	return n
}

// signs says which variables are negative at a point; nil leaves it to chance.
// With few variables the first points go through every combination. With many,
// each point at random is followed by its opposite.
func (t *formulaTask) signs(i int, d draw) []bool {
	n, wanted := t.straddling(), t.wanted()
	every := n <= 6 && 1<<n <= wanted // maxSamples is below 2^7
	if n == 0 || every && i >= 1<<n {
		return nil
	}
	random := newSequence(int64(i/2), d.item, t.part, "signs")
	negative := make([]bool, len(t.domain))
	bit := 0
	for j := range t.domain {
		switch {
		case !t.domain[j].straddles():
		case every:
			negative[j] = i>>bit&1 == 1
			bit++
		default:
			negative[j] = (random.Below(2) == 1) != (i%2 == 1)
		}
	}
	return negative
}

// point draws a point of the domain.
func (t *formulaTask) point(signs []bool, random *sequence.Sequence, d draw) map[string]exact.Number {
	at := make(map[string]exact.Number, len(t.domain)+len(d.numbers))
	maps.Copy(at, d.numbers)
	for j := range t.domain {
		v := &t.domain[j]
		low, high := v.low, v.high
		if signs != nil && v.straddles() {
			if signs[j] {
				high = exact.Number{}
			} else {
				low = exact.Number{}
			}
		}
		at[v.name] = inside(low, high, random)
	}
	return at
}

// inside draws a number between two, which it is not unless they are equal.
func inside(low, high exact.Number, random *sequence.Sequence) exact.Number {
	share := big.NewRat(int64(random.Below(grid-1))+1, grid)
	span := new(big.Rat).Sub(high.Rat(), low.Rat())
	n, err := exact.FromRat(span.Add(span.Mul(span, share), low.Rat()))
	if err != nil {
		return low // the bounds have thousands of digits
	}
	return n
}

func (t *formulaTask) check(r PartResponse) *FieldError {
	return checkAnswer(r.Text, exact.MaxAnswerBytes)
}

func (t *formulaTask) judge(r PartResponse, d draw) verdict {
	answer, err := exact.CompileAnswer(r.Text, t.names...)
	if err != nil {
		return verdict{how: fmt.Sprintf("The answer is not an expression: %v.", err)}
	}
	how := ""
	for i := range t.keys {
		key := &t.keys[i]
		samples := key.samples
		if samples == nil {
			samples = t.draw(key, d)
		}
		difference := key.compare(answer, samples, t.names)
		if difference == "" {
			v := verdict{credit: key.credit, how: fmt.Sprintf("The answer equals expression %d of %d at %d points, which earns %s.", i+1, len(t.keys), len(samples), worth(key.credit))}
			v.say(&key.feedback)
			return v
		}
		if how == "" {
			how = difference
		}
	}
	return verdict{how: "The answer equals none of the accepted expressions: " + how + "."}
}

// compare says where an answer differs from the key, or "".
func (k *formulaKey) compare(answer *exact.Expression, samples []sample, names []string) string {
	if len(samples) == 0 {
		return "the key has no value"
	}
	largest := new(big.Rat)
	for _, s := range samples {
		if m := s.value.Abs().Rat(); m.Cmp(largest) > 0 {
			largest = m
		}
	}
	for _, s := range samples {
		got, err := answer.Evaluate(s.at)
		if err != nil {
			return fmt.Sprintf("at %s %v", s.place(names), err)
		}
		if !k.near(got, s.value, largest) {
			return fmt.Sprintf("at %s it is %v, and should be %v", s.place(names), got, s.value)
		}
	}
	return ""
}

// near reports whether a value lies within the tolerance of the key's. Where
// float64 arithmetic had a part, a share of the key's largest value is forgiven
// as well: what cancels out leaves no zero.
func (k *formulaKey) near(got, want exact.Number, largest *big.Rat) bool {
	margin := k.tolerance.Rat()
	if k.relative {
		margin.Mul(margin, want.Abs().Rat())
	}
	if !got.Exact() || !want.Exact() {
		slack := new(big.Rat).Set(floatSlack)
		if largest.Sign() > 0 {
			slack.Mul(slack, largest)
		}
		margin.Add(margin, slack)
	}
	apart := got.Rat()
	apart.Sub(apart, want.Rat())
	return apart.Abs(apart).Cmp(margin) <= 0
}

// place is a point in words.
func (s *sample) place(names []string) string {
	if len(names) == 0 {
		return "any point"
	}
	places := make([]string, 0, len(names))
	for _, name := range names {
		places = append(places, name+" = "+readable(s.at[name]))
	}
	return strings.Join(places, ", ")
}

func (t *formulaTask) show(v *PartView, _ draw) {
	v.Variables = append([]string(nil), t.names...)
}

func (t *formulaTask) answers(d draw) []Answer {
	var answers []Answer
	for i := range t.keys {
		answers = append(answers, Answer{Text: t.keys[i].readable(d), Credit: t.keys[i].credit})
	}
	return answers
}

// full tries the accepted expressions themselves.
func (t *formulaTask) full(d draw) (PartResponse, bool) {
	var best PartResponse
	credit, found := Score{}, false
	for i := range t.keys {
		r := PartResponse{Text: d.substitute(t.keys[i].expression.text)}
		if t.check(r) != nil {
			continue
		}
		if v := t.judge(r, d); !found || v.credit.Cmp(credit) > 0 {
			best, credit, found = r, v.credit, true
		}
	}
	return best, found
}

// readable is the expression with the numbers of the learner in it.
func (k *formulaKey) readable(d draw) string { return d.substitute(k.expression.text) + k.around }

// substitute puts numbers for the variables of an expression: learners see no
// names.
func (d draw) substitute(expression string) string {
	if d.numbers == nil {
		return expression
	}
	var b strings.Builder
	for i := 0; i < len(expression); {
		end := i + 1
		if isLetter(expression[i]) {
			for end < len(expression) && (isLetter(expression[end]) || isDigit(expression[end]) || expression[end] == '_') {
				end++
			}
		} else if isDigit(expression[i]) { // the e of "1e3" is no name
			for end < len(expression) && (isLetter(expression[end]) || isDigit(expression[end]) || expression[end] == '.') {
				end++
			}
		}
		word := expression[i:end]
		if n, ok := d.numbers[word]; ok {
			word = "(" + asTyped(n) + ")"
		}
		b.WriteString(word)
		i = end
	}
	return b.String()
}

// asTyped is a number as an expression has it, without loss.
func asTyped(n exact.Number) string {
	if text := n.Rat().RatString(); len(text) <= 40 {
		return text
	}
	return strconv.FormatFloat(n.Float(), 'g', -1, 64)
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
