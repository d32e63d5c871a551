package itemanalysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// table makes marks of rows of scores; NaN is omitted.
func tableOfMarks(t testing.TB, maxima []float64, rows ...[]float64) *Marks {
	t.Helper()
	items := make([]Item, len(maxima))
	for j, maximum := range maxima {
		items[j] = Item{ID: fmt.Sprintf("q%d", j+1), Max: maximum}
	}
	m := newMarks(t, items)
	for i, scores := range rows {
		row := make([]Mark, len(scores))
		for j, score := range scores {
			row[j] = Mark{Score: score}
			if math.IsNaN(score) {
				row[j] = Mark{State: Omitted}
			}
		}
		add(t, m, fmt.Sprintf("learner %d", i+1), row)
	}
	return m
}

// Worked by hand: four learners, three items of 1, 1 and 2 marks.
//
//	     q1 q2 q3  T
//	ann   1  1  2  4    means 0.75, 0.5, 1 and 2.25
//	bob   1  0  1  2    variances 1/4, 1/3, 2/3 and 4.75/3
//	cid   1  0  1  2    covariances with T 1.25/3, 0.5/3 and 3/3
//	dan   0  1  0  1
func TestAWorkedExample(t *testing.T) {
	t.Parallel()
	r := analyse(t, tableOfMarks(t, []float64{1, 1, 2}, []float64{1, 1, 2}, []float64{1, 0, 1}, []float64{1, 0, 1}, []float64{0, 1, 0}), Options{})
	near(t, "mean", r.Test.Mean, 2.25, 1e-12)
	near(t, "standard deviation", r.Test.SD, math.Sqrt(4.75/3), 1e-12)
	near(t, "median", r.Test.Median, 2, 1e-12)
	alpha := 1.5 * (1 - (0.25+1.0/3+2.0/3)/(4.75/3))
	near(t, "alpha", r.Test.Alpha, alpha, 1e-12)
	near(t, "standard error of measurement", r.Test.SEM, math.Sqrt(4.75/3*(1-alpha)), 1e-12)
	near(t, "error ratio", r.Test.ErrorRatio, math.Sqrt(1-alpha), 1e-12)

	q1, q2, q3 := r.Items[0], r.Items[1], r.Items[2]
	near(t, "q3: facility", q3.Facility, 0.5, 1e-12)
	near(t, "q3: standard deviation", q3.SD, math.Sqrt(2.0/3), 1e-12)
	near(t, "q3: intended weight", q3.IntendedWeight, 0.5, 1e-12)
	c1, c2, c3 := 1.25/3, 0.5/3, 3.0/3
	roots := math.Sqrt(c1) + math.Sqrt(c2) + math.Sqrt(c3)
	near(t, "q1: effective weight", q1.EffectiveWeight, math.Sqrt(c1)/roots, 1e-12)
	near(t, "q2: effective weight", q2.EffectiveWeight, math.Sqrt(c2)/roots, 1e-12)
	// The rest of q2 is 3 2 2 0.
	rest := []float64{3, 2, 2, 0}
	near(t, "q2: item-rest", q2.Discrimination, correlate([]float64{1, 0, 0, 1}, rest), 1e-12)
	// At best the ones of q2 go with 2 and 3: 0 0 1 1 against 0 2 2 3.
	most := covariance([]float64{0, 0, 1, 1}, []float64{0, 2, 2, 3})
	near(t, "q2: discriminative efficiency", q2.Efficiency, covariance([]float64{1, 0, 0, 1}, rest)/most, 1e-12)
	// 27 % of four learners is one: ann against dan.
	near(t, "q3: upper-lower", q3.UpperLower, 1, 1e-12)
	near(t, "q2: upper-lower", q2.UpperLower, 0, 1e-12)
	// Without q2 two items are left with totals 3 2 2 0.
	near(t, "q2: alpha if deleted", q2.AlphaIfDeleted, 2*(1-(0.25+2.0/3)/covariance(rest, rest)), 1e-12)
}

func covariance(x, y []float64) float64 {
	n := float64(len(x))
	var mx, my, sum float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	for i := range x {
		sum += (x[i] - mx) * (y[i] - my)
	}
	return sum / (n - 1)
}

func correlate(x, y []float64) float64 {
	return covariance(x, y) / math.Sqrt(covariance(x, x)*covariance(y, y))
}

