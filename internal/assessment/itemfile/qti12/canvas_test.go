package qti12

import (
	"os"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/realfiles"
)

func canvas(kind, points string) string {
	return meta("question_type", kind, "points_possible", points, "original_answer_ids", "1,2", "assessment_question_identifierref", "bank1")
}

func TestMultipleChoice(t *testing.T) {
	found := only(t, document(item(canvas("multiple_choice_question", "5.0"),
		stem(`<p>Which is <b>prime</b>?</p>`)+choose("Single", "10", "four", "11", "five", "12", "six"),
		processing(
			when(`continue="Yes"`, `<other/>`, say("general_fb")),
			when(`continue="Yes"`, equal("response1", "10"), say("10_fb")),
			when(`continue="Yes"`, equal("response1", "11"), say("11_fb")),
			when(`continue="No"`, equal("response1", "11"), set("100")+say("correct_fb")),
			when(`continue="Yes"`, `<other/>`, say("general_incorrect_fb")),
		)+feedback("general_fb", "G")+feedback("correct_fb", "C")+feedback("general_incorrect_fb", "W")+feedback("10_fb", "no")+feedback("11_fb", "yes"))))
	wantAsItWas(t, found)
	wantKinds(t, found, event.SingleChoice)
	it := found.Item
	if it.Title != "Title" || it.BodyHTML != `<p>Which is <b>prime</b>?</p>` || it.Weight != "5" || it.ExplanationHTML != "G" {
		t.Errorf("%+v", it)
	}
	if len(it.Bands) != 2 || it.Bands[0] != (event.BandV1{From: "1", FeedbackHTML: "C"}) || it.Bands[1] != (event.BandV1{From: "0", FeedbackHTML: "W"}) {
		t.Errorf("bands %+v", it.Bands)
	}
	if c := it.Parts[0].Choices; c[0].FeedbackHTML != "no" || c[1].FeedbackHTML != "yes" || c[2].FeedbackHTML != "" || c[1].HTML != "five" {
		t.Errorf("choices %+v", c)
	}
	if found.Identity != "i1/bank1" || found.Kind != "multiple_choice_question" || strings.Join(found.Folder, "/") != "Quiz" || found.Place.Line != 2 {
		t.Errorf("%+v", found)
	}
	earns(t, found, chosen("11"), "5")
	earns(t, found, chosen("10"), "0")
}

func TestPointsThatVaryByAnswer(t *testing.T) {
	found := only(t, document(item(canvas("multiple_choice_question", "10"), stem("Q")+choose("Single", "a", "A", "b", "B", "c", "C"),
		processing(when("", equal("response1", "a"), set("10.0")), when("", equal("response1", "b"), set("5.0"))))))
	earns(t, found, chosen("a"), "10")
	earns(t, found, chosen("b"), "5")
	earns(t, found, chosen("c"), "0")
	wantLine(t, found, itemfile.Info, "scores 10 of 100")
	none := only(t, document(item(canvas("multiple_choice_question", "10"), stem("Q")+choose("Single", "a", "A", "b", "B"),
		processing(when("", equal("response1", "a"), set("0.0")), when("", equal("response1", "b"), set("0.0"))))))
	wantLine(t, none, itemfile.Info, "no right answer")
	earns(t, none, chosen("a"), "0")
}

func TestTrueFalse(t *testing.T) {
	found := only(t, document(item(canvas("true_false_question", "1"), stem("Q")+choose("Single", "7", "True", "8", "False"), processing(when(`continue="No"`, equal("response1", "8"), set("100"))))))
	wantKinds(t, found, event.TrueFalse)
	earns(t, found, chosen("false"), "1")
	earns(t, found, chosen("true"), "0")
	other := only(t, document(item(canvas("true_false_question", "1"), stem("Q")+choose("Single", "7", "Wahr", "8", "Falsch"), processing(when(`continue="No"`, equal("response1", "8"), set("100"))))))
	wantKinds(t, other, event.SingleChoice)
	earns(t, other, chosen("8"), "1")
}

