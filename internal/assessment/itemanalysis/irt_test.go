package itemanalysis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Of the parameters estimated from simulated learners none should be further from
// the truth than about four standard errors, and the squares of their distances in
// standard errors should have a mean near 1. Errors of one sample go together, so
// the mean is taken over six.
func TestKnownParametersAreRecovered(t *testing.T) {
	t.Parallel()
	const samples = 6
	truth := ladder(20)
	mean := 0.0
	for seed := range uint64(samples) {
		r := fitIRT(t, simulate(t, 1500, truth, 0, seed+1), IRTOptions{})
		if !r.Converged {
			t.Fatal(r.Notes)
		}
		for j, it := range r.Items {
			a := (*it.Slope.Value - truth[j].slope) / *it.SlopeSE.Value
			d := (*it.Intercept.Value - truth[j].intercept) / *it.InterceptSE.Value
			b := (*it.Difficulty.Value + truth[j].intercept/truth[j].slope) / *it.DifficultySE.Value
			if math.Abs(a) > 4.2 || math.Abs(d) > 4.2 || math.Abs(b) > 4.2 {
				t.Errorf("sample %d, %s: %.1f, %.1f and %.1f standard errors from slope, intercept and difficulty", seed, it.ItemID, a, d, b)
			}
			mean += (a*a + d*d) / (2 * samples * float64(len(truth)))
		}
	}
	if mean < 0.7 || mean > 1.4 {
		t.Errorf("the mean squared distance is %.2f squared standard errors", mean)
	}
}

