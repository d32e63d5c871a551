package olx

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// onlyPart returns the one part of an item.
func onlyPart(t *testing.T, p *Problem) event.PartV1 {
	t.Helper()
	if len(p.Item.Parts) != 1 {
		t.Fatalf("got %d parts, want one", len(p.Item.Parts))
	}
	return p.Item.Parts[0]
}

func credits(part event.PartV1) []string {
	var out []string
	for _, c := range part.Choices {
		out = append(out, c.HTML+"="+c.Credit)
	}
	return out
}

func TestChoiceResponses(t *testing.T) {
	for _, tc := range []struct {
		name, xml  string
		kind       event.PartKind
		credit     event.PartialCredit
		want       []string
		simplified string // words of the one entry, if any
	}{
		{
			name: "single choice",
			xml:  `<multiplechoiceresponse><choicegroup type="MultipleChoice"><choice correct="false">A <b>bold</b></choice><choice correct="TRUE">B</choice></choicegroup></multiplechoiceresponse>`,
			kind: event.SingleChoice, want: []string{"A <b>bold</b>=0", "B=1"},
		},
		{
			name: "single choice with partial credit",
			xml:  `<multiplechoiceresponse partial_credit="points"><choicegroup><choice correct="true">A</choice><choice correct="partial">B</choice><choice correct="partial" point_value="0.25">C</choice></choicegroup></multiplechoiceresponse>`,
			kind: event.SingleChoice, want: []string{"A=1", "B=0.5", "C=0.25"},
		},
		{
			name: "a partly right choice without partial credit is wrong",
			xml:  `<multiplechoiceresponse><choicegroup><choice correct="true">A</choice><choice correct="partial">B</choice></choicegroup></multiplechoiceresponse>`,
			kind: event.SingleChoice, want: []string{"A=1", "B=0"}, simplified: "partly right",
		},
		{
			name: "no right choice",
			xml:  `<multiplechoiceresponse><choicegroup><choice>A</choice></choicegroup></multiplechoiceresponse>`,
			kind: event.SingleChoice, want: []string{"A=0"}, simplified: "without a right choice",
		},
		{
			name: "answer pool",
			xml:  `<multiplechoiceresponse><choicegroup answer-pool="2"><choice correct="true">A</choice><choice>B</choice><choice>C</choice></choicegroup></multiplechoiceresponse>`,
			kind: event.SingleChoice, want: []string{"A=1", "B=0", "C=0"}, simplified: "random draw of 2 of 3",
		},
		{
			name: "true or false with one right choice",
			xml:  `<truefalseresponse><choicegroup><choice correct="true">True</choice><choice correct="false">False</choice></choicegroup></truefalseresponse>`,
			kind: event.SingleChoice, want: []string{"True=1", "False=0"},
		},
		{
			name: "true or false with a set of right choices",
			xml:  `<truefalseresponse><choicegroup><choice correct="true">A</choice><choice correct="true">B</choice><choice>C</choice></choicegroup></truefalseresponse>`,
			kind: event.MultipleChoice, want: []string{"A=1", "B=1", "C=0"}, simplified: "several right answers",
		},
		{
			name: "check boxes",
			xml:  `<choiceresponse><checkboxgroup><choice correct="true">A</choice><choice correct="false">B</choice><choice correct="true">C</choice></checkboxgroup></choiceresponse>`,
			kind: event.MultipleChoice, want: []string{"A=1", "B=0", "C=1"},
		},
		{
			name: "check boxes, every decision counts",
			xml:  `<choiceresponse partial_credit="EDC"><checkboxgroup><choice correct="true">A</choice><choice correct="false">B</choice></checkboxgroup></choiceresponse>`,
			kind: event.MultipleChoice, credit: event.EveryChoice, want: []string{"A=1", "B=0"},
		},
		{
			name: "check boxes, halves",
			xml:  `<choiceresponse partial_credit="halves"><checkboxgroup><choice correct="true">A</choice><choice correct="false">B</choice></checkboxgroup></choiceresponse>`,
			kind: event.MultipleChoice, credit: event.Halves, want: []string{"A=1", "B=0"},
		},
		{
			name: "an unknown rule of partial credit",
			xml:  `<choiceresponse partial_credit="thirds"><checkboxgroup><choice correct="true">A</choice><choice correct="false">B</choice></checkboxgroup></choiceresponse>`,
			kind: event.MultipleChoice, want: []string{"A=1", "B=0"}, simplified: "thirds",
		},
		{
			name: "radio buttons",
			xml:  `<choiceresponse><radiogroup><choice correct="true"><text>A</text></choice><choice correct="false"><text>B</text></choice></radiogroup></choiceresponse>`,
			kind: event.SingleChoice, want: []string{"A=1", "B=0"},
		},
		{
			name: "list of options in an attribute",
			xml:  `<optionresponse><optioninput options="('red','it's blue', 'green')" correct="it's blue"/></optionresponse>`,
			kind: event.Dropdown, want: []string{"red=0", "it&#39;s blue=1", "green=0"},
		},
		{
			name: "options as elements",
			xml:  `<optionresponse><optioninput><option correct="False">a &lt; b</option><option correct="True">c</option></optioninput></optionresponse>`,
			kind: event.Dropdown, want: []string{"a &lt; b=0", "c=1"},
		},
		{
			name: "the last option marked right counts",
			xml:  `<optionresponse><optioninput><option correct="True">a</option><option correct="True">b</option></optioninput></optionresponse>`,
			kind: event.Dropdown, want: []string{"a=0", "b=1"}, simplified: "several right options",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, report := problemOf(t, "<problem>"+tc.xml+"</problem>")
			part := onlyPart(t, p)
			if part.Kind != tc.kind || part.Credit != tc.credit || !reflect.DeepEqual(credits(part), tc.want) {
				t.Errorf("got %s %q %q, want %s %q %q", part.Kind, part.Credit, credits(part), tc.kind, tc.credit, tc.want)
			}
			if tc.simplified == "" {
				wantClean(t, report)
			} else {
				wantReported(t, report, Simplified, tc.simplified)
			}
		})
	}
}

