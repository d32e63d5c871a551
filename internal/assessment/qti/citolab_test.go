package qti

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/realfiles"
)

// The items, candidates and tests of Citolab's scoring engine, with the scores
// that its own tests expect ("qti-scoring-engine", Scoring.Tests). A recorded
// score of these results is not that of the item: they were written to see it
// replaced, or as input of outcome processing, whose results are checked below.

// candidate reads the responses and outcomes of an item in an assessmentResult.
func candidate(t *testing.T, file, identifier string) (responses map[string][]string, recorded map[string]Value, human bool) {
	t.Helper()
	responses, recorded = map[string][]string{}, map[string]Value{}
	for _, result := range readReal(t, file).children {
		if result.name != "item-result" || result.attr("identifier") != identifier {
			continue
		}
		for _, v := range result.children {
			switch v.name {
			case "response-variable":
				var texts []string
				if c := v.child("candidate-response"); c != nil {
					for _, value := range c.children {
						texts = append(texts, value.trimmed())
					}
				}
				responses[v.attr("identifier")] = texts
			case "outcome-variable":
				base, ok := baseTypes[strings.ToLower(v.attr("base-type"))]
				if value, err := parseSingle(base, v.child("value").trimmed()); ok && err == nil {
					recorded[v.attr("identifier")] = value
				}
				human = human || v.attr("external-scored") == "human"
			}
		}
		return responses, recorded, human
	}
	t.Fatalf("%s has no result for %s", file, identifier)
	return nil, nil, false
}

