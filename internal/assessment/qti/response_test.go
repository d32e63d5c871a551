package qti

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

func TestResponsesFromTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cardinality, base string
		texts             []string
		want              string
		is                Cardinality
		fault             string
	}{
		{"single", "identifier", []string{"A"}, "A", Single, ""},
		{"single", "identifier", nil, "", NoCardinality, ""},
		{"single", "identifier", []string{""}, "", NoCardinality, ""},
		{"multiple", "identifier", []string{"A", "B"}, "A, B", Multiple, ""},
		{"multiple", "identifier", []string{"A"}, "A", Multiple, ""},
		{"ordered", "identifier", []string{"B", "A"}, "B, A", Ordered, ""},
		{"single", "string", []string{"  York "}, "  York ", Single, ""},
		{"single", "string", []string{"a\nb"}, "a\nb", Single, ""},
		{"single", "float", []string{" 3.50 "}, "3.5", Single, ""},
		{"single", "float", []string{"3,5"}, "", NoCardinality, "not a decimal number"},
		{"single", "integer", []string{"3.5"}, "", NoCardinality, "not a whole number"},
		{"single", "integer", []string{"3.0"}, "3", Single, ""},
		{"single", "boolean", []string{"true"}, "true", Single, ""},
		{"single", "boolean", []string{"maybe"}, "", NoCardinality, "neither true nor false"},
		{"multiple", "pair", []string{"A B", "C D"}, "A B, C D", Multiple, ""},
		{"multiple", "directedPair", []string{"A"}, "", NoCardinality, "not a pair"},
		{"single", "directedPair", []string{"A G1", "B G2"}, "A G1, B G2", Multiple, ""}, // as some items declare gap matches
		{"multiple", "point", []string{"10 20", "5,6"}, "10 20, 5 6", Multiple, ""},
		{"single", "point", []string{"10"}, "", NoCardinality, "not a point"},
		{"single", "file", []string{"essay.pdf"}, "essay.pdf", Single, ""},
		{"single", "duration", []string{"12.5"}, "12.5", Single, ""},
	} {
		p := parse(t, item(`<qti-response-declaration identifier="R" cardinality="`+c.cardinality+`" base-type="`+c.base+`"/>`, ""))
		got, err := p.Response("R", c.texts...)
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s %s %q: %v does not mention %q", c.cardinality, c.base, c.texts, err, c.fault)
			}
			continue
		}
		if err != nil || got.String() != c.want || got.Cardinality() != c.is {
			t.Errorf("%s %s %q: %v (%s), %v", c.cardinality, c.base, c.texts, got, got.Cardinality(), err)
		}
	}
	if _, err := parse(t, item("", "")).Response("R", "A"); err == nil {
		t.Error("a response that is not declared was taken")
	}
}

