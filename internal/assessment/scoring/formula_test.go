package scoring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// formula is a part in x and y, from -2 to 3 each, with these keys.
func formula(expressions ...string) event.PartV1 {
	p := event.PartV1{Kind: event.Formula, Domain: []event.DomainV1{{Name: "x", Low: "-2", High: "3"}, {Name: "y", Low: "-2", High: "3"}}}
	for _, e := range expressions {
		p.Formulas = append(p.Formulas, event.FormulaKeyV1{Expression: e, Credit: "1"})
	}
	return p
}

func TestFormulas(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ right, wrong []string }{
		"x^2 - 1":       {[]string{"(x-1)*(x+1)", "-1+x*x", "(x^4-1)/(x^2+1)", "X^2 - 1"}, []string{"x^2", "x^2+1", "x-1", "", "x^", "2", "z^2-1", "x^2 - 1.01"}},
		"x":             {[]string{"2*x/2", "--x", "x^3/x^2", "x*(sin(y)^2+cos(y)^2)"}, []string{"abs(x)", "sqrt(x^2)", "-x", "y", "x + 0*ln(y)", "x+y-abs(y)"}},
		"x*y":           {[]string{"y*x", "((x+y)^2-(x-y)^2)/4"}, []string{"abs(x*y)", "abs(x)*y", "x*abs(y)", "x/y"}},
		"sqrt(x)":       {[]string{"x^0.5", "x/sqrt(x)", "x^(1/2)"}, []string{"sqrt(x)+0.001", "-sqrt(x)", "sqrt(-x)"}},
		"ln(x*y)":       {[]string{"ln(y*x)", "2*ln(sqrt(x*y))"}, []string{"ln(x)+ln(y)"}}, // of negative numbers, the product has one and the sum has none
		"sin(x)^2":      {[]string{"1-cos(x)^2", "(1-cos(2*x))/2"}, []string{"sin(x)", "sin(x^2)"}},
		"0*x":           {[]string{"0", "x-x", "sin(x)^2+cos(x)^2-1"}, []string{"1e-13*x", "0.000001", "x"}},
		"1e-20*x":       {[]string{"x/1e20", "x*10^-20"}, []string{"0", "1.01e-20*x", "x"}},
		"1/(x-y)":       {[]string{"-1/(y-x)"}, []string{"1/(y-x)", "1/x-1/y", "1/(x-x)"}},
		"7":             {[]string{"7", "x-x+7"}, []string{"7+x", "7.1"}},
		"max(x, y)":     {[]string{"(x+y+abs(x-y))/2"}, []string{"x", "y", "max(x,y)"}}, // learners do not have max
		"fact(5)*x":     {[]string{"120*x"}, []string{"fact(x)"}},
		"(x+y)^3":       {[]string{"x^3+3*x^2*y+3*x*y^2+y^3"}, []string{"x^3+y^3"}},
		"exp(x)":        {[]string{"e^x"}, []string{"exp(-x)", "1+x", "exp(exp(exp(exp(99*x))))"}},
		"2||x^2+1":      {[]string{"1/(1/2+1/x^2)+1"}, nil},
		"x^2 + y^2":     {[]string{"x*x + y*y", "(x+y)^2 - 2*x*y"}, []string{"(x+y)^2", "x^2"}},
		"tan(x)":        {[]string{"sin(x)/cos(x)"}, []string{"cos(x)/sin(x)"}},
		"abs(x)":        {[]string{"sqrt(x^2)", "abs(-x)"}, []string{"x", "-x"}},
		"x > 0 ? x : 0": {[]string{"(x+abs(x))/2"}, []string{"x", "0"}},
	} {
		it := parse(t, itemOf(formula(key)))
		for _, text := range c.right {
			if got := it.Score(one(write(text)), 0).Parts[0]; !got.Correct {
				t.Errorf("%s: %q is wrong: %s", key, text, got.How)
			}
		}
		for _, text := range c.wrong {
			if got := it.Score(one(write(text)), 0).Parts[0]; got.Correct {
				t.Errorf("%s: %q is right: %s", key, text, got.How)
			}
		}
	}
}

func TestTheTolerancesOfFormulas(t *testing.T) {
	t.Parallel()
	with := func(tolerance string) event.PartV1 {
		p := formula("100*x^2 + 100")
		p.Formulas[0].Tolerance = tolerance
		return p
	}
	checkCases(t, []scoringCase{
		{"by default, within", with(""), write("100.009*x^2 + 100.009"), "1"},
		{"by default, beyond", with(""), write("100.011*x^2 + 100.011"), "0"},
		{"in percent, within", with("2%"), write("101.9*(x^2 + 1)"), "1"},
		{"in percent, beyond", with("2%"), write("102.1*(x^2 + 1)"), "0"},
		{"absolute, within", with("0.5"), write("100*x^2 + 100.5"), "1"},
		{"absolute, beyond", with("0.5"), write("100*x^2 + 100.51"), "0"},
		{"none, equal", with("0"), write("(x^2+1)*100"), "1"},
		{"none, nearly equal", with("0"), write("100*x^2 + 100 + 1e-30"), "0"},
		{"none, and float64 arithmetic", with("0"), write("(sqrt(x^2+1)*10)^2"), "1"},
	})
}