// The survey of Chatterjee & Price (1977), in R as "attitude". Alpha, alpha without
// each item and item-rest correlations are those of R's psych (alpha(attitude)),
// two decimals.
func TestItemsOfManyMarks(t *testing.T) {
	t.Parallel()
	attitude := [][]float64{
		{43, 51, 30, 39, 61, 92, 45}, {63, 64, 51, 54, 63, 73, 47}, {71, 70, 68, 69, 76, 86, 48}, {61, 63, 45, 47, 54, 84, 35},
		{81, 78, 56, 66, 71, 83, 47}, {43, 55, 49, 44, 54, 49, 34}, {58, 67, 42, 56, 66, 68, 35}, {71, 75, 50, 55, 70, 66, 41},
		{72, 82, 72, 67, 71, 83, 31}, {67, 61, 45, 47, 62, 80, 41}, {64, 53, 53, 58, 58, 67, 34}, {67, 60, 47, 39, 59, 74, 41},
		{69, 62, 57, 42, 55, 63, 25}, {68, 83, 83, 45, 59, 77, 35}, {77, 77, 54, 72, 79, 77, 46}, {81, 90, 50, 72, 60, 54, 36},
		{74, 85, 64, 69, 79, 79, 63}, {65, 60, 65, 75, 55, 80, 60}, {65, 70, 46, 57, 75, 85, 46}, {50, 58, 68, 54, 64, 78, 52},
		{50, 40, 33, 34, 43, 64, 33}, {64, 61, 52, 62, 66, 80, 41}, {53, 66, 52, 50, 63, 80, 37}, {40, 37, 42, 58, 50, 57, 49},
		{63, 54, 42, 48, 66, 75, 33}, {66, 77, 66, 63, 88, 76, 72}, {78, 75, 58, 74, 80, 78, 49}, {48, 57, 44, 45, 51, 83, 38},
		{85, 85, 71, 71, 77, 74, 55}, {82, 82, 39, 59, 64, 78, 39},
	}
	r := analyse(t, tableOfMarks(t, []float64{100, 100, 100, 100, 100, 100, 100}, attitude...), Options{})
	near(t, "alpha", r.Test.Alpha, 0.84, 0.005)
	for j, want := range []struct{ mean, itemRest, alphaWithout float64 }{
		{64.63, 0.67, 0.81}, {66.60, 0.74, 0.80}, {53.13, 0.56, 0.83}, {56.37, 0.71, 0.80}, {64.63, 0.79, 0.80}, {74.77, 0.27, 0.86}, {42.93, 0.46, 0.84},
	} {
		it := r.Items[j]
		near(t, it.ItemID+": mean", it.Mean, want.mean, 0.005)
		near(t, it.ItemID+": item-rest", it.Discrimination, want.itemRest, 0.0051)
		near(t, it.ItemID+": alpha if deleted", it.AlphaIfDeleted, want.alphaWithout, 0.0051)
	}
}

// A published example of Feldt's interval: C. Evans' feldt1.return, statistics wiki
// of the MRC Cognition and Brain Sciences Unit. (R's statpsych takes n(k-1) degrees
// of freedom in place of Feldt's (n-1)(k-1): 0.79713 where we have 0.79706.)
func TestFeldtInterval(t *testing.T) {
	t.Parallel()
	got := feldtInterval(figure(0.913), 873, 20, 0.95)
	near(t, "lower end", got.Lower, 0.9044024, 5e-8)
	near(t, "upper end", got.Upper, 0.9211588, 5e-8)
	nearer := feldtInterval(figure(0.85), 89, 7, 0.95)
	near(t, "lower end, by another convention", nearer.Lower, 0.7971254, 1e-4)
	near(t, "upper end, by another convention", nearer.Upper, 0.8931436, 1e-4)
}

// Percentage points of the F distribution (Pearson & Hartley, Biometrika Tables
// for Statisticians, table 18), and what must hold of all.
func TestFQuantile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ p, d1, d2, want float64 }{
		{0.95, 1, 10, 4.96}, {0.975, 5, 10, 4.24}, {0.95, 10, 20, 2.35}, {0.99, 3, 30, 4.51}, {0.95, 2, 2, 19.0}, {0.99, 1, 1, 4052},
	} {
		if got := fQuantile(c.p, c.d1, c.d2); math.Abs(got-c.want) > 0.0051*math.Max(1, c.want/100) {
			t.Errorf("F(%v; %v, %v) is %v, want %v", c.p, c.d1, c.d2, got, c.want)
		}
	}
	for _, d := range [][2]float64{{1, 1}, {3, 50}, {99_999, 3_899_961}, {199_999, 99_799_501}} {
		for _, p := range []float64{0.025, 0.5, 0.975} {
			x := fQuantile(p, d[0], d[1])
			if got := regularisedBeta(d[0]*x/(d[0]*x+d[1]), d[0]/2, d[1]/2); math.Abs(got-p) > 1e-6 {
				t.Errorf("F(%v; %v) is %v, where the distribution function is %v", p, d, x, got)
			}
			if inverse := 1 / fQuantile(1-p, d[1], d[0]); math.Abs(x-inverse) > 1e-7*x {
				t.Errorf("F(%v; %v) is %v, one by the opposite quantile is %v", p, d, x, inverse)
			}
		}
	}
}