func TestMultipleAnswers(t *testing.T) {
	found := only(t, document(item(canvas("multiple_answers_question", "2"), stem("Q")+choose("Multiple", "a", "A", "b", "B", "c", "C"),
		processing(when(`continue="No"`, `<and>`+equal("response1", "a")+`<not>`+equal("response1", "b")+`</not>`+equal("response1", "c")+`</and>`, set("100"))))))
	wantKinds(t, found, event.MultipleChoice)
	wantLine(t, found, itemfile.Info, "partial credit")
	earns(t, found, chosen("a", "c"), "2")
	earns(t, found, chosen("a"), "0")
	earns(t, found, chosen("a", "b", "c"), "0")

	sum := only(t, document(item("", stem("Q")+choose("Multiple", "a", "A", "b", "B", "c", "C", "d", "D"),
		`<resprocessing><outcomes><decvar varname="que_score" maxvalue="10.00" minvalue="0"/></outcomes>`+
			strings.ReplaceAll(when("", equal("response1", "a"), add("50"))+when("", equal("response1", "b"), add("50"))+when("", equal("response1", "c"), add("-25")), "SCORE", "que_score")+`</resprocessing>`)))
	earns(t, sum, chosen("a", "b"), "10")
	earns(t, sum, chosen("a"), "5")
	earns(t, sum, chosen("a", "c"), "2.5")
	earns(t, sum, chosen("a", "b", "d"), "10")
	earns(t, sum, chosen("c"), "0")
}

// TestThirdsAddUp: exporters write a third as 33.33.
func TestThirdsAddUp(t *testing.T) {
	found := only(t, document(item(canvas("multiple_answers_question", "3"), stem("Q")+choose("Multiple", "a", "A", "b", "B", "c", "C"),
		processing(when("", equal("response1", "a"), add("33.33")), when("", equal("response1", "b"), add("33.33")), when("", equal("response1", "c"), add("33.33"))))))
	earns(t, found, chosen("a", "b", "c"), "3")
	wantAsItWas(t, found)
}

func TestEveryChoiceCounts(t *testing.T) {
	found := only(t, document(item("", stem("Q")+choose("Multiple", "a", "A", "b", "B"),
		processing(when("", equal("response1", "a"), add("50")), when("", `<not>`+equal("response1", "b")+`</not>`, add("50"))))))
	if p := found.Item.Parts[0]; p.Credit != event.EveryChoice {
		t.Errorf("rule %q", p.Credit)
	}
	earns(t, found, chosen("a"), "1")
	earns(t, found, chosen("a", "b"), "0.5")
}

func TestShortAnswer(t *testing.T) {
	found := only(t, document(item(canvas("short_answer_question", "1"), stem("Q")+typedResponse,
		processing(when(`continue="No"`, equal("response1", "Illinois")+equal("response1", "illinois")+equal("response1", "IL"), set("100")+say("correct_fb")))+feedback("correct_fb", "C"))))
	wantKinds(t, found, event.Text)
	if n := len(found.Item.Parts[0].Texts); n != 2 {
		t.Errorf("%d texts", n)
	}
	for text, want := range map[string]string{"illinois": "1", " ILLINOIS ": "1", "il": "1", "Ill": "0"} {
		earns(t, found, typed(text), want)
	}
}

func TestFillInMultipleBlanks(t *testing.T) {
	blank := func(name string, pairs ...string) string {
		return `<response_lid ident="response_` + name + `"><material><mattext>` + name + `</mattext></material><render_choice>` + labels(pairs...) + `</render_choice></response_lid>`
	}
	found := only(t, document(item(canvas("fill_in_multiple_blanks_question", "2"),
		stem(`<p title="[color]">Roses are [color], violets [x] are [other color] &amp; so on.</p>`)+blank("color", "1", "red", "2", "Red", "3", "crimson")+blank("other color", "4", "blue"),
		processing(when("", equal("response_color", "1"), add("50.00")), when("", equal("response_other color", "4"), add("50.00"))))))
	wantKinds(t, found, event.Text, event.Text)
	want := `<p title="[color]">Roses are <span data-part="1"></span>, violets [x] are <span data-part="2"></span> &amp; so on.</p>`
	if found.Item.BodyHTML != want {
		t.Errorf("body %s", found.Item.BodyHTML)
	}
	wantAsItWas(t, found)
	earns(t, found, scoring.Response{"1": {Text: "RED"}, "2": {Text: "blue"}}, "2")
	earns(t, found, scoring.Response{"1": {Text: "crimson"}}, "1")
	earns(t, found, scoring.Response{"1": {Text: "blue"}, "2": {Text: "red"}}, "0")
}

