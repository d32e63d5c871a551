package itemanalysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// everyKind are random marks with partial credit, blanks, items that were not given
// and options.
func everyKind(seed uint64) exam {
	var items []Item
	var learners []string
	var rows [][]Mark
	random := rand.New(rand.NewPCG(seed, 99))
	k := random.IntN(9)
	for j := range k {
		it := Item{ID: fmt.Sprintf("q%d", j+1), Max: float64(random.IntN(4))}
		for o := range random.IntN(5) {
			it.Options = append(it.Options, Option{ID: string(rune('A' + o)), Key: random.IntN(3) == 0})
		}
		items = append(items, it)
	}
	for i := range random.IntN(80) {
		row := make([]Mark, k)
		for j, it := range items {
			switch random.IntN(12) {
			case 0:
				row[j].State = Omitted
			case 1:
				row[j].State = State(random.IntN(3))
			default:
				row[j].Score = math.Floor(random.Float64()*4) / 3 * it.Max
				if len(it.Options) > 0 {
					row[j].Chosen = []string{it.Options[random.IntN(len(it.Options))].ID}
				}
			}
			if row[j].State != Scored {
				row[j].Chosen, row[j].Score = nil, 0
			}
			row[j].Score = math.Min(row[j].Score, it.Max)
		}
		learners, rows = append(learners, fmt.Sprint(i)), append(rows, row)
	}
	return exam{items, learners, rows}
}

// exam is what marks are made of.
type exam struct {
	items    []Item
	learners []string
	rows     [][]Mark
}

func fill(t testing.TB, e exam) *Marks {
	t.Helper()
	m := newMarks(t, e.items)
	for i, row := range e.rows {
		add(t, m, e.learners[i], row)
	}
	return m
}

// numbers are all figures of anything that marshals, in their order. Marshalling
// fails on NaN and the infinities.
func numbers(t *testing.T, v any) []float64 {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("a result does not marshal: %v", err)
	}
	var found []float64
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if err != nil {
			return found
		}
		if f, ok := token.(float64); ok {
			found = append(found, f)
		}
	}
}

func sameNumbers(t *testing.T, what string, a, b []float64, tolerance float64) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%s: %d figures against %d", what, len(a), len(b))
		return
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > tolerance*math.Max(1, math.Abs(a[i])) {
			t.Errorf("%s: figure %d is %v against %v", what, i, a[i], b[i])
			return
		}
	}
}

func TestTheOrderOfLearnersDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		e := everyKind(seed)
		first := fill(t, e)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(e.rows), func(i, k int) {
			e.rows[i], e.rows[k] = e.rows[k], e.rows[i]
			e.learners[i], e.learners[k] = e.learners[k], e.learners[i]
		})
		second := fill(t, e)
		sameNumbers(t, fmt.Sprintf("seed %d", seed), numbers(t, analyse(t, first, Options{})), numbers(t, analyse(t, second, Options{})), 1e-9)
		// The model sorts patterns: it is the same to the last bit.
		one, other := fitIRT(t, first, IRTOptions{}), fitIRT(t, second, IRTOptions{})
		one.Reliability, other.Reliability = Figure{}, Figure{} // sums over learners
		sameNumbers(t, fmt.Sprintf("seed %d, model", seed), numbers(t, one), numbers(t, other), 0)
	}
}

