package scoring

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// part is one response of an item with its key.
type part struct {
	id                string
	kind              event.PartKind
	takes             shape
	prompt            markup
	label             string
	presentation      string
	correctFeedback   markup
	incorrectFeedback markup
	weight            Score // in proportion to the other parts
	max               Score // of the item
	low, high         Score // bounds of the credit
	least, most       int   // how many choices, pairs, points or files; most 0: any number
	image             *image
	task              task
}

// task is what a part asks for, and its key. There is one for each group of
// kinds.
type task interface {
	// check finds the first fault of a response whose shape and size are right.
	check(r PartResponse) *FieldError
	// judge scores a response that has passed check and is not empty.
	judge(r PartResponse, d draw) verdict
	// show adds what a learner sees.
	show(v *PartView, d draw)
	// answers are what earns credit.
	answers(d draw) []Answer
	// full is a response that may earn full credit.
	full(d draw) (PartResponse, bool)
}

// shape is a set of members that a response may have.
type shape uint8

const (
	choiceShape shape = 1 << iota
	textShape
	pairShape
	pointShape
	fileShape
)

// kind says what a kind of part takes and has.
type kind struct {
	takes shape
	parse func(p *part, def event.PartV1, s *scope) (task, error)
	rules []event.PartialCredit
	one   bool // one choice
	has   []string
}

// The rules of the kinds; the one that is always there, AllOrNothing, is not named.
var (
	rulesOfOne    = []event.PartialCredit{event.SumOfCredits}
	rulesOfSets   = []event.PartialCredit{event.EveryChoice, event.Halves, event.SumOfCredits}
	rulesOfPairs  = []event.PartialCredit{event.EveryPair, event.SumOfCredits}
	rulesOfOrders = []event.PartialCredit{event.EveryPlace, event.Neighbours, event.LongestRun}
)

// kindOf describes a kind. has are the fields that a part of it may have besides
// those of every part.
func kindOf(k event.PartKind) (kind, bool) {
	switch k {
	case event.SingleChoice, event.Dropdown, event.TrueFalse:
		return kind{takes: choiceShape, parse: parseChoiceTask, rules: rulesOfOne, one: true, has: []string{"choices", "shuffle"}}, true
	case event.MultipleChoice, event.HotText:
		return kind{takes: choiceShape, parse: parseChoiceTask, rules: rulesOfSets, has: []string{"choices", "shuffle", "compounds"}}, true
	case event.Hotspot:
		return kind{takes: choiceShape, parse: parseChoiceTask, rules: rulesOfSets, has: []string{"choices", "shuffle", "compounds", "image"}}, true
	case event.Ordering:
		return kind{takes: choiceShape, parse: parseOrderTask, rules: rulesOfOrders, has: []string{"choices", "shuffle", "orders", "image"}}, true
	case event.Matching, event.GapMatch:
		return kind{takes: pairShape, parse: parsePairTask, rules: rulesOfPairs, has: []string{"choices", "shuffle", "targets", "shuffle_targets", "pairs"}}, true
	case event.ImageGapMatch:
		return kind{takes: pairShape, parse: parsePairTask, rules: rulesOfPairs, has: []string{"choices", "shuffle", "targets", "shuffle_targets", "pairs", "image"}}, true
	case event.Association:
		return kind{takes: pairShape, parse: parsePairTask, rules: rulesOfPairs, has: []string{"choices", "shuffle", "pairs", "image"}}, true
	case event.Point:
		return kind{takes: pointShape, parse: parsePointTask, has: []string{"image", "areas"}}, true
	case event.Numerical:
		return kind{takes: textShape, parse: parseNumberTask, has: []string{"numbers", "units"}}, true
	case event.Slider:
		return kind{takes: textShape, parse: parseSliderTask, has: []string{"numbers", "slider"}}, true
	case event.Text:
		return kind{takes: textShape, parse: parseTextTask, has: []string{"texts"}}, true
	case event.Formula:
		return kind{takes: textShape, parse: parseFormulaTask, has: []string{"formulas", "domain", "samples"}}, true
	case event.Essay:
		return kind{takes: textShape | fileShape, parse: parseEssayTask, has: []string{"essay", "rubric"}}, true
	case event.FileUpload:
		return kind{takes: fileShape, parse: parseUploadTask, has: []string{"upload", "rubric"}}, true
	case event.Unsupported:
		return kind{parse: parseNothing}, true
	}
	return kind{}, false
}

