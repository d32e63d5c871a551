package qti

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// templated is an item with template variables X (integer) and Y (float).
func templated(processing, response string) string {
	return `<qti-assessment-item identifier="i"><qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="integer"><qti-correct-response><qti-value>0</qti-value></qti-correct-response></qti-response-declaration>
		<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>
		<qti-template-declaration identifier="X" cardinality="single" base-type="integer"><qti-default-value><qti-value>1</qti-value></qti-default-value></qti-template-declaration>
		<qti-template-declaration identifier="Y" cardinality="single" base-type="float"/>
		<qti-template-processing>` + short(processing) + `</qti-template-processing><qti-response-processing>` + short(response) + `</qti-response-processing></qti-assessment-item>`
}

func draw(t testing.TB, p *Program, seed int64) Template {
	t.Helper()
	template, err := p.Draw(seed)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// The values of known seeds: they must never change, because attempts keep the
// seed only.
func TestSeedsGiveTheSameValuesForEver(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`
		<set-template-value identifier="X"><random-integer min="2" max="11" step="3"/></set-template-value>
		<set-template-value identifier="Y"><round-to rounding-mode="decimalPlaces" figures="3"><random-float min="{X}" max="20"/></round-to></set-template-value>
		<set-template-value identifier="Z"><random><multiple>{id:a}{id:b}{id:c}</multiple></random></set-template-value>`, ""))
	for seed, want := range map[int64]string{1: "11 15.866 c", 2: "8 11.884 a", 3: "11 18.183 b", -1: "5 19.852 b", 1 << 62: "2 13.121 c"} {
		template := draw(t, p, seed)
		got := fmt.Sprint(template.Variable("X"), " ", template.Variable("Y"), " ", template.Variable("Z"))
		if got != want || template.Seed() != seed {
			t.Errorf("seed %d gives %s, want %s", seed, got, want)
		}
	}
}

func TestDrawnValuesLieInTheirRange(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`<set-template-value identifier="X"><random-integer min="-3" max="9" step="4"/></set-template-value><set-template-value identifier="Y"><random-float min="1.5" max="1.75"/></set-template-value>`, ""))
	seen := map[string]int{}
	for seed := range int64(2000) {
		template := draw(t, p, seed)
		seen[template.Variable("X").String()]++
		if y, ok := template.Variable("Y").Number(); !ok || y.Float() < 1.5 || y.Float() >= 1.75 {
			t.Fatalf("seed %d draws %v", seed, template.Variable("Y"))
		}
	}
	for _, x := range []string{"-3", "1", "5", "9"} {
		if seen[x] < 400 || seen[x] > 600 { // 500 expected, deviation 19
			t.Errorf("%s is drawn %d times of 2000", x, seen[x])
		}
	}
	if len(seen) != 4 {
		t.Errorf("the values are %v", seen)
	}
}

func TestTemplateRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, processing, x, y, correct, initial string }{
		{"defaults", ``, "1", "", "0", ""},
		{"setting", `<set-template-value identifier="X">{i:5}</set-template-value><set-template-value identifier="Y"><product>{v:X}{f:0.5}</product></set-template-value>`, "5", "2.5", "0", ""},
		{"the correct response", `<set-correct-response identifier="RESPONSE"><sum>{v:X}{i:41}</sum></set-correct-response>`, "1", "", "42", ""},
		{"the default of a response", `<set-default-value identifier="RESPONSE">{i:3}</set-default-value>`, "1", "", "0", "3"},
		{"conditions", `<template-condition><template-if><gt>{v:X}{i:0}</gt><set-template-value identifier="Y">{f:1}</set-template-value></template-if><template-else><set-template-value identifier="Y">{f:2}</set-template-value></template-else></template-condition>`, "1", "1", "0", ""},
		{"else if", `<template-condition><template-if><gt>{v:X}{i:9}</gt></template-if><template-else-if><is-null>{v:Y}</is-null><set-template-value identifier="Y">{f:3}</set-template-value></template-else-if></template-condition>`, "1", "3", "0", ""},
		{"exit", `<set-template-value identifier="X">{i:5}</set-template-value><exit-template/><set-template-value identifier="X">{i:6}</set-template-value>`, "5", "", "0", ""},
		{"a constraint that never holds leaves the defaults", `<set-template-value identifier="X">{i:5}</set-template-value><set-correct-response identifier="RESPONSE">{i:9}</set-correct-response><template-constraint><lt>{v:X}{i:0}</lt></template-constraint>`, "1", "", "0", ""},
		{"a constraint that is NULL does not hold", `<set-template-value identifier="X">{i:5}</set-template-value><template-constraint>{null}</template-constraint>`, "1", "", "0", ""},
		{"response rules have no place", `<set-outcome-value identifier="X">{i:7}</set-outcome-value><response-condition/>`, "7", "", "0", ""},
	} {
		template := draw(t, parse(t, templated(c.processing, "")), 3)
		got := [4]string{template.Variable("X").String(), template.Variable("Y").String(), template.Correct("RESPONSE").String(), template.Default("RESPONSE").String()}
		if got != [4]string{c.x, c.y, c.correct, c.initial} {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// A constraint has the values drawn anew until it holds.
func TestConstraints(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`<set-template-value identifier="X"><random-integer min="1" max="10"/></set-template-value>
		<template-constraint><equal><integer-modulus>{v:X}{i:5}</integer-modulus>{i:0}</equal></template-constraint>`, ""))
	seen := map[string]bool{}
	for seed := range int64(200) {
		seen[draw(t, p, seed).Variable("X").String()] = true
	}
	if len(seen) != 2 || !seen["5"] || !seen["10"] {
		t.Errorf("the values are %v", seen)
	}
}

