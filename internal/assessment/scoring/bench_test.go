package scoring

import (
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func BenchmarkScore(b *testing.B) {
	single := event.PartV1{Kind: event.SingleChoice, Choices: choices("1", "0", "0", "0")}
	multiple := event.PartV1{Kind: event.MultipleChoice, Credit: event.EveryChoice, Choices: choices("1", "0", "1", "0", "0")}
	number := numerical(event.NumberKeyV1{Value: "3.14", Tolerance: "1%", Credit: "1"})
	pattern := textual(event.TextKeyV1{Match: event.MatchRegexp, Pattern: "(?i)colou?rs?", Credit: "1"})
	for _, c := range []struct {
		name     string
		item     event.ItemV1
		response Response
	}{
		{"single choice", itemOf(single), one(pick("a"))},
		{"multiple choice", itemOf(multiple), one(pick("a", "c"))},
		{"number", itemOf(number), one(write("3.141"))},
		{"expression", itemOf(number), one(write("sqrt(2)^2 + 8/7"))},
		{"regexp", itemOf(pattern), one(write("Colours"))},
		{"every kind", everyKind(), Response{"1": pick("a"), "2": pick("a", "c"), "3": pick("b"), "4": write("271828"), "5": write("SECRET-fold")}},
	} {
		it := parse(b, c.item)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				it.Score(c.response)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	def := everyKind()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(def); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkView(b *testing.B) {
	it := parse(b, everyKind())
	b.ReportAllocs()
	for b.Loop() {
		it.View(1)
	}
}

func BenchmarkParseResponse(b *testing.B) {
	data := []byte(`{"1":{"choices":["a"]},"2":{"choices":["a","c"]},"3":{"choices":["b"]},"4":{"text":"271828"},"5":{"text":"x"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseResponse(data); err != nil {
			b.Fatal(err)
		}
	}
}
