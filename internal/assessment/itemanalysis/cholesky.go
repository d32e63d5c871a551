package itemanalysis

import "math"

// triangle is the lower factor L of a positive definite matrix L L'.
type triangle [][]float64

// cholesky factors a symmetric matrix, if it is positive definite by more than
// rounding.
func cholesky(m [][]float64) (triangle, bool) {
	l := triangle(square(len(m)))
	for i := range m {
		for k := range i + 1 {
			sum := m[i][k]
			for t := range k {
				sum -= l[i][t] * l[k][t]
			}
			if i > k {
				l[i][k] = sum / l[k][k]
				continue
			}
			if !(sum > 1e-12*math.Abs(m[i][i])) {
				return nil, false
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	return l, true
}

// solve finds x with L L' x = b.
func (l triangle) solve(b []float64) []float64 {
	x := append([]float64(nil), b...)
	for i := range x {
		for t := range i {
			x[i] -= l[i][t] * x[t]
		}
		x[i] /= l[i][i]
	}
	for i := len(x) - 1; i >= 0; i-- {
		for t := i + 1; t < len(x); t++ {
			x[i] -= l[t][i] * x[t]
		}
		x[i] /= l[i][i]
	}
	return x
}

// inverse is that of L L'.
func (l triangle) inverse() [][]float64 {
	inverse := make([][]float64, len(l))
	for i := range inverse {
		unit := make([]float64, len(l))
		unit[i] = 1
		inverse[i] = l.solve(unit)
	}
	return inverse
}

// submatrix keeps the rows and columns with these numbers.
func submatrix(m [][]float64, kept []int) [][]float64 {
	s := make([][]float64, len(kept))
	for i, row := range kept {
		s[i] = pick(m[row], kept)
	}
	return s
}

func pick(v []float64, kept []int) []float64 {
	p := make([]float64, len(kept))
	for i, k := range kept {
		p[i] = v[k]
	}
	return p
}
