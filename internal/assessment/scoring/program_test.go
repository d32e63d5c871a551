package scoring

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// sumOf reads the numbers that a learner sees in programmed.
func sumOf(t *testing.T, v View) (a, b int) {
	t.Helper()
	if _, err := fmt.Sscanf(v.BodyHTML, "<p>What is %d + %d?</p>", &a, &b); err != nil {
		t.Fatalf("%s: %v", v.BodyHTML, err)
	}
	return a, b
}

func TestProgramsScoreTheWholeItem(t *testing.T) {
	t.Parallel()
	it := parse(t, programmed())
	drawn := map[string]bool{}
	for seed := range int64(40) {
		view := it.View(seed)
		a, b := sumOf(t, view)
		drawn[view.BodyHTML] = true
		if hard := strings.Contains(view.BodyHTML, "<div>It is hard.</div>"); hard != (a+b > 50) {
			t.Errorf("%s", view.BodyHTML)
		}
		sum := write(strconv.Itoa(a + b))
		for _, c := range []struct {
			name     string
			response Response
			score    string // of 3, for SCORE of 4
			feedback []string
			correct  [2]bool
		}{
			{"right", Response{"SUM": sum, "PICK": pick("x", "z")}, "3", []string{fmt.Sprintf("<p><strong>Well done</strong></p>SECRET-good, %d", a)}, [2]bool{true, true}},
			{"the sum alone", Response{"SUM": sum}, "1.5", []string{fmt.Sprintf("<p><strong>Well done</strong></p>SECRET-good, %d", a)}, [2]bool{true, false}},
			{"the choices alone", Response{"PICK": pick("z")}, "0.75", []string{"SECRET-hidden: 1"}, [2]bool{}},
			{"a penalty", Response{"SUM": write("-1"), "PICK": pick("y")}, "-0.75", []string{"SECRET-hidden: -1"}, [2]bool{}},
			{"no number counts as no response", Response{"SUM": write("many"), "PICK": pick("x")}, "0.75", []string{"SECRET-hidden: 1"}, [2]bool{}},
			{"what does not fit counts as no response", Response{"SUM": sum, "PICK": pick("q")}, "1.5", []string{fmt.Sprintf("<p><strong>Well done</strong></p>SECRET-good, %d", a)}, [2]bool{true, false}},
			{"nothing", nil, "0", nil, [2]bool{}},
			{"blanks", Response{"SUM": write(" "), "PICK": pick()}, "0", nil, [2]bool{}},
		} {
			got := it.Score(c.response, seed)
			if got.Score.String() != c.score || !slices.Equal(got.FeedbackHTML, c.feedback) || got.Parts[0].Correct != c.correct[0] || got.Parts[1].Correct != c.correct[1] {
				t.Errorf("%s: %+v", c.name, got)
			}
			if got.Max.String() != "3" || got.NeedsMarking || got.Parts[0].How == "" || (got.How == "") != (c.feedback == nil) {
				t.Errorf("%s: %+v", c.name, got)
			}
			if !sameResult(got, it.Score(c.response, seed)) {
				t.Errorf("%s: the second result differs", c.name)
			}
		}
		full, ok := it.FullResponse(seed)
		if !ok || full["SUM"].Text != sum.Text || !slices.Equal(full["PICK"].Choices, []string{"z", "x"}) {
			t.Errorf("the full response is %v", full)
		}
		if key := it.Key(seed); len(key.Parts[0].Answers) != 1 || key.Parts[0].Answers[0].Text != sum.Text || len(key.Parts[1].Answers) != 2 {
			t.Errorf("the key is %+v", key)
		}
	}
	if len(drawn) < 35 {
		t.Errorf("40 learners see %d different items", len(drawn))
	}
}

func TestAProgramTellsHowItCameToTheScore(t *testing.T) {
	t.Parallel()
	it := parse(t, programmed())
	how := it.Score(Response{"PICK": pick("x")}, 1).How
	if !strings.HasSuffix(how, "SCORE is 1 of 4, which is 0.75 of 3 points.") || strings.Count(how, "\n") < 2 {
		t.Errorf("%s", how)
	}
	def := programmed()
	def.Program.Max = "0.5"
	if how := parse(t, def).Score(Response{"PICK": pick("x")}, 1).How; !strings.HasSuffix(how, "SCORE is 1 of 0.5; the item scores from -1 to 3 points.") {
		t.Errorf("%s", how)
	}
}

