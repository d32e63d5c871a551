package itemanalysis

import (
	"fmt"
	"math"
	"testing"
)

// lsat6 and lsat7 are the response patterns to sections 6 and 7 of the Law School
// Admission Test of 1,000 examinees (Bock & Lieberman 1970, table 1), in the order
// 00000, 00001, 00010, ..., 11111.
var (
	lsat6 = [32]int{3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15, 10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298}
	lsat7 = [32]int{12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28, 7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308}
)

// lsat expands a table of patterns into marks.
func lsat(t testing.TB, patterns [32]int) *Marks {
	t.Helper()
	items := make([]Item, 5)
	for j := range items {
		items[j] = Item{ID: fmt.Sprintf("item %d", j+1), Max: 1}
	}
	m := newMarks(t, items)
	for pattern, n := range patterns {
		row := make([]Mark, 5)
		for j := range row {
			row[j].Score = float64(pattern >> (4 - j) & 1)
		}
		for k := range n {
			add(t, m, fmt.Sprintf("%05b/%d", pattern, k), row)
		}
	}
	return m
}

func newMarks(t testing.TB, items []Item) *Marks {
	t.Helper()
	m, err := New(items)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func add(t testing.TB, m *Marks, learner string, row []Mark) {
	t.Helper()
	if err := m.Add(learner, row); err != nil {
		t.Fatal(err)
	}
}

func analyse(t testing.TB, m *Marks, o Options) *Report {
	t.Helper()
	r, err := Analyse(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fitIRT(t testing.TB, m *Marks, o IRTOptions) *IRT {
	t.Helper()
	r, err := FitIRT(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails unless a figure is within a tolerance of what it should be.
func near(t *testing.T, what string, got Figure, want, tolerance float64) {
	t.Helper()
	v, ok := got.Get()
	if !ok {
		t.Errorf("%s is not computable (%s), want %v", what, got.Why, want)
		return
	}
	if math.Abs(v-want) > tolerance {
		t.Errorf("%s is %v, want %v within %v", what, v, want, tolerance)
	}
}

func TestScratch(t *testing.T) {
	for _, d := range [][32]int{lsat6, lsat7} {
		m := lsat(t, d)
		r := analyse(t, m, Options{})
		fmt.Println(m.Learners(), *r.Test.Alpha.Value)
		for _, it := range r.Items {
			fmt.Println(*it.Facility.Value, *it.Discrimination.Value, *it.AlphaIfDeleted.Value, *it.ItemTotal.Value)
		}
		irt := fitIRT(t, m, IRTOptions{})
		fmt.Println(irt.Converged, irt.EMCycles, irt.NewtonSteps, *irt.LogLik.Value, *irt.AIC.Value, *irt.BIC.Value, irt.Notes, *irt.Reliability.Value)
		for _, it := range irt.Items {
			fmt.Println(*it.Slope.Value, *it.SlopeSE.Value, *it.Difficulty.Value, *it.DifficultySE.Value, *it.Intercept.Value, *it.InterceptSE.Value)
		}
	}
}
