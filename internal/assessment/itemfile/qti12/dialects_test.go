package qti12

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestCommonCartridgeProfiles(t *testing.T) {
	cc := func(profile string) string {
		return meta("cc_profile", profile, "cc_weighting", "3", "cc_question_category", "Chemistry")
	}
	choice := only(t, document(item(cc("cc.multiple_choice.v0p1"), stem("Q")+choose("Single", "a", "A", "b", "B"), processing(when("", equal("response1", "b"), set("100"))))))
	earns(t, choice, chosen("b"), "3")
	if choice.Kind != "cc.multiple_choice.v0p1" || strings.Join(choice.Tags, ",") != "Chemistry" {
		t.Errorf("%q %q", choice.Kind, choice.Tags)
	}
	multiple := only(t, document(item(cc("cc.multiple_response.v0p1"), stem("Q")+choose("Multiple", "a", "A", "b", "B", "c", "C"),
		processing(when("", `<and>`+equal("response1", "a")+equal("response1", "c")+`<not>`+equal("response1", "b")+`</not></and>`, set("100"))))))
	earns(t, multiple, chosen("a", "c"), "3")
	truth := only(t, document(item(cc("cc.true_false.v0p1"), stem("Q")+choose("Single", "true", "Yes", "false", "No"), processing(when("", equal("response1", "true"), set("100"))))))
	wantKinds(t, truth, event.TrueFalse)
	fib := only(t, document(item(cc("cc.fib.v0p1"), stem("Q")+typedResponse, processing(when("", `<varequal respident="response1" case="Yes">Na</varequal>`+equal("response1", "sodium"), set("100"))))))
	for text, want := range map[string]string{"Na": "3", "na": "0", "SODIUM": "3"} {
		earns(t, fib, typed(text), want)
	}
	pattern := only(t, document(item(cc("cc.pattern_match.v0p1"), stem("Q")+typedResponse,
		processing(when("", `<varsubstring respident="response1" case="No">a*b</varsubstring>`, set("100")), when("", equal("response1", "half"), set("50"))))))
	for text, want := range map[string]string{"x A*B y": "3", "axb": "0", "half": "1.5"} {
		earns(t, pattern, typed(text), want)
	}
	essay := only(t, document(item(cc("cc.essay.v0p1"), stem("Q")+typedResponse, `<itemfeedback ident="solution"><solution><solutionmaterial><flow_mat>`+stem("Model answer")+`</flow_mat></solutionmaterial></solution></itemfeedback>`+
		`<itemfeedback ident="h"><hint><hintmaterial>`+stem("Think")+`</hintmaterial></hint></itemfeedback>`)))
	wantKinds(t, essay, event.Essay)
	if it := essay.Item; it.ExplanationHTML != "Model answer" || len(it.HintsHTML) != 1 || it.HintsHTML[0] != "Think" {
		t.Errorf("%+v", it)
	}
}

// TestRespondus: scores are percentages though the maximum is said to be 10.
func TestRespondus(t *testing.T) {
	rules := `<resprocessing><outcomes><decvar vartype="Decimal" defaultval="0" varname="que_score" maxvalue="10.00" minvalue="0"/></outcomes>` +
		strings.ReplaceAll(when("", equal("response1", "a"), add("25"))+when("", equal("response1", "b"), add("-10"))+when("", equal("response1", "c"), add("75")), "SCORE", "que_score") + `</resprocessing>`
	found := only(t, document(item("", `<material><mattext texttype="text/html"><![CDATA[Pick <img src="images/x.png" alt="X">]]></mattext></material>`+choose("Multiple", "a", "A", "b", "B", "c", "C"), rules)))
	earns(t, found, chosen("a", "c"), "10")
	earns(t, found, chosen("c", "b"), "6.5")
	earns(t, found, chosen("b"), "0")
	wantLine(t, found, itemfile.Missing, "images/x.png")
	if !strings.Contains(found.Item.BodyHTML, "[Missing file: x.png (X)]") {
		t.Errorf("body %s", found.Item.BodyHTML)
	}
}

