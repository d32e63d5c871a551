package scoring

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/qti"
	"github.com/lyceum-lms/platform/internal/assessment/sequence"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of variables.
const (
	maxVariables = 100
	maxValues    = 1000    // of a list, and rows of data
	maxSteps     = 1 << 32 // of a range
	maxFigures   = 30      // that a value may be rounded to
	maxDraws     = 100     // of one set of values, until every expression has a value
)

var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// value is what a variable has got: a number, and how it is shown.
type value struct {
	number exact.Number
	text   string
}

// draw is what an item shows and is scored by for one seed.
type draw struct {
	item uuid.UUID
	seed int64
	// values and numbers are those of the variables; nil without any.
	values  map[string]value
	numbers map[string]exact.Number
	// drawn is what a program has drawn, and texts its values as markup shows them;
	// nil without a program.
	drawn qti.Template
	texts func(name string) []string
}

// sequence starts the random numbers for one purpose.
func (d draw) sequence(purpose ...string) *sequence.Sequence {
	return newSequence(d.seed, d.item, purpose...)
}

// shown is the value of a variable in markup.
func (d draw) shown(name string) string {
	if v, ok := d.values[name]; ok {
		return v.text
	}
	if d.texts == nil {
		return ""
	}
	return strings.Join(d.texts(name), ", ")
}

// holds reports whether a variable has a value, among others perhaps.
func (d draw) holds(name, want string) bool {
	if v, ok := d.values[name]; ok {
		return v.text == want
	}
	return d.texts != nil && slices.Contains(d.texts(name), want)
}

// variables are drawn for each seed.
type variables struct {
	list  []variable
	names []string
	rows  [][]value // of data
	// keys are expressions that must have a value as well: the numbers of the key.
	keys []*exact.Expression
}

// variable is one number that differs from learner to learner.
type variable struct {
	name       string
	kind       event.VariableKind
	low, step  exact.Number
	steps      uint64 // how many values a range has
	values     []value
	expression *exact.Expression
	column     int

	decimals, significant *int
}

func parseVariables(def event.ItemV1, s *scope) (*variables, error) {
	if len(def.Variables) == 0 {
		if len(def.DataSets) > 0 {
			return nil, errors.New("data_sets: there are no variables to take their values")
		}
		return nil, nil
	}
	if err := checkCount("variables", len(def.Variables), 0, maxVariables); err != nil {
		return nil, err
	}
	vs := &variables{}
	if err := vs.setRows(def.DataSets); err != nil {
		return nil, err
	}
	seen := names{}
	for i, d := range def.Variables {
		v, err := vs.parse(d, s)
		if err != nil {
			return nil, fmt.Errorf("variables%s.%w", at(i), err)
		}
		if seen[v.name] {
			return nil, fmt.Errorf("variables%s.name: %s is used twice", at(i), quote(v.name))
		}
		seen[v.name] = true
		vs.list = append(vs.list, v)
		vs.names = append(vs.names, v.name)
	}
	return vs, nil
}

func (vs *variables) setRows(rows [][]string) error {
	if err := checkCount("data_sets", len(rows), 0, maxValues); err != nil {
		return err
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) || len(row) > maxVariables {
			return fmt.Errorf("data_sets%s: it has %d values; every row has as many as the first, at most %d", at(i), len(row), maxVariables)
		}
		values, err := parseValues(row)
		if err != nil {
			return fmt.Errorf("data_sets%s%w", at(i), err)
		}
		vs.rows = append(vs.rows, values)
	}
	return nil
}

// parseValues reads numerals, which are shown as they are written.
func parseValues(numerals []string) ([]value, error) {
	values := make([]value, 0, len(numerals))
	for i, text := range numerals {
		n, err := exact.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at(i), err)
		}
		values = append(values, value{n, text})
	}
	return values, nil
}

// parse reads a variable, whose expression may use those before it. Its errors
// begin with the name of the field.
func (vs *variables) parse(def event.VariableV1, s *scope) (variable, error) {
	v := variable{name: def.Name, kind: def.Kind, column: def.Column, decimals: cloned(def.Decimals), significant: cloned(def.Significant)}
	if !variableName.MatchString(def.Name) {
		return v, fmt.Errorf("name: %s is not a letter followed by letters, digits and underscores", quote(def.Name))
	}
	if d := def.Decimals; d != nil && (*d < -maxFigures || *d > maxFigures) {
		return v, fmt.Errorf("decimals: %d is not between -%d and %d", *d, maxFigures, maxFigures)
	}
	if s := def.Significant; s != nil && (*s < 1 || *s > maxFigures) {
		return v, fmt.Errorf("significant: %d is not between 1 and %d", *s, maxFigures)
	}
	if def.Decimals != nil && def.Significant != nil {
		return v, errors.New("significant: there are decimals already")
	}
	var err error
	switch def.Kind {
	case event.RangeVariable:
		err = v.setRange(def)
	case event.ListVariable:
		if err = checkCount("values", len(def.Values), 1, maxValues); err == nil {
			if v.values, err = parseValues(def.Values); err != nil {
				err = fmt.Errorf("values%w", err)
			}
		}
	case event.FormulaVariable:
		if v.expression, err = s.compile(def.Expression, vs.names...); err != nil {
			err = fmt.Errorf("expression: %w", err)
		}
	case event.DataSetVariable:
		if len(vs.rows) == 0 || def.Column < 0 || def.Column >= len(vs.rows[0]) {
			err = fmt.Errorf("column: the data sets have no column %d", def.Column)
		}
	default:
		err = fmt.Errorf("kind: %s is not range, list, expression or data_set", quote(string(def.Kind)))
	}
	return v, err
}

