package scoring

import (
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestNumberKeys(t *testing.T) {
	t.Parallel()
	value := func(v, tolerance string) event.NumberKeyV1 {
		return event.NumberKeyV1{Value: v, Tolerance: tolerance, Credit: "1"}
	}
	between := func(low, high string, lowOpen, highOpen bool) event.NumberKeyV1 {
		return event.NumberKeyV1{Low: low, High: high, LowOpen: lowOpen, HighOpen: highOpen, Credit: "1"}
	}
	for _, c := range []struct {
		name  string
		key   event.NumberKeyV1
		right []string
		wrong []string
	}{
		{"absolute, inclusive", value("3.14", "0.01"),
			[]string{"3.14", "3.13", "3.15", "314%", "157/50", " 3.140 ", "3140m"}, []string{"3.1299999", "3.1500001", "-3.14"}},
		{"percent of the value, inclusive", value("200", "2%"), []string{"196", "204"}, []string{"195.999999", "204.000001"}},
		{"percent of the value, not of the response", value("100", "10%"), []string{"110"}, []string{"111"}},
		{"percent of a negative value", value("-200", "2%"), []string{"-196", "-204", "-200"}, []string{"-195.99", "-204.01", "200"}},
		{"default: a share of the larger, below", value("100000", ""), []string{"99999", "100001.00001"}, []string{"99998.999", "100001.0001"}},
		{"default spelt out", value("-100000", "0.001%"), []string{"-99999", "-100001.00001"}, []string{"-99998.999", "-100001.0001"}},
		{"another percentage of the same size is a share of the value", value("100000", "0.0010%"), []string{"100001"}, []string{"100001.00001"}},
		{"default at zero accepts zero alone", value("0", ""), []string{"0", "-0", "1-1"}, []string{"1e-300", "-0.00001"}},
		{"zero tolerance is exact", value("0.3", "0"), []string{"0.3", "0.1+0.2", "3/10"}, []string{"0.30000000000000001", "0.29999999999999999"}},
		{"zero tolerance forgives float arithmetic", value("2", "0"), []string{"2", "sqrt(2)^2", "10^log10(2)"}, []string{"2.0000000001", "sqrt(2)*1.41421356"}},
		{"zero percent", value("5", "0%"), []string{"5"}, []string{"5.0000001"}},
		{"an expression as value and tolerance", value("1/3", "1/100"), []string{"1/3", "0.33", "0.34"}, []string{"0.32", "0.35"}},
		{"a real value", value("pi", "0.01%"), []string{"pi", "3.1416", "22/7-0.00126", "arccos(-1)"}, []string{"3.14", "22/7"}},
		{"a huge value", value("6.022e23", "1%"), []string{"6.022*10^23", "6.0e23"}, []string{"6.1e23"}},
		{"a value beyond float64", value("1e400", "1%"), []string{"1e400", "10^400"}, []string{"1e399", "1e308"}},
		{"closed range", between("1", "2", false, false), []string{"1", "1.5", "2"}, []string{"0.999999999999", "2.000000000001"}},
		{"open range", between("1", "2", true, true), []string{"1.0000000001", "1.9999999999"}, []string{"1", "2", "0", "sqrt(2)^2"}},
		{"half-open range", between("1", "2", false, true), []string{"1"}, []string{"2"}},
		{"half-open range, the other way", between("1", "2", true, false), []string{"2"}, []string{"1"}},
		{"a range of one number", between("1", "1", false, false), []string{"1"}, []string{"1.1"}},
		{"unbounded above", between("5", "", false, false), []string{"5", "1e300"}, []string{"4.999"}},
		{"unbounded below", between("", "5", false, true), []string{"-1e300", "4.999"}, []string{"5"}},
		{"geometric", event.NumberKeyV1{Value: "100", Tolerance: "0.25", Geometric: true, Credit: "1"}, []string{"80", "125", "100"}, []string{"79.9", "125.1", "75"}},
		{"geometric, in percent", event.NumberKeyV1{Value: "-100", Tolerance: "25%", Geometric: true, Credit: "1"}, []string{"-80", "-125"}, []string{"-79.9", "-125.1", "100"}},
		{"geometric, by default", event.NumberKeyV1{Value: "1", Geometric: true, Credit: "1"}, []string{"1.00001", "1/1.00001"}, []string{"1.000011", "0.99999"}},
		{"three significant figures", event.NumberKeyV1{Value: "1.2", Tolerance: "0.05", Figures: 3, Credit: "1"},
			[]string{"1.20", "1.19", "1.20e0", "0.120*10^1", "0.120e1", " 1.20 ", "120%"}, []string{"1.2", "1.200", "01.2", "6/5", "1.20+0"}},
		{"three significant figures of a whole number", event.NumberKeyV1{Value: "1200", Tolerance: "0", Figures: 3, Credit: "1"},
			[]string{"1200", "1.20e3", "1.20*10^3", "12.0e2"}, []string{"1200.", "1.2e3", "1200.0"}},
		{"one significant figure", event.NumberKeyV1{Value: "0.004", Tolerance: "0", Figures: 1, Credit: "1"}, []string{"0.004", "4e-3", ".004", "4m"}, []string{"0.0040", "4.0e-3"}},
		{"two decimals", event.NumberKeyV1{Value: "3", Tolerance: "0.5", Decimals: new(2), Credit: "1"}, []string{"3.00", "+2.75", "30.0e-1"}, []string{"3", "3.0", "3.000", "3.0e0"}},
		{"no decimals", event.NumberKeyV1{Value: "3", Tolerance: "0.5", Decimals: new(0), Credit: "1"}, []string{"3", "3.", "0.3e1"}, []string{"3.0", "2.9"}},
		{"not numbers", value("3.14", "100"), []string{"50"}, []string{"3,14", "pi/0", "about 3", "sqrt(-1)", "1=1", "9^9^9^9", strings.Repeat("1", 1001)}},
	} {
		it := parse(t, itemOf(numerical(c.key)))
		for _, text := range c.right {
			if got := it.Score(one(write(text)), 0).Parts[0]; !got.Correct {
				t.Errorf("%s: %q is wrong: %s", c.name, text, got.How)
			}
		}
		for _, text := range c.wrong {
			if got := it.Score(one(write(text)), 0).Parts[0]; got.Correct || !got.Credit.IsZero() || !got.Answered {
				t.Errorf("%s: %q: %+v", c.name, text, got)
			}
		}
	}
}

func TestTheFirstNumberKeyThatMatchesCounts(t *testing.T) {
	t.Parallel()
	part := numerical(
		event.NumberKeyV1{Value: "10", Tolerance: "0", Credit: "1", FeedbackHTML: "exact"},
		event.NumberKeyV1{Value: "10", Tolerance: "1", Credit: "0.5", FeedbackHTML: "close"},
		event.NumberKeyV1{Value: "-10", Tolerance: "0", Credit: "0", FeedbackHTML: "sign"},
		event.NumberKeyV1{Value: "20", Credit: "1"},
	)
	part.CorrectFeedbackHTML = "right"
	it := parse(t, itemOf(part))
	for text, want := range map[string]struct {
		score    string
		feedback []string
	}{
		"10": {"1", []string{"exact"}}, "10.5": {"0.5", []string{"close"}}, "-10": {"0", []string{"sign"}},
		"20": {"1", []string{"right"}}, "0": {"0", nil}, "ten": {"0", nil}, " ": {"0", nil},
	} {
		got := it.Score(one(write(text)), 0)
		if got.Score.String() != want.score || !slices.Equal(got.Parts[0].FeedbackHTML, want.feedback) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestACommaIsExplained(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(numerical(event.NumberKeyV1{Value: "3.14", Credit: "1"})))
	const want = "The answer is not a number: a comma is not a decimal point; write 3.14."
	if got := it.Score(one(write("3,14")), 0).Parts[0].How; got != want {
		t.Errorf("%q", got)
	}
}

func TestWhyAnAnswerInTheWrongFormIsWrong(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(numerical(event.NumberKeyV1{Value: "1.5", Figures: 3, Credit: "1"})))
	const want = "The answer equals 1.5, which is not among the accepted numbers. The number would do, but it is written with 2 significant figures and not 3."
	if got := it.Score(one(write("1.5")), 0).Parts[0].How; got != want {
		t.Errorf("%q", got)
	}
}

func TestHowNumbersAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]written{
		"0": {true, 1, 1, 0}, "0.0": {true, 1, 2, 1}, "0.050": {true, 2, 2, 3}, "100": {true, 1, 3, 0}, "100.0": {true, 4, 4, 1}, "1e400": {true, 1, 1, 0},
		"4m": {true, 1, 1, 3}, "120%": {true, 2, 3, 2}, "1.50k": {true, 3, 3, 0}, "1-": {}, "1 ": {true, 1, 1, 0}, "-1.50E-3": {true, 3, 3, 5}, "+7": {true, 1, 1, 0}, "1 e 3": {true, 1, 1, 0}, "2.5 * 10^(-2)": {true, 2, 2, 3},
		"": {}, "pi": {}, "1+1": {}, ".": {}, "1e": {}, "1e9999": {}, "1.2.3": {}, "e5": {}, "1*10^x": {},
	} {
		if got := writtenAs(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
