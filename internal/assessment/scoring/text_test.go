package scoring

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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
		{event.MatchNormalised, "Crème brûlée!", []string{"creme brulee", "  CRÈME   Brulée ", "cre\u0300me\tbru\u0302le\u0301e", "'creme' (brulee)."}, []string{"cremebrulee", "creme", "creme brulees"}},
		{event.MatchNormalised, "the U.S.A.", []string{"the usa", "The U.S.A"}, []string{"the u s a"}},
		{event.MatchNormalised, "x + 2", []string{"X  +  2"}, []string{"x 2", "x+2"}}, // a sign is no punctuation
		{event.MatchNormalised, "Straße", []string{"straße", "STRAẞE"}, []string{"strasse"}},
		{event.MatchNormalised, "ΣΟΦΟΣ", []string{"σοφός", "ΣΟΦΌΣ"}, nil},
		{event.MatchNormalised, "x²", []string{"X²"}, []string{"x2"}},
		{event.MatchWildcard, "*", []string{"anything", "*"}, []string{"", " "}},
		{event.MatchWildcard, "a*b*c", []string{"abc", "a1b2c", "abbc", "abcbc", "a\nb\nc"}, []string{"ab", "acb", "xabc", "abcx", "Abc", "ac"}},
		{event.MatchWildcard, "ab*ba", []string{"abba", "ab-ba"}, []string{"aba", "ab", "ba"}}, // the ends may not overlap
		{event.MatchWildcard, "*na", []string{"banana", "na"}, []string{"banan"}},
		{event.MatchWildcard, "ba**na", []string{"bana", "banana"}, []string{"ban"}},
		{event.MatchWildcard, `2\*3`, []string{"2*3"}, []string{"23", "2x3", `2\*3`}},
		{event.MatchWildcard, `a\b`, []string{`a\b`}, []string{"ab"}},
		{event.MatchWildcard, "no star", []string{"no star"}, []string{"no stars", "No star"}},
		{event.MatchWildcardFold, "S*k", []string{"sk", "S and K", "\u017f\u212a"}, []string{"sky"}},
		{event.MatchWildcardFold, "é*", []string{"É", "été", "E\u0301te"}, []string{"ete"}},
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
			if got := it.Score(one(write(text)), 0).Parts[0]; !got.Correct {
				t.Errorf("%s %q refuses %q: %s", c.match, c.pattern, text, got.How)
			}
		}
		for _, text := range c.wrong {
			if got := it.Score(one(write(text)), 0).Parts[0]; got.Correct || got.Answered != (strings.TrimSpace(text) != "") {
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
		got := it.Score(one(write(text)), 0)
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
		result := it.Score(one(write(strings.Repeat("a", length))), 0)
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

// The fold of runes is that of strings.EqualFold.
func TestFoldedTextsAreEqualWhenTheyEqualFold(t *testing.T) {
	t.Parallel()
	letters := []rune("aAkKsSſ\u212aiIıİßẞµμΜςσΣÅ\u212båθϑΘ1-")
	g := newGenerator(31, 32)
	for range 20_000 {
		a, b := make([]rune, 3), make([]rune, 3)
		for i := range a {
			a[i], b[i] = letters[g.IntN(len(letters))], letters[g.IntN(len(letters))]
		}
		if want := strings.EqualFold(string(a), string(b)); (foldRunes(string(a)) == foldRunes(string(b))) != want {
			t.Fatalf("%q and %q: EqualFold is %v", string(a), string(b), want)
		}
	}
	for r := rune(0); r < 0x10000; r++ {
		if a, b := string(r), string(unicode.SimpleFold(r)); strings.EqualFold(a, b) && foldRunes(a) != foldRunes(b) {
			t.Errorf("%q and %q fold to %q and %q", a, b, foldRunes(a), foldRunes(b))
		}
	}
}

// A wildcard pattern means what the same regular expression means.
func TestWildcardsAgreeWithRegularExpressions(t *testing.T) {
	t.Parallel()
	g := newGenerator(33, 34)
	word := func(letters string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(letters[g.IntN(len(letters))])
		}
		return b.String()
	}
	for range 20_000 {
		pattern, text := word("ab*", 1+g.IntN(6)), word("ab", 1+g.IntN(8))
		want := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(text)
		if got := between(splitStars(pattern), text); got != want {
			t.Fatalf("%q with %q: %v", pattern, text, got)
		}
	}
}

// FuzzText holds every rule to what holds of all: it accepts what it is made of,
// and says the same of a text however it is composed and spaced.
func FuzzText(f *testing.F) {
	f.Add("Crème brûlée", "creme brulee")
	f.Add("a*b", "aXb")
	f.Add(`\*`, "*")
	f.Add("\u212a", "k")
	f.Add(" ", "\xff")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		for _, match := range []event.TextMatch{event.MatchExact, event.MatchFold, event.MatchNormalised, event.MatchWildcard, event.MatchWildcardFold, event.MatchRegexp} {
			it, err := Parse(itemOf(textual(event.TextKeyV1{Match: match, Pattern: pattern, Credit: "1"})))
			if err != nil {
				continue
			}
			got := it.Score(one(write(text)), 0)
			checkResult(t, it, got)
			if utf8.ValidString(text) {
				for _, other := range []string{norm.NFD.String(text), norm.NFC.String(text), " " + text + "\n"} {
					if len(other) <= maxTextBytes && it.Score(one(write(other)), 0).Parts[0].Correct != got.Parts[0].Correct {
						t.Fatalf("%s %q accepts one of %q and %q", match, pattern, text, other)
					}
				}
			}
			if full, ok := it.FullResponse(0); ok && !it.Score(full, 0).Parts[0].Correct {
				t.Fatalf("%s %q does not accept its own %v", match, pattern, full)
			} else if !ok && match != event.MatchRegexp && len(pattern) < 1000 {
				t.Fatalf("%s %q has no full response", match, pattern)
			}
		}
	})
}
