package itemanalysis

import (
	"context"
	"math"
)

// itemEstimate is an item as slope and intercept: logit P = slope*ability + intercept.
type itemEstimate struct{ slope, intercept float64 }

func (e itemEstimate) bounded() itemEstimate {
	return itemEstimate{
		slope:     math.Max(-MaxSlope, math.Min(MaxSlope, e.slope)),
		intercept: math.Max(-MaxIntercept, math.Min(MaxIntercept, e.intercept)),
	}
}

func (e itemEstimate) atBound() bool {
	return math.Abs(e.slope) >= MaxSlope || math.Abs(e.intercept) >= MaxIntercept
}

// probability of a right answer at an ability.
func (e itemEstimate) probability(ability float64) float64 {
	return 1 / (1 + math.Exp(-(e.slope*ability + e.intercept)))
}

// emTasks and informationTasks are how many lists of patterns are worked on side
// by side. They are fixed, since sums depend on them in their last bits.
const (
	emTasks          = 32
	informationTasks = 4
)

// Criteria of convergence, see FitIRT.
const (
	emTolerance     = 1e-3 // for Newton steps to take over
	emFineTolerance = 1e-6 // where they could not
	newtonTolerance = 1e-7
	maxNewtonSteps  = 100
)

// quadrature are the points of integration with the logarithms of their weights.
type quadrature struct{ at, logWeight [QuadraturePoints]float64 }

func normalQuadrature() quadrature {
	var q quadrature
	sum := 0.0
	for i := range q.at {
		q.at[i] = QuadratureReach * float64(2*i-(QuadraturePoints-1)) / (QuadraturePoints - 1)
		sum += math.Exp(-q.at[i] * q.at[i] / 2)
	}
	for i, x := range q.at {
		q.logWeight[i] = -x*x/2 - math.Log(sum)
	}
	return q
}

// fit is a model on its way.
type fit struct {
	patterns    *patterns
	quadrature  quadrature
	emLists     [][]segment
	infoLists   [][]segment
	estimates   []itemEstimate
	logLik      float64
	cycles      int
	newtonSteps int
	converged   bool
	unconverged string // why not
	information *information
}

func newFit(p *patterns) *fit {
	f := &fit{
		patterns: p, quadrature: normalQuadrature(),
		emLists: p.split(emTasks), infoLists: p.split(informationTasks),
	}
	f.estimates = f.start()
	return f
}

// start has slopes of one, and intercepts that give the observed shares of right
// answers.
func (f *fit) start() []itemEstimate {
	rightN, givenN := make([]float64, f.patterns.items), make([]float64, f.patterns.items)
	for _, g := range f.patterns.groups {
		for _, row := range g.rows {
			for _, j := range g.given {
				givenN[j] += row.frequency
			}
			for _, j := range row.right {
				rightN[j] += row.frequency
			}
		}
	}
	estimates := make([]itemEstimate, f.patterns.items)
	for j := range estimates {
		share := (rightN[j] + 0.5) / (givenN[j] + 1)
		estimates[j] = itemEstimate{1, 1.2 * math.Log(share/(1-share))}
	}
	return estimates
}

// run fits: EM to find the region, Newton steps to find the point, and where
// those fail EM and Newton steps once more.
func (f *fit) run(ctx context.Context, maxCycles int) error {
	for _, tolerance := range []float64{emTolerance, emFineTolerance} {
		if err := f.cycle(ctx, tolerance, maxCycles); err != nil {
			return err
		}
		done, err := f.polish(ctx)
		if err != nil {
			return err
		}
		if f.converged = done; done {
			break
		}
	}
	f.orient()
	return f.evaluate(ctx)
}

// orient turns the ability around if most slopes are negative: its direction is
// for the items to say.
func (f *fit) orient() {
	sum := 0.0
	for _, e := range f.estimates {
		sum += e.slope
	}
	if sum >= 0 {
		return
	}
	for j := range f.estimates {
		f.estimates[j].slope = -f.estimates[j].slope
	}
}

