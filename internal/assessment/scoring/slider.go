package scoring

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// sliderTask is a part whose response is a value of a scale.
type sliderTask struct {
	scale     event.SliderV1
	low, high exact.Number
	step      *exact.Number // nil: any value
	keys      []numberKey
}

func parseSliderTask(_ *part, def event.PartV1, s *scope) (task, error) {
	if def.Slider == nil {
		return nil, errors.New("slider: a slider part has one")
	}
	t := &sliderTask{scale: *def.Slider}
	var err error
	if t.low, t.high, err = parseBounds(t.scale.Low, t.scale.High); err != nil {
		return nil, fmt.Errorf("slider.%w", err)
	}
	if t.scale.Step != "" {
		step, err := constant(t.scale.Step)
		if err == nil && step.Sign() <= 0 {
			err = errors.New("it is not above zero")
		}
		if err != nil {
			return nil, fmt.Errorf("slider.step: %w", err)
		}
		t.step = &step
	}
	t.keys, err = parseNumberKeys(def.Numbers, s)
	return t, err
}

func (t *sliderTask) check(r PartResponse) *FieldError {
	if fault := checkAnswer(r.Text, exact.MaxAnswerBytes); fault != nil || !r.answered() {
		return fault
	}
	v, err := exact.Parse(r.Text)
	switch {
	case err != nil:
		return &FieldError{"text", "it is not a decimal number"}
	case v.Cmp(t.low) < 0 || v.Cmp(t.high) > 0:
		return &FieldError{"text", fmt.Sprintf("it is not between %s and %s", t.scale.Low, t.scale.High)}
	case !t.onStep(v.Rat()):
		return &FieldError{"text", fmt.Sprintf("it is not on a step of %s from %s", t.scale.Step, t.scale.Low)}
	}
	return nil
}

// onStep reports whether a value lies a whole number of steps above the low end.
func (t *sliderTask) onStep(v *big.Rat) bool {
	if t.step == nil {
		return true
	}
	v.Sub(v, t.low.Rat())
	return v.Quo(v, t.step.Rat()).IsInt()
}

func (t *sliderTask) judge(r PartResponse, d draw) verdict {
	value, err := exact.Parse(r.Text)
	if err != nil {
		return verdict{how: fmt.Sprintf("The answer is not a number: %v.", err)}
	}
	return judgeNumber(t.keys, value, writtenAs(r.Text), d)
}

func (t *sliderTask) show(v *PartView, _ draw) { v.Slider = new(t.scale) }

func (t *sliderTask) answers(d draw) []Answer { return numberAnswers(t.keys, "", d) }

// full looks for a value of the scale that the best key accepts: the key's own
// number, and those of the scale beside it.
func (t *sliderTask) full(d draw) (PartResponse, bool) {
	text, ok := fullNumber(t.keys, d)
	if !ok {
		return PartResponse{}, false
	}
	v, err := exact.Evaluate(text)
	if err != nil {
		return PartResponse{}, false
	}
	near := v.Rat()
	if t.step != nil {
		near = t.nearest(near)
	}
	n, err := exact.FromRat(near)
	if err != nil {
		return PartResponse{}, false
	}
	return PartResponse{Text: n.Decimal(maxPlain)}, true
}

// nearest is the value of the scale that is nearest to v.
func (t *sliderTask) nearest(v *big.Rat) *big.Rat {
	low, step := t.low.Rat(), t.step.Rat()
	steps := new(big.Rat).Quo(new(big.Rat).Sub(v, low), step)
	n, err := exact.FromRat(steps)
	if err != nil {
		return v
	}
	return low.Add(low, step.Mul(step, n.Round().Rat()))
}