func TestMultipleDropdowns(t *testing.T) {
	drop := func(name, first string) string {
		return `<response_lid ident="response_` + name + `"><material><mattext>` + name + `</mattext></material><render_choice>` + labels(first+"1", "A", first+"2", "B") + `</render_choice></response_lid>`
	}
	found := only(t, document(item(canvas("multiple_dropdowns_question", "3"), stem(`<p>[p] and [q] and [r]</p>`)+drop("p", "p")+drop("q", "q")+drop("r", "r"),
		processing(when("", equal("response_p", "p1"), add("33.33")), when("", equal("response_q", "q2"), add("33.33")), when("", equal("response_r", "r1"), add("33.33")),
			when(`continue="Yes"`, equal("response_q", "q1"), say("q1_fb")))+feedback("q1_fb", "not A"))))
	wantKinds(t, found, event.Dropdown, event.Dropdown, event.Dropdown)
	wantAsItWas(t, found)
	if found.Item.Parts[1].Choices[0].FeedbackHTML != "not A" {
		t.Errorf("%+v", found.Item.Parts[1])
	}
	earns(t, found, scoring.Response{"1": {Choices: []string{"p1"}}, "2": {Choices: []string{"q2"}}, "3": {Choices: []string{"r1"}}}, "3")
	earns(t, found, scoring.Response{"1": {Choices: []string{"p1"}}, "2": {Choices: []string{"q1"}}, "3": {Choices: []string{"r1"}}}, "2")
}

// TestBlanksWithoutMetadata are told apart by what is offered: spellings of one
// word are no choice.
func TestBlanksWithoutMetadata(t *testing.T) {
	blank := func(name string, pairs ...string) string {
		return `<response_lid ident="response_` + name + `"><material><mattext>` + name + `</mattext></material><render_choice>` + labels(pairs...) + `</render_choice></response_lid>`
	}
	found := only(t, document(item("", stem(`[a] [b]`)+blank("a", "1", "Word", "2", "word")+blank("b", "3", "yes", "4", "no"),
		processing(when("", equal("response_a", "1"), add("50")), when("", equal("response_b", "3"), add("50"))))))
	wantKinds(t, found, event.Text, event.Dropdown)
	earns(t, found, scoring.Response{"1": {Text: "word"}, "2": {Choices: []string{"3"}}}, "1")
}

func matching(kind string, statements []string, rules ...string) string {
	var b strings.Builder
	for _, s := range statements {
		b.WriteString(`<response_lid ident="response_` + s + `"><material><mattext texttype="text/plain">` + s + `</mattext></material><render_choice>` + labels("1", "one", "2", "two", "3", "three") + `</render_choice></response_lid>`)
	}
	return document(item(canvas(kind, "2"), stem("Match")+b.String(), processing(rules...)))
}

func pairs(list ...string) scoring.Response {
	var out [][2]string
	for i := 0; i+1 < len(list); i += 2 {
		out = append(out, [2]string{list[i], list[i+1]})
	}
	return scoring.Response{"1": {Pairs: out}}
}

