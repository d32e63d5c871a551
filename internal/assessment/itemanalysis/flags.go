package itemanalysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Thresholds of the flags.
const (
	// TooEasyFacility and TooHardFacility bound "extremely easy" and "extremely
	// difficult" (MoodleDocs, "Quiz report statistics", facility index).
	TooEasyFacility = 0.95
	TooHardFacility = 0.05
	// WeakUpperLower: items with a smaller upper-lower index are "poor items, to
	// be rejected or improved by revision" (Ebel & Frisbie 1991, p. 232).
	WeakUpperLower = 0.20
	// RareDistractorShare: a distractor that fewer choose does not function
	// (Haladyna & Downing 1993). Where so many choose the key that the distractors
	// could not all reach it, none is flagged for missing it.
	RareDistractorShare = 0.05
	// LowWeightShare: an item whose effective weight is less than this part of
	// its intended weight counts for less than half of what was meant. Ours.
	LowWeightShare = 0.5
	// ManyOmittedShare: a test is taken to be speeded when fewer than 80 % reach
	// its end (Swineford 1974); we ask the same of each item.
	ManyOmittedShare = 0.20
	// AlphaGain is how much alpha must rise without an item to be worth a word:
	// half a unit of the second decimal. Ours.
	AlphaGain = 0.005
	// FewAttempts: below this the standard error of a correlation, about
	// 1/sqrt(n-1), is more than 0.18, as large as the differences that are looked
	// for, and 27 % are fewer than nine learners. Flags are then tentative. Ours.
	FewAttempts = 30
	// KeyCheckZ: a point-biserial above KeyCheckZ/sqrt(n) is positive beyond
	// chance: 5 %, one-sided, of the normal distribution.
	KeyCheckZ = 1.645
	// UnsatisfactoryAlpha: "below 64 % the test as a whole is unsatisfactory"
	// (MoodleDocs, "Quiz report statistics", coefficient of internal consistency).
	UnsatisfactoryAlpha = 0.64
)

// FlagCode names a flag.
type FlagCode string

// The flags.
const (
	CheckKey               FlagCode = "check_key"
	SecondRightAnswer      FlagCode = "second_right_answer"
	NegativeDiscrimination FlagCode = "negative_discrimination"
	WeakDiscrimination     FlagCode = "weak_discrimination"
	TooEasy                FlagCode = "too_easy"
	TooHard                FlagCode = "too_hard"
	AtGuessing             FlagCode = "at_guessing"
	UnusedDistractor       FlagCode = "unused_distractor"
	RareDistractor         FlagCode = "rare_distractor"
	NegativeWeight         FlagCode = "negative_weight"
	LowWeight              FlagCode = "low_weight"
	ManyOmitted            FlagCode = "many_omitted"
	LowersAlpha            FlagCode = "lowers_alpha"
	TooFewAttempts         FlagCode = "too_few_attempts"
	UnsatisfactoryTest     FlagCode = "unsatisfactory_reliability"
)

// Flag is something that a teacher should look at.
type Flag struct {
	Code      FlagCode           `json:"code"`
	Sentence  string             `json:"sentence"`            // what is the matter and what to do, plain text
	OptionID  string             `json:"option_id,omitempty"` // the option it is about
	Figures   map[string]float64 `json:"figures"`             // what it rests on
	Tentative bool               `json:"tentative"`           // too few attempts to rely on it
}

// flagItem looks at an item, the most serious flags first.
func flagItem(it *ItemStats, report *Report) []Flag {
	flags := []Flag{}
	add := func(found ...Flag) {
		for _, f := range found {
			f.Tentative = it.Given < FewAttempts
			flags = append(flags, f)
		}
	}
	if it.Given == 0 || it.MaxScore == 0 {
		return flags
	}
	add(flagKey(it)...)
	add(flagDiscrimination(it)...)
	add(flagLevel(it)...)
	add(flagDistractors(it)...)
	add(flagWeight(it)...)
	add(flagOmits(it)...)
	add(flagAlpha(it, report.Test)...)
	return flags
}

// flagKey looks for distractors that good learners chose.
func flagKey(it *ItemStats) []Flag {
	key := slices.IndexFunc(it.Options, func(o OptionStats) bool { return o.Key })
	if key < 0 {
		return nil
	}
	oneKey := !slices.ContainsFunc(it.Options[key+1:], func(o OptionStats) bool { return o.Key })
	var flags []Flag
	for _, o := range it.Options {
		if o.Key || o.Omitted || o.N == 0 {
			continue
		}
		if f, found := flagDistractor(it, o, it.Options[key], oneKey); found {
			flags = append(flags, f)
		}
	}
	return flags
}