func TestTheFirstFormulaThatIsEqualCounts(t *testing.T) {
	t.Parallel()
	part := formula("x + y", "x - y", "y - x")
	part.Formulas[1].Credit, part.Formulas[1].FeedbackHTML = "0.5", "mind the sign"
	part.Formulas[2].Credit = "-0.5"
	part.LowBound = "-1"
	it := parse(t, itemOf(part))
	for text, want := range map[string]string{
		"y + x": "1 [] The answer equals expression 1 of 3 at 10 points, which earns full credit.",
		"-y+x":  "0.5 [mind the sign] The answer equals expression 2 of 3 at 10 points, which earns 0.5 of the credit.",
		"-x+y":  "-0.5 [] The answer equals expression 3 of 3 at 10 points, which earns a penalty of 0.5 of the credit.",
		"x +":   "0 [] The answer is not an expression: it ends too early.",
		"z":     `0 [] The answer is not an expression: "z" is neither a variable nor a constant.`,
	} {
		got := it.Score(one(write(text)), 0).Parts[0]
		if s := fmt.Sprintf("%v %v %s", got.Credit, got.FeedbackHTML, got.How); s != want {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
	if how := it.Score(one(write("x*y")), 0).Parts[0].How; !strings.Contains(how, "at x = ") || !strings.Contains(how, ", y = ") || !strings.Contains(how, "should be") {
		t.Errorf("the difference is told as %q", how)
	}
	if how := it.Score(one(write("ln(x-9)")), 0).Parts[0].How; !strings.Contains(how, "not a real number") {
		t.Errorf("what is no number is told as %q", how)
	}
}

// The points of every item tell a variable from its absolute value, whatever the
// item is called and however few points there are.
func TestEveryItemSamplesBothSigns(t *testing.T) {
	t.Parallel()
	lopsided := formula("x")
	lopsided.Domain[0].Low, lopsided.Domain[0].High = "-1", "1000000"
	few := formula("x")
	few.Samples = 1
	many := event.PartV1{Kind: event.Formula, Formulas: []event.FormulaKeyV1{{Expression: "a+b+c+d+f+g", Credit: "1"}}}
	for _, name := range []string{"a", "b", "c", "d", "f", "g"} {
		many.Domain = append(many.Domain, event.DomainV1{Name: name, Low: "-1", High: "1"})
	}
	for i := range 300 {
		for _, c := range []struct {
			part  event.PartV1
			wrong []string
		}{
			{formula("x"), []string{"abs(x)", "-abs(x)"}},
			{formula("x*y"), []string{"abs(x*y)", "abs(x)*y", "abs(y)*x", "-abs(x*y)"}},
			{lopsided, []string{"abs(x)"}},
			{few, []string{"abs(x)"}},
			{many, []string{"abs(a)+b+c+d+f+g", "a+b+c+d+f+abs(g)", "a+b-abs(c)+d+f+g"}},
		} {
			def := itemOf(c.part)
			def.ItemID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, i))
			it := parse(t, def)
			for _, text := range c.wrong {
				if it.Score(one(write(text)), 0).Parts[0].Correct {
					t.Fatalf("item %d takes %s for %s", i, text, c.part.Formulas[0].Expression)
				}
			}
		}
	}
}

func TestNobodyHasKinderPoints(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(formula("x")))
	want := it.Score(one(write("x+y")), 0).Parts[0].How
	for seed := range int64(50) {
		if got := it.Score(one(write("x+y")), seed).Parts[0].How; got != want {
			t.Fatalf("seed %d: %q, before %q", seed, got, want)
		}
	}
}

func TestFormulasWithTheLearnersNumbers(t *testing.T) {
	t.Parallel()
	def := itemOf(formula("a*x + b"))
	def.Variables = []event.VariableV1{
		{Name: "a", Kind: event.RangeVariable, Low: "2", High: "9"},
		{Name: "b", Kind: event.FormulaVariable, Expression: "a^2/3"},
	}
	it := parse(t, def)
	for seed := range int64(30) {
		a := it.draw(seed).values["a"].text
		right := fmt.Sprintf("%s*x + %s*%s/3", a, a, a)
		if got := it.Score(one(write(right)), seed).Parts[0]; !got.Correct {
			t.Errorf("seed %d: %s is wrong: %s", seed, right, got.How)
		}
		if it.Score(one(write("1*x + 1/3")), seed).Parts[0].Correct {
			t.Errorf("seed %d: another's numbers are right", seed)
		}
		full, ok := it.FullResponse(seed)
		if !ok || strings.ContainsAny(full["1"].Text, "ab") {
			t.Errorf("seed %d: the full response is %v", seed, full)
		}
	}
	if got := it.Score(one(write("a*x + b")), 1).Parts[0]; got.Correct {
		t.Error("the names of the author's variables are good for an answer")
	}
}

func TestFormulasThatCannotBe(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"sqrt(-1-x^2)": "has no value at any point", "1/(x-x)": "has no value at any point", "z": "neither a variable", "x +": "too early", "": "empty",
	} {
		if _, err := Parse(itemOf(formula(expression))); err == nil || !strings.HasPrefix(err.Error(), "parts[0].formulas[0].expression: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", expression, err)
		}
	}
}

// FuzzFormula holds answers to what holds of all: scoring comes to an end, says
// the same twice, and an answer that is accepted is accepted in parentheses.
func FuzzFormula(f *testing.F) {
	for _, text := range []string{"x", "(x-1)*(x+1)", "x^2-1", "1/x", "x^x^x", "sqrt(x)||y", "X", "ln(", "e^(-x)", "fact(x)", "9^9^9^x", "\xff"} {
		f.Add(text)
	}
	it := parse(f, itemOf(formula("x^2-1", "x")))
	f.Fuzz(func(t *testing.T, text string) {
		got := it.Score(one(write(text)), 0)
		checkResult(t, it, got)
		if !sameResult(got, it.Score(one(write(text)), 5)) {
			t.Fatal("the second result differs")
		}
		if got.Parts[0].Correct && len(text) < 900 {
			if again := it.Score(one(write("("+text+")")), 0); !again.Parts[0].Correct {
				t.Fatalf("in parentheses it is wrong: %s", again.Parts[0].How)
			}
		}
	})
}