// cycle runs accelerated EM until a cycle changes nothing by more than the
// tolerance, or the cycles are used up.
func (f *fit) cycle(ctx context.Context, tolerance float64, maxCycles int) error {
	for f.cycles < maxCycles {
		start := f.estimates
		first, startLik, err := f.step(ctx, start)
		if err != nil {
			return err
		}
		if change(start, first) < tolerance {
			f.estimates = first
			return nil
		}
		second, _, err := f.step(ctx, first)
		if err != nil {
			return err
		}
		f.estimates = second
		leapt, worth := leap(start, first, second)
		if !worth {
			continue
		}
		third, leaptLik, err := f.step(ctx, leapt)
		if err != nil {
			return err
		}
		// A leap that falls below where it started from is undone.
		if leaptLik >= startLik {
			f.estimates = third
		}
	}
	return nil
}

// leap extrapolates two EM steps (Varadhan & Roland 2008, S3).
func leap(start, first, second []itemEstimate) (to []itemEstimate, worth bool) {
	var rr, vv float64
	for j := range start {
		r1, r2 := first[j].slope-start[j].slope, first[j].intercept-start[j].intercept
		v1, v2 := second[j].slope-first[j].slope-r1, second[j].intercept-first[j].intercept-r2
		rr += r1*r1 + r2*r2
		vv += v1*v1 + v2*v2
	}
	if vv == 0 || rr <= vv {
		return nil, false // no longer than two plain steps
	}
	length := math.Sqrt(rr / vv)
	to = make([]itemEstimate, len(start))
	for j := range to {
		along := func(x0, x1, x2 float64) float64 {
			r := x1 - x0
			return x0 + 2*length*r + length*length*(x2-x1-r)
		}
		to[j] = itemEstimate{
			along(start[j].slope, first[j].slope, second[j].slope),
			along(start[j].intercept, first[j].intercept, second[j].intercept),
		}.bounded()
	}
	return to, true
}

func change(a, b []itemEstimate) float64 {
	most := 0.0
	for j := range a {
		most = math.Max(most, math.Max(math.Abs(a[j].slope-b[j].slope), math.Abs(a[j].intercept-b[j].intercept)))
	}
	return most
}

// step is one EM cycle. The likelihood is that of the estimates it starts from.
func (f *fit) step(ctx context.Context, from []itemEstimate) (to []itemEstimate, logLik float64, err error) {
	f.cycles++
	e, err := f.expect(ctx, from)
	if err != nil {
		return nil, 0, err
	}
	to = make([]itemEstimate, len(from))
	err = inParallel(ctx, len(to), func(j int) { to[j] = f.maximise(from[j], &e.right[j], &e.given[j]) })
	return to, e.logLik, err
}

// nodes is a number for each point of the quadrature.
type nodes [QuadraturePoints]float64

// expectation is the outcome of an E-step: for each item, how many of the learners
// at each ability are expected to have answered it, and to have it right.
type expectation struct {
	logLik float64
	right  []nodes
	given  []nodes
}

func newExpectation(items int) *expectation {
	return &expectation{right: make([]nodes, items), given: make([]nodes, items)}
}

func (e *expectation) add(other *expectation) {
	e.logLik += other.logLik
	for j := range e.right {
		for q := range e.right[j] {
			e.right[j][q] += other.right[j][q]
			e.given[j][q] += other.given[j][q]
		}
	}
}

