package itemanalysis

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// mostPlottedOptions is how many lines a distractor plot can hold and still be read.
const mostPlottedOptions = 12

// WriteItemCurveSVG plots the item characteristic curve of an item, the
// probability of a right answer by ability, with its information curve.
func WriteItemCurveSVG(w io.Writer, item IRTItem) error {
	name := "item-curve-" + strconv.Itoa(item.Position)
	title := "Item characteristic curve: " + item.Label
	if len(item.Curve) == 0 {
		return emptyPlot(w, name, title, "the item is not in the model")
	}
	c := newCanvas(name, title, describeItemCurve(item))
	probability, information := strokeOf(0), strokeOf(1)
	probability.marker, information.marker = 0, 0
	left := scale{0, 1, frameBottom, frameTop}
	right, tick := upTo(mostInformation(item.Curve))
	across := c.abilityAxis()
	c.leftAxis(left, 0.2, "probability of a right answer")
	c.rightAxis(right, tick, "information")
	c.curve(along(item.Curve, across, left, func(p CurvePoint) (float64, bool) { return p.Expected, true }), probability)
	c.curve(along(item.Curve, across, right, func(p CurvePoint) (float64, bool) { return p.Information, true }), information)
	if b, ok := item.Difficulty.Get(); ok && math.Abs(b) <= curveReach {
		c.line(across.at(b), left.at(0.5), across.at(b), frameBottom, axisColour)
		c.text(across.at(b)+5, frameBottom-6, "start", "difficulty "+decimals(item.Difficulty))
	}
	c.lineLabels(frameRight+72, []lineLabel{{frameTop + 8, "probability", probability}, {frameTop + 28, "information", information}})
	return c.writeTo(w, title)
}

func describeItemCurve(item IRTItem) string {
	first, last := item.Curve[0], item.Curve[len(item.Curve)-1]
	return fmt.Sprintf("The probability of a right answer goes from %s at ability %g to %s at ability %g. Slope %s (standard error %s), difficulty %s (standard error %s). The information is at most %s, at ability %s.",
		decimals(figure(first.Expected)), first.Ability, decimals(figure(last.Expected)), last.Ability,
		decimals(item.Slope), decimals(item.SlopeSE), decimals(item.Difficulty), decimals(item.DifficultySE),
		decimals(figure(mostInformation(item.Curve))), tickLabel(mostInformative(item.Curve).Ability))
}

func mostInformative(curve []CurvePoint) CurvePoint {
	return slices.MaxFunc(curve, func(a, b CurvePoint) int { return cmp.Compare(a.Information, b.Information) })
}

func mostInformation(curve []CurvePoint) float64 { return mostInformative(curve).Information }

// abilityAxis draws the axis of ability.
func (c *canvas) abilityAxis() scale {
	s := scale{-curveReach, curveReach, frameLeft, frameRight}
	var at []float64
	var labels []string
	for v := -curveReach; v <= curveReach; v++ {
		at, labels = append(at, float64(v)), append(labels, strconv.Itoa(v))
	}
	c.bottomAxis(s, at, labels, "ability (standard deviations from the mean)")
	return s
}

// along are the places of a curve, those that have a value within the scale.
func along(curve []CurvePoint, across, up scale, value func(CurvePoint) (float64, bool)) []point {
	var points []point
	for _, p := range curve {
		if v, ok := value(p); ok && v <= up.high*(1+roundingSlack) {
			points = append(points, point{across.at(p.Ability), up.at(v)})
		}
	}
	return points
}

