package olx

import (
	"cmp"
	"slices"
)

// convexHull returns the corners of the convex hull of points, in order around
// it, by Andrew's monotone chain ("Another efficient algorithm for convex hulls
// in two dimensions", Information Processing Letters 9, 1979).
func convexHull(points [][2]float64) [][2]float64 {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b [2]float64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	sorted = slices.Compact(sorted)
	if len(sorted) < 3 {
		return sorted
	}
	lower := chain(sorted)
	slices.Reverse(sorted)
	upper := chain(sorted)
	return append(lower[:len(lower)-1], upper[:len(upper)-1]...)
}

// chain is one side of the hull of sorted points, from the first to the last.
func chain(sorted [][2]float64) [][2]float64 {
	var side [][2]float64
	for _, p := range sorted {
		for n := len(side); n >= 2 && !turnsLeft(side[n-2], side[n-1], p); n = len(side) {
			side = side[:n-1]
		}
		side = append(side, p)
	}
	return side
}

func turnsLeft(a, b, c [2]float64) bool {
	return (b[0]-a[0])*(c[1]-a[1])-(b[1]-a[1])*(c[0]-a[0]) > 0
}
