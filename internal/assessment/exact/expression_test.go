package exact

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestExactExpressions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "42": "42", "007": "7", "3.14": "157/50", ".5": "1/2", "16.": "16", " 1 ": "1", "\u00a0\t1\n": "1",
		"1e3": "1000", "1E3": "1000", "1e+3": "1000", "1e-3": "1/1000", "1.5e3": "1500", "1 e 3": "1000", "1e0000000003": "1000",
		"50%": "1/2", "50 %": "1/2", "1k": "1000", "2M": "2000000", "1G": "1000000000", "1T": "1000000000000",
		"1c": "1/100", "1m": "1/1000", "1u": "1/1000000", "1n": "1/1000000000", "1p": "1/1000000000000", "1e3k": "1000000",
		"1+2*3": "7", "(1+2)*3": "9", "10-4-3": "3", "24/4/2": "3", "1/3": "1/3", "0.1+0.2": "3/10",
		"2^10": "1024", "2^3^2": "512", "(2^3)^2": "64", "2^-1": "1/2", "-2^2": "-4", "(-2)^2": "4", "0^0": "1", "2/3^2": "2/9",
		"-1": "-1", "+1": "1", "--1": "1", "-+-1": "1", "2*-3": "-6", "2--3": "5", "3*-2^2": "-12", "2^-2^2": "1/16",
		"6||3": "2", "1||2": "2/3", "6||3||2": "1", "2*6||3": "4", "6||3+1": "3", "-1||2": "-2", "1k||1k": "500",
		"sqrt(4)": "2", "sqrt(4/9)": "2/3", "SQRT(0)": "0", "sqrt (16)": "4", "abs(-3)": "3", "abs(1-0.5)": "1/2",
		"fact(5)": "120", "factorial(0)": "1", "fact(20)": "2432902008176640000",
		"((((1))))": "1", "1e1000/1e999": "10", "1e-400*1e400": "1",
	} {
		got, err := Evaluate(text)
		if err != nil || !got.Exact() || got.value().RatString() != want {
			t.Errorf("%q is %v (exact %v), %v; want %s", text, got.value(), got.Exact(), err, want)
		}
	}
}

