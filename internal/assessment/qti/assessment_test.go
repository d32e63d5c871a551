package qti

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

const testSource = `<assessmentTest identifier="t">
<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>
<testPart identifier="part"><assessmentSection identifier="s1">
 <assessmentItemRef identifier="i.1" href="i1.xml" category="a b"><weight identifier="W" value="2"/></assessmentItemRef>
 <assessmentSection identifier="s2"><assessmentItemRef identifier="i2" href="i2.xml" category="b"><weight identifier="W" value="0.5"/></assessmentItemRef>
 <assessmentItemRef identifier="i3" href="i3.xml"/></assessmentSection>
 <assessmentSectionRef identifier="s4" href="s4.xml"/>
</assessmentSection></testPart>
<outcomeProcessing>%s</outcomeProcessing></assessmentTest>`

func TestExpressionsOfTests(t *testing.T) {
	t.Parallel()
	right := parse(t, item(`<qti-response-declaration identifier="R" cardinality="single" base-type="identifier"><qti-correct-response><qti-value>A</qti-value></qti-correct-response></qti-response-declaration>
		<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float" normal-maximum="3" normal-minimum="-1"/>`, `<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">1.5</qti-base-value></qti-set-outcome-value>`))
	free := parse(t, item(`<qti-response-declaration identifier="R" cardinality="single" base-type="string"/><qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, ""))
	answered := func(p *Program, response Value) ItemResult {
		responses := map[string]Value{"R": response}
		template := draw(t, p, 1)
		outcomes, _, err := p.Score(template, responses)
		if err != nil {
			t.Fatal(err)
		}
		return ItemResult{Program: p, Template: template, Responses: responses, Outcomes: outcomes}
	}
	results := map[string]ItemResult{"i.1": answered(right, Identifier("A")), "i2": answered(right, Identifier("B"))}
	more := map[string]ItemResult{"i.1": results["i.1"], "i2": results["i2"], "i3": answered(free, Null())}
	for _, c := range []struct{ expression, want, wantAll string }{
		{`<variable identifier="i.1.SCORE"/>`, "1.5", "1.5"}, {`<variable identifier="i.1.SCORE" weight-identifier="W"/>`, "3", "3"}, {`<variable identifier="i2.SCORE" weight-identifier="NONE"/>`, "1.5", "1.5"}, {`<variable identifier="i.1.R"/>`, "A", "A"},
		{`<variable identifier="i3.SCORE"/>`, "", "0"}, {`<variable identifier="i9.SCORE"/>`, "", ""}, {`{v:SCORE}`, "0", "0"},
		{`<test-variables variable-identifier="SCORE"/>`, "1.5, 1.5", "1.5, 1.5, 0"}, {`<sum><test-variables variable-identifier="SCORE" weight-identifier="W"/></sum>`, "3.75", "3.75"},
		{`<test-variables variable-identifier="SCORE" include-category="a"/>`, "1.5", "1.5"}, {`<test-variables variable-identifier="SCORE" include-category="a b"/>`, "1.5, 1.5", "1.5, 1.5"}, {`<test-variables variable-identifier="SCORE" exclude-category="a"/>`, "1.5", "1.5, 0"},
		{`<test-variables variable-identifier="SCORE" section-identifier="s2"/>`, "1.5", "1.5, 0"}, {`<test-variables variable-identifier="SCORE" section-identifier="part" base-type="identifier"/>`, "", ""}, {`<test-variables variable-identifier="OTHER"/>`, "", ""},
		{`<number-selected/>`, "3", "3"}, {`<number-selected section-identifier="s2"/>`, "2", "2"}, {`<number-correct/>`, "1", "1"}, {`<number-incorrect/>`, "1", "1"}, {`<number-responded/>`, "2", "2"}, {`<number-presented/>`, "2", "3"},
		{`<outcome-maximum outcome-identifier="SCORE" include-category="b"/>`, "3, 3", "3, 3"}, {`<sum><outcome-maximum outcome-identifier="SCORE" weight-identifier="W" include-category="b"/></sum>`, "7.5", "7.5"}, {`<outcome-maximum outcome-identifier="SCORE"/>`, "", ""}, {`<outcome-minimum outcome-identifier="SCORE" include-category="a"/>`, "-1", "-1"},
	} {
		test, err := ParseTest(fmt.Sprintf(testSource, `<setOutcomeValue identifier="X">`+short(c.expression)+`</setOutcomeValue>`))
		if err != nil {
			t.Fatal(err)
		}
		for want, r := range map[*map[string]ItemResult]string{&results: c.want, &more: c.wantAll} {
			outcomes, _, err := test.Score(*want)
			if got := outcomes.Value("X").String(); err != nil || got != r {
				t.Errorf("%s is %q, %v; want %q", c.expression, got, err, r)
			}
		}
	}
}

func TestOutcomeRules(t *testing.T) {
	t.Parallel()
	test, err := ParseTest(fmt.Sprintf(testSource, `
		<outcomeCondition><outcomeIf><gte><numberCorrect/><baseValue baseType="integer">1</baseValue></gte><setOutcomeValue identifier="SCORE"><baseValue baseType="float">1</baseValue></setOutcomeValue></outcomeIf>
		<outcomeElseIf><isNull><testVariables variableIdentifier="SCORE"/></isNull><setOutcomeValue identifier="SCORE"><baseValue baseType="float">2</baseValue></setOutcomeValue><exitTest/></outcomeElseIf>
		<outcomeElse/></outcomeCondition><setOutcomeValue identifier="AFTER"><baseValue baseType="boolean">true</baseValue></setOutcomeValue>
		<outcomeProcessingFragment><setOutcomeValue identifier="IN"><baseValue baseType="boolean">true</baseValue></setOutcomeValue></outcomeProcessingFragment><exitResponse/>`))
	if err != nil {
		t.Fatal(err)
	}
	outcomes, trace, err := test.Score(nil)
	if err != nil || outcomes.Value("SCORE").String() != "2" || !outcomes.Value("AFTER").IsNull() || !strings.HasPrefix(trace.String(), "outcomeElseIf: testVariables (SCORE)() is empty; SCORE := 2; exitTest") {
		t.Errorf("%v, %v\n%s", outcomes.Value("SCORE"), err, trace)
	}
	outcomes, _, err = test.Score(map[string]ItemResult{"i2": {Recorded: map[string]Value{"SCORE": Float(exact.FromInt(3))}}})
	if err != nil || outcomes.Value("SCORE").String() != "0" || outcomes.Value("AFTER").String() != "true" || outcomes.Value("IN").String() != "true" {
		t.Errorf("%v, %v", outcomes.Value("SCORE"), err)
	}
	if items := test.Items(); test.Identifier() != "t" || len(items) != 3 || items[0].Identifier != "i.1" || items[0].Href != "i1.xml" || len(items[0].Categories) != 2 {
		t.Errorf("%+v", items)
	}
	u := test.Unsupported()
	if len(u) != 2 || u[0].Element != "qti-assessment-section-ref" || u[1].Element != "qti-exit-response" {
		t.Errorf("%v", u)
	}
	if _, err := ParseTest("<assessmentItem/>"); err == nil {
		t.Error("an item is a test")
	}
}