// TestNegativeMarks go below zero only where the file says so.
func TestNegativeMarks(t *testing.T) {
	doc := func(decvar string) string {
		return document(item(meta("points_possible", "2"), stem("Q")+choose("Single", "a", "A", "b", "B"),
			`<resprocessing><outcomes>`+decvar+`</outcomes>`+when("", equal("response1", "a"), set("4"))+when("", equal("response1", "b"), set("-1"))+`</resprocessing>`))
	}
	earns(t, only(t, doc(`<decvar varname="SCORE" minvalue="0" maxvalue="4"/>`)), chosen("b"), "0")
	earns(t, only(t, doc(`<decvar varname="SCORE" minvalue="-1" maxvalue="4"/>`)), chosen("b"), "-0.5")
	earns(t, only(t, doc(`<decvar varname="SCORE"/>`)), chosen("b"), "-0.5")
	earns(t, only(t, doc(`<decvar varname="SCORE"/>`)), chosen("a"), "2")
}

func TestBlackboard(t *testing.T) {
	formatted := func(html string) string {
		return `<flow class="FORMATTED_TEXT_BLOCK"><material><mat_extension><mat_formattedtext type="HTML">` + escape(html) + `</mat_formattedtext></mat_extension></material></flow>`
	}
	bb := func(kind, points string) string {
		return `<itemmetadata><bbmd_asi_object_id>_1_1</bbmd_asi_object_id><bbmd_questiontype>` + kind + `</bbmd_questiontype><bbmd_partialcredit>true</bbmd_partialcredit><qmd_absolutescore_max>` + points + `</qmd_absolutescore_max></itemmetadata>`
	}
	question := `<flow class="QUESTION_BLOCK">` + formatted("<p>Which?</p>") + `</flow>`
	label := func(id, html string) string {
		return `<flow_label class="Block"><response_label ident="` + id + `" rshuffle="Yes" shuffle="Yes"><flow_mat class="FORMATTED_TEXT_BLOCK"><material><mat_extension><mat_formattedtext type="HTML">` + escape(html) + `</mat_formattedtext></mat_extension></material></flow_mat></response_label></flow_label>`
	}
	outcomes := `<outcomes><decvar varname="SCORE" vartype="Decimal" defaultval="0" minvalue="0" maxvalue="10"/></outcomes>`
	choice := only(t, document(item(bb("Multiple Choice", "10"), `<flow class="Block">`+question+`<flow class="RESPONSE_BLOCK"><response_lid ident="response" rcardinality="Single"><render_choice shuffle="Yes">`+label("aa", "<b>A</b>")+label("bb", "B")+`</render_choice></response_lid></flow></flow>`,
		`<resprocessing scoremodel="SumOfScores">`+outcomes+`<respcondition title="correct"><conditionvar><varequal respident="response" case="No">bb</varequal></conditionvar><setvar variablename="SCORE" action="Set">SCORE.max</setvar>`+say("correct")+`</respcondition>`+
			`<respcondition title="incorrect"><conditionvar><other/></conditionvar><setvar variablename="SCORE" action="Set">0</setvar>`+say("incorrect")+`</respcondition></resprocessing>`+feedback("correct", "Well done")+feedback("incorrect", "No"))))
	wantKinds(t, choice, event.SingleChoice)
	earns(t, choice, chosen("bb"), "10")
	earns(t, choice, chosen("aa"), "0")
	if it := choice.Item; it.BodyHTML != "<p>Which?</p>" || it.Parts[0].Choices[0].HTML != "<b>A</b>" || !it.Parts[0].Shuffle || len(it.Bands) != 2 {
		t.Errorf("%+v", it)
	}

	statement := func(id, html string) string {
		return `<flow class="Block"><response_lid ident="` + id + `" rcardinality="Single"><render_choice shuffle="Yes"><flow_label class="Block"><response_label ident="` + id + `x"/><response_label ident="` + id + `y"/></flow_label></render_choice></response_lid>` + formatted(html) + `</flow>`
	}
	match := only(t, document(item(bb("Matching", "4"), `<flow class="Block">`+question+`<flow class="RESPONSE_BLOCK">`+statement("p", "one")+statement("q", "two")+`</flow><flow class="RIGHT_MATCH_BLOCK"><flow class="Block">`+formatted("uno")+`</flow><flow class="Block">`+formatted("due")+`</flow></flow></flow>`,
		`<resprocessing>`+outcomes+when("", equal("p", "px"), say("correct"))+when("", equal("q", "qy"), say("correct"))+`</resprocessing>`)))
	wantKinds(t, match, event.Matching)
	p := match.Item.Parts[0]
	if len(p.Choices) != 2 || p.Choices[1].HTML != "due" || p.Targets[0].HTML != "one" {
		t.Errorf("%+v", p)
	}
	earns(t, match, pairs("c1", "t1", "c2", "t2"), "4")
	earns(t, match, pairs("c2", "t1", "c2", "t2"), "2")

	numeric := only(t, document(item(bb("Numeric", "5"), `<flow class="Block">`+question+`<flow class="RESPONSE_BLOCK"><response_num ident="response" rcardinality="Single"><render_fib charset="us-ascii" fibtype="Decimal"/></response_num></flow></flow>`,
		`<resprocessing>`+outcomes+`<respcondition title="x"><conditionvar><vargte respident="response">3.1</vargte><varlte respident="response">3.2</varlte><varequal respident="response" case="No">3.15</varequal></conditionvar></respcondition>`+
			`<respcondition title="correct"><conditionvar><vargte respident="response">3.1</vargte><varlte respident="response">3.2</varlte></conditionvar><setvar variablename="SCORE" action="Set">SCORE.max</setvar></respcondition></resprocessing>`)))
	wantKinds(t, numeric, event.Numerical)
	earns(t, numeric, typed("3.2"), "5")
	earns(t, numeric, typed("3.3"), "0")
}