// expect is the E-step.
func (f *fit) expect(ctx context.Context, estimates []itemEstimate) (*expectation, error) {
	logWrong := f.logWrong(estimates)
	parts := make([]*expectation, len(f.emLists))
	err := inParallel(ctx, len(parts), func(i int) {
		parts[i] = newExpectation(len(estimates))
		for _, s := range f.emLists[i] {
			f.expectSegment(parts[i], s, estimates, logWrong)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts[1:] {
		parts[0].add(part)
	}
	return parts[0], nil
}

// logWrong is the logarithm of the probability of a wrong answer for each item at
// each node.
func (f *fit) logWrong(estimates []itemEstimate) []nodes {
	table := make([]nodes, len(estimates))
	for j, e := range estimates {
		for q, x := range f.quadrature.at {
			table[j][q] = -softplus(e.slope*x + e.intercept)
		}
	}
	return table
}

// softplus is log(1+exp(z)).
func softplus(z float64) float64 {
	if z > 0 {
		return z + math.Log1p(math.Exp(-z))
	}
	return math.Log1p(math.Exp(z))
}

func (f *fit) expectSegment(e *expectation, s segment, estimates []itemEstimate, logWrong []nodes) {
	base := f.base(s.group, logWrong)
	var all, posterior nodes
	for _, row := range s.group.rows[s.from:s.to] {
		e.logLik += row.frequency * f.posterior(&posterior, &base, row, estimates)
		for q := range posterior {
			posterior[q] *= row.frequency
			all[q] += posterior[q]
		}
		for _, j := range row.right {
			sum := &e.right[j]
			for q := range sum {
				sum[q] += posterior[q]
			}
		}
	}
	for _, j := range s.group.given {
		sum := &e.given[j]
		for q := range sum {
			sum[q] += all[q]
		}
	}
}

// base is the logarithm of the weight of each node times the probability of
// getting all the group's items wrong there.
func (f *fit) base(g *patternGroup, logWrong []nodes) nodes {
	base := nodes(f.quadrature.logWeight)
	for _, j := range g.given {
		for q := range base {
			base[q] += logWrong[j][q]
		}
	}
	return base
}

// posterior is the distribution of ability given a pattern; the logarithm of the
// pattern's probability is returned. Since log(P/Q) = slope*ability + intercept, a
// pattern enters through the sums of slopes and intercepts of its right answers.
func (f *fit) posterior(into, base *nodes, row pattern, estimates []itemEstimate) float64 {
	var slopes, intercepts float64
	for _, j := range row.right {
		slopes += estimates[j].slope
		intercepts += estimates[j].intercept
	}
	highest := math.Inf(-1)
	for q, x := range f.quadrature.at {
		into[q] = base[q] + slopes*x
		highest = math.Max(highest, into[q])
	}
	sum := 0.0
	for q := range into {
		into[q] = math.Exp(into[q] - highest)
		sum += into[q]
	}
	for q := range into {
		into[q] /= sum
	}
	return highest + math.Log(sum) + intercepts
}

// maximise is the M-step of an item: the logistic regression of right answers on
// ability, concave in its two parameters, by Newton's method with halved steps.
func (f *fit) maximise(e itemEstimate, right, given *nodes) itemEstimate {
	best := f.expectedLik(e, right, given)
	for range 50 {
		step := f.newtonStep(e, right, given)
		improved := false
		for range 30 {
			next := itemEstimate{e.slope + step.slope, e.intercept + step.intercept}.bounded()
			if lik := f.expectedLik(next, right, given); lik >= best {
				improved = next != e
				e, best = next, lik
				break
			}
			step.slope, step.intercept = step.slope/2, step.intercept/2
		}
		if !improved || math.Abs(step.slope)+math.Abs(step.intercept) < 1e-10 {
			break
		}
	}
	return e
}

func (f *fit) expectedLik(e itemEstimate, right, given *nodes) float64 {
	lik := 0.0
	for q, x := range f.quadrature.at {
		z := e.slope*x + e.intercept
		lik += right[q]*z - given[q]*softplus(z)
	}
	return lik
}

func (f *fit) newtonStep(e itemEstimate, right, given *nodes) itemEstimate {
	var gs, gi, hss, hsi, hii float64
	for q, x := range f.quadrature.at {
		p := e.probability(x)
		r, w := right[q]-given[q]*p, given[q]*p*(1-p)
		gs += r * x
		gi += r
		hss += w * x * x
		hsi += w * x
		hii += w
	}
	det := hss*hii - hsi*hsi
	if !(det > 1e-12*hss*hii) { // the item is all but a step: climb the gradient
		scale := 1 / (1 + math.Abs(gs) + math.Abs(gi))
		return itemEstimate{gs * scale, gi * scale}
	}
	return itemEstimate{(hii*gs - hsi*gi) / det, (hss*gi - hsi*gs) / det}
}
