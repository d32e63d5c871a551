package scoring

import (
	"slices"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// scoringCase is a response to a part and the credit that it earns.
type scoringCase struct {
	name     string
	part     event.PartV1
	response PartResponse
	want     string
}

// checkCases scores each response to an item of weight 1 that may score below
// zero.
func checkCases(t *testing.T, cases []scoringCase) {
	t.Helper()
	for _, c := range cases {
		def := itemOf(c.part)
		def.MinScore = "-100"
		it := parse(t, def)
		got := it.Score(one(c.response), 1)
		if got.Score.String() != c.want || got.Parts[0].Credit.String() != c.want {
			t.Errorf("%s: the score is %v, want %s (%s)", c.name, got.Score, c.want, got.Parts[0].How)
		}
		if p := got.Parts[0]; p.Answered != c.response.answered() || p.Correct != (c.want == "1") || p.How == "" {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestPenaltiesReachAsFarAsTheBoundsLetThem(t *testing.T) {
	t.Parallel()
	guess := event.PartV1{Kind: event.SingleChoice, Choices: choices("1", "-0.25", "-2")}
	within := func(p event.PartV1, low, high string) event.PartV1 {
		p.LowBound, p.HighBound = low, high
		return p
	}
	truth := event.PartV1{Kind: event.TrueFalse, LowBound: "-1", Choices: []event.ChoiceV1{{ChoiceID: "true", Credit: "-1"}, {ChoiceID: "false", Credit: "1"}}}
	sum := event.PartV1{Kind: event.MultipleChoice, Credit: event.SumOfCredits, Choices: choices("0.5", "0.5", "-0.5", "-1", "0.333333333")}
	checkCases(t, []scoringCase{
		{"without a bound below zero it costs nothing", guess, pick("b"), "0"},
		{"down to the bound", within(guess, "-0.5", ""), pick("c"), "-0.5"},
		{"within the bound", within(guess, "-0.5", ""), pick("b"), "-0.25"},
		{"the highest credit", within(guess, "", "0.75"), pick("a"), "0.75"},
		{"a bound above zero is for whoever answers", within(guess, "0.1", ""), pick("b"), "0.1"},
		{"and not for whoever does not", within(guess, "0.1", ""), pick(), "0"},
		{"true is wrong", truth, pick("true"), "-1"},
		{"false is right", truth, pick("false"), "1"},
		{"neither", truth, pick(), "0"},

		{"sum of two", sum, pick("a", "b"), "1"},
		{"sum with a wrong one", sum, pick("a", "c"), "0"},
		{"sum below zero, held", sum, pick("c", "d"), "0"},
		{"sum below zero, let", within(sum, "-2", ""), pick("c", "d"), "-1.5"},
		{"sum of thirds is exact", sum, pick("e"), "0.3333"},
		{"sum above one, held", sum, pick("a", "b", "e"), "1"},
		{"sum of nothing", within(sum, "-2", ""), pick(), "0"},
	})
}

func TestHotTextAndHotspotsAreScoredAsSets(t *testing.T) {
	t.Parallel()
	text := event.PartV1{Kind: event.HotText, Choices: choices("1", "0", "1", "0", "0"), Credit: event.EveryChoice}
	area := rect(0, 0, 9, 9)
	spots := choices("1", "0", "1")
	for i := range spots {
		spots[i].Area = &area
	}
	image := event.PartV1{Kind: event.Hotspot, Choices: spots, Image: picture()}
	one := image
	one.MaxChoices = 1
	checkCases(t, []scoringCase{
		{"words, all", text, pick("a", "c"), "1"},
		{"words, one", text, pick("a"), "0.8"},
		{"spots, all", image, pick("c", "a"), "1"},
		{"spots, one", image, pick("a"), "0"},
		{"more spots than can be chosen are not scored", one, pick("a", "c"), "0"},
	})
}

func TestFeedbackForLessThanFullCredit(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.SingleChoice, Choices: choices("1", "0.5", "0"), CorrectFeedbackHTML: "right", IncorrectFeedbackHTML: "not quite"}
	part.Choices[2].FeedbackHTML = "no"
	it := parse(t, itemOf(part))
	for id, want := range map[string][]string{"a": {"right"}, "b": {"not quite"}, "c": {"no"}} {
		if got := it.Score(one(pick(id)), 0).Parts[0].FeedbackHTML; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if got := it.Score(nil, 0).Parts[0].FeedbackHTML; got != nil {
		t.Errorf("unanswered: %q", got)
	}
}

func TestHowSumsAreTold(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.MultipleChoice, Credit: event.SumOfCredits, LowBound: "-0.5", Choices: choices("0.5", "-0.25", "-1")}
	it := parse(t, itemOf(part))
	for how, chosen := range map[string][]string{
		"The credits of the chosen options add up: 0.5 - 0.25, which earns 0.25 of the credit.":                                                                         {"a", "b"},
		"The credits of the chosen options add up: -0.25 - 1, which earns a penalty of 1.25 of the credit. The part earns no less than a penalty of 0.5 of the credit.": {"c", "b"},
	} {
		if got := it.Score(one(pick(chosen...)), 0).Parts[0].How; got != how {
			t.Errorf("%q, want %q", got, how)
		}
	}
}

func TestPartsShareTheItemByTheirWeights(t *testing.T) {
	t.Parallel()
	weighted := func(weight string) event.PartV1 {
		return event.PartV1{Kind: event.SingleChoice, Weight: weight, LowBound: "-1", Choices: choices("1", "0", "-1")}
	}
	def := itemOf(weighted(""), weighted("3"), weighted("0.5"), weighted("0"))
	def.Weight = "9"
	it := parse(t, def)
	got := it.Score(Response{"1": pick("a"), "2": pick("a"), "3": pick("c"), "4": pick("c")}, 0)
	if got.Score.String() != "7" || got.Parts[1].Max.String() != "6" || got.Parts[3].Max.String() != "0" {
		t.Errorf("%+v", got)
	}
}

func TestTheLeastScoreOfAnItem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ least, want, how string }{
		{"", "0", "The parts add up to -3; the item scores no less than 0."},
		{"-1.5", "-1.5", "The parts add up to -3; the item scores no less than -1.5."},
		{"-3", "-3", ""},
		{"-10", "-3", ""},
	} {
		def := itemOf(event.PartV1{Kind: event.SingleChoice, LowBound: "-1", Choices: choices("1", "-1")})
		def.Weight, def.MinScore = "3", c.least
		it := parse(t, def)
		if got := it.Score(one(pick("b")), 0); got.Score.String() != c.want || got.How != c.how {
			t.Errorf("least %q: %v, %q", c.least, got.Score, got.How)
		}
		if got := it.Score(one(pick("a")), 0); got.Score.String() != "3" || got.How != "" {
			t.Errorf("least %q, right: %v, %q", c.least, got.Score, got.How)
		}
	}
}

func TestBandsOfFeedback(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.SingleChoice, LowBound: "-1", Choices: choices("1", "0.5", "0.49", "-1")}
	def := itemOf(part)
	def.Weight, def.MinScore = "7", "-7"
	def.Bands = []event.BandV1{{From: "1", FeedbackHTML: "full"}, {From: "0.5", FeedbackHTML: "half"}, {From: "0", FeedbackHTML: "some"}}
	it := parse(t, def)
	for id, want := range map[string][]string{"a": {"full"}, "b": {"half"}, "c": {"some"}, "d": nil} {
		if got := it.Score(one(pick(id)), 0).FeedbackHTML; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if got := it.Score(nil, 0).FeedbackHTML; got != nil {
		t.Errorf("unanswered: %q", got)
	}
}

func TestItemsThatCannotEarnAnythingWeighNothing(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(event.PartV1{Kind: event.Unsupported}))
	if got := it.Score(nil, 0); !it.MaxScore().IsZero() || !got.Max.IsZero() || got.Parts[0].How == "" {
		t.Errorf("%v, %+v", it.MaxScore(), got)
	}
	beside := itemOf(event.PartV1{Kind: event.Unsupported}, event.PartV1{Kind: event.SingleChoice, Choices: choices("1")})
	if got := parse(t, beside).Score(Response{"2": pick("a")}, 0); got.Score.String() != "1" {
		t.Errorf("beside another part: %+v", got)
	}
	stated := itemOf(event.PartV1{Kind: event.Unsupported, Weight: "1"}, event.PartV1{Kind: event.SingleChoice, Choices: choices("1")})
	if got := parse(t, stated).Score(Response{"2": pick("a")}, 0); got.Score.String() != "0.5" {
		t.Errorf("with a weight of its own: %+v", got)
	}
	def := itemOf()
	def.Weight = "0"
	if got := parse(t, def).Score(nil, 0); !got.Score.IsZero() {
		t.Errorf("an item that asks nothing: %+v", got)
	}
}
