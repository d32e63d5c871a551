package qti

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSourcesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, reason string }{
		"nothing":          {"", "holds no element"},
		"text":             {"hello", "holds no element"},
		"another element":  {"<assessmentTest/>", `line 1: it is the element "assessment-test", not an assessment item`},
		"not well-formed":  {"<assessmentItem>\n<a></b>", "line 2: it is not well-formed XML"},
		"not closed":       {"<assessmentItem><a>", "not well-formed"},
		"two roots":        {"<assessmentItem/><assessmentItem/>", "second element"},
		"entities":         {`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><assessmentItem>&b;</assessmentItem>`, "document type with declarations"},
		"unknown entities": {`<assessmentItem>&nothing;</assessmentItem>`, "not well-formed"},
		"deep":             {"<assessmentItem>" + strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300) + "</assessmentItem>", "nested deeper than 200"},
		"deep in the body": {"<assessmentItem><itemBody>" + strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300) + "</itemBody></assessmentItem>", "nested deeper than 200"},
		"many elements":    {"<assessmentItem>" + strings.Repeat("<a/>", maxElements) + "</assessmentItem>", "more than 50000 elements"},
		"long":             {"<assessmentItem>" + strings.Repeat(" ", maxSource) + "</assessmentItem>", "longer than"},
		"a long name":      {"<assessmentItem><" + strings.Repeat("a", 300) + "/></assessmentItem>", "name is longer"},
		"not UTF-8":        {"<assessmentItem title=\"\xff\"/>", "UTF-8"},
		"a NUL":            {"<assessmentItem>\x00</assessmentItem>", "not well-formed"},
	} {
		if _, err := Parse(c.source); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v does not mention %q", name, err, c.reason)
		}
		if _, err := Canonical(c.source); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s made canonical: %v does not mention %q", name, err, c.reason)
		}
	}
}

// Programs that would run for ever, or nearly: each ends with an error or with
// NULL, and soon.
func TestRunsAreBounded(t *testing.T) {
	t.Parallel()
	nest := func(open, inner, closing string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(closing, depth)
	}
	set := func(e string) string { return `<set-outcome-value identifier="X">` + e + `</set-outcome-value>` }
	for name, c := range map[string]struct {
		rules string
		err   bool
	}{
		"repeats in repeats":     {set(nest(`<repeat number-repeats="100">`, `{i:1}`, `</repeat>`, 10)), true},
		"a huge repeat":          {set(`<repeat number-repeats="999999999999999999999">{i:1}</repeat>`), true},
		"a large repeat":         {set(`<repeat number-repeats="1000000">{i:1}</repeat>`), true},
		"growing containers":     {strings.Repeat(set(`<multiple>{v:X}{v:X}{i:1}</multiple>`), 40), true},
		"bags that are compared": {set(`<repeat number-repeats="20000">{id:a}</repeat>`) + strings.Repeat(set(`<match><repeat number-repeats="1">{v:X}</repeat>{v:X}</match>`), 2), false},
		"growing numbers":        {set(`{i:3}`) + strings.Repeat(set(`<product>{v:X}{v:X}</product>`), 2000), false}, // beyond float64: NULL
		"long numbers":           {set(`<power>{i:3}{i:2000}</power>`) + strings.Repeat(set(`<subtract>{v:X}{f:0.1}</subtract>`), 5000), true},
		"deep expressions":       {set(nest("<not>", `{b:true}`, "</not>", 180)), false},
		"sums of sums":           {set(strings.Repeat(nest("<sum>{i:1}", `{i:1}`, "</sum>", 90), 1)), false},
		"constraints":            {strings.Repeat(set(`<stats-operator name="sampleSD"><repeat number-repeats="400">{f:0.1}{f:0.7}</repeat></stats-operator>`), 200), true},
		"many rules":             {strings.Repeat(set(`{i:1}`), 20_000), false},
	} {
		p, err := Parse(item("", short(c.rules)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		start := time.Now()
		_, _, err = p.Score(Template{}, nil)
		t.Logf("%s took %v: %v", name, time.Since(start), err)
		if errors.Is(err, ErrTooLong) != c.err {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := parse(t, templated(`<set-template-value identifier="X"><repeat number-repeats="2000">{i:1}</repeat></set-template-value><template-constraint>{b:false}</template-constraint>`, ""))
	if _, err := p.Draw(1); !errors.Is(err, ErrTooLong) {
		t.Errorf("a constraint that never holds: %v", err)
	}
}

// Responses of millions of bytes, or with values that the item does not know.
func TestHugeResponses(t *testing.T) {
	t.Parallel()
	p := parse(t, item(`<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="string"><qti-correct-response><qti-value>York</qti-value></qti-correct-response><qti-mapping><qti-map-entry map-key="york" mapped-value="1" case-sensitive="false"/></qti-mapping></qti-response-declaration>
		<qti-response-declaration identifier="MANY" cardinality="multiple" base-type="identifier"><qti-mapping><qti-map-entry map-key="a" mapped-value="1"/></qti-mapping></qti-response-declaration>
		<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`, short(`
		<set-outcome-value identifier="A"><match>{v:RESPONSE}<correct identifier="RESPONSE"/></match></set-outcome-value>
		<set-outcome-value identifier="B"><pattern-match pattern="(a*)*b">{v:RESPONSE}</pattern-match></set-outcome-value>
		<set-outcome-value identifier="C"><map-response identifier="RESPONSE"/></set-outcome-value>`)))
	outcomes, _, err := p.Score(Template{}, map[string]Value{"RESPONSE": Text(strings.Repeat("a", 10<<20))})
	if err != nil || outcomes.Value("A").String() != "false" || !outcomes.Value("B").IsNull() || outcomes.Value("C").String() != "0" {
		t.Errorf("%v: %v %v %v", err, outcomes.Value("A"), outcomes.Value("B"), outcomes.Value("C"))
	}
	many := make([]Value, 200_000)
	for i := range many {
		many[i] = Identifier("a")
	}
	q := parse(t, item(`<qti-response-declaration identifier="MANY" cardinality="multiple" base-type="identifier"><qti-mapping><qti-map-entry map-key="a" mapped-value="1"/></qti-mapping></qti-response-declaration>`,
		`<qti-set-outcome-value identifier="SCORE"><qti-map-response identifier="MANY"/></qti-set-outcome-value>`))
	if _, _, err := q.Score(Template{}, map[string]Value{"MANY": Bag(many...)}); !errors.Is(err, ErrTooLong) {
		t.Errorf("200,000 values: %v", err)
	}
}

// Reports of a program do not grow with it.
func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	p := parse(t, item("", strings.Repeat("<qti-nonsense-"+strings.Repeat("x", 100)+"/>", 5000)))
	if n := len(p.Unsupported()); n != maxReports {
		t.Errorf("%d reports", n)
	}
	q := parse(t, item("", strings.Repeat(short(`<set-outcome-value identifier="X">{i:1}</set-outcome-value>`), 5000)))
	_, trace := scored(t, q, nil)
	if lines := trace.Lines(); len(lines) > maxLines+2 || lines[len(lines)-1] != "... and more" {
		t.Errorf("%d lines", len(lines))
	}
}
