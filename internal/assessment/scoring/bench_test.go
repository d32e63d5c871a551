package scoring

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// BenchmarkScore scores one item with one part of a kind. None takes more than
// 20 microseconds but formula and calculated.
func BenchmarkScore(b *testing.B) {
	area := rect(0, 0, 9, 9)
	spots := choices("1", "0", "1")
	for i := range spots {
		spots[i].Area = &area
	}
	gaps := targets("X", "Y", "Z")
	for i := range gaps {
		gaps[i].Area = &area
	}
	plain := func(word event.TextMatch, pattern string) event.PartV1 {
		return textual(event.TextKeyV1{Match: word, Pattern: pattern, Credit: "1"})
	}
	measured := numerical(event.NumberKeyV1{Value: "3.14", Tolerance: "1%", Credit: "1", Figures: 3})
	measured.Units = []event.UnitV1{{Name: "m", Factor: "1"}, {Name: "cm", Factor: "0.01"}}
	calculated := itemOf(numerical(event.NumberKeyV1{Value: "a*b/2", Tolerance: "1%", Credit: "1"}))
	calculated.Variables = []event.VariableV1{
		{Name: "a", Kind: event.RangeVariable, Low: "1", High: "9", Step: "0.5"}, {Name: "b", Kind: event.FormulaVariable, Expression: "sqrt(a)", Decimals: new(2)},
	}
	for _, c := range []struct {
		name     string
		item     event.ItemV1
		response PartResponse
	}{
		{"single_choice", itemOf(event.PartV1{Kind: event.SingleChoice, Choices: choices("1", "0", "0", "0")}), pick("a")},
		{"true_false", itemOf(event.PartV1{Kind: event.TrueFalse, Choices: []event.ChoiceV1{{ChoiceID: "true", Credit: "1"}, {ChoiceID: "false", Credit: "-1"}}}), pick("true")},
		{"dropdown", itemOf(event.PartV1{Kind: event.Dropdown, Choices: choices("1", "0", "0", "0")}), pick("b")},
		{"multiple_choice", itemOf(event.PartV1{Kind: event.MultipleChoice, Credit: event.EveryChoice, Choices: choices("1", "0", "1", "0", "0")}), pick("a", "c")},
		{"multiple_choice by sum", itemOf(event.PartV1{Kind: event.MultipleChoice, Credit: event.SumOfCredits, Choices: choices("0.5", "-0.25", "0.5", "-0.25", "-0.5")}), pick("a", "b", "c")},
		{"hot_text", itemOf(event.PartV1{Kind: event.HotText, Choices: choices("1", "0", "1", "0")}), pick("a", "c")},
		{"hotspot", itemOf(event.PartV1{Kind: event.Hotspot, Choices: spots, Image: picture()}), pick("a", "c")},
		{"ordering", itemOf(event.PartV1{Kind: event.Ordering, Credit: event.LongestRun, Choices: without(spell("abcdef")...), Orders: [][]string{spell("abcdef")}}), pick(spell("bacdfe")...)},
		{"matching", itemOf(event.PartV1{Kind: event.Matching, Credit: event.EveryPair, Choices: without(spell("abcdef")...), Targets: targets("X", "Y", "Z"), Pairs: pairs("a", "X", "b", "Y", "c", "Z", "d", "X")}), match("a", "X", "b", "Y", "c", "Z", "d", "Y")},
		{"gap_match", itemOf(event.PartV1{Kind: event.GapMatch, Choices: without("a", "b", "c"), Targets: targets("X", "Y", "Z"), Pairs: pairs("a", "X", "b", "Y", "c", "Z")}), match("a", "X", "b", "Y", "c", "Z")},
		{"image_gap", itemOf(event.PartV1{Kind: event.ImageGapMatch, Choices: without("a", "b", "c"), Targets: gaps, Image: picture(), Pairs: pairs("a", "X", "b", "Y", "c", "Z")}), match("a", "X", "b", "Y", "c", "Z")},
		{"association", itemOf(event.PartV1{Kind: event.Association, Choices: without(spell("abcd")...), Pairs: pairs("a", "b", "c", "d")}), match("b", "a", "c", "d")},
		{"point", itemOf(event.PartV1{Kind: event.Point, Image: picture(), MaxChoices: 2, Areas: []event.AreaKeyV1{
			{Area: event.AreaV1{Shape: event.Polygon, Coords: []int{50, 0, 21, 90, 98, 35, 2, 35, 79, 90}}, Credit: "0.5"}, {Area: event.AreaV1{Shape: event.Circle, Coords: []int{150, 50, 20}}, Credit: "0.5"}}}), click(50, 20, 150, 60)},
		{"slider", itemOf(event.PartV1{Kind: event.Slider, Slider: &event.SliderV1{Low: "0", High: "10", Step: "0.1"}, Numbers: []event.NumberKeyV1{{Low: "3", High: "4", Credit: "1"}}}), write("3.5")},
		{"numerical", itemOf(numerical(event.NumberKeyV1{Value: "3.14", Tolerance: "1%", Credit: "1"})), write("3.141")},
		{"numerical, an expression", itemOf(numerical(event.NumberKeyV1{Value: "3.14", Tolerance: "1%", Credit: "1"})), write("sqrt(2)^2 + 8/7")},
		{"numerical with a unit", itemOf(measured), write("314 cm")},
		{"text, exact", itemOf(plain(event.MatchExact, "Paris")), write(" Paris")},
		{"text, fold", itemOf(plain(event.MatchFold, "Paris")), write("PARIS")},
		{"text, normalised", itemOf(plain(event.MatchNormalised, "Crème brûlée")), write("creme  brulee!")},
		{"text, wildcard_fold", itemOf(plain(event.MatchWildcardFold, "the * of *")), write("The Lord of the Rings")},
		{"text, regexp", itemOf(plain(event.MatchRegexp, "(?i)colou?rs?")), write("Colours")},
		{"formula", itemOf(formula("x^2 + 2*x*y + y^2")), write("(x+y)^2")},
		{"calculated", calculated, write("4.5")},
		{"essay", itemOf(event.PartV1{Kind: event.Essay, Essay: &event.EssayV1{MinWords: 100}}), write(strings.Repeat("some words ", 50))},
		{"file_upload", itemOf(event.PartV1{Kind: event.FileUpload, Upload: &event.UploadV1{MediaTypes: []string{".pdf"}}}), attach("a")},
	} {
		it := parse(b, c.item)
		response := one(c.response)
		if err := it.Check(response); err != nil {
			b.Fatalf("%s: %v", c.name, err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				it.Score(response, 1)
			}
		})
	}
}