func TestMatching(t *testing.T) {
	found := only(t, matching("matching_question", []string{"A", "B"}, when("", equal("response_A", "1"), add("50.00")), when("", equal("response_B", "1"), add("50.00")),
		when(`continue="Yes"`, equal("response_A", "2"), say("f"))))
	wantKinds(t, found, event.Matching)
	p := found.Item.Parts[0]
	if p.Credit != event.EveryPair || len(p.Choices) != 3 || len(p.Targets) != 2 || p.Targets[0].HTML != "A" || p.Targets[0].MaxUse != 1 {
		t.Errorf("%+v", p)
	}
	earns(t, found, pairs("1", "t1", "1", "t2"), "2")
	earns(t, found, pairs("1", "t1", "2", "t2"), "1")
	earns(t, found, pairs("2", "t1"), "0")

	unequal := only(t, matching("matching_question", []string{"A", "B"}, when("", equal("response_A", "1"), add("75")), when("", equal("response_B", "2"), add("25"))))
	earns(t, unequal, pairs("1", "t1"), "1.5")
	earns(t, unequal, pairs("1", "t1", "2", "t2"), "2")

	alternatives := only(t, matching("matching_question", []string{"A", "B"}, when("", equal("response_A", "1"), add("50")), when("", equal("response_A", "2"), add("50")), when("", equal("response_B", "2"), add("50"))))
	earns(t, alternatives, pairs("2", "t1", "2", "t2"), "2")
	earns(t, alternatives, pairs("1", "t1", "2", "t2"), "2")

	together := only(t, matching("matching_question", []string{"A", "B"}, when("", `<and>`+equal("response_A", "1")+equal("response_B", "2")+`</and>`, set("100"))))
	if together.Item.Parts[0].Credit != event.AllOrNothing || together.Item.Program != nil {
		t.Errorf("%+v", together.Item)
	}
	earns(t, together, pairs("1", "t1", "2", "t2"), "2")
	earns(t, together, pairs("1", "t1"), "0")

	one := only(t, matching("matching_question", []string{"A"}, when("", equal("response_A", "1"), add("100"))))
	wantKinds(t, one, event.Matching)
	earns(t, one, pairs("1", "t1"), "2")
	untold := only(t, strings.ReplaceAll(matching("", []string{"A", "B"}, when("", equal("response_A", "1"), add("50")), when("", equal("response_B", "2"), add("50"))), "question_type", "x"))
	wantKinds(t, untold, event.Matching)
}

// TestEmptyStatementsAndAnswers arrive as they are: teachers have saved them so.
func TestEmptyStatementsAndAnswers(t *testing.T) {
	found := only(t, document(item(canvas("matching_question", "1"), stem("Q")+
		`<response_lid ident="r1"><material><mattext texttype="text/plain"></mattext></material><render_choice>`+labels("1", "", "2", "x")+`</render_choice></response_lid>`+
		`<response_lid ident="r2"><material><mattext/></material><render_choice>`+labels("1", "", "2", "x")+`</render_choice></response_lid>`,
		processing(when("", equal("r1", "1"), add("50")), when("", equal("r2", "2"), add("50"))))))
	earns(t, found, pairs("1", "t1", "2", "t2"), "1")
}

func numeric(rules ...string) string {
	return document(item(canvas("numerical_question", "1"), stem("Q")+strings.ReplaceAll(typedResponse, "<render_fib>", `<render_fib fibtype="Decimal">`), processing(rules...)))
}

func compare(element, value string) string {
	return `<` + element + ` respident="response1">` + value + `</` + element + `>`
}

func TestNumerical(t *testing.T) {
	exact := only(t, numeric(when(`continue="No"`, `<or>`+equal("response1", "4.0")+`<and>`+compare("vargte", "4.0")+compare("varlte", "4.0")+`</and></or>`, set("100"))))
	wantKinds(t, exact, event.Numerical)
	if n := exact.Item.Parts[0].Numbers; len(n) != 1 || n[0].Value != "4.0" || n[0].Tolerance != "0" {
		t.Errorf("%+v", n)
	}
	margin := only(t, numeric(when(`continue="No"`, `<or><varequal respident="response1" margintype="absolute" margin="1">6.0</varequal><and>`+compare("vargte", "5.0")+compare("varlte", "7.0")+`</and></or>`, set("100"))))
	if n := margin.Item.Parts[0].Numbers; len(n) != 1 || n[0].Value != "6.0" || n[0].Tolerance != "1" {
		t.Errorf("%+v", n)
	}
	precise := only(t, numeric(when(`continue="No"`, `<or>`+equal("response1", "42.0")+`<and>`+compare("vargt", "41.995")+compare("varlte", "42.005")+`</and></or>`, set("100"))))
	ranges := only(t, numeric(when(`continue="No"`, compare("vargte", "6")+compare("varlte", "8"), set("100")+say("r")), when(`continue="No"`, compare("vargt", "100"), set("50")+say("big"))))
	several := only(t, numeric(when(`continue="No"`, equal("response1", "1"), set("100")), when(`continue="No"`, equal("response1", "-2.5e3"), set("100"))))
	for _, tc := range []struct {
		found itemfile.Found
		text  string
		want  string
	}{
		{exact, "4", "1"}, {exact, "4.00", "1"}, {exact, "4.01", "0"},
		{margin, "5", "1"}, {margin, "7.0", "1"}, {margin, "7.001", "0"}, {margin, "6", "1"},
		{precise, "41.995", "0"}, {precise, "41.9951", "1"}, {precise, "42.005", "1"}, {precise, "42", "1"},
		{ranges, "6", "1"}, {ranges, "7", "1"}, {ranges, "8.1", "0"}, {ranges, "100", "0"}, {ranges, "1e6", "0.5"},
		{several, "1", "1"}, {several, "-2500", "1"}, {several, "2500", "0"},
	} {
		earns(t, tc.found, typed(tc.text), tc.want)
	}
}

