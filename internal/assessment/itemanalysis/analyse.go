package itemanalysis

import (
	"context"
	"errors"
	"fmt"
)

// OmittedRule says what becomes of an item that a learner was given and left
// blank.
type OmittedRule string

// The rules for blanks.
const (
	OmittedIsZero       OmittedRule = "zero"         // it counts as zero marks
	OmittedDropsLearner OmittedRule = "drop_learner" // the learner is left out of the analysis
)

// DefaultConfidence is the confidence level of alpha's interval.
const DefaultConfidence = 0.95

// Options of Analyse. The zero value is the default.
type Options struct {
	Omitted    OmittedRule // default OmittedIsZero
	Confidence float64     // of alpha's interval, between 0 and 1; default DefaultConfidence
}

func (o Options) withDefaults() (Options, error) {
	if o.Omitted == "" {
		o.Omitted = OmittedIsZero
	}
	if o.Confidence == 0 {
		o.Confidence = DefaultConfidence
	}
	if o.Omitted != OmittedIsZero && o.Omitted != OmittedDropsLearner {
		return o, fmt.Errorf("the rule %q for omitted marks is not known; use %q or %q", o.Omitted, OmittedIsZero, OmittedDropsLearner)
	}
	if !(o.Confidence > 0 && o.Confidence < 1) {
		return o, errors.New("the confidence level must lie between 0 and 1, for example 0.95")
	}
	return o, nil
}

// Report is the classical analysis of an exam.
type Report struct {
	Learners        int         `json:"learners"`          // in the analysis
	LearnersLeftOut int         `json:"learners_left_out"` // without a mark, or dropped for a blank
	OmittedMarks    OmittedRule `json:"omitted_marks"`
	Test            Test        `json:"test"`
	Items           []ItemStats `json:"items"` // in the order of the exam
	Flags           []Flag      `json:"flags"` // about the test as a whole
}

// Test are the figures of the test as a whole. Marks are as in the exam.
type Test struct {
	Items        int      `json:"items"`
	MaxScore     float64  `json:"max_score"`
	Mean         Figure   `json:"mean"`
	SD           Figure   `json:"standard_deviation"` // divisor n-1
	Median       Figure   `json:"median"`
	Lowest       Figure   `json:"lowest"`
	Highest      Figure   `json:"highest"`
	Skewness     Figure   `json:"skewness"` // 0 for a normal distribution
	Kurtosis     Figure   `json:"kurtosis"` // 0 for a normal distribution
	Alpha        Figure   `json:"alpha"`    // Cronbach's
	AlphaBetween Interval `json:"alpha_interval"`
	SEM          Figure   `json:"standard_error_of_measurement"`
	ErrorRatio   Figure   `json:"error_ratio"`
}

// Interval is a confidence interval.
type Interval struct {
	Lower      Figure  `json:"lower"`
	Upper      Figure  `json:"upper"`
	Confidence float64 `json:"confidence"` // such as 0.95
}

// ItemStats are the figures of an item. See the package's documentation for the
// formulas.
type ItemStats struct {
	ItemID          string        `json:"item_id"`
	Label           string        `json:"label"`
	Position        int           `json:"position"` // in the exam, from 1
	MaxScore        float64       `json:"max_score"`
	Given           int           `json:"given"`     // learners who were given the item
	Responses       int           `json:"responses"` // learners with a mark
	Omits           int           `json:"omits"`     // learners who left it blank
	Mean            Figure        `json:"mean"`
	Facility        Figure        `json:"facility"`
	SD              Figure        `json:"standard_deviation"`
	Discrimination  Figure        `json:"discrimination"` // item-rest correlation
	ItemTotal       Figure        `json:"item_total_correlation"`
	UpperLower      Figure        `json:"upper_lower_index"`
	Efficiency      Figure        `json:"discriminative_efficiency"`
	IntendedWeight  Figure        `json:"intended_weight"`
	EffectiveWeight Figure        `json:"effective_weight"`
	AlphaIfDeleted  Figure        `json:"alpha_if_deleted"`
	Chance          Figure        `json:"chance"` // facility that guessing alone gives
	Options         []OptionStats `json:"options,omitempty"`
	Flags           []Flag        `json:"flags"`
}

// OptionStats is a row of a distractor table. Shares are of the learners who were
// given the item.
type OptionStats struct {
	OptionID          string         `json:"option_id,omitempty"`
	Label             string         `json:"label"`
	Key               bool           `json:"key"`
	Omitted           bool           `json:"omitted,omitempty"` // the row of those who left it blank
	N                 int            `json:"n"`
	Share             Figure         `json:"share"`
	MeanTotal         Figure         `json:"mean_total"` // of those who chose it, in marks
	PointBiserial     Figure         `json:"point_biserial"`
	PointBiserialRest Figure         `json:"point_biserial_rest"` // with the rest of the test
	UpperShare        Figure         `json:"upper_share"`         // in the upper 27 %
	LowerShare        Figure         `json:"lower_share"`         // in the lower 27 %
	ByFifth           [fifths]Figure `json:"by_fifth"`            // from the lowest fifth of totals to the highest
}

// Analyse computes the classical statistics. It fails only for options that are
// not valid and when ctx ends: what the marks do not determine is reported in
// its place.
func Analyse(ctx context.Context, marks *Marks, options Options) (*Report, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	t := marks.tableOf(options.Omitted)
	groups := rank(t.totals)
	items := make([]itemResult, len(marks.items))
	if err := inParallel(ctx, len(items), func(j int) { items[j] = t.analyseItem(j, groups) }); err != nil {
		return nil, err
	}
	report := &Report{
		Learners:        len(t.rows),
		LearnersLeftOut: len(marks.learners) - len(t.rows),
		OmittedMarks:    options.Omitted,
		Items:           make([]ItemStats, len(items)),
	}
	report.Test = t.analyseTest(items, options.Confidence)
	t.compareItems(items)
	for j := range items {
		report.Items[j] = items[j].ItemStats
		report.Items[j].Flags = flagItem(&report.Items[j], report)
	}
	report.Flags = flagTest(report)
	return report, nil
}
