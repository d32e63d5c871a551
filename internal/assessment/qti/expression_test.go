package qti

import (
	"fmt"
	"strings"
	"testing"
)

// The examples of the specification, and what it says of NULL and of wrong
// operands. NULL is written "NULL", containers "{a, b}".
func TestExpressions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, want, base string }{
		// Values.
		{`{f:0.50}`, "0.5", "float"}, {`{i:007}`, "7", "integer"}, {`{b:1}`, "true", "boolean"}, {`{s: x }`, " x ", "string"}, {`{id: A }`, "A", "identifier"},
		{`<base-value base-type="string">
			York
		</base-value>`, "York", "string"},
		{`{pt:10,20}`, "10 20", "point"}, {`{pair:B  A}`, "B A", "pair"}, {`{f:x}`, "NULL", ""}, {`{i:1.5}`, "NULL", ""}, {`{b:yes}`, "NULL", ""}, {`{s:}`, "NULL", ""},
		{`{f:1e3}`, "1000", "float"}, {`{f:1e400}`, "1e+400", "float"}, {`{f:NaN}`, "NULL", ""},
		{`{v:N}`, "7", "integer"}, {`{v:NONE}`, "NULL", ""}, {`{v:UNKNOWN}`, "NULL", ""}, {`{v:L}`, "{a, b, c, b}", "identifier"}, {`{v:numAttempts}`, "1", "integer"}, {`{v:completionStatus}`, "unknown", "identifier"},
		{`<default identifier="N"/>`, "7", "integer"}, {`<default identifier="T"/>`, "NULL", ""}, {`<correct identifier="T"/>`, "York", "string"}, {`<correct identifier="N"/>`, "NULL", ""},
		{`{null}`, "NULL", ""}, {`<math-constant name="pi"/>`, "3.14159265359", "float"}, {`<math-constant name="e"/>`, "2.71828182846", "float"}, {`<math-constant name="phi"/>`, "NULL", ""},
		{`{v:COUNT}`, "0", "integer"}, {`{v:WORDS}`, "NULL", ""},

		// Mappings: York is worth 3, held to 2 by the upper bound.
		{`<map-response identifier="T"/>`, "2", "float"}, {`<map-response identifier="M"/>`, "1.3", "float"}, {`<map-response identifier="N"/>`, "NULL", ""},
		{`<map-response-point identifier="P"/>`, "1.5", "float"}, {`<map-response-point identifier="T"/>`, "NULL", ""},

		// Logic.
		{`<is-null>{null}</is-null>`, "true", "boolean"}, {`<is-null>{v:WORDS}</is-null>`, "true", "boolean"}, {`<is-null>{s:}</is-null>`, "true", "boolean"}, {`<is-null><multiple/></is-null>`, "true", "boolean"}, {`<is-null>{i:0}</is-null>`, "false", "boolean"},
		{`<not>{b:true}</not>`, "false", "boolean"}, {`<not>{null}</not>`, "NULL", ""}, {`<not>{i:1}</not>`, "NULL", ""},
		{`<and>{b:true}{b:true}</and>`, "true", "boolean"}, {`<and>{b:true}{b:false}</and>`, "false", "boolean"}, {`<and>{null}{b:false}</and>`, "false", "boolean"}, {`<and>{null}{b:true}</and>`, "NULL", ""}, {`<and>{b:true}</and>`, "true", "boolean"},
		{`<or>{b:false}{b:true}</or>`, "true", "boolean"}, {`<or>{b:false}{b:false}</or>`, "false", "boolean"}, {`<or>{null}{b:true}</or>`, "true", "boolean"}, {`<or>{null}{b:false}</or>`, "NULL", ""},
		{`<any-n min="2" max="3">{b:true}{b:true}{b:false}</any-n>`, "true", "boolean"}, {`<any-n min="2" max="3">{b:true}{b:false}{b:false}</any-n>`, "false", "boolean"}, {`<any-n min="1" max="2">{b:true}{b:true}{b:true}</any-n>`, "false", "boolean"},
		{`<any-n min="1" max="2">{b:true}{null}</any-n>`, "true", "boolean"}, {`<any-n min="2" max="2">{b:true}{null}</any-n>`, "NULL", ""}, {`<any-n min="3" max="4">{b:true}{null}{b:false}</any-n>`, "false", "boolean"}, {`<any-n min="0" max="0">{null}</any-n>`, "NULL", ""}, {`<any-n min="x" max="2">{b:true}</any-n>`, "NULL", ""},

		// Equality.
		{`<match>{id:A}{id:A}</match>`, "true", "boolean"}, {`<match>{id:A}{id:a}</match>`, "false", "boolean"}, {`<match>{null}{id:A}</match>`, "NULL", ""},
		{`<match>{pair:A B}{pair:B A}</match>`, "true", "boolean"}, {`<match>{dp:A B}{dp:B A}</match>`, "false", "boolean"}, {`<match>{pt:1 2}{pt:1.0,2}</match>`, "true", "boolean"}, {`<match>{b:true}{s:TRUE}</match>`, "true", "boolean"},
		{`<match>{i:2}{f:2.0}</match>`, "true", "boolean"}, {`<match>{f:0.3}<sum>{f:0.1}{f:0.2}</sum></match>`, "true", "boolean"}, {`<match>{s:2.0}{i:2}</match>`, "true", "boolean"}, {`<match>{s:two}{i:2}</match>`, "false", "boolean"},
		{`<match><multiple>{id:c}{id:a}{id:b}</multiple>{v:M}</match>`, "true", "boolean"}, {`<match><multiple>{id:a}{id:a}{id:b}</multiple>{v:M}</match>`, "false", "boolean"}, {`<match><multiple>{id:a}{id:b}</multiple>{v:M}</match>`, "false", "boolean"},
		{`<match><ordered>{id:a}{id:b}{id:c}{id:b}</ordered>{v:L}</match>`, "true", "boolean"}, {`<match><ordered>{id:b}{id:a}{id:c}{id:b}</ordered>{v:L}</match>`, "false", "boolean"},
		{`<match>{id:a}{v:M}</match>`, "true", "boolean"}, {`<match>{v:M}{id:a}</match>`, "false", "boolean"}, {`<match>{v:R}{v:R}</match>`, "true", "boolean"}, {`<match>{v:R}{v:N}</match>`, "false", "boolean"},
		{`<string-match case-sensitive="true">{s:York}{s:York}</string-match>`, "true", "boolean"}, {`<string-match case-sensitive="true">{s:York}{s:york}</string-match>`, "false", "boolean"}, {`<string-match case-sensitive="false">{s:STRASSE}{s:strasse}</string-match>`, "true", "boolean"},
		{`<string-match case-sensitive="false" substring="true">{s:New YORK}{s:york}</string-match>`, "true", "boolean"}, {`<string-match case-sensitive="true">{null}{s:york}</string-match>`, "NULL", ""},
		{`<substring case-sensitive="true">{s:or}{s:York}</substring>`, "true", "boolean"}, {`<substring case-sensitive="true">{s:York}{s:or}</substring>`, "false", "boolean"}, {`<substring case-sensitive="false">{s:OR}{s:York}</substring>`, "true", "boolean"}, {`<substring case-sensitive="true">{s:OR}{s:York}</substring>`, "false", "boolean"},
		{`<pattern-match pattern="[0-9]{3}">{s:123}</pattern-match>`, "true", "boolean"}, {`<pattern-match pattern="[0-9]{3}">{s:1234}</pattern-match>`, "false", "boolean"}, {`<pattern-match pattern="[0-9">{s:1}</pattern-match>`, "NULL", ""}, {`<pattern-match pattern="\d+">{null}</pattern-match>`, "NULL", ""},
		{`<equal tolerance-mode="exact">{f:1.0}{i:1}</equal>`, "true", "boolean"}, {`<equal>{s:0.63}{f:0.63}</equal>`, "true", "boolean"}, {`<equal>{s:0,63}{f:0.63}</equal>`, "NULL", ""}, {`<equal>{null}{f:0}</equal>`, "NULL", ""},
		{`<equal tolerance-mode="absolute" tolerance="0.5">{f:2}{f:2.5}</equal>`, "true", "boolean"}, {`<equal tolerance-mode="absolute" tolerance="0.5" include-upper-bound="false">{f:2}{f:2.5}</equal>`, "false", "boolean"},
		{`<equal tolerance-mode="absolute" tolerance="3 2">{i:33}{i:36}</equal>`, "false", "boolean"}, {`<equal tolerance-mode="absolute" tolerance="3 2">{i:34}{i:36}</equal>`, "true", "boolean"}, {`<equal tolerance-mode="absolute" tolerance="3 2">{i:39}{i:36}</equal>`, "true", "boolean"}, {`<equal tolerance-mode="absolute" tolerance="3" include-lower-bound="false">{i:39}{i:36}</equal>`, "false", "boolean"},
		{`<equal tolerance-mode="relative" tolerance="10">{f:100}{f:110}</equal>`, "true", "boolean"}, {`<equal tolerance-mode="relative" tolerance="10">{f:100}{f:110.1}</equal>`, "false", "boolean"}, {`<equal tolerance-mode="relative" tolerance="10">{f:-100}{f:-110}</equal>`, "true", "boolean"}, {`<equal tolerance-mode="relative" tolerance="1 10">{f:-100}{f:-105}</equal>`, "true", "boolean"},
		{`<equal tolerance-mode="absolute">{f:2}{f:2}</equal>`, "NULL", ""}, {`<equal tolerance-mode="about" tolerance="1">{f:2}{f:2}</equal>`, "NULL", ""}, {`<equal tolerance-mode="absolute" tolerance="-1">{f:2}{f:2}</equal>`, "NULL", ""}, {`<equal tolerance-mode="absolute" tolerance="N">{f:2}{f:9}</equal>`, "true", "boolean"},
		{`<equal-rounded rounding-mode="significantFigures" figures="3">{f:3.175}{f:3.183}</equal-rounded>`, "true", "boolean"}, {`<equal-rounded rounding-mode="significantFigures" figures="3">{f:3.175}{f:3.1749}</equal-rounded>`, "false", "boolean"},
		{`<equal-rounded rounding-mode="decimalPlaces" figures="2">{f:1.68572}{f:1.69}</equal-rounded>`, "true", "boolean"}, {`<equal-rounded rounding-mode="decimalPlaces" figures="2">{f:1.68572}{f:1.68432}</equal-rounded>`, "false", "boolean"}, {`<equal-rounded figures="2">{f:3.175}{f:3.183}</equal-rounded>`, "true", "boolean"}, {`<equal-rounded figures="0">{f:1}{f:1}</equal-rounded>`, "NULL", ""},
		{`<inside shape="circle" coords="100,100,15">{pt:100 105}</inside>`, "true", "boolean"}, {`<inside shape="circle" coords="100,100,15">{pt:200 200}</inside>`, "false", "boolean"}, {`<inside shape="rect" coords="0,0,100,100">{pt:100 0}</inside>`, "true", "boolean"}, {`<inside shape="ellipse" coords="0,0,10,5">{pt:10 0}</inside>`, "true", "boolean"}, {`<inside shape="ellipse" coords="0,0,10,5">{pt:0 6}</inside>`, "false", "boolean"},
		{`<inside shape="poly" coords="0,0,10,0,10,10,0,10,0,0">{pt:5 5}</inside>`, "true", "boolean"}, {`<inside shape="poly" coords="0,0,10,0,0,10">{pt:5 5}</inside>`, "true", "boolean"}, {`<inside shape="poly" coords="0,0,10,0,0,10">{pt:6 6}</inside>`, "false", "boolean"}, {`<inside shape="default" coords="">{pt:6 6}</inside>`, "true", "boolean"}, {`<inside shape="rect" coords="1,2">{pt:6 6}</inside>`, "NULL", ""}, {`<inside shape="rect" coords="0,0,1,1">{null}</inside>`, "NULL", ""}, {`<inside shape="rect" coords="90,90,110,110">{v:P}</inside>`, "true", "boolean"},
		{`<lt>{i:1}{f:1.5}</lt>`, "true", "boolean"}, {`<gt>{i:1}{f:1.5}</gt>`, "false", "boolean"}, {`<lte>{i:1}{i:1}</lte>`, "true", "boolean"}, {`<gte>{i:1}{i:2}</gte>`, "false", "boolean"}, {`<lt>{null}{i:1}</lt>`, "NULL", ""}, {`<lt>{id:a}{i:1}</lt>`, "NULL", ""},
		{`<duration-lt>{d:10.5}{d:20}</duration-lt>`, "true", "boolean"}, {`<duration-gte>{d:20}{d:20}</duration-gte>`, "true", "boolean"}, {`<duration-lt>{v:duration}{d:20}</duration-lt>`, "NULL", ""},

		// Containers.
		{`<multiple>{id:A}{null}<multiple>{id:B}{id:C}</multiple></multiple>`, "{A, B, C}", "identifier"}, {`<ordered>{i:1}{f:2.5}</ordered>`, "{1, 2.5}", "float"}, {`<multiple/>`, "NULL", ""}, {`<ordered>{null}</ordered>`, "NULL", ""},
		{`<container-size>{v:L}</container-size>`, "4", "integer"}, {`<container-size>{null}</container-size>`, "0", "integer"}, {`<container-size>{id:A}</container-size>`, "1", "integer"},
		{`<index n="1">{v:L}</index>`, "a", "identifier"}, {`<index n="4">{v:L}</index>`, "b", "identifier"}, {`<index n="5">{v:L}</index>`, "NULL", ""}, {`<index n="0">{v:L}</index>`, "NULL", ""}, {`<index n="{numAttempts}">{v:L}</index>`, "a", "identifier"}, {`<index n="numAttempts">{v:L}</index>`, "a", "identifier"}, {`<index n="nothing">{v:L}</index>`, "NULL", ""},
		{`<field-value field-identifier="ndp">{v:R}</field-value>`, "2", "integer"}, {`<field-value field-identifier="no">{v:R}</field-value>`, "NULL", ""}, {`<field-value field-identifier="ndp">{v:N}</field-value>`, "NULL", ""}, {`{v:R}`, "stringValue 2.50, ndp 2", ""},
		{`<member>{id:b}{v:M}</member>`, "true", "boolean"}, {`<member>{id:x}{v:M}</member>`, "false", "boolean"}, {`<member>{null}{v:M}</member>`, "NULL", ""}, {`<member>{id:x}{null}</member>`, "NULL", ""}, {`<member>{id:A}{id:A}</member>`, "true", "boolean"}, {`<member>{pair:A B}<multiple>{pair:B A}</multiple></member>`, "true", "boolean"},
		{`<delete>{id:b}{v:L}</delete>`, "{a, c}", "identifier"}, {`<delete>{id:x}{v:M}</delete>`, "{a, b, c}", "identifier"}, {`<delete>{null}{v:M}</delete>`, "NULL", ""}, {`<delete>{id:a}<multiple>{id:a}</multiple></delete>`, "NULL", ""},
		{`<contains>{v:M}<multiple>{id:c}{id:a}</multiple></contains>`, "true", "boolean"}, {`<contains>{v:M}<multiple>{id:a}{id:a}</multiple></contains>`, "false", "boolean"}, {`<contains>{v:L}<ordered>{id:b}{id:c}</ordered></contains>`, "true", "boolean"}, {`<contains>{v:L}<ordered>{id:a}{id:c}</ordered></contains>`, "false", "boolean"}, {`<contains>{v:L}<ordered>{id:c}{id:b}{id:x}</ordered></contains>`, "false", "boolean"}, {`<contains>{null}{v:M}</contains>`, "NULL", ""},
		{`<repeat number-repeats="2">{i:1}{i:2}</repeat>`, "{1, 2, 1, 2}", "integer"}, {`<repeat number-repeats="0">{i:1}</repeat>`, "NULL", ""}, {`<repeat number-repeats="2">{null}</repeat>`, "NULL", ""}, {`<random>{null}</random>`, "NULL", ""}, {`<random>{id:A}</random>`, "A", "identifier"},

		// Arithmetic.
		{`<sum>{i:1}{i:2}</sum>`, "3", "integer"}, {`<sum>{f:0.1}{f:0.2}</sum>`, "0.3", "float"}, {`<sum>{i:1}{null}</sum>`, "NULL", ""}, {`<sum><multiple>{i:1}{i:2}{i:3}</multiple>{f:0.5}</sum>`, "6.5", "float"}, {`<sum>{id:x}</sum>`, "NULL", ""},
		{`<sum><divide>{i:1}{i:3}</divide><divide>{i:2}{i:3}</divide></sum>`, "1", "float"}, {`<product>{i:3}{i:50}</product>`, "150", "integer"}, {`<product>{f:0.1}{f:3}</product>`, "0.3", "float"},
		{`<subtract>{i:5}{i:7}</subtract>`, "-2", "integer"}, {`<divide>{i:10}{i:4}</divide>`, "2.5", "float"}, {`<divide>{i:1}{f:0}</divide>`, "NULL", ""}, {`<divide>{i:1}{i:3}</divide>`, "0.333333333333", "float"},
		{`<power>{i:2}{i:10}</power>`, "1024", "float"}, {`<power>{i:2}{f:0.5}</power>`, "1.41421356237", "float"}, {`<power>{i:0}{i:-1}</power>`, "NULL", ""}, {`<power>{i:-1}{f:0.5}</power>`, "NULL", ""}, {`<power>{i:10}{i:100000}</power>`, "NULL", ""},
		{`<integer-divide>{i:7}{i:3}</integer-divide>`, "2", "integer"}, {`<integer-divide>{i:-7}{i:3}</integer-divide>`, "-3", "integer"}, {`<integer-divide>{i:7}{i:0}</integer-divide>`, "NULL", ""}, {`<integer-modulus>{i:7}{i:3}</integer-modulus>`, "1", "integer"}, {`<integer-modulus>{i:-7}{i:3}</integer-modulus>`, "2", "integer"},
		{`<truncate>{f:6.8}</truncate>`, "6", "integer"}, {`<truncate>{f:-6.8}</truncate>`, "-6", "integer"}, {`<round>{f:6.5}</round>`, "7", "integer"}, {`<round>{f:6.49}</round>`, "6", "integer"}, {`<round>{f:-6.5}</round>`, "-6", "integer"}, {`<round>{f:-6.51}</round>`, "-7", "integer"}, {`<round>{null}</round>`, "NULL", ""},
		{`<round-to rounding-mode="significantFigures" figures="3">{f:1239451}</round-to>`, "1240000", "float"}, {`<round-to rounding-mode="significantFigures" figures="3">{f:12.1257}</round-to>`, "12.1", "float"}, {`<round-to rounding-mode="significantFigures" figures="2">{f:0.0681}</round-to>`, "0.068", "float"}, {`<round-to rounding-mode="decimalPlaces" figures="2">{f:1.68572}</round-to>`, "1.69", "float"}, {`<round-to rounding-mode="decimalPlaces" figures="0">{f:2.5}</round-to>`, "3", "float"}, {`<round-to rounding-mode="decimalPlaces" figures="-1">{f:2.5}</round-to>`, "NULL", ""},
		{`<integer-to-float>{i:3}</integer-to-float>`, "3", "float"}, {`<gcd>{i:12}{i:18}{i:24}</gcd>`, "6", "integer"}, {`<gcd>{i:0}{i:0}</gcd>`, "0", "integer"}, {`<gcd>{i:-12}{i:18}</gcd>`, "6", "integer"}, {`<gcd>{f:1.5}</gcd>`, "NULL", ""}, {`<lcm>{i:4}{i:6}</lcm>`, "12", "integer"}, {`<lcm>{i:4}{i:0}</lcm>`, "0", "integer"}, {`<lcm>{i:9223372036854775807}{i:9223372036854775806}</lcm>`, "NULL", ""},
		{`<min>{i:3}{i:1}{i:2}</min>`, "1", "integer"}, {`<max>{i:3}{f:3.5}</max>`, "3.5", "float"}, {`<max>{i:3}{null}</max>`, "NULL", ""}, {`<max><ordered>{i:3}{i:9}</ordered></max>`, "9", "integer"},
		{`<stats-operator name="mean"><multiple>{f:2}{f:4}{f:9}</multiple></stats-operator>`, "5", "float"}, {`<stats-operator name="popSD"><multiple>{i:2}{i:4}{i:4}{i:4}{i:5}{i:5}{i:7}{i:9}</multiple></stats-operator>`, "2", "float"}, {`<stats-operator name="popVariance"><multiple>{i:2}{i:4}</multiple></stats-operator>`, "1", "float"}, {`<stats-operator name="sampleVariance"><multiple>{i:2}{i:4}</multiple></stats-operator>`, "2", "float"}, {`<stats-operator name="sampleSD"><multiple>{i:2}{i:4}{i:4}{i:5}{i:5}{i:7}</multiple></stats-operator>`, "1.64316767252", "float"}, {`<stats-operator name="sampleSD"><multiple>{i:2}</multiple></stats-operator>`, "NULL", ""}, {`<stats-operator name="mode"><multiple>{i:2}</multiple></stats-operator>`, "NULL", ""},
		{`<math-operator name="sin">{f:0}</math-operator>`, "0", "float"}, {`<math-operator name="cos"><math-constant name="pi"/></math-operator>`, "-1", "float"}, {`<math-operator name="atan2">{i:1}{i:-1}</math-operator>`, "2.35619449019", "float"}, {`<math-operator name="log">{i:1000}</math-operator>`, "3", "float"}, {`<math-operator name="ln"><math-constant name="e"/></math-operator>`, "1", "float"}, {`<math-operator name="ln">{i:0}</math-operator>`, "NULL", ""}, {`<math-operator name="exp">{i:1000}</math-operator>`, "NULL", ""}, {`<math-operator name="acos">{i:2}</math-operator>`, "NULL", ""},
		{`<math-operator name="abs">{i:-3}</math-operator>`, "3", "integer"}, {`<math-operator name="signum">{f:-0.5}</math-operator>`, "-1", "integer"}, {`<math-operator name="floor">{f:-0.5}</math-operator>`, "-1", "integer"}, {`<math-operator name="ceil">{f:0.2}</math-operator>`, "1", "integer"}, {`<math-operator name="toDegrees"><math-constant name="pi"/></math-operator>`, "180", "float"}, {`<math-operator name="toRadians">{i:180}</math-operator>`, "3.14159265359", "float"}, {`<math-operator name="sqrt">{f:0.25}</math-operator>`, "0.5", "float"}, {`<math-operator name="sec">{i:0}</math-operator>`, "1", "float"}, {`<math-operator name="asec">{i:1}</math-operator>`, "0", "float"}, {`<math-operator name="cube">{i:2}</math-operator>`, "NULL", ""}, {`<math-operator name="sin">{i:2}{i:3}</math-operator>`, "NULL", ""},

		// Custom operators of Cito.
		{`<custom-operator definition="depcp:ParseCommaDecimal">{s:03,14}</custom-operator>`, "3.14", "float"}, {`<custom-operator definition="questify:ParseCommaDecimal">{s: 1.5 }</custom-operator>`, "1.5", "float"}, {`<custom-operator class="qade:ParseCommaDecimal">{s:2,14 denk ik}</custom-operator>`, "NULL", ""},
		{`<custom-operator definition="depcp:Trim">{s:  a b  }</custom-operator>`, "a b", "string"}, {`<custom-operator definition="depcp:ToAscii">{s:crème brûlée}</custom-operator>`, "creme brulee", "string"}, {`<custom-operator class="org.example.pointX">{pt:3 4}</custom-operator>`, "3", "integer"}, {`<custom-operator class="org.example.Unknown">{i:1}</custom-operator>`, "NULL", ""},

		// What is no expression, or has too few operands.
		{`<nonsense>{i:1}</nonsense>`, "NULL", ""}, {`<test-variables variable-identifier="SCORE"/>`, "NULL", ""}, {`<match>{i:1}</match>`, "NULL", ""}, {`<subtract>{i:1}{i:2}{i:3}</subtract>`, "NULL", ""}, {`<sum/>`, "NULL", ""},
	} {
		v, _ := evaluate(t, c.expression)
		got := v.String()
		switch {
		case v.IsNull():
			got = "NULL"
		case v.Cardinality() == Multiple || v.Cardinality() == Ordered:
			got = "{" + got + "}"
		}
		if got != c.want || string(v.BaseType()) != c.base {
			t.Errorf("%s is %s (%s), want %s (%s)", c.expression, got, v.BaseType(), c.want, c.base)
		}
	}
}

