package olx

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// tolerance is how far from a value an answer may be.
type tolerance struct {
	amount   float64
	relative bool // in percent of the value
	text     string
}

// default tolerance of the source, which assessment knows as "".
const defaultTolerance = 0.001

// numerical maps a number with a tolerance, a range, and what partial credit
// there is for near and known other answers.
func (r *problemReader) numerical(resp *response) ([]event.PartV1, string) {
	if _, reason := r.input(resp, "textline", "formulaequationinput"); reason != "" && len(resp.inputs) > 0 {
		return nil, reason
	}
	tol, reason := r.tolerance(resp)
	if reason != "" {
		return nil, reason
	}
	keys, reason := r.numberKeys(resp, resp.get("answer"), tol, r.feedback(resp.node, "correcthint"))
	if reason != "" {
		return nil, reason
	}
	part := event.PartV1{Kind: event.Numerical, Numbers: keys}
	for _, extra := range resp.elements("additional_answer") {
		keys, reason := r.numberKeys(resp, orElse(extra.get("answer"), extra.leadingText()), tol, r.feedback(extra, "correcthint"))
		if reason != "" {
			return nil, "an additional answer: " + reason
		}
		part.Numbers = append(part.Numbers, keys...)
	}
	partial, reason := r.partialNumbers(resp, tol)
	if reason != "" {
		return nil, reason
	}
	part.Numbers = append(part.Numbers, partial...)
	r.conditionalHints(resp, "numericalhint", func(h *node, feedback string) {
		if keys, reason := r.numberKeys(resp, h.get("answer"), tol, feedback); reason == "" {
			for i := range keys {
				keys[i].Credit = "0"
			}
			part.Numbers = append(part.Numbers, keys...)
		}
	})
	if len(part.Numbers) > maxPartKeys {
		return nil, fmt.Sprintf("it has more than %d answers", maxPartKeys)
	}
	return []event.PartV1{part}, ""
}

// tolerance finds the responseparam that sets it.
func (r *problemReader) tolerance(resp *response) (tolerance, string) {
	for _, param := range resp.find("responseparam") {
		text := strings.Join(strings.Fields(param.get("default")), "")
		if param.get("type") != "tolerance" || text == "" {
			continue
		}
		numeral, relative := strings.CutSuffix(text, "%")
		amount, err := evaluate(numeral)
		if err != nil || amount < 0 {
			return tolerance{}, fmt.Sprintf("its tolerance %q is not a number", markup.Shorten(text, 40))
		}
		return tolerance{amount: amount, relative: relative, text: text}, ""
	}
	return tolerance{amount: defaultTolerance, relative: true}, ""
}

// times is a multiple of a tolerance.
func (t tolerance) times(factor float64) string {
	text := numeral(t.amount * factor)
	if t.relative {
		text += "%"
	}
	return text
}

// numeral writes a float to twelve significant digits, which undoes the noise of
// binary fractions.
func numeral(f float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 12, 64), 64)
	if err != nil {
		rounded = f
	}
	return strconv.FormatFloat(rounded, 'g', -1, 64)
}

// numberKeys maps an answer: an expression, or a range such as "[1,2)".
func (r *problemReader) numberKeys(resp *response, answer string, tol tolerance, feedback string) ([]event.NumberKeyV1, string) {
	answer = strings.TrimSpace(answer)
	if answer == "" {
		return nil, "it has no answer"
	}
	if low, high, ok := rangeOf(answer); ok {
		key := event.NumberKeyV1{
			Low: low.text, High: high.text, LowOpen: answer[0] == '(', HighOpen: answer[len(answer)-1] == ')', Credit: "1", FeedbackHTML: feedback,
		}
		switch {
		case low.value > high.value, low.value == high.value && (key.LowOpen || key.HighOpen):
			return nil, fmt.Sprintf("the range %q is empty", markup.Shorten(answer, 60))
		case low.value == high.value:
			key = event.NumberKeyV1{Value: low.text, Tolerance: "0", Credit: "1", FeedbackHTML: feedback}
		}
		return []event.NumberKeyV1{key}, ""
	}
	if _, err := evaluate(answer); err != nil {
		return nil, fmt.Sprintf("its answer %q is not a number that can be computed: %v", markup.Shorten(answer, 60), err)
	}
	return []event.NumberKeyV1{{Value: answer, Tolerance: tol.text, Credit: "1", FeedbackHTML: feedback}}, ""
}

type bound struct {
	text  string
	value float64
}

