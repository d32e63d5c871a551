package scoring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

const (
	maxUnits     = 100
	maxUnitBytes = 50
)

// unit is a unit that a number may be given in.
type unit struct {
	name   string
	factor exact.Number
}

// units are those of a part.
type units struct {
	list    []unit // those with longer names first
	key     string // the one that the key is in
	penalty *Score // nil: a number without a unit is as good as one with it
}

func parseUnits(def event.PartV1) (units, error) {
	var us units
	if err := checkCount("units", len(def.Units), 0, maxUnits); err != nil {
		return us, err
	}
	if len(def.Units) == 0 && (def.UnitRequired || def.UnitPenalty != "") {
		return us, errors.New("units: there are none, so none can be required")
	}
	for i, d := range def.Units {
		u, err := parseUnit(d)
		if err != nil {
			return us, fmt.Errorf("units%s.%w", at(i), err)
		}
		if slices.ContainsFunc(us.list, func(other unit) bool { return other.name == u.name }) {
			return us, fmt.Errorf("units%s.name: %s is listed twice", at(i), quote(u.name))
		}
		if us.key == "" && u.factor.Cmp(exact.FromInt(1)) == 0 {
			us.key = u.name
		}
		us.list = append(us.list, u)
	}
	slices.SortStableFunc(us.list, func(a, b unit) int { return len(b.name) - len(a.name) })
	return us, us.setPenalty(def)
}

func parseUnit(def event.UnitV1) (unit, error) {
	u := unit{name: def.Name}
	if err := checkText("name", def.Name, 1, maxUnitBytes); err != nil {
		return u, err
	}
	if def.Name != strings.TrimSpace(def.Name) {
		return u, errors.New("name: there is white space around it")
	}
	first, _ := utf8.DecodeRuneInString(def.Name)
	if unicode.IsDigit(first) || strings.ContainsRune("+-.", first) {
		return u, fmt.Errorf("name: %s begins like a number", quote(def.Name))
	}
	var err error
	if u.factor, err = constant(def.Factor); err != nil {
		return u, fmt.Errorf("factor: %w", err)
	}
	if u.factor.Sign() == 0 {
		return u, errors.New("factor: it is zero")
	}
	return u, nil
}

func (us *units) setPenalty(def event.PartV1) error {
	switch {
	case def.UnitPenalty != "":
		penalty, err := parseShare("unit_penalty", def.UnitPenalty, 0)
		us.penalty = &penalty
		return err
	case def.UnitRequired:
		us.penalty = &Score{num: 1, den: 1}
	}
	return nil
}

// measured is a number that was given with a unit or without.
type measured struct {
	number  string // the text without the unit
	value   exact.Number
	unit    string // empty: none that is known
	factor  exact.Number
	unknown string // what stands where a unit would, and is none
}

// measure takes a number and its unit apart. The unit stands after the number or
// before it, with white space between them or not; its name is compared exactly.
func (us *units) measure(text string) (measured, error) {
	m := measured{number: text}
	var err error
	for _, u := range us.list {
		number, ok := withoutUnit(strings.TrimSpace(text), u.name)
		if !ok {
			continue
		}
		m.number, m.unit, m.factor = number, u.name, u.factor
		if m.value, err = exact.Evaluate(number); err == nil {
			m.value, err = m.value.Mul(u.factor)
		}
		return m, err
	}
	if m.value, err = exact.Evaluate(text); err == nil || len(us.list) == 0 || us.penalty == nil {
		return m, err
	}
	number, unknown := leadingNumeral(text)
	if unknown == "" {
		return m, err
	}
	m.number, m.unknown = number, unknown
	m.value, err = exact.Evaluate(number)
	return m, err
}

// withoutUnit cuts a unit off the end or the beginning of a text. A letter beside
// it makes it a piece of another word: "km" is not "m".
func withoutUnit(text, name string) (string, bool) {
	if rest, ok := strings.CutSuffix(text, name); ok {
		last, _ := utf8.DecodeLastRuneInString(rest)
		if strings.TrimSpace(rest) != "" && !unicode.IsLetter(last) {
			return rest, true
		}
	}
	if rest, ok := strings.CutPrefix(text, name); ok {
		first, _ := utf8.DecodeRuneInString(rest)
		if strings.TrimSpace(rest) != "" && !unicode.IsLetter(first) {
			return rest, true
		}
	}
	return "", false
}

// leadingNumeral is the numeral that a text begins with, and what follows it if
// that looks like a unit.
func leadingNumeral(text string) (numeral, rest string) {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || end == 0 && strings.IndexByte("+-", text[0]) >= 0) {
		end++
	}
	rest = strings.TrimSpace(text[end:])
	first, _ := utf8.DecodeRuneInString(rest)
	if end == 0 || rest == "" || strings.ContainsRune("+-*/^|(),;:", first) {
		return "", ""
	}
	return text[:end], rest
}

// charge takes the penalty for a missing or unknown unit off what the number
// earned.
func (us *units) charge(v *verdict, m measured) {
	if us.penalty == nil || v.credit.Sign() <= 0 {
		return
	}
	what := "Its unit is missing"
	if m.unknown != "" {
		what = "Its unit " + quote(m.unknown) + " is not known"
	}
	v.credit = v.credit.Sub(*us.penalty).within(Score{}, whole)
	v.how += fmt.Sprintf(" %s, which costs %s and leaves %s.", what, *us.penalty, worth(v.credit))
}