// The k-statistics by Fisher's power sums, where the package goes by moments.
func TestSkewnessAndKurtosisAreKStatistics(t *testing.T) {
	t.Parallel()
	totals := []float64{2, 8, 0, 4, 1, 9, 9, 0}
	n := float64(len(totals))
	var s1, s2, s3, s4 float64 // power sums: Fisher 1929, p. 204
	for _, v := range totals {
		s1, s2, s3, s4 = s1+v, s2+v*v, s3+v*v*v, s4+v*v*v*v
	}
	k2 := (n*s2 - s1*s1) / (n * (n - 1))
	k3 := (2*s1*s1*s1 - 3*n*s1*s2 + n*n*s3) / (n * (n - 1) * (n - 2))
	k4 := (-6*math.Pow(s1, 4) + 12*n*s1*s1*s2 - 3*n*(n-1)*s2*s2 - 4*n*(n+1)*s1*s3 + n*n*(n+1)*s4) / (n * (n - 1) * (n - 2) * (n - 3))
	var rows [][]float64
	for _, v := range totals {
		rows = append(rows, []float64{v})
	}
	r := analyse(t, tableOfMarks(t, []float64{10}, rows...), Options{})
	near(t, "skewness", r.Test.Skewness, k3/math.Pow(k2, 1.5), 1e-10)
	near(t, "kurtosis", r.Test.Kurtosis, k4/(k2*k2), 1e-10)
	near(t, "median", r.Test.Median, 3, 0)
}

// The index must not depend on how learners who tie happen to be sorted: three
// learners tie for the last place of the upper group of two.
func TestTiesShareTheLastPlaces(t *testing.T) {
	t.Parallel()
	// Seven learners, round(0.27*7) = 2 places. Totals 9 5 5 5 3 2 1.
	q1 := []float64{1, 1, 0, 0, 1, 0, 0}
	q2 := []float64{8, 4, 5, 5, 2, 2, 1}
	order := []int{0, 1, 2, 3, 4, 5, 6}
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		random.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		var rows [][]float64
		for _, i := range order {
			rows = append(rows, []float64{q1[i], q2[i]})
		}
		r := analyse(t, tableOfMarks(t, []float64{1, 10}, rows...), Options{})
		// Upper: the best counts whole, the three who tie a third each; lower: the last two.
		near(t, "q1", r.Items[0].UpperLower, (1+1.0/3)/2-0, 1e-12)
		near(t, "q2", r.Items[1].UpperLower, ((8+14.0/3)/2-1.5)/10, 1e-12)
	}
}

func TestOmittedMarks(t *testing.T) {
	t.Parallel()
	blank := math.NaN()
	m := tableOfMarks(t, []float64{1, 1, 1}, []float64{1, 1, 1}, []float64{1, blank, 0}, []float64{0, 1, 0}, []float64{blank, 0, 0}, []float64{0, 1, 1})
	zero := analyse(t, m, Options{})
	if it := zero.Items[1]; it.Given != 5 || it.Responses != 4 || it.Omits != 1 {
		t.Errorf("q2: %d given, %d responses, %d omits", it.Given, it.Responses, it.Omits)
	}
	near(t, "facility with a blank as zero", zero.Items[1].Facility, 0.6, 1e-12)
	dropped := analyse(t, m, Options{Omitted: OmittedDropsLearner})
	if dropped.Learners != 3 || dropped.LearnersLeftOut != 2 {
		t.Errorf("%d learners, %d left out", dropped.Learners, dropped.LearnersLeftOut)
	}
	near(t, "facility without the learners", dropped.Items[1].Facility, 1, 1e-12)
	near(t, "mean without the learners", dropped.Test.Mean, 2, 1e-12)
}

// Items drawn from a pool: each item is judged by those who were given it.
func TestItemsNotGiven(t *testing.T) {
	t.Parallel()
	m := newMarks(t, []Item{{ID: "all", Max: 1}, {ID: "some", Max: 1}, {ID: "others", Max: 1}})
	no := Mark{State: NotGiven}
	for i, row := range [][]Mark{
		{{Score: 1}, {Score: 1}, no}, {{Score: 0}, {Score: 0}, no}, {{Score: 1}, {Score: 1}, no},
		{{Score: 1}, no, {Score: 0}}, {{Score: 0}, no, {Score: 1}}, {no, no, no},
	} {
		add(t, m, fmt.Sprint(i), row)
	}
	r := analyse(t, m, Options{})
	if r.Learners != 5 || r.LearnersLeftOut != 1 {
		t.Errorf("%d learners, %d left out", r.Learners, r.LearnersLeftOut)
	}
	some := r.Items[1]
	if some.Given != 3 || some.Omits != 0 {
		t.Errorf("given to %d, %d omits", some.Given, some.Omits)
	}
	near(t, "facility", some.Facility, 2.0/3, 1e-12)
	near(t, "item-rest", some.Discrimination, 1, 1e-12)
	near(t, "item-rest of the others", r.Items[2].Discrimination, -1, 1e-12)
	if r.Test.Alpha.Why != notEverybody || some.AlphaIfDeleted.Why != notEverybody {
		t.Errorf("alpha: %q, without an item: %q", r.Test.Alpha.Why, some.AlphaIfDeleted.Why)
	}
}