// flagDistractor compares a distractor with the key. The criterion is the rest
// of the test: the total holds the item itself, which speaks for any key.
func flagDistractor(it *ItemStats, o, key OptionStats, oneKey bool) (Flag, bool) {
	distractor, ok := o.PointBiserialRest.Get()
	keyed, keyOK := key.PointBiserialRest.Get()
	upper, lower := value(o.UpperShare), value(o.LowerShare)
	beyondChance := ok && exceeds(distractor, KeyCheckZ/math.Sqrt(float64(it.Given)))
	beatsKey := oneKey && o.UpperShare.Value != nil && key.UpperShare.Value != nil && exceeds(upper, value(key.UpperShare)) && exceeds(upper, lower)
	f := Flag{OptionID: o.OptionID, Figures: figures(map[string]Figure{
		"share":                   o.Share,
		"point_biserial_rest":     o.PointBiserialRest,
		"upper_share":             o.UpperShare,
		"lower_share":             o.LowerShare,
		"key_point_biserial_rest": key.PointBiserialRest,
		"key_upper_share":         key.UpperShare,
	})}
	evidence := fmt.Sprintf("Of the best 27 %% of learners %s chose it and %s the key %s; of the weakest 27 %%, %s chose it. Its point-biserial with the rest of the test is %s, the key's is %s.",
		percent(o.UpperShare), percent(key.UpperShare), key.Label, percent(o.LowerShare), decimals(o.PointBiserialRest), decimals(key.PointBiserialRest))
	switch {
	case beatsKey || (beyondChance && (!keyOK || exceeds(distractor, keyed))):
		f.Code = CheckKey
		f.Sentence = fmt.Sprintf("Good students chose %s: check the key. %s", o.Label, evidence)
	case beyondChance:
		f.Code = SecondRightAnswer
		f.Sentence = fmt.Sprintf("Better students tend to choose %s: ask whether it can be defended as a right answer too. %s", o.Label, evidence)
	default:
		return f, false
	}
	return f, true
}

func flagDiscrimination(it *ItemStats) []Flag {
	r, ok := it.Discrimination.Get()
	if ok && r < 0 {
		how := "worse here"
		if r > -KeyCheckZ/math.Sqrt(float64(it.Given)) {
			how = "no better here than others" // it may be chance that it is below zero
		}
		return []Flag{{
			Code:    NegativeDiscrimination,
			Figures: figures(map[string]Figure{"discrimination": it.Discrimination, "upper_lower_index": it.UpperLower}),
			Sentence: fmt.Sprintf("Learners who do well in the rest of the test do %s (item-rest correlation %s): check the key and the wording, or take the item out.",
				how, decimals(it.Discrimination)),
		}}
	}
	d, ok := it.UpperLower.Get()
	facility := value(it.Facility)
	if ok && exceeds(WeakUpperLower, d) && exceeds(facility, TooHardFacility) && exceeds(TooEasyFacility, facility) {
		return []Flag{{
			Code:    WeakDiscrimination,
			Figures: figures(map[string]Figure{"upper_lower_index": it.UpperLower, "discrimination": it.Discrimination}),
			Sentence: fmt.Sprintf("The item hardly tells good learners from weak ones (upper-lower index %s, it should be at least %s): revise it or use another.",
				decimals(it.UpperLower), trimmed(WeakUpperLower)),
		}}
	}
	return nil
}

func flagLevel(it *ItemStats) []Flag {
	facility, ok := it.Facility.Get()
	chance, known := it.Chance.Get()
	f := Flag{Figures: figures(map[string]Figure{"facility": it.Facility, "chance": it.Chance})}
	switch {
	case !ok:
		return nil
	case !exceeds(TooEasyFacility, facility):
		f.Code = TooEasy
		f.Sentence = fmt.Sprintf("Nearly everybody gets it right (%s of the marks): it tells little about learners.", percent(it.Facility))
	case !exceeds(facility, TooHardFacility):
		f.Code = TooHard
		f.Sentence = fmt.Sprintf("Hardly anybody gets it right (%s of the marks): check the key and whether it was taught.", percent(it.Facility))
	case known && !exceeds(facility, chance):
		f.Code = AtGuessing
		f.Sentence = fmt.Sprintf("Learners do no better than by guessing (%s of the marks, guessing gives %s): check the key and whether it was taught.", percent(it.Facility), percent(it.Chance))
	default:
		return nil
	}
	return []Flag{f}
}

func flagDistractors(it *ItemStats) []Flag {
	distractors, chosen := 0, 0.0
	for _, o := range it.Options {
		if !o.Key && !o.Omitted {
			distractors++
			chosen += value(o.Share)
		}
	}
	inReach := !exceeds(RareDistractorShare*float64(distractors), chosen)
	var flags []Flag
	for _, o := range it.Options {
		share, ok := o.Share.Get()
		if o.Key || o.Omitted || !ok || !exceeds(RareDistractorShare, share) || (o.N > 0 && !inReach) {
			continue
		}
		f := Flag{OptionID: o.OptionID, Figures: map[string]float64{"n": float64(o.N), "share": share}}
		if o.N == 0 {
			f.Code = UnusedDistractor
			f.Sentence = fmt.Sprintf("Nobody chose %s: replace it by a mistake that learners make, or leave it out.", o.Label)
		} else {
			f.Code = RareDistractor
			f.Sentence = fmt.Sprintf("Only %s chose %s (%s): it hardly works as a distractor.", people(o.N), o.Label, percent(o.Share))
		}
		flags = append(flags, f)
	}
	return flags
}

