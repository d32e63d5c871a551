package qti

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/realfiles"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	got, err := Canonical(`<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE assessmentItem>
<q:assessmentItem xmlns:q="http://www.imsglobal.org/xsd/imsqti_v2p1" xmlns:ma="http://mathassess.qtitools.org/xsd/mathassess" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x" identifier="q&quot;1" title="T" timeDependent="true">
 <!-- gone -->
 <q:responseDeclaration identifier="RESPONSE" cardinality="single" baseType="directedPair"><q:correctResponse><q:value fieldIdentifier="x">A&#160;B</q:value></q:correctResponse></q:responseDeclaration>
 <q:outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float" normalMaximum="2"/>
 <q:stylesheet href="x.css"/>
 <q:itemBody><q:p>Text &amp; more</q:p></q:itemBody>
 <q:responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/map_response_point"/>
 <q:templateProcessing><q:setTemplateValue identifier="X"><q:customOperator class="c" ma:syntax="maxima"><q:baseValue baseType="string"> a &lt; b </q:baseValue></q:customOperator></q:setTemplateValue></q:templateProcessing>
 <q:modalFeedback outcomeIdentifier="F" identifier="x">Well done</q:modalFeedback>
</q:assessmentItem>`)
	want := `<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" xmlns:ma="http://mathassess.qtitools.org/xsd/mathassess" identifier="q&#34;1" title="T" adaptive="false" time-dependent="true">
  <qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="directedPair">
    <qti-correct-response>
      <qti-value field-identifier="x">A` + "\u00a0" + `B</qti-value>
    </qti-correct-response>
  </qti-response-declaration>
  <qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float" normal-maximum="2"/>
  <qti-template-processing>
    <qti-set-template-value identifier="X">
      <qti-custom-operator class="c" ma:syntax="maxima">
        <qti-base-value base-type="string"> a &lt; b </qti-base-value>
      </qti-custom-operator>
    </qti-set-template-value>
  </qti-template-processing>
  <qti-response-processing template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/map_response_point.xml"/>
</qti-assessment-item>
`
	if err != nil || got != want {
		t.Fatalf("%v\n%s", err, got)
	}
	if again, err := Canonical(got); err != nil || again != got {
		t.Errorf("canonical once more: %v\n%s", err, again)
	}
}

func TestNamesOfQTI3(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"responseElseIf": "response-else-if", "mapResponsePoint": "map-response-point", "durationGTE": "duration-gte", "anyN": "any-n", "isNull": "is-null",
		"integerToFloat": "integer-to-float", "qti-response-if": "response-if", "lcm": "lcm", "baseType": "base-type", "areaMapEntry": "area-map-entry", "numberRepeats": "number-repeats",
		"qti-assessment-item": "assessment-item", "includeLowerBound": "include-lower-bound",
	} {
		if got := kebab(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// The canonical form of every real item means what the item means.
func TestTheCanonicalFormOfRealItemsScoresTheSame(t *testing.T) {
	t.Parallel()
	files := 0
	for _, pattern := range []string{"qtiworks/*.xml", "citolab-2x/ResponseProcessing/*.xml", "citolab-2x/QTI-Packages/RW/Items/*.xml"} {
		names, err := filepath.Glob(filepath.Join(filepath.Dir(realfiles.Path(t, "README.md")), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(data), "<assessmentItem ") {
				continue
			}
			files++
			canonical, err := Canonical(string(data))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			sameScores(t, filepath.Base(name), parse(t, string(data)), parse(t, canonical))
		}
	}
	t.Logf("%d items", files)
}

// sameScores compares two programs over some seeds and responses.
func sameScores(t *testing.T, name string, a, b *Program) {
	t.Helper()
	if len(a.Unsupported()) != len(b.Unsupported()) || len(a.Declarations()) != len(b.Declarations()) {
		t.Errorf("%s: %v, %v", name, a.Unsupported(), b.Unsupported())
	}
	for seed := range int64(20) {
		x, y := draw(t, a, seed), draw(t, b, seed)
		for _, right := range []bool{true, false} {
			responses := map[string]Value{}
			for _, d := range a.Declarations() {
				if d.Kind != ResponseVariable {
					continue
				}
				if right {
					responses[d.Identifier] = x.Correct(d.Identifier)
				} else if v, err := a.Response(d.Identifier, "5"); err == nil {
					responses[d.Identifier] = v
				}
			}
			o1, t1, err1 := a.Score(x, responses)
			o2, t2, err2 := b.Score(y, responses)
			if err1 != nil || err2 != nil || t1.String() != t2.String() {
				t.Fatalf("%s: %v, %v\n%s\n%s", name, err1, err2, t1, t2)
			}
			for id, v := range o1.All() {
				if v.String() != o2.Value(id).String() {
					t.Fatalf("%s: %s is %v, then %v", name, id, v, o2.Value(id))
				}
			}
		}
	}
}
