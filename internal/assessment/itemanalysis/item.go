package itemanalysis

import (
	"math"
	"slices"
)

// itemResult is an item's figures with what the comparison of items needs.
type itemResult struct {
	ItemStats
	variance   float64 // of the item's marks
	covariance float64 // of the item's marks with the total
}

// cells are the marks for an item of the learners who were given it.
type cells struct {
	learners []int // places in table.rows
	x        []float64
	total    []float64
	omitted  []bool
	sums
}

// sums are the moments of the item's marks, the totals and both together.
type sums struct {
	n                float64
	meanX, meanTotal float64
	xx, tt, xt       float64 // sums of squared deviations and of their products
}

// Reasons why a figure is not computable.
const (
	nobody        = "nobody was given the item"
	noLearners    = "there are no learners"
	oneLearner    = "there is only one learner"
	sameMark      = "every learner got the same mark"
	sameTotal     = "every learner has the same total"
	sameRest      = "every learner has the same marks in the rest of the test"
	noMarks       = "the item's maximum is 0"
	noItems       = "there are no items with marks"
	onlyItem      = "it is the only item with marks"
	twoItems      = "there are only two items with marks"
	notEverybody  = "not every learner was given every item"
	onlyOneItem   = "there is only one item with marks"
	chanceUnknown = "it is not known what guessing earns"
)

func (t *table) analyseItem(j int, groups ranking) itemResult {
	item := t.items[j]
	c := t.cellsOf(j)
	r := itemResult{ItemStats: ItemStats{
		ItemID: item.ID, Label: item.Label, Position: j + 1, MaxScore: item.Max,
		Given: len(c.x), Chance: chanceOf(item),
	}}
	for _, omitted := range c.omitted {
		if omitted {
			r.Omits++
		}
	}
	r.Responses = r.Given - r.Omits
	r.setLevel(c)
	r.setDiscrimination(c, groups)
	r.Options = t.distractors(j, c, groups)
	if c.n > 1 {
		r.variance, r.covariance = c.xx/(c.n-1), c.xt/(c.n-1)
	}
	return r
}

// chanceOf is what guessing earns: as stated, or by the number of options where
// one of them is to be chosen.
func chanceOf(item Item) Figure {
	keys := 0
	for _, o := range item.Options {
		if o.Key {
			keys++
		}
	}
	switch {
	case item.Chance > 0:
		return figure(item.Chance)
	case keys == 1 && len(item.Options) > 1:
		return figure(1 / float64(len(item.Options)))
	}
	return notComputable(chanceUnknown)
}

func (t *table) cellsOf(j int) cells {
	n := len(t.rows)
	c := cells{
		learners: make([]int, 0, n), x: make([]float64, 0, n),
		total: make([]float64, 0, n), omitted: make([]bool, 0, n),
	}
	for place, row := range t.rows {
		score := t.scores[j].at(row)
		if score == notGivenMark {
			continue
		}
		omitted := score == omittedMark
		if omitted {
			score = 0
		}
		c.learners = append(c.learners, place)
		c.x = append(c.x, score)
		c.total = append(c.total, t.totals[place])
		c.omitted = append(c.omitted, omitted)
	}
	c.sums = sumUp(c.x, c.total)
	return c
}

// sumUp takes the means first, so that no two large sums are subtracted.
func sumUp(x, total []float64) sums {
	s := sums{n: float64(len(x))}
	for i := range x {
		s.meanX += x[i]
		s.meanTotal += total[i]
	}
	if s.n > 0 {
		s.meanX /= s.n
		s.meanTotal /= s.n
	}
	for i := range x {
		dx, dt := x[i]-s.meanX, total[i]-s.meanTotal
		s.xx += dx * dx
		s.tt += dt * dt
		s.xt += dx * dt
	}
	// Where there is no covariance its sign is not for rounding to say.
	if math.Abs(s.xt) <= 1e-12*math.Sqrt(s.xx)*math.Sqrt(s.tt) {
		s.xt = 0
	}
	// Equal marks have no variance, whatever rounding made of their mean.
	if constant(x) {
		s.xx, s.xt = 0, 0
	}
	if constant(total) {
		s.tt, s.xt = 0, 0
	}
	return s
}

func constant(values []float64) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}

// rest are the sums for the rest of the test in the place of the total.
func (c cells) rest() sums {
	r := make([]float64, len(c.x))
	for i := range r {
		r[i] = rounded(c.total[i] - c.x[i])
	}
	return sumUp(c.x, r)
}

// correlation is that of the item with the other variable.
func (s sums) correlation() float64 {
	return math.Max(-1, math.Min(1, s.xt/math.Sqrt(s.xx)/math.Sqrt(s.tt)))
}

// unspread says why there is no correlation, or nothing.
func (s sums) unspread(other string) string {
	switch {
	case s.n == 0:
		return nobody
	case s.n == 1:
		return oneLearner
	case s.xx == 0:
		return sameMark
	case s.tt == 0:
		return other
	}
	return ""
}

// setLevel sets how hard the item is and how marks spread.
func (r *itemResult) setLevel(c cells) {
	why := ""
	if c.n == 0 {
		why = nobody
	}
	r.Mean = figureUnless(why, c.meanX)
	if why == "" && r.MaxScore == 0 {
		r.Facility = notComputable(noMarks)
	} else {
		r.Facility = figureUnless(why, c.meanX/r.MaxScore)
	}
	if c.n == 1 {
		why = oneLearner
	}
	r.SD = figureUnless(why, math.Sqrt(c.xx/(c.n-1)))
}

// setDiscrimination sets how well the item tells good learners from others.
func (r *itemResult) setDiscrimination(c cells, groups ranking) {
	rest := c.rest()
	r.Discrimination = figureUnless(rest.unspread(sameRest), rest.correlation())
	r.ItemTotal = figureUnless(c.unspread(sameTotal), c.correlation())
	r.Efficiency = figureUnless(rest.unspread(sameRest), rest.xt/c.mostCovariance())
	r.UpperLower = r.upperLower(c, groups)
}

// mostCovariance is the sum of products that the item's marks would have with the
// rest if the best learners had its best marks.
func (c cells) mostCovariance() float64 {
	x, r := slices.Clone(c.x), make([]float64, len(c.x))
	for i := range r {
		r[i] = rounded(c.total[i] - c.x[i])
	}
	slices.Sort(x)
	slices.Sort(r)
	return sumUp(x, r).xt
}

func (r *itemResult) upperLower(c cells, groups ranking) Figure {
	switch {
	case c.n == 0:
		return notComputable(nobody)
	case c.n == 1:
		return notComputable(oneLearner)
	case r.MaxScore == 0:
		return notComputable(noMarks)
	case c.tt == 0:
		return notComputable(sameTotal)
	}
	upper, lower := c.groupMeans(groups, c.x)
	if math.IsNaN(upper) || math.IsNaN(lower) {
		return notComputable("nobody in the upper or in the lower group was given the item")
	}
	return figure((upper - lower) / r.MaxScore)
}

// groupMeans are the means of v, one for each of the learners, in the upper and
// lower groups; NaN for a group that holds none of them.
func (c cells) groupMeans(groups ranking, v []float64) (upper, lower float64) {
	var upperN, lowerN float64
	for i, learner := range c.learners {
		p := groups.of(learner)
		upper += p.upper * v[i]
		upperN += p.upper
		lower += p.lower * v[i]
		lowerN += p.lower
	}
	return upper / upperN, lower / lowerN
}
