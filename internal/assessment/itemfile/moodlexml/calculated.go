package moodlexml

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// calculation maps the wild cards of a calculated question to variables. In the
// texts {x} is a value and {=formula} what a formula gives.
type calculation struct {
	*question
	names    map[string]string // wild card -> variable
	taken    map[string]bool
	formulas map[string]string // formula and its form -> variable
	failed   error
	// decimals or significant round what formulas in the texts give.
	decimals, significant *int
}

// The sizes of a data set. Moodle has at most 100 items.
const (
	maxRows      = 1000
	maxVariables = 100
)

var (
	wildcard = regexp.MustCompile(`\{\s*([\p{L}_][^{}<>"'=|\\:;,]*?)\s*\}`)
	formula  = regexp.MustCompile(`\{=([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}`)
)

// calculated maps calculated and calculatedsimple questions, whose answers are
// formulas, and calculatedmulti, whose choices hold them.
func (q *question) calculated() error {
	c := &calculation{question: q, names: map[string]string{}, taken: map[string]bool{}, formulas: map[string]string{}}
	if err := c.dataSets(); err != nil {
		return err
	}
	q.rewrite = c.texts
	if q.kind == "calculatedmulti" {
		for _, a := range q.all("answer") { // the form is that of the answers, which have the same
			c.form(a)
			break
		}
		for _, a := range q.all("answer") {
			for _, name := range []string{"correctanswerformat", "correctanswerlength", "tolerance", "tolerancetype"} {
				a.child(name)
			}
		}
		err := q.choices(q.truth("single", true))
		q.value("synchronize")
		if err != nil {
			return err
		}
	} else {
		q.part(event.PartV1{Kind: event.Numerical})
		if err := c.answers(&q.item.Parts[0]); err != nil {
			return err
		}
		for _, name := range []string{"single", "shuffleanswers", "answernumbering"} {
			q.child(name)
		}
	}
	// Formulas in the texts become variables while the texts are cleaned; those of
	// the stem must be known before it is checked whether they can be computed.
	c.texts(q.stem.text)
	for _, name := range []string{"generalfeedback", "correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"} {
		c.texts(q.child(name).words())
	}
	return c.failed
}

// dataSets reads the values of the wild cards.
func (c *calculation) dataSets() error {
	var columns [][]string
	rows, shared := 0, false
	for _, list := range c.all("dataset_definitions") {
		for _, d := range list.all("dataset_definition") {
			name := d.value("name")
			if name == "" || c.names[name] != "" {
				continue
			}
			if len(c.item.Variables) >= maxVariables {
				return refuse("it has more than %d wild cards", maxVariables)
			}
			v := event.VariableV1{Name: c.variable(name)}
			c.names[name] = v.Name
			shared = shared || d.value("status") == "shared"
			values, err := dataItems(d)
			if err != nil {
				return err
			}
			if len(values) == 0 {
				if err := c.drawn(&v, d); err != nil {
					return err
				}
			} else {
				v.Kind, v.Column = event.DataSetVariable, len(columns)
				columns = append(columns, values)
				if rows == 0 || len(values) < rows {
					rows = len(values)
				}
			}
			c.item.Variables = append(c.item.Variables, v)
		}
	}
	if len(c.item.Variables) == 0 {
		c.notes.Add(itemfile.Info, "its data sets", "it has none, so all learners get the same numbers")
	}
	for row := range min(rows, maxRows) {
		values := make([]string, len(columns))
		for i := range columns {
			values[i] = columns[i][row]
		}
		c.item.DataSets = append(c.item.DataSets, values)
	}
	if shared {
		c.once(itemfile.Info, "shared data sets", "each question keeps the values that it came with")
	}
	if sync := c.value("synchronize"); sync == "1" || sync == "2" {
		c.once(itemfile.Simplified, "synchronised data sets (synchronize)", "each question draws its own row")
	}
	return nil
}

// dataItems are the values of a wild card in the order of their numbers.
func dataItems(d *node) ([]string, error) {
	var out []string
	for _, list := range d.all("dataset_items") {
		for _, item := range list.all("dataset_item") {
			value, ok := numeral(item.value("value"))
			if !ok {
				return nil, refuse("a data set has the value %q, which is not a number", clip(item.value("value")))
			}
			number, err := strconv.Atoi(item.value("number"))
			if err != nil || number < 1 || number > maxRows {
				number = len(out) + 1
			}
			for len(out) < number {
				out = append(out, "")
			}
			out[number-1] = value
		}
	}
	for i, v := range out {
		if v == "" {
			return out[:i], nil
		}
	}
	return out, nil
}

// drawn makes a wild card without values a number from its range.
func (c *calculation) drawn(v *event.VariableV1, d *node) error {
	low, ok := numeral(d.value("minimum"))
	high, also := numeral(d.value("maximum"))
	if !ok || !also {
		return refuse("the wild card %s has neither values nor a range", clip(d.value("name")))
	}
	if d.value("distribution") == "loguniform" {
		c.notes.Add(itemfile.Simplified, "distribution loguniform", "all values of the range are as likely")
	}
	decimals, err := strconv.Atoi(orElse(d.value("decimals"), "1"))
	if err != nil || decimals < 0 || decimals > 9 {
		decimals = 1
	}
	v.Kind, v.Low, v.High, v.Step = event.RangeVariable, low, high, "1"
	if decimals > 0 {
		v.Step = "0." + strings.Repeat("0", decimals-1) + "1"
	}
	c.notes.Add(itemfile.Info, "wild card "+clip(d.value("name")), "it has no values; they are drawn from its range")
	return nil
}

