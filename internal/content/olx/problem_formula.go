package olx

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// The limits of a formula that assessment accepts.
const (
	maxDomain  = 20
	maxSamples = 100
)

// formulaTolerance is the source's default, which is absolute.
const formulaTolerance = "0.00001"

var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// formula maps an expression that is compared by sampling its variables.
func (r *problemReader) formula(resp *response) ([]event.PartV1, string) {
	if _, reason := r.input(resp, "textline", "formulaequationinput"); reason != "" && len(resp.inputs) > 0 {
		return nil, reason
	}
	domain, samples, reason := sampling(resp.get("samples"))
	if reason != "" {
		return nil, reason
	}
	tol, reason := r.tolerance(resp)
	if reason != "" {
		return nil, reason
	}
	if tol.text == "" {
		tol.text = formulaTolerance
	}
	part := event.PartV1{Kind: event.Formula, Domain: domain, Samples: samples}
	add := func(answer, credit, feedback string) string {
		if answer = strings.TrimSpace(answer); answer == "" {
			return "it has no answer"
		}
		part.Formulas = append(part.Formulas, event.FormulaKeyV1{Expression: answer, Tolerance: tol.text, Credit: credit, FeedbackHTML: feedback})
		return ""
	}
	if reason := add(resp.get("answer"), "1", r.feedback(resp.node, "correcthint")); reason != "" {
		return nil, reason
	}
	r.conditionalHints(resp, "formulahint", func(h *node, feedback string) {
		if reason := add(h.get("answer"), "0", feedback); reason != "" {
			r.simplify(h, "a hint for a formula", reason)
		}
	})
	if len(part.Formulas) > maxPartKeys {
		return nil, fmt.Sprintf("it has more than %d answers", maxPartKeys)
	}
	return []event.PartV1{part}, ""
}

// sampling reads the variables of a formula, their ranges and how many points
// are compared: "x,y@1,1:10,10#20".
func sampling(text string) (domain []event.DomainV1, samples int, reason string) {
	bad := func(why string) ([]event.DomainV1, int, string) {
		return nil, 0, fmt.Sprintf("its samples %q cannot be used: %s", markup.Shorten(text, 60), why)
	}
	names, rest, ok := strings.Cut(text, "@")
	bounds, number, counted := strings.Cut(rest, "#")
	lows, highs, ranged := strings.Cut(bounds, ":")
	if !ok || !counted || !ranged {
		return bad("they are not of the form variables@lows:highs#number")
	}
	samples, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || samples < 1 {
		return bad("the number of samples is not a whole number above zero")
	}
	variables, low, high := strings.Split(names, ","), strings.Split(lows, ","), strings.Split(highs, ",")
	if len(variables) != len(low) || len(low) != len(high) {
		return bad("there is not one range for each variable")
	}
	if len(variables) > maxDomain {
		return bad(fmt.Sprintf("there are more than %d variables", maxDomain))
	}
	for i, name := range variables {
		d := event.DomainV1{Name: strings.TrimSpace(name), Low: strings.TrimSpace(low[i]), High: strings.TrimSpace(high[i])}
		least, errLow := evaluate(d.Low)
		most, errHigh := evaluate(d.High)
		switch {
		case !variableName.MatchString(d.Name):
			return bad(fmt.Sprintf("%q is not the name of a variable here", markup.Shorten(d.Name, 20)))
		case errLow != nil || errHigh != nil || least > most:
			return bad("the range of " + d.Name + " is not one of numbers")
		}
		domain = append(domain, d)
	}
	return domain, min(samples, maxSamples), ""
}
