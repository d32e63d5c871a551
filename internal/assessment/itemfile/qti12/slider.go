package qti12

import (
	"math/big"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func big1() *rational { return big.NewRat(1, 1) }

// sliderSkeleton reads the scale of a slider.
func (q *question) sliderSkeleton(s *slot) error {
	n := s.responses[0].render
	low, high := parseNumber(n.Get("lowerbound")), parseNumber(n.Get("upperbound"))
	if low == nil || high == nil || low.Cmp(high) >= 0 {
		return refuse("its slider has no bounds that can be read")
	}
	slider := &event.SliderV1{Low: n.Get("lowerbound"), High: n.Get("upperbound"), Vertical: strings.EqualFold(n.Get("orientation"), "vertical")}
	if step := parseNumber(n.Get("step")); step != nil && step.Sign() > 0 {
		slider.Step = n.Get("step")
	}
	s.part.Slider = slider
	if len(s.responses[0].labels) > 0 {
		q.lose(info, "labels of a slider", "its numbers are shown")
	}
	return nil
}