// counted reports whether the response of a kind has a number of things that can
// be bounded; the files of an essay are counted as attachments.
func (k kind) counted() bool { return k.takes != 0 && k.takes&textShape == 0 }

// parsePart reads a part but for its share of the item. Its errors begin with the
// name of the field.
func parsePart(def event.PartV1, s *scope) (part, error) {
	p := part{id: def.PartID, kind: def.Kind, label: def.Label, presentation: def.Presentation, least: def.MinChoices, most: def.MaxChoices}
	k, ok := kindOf(def.Kind)
	if !ok {
		return p, cmp.Or(checkID("part_id", def.PartID), fmt.Errorf("kind: %s is not a kind of part", quote(string(def.Kind))))
	}
	p.takes = k.takes
	var errs [3]error
	p.prompt, errs[0] = parseMarkup("prompt_html", def.PromptHTML, s.names)
	p.correctFeedback, errs[1] = parseMarkup("correct_feedback_html", def.CorrectFeedbackHTML, s.names)
	p.incorrectFeedback, errs[2] = parseMarkup("incorrect_feedback_html", def.IncorrectFeedbackHTML, s.names)
	if err := cmp.Or(
		checkID("part_id", def.PartID), errs[0], errs[1], errs[2],
		checkText("label", def.Label, 0, maxTitleBytes),
		checkPresentation(def.Presentation),
		checkFields(def, k, s.programmed),
		p.setWeight(def), p.setBounds(def), p.setCounts(def, k), p.setImage(def),
	); err != nil {
		return p, err
	}
	var err error
	p.task, err = k.parse(&p, def, s)
	return p, err
}

func checkPresentation(p string) error {
	switch p {
	case "", "horizontal", "vertical":
		return nil
	}
	return fmt.Errorf("presentation: %s is not horizontal or vertical", quote(p))
}

// checkFields refuses rules and fields that belong to another kind, and keys
// where a program scores the item.
func checkFields(def event.PartV1, k kind, programmed bool) error {
	for _, f := range []struct {
		name    string
		present bool
		key     bool
	}{
		{"choices", len(def.Choices) > 0, false},
		{"shuffle", def.Shuffle, false},
		{"compounds", len(def.Compounds) > 0, true},
		{"targets", len(def.Targets) > 0, false},
		{"shuffle_targets", def.ShuffleTargets, false},
		{"pairs", len(def.Pairs) > 0, true},
		{"orders", len(def.Orders) > 0, true},
		{"image", def.Image != nil, false},
		{"areas", len(def.Areas) > 0, true},
		{"numbers", len(def.Numbers) > 0, true},
		{"units", len(def.Units) > 0 || def.UnitRequired || def.UnitPenalty != "", true},
		{"texts", len(def.Texts) > 0, true},
		{"slider", def.Slider != nil, false},
		{"formulas", len(def.Formulas) > 0, true},
		{"domain", len(def.Domain) > 0, false},
		{"samples", def.Samples != 0, false},
		{"essay", def.Essay != nil, false},
		{"upload", def.Upload != nil, false},
		{"rubric", len(def.Rubric) > 0, false},
	} {
		switch {
		case !f.present:
		case !slices.Contains(k.has, f.name):
			return fmt.Errorf("%s: a %s part has none", f.name, def.Kind)
		case f.key && programmed:
			return fmt.Errorf("%s: the item is scored by its program", f.name)
		}
	}
	if def.Credit != event.AllOrNothing && !slices.Contains(k.rules, def.Credit) {
		return fmt.Errorf("credit: %s is not a rule of %s parts", quote(string(def.Credit)), def.Kind)
	}
	return nil
}

func (p *part) setWeight(def event.PartV1) error {
	switch {
	case def.Weight == "" && def.Kind == event.Unsupported:
		return nil
	case def.Weight == "":
		p.weight = whole
		return nil
	}
	var err error
	if p.weight, err = ParseScore(def.Weight); err != nil {
		return fmt.Errorf("weight: %w", err)
	}
	return nil
}