func rangeOf(answer string) (low, high bound, ok bool) {
	if len(answer) < 2 || !strings.ContainsRune("[(", rune(answer[0])) || !strings.ContainsRune("])", rune(answer[len(answer)-1])) {
		return low, high, false
	}
	left, right, found := strings.Cut(answer[1:len(answer)-1], ",")
	if !found {
		return low, high, false
	}
	low.text, high.text = strings.TrimSpace(left), strings.TrimSpace(right)
	var errLow, errHigh error
	low.value, errLow = evaluate(low.text)
	high.value, errHigh = evaluate(high.text)
	return low, high, errLow == nil && errHigh == nil
}

// partialNumbers maps partial_credit: "close" gives a half for answers within a
// multiple of the tolerance (twice, by default), "list" a half for each of the
// partial_answers, both together a quarter for answers close to those. The first
// key that matches counts, in the order in which the source tries them.
func (r *problemReader) partialNumbers(resp *response, tol tolerance) ([]event.NumberKeyV1, string) {
	rules := map[string]bool{}
	for _, rule := range strings.Split(strings.ToLower(resp.get("partial_credit")), ",") {
		switch rule = strings.TrimSpace(rule); rule {
		case "", "false":
		case "close", "list":
			rules[rule] = true
		default:
			r.simplify(resp.node, fmt.Sprintf("partial_credit %q", markup.Shorten(rule, 40)), "the rule is not known for numbers; it gives nothing")
		}
	}
	if len(rules) == 0 {
		return nil, ""
	}
	factor, others := 2.0, []string(nil)
	for _, param := range resp.find("responseparam") {
		if text := param.get("partial_range"); text != "" {
			f, err := evaluate(text)
			if err != nil || f < 0 {
				return nil, fmt.Sprintf("its partial_range %q is not a number", markup.Shorten(text, 40))
			}
			factor = f
		}
		if text := param.get("partial_answers"); text != "" && others == nil {
			others = strings.Split(text, ",")
		}
	}
	answer := resp.get("answer")
	if low, high, ok := rangeOf(answer); ok {
		if rules["list"] {
			r.simplify(resp.node, "partial credit for listed answers", "as in the source, a range has none")
		}
		if !rules["close"] || low.value >= high.value {
			return nil, ""
		}
		return closeToRange(low, high, answer, factor), ""
	}
	near := event.NumberKeyV1{Value: strings.TrimSpace(answer), Tolerance: tol.times(factor), Credit: "0.5"}
	if !rules["list"] {
		return []event.NumberKeyV1{near}, ""
	}
	var keys []event.NumberKeyV1
	for i, other := range others {
		other = strings.TrimSpace(other)
		if _, err := evaluate(other); err != nil {
			return nil, fmt.Sprintf("its partial answer %q is not a number", markup.Shorten(other, 40))
		}
		keys = append(keys, event.NumberKeyV1{Value: other, Tolerance: tol.text, Credit: "0.5"})
		if rules["close"] {
			if i == 0 {
				keys = append(keys, near)
			}
			keys = append(keys, event.NumberKeyV1{Value: other, Tolerance: tol.times(factor), Credit: "0.25"})
		}
	}
	return keys, ""
}

// closeToRange extends a range on both sides by a multiple of its width. A bound
// that the range excludes is wrong and not close.
func closeToRange(low, high bound, answer string, factor float64) []event.NumberKeyV1 {
	var keys []event.NumberKeyV1
	if answer[0] == '(' {
		keys = append(keys, event.NumberKeyV1{Value: low.text, Tolerance: "0", Credit: "0"})
	}
	if answer[len(answer)-1] == ')' {
		keys = append(keys, event.NumberKeyV1{Value: high.text, Tolerance: "0", Credit: "0"})
	}
	margin := factor * (high.value - low.value)
	wide := event.NumberKeyV1{Low: numeral(low.value - margin), High: numeral(high.value + margin), LowOpen: true, HighOpen: true, Credit: "0.5"}
	if margin <= 0 || math.IsInf(margin, 0) || wide.Low == wide.High {
		return keys
	}
	return append(keys, wide)
}

// conditionalHints reads an old-style hintgroup: hints for particular answers.
func (r *problemReader) conditionalHints(resp *response, name string, add func(h *node, feedback string)) {
	for _, group := range resp.elements("hintgroup") {
		if group.get("hintfn") != "" {
			r.report.add(Skipped, r.place(group), "hints computed by a program", "the program would need a sandbox")
			continue
		}
		text := map[string]string{}
		for _, part := range group.elements("hintpart") {
			text[part.get("on")] = r.fragment(part)
		}
		for _, h := range group.elements() {
			if feedback := text[h.get("name")]; h.name == name && feedback != "" {
				add(h, feedback)
			} else if h.name != name && h.name != "hintpart" {
				r.simplify(h, "a hint of the type "+markup.Shorten(h.name, 40), "it does not fit the response and is left out")
			}
		}
	}
}
