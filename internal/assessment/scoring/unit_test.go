package scoring

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestUnits(t *testing.T) {
	t.Parallel()
	length := numerical(event.NumberKeyV1{Value: "5", Tolerance: "0", Credit: "1"})
	length.Units = []event.UnitV1{{Name: "m", Factor: "1"}, {Name: "cm", Factor: "0.01"}, {Name: "ft", Factor: "0.3048"}}
	with := func(required bool, penalty string) event.PartV1 {
		p := length
		p.UnitRequired, p.UnitPenalty = required, penalty
		return p
	}
	money := numerical(event.NumberKeyV1{Value: "12.5", Tolerance: "0", Credit: "1", Decimals: new(2)})
	money.Units = []event.UnitV1{{Name: "€", Factor: "1"}, {Name: "%", Factor: "2"}, {Name: "m/s²", Factor: "1"}}
	partly := with(true, "0.3")
	partly.Numbers = []event.NumberKeyV1{{Value: "5", Credit: "0.25"}, {Value: "7", Credit: "-0.5"}}
	partly.LowBound = "-1"
	checkCases(t, []scoringCase{
		{"the key's unit", length, write("5 m"), "1"},
		{"without white space", length, write("5m"), "1"},
		{"before the number", length, write("m 5"), "1"},
		{"another unit", length, write("500 cm"), "1"},
		{"another unit, exactly", length, write("5/0.3048 ft"), "1"},
		{"the number in the wrong unit", length, write("5 cm"), "0"},
		{"no unit", length, write("5"), "1"},
		{"other capitals", length, write("5 M"), "0"},
		{"a unit within another word", length, write("5 km"), "0"}, // not 5k m
		{"an unknown unit", length, write("5 yards"), "0"},
		{"an expression", length, write("2+3 m"), "1"},
		{"a unit alone", length, write("m"), "0"},

		{"required and given", with(true, ""), write("5 m"), "1"},
		{"required and missing", with(true, ""), write("5"), "0"},
		{"required and unknown", with(true, ""), write("5 yards"), "0"},
		{"a penalty, given", with(true, "0.3"), write("500 cm"), "1"},
		{"a penalty, missing", with(true, "0.3"), write("5"), "0.7"},
		{"a penalty, unknown", with(true, "0.3"), write("5 yards"), "0.7"},
		{"a penalty, unknown, of an expression", with(true, "0.3"), write("2+3 yards"), "0"},
		{"a penalty without the demand", with(false, "0.3"), write("5"), "0.7"},
		{"a penalty does not lead below zero", partly, write("5"), "0"},
		{"what is wrong is not made better", partly, write("7"), "-0.5"},

		{"a symbol before", money, write("€12.50"), "1"},
		{"a symbol after", money, write("12.50 €"), "1"},
		{"the number has to be written right", money, write("12.5 €"), "0"},
		{"percent as a unit", money, write("6.25 %"), "1"},
		{"a compound", money, write("12.50 m/s²"), "1"},
	})
}

func TestHowUnitsAreTold(t *testing.T) {
	t.Parallel()
	part := numerical(event.NumberKeyV1{Value: "5", Credit: "1"})
	part.Units, part.UnitPenalty = []event.UnitV1{{Name: "m", Factor: "1"}, {Name: "cm", Factor: "0.01"}}, "0.25"
	it := parse(t, itemOf(part))
	for text, want := range map[string]string{
		"5 m":    "The answer equals 5, which earns full credit.",
		"500 cm": "For its unit cm the number was multiplied by 0.01.",
		"5":      "Its unit is missing, which costs 0.25 and leaves 0.75 of the credit.",
		"5 yd":   `Its unit "yd" is not known, which costs 0.25 and leaves 0.75 of the credit.`,
	} {
		if got := it.Score(one(write(text)), 0).Parts[0].How; !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := it.Key(0).Parts[0].Answers[0].Text; got != "5 m" {
		t.Errorf("the key is %q", got)
	}
}

func TestSliders(t *testing.T) {
	t.Parallel()
	scale := func(low, high, step string) event.PartV1 {
		return event.PartV1{Kind: event.Slider, Slider: &event.SliderV1{Low: low, High: high, Step: step}, Numbers: []event.NumberKeyV1{{Value: "0.3", Tolerance: "0", Credit: "1"}, {Low: "0.2", High: "0.4", Credit: "0.5"}}}
	}
	checkCases(t, []scoringCase{
		{"right", scale("0", "1", "0.1"), write("0.3"), "1"},
		{"near", scale("0", "1", "0.1"), write("0.2"), "0.5"},
		{"wrong", scale("0", "1", "0.1"), write("0.5"), "0"},
		{"the ends", scale("0.3", "0.3", ""), write("0.3"), "1"},
		{"not on a step", scale("0", "1", "0.1"), write("0.35"), "0"},
		{"any value", scale("0", "1", ""), write("0.35"), "0.5"},
		{"steps from an odd start", scale("-0.05", "1", "0.35"), write("0.3"), "1"},
		{"another notation", scale("0", "1", "0.1"), write("3e-1"), "1"},
		{"below", scale("0.25", "1", "0.05"), write("0.2"), "0"},
		{"above", scale("0", "0.25", ""), write("0.3"), "0"},
		{"an expression", scale("0", "1", "0.1"), write("3/10"), "0"},
		{"untouched", scale("0", "1", "0.1"), write(""), "0"},
	})
}

func TestWhatASliderRefuses(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(event.PartV1{Kind: event.Slider, Slider: &event.SliderV1{Low: "-1", High: "4", Step: "0.5"}, Numbers: []event.NumberKeyV1{{Value: "3", Credit: "1"}}}))
	for text, want := range map[string]string{
		"": "", " ": "", "-1": "", "4": "", "0.5": "", "4.5": "it is not between -1 and 4", "-2": "it is not between -1 and 4", "0.3": "it is not on a step of 0.5 from -1",
		"half": "it is not a decimal number", "1+1": "it is not a decimal number", " 1": "it is not a decimal number", "1e9999": "it is not a decimal number",
	} {
		fault := it.parts[0].check(write(text))
		if fault == nil && want != "" || fault != nil && fault.Message != want {
			t.Errorf("%q: %+v, want %q", text, fault, want)
		}
	}
}
