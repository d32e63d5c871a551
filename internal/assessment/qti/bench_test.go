package qti

import (
	"testing"
)

func BenchmarkScore(b *testing.B) {
	response := `<responseDeclaration identifier="RESPONSE" cardinality="multiple" baseType="identifier"><correctResponse><value>A</value><value>C</value></correctResponse>
		<mapping lowerBound="0" upperBound="2"><mapEntry mapKey="A" mappedValue="1"/><mapEntry mapKey="C" mappedValue="1"/><mapEntry mapKey="B" mappedValue="-0.5"/></mapping></responseDeclaration><outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>`
	standard := func(name string) string {
		return `<assessmentItem identifier="i">` + response + `<responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/` + name + `"/></assessmentItem>`
	}
	chosen := map[string]Value{"RESPONSE": Bag(Identifier("C"), Identifier("A"))}
	for _, c := range []struct {
		name, source string
		responses    map[string]Value
	}{
		{"match_correct", standard("match_correct"), chosen},
		{"map_response", standard("map_response"), chosen},
		{"typed number", item(`<qti-response-declaration identifier="R" cardinality="single" base-type="string"/><qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, short(`<response-condition><response-if><equal tolerance-mode="relative" tolerance="1"><custom-operator class="x:ParseCommaDecimal">{v:R}</custom-operator>{f:3.14}</equal><set-outcome-value identifier="SCORE"><sum>{v:SCORE}{f:1}</sum></set-outcome-value></response-if></response-condition>`)), map[string]Value{"R": Text("3,14")}},
		{"pattern", item(`<qti-response-declaration identifier="R" cardinality="single" base-type="string"/><qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, short(`<response-condition><response-if><pattern-match pattern="[Cc]olou?rs?">{v:R}</pattern-match><set-outcome-value identifier="SCORE">{f:1}</set-outcome-value></response-if></response-condition>`)), map[string]Value{"R": Text("Colours")}},
		{"template", drawnItem, map[string]Value{"RESPONSE": Integer(12)}},
	} {
		p := parse(b, c.source)
		template := draw(b, p, 1)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Score(template, c.responses); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// drawnItem asks how many days some people need for some holes, with numbers
// drawn until they divide.
var drawnItem = templated(`
	<set-template-value identifier="NUMBERS"><multiple>{i:2}{i:3}{i:5}{i:6}{i:7}{i:8}</multiple></set-template-value>
	<set-template-value identifier="X"><random>{v:NUMBERS}</random></set-template-value>
	<set-template-value identifier="Z"><random><delete>{v:X}{v:NUMBERS}</delete></random></set-template-value>
	<set-template-value identifier="Y"><product>{v:X}{v:Z}<random-integer min="2" max="5"/></product></set-template-value>
	<template-constraint><lt>{v:Y}{i:100}</lt></template-constraint>
	<set-correct-response identifier="RESPONSE"><integer-divide>{v:Y}{v:X}</integer-divide></set-correct-response>`,
	`<response-condition><response-if><match>{v:RESPONSE}<correct identifier="RESPONSE"/></match><set-outcome-value identifier="SCORE">{f:1}</set-outcome-value></response-if>
	<response-else-if><equal>{v:RESPONSE}<product>{v:X}{v:Y}</product></equal><set-outcome-value identifier="SCORE">{f:0.5}</set-outcome-value></response-else-if>
	<response-else><set-outcome-value identifier="SCORE">{f:0}</set-outcome-value></response-else></response-condition>`)

func BenchmarkDraw(b *testing.B) {
	p := parse(b, drawnItem)
	b.ReportAllocs()
	for seed := int64(0); b.Loop(); seed++ {
		if _, err := p.Draw(seed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(drawnItem)))
	for b.Loop() {
		if _, err := Parse(drawnItem); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrace(b *testing.B) {
	_, trace := scored(b, parse(b, drawnItem), map[string]Value{"RESPONSE": Integer(12)})
	b.ReportAllocs()
	for b.Loop() {
		_ = trace.Lines()
	}
}