func TestAPartThatStandsAloneHasTheScoreOfTheProgram(t *testing.T) {
	t.Parallel()
	def := event.ItemV1{ItemID: itemID, Weight: "2", Parts: []event.PartV1{{PartID: "RESPONSE", Kind: event.Matching, Choices: without("a", "b"), Targets: targets("X", "Y")}},
		Program: &event.ProgramV1{Language: "qti-3.0", Max: "3", Source: qtiItem(`
<qti-response-declaration identifier="RESPONSE" cardinality="multiple" base-type="directedPair">
  <qti-correct-response><qti-value>a X</qti-value><qti-value>b Y</qti-value></qti-correct-response>
  <qti-mapping><qti-map-entry map-key="a X" mapped-value="1"/><qti-map-entry map-key="b Y" mapped-value="2"/></qti-mapping>
</qti-response-declaration>
<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>
<qti-response-processing template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/map_response.xml"/>`)}}
	it := parse(t, def)
	for _, c := range []struct {
		response PartResponse
		credit   string
	}{
		{match("b", "Y", "a", "X"), "1"}, {match("b", "Y"), "0.6667"}, {match("a", "X"), "0.3333"}, {match("a", "Y"), "0"}, {match(), "0"},
	} {
		got := it.Score(Response{"RESPONSE": c.response}, 0)
		p := got.Parts[0]
		if p.Credit.String() != c.credit || p.Score.Cmp(got.Score) != 0 || p.Max.Cmp(got.Max) != 0 || p.Correct != (c.credit == "1") {
			t.Errorf("%v: %+v", c.response.Pairs, got)
		}
	}
	if full, ok := it.FullResponse(0); !ok || len(full["RESPONSE"].Pairs) != 2 {
		t.Errorf("%v", full)
	}
}

// Each kind of response arrives as the value that the program declares.
func TestResponsesBecomeValues(t *testing.T) {
	t.Parallel()
	area := rect(0, 0, 9, 9)
	spots := without("a", "b")
	for i := range spots {
		spots[i].Area = &area
	}
	for _, c := range []struct {
		part        event.PartV1
		declaration string // cardinality and base type
		correct     []string
		right       PartResponse
		wrong       []PartResponse
	}{
		{event.PartV1{Kind: event.SingleChoice, Choices: without("a", "b")}, `cardinality="single" base-type="identifier"`, []string{"a"}, pick("a"), []PartResponse{pick("b")}},
		{event.PartV1{Kind: event.TrueFalse, Choices: without("true", "false")}, `cardinality="single" base-type="identifier"`, []string{"true"}, pick("true"), []PartResponse{pick("false")}},
		{event.PartV1{Kind: event.HotText, Choices: without("a", "b")}, `cardinality="multiple" base-type="identifier"`, []string{"a", "b"}, pick("b", "a"), []PartResponse{pick("a")}},
		{event.PartV1{Kind: event.Hotspot, Choices: spots, Image: picture()}, `cardinality="multiple" base-type="identifier"`, []string{"a"}, pick("a"), []PartResponse{pick("a", "b")}},
		{event.PartV1{Kind: event.Ordering, Choices: without("a", "b", "c")}, `cardinality="ordered" base-type="identifier"`, []string{"b", "a", "c"}, pick("b", "a", "c"), []PartResponse{pick("a", "b", "c")}},
		{event.PartV1{Kind: event.Association, Choices: without("a", "b")}, `cardinality="multiple" base-type="pair"`, []string{"b a"}, match("a", "b"), nil},
		{event.PartV1{Kind: event.Point, Image: picture()}, `cardinality="single" base-type="point"`, []string{"10 20"}, click(10, 20), []PartResponse{click(20, 10)}},
		{event.PartV1{Kind: event.Slider, Slider: &event.SliderV1{Low: "0", High: "10"}}, `cardinality="single" base-type="float"`, []string{"2.5"}, write("2.50"), []PartResponse{write("2")}},
		{event.PartV1{Kind: event.Text}, `cardinality="single" base-type="string"`, []string{"York"}, write(" York "), []PartResponse{write("york")}},
		{event.PartV1{Kind: event.Numerical}, `cardinality="single" base-type="integer"`, []string{"12"}, write("12"), []PartResponse{write("12.5"), write("a dozen")}},
	} {
		c.part.PartID = "R"
		correct := ""
		for _, v := range c.correct {
			correct += "<qti-value>" + v + "</qti-value>"
		}
		it := parse(t, event.ItemV1{ItemID: itemID, Weight: "1", Parts: []event.PartV1{c.part}, Program: &event.ProgramV1{Language: "qti-3.0", Max: "1", Source: qtiItem(`
<qti-response-declaration identifier="R" ` + c.declaration + `><qti-correct-response>` + correct + `</qti-correct-response></qti-response-declaration>
<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>
<qti-response-processing><qti-response-condition><qti-response-if><qti-match><qti-variable identifier="R"/><qti-correct identifier="R"/></qti-match>
<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">1</qti-base-value></qti-set-outcome-value></qti-response-if></qti-response-condition></qti-response-processing>`)}})
		if got := it.Score(Response{"R": c.right}, 0); got.Score.String() != "1" {
			t.Errorf("%s: %+v is wrong: %s %s", c.part.Kind, c.right, got.How, got.Parts[0].How)
		}
		for _, wrong := range c.wrong {
			if got := it.Score(Response{"R": wrong}, 0); !got.Score.IsZero() || !got.Answered() {
				t.Errorf("%s: %+v is right", c.part.Kind, wrong)
			}
		}
		if full, ok := it.FullResponse(0); !ok {
			t.Errorf("%s: there is no full response", c.part.Kind)
		} else if got := it.Score(full, 0); got.Score.Cmp(got.Max) != 0 {
			t.Errorf("%s: %v scores %v", c.part.Kind, full, got.Score)
		}
		if key := it.Key(0); len(key.Parts[0].Answers) == 0 {
			t.Errorf("%s: there is no key", c.part.Kind)
		}
	}
}