func TestChoiceOrderAndFeedback(t *testing.T) {
	p, _ := problemOf(t, `<problem><multiplechoiceresponse targeted-feedback=""><choicegroup shuffle="true">
		<choice correct="true" name="yes">A<choicehint label="Right!">Of <em>course</em></choicehint></choice>
		<choice correct="false" explanation-id="why">B</choice>
		<choice correct="false" fixed="true">C</choice></choicegroup></multiplechoiceresponse>
		<targetedfeedbackset><targetedfeedback explanation-id="why"><p>Because</p></targetedfeedback></targetedfeedbackset></problem>`)
	part := onlyPart(t, p)
	if !part.Shuffle || part.Choices[0].Fixed || !part.Choices[2].Fixed {
		t.Errorf("shuffle %v, fixed %v and %v", part.Shuffle, part.Choices[0].Fixed, part.Choices[2].Fixed)
	}
	if got := part.Choices[0].ChoiceID; got != "choice_yes" {
		t.Errorf("choice id %q does not come from its name", got)
	}
	if got, want := part.Choices[0].FeedbackHTML, "<strong>Right!</strong> Of <em>course</em>"; got != want {
		t.Errorf("feedback %q, want %q", got, want)
	}
	if got := part.Choices[1].FeedbackHTML; got != "<p>Because</p>" {
		t.Errorf("targeted feedback %q", got)
	}
}

func TestCheckBoxFeedback(t *testing.T) {
	p, report := problemOf(t, `<problem><choiceresponse><checkboxgroup>
		<choice correct="true">A<choicehint selected="true">yes</choicehint><choicehint selected="False">no</choicehint></choice>
		<choice correct="false" id="other">B<choicehint>never shown</choicehint></choice>
		<compoundhint value="a OTHER">both</compoundhint><compoundhint value="A">one</compoundhint><compoundhint value="Z">none</compoundhint>
		</checkboxgroup></choiceresponse></problem>`)
	part := onlyPart(t, p)
	if c := part.Choices[0]; c.FeedbackHTML != "yes" || c.UnselectedFeedbackHTML != "no" {
		t.Errorf("feedback %q and %q", c.FeedbackHTML, c.UnselectedFeedbackHTML)
	}
	want := []event.CompoundFeedbackV1{
		{ChoiceIDs: []string{"choice_0", "choice_1"}, FeedbackHTML: "both"}, {ChoiceIDs: []string{"choice_0"}, FeedbackHTML: "one"},
	}
	if !reflect.DeepEqual(part.Compounds, want) {
		t.Errorf("compounds %+v, want %+v", part.Compounds, want)
	}
	wantReported(t, report, Simplified, "hint for a choice", "never shown")
	wantReported(t, report, Simplified, `"Z"`)
}