const calculatedItem = `<itemproc_extension><calculated><answer_tolerance>%TOL%</answer_tolerance><formulas decimal_places="2"><formula>a = 2 * x</formula><formula>a + y1</formula></formulas>
	<vars><var name="x" scale="0"><min>1</min><max>9</max></var><var name="y1" scale="1"><min>0</min><max>1</max></var></vars>
	<var_sets><var_set ident="1"><var name="x">3</var><var name="y1">0.5</var><answer>6.50</answer></var_set><var_set ident="2"><var name="y1">1.0</var><var name="x">4</var><answer>0.9*10^1</answer></var_set>
	<var_set ident="3"><var name="x">5</var><var name="y1"></var><answer/></var_set></var_sets></calculated></itemproc_extension>`

func TestCalculated(t *testing.T) {
	rules := processing(when(`title="correct"`, `<other/>`, set("100")), when(`title="incorrect"`, `<not><other/></not>`, set("0")))
	doc := func(tolerance string) string {
		return document(item(canvas("calculated_question", "1"), stem(`<p>What is 2·[x] + [y1], if x is [x] and [z] is not?</p>`)+typedResponse, rules+strings.ReplaceAll(calculatedItem, "%TOL%", tolerance)+feedback("correct_fb", "C")))
	}
	found := only(t, doc("0.1"))
	wantKinds(t, found, event.Numerical)
	wantAsItWas(t, found)
	wantLine(t, found, itemfile.Info, "formula", "a + y1")
	if len(found.Item.DataSets) != 2 || len(found.Item.Variables) != 3 {
		t.Fatalf("%+v", found.Item)
	}
	if want := `<p>What is 2·<span data-variable="x"></span> + <span data-variable="y1"></span>, if x is <span data-variable="x"></span> and [z] is not?</p>`; found.Item.BodyHTML != want {
		t.Errorf("body %s", found.Item.BodyHTML)
	}
	it := parsed(t, found)
	seen := map[string]bool{}
	for seed := range int64(20) {
		text := it.View(seed).BodyHTML
		answer, near, far := "6.5", "6.6", "6.7"
		if strings.Contains(text, "4") {
			answer, near, far = "9", "8.9", "8.8"
		}
		seen[answer] = true
		for response, want := range map[string]bool{answer: true, near: true, far: false} {
			if got := it.Score(typed(response), seed); got.Score.IsZero() == want {
				t.Errorf("%s: %s earns %v", text, response, got.Score)
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("drawn: %v", seen)
	}
	if n := only(t, doc("5%")).Item.Parts[0].Numbers[0]; n.Tolerance != "5%" {
		t.Errorf("%+v", n)
	}
	none := only(t, document(item(canvas("calculated_question", "1"), stem("Q")+typedResponse, rules+`<itemproc_extension><calculated><formulas><formula>1</formula></formulas><vars/><var_sets/></calculated></itemproc_extension>`)))
	wantLine(t, none, itemfile.Skipped, "calculated_question", "no values that were drawn")
}

func TestEssaysUploadsAndTexts(t *testing.T) {
	essay := only(t, document(item(meta("grading_notes", "look for &lt;three&gt; reasons"), stem("Why?")+
		`<response_str ident="response1" rcardinality="Single" rce="No" word_limit_enabled="Yes" word_limit_min="10" word_limit_max="50"><render_fib rows="12"><response_label ident="answer1"/></render_fib></response_str>`,
		processing(when(`continue="No"`, `<other/>`, "")))))
	wantKinds(t, essay, event.Essay)
	if e := essay.Item.Parts[0].Essay; e.MinWords != 10 || e.MaxWords != 50 || e.Lines != 12 || e.Format != "" || e.GuidanceHTML != "look for &lt;three&gt; reasons" {
		t.Errorf("%+v", e)
	}
	if e := only(t, document(item(canvas("essay_question", "4"), stem("Why?")+typedResponse, ""))).Item; e.Parts[0].Essay.Format != "html" || e.Weight != "4" {
		t.Errorf("%+v", e)
	}
	upload := only(t, document(`<item ident="u">`+canvas("file_upload_question", "3")+`<presentation allowed_types="png,.jpeg" files_count="2">`+stem("Upload")+`</presentation></item>`))
	wantKinds(t, upload, event.FileUpload)
	if p := upload.Item.Parts[0]; p.MaxChoices != 2 || strings.Join(p.Upload.MediaTypes, " ") != ".png .jpeg" {
		t.Errorf("%+v", p)
	}
	text := only(t, document(item(canvas("text_only_question", "0"), stem("Read <i>this</i>."), "")))
	if text.Item == nil || len(text.Item.Parts) != 0 || text.Item.Weight != "0" || text.Item.BodyHTML != "Read <i>this</i>." {
		t.Errorf("%+v", text.Item)
	}
	parsed(t, text)
}

func TestSharedTexts(t *testing.T) {
	list := questions(t, document(
		`<item ident="s1" title="The text">`+canvas("text_only_question", "0")+`<presentation>`+stem("<p>Once upon a time</p>")+`</presentation></item>`,
		item(meta("question_type", "true_false_question", "parent_stimulus_item_ident", "s1"), stem("True?")+choose("Single", "1", "True", "2", "False"), processing(when("", equal("response1", "1"), set("100")))),
		strings.Replace(item(meta("question_type", "true_false_question", "parent_stimulus_item_ident", "gone"), stem("True?")+choose("Single", "1", "True", "2", "False"), processing(when("", equal("response1", "1"), set("100")))), "i1", "i2", 1),
	))
	if len(list) != 3 || list[1].Item.BodyHTML != "<div><p>Once upon a time</p></div>True?" {
		t.Errorf("%+v", list[1].Item)
	}
	wantLine(t, list[2], itemfile.Missing, "shared text", "gone")
}

func TestOrdering(t *testing.T) {
	ordered := func(rules ...string) string {
		return document(item(canvas("ordering_question", "1"), stem("Order")+
			`<response_lid ident="response1" rcardinality="Ordered"><render_extension><material position="top"><mattext>first</mattext></material><ims_render_object shuffle="Yes"><flow_label>`+labels("a", "A", "b", "B", "c", "C")+`</flow_label></ims_render_object><material position="bottom"><mattext>last</mattext></material></render_extension></response_lid>`, processing(rules...)))
	}
	found := only(t, ordered(when(`continue="No"`, equal("response1", "b")+equal("response1", "a")+equal("response1", "c"), set("100"))))
	wantKinds(t, found, event.Ordering)
	if p := found.Item.Parts[0]; !p.Shuffle || p.PromptHTML != "firstlast" {
		t.Errorf("%+v", p)
	}
	earns(t, found, chosen("b", "a", "c"), "1")
	earns(t, found, chosen("a", "b", "c"), "0")
	places := only(t, ordered(when("", `<varequal respident="response1" index="1">c</varequal>`, add("33.33")), when("", `<varequal respident="response1" index="2">a</varequal>`, add("33.33")), when("", `<varequal respident="response1" index="3">b</varequal>`, add("33.34"))))
	if places.Item.Parts[0].Credit != event.EveryPlace {
		t.Errorf("%+v", places.Item.Parts[0])
	}
	earns(t, places, chosen("c", "a", "b"), "1")
	two := only(t, ordered(when("", equal("response1", "b")+equal("response1", "a")+equal("response1", "c"), set("100")), when("", equal("response1", "a")+equal("response1", "b")+equal("response1", "c"), set("100"))))
	earns(t, two, chosen("a", "b", "c"), "1")
	earns(t, two, chosen("b", "a", "c"), "1")
}

// TestCategorization: a category earns its share only when all of its items are
// there, which is no rule of matching parts.
func TestCategorization(t *testing.T) {
	category := func(id string) string {
		return `<response_lid ident="` + id + `" rcardinality="Multiple"><material><mattext>` + id + `</mattext></material><render_choice>` + labels("a1", "A1", "a2", "A2", "b1", "B1", "x", "X") + `</render_choice></response_lid>`
	}
	found := only(t, document(item(canvas("categorization_question", "2"), stem("Sort")+category("catA")+category("catB"),
		processing(when("", equal("catA", "a1")+equal("catA", "a2"), add("50.00")), when("", equal("catB", "b1"), add("50.00"))))))
	wantKinds(t, found, event.Matching)
	wantAsItWas(t, found)
	if found.Item.Program == nil || found.Item.Parts[0].Choices[0].MaxUse != 1 {
		t.Fatalf("%+v", found.Item)
	}
	respond := func(list ...string) scoring.Response {
		r := pairs(list...)
		return scoring.Response{"R1": r["1"]}
	}
	earns(t, found, respond("a1", "t1", "a2", "t1", "b1", "t2"), "2")
	earns(t, found, respond("a1", "t1", "b1", "t2"), "1")
	earns(t, found, respond("a1", "t2"), "0")
}

func TestNewQuizzesBlanks(t *testing.T) {
	blank := func(name, attributes, text string) string {
		return `<response_lid ident="response_` + name + `"><material><mattext>` + text + `</mattext></material><render_choice><response_label ident="` + name + `-0" ` + attributes + `><material><mattext texttype="text/plain">` + text + `</mattext></material></response_label></render_choice></response_lid>`
	}
	rule := func(name string) string { return when("", equal("response_"+name, name+"-0"), add("20.00")) }
	document := document(item(canvas("fill_in_multiple_blanks_question", "5"), stem(`[a] [b] [c] [d] [e]`)+
		blank("a", `scoring_algorithm="TextContainsAnswer" answer_type="openEntry"`, "red")+blank("b", `scoring_algorithm="TextCloseEnough" answer_type="openEntry"`, "blue")+
		blank("c", `scoring_algorithm="TextEquivalence" answer_type="openEntry"`, "green")+blank("d", `scoring_algorithm="TextRegex" answer_type="openEntry"`, "gr[ae]y")+
		blank("e", `scoring_algorithm="Equivalence" answer_type="dropdown"`, "one"), processing(rule("a"), rule("b"), rule("c"), rule("d"), rule("e"))))
	found := only(t, document)
	wantKinds(t, found, event.Text, event.Text, event.Text, event.Text, event.Dropdown)
	wantLine(t, found, itemfile.Simplified, "close to the right one")
	earns(t, found, scoring.Response{"1": {Text: "a Red rose"}, "2": {Text: "BLUE"}, "3": {Text: "Green"}, "4": {Text: "GREY"}, "5": {Choices: []string{"e-0"}}}, "5")
	earns(t, found, scoring.Response{"3": {Text: "greenish"}, "4": {Text: "groy"}}, "0")
	sensitive := only(t, strings.Replace(document, "</qtimetadata>", meta("case_sensitive", "true")[len("<itemmetadata><qtimetadata>"):len(meta("case_sensitive", "true"))-len("</qtimetadata></itemmetadata>")]+"</qtimetadata>", 1))
	earns(t, sensitive, scoring.Response{"3": {Text: "Green"}}, "0")
	earns(t, sensitive, scoring.Response{"3": {Text: "green"}, "1": {Text: "red"}}, "2")
}

func TestPicturesOfFormulasBecomeTeX(t *testing.T) {
	for raw, want := range map[string]string{
		`<p>Let <img class="equation_image" title="x" src="/equation_images/%255Cfrac%257B1%257D%257B2%257D?scale=1" alt="LaTeX: \frac{1}{2}" data-equation-content="\frac{1}{2} &amp;lt; x"> be</p>`: `<p>Let \(\frac{1}{2} &lt; x\) be</p>`,
		`<p><img class="equation_image" src="/equation_images/%255Csqrt%257Bx%257D" alt=""></p>`:                                                                                                      `<p>\(\sqrt{x}\)</p>`,
		`<p><img class="equation_image" src="https://example.org/x.png" alt="x"></p>`:                                                                                                                 `<p><img src="https://example.org/x.png" alt="x"/></p>`,
	} {
		found := only(t, document(item(canvas("text_only_question", "0"), stem(strings.ReplaceAll(raw, "&amp;lt;", "&lt;")), "")))
		if found.Item.BodyHTML != want {
			t.Errorf("%s\nbecame %s\nwant   %s", raw, found.Item.BodyHTML, want)
		}
	}
}

// TestRealCanvasExport reads one question of every type. All arrive, and what the
// texts call right earns full credit.
func TestRealCanvasExport(t *testing.T) {
	data, err := os.ReadFile(realfiles.Path(t, "canvas-qti-1.2/all_canvas_simple_1.2.xml"))
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]itemfile.Found{}
	for _, found := range questions(t, string(data)) {
		byKind[found.Kind] = found
		if found.Item == nil {
			t.Errorf("%s did not arrive: %v", found.Kind, found.Lines)
		}
	}
	if len(byKind) != 10 {
		t.Fatalf("%d kinds", len(byKind))
	}
	choiceNamed := func(found itemfile.Found, part int, texts ...string) []string {
		var ids []string
		for _, text := range texts {
			for _, c := range found.Item.Parts[part].Choices {
				if words(c.HTML) == text {
					ids = append(ids, c.ChoiceID)
				}
			}
		}
		return ids
	}
	mc := byKind["multiple_choice_question"]
	earns(t, mc, scoring.Response{"1": {Choices: choiceNamed(mc, 0, "C")}}, "1")
	earns(t, mc, scoring.Response{"1": {Choices: choiceNamed(mc, 0, "A")}}, "0")
	earns(t, byKind["true_false_question"], chosen("true"), "1")
	earns(t, byKind["short_answer_question"], typed("blank"), "1")
	earns(t, byKind["fill_in_multiple_blanks_question"], scoring.Response{"1": {Text: "Multiple"}, "2": {Text: "Blanks"}}, "1")
	earns(t, byKind["fill_in_multiple_blanks_question"], scoring.Response{"1": {Text: "Multiple"}, "2": {Text: "no"}}, "0.5")
	ma := byKind["multiple_answers_question"]
	earns(t, ma, scoring.Response{"1": {Choices: choiceNamed(ma, 0, "A", "B", "C")}}, "1")
	earns(t, ma, scoring.Response{"1": {Choices: choiceNamed(ma, 0, "A", "B", "C", "D")}}, "0")
	dropdown := byKind["multiple_dropdowns_question"]
	earns(t, dropdown, scoring.Response{"1": {Choices: choiceNamed(dropdown, 0, "C")}}, "1")
	for text, want := range map[string]string{"42": "1", "41.5": "1", "42.5": "1", "42.6": "0"} {
		earns(t, byKind["numerical_question"], typed(text), want)
	}
	earns(t, byKind["calculated_question"], typed("42"), "1")
	earns(t, byKind["calculated_question"], typed("43"), "0")
	match := byKind["matching_question"]
	full, ok := parsed(t, match).FullResponse(1)
	if !ok {
		t.Fatal("no full response")
	}
	earns(t, match, full, match.Item.Weight)
	if essay := byKind["essay_question"]; essay.Item.Parts[0].Kind != event.Essay {
		t.Errorf("%+v", essay.Item.Parts)
	}
}
