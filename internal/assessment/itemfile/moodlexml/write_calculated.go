package moodlexml

import (
	"fmt"
	"hash/fnv"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// drawnRows is how many rows of values are written for variables that are drawn
// from a range.
const drawnRows = 100

// planCalculated is plan for an item with variables.
func (w *writing) planCalculated() (string, func()) {
	p := w.only()
	answerable := 0
	for i := range w.item.Parts {
		if w.item.Parts[i].Kind != event.Unsupported {
			answerable++
		}
	}
	if answerable != 1 || p.Kind != event.Numerical && p.Kind != event.SingleChoice && p.Kind != event.MultipleChoice {
		w.cannot = "Moodle has values that differ from learner to learner only in questions with one number or one choice"
		return "", nil
	}
	w.variables = map[string]string{}
	for _, v := range w.item.Variables {
		w.variables[v.Name] = "{" + v.Name + "}"
		if v.Kind == event.FormulaVariable {
			w.variables[v.Name] = "{=" + w.formula(v.Expression) + "}"
		}
		if rounded := v.Decimals != nil || v.Significant != nil && *v.Significant != 14; rounded && (p.Kind == event.Numerical || v.Kind != event.FormulaVariable) {
			w.notes.Add(itemfile.Simplified, "rounding of the variable "+v.Name, "Moodle shows what a formula gives as it is")
		}
	}
	if p.Kind == event.Numerical {
		return "calculated", func() { w.calculated(p) }
	}
	return "calculatedmulti", func() { w.calculatedMulti(p) }
}

var identifierForm = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_]*|[0-9.]+(?:[eE][-+]?[0-9]+)?`)

// formula is an expression with wild cards for its variables; variables that are
// expressions are put in.
func (w *writing) formula(expression string) string {
	return identifierForm.ReplaceAllStringFunc(expression, func(word string) string {
		if mark := w.variables[word]; strings.HasPrefix(mark, "{=") {
			return "(" + strings.TrimSuffix(strings.TrimPrefix(mark, "{="), "}") + ")"
		} else if mark != "" {
			return mark
		}
		switch word {
		case "pi":
			return "pi()"
		case "e":
			return "exp(1)"
		}
		return word
	})
}

func (w *writing) calculated(p *event.PartV1) {
	w.element("synchronize", "0")
	w.combined(p)
	for _, k := range p.Numbers {
		if k.Value == "" {
			if k.Low == "-"+anything && k.High == anything {
				w.answer("*", k.Credit, k.FeedbackHTML, "<tolerance>0</tolerance>", "<tolerancetype>2</tolerancetype>", "<correctanswerformat>1</correctanswerformat>", "<correctanswerlength>2</correctanswerlength>")
				continue
			}
			w.notes.Add(itemfile.Skipped, "a range as the answer", "Moodle's calculated questions have formulas with a margin")
			continue
		}
		tolerance, kind := w.calculatedTolerance(k)
		w.answer(w.formula(k.Value), k.Credit, k.FeedbackHTML,
			"<tolerance>"+tolerance+"</tolerance>", "<tolerancetype>"+kind+"</tolerancetype>", "<correctanswerformat>2</correctanswerformat>", "<correctanswerlength>6</correctanswerlength>")
		if k.Figures > 0 || k.Decimals != nil {
			w.notes.Add(itemfile.Skipped, "significant figures or decimal places that are demanded", "Moodle's calculated questions do not look at them")
		}
	}
	w.units(p)
	w.dataSets()
}

func (w *writing) calculatedTolerance(k event.NumberKeyV1) (tolerance, kind string) {
	text := strings.TrimSpace(k.Tolerance)
	if text == "" {
		text = "0.001%"
	}
	share, relative := strings.CutSuffix(text, "%")
	value, err := exact.Evaluate(share)
	if err != nil {
		w.notes.Add(itemfile.Simplified, "tolerance "+text, "it is no number; there is none")
		return "0", "2"
	}
	r := value.Abs().Rat()
	switch {
	case k.Geometric:
		return plainNumber(r), "3"
	case relative:
		return plainNumber(r.Quo(r, big.NewRat(100, 1))), "1"
	}
	return plainNumber(r), "2"
}

func (w *writing) calculatedMulti(p *event.PartV1) {
	w.element("synchronize", "0")
	w.element("single", truth(p.Kind == event.SingleChoice))
	w.element("answernumbering", "abc")
	w.element("shuffleanswers", truth(p.Shuffle))
	w.combined(p)
	format, length := "2", "14"
	for _, v := range w.item.Variables { // the last form holds: Moodle has one for each answer
		switch {
		case v.Kind != event.FormulaVariable:
		case v.Decimals != nil:
			format, length = "1", strconv.Itoa(*v.Decimals)
		case v.Significant != nil:
			format, length = "2", strconv.Itoa(*v.Significant)
		}
	}
	credits := w.credits(p)
	for i, c := range p.Choices {
		w.open("answer", c.HTML, ` fraction="`+w.percentOf(credits[i])+`"`)
		w.raw("      <tolerance>0.01</tolerance>\n      <tolerancetype>1</tolerancetype>\n      <correctanswerformat>" + format + "</correctanswerformat>\n      <correctanswerlength>" + length + "</correctanswerlength>\n")
		w.text("feedback", c.FeedbackHTML)
		w.raw("    </answer>\n")
	}
	w.dataSets()
}

// dataSets writes the values of the variables.
func (w *writing) dataSets() {
	rows := len(w.item.DataSets)
	if rows == 0 {
		rows = drawnRows
	}
	w.raw("    <dataset_definitions>\n")
	for _, v := range w.item.Variables {
		if v.Kind == event.FormulaVariable {
			continue
		}
		values := w.valuesOf(v, rows)
		low, high := orElse(v.Low, "0"), orElse(v.High, "100")
		decimals := 0
		if _, fraction, ok := strings.Cut(v.Step, "."); ok {
			decimals = len(fraction)
		}
		w.raw("      <dataset_definition>\n        <status><text>private</text></status>\n        <name><text>" + v.Name + "</text></name>\n        <type>calculated</type>\n        <distribution><text>uniform</text></distribution>\n        <minimum><text>" +
			low + "</text></minimum>\n        <maximum><text>" + high + "</text></maximum>\n        <decimals><text>" + strconv.Itoa(decimals) + "</text></decimals>\n        <itemcount>" + strconv.Itoa(len(values)) + "</itemcount>\n        <dataset_items>\n")
		for i, value := range values {
			w.raw("          <dataset_item><number>" + strconv.Itoa(i+1) + "</number><value>" + value + "</value></dataset_item>\n")
		}
		w.raw("        </dataset_items>\n        <number_of_items>" + strconv.Itoa(len(values)) + "</number_of_items>\n      </dataset_definition>\n")
	}
	w.raw("    </dataset_definitions>\n")
}

// valuesOf are the values of a variable, one for each row.
func (w *writing) valuesOf(v event.VariableV1, rows int) []string {
	out := make([]string, 0, rows)
	switch v.Kind {
	case event.DataSetVariable:
		for _, row := range w.item.DataSets {
			if v.Column < len(row) {
				out = append(out, row[v.Column])
			}
		}
		return out
	case event.ListVariable:
		w.notes.Add(itemfile.Simplified, fmt.Sprintf("the variable %s, which has one of several values", v.Name), fmt.Sprintf("Moodle draws one of %d rows of values for all variables together", rows))
		for i := range rows {
			out = append(out, v.Values[mixed(v.Name, i, len(v.Values))])
		}
		return out
	}
	w.notes.Add(itemfile.Simplified, fmt.Sprintf("the variable %s, which is drawn from a range", v.Name), fmt.Sprintf("Moodle draws one of %d rows of values", rows))
	low, okLow := moodletext.Decimal(v.Low)
	high, okHigh := moodletext.Decimal(v.High)
	step, okStep := moodletext.Decimal(orElse(v.Step, "1"))
	if !okLow || !okHigh || !okStep || step.Sign() <= 0 {
		return out
	}
	steps := new(big.Rat).Quo(new(big.Rat).Sub(high, low), step)
	count := new(big.Int).Add(new(big.Int).Quo(steps.Num(), steps.Denom()), big.NewInt(1))
	for i := range rows {
		n := int64(mixed(v.Name, i, int(min(count.Int64(), 1<<31))))
		value := new(big.Rat).Add(low, new(big.Rat).Mul(step, big.NewRat(n, 1)))
		out = append(out, plainNumber(value))
	}
	return out
}

// mixed spreads rows over n values, for each variable in another way, so that
// they do not go together.
func mixed(variable string, row, n int) int {
	if n <= 0 {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", variable, row)
	return int(h.Sum64() * 0x9E3779B97F4A7C15 >> 33 % uint64(n))
}
