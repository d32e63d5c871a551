package scoring

import (
	"fmt"
	"strings"
	"testing"

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
		{"parts[0].kind: ", func(d *event.ItemV1) { d.Parts[0].Kind = "essay" }},
		{"parts[0].prompt_html: ", func(d *event.ItemV1) { d.Parts[0].PromptHTML = "\x00" }},
		{"parts[0].label: ", func(d *event.ItemV1) { d.Parts[0].Label = "\x00" }},
		{"parts[0].correct_feedback_html: ", func(d *event.ItemV1) { d.Parts[0].CorrectFeedbackHTML = "\x00" }},
		{"parts[0].choices: ", func(d *event.ItemV1) { d.Parts[0].Choices = nil }},
		{"parts[0].choices: ", func(d *event.ItemV1) { d.Parts[0].Choices = make([]event.ChoiceV1, maxChoices+1) }},
		{"parts[0].numbers: ", func(d *event.ItemV1) { d.Parts[0].Numbers = d.Parts[3].Numbers }},
		{"parts[0].texts: ", func(d *event.ItemV1) { d.Parts[0].Texts = d.Parts[4].Texts }},
		{"parts[0].credit: ", func(d *event.ItemV1) { d.Parts[0].Credit = event.Halves }},
		{"parts[0].credit: ", func(d *event.ItemV1) { d.Parts[0].Compounds = d.Parts[1].Compounds }},
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
		{"parts[3].numbers[0].only a range", func(d *event.ItemV1) { d.Parts[3].Numbers[0].LowOpen = true }},
		{"parts[3].numbers[1].a range has", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Value = "1" }},
		{"parts[3].numbers[1].low: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "x" }},
		{"parts[3].numbers[1].low_open: ", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "" }},
		{"parts[3].numbers[1].the range is empty", func(d *event.ItemV1) { d.Parts[3].Numbers[1].Low = "272000" }},
		{"parts[4].texts[0].match: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Match = "" }},
		{"parts[4].texts[0].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Pattern = "" }},
		{"parts[4].texts[0].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[0].Pattern = " \n" }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = "a)(b" }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = `(a)\1` }},
		{"parts[4].texts[1].pattern: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = strings.Repeat("a", maxPatternBytes+1) }},
		{"parts[4].texts: ", func(d *event.ItemV1) { d.Parts[4].Texts[1].Pattern = strings.Repeat(".{999}", 6) }},
	} {
		def := everyKind()
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
	def := everyKind()
	it := parse(t, def)
	before := fmt.Sprint(it.View(1), it.Key())
	def.Parts[0].Choices[0].ChoiceID = "changed"
	def.HintsHTML[0] = "changed"
	def.Parts[1].Compounds[0].ChoiceIDs[0] = "b"
	if after := fmt.Sprint(it.View(1), it.Key()); after != before {
		t.Errorf("the item changed from %s to %s", before, after)
	}
	if hint, _ := it.Hint(0); hint != "SECRET-hint" {
		t.Errorf("the hint changed to %q", hint)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	if it.Hints() != 1 {
		t.Errorf("there are %d hints", it.Hints())
	}
	for _, i := range []int{-1, 1} {
		if _, ok := it.Hint(i); ok {
			t.Errorf("there is a hint %d", i)
		}
	}
}