func TestNumericalResponses(t *testing.T) {
	for _, tc := range []struct {
		name, xml string
		want      []event.NumberKeyV1
	}{
		{"plain", `<numericalresponse answer="12"><formulaequationinput/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "12", Credit: "1"}}},
		{"absolute tolerance", `<numericalresponse answer="600"><responseparam type="tolerance" default="5"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "600", Tolerance: "5", Credit: "1"}}},
		{"relative tolerance", `<numericalresponse answer="-3.5e2"><responseparam type="tolerance" default="2 %"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "-3.5e2", Tolerance: "2%", Credit: "1"}}},
		{"expression", `<numericalresponse answer="sqrt(2)*10^3"><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "sqrt(2)*10^3", Credit: "1"}}},
		{"an expression in parentheses is no range", `<numericalresponse answer="(1+2)*(3+4)"><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "(1+2)*(3+4)", Credit: "1"}}},
		{"range", `<numericalresponse answer="[1, 2.5)"><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Low: "1", High: "2.5", HighOpen: true, Credit: "1"}}},
		{"range of one number", `<numericalresponse answer="[4,4]"><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "4", Tolerance: "0", Credit: "1"}}},
		{"several answers", `<numericalresponse answer="1"><correcthint>one</correcthint><additional_answer answer="2"><correcthint>two</correcthint></additional_answer><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "1", Credit: "1", FeedbackHTML: "one"}, {Value: "2", Credit: "1", FeedbackHTML: "two"}}},
		{"close", `<numericalresponse answer="10" partial_credit="close"><responseparam type="tolerance" default="0.1" partial_range="3"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "10", Tolerance: "0.1", Credit: "1"}, {Value: "10", Tolerance: "0.3", Credit: "0.5"}}},
		{"close, by default twice the default", `<numericalresponse answer="10" partial_credit="close"><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "10", Credit: "1"}, {Value: "10", Tolerance: "0.002%", Credit: "0.5"}}},
		{"list", `<numericalresponse answer="2" partial_credit="list"><responseparam partial_answers="1, 3"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "2", Credit: "1"}, {Value: "1", Credit: "0.5"}, {Value: "3", Credit: "0.5"}}},
		{"list and close", `<numericalresponse answer="2" partial_credit="list,close"><responseparam type="tolerance" default="5%" partial_answers="1"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{
				{Value: "2", Tolerance: "5%", Credit: "1"}, {Value: "1", Tolerance: "5%", Credit: "0.5"},
				{Value: "2", Tolerance: "10%", Credit: "0.5"}, {Value: "1", Tolerance: "10%", Credit: "0.25"},
			}},
		{"close to a range", `<numericalresponse answer="(1,2]" partial_credit="close"><responseparam partial_range="1"/><textline/></numericalresponse>`,
			[]event.NumberKeyV1{
				{Low: "1", High: "2", LowOpen: true, Credit: "1"}, {Value: "1", Tolerance: "0", Credit: "0"},
				{Low: "0", High: "3", LowOpen: true, HighOpen: true, Credit: "0.5"},
			}},
		{"hints for wrong answers", `<numericalresponse answer="7"><textline/><hintgroup><numericalhint answer="8" name="n"/><hintpart on="n"><text>off by one</text></hintpart></hintgroup></numericalresponse>`,
			[]event.NumberKeyV1{{Value: "7", Credit: "1"}, {Value: "8", Credit: "0", FeedbackHTML: "off by one"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, report := problemOf(t, "<problem>"+tc.xml+"</problem>")
			part := onlyPart(t, p)
			if part.Kind != event.Numerical || !reflect.DeepEqual(part.Numbers, tc.want) {
				t.Errorf("got %s %+v\nwant %+v", part.Kind, part.Numbers, tc.want)
			}
			wantClean(t, report)
		})
	}
}

