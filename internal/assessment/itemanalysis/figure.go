package itemanalysis

import "math"

// Figure is a number that the marks determine, or the reason why they do not.
type Figure struct {
	Value *float64 `json:"value"`                    // absent when it cannot be computed
	Why   string   `json:"not_computable,omitempty"` // why it cannot, a clause such as "there is only one learner"
}

// Get is the number, and whether there is one.
func (f Figure) Get() (float64, bool) {
	if f.Value == nil {
		return 0, false
	}
	return *f.Value, true
}

// figure is a computed number. What overflowed on the way is not computable.
func figure(v float64) Figure {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return notComputable("the numbers are too large or too small")
	}
	return Figure{Value: &v}
}

func notComputable(why string) Figure { return Figure{Why: why} }

// figureUnless is v, unless there is a reason against it.
func figureUnless(why string, v float64) Figure {
	if why != "" {
		return notComputable(why)
	}
	return figure(v)
}
