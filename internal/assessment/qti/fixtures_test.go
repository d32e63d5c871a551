package qti

import (
	"strings"
	"testing"
)

// item wraps declarations and rules of QTI 3.
func item(declarations, rules string) string {
	return `<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="i" title="t" adaptive="false" time-dependent="false">` +
		declarations + `<qti-response-processing>` + rules + `</qti-response-processing></qti-assessment-item>`
}

// parse reads a source that is fine.
func parse(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Parse(source)
	if err != nil {
		t.Fatalf("%v in %s", err, source)
	}
	return p
}

// scored runs a program with seed 1.
func scored(t testing.TB, p *Program, responses map[string]Value) (Outcomes, Trace) {
	t.Helper()
	template, err := p.Draw(1)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, trace, err := p.Score(template, responses)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes, trace
}

// short turns the abbreviations of the tables into QTI 3: elements without their
// prefix, and i:5, f:0.5, s:text, id:A, b:true, p:"10 20" for base values.
func short(expression string) string {
	types := map[string]string{"i": "integer", "f": "float", "s": "string", "id": "identifier", "b": "boolean", "pt": "point", "pair": "pair", "dp": "directedPair", "d": "duration"}
	var out strings.Builder
	quoted := false
	for expression != "" {
		if expression[0] == '"' {
			quoted = !quoted
		}
		switch {
		case quoted:
			out.WriteByte(expression[0])
			expression = expression[1:]
		case strings.HasPrefix(expression, "</"):
			out.WriteString("</qti-")
			expression = expression[2:]
		case expression[0] == '<':
			out.WriteString("<qti-")
			expression = expression[1:]
		case expression[0] == '{': // {f:0.5}
			end := strings.IndexByte(expression, '}')
			name, value, _ := strings.Cut(expression[1:end], ":")
			if name == "v" {
				out.WriteString(`<qti-variable identifier="` + value + `"/>`)
			} else if name == "null" {
				out.WriteString(`<qti-null/>`)
			} else {
				out.WriteString(`<qti-base-value base-type="` + types[name] + `">` + value + `</qti-base-value>`)
			}
			expression = expression[end+1:]
		default:
			out.WriteByte(expression[0])
			expression = expression[1:]
		}
	}
	return out.String()
}

// declarations are the variables of the tables: responses A (float 2.5), N
// (integer 7), T (text "York"), L (ordered a b c b), M (multiple a b c), NONE
// (no response), P (points), R (record), and the outcome COUNT.
const declarations = `
<qti-response-declaration identifier="A" cardinality="single" base-type="float"><qti-default-value><qti-value>2.5</qti-value></qti-default-value></qti-response-declaration>
<qti-response-declaration identifier="N" cardinality="single" base-type="integer"><qti-default-value><qti-value>7</qti-value></qti-default-value></qti-response-declaration>
<qti-response-declaration identifier="T" cardinality="single" base-type="string"><qti-correct-response><qti-value>York</qti-value></qti-correct-response>
 <qti-mapping default-value="-1" lower-bound="-0.5" upper-bound="2"><qti-map-entry map-key="York" mapped-value="3"/><qti-map-entry map-key="york" mapped-value="0.5" case-sensitive="false"/></qti-mapping></qti-response-declaration>
<qti-response-declaration identifier="L" cardinality="ordered" base-type="identifier"><qti-default-value><qti-value>a</qti-value><qti-value>b</qti-value><qti-value>c</qti-value><qti-value>b</qti-value></qti-default-value></qti-response-declaration>
<qti-response-declaration identifier="M" cardinality="multiple" base-type="identifier"><qti-default-value><qti-value>a</qti-value><qti-value>b</qti-value><qti-value>c</qti-value></qti-default-value>
 <qti-mapping default-value="0"><qti-map-entry map-key="a" mapped-value="1"/><qti-map-entry map-key="b" mapped-value="0.3"/><qti-map-entry map-key="x" mapped-value="-1"/></qti-mapping></qti-response-declaration>
<qti-response-declaration identifier="NONE" cardinality="single" base-type="float"/>
<qti-response-declaration identifier="P" cardinality="multiple" base-type="point"><qti-default-value><qti-value>10 10</qti-value><qti-value>12 10</qti-value><qti-value>100 100</qti-value></qti-default-value>
 <qti-area-mapping default-value="-0.25"><qti-area-map-entry shape="circle" coords="10,10,5" mapped-value="1"/><qti-area-map-entry shape="rect" coords="90,90,110,110" mapped-value="0.5"/></qti-area-mapping></qti-response-declaration>
<qti-response-declaration identifier="R" cardinality="record"><qti-default-value><qti-value field-identifier="stringValue" base-type="string">2.50</qti-value><qti-value field-identifier="ndp" base-type="integer">2</qti-value></qti-default-value></qti-response-declaration>
<qti-outcome-declaration identifier="COUNT" cardinality="single" base-type="integer"/>
<qti-outcome-declaration identifier="WORDS" cardinality="single" base-type="identifier"/>`

// evaluate computes an expression of the tables.
func evaluate(t testing.TB, expression string) (Value, *Program) {
	t.Helper()
	p := parse(t, item(declarations, `<qti-set-outcome-value identifier="OUT">`+short(expression)+`</qti-set-outcome-value>`))
	outcomes, _ := scored(t, p, map[string]Value{"T": Text("York")})
	return outcomes.Value("OUT"), p
}