// variable makes a name for a wild card: a letter, then letters, digits and
// underscores.
func (c *calculation) variable(wildcard string) string {
	var b strings.Builder
	for _, r := range wildcard {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || b.Len() > 0 && (unicode.IsDigit(r) || r == '_')):
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('_')
		}
	}
	name := b.String()
	_, constant := exact.Compile(name)     // such as e and pi
	_, usable := exact.Compile(name, name) // unless it is a function
	if name == "" || constant == nil || usable != nil || len(name) > 30 {
		name = "v_" + name[:min(len(name), 30)]
	}
	for base, n := name, 2; c.taken[strings.ToLower(name)]; n++ {
		name = base + "_" + strconv.Itoa(n)
	}
	c.taken[strings.ToLower(name)] = true
	return name
}

func (c *calculation) variables() []string {
	out := make([]string, 0, len(c.item.Variables))
	for _, v := range c.item.Variables {
		out = append(out, v.Name)
	}
	return out
}

// expression translates a formula.
func (c *calculation) expression(text string) (string, error) {
	var unknown string
	out := wildcard.ReplaceAllStringFunc(plainAnswer(text), func(mark string) string {
		card := wildcard.FindStringSubmatch(mark)[1]
		name := c.names[card]
		if name == "" {
			unknown = card
		}
		return name
	})
	if unknown != "" {
		return "", refuse("its formula %q has the wild card %q, for which there are no values", markup.Shorten(text, 60), clip(unknown))
	}
	out = strings.TrimSpace(out)
	if inner, ok := strings.CutPrefix(out, "{="); ok && strings.HasSuffix(inner, "}") {
		out = strings.TrimSuffix(inner, "}") // as in a text
	}
	out = strings.TrimPrefix(out, "=")
	if _, err := exact.Compile(out, c.variables()...); err != nil {
		return "", refuse("its formula %q cannot be computed: %s", markup.Shorten(text, 60), err)
	}
	return out, nil
}

// form reads how Moodle shows what a formula gives.
func (c *calculation) form(answer *node) {
	length, err := strconv.Atoi(answer.value("correctanswerlength"))
	if err != nil || length < 0 || length > 15 {
		return
	}
	if answer.value("correctanswerformat") == "2" {
		length = max(length, 1)
		c.significant = &length
	} else {
		c.decimals = &length
	}
}

// answers maps the formulas of the key.
func (c *calculation) answers(part *event.PartV1) error {
	for _, a := range c.all("answer") {
		text := strings.TrimSpace(a.words())
		if text == "" || text == "*" {
			part.Numbers = append(part.Numbers, event.NumberKeyV1{
				Low: "-" + anything, High: anything, Credit: c.typedCredit(c.fraction(a)), FeedbackHTML: c.feedback(a),
			})
			continue
		}
		value, err := c.expression(text)
		if err != nil {
			return err
		}
		key := event.NumberKeyV1{Value: value, Credit: c.typedCredit(c.fraction(a)), FeedbackHTML: c.feedback(a)}
		c.tolerance(&key, a)
		for _, name := range []string{"correctanswerformat", "correctanswerlength"} {
			if a.has(name) {
				c.once(itemfile.Info, "how the right answer is shown (correctanswerformat, correctanswerlength)", "it is shown as it is computed; what is accepted is the same")
			}
		}
		part.Numbers = append(part.Numbers, key)
	}
	if len(part.Numbers) == 0 {
		return refuse("it has no formula for its answer")
	}
	c.earnable(len(part.Numbers), func(i int) string { return part.Numbers[i].Credit })
	c.units(part)
	return nil
}

func (c *calculation) tolerance(key *event.NumberKeyV1, a *node) {
	margin, ok := numeral(orElse(a.value("tolerance"), "0"))
	if !ok {
		c.notes.Add(itemfile.Simplified, fmt.Sprintf("tolerance %q", clip(a.value("tolerance"))), "it is not a number; there is none")
		margin = "0"
	}
	margin = strings.TrimPrefix(margin, "-")
	switch a.value("tolerancetype") {
	case "2", "nominal":
		key.Tolerance = margin
	case "3", "geometric":
		key.Tolerance, key.Geometric = margin, true
	default: // relative
		r, _ := moodletext.Decimal(margin)
		key.Tolerance = moodletext.DecimalText(r.Mul(r, big.NewRat(100, 1)), 12) + "%"
	}
}

// texts puts places for values into a text.
func (c *calculation) texts(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	text = formula.ReplaceAllStringFunc(text, func(mark string) string {
		name := c.computed(mark[2 : len(mark)-1])
		if name == "" {
			return mark
		}
		return c.showValue(name)
	})
	return wildcard.ReplaceAllStringFunc(text, func(mark string) string {
		name := c.names[wildcard.FindStringSubmatch(mark)[1]]
		if name == "" {
			return mark // braces of another meaning, such as TeX's
		}
		return c.showValue(name)
	})
}

// showValue is a place for the value of a variable.
func (c *calculation) showValue(name string) string {
	return c.place(`<span data-variable="` + name + `"></span>`)
}

// computed makes a variable of a formula in a text.
func (c *calculation) computed(text string) string {
	expression, err := c.expression(text)
	if err != nil {
		if c.failed == nil {
			c.failed = err
		}
		return ""
	}
	if name := c.formulas[expression]; name != "" {
		return name
	}
	if len(c.item.Variables) >= maxVariables {
		c.failed = refuse("it has more than %d wild cards and formulas", maxVariables)
		return ""
	}
	name := c.variable("computed")
	v := event.VariableV1{Name: name, Kind: event.FormulaVariable, Expression: expression, Decimals: c.decimals, Significant: c.significant}
	if v.Decimals == nil && v.Significant == nil {
		figures := 14 // what PHP shows
		v.Significant = &figures
	}
	c.item.Variables = append(c.item.Variables, v)
	c.formulas[expression] = name
	return name
}
