package olx

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestFormulaResponse(t *testing.T) {
	p, report := problemOf(t, `<problem><formularesponse type="cs" samples="m, c@1,1:10,2e8#20" answer="m*c^2">
		<label>Energy</label><responseparam type="tolerance" default="1%"/><formulaequationinput/></formularesponse></problem>`)
	part := onlyPart(t, p)
	wantClean(t, report)
	if part.Kind != event.Formula || part.Samples != 20 || part.PromptHTML != "Energy" {
		t.Errorf("got %+v", part)
	}
	wantDomain := []event.DomainV1{{Name: "m", Low: "1", High: "10"}, {Name: "c", Low: "1", High: "2e8"}}
	if !reflect.DeepEqual(part.Domain, wantDomain) {
		t.Errorf("domain %+v, want %+v", part.Domain, wantDomain)
	}
	wantKeys := []event.FormulaKeyV1{{Expression: "m*c^2", Tolerance: "1%", Credit: "1"}}
	if !reflect.DeepEqual(part.Formulas, wantKeys) {
		t.Errorf("keys %+v, want %+v", part.Formulas, wantKeys)
	}
}

func TestFormulaWithoutATolerance(t *testing.T) {
	p, _ := problemOf(t, `<problem><formularesponse samples="x@-1:1#5" answer="x^2"><textline/></formularesponse></problem>`)
	if got := onlyPart(t, p).Formulas[0].Tolerance; got != "0.00001" {
		t.Errorf("tolerance %q, want the source's absolute default", got)
	}
}

func TestImageResponse(t *testing.T) {
	for _, tc := range []struct {
		name, attrs string
		want        []event.AreaV1
	}{
		{"a rectangle", `rectangle="(30,40)-(10,20)"`, []event.AreaV1{{Shape: event.Rectangle, Coords: []int{10, 20, 30, 40}}}},
		{"rectangles", `rectangle="(1,2)-(3,4);(5,6)-(7,8)"`, []event.AreaV1{
			{Shape: event.Rectangle, Coords: []int{1, 2, 3, 4}}, {Shape: event.Rectangle, Coords: []int{5, 6, 7, 8}},
		}},
		{"a polygon", `regions="[[0,0],[10,0],[10,10],[0,10],[5,5]]"`, []event.AreaV1{{Shape: event.Polygon, Coords: []int{0, 0, 10, 0, 10, 10, 0, 10}}}},
		{"polygons", `regions="[[[0,0],[4,0],[0,4]],[[10,10],[14,10],[10,14]]]"`, []event.AreaV1{
			{Shape: event.Polygon, Coords: []int{0, 0, 4, 0, 0, 4}}, {Shape: event.Polygon, Coords: []int{10, 10, 14, 10, 10, 14}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, report := problemOf(t, `<problem><imageresponse><imageinput src="/static/diagram.png" width="600" height="638" `+tc.attrs+` alt="A map"/></imageresponse></problem>`)
			wantClean(t, report)
			part := onlyPart(t, p)
			if part.Kind != event.Point || part.MaxChoices != 1 || part.Image == nil {
				t.Fatalf("got %+v", part)
			}
			if im := *part.Image; !strings.HasPrefix(im.Src, "asset:") || im.Alt != "A map" || im.Width != 600 || im.Height != 638 {
				t.Errorf("image %+v", im)
			}
			var areas []event.AreaV1
			for _, a := range part.Areas {
				if areas = append(areas, a.Area); a.Credit != "1" {
					t.Errorf("an area earns %s", a.Credit)
				}
			}
			if !reflect.DeepEqual(areas, tc.want) {
				t.Errorf("areas %+v, want %+v", areas, tc.want)
			}
		})
	}
}

func TestImageWithoutAlternativeTextIsReported(t *testing.T) {
	_, report := problemOf(t, `<problem><imageresponse><imageinput src="/static/diagram.png" width="6" height="6" rectangle="(1,1)-(2,2)"/></imageresponse></problem>`)
	wantReported(t, report, Simplified, "without alternative text")
}

func TestAnnotationResponse(t *testing.T) {
	p, report := problemOf(t, `<problem><annotationresponse><annotationinput><text>zealous pilgrimage</text>
		<comment>What is it?</comment><comment_prompt>Discuss:</comment_prompt><tag_prompt>Where to?</tag_prompt>
		<options><option choice="incorrect">Venice</option><option choice="partially-correct">Elsewhere</option><option choice="correct">Nowhere</option></options>
		</annotationinput></annotationresponse></problem>`)
	part := onlyPart(t, p)
	if part.Kind != event.SingleChoice || !reflect.DeepEqual(credits(part), []string{"Venice=0", "Elsewhere=0.5", "Nowhere=1"}) {
		t.Errorf("got %s %v", part.Kind, credits(part))
	}
	for _, want := range []string{"zealous pilgrimage", "What is it?", "Where to?"} {
		if !strings.Contains(part.PromptHTML, want) {
			t.Errorf("the prompt %q lacks %q", part.PromptHTML, want)
		}
	}
	wantReported(t, report, Simplified, "comment of an annotation")
}
