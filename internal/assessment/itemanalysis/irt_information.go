package itemanalysis

import (
	"context"
	"math"
)

// information is the gradient of the marginal log-likelihood and its observed
// information, minus the matrix of second derivatives. Parameters are numbered
// slope 2j, intercept 2j+1 of item j.
type information struct {
	logLik   float64
	gradient []float64
	matrix   [][]float64
}

// infoSums are what a list of patterns contributes.
type infoSums struct {
	logLik   float64
	gradient []float64
	// matrix holds the cross products of the patterns' scores, minus the
	// expected cross products of the complete data's.
	matrix [][]float64
	given  []nodes
	*fit
}

// informationAt computes the information by Louis' formula (1982): with u the
// score of the complete data (ability known), each pattern contributes
//
//	E[-du/dparameters] - E[u u'] + E[u] E[u]'
//
// under its posterior. u is (answer - P) (ability, 1) for each item, so that
// E[u u'] splits into products of answers times moments of ability, and into sums
// over nodes: no pattern needs more than items x nodes steps.
func (f *fit) informationAt(ctx context.Context, estimates []itemEstimate) (*information, error) {
	logWrong := f.logWrong(estimates)
	probability := make([]nodes, len(estimates))
	for j, e := range estimates {
		for q, x := range f.quadrature.at {
			probability[j][q] = e.probability(x)
		}
	}
	parts := make([]*infoSums, len(f.infoLists))
	err := inParallel(ctx, len(parts), func(i int) {
		parts[i] = f.newInfoSums()
		for _, s := range f.infoLists[i] {
			parts[i].addSegment(s, estimates, logWrong, probability)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts[1:] {
		parts[0].add(part)
	}
	parts[0].addComplete(probability)
	return &information{parts[0].logLik, parts[0].gradient, parts[0].matrix}, nil
}

func (f *fit) newInfoSums() *infoSums {
	n := 2 * f.patterns.items
	return &infoSums{fit: f, gradient: make([]float64, n), matrix: square(n), given: make([]nodes, f.patterns.items)}
}

func square(n int) [][]float64 {
	cells := make([]float64, n*n)
	matrix := make([][]float64, n)
	for i := range matrix {
		matrix[i] = cells[i*n : (i+1)*n]
	}
	return matrix
}

func (s *infoSums) add(other *infoSums) {
	s.logLik += other.logLik
	for i := range s.gradient {
		s.gradient[i] += other.gradient[i]
		for k := range s.matrix[i] {
			s.matrix[i][k] += other.matrix[i][k]
		}
	}
	for j := range s.given {
		for q := range s.given[j] {
			s.given[j][q] += other.given[j][q]
		}
	}
}

// addSegment adds patterns that answer the same items.
func (s *infoSums) addSegment(seg segment, estimates []itemEstimate, logWrong, probability []nodes) {
	base := s.base(seg.group, logWrong)
	score := make([]float64, len(s.gradient))
	rights := make([]nodes, s.patterns.items)
	var all, posterior nodes
	for _, row := range seg.group.rows[seg.from:seg.to] {
		s.logLik += row.frequency * s.posterior(&posterior, &base, row, estimates)
		moments := s.moments(&posterior)
		s.scoreOf(score, seg.group, row, &posterior, moments, probability)
		s.addCrossProducts(seg.group, row, score, moments)
		for q := range posterior {
			posterior[q] *= row.frequency
			all[q] += posterior[q]
		}
		for _, j := range row.right {
			for q := range posterior {
				rights[j][q] += posterior[q]
			}
		}
	}
	s.addNodeProducts(seg.group, &all, rights, probability)
	for _, j := range seg.group.given {
		for q := range all {
			s.given[j][q] += all[q]
		}
	}
}

// moments are the posterior expectations of 1, ability and its square.
func (s *infoSums) moments(posterior *nodes) [3]float64 {
	var m [3]float64
	for q, x := range s.quadrature.at {
		m[0] += posterior[q]
		m[1] += posterior[q] * x
		m[2] += posterior[q] * x * x
	}
	return m
}

// scoreOf is E[u], the score of a pattern.
func (s *infoSums) scoreOf(score []float64, g *patternGroup, row pattern, posterior *nodes, moments [3]float64, probability []nodes) {
	var tilted nodes
	for q, x := range s.quadrature.at {
		tilted[q] = posterior[q] * x
	}
	for _, j := range g.given {
		var slope, intercept float64
		for q, p := range probability[j] {
			slope -= tilted[q] * p
			intercept -= posterior[q] * p
		}
		score[2*j], score[2*j+1] = slope, intercept
	}
	for _, j := range row.right {
		score[2*j] += moments[1]
		score[2*j+1] += moments[0]
	}
	for _, j := range g.given {
		s.gradient[2*j] += row.frequency * score[2*j]
		s.gradient[2*j+1] += row.frequency * score[2*j+1]
	}
}

// addCrossProducts adds E[u]E[u]' and takes off the part of E[uu'] that is a
// product of two right answers. Only the upper triangle is kept up.
func (s *infoSums) addCrossProducts(g *patternGroup, row pattern, score []float64, moments [3]float64) {
	for at, j := range g.given {
		slope, intercept := row.frequency*score[2*j], row.frequency*score[2*j+1]
		slopes, intercepts := s.matrix[2*j], s.matrix[2*j+1]
		for _, l := range g.given[at:] {
			slopes[2*l] += slope * score[2*l]
			slopes[2*l+1] += slope * score[2*l+1]
			intercepts[2*l] += intercept * score[2*l]
			intercepts[2*l+1] += intercept * score[2*l+1]
		}
	}
	m0, m1, m2 := row.frequency*moments[0], row.frequency*moments[1], row.frequency*moments[2]
	for at, j := range row.right {
		slopes, intercepts := s.matrix[2*j], s.matrix[2*j+1]
		for _, l := range row.right[at:] {
			slopes[2*l] -= m2
			slopes[2*l+1] -= m1
			intercepts[2*l] -= m1
			intercepts[2*l+1] -= m0
		}
	}
}

// addNodeProducts takes off the parts of E[uu'] that hold a probability: with r the
// expected right answers at a node and N the learners,
// -r_j P_l - r_l P_j + N P_j P_l.
func (s *infoSums) addNodeProducts(g *patternGroup, all *nodes, rights, probability []nodes) {
	for at, j := range g.given {
		for _, l := range g.given[at:] {
			var m0, m1, m2 float64
			for q, x := range s.quadrature.at {
				pj, pl := probability[j][q], probability[l][q]
				v := all[q]*pj*pl - rights[j][q]*pl - rights[l][q]*pj
				m0 += v
				m1 += v * x
				m2 += v * x * x
			}
			s.matrix[2*j][2*l] -= m2
			s.matrix[2*j][2*l+1] -= m1
			s.matrix[2*j+1][2*l] -= m1
			s.matrix[2*j+1][2*l+1] -= m0
		}
	}
}

// addComplete adds the information of the complete data, N P (1-P) for each item,
// and fills the lower triangle.
func (s *infoSums) addComplete(probability []nodes) {
	for j := range probability {
		for q, x := range s.quadrature.at {
			p := probability[j][q]
			v := s.given[j][q] * p * (1 - p)
			s.matrix[2*j][2*j] += v * x * x
			s.matrix[2*j][2*j+1] += v * x
			s.matrix[2*j+1][2*j+1] += v
		}
	}
	for i := range s.matrix {
		for k := range i {
			s.matrix[i][k] = s.matrix[k][i]
		}
	}
}

// polish goes on from EM by Newton steps on the marginal likelihood. A step that
// would lower it is halved, and where the information is not positive definite
// it is made so (Levenberg's damping). It reports whether a full step came to
// move nothing.
func (f *fit) polish(ctx context.Context) (done bool, err error) {
	for range maxNewtonSteps {
		info, err := f.informationAt(ctx, f.estimates)
		if err != nil {
			return false, err
		}
		f.newtonSteps++
		free := freeParameters(f.estimates, info.gradient)
		step, damped := newtonStep(submatrix(info.matrix, free), pick(info.gradient, free))
		next, far := moveBy(f.estimates, free, step)
		if far < newtonTolerance && !damped {
			f.estimates = next
			return true, nil
		}
		better, err := f.improve(ctx, free, step, info.logLik)
		if err != nil {
			return false, err
		}
		if !better {
			f.unconverged = "no step raises the likelihood"
			return false, nil
		}
	}
	f.unconverged = "the steps were used up"
	return false, nil
}

// newtonStep solves information * step = gradient.
func newtonStep(matrix [][]float64, gradient []float64) (step []float64, damped bool) {
	factor, ok := cholesky(matrix)
	largest := 0.0
	for i := range matrix {
		largest = math.Max(largest, math.Abs(matrix[i][i]))
	}
	for damping := 1e-4; !ok; damping *= 10 {
		damped = true
		for i := range matrix {
			matrix[i][i] += damping * largest
		}
		factor, ok = cholesky(matrix)
		if math.IsInf(damping, 1) { // no matrix of numbers
			return make([]float64, len(gradient)), true
		}
	}
	return factor.solve(gradient), damped
}

// improve takes the step, or as much of it as raises the likelihood, but for
// rounding.
func (f *fit) improve(ctx context.Context, free []int, step []float64, logLik float64) (better bool, err error) {
	for range 20 {
		next, _ := moveBy(f.estimates, free, step)
		e, err := f.expect(ctx, next)
		if err != nil {
			return false, err
		}
		if e.logLik >= logLik-1e-12*math.Abs(logLik) {
			f.estimates = next
			return true, nil
		}
		for i := range step {
			step[i] /= 2
		}
	}
	return false, nil
}

// freeParameters are those that have not run into a bound, or would turn back
// from it.
func freeParameters(estimates []itemEstimate, gradient []float64) []int {
	var free []int
	for j, e := range estimates {
		if math.Abs(e.slope) < MaxSlope || e.slope*gradient[2*j] < 0 {
			free = append(free, 2*j)
		}
		if math.Abs(e.intercept) < MaxIntercept || e.intercept*gradient[2*j+1] < 0 {
			free = append(free, 2*j+1)
		}
	}
	return free
}

// moveBy adds a step to the free parameters, as much of it as leads to the next
// bound. It says how far the step would have gone.
func moveBy(estimates []itemEstimate, free []int, step []float64) (next []itemEstimate, far float64) {
	next = append(next, estimates...)
	share := 1.0
	for at, i := range free {
		value, bound := next[i/2].parameter(i % 2)
		far = math.Max(far, math.Abs(step[at]))
		if room := math.Copysign(bound, step[at]) - *value; room != 0 && math.Abs(step[at]) > math.Abs(room) {
			share = math.Min(share, room/step[at])
		}
	}
	for at, i := range free {
		value, bound := next[i/2].parameter(i % 2)
		room := math.Copysign(bound, step[at]) - *value
		*value += share * step[at]
		if math.Abs(share*step[at]) >= math.Abs(room) {
			*value = math.Copysign(bound, step[at])
		}
	}
	return next, far
}

// parameter is the slope (0) or the intercept (1), with its bound.
func (e *itemEstimate) parameter(which int) (value *float64, bound float64) {
	if which == 0 {
		return &e.slope, MaxSlope
	}
	return &e.intercept, MaxIntercept
}

// evaluate takes the likelihood and the information at the final estimates.
func (f *fit) evaluate(ctx context.Context) error {
	info, err := f.informationAt(ctx, f.estimates)
	if err != nil {
		return err
	}
	f.information, f.logLik = info, info.logLik
	return nil
}

// itemErrors are the standard errors of an item.
type itemErrors struct{ slope, intercept, difficulty Figure }

// standardErrors invert the observed information of the items within bounds.
func (f *fit) standardErrors() []itemErrors {
	errs := make([]itemErrors, len(f.estimates))
	for j := range errs {
		none := notComputable("the estimates ran into their bounds")
		errs[j] = itemErrors{none, none, none}
	}
	free := freeParameters(f.estimates, f.information.gradient)
	factor, ok := cholesky(submatrix(f.information.matrix, free))
	if !ok {
		for j := range errs {
			none := notComputable("the observed information is not positive definite: the marks do not determine the parameters")
			errs[j] = itemErrors{none, none, none}
		}
		return errs
	}
	covariance := factor.inverse()
	for at := range len(free) - 1 {
		j := free[at] / 2
		if free[at+1] == free[at]+1 && free[at]%2 == 0 && !f.estimates[j].atBound() {
			errs[j] = errorsOf(f.estimates[j], covariance[at][at], covariance[at+1][at+1], covariance[at][at+1])
		}
	}
	return errs
}

// errorsOf are standard errors from the variances of slope and intercept and their
// covariance; that of the difficulty -d/a by the delta method.
func errorsOf(e itemEstimate, vs, vi, c float64) itemErrors {
	bySlope, byIntercept := e.intercept/(e.slope*e.slope), -1/e.slope
	vb := bySlope*bySlope*vs + byIntercept*byIntercept*vi + 2*bySlope*byIntercept*c
	return itemErrors{slope: figure(math.Sqrt(vs)), intercept: figure(math.Sqrt(vi)), difficulty: figure(math.Sqrt(vb))}
}