// Text entry with a record: the fields of the specification.
func TestTypedTextsAsRecords(t *testing.T) {
	t.Parallel()
	p := parse(t, item(`<qti-response-declaration identifier="R" cardinality="record"/>`, ""))
	for text, want := range map[string]string{
		"012.50":  "stringValue 012.50, floatValue 12.5, leftDigits 3, rightDigits 2, ndp 2, nsf 4",
		"-3":      "stringValue -3, floatValue -3, integerValue -3, leftDigits 1, rightDigits 0, ndp 0, nsf 1",
		"6.02e23": "stringValue 6.02e23, floatValue 602000000000000000000000, integerValue 602000000000000000000000, leftDigits 1, rightDigits 2, ndp 2, nsf 3, exponent 23",
		"word":    "stringValue word", "": "",
	} {
		if got, err := p.Response("R", text); err != nil || got.String() != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}

func TestAResponseThatIsNotNamedHasItsDefault(t *testing.T) {
	t.Parallel()
	p := parse(t, item(`<qti-response-declaration identifier="R" cardinality="single" base-type="integer"><qti-default-value><qti-value>5</qti-value></qti-default-value></qti-response-declaration><qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`,
		`<qti-set-outcome-value identifier="SCORE"><qti-variable identifier="R"/></qti-set-outcome-value>`))
	for want, responses := range map[string]map[string]Value{"5": nil, "7": {"R": Integer(7)}, "": {"R": Null()}, "2": {"R": Text("2"), "OTHER": Text("x")}} {
		outcomes, _ := scored(t, p, responses)
		if got := outcomes.Value("SCORE").String(); got != want {
			t.Errorf("%v: %s, want %s", responses, got, want)
		}
	}
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	p := parse(t, `<assessmentItem identifier="q1"><responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier"><correctResponse><value>A</value><value>B</value></correctResponse><mapping><mapEntry mapKey="A" mappedValue="1"/></mapping></responseDeclaration>
		<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float" externalScored="human"/><responseDeclaration identifier="RESPONSE" cardinality="single" baseType="string"/></assessmentItem>`)
	list := p.Declarations()
	if len(list) != 2 || list[0].Identifier != "RESPONSE" || list[0].Correct.String() != "A, B" || !list[0].Mapped || list[1].External != "human" || p.Identifier() != "q1" || p.HasResponseProcessing() {
		t.Errorf("%+v", list)
	}
	if u := p.Unsupported(); len(u) != 1 || !strings.Contains(u[0].Why, "declared twice") {
		t.Errorf("%v", u)
	}
	if d, ok := p.Declaration("completionStatus"); !ok || d.Kind != OutcomeVariable {
		t.Errorf("a built-in variable: %+v", d)
	}
	if _, ok := p.Declaration("NOTHING"); ok {
		t.Error("there is a variable that nothing names")
	}
	if d, ok := p.Declaration("SCORE"); !ok || d.BaseType != FloatType || d.Default.String() != "0" {
		t.Errorf("%+v", d)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	record := Record(Field{"a", Integer(1)}, Field{"b", Null()})
	for _, c := range []struct {
		value    Value
		text     string
		contains string
		not      string
	}{
		{Identifier("A"), "A", "A", "a"}, {Bag(Identifier("A"), Null(), Identifier("B")), "A, B", "B", "A, B"}, {Integer(5), "5", "5.0", "6"}, {Boolean(true), "true", "true", "false"},
		{List(Pair("A", "B")), "A B", "A B", "B A"}, {Null(), "", "-", ""}, {File("x.pdf"), "x.pdf", "x.pdf", "x"}, {URI("u:1"), "u:1", "u:1", "u"}, {Text(""), "", "-", ""},
	} {
		if c.value.String() != c.text || c.contains != "-" && !c.value.Has(c.contains) || c.value.Has(c.not) {
			t.Errorf("%v: %q", c.value, c.text)
		}
	}
	if record.Len() != 1 || len(record.Fields()) != 1 || record.Field("a").String() != "1" || strings.Join(record.Strings(), "|") != "1" || record.Has("1") {
		t.Errorf("%v", record)
	}
	if v := Bag(Identifier("A"), Identifier("B")).At(1); v.String() != "B" || v.Cardinality() != Single {
		t.Errorf("%v", v)
	}
}

// What is wrong with a declaration is reported with its line; the rest of it
// counts.
func TestFaultyDeclarations(t *testing.T) {
	t.Parallel()
	p := parse(t, `<assessmentItem identifier="i">
<responseDeclaration identifier="A" cardinality="many" baseType="identifier"/>
<responseDeclaration identifier="B" cardinality="single" baseType="number"><correctResponse><value>x</value></correctResponse></responseDeclaration>
<responseDeclaration identifier="C" cardinality="single" baseType="integer"><correctResponse><value>x</value><value>5</value></correctResponse>
<mapping lowerBound="low"><mapEntry mapKey="x" mappedValue="1"/><mapEntry mapKey="5"/><mapEntry mapKey="5" mappedValue="2"/><mapEntry mapKey="5" mappedValue="3"/></mapping></responseDeclaration>
<responseDeclaration identifier="D" cardinality="single" baseType="point"><areaMapping><areaMapEntry shape="star" coords="1,2" mappedValue="1"/><areaMapEntry shape="circle" coords="a,b,c" mappedValue="1"/></areaMapping></responseDeclaration>
<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"><matchTable><matchTableEntry sourceValue="x" targetValue="1"/><matchTableEntry sourceValue="1" targetValue="x"/></matchTable></outcomeDeclaration>
<outcomeDeclaration cardinality="single" baseType="float"/>
<setOutcomeValue/>
<responseProcessing><setOutcomeValue identifier="SCORE"><mapResponse identifier="C"/></setOutcomeValue><setOutcomeValue/><responseCondition><responseIf/><nonsense/></responseCondition></responseProcessing></assessmentItem>`)
	var lines []string
	for _, u := range p.Unsupported() {
		lines = append(lines, u.String())
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{
		`line 2: qti-response-declaration: the cardinality "many" is not known`, `line 3: qti-response-declaration: the base type "number" is not known`, `line 4: qti-value: "x" is not a decimal number`,
		`line 5: qti-mapping: lower-bound: "low" is not a decimal number`, `line 5: qti-map-entry: the entry has no usable key or no value`, `line 6: qti-area-map-entry: the area has no usable shape`,
		`line 7: qti-match-table-entry: source-value: "x"`, `line 7: qti-match-table-entry: target-value: "x"`, `line 8: qti-outcome-declaration: it has no identifier`, `line 9: qti-set-outcome-value: this element is not known`,
		`line 10: qti-set-outcome-value: it names no variable`, `line 10: qti-response-if: it has no condition`, `line 10: qti-nonsense: it has no place in a condition`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %s:\n%s", want, got)
		}
	}
	if d, _ := p.Declaration("C"); d.Correct.String() != "5" {
		t.Errorf("the correct response is %v", d.Correct)
	}
	if outcomes, _ := scored(t, p, map[string]Value{"C": Integer(5)}); outcomes.Value("SCORE").String() != "2" {
		t.Errorf("SCORE is %v", outcomes.Value("SCORE"))
	}
	if outcomes, _ := scored(t, p, map[string]Value{"C": Bag(Integer(5), Integer(6))}); outcomes.Value("SCORE").String() != "0" {
		t.Errorf("two numbers for one score %v", outcomes.Value("SCORE"))
	}
}

// Large bags are compared by other means than small ones, with the same result.
func TestLargeBagsOfEveryType(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][2]Value{
		"numbers": {Integer(3), Float(exact.FromInt(3))}, "points": {Point(1, 2), single(PointType, "1.0,2")}, "truth": {Boolean(true), single(BooleanType, "TRUE")},
		"pairs": {Pair("A", "B"), Pair("B", "A")}, "directed pairs": {DirectedPair("A", "B"), DirectedPair("A", "B")}, "texts": {Text("x"), Text("x")},
	} {
		for _, n := range []int{2, 30} {
			a, b := make([]Value, n), make([]Value, n)
			for i := range n {
				a[i], b[i] = pairs[0], pairs[1]
			}
			x, y := Bag(a...), Bag(b...)
			if !matches(&machine{}, &x, &y) {
				t.Errorf("%d %s: %v does not match %v", n, name, x, y)
			}
		}
	}
}
