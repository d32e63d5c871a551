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

// The classical figures are those of R's ltm (descript(LSAT)), four decimals.
func TestLSAT6ClassicalFigures(t *testing.T) {
	t.Parallel()
	r := analyse(t, lsat(t, lsat6), Options{})
	near(t, "alpha", r.Test.Alpha, 0.2949972, 5e-8)
	for j, want := range []struct{ facility, itemTotal, itemRest, alphaWithout float64 }{
		{0.924, 0.3620, 0.1128, 0.2754},
		{0.709, 0.5668, 0.1532, 0.2376},
		{0.553, 0.6184, 0.1728, 0.2168},
		{0.763, 0.5344, 0.1444, 0.2459},
		{0.870, 0.4354, 0.1216, 0.2663},
	} {
		it := r.Items[j]
		near(t, it.ItemID+": facility", it.Facility, want.facility, 1e-12)
		near(t, it.ItemID+": item-total", it.ItemTotal, want.itemTotal, 5e-5)
		near(t, it.ItemID+": item-rest", it.Discrimination, want.itemRest, 5e-5)
		near(t, it.ItemID+": alpha if deleted", it.AlphaIfDeleted, want.alphaWithout, 5e-5)
	}
}

// Issue 4 asks for slopes within 0.01, difficulties within 0.02 and the
// log-likelihood within 0.01. Standard errors, AIC and BIC are those of ltm,
// which stopped at a gradient of 0.024.
func TestLSAT6TwoParameterModel(t *testing.T) {
	t.Parallel()
	r := fitIRT(t, lsat(t, lsat6), IRTOptions{})
	if !r.Converged || r.Learners != 1000 || r.Patterns != 30 || r.Parameters != 10 {
		t.Errorf("%d learners, %d patterns, %d parameters, converged: %v", r.Learners, r.Patterns, r.Parameters, r.Converged)
	}
	near(t, "log-likelihood", r.LogLik, -2466.653, 0.001)
	near(t, "AIC", r.AIC, 4953.307, 0.001)
	near(t, "BIC", r.BIC, 5002.384, 0.001)
	for j, want := range []struct{ b, a, seB, seA float64 }{
		{-3.3597, 0.8254, 0.8669, 0.2581},
		{-1.3696, 0.7229, 0.3073, 0.1867},
		{-0.2799, 0.8905, 0.0997, 0.2326},
		{-1.8659, 0.6886, 0.4341, 0.1852},
		{-3.1236, 0.6575, 0.8700, 0.2100},
	} {
		it := r.Items[j]
		near(t, it.ItemID+": slope", it.Slope, want.a, 0.001)
		near(t, it.ItemID+": difficulty", it.Difficulty, want.b, 0.003)
		near(t, it.ItemID+": standard error of the slope", it.SlopeSE, want.seA, 0.0005)
		near(t, it.ItemID+": standard error of the difficulty", it.DifficultySE, want.seB, 0.002)
	}
}

// How often each pattern should occur under the model: ltm's factor.scores(), which
// lists the patterns that did occur.
func TestLSAT6ExpectedFrequencies(t *testing.T) {
	t.Parallel()
	r := fitIRT(t, lsat(t, lsat6), IRTOptions{})
	expected := [32]float64{
		2.277, 5.861, 2.596, 8.942, 0.696, 2.614, 1.179, 5.955, 1.840, 6.431, 0, 13.577, 0, 4.370, 2.000, 13.920,
		9.480, 34.616, 15.590, 76.562, 4.659, 24.989, 11.463, 83.541, 11.254, 56.105, 25.646, 173.310, 8.445, 62.520, 29.127, 296.693,
	}
	for bits, want := range expected {
		if want == 0 {
			continue
		}
		got := 1000 * patternProbability(r.estimates, bits)
		if math.Abs(got-want) > 0.02 {
			t.Errorf("pattern %05b: expected %.3f times, ltm says %.3f", bits, got, want)
		}
	}
}

// patternProbability integrates over ability by Simpson's rule, without any of the
// package's machinery.
func patternProbability(items []itemEstimate, bits int) float64 {
	const steps, reach = 2000, 9.0
	sum := 0.0
	for i := range steps + 1 {
		x := reach * (2*float64(i)/steps - 1)
		v := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
		for j, e := range items {
			p := 1 / (1 + math.Exp(-e.slope*x-e.intercept))
			if bits>>(len(items)-1-j)&1 == 0 {
				p = 1 - p
			}
			v *= p
		}
		sum += v * []float64{2, 4}[i%2]
		if i == 0 || i == steps {
			sum -= v
		}
	}
	return sum * 2 * reach / steps / 3
}

// mirt's own tests give slopes, intercepts and their 95 % intervals (by
// supplemented EM) for section 7.
func TestLSAT7TwoParameterModel(t *testing.T) {
	t.Parallel()
	r := fitIRT(t, lsat(t, lsat7), IRTOptions{})
	near(t, "log-likelihood", r.LogLik, -2658.805, 0.001)
	for j, want := range []struct{ facility, a, aLow, aHigh, d, dLow, dHigh float64 }{
		{0.828, 0.9876, 0.6367, 1.3384, 1.8559, 1.5978, 2.1139},
		{0.658, 1.0808, 0.7604, 1.4013, 0.8080, 0.6335, 0.9825},
		{0.772, 1.7075, 1.0868, 2.3281, 1.8052, 1.4028, 2.2076},
		{0.606, 0.7650, 0.5065, 1.0235, 0.4860, 0.3114, 0.6606},
		{0.843, 0.7357, 0.4246, 1.0467, 1.8545, 1.6332, 2.0757},
	} {
		it := r.Items[j]
		near(t, it.ItemID+": share right", it.ShareRight, want.facility, 1e-12)
		near(t, it.ItemID+": slope", it.Slope, want.a, 0.001)
		near(t, it.ItemID+": intercept", it.Intercept, want.d, 0.001)
		near(t, it.ItemID+": standard error of the slope", it.SlopeSE, (want.aHigh-want.aLow)/(2*1.959964), 0.03*want.a)
		near(t, it.ItemID+": standard error of the intercept", it.InterceptSE, (want.dHigh-want.dLow)/(2*1.959964), 0.03*want.d)
	}
}