// Every expression of the specification is known.
func TestEveryExpressionOfTheSpecificationIsKnown(t *testing.T) {
	t.Parallel()
	names := strings.Fields(`base-value variable default correct map-response map-response-point math-operator math-constant null random-integer random-float
		random multiple ordered container-size is-null index field-value member delete contains substring not and or any-n match string-match pattern-match equal
		equal-rounded inside lt gt lte gte duration-lt duration-gte sum product subtract divide power integer-divide integer-modulus truncate round round-to
		integer-to-float gcd lcm repeat min max stats-operator custom-operator test-variables number-correct number-incorrect number-responded number-presented
		number-selected outcome-maximum outcome-minimum`)
	for _, name := range names {
		if _, ok := operatorNamed(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

// What is not run is named with its element, class and line; the rest runs.
func TestWhatIsNotRunIsNamed(t *testing.T) {
	t.Parallel()
	p := parse(t, `<assessmentItem identifier="i">
<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>
<responseProcessing>
 <responseCondition><responseIf>
  <customOperator class="org.qtitools.mathassess.CasCompare"><variable identifier="RESPONSE"/></customOperator>
  <setOutcomeValue identifier="SCORE"><baseValue baseType="float">5</baseValue></setOutcomeValue>
 </responseIf><responseElse><setOutcomeValue identifier="SCORE"><baseValue baseType="float">1</baseValue></setOutcomeValue></responseElse></responseCondition>
 <responseProcessingFragment href="other.xml"/>
 <script>alert(1)</script>
 <outcomeCondition/>
</responseProcessing></assessmentItem>`)
	var got []string
	for _, u := range p.Unsupported() {
		got = append(got, u.String())
	}
	want := []string{
		`line 5: qti-variable: there is no variable "RESPONSE"; it is taken as NULL`,
		`line 5: qti-custom-operator "org.qtitools.mathassess.CasCompare": this custom operator is not known; it is taken as NULL`,
		`line 8: qti-response-processing-fragment: its rules are in another file; they are left out`,
		`line 9: qti-script: this rule is not known; it is left out`,
		`line 10: qti-outcome-condition: this rule has no place here; it is left out`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if outcomes, _ := scored(t, p, nil); outcomes.Value("SCORE").String() != "1" {
		t.Errorf("SCORE is %v", outcomes.Value("SCORE"))
	}
}