func TestTheNumberOfProcessorsDoesNotMatter(t *testing.T) {
	m := simulate(t, 3000, ladder(10), 4, 5)
	run := func(processors int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		data, err := json.Marshal([]any{analyse(t, m, Options{}), fitIRT(t, m, IRTOptions{Abilities: true})})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	alone := run(1)
	for _, processors := range []int{2, 7} {
		if run(processors) != alone {
			t.Errorf("%d processors give other figures than one", processors)
		}
	}
}

func TestThePlaceOfAnItemDoesNotMatter(t *testing.T) {
	t.Parallel()
	there := lsat(t, lsat7)
	back := newMarks(t, []Item{{ID: "5", Max: 1}, {ID: "4", Max: 1}, {ID: "3", Max: 1}, {ID: "2", Max: 1}, {ID: "1", Max: 1}})
	for pattern, n := range lsat7 {
		for k := range n {
			row := make([]Mark, 5)
			for j := range row {
				row[j].Score = float64(pattern >> j & 1)
			}
			add(t, back, fmt.Sprint(pattern, k), row)
		}
	}
	a, b := analyse(t, there, Options{}), analyse(t, back, Options{})
	x, y := fitIRT(t, there, IRTOptions{}), fitIRT(t, back, IRTOptions{})
	near(t, "alpha", b.Test.Alpha, *a.Test.Alpha.Value, 1e-12)
	near(t, "log-likelihood", y.LogLik, *x.LogLik.Value, 1e-8)
	for j := range 5 {
		near(t, "item-rest", b.Items[4-j].Discrimination, *a.Items[j].Discrimination.Value, 1e-12)
		near(t, "slope", y.Items[4-j].Slope, *x.Items[j].Slope.Value, 1e-6)
	}
}

// Marks of another size are the same exam.
func TestScalingTheMarksScalesOnlyWhatIsInMarks(t *testing.T) {
	t.Parallel()
	rows := [][]float64{{1, 2, 0}, {0, 1, 1}, {1, 0, 1}, {0.5, 2, 1}, {0, 0, 0}, {1, 1.5, 1}}
	var larger [][]float64
	for _, row := range rows {
		larger = append(larger, []float64{10 * row[0], 10 * row[1], 10 * row[2]})
	}
	a := analyse(t, tableOfMarks(t, []float64{1, 2, 1}, rows...), Options{})
	b := analyse(t, tableOfMarks(t, []float64{10, 20, 10}, larger...), Options{})
	near(t, "mean", b.Test.Mean, 10**a.Test.Mean.Value, 1e-9)
	near(t, "standard error of measurement", b.Test.SEM, 10**a.Test.SEM.Value, 1e-9)
	near(t, "alpha", b.Test.Alpha, *a.Test.Alpha.Value, 1e-9)
	near(t, "skewness", b.Test.Skewness, *a.Test.Skewness.Value, 1e-9)
	for j := range a.Items {
		near(t, "facility", b.Items[j].Facility, *a.Items[j].Facility.Value, 1e-9)
		near(t, "item-rest", b.Items[j].Discrimination, *a.Items[j].Discrimination.Value, 1e-9)
		near(t, "upper-lower", b.Items[j].UpperLower, *a.Items[j].UpperLower.Value, 1e-9)
	}
}

// For k items of equal variance and covariances alpha is the Spearman-Brown formula
// of their correlation; for copies of one item it is 1.
func TestAlphaOfParallelItems(t *testing.T) {
	t.Parallel()
	// Every pattern of three right-or-wrong items, the extremes four times: by
	// symmetry all items and pairs are alike.
	var rows [][]float64
	for bits := range 8 {
		copies := 1
		if bits == 0 || bits == 7 {
			copies = 4
		}
		for range copies {
			rows = append(rows, []float64{float64(bits & 1), float64(bits >> 1 & 1), float64(bits >> 2)})
		}
	}
	r := analyse(t, tableOfMarks(t, []float64{1, 1, 1}, rows...), Options{})
	var first, second []float64
	for _, row := range rows {
		first, second = append(first, row[0]), append(second, row[1])
	}
	rho := correlate(first, second)
	near(t, "alpha", r.Test.Alpha, 3*rho/(1+2*rho), 1e-12)
	for _, it := range r.Items {
		near(t, "effective weight", it.EffectiveWeight, 1.0/3, 1e-12)
	}

	copied := analyse(t, tableOfMarks(t, []float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, []float64{0, 0, 0, 0}, []float64{1, 1, 1, 1}), Options{})
	near(t, "alpha of copies", copied.Test.Alpha, 1, 1e-12)
	near(t, "standard error of copies", copied.Test.SEM, 0, 1e-7)
	near(t, "efficiency of copies", copied.Items[0].Efficiency, 1, 1e-12)
}

// What must hold of every analysis, whatever the marks.
func TestFiguresStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	within := func(what string, f Figure, low, high float64) {
		t.Helper()
		v, ok := f.Get()
		if ok == (f.Why != "") {
			t.Errorf("%s has a value: %v, and a reason: %q", what, ok, f.Why)
		}
		if ok && (v < low-1e-9 || v > high+1e-9) {
			t.Errorf("%s is %v", what, v)
		}
	}
	for seed := range uint64(100) {
		m := fill(t, everyKind(seed))
		r := analyse(t, m, Options{})
		numbers(t, r)
		weights := 0.0
		for _, it := range r.Items {
			within("facility", it.Facility, 0, 1)
			within("discrimination", it.Discrimination, -1, 1)
			within("item-total", it.ItemTotal, -1, 1)
			within("efficiency", it.Efficiency, math.Inf(-1), 1)
			within("upper-lower", it.UpperLower, -1, 1)
			within("intended weight", it.IntendedWeight, 0, 1)
			within("effective weight", it.EffectiveWeight, 0, 1)
			within("alpha if deleted", it.AlphaIfDeleted, math.Inf(-1), 1)
			weights += value(it.EffectiveWeight)
			for _, o := range it.Options {
				within("share", o.Share, 0, 1)
				within("point-biserial", o.PointBiserial, -1, 1)
				within("upper share", o.UpperShare, 0, 1)
				within("fifth", o.ByFifth[2], 0, 1)
			}
			if it.Given != it.Responses+it.Omits {
				t.Errorf("%d given, %d responses, %d omits", it.Given, it.Responses, it.Omits)
			}
		}
		if weights > 1e-9 && math.Abs(weights-1) > 1e-9 {
			t.Errorf("effective weights add up to %v", weights)
		}
		within("alpha", r.Test.Alpha, math.Inf(-1), 1)
		within("alpha's upper end", r.Test.AlphaBetween.Upper, value(r.Test.Alpha), 1)
		within("skewness", r.Test.Skewness, math.Inf(-1), math.Inf(1))
		if seed%4 == 0 {
			numbers(t, fitIRT(t, m, IRTOptions{Abilities: true}))
		}
	}
}