// BenchmarkScoreProgram scores a choice by a standard template, and the numbers
// that are drawn and the choice of programmed.
func BenchmarkScoreProgram(b *testing.B) {
	choice := event.ItemV1{ItemID: itemID, Weight: "1", Parts: []event.PartV1{{PartID: "RESPONSE", Kind: event.SingleChoice, Choices: without("a", "b", "c")}},
		Program: &event.ProgramV1{Language: "qti-3.0", Max: "1", Source: qtiItem(`
<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier"><qti-correct-response><qti-value>b</qti-value></qti-correct-response></qti-response-declaration>
<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>
<qti-response-processing template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml"/>`)}}
	for name, def := range map[string]event.ItemV1{"match_correct": choice, "calculated": programmed()} {
		it := parse(b, def)
		response, ok := it.FullResponse(1)
		if !ok {
			b.Fatal("there is no full response")
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				it.Score(response, 1)
			}
		})
	}
}

// BenchmarkScoreEveryKind scores an item with a part of each kind.
func BenchmarkScoreEveryKind(b *testing.B) {
	it, response := parse(b, everyKind()), everyResponse()
	b.ReportAllocs()
	for b.Loop() {
		it.Score(response, 1)
	}
}

func BenchmarkParse(b *testing.B) {
	def := basicItem()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(def); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkView(b *testing.B) {
	for name, def := range map[string]event.ItemV1{"basic": basicItem(), "every kind": everyKind()} {
		it := parse(b, def)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				it.View(1)
			}
		})
	}
}

func BenchmarkParseResponse(b *testing.B) {
	every, err := json.Marshal(everyResponse())
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"basic":      []byte(`{"1":{"choices":["a"]},"2":{"choices":["a","c"]},"3":{"choices":["b"]},"4":{"text":"271828"},"5":{"text":"x"}}`),
		"every kind": every,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseResponse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
