package qti

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// randomExpression grows an expression of QTI 3; all kinds occur.
func randomExpression(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(5) == 0 {
		return []string{
			`{i:` + fmt.Sprint(r.IntN(9)-3) + `}`, `{f:` + fmt.Sprint(r.IntN(900)) + `e-2}`, `{id:` + string(rune('a'+r.IntN(4))) + `}`, `{s:York}`, `{b:true}`, `{b:false}`, `{null}`, `{pt:3 4}`, `{pair:a b}`,
			`{v:A}`, `{v:N}`, `{v:T}`, `{v:L}`, `{v:M}`, `{v:NONE}`, `{v:P}`, `{v:R}`, `{v:COUNT}`, `{v:OUT}`, `<correct identifier="T"/>`, `<default identifier="L"/>`, `<map-response identifier="M"/>`, `<map-response-point identifier="P"/>`,
			`<random-integer min="-2" max="9"/>`, `<random-float min="0" max="{A}"/>`, `<math-constant name="pi"/>`,
		}[r.IntN(26)]
	}
	attributes := map[string]string{
		"any-n": `min="1" max="2"`, "string-match": `case-sensitive="false"`, "substring": `case-sensitive="true"`, "pattern-match": `pattern="[a-z]*\d?"`, "equal": `tolerance-mode="relative" tolerance="5 {N}"`,
		"equal-rounded": `figures="3"`, "inside": `shape="circle" coords="3,4,5"`, "index": `n="2"`, "field-value": `field-identifier="ndp"`, "repeat": `number-repeats="3"`, "round-to": `rounding-mode="decimalPlaces" figures="2"`,
		"stats-operator": `name="sampleSD"`, "math-operator": `name="` + []string{"sin", "ln", "exp", "abs", "floor", "tan"}[r.IntN(6)] + `"`, "custom-operator": `class="depcp:` + []string{"Trim", "ToAscii", "ParseCommaDecimal", "No"}[r.IntN(4)] + `"`,
	}
	var names []string
	for _, table := range []map[string]operator{logicOperators, containerOperators, numberOperators} {
		for name := range table {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	name := append(names, "custom-operator")[r.IntN(len(names)+1)]
	op, _ := operatorNamed(name)
	count := op.least
	if op.most < 0 {
		count = max(1, op.least) + r.IntN(3)
	}
	if name == "math-operator" || name == "custom-operator" {
		count = 1
	}
	var b strings.Builder
	b.WriteString("<" + name + " " + attributes[name] + ">")
	for range count {
		b.WriteString(randomExpression(r, depth-1))
	}
	return b.String() + "</" + name + ">"
}

func randomRules(r *rand.Rand, depth int) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		switch {
		case depth > 0 && r.IntN(3) == 0:
			b.WriteString(`<response-condition><response-if>` + randomExpression(r, 2) + randomRules(r, depth-1) + `</response-if><response-else>` + randomRules(r, depth-1) + `</response-else></response-condition>`)
		case r.IntN(15) == 0:
			b.WriteString(`<exit-response/>`)
		default:
			b.WriteString(`<set-outcome-value identifier="` + []string{"COUNT", "WORDS", "OUT", "SCORE"}[r.IntN(4)] + `">` + randomExpression(r, 4) + `</set-outcome-value>`)
		}
	}
	return b.String()
}

// describe is everything that a run gives.
func describe(o Outcomes, trace Trace, err error) string {
	var b strings.Builder
	for name, v := range o.All() {
		fmt.Fprintf(&b, "%s=%v(%s %s) ", name, v, v.Cardinality(), v.BaseType())
	}
	fmt.Fprintf(&b, "%v %s", err, trace)
	return b.String()
}

