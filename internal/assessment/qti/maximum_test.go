package qti

import "testing"

func TestTheMaximumOfAnItem(t *testing.T) {
	t.Parallel()
	choice := `<qti-response-declaration identifier="RESPONSE" cardinality="multiple" base-type="identifier"><qti-correct-response><qti-value>A</qti-value></qti-correct-response>
		<qti-mapping><qti-map-entry map-key="A" mapped-value="1"/><qti-map-entry map-key="B" mapped-value="2"/><qti-map-entry map-key="C" mapped-value="-3"/></qti-mapping></qti-response-declaration>`
	outcome := func(name, attributes, value string) string {
		return `<qti-outcome-declaration identifier="` + name + `" cardinality="single" base-type="float" ` + attributes + `><qti-default-value><qti-value>` + value + `</qti-value></qti-default-value></qti-outcome-declaration>`
	}
	mapped := `<set-outcome-value identifier="SCORE"><map-response identifier="RESPONSE"/></set-outcome-value>`
	one := `<response-condition><response-if><member>{id:A}{v:RESPONSE}</member><set-outcome-value identifier="SCORE">{f:1}</set-outcome-value></response-if></response-condition>`
	for _, c := range []struct{ name, declarations, rules, want, how, least string }{
		{"MAXSCORE", choice + outcome("SCORE", "", "0") + outcome("MAXSCORE", "", "5"), one, "5", "MAXSCORE has the default 5", "0"},
		{"MAXSCORE of zero says nothing", choice + outcome("SCORE", "", "0") + outcome("MAXSCORE", "", "0"), one, "1", "the correct responses score 1", "0"},
		{"normal maximum", choice + outcome("SCORE", `normal-maximum="4" normal-minimum="-2"`, "0"), one, "4", "SCORE has the normal maximum 4", "-2"},
		{"correct responses", choice + outcome("SCORE", "", "0") + outcome("MINSCORE", "", "-1"), one, "1", "the correct responses score 1", "-1"},
		{"the best of a mapping", choice + outcome("SCORE", "", "0"), mapped, "3", "the responses that the mappings give the most for score 3", "-3"},
		{"more than is said", choice + outcome("SCORE", "", "0") + outcome("MAXSCORE", "", "1"), mapped, "3", "the responses that the mappings give the most for score 3, more than the 1 that the item says", "-3"},
		{"a table bounds what is said", `<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"><qti-interpolation-table><qti-interpolation-table-entry source-value="2" target-value="1"/><qti-interpolation-table-entry source-value="0" target-value="0"/></qti-interpolation-table></qti-outcome-declaration>` + outcome("MAXSCORE", "", "10"),
			`<lookup-outcome-value identifier="SCORE">{i:2}</lookup-outcome-value>`, "1", "the table of SCORE gives at most 1", "0"},
		{"what the rules give", outcome("SCORE", "", "0"), `<response-condition><response-if>{null}<set-outcome-value identifier="SCORE">{f:2}</set-outcome-value><exit-response/></response-if>
			<response-else-if>{null}<set-outcome-value identifier="SCORE"><sum>{v:SCORE}{f:3}</sum></set-outcome-value></response-else-if></response-condition>
			<response-condition><response-if>{null}<set-outcome-value identifier="SCORE"><subtract>{v:SCORE}{f:0.5}</subtract></set-outcome-value></response-if></response-condition>`, "3", "the rules give at most 3", "-0.5"},
		{"an exit keeps what was reached", outcome("SCORE", "", "0"), `<response-condition><response-if>{null}<set-outcome-value identifier="SCORE">{f:5}</set-outcome-value><exit-response/></response-if></response-condition><set-outcome-value identifier="SCORE">{f:0}</set-outcome-value>`, "5", "the rules give at most 5", "0"},
		{"held between", outcome("SCORE", "", "0"), `<set-outcome-value identifier="SCORE"><max>{i:0}<min>{i:4}{v:NONE}</min></max></set-outcome-value>`, "4", "the rules give at most 4", "0"},
		{"nothing tells", outcome("SCORE", "", "0"), `<set-outcome-value identifier="SCORE"><product>{v:numAttempts}{i:2}</product></set-outcome-value>`, "", "", ""},
	} {
		p := parse(t, item(c.declarations, short(c.rules)))
		got, ok := p.MaxScore()
		if ok != (c.want != "") || ok && (got.Score.Decimal(3) != c.want || got.How != c.how) {
			t.Errorf("%s: %v (%s)", c.name, got.Score, got.How)
		}
		least, how, ok := p.MinScore()
		if ok != (c.least != "") || ok && least.Decimal(3) != c.least {
			t.Errorf("%s: at least %v (%s)", c.name, least, how)
		}
	}
}
