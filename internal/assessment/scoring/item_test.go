package scoring

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestParseNamesThePlaceOfTheFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place string // the error begins with it
		spoil func(d *event.ItemV1)
	}{
		{"item_id: ", func(d *event.ItemV1) { d.ItemID = uuid.Nil }},
		{"title: ", func(d *event.ItemV1) { d.Title = strings.Repeat("x", maxTitleBytes+1) }},
		{"title: ", func(d *event.ItemV1) { d.Title = "a\x00b" }},
		{"body_html: ", func(d *event.ItemV1) { d.BodyHTML = "\xff" }},
		{"explanation_html: ", func(d *event.ItemV1) { d.ExplanationHTML = strings.Repeat("x", maxMarkupBytes+1) }},
		{"weight: ", func(d *event.ItemV1) { d.Weight = "" }},
		{"weight: ", func(d *event.ItemV1) { d.Weight = "-1" }},
		{"hints_html: ", func(d *event.ItemV1) { d.HintsHTML = make([]string, maxHints+1) }},
		{"hints_html[1]: ", func(d *event.ItemV1) { d.HintsHTML = []string{"", "\x00"} }},
		{"parts: ", func(d *event.ItemV1) { d.Parts = nil }},
		{"parts: ", func(d *event.ItemV1) { d.Parts = make([]event.PartV1, maxParts+1) }},
		{"parts[0].part_id: ", func(d *event.ItemV1) { d.Parts[0].PartID = "" }},
		{"parts[0].part_id: ", func(d *event.ItemV1) { d.Parts[0].PartID = "a b" }},
		{"parts[0].part_id: ", func(d *event.ItemV1) { d.Parts[0].PartID = "a\u200b" }},
		{"parts[1].part_id: ", func(d *event.ItemV1) { d.Parts[1].PartID = d.Parts[0].PartID }},
		{"parts[0].kind: ", func(d *event.ItemV1) { d.Parts[0].Kind = "riddle" }},
		{"parts[0].prompt_html: ", func(d *event.ItemV1) { d.Parts[0].PromptHTML = "\x00" }},
		{"parts[0].label: ", func(d *event.ItemV1) { d.Parts[0].Label = "\x00" }},
		{"parts[0].correct_feedback_html: ", func(d *event.ItemV1) { d.Parts[0].CorrectFeedbackHTML = "\x00" }},
		{"parts[0].choices: ", func(d *event.ItemV1) { d.Parts[0].Choices = nil }},
		{"parts[0].choices: ", func(d *event.ItemV1) { d.Parts[0].Choices = make([]event.ChoiceV1, maxChoices+1) }},
		{"parts[0].numbers: ", func(d *event.ItemV1) { d.Parts[0].Numbers = d.Parts[3].Numbers }},
		{"parts[0].texts: ", func(d *event.ItemV1) { d.Parts[0].Texts = d.Parts[4].Texts }},
		{"parts[0].credit: ", func(d *event.ItemV1) { d.Parts[0].Credit = event.Halves }},
		{"parts[0].compounds: ", func(d *event.ItemV1) { d.Parts[0].Compounds = d.Parts[1].Compounds }},
		{"parts[1].credit: ", func(d *event.ItemV1) { d.Parts[1].Credit = "generous" }},
		{"parts[0].choices[1].choice_id: ", func(d *event.ItemV1) { d.Parts[0].Choices[1].ChoiceID = "a" }},
		{"parts[0].choices[1].choice_id: ", func(d *event.ItemV1) { d.Parts[0].Choices[1].ChoiceID = "b c" }},
		{"parts[0].choices[2].credit: ", func(d *event.ItemV1) { d.Parts[0].Choices[2].Credit = "1.5" }},
		{"parts[0].choices[2].credit: ", func(d *event.ItemV1) { d.Parts[0].Choices[2].Credit = "" }},
		{"parts[0].choices[2].html: ", func(d *event.ItemV1) { d.Parts[0].Choices[2].HTML = "\x00" }},
		{"parts[0].choices[0].unselected_feedback_html: ", func(d *event.ItemV1) { d.Parts[0].Choices[0].UnselectedFeedbackHTML = "x" }},
		{"parts[1].choices[0].credit: ", func(d *event.ItemV1) { d.Parts[1].Choices[0].Credit = "0.5" }},
		{"parts[1].compounds[0].choice_ids: ", func(d *event.ItemV1) { d.Parts[1].Compounds[0].ChoiceIDs = nil }},
		{"parts[1].compounds[0].choice_ids: ", func(d *event.ItemV1) { d.Parts[1].Compounds[0].ChoiceIDs = []string{"z"} }},
		{"parts[1].compounds[1].choice_ids: ", func(d *event.ItemV1) {
			d.Parts[1].Compounds = append(d.Parts[1].Compounds, event.CompoundFeedbackV1{ChoiceIDs: []string{"a", "c"}})
		}},
		{"parts[3].shuffle: ", func(d *event.ItemV1) { d.Parts[3].Shuffle = true }},
		{"parts[3].numbers: ", func(d *event.ItemV1) { d.Parts[3].Numbers = nil }},
		{"parts[3].numbers: ", func(d *event.ItemV1) { d.Parts[3].Numbers = make([]event.NumberKeyV1, maxKeys+1) }},
		{"parts[3].numbers[0].value: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].Value = "" }},
		{"parts[3].numbers[0].value: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].Value = "$z" }},
		{"parts[3].numbers[0].tolerance: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].Tolerance = "%" }},
		{"parts[3].numbers[0].tolerance: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].Tolerance = "-1%" }},
		{"parts[3].numbers[0].credit: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].Credit = "2" }},
		{"parts[3].numbers[0].low_open: ", func(d *event.ItemV1) { d.Parts[3].Numbers[0].LowOpen = true }},
		{"parts[3].numbers[1].value: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Value = "1" }},
		{"parts[3].numbers[1].low: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "x" }},
		{"parts[3].numbers[1].low_open: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "" }},
		{"parts[3].numbers[1].low: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "272000" }},
		{"parts[4].texts[0].match: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Match = "" }},
		{"parts[4].texts[0].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Pattern = "" }},
		{"parts[4].texts[0].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Pattern = " \n" }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = "a)(b" }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = `(a)\1` }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = strings.Repeat("a", maxPatternBytes+1) }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = strings.Repeat(".{999}", 6) }},
	} {
		def := basicItem()
		c.spoil(&def)
		if _, err := Parse(def); err == nil {
			t.Errorf("want an error at %q", c.place)
		} else if !strings.HasPrefix(err.Error(), c.place) {
			t.Errorf("the error %q is not at %q", err, c.place)
		}
	}
}

func TestParseTakesNoNoticeOfLaterChangesToTheDefinition(t *testing.T) {
	t.Parallel()
	def := basicItem()
	it := parse(t, def)
	before := fmt.Sprint(it.View(1), it.Key(0))
	def.Parts[0].Choices[0].ChoiceID = "changed"
	def.HintsHTML[0] = "changed"
	def.Parts[1].Compounds[0].ChoiceIDs[0] = "b"
	if after := fmt.Sprint(it.View(1), it.Key(0)); after != before {
		t.Errorf("the item changed from %s to %s", before, after)
	}
	if hint, _ := it.Hint(0, 0); hint != "SECRET-hint" {
		t.Errorf("the hint changed to %q", hint)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	it := parse(t, basicItem())
	if it.Hints() != 1 {
		t.Errorf("there are %d hints", it.Hints())
	}
	for _, i := range []int{-1, 1} {
		if _, ok := it.Hint(i, 0); ok {
			t.Errorf("there is a hint %d", i)
		}
	}
}

func TestParseNamesThePlaceOfTheFaultInEveryKind(t *testing.T) {
	t.Parallel()
	part := func(d *event.ItemV1, id string) *event.PartV1 {
		for i := range d.Parts {
			if d.Parts[i].PartID == id {
				return &d.Parts[i]
			}
		}
		t.Fatalf("there is no part %s", id)
		return nil
	}
	for _, c := range []struct {
		part, place string // the error is at the place within the part
		spoil       func(p *event.PartV1)
	}{
		{"truth", "weight: ", func(p *event.PartV1) { p.Weight = "-1" }},
		{"truth", "low_bound: ", func(p *event.PartV1) { p.LowBound = "-1001" }},
		{"truth", "low_bound: ", func(p *event.PartV1) { p.LowBound, p.HighBound = "0.5", "0.25" }},
		{"truth", "high_bound: ", func(p *event.PartV1) { p.HighBound = "1.01" }},
		{"truth", "presentation: ", func(p *event.PartV1) { p.Presentation = "blinking" }},
		{"truth", "incorrect_feedback_html: ", func(p *event.PartV1) { p.IncorrectFeedbackHTML = "\xff" }},
		{"truth", "choices: ", func(p *event.PartV1) { p.Choices = p.Choices[:1] }},
		{"truth", "choices: ", func(p *event.PartV1) { p.Choices[0].ChoiceID = "yes" }},
		{"truth", "choices[0].credit: ", func(p *event.PartV1) { p.Choices[0].Credit = "-1001" }},
		{"truth", "choices[0].area: ", func(p *event.PartV1) { p.Choices[0].Area = &event.AreaV1{Shape: event.WholeImage} }},
		{"truth", "choices[0].image: ", func(p *event.PartV1) { p.Choices[0].Image = picture() }},
		{"truth", "max_choices: ", func(p *event.PartV1) { p.MaxChoices = 2 }},
		{"truth", "credit: ", func(p *event.PartV1) { p.Credit = event.EveryChoice }},
		{"words", "credit: ", func(p *event.PartV1) { p.Credit = event.EveryPair }},
		{"words", "min_choices: ", func(p *event.PartV1) { p.MinChoices, p.MaxChoices = 3, 2 }},
		{"words", "min_choices: ", func(p *event.PartV1) { p.MinChoices = -1 }},
		{"words", "choices[0].credit: ", func(p *event.PartV1) { p.Choices[0].Credit = "-0.5" }},
		{"words", "choices[2].max_use: ", func(p *event.PartV1) { p.Choices[2].MaxUse = -1 }},
		{"spots", "image: ", func(p *event.PartV1) { p.Image = nil }},
		{"spots", "image.src: ", func(p *event.PartV1) { p.Image.Src = "" }},
		{"spots", "image.src: ", func(p *event.PartV1) { p.Image.Src = "javascript:alert(1)" }},
		{"spots", "image.alt: ", func(p *event.PartV1) { p.Image.Alt = "\x00" }},
		{"spots", "image.width: ", func(p *event.PartV1) { p.Image.Width = 0 }},
		{"spots", "image.width: ", func(p *event.PartV1) { p.Image.Height = maxPixels + 1 }},
		{"spots", "choices[1].area: ", func(p *event.PartV1) { p.Choices[1].Area = nil }},
		{"spots", "choices[1].area.shape: ", func(p *event.PartV1) { p.Choices[1].Area.Shape = "heart" }},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) { p.Choices[1].Area.Coords = []int{1, 2, 3} }},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) { p.Choices[1].Area = &event.AreaV1{Shape: event.Circle, Coords: []int{1, 2, -3}} }},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) { p.Choices[1].Area = &event.AreaV1{Shape: event.Polygon, Coords: make([]int, 5)} }},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) {
			p.Choices[1].Area = &event.AreaV1{Shape: event.Polygon, Coords: make([]int, 2002)}
		}},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) {
			p.Choices[1].Area = &event.AreaV1{Shape: event.Ellipse, Coords: []int{1, 1, 1, -1}}
		}},
		{"spots", "choices[1].area.coords: ", func(p *event.PartV1) { p.Choices[1].Area = &event.AreaV1{Shape: event.WholeImage, Coords: []int{1}} }},
		{"spots", "choices[1].area.coords[3]: ", func(p *event.PartV1) { p.Choices[1].Area.Coords[3] = maxPixels + 1 }},
		{"order", "orders: ", func(p *event.PartV1) { p.Orders = nil }},
		{"order", "orders[0]: ", func(p *event.PartV1) { p.Orders[0] = nil }},
		{"order", "orders[0]: ", func(p *event.PartV1) { p.Orders[0] = []string{"a", "q"} }},
		{"order", "orders[0]: ", func(p *event.PartV1) { p.Orders[0] = []string{"a", "b", "a"} }},
		{"order", "choices[0].credit: ", func(p *event.PartV1) { p.Choices[0].Credit = "1" }},
		{"order", "choices: ", func(p *event.PartV1) { p.Choices = make([]event.ChoiceV1, maxOrdered+1) }},
		{"order", "credit: ", func(p *event.PartV1) { p.Credit = event.SumOfCredits }},
		{"order", "targets: ", func(p *event.PartV1) { p.Targets = targets("X") }},
		{"route", "image.src: ", func(p *event.PartV1) { p.Image.Src = "map.png" }},
		{"route", "choices[0].area: ", func(p *event.PartV1) { p.Image = nil }},
		{"route", "choices[1].area: ", func(p *event.PartV1) { p.Choices[1].Area = nil }},
		{"match", "targets: ", func(p *event.PartV1) { p.Targets, p.Pairs = nil, nil }},
		{"match", "targets[1].target_id: ", func(p *event.PartV1) { p.Targets[1].TargetID = "X" }},
		{"match", "targets[1].target_id: ", func(p *event.PartV1) { p.Targets[1].TargetID = "a" }},
		{"match", "targets[1].html: ", func(p *event.PartV1) { p.Targets[1].HTML = "\xff" }},
		{"match", "targets[1].area: ", func(p *event.PartV1) { p.Targets[1].Area = &event.AreaV1{Shape: event.WholeImage} }},
		{"match", "targets[1].max_use: ", func(p *event.PartV1) { p.Targets[1].MaxUse = -1 }},
		{"match", "pairs[0].choice_id: ", func(p *event.PartV1) { p.Pairs[0].ChoiceID = "X" }},
		{"match", "pairs[0].target_id: ", func(p *event.PartV1) { p.Pairs[0].TargetID = "a" }},
		{"match", "pairs[1].choice_id: ", func(p *event.PartV1) { p.Pairs[1] = p.Pairs[0] }},
		{"match", "pairs[0].credit: ", func(p *event.PartV1) { p.Pairs[0].Credit = "0.5" }},
		{"match", "pairs[0].credit: ", func(p *event.PartV1) { p.Pairs[0].Credit = "" }},
		{"match", "pairs[0].feedback_html: ", func(p *event.PartV1) { p.Pairs[0].FeedbackHTML = "\xff" }},
		{"drag", "image: ", func(p *event.PartV1) { p.Image = nil }},
		{"drag", "targets[0].area: ", func(p *event.PartV1) { p.Targets[0].Area = nil }},
		{"drag", "choices[0].image.src: ", func(p *event.PartV1) { p.Choices[0].Image = &event.ImageV1{Alt: "x"} }},
		{"links", "pairs[0].target_id: ", func(p *event.PartV1) { p.Pairs[0].TargetID = "X" }},
		{"links", "pairs[1].choice_id: ", func(p *event.PartV1) { p.Pairs[1].ChoiceID, p.Pairs[1].TargetID = "c", "a" }},
		{"point", "image: ", func(p *event.PartV1) { p.Image = nil }},
		{"point", "areas[1].area.shape: ", func(p *event.PartV1) { p.Areas[1].Area.Shape = "" }},
		{"point", "areas[1].credit: ", func(p *event.PartV1) { p.Areas[1].Credit = "1.5" }},
		{"point", "choices: ", func(p *event.PartV1) { p.Choices = choices("1") }},
		{"number", "units[0].name: ", func(p *event.PartV1) { p.Units[0].Name = "" }},
		{"number", "units[0].name: ", func(p *event.PartV1) { p.Units[0].Name = " m" }},
		{"number", "units[0].name: ", func(p *event.PartV1) { p.Units[0].Name = "2m" }},
		{"number", "units[1].name: ", func(p *event.PartV1) { p.Units[1].Name = p.Units[0].Name }},
		{"number", "units[1].factor: ", func(p *event.PartV1) { p.Units[1].Factor = "0" }},
		{"number", "units[1].factor: ", func(p *event.PartV1) { p.Units[1].Factor = "many" }},
		{"number", "unit_penalty: ", func(p *event.PartV1) { p.UnitPenalty = "1.5" }},
		{"number", "unit_penalty: ", func(p *event.PartV1) { p.UnitPenalty = "-0.5" }},
		{"number", "units: ", func(p *event.PartV1) { p.Units = nil }},
		{"number", "numbers[0].figures: ", func(p *event.PartV1) { p.Numbers[0].Figures = -1 }},
		{"number", "numbers[1].decimals: ", func(p *event.PartV1) { *p.Numbers[1].Decimals = -1 }},
		{"number", "max_choices: ", func(p *event.PartV1) { p.MaxChoices = 1 }},
		{"slider", "slider: ", func(p *event.PartV1) { p.Slider = nil }},
		{"slider", "slider.low: ", func(p *event.PartV1) { p.Slider.Low = "11" }},
		{"slider", "slider.high: ", func(p *event.PartV1) { p.Slider.High = "" }},
		{"slider", "slider.step: ", func(p *event.PartV1) { p.Slider.Step = "-1" }},
		{"text", "texts[0].match: ", func(p *event.PartV1) { p.Texts[0].Match = "roughly" }},
		{"text", "texts[1].pattern: ", func(p *event.PartV1) { p.Texts[1].Pattern = "?!" }},
		{"text", "units: ", func(p *event.PartV1) { p.UnitRequired = true }},
		{"formula", "samples: ", func(p *event.PartV1) { p.Samples = -1 }},
		{"formula", "samples: ", func(p *event.PartV1) { p.Samples = maxSamples + 1 }},
		{"formula", "domain[0].name: ", func(p *event.PartV1) { p.Domain[0].Name = "x y" }},
		{"formula", "domain[0].name: ", func(p *event.PartV1) { p.Domain[0].Name = "n" }},
		{"formula", "domain[1].name: ", func(p *event.PartV1) { p.Domain[1].Name = "x" }},
		{"formula", "domain[1].low: ", func(p *event.PartV1) { p.Domain[1].Low = "4" }},
		{"formula", "domain: ", func(p *event.PartV1) { p.Domain = make([]event.DomainV1, maxDomain+1) }},
		{"formula", "formulas: ", func(p *event.PartV1) { p.Formulas = nil }},
		{"formula", "formulas[0].tolerance: ", func(p *event.PartV1) { p.Formulas[0].Tolerance = "-1" }},
		{"formula", "formulas[0].credit: ", func(p *event.PartV1) { p.Formulas[0].Credit = "one" }},
		{"essay", "essay.format: ", func(p *event.PartV1) { p.Essay.Format = "verse" }},
		{"essay", "essay.min_words: ", func(p *event.PartV1) { p.Essay.MinWords = 51 }},
		{"essay", "essay.attachments: ", func(p *event.PartV1) { p.Essay.Attachments = 101 }},
		{"essay", "essay.guidance_html: ", func(p *event.PartV1) { p.Essay.GuidanceHTML = "\x00" }},
		{"essay", "rubric[0].criterion_id: ", func(p *event.PartV1) { p.Rubric[0].CriterionID = "" }},
		{"essay", "rubric[1].criterion_id: ", func(p *event.PartV1) { p.Rubric = append(p.Rubric, p.Rubric[0]) }},
		{"essay", "rubric[0].levels: ", func(p *event.PartV1) { p.Rubric[0].Levels = nil }},
		{"essay", "rubric[0].levels[1].level_id: ", func(p *event.PartV1) { p.Rubric[0].Levels[1].LevelID = "SECRET-good" }},
		{"essay", "rubric[0].levels[1].points: ", func(p *event.PartV1) { p.Rubric[0].Levels[1].Points = "some" }},
		{"essay", "rubric: ", func(p *event.PartV1) { p.Rubric[0].Levels = p.Rubric[0].Levels[1:] }},
		{"upload", "upload.max_bytes: ", func(p *event.PartV1) { p.Upload.MaxBytes = -1 }},
		{"upload", "upload.media_types[0]: ", func(p *event.PartV1) { p.Upload.MediaTypes[0] = "" }},
		{"upload", "essay: ", func(p *event.PartV1) { p.Essay = &event.EssayV1{} }},
		{"other", "choices: ", func(p *event.PartV1) { p.Choices = choices("1") }},
		{"other", "max_choices: ", func(p *event.PartV1) { p.MaxChoices = 1 }},
	} {
		def := everyKind()
		p := part(&def, c.part)
		c.spoil(p)
		want := ""
		for i := range def.Parts {
			if &def.Parts[i] == p {
				want = fmt.Sprintf("parts[%d].%s", i, c.place)
			}
		}
		if _, err := Parse(def); err == nil {
			t.Errorf("%s: want an error at %q", c.part, want)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: the error %q is not at %q", c.part, err, want)
		}
	}
	for _, c := range []struct {
		place string
		spoil func(d *event.ItemV1)
	}{
		{"min_score: ", func(d *event.ItemV1) { d.MinScore = "0.5" }},
		{"min_score: ", func(d *event.ItemV1) { d.MinScore = "none" }},
		{"bands: ", func(d *event.ItemV1) { d.Bands = make([]event.BandV1, maxBands+1) }},
		{"bands[1].from: ", func(d *event.ItemV1) { d.Bands[1].From = "1.1" }},
		{"bands[1].from: ", func(d *event.ItemV1) { d.Bands[1].From = "" }},
		{"bands[0].feedback_html: ", func(d *event.ItemV1) { d.Bands[0].FeedbackHTML = "\xff" }},
	} {
		def := everyKind()
		c.spoil(&def)
		if _, err := Parse(def); err == nil || !strings.HasPrefix(err.Error(), c.place) {
			t.Errorf("the error %v is not at %q", err, c.place)
		}
	}
}

// Every fault names a place, then says what is wrong there.
func FuzzParse(f *testing.F) {
	for _, def := range []event.ItemV1{basicItem(), everyKind(), programmed()} {
		data, err := json.Marshal(def)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"item_id":"0198a1b2-0000-7000-8000-000000000001","weight":"1","parts":[{"part_id":"1","kind":"formula","domain":[{"name":"x","low":"-1e999","high":"1e999"}],"formulas":[{"expression":"x^x^x","credit":"1"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var def event.ItemV1
		if json.Unmarshal(data, &def) != nil {
			return
		}
		it, err := Parse(def)
		if err != nil {
			if place, message, ok := strings.Cut(err.Error(), ": "); !ok || place == "" || message == "" || strings.Contains(place, " ") {
				t.Fatalf("%q does not name its place", err)
			}
			return
		}
		response, full := it.FullResponse(1)
		for _, r := range []Response{nil, response, everyResponse()} {
			got := it.Score(r, 1)
			if !sameResult(got, it.Score(r, 1)) {
				t.Fatal("the second result differs")
			}
			if got.Score.Cmp(it.MinScore()) < 0 || got.Score.Cmp(it.MaxScore()) > 0 {
				t.Fatalf("%v is not between %v and %v", got.Score, it.MinScore(), it.MaxScore())
			}
			if it.program == nil {
				checkResult(t, it, got)
			}
		}
		if full && it.Check(response) != nil {
			t.Fatalf("the full response is refused: %v", it.Check(response))
		}
		if view := it.View(1); len(view.Parts) != len(def.Parts) || len(it.Key(1).Parts) != len(def.Parts) {
			t.Fatal("the view or the key lost a part")
		}
	})
}

func TestPartsTogetherHaveLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1+", 1500) + "1"
	many := itemOf()
	for i := range 7 {
		p := numerical(event.NumberKeyV1{Value: long, Credit: "1"})
		p.PartID = fmt.Sprint(i)
		many.Parts = append(many.Parts, p)
	}
	sampled := formula("x", "y", "x+y")
	sampled.Samples = maxSamples
	var asked []event.PartV1
	for range 7 {
		asked = append(asked, sampled)
	}
	drawn := itemOf(event.PartV1{Kind: event.Point, Image: picture()})
	for range 11 {
		drawn.Parts[0].Areas = append(drawn.Parts[0].Areas, event.AreaKeyV1{Credit: "1", Area: event.AreaV1{Shape: event.Polygon, Coords: make([]int, maxCoords)}})
	}
	for place, def := range map[string]event.ItemV1{
		"parts[6].numbers[0].value: the expressions": many,
		"parts[6].samples: the formulas":             itemOf(asked...),
		"parts[0].areas[10].area.coords: the areas":  drawn,
	} {
		if _, err := Parse(def); err == nil || !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%v is not at %q", err, place)
		}
	}
}

// The most expensive items and responses we could think of: unbounded, they would
// not come back.
func TestHostileItemsAreBounded(t *testing.T) {
	t.Parallel()
	heavy := strings.Repeat("x^999/3^999*", 80)
	undefined := itemOf(formula(heavy + "ln(-1-x^2)"))
	never := itemOf(numerical(event.NumberKeyV1{Value: "a", Credit: "1"}))
	never.Variables = []event.VariableV1{{Name: "a", Kind: event.FormulaVariable, Expression: strings.ReplaceAll(heavy, "x", "7.77") + "1/0"}}
	for name, def := range map[string]event.ItemV1{"a formula without a value": undefined, "a variable without a value": never} {
		start := time.Now()
		if _, err := Parse(def); err == nil {
			t.Errorf("%s is taken", name)
		}
		t.Logf("%s took %v", name, time.Since(start))
	}
	sampled := formula("x", "y", "x+y", "x-y", "2*x", "2*y")
	sampled.Samples = maxSamples
	areas := event.PartV1{Kind: event.Point, Image: picture(), MaxChoices: maxPoints}
	star := make([]int, maxCoords)
	for i := range star {
		star[i] = i * 7919 % 100
	}
	for range maxItemCoords / maxCoords {
		areas.Areas = append(areas.Areas, event.AreaKeyV1{Credit: "0.01", Area: event.AreaV1{Shape: event.Polygon, Coords: star}})
	}
	it := parse(t, itemOf(sampled, areas))
	response := Response{"1": write(strings.Repeat("x^9/3^99*", 100) + "1")}
	for i := range maxPoints {
		response["2"] = PartResponse{Points: append(response["2"].Points, [2]int{i, 99})}
	}
	start := time.Now()
	checkResult(t, it, it.Score(response, 0))
	t.Logf("scoring took %v", time.Since(start))
	start = time.Now()
	it.FullResponse(0)
	t.Logf("the full response took %v", time.Since(start))
}
