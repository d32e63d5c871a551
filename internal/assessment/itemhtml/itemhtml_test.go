package itemhtml

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

var update = flag.Bool("update", false, "write what is rendered now to testdata")

func choices(texts ...string) []scoring.ChoiceView {
	var out []scoring.ChoiceView
	for _, t := range texts {
		out = append(out, scoring.ChoiceView{ChoiceID: strings.ToLower(t[:1]), HTML: t})
	}
	return out
}

func picture() *event.ImageV1 {
	return &event.ImageV1{Src: "/v1/item-media/x/map.png", Alt: "A map", Width: 200, Height: 100}
}

func one(p scoring.PartView) scoring.View {
	p.PartID = "1"
	return scoring.View{Title: "A question", BodyHTML: "<p>Read this.</p>", Parts: []scoring.PartView{p}}
}

// views are one of each kind, and of each way that parts stand in a text.
func views() map[string]scoring.View {
	targets := []scoring.TargetView{{TargetID: "x", HTML: "<em>France</em>", MaxUse: 1}, {TargetID: "y", HTML: "Italy"}}
	area := &event.AreaV1{Shape: event.Circle, Coords: []int{50, 50, 10}}
	return map[string]scoring.View{
		"single_choice":   one(scoring.PartView{Kind: event.SingleChoice, Label: "Which?", Choices: choices("Alpha", "<b>Beta</b>")}),
		"true_false":      one(scoring.PartView{Kind: event.TrueFalse, PromptHTML: "<p>It rains.</p>", Choices: choices("True", "False")}),
		"multiple_choice": one(scoring.PartView{Kind: event.MultipleChoice, Choices: choices("Alpha", "Beta")}),
		"dropdown":        one(scoring.PartView{Kind: event.Dropdown, Choices: choices("<i>A</i> & b", "Beta")}),
		"text":            one(scoring.PartView{Kind: event.Text, Label: `The "word"`}),
		"numerical":       one(scoring.PartView{Kind: event.Numerical}),
		"formula":         one(scoring.PartView{Kind: event.Formula, Variables: []string{"x", "y"}}),
		"ordering":        one(scoring.PartView{Kind: event.Ordering, Label: "From small to large", Choices: choices("Ant", "Cow")}),
		"matching":        one(scoring.PartView{Kind: event.Matching, Choices: choices("Paris", "Rome"), Targets: targets}),
		"association":     one(scoring.PartView{Kind: event.Association, Choices: choices("Salt", "Pepper", "Oil")}),
		"slider":          one(scoring.PartView{Kind: event.Slider, Slider: &event.SliderV1{Low: "-1", High: "1", Step: "0.5", Reverse: true}}),
		"essay": one(scoring.PartView{Kind: event.Essay, Label: "Tell", Essay: &scoring.EssayView{
			MinWords: 10, MaxWords: 50, Lines: 5, TemplateHTML: "<p>Dear ...</p>", Attachments: 2}}),
		"file_upload": one(scoring.PartView{Kind: event.FileUpload, MaxChoices: 3, Upload: &event.UploadV1{MediaTypes: []string{"image/*", ".pdf"}}}),
		"hotspot": one(scoring.PartView{Kind: event.Hotspot, Image: picture(), MaxChoices: 1, Choices: []scoring.ChoiceView{
			{ChoiceID: "a", HTML: "North", Area: area},
			{ChoiceID: "b", Area: &event.AreaV1{Shape: event.Polygon, Coords: []int{0, 0, 10, 0, 10, 10}}},
			{ChoiceID: "c", HTML: "<b>South</b>", Area: &event.AreaV1{Shape: event.Rectangle, Coords: []int{1, 2, 30, 40}}},
		}}),
		"point": one(scoring.PartView{Kind: event.Point, Image: picture(), MaxChoices: 2}),
		"image_gap": one(scoring.PartView{Kind: event.ImageGapMatch, Image: picture(), Choices: []scoring.ChoiceView{
			{ChoiceID: "a", Image: &event.ImageV1{Src: "/flag.png", Alt: "A flag"}}, {ChoiceID: "b", HTML: "Ship"}},
			Targets: []scoring.TargetView{{TargetID: "x", MaxUse: 1, Area: area}, {TargetID: "y", Label: "Harbour", Area: area}}}),
		"unsupported": one(scoring.PartView{Kind: event.Unsupported, PromptHTML: "<p>Draw.</p>"}),
		"parts_in_a_text": {Title: "Gaps", BodyHTML: `<p>A <span data-part="1"></span> is <span data-part="2"></span>.</p><div data-part="3"></div>`,
			Parts: []scoring.PartView{
				{PartID: "1", Kind: event.Dropdown, Label: "animal", Choices: choices("dog", "cat")},
				{PartID: "2", Kind: event.Text, Label: "adjective"},
				{PartID: "3", Kind: event.SingleChoice, Label: "Sure?", Choices: choices("Yes", "No")},
				{PartID: "4", Kind: event.Text, Label: "after the body"},
			}},
		"gaps_and_hot_words": {Title: "Words", BodyHTML: `<div data-part="hot"></div><p>The <span data-gap="gaps/x"></span> and ` +
			`<span data-choice="hot/w"><b>these</b> words</span></p><math><mi>x</mi></math>`,
			Parts: []scoring.PartView{
				{PartID: "gaps", Kind: event.GapMatch, PromptHTML: "<p>Fill in.</p>", Choices: choices("dog", "cat"), Targets: []scoring.TargetView{{TargetID: "x", Label: "First gap", MaxUse: 1}}},
				{PartID: "hot", Kind: event.HotText, Label: "Find the mistake", Choices: choices("words")},
			}},
		"placeholders_of_nothing": {Title: "Odd", BodyHTML: `<p><span data-part="9"></span><span data-gap="1/z"></span><span data-part="1"></span><span data-part="1"></span></p>`,
			Parts: []scoring.PartView{{PartID: "1", Kind: event.Text}}},
	}
}