func TestBrightspace(t *testing.T) {
	d2l := func(kind string) string {
		return `<itemmetadata><qtimetadata><qti_metadatafield><fieldlabel>qmd_questiontype</fieldlabel><fieldentry>` + kind + `</fieldentry></qti_metadatafield><qti_metadatafield><fieldlabel>qmd_weighting</fieldlabel><fieldentry>2</fieldentry></qti_metadatafield></qtimetadata></itemmetadata>`
	}
	group := func(id, text string) string {
		return `<response_grp respident="` + id + `" rcardinality="Single">` + stem(text) + `<render_choice shuffle="yes"><flow_label class="Block">` + labels("O1", "one", "O2", "two") + `</flow_label></render_choice></response_grp>`
	}
	correct := func(response, value string) string {
		return when(`title="Matching Resp Condition"`, equal(response, value), `<setvar varname="D2L_Correct" action="Add">1</setvar>`) +
			when("", `<not>`+equal(response, value)+`</not>`, `<setvar varname="D2L_Incorrect" action="Add">1</setvar>`)
	}
	found := only(t, document(`<item ident="OBJ_1" label="QUES_1" title="M">`+d2l("Matching")+`<presentation><flow>`+stem("Match")+group("M1", "uno")+group("M2", "due")+`</flow></presentation>`+
		`<resprocessing><outcomes><decvar vartype="Integer" minvalue="0" varname="D2L_Correct"/><decvar vartype="Integer" minvalue="0" varname="D2L_Incorrect"/></outcomes>`+correct("M1", "O1")+correct("M2", "O2")+`</resprocessing></item>`))
	wantKinds(t, found, event.Matching)
	earns(t, found, pairs("O1", "t1", "O2", "t2"), "2")
	earns(t, found, pairs("O2", "t1", "O2", "t2"), "1")
	wantLine(t, found, itemfile.Simplified, "D2L_Incorrect")
}

