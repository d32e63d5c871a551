package scoring

import (
	"slices"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestChoiceCredit(t *testing.T) {
	t.Parallel()
	three := choices("1", "0", "0.5")
	five := choices("1", "1", "0", "0", "0")
	four := choices("1", "1", "0", "0")
	two := choices("1", "0")
	for _, c := range []struct {
		name    string
		kind    event.PartKind
		rule    event.PartialCredit
		choices []event.ChoiceV1
		chosen  []string
		want    string
	}{
		{"right", event.SingleChoice, "", three, []string{"a"}, "1"},
		{"wrong", event.SingleChoice, "", three, []string{"b"}, "0"},
		{"partly", event.SingleChoice, "", three, []string{"c"}, "0.5"},
		{"unanswered", event.SingleChoice, "", three, nil, "0"},
		{"unknown", event.SingleChoice, "", three, []string{"z"}, "0"},
		{"two where one is asked for", event.SingleChoice, "", three, []string{"a", "c"}, "0"},
		{"dropdown", event.Dropdown, "", three, []string{"a"}, "1"},

		{"all or nothing, exact", event.MultipleChoice, event.AllOrNothing, five, []string{"b", "a"}, "1"},
		{"all or nothing, missing", event.MultipleChoice, event.AllOrNothing, five, []string{"a"}, "0"},
		{"all or nothing, extra", event.MultipleChoice, event.AllOrNothing, five, []string{"a", "b", "c"}, "0"},
		{"all or nothing, everything", event.MultipleChoice, event.AllOrNothing, five, []string{"a", "b", "c", "d", "e"}, "0"},
		{"all or nothing, repeated", event.MultipleChoice, event.AllOrNothing, five, []string{"a", "b", "a"}, "0"},
		{"all or nothing, unknown", event.MultipleChoice, event.AllOrNothing, five, []string{"a", "b", "z"}, "0"},

		{"every choice, exact", event.MultipleChoice, event.EveryChoice, five, []string{"a", "b"}, "1"},
		{"every choice, one missing", event.MultipleChoice, event.EveryChoice, five, []string{"a"}, "0.8"},
		{"every choice, all ticked", event.MultipleChoice, event.EveryChoice, five, []string{"a", "b", "c", "d", "e"}, "0.4"},
		{"every choice, the opposite", event.MultipleChoice, event.EveryChoice, five, []string{"c", "d", "e"}, "0"},
		{"every choice, none ticked", event.MultipleChoice, event.EveryChoice, five, []string{}, "0"},
		{"every choice, three", event.MultipleChoice, event.EveryChoice, choices("1", "1", "0"), []string{"a"}, "0.6667"},

		{"halves, exact", event.MultipleChoice, event.Halves, five, []string{"a", "b"}, "1"},
		{"halves, one missing", event.MultipleChoice, event.Halves, five, []string{"b"}, "0.5"},
		{"halves, one extra", event.MultipleChoice, event.Halves, five, []string{"a", "b", "e"}, "0.5"},
		{"halves, two errors of five", event.MultipleChoice, event.Halves, five, []string{"a", "c"}, "0.25"},
		{"halves, three errors", event.MultipleChoice, event.Halves, five, []string{"a", "c", "d"}, "0"},
		{"halves, two errors of four", event.MultipleChoice, event.Halves, four, []string{"a", "c"}, "0"},
		{"halves, one error of four", event.MultipleChoice, event.Halves, four, []string{"a"}, "0.5"},
		{"halves, one error of two", event.MultipleChoice, event.Halves, two, []string{"a", "b"}, "0"},
		{"halves, none ticked", event.MultipleChoice, event.Halves, choices("1", "0", "0", "0", "0"), nil, "0"},

		{"no right choice, none ticked", event.MultipleChoice, event.AllOrNothing, choices("0", "0"), []string{}, "0"},
	} {
		it := parse(t, itemOf(event.PartV1{Kind: c.kind, Credit: c.rule, Choices: c.choices}))
		got := it.Score(one(pick(c.chosen...)), 0)
		if got.Score.String() != c.want {
			t.Errorf("%s: the score is %v, want %s (%s)", c.name, got.Score, c.want, got.Parts[0].How)
		}
		if p := got.Parts[0]; p.Answered != (len(c.chosen) > 0) || p.Correct != (c.want == "1") || p.How == "" {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestChoiceFeedback(t *testing.T) {
	t.Parallel()
	it := parse(t, basicItem())
	for _, c := range []struct {
		name   string
		part   int
		chosen []string
		want   []string
	}{
		{"chosen", 0, []string{"b"}, []string{"SECRET-chosen-wrong"}},
		{"specific before general", 0, []string{"a"}, []string{"SECRET-chosen-right"}},
		{"none", 0, []string{"c"}, nil},
		{"unanswered", 0, nil, nil},
		{"ticked and left, in the part's order", 1, []string{"d", "a"}, []string{"SECRET-ticked-a", "SECRET-left-b", "SECRET-left-c", "SECRET-ticked-d", "SECRET-left-e"}},
		{"compound replaces all", 1, []string{"a", "c"}, []string{"SECRET-compound"}},
		{"compound only for exactly the set", 1, []string{"a", "b", "c"}, []string{"SECRET-ticked-a", "SECRET-ticked-b", "SECRET-ticked-c", "SECRET-left-d", "SECRET-left-e"}},
		{"unanswered says nothing about what was left", 1, nil, nil},
	} {
		id := string(rune('1' + c.part))
		got := it.Score(Response{id: pick(c.chosen...)}, 0).Parts[c.part].FeedbackHTML
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCorrectFeedbackNeedsFullCreditAndNothingMoreSpecific(t *testing.T) {
	t.Parallel()
	for kind, credit := range map[event.PartKind]string{event.SingleChoice: "0.5", event.MultipleChoice: "0"} {
		it := parse(t, itemOf(event.PartV1{Kind: kind, Choices: choices("1", credit), CorrectFeedbackHTML: "well done"}))
		if got := it.Score(one(pick("a")), 0).Parts[0].FeedbackHTML; !slices.Equal(got, []string{"well done"}) {
			t.Errorf("%s, right: %q", kind, got)
		}
		if got := it.Score(one(pick("b")), 0).Parts[0].FeedbackHTML; got != nil {
			t.Errorf("%s, not right: %q", kind, got)
		}
	}
}
