package qti

import (
	"slices"
	"strings"
	"testing"
)

// Whatever a source holds, reading, drawing and scoring it ends without a panic,
// and its canonical form means the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`<assessmentItem identifier="i"><responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier"><correctResponse><value>A</value></correctResponse></responseDeclaration><responseProcessing template="match_correct"/></assessmentItem>`,
		item(declarations, short(`<response-condition><response-if><equal tolerance-mode="absolute" tolerance="1 2">{v:A}{f:2}</equal><set-outcome-value identifier="SCORE"><map-response identifier="T"/></set-outcome-value></response-if></response-condition>`)),
		templated(`<set-template-value identifier="X"><random-integer min="1" max="{X}"/></set-template-value><template-constraint><gt>{v:X}{i:0}</gt></template-constraint>`, `<lookup-outcome-value identifier="SCORE">{v:X}</lookup-outcome-value>`),
		item("", short(`<set-outcome-value identifier="X"><pattern-match pattern="[a-z-[aeiou]]+\p{IsGreek}">{s:x}</pattern-match></set-outcome-value>`)),
		`<a:assessmentItem xmlns:a="urn:x" xmlns:b="urn:y"><a:templateProcessing b:c="&lt;"><a:repeat numberRepeats="99999999999"/></a:templateProcessing></a:assessmentItem>`,
		`<!DOCTYPE x><assessmentItem><outcomeDeclaration identifier="SCORE"><matchTable><matchTableEntry sourceValue="1"/></matchTable></outcomeDeclaration></assessmentItem>`,
		`<qti-assessment-item><qti-response-declaration identifier="P" base-type="point"><qti-area-mapping><qti-area-map-entry shape="poly" coords="0,0,1,1,2" mapped-value="1"/></qti-area-mapping></qti-response-declaration></qti-assessment-item>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Parse(source)
		canonical, again := Canonical(source)
		if (err == nil) != (again == nil) {
			t.Fatalf("parsed %v, made canonical %v", err, again)
		}
		if err != nil {
			return
		}
		q, err := Parse(canonical)
		if err != nil {
			t.Fatalf("the canonical form: %v\n%s", err, canonical)
		}
		_ = p.Unsupported()
		if most, ok := p.MaxScore(); ok && most.Score.Sign() <= 0 {
			t.Fatalf("the maximum is %v", most.Score)
		}
		a, errA := p.Draw(5)
		b, errB := q.Draw(5)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("drawn %v, then %v", errA, errB)
		}
		if errA != nil {
			return
		}
		x, y := describe(p.Score(a, nil)), describe(q.Score(b, nil))
		if !sameOutcomes(x, y) {
			t.Fatalf("the source %s\nits canonical form %s\n%s", x, y, canonical)
		}
		if _, err := ParseTest(source); err == nil {
			t.Fatal("an item is a test")
		}
	})
}

// sameOutcomes compares descriptions without their order: declarations of
// different kinds may have changed places.
func sameOutcomes(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// Whatever a learner responds, scoring is deterministic and ends.
func FuzzScore(f *testing.F) {
	f.Add("York", "a b", "10 20", int64(1))
	f.Add("", "", "", int64(0))
	f.Add("1e400", "A", "99999999999999999999 1e300", int64(-1))
	f.Add("3,14", "a  b c", "-1,-1", int64(1<<62))
	f.Add("\x00\xff", "\u00a0", "NaN Inf", int64(7))
	source := item(declarations+`<qti-response-declaration identifier="PAIRS" cardinality="multiple" base-type="directedPair"><qti-mapping><qti-map-entry map-key="a b" mapped-value="0.1"/></qti-mapping></qti-response-declaration>
		<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, short(`
		<set-outcome-value identifier="SCORE"><sum><map-response identifier="T"/><map-response identifier="PAIRS"/><map-response-point identifier="P"/></sum></set-outcome-value>
		<set-outcome-value identifier="A"><equal tolerance-mode="relative" tolerance="10">{v:T}{f:3.14}</equal></set-outcome-value>
		<set-outcome-value identifier="B"><pattern-match pattern="(\w+\s?)*">{v:T}</pattern-match></set-outcome-value>
		<set-outcome-value identifier="C"><custom-operator class="x:ParseCommaDecimal"><custom-operator class="x:ToAscii">{v:T}</custom-operator></custom-operator></set-outcome-value>
		<set-outcome-value identifier="D"><random>{v:L}</random></set-outcome-value>
		<set-outcome-value identifier="E"><power>{v:T}{v:A}</power></set-outcome-value>
		<set-outcome-value identifier="F"><round-to figures="3">{v:T}</round-to></set-outcome-value>
		<set-outcome-value identifier="G">{v:R}</set-outcome-value>`))
	p := parse(f, source)
	f.Fuzz(func(t *testing.T, text, pair, point string, seed int64) {
		responses := map[string]Value{"T": Text(text), "A": Text(point), "L": Identifier(pair), "M": Bag(Identifier(pair), Identifier(text), Point(1, 2))}
		for identifier, texts := range map[string][]string{"PAIRS": {pair, pair, text}, "P": {point, "10 10"}, "R": {text}, "N": {text}} {
			if v, err := p.Response(identifier, texts...); err == nil {
				responses[identifier] = v
			}
		}
		template, err := p.Draw(seed)
		if err != nil {
			t.Fatal(err)
		}
		first := describe(p.Score(template, responses))
		if again := describe(p.Score(template, responses)); again != first {
			t.Fatalf("first %s\nthen %s", first, again)
		}
		if o, _, err := p.Score(template, responses); err == nil {
			if n, ok := o.Score(); ok && n.Float() > 2+0.1+1.5 {
				t.Fatalf("SCORE is %v", n)
			}
		}
	})
}