// TestSeveralQuestionsInOne: each response is a part, weighed by what it adds.
func TestSeveralQuestionsInOne(t *testing.T) {
	found := only(t, document(`<item ident="gap" title="Gaps"><itemmetadata><qtimetadata><qtimetadatafield><fieldlabel>QUESTIONTYPE</fieldlabel><fieldentry>CLOZE QUESTION</fieldentry></qtimetadatafield></qtimetadata></itemmetadata>
	<presentation><flow><material><mattext>The capital of France is </mattext></material><response_str ident="gap_0" rcardinality="Single"><render_fib fibtype="String" prompt="Box" columns="10"/></response_str><material><mattext>, and 2 + 2 is </mattext></material>`+
		`<response_num ident="gap_1" rcardinality="Single"><render_fib fibtype="Integer"/></response_num><material><mattext>; choose: </mattext></material><response_lid ident="gap_2" rcardinality="Single"><render_choice>`+labels("0", "x", "1", "y")+`</render_choice></response_lid></flow></presentation>`+
		`<resprocessing><outcomes><decvar/></outcomes>`+when(`continue="Yes"`, equal("gap_0", "Paris"), add("2"))+when(`continue="Yes"`, equal("gap_1", "4"), add("1"))+when(`continue="Yes"`, equal("gap_2", "1"), add("1"))+`</resprocessing></item>`))
	wantKinds(t, found, event.Text, event.Numerical, event.SingleChoice)
	if want := `The capital of France is <span data-part="1"></span>, and 2 + 2 is <span data-part="2"></span>; choose: <div data-part="3"></div>`; found.Item.BodyHTML != want {
		t.Errorf("body %s", found.Item.BodyHTML)
	}
	if found.Item.Weight != "4" {
		t.Errorf("weight %s", found.Item.Weight)
	}
	earns(t, found, scoring.Response{"1": {Text: "paris"}, "2": {Text: "4.0"}, "3": {Choices: []string{"1"}}}, "4")
	earns(t, found, scoring.Response{"1": {Text: "paris"}}, "2")
	earns(t, found, scoring.Response{"2": {Text: "4"}, "3": {Choices: []string{"0"}}}, "1")
}

// TestConditionsThatAreNoKeyBecomeAProgram: the score is what the list of
// conditions gives.
func TestConditionsThatAreNoKeyBecomeAProgram(t *testing.T) {
	blank := func(id string) string {
		return `<response_str ident="` + id + `" rcardinality="Single"><render_fib fibtype="String"><response_label ident="A"/></render_fib></response_str>`
	}
	together := only(t, document(`<item ident="fib"><presentation><material><mattext>Now is the </mattext></material>`+blank("F1")+`<material><mattext> of our </mattext></material>`+blank("F2")+`</presentation>`+
		`<resprocessing><outcomes><decvar varname="FIBSCORE" defaultval="0"/></outcomes>`+
		when("", `<varequal respident="F1" case="Yes">Winter</varequal>`+equal("F2", "discontent"), `<setvar action="Add" varname="FIBSCORE">3</setvar>`+say("ok"))+`</resprocessing>`+feedback("ok", "Richard!")+`</item>`))
	if together.Item == nil || together.Item.Program == nil || together.Item.Weight != "3" {
		t.Fatalf("%+v %v", together.Item, together.Lines)
	}
	if want := `Now is the <span data-part="R1"></span> of our <span data-part="R2"></span>`; together.Item.BodyHTML != want {
		t.Errorf("body %s", together.Item.BodyHTML)
	}
	wantLine(t, together, itemfile.Info, "kept as a program")
	earns(t, together, scoring.Response{"R1": {Text: "Winter"}, "R2": {Text: "DISCONTENT"}}, "3")
	earns(t, together, scoring.Response{"R1": {Text: "winter"}, "R2": {Text: "discontent"}}, "0")
	earns(t, together, scoring.Response{"R1": {Text: "Winter"}}, "0")

	// A choice that matters only with another, an order of conditions, a default.
	logic := only(t, document(item(meta("points_possible", "10"), stem("Q")+choose("Multiple", "a", "A", "b", "B", "c", "C"),
		processing(when(`continue="No"`, equal("response1", "c"), set("0")), when(`continue="Yes"`, `<or><and>`+equal("response1", "a")+equal("response1", "b")+`</and></or>`, set("100")), when(`continue="Yes"`, `<and>`+equal("response1", "a")+`<not>`+equal("response1", "b")+`</not></and>`, set("20")), when(`continue="Yes"`, `<other/>`, set("10"))))))
	if logic.Item == nil || logic.Item.Program == nil {
		t.Fatalf("%+v %v", logic.Item, logic.Lines)
	}
	for want, ids := range map[string][]string{"10": {"a", "b"}, "2": {"a"}, "1": {"b"}, "0": {"a", "b", "c"}} {
		earns(t, logic, scoring.Response{"R1": {Choices: ids}}, want)
	}

	numbers := only(t, document(item("", stem("Q")+strings.ReplaceAll(typedResponse, "response1", "x")+strings.ReplaceAll(typedResponse, "response1", "y"),
		processing(when("", `<and><vargt respident="x">3</vargt>`+equal("y", "b")+`</and>`, set("100")), when("", `<varsubstring respident="y">zz</varsubstring>`+equal("x", "1"), set("50"))))))
	if numbers.Item == nil || numbers.Item.Program == nil {
		t.Fatalf("%+v %v", numbers.Item, numbers.Lines)
	}
	earns(t, numbers, scoring.Response{"R1": {Text: "4"}, "R2": {Text: "B"}}, "1")
	earns(t, numbers, scoring.Response{"R1": {Text: "1.0"}, "R2": {Text: "azzz"}}, "0.5")
	earns(t, numbers, scoring.Response{"R1": {Text: "3"}, "R2": {Text: "b"}}, "0")
}

