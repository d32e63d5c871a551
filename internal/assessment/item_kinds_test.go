package assessment

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// varied are items of kinds that make demands on the module: numbers that differ
// from learner to learner, an image, a penalty, an essay.
func varied() []event.ItemV1 {
	asset := "asset:" + strings.Repeat("0a", 32) + "/map.png"
	item := func(weight string, part event.PartV1) event.ItemV1 {
		part.PartID = "1"
		return event.ItemV1{ItemID: newID(), Title: string(part.Kind), Weight: weight, Parts: []event.PartV1{part}}
	}
	drawn := item("1", event.PartV1{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "n^2", Tolerance: "0", Credit: "1"}}})
	drawn.BodyHTML, drawn.HintsHTML = `<span data-variable="n"></span>`, []string{`n is <span data-variable="n"></span>`}
	drawn.Variables = []event.VariableV1{{Name: "n", Kind: event.RangeVariable, Low: "1", High: "1000"}}
	point := item("1", event.PartV1{Kind: event.Point, Image: &event.ImageV1{Src: asset, Alt: "A map", Width: 100, Height: 100},
		Areas: []event.AreaKeyV1{{Area: event.AreaV1{Shape: event.Circle, Coords: []int{50, 50, 10}}, Credit: "1"}}})
	guess := item("2", event.PartV1{Kind: event.TrueFalse, LowBound: "-1", Choices: []event.ChoiceV1{{ChoiceID: "true", HTML: "true", Credit: "1"}, {ChoiceID: "false", HTML: "false", Credit: "-0.75"}}})
	guess.MinScore = "-2"
	guess.Bands = []event.BandV1{{From: "1", FeedbackHTML: "all-right"}}
	essay := item("3", event.PartV1{Kind: event.Essay, Essay: &event.EssayV1{GuidanceHTML: "for-markers"}})
	return []event.ItemV1{drawn, point, guess, essay}
}

func responseOf(part map[string]any) map[string]any {
	return map[string]any{"response": map[string]any{"1": part}}
}

func TestItemsOfOtherKindsAreShownAnsweredAndGraded(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = varied() }))
	a := ada.start(set)
	require.Equal(t, "7", a.MaxScore)

	// The numbers are the learner's own, in hints too.
	var n int
	_, err := fmt.Sscan(a.Items[0].BodyHTML, &n)
	require.NoError(t, err, a.Items[0].BodyHTML)
	var hints struct {
		HintsHTML []string `json:"hints_html"`
	}
	ada.do(http.StatusOK, "GET", fmt.Sprintf("/v1/attempts/%s/items/%s/hints", a.AttemptID, set.Items[0].ItemID), nil, &hints)
	require.Equal(t, []string{fmt.Sprintf("n is %d", n)}, hints.HintsHTML)

	// Images have signed URLs.
	require.NotContains(t, a.Items[1].Parts[0].Image.Src, "asset:")
	require.Contains(t, a.Items[1].Parts[0].Image.Src, "map.png")
	_, body := ada.raw("/v1/attempts/" + a.AttemptID.String())
	require.NotContains(t, string(body), "for-markers")

	ada.refused(http.StatusUnprocessableEntity, "invalid-response", "PUT", responsePath(a.AttemptID, set.Items[1].ItemID), responseOf(map[string]any{"points": [][]int{{101, 0}}}))
	ada.save(a.AttemptID, set.Items[0].ItemID, text(fmt.Sprint(n*n)))
	ada.save(a.AttemptID, set.Items[1].ItemID, responseOf(map[string]any{"points": [][]int{{50, 55}}}))
	ada.save(a.AttemptID, set.Items[2].ItemID, choice("false"))
	ada.save(a.AttemptID, set.Items[3].ItemID, text("It was a dark and stormy night."))
	ada.submit(a.AttemptID)

	review := ada.graded(a.AttemptID)
	require.Equal(t, "0.5", review.Score, "1 for the number, 1 for the point, 1.5 less for the guess")
	require.Equal(t, "-1.5", review.Items[2].Score.String())
	require.False(t, review.Items[2].NeedsMarking)
	require.True(t, review.Items[3].NeedsMarking)
	require.True(t, review.Items[3].Parts[0].NeedsMarking)
	require.Equal(t, fmt.Sprint(n*n)+" ± 0", review.Items[0].Key.Parts[0].Answers[0].Text)
}

func TestFeedbackOnAWholeItemIsReleasedWithThatOnItsParts(t *testing.T) {
	t.Parallel()
	for release, want := range map[event.ReleasePolicy][]string{event.ReleaseSubmitted: {"all-right"}, event.ReleaseNever: nil} {
		s := newSchool(t)
		ada := s.learner("Ada")
		set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items, e.Release = varied(), release }))
		a := ada.start(set)
		ada.save(a.AttemptID, set.Items[2].ItemID, choice("true"))
		ada.submit(a.AttemptID)
		require.Equal(t, want, ada.graded(a.AttemptID).Items[2].FeedbackHTML)
	}
}

func TestPenaltiesDoNotLeadBelowZero(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = varied() }))
	a := ada.start(set)
	ada.save(a.AttemptID, set.Items[2].ItemID, choice("false"))
	ada.submit(a.AttemptID)
	require.Equal(t, "0", ada.graded(a.AttemptID).Score)
}
