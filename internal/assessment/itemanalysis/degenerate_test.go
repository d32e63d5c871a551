package itemanalysis

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Where the marks determine nothing there is a reason, in words, and nothing that
// does not marshal.
func TestWhatCannotBeComputedSaysWhy(t *testing.T) {
	t.Parallel()
	blank := math.NaN()
	for _, c := range []struct {
		name  string
		marks *Marks
		want  map[string]string
	}{
		{"no items", tableOfMarks(t, nil, []float64{}, []float64{}), map[string]string{
			"mean": noLearners, "alpha": noLearners,
		}},
		{"no learners", tableOfMarks(t, []float64{1, 1}), map[string]string{
			"mean": noLearners, "sd": noLearners, "alpha": noLearners, "sem": noLearners, "alpha lower": noLearners,
			"facility": nobody, "discrimination": nobody, "upper-lower": nobody, "effective": nobody, "without": noLearners,
		}},
		{"one learner", tableOfMarks(t, []float64{1, 1}, []float64{1, 0}), map[string]string{
			"mean": "", "sd": oneLearner, "skewness": oneLearner, "alpha": oneLearner,
			"facility": "", "item sd": oneLearner, "discrimination": oneLearner, "upper-lower": oneLearner, "effective": oneLearner, "without": oneLearner,
		}},
		{"one item", tableOfMarks(t, []float64{1}, []float64{1}, []float64{0}), map[string]string{
			"alpha": onlyOneItem, "discrimination": sameRest, "efficiency": sameRest, "item-total": "", "effective": "", "without": onlyItem,
			"skewness": "there are fewer than 3 learners", "kurtosis": "there are fewer than 4 learners",
		}},
		{"two items", tableOfMarks(t, []float64{1, 1}, []float64{1, 0}, []float64{0, 0}), map[string]string{
			"alpha": "", "without": twoItems, "discrimination": sameRest,
		}},
		{"a constant item", tableOfMarks(t, []float64{1, 1, 1}, []float64{1, 1, 0}, []float64{1, 0, 0}, []float64{1, 1, 1}), map[string]string{
			"facility": "", "item sd": "", "discrimination": sameMark, "efficiency": sameMark, "item-total": sameMark, "upper-lower": "", "effective": "", "alpha": "",
		}},
		{"everybody alike", tableOfMarks(t, []float64{1, 1, 1}, []float64{1, 0, 1}, []float64{1, 0, 1}), map[string]string{
			"sd": "", "skewness": sameTotal, "alpha": sameTotal, "sem": sameTotal, "upper-lower": sameTotal, "effective": sameTotal, "without": sameRest,
		}},
		{"equal totals, unequal marks", tableOfMarks(t, []float64{1, 1, 1}, []float64{1, 0, 1}, []float64{0, 1, 1}), map[string]string{
			"alpha": sameTotal, "item-total": sameTotal, "discrimination": "", "upper-lower": sameTotal,
		}},
		{"all blank", tableOfMarks(t, []float64{1, 1, 1}, []float64{blank, blank, blank}, []float64{blank, blank, blank}), map[string]string{
			"mean": "", "facility": "", "alpha": sameTotal, "discrimination": sameMark,
		}},
		{"an item of no marks", tableOfMarks(t, []float64{0, 1, 1}, []float64{0, 1, 1}, []float64{0, 0, 1}), map[string]string{
			"facility": noMarks, "upper-lower": noMarks, "without": noMarks, "alpha": "",
		}},
		{"only items of no marks", tableOfMarks(t, []float64{0, 0}, []float64{0, 0}, []float64{0, 0}), map[string]string{
			"alpha": noItems, "intended": noItems,
		}},
	} {
		r := analyse(t, c.marks, Options{})
		numbers(t, r)
		reasons := map[string]Figure{
			"mean": r.Test.Mean, "sd": r.Test.SD, "skewness": r.Test.Skewness, "kurtosis": r.Test.Kurtosis, "alpha": r.Test.Alpha,
			"sem": r.Test.SEM, "alpha lower": r.Test.AlphaBetween.Lower,
		}
		if len(r.Items) > 0 {
			it := r.Items[0]
			for name, f := range map[string]Figure{
				"facility": it.Facility, "item sd": it.SD, "discrimination": it.Discrimination, "item-total": it.ItemTotal, "upper-lower": it.UpperLower,
				"efficiency": it.Efficiency, "intended": it.IntendedWeight, "effective": it.EffectiveWeight, "without": it.AlphaIfDeleted,
			} {
				reasons[name] = f
			}
		}
		for name, want := range c.want {
			if got := reasons[name].Why; got != want {
				t.Errorf("%s: %s: %q, want %q", c.name, name, got, want)
			}
		}
		model := fitIRT(t, c.marks, IRTOptions{Abilities: true})
		numbers(t, model)
		if model.Why == "" {
			t.Errorf("%s: there is a model", c.name)
		}
	}
}