// TestWhatCannotBeScoredIsNamed: the question is not imported, and why is told.
func TestWhatCannotBeScoredIsNamed(t *testing.T) {
	for _, tc := range []struct{ what, document, words string }{
		{"unknown condition", document(item("", stem("Q")+choose("Single", "a", "A"), processing(when("", `<durlte respident="response1">5</durlte>`, set("100"))))), "condition durlte"},
		{"unknown response", document(item("", stem("Q")+choose("Single", "a", "A"), processing(when("", equal("other", "a"), set("100"))))), `response "other"`},
		{"unknown score", document(item("", stem("Q")+choose("Single", "a", "A"), processing(when("", equal("response1", "a"), set("much"))))), `score "much"`},
		{"no response", document(item(meta("question_type", "holographic_question"), stem("Q"), "")), "no response"},
		{"nothing accepted", document(item(canvas("short_answer_question", "1"), stem("Q")+typedResponse, processing(when("", `<other/>`, set("100"))))), ""},
		{"an image that is missing", document(item(canvas("hot_spot_question", "1"), `<response_xy ident="r"><render_hotspot><material><matimage uri="$IMS-CC-FILEBASE$/x"/></material><response_label ident="r" rarea="square">0.1,0.1,0.2,0.2</response_label></render_hotspot></response_xy>`, "")), "is missing"},
		{"two responses of one name", document(item("", choose("Single", "a", "A")+choose("Single", "a", "A"), "")), "have the identifier"},
		{"a slider without bounds", document(item("", `<response_num ident="s"><render_slider/></response_num>`, processing(when("", equal("s", "3"), set("100"))))), "bounds"},
	} {
		found := only(t, tc.document)
		if tc.words == "" { // an essay then
			wantKinds(t, found, event.Essay)
			continue
		}
		if found.Item != nil {
			t.Errorf("%s: arrived as %+v", tc.what, found.Item)
			continue
		}
		wantLine(t, found, itemfile.Skipped, "question of the type "+found.Kind, tc.words)
	}
}

func TestSliders(t *testing.T) {
	found := only(t, document(item("", stem("Q")+`<response_num ident="s" numtype="Integer"><render_slider lowerbound="0" upperbound="10" step="1" orientation="Vertical"><response_label ident="1">1</response_label></render_slider></response_num>`,
		processing(when("", `<vargte respident="s">4</vargte><varlte respident="s">6</varlte>`, set("100"))))))
	wantKinds(t, found, event.Slider)
	if s := found.Item.Parts[0].Slider; s.Low != "0" || s.High != "10" || s.Step != "1" || !s.Vertical {
		t.Errorf("%+v", s)
	}
	earns(t, found, typed("5"), "1")
	earns(t, found, typed("7"), "0")
}

