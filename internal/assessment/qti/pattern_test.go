package qti

import (
	"strings"
	"testing"
)

// XML Schema's regular expressions, which always match the whole text.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{`[a-zA-Z]+`, []string{"abc"}, []string{"abc1", "", "ab c"}},
		{`a|ab`, []string{"a", "ab"}, []string{"abc", "b"}},
		{`\d{2}`, []string{"12", "٣٤"}, []string{"123", "1a"}},
		{`\D+`, []string{"ab"}, []string{"a1"}},
		{`\w+`, []string{"abc1", "é", "$"}, []string{"a-b", "a b", "_"}},
		{`\W`, []string{"-", " ", "_"}, []string{"a", "+"}},
		{`\s\S`, []string{" x", "\ny"}, []string{"\u00a0x", "  "}},
		{`\i\c*`, []string{"_a-1", "é.x"}, []string{"1a", "-a"}},
		{`\I\C`, []string{"1 "}, []string{"a ", "1a"}},
		{`a.c`, []string{"abc", "a c"}, []string{"a\nc", "a\rc"}},
		{`[a-z-[aeiou]]+`, []string{"xyz"}, []string{"xaz", ""}},
		{`[^0-9-[a]]`, []string{"b", "é"}, []string{"a", "5"}},
		{`[\w-[\d]]+`, []string{"abc"}, []string{"a1"}},
		{`[a-c-[a-c]]`, nil, []string{"a", "", "d"}},
		{`[a-c-[b-[b]]]`, []string{"b", "a"}, []string{"d"}},
		{`\p{Lu}\P{Lu}`, []string{"Ab", "É1"}, []string{"aB", "AB"}},
		{`\p{IsGreek}+`, []string{"αβγ"}, []string{"abc"}},
		{`\P{IsBasicLatin}`, []string{"é"}, []string{"e"}},
		{`[\p{IsBasicLatin}-[x]]`, []string{"a"}, []string{"x", "é"}},
		{`\p{L}[\s\d]`, []string{"é1", "a "}, []string{"aa"}},
		{`[\W]`, []string{"-", " "}, []string{"a"}},
		{`[\S]`, []string{"a", "-"}, []string{" ", "\t"}},
		{`[[a&&b]`, []string{"[", "&"}, []string{"c", "]"}},
		{`[^^]`, []string{"a"}, []string{"^"}},
		{`^([0-9]{1,5})?$`, []string{"", "123"}, []string{"123456", "a"}}, // as authors write who know Perl
		{`(?i)york`, []string{"York"}, []string{"Yorks"}},
		{`\\\.\?\-`, []string{`\.?-`}, []string{"x"}},
		{`a{0,3}b+?`, []string{"aab", "b"}, []string{"aaaab"}},
	} {
		re, size, err := compilePattern(c.pattern)
		if err != nil || size == 0 {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, s := range c.yes {
			if !re.MatchString(s) {
				t.Errorf("%s refuses %q (%s)", c.pattern, s, re)
			}
		}
		for _, s := range c.no {
			if re.MatchString(s) {
				t.Errorf("%s takes %q (%s)", c.pattern, s, re)
			}
		}
	}
}

func TestPatternsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for pattern, reason := range map[string]string{
		"[a": "not closed", "(a": "missing closing", `a\`: "backslash", `[a\`: "backslash", `\p{Nonsense}`: "not known", `\p{L`: "not closed", `[\I]`: "not supported",
		"[a-z-[b]x]": "must end", "a{2000}": "repeat count", strings.Repeat("a", 2001): "longer", "((a{100}){100}){5}": "repeat", "(a(b(c?){90}){90}){9}": "repeat",
		strings.Repeat("[a-[", 12) + "b": "nested", `(?=a)`: "Perl", `\1`: "escape", `*a`: "missing argument",
	} {
		if re, _, err := compilePattern(pattern); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.30s: %v, %v does not mention %q", pattern, re, err, reason)
		}
	}
}

// A pattern may be in a template variable.
func TestAPatternOfAVariable(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`<set-template-value identifier="PATTERN">{s:[0-9]+m}</set-template-value>`, `<set-outcome-value identifier="OK"><pattern-match pattern="{PATTERN}">{s:12m}</pattern-match></set-outcome-value>`))
	if outcomes, _ := scored(t, p, nil); outcomes.Value("OK").String() != "true" {
		t.Errorf("%v %v", outcomes.Value("OK"), p.Unsupported())
	}
}