// TestEveryKindAsAForm compares pages with those that somebody has looked at.
func TestEveryKindAsAForm(t *testing.T) {
	t.Parallel()
	all := views()
	for name, v := range all {
		got, err := Page(v)
		require.NoError(t, err)
		path := filepath.Join("testdata", name+".html")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "run go test ./internal/assessment/itemhtml -update, and look at the page")
		require.Equal(t, string(want), got, name)
	}
	kinds := map[event.PartKind]bool{}
	for _, v := range all {
		for _, p := range v.Parts {
			kinds[p.Kind] = true
		}
	}
	require.Len(t, kinds, 19, "one of each kind")
}

// Every control has a name for assistive technology, and nothing runs.
func TestControlsAreNamedAndNothingRuns(t *testing.T) {
	t.Parallel()
	for name, v := range views() {
		page, err := Page(v)
		require.NoError(t, err)
		root, err := html.Parse(strings.NewReader(page))
		require.NoError(t, err)
		controls := 0
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			require.NotEqual(t, "script", n.Data, name)
			attrs := map[string]string{}
			for _, a := range n.Attr {
				attrs[a.Key] = a.Val
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s: %s", name, a.Key)
			}
			switch n.Data {
			case "input", "select", "textarea":
				controls++
				require.NotEmpty(t, attrs["name"], name)
				labelled := attrs["aria-label"] != ""
				for up := n.Parent; up != nil; up = up.Parent {
					labelled = labelled || up.Data == "label"
				}
				require.True(t, labelled, "%s: a control without a name", name)
			case "img":
				require.Contains(t, attrs, "alt", name)
			}
		}
		if name != "unsupported" {
			require.Positive(t, controls, name)
		}
	}
}

func TestAPartInItsOwnPromptStandsOnce(t *testing.T) {
	t.Parallel()
	form, err := Form(scoring.View{Parts: []scoring.PartView{{PartID: "1", Kind: event.Text, PromptHTML: `<p data-x="1"><span data-part="1"></span></p>`}}})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(form, "<input"))
}