func TestRealExpressions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"pi": math.Pi, "PI": math.Pi, "e": math.E, "2*pi": 2 * math.Pi, "e^2": math.E * math.E, "2^0.5": math.Sqrt2, "sqrt(2)": math.Sqrt2,
		"ln(e)": 1, "log10(1000)": 3, "log2(8)": 3, "exp(1)": math.E, "exp(-1000)": 0,
		"sin(pi/2)": 1, "cos(0)": 1, "tan(pi/4)": 1, "sec(0)": 1, "csc(pi/2)": 1, "cot(pi/4)": 1,
		"arcsin(1)": math.Pi / 2, "arccos(1)": 0, "arctan(1)": math.Pi / 4, "arcsec(2)": math.Pi / 3, "arccsc(2)": math.Pi / 6,
		"arccot(1)": math.Pi / 4, "arccot(-1)": -math.Pi / 4, "arccot(0)": math.Pi / 2,
		"sinh(1)": math.Sinh(1), "cosh(1)": math.Cosh(1), "tanh(1)": math.Tanh(1), "sech(0)": 1, "csch(1)": 1 / math.Sinh(1), "coth(1)": 1 / math.Tanh(1),
		"arcsinh(0)": 0, "arccosh(1)": 0, "arctanh(0)": 0, "arcsech(1)": 0, "arccsch(1)": math.Asinh(1), "arccoth(2)": math.Atanh(0.5),
		"pi||pi": math.Pi / 2,
	} {
		got, err := Evaluate(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if math.Abs(got.Float()-want) > 1e-12 {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestWhatIsNotANumber(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"": "empty", " \t": "empty", "abc": "constant", "x": "constant", "3,14": "comma", "1,000": "comma", "1 000": "operator",
		"2pi": "operator", "2(3)": "not expected", "3cm": "operator", "5kk": "operator", "1.2.3": "not expected", ".": "point", "1e": "operator", "--": "early",
		"1+": "early", "*1": "not expected", "1++": "early", "(1": "not closed", "1)": "not expected", "()": "not expected", "sqrt()": "not expected", "sqrt(4": "not closed",
		"sqrt 4": "constant", "foo(1)": "function", "log(10)": "function", "1/0": "zero", "0^-1": "zero", "0||1": "zero", "1||-1": "zero", "1/(1-1)": "zero",
		"sqrt(-1)": "real", "ln(-1)": "real", "ln(0)": "large", "(-8)^(1/3)": "real", "arcsin(2)": "real", "i": "complex", "3+4*j": "complex",
		"1e1001": "exponent", "1e99999999999999999999": "exponent", "9^9^9^9": "large", "9^9^9": "large", "2^100000": "large", "exp(1000)": "large", "1e400+pi": "large", "1e-1000*1e-1000": "small",
		"fact(171)": "factorial", "fact(-1)": "factorial", "fact(1.5)": "factorial", "fact(9^9^9)": "large", "fact(pi)": "factorial",
		"1=1": "not expected", "[1]": "not expected", "2**3": "not expected", "1|2": "not expected", "−5": "not expected", "٣": "not expected", "1\xff": "UTF-8", "NaN": "constant", "Inf": "constant", "0x10": "operator", "1_000": "not expected",
		strings.Repeat("(", 101) + "1" + strings.Repeat(")", 101): "deep", strings.Repeat("1^", 101) + "1": "deep", strings.Repeat("1", 1001): "longer",
	} {
		if got, err := Evaluate(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		} else if !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %q does not mention %q", text, err, reason)
		}
	}
}

// The most expensive expressions we could think of stay far below a second,
// which leaves room for slow machines.
func TestEvaluationIsBounded(t *testing.T) {
	t.Parallel()
	fill := func(prefix, unit string) string {
		return prefix + strings.Repeat(unit, (maxAnswerBytes-len(prefix))/len(unit))
	}
	var primes []string
	for n := 1001; len(primes) < 140; n += 2 {
		if big.NewInt(int64(n)).ProbablyPrime(0) {
			primes = append(primes, fmt.Sprintf("1/%d", n))
		}
	}
	for _, text := range []string{
		"9^9^9^9", fill("1", "^9"), fill("9", "^9"), fill("1e1000", "+1e-999"), fill("3^999", "*3^999"), fill("7^999", "/3^999"), fill("7^500", "+1/3^500"), fill("1", "||9^999"),
		strings.Join(primes, "+"), fill("0", "+fact(170)"), fill("", "fact("), fill("0.", "3"), fill("", "9"), fill("", "-") + "1", fill("1", "/7e-99"), fill("", "sqrt("),
		"sqrt(" + strings.Repeat("3^1000/7^1000*", 60) + "1)",
	} {
		start := time.Now()
		_, _ = Evaluate(text) // unbounded, it would not come back
		t.Logf("%.40q took %v", text, time.Since(start))
	}
}

// A random tree is printed and evaluated; the result is compared with the tree's
// value in rational arithmetic.
func TestExpressionsAgreeWithRationalArithmetic(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var grow func(depth int) (string, *big.Rat)
	grow = func(depth int) (string, *big.Rat) {
		if depth == 0 || random.IntN(4) == 0 {
			n, d := random.Int64N(1000), random.IntN(4)
			text := fmt.Sprintf("%d.%0*d", n, d+1, random.IntN(10))
			value, _ := new(big.Rat).SetString(text)
			return text, value
		}
		a, x := grow(depth - 1)
		b, y := grow(depth - 1)
		switch op := random.IntN(5); {
		case op == 0:
			return "(" + a + "+" + b + ")", new(big.Rat).Add(x, y)
		case op == 1:
			return "(" + a + " - " + b + ")", new(big.Rat).Sub(x, y)
		case op == 2:
			return a + "*" + b, new(big.Rat).Mul(x, y)
		case op == 3 && y.Sign() != 0:
			return "(" + a + "/(" + b + "))", new(big.Rat).Quo(x, y)
		}
		return "-(" + a + ")", new(big.Rat).Neg(x)
	}
	for range 2000 {
		text, want := grow(4)
		got, err := Evaluate(text)
		if len(text) > maxAnswerBytes {
			continue
		}
		if err != nil || got.Exact() && got.value().Cmp(want) != 0 {
			t.Fatalf("%s is %v, %v; want %v", text, got.value(), err, want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"1", "9^9^9^9", "1e3k", "sqrt(2)||-pi", "((1)", "3,14", "fact(170)", "50 %", "1e-999*1e-999", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Evaluate(text)
		b, again := Evaluate(text)
		if (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("first %v, then %v", err, again)
		}
		if err != nil {
			return
		}
		if a.value().Cmp(b.value()) != 0 || a.tainted != b.tainted {
			t.Fatalf("first %v, then %v", a.value(), b.value())
		}
		if a.value().Num().BitLen() > maxBits || a.value().Denom().BitLen() > maxBits {
			t.Fatalf("the value has %d/%d bits", a.value().Num().BitLen(), a.value().Denom().BitLen())
		}
		if len(text)+2 <= maxAnswerBytes {
			if c, err := Evaluate("(" + text + ")"); err == nil && c.value().Cmp(a.value()) != 0 {
				t.Fatalf("parentheses change %v to %v", a.value(), c.value())
			}
		}
		_ = a.String()
	})
}
