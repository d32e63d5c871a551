package exact

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// of makes the values of an expression's variables.
func of(t testing.TB, values map[string]string) map[string]Number {
	t.Helper()
	numbers := map[string]Number{}
	for name, text := range values {
		n, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		numbers[name] = n
	}
	return numbers
}

func TestExpressionsOfAuthors(t *testing.T) {
	t.Parallel()
	variables := of(t, map[string]string{"a": "3", "b": "0.5", "E": "7", "x_1": "10"})
	for text, want := range map[string]string{
		"a + b": "7/2", "A*B": "3/2", "E": "7", "x_1^2": "100", "a^-2": "1/9", "2*a||6": "4",
		"floor(2.7)": "2", "floor(-2.1)": "-3", "floor(5)": "5", "ceil(2.1)": "3", "ceil(-2.7)": "-2",
		"round(2.5)": "3", "round(-2.5)": "-3", "round(2.4999)": "2", "round(3.14159, 2)": "157/50", "round(1234, -2)": "1200", "round(-0.05, 1)": "-1/10",
		"min(3, 1, 2)": "1", "max(a, b)": "3", "max(4)": "4", "pow(2, 10)": "1024", "pow(a, -1)": "1/3", "fmod(7, 3)": "1", "fmod(-7, 3)": "-1", "fmod(7.5, 2)": "3/2",
		"7 % 3": "1", "-7.9 % 3": "-1", "(a+b)%2": "1", "x_1 % a": "1", "50%": "1/2", "50%+1": "3/2", "200 % (a)": "2",
		"1 < 2": "1", "2<=1": "0", "a > b": "1", "a>=4": "0", "a == 3": "1", "a != 3": "0",
		"a > 2 ? 10 : 20": "10", "a<2?10:b>0?30:40": "30", "(1 == 1) * 5": "5", "b == 0 ? 1 : 1/b": "2", "0 ? 1/0 : 3": "3",
		"abs(-a)": "3", "sqrt(a*3)": "3", "fact(a)": "6",
	} {
		e, err := Compile(text, "a", "b", "E", "x_1")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, err := e.Evaluate(variables)
		if err != nil || !got.Exact() || got.value().RatString() != want {
			t.Errorf("%q is %v (exact %v), %v; want %s", text, got.value(), got.Exact(), err, want)
		}
	}
}

func TestRealFunctionsOfAuthors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"log(10)": math.Ln10, "log(8, 2)": 3, "log10(100)": 2, "ln(10)": math.Ln10, "pi()": math.Pi, "pi": math.Pi, "PI()/2": math.Pi / 2,
		"asin(1)": math.Pi / 2, "acos(1)": 0, "atan(1)": math.Pi / 4, "atan2(1, -1)": 3 * math.Pi / 4, "asinh(0)": 0, "acosh(1)": 0, "atanh(0)": 0,
		"expm1(1)": math.E - 1, "log1p(1)": math.Ln2, "deg2rad(180)": math.Pi, "rad2deg(pi())": 180, "pow(2, 0.5)": math.Sqrt2, "fmod(pi, 3)": math.Pi - 3,
	} {
		e, err := Compile(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := e.Evaluate(nil); err != nil || math.Abs(got.Float()-want) > 1e-12 {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

// What is an author's language only is not a learner's.
func TestLearnersDoNotHaveTheLanguageOfAuthors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"log(10)", "floor(1.5)", "min(1,2)", "pow(2,3)", "pi()", "asin(1)", "7 % 3", "1 < 2", "1 == 1", "1 ? 2 : 3", "deg2rad(1)",
	} {
		if got, err := Evaluate(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
		if _, err := Compile(text); err != nil {
			t.Errorf("an author's %q: %v", text, err)
		}
	}
}

func TestWhatAnExpressionRefuses(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"c": "neither a variable nor a constant", "a(2)": "operator such as * is missing", "sin(a, a)": "not a decimal point", "pow(2)": "takes 2 arguments",
		"round()": "not expected", "a ? 1": "early", "1 < 2 < 3": "not expected", "a @ 2": "not expected", "{a}": "not expected", "rand(1)": "not a function",
		"a/0": "zero", "a % 0": "zero", "fmod(1, 0)": "zero", "round(a, 0.5)": "whole number of places", "round(a, 9999)": "whole number of places", "log(-1)": "real",
		"max(" + strings.Repeat("1,", 100) + "1)": "not a decimal point", strings.Repeat("1+", 2000) + "1": "longer", strings.Repeat("1?", 101) + "1": "deep",
	} {
		e, err := Compile(text, "a")
		if err == nil {
			_, err = e.Evaluate(of(t, map[string]string{"a": "1"}))
		}
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.40q: %v does not mention %q", text, err, reason)
		}
	}
}