// small is a fit to a few patterns, with answers missing in some.
func small(t *testing.T) *fit {
	t.Helper()
	m := newMarks(t, []Item{{ID: "1", Max: 1}, {ID: "2", Max: 1}, {ID: "3", Max: 1}, {ID: "4", Max: 1}})
	for i, text := range []string{"1101", "0100", "11-1", "0-00", "1110", "0001", "1-11", "1000", "0110", "--10", "1101", "1101"} {
		row := make([]Mark, 4)
		for j := range row {
			row[j] = map[byte]Mark{'1': {Score: 1}, '0': {}, '-': {State: NotGiven}}[text[j]]
		}
		add(t, m, fmt.Sprint(i), row)
	}
	options, err := IRTOptions{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newFit(groupPatterns(dichotomise(m, options)))
}

// The likelihood by brute force: each pattern integrated by another rule over the
// items it answers, beyond abilities of 6, where two in 10^9 learners are.
func TestMissingAnswersAreLeftOutOfTheLikelihood(t *testing.T) {
	t.Parallel()
	f := small(t)
	estimates := []itemEstimate{{1.2, 0.3}, {0.4, -0.5}, {-0.7, 0.1}, {2.1, 0}}
	want := 0.0
	for _, g := range f.patterns.groups {
		for _, row := range g.rows {
			bits, answered := 0, []itemEstimate{}
			for _, j := range g.given {
				bits <<= 1
				for _, right := range row.right {
					if int(right) == j {
						bits |= 1
					}
				}
				answered = append(answered, estimates[j])
			}
			want += row.frequency * math.Log(patternProbability(answered, bits))
		}
	}
	e, err := f.expect(t.Context(), estimates)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(e.logLik-want) > 1e-7 {
		t.Errorf("the log-likelihood is %v, want %v", e.logLik, want)
	}
}

// The gradient and Louis' information against differences of the likelihood and
// of the gradient.
func TestInformationIsMinusTheSecondDerivative(t *testing.T) {
	t.Parallel()
	f := small(t)
	estimates := []itemEstimate{{1.2, 0.3}, {0.4, -0.5}, {-0.7, 0.1}, {2.1, 0}}
	at := func(i int, by float64) *information {
		moved := append([]itemEstimate(nil), estimates...)
		value, _ := moved[i/2].parameter(i % 2)
		*value += by
		info, err := f.informationAt(t.Context(), moved)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	const h = 1e-5
	info := at(0, 0)
	for i := range info.gradient {
		above, below := at(i, h), at(i, -h)
		if want := (above.logLik - below.logLik) / (2 * h); math.Abs(info.gradient[i]-want) > 1e-8 {
			t.Errorf("the derivative by parameter %d is %v, differences give %v", i, info.gradient[i], want)
		}
		for k := range info.gradient {
			if want := -(above.gradient[k] - below.gradient[k]) / (2 * h); math.Abs(info.matrix[i][k]-want) > 1e-8 {
				t.Errorf("the information on parameters %d and %d is %v, differences give %v", i, k, info.matrix[i][k], want)
			}
		}
	}
}

// Dempster, Laird & Rubin (1977): a cycle of EM never lowers the likelihood.
func TestEMNeverLowersTheLikelihood(t *testing.T) {
	t.Parallel()
	f := small(t)
	estimates, last := f.estimates, math.Inf(-1)
	for range 50 {
		next, logLik, err := f.step(t.Context(), estimates)
		if err != nil {
			t.Fatal(err)
		}
		if logLik < last-1e-9 {
			t.Fatalf("the log-likelihood fell from %v to %v", last, logLik)
		}
		estimates, last = next, logLik
	}
}

// At the maximum the gradient vanishes, and no neighbour is better.
func TestTheFitIsAMaximum(t *testing.T) {
	t.Parallel()
	options, _ := IRTOptions{}.withDefaults()
	f := newFit(groupPatterns(dichotomise(lsat(t, lsat7), options)))
	if err := f.run(t.Context(), DefaultMaxCycles); err != nil {
		t.Fatal(err)
	}
	for i, g := range f.information.gradient {
		if math.Abs(g) > 1e-4 {
			t.Errorf("the derivative by parameter %d is %v", i, g)
		}
		for _, by := range []float64{-0.01, 0.01} {
			moved := append([]itemEstimate(nil), f.estimates...)
			value, _ := moved[i/2].parameter(i % 2)
			*value += by
			if e, err := f.expect(t.Context(), moved); err != nil || e.logLik >= f.logLik {
				t.Errorf("moving parameter %d by %v gives %v, not less than %v (%v)", i, by, e.logLik, f.logLik, err)
			}
		}
	}
}

func TestItemsThatTheModelSaysNothingAbout(t *testing.T) {
	t.Parallel()
	base := lsat(t, lsat7)
	items := append([]Item{{ID: "all right", Max: 1}, {ID: "all wrong", Max: 2}, {ID: "not given", Max: 1}, {ID: "no marks"}}, base.items...)
	m := newMarks(t, items)
	for i, learner := range base.learners {
		row := []Mark{{Score: 1}, {Score: 0.5}, {State: NotGiven}, {}}
		for j := range base.items {
			row = append(row, Mark{Score: base.scores[j].at(i)})
		}
		add(t, m, learner, row)
	}
	r := fitIRT(t, m, IRTOptions{})
	var left []string
	for _, it := range r.LeftOut {
		left = append(left, it.ItemID+": "+it.Why)
	}
	want := "all right: everybody got it right: its difficulty is beyond every learner; all wrong: nobody got it right: its difficulty is beyond every learner; not given: nobody answered it; no marks: the item's maximum is 0"
	if got := strings.Join(left, "; "); got != want {
		t.Errorf("left out: %s\nwant: %s", got, want)
	}
	near(t, "log-likelihood of the others", r.LogLik, -2658.805, 0.001)
	if r.Items[0].Position != 5 {
		t.Errorf("the first item of the model is in place %d", r.Items[0].Position)
	}
}

// An item that the abler learners get wrong has a negative slope; a test of nothing
// else is turned around.
func TestMiskeyedItems(t *testing.T) {
	t.Parallel()
	truth := ladder(8)
	truth[3].slope = -1
	r := fitIRT(t, simulate(t, 2000, truth, 0, 3), IRTOptions{})
	for j, it := range r.Items {
		if slope := *it.Slope.Value; (slope < 0) != (j == 3) {
			t.Errorf("%s has slope %v", it.ItemID, slope)
		}
	}
	if notes := strings.Join(r.Items[3].Notes, " "); !strings.Contains(notes, "Check the key") {
		t.Errorf("notes: %q", notes)
	}
	near(t, "slope", r.Items[3].Slope, -1, 4**r.Items[3].SlopeSE.Value)
}

// Two items that always agree fit best as a step: their slopes run to the bound.
func TestSlopesThatRunAwayAreReported(t *testing.T) {
	t.Parallel()
	base := simulate(t, 400, ladder(5), 0, 4)
	m := newMarks(t, append([]Item{{ID: "copy", Max: 1}}, base.items...))
	for i, learner := range base.learners {
		row := []Mark{{Score: base.scores[2].at(i)}}
		for j := range base.items {
			row = append(row, Mark{Score: base.scores[j].at(i)})
		}
		add(t, m, learner, row)
	}
	r := fitIRT(t, m, IRTOptions{})
	for _, place := range []int{0, 3} {
		it := r.Items[place]
		near(t, it.ItemID+": slope", it.Slope, MaxSlope, 0)
		if _, ok := it.SlopeSE.Get(); ok || !strings.Contains(strings.Join(it.Notes, " "), "bounds") {
			t.Errorf("%s: standard error %+v, notes %q", it.ItemID, it.SlopeSE, it.Notes)
		}
	}
	if _, ok := r.Items[1].SlopeSE.Get(); !ok {
		t.Errorf("the other items have no standard errors: %s", r.Items[1].SlopeSE.Why)
	}
}

func TestAFitThatIsCutShortSaysSo(t *testing.T) {
	t.Parallel()
	options, _ := IRTOptions{}.withDefaults()
	f := newFit(groupPatterns(dichotomise(lsat(t, lsat6), options)))
	r := &IRT{}
	f.unconverged = "the steps were used up"
	if err := f.evaluate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Learners = 1000
	r.set(dichotomise(lsat(t, lsat6), options), f)
	if r.Converged || !strings.Contains(strings.Join(r.Notes, " "), "has not converged (the steps were used up)") {
		t.Errorf("converged: %v, notes: %q", r.Converged, r.Notes)
	}
}

// A handful of learners may leave slopes without bounds or the information
// singular: a fit ends all the same, no worse than it began, and says how.
func TestFitsToFewLearnersEnd(t *testing.T) {
	t.Parallel()
	options, _ := IRTOptions{}.withDefaults()
	unconverged := 0
	for seed := range uint64(40) {
		truth := ladder(3 + int(seed%3))
		truth[0].slope = -truth[0].slope
		m := simulate(t, 5+int(seed%4)*8, truth, 0, seed)
		r := fitIRT(t, m, IRTOptions{})
		if r.Why != "" {
			continue
		}
		note := strings.Contains(strings.Join(r.Notes, " "), "has not converged")
		if r.Converged == note {
			t.Errorf("seed %d: converged: %v, notes: %q", seed, r.Converged, r.Notes)
		}
		if !r.Converged {
			unconverged++
		}
		f := newFit(groupPatterns(dichotomise(m, options)))
		start, err := f.expect(t.Context(), f.start())
		if err != nil || *r.LogLik.Value < start.logLik {
			t.Errorf("seed %d: the log-likelihood is %v, at the start it was %v (%v)", seed, *r.LogLik.Value, start.logLik, err)
		}
		for _, it := range r.Items {
			if slope := *it.Slope.Value; math.Abs(slope) > MaxSlope {
				t.Errorf("seed %d: slope %v", seed, slope)
			}
		}
	}
	t.Logf("%d of 40 did not converge", unconverged)
}

func TestPartialMarksAreDichotomised(t *testing.T) {
	t.Parallel()
	var rows [][]float64
	for pattern, n := range lsat7 {
		for range n {
			row := make([]float64, 5)
			for j := range row {
				row[j] = 1 + float64(pattern>>(4-j)&1)*0.6 // of 3: a third, or a little more than half
			}
			rows = append(rows, row)
		}
	}
	m := tableOfMarks(t, []float64{3, 3, 3, 3, 3}, rows...)
	r := fitIRT(t, m, IRTOptions{})
	near(t, "log-likelihood", r.LogLik, -2658.805, 0.001)
	if !strings.Contains(strings.Join(r.Notes, " "), "5 of the items have marks between none and full") {
		t.Errorf("notes: %q", r.Notes)
	}
	if strict := fitIRT(t, m, IRTOptions{PassShare: 0.9}); strict.Why == "" || len(strict.LeftOut) != 5 {
		t.Errorf("with a stricter rule: %q, left out %v", strict.Why, strict.LeftOut)
	}
	if one := (IRTOptions{PassShare: 1}).answerOf(0.3+0.3+0.4, 1); one != right {
		t.Error("full marks but for rounding are not right")
	}
}

// EAP and its error by another rule of integration; ML by its equation.
func TestAbilities(t *testing.T) {
	t.Parallel()
	m := lsat(t, lsat7)
	r := fitIRT(t, m, IRTOptions{Abilities: true})
	if len(r.Abilities) != 1000 {
		t.Fatalf("%d abilities", len(r.Abilities))
	}
	for _, a := range []Ability{r.Abilities[0], r.Abilities[400], r.Abilities[999]} {
		var bits int
		if _, err := fmt.Sscanf(a.Learner, "%b/", &bits); err != nil {
			t.Fatal(err)
		}
		mean, sd := posterior(r.estimates, bits)
		near(t, a.Learner+": EAP", a.EAP, mean, 1e-6)
		near(t, a.Learner+": posterior SD", a.PosteriorSD, sd, 1e-6)
		ml, ok := a.ML.Get()
		if extreme := bits == 0 || bits == 31; ok == extreme {
			t.Errorf("%s: ML %v, %q", a.Learner, ok, a.ML.Why)
		}
		if ok {
			score, information := 0.0, 0.0
			for j, e := range r.estimates {
				p := e.probability(ml)
				score += e.slope * (float64(bits>>(4-j)&1) - p)
				information += e.slope * e.slope * p * (1 - p)
			}
			if math.Abs(score) > 1e-9 {
				t.Errorf("%s: at the ML estimate the score is %v", a.Learner, score)
			}
			near(t, a.Learner+": error of ML", a.MLError, 1/math.Sqrt(information), 1e-9)
		}
	}
	near(t, "marginal reliability", r.Reliability, 0.45, 0.01)
}

func posterior(items []itemEstimate, bits int) (mean, sd float64) {
	const steps, reach = 4000, 9.0
	var m0, m1, m2 float64
	for i := range steps + 1 {
		x := reach * (2*float64(i)/steps - 1)
		v := math.Exp(-x * x / 2)
		for j, e := range items {
			p := e.probability(x)
			if bits>>(len(items)-1-j)&1 == 0 {
				p = 1 - p
			}
			v *= p
		}
		m0, m1, m2 = m0+v, m1+v*x, m2+v*x*x
	}
	mean = m1 / m0
	return mean, math.Sqrt(m2/m0 - mean*mean)
}

// A blank counts as wrong, or as if the item had not been given.
func TestBlanksInTheModel(t *testing.T) {
	t.Parallel()
	m := newMarks(t, lsat(t, lsat7).items)
	source := lsat(t, lsat7)
	for i, learner := range source.learners {
		row := make([]Mark, 5)
		for j := range row {
			if row[j].Score = source.scores[j].at(i); row[j].Score == 0 {
				row[j] = Mark{State: Omitted}
			}
		}
		add(t, m, learner, row)
	}
	near(t, "log-likelihood", fitIRT(t, m, IRTOptions{}).LogLik, -2658.805, 0.001)
	ignored := fitIRT(t, m, IRTOptions{Omitted: OmittedIsIgnored, Abilities: true})
	if !strings.Contains(ignored.Why, "there are 0") {
		t.Errorf("where every answer that counts is right there is a model: %q", ignored.Why)
	}
}

func TestTheCurves(t *testing.T) {
	t.Parallel()
	r := fitIRT(t, lsat(t, lsat7), IRTOptions{})
	item := r.Items[2]
	a, b := *item.Slope.Value, *item.Difficulty.Value
	if len(item.Curve) != 81 || item.Curve[0].Ability != -4 || item.Curve[40].Ability != 0 || item.Curve[80].Ability != 4 {
		t.Fatalf("%d points", len(item.Curve))
	}
	for i, p := range item.Curve {
		want := 1 / (1 + math.Exp(-a*(p.Ability-b)))
		if math.Abs(p.Expected-want) > 1e-12 || math.Abs(p.Information-a*a*want*(1-want)) > 1e-12 {
			t.Errorf("at %v: %+v", p.Ability, p)
		}
		sum := 0.0
		for _, other := range r.Items {
			sum += other.Curve[i].Information
		}
		if math.Abs(r.Curve[i].Information-sum) > 1e-12 {
			t.Errorf("the test's information at %v is %v, the items' add up to %v", p.Ability, r.Curve[i].Information, sum)
		}
		near(t, "standard error", *r.Curve[i].StandardError, 1/math.Sqrt(sum), 1e-12)
	}
}

func TestAnalysesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := lsat(t, lsat6)
	if _, err := Analyse(ctx, m, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Analyse: %v", err)
	}
	if _, err := FitIRT(ctx, m, IRTOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("FitIRT: %v", err)
	}
}