// Scoring sees the values and the correct response that were drawn.
func TestScoringFollowsTheTemplate(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`<set-template-value identifier="X"><random-integer min="2" max="99"/></set-template-value><set-correct-response identifier="RESPONSE"><product>{v:X}{i:3}</product></set-correct-response>`,
		`<response-condition><response-if><match>{v:RESPONSE}<correct identifier="RESPONSE"/></match><set-outcome-value identifier="SCORE">{f:1}</set-outcome-value></response-if>
		<response-else-if><equal>{v:RESPONSE}{v:X}</equal><set-outcome-value identifier="SCORE">{f:0.5}</set-outcome-value></response-else-if></response-condition>`))
	for seed := range int64(50) {
		template := draw(t, p, seed)
		x, _ := template.Variable("X").Number()
		for want, response := range map[string]Value{"1": template.Correct("RESPONSE"), "0.5": Float(x), "0": Integer(1)} {
			outcomes, _, err := p.Score(template, map[string]Value{"RESPONSE": response})
			if got := outcomes.Value("SCORE").String(); err != nil || got != want {
				t.Errorf("seed %d: %v scores %s, %v; want %s", seed, response, got, err, want)
			}
		}
	}
	if _, _, err := parse(t, templated("", "")).Score(draw(t, p, 1), nil); !errors.Is(err, errOtherTemplate) {
		t.Errorf("another program's template: %v", err)
	}
	if o, _, err := p.Score(Template{}, nil); err != nil || o.Value("SCORE").String() != "0" {
		t.Errorf("no template: %v, %v", o.Value("SCORE"), err)
	}
}

// Randomness in response processing depends on the seed alone, and not on what
// was drawn before.
func TestScoringIsDeterministic(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(``, `<set-outcome-value identifier="DOOR"><random><multiple>{id:A}{id:B}{id:C}</multiple></random></set-outcome-value>`))
	var doors strings.Builder
	for seed := range int64(20) {
		template := draw(t, p, seed)
		first, _, _ := p.Score(template, nil)
		second, _, _ := p.Score(template, nil)
		if first.Value("DOOR").String() != second.Value("DOOR").String() {
			t.Fatalf("seed %d: %v, then %v", seed, first.Value("DOOR"), second.Value("DOOR"))
		}
		doors.WriteString(first.Value("DOOR").String())
	}
	if got, want := doors.String(), "CCCACCAABCCACBBACBAA"; got != want {
		t.Errorf("the doors are %s, want %s", got, want)
	}
}

func TestTemplatesListTheirVariables(t *testing.T) {
	t.Parallel()
	p := parse(t, templated(`<set-template-value identifier="NEW">{s:x}</set-template-value>`, ""))
	var got []string
	for name, value := range draw(t, p, 1).Variables() {
		got = append(got, name+"="+value.String())
	}
	if fmt.Sprint(got) != "[X=1 Y= NEW=x]" || !p.HasTemplateProcessing() {
		t.Errorf("%v", got)
	}
	for range (Template{}).Variables() {
		t.Error("no template has a variable")
	}
	if v := (Template{}).Correct("RESPONSE"); !v.IsNull() {
		t.Errorf("no template has %v", v)
	}
}
