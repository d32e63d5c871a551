package itemanalysis

import (
	"context"
	"fmt"
	"math"
)

// The curves' abilities: from -4 to 4 in steps of a tenth.
const (
	curveReach = 4
	curveSteps = 10 // in a unit of ability
)

func curveAbilities() []float64 {
	abilities := make([]float64, 0, 2*curveReach*curveSteps+1)
	for i := -curveReach * curveSteps; i <= curveReach*curveSteps; i++ {
		abilities = append(abilities, float64(i)/curveSteps)
	}
	return abilities
}

// curve is the item characteristic curve with the item's information
// a^2 P (1-P) (Birnbaum 1968).
func (e itemEstimate) curve() []CurvePoint {
	abilities := curveAbilities()
	curve := make([]CurvePoint, len(abilities))
	for i, x := range abilities {
		p := e.probability(x)
		curve[i] = CurvePoint{Ability: x, Expected: p, Information: e.slope * e.slope * p * (1 - p)}
	}
	return curve
}

// testCurve adds up the items' curves.
func (r *IRT) testCurve() []CurvePoint {
	abilities := curveAbilities()
	curve := make([]CurvePoint, len(abilities))
	for i, x := range abilities {
		curve[i].Ability = x
		for _, it := range r.Items {
			curve[i].Expected += it.Curve[i].Expected
			curve[i].Information += it.Curve[i].Information
		}
		se := figureUnless("", 1/math.Sqrt(curve[i].Information))
		curve[i].StandardError = &se
	}
	return curve
}

// abilityChunk is how many learners a task estimates.
const abilityChunk = 1024

// setAbilities estimates every learner, for the list if it is wanted, and in any
// case for the marginal reliability: the variance of the EAP estimates divided by
// itself plus the mean posterior variance, ability having variance 1.
func (r *IRT) setAbilities(ctx context.Context, marks *Marks, d *dichotomy, wanted bool) error {
	s := newScorer(r.estimates)
	n := marks.Learners()
	eap, variance := make([]float64, n), make([]float64, n)
	answered := make([]bool, n)
	if wanted {
		r.Abilities = make([]Ability, n)
	}
	err := inParallel(ctx, (n+abilityChunk-1)/abilityChunk, func(chunk int) {
		row := make([]answer, len(d.items))
		for i := chunk * abilityChunk; i < min(n, (chunk+1)*abilityChunk); i++ {
			d.row(i, row)
			eap[i], variance[i], answered[i] = s.eap(row)
			if wanted {
				r.Abilities[i] = s.ability(marks.learners[i], row, eap[i], variance[i])
			}
		}
	})
	if err != nil {
		return err
	}
	r.Reliability = reliability(eap, variance, answered)
	return nil
}

func reliability(eap, variance []float64, answered []bool) Figure {
	var n, mean, posterior, spread float64
	for i := range eap {
		if answered[i] {
			n++
			mean += eap[i]
			posterior += variance[i]
		}
	}
	mean /= n
	for i := range eap {
		if answered[i] {
			spread += (eap[i] - mean) * (eap[i] - mean)
		}
	}
	return figure(spread / (spread + posterior))
}

// scorer estimates abilities with the parameters of the items taken as known.
type scorer struct {
	estimates  []itemEstimate
	quadrature quadrature
	logWrong   []nodes
}

func newScorer(estimates []itemEstimate) *scorer {
	f := &fit{quadrature: normalQuadrature()}
	return &scorer{estimates: estimates, quadrature: f.quadrature, logWrong: f.logWrong(estimates)}
}

// eap is the mean and variance of the posterior distribution of ability.
func (s *scorer) eap(row []answer) (mean, variance float64, answered bool) {
	density := nodes(s.quadrature.logWeight)
	var slopes float64
	for j, a := range row {
		if a == missing {
			continue
		}
		answered = true
		for q := range density {
			density[q] += s.logWrong[j][q]
		}
		if a == right {
			slopes += s.estimates[j].slope
		}
	}
	highest := math.Inf(-1)
	for q, x := range s.quadrature.at {
		density[q] += slopes * x
		highest = math.Max(highest, density[q])
	}
	sum := 0.0
	for q, x := range s.quadrature.at {
		density[q] = math.Exp(density[q] - highest)
		sum += density[q]
		mean += density[q] * x
	}
	mean /= sum
	for q, x := range s.quadrature.at {
		variance += density[q] * (x - mean) * (x - mean)
	}
	return mean, variance / sum, answered
}

func (s *scorer) ability(learner string, row []answer, eap, variance float64) Ability {
	a := Ability{Learner: learner}
	for _, v := range row {
		if v != missing {
			a.Answered++
		}
		if v == right {
			a.Right++
		}
	}
	if a.Answered == 0 {
		none := notComputable("the learner answered none of the items")
		a.EAP, a.PosteriorSD, a.ML, a.MLError = none, none, none, none
		return a
	}
	a.EAP, a.PosteriorSD = figure(eap), figure(math.Sqrt(variance))
	a.ML, a.MLError = s.maximumLikelihood(row)
	return a
}

// maximumLikelihood finds where the score sum a (answer - P) vanishes. It falls with
// ability, so it is bisected between the ends of the quadrature.
func (s *scorer) maximumLikelihood(row []answer) (ml, se Figure) {
	low, high := -QuadratureReach, QuadratureReach
	lowScore, _ := s.score(row, low)
	highScore, _ := s.score(row, high)
	if lowScore <= 0 || highScore >= 0 {
		none := notComputable(fmt.Sprintf("the likelihood has no maximum between %g and %g: the learner got everything right, or everything wrong, or nearly so", low, high))
		return none, none
	}
	for range 60 {
		middle := (low + high) / 2
		if score, _ := s.score(row, middle); score > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	ability := (low + high) / 2
	_, information := s.score(row, ability)
	return figure(ability), figure(1 / math.Sqrt(information))
}

// score is the derivative of a learner's log-likelihood by ability, and its
// information.
func (s *scorer) score(row []answer, ability float64) (score, information float64) {
	for j, a := range row {
		if a == missing {
			continue
		}
		e := s.estimates[j]
		p := e.probability(ability)
		score -= e.slope * p
		if a == right {
			score += e.slope
		}
		information += e.slope * e.slope * p * (1 - p)
	}
	return score, information
}
