package scoring

import (
	"math/big"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// drawn shows variables in the body and takes the last of them for an answer.
func drawn(variables ...event.VariableV1) event.ItemV1 {
	last := variables[len(variables)-1].Name
	def := itemOf(numerical(event.NumberKeyV1{Value: last, Tolerance: "0", Credit: "1"}))
	def.BodyHTML = ""
	for i, v := range variables {
		if i > 0 {
			def.BodyHTML += " "
		}
		def.BodyHTML += `<span data-variable="` + v.Name + `"></span>`
	}
	def.Variables = variables
	return def
}

func TestRangesListsAndRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		def  event.ItemV1
		want []string // all that comes up
	}{
		"a range": {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "2", High: "5"}), []string{"2", "3", "4", "5"}},
		"steps": {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "-0.5", High: "0.6", Step: "0.25"}),
			[]string{"-0.5", "-0.25", "0", "0.25", "0.5"}},
		"steps with decimals": {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "1", High: "2", Step: "0.5", Decimals: new(2)}), []string{"1.00", "1.50", "2.00"}},
		"one number":          {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "7", High: "7"}), []string{"7"}},
		"a list, as written":  {drawn(event.VariableV1{Name: "n", Kind: event.ListVariable, Values: []string{"1.50", "2e3", "-7"}}), []string{"1.50", "2e3", "-7"}},
		"rows stay together": {func() event.ItemV1 {
			def := drawn(event.VariableV1{Name: "n", Kind: event.DataSetVariable, Column: 1}, event.VariableV1{Name: "m", Kind: event.DataSetVariable})
			def.DataSets = [][]string{{"1", "10"}, {"2", "20"}, {"3", "30"}}
			return def
		}(), []string{"10 1", "20 2", "30 3"}},
		"an expression": {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "1", High: "3"}, event.VariableV1{Name: "m", Kind: event.FormulaVariable, Expression: "n^2/3"}),
			[]string{"1 0.3333333333", "2 1.333333333", "3 3"}},
		"rounding": {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "1", High: "3"}, event.VariableV1{Name: "m", Kind: event.FormulaVariable, Expression: "-n/8", Decimals: new(2)}),
			[]string{"1 -0.13", "2 -0.25", "3 -0.38"}}, // half away from zero
		"rounding to tens":        {drawn(event.VariableV1{Name: "n", Kind: event.ListVariable, Values: []string{"1234", "1255"}, Decimals: new(-1)}), []string{"1230", "1260"}},
		"significant":             {drawn(event.VariableV1{Name: "n", Kind: event.ListVariable, Values: []string{"0.0123456", "99.96", "1234567"}, Significant: new(3)}), []string{"0.0123", "100", "1230000"}},
		"significant, with zeros": {drawn(event.VariableV1{Name: "n", Kind: event.ListVariable, Values: []string{"2", "0.5"}, Significant: new(3)}), []string{"2.00", "0.500"}},
		"large and small":         {drawn(event.VariableV1{Name: "n", Kind: event.FormulaVariable, Expression: "6.02214076e23"}, event.VariableV1{Name: "m", Kind: event.FormulaVariable, Expression: "1/3e10"}), []string{"6.02214076e+23 3.333333333e-11"}},
		"no value, drawn again":   {drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "-2", High: "2"}, event.VariableV1{Name: "m", Kind: event.FormulaVariable, Expression: "2/n"}), []string{"-2 -1", "-1 -2", "1 2", "2 1"}},
	} {
		it := parse(t, c.def)
		seen := map[string]int{}
		for seed := range int64(600) {
			view := it.View(seed)
			seen[view.BodyHTML]++
			if _, ok := it.FullResponse(seed); !ok {
				t.Errorf("%s: seed %d has no full response", name, seed)
			}
			if other := it.View(seed); other.BodyHTML != view.BodyHTML {
				t.Errorf("%s: seed %d shows %s, then %s", name, seed, view.BodyHTML, other.BodyHTML)
			}
		}
		for _, want := range c.want {
			if expected := 600 / len(c.want); seen[want] < expected*6/10 || seen[want] > expected*14/10 {
				t.Errorf("%s: %q comes up %d times of 600: %v", name, want, seen[want], seen)
			}
		}
		if len(seen) != len(c.want) {
			t.Errorf("%s: %v", name, seen)
		}
	}
}