func TestMaterialOfEveryKind(t *testing.T) {
	found := only(t, `<questestinterop><reference><material ident="M1"><mattext>shared &amp; plain</mattext></material></reference>`+`<item ident="x"><presentation>
	<material><mattext>2 &lt; 3
line</mattext><matbreak/><matemtext>stress</matemtext></material>
	<material><mattext texttype="text/xhtml"><p>in <i>place</i> <span data-part="1">x</span></p></mattext></material>
	<material><mattext>&lt;p&gt;looks like &lt;b&gt;HTML&lt;/b&gt;&lt;/p&gt;</mattext><mattext texttype="text/plain">&lt;b&gt;is not&lt;/b&gt;</mattext></material>
	<material><matimage imagtype="image/png" embedded="base64" label="dot">cGl4ZWxz</matimage><mataudio uri="https://example.org/a.mp3"/><matapplet uri="x"/></material>
	<material><matref linkrefid="M1"/><matref linkrefid="gone"/></material>
	<material><mattext texttype="application/x-tex">$x$</mattext><altmaterial><mattext>alt</mattext></altmaterial></material>
	</presentation></item></questestinterop>`)
	for _, want := range []string{
		`2 &lt; 3<br/>line<br/><em>stress</em>`, `<p>in <i>place</i> <span>x</span></p>`, `<p>looks like <b>HTML</b></p>&lt;b&gt;is not&lt;/b&gt;`,
		`<img src="asset:`, `/image.png" alt="dot"/>`, `<audio controls="" src="https://example.org/a.mp3"></audio>`, `shared &amp; plain`, `$x$`,
	} {
		if !strings.Contains(found.Item.BodyHTML, want) {
			t.Errorf("no %s in %s", want, found.Item.BodyHTML)
		}
	}
	if len(found.Media) != 1 || found.Media[0].Bytes != 6 {
		t.Errorf("media %+v", found.Media)
	}
	wantLine(t, found, itemfile.Skipped, "matapplet")
	wantLine(t, found, itemfile.Missing, `"gone"`)
	wantLine(t, found, itemfile.Simplified, "application/x-tex")
	wantLine(t, found, itemfile.Info, "alternative material")
}

func TestHostileMarkupIsSanitisedAndTold(t *testing.T) {
	found := only(t, document(item("", stem(`<p onclick="x()">Q<script>alert(1)</script><iframe src="javascript:x"></iframe></p><span data-part="9">y</span>`+tokenStart+"0"+tokenEnd)+
		choose("Single", "a", "A", "b", "B"), processing(when("", equal("response1", "a"), set("100")))+feedback("f", `<img src=x onerror=alert(1)>`))))
	if found.Item.BodyHTML != `<p>Q<em>[Embedded content that is not available here: javascript:x]</em></p><span>y</span>0` {
		t.Errorf("body %s", found.Item.BodyHTML)
	}
	wantLine(t, found, itemfile.Simplified, "scripts and event handlers", "onclick", "onerror")
	wantLine(t, found, itemfile.Info, "data-part")
}

func TestUnusedThingsAreTold(t *testing.T) {
	found := only(t, document(`<item ident="x">`+meta("some_setting", "on", "qmd_levelofdifficulty", "hard")+`<itemcontrol/><itemrubric view="Scorer">`+stem("Give a point for each")+`</itemrubric><mystery/><presentation>`+stem("Q")+choose("Single", "a", "A", "a", "again", "b", "B")+`<response_extension/></presentation>`+
		processing(when("", equal("response1", "b"), set("100")+`<setvar varname="OTHER" action="Set">1</setvar>`))+feedback("lost", "Nobody sees this")+`</item>`))
	if found.Difficulty != "0.75" {
		t.Errorf("difficulty %q", found.Difficulty)
	}
	wantLine(t, found, itemfile.Info, "metadata", "some_setting=on")
	wantLine(t, found, itemfile.Info, "itemcontrol")
	wantLine(t, found, itemfile.Simplified, "rubric", "Give a point for each")
	wantLine(t, found, itemfile.Simplified, "mystery")
	wantLine(t, found, itemfile.Simplified, "response_extension")
	wantLine(t, found, itemfile.Simplified, "OTHER")
	wantLine(t, found, itemfile.Simplified, "feedback", "lost")
	wantLine(t, found, itemfile.Skipped, "choice", `"a"`)
}