// WriteTestInformationSVG plots the information of the test by ability, with the
// standard error of ability that follows from it.
func WriteTestInformationSVG(w io.Writer, model *IRT) error {
	const name, title = "test-information", "Test information"
	if len(model.Curve) == 0 {
		return emptyPlot(w, name, title, cmp.Or(model.Why, "there is no model"))
	}
	best := mostInformative(model.Curve)
	c := newCanvas(name, title, fmt.Sprintf("The information of %d items is highest at ability %s, where it is %s and the standard error of ability %s. At ability %g it is %s, at ability %g it is %s.",
		len(model.Items), tickLabel(best.Ability), decimals(figure(best.Information)), decimals(*best.StandardError),
		model.Curve[0].Ability, decimals(figure(model.Curve[0].Information)),
		model.Curve[len(model.Curve)-1].Ability, decimals(figure(model.Curve[len(model.Curve)-1].Information))))
	information, standardError := strokeOf(0), strokeOf(1)
	information.marker, standardError.marker = 0, 0
	left, tick := upTo(best.Information)
	// Where there is next to no information the standard error has no bounds.
	right, rightTick := upTo(math.Min(worstError(model.Curve), 4*value(*best.StandardError)))
	across := c.abilityAxis()
	c.leftAxis(left, tick, "information")
	c.rightAxis(right, rightTick, "standard error of ability")
	c.curve(along(model.Curve, across, left, func(p CurvePoint) (float64, bool) { return p.Information, true }), information)
	c.curve(along(model.Curve, across, right, func(p CurvePoint) (float64, bool) { return p.StandardError.Get() }), standardError)
	c.lineLabels(frameRight+72, []lineLabel{{frameTop + 8, "information", information}, {frameTop + 28, "standard error", standardError}})
	return c.writeTo(w, title)
}

func worstError(curve []CurvePoint) float64 {
	worst := 0.0
	for _, p := range curve {
		worst = math.Max(worst, value(*p.StandardError))
	}
	return worst
}

// WriteDistractorSVG plots how often each option was chosen in each fifth of
// learners, from the lowest totals to the highest. The key should rise, each
// distractor fall.
func WriteDistractorSVG(w io.Writer, item ItemStats) error {
	name := "distractors-" + strconv.Itoa(item.Position)
	title := "Options by score group: " + item.Label
	options := plottedOptions(item.Options)
	if len(options) == 0 {
		return emptyPlot(w, name, title, "the item has no options")
	}
	c := newCanvas(name, title, describeOptions(item, options))
	left := scale{0, 1, frameBottom, frameTop}
	c.leftAxis(left, 0.2, "share of the group that chose it")
	across := scale{1, fifths, frameLeft + 30, frameRight - 30}
	c.bottomAxis(across, []float64{1, 2, 3, 4, 5}, []string{"lowest fifth", "2nd", "middle", "4th", "highest fifth"}, "learners by their total")
	var labels []lineLabel
	for i, o := range options {
		s := strokeOf(i)
		if o.Key {
			s.width, s.dash = 4, ""
		}
		points := optionPoints(o, across, left)
		c.curve(points, s)
		if len(points) > 0 {
			labels = append(labels, lineLabel{points[len(points)-1].y, optionName(o), s})
		}
	}
	c.lineLabels(frameRight+6, labels)
	return c.writeTo(w, title)
}

// plottedOptions are the keys and the most chosen of the others, in the order of
// the item.
func plottedOptions(options []OptionStats) []OptionStats {
	order := make([]int, len(options))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if options[a].Key != options[b].Key {
			return map[bool]int{true: -1, false: 1}[options[a].Key]
		}
		return cmp.Compare(options[b].N, options[a].N)
	})
	order = order[:min(len(order), mostPlottedOptions)]
	slices.Sort(order)
	plotted := make([]OptionStats, len(order))
	for i, at := range order {
		plotted[i] = options[at]
	}
	return plotted
}

func optionPoints(o OptionStats, across, up scale) []point {
	var points []point
	for f, share := range o.ByFifth {
		if v, ok := share.Get(); ok {
			points = append(points, point{across.at(float64(f + 1)), up.at(v)})
		}
	}
	return points
}

func optionName(o OptionStats) string {
	if o.Key {
		return shortened(o.Label, mostLabelRunes-len(" (key)")) + " (key)"
	}
	return o.Label
}

func describeOptions(item ItemStats, options []OptionStats) string {
	sentences := []string{"Shares of learners who chose each option, from the lowest fifth of totals to the highest."}
	for _, o := range options {
		shares := make([]string, 0, fifths)
		for _, share := range o.ByFifth {
			shares = append(shares, percent(share))
		}
		sentences = append(sentences, fmt.Sprintf("%s: %s.", optionName(o), strings.Join(shares, ", ")))
	}
	if left := len(item.Options) - len(options); left > 0 {
		sentences = append(sentences, fmt.Sprintf("%d options that few chose are not shown.", left))
	}
	return strings.Join(sentences, " ")
}