func TestTextResponses(t *testing.T) {
	for _, tc := range []struct {
		name, xml string
		want      []event.TextKeyV1
	}{
		{"as written", `<stringresponse answer=" Michigan "><textline/></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchExact, Pattern: "Michigan", Credit: "1"}}},
		{"ignoring case", `<stringresponse answer="Michigan" type="ci"><textline/></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchFold, Pattern: "Michigan", Credit: "1"}}},
		{"regular expression", `<stringresponse answer="..bble" type="ci regexp"><textline/></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchRegexp, Pattern: "(?i:..bble)", Credit: "1"}}},
		{"alternatives in both forms", `<stringresponse answer="A"><additional_answer answer="B"><correcthint>b</correcthint></additional_answer><additional_answer>C</additional_answer><textline/></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchExact, Pattern: "A", Credit: "1"}, {Match: event.MatchExact, Pattern: "B", Credit: "1", FeedbackHTML: "b"}, {Match: event.MatchExact, Pattern: "C", Credit: "1"}}},
		{"the oldest form of alternatives is never a pattern", `<stringresponse answer="a.b_or_c" type="regexp"><textline/></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchExact, Pattern: "a.b", Credit: "1"}, {Match: event.MatchExact, Pattern: "c", Credit: "1"}}},
		{"feedback for wrong answers", `<stringresponse answer="A" type="ci"><correcthint>yes</correcthint><stringequalhint answer="B">no B</stringequalhint><regexphint answer="C+">no C</regexphint><textline/></stringresponse>`,
			[]event.TextKeyV1{
				{Match: event.MatchFold, Pattern: "A", Credit: "1", FeedbackHTML: "yes"}, {Match: event.MatchFold, Pattern: "B", Credit: "0", FeedbackHTML: "no B"},
				{Match: event.MatchRegexp, Pattern: "(?i:C+)", Credit: "0", FeedbackHTML: "no C"},
			}},
		{"hints in the old form", `<stringresponse answer="A"><textline/><hintgroup><stringhint answer="B" name="b"/><hintpart on="b"><startouttext/>not B<endouttext/></hintpart></hintgroup></stringresponse>`,
			[]event.TextKeyV1{{Match: event.MatchExact, Pattern: "A", Credit: "1"}, {Match: event.MatchExact, Pattern: "B", Credit: "0", FeedbackHTML: "not B"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, report := problemOf(t, "<problem>"+tc.xml+"</problem>")
			part := onlyPart(t, p)
			if part.Kind != event.Text || !reflect.DeepEqual(part.Texts, tc.want) {
				t.Errorf("got %s %+v\nwant %+v", part.Kind, part.Texts, tc.want)
			}
			wantClean(t, report)
		})
	}
}

func TestAlternativePatternsAreReported(t *testing.T) {
	_, report := problemOf(t, `<problem><stringresponse answer="cat" type="regexp"><additional_answer answer="dog"/><textline/></stringresponse></problem>`)
	wantReported(t, report, Simplified, "alternative patterns")
}

// TestUnanswerableProblems: what cannot be scored as its author meant becomes a
// placeholder, and the report names it with its line.
func TestUnanswerableProblems(t *testing.T) {
	for _, tc := range []struct{ name, xml, why string }{
		{"own program", `<customresponse cfn="f"><textline/></customresponse>`, "sandbox"},
		{"formula by its form", `<symbolicresponse expect="x^2"><textline math="1"/></symbolicresponse>`, "computer algebra"},
		{"formula without ranges", `<formularesponse answer="x^2" samples="x"><textline/></formularesponse>`, "not of the form variables@lows:highs#number"},
		{"formula with ranges missing", `<formularesponse answer="x*y" samples="x,y@1:2#3"><textline/></formularesponse>`, "not one range for each variable"},
		{"region of an image without a size", `<imageresponse><imageinput src="/static/diagram.png" rectangle="(1,1)-(2,2)"/></imageresponse>`, "size of its image"},
		{"region of an image that is not there", `<imageresponse><imageinput src="/static/none.png" width="9" height="9" rectangle="(1,1)-(2,2)"/></imageresponse>`, "not in the export"},
		{"regions that are none", `<imageresponse><imageinput src="/static/diagram.png" width="9" height="9" rectangle="1,1,2,2"/></imageresponse>`, "cannot be read"},
		{"circuit", `<schematicresponse><schematic/><answer>secret = 1</answer></schematicresponse>`, "circuit"},
		{"unknown type", `<telepathyresponse><textline/></telepathyresponse>`, "not known"},
		{"look-ahead", `<stringresponse answer="(?=a)b" type="regexp"><textline/></stringresponse>`, "cannot be used here"},
		{"back reference", `<stringresponse answer="(a)\1" type="regexp"><textline/></stringresponse>`, "cannot be used here"},
		{"answer that is no number", `<numericalresponse answer="1,000"><textline/></numericalresponse>`, "1,000"},
		{"complex number", `<numericalresponse answer="2+3*j"><textline/></numericalresponse>`, `"j" is not a known constant`},
		{"empty range", `<numericalresponse answer="[2,1]"><textline/></numericalresponse>`, "empty"},
		{"tolerance that is no number", `<numericalresponse answer="1"><responseparam type="tolerance" default="some"/><textline/></numericalresponse>`, "tolerance"},
		{"no answer", `<stringresponse><textline/></stringresponse>`, "no answer"},
		{"no choices", `<multiplechoiceresponse><choicegroup/></multiplechoiceresponse>`, "no choices"},
		{"variables", `<script type="loncapa/python">x = 1</script><p>What is $x?</p><numericalresponse answer="$x"><textline/></numericalresponse>`, "Python script"},
		{"a variable with text behind it", `<script type="loncapa/python">x = 1</script><p>$xs</p><numericalresponse answer="1"><textline/></numericalresponse>`, "Python script"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			block, report := onlyBlock(t, `<problem url_name="p"/>`, map[string]string{"problem/p.xml": `<problem display_name="Hard">` + tc.xml + `</problem>`})
			if block.Kind != KindPlaceholder || block.Placeholder.Type != "problem" || block.Problem != nil {
				t.Fatalf("got %+v, want a placeholder", block)
			}
			if !strings.Contains(block.Placeholder.Label, "Hard") {
				t.Errorf("label %q does not name the problem", block.Placeholder.Label)
			}
			if strings.Contains(block.HTML, "secret") {
				t.Errorf("the key is in the text: %q", block.HTML)
			}
			wantReported(t, report, Skipped, "problem/p.xml", tc.why)
			if c := report.Counts; c.Problems != 1 || c.Items != 0 || c.Placeholders["problem"] != 1 {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

func TestMalformedProblemDoesNotStopTheImport(t *testing.T) {
	blocks, report := page(t, `<problem url_name="bad"/><html url_name="h"><p>after</p></html>`, map[string]string{
		"problem/bad.xml": "<problem>\n<p>one\n</problem>",
	})
	if len(blocks) != 2 || blocks[0].Kind != KindPlaceholder || blocks[1].HTML != "<p>after</p>" {
		t.Fatalf("got %+v", blocks)
	}
	wantReported(t, report, Skipped, "problem/bad.xml:3", "cannot be read")
}

func TestProblemOfSeveralParts(t *testing.T) {
	p, report := problemOf(t, `<problem display_name="Table" weight="3">
		<script type="loncapa/python">unused = 1</script>
		<p>Price: $5</p>
		<table><tr><td>one</td><td><optionresponse><optioninput options="('a','b')" correct="a" label="First"/></optionresponse></td></tr>
		<tr><td>two</td><td><numericalresponse answer="2"><label>Second</label><description>Whole numbers</description><textline trailing_text="cm"/></numericalresponse></td></tr></table>
		<p>Third: <stringresponse answer="c"><textline/></stringresponse></p>
		<customresponse cfn="f"><label>Never</label><textline/><textline/></customresponse>
		<solution><div class="detailed-solution"><p>Because.</p></div></solution>
		<demandhint><hint>One &amp; only</hint><hint>Two</hint></demandhint></problem>`)
	item := p.Item
	if len(item.Parts) != 3 {
		t.Fatalf("got %d parts", len(item.Parts))
	}
	for i, want := range []struct{ id, label string }{{"1", "First"}, {"2", "Second"}, {"3", "Answer 3"}} {
		if got := item.Parts[i]; got.PartID != want.id || got.Label != want.label {
			t.Errorf("part %d: id %q, label %q, want %+v", i, got.PartID, got.Label, want)
		}
	}
	if got, want := item.Parts[1].PromptHTML, "Second<div>Whole numbers</div>"; got != want {
		t.Errorf("prompt %q, want %q", got, want)
	}
	for _, want := range []string{
		`<td>one</td><td><div data-part="1"></div>`, `<div data-part="2"></div> cm`, `<div>Third: <div data-part="3"></div>`, "Price: $5",
		"[A question that cannot be answered here: an answer checked by a program]", "Never",
	} {
		if !strings.Contains(item.BodyHTML, want) {
			t.Errorf("body lacks %q:\n%s", want, item.BodyHTML)
		}
	}
	for _, leak := range []string{"Because", "unused", "Second", "correct", "One"} {
		if strings.Contains(item.BodyHTML, leak) {
			t.Errorf("body has %q:\n%s", leak, item.BodyHTML)
		}
	}
	// Three of five inputs can be answered: three fifths of three points.
	if item.Weight != "1.8" {
		t.Errorf("weight %s, want 1.8", item.Weight)
	}
	if !reflect.DeepEqual(item.HintsHTML, []string{"One &amp; only", "Two"}) || item.ExplanationHTML != "<div><p>Because.</p></div>" {
		t.Errorf("hints %q, explanation %q", item.HintsHTML, item.ExplanationHTML)
	}
	wantReported(t, report, Skipped, "customresponse", "Table", "share of the points")
}

func TestWeight(t *testing.T) {
	two := `<optionresponse><optioninput options="('a','b')" correct="a"/><optioninput options="('a','b')" correct="b"/></optionresponse>`
	for attrs, want := range map[string]string{``: "2", `weight="0.50"`: "0.5", `weight="0"`: "0", `weight="null"`: "2", `weight="-1"`: "2", `weight="heavy"`: "2"} {
		p, _ := problemOf(t, "<problem "+attrs+">"+two+"</problem>")
		if p.Item.Weight != want {
			t.Errorf("weight of <problem %s> is %s, want %s", attrs, p.Item.Weight, want)
		}
	}
}

func TestReleasePolicy(t *testing.T) {
	for attrs, want := range map[string]event.ReleasePolicy{
		``:                                             event.ReleaseLast,
		`showanswer="always"`:                          event.ReleaseSubmitted,
		`showanswer="attempted"`:                       event.ReleaseSubmitted,
		`showanswer="answered"`:                        event.ReleaseLast,
		`showanswer="finished"`:                        event.ReleaseLast,
		`showanswer="correct_or_past_due"`:             event.ReleaseLast,
		`showanswer="closed"`:                          event.ReleaseAfterDue,
		`showanswer="closed" max_attempts="2"`:         event.ReleaseLast,
		`showanswer="past_due"`:                        event.ReleaseAfterDue,
		`showanswer="never"`:                           event.ReleaseNever,
		`showanswer="always" show_correctness="never"`: event.ReleaseNever,
		`showanswer="attempted" show_correctness="past_due"`: event.ReleaseAfterDue,
	} {
		p, _ := problemOf(t, "<problem "+attrs+`><numericalresponse answer="1"><textline/></numericalresponse></problem>`)
		if p.Release != want {
			t.Errorf("release of <problem %s> is %s, want %s", attrs, p.Release, want)
		}
	}
}

func TestAttemptsAndShowAnswerAreInherited(t *testing.T) {
	course, _ := parse(t, map[string]string{
		"sequential/seq.xml": `<sequential max_attempts="4" showanswer="never"><vertical url_name="page"/></sequential>`,
		"vertical/page.xml": `<vertical><problem url_name="a"><numericalresponse answer="1"><textline/></numericalresponse></problem>
			<problem url_name="b" max_attempts="1"><numericalresponse answer="1"><textline/></numericalresponse></problem></vertical>`,
	})
	blocks := course.Chapters[0].Subsections[0].Units[0].Blocks
	if a, b := blocks[0].Problem, blocks[1].Problem; a.MaxAttempts != 4 || a.Release != event.ReleaseNever || b.MaxAttempts != 1 || b.Release != event.ReleaseNever {
		t.Errorf("got %+v and %+v", a, b)
	}
}

// TestAuthorsCannotPlaceParts: a data-part of the author's would let a stem show
// a part twice or elsewhere.
func TestAuthorsCannotPlaceParts(t *testing.T) {
	p, _ := problemOf(t, `<problem><div data-part="1">mine</div><script>alert(1)</script><p onclick="x()">stem</p>
		<multiplechoiceresponse><choicegroup><choice correct="true"><img src="x" onerror="alert(1)"/><div data-part="1"/>A</choice></choicegroup></multiplechoiceresponse></problem>`)
	all := p.Item.BodyHTML + onlyPart(t, p).Choices[0].HTML
	if strings.Count(all, "data-part") != 1 || strings.Contains(all, "alert") || strings.Contains(all, "onclick") {
		t.Errorf("not clean: %s", all)
	}
}

func TestProblemWithoutQuestionIsAText(t *testing.T) {
	block, report := onlyBlock(t, `<problem url_name="p"><p>Read this.</p></problem>`, nil)
	if block.Kind != KindHTML || block.HTML != "<p>Read this.</p>" {
		t.Errorf("got %+v", block)
	}
	wantReported(t, report, Simplified, "asks nothing")
}
