package itemanalysis

import "math"

// fQuantile is the value that an F variable with d1 and d2 degrees of freedom
// stays below with probability p, by way of the beta distribution: if F is such
// a variable, d1 F / (d1 F + d2) has the distribution Beta(d1/2, d2/2).
func fQuantile(p, d1, d2 float64) float64 {
	x := betaQuantile(p, d1/2, d2/2)
	return d2 * x / (d1 * (1 - x))
}

// betaQuantile bisects: the distribution function is monotone and 0 to 1 holds
// 2^60 numbers at most at the precision that is wanted.
func betaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 200 {
		middle := (low + high) / 2
		if middle == low || middle == high {
			break
		}
		if regularisedBeta(middle, a, b) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// regularisedBeta is the distribution function of Beta(a, b), by the continued
// fraction of Abramowitz & Stegun (1964), 26.5.8, which converges fast on the
// near side of the mean; the far side follows by symmetry.
func regularisedBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - regularisedBeta(1-x, b, a)
	}
	front := math.Exp(logGamma(a+b) - logGamma(a) - logGamma(b) + a*math.Log(x) + b*math.Log1p(-x))
	return front * betaFraction(x, a, b) / a
}

func logGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// betaFraction evaluates the fraction from the front (Lentz 1976). It takes
// about sqrt(max(a, b)) terms.
func betaFraction(x, a, b float64) float64 {
	const tiny, precision, mostTerms = 1e-300, 1e-15, 100_000
	away := func(v float64) float64 { // from zero
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	result := d
	for m := 1.0; m < mostTerms; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		result *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		result *= d * c
		if math.Abs(d*c-1) < precision {
			break
		}
	}
	return result
}