func (p *part) setBounds(def event.PartV1) error {
	p.high = whole
	var err error
	if def.LowBound != "" {
		if p.low, err = parseShare("low_bound", def.LowBound, minCredit); err != nil {
			return err
		}
	}
	if def.HighBound != "" {
		if p.high, err = parseShare("high_bound", def.HighBound, minCredit); err != nil {
			return err
		}
	}
	if p.low.Cmp(p.high) > 0 {
		return errors.New("low_bound: it is above high_bound")
	}
	return nil
}

// setCounts fixes how many choices, pairs, points or files a response has.
func (p *part) setCounts(def event.PartV1, k kind) error {
	if err := cmp.Or(
		checkCount("min_choices", def.MinChoices, 0, maxPairs),
		checkCount("max_choices", def.MaxChoices, 0, maxPairs),
	); err != nil {
		return err
	}
	switch {
	case !k.counted():
		if def.MinChoices+def.MaxChoices > 0 {
			return fmt.Errorf("max_choices: a %s part has nothing to count", def.Kind)
		}
	case k.one && def.MaxChoices > 1:
		return fmt.Errorf("max_choices: only one of a %s part can be chosen", def.Kind)
	case p.most == 0 && (k.one || k.takes&pointShape != 0 || k.takes == fileShape):
		p.most = 1
	}
	if p.most > 0 && p.least > p.most {
		return fmt.Errorf("min_choices: %d is more than the %d that can be given", p.least, p.most)
	}
	return nil
}

// setImage takes the image that the part is about.
func (p *part) setImage(def event.PartV1) error {
	switch {
	case def.Image != nil:
		im, err := parseImage("image", def.Image, true)
		p.image = &im
		return err
	case def.Kind == event.Hotspot || def.Kind == event.Point || def.Kind == event.ImageGapMatch:
		return fmt.Errorf("image: a %s part has one", def.Kind)
	}
	return nil
}

// score scores a response to the part.
func (p *part) score(r PartResponse, d draw) PartResult {
	result := PartResult{PartID: p.id, Answered: r.answered(), Max: p.max}
	var v verdict
	switch fault := p.check(r); {
	case fault != nil:
		v.how = "The answer cannot be scored: " + fault.Message + "."
	case !result.Answered:
		v.how = "Not answered."
	default:
		v = p.task.judge(r, d)
		p.bound(&v)
		p.general(&v)
	}
	p.settle(&result, v, d)
	return result
}

// bound holds the credit within the part's bounds.
func (p *part) bound(v *verdict) {
	held := v.credit.within(p.low, p.high)
	if held == v.credit || held.Cmp(v.credit) == 0 || v.needsMarking {
		return
	}
	if v.credit.Cmp(held) < 0 {
		v.how += fmt.Sprintf(" The part earns no less than %s.", worth(held))
	} else {
		v.how += fmt.Sprintf(" The part earns no more than %s.", worth(held))
	}
	v.credit = held
}

// general adds the part's own feedback if there is none that is more specific.
func (p *part) general(v *verdict) {
	switch {
	case len(v.feedback) > 0 || v.needsMarking:
	case v.credit.isWhole():
		v.say(&p.correctFeedback)
	default:
		v.say(&p.incorrectFeedback)
	}
}

// settle puts a verdict into a result.
func (p *part) settle(result *PartResult, v verdict, d draw) {
	result.Correct = v.credit.isWhole()
	result.Credit = v.credit
	result.Score = v.credit.times(p.max)
	result.NeedsMarking = v.needsMarking
	result.How = v.how
	for _, m := range v.feedback {
		result.FeedbackHTML = append(result.FeedbackHTML, m.render(d))
	}
}

// nothing is the task of a part that takes no response.
type nothing struct{}

func parseNothing(*part, event.PartV1, *scope) (task, error) { return nothing{}, nil }

func (nothing) check(PartResponse) *FieldError         { return nil }
func (nothing) judge(PartResponse, draw) verdict       { return verdict{how: "There is nothing to score."} }
func (nothing) show(*PartView, draw)                   {}
func (nothing) answers(draw) []Answer                  { return nil }
func (nothing) full(draw) (r PartResponse, known bool) { return r, true }