func flagWeight(it *ItemStats) []Flag {
	intended, ok := it.IntendedWeight.Get()
	if !ok {
		return nil
	}
	effective, ok := it.EffectiveWeight.Get()
	f := Flag{Figures: figures(map[string]Figure{"intended_weight": it.IntendedWeight, "effective_weight": it.EffectiveWeight})}
	switch {
	case !ok && value(it.ItemTotal) < 0:
		f.Code = NegativeWeight
		f.Sentence = fmt.Sprintf("The item works against the total: it was meant to make up %s of the test, and those who get it right have lower totals.", percent(it.IntendedWeight))
	case ok && exceeds(LowWeightShare*intended, effective):
		f.Code = LowWeight
		f.Sentence = fmt.Sprintf("The item was meant to make up %s of the test and makes up %s of what tells learners apart.", percent(it.IntendedWeight), percent(it.EffectiveWeight))
	default:
		return nil
	}
	return []Flag{f}
}

func flagOmits(it *ItemStats) []Flag {
	share := float64(it.Omits) / float64(it.Given)
	if exceeds(ManyOmittedShare, share) {
		return nil
	}
	return []Flag{{
		Code:     ManyOmitted,
		Figures:  map[string]float64{"omits": float64(it.Omits), "given": float64(it.Given), "share": share},
		Sentence: fmt.Sprintf("%d of %d learners left it blank (%s): it may be unclear, or there was no time for it.", it.Omits, it.Given, percent(figure(share))),
	}}
}

func flagAlpha(it *ItemStats, test Test) []Flag {
	with, ok := test.Alpha.Get()
	without, known := it.AlphaIfDeleted.Get()
	if !ok || !known || exceeds(with+AlphaGain, without) {
		return nil
	}
	return []Flag{{
		Code:     LowersAlpha,
		Figures:  map[string]float64{"alpha": with, "alpha_if_deleted": without},
		Sentence: fmt.Sprintf("The test would be more reliable without it (alpha %s in place of %s): it measures something else than the rest.", decimals(it.AlphaIfDeleted), decimals(test.Alpha)),
	}}
}

// flagTest looks at the test as a whole.
func flagTest(report *Report) []Flag {
	flags := []Flag{}
	if report.Learners < FewAttempts {
		flags = append(flags, Flag{
			Code:     TooFewAttempts,
			Figures:  map[string]float64{"learners": float64(report.Learners)},
			Sentence: fmt.Sprintf("Too few attempts to judge items by: there are %d, and below %d the figures are mostly chance.", report.Learners, FewAttempts),
		})
	}
	if alpha, ok := report.Test.Alpha.Get(); ok && exceeds(UnsatisfactoryAlpha, alpha) {
		flags = append(flags, Flag{
			Code:      UnsatisfactoryTest,
			Tentative: report.Learners < FewAttempts,
			Figures: figures(map[string]Figure{
				"alpha": report.Test.Alpha, "lower": report.Test.AlphaBetween.Lower, "upper": report.Test.AlphaBetween.Upper,
			}),
			Sentence: fmt.Sprintf("The test as a whole is not reliable enough to grade by (alpha %s, it should be at least %s): add items, or revise the ones flagged below.",
				decimals(report.Test.Alpha), trimmed(UnsatisfactoryAlpha)),
		})
	}
	return flags
}

// figures keeps the ones that could be computed.
func figures(of map[string]Figure) map[string]float64 {
	kept := make(map[string]float64, len(of))
	for name, f := range of {
		if v, ok := f.Get(); ok {
			kept[name] = v
		}
	}
	return kept
}

// exceeds reports whether a is larger than b by more than rounding, so that no flag
// depends on the order in which marks were added up.
func exceeds(a, b float64) bool { return a > b+1e-9 }

// value is the number, or 0.
func value(f Figure) float64 {
	v, _ := f.Get()
	return v
}

func people(n int) string {
	if n == 1 {
		return "1 learner"
	}
	return strconv.Itoa(n) + " learners"
}

// percent is a share for reading: "27 %", with a decimal below 10 %.
func percent(f Figure) string {
	v, ok := f.Get()
	if !ok {
		return "an unknown share"
	}
	precision := 0
	if v != 0 && math.Abs(v) < 0.0995 {
		precision = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(100*v, 'f', precision, 64), ".0") + " %"
}

// decimals is a coefficient for reading, with two decimals.
func decimals(f Figure) string {
	v, ok := f.Get()
	if !ok {
		return "not known"
	}
	return strconv.FormatFloat(math.Round(100*v)/100+0, 'f', 2, 64) // + 0: never "-0.00"
}

// trimmed is a threshold for reading.
func trimmed(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
