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

// basicItem has one part of each of the first kinds, and a marker in every field that a
// learner must not see before the release.
func basicItem() event.ItemV1 {
	single := choices("1", "0", "0.5")
	single[0].FeedbackHTML, single[1].FeedbackHTML = "SECRET-chosen-right", "SECRET-chosen-wrong"
	multiple := choices("1", "0", "1", "0", "0")
	for i := range multiple {
		multiple[i].FeedbackHTML = "SECRET-ticked-" + multiple[i].ChoiceID
		multiple[i].UnselectedFeedbackHTML = "SECRET-left-" + multiple[i].ChoiceID
	}
	multiple[4].Fixed = true
	return event.ItemV1{
		ItemID: itemID, Source: "problem/SECRET-source", Title: "Basic", BodyHTML: "<p>Body</p>", Weight: "5",
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

// match puts choices to targets: match("a", "X", "b", "Y").
func match(ids ...string) PartResponse {
	var r PartResponse
	for i := 0; i < len(ids); i += 2 {
		r.Pairs = append(r.Pairs, [2]string{ids[i], ids[i+1]})
	}
	return r
}

// click points at an image: click(10, 20, 30, 40).
func click(xy ...int) PartResponse {
	var r PartResponse
	for i := 0; i < len(xy); i += 2 {
		r.Points = append(r.Points, [2]int{xy[i], xy[i+1]})
	}
	return r
}

// attach hands in files called like their ids.
func attach(ids ...string) PartResponse {
	var r PartResponse
	for _, id := range ids {
		r.Files = append(r.Files, File{FileID: id, Name: id + ".pdf"})
	}
	return r
}

func targets(ids ...string) []event.TargetV1 {
	var list []event.TargetV1
	for _, id := range ids {
		list = append(list, event.TargetV1{TargetID: id, HTML: "<b>" + id + "</b>"})
	}
	return list
}

// pairs are of the key, each with the credit 1: pairs("a", "X", "b", "Y").
func pairs(ids ...string) []event.PairKeyV1 {
	var list []event.PairKeyV1
	for i := 0; i < len(ids); i += 2 {
		list = append(list, event.PairKeyV1{ChoiceID: ids[i], TargetID: ids[i+1], Credit: "1"})
	}
	return list
}

func picture() *event.ImageV1 {
	return &event.ImageV1{Src: "asset:0000/map.png", Alt: "A map", Width: 200, Height: 100}
}

func rect(left, top, right, bottom int) event.AreaV1 {
	return event.AreaV1{Shape: event.Rectangle, Coords: []int{left, top, right, bottom}}
}

// without is n choices that are no key, with these ids.
func without(ids ...string) []event.ChoiceV1 {
	var list []event.ChoiceV1
	for _, id := range ids {
		list = append(list, event.ChoiceV1{ChoiceID: id, HTML: "<i>" + id + "</i>"})
	}
	return list
}

// everyKind has a part of each kind, with the placeholders that belong to it, a
// variable, and a marker in every field that a learner must not see before the
// release.
func everyKind() event.ItemV1 {
	places := without("a", "b", "c")
	for i := range places {
		area := rect(10*i, 0, 10*i+9, 9)
		places[i].Area, places[i].FeedbackHTML = &area, "SECRET-spot"
	}
	places[0].Credit, places[1].Credit, places[2].Credit = "0.77701", "0.22299", "-0.77703"
	gaps := targets("X", "Y")
	for i := range gaps {
		area := rect(20*i, 20, 20*i+9, 29)
		gaps[i].Area = &area
	}
	spoken := func(keys []event.PairKeyV1) []event.PairKeyV1 {
		for i := range keys {
			keys[i].FeedbackHTML = "SECRET-pair"
		}
		return keys
	}
	truth := without("true", "false")
	truth[0].Credit, truth[1].Credit = "0", "1"
	words := choices("0", "1", "0")
	words[1].UnselectedFeedbackHTML = "SECRET-left"
	stops := without("a", "b")
	for i := range stops {
		area := rect(30*i, 40, 30*i+9, 49)
		stops[i].Area = &area
	}
	two := 2
	parts := []event.PartV1{
		{PartID: "truth", Kind: event.TrueFalse, Choices: truth},
		{PartID: "words", Kind: event.HotText, Choices: words, Compounds: []event.CompoundFeedbackV1{{ChoiceIDs: []string{"a"}, FeedbackHTML: "SECRET-compound"}}},
		{PartID: "spots", Kind: event.Hotspot, Choices: places, Credit: event.SumOfCredits, MaxChoices: 2, Image: picture()},
		{PartID: "order", Kind: event.Ordering, Choices: without("a", "b", "c", "d"), Orders: [][]string{{"c", "a", "d", "b"}}, Credit: event.Neighbours},
		{PartID: "match", Kind: event.Matching, Choices: without("a", "b", "c"), Targets: targets("X", "Y"), Shuffle: true, ShuffleTargets: true,
			Credit: event.EveryPair, Pairs: spoken(pairs("a", "Y", "b", "X", "c", "Y"))},
		{PartID: "gaps", Kind: event.GapMatch, Choices: without("a", "b", "c"), Targets: []event.TargetV1{{TargetID: "G", Label: "First gap"}, {TargetID: "H"}},
			Pairs: spoken(pairs("c", "G", "a", "H"))},
		{PartID: "drag", Kind: event.ImageGapMatch, Choices: without("a", "b"), Targets: gaps, Image: picture(), Pairs: spoken(pairs("b", "X", "a", "Y"))},
		{PartID: "route", Kind: event.Ordering, Image: picture(), Choices: stops, Orders: [][]string{{"b", "a"}}},
		{PartID: "links", Kind: event.Association, Choices: without("a", "b", "c", "d"), Pairs: spoken(pairs("a", "c", "b", "d"))},
		{PartID: "point", Kind: event.Point, Image: picture(), Areas: []event.AreaKeyV1{
			{Area: event.AreaV1{Shape: event.Circle, Coords: []int{133, 77, 13}}, Credit: "1", FeedbackHTML: "SECRET-area"},
			{Area: event.AreaV1{Shape: event.WholeImage}, Credit: "0.131313", FeedbackHTML: "SECRET-anywhere"}}},
		{PartID: "number", Kind: event.Numerical, UnitRequired: true, UnitPenalty: "0.77704",
			Units:   []event.UnitV1{{Name: "SECRETm", Factor: "1"}, {Name: "SECRETcm", Factor: "0.01"}},
			Numbers: []event.NumberKeyV1{{Value: "n*7770", Tolerance: "7.5%", Credit: "1", Geometric: true, FeedbackHTML: "SECRET-number"}, {Value: "7.77", Credit: "0.77705", Decimals: &two}}},
		{PartID: "slider", Kind: event.Slider, Slider: &event.SliderV1{Low: "0", High: "10", Step: "0.5"}, Numbers: []event.NumberKeyV1{{Low: "7.250001", High: "7.777777", Credit: "1"}}},
		{PartID: "text", Kind: event.Text, Texts: []event.TextKeyV1{
			{Match: event.MatchWildcardFold, Pattern: "secret*wild", Credit: "1", FeedbackHTML: "SECRET-text"},
			{Match: event.MatchNormalised, Pattern: "Sécret words", Credit: "0.5"}}},
		{PartID: "formula", Kind: event.Formula, Domain: []event.DomainV1{{Name: "x", Low: "-2", High: "2"}, {Name: "y", Low: "0", High: "3"}},
			Formulas: []event.FormulaKeyV1{{Expression: "77707*x + n*y^2", Credit: "1", Tolerance: "0.77708%", FeedbackHTML: "SECRET-formula"}}},
		{PartID: "essay", Kind: event.Essay, Weight: "2",
			Essay:  &event.EssayV1{Format: "plain", MinWords: 5, MaxWords: 50, TemplateHTML: "<p>Dear</p>", GuidanceHTML: "SECRET-guidance", Attachments: 1},
			Rubric: []event.CriterionV1{{CriterionID: "style", HTML: "Style", Levels: []event.LevelV1{{LevelID: "SECRET-good", HTML: "SECRET-good", Points: "7.7709"}, {LevelID: "bad", HTML: "SECRET-bad", Points: "0"}}}}},
		{PartID: "upload", Kind: event.FileUpload, MaxChoices: 2, Upload: &event.UploadV1{MediaTypes: []string{".pdf"}}},
		{PartID: "other", Kind: event.Unsupported, PromptHTML: "<p>A game</p>"},
	}
	for i := range parts {
		parts[i].CorrectFeedbackHTML, parts[i].IncorrectFeedbackHTML = "SECRET-correct", "SECRET-incorrect"
	}
	return event.ItemV1{
		ItemID: itemID, Source: "SECRET-source", Title: "Every kind", Weight: "17", MinScore: "-1.77706",
		BodyHTML:  `<p>With <span data-variable="n"></span> <span data-gap="gaps/G"></span> <span data-choice="words/a">words</span></p>`,
		HintsHTML: []string{"SECRET-hint"}, ExplanationHTML: "SECRET-explanation",
		Bands:     []event.BandV1{{From: "0.77711", FeedbackHTML: "SECRET-band"}, {From: "0", FeedbackHTML: "SECRET-low-band"}},
		Variables: []event.VariableV1{{Name: "n", Kind: event.RangeVariable, Low: "2", High: "9"}},
		Parts:     parts,
	}
}

// everyResponse answers every part of everyKind, most of them wrong.
func everyResponse() Response {
	return Response{
		"truth": pick("true"), "words": pick("a"), "spots": pick("a", "b"), "order": pick("a", "b", "c", "d"), "match": match("a", "Y", "b", "X"), "gaps": match("c", "G"),
		"drag": match("b", "X"), "route": pick("a", "b"), "links": match("c", "a"), "point": click(133, 77), "number": write("15540 SECRETm"), "slider": write("7.5"), "text": write("SECRET and wild"),
		"formula": write("77707*x + 2*y^2"), "essay": {Text: "My own few words", Files: attach("a").Files}, "upload": attach("b"),
	}
}

// qtiItem is the source of a program with these declarations and rules.
func qtiItem(content string) string {
	return `<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="i" title="T" adaptive="false" time-dependent="false">` + content + `</qti-assessment-item>`
}

// programmed is scored by a program: the sum of two numbers that are drawn, and a
// choice, with feedback.
func programmed() event.ItemV1 {
	return event.ItemV1{
		ItemID: itemID, Title: "Programmed", Weight: "3", MinScore: "-1", ExplanationHTML: "SECRET-explanation",
		BodyHTML: `<p>What is <span data-variable="A"></span> + <span data-variable="B"></span>?</p><div data-when="HARD" data-is="true">It is hard.</div>`,
		Parts: []event.PartV1{
			{PartID: "SUM", Kind: event.Numerical},
			{PartID: "PICK", Kind: event.MultipleChoice, Choices: without("x", "y", "z")},
		},
		Program: &event.ProgramV1{Language: "qti-3.0", Max: "4", Source: qtiItem(`
<qti-response-declaration identifier="SUM" cardinality="single" base-type="integer"/>
<qti-response-declaration identifier="PICK" cardinality="multiple" base-type="identifier">
  <qti-correct-response><qti-value>z</qti-value><qti-value>x</qti-value></qti-correct-response>
  <qti-mapping default-value="-1"><qti-map-entry map-key="x" mapped-value="1"/><qti-map-entry map-key="z" mapped-value="1"/></qti-mapping>
</qti-response-declaration>
<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"><qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>
<qti-outcome-declaration identifier="FEEDBACK" cardinality="single" base-type="identifier"/>
<qti-template-declaration identifier="A" cardinality="single" base-type="integer"/>
<qti-template-declaration identifier="B" cardinality="single" base-type="integer"/>
<qti-template-declaration identifier="HARD" cardinality="single" base-type="boolean"/>
<qti-template-processing>
  <qti-set-template-value identifier="A"><qti-random-integer min="1" max="50"/></qti-set-template-value>
  <qti-set-template-value identifier="B"><qti-random-integer min="1" max="50"/></qti-set-template-value>
  <qti-set-template-value identifier="HARD"><qti-gt><qti-sum><qti-variable identifier="A"/><qti-variable identifier="B"/></qti-sum><qti-base-value base-type="integer">50</qti-base-value></qti-gt></qti-set-template-value>
  <qti-set-correct-response identifier="SUM"><qti-sum><qti-variable identifier="A"/><qti-variable identifier="B"/></qti-sum></qti-set-correct-response>
</qti-template-processing>
<qti-response-processing>
  <qti-set-outcome-value identifier="SCORE"><qti-map-response identifier="PICK"/></qti-set-outcome-value>
  <qti-response-condition>
    <qti-response-if><qti-match><qti-variable identifier="SUM"/><qti-correct identifier="SUM"/></qti-match>
      <qti-set-outcome-value identifier="SCORE"><qti-sum><qti-variable identifier="SCORE"/><qti-base-value base-type="float">2</qti-base-value></qti-sum></qti-set-outcome-value>
      <qti-set-outcome-value identifier="FEEDBACK"><qti-base-value base-type="identifier">good</qti-base-value></qti-set-outcome-value>
    </qti-response-if>
    <qti-response-else><qti-set-outcome-value identifier="FEEDBACK"><qti-base-value base-type="identifier">bad</qti-base-value></qti-set-outcome-value></qti-response-else>
  </qti-response-condition>
</qti-response-processing>`),
			Feedbacks: []event.OutcomeFeedbackV1{
				{Outcome: "FEEDBACK", Identifier: "good", Title: "Well done", FeedbackHTML: `SECRET-good, <span data-variable="A"></span>`},
				{Outcome: "FEEDBACK", Identifier: "good", Hide: true, FeedbackHTML: `SECRET-hidden: <span data-variable="SCORE"></span>`},
			}},
	}
}
