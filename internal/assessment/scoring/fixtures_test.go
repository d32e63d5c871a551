package scoring

import (
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

var itemID = uuid.MustParse("0198a1b2-0000-7000-8000-000000000001")

// itemOf is an item of weight 1 with these parts, numbered from "1".
func itemOf(parts ...event.PartV1) event.ItemV1 {
	for i := range parts {
		if parts[i].PartID == "" {
			parts[i].PartID = string(rune('1' + i))
		}
	}
	return event.ItemV1{ItemID: itemID, Title: "T", BodyHTML: "<p>B</p>", Weight: "1", Parts: parts}
}

func parse(t testing.TB, def event.ItemV1) *Item {
	t.Helper()
	it, err := Parse(def)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return it
}

// choices are a, b, c, ... with these credits.
func choices(credits ...string) []event.ChoiceV1 {
	var list []event.ChoiceV1
	for i, credit := range credits {
		id := string(rune('a' + i))
		list = append(list, event.ChoiceV1{ChoiceID: id, HTML: "<i>" + id + "</i>", Credit: credit})
	}
	return list
}

func pick(ids ...string) PartResponse { return PartResponse{Choices: ids} }
func write(text string) PartResponse  { return PartResponse{Text: text} }
func one(r PartResponse) Response     { return Response{"1": r} }
func numerical(keys ...event.NumberKeyV1) event.PartV1 {
	return event.PartV1{Kind: event.Numerical, Numbers: keys}
}
func textual(keys ...event.TextKeyV1) event.PartV1 {
	return event.PartV1{Kind: event.Text, Texts: keys}
}

// everyKind has one part of each kind, and a marker in every field that a
// learner must not see before the release.
func everyKind() event.ItemV1 {
	single := choices("1", "0", "0.5")
	single[0].FeedbackHTML, single[1].FeedbackHTML = "SECRET-chosen-right", "SECRET-chosen-wrong"
	multiple := choices("1", "0", "1", "0", "0")
	for i := range multiple {
		multiple[i].FeedbackHTML = "SECRET-ticked-" + multiple[i].ChoiceID
		multiple[i].UnselectedFeedbackHTML = "SECRET-left-" + multiple[i].ChoiceID
	}
	multiple[4].Fixed = true
	return event.ItemV1{
		ItemID: itemID, Source: "problem/SECRET-source", Title: "Every kind", BodyHTML: "<p>Body</p>", Weight: "5",
		HintsHTML: []string{"SECRET-hint"}, ExplanationHTML: "SECRET-explanation",
		Parts: []event.PartV1{
			{PartID: "1", Kind: event.SingleChoice, PromptHTML: "<p>One</p>", Label: "One", Choices: single, Shuffle: true, CorrectFeedbackHTML: "SECRET-correct-1"},
			{PartID: "2", Kind: event.MultipleChoice, Choices: multiple, Shuffle: true, Credit: event.Halves,
				CorrectFeedbackHTML: "SECRET-correct-2",
				Compounds:           []event.CompoundFeedbackV1{{ChoiceIDs: []string{"c", "a"}, FeedbackHTML: "SECRET-compound"}}},
			{PartID: "3", Kind: event.Dropdown, Choices: choices("0", "1")},
			{PartID: "4", Kind: event.Numerical, CorrectFeedbackHTML: "SECRET-correct-4", Numbers: []event.NumberKeyV1{
				{Value: "271828", Tolerance: "1%", Credit: "1", FeedbackHTML: "SECRET-number"},
				{Low: "271000", High: "272000", LowOpen: true, Credit: "0.5"}}},
			{PartID: "5", Kind: event.Text, Texts: []event.TextKeyV1{
				{Match: event.MatchFold, Pattern: "SECRET-fold", Credit: "1", FeedbackHTML: "SECRET-text"},
				{Match: event.MatchRegexp, Pattern: "SECRET-(re)+", Credit: "0.25"}}},
		},
	}
}