// The key computes with what is shown, when it is rounded, and with the exact
// value, when it is not.
func TestKeysUseTheValuesThatLearnersSee(t *testing.T) {
	t.Parallel()
	def := drawn(
		event.VariableV1{Name: "a", Kind: event.RangeVariable, Low: "1", High: "9"},
		event.VariableV1{Name: "b", Kind: event.FormulaVariable, Expression: "a/7", Decimals: new(1)},
	)
	def.Parts[0].Numbers = []event.NumberKeyV1{{Value: "a*b", Tolerance: "a/100", Credit: "1"}, {Low: "a*b - a", High: "a*b + a", HighOpen: true, Credit: "0.5"}}
	it := parse(t, def)
	for seed := range int64(20) {
		shown := strings.Fields(it.View(seed).BodyHTML)
		a, _ := new(big.Rat).SetString(shown[0])
		b, _ := new(big.Rat).SetString(shown[1])
		value := new(big.Rat).Mul(a, b)
		tolerance := new(big.Rat).Quo(a, big.NewRat(100, 1))
		for answer, want := range map[string]string{
			value.RatString(): "1",
			new(big.Rat).Add(value, tolerance).RatString():                              "1",
			new(big.Rat).Add(value, new(big.Rat).Add(tolerance, tolerance)).RatString(): "0.5",
			new(big.Rat).Sub(value, a).RatString():                                      "0.5",
			new(big.Rat).Add(value, a).RatString():                                      "0",
		} {
			if got := it.Score(one(write(answer)), seed); got.Score.String() != want {
				t.Errorf("a = %s, b = %s: %s scores %v, want %s: %s", shown[0], shown[1], answer, got.Score, want, got.Parts[0].How)
			}
		}
		n, _ := exact.FromRat(value)
		if key := it.Key(seed).Parts[0].Answers[0].Text; !strings.HasPrefix(key, readable(n)+" ± ") {
			t.Errorf("a = %s, b = %s: the key reads %q", shown[0], shown[1], key)
		}
	}
}

func TestValuesAreDrawnSoThatTheKeyHasOne(t *testing.T) {
	t.Parallel()
	def := drawn(event.VariableV1{Name: "a", Kind: event.RangeVariable, Low: "-3", High: "3"})
	def.Parts[0].Numbers[0].Value = "sqrt(a)/a"
	it := parse(t, def)
	for seed := range int64(100) {
		if got := it.View(seed).BodyHTML; !strings.Contains("1 2 3", got) {
			t.Fatalf("seed %d draws %s", seed, got)
		}
	}
}

func TestVariablesAreDrawnIndependently(t *testing.T) {
	t.Parallel()
	dice := func(names ...string) event.ItemV1 {
		var vs []event.VariableV1
		for _, name := range names {
			vs = append(vs, event.VariableV1{Name: name, Kind: event.RangeVariable, Low: "1", High: "6"})
		}
		return drawn(vs...)
	}
	two := parse(t, dice("a", "b"))
	three := parse(t, dice("a", "c", "b"))
	sums := map[string]int{}
	for seed := range int64(36_000) {
		v := two.draw(seed).values
		sums[v["a"].text+v["b"].text]++
		if w := three.draw(seed).values; w["a"].text != v["a"].text || w["b"].text != v["b"].text {
			t.Fatalf("seed %d: one more variable changes the others", seed)
		}
	}
	for pair, n := range sums {
		if n < 840 || n > 1160 { // five standard deviations around 1000
			t.Errorf("%s comes up %d times of 36000", pair, n)
		}
	}
	if len(sums) != 36 {
		t.Errorf("%d pairs come up", len(sums))
	}
}

// These numbers are on record in attempts: they must never change.
func TestDrawnNumbersAreForEver(t *testing.T) {
	t.Parallel()
	def := drawn(
		event.VariableV1{Name: "a", Kind: event.RangeVariable, Low: "0", High: "999"},
		event.VariableV1{Name: "b", Kind: event.ListVariable, Values: []string{"1", "2", "3", "4", "5"}},
		event.VariableV1{Name: "c", Kind: event.DataSetVariable},
	)
	def.DataSets = [][]string{{"10"}, {"20"}, {"30"}, {"40"}}
	it := parse(t, def)
	for seed, want := range map[int64]string{0: "238 1 40", 1: "128 2 40", -1: "199 3 10", 1 << 62: "100 4 10"} {
		if got := it.View(seed).BodyHTML; got != want {
			t.Errorf("seed %d draws %s", seed, got)
		}
	}
}