func TestProgramsThatLeaveTheScoreToPeople(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]string{
		"no response processing": `<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>`,
		"scored by people":       `<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float" external-scored="human"/><qti-response-processing template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml"/>`,
	} {
		it := parse(t, event.ItemV1{ItemID: itemID, Weight: "4", Parts: []event.PartV1{{PartID: "RESPONSE", Kind: event.Essay}},
			Program: &event.ProgramV1{Language: "qti-3.0", Max: "1", Source: qtiItem(`<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="string"/>` + rest)}})
		response := Response{"RESPONSE": write("Once upon a time")}
		if got := it.Score(response, 0); !got.NeedsMarking || !got.Score.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
		half := ratio(1, 2)
		marks := Marks{"RESPONSE": {Credit: &half}}
		if err := it.CheckMarks(marks); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := it.ScoreMarks(response, 0, marks); got.NeedsMarking || got.Score.String() != "2" {
			t.Errorf("%s, marked: %+v", name, got)
		}
	}
}

func TestProgramsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place string
		spoil func(d *event.ItemV1)
	}{
		{"program.language: ", func(d *event.ItemV1) { d.Program.Language = "lua" }},
		{"program.source: ", func(d *event.ItemV1) { d.Program.Source = "" }},
		{"program.source: ", func(d *event.ItemV1) { d.Program.Source = "<a>" }},
		{"program.source: ", func(d *event.ItemV1) { d.Program.Source = `<!DOCTYPE x [<!ENTITY e "e">]>` + qtiItem("&e;") }},
		{"program.max: ", func(d *event.ItemV1) { d.Program.Max = "0" }},
		{"program.max: ", func(d *event.ItemV1) { d.Program.Max = "" }},
		{"program.feedbacks[0].outcome: ", func(d *event.ItemV1) { d.Program.Feedbacks[0].Outcome = "PICK" }},
		{"program.feedbacks[1].feedback_html: ", func(d *event.ItemV1) { d.Program.Feedbacks[1].FeedbackHTML = "\xff" }},
		{"parts[1].part_id: ", func(d *event.ItemV1) { d.Parts[1].PartID = "SCORE" }},
		{"parts[0].numbers: ", func(d *event.ItemV1) { d.Parts[0].Numbers = []event.NumberKeyV1{{Value: "1", Credit: "1"}} }},
		{"variables: ", func(d *event.ItemV1) {
			d.Variables = []event.VariableV1{{Name: "n", Kind: event.ListVariable, Values: []string{"1"}}}
		}},
	} {
		def := programmed()
		c.spoil(&def)
		if _, err := Parse(def); err == nil {
			t.Errorf("want an error at %q", c.place)
		} else if !strings.HasPrefix(err.Error(), c.place) {
			t.Errorf("the error %q is not at %q", err, c.place)
		}
	}
}