func cloned(n *int) *int {
	if n == nil {
		return nil
	}
	return new(*n)
}

func (v *variable) setRange(def event.VariableV1) error {
	low, high, err := parseBounds(def.Low, def.High)
	if err != nil {
		return err
	}
	v.low, v.step = low, exact.FromInt(1)
	if def.Step != "" {
		if v.step, err = constant(def.Step); err != nil {
			return fmt.Errorf("step: %w", err)
		}
		if v.step.Sign() <= 0 {
			return errors.New("step: it is not above zero")
		}
	}
	span := new(big.Rat).Sub(high.Rat(), low.Rat())
	span.Quo(span, v.step.Rat())
	count := new(big.Int).Quo(span.Num(), span.Denom())
	if !count.IsUint64() || count.Uint64() >= maxSteps {
		return errors.New("step: there are too many values from low to high")
	}
	v.steps = count.Uint64() + 1
	return nil
}

// parseBounds reads the ends of a range of numbers.
func parseBounds(low, high string) (least, most exact.Number, err error) {
	if least, err = constant(low); err != nil {
		return least, most, fmt.Errorf("low: %w", err)
	}
	if most, err = constant(high); err != nil {
		return least, most, fmt.Errorf("high: %w", err)
	}
	if least.Cmp(most) > 0 {
		return least, most, errors.New("low: it is above high")
	}
	return least, most, nil
}

// constant reads a number that stands for itself; an expression will do.
func constant(text string) (exact.Number, error) {
	expression, err := exact.Compile(text)
	if err != nil {
		return exact.Number{}, err
	}
	return expression.Evaluate(nil)
}

// into draws values for d. Every variable has random numbers of its own, so that
// one more changes none of the others. Values for which an expression has no
// value, because it divides by zero for example, are drawn again; the variables
// have no values if none is found.
func (vs *variables) into(d *draw) error {
	row := d.sequence("", "data_sets")
	sequences := make([]*sequence.Sequence, len(vs.list))
	for i := range vs.list {
		sequences[i] = d.sequence("", "variable", vs.list[i].name)
	}
	var err error
	for range maxDraws {
		d.values = make(map[string]value, len(vs.list))
		d.numbers = make(map[string]exact.Number, len(vs.list))
		if err = vs.once(d, row, sequences); err == nil {
			return nil
		}
	}
	d.values, d.numbers = nil, nil
	return err
}

func (vs *variables) once(d *draw, row *sequence.Sequence, sequences []*sequence.Sequence) error {
	var data []value
	if len(vs.rows) > 0 {
		data = vs.rows[row.Below(uint64(len(vs.rows)))]
	}
	for i := range vs.list {
		v := &vs.list[i]
		drawn, err := v.draw(sequences[i], data, d.numbers)
		if err != nil {
			return fmt.Errorf("variables%s: %w", at(i), err)
		}
		d.values[v.name], d.numbers[v.name] = drawn, drawn.number
	}
	for _, key := range vs.keys {
		if _, err := key.Evaluate(d.numbers); err != nil {
			return fmt.Errorf("variables: a number of the key has no value: %w", err)
		}
	}
	return nil
}

// draw gives the variable a value.
func (v *variable) draw(random *sequence.Sequence, data []value, before map[string]exact.Number) (value, error) {
	var got value
	var err error
	switch v.kind {
	case event.RangeVariable:
		step := exact.FromInt(int64(random.Below(v.steps)))
		if step, err = step.Mul(v.step); err == nil {
			got.number, err = v.low.Add(step)
		}
	case event.ListVariable:
		got = v.values[random.Below(uint64(len(v.values)))]
	case event.FormulaVariable:
		got.number, err = v.expression.Evaluate(before)
	case event.DataSetVariable:
		got = data[v.column]
	}
	if err != nil {
		return value{}, err
	}
	return v.round(got)
}

// round rounds a value and says how it is shown, unless its author wrote it.
func (v *variable) round(got value) (value, error) {
	var err error
	var places int
	switch {
	case v.decimals != nil:
		got.number, err = got.number.RoundTo(*v.decimals)
		places = *v.decimals
	case v.significant != nil:
		got.number, err = got.number.RoundSignificant(*v.significant)
		places = *v.significant - 1 - got.number.Magnitude()
	case got.text != "":
		return got, nil
	default:
		got.text = readable(got.number)
		return got, nil
	}
	if got.text = readable(got.number); plain(got.number) {
		got.text = got.number.Rat().FloatString(min(max(places, 0), maxPlain))
	}
	return got, err
}

// maxPlain is how many decimal places are written out at most.
const maxPlain = 40

// plain reports whether a number is written out in digits.
func plain(n exact.Number) bool {
	m := n.Magnitude()
	return -6 <= m && m <= 15
}

// readable is a number to ten significant digits.
func readable(n exact.Number) string {
	if !plain(n) {
		return n.String()
	}
	return n.Decimal(9 - min(n.Magnitude(), 9))
}