// Ten learners, one item with options A (key), B and C, and a second item that
// makes totals. Worked by hand.
func TestDistractorTable(t *testing.T) {
	t.Parallel()
	m := newMarks(t, []Item{
		{ID: "q", Max: 1, Options: []Option{{ID: "A", Key: true}, {ID: "B"}, {ID: "C", Label: "the third"}}},
		{ID: "rest", Max: 20},
	})
	chose := []string{"A", "A", "A", "B", "A", "B", "", "B", "C", "B"}
	rest := []float64{19, 17, 15, 14, 11, 9, 8, 5, 3, 1}
	var total, isB []float64
	for i, choice := range chose {
		mark := Mark{State: Omitted}
		if choice != "" {
			mark = Mark{Chosen: []string{choice}}
		}
		if choice == "A" {
			mark.Score = 1
		}
		add(t, m, fmt.Sprint(i), []Mark{mark, {Score: rest[i]}})
		total = append(total, rest[i]+mark.Score)
		isB = append(isB, map[bool]float64{true: 1}[choice == "B"])
	}
	options := analyse(t, m, Options{}).Items[0].Options
	if len(options) != 4 || !options[0].Key || options[2].Label != "the third" || !options[3].Omitted || options[3].N != 1 {
		t.Fatalf("%+v", options)
	}
	b := options[1]
	near(t, "share", b.Share, 0.4, 1e-12)
	near(t, "mean total", b.MeanTotal, (14+9+5+1)/4.0, 1e-12)
	near(t, "point-biserial", b.PointBiserial, correlate(isB, total), 1e-12)
	near(t, "point-biserial with the rest", b.PointBiserialRest, correlate(isB, rest), 1e-12)
	// 27 % of ten is three places.
	near(t, "upper group", b.UpperShare, 0, 1e-12)
	near(t, "lower group", b.LowerShare, 2.0/3, 1e-12)
	near(t, "upper group, key", options[0].UpperShare, 1, 1e-12)
	for f, want := range []float64{0.5, 0.5, 0.5, 0.5, 0} {
		near(t, fmt.Sprintf("fifth %d", f+1), b.ByFifth[f], want, 1e-12)
	}
}

// The figures once more, straight from their definitions, for random marks.
func TestAgainstTheDefinitions(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		n, k := 2+random.IntN(60), 2+random.IntN(8)
		maxima := make([]float64, k)
		for j := range maxima {
			maxima[j] = float64(1 + random.IntN(5))
		}
		columns, totals := make([][]float64, k), make([]float64, n)
		var rows [][]float64
		for i := range n {
			ability, row := random.Float64(), make([]float64, k)
			for j := range row {
				row[j] = math.Round(2*maxima[j]*math.Min(1, ability*random.Float64()*1.5)) / 2
				columns[j] = append(columns[j], row[j])
				totals[i] += row[j]
			}
			rows = append(rows, row)
		}
		r := analyse(t, tableOfMarks(t, maxima, rows...), Options{})
		sum := 0.0
		for j := range columns {
			sum += covariance(columns[j], columns[j])
			rest := make([]float64, n)
			for i := range rest {
				rest[i] = totals[i] - columns[j][i]
			}
			agree(t, "item-rest", r.Items[j].Discrimination, correlate(columns[j], rest))
			agree(t, "item-total", r.Items[j].ItemTotal, correlate(columns[j], totals))
			x, y := slices.Sorted(slices.Values(columns[j])), slices.Sorted(slices.Values(rest))
			agree(t, "efficiency", r.Items[j].Efficiency, covariance(columns[j], rest)/covariance(x, y))
		}
		agree(t, "alpha", r.Test.Alpha, float64(k)/float64(k-1)*(1-sum/covariance(totals, totals)))
	}
}

// agree allows a figure to be missing where the definition divides by zero.
func agree(t *testing.T, what string, got Figure, want float64) {
	t.Helper()
	v, ok := got.Get()
	switch degenerate := math.IsNaN(want) || math.IsInf(want, 0); {
	case !ok && !degenerate:
		t.Errorf("%s is not computable (%s), the definition gives %v", what, got.Why, want)
	case ok && !degenerate && math.Abs(v-want) > 1e-9:
		t.Errorf("%s is %v, the definition gives %v", what, v, want)
	}
}