func readReal(t *testing.T, name string) *node {
	t.Helper()
	root, err := readXML(realSource(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return root
}

func realSource(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(realfiles.Path(t, filepath.Join("citolab-2x", name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// respond makes the values of a candidate's texts. What is not declared is left
// out; what is not of its type is NULL.
func respond(p *Program, texts map[string][]string) map[string]Value {
	responses := map[string]Value{}
	for identifier, values := range texts {
		if d, ok := p.Declaration(identifier); ok && d.Kind == ResponseVariable {
			v, err := p.Response(identifier, values...)
			if err != nil {
				v = Null()
			}
			responses[identifier] = v
		}
	}
	return responses
}

func TestCitolabItemsScoreTheirCandidates(t *testing.T) {
	t.Parallel()
	one := func(texts ...string) map[string][]string { return map[string][]string{"RESPONSE": texts} }
	const rp, rw = "ResponseProcessing/", "QTI-Packages/RW/"
	for _, c := range []struct {
		item, result string              // files; of the result, the item's candidate
		change       map[string][]string // responses instead of the candidate's
		want         string              // outcomes
	}{
		{"ITM-50066.xml", "AssessmentResult_Update_OutcomeVariable.xml", nil, "SCORE=1"},
		{"ITM-50066.xml", "AssessmentResult_Update_OutcomeVariable.xml", one("A"), "SCORE=0"},
		{"ITM-50066.xml", "AssessmentResult_Add_OutcomeVariable.xml", nil, "SCORE=1"},
		{"ITM-50066_No_Correct_Response.xml", "AssessmentResult_Add_OutcomeVariable.xml", nil, "SCORE=1"},
		{"ITM-50066_Multiple_Keys.xml", "AssessmentResult_Multiple_Responses_01.xml", nil, "SCORE=1"},
		{"ITM-50066_Multiple_Keys.xml", "AssessmentResult_Multiple_Responses_01.xml", one("B"), "SCORE=0"},
		{"ITM-50066_Multiple_Keys.xml", "AssessmentResult_Multiple_Responses_02.xml", nil, "SCORE=1"},
		{"ITM-50069.xml", "AssessmentResult_Add_OutcomeVariable.xml", nil, "SCORE=0"},
		{"ITM-50069.xml", "AssessmentResult_Update_OutcomeVariable.xml", nil, "SCORE=0"},
		{"ITM-50069.xml", "AssessmentResult_No_Candidate_Response.xml", nil, "SCORE=0"},
		{"ITM-50069_Mapping.xml", "AssessmentResult_Mapping_A.xml", nil, "SCORE=0"},
		{"ITM-50069_Mapping.xml", "AssessmentResult_Mapping_A.xml", one("B"), "SCORE=1"},
		{"ITM-50069_Mapping.xml", "AssessmentResult_Mapping_A.xml", one("C"), "SCORE=2"},
		{"ITM-50069_Mapping_No_Correct_Response.xml", "AssessmentResult_Mapping_A.xml", nil, "SCORE=0"},
		{"ITM-50069_Mapping_No_Correct_Response.xml", "AssessmentResult_Mapping_A.xml", one("B"), "SCORE=1"},
		{"ITM-50069_Mapping_No_Correct_Response.xml", "AssessmentResult_Mapping_A.xml", one("C"), "SCORE=1"},
		{"083-Verklanking-Speciale-Tekens.xml", "AssessmentResult_Interpolation.xml", nil, "SCORE=8 RAW_SCORE=1"},
		{"083-Verklanking-Speciale-Tekens.xml", "AssessmentResult_Interpolation.xml", one("B"), "SCORE=0 RAW_SCORE=0"},
		{"083-Verklanking-Speciale-Tekens_No_Identifier_For_Variable_In_LookupOutcomeValue.xml", "AssessmentResult_Interpolation.xml", nil, "SCORE=0 RAW_SCORE=1"},
		{"1004.xml", "", one("rek"), "SCORE=1"}, {"1004.xml", "", one("fout"), "SCORE=0"}, {"1004.xml", "", one("rEK"), "SCORE=0"},
		{"1004-CaseInsensitive.xml", "", one("rEK"), "SCORE=1"}, {"1004-CaseInsensitive.xml", "", one("fout"), "SCORE=0"},
		{"112505-MR.xml", "", one("D", "E", "F"), "SCORE=1"}, {"112505-MR.xml", "", one("E", "F"), "SCORE=0"}, {"112505-MR.xml", "", one("A", "D", "E", "F"), "SCORE=0"}, {"112505-MR.xml", "", one(), "SCORE=0"},
		{"210091.xml", "", one("0.63"), "SCORE=1"}, {"210091.xml", "", one("0.65"), "SCORE=0"},
		{"210091-CustomOperator.xml", "", one("0,63"), "SCORE=1"}, {"210091-CustomOperator.xml", "", one("0.63"), "SCORE=1"}, {"210091-CustomOperator.xml", "", one("0,6300"), "SCORE=1"}, {"210091-CustomOperator.xml", "", one("0,6301"), "SCORE=0"},
		{"CustomOperators.xml", "", one(" Tést "), "SCORE=1"}, {"CustomOperators.xml", "", one("t est"), "SCORE=0"},
		{"ITM-equal.xml", "", map[string][]string{"RESPONSE": {"10"}, "RESPONSE2": {"15"}}, "SCORE=1"}, {"ITM-equal.xml", "", map[string][]string{"RESPONSE": {"10"}}, "SCORE=0"},
		{rw + "Items/72757.xml", rw + "AssessmentResults/result1.xml", nil, "SCORE=1"}, {rw + "Items/72757.xml", rw + "AssessmentResults/result1.xml", one("1"), "SCORE=0"},
		{rw + "Items/72759.xml", rw + "AssessmentResults/result1.xml", nil, "SCORE=1"}, {rw + "Items/72784.xml", rw + "AssessmentResults/result1.xml", nil, "SCORE=1"}, {rw + "Items/72833.xml", rw + "AssessmentResults/result1.xml", nil, "SCORE=1"},
	} {
		file, result := c.item, c.result
		if !strings.Contains(file, "/") {
			file, result = rp+file, rp+result
		}
		p := parse(t, realSource(t, file))
		texts := c.change
		if c.result != "" {
			recordedTexts, _, _ := candidate(t, result, p.Identifier())
			maps.Copy(recordedTexts, c.change)
			texts = recordedTexts
		}
		responses := respond(p, texts)
		outcomes, trace := scored(t, p, responses)
		for _, want := range strings.Fields(c.want) {
			name, value, _ := strings.Cut(want, "=")
			if got := outcomes.Value(name).String(); got != value {
				t.Errorf("%s with %v: %s is %s, want %s\n%s", file, texts, name, got, value, trace)
			}
		}
		t.Logf("%-45.45s %-30s %s", filepath.Base(file), responses["RESPONSE"], c.want)
	}
	lookup := parse(t, realSource(t, rp+"083-Verklanking-Speciale-Tekens_No_Identifier_For_Variable_In_LookupOutcomeValue.xml")).Unsupported()
	if len(lookup) != 1 || lookup[0].Element != "qti-lookup-outcome-value" {
		t.Errorf("the lookup of nothing: %v", lookup)
	}
}

// totals are outcome rules that Citolab's engine adds to every test: the score,
// plain and weighted, of all items and by category.
func totals(categories ...string) string {
	var b strings.Builder
	for _, category := range append([]string{""}, categories...) {
		name, include := "", ""
		if category != "" {
			name, include = "_"+category, ` includeCategory="`+category+`"`
		}
		for _, weight := range []string{"", "_WEIGHTED"} {
			by := ""
			if weight != "" {
				by = ` weightIdentifier="WEIGHT"`
			}
			fmt.Fprintf(&b, `<setOutcomeValue identifier="SCORE_TOTAL%s%s"><sum><testVariables variableIdentifier="SCORE"%s%s/></sum></setOutcomeValue>`, weight, name, include, by)
		}
	}
	return b.String() + "</outcomeProcessing>"
}

func TestCitolabTestsScoreTheirCandidates(t *testing.T) {
	t.Parallel()
	zeros := map[string]Value{"SCORE": Integer(0)}
	ones := map[string]Value{"SCORE": Integer(1)}
	for _, c := range []struct {
		test, result string
		change       map[string]map[string]Value // recorded outcomes of items
		want         string
	}{
		{"Test_Toets2", "Correct", nil, "SCORE=2"},
		{"Test_Toets2-Weight", "Correct", nil, "SCORE=1"},
		{"Test_Toets2-Weight", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": zeros}, "SCORE=0"},
		{"Test_Toets2", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": zeros}, "SCORE=0"},
		{"Test_Toets2", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": ones}, "SCORE=1"},
		{"Test_Toets2-Weight", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": ones}, "SCORE=0"},
		{"Test_Toets_TestVariables", "Correct", nil, "SCORE=2 SCORE_CAT_1=1 SCORE_CAT_2=1 SCORE_CAT_COMBINED=2"},
		{"Test_Toets_TestVariables_Weight", "Correct", nil, "SCORE=1 SCORE_CAT_1=1 SCORE_CAT_2=0 SCORE_CAT_COMBINED=1"},
		{"Test_Toets_TestVariables", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": zeros}, "SCORE=0 SCORE_CAT_1=0 SCORE_CAT_2=0"},
		{"Test_Toets_TestVariables_Weight", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": zeros}, "SCORE=0 SCORE_CAT_1=0 SCORE_CAT_2=0"},
		{"Test_Toets_TestVariables", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": ones}, "SCORE=1 SCORE_CAT_1=0 SCORE_CAT_2=1"},
		{"Test_Toets_TestVariables_Weight", "Correct", map[string]map[string]Value{"ITM-SN02945": zeros, "ITM-SN02946": ones}, "SCORE=0 SCORE_CAT_1=0 SCORE_CAT_2=0"},
		{"Test_Toets", "Add_OutcomeVariable", nil, "SCORE=1 SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=6 SCORE_TOTAL__1F=2 SCORE_TOTAL_WEIGHTED__1F=6 SCORE_TOTAL_ACET=2 SCORE_TOTAL_WEIGHTED_ACET=6"},
		{"Test_Toets", "Update_OutcomeVariable", nil, "SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=6"},
		{"Test_Toets", "Update_OutcomeVariable_With_Score", nil, "SCORE=1 SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=6"},
		{"Test_Toets", "BaseType_Check", nil, "SCORE=1 SCORE_TOTAL=2"},
		{"Test_Toets", "Incorrect", nil, "SCORE_TOTAL=0 SCORE_TOTAL_WEIGHTED=0"},
		{"Test_Toets", "Invalid_ItemRef", nil, "SCORE_TOTAL=1"}, // of an item that is not in the test
		{"Test_Toets_Float", "Correct", nil, "SCORE=1"},
		{"Test_Toets_Weight_Float", "Correct", nil, "SCORE=2.5"},
		{"Test_Toets_Without_Weights", "Add_OutcomeVariable", nil, "SCORE=1 SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=2"},
		{"Test_Toets_With_Empty_Category", "Add_OutcomeVariable", nil, "SCORE=5 SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=6"},
		{"Test_Toets_With_Unused_Category", "Add_OutcomeVariable", nil, "SCORE_TOTAL__8072=0 SCORE_TOTAL_WEIGHTED__8072=0 SCORE_TOTAL=2"},
		{"Test_Toets_Multiple_Subsections", "Add_OutcomeVariable", nil, "SCORE_TOTAL=2 SCORE_TOTAL_WEIGHTED=9 SCORE_TOTAL_ACET=2 SCORE_TOTAL_WEIGHTED_ACET=9 SCORE_TOTAL__8001=2 SCORE_TOTAL_WEIGHTED__8001=9 SCORE_TOTAL__8060=2 SCORE_TOTAL_WEIGHTED__8060=9 SCORE_TOTAL__8063=1 SCORE_TOTAL_WEIGHTED__8063=8"},
	} {
		const op = "OutcomeProcessing/"
		source := strings.Replace(realSource(t, op+c.test+".xml"), "</outcomeProcessing>", totals("_1F", "ACET", "_8072", "_8001", "_8060", "_8063"), 1)
		test, err := ParseTest(source)
		if err != nil {
			t.Fatal(err)
		}
		results := map[string]ItemResult{}
		for _, r := range readReal(t, op+"AssessmentResult_"+c.result+".xml").children {
			if r.name == "item-result" {
				_, recorded, _ := candidate(t, op+"AssessmentResult_"+c.result+".xml", r.attr("identifier"))
				maps.Copy(recorded, c.change[r.attr("identifier")])
				results[r.attr("identifier")] = ItemResult{Recorded: recorded, Presented: true}
			}
		}
		for _, i := range test.Items() { // an item that nobody answered has its outcomes' defaults
			if _, ok := results[i.Identifier]; !ok && strings.HasPrefix(i.Href, "SN") {
				p := parse(t, realSource(t, op+i.Href))
				outcomes, _ := scored(t, p, nil)
				results[i.Identifier] = ItemResult{Program: p, Outcomes: outcomes}
			}
		}
		outcomes, _, err := test.Score(results)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range strings.Fields(c.want) {
			name, value, _ := strings.Cut(want, "=")
			if got := outcomes.Value(name).String(); got != value {
				t.Errorf("%s with %s: %s is %q, want %s", c.test, c.result, name, got, value)
			}
		}
		t.Logf("%-35s %-35s %s", c.test, c.result, c.want)
	}
}

// Responses and outcomes of a whole package.
func TestCitolabPackage(t *testing.T) {
	t.Parallel()
	const rw = "QTI-Packages/RW/"
	test, err := ParseTest(realSource(t, rw+"Test/RW_E7_4ITM.xml"))
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]ItemResult{}
	for _, i := range test.Items() {
		p := parse(t, realSource(t, rw+"Items/"+i.Href))
		texts, _, _ := candidate(t, rw+"AssessmentResults/result1.xml", i.Identifier)
		responses := respond(p, texts)
		outcomes, _ := scored(t, p, responses)
		results[i.Identifier] = ItemResult{Program: p, Template: draw(t, p, 1), Responses: responses, Outcomes: outcomes}
	}
	outcomes, _, err := test.Score(results)
	if err != nil || len(test.Unsupported()) > 0 {
		t.Fatal(err, test.Unsupported())
	}
	got := []string{}
	for name, value := range outcomes.All() {
		got = append(got, name+"="+value.String())
	}
	slices.Sort(got)
	want := "[SCORE=7 SCORE_CATEGORY_aftrekken=3 SCORE_CATEGORY_optellen=4 SCORE_N=4]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// What people have scored stays.
func TestCitolabScoresOfPeopleStay(t *testing.T) {
	t.Parallel()
	_, recorded, human := candidate(t, "ResponseProcessing/AssessmentResult_DST_pap.xml", "ITM-equal")
	p := parse(t, realSource(t, "ResponseProcessing/ITM-equal.xml"))
	outcomes, _ := scored(t, p, nil)
	r := testRun{results: map[string]ItemResult{"i": {Program: p, Outcomes: outcomes, Recorded: recorded}}}
	if got := r.value(&itemRef{identifier: "i"}, "SCORE"); !human || got.String() != "1" || outcomes.Value("SCORE").String() != "0" {
		t.Errorf("%v (human %v), scored %v", got, human, outcomes.Value("SCORE"))
	}
	_, recorded, _ = candidate(t, "OutcomeProcessing/AssessmentResult_Manual_Scored.xml", "extendedTextEntry")
	if recorded["SCORE"].String() != "2" {
		t.Errorf("%v", recorded)
	}
}
