package scoring

import (
	"slices"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestPairs(t *testing.T) {
	t.Parallel()
	matching := func(rule event.PartialCredit) event.PartV1 {
		return event.PartV1{Kind: event.Matching, Credit: rule, Choices: without("a", "b", "c"), Targets: targets("X", "Y", "Z", "W"),
			Pairs: pairs("a", "X", "b", "Y", "c", "Z")}
	}
	sum := matching(event.SumOfCredits)
	sum.LowBound = "-1"
	sum.Pairs = []event.PairKeyV1{{ChoiceID: "a", TargetID: "X", Credit: "0.5"}, {ChoiceID: "b", TargetID: "Y", Credit: "0.5"}, {ChoiceID: "c", TargetID: "X", Credit: "-0.75"}}
	gaps := event.PartV1{Kind: event.GapMatch, Choices: without("a", "b", "c"), Targets: []event.TargetV1{{TargetID: "G"}, {TargetID: "H"}}, Pairs: pairs("a", "G", "c", "H"), Credit: event.EveryPair}
	links := event.PartV1{Kind: event.Association, Choices: without("a", "b", "c", "d", "e"), Pairs: pairs("a", "b", "d", "c")}
	partly := links
	partly.Credit = event.EveryPair
	checkCases(t, []scoringCase{
		{"all or nothing, right", matching(""), match("b", "Y", "a", "X", "c", "Z"), "1"},
		{"all or nothing, missing", matching(""), match("b", "Y", "a", "X"), "0"},
		{"all or nothing, extra", matching(""), match("b", "Y", "a", "X", "c", "Z", "a", "W"), "0"},
		{"all or nothing, wrong", matching(""), match("b", "X", "a", "Y", "c", "Z"), "0"},
		{"nothing", matching(""), match(), "0"},
		{"unknown choice", matching(""), match("z", "X"), "0"},
		{"unknown target", matching(""), match("a", "Q"), "0"},
		{"a pair twice", matching(""), match("a", "X", "a", "X"), "0"},

		{"every pair, right", matching(event.EveryPair), match("b", "Y", "a", "X", "c", "Z"), "1"},
		{"every pair, two of three", matching(event.EveryPair), match("b", "Y", "a", "X"), "0.6667"},
		{"every pair, one wrong", matching(event.EveryPair), match("b", "Y", "a", "X", "c", "W"), "0.6667"},
		{"every pair, all right and one too many", matching(event.EveryPair), match("b", "Y", "a", "X", "c", "Z", "a", "W"), "0.75"}, // 1 - 1/4
		{"every pair, one right and three wrong", matching(event.EveryPair), match("a", "X", "a", "Y", "a", "Z", "a", "W"), "0"},     // 1/3 - 3/4
		{"every pair, none right", matching(event.EveryPair), match("a", "Y"), "0"},

		{"sum, right", sum, match("a", "X", "b", "Y"), "1"},
		{"sum, a pair that is not listed", sum, match("a", "X", "b", "Z"), "0.5"},
		{"sum, with a penalty", sum, match("a", "X", "c", "X"), "-0.25"},
		{"sum, a penalty alone", sum, match("c", "X"), "-0.75"},

		{"gaps, right", gaps, match("c", "H", "a", "G"), "1"},
		{"gaps, one", gaps, match("c", "H", "b", "G"), "0.5"},
		{"gaps, a choice used twice", gaps, match("a", "G", "a", "H"), "0"},
		{"gaps, two in one", gaps, match("a", "G", "c", "G"), "0"},

		{"links, right, either way", links, match("b", "a", "c", "d"), "1"},
		{"links, one", links, match("b", "a"), "0"},
		{"links, a pair twice, either way", links, match("a", "b", "b", "a"), "0"},
		{"links, a choice with itself", links, match("a", "a"), "0"},
		{"links, one of two", partly, match("d", "c"), "0.5"},
		{"links, a choice used twice", partly, match("d", "c", "d", "a"), "0"},
	})
	lots := partly
	lots.Choices = slices.Clone(lots.Choices)
	for i := range lots.Choices {
		lots.Choices[i].MaxUse = 5
	}
	checkCases(t, []scoringCase{
		{"links, all right and one too many", lots, match("d", "c", "a", "b", "a", "e"), "0.6"}, // 1 - 1/(5/2)
		{"links, a choice with itself, if it may be used twice", lots, match("d", "c", "d", "d"), "0.5"},
	})
}

func TestHowOftenChoicesAndTargetsMayBeUsed(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.Matching, Choices: without("a", "b", "c"), Targets: targets("X", "Y"), MaxChoices: 4}
	part.Choices[0].MaxUse, part.Targets[1].MaxUse = 1, 2
	it := parse(t, itemOf(part))
	for _, c := range []struct {
		response PartResponse
		message  string
	}{
		{match("a", "X", "b", "X", "c", "X", "b", "Y"), ""},
		{match("a", "X", "a", "Y"), `"a" can be used 1 times at most`},
		{match("a", "Y", "b", "Y", "c", "Y"), `"Y" takes 2 at most`},
		{match("a", "X", "b", "X", "c", "X", "b", "Y", "c", "Y"), "only 4 can be given"},
		{match("b", "X", "b", "X"), `the pair of "b" is given twice`},
		{match("X", "a"), `there is no choice "X"`},
		{match("a", "b"), `there is no target "b"`},
	} {
		fault := it.parts[0].check(c.response)
		if fault == nil && c.message != "" || fault != nil && (fault.Message != c.message || fault.Location != "pairs") {
			t.Errorf("%v: %+v, want %q", c.response.Pairs, fault, c.message)
		}
	}
}

func TestPairsHaveTheirFeedback(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.Matching, Credit: event.EveryPair, Choices: without("a", "b"), Targets: targets("X", "Y"), Pairs: pairs("a", "X", "b", "Y"), IncorrectFeedbackHTML: "general"}
	part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: "a", TargetID: "Y", Credit: "0", FeedbackHTML: "not that"})
	part.Pairs[0].FeedbackHTML = "yes"
	it := parse(t, itemOf(part))
	for _, c := range []struct {
		response PartResponse
		want     []string
	}{
		{match("a", "Y", "a", "X"), []string{"yes", "not that"}}, // in the order of the key
		{match("b", "X"), []string{"general"}},
	} {
		if got := it.Score(one(c.response), 0).Parts[0].FeedbackHTML; !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.response.Pairs, got, c.want)
		}
	}
}
