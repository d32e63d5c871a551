package democourse_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content/democourse"
	"github.com/lyceum-lms/platform/internal/content/olx"
)

// TestDemoCourse: the demo course comes in without a loss, and shows what the
// platform can ask.
func TestDemoCourse(t *testing.T) {
	src, err := olx.OpenFS(context.Background(), democourse.FS(), olx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	course, report, err := olx.Parse(context.Background(), src, olx.Options{OrganisationID: uuid.Max})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Entries) > 0 || report.Counts.AssetsUnreferenced > 0 {
		t.Errorf("not all of it arrives:\n%s", report.Text())
	}

	kinds := map[event.PartKind]int{}
	credit := map[event.PartialCredit]int{}
	matches := map[event.TextMatch]int{}
	categories := map[string]time.Duration{}
	var several, hints, explanations, videos, pictures int
	for _, chapter := range course.Chapters {
		for _, sub := range chapter.Subsections {
			if sub.Graded {
				categories[sub.Format] = sub.TimeLimit
			}
			for _, unit := range sub.Units {
				for _, block := range unit.Blocks {
					switch block.Kind {
					case olx.KindVideo:
						videos++
					case olx.KindProblem:
						item := block.Problem.Item
						if len(item.Parts) > 1 {
							several++
						}
						hints += len(item.HintsHTML)
						if item.ExplanationHTML != "" {
							explanations++
						}
						for _, part := range item.Parts {
							kinds[part.Kind]++
							credit[part.Credit]++
							for _, key := range part.Texts {
								matches[key.Match]++
							}
						}
					}
				}
			}
		}
	}
	for _, asset := range course.Assets {
		if asset.MediaType == "image/svg+xml" {
			pictures++
		}
	}
	for _, kind := range []event.PartKind{event.SingleChoice, event.MultipleChoice, event.Dropdown, event.Numerical, event.Text} {
		if kinds[kind] == 0 {
			t.Errorf("it has no %s part", kind)
		}
	}
	if credit[event.EveryChoice] == 0 || credit[event.Halves] == 0 || matches[event.MatchRegexp] == 0 || matches[event.MatchFold] == 0 {
		t.Errorf("partial credit %v, ways to match %v", credit, matches)
	}
	if several == 0 || hints == 0 || explanations == 0 || videos != 1 || pictures < 2 {
		t.Errorf("%d problems of several parts, %d hints, %d explanations, %d videos, %d pictures", several, hints, explanations, videos, pictures)
	}
	if len(categories) != 2 || categories["Homework"] != 0 || categories["Exam"] != 20*time.Minute {
		t.Errorf("graded subsections with their time limits: %v", categories)
	}
	for _, category := range course.GradingPolicy {
		if _, used := categories[category.Type]; !used {
			t.Errorf("nothing is graded as %s", category.Type)
		}
	}
}
