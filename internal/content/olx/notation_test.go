package olx

import (
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/markup"
)

func TestEvaluate(t *testing.T) {
	for text, want := range map[string]float64{
		"12": 12, "-3.5e2": -350, ".5": 0.5, "1.": 1, "2k": 2000, "50%": 0.5, "3 + 4*2": 11, "2^3^2": 512, "-2^2": -4, "(1+2)*(3-1)/4": 1.5,
		"2*pi": 2 * math.Pi, "e": math.E, "sqrt(16)": 4, "fact(5)": 120, "10||10": 5, "SIN(0)": 0, "log10(1000)": 3, "100^(2/5)": math.Pow(100, 0.4),
	} {
		got, err := evaluate(text)
		if err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "1,000", "x", "2x", "1/0", "sqrt(-1)", "fact(-1)", "fact(2.5)", "(1", "1)", "1 2", "--", "sin", "frobnicate(1)", "3+2j", "1e999", "9^9^9",
		"0x10", "1_000", strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000), strings.Repeat("(", 400), strings.Repeat("2^", 400) + "2", "NaN", "inf",
	} {
		if got, err := evaluate(text); err == nil {
			t.Errorf("%q is %v, want an error", markup.Shorten(text, 40), got)
		}
	}
}

func TestTranslateRegexp(t *testing.T) {
	for _, tc := range []struct {
		python  string
		fold    bool
		yes, no []string
	}{
		{`..bble`, true, []string{"bubble", "RUBBLE"}, []string{"trouble", "bubbles"}},
		{`\d+`, false, []string{"12", "١٢"}, []string{"a"}},
		{`\w+`, false, []string{"café_1", "日本"}, []string{"a b"}},
		{`[\w-]+`, false, []string{"é-b"}, []string{"a b"}},
		{`[^\s]+`, false, []string{"ab"}, []string{"a\u00a0b"}},
		{`a{,2}`, false, []string{"", "aa"}, []string{"aaa"}},
		{`colou?r\Z`, false, []string{"color", "colour"}, []string{"colours"}},
		{`[]x]`, false, []string{"]", "x"}, []string{"a"}},
		{`[[x]+`, false, []string{"[x"}, []string{"a"}},
		{`a(?#comment)b`, false, []string{"ab"}, []string{"a"}},
		{`(?u)ü`, false, []string{"ü"}, []string{"u"}},
		{`(?P<n>a)b`, false, []string{"ab"}, nil},
		{`\u00e9`, false, []string{"é"}, nil},
		{`caf\é`, false, []string{"café"}, nil},
		{`SELECT\s+\*`, true, []string{"select  *"}, []string{"select"}},
		{`^a$`, false, []string{"a"}, []string{"b"}},
	} {
		pattern, _, err := translateRegexp(tc.python, tc.fold)
		if err != nil {
			t.Errorf("%q: %v", tc.python, err)
			continue
		}
		whole := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
		for _, s := range tc.yes {
			if !whole.MatchString(s) {
				t.Errorf("%q (from %q) does not match %q", pattern, tc.python, s)
			}
		}
		for _, s := range tc.no {
			if whole.MatchString(s) {
				t.Errorf("%q (from %q) matches %q", pattern, tc.python, s)
			}
		}
	}
	for _, python := range []string{`(?=a)`, `(?!a)b`, `(?<=a)b`, `(a)\1`, `(?P=n)`, `a**`, `(`, `[a`, `\`, `a{2000}`, `\p{L}`, `\Qa`, `(?x) a b`} {
		if pattern, _, err := translateRegexp(python, false); err == nil {
			t.Errorf("%q became %q, want an error", python, pattern)
		}
	}
	if _, notes, err := translateRegexp(`\ba\b`, false); err != nil || len(notes) == 0 {
		t.Errorf("word boundaries: notes %q, %v", notes, err)
	}
	for pattern, want := range map[string]bool{"a|b": true, "(a|b)": false, `a\|b`: false, "[|]": false, "(a)|b": true} {
		if got := topLevelAlternatives(pattern); got != want {
			t.Errorf("topLevelAlternatives(%q) is %v", pattern, got)
		}
	}
}

func TestOptionList(t *testing.T) {
	for list, want := range map[string][]string{
		`('a','b')`:                    {"a", "b"},
		`('a' 'b c', "d")`:             {"a", "b c", "d"},
		`('it's', 'don\'t','o'clock')`: {"it's", "don't", "o'clock"},
		`('one, two','three')`:         {"one, two", "three"},
		`["a","b"]`:                    {"a", "b"},
		`(a,b)`:                        {"a", "b"},
		``:                             nil,
		`(`:                            {"("},
		`('open`:                       {"ope"},
	} {
		if got := optionList(list); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %q, want %q", list, got, want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]string{"1": "1", "0.150": "0.15", "1e-2": "0.01", "2.0": "2", "0": "0", "0.3333333333": "0.333333"} {
		if got, ok := decimal(text); !ok || got != want {
			t.Errorf("%q is %q (%v), want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-1", "1/3", "NaN", "Inf", "1e99", "1e-99", "0x10", "1_0", "x", strings.Repeat("9", 41), "1000000000"} {
		if got, ok := decimal(text); ok {
			t.Errorf("%q is %q, want none", text, got)
		}
	}
}
