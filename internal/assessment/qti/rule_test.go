package qti

import (
	"errors"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

const choiceAndScore = `<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier"><qti-correct-response><qti-value>A</qti-value></qti-correct-response></qti-response-declaration>
<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`

func TestRules(t *testing.T) {
	t.Parallel()
	set := func(value string) string {
		return `<set-outcome-value identifier="SCORE">{f:` + value + `}</set-outcome-value>`
	}
	isCorrect := `<match>{v:RESPONSE}<correct identifier="RESPONSE"/></match>`
	is := func(id string) string { return `<match>{v:RESPONSE}{id:` + id + `}</match>` }
	for _, c := range []struct {
		name, rules string
		want        map[string]string // SCORE by response
	}{
		{"the first branch that holds", `<response-condition><response-if>` + isCorrect + set("2") + `</response-if><response-else-if>` + is("B") + set("1") + `</response-else-if><response-else>` + set("-1") + `</response-else></response-condition>`,
			map[string]string{"A": "2", "B": "1", "C": "-1", "": "-1"}},
		{"no branch", `<response-condition><response-if>` + isCorrect + set("2") + `</response-if></response-condition>`, map[string]string{"A": "2", "B": "0", "": "0"}},
		{"conditions in conditions", `<response-condition><response-if><not>` + is("C") + `</not><response-condition><response-if>` + isCorrect + set("2") + `</response-if></response-condition>` + `</response-if></response-condition>`, map[string]string{"A": "2", "B": "0", "C": "0"}},
		{"exit ends everything", `<response-condition><response-if>` + isCorrect + set("2") + `<exit-response/>` + set("3") + `</response-if></response-condition>` + set("99"), map[string]string{"A": "2", "B": "99"}},
		{"a fragment runs in its place", `<response-processing-fragment>` + set("4") + `</response-processing-fragment>`, map[string]string{"A": "4"}},
		{"later rules see what earlier ones have set", set("1") + `<set-outcome-value identifier="SCORE"><sum>{v:SCORE}{v:SCORE}</sum></set-outcome-value>`, map[string]string{"A": "2"}},
		{"rules that are none are left out", `<nonsense/>` + set("1") + `<set-template-value identifier="SCORE">{f:9}</set-template-value>`, map[string]string{"A": "1"}},
		{"setting NULL", `<set-outcome-value identifier="SCORE">{null}</set-outcome-value>`, map[string]string{"A": ""}},
	} {
		p := parse(t, item(choiceAndScore, short(c.rules)))
		for response, want := range c.want {
			outcomes, _ := scored(t, p, map[string]Value{"RESPONSE": Identifier(response)})
			if got := outcomes.Value("SCORE").String(); got != want {
				t.Errorf("%s: %q scores %s, want %s", c.name, response, got, want)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table string
		want  map[string]string // by raw score
	}{
		{`<qti-match-table default-value="none"><qti-match-table-entry source-value="1" target-value="pass"/><qti-match-table-entry source-value="0" target-value="fail"/></qti-match-table>`, map[string]string{"1": "pass", "0": "fail", "0.5": "none", "": "none"}},
		{`<qti-interpolation-table><qti-interpolation-table-entry source-value="10" target-value="A"/><qti-interpolation-table-entry source-value="5" include-boundary="false" target-value="B"/><qti-interpolation-table-entry source-value="0" target-value="C"/></qti-interpolation-table>`,
			map[string]string{"12": "A", "10": "A", "9.99": "B", "5.01": "B", "5": "C", "0": "C", "-1": ""}},
		{`<qti-interpolation-table><qti-interpolation-table-entry source-value="0" target-value="C"/><qti-interpolation-table-entry source-value="10" target-value="A"/></qti-interpolation-table>`, map[string]string{"10": "A", "9": "C"}},
	} {
		declarations := `<qti-response-declaration identifier="RAW" cardinality="single" base-type="float"/><qti-outcome-declaration identifier="GRADE" cardinality="single" base-type="string">` + c.table + `</qti-outcome-declaration>`
		p := parse(t, item(declarations, `<qti-lookup-outcome-value identifier="GRADE"><qti-variable identifier="RAW"/></qti-lookup-outcome-value>`))
		for raw, want := range c.want {
			response := Null()
			if n, err := exact.Parse(raw); err == nil {
				response = Float(n)
			}
			outcomes, _ := scored(t, p, map[string]Value{"RAW": response})
			if got := outcomes.Value("GRADE").String(); got != want {
				t.Errorf("%s looks up %q as %q, want %q", c.table, raw, got, want)
			}
		}
	}
}

// Outcomes take the type and cardinality of their declaration where that loses
// nothing.
func TestOutcomesTakeTheFormOfTheirDeclaration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cardinality, base, expression, want, wantBase string }{
		{"single", "integer", `{f:1.0}`, "1", "integer"},
		{"single", "integer", `{f:0.5}`, "0.5", "float"}, // half a point is kept
		{"single", "float", `{i:1}`, "1", "float"},
		{"single", "float", `{s:1.5}`, "1.5", "float"},
		{"single", "float", `{s:x}`, "", ""},
		{"single", "string", `{f:1.50}`, "1.5", "string"},
		{"single", "string", `{id:A}`, "A", "string"},
		{"multiple", "identifier", `{id:A}`, "A", "identifier"},
		{"single", "identifier", `<multiple>{id:A}</multiple>`, "A", "identifier"},
		{"single", "identifier", `<multiple>{id:A}{id:B}</multiple>`, "A, B", "identifier"},
		{"single", "float", `<multiple>{f:1}{f:2}</multiple>`, "", ""},
		{"ordered", "float", `<multiple>{i:1}{i:2}</multiple>`, "1, 2", "float"},
	} {
		p := parse(t, item(`<qti-outcome-declaration identifier="X" cardinality="`+c.cardinality+`" base-type="`+c.base+`"/>`, `<qti-set-outcome-value identifier="X">`+short(c.expression)+`</qti-set-outcome-value>`))
		outcomes, _ := scored(t, p, nil)
		v := outcomes.Value("X")
		if v.String() != c.want || string(v.BaseType()) != c.wantBase || !v.IsNull() && string(v.Cardinality()) != c.cardinality && c.want != "A, B" {
			t.Errorf("%s as %s %s is %v (%s %s)", c.expression, c.cardinality, c.base, v, v.Cardinality(), v.BaseType())
		}
	}
}

func TestTheBuiltInVariables(t *testing.T) {
	t.Parallel()
	p := parse(t, item(`<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, short(`
		<set-outcome-value identifier="SCORE"><divide>{i:1}{v:numAttempts}</divide></set-outcome-value>
		<set-outcome-value identifier="SLOW"><duration-gte>{v:duration}{d:30}</duration-gte></set-outcome-value>
		<set-outcome-value identifier="WHO"><field-value field-identifier="candidateIdentifier">{v:QTI_CONTEXT}</field-value></set-outcome-value>`)))
	outcomes, _ := scored(t, p, map[string]Value{"numAttempts": Integer(2), "duration": Duration(exact.FromInt(31)), "QTI_CONTEXT": Record(Field{"candidateIdentifier", Identifier("c1")})})
	for name, want := range map[string]string{"SCORE": "0.5", "SLOW": "true", "WHO": "c1", "completionStatus": "completed"} {
		if got := outcomes.Value(name).String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// An adaptive item goes on from its outcomes, any other starts anew.
func TestAdaptiveItemsGoOn(t *testing.T) {
	t.Parallel()
	source := item(`<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="integer"/>`, short(`<set-outcome-value identifier="SCORE"><sum>{v:SCORE}{i:1}</sum></set-outcome-value>
		<response-condition><response-if><gte>{v:SCORE}{i:2}</gte><set-outcome-value identifier="completionStatus">{id:completed}</set-outcome-value></response-if></response-condition>`))
	for adaptive, want := range map[bool][2]string{false: {"1 completed", "1 completed"}, true: {"1 unknown", "2 completed"}} {
		s := source
		if adaptive {
			s = strings.Replace(source, `adaptive="false"`, `adaptive="true"`, 1)
		}
		p := parse(t, s)
		template, _ := p.Draw(1)
		first, _, err1 := p.Score(template, nil)
		second, _, err2 := p.ScoreAgain(template, first, nil)
		if err := errors.Join(err1, err2); err != nil || p.Adaptive() != adaptive {
			t.Fatal(adaptive, err)
		}
		for i, o := range []Outcomes{first, second} {
			if got := o.Value("SCORE").String() + " " + o.Value("completionStatus").String(); got != want[i] {
				t.Errorf("adaptive %v, attempt %d: %s, want %s", adaptive, i+1, got, want[i])
			}
		}
	}
}

// The standard templates by all the names that they go by.
func TestStandardTemplates(t *testing.T) {
	t.Parallel()
	declarations := `<responseDeclaration identifier="RESPONSE" cardinality="multiple" baseType="identifier"><correctResponse><value>A</value><value>B</value></correctResponse>
		<mapping upperBound="1.5"><mapEntry mapKey="A" mappedValue="1"/><mapEntry mapKey="B" mappedValue="1"/><mapEntry mapKey="C" mappedValue="-1"/></mapping></responseDeclaration>
		<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/><outcomeDeclaration identifier="MAXSCORE" cardinality="single" baseType="float"><defaultValue><value>1.5</value></defaultValue></outcomeDeclaration>`
	for _, c := range []struct{ template, right, part, none, feedback string }{
		{"http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct", "1", "0", "0", ""},
		{"http://www.imsglobal.org/question/qti_v2p2/rptemplates/match_correct.xml", "1", "0", "0", ""},
		{"https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml", "1", "0", "0", ""},
		{"rptemplates/MATCH_CORRECT.xml", "1", "0", "0", ""},
		{"http://www.imsglobal.org/question/qti_v2p1/rptemplates/map_response", "1.5", "1", "0", ""},
		{"https://www.imsglobal.org/question/qti_v3p0/rptemplates/CC2_match.xml", "1", "0", "0", "FEEDBACK"},
		{"https://www.imsglobal.org/question/qti_v3p0/rptemplates/CC2_match_basic.xml", "1.5", "0", "0", "FEEDBACKBASIC"},
		{"https://www.imsglobal.org/question/qti_v3p0/rptemplates/CC2_map_response.xml", "1.5", "1", "0", "FEEDBACK"},
	} {
		p := parse(t, `<assessmentItem identifier="i">`+declarations+`<responseProcessing template="`+c.template+`"/></assessmentItem>`)
		if len(p.Unsupported()) > 0 || p.StandardTemplate() == "" || !p.HasResponseProcessing() {
			t.Errorf("%s: %v", c.template, p.Unsupported())
		}
		for want, response := range map[string]Value{c.right: Bag(Identifier("B"), Identifier("A")), c.part: Bag(Identifier("A")), c.none: Null()} {
			if want == c.none && c.part == c.none && response.IsNull() {
				continue
			}
			outcomes, _ := scored(t, p, map[string]Value{"RESPONSE": response})
			if got := outcomes.Value("SCORE").String(); got != want {
				t.Errorf("%s: %v scores %s, want %s", c.template, response, got, want)
			}
		}
		outcomes, _ := scored(t, p, map[string]Value{"RESPONSE": Null()})
		if got := outcomes.Value("SCORE").String(); got != c.none || c.feedback != "" && !outcomes.Value(c.feedback).Has("incorrect") {
			t.Errorf("%s: nothing scores %s, %v", c.template, got, outcomes.Value(c.feedback))
		}
	}
	p := parse(t, `<assessmentItem identifier="i">`+declarations+`<responseProcessing template="http://example.com/our_own"/></assessmentItem>`)
	if u := p.Unsupported(); len(u) != 1 || u[0].Class != "http://example.com/our_own" || p.HasResponseProcessing() {
		t.Errorf("an unknown template: %v", u)
	}
	point := parse(t, `<assessmentItem identifier="i"><responseDeclaration identifier="R_1" cardinality="single" baseType="point"><areaMapping><areaMapEntry shape="circle" coords="5,5,2" mappedValue="2"/></areaMapping></responseDeclaration>
		<responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/map_response_point"/></assessmentItem>`)
	if outcomes, _ := scored(t, point, map[string]Value{"R_1": Point(6, 6)}); outcomes.Value("SCORE").String() != "2" {
		t.Errorf("the only response, whatever its name, is meant: %v, %v", outcomes.Value("SCORE"), point.Unsupported())
	}
}

func TestATraceTellsHowTheScoreCameAbout(t *testing.T) {
	t.Parallel()
	declarations := `<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier"><qti-correct-response><qti-value>A</qti-value></qti-correct-response><qti-mapping><qti-map-entry map-key="A" mapped-value="1"/></qti-mapping></qti-response-declaration>
		<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"><qti-interpolation-table><qti-interpolation-table-entry source-value="1" target-value="8"/></qti-interpolation-table></qti-outcome-declaration>`
	p := parse(t, item(declarations, short(`
		<response-condition><response-if><and><match>{v:RESPONSE}<correct identifier="RESPONSE"/></match><not><is-null>{v:RESPONSE}</is-null></not></and>
			<set-outcome-value identifier="SCORE">{f:1}</set-outcome-value><set-outcome-value identifier="FEEDBACK"><multiple>{id:x}{id:y}</multiple></set-outcome-value></response-if>
			<response-else><set-outcome-value identifier="SCORE">{f:0}</set-outcome-value></response-else></response-condition>
		<set-outcome-value identifier="RAW"><map-response identifier="RESPONSE"/></set-outcome-value>
		<lookup-outcome-value identifier="SCORE"><sum>{v:RAW}{i:0}</sum></lookup-outcome-value>
		<response-condition><response-if><gt>{v:SCORE}<product>{i:2}{i:5}</product></gt><exit-response/></response-if></response-condition>
		<set-outcome-value identifier="LAST">{null}</set-outcome-value>`)))
	_, trace := scored(t, p, map[string]Value{"RESPONSE": Identifier("A")})
	want := `responseIf: (RESPONSE matches the correct response) and not (RESPONSE is empty); SCORE := 1; FEEDBACK := {x, y} (multiple(x, y))
RAW := 1 (the mapping of RESPONSE)
SCORE := 8 (looked up by RAW + 0)
LAST := NULL`
	if trace.String() != want {
		t.Errorf("got\n%s\nwant\n%s", trace, want)
	}
	_, trace = scored(t, p, map[string]Value{"RESPONSE": Identifier("B")})
	want = `responseElse; SCORE := 0
RAW := 0 (the mapping of RESPONSE)
SCORE := NULL (looked up by RAW + 0)
LAST := NULL`
	if trace.String() != want {
		t.Errorf("got\n%s\nwant\n%s", trace, want)
	}
}