func TestOptionsThatAreNotValid(t *testing.T) {
	t.Parallel()
	m := tableOfMarks(t, []float64{1}, []float64{1})
	for _, o := range []Options{{Omitted: "guess"}, {Confidence: 1}, {Confidence: -0.1}, {Confidence: math.NaN()}} {
		if _, err := Analyse(t.Context(), m, o); err == nil {
			t.Errorf("Analyse takes %+v", o)
		}
	}
	for _, o := range []IRTOptions{{PassShare: 1.1}, {PassShare: -1}, {PassShare: math.NaN()}, {Omitted: "guess"}, {MaxCycles: -1}} {
		if _, err := FitIRT(t.Context(), m, o); err == nil {
			t.Errorf("FitIRT takes %+v", o)
		}
	}
}

func TestMarksThatAreRefused(t *testing.T) {
	t.Parallel()
	many := make([]Option, MaxOptions+1)
	for i := range many {
		many[i].ID = fmt.Sprint(i)
	}
	for _, c := range []struct {
		items []Item
		want  string
	}{
		{[]Item{{ID: "a"}, {ID: "a"}}, `item "a" is there twice`},
		{[]Item{{ID: "a", Max: -1}}, "must lie between 0 and 1000000"},
		{[]Item{{ID: "a", Max: math.NaN()}}, "must lie between 0 and 1000000"},
		{[]Item{{ID: "a", Max: math.Inf(1)}}, "must lie between 0 and 1000000"},
		{[]Item{{ID: "a", Chance: 1}}, "its chance score is 1"},
		{[]Item{{ID: "a", Options: []Option{{ID: "x"}, {ID: "x"}}}}, `option "x" is there twice`},
		{[]Item{{ID: "a", Options: many}}, "it has 65 options"},
		{make([]Item, MaxItems+1), "there are 501 items"},
	} {
		if _, err := New(c.items); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New: %v, want %q", err, c.want)
		}
	}
	m := newMarks(t, []Item{{ID: "a", Max: 1, Options: []Option{{ID: "x"}}}, {ID: "b", Max: 2}})
	for _, c := range []struct {
		row  []Mark
		want string
	}{
		{[]Mark{{}}, "has 1 marks for 2 items"},
		{[]Mark{{}, {Score: 2.1}}, "more than the maximum 2"},
		{[]Mark{{}, {Score: math.NaN()}}, "must lie between"},
		{[]Mark{{}, {Score: math.Inf(-1)}}, "must lie between"},
		{[]Mark{{Chosen: []string{"y"}}, {}}, `option "y" is not one of the item's`},
		{[]Mark{{}, {Chosen: []string{"x"}}}, `option "x" is not one of the item's`},
		{[]Mark{{State: Omitted, Chosen: []string{"x"}}, {}}, "options were chosen"},
		{[]Mark{{State: 9}, {}}, "state 9 is not known"},
	} {
		if err := m.Add("ann", c.row); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Add: %v, want %q", err, c.want)
		}
	}
	if m.Learners() != 0 {
		t.Errorf("%d learners of rows that were refused", m.Learners())
	}
	add(t, m, "penalised", []Mark{{Score: -0.25}, {Score: 2.000000001}})
}

// A column of more values than two bytes can number.
func TestColumnsOfManyDifferentMarks(t *testing.T) {
	t.Parallel()
	c := newColumn[float64]()
	for i := range 70_000 {
		c.add(float64(i))
	}
	c.add(5)
	for _, i := range []int{0, 1, 65_535, 65_536, 69_999} {
		if c.at(i) != float64(i) {
			t.Errorf("cell %d holds %v", i, c.at(i))
		}
	}
	if c.at(70_000) != 5 {
		t.Errorf("the last cell holds %v", c.at(70_000))
	}
}