// Variables are found by their exact names first.
func TestNamesOfVariables(t *testing.T) {
	t.Parallel()
	e, err := CompileAnswer("V/v + pi - PI + e", "v", "V", "pi2", "e2")
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Variables(); !slices.Equal(got, []string{"V", "v"}) {
		t.Errorf("the variables are %v", got)
	}
	got, err := e.Evaluate(of(t, map[string]string{"v": "2", "V": "6", "unused": "1"}))
	if err != nil || math.Abs(got.Float()-3-math.E) > 1e-12 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := e.Evaluate(of(t, map[string]string{"v": "2"})); err == nil || !strings.Contains(err.Error(), `"V" has no value`) {
		t.Errorf("%v", err)
	}
	if _, err := CompileAnswer("x", "X", "x1"); err != nil {
		t.Errorf("another capitalisation: %v", err)
	}
	if _, err := CompileAnswer("Ab", "AB", "ab"); err == nil {
		t.Error("a capitalisation that could be either was taken")
	}
}

func TestNumerals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "+5": "5", "-2.50": "-5/2", ".5": "1/2", "5.": "5", "1e3": "1000", "1E-2": "1/100", "123456789012345678901234567890": "123456789012345678901234567890", "007": "7",
	} {
		if got, err := Parse(text); err != nil || got.value().RatString() != want || !got.Exact() {
			t.Errorf("%q is %v, %v", text, got.value(), err)
		}
	}
	for _, text := range []string{"", "-", ".", "1e", "e1", "1e+", "1e1000", "1,5", " 1", "1 ", "0x1", "1/2", "NaN", "Inf", "1_0", "--1", "1.2.3", "٣", strings.Repeat("1", 1001)} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%.20q is %v", text, got)
		}
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	number := func(text string) Number {
		n, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		number string
		figure int
		want   string
	}{
		{"1234.5", 3, "1230"}, {"0.0012345", 2, "0.0012"}, {"0.00125", 2, "0.0013"}, {"-0.00125", 2, "-0.0013"}, {"999.9", 3, "1000"}, {"0", 5, "0"}, {"1e-900", 1, "0"}, {"9.995e99", 3, "1" + strings.Repeat("0", 100)},
	} {
		got, err := number(c.number).RoundSignificant(c.figure)
		if c.number == "1e-900" {
			if err == nil {
				t.Errorf("%s has %v", c.number, got)
			}
			continue
		}
		if err != nil || got.Decimal(10) != c.want {
			t.Errorf("%s to %d figures is %s, %v", c.number, c.figure, got.Decimal(10), err)
		}
	}
	for text, want := range map[string]int{"1": 0, "9.99": 0, "10": 1, "0.1": -1, "0.099": -2, "1e300": 300, "999e-999": -997, "0": 0, "-345": 2} {
		if got := number(text).Magnitude(); got != want {
			t.Errorf("the magnitude of %s is %d", text, got)
		}
	}
	for text, want := range map[string]string{"1.50": "1.5", "-0.00001": "0", "0.3333": "0.333", "-2.0005": "-2.001", "1e3": "1000"} {
		if got := number(text).Decimal(3); got != want {
			t.Errorf("%s in digits is %s", text, got)
		}
	}
	if got := number("-7.5").Trunc().Decimal(0); got != "-7" {
		t.Errorf("-7.5 cut off is %s", got)
	}
}

// The most expensive expressions of authors come to an end.
func TestExpressionsOfAuthorsAreBounded(t *testing.T) {
	t.Parallel()
	fill := func(prefix, unit, suffix string) string {
		return prefix + strings.Repeat(unit, (maxAuthorBytes-len(prefix)-len(suffix))/len(unit)) + suffix
	}
	for _, text := range []string{
		fill("0", "+round(1e999,400)", ""), fill("1", "+fmod(1e999,7e-999)", ""), fill("7^999", "%3^9", ""), fill("1", "?1:1", ""), fill("max(1", ",1", ")"), fill("0", "+log(1e999)", ""),
	} {
		e, err := Compile(text)
		if err == nil {
			_, _ = e.Evaluate(nil) // unbounded, it would not come back
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"a+1", "a > 1 ? min(a, 2) : b % 3", "round(a/b, 2)", "log(a, b)", "a(1)", "50%3", "atan2(", "1?2?3:4:5"} {
		f.Add(seed, "a", "b", "1.5")
	}
	f.Fuzz(func(t *testing.T, text, first, second, value string) {
		n, err := Parse(value)
		if err != nil {
			n = FromInt(2)
		}
		e, err := Compile(text, first, second)
		if err != nil {
			return
		}
		variables := map[string]Number{first: n, second: n}
		a, err := e.Evaluate(variables)
		b, again := e.Evaluate(variables)
		if (err == nil) != (again == nil) || err == nil && (a.Cmp(b) != 0 || a.Exact() != b.Exact()) {
			t.Fatalf("first %v, %v, then %v, %v", a, err, b, again)
		}
		// What a learner may write, an author may, with the same value. Only "%" has
		// become an operator as well, so that there the author's may differ.
		if answer, err := CompileAnswer(text, first, second); err == nil && !strings.Contains(text, "%") {
			c, err := answer.Evaluate(variables)
			if (err == nil) != (again == nil) || err == nil && c.Cmp(b) != 0 {
				t.Fatalf("a learner's %q is %v, an author's %v", text, c, b)
			}
		}
	})
}