func TestIdentities(t *testing.T) {
	same := item("", stem("Q")+choose("Single", "a", "A"), processing(when("", equal("response1", "a"), set("100"))))
	without := strings.Replace(same, `ident="i1" `, "", 1)
	list := questions(t, document(same, same, without, strings.Replace(without, ">Q<", ">R<", 1), without))
	var ids []string
	for _, found := range list {
		ids = append(ids, found.Identity)
	}
	if ids[0] != "i1" || ids[1] != "i1#2" || !strings.HasPrefix(ids[2], "hash-") || ids[3] == ids[2] || ids[4] != ids[2]+"#2" {
		t.Errorf("%q", ids)
	}
	wantLine(t, list[1], itemfile.Info, "another question of the file has it too")
	again := questions(t, document(same, same, without, strings.Replace(without, ">Q<", ">R<", 1), without))
	for i := range again {
		if again[i].Identity != ids[i] {
			t.Errorf("%q and then %q", ids[i], again[i].Identity)
		}
	}
}

func TestFoldersBanksAndDrawing(t *testing.T) {
	q := item("", stem("Q")+choose("Single", "a", "A"), "")
	list, err := all(t, source("q.xml", []byte(`<questestinterop><objectbank ident="b"><qtimetadata><qtimetadatafield><fieldlabel>bank_title</fieldlabel><fieldentry>Bank &amp; Co</fieldentry></qtimetadatafield></qtimetadata>`+q+
		`</objectbank><assessment title="Test"><qtimetadata><qtimetadatafield><fieldlabel>cc_maxattempts</fieldlabel><fieldentry>2</fieldentry></qtimetadatafield></qtimetadata><rubric>`+stem("R")+`</rubric><section title="Group"><selection_ordering><selection><sourcebank_ref>bk</sourcebank_ref><selection_number>3</selection_number></selection></selection_ordering>`+
		q+`</section><section title=""><bankentry_item item_ref="z"/>`+q+`<whatever><item ident="no"/></whatever></section></assessment>`+q+`</questestinterop>`)))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	var last itemfile.Found
	for _, found := range list {
		if found.Kind != "" {
			folders = append(folders, strings.Join(found.Folder, "/"))
		}
		last = found
	}
	if strings.Join(folders, "|") != "Bank & Co|Test/Group|Test|" {
		t.Errorf("%q", folders)
	}
	for _, words := range [][]string{{"drawing from the bank", `"bk"`, "3 questions"}, {"cc_maxattempts=2"}, {"question of a bank"}} {
		wantLine(t, last, itemfile.Info, words...)
	}
	wantLine(t, last, itemfile.Simplified, "rubric")
	wantLine(t, last, itemfile.Simplified, "whatever")
}

// TestARubricIsForThoseWhoMark: it is not lost.
func TestARubricIsForThoseWhoMark(t *testing.T) {
	found := only(t, document(`<item ident="x">`+canvas("essay_question", "5")+`<presentation>`+stem("Q")+typedResponse+`</presentation><itemrubric view="Scorer">`+stem("Two points for <b>each</b> reason")+`</itemrubric></item>`))
	if got := found.Item.Parts[0].Essay.GuidanceHTML; got != "Two points for <b>each</b> reason" {
		t.Errorf("%q", got)
	}
	wantAsItWas(t, found)
}

func TestADocumentMayBeginAnywhere(t *testing.T) {
	q := item("", stem("Q")+choose("Single", "a", "A"), "")
	subset := "<?xml version = \"1.0\" encoding = \"UTF-8\" standalone = \"no\"?>\n<!DOCTYPE questestinterop SYSTEM \"ims_qtiasiv1p2.dtd\" [\n<!-- it's an extension -->\n<!ELEMENT ims_render_object (flow_label+)>\n<!ATTLIST ims_render_object shuffle (Yes|No) 'No' orientation (Row|Column) #REQUIRED >\n]>\n"
	for _, doc := range []string{q, subset + `<questestinterop>` + q + `</questestinterop>`, `<section ident="s">` + q + `</section>`, `<assessment>` + q + `</assessment>`, `<questestinterop><section>` + q + `</section></questestinterop>`,
		strings.NewReplacer("</", "</q:", "<", "<q:").Replace(`<questestinterop xmlns="u">` + q + `</questestinterop>`)} {
		only(t, doc)
	}
	if _, err := all(t, source("q.xml", []byte(`<quiz/>`))); err == nil || !strings.Contains(err.Error(), "no QTI 1.2") {
		t.Errorf("got %v", err)
	}
}