// Random programs run without a panic, within the limits, twice alike, and their
// canonical form means the same.
func TestRandomProgramsRunAlike(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	known := 0
	for range 500 {
		source := item(declarations, short(randomRules(r, 2)))
		p := parse(t, source)
		canonical, err := Canonical(source)
		if err != nil {
			t.Fatal(err)
		}
		q := parse(t, canonical)
		responses := map[string]Value{"T": Text([]string{"York", "york", "x1", ""}[r.IntN(4)]), "N": Integer(int64(r.IntN(9)))}
		if r.IntN(3) == 0 {
			responses["M"] = Bag(Identifier("b"), Identifier("x"))
		}
		seed := r.Int64()
		template := draw(t, p, seed)
		first := describe(p.Score(template, responses))
		if again := describe(p.Score(template, responses)); again != first {
			t.Fatalf("first %s\nthen %s\n%s", first, again, source)
		}
		if other := describe(q.Score(draw(t, q, seed), responses)); other != first {
			t.Fatalf("the source %s\nits canonical form %s\n%s", first, other, source)
		}
		if strings.Contains(first, "OUT=") && !strings.Contains(first, "OUT=(") {
			known++
		}
		if low, high := p.scoreBounds().low, p.scoreBounds().high; low != nil || high != nil {
			o, _, err := p.Score(template, responses)
			n, ok := o.Score()
			if err == nil && ok && (low != nil && n.Cmp(*low) < 0 || high != nil && n.Cmp(*high) > 0) {
				t.Fatalf("SCORE is %v, outside %v to %v\n%s", n, low, high, source)
			}
		}
	}
	if known < 50 {
		t.Errorf("only %d of the programs gave a value", known)
	}
}

// The laws of three-valued logic.
func TestDeMorgan(t *testing.T) {
	t.Parallel()
	values := []string{"{b:true}", "{b:false}", "{null}"}
	for _, a := range values {
		for _, b := range values {
			left, _ := evaluate(t, "<not><and>"+a+b+"</and></not>")
			right, _ := evaluate(t, "<or><not>"+a+"</not><not>"+b+"</not></or>")
			if left.String() != right.String() {
				t.Errorf("%s %s: %v, %v", a, b, left, right)
			}
			anyOf, _ := evaluate(t, `<any-n min="1" max="2">`+a+b+`</any-n>`)
			or, _ := evaluate(t, `<or>`+a+b+`</or>`)
			if anyOf.String() != or.String() {
				t.Errorf("%s %s: any of them %v, or %v", a, b, anyOf, or)
			}
		}
	}
}

// match does not depend on the order of bags, nor on how large they are.
func TestBagsMatchInAnyOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		n := 1 + r.IntN(40)
		a := make([]Value, n)
		for i := range a {
			a[i] = Pair(string(rune('a'+r.IntN(5))), string(rune('a'+r.IntN(5))))
		}
		b := slices.Clone(a)
		r.Shuffle(n, func(i, j int) { b[i], b[j] = b[j], b[i] })
		for i, v := range b {
			x, y := twoWords(v.one.text)
			if r.IntN(2) == 0 {
				b[i] = Pair(y, x)
			}
		}
		x, y := Bag(a...), Bag(b...)
		if !matches(&machine{}, &x, &y) || !matches(&machine{}, &y, &x) {
			t.Fatalf("%v does not match %v", x, y)
		}
		b[0] = Pair("z", "z")
		if y = Bag(b...); matches(&machine{}, &x, &y) {
			t.Fatalf("%v matches %v", x, y)
		}
	}
}

func TestProgramsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := parse(t, drawnItem)
	template := draw(t, p, 9)
	responses := map[string]Value{"RESPONSE": template.Correct("RESPONSE")}
	want := describe(p.Score(template, responses))
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 50 {
				again, err := p.Draw(9)
				if got := describe(p.Score(again, responses)); err != nil || got != want {
					t.Errorf("%v: %s, want %s", err, got, want)
				}
			}
		})
	}
	done.Wait()
	if !strings.Contains(want, "SCORE=1(") {
		t.Error(want)
	}
}
