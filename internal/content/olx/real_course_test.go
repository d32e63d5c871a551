package olx

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/realfiles"
)

// TestRealCourse reads the demonstration course of Open edX. All of it arrives,
// and of its 37 responses each is answerable or in the report.
func TestRealCourse(t *testing.T) {
	src, err := Open(context.Background(), realfiles.Path(t, "openedx-demo-course.tar.gz"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	course, report, err := Parse(context.Background(), src, Options{OrganisationID: organisation})
	if err != nil {
		t.Fatal(err)
	}
	c := report.Counts
	for name, pair := range map[string][2]int{
		"chapters": {c.Chapters, 6}, "subsections": {c.Subsections, 17}, "units": {c.Units, 58}, "texts": {c.HTML, 266}, "videos": {c.Videos, 11},
		"problems": {c.Problems, 29}, "items": {c.Items, 22}, "parts": {c.Parts, 30}, "placeholders for problems": {c.Placeholders["problem"], 7},
		"categories": {len(course.GradingPolicy), 3}, "missing assets": {c.AssetsMissing, 0},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%d %s, want %d", pair[0], name, pair[1])
		}
	}
	want := map[string][2]int{ // met, answerable
		"multiplechoiceresponse": {9, 9}, "choiceresponse": {2, 2}, "optionresponse": {9, 9}, "numericalresponse": {4, 3}, "stringresponse": {4, 4},
		"customresponse": {4, 0}, "formularesponse": {2, 2}, "imageresponse": {1, 0}, "annotationresponse": {1, 1}, "schematicresponse": {1, 0},
	}
	total := 0
	for kind, n := range want {
		if got := [2]int{c.Responses[kind], c.Answerable[kind]}; got != n {
			t.Errorf("%s: %d met, %d answerable, want %v", kind, got[0], got[1], n)
		}
		total += n[0]
	}
	if total != 37 || len(c.Responses) != len(want) {
		t.Errorf("%d responses, by type %v", total, c.Responses)
	}

	items := map[string]event.ItemV1{}
	unclean := regexp.MustCompile(`<(script|style|link|iframe|button)|<[^>]* (onclick|style|class|data-[a-z]+)=|="(/static/|/asset-v1:|/jump_to_id/)`)
	for _, chapter := range course.Chapters {
		for _, sub := range chapter.Subsections {
			for _, unit := range sub.Units {
				for _, b := range unit.Blocks {
					switch b.Kind {
					case KindProblem:
						items[b.URLName] = b.Problem.Item
					case KindPlaceholder:
						if !reported(report, Skipped, b.Type+"/"+b.URLName) {
							t.Errorf("%s/%s is a placeholder and not in the report", b.Type, b.URLName)
						}
					}
					// Some texts teach HTML: only tags count, text has no bare "<".
					if bad := unclean.FindString(b.HTML); bad != "" {
						t.Errorf("%s/%s still has %q", b.Type, b.URLName, bad)
					}
				}
			}
		}
	}
	table := items["85f3f7f9b72548af880975112f27817c"]
	if len(table.Parts) != 8 || table.Weight != "8" || strings.Count(table.BodyHTML, "<td>\n        \n          <div data-part=") != 8 {
		t.Errorf("the table of drop-down lists: %d parts, weight %s, body\n%s", len(table.Parts), table.Weight, table.BodyHTML)
	}
	roots := items["9f898b5307d841fcb03f5ee4eb206a9a"]
	if keys := roots.Parts[0].Numbers; len(keys) != 2 || keys[0].Value != "2" || keys[1].Value != "1" || keys[1].Credit != "0.5" || len(roots.HintsHTML) != 3 {
		t.Errorf("the quadratic equation: %+v", roots)
	}
}