func TestVariablesThatCannotBe(t *testing.T) {
	t.Parallel()
	n := event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "1", High: "5"}
	for _, c := range []struct {
		place string
		spoil func(d *event.ItemV1)
	}{
		{"variables[0].name: ", func(d *event.ItemV1) { d.Variables[0].Name = "1n" }},
		{"variables[0].name: ", func(d *event.ItemV1) { d.Variables[0].Name = "" }},
		{"variables[1].name: ", func(d *event.ItemV1) { d.Variables = append(d.Variables, n) }},
		{"variables[0].kind: ", func(d *event.ItemV1) { d.Variables[0].Kind = "dice" }},
		{"variables[0].low: ", func(d *event.ItemV1) { d.Variables[0].Low = "" }},
		{"variables[0].low: ", func(d *event.ItemV1) { d.Variables[0].Low = "6" }},
		{"variables[0].high: ", func(d *event.ItemV1) { d.Variables[0].High = "x" }},
		{"variables[0].step: ", func(d *event.ItemV1) { d.Variables[0].Step = "0" }},
		{"variables[0].step: ", func(d *event.ItemV1) { d.Variables[0].Step = "1e-30" }},
		{"variables[0].decimals: ", func(d *event.ItemV1) { d.Variables[0].Decimals = new(31) }},
		{"variables[0].significant: ", func(d *event.ItemV1) { d.Variables[0].Significant = new(0) }},
		{"variables[0].significant: ", func(d *event.ItemV1) { d.Variables[0].Decimals, d.Variables[0].Significant = new(1), new(1) }},
		{"variables[0].values: ", func(d *event.ItemV1) { d.Variables[0].Kind = event.ListVariable }},
		{"variables[0].values[1]: ", func(d *event.ItemV1) {
			d.Variables[0].Kind, d.Variables[0].Values = event.ListVariable, []string{"1", "one"}
		}},
		{"variables[0].expression: ", func(d *event.ItemV1) { d.Variables[0].Kind, d.Variables[0].Expression = event.FormulaVariable, "n+1" }},
		{"variables[0].expression: ", func(d *event.ItemV1) { d.Variables[0].Kind = event.FormulaVariable }},
		{"variables[0].column: ", func(d *event.ItemV1) { d.Variables[0].Kind = event.DataSetVariable }},
		{"variables[0].column: ", func(d *event.ItemV1) {
			d.Variables[0].Kind, d.Variables[0].Column, d.DataSets = event.DataSetVariable, 1, [][]string{{"1"}}
		}},
		{"data_sets[1]: ", func(d *event.ItemV1) { d.DataSets = [][]string{{"1"}, {"1", "2"}} }},
		{"data_sets[0][0]: ", func(d *event.ItemV1) { d.DataSets = [][]string{{"x"}} }},
		{"data_sets: ", func(d *event.ItemV1) { d.Variables, d.DataSets, d.BodyHTML = nil, [][]string{{"1"}}, "" }},
		{"variables: ", func(d *event.ItemV1) { d.Variables = make([]event.VariableV1, maxVariables+1) }},
		{"variables[0]: ", func(d *event.ItemV1) { d.Variables[0].Kind, d.Variables[0].Expression = event.FormulaVariable, "1/0" }},
		{"variables: a number of the key has no value: ", func(d *event.ItemV1) { d.Parts[0].Numbers[0].Value = "sqrt(-n)" }},
		{"body_html: ", func(d *event.ItemV1) { d.BodyHTML = `<span data-variable="m"></span>` }},
		{"body_html: ", func(d *event.ItemV1) { d.BodyHTML = `<div data-when="m" data-is="1"></div>` }},
		{"parts[0].prompt_html: ", func(d *event.ItemV1) { d.Parts[0].PromptHTML = `<mi data-variable=""></mi>` }},
		{"parts[0].numbers[0].value: ", func(d *event.ItemV1) { d.Parts[0].Numbers[0].Value = "m" }},
	} {
		def := drawn(n)
		c.spoil(&def)
		if _, err := Parse(def); err == nil {
			t.Errorf("want an error at %q", c.place)
		} else if !strings.HasPrefix(err.Error(), c.place) {
			t.Errorf("the error %q is not at %q", err, c.place)
		}
	}
}

// An item may draw what its key cannot be computed of all the same: scoring goes
// on, and says why.
func TestAKeyWithoutAValueMatchesNothing(t *testing.T) {
	t.Parallel()
	def := drawn(event.VariableV1{Name: "n", Kind: event.RangeVariable, Low: "1", High: "2"})
	it := parse(t, def)
	never, err := exact.Compile("1/(n-n)", "n")
	if err != nil {
		t.Fatal(err)
	}
	it.variables.keys = []*exact.Expression{never}
	got := it.Score(one(write("1")), 0)
	if !got.Score.IsZero() || !strings.Contains(got.Parts[0].How, `Key 1 has no value: value: "n" has no value`) {
		t.Errorf("%+v", got)
	}
	if shown := it.View(0).BodyHTML; shown != "" {
		t.Errorf("%q is shown", shown)
	}
}
