package itemanalysis

import (
	"cmp"
	"math"
	"slices"
)

// extremeShare is the part of the learners in the upper and in the lower group.
// With 27 % the difference between the groups' means is most certain (Kelley 1939).
const extremeShare = 0.27

// fifths is the number of score groups of a distractor plot.
const fifths = 5

// places says how much of a learner counts in each group.
type places struct {
	lower, upper float64
	fifth        [fifths]float64 // from the lowest scores to the highest
}

// ranking sorts learners into groups by their total. Learners who tie share the
// places they occupy equally.
type ranking struct {
	tie    []int32  // of each learner
	places []places // of each tie
}

func rank(totals []float64) ranking {
	order := make([]int32, len(totals))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(totals[a], totals[b]) })
	r := ranking{tie: make([]int32, len(totals))}
	for start := 0; start < len(order); {
		end := start
		for end < len(order) && totals[order[end]] == totals[order[start]] {
			r.tie[order[end]] = int32(len(r.places))
			end++
		}
		r.places = append(r.places, placesOf(start, end, len(order)))
		start = end
	}
	return r
}

// placesOf are the places of each of the learners who tie for the ranks from
// start up to but not including end, of n.
func placesOf(start, end, n int) places {
	extreme := math.Max(1, math.Round(extremeShare*float64(n)))
	share := func(low, high float64) float64 {
		overlap := math.Min(float64(end), high) - math.Max(float64(start), low)
		return math.Max(0, overlap) / float64(end-start)
	}
	p := places{lower: share(0, extreme), upper: share(float64(n)-extreme, float64(n))}
	for f := range p.fifth {
		p.fifth[f] = share(float64(f*n)/fifths, float64((f+1)*n)/fifths)
	}
	return p
}

func (r ranking) of(learner int) places { return r.places[r.tie[learner]] }
