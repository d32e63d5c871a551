package itemanalysis

import (
	"math"
	"slices"
)

func (t *table) analyseTest(items []itemResult, confidence float64) Test {
	test := Test{Items: len(items)}
	for _, it := range items {
		test.MaxScore += it.MaxScore
	}
	d := distributionOf(t.totals)
	d.describe(&test)
	alpha := t.alphaOf(items, d.variance())
	test.Alpha = alpha
	test.AlphaBetween = feldtInterval(alpha, len(t.rows), len(weighted(items)), confidence)
	test.SEM, test.ErrorRatio = errorOf(alpha, test.SD)
	return test
}

// distribution is that of the totals.
type distribution struct {
	sorted     []float64
	n, mean    float64
	m2, m3, m4 float64 // central moments, divisor n
}

func distributionOf(totals []float64) distribution {
	d := distribution{sorted: slices.Clone(totals), n: float64(len(totals))}
	slices.Sort(d.sorted)
	for _, v := range d.sorted {
		d.mean += v
	}
	if d.n > 0 {
		d.mean /= d.n
	}
	if constant(d.sorted) {
		return d
	}
	for _, v := range d.sorted {
		e := v - d.mean
		d.m2 += e * e
		d.m3 += e * e * e
		d.m4 += e * e * e * e
	}
	d.m2, d.m3, d.m4 = d.m2/d.n, d.m3/d.n, d.m4/d.n
	return d
}

// variance has the divisor n-1. It is k2 of Fisher's k-statistics.
func (d distribution) variance() float64 { return d.m2 * d.n / (d.n - 1) }

func (d distribution) describe(test *Test) {
	if d.n == 0 {
		none := notComputable(noLearners)
		test.Mean, test.Median, test.Lowest, test.Highest, test.SD, test.Skewness, test.Kurtosis = none, none, none, none, none, none, none
		return
	}
	test.Mean = figure(d.mean)
	test.Median = figure((d.sorted[(len(d.sorted)-1)/2] + d.sorted[len(d.sorted)/2]) / 2)
	test.Lowest = figure(d.sorted[0])
	test.Highest = figure(d.sorted[len(d.sorted)-1])
	test.SD, test.Skewness, test.Kurtosis = d.shape()
}

// shape is spread, skewness and kurtosis by Fisher's k-statistics.
func (d distribution) shape() (sd, skewness, kurtosis Figure) {
	n := d.n
	if n == 1 {
		one := notComputable(oneLearner)
		return one, one, one
	}
	k2 := d.variance()
	sd = figure(math.Sqrt(k2))
	if k2 == 0 {
		return sd, notComputable(sameTotal), notComputable(sameTotal)
	}
	skewness, kurtosis = notComputable("there are fewer than 3 learners"), notComputable("there are fewer than 4 learners")
	if n >= 3 {
		k3 := n * n * d.m3 / ((n - 1) * (n - 2))
		skewness = figure(k3 / math.Pow(k2, 1.5))
	}
	if n >= 4 {
		k4 := n * n * ((n+1)*d.m4 - 3*(n-1)*d.m2*d.m2) / ((n - 1) * (n - 2) * (n - 3))
		kurtosis = figure(k4 / (k2 * k2))
	}
	return sd, skewness, kurtosis
}

// weighted are the items that marks were given for. Alpha is about these.
func weighted(items []itemResult) []itemResult {
	return slices.DeleteFunc(slices.Clone(items), func(it itemResult) bool { return it.MaxScore == 0 })
}

// alphaOf is Cronbach's alpha of the test.
func (t *table) alphaOf(items []itemResult, variance float64) Figure {
	parts := weighted(items)
	switch {
	case len(t.rows) == 0:
		return notComputable(noLearners)
	case len(t.rows) == 1:
		return notComputable(oneLearner)
	case len(parts) == 0:
		return notComputable(noItems)
	case len(parts) == 1:
		return notComputable(onlyOneItem)
	case t.notAll > 0:
		return notComputable(notEverybody)
	case variance == 0:
		return notComputable(sameTotal)
	}
	sum := 0.0
	for _, it := range parts {
		sum += it.variance
	}
	return figure(alpha(len(parts), sum, variance))
}

// alpha is that of k items with this sum of variances and variance of the total.
func alpha(k int, variances, variance float64) float64 {
	return float64(k) / float64(k-1) * (1 - variances/variance)
}

// feldtInterval is the confidence interval of alpha (Feldt 1965; formulas 6 and 7
// of Feldt, Woodruff & Salih 1987).
func feldtInterval(alpha Figure, learners, items int, confidence float64) Interval {
	value, ok := alpha.Get()
	if !ok {
		return Interval{Lower: alpha, Upper: alpha, Confidence: confidence}
	}
	d1 := float64(learners - 1)
	d2 := d1 * float64(items-1)
	tail := (1 - confidence) / 2
	return Interval{
		Lower:      figure(1 - (1-value)*fQuantile(1-tail, d1, d2)),
		Upper:      figure(1 - (1-value)*fQuantile(tail, d1, d2)),
		Confidence: confidence,
	}
}

func errorOf(alpha, sd Figure) (sem, ratio Figure) {
	value, ok := alpha.Get()
	if !ok {
		return alpha, alpha
	}
	spread, ok := sd.Get()
	if !ok {
		return sd, sd
	}
	share := math.Sqrt(math.Max(0, 1-value))
	return figure(spread * share), figure(share)
}

// compareItems sets the weights and alpha without each item.
func (t *table) compareItems(items []itemResult) {
	maxima, roots, variances := 0.0, 0.0, 0.0
	for _, it := range items {
		maxima += it.MaxScore
		if it.covariance > 0 {
			roots += math.Sqrt(it.covariance)
		}
	}
	parts := len(weighted(items))
	for _, it := range weighted(items) {
		variances += it.variance
	}
	variance := distributionOf(t.totals).variance()
	for j := range items {
		it := &items[j]
		it.IntendedWeight = figure(it.MaxScore / maxima)
		if maxima == 0 {
			it.IntendedWeight = notComputable(noItems)
		}
		it.EffectiveWeight = it.effectiveWeight(roots)
		it.AlphaIfDeleted = t.alphaWithout(it, parts, variances, variance)
	}
}

// effectiveWeight is Moodle's, roots being the sum of the roots of the covariances
// that are not negative.
func (r *itemResult) effectiveWeight(roots float64) Figure {
	switch {
	case r.Given == 0:
		return notComputable(nobody)
	case r.Given == 1:
		return notComputable(oneLearner)
	case r.covariance < 0:
		return notComputable("the item's marks fall as the total rises: their covariance is negative")
	case roots == 0:
		return notComputable(sameTotal)
	}
	return figure(math.Sqrt(r.covariance) / roots)
}

// alphaWithout is alpha of the test without an item, from
// V(T - x) = V(T) + V(x) - 2 C(x, T).
func (t *table) alphaWithout(it *itemResult, parts int, variances, variance float64) Figure {
	without := variance + it.variance - 2*it.covariance
	switch {
	case len(t.rows) == 0:
		return notComputable(noLearners)
	case len(t.rows) == 1:
		return notComputable(oneLearner)
	case it.MaxScore == 0:
		return notComputable(noMarks)
	case parts == 1:
		return notComputable(onlyItem)
	case parts == 2:
		return notComputable(twoItems)
	case t.notAll > 0:
		return notComputable(notEverybody)
	case without <= variance*roundingSlack:
		return notComputable(sameRest)
	}
	return figure(alpha(parts-1, variances-it.variance, without))
}
