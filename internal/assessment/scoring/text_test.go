package scoring

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestTextRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		match   event.TextMatch
		pattern string
		right   []string
		wrong   []string
	}{
		{event.MatchExact, "Paris", []string{"Paris", " Paris\n", "\u00a0Paris\u2003"}, []string{"paris", "Pa ris", "Paris.", "", "  "}},
		{event.MatchExact, " Paris ", []string{"Paris"}, []string{"paris"}},
		{event.MatchExact, "a.c", []string{"a.c"}, []string{"abc"}},
		{event.MatchExact, "caf\u00e9", []string{"cafe\u0301", "caf\u00e9"}, []string{"cafe"}},
		{event.MatchFold, "Paris", []string{"PARIS", "paris", " pArIs "}, []string{"Pariss"}},
		{event.MatchFold, "Straße", []string{"STRAßE", "straße", "STRA\u1e9eE"}, []string{"STRASSE"}},
		{event.MatchFold, "ΣΟΦΟΣ", []string{"σοφος", "σοφοσ"}, []string{"σοφο"}},
		{event.MatchFold, "I", []string{"i"}, []string{"ı", "İ"}}, // no Turkish rules: the same everywhere
		{event.MatchFold, "k", []string{"K", "\u212a"}, nil},
		{event.MatchRegexp, "..bble", []string{"bubble", " babble "}, []string{"bubbles", "a bubble", "Bubble gum"}},
		{event.MatchRegexp, "(?i)colou?r", []string{"Color", "COLOUR"}, []string{"colouur"}},
		{event.MatchRegexp, "a|ab", []string{"a", "ab"}, []string{"abc", "b"}}, // leftmost-first would stop at a
		{event.MatchRegexp, "a*?", []string{"aaa"}, []string{"ab"}},
		{event.MatchRegexp, "^cat$|dog", []string{"cat", "dog"}, []string{"hotdog", "cats"}},
		{event.MatchRegexp, `\Qa.b`, []string{"a.b"}, []string{"acb"}},
		{event.MatchRegexp, "x.y", []string{"x y"}, []string{"x\ny"}},
		{event.MatchRegexp, "(?s)x.y", []string{"x\ny"}, nil},
		{event.MatchRegexp, "(?m)^a$", []string{"a"}, []string{"a\nb"}},
		{event.MatchRegexp, ".*", []string{"anything"}, []string{"", " "}}, // blank is unanswered
		{event.MatchRegexp, "[éè]", []string{"e\u0301"}, []string{"e"}},
	} {
		it := parse(t, itemOf(textual(event.TextKeyV1{Match: c.match, Pattern: c.pattern, Credit: "1"})))
		for _, text := range c.right {
			if got := it.Score(one(write(text))).Parts[0]; !got.Correct {
				t.Errorf("%s %q refuses %q: %s", c.match, c.pattern, text, got.How)
			}
		}
		for _, text := range c.wrong {
			if got := it.Score(one(write(text))).Parts[0]; got.Correct || got.Answered != (strings.TrimSpace(text) != "") {
				t.Errorf("%s %q with %q: %+v", c.match, c.pattern, text, got)
			}
		}
	}
}

func TestTheFirstTextRuleThatMatchesCounts(t *testing.T) {
	t.Parallel()
	part := textual(
		event.TextKeyV1{Match: event.MatchExact, Pattern: "Lyon", Credit: "0", FeedbackHTML: "that is the other one"},
		event.TextKeyV1{Match: event.MatchExact, Pattern: "Paris", Credit: "1"},
		event.TextKeyV1{Match: event.MatchRegexp, Pattern: "(?i)par.*", Credit: "0.5", FeedbackHTML: "nearly"},
		event.TextKeyV1{Match: event.MatchFold, Pattern: "paris", Credit: "1"}, // never reached
	)
	part.CorrectFeedbackHTML = "right"
	it := parse(t, itemOf(part))
	for text, want := range map[string]struct {
		score    string
		feedback []string
	}{
		"Paris": {"1", []string{"right"}}, "paris": {"0.5", []string{"nearly"}}, "Lyon": {"0", []string{"that is the other one"}}, "Nice": {"0", nil},
	} {
		got := it.Score(one(write(text)))
		if got.Score.String() != want.score || !slices.Equal(got.Parts[0].FeedbackHTML, want.feedback) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// The largest program allowed, on the longest text.
func TestRegularExpressionsAreBounded(t *testing.T) {
	t.Parallel()
	// Time grows with instructions times length, and both are limited: these
	// come to an end, the worst of them near the limit of instructions.
	length := maxTextBytes
	if testing.Short() {
		length /= 20
	}
	for _, pattern := range []string{"(a*)*b", "(a|aa)+b$", strings.Repeat("(?:a?){999}", 2) + "b", "(?:.*a){900}c", "(?:.*b?a.*){400}c"} {
		it := parse(t, itemOf(textual(event.TextKeyV1{Match: event.MatchRegexp, Pattern: pattern, Credit: "1"})))
		start := time.Now()
		result := it.Score(one(write(strings.Repeat("a", length))))
		t.Logf("%.20s took %v", pattern, time.Since(start))
		if !result.Score.IsZero() {
			t.Errorf("%s matched", pattern)
		}
	}
	tooMany := strings.Repeat("(?:a?){999}", 3) + "b"
	if _, err := Parse(itemOf(textual(event.TextKeyV1{Match: event.MatchRegexp, Pattern: tooMany, Credit: "1"}))); err == nil {
		t.Error("a pattern beyond the limit of instructions was taken")
	}
}
