package qtifile

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// made are items of every kind and rule, with identifiers that QTI has.
func madeItems() map[string]event.ItemV1 {
	options := func(credits ...string) []event.ChoiceV1 {
		var out []event.ChoiceV1
		for i, c := range credits {
			out = append(out, event.ChoiceV1{ChoiceID: string(rune('A' + i)), HTML: fmt.Sprintf("option <em>%d</em> &amp; more", i+1), Credit: c})
		}
		return out
	}
	plainOptions := func(n int) []event.ChoiceV1 {
		out := options(slices.Repeat([]string{""}, n)...)
		return out
	}
	targets := func(n int) []event.TargetV1 {
		var out []event.TargetV1
		for i := range n {
			out = append(out, event.TargetV1{TargetID: fmt.Sprintf("T%d", i+1), HTML: fmt.Sprintf("target %d", i+1), MaxUse: 1})
		}
		return out
	}
	one := func(p event.PartV1) event.ItemV1 {
		p.PartID = "RESPONSE"
		if p.PromptHTML == "" {
			p.PromptHTML = "What is it?"
		}
		p.Label = plain(p.PromptHTML, 300)
		return event.ItemV1{Title: "Item & <one>", BodyHTML: `<p>A text with \(x^2\).</p>` + "\n" + `<div data-part="RESPONSE"></div>`, Weight: "3", Parts: []event.PartV1{p}}
	}
	pairKeys := func(credit ...string) []event.PairKeyV1 {
		var out []event.PairKeyV1
		for i, c := range credit {
			out = append(out, event.PairKeyV1{ChoiceID: string(rune('A' + i)), TargetID: fmt.Sprintf("T%d", i+1), Credit: c})
		}
		return out
	}
	image := &event.ImageV1{Src: testImage.URL(), Alt: "A map", Width: 100, Height: 80}
	area := func(shape event.Shape, c ...int) *event.AreaV1 { return &event.AreaV1{Shape: shape, Coords: c} }
	spots := options("1", "0", "1")
	for i := range spots {
		spots[i].HTML = fmt.Sprintf("Area %d", i+1)
		spots[i].Area = area(event.Circle, 20*i+10, 20, 9)
	}
	places := targets(3)
	for i := range places {
		places[i].HTML, places[i].Label, places[i].Area = "", fmt.Sprintf("Area %d", i+1), area(event.Rectangle, 20*i, 30, 20*i+19, 50)
	}
	gaps := `<p>First <span data-gap="RESPONSE/T1"></span> then <span data-gap="RESPONSE/T2"></span>.</p>`
	gapTargets := targets(2)
	for i := range gapTargets {
		gapTargets[i] = event.TargetV1{TargetID: gapTargets[i].TargetID, Label: fmt.Sprintf("Gap %d", i+1)}
	}
	hot := options("1", "0", "0")
	for i := range hot {
		hot[i].HTML = "word"
	}
	two := 2
	items := map[string]event.ItemV1{
		"single":            one(event.PartV1{Kind: event.SingleChoice, Choices: options("0", "1", "0"), Shuffle: true}),
		"single_partial":    one(event.PartV1{Kind: event.SingleChoice, Choices: options("0.5", "1", "-0.25"), LowBound: "-0.25"}),
		"single_negative":   one(event.PartV1{Kind: event.SingleChoice, Choices: options("0.5", "1", "-0.25")}),
		"true_false":        one(event.PartV1{Kind: event.TrueFalse, Choices: []event.ChoiceV1{{ChoiceID: "true", HTML: "True", Credit: "1"}, {ChoiceID: "false", HTML: "False", Credit: "0"}}}),
		"multiple":          one(event.PartV1{Kind: event.MultipleChoice, Choices: options("1", "1", "0", "0"), MaxChoices: 3}),
		"multiple_every":    one(event.PartV1{Kind: event.MultipleChoice, Choices: options("1", "1", "0", "0", "0"), Credit: event.EveryChoice}),
		"multiple_halves":   one(event.PartV1{Kind: event.MultipleChoice, Choices: options("1", "1", "0", "0", "0"), Credit: event.Halves}),
		"multiple_halves_3": one(event.PartV1{Kind: event.MultipleChoice, Choices: options("1", "1", "0"), Credit: event.Halves}),
		"multiple_sum":      one(event.PartV1{Kind: event.MultipleChoice, Choices: options("0.5", "0.5", "-0.25", "0"), Credit: event.SumOfCredits, LowBound: "-0.25"}),
		"multiple_sum_held": one(event.PartV1{Kind: event.MultipleChoice, Choices: options("0.5", "0.5", "-0.25", "-0.5"), Credit: event.SumOfCredits, HighBound: "0.75"}),
		"hotspot":           one(event.PartV1{Kind: event.Hotspot, Choices: spots, Image: image, MaxChoices: 2}),
		"ordering":          one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(4), Orders: [][]string{{"B", "A", "D", "C"}}}),
		"ordering_two":      one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(3), Orders: [][]string{{"B", "A", "C"}, {"A", "B", "C"}}}),
		"ordering_place":    one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(5), Orders: [][]string{{"B", "A", "D", "C", "E"}, {"A", "B", "C", "D", "E"}}, Credit: event.EveryPlace}),
		"ordering_next":     one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(5), Orders: [][]string{{"B", "A", "D", "C", "E"}}, Credit: event.Neighbours}),
		"ordering_next_some": one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(5), Orders: [][]string{{"B", "A", "D"}, {"E", "B"}}, Credit: event.Neighbours,
			MinChoices: 1, MaxChoices: 4}),
		"ordering_run":      one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(5), Orders: [][]string{{"B", "A", "D", "C", "E"}, {"E", "D", "C", "B", "A"}}, Credit: event.LongestRun}),
		"ordering_run_some": one(event.PartV1{Kind: event.Ordering, Choices: plainOptions(4), Orders: [][]string{{"B", "A"}, {"C"}}, Credit: event.LongestRun, MinChoices: 1, MaxChoices: 3}),
		"ordering_image":    one(event.PartV1{Kind: event.Ordering, Choices: withoutCredit(spots), Orders: [][]string{{"B", "A", "C"}}, Image: image}),
		"matching":          one(event.PartV1{Kind: event.Matching, Choices: plainOptions(3), Targets: targets(3), Pairs: pairKeys("1", "1", "1"), Shuffle: true, ShuffleTargets: true}),
		"matching_sum":      one(event.PartV1{Kind: event.Matching, Choices: plainOptions(3), Targets: targets(3), Pairs: pairKeys("0.5", "0.25", "0.25"), Credit: event.SumOfCredits}),
		"matching_penalty": one(event.PartV1{Kind: event.Matching, Choices: plainOptions(3), Targets: targets(3), Pairs: append(pairKeys("0.5", "0.5"),
			event.PairKeyV1{ChoiceID: "C", TargetID: "T1", Credit: "-0.5"}), Credit: event.SumOfCredits, LowBound: "-0.5"}),
		"matching_every":    one(event.PartV1{Kind: event.Matching, Choices: plainOptions(3), Targets: targets(3), Pairs: pairKeys("1", "1", "1"), Credit: event.EveryPair, MaxChoices: 3}),
		"matching_every_2":  one(event.PartV1{Kind: event.Matching, Choices: plainOptions(4), Targets: targets(4), Pairs: pairKeys("1", "1"), Credit: event.EveryPair}),
		"matching_every_3":  one(event.PartV1{Kind: event.Matching, Choices: plainOptions(4), Targets: targets(4), Pairs: pairKeys("1", "1"), Credit: event.EveryPair, LowBound: "-0.5"}),
		"gap_match":         one(event.PartV1{Kind: event.GapMatch, PromptHTML: gaps, Choices: withUse(plainOptions(3), 1), Targets: gapTargets, Pairs: pairKeys("1", "1")}),
		"gap_match_every":   one(event.PartV1{Kind: event.GapMatch, PromptHTML: gaps, Choices: withUse(plainOptions(3), 1), Targets: gapTargets, Pairs: pairKeys("1", "1"), Credit: event.EveryPair}),
		"image_gap":         one(event.PartV1{Kind: event.ImageGapMatch, Choices: withUse(plainOptions(3), 1), Targets: places, Image: image, Pairs: pairKeys("0.5", "0.25", "0.25"), Credit: event.SumOfCredits}),
		"association":       one(event.PartV1{Kind: event.Association, Choices: withUse(plainOptions(4), 1), Pairs: []event.PairKeyV1{{ChoiceID: "A", TargetID: "C", Credit: "1"}, {ChoiceID: "B", TargetID: "D", Credit: "1"}}}),
		"association_every": one(event.PartV1{Kind: event.Association, Choices: withUse(plainOptions(6), 1), Pairs: []event.PairKeyV1{{ChoiceID: "A", TargetID: "C", Credit: "1"}, {ChoiceID: "B", TargetID: "D", Credit: "1"}}, Credit: event.EveryPair}),
		"association_image": one(event.PartV1{Kind: event.Association, Choices: withUse(withoutCredit(spots), 2), Image: image, Pairs: []event.PairKeyV1{{ChoiceID: "A", TargetID: "B", Credit: "1"}}}),
		"hot_text":          one(event.PartV1{Kind: event.HotText, PromptHTML: `<p>A <span data-choice="RESPONSE/A">word</span> and a <span data-choice="RESPONSE/B">word</span> <span data-choice="RESPONSE/C">word</span></p>`, Choices: hot, MaxChoices: 1}),
		"point": one(event.PartV1{Kind: event.Point, Image: image, MaxChoices: 2, Areas: []event.AreaKeyV1{
			{Area: *area(event.Circle, 20, 20, 5), Credit: "0.75"}, {Area: *area(event.Polygon, 50, 50, 70, 50, 60, 70), Credit: "0.25"},
		}}),
		"slider":          one(event.PartV1{Kind: event.Slider, Slider: &event.SliderV1{Low: "0", High: "50", Step: "5"}, Numbers: []event.NumberKeyV1{{Value: "20", Tolerance: "0", Credit: "1"}, {Low: "15", High: "25", Credit: "0.5"}}}),
		"numbers":         one(event.PartV1{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "3.14", Tolerance: "0.01", Credit: "1"}, {Value: "-2.5", Tolerance: "10%", Credit: "0.5"}, {Low: "7", High: "8", LowOpen: true, Credit: "0.25"}, {Low: "100", Credit: "0.75"}}}),
		"numbers_default": one(event.PartV1{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "1000", Credit: "1"}, {Value: "-12", Tolerance: "50%", Geometric: true, Credit: "0.5"}}}),
		"text":            one(event.PartV1{Kind: event.Text, Texts: []event.TextKeyV1{{Match: event.MatchExact, Pattern: "York", Credit: "1"}}}),
		"texts":           one(event.PartV1{Kind: event.Text, Texts: []event.TextKeyV1{{Match: event.MatchExact, Pattern: "York", Credit: "1"}, {Match: event.MatchFold, Pattern: "york", Credit: "0.5"}, {Match: event.MatchFold, Pattern: "Leeds", Credit: "0"}}}),
		"texts_patterns": one(event.PartV1{Kind: event.Text, Texts: []event.TextKeyV1{{Match: event.MatchRegexp, Pattern: "colou?r", Credit: "1"}, {Match: event.MatchWildcard, Pattern: `c*r (a\*)`, Credit: "0.5"},
			{Match: event.MatchWildcardFold, Pattern: "Gr?y*", Credit: "0.25"}}}),
		"essay":  one(event.PartV1{Kind: event.Essay, Essay: &event.EssayV1{Format: "plain", Lines: 5, GuidanceHTML: "<p>Look for facts.</p>"}}),
		"upload": one(event.PartV1{Kind: event.FileUpload, MaxChoices: 1, Upload: &event.UploadV1{MediaTypes: []string{"application/pdf"}}}),
	}
	items["weights"] = event.ItemV1{
		Title: "Weights", Weight: "4", MinScore: "-0.5", HintsHTML: []string{"Think."}, ExplanationHTML: "<p>Because.</p>",
		BodyHTML: `<p>In <span data-part="YEAR"></span> the town of <span data-part="TOWN"></span> was <span data-part="STATE"></span>.</p>` + "\n" + `<div data-part="WHY"></div>`,
		Parts: []event.PartV1{
			{PartID: "YEAR", Kind: event.Numerical, Label: "Answer 1", Weight: "1", Numbers: []event.NumberKeyV1{{Value: "1066", Tolerance: "0", Credit: "1"}}},
			{PartID: "TOWN", Kind: event.Text, Label: "Answer 2", Weight: "2", Texts: []event.TextKeyV1{{Match: event.MatchFold, Pattern: "Hastings", Credit: "1"}}},
			{PartID: "STATE", Kind: event.Dropdown, Label: "Answer 3", Weight: "0.5", Choices: options("1", "-1"), LowBound: "-1"},
			{PartID: "WHY", Kind: event.SingleChoice, Label: "Answer 4", Weight: "0.5", Choices: options("-1", "1"), LowBound: "-1"},
		},
	}
	items["thirds"] = event.ItemV1{
		Title: "Thirds", Weight: "1", BodyHTML: `<div data-part="R1"></div>` + "\n" + `<div data-part="R2"></div>` + "\n" + `<div data-part="R3"></div>`,
		Parts: []event.PartV1{
			{PartID: "R1", Kind: event.SingleChoice, Label: "Answer 1", Choices: options("1", "0")}, {PartID: "R2", Kind: event.SingleChoice, Label: "Answer 2", Choices: options("1", "0")},
			{PartID: "R3", Kind: event.MultipleChoice, Label: "Answer 3", Choices: options("1", "0", "1")},
		},
	}
	items["mixed"] = event.ItemV1{
		Title: "Mixed", Weight: "5", BodyHTML: `<div data-part="R1"></div>` + "\n" + `<div data-part="R2"></div>`,
		Parts: []event.PartV1{
			{PartID: "R1", Kind: event.SingleChoice, Label: "Answer 1", Weight: "2", Choices: options("1", "0")},
			{PartID: "R2", Kind: event.Essay, Label: "Answer 2", Weight: "3", Essay: &event.EssayV1{Format: "plain"}},
		},
	}
	items["only_here"] = event.ItemV1{
		Title: "Only here", Weight: "2", BodyHTML: `<p>Take <span data-variable="x"></span>.</p><div data-part="1"></div><div data-part="2"></div>`, HintsHTML: []string{"A hint"},
		Variables: []event.VariableV1{{Name: "x", Kind: event.RangeVariable, Low: "1", High: "5", Step: "0.5", Decimals: &two}},
		Parts: []event.PartV1{
			{PartID: "1", Kind: event.Formula, Label: "f", Formulas: []event.FormulaKeyV1{{Expression: "2*t", Credit: "1"}}, Domain: []event.DomainV1{{Name: "t", Low: "0", High: "1"}}},
			{PartID: "2", Kind: event.Numerical, Label: "n", Numbers: []event.NumberKeyV1{{Value: "x*2", Tolerance: "1%", Credit: "1"}}, Units: []event.UnitV1{{Name: "cm", Factor: "1"}}},
		},
	}
	return items
}

func withoutCredit(cs []event.ChoiceV1) []event.ChoiceV1 {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Credit = ""
	}
	return cs
}

func withUse(cs []event.ChoiceV1, n int) []event.ChoiceV1 {
	for i := range cs {
		cs[i].MaxUse = n
	}
	return cs
}

var testImage = itemfile.MediaOf("map.png", []byte("not really an image"))

// founds are the items as an export has them, in the order of their names.
func founds(items map[string]event.ItemV1) iter.Seq2[itemfile.Found, error] {
	return func(yield func(itemfile.Found, error) bool) {
		var names []string
		for name := range items {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			made := items[name]
			made.Source = "qti/" + name
			found := itemfile.Found{Identity: "id of " + name, Kind: "assessmentItem", Item: &made, Folder: []string{"Bank", "Part/" + name}, Tags: []string{"tag", name}, Difficulty: "0.35"}
			if strings.Contains(fmt.Sprint(made), "asset:") || usesImage(&made) {
				found.Media = []itemfile.Media{testImage}
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}

func usesImage(made *event.ItemV1) bool {
	found := false
	eachImage(made, func(*event.ImageV1) { found = true })
	return found
}

func write(t testing.TB, items iter.Seq2[itemfile.Found, error]) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := Write(&out, items); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// items reads a package, by identity.
func readAll(t testing.TB, data []byte) map[string]itemfile.Found {
	t.Helper()
	all := map[string]itemfile.Found{}
	for found, err := range Read(t.Context(), bytesSource("package.zip", data)) {
		if err != nil {
			t.Fatal(err)
		}
		if found.Kind != "" {
			all[found.Identity] = found
		}
	}
	return all
}

// withoutCompanions is the package as another system would have it that knows QTI
// alone.
func withoutCompanions(t testing.TB, data []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range r.File {
		if strings.HasPrefix(f.Name, companionFolder) {
			continue
		}
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJSON(t testing.TB, made *event.ItemV1) string {
	t.Helper()
	c := *made
	c.ItemID = uuid.Nil
	data, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRoundTrip: what was written comes back as it was, whatever it is.
func TestRoundTrip(t *testing.T) {
	items := madeItems()
	data := write(t, founds(items))
	back := readAll(t, data)
	for found, err := range founds(items) {
		if err != nil {
			t.Fatal(err)
		}
		got, ok := back[found.Identity]
		if !ok || got.Item == nil {
			t.Errorf("%s does not come back: %+v", found.Identity, got.Lines)
			continue
		}
		if a, b := asJSON(t, found.Item), asJSON(t, got.Item); a != b {
			t.Errorf("%s comes back as\n%s\nwas\n%s", found.Identity, b, a)
		}
		if !slices.Equal(got.Folder, found.Folder) || !slices.Equal(got.Tags, found.Tags) || got.Difficulty != found.Difficulty || len(got.Media) != len(found.Media) {
			t.Errorf("%s comes back in %q with %q, %s and %d files", found.Identity, got.Folder, got.Tags, got.Difficulty, len(got.Media))
		}
		for _, m := range got.Media {
			r, err := m.Open()
			if err != nil {
				t.Fatal(err)
			}
			if content, err := io.ReadAll(r); err != nil || string(content) != "not really an image" {
				t.Errorf("%s: %q, %v", m.Name, content, err)
			}
		}
	}
	if again := write(t, founds(items)); !bytes.Equal(data, again) {
		t.Error("the same items give another package")
	}
}

// TestRoundTripOfXMLAlone: a system that knows QTI alone gives back items that
// score the same; those of which QTI can say all are the same.
func TestRoundTripOfXMLAlone(t *testing.T) {
	items := madeItems()
	delete(items, "only_here")
	back := readAll(t, withoutCompanions(t, write(t, founds(items))))
	native, programs := []string{}, []string{}
	for found, err := range founds(items) {
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(found.Identity, "id of ")
		t.Run(name, func(t *testing.T) {
			got := back[found.Identity]
			if got.Item == nil {
				t.Fatalf("it does not come back: %+v", got.Lines)
			}
			for i, p := range found.Item.Parts {
				q := got.Item.Parts[i]
				if p.PartID != q.PartID || p.Kind != q.Kind || len(p.Choices) != len(q.Choices) || len(p.Targets) != len(q.Targets) || p.Label != q.Label ||
					!canBeInline(p.Kind) && p.PromptHTML != q.PromptHTML { // else the prompt is in front of it

					t.Errorf("part %d comes back as %+v, was %+v", i, q, p)
				}
			}
			if prompted := canBeInline(found.Item.Parts[0].Kind) && found.Item.Parts[0].PromptHTML != ""; !prompted && got.Item.BodyHTML != found.Item.BodyHTML {
				t.Errorf("the body comes back as %q, was %q", got.Item.BodyHTML, found.Item.BodyHTML)
			}
			got.Item.MinScore = found.Item.MinScore
			sameScores(t, found.Item, got.Item, found.Item, 400)
			full, ok := ready(t, found.Item).FullResponse(3)
			if a, b := ready(t, found.Item).Score(full, 3), ready(t, got.Item).Score(full, 3); ok && a.Score.Cmp(b.Score) != 0 {
				t.Errorf("the full response %v scores %s and %s", full, a.Score, b.Score)
			}
			if got.Item.Program != nil {
				programs = append(programs, name)
				return
			}
			native = append(native, name)
		})
	}
	t.Logf("%d with native keys: %s\n%d with programs: %s", len(native), strings.Join(native, ", "), len(programs), strings.Join(programs, ", "))
	for _, name := range []string{"single", "single_partial", "true_false", "multiple", "multiple_sum", "hotspot", "ordering", "matching", "matching_sum", "gap_match", "image_gap", "association", "hot_text", "point", "slider", "numbers", "text", "texts", "essay", "upload", "weights", "mixed", "thirds", "ordering_two", "matching_penalty"} {
		if !slices.Contains(native, name) {
			t.Errorf("%s comes back as a program", name)
		}
	}
}

// TestEditElsewhereWins: the native item counts only beside the XML that it was
// written with.
func TestEditElsewhereWins(t *testing.T) {
	items := map[string]event.ItemV1{"single": madeItems()["single"]}
	data := write(t, founds(items))
	edited := rewrite(t, data, "items/000001.xml", func(s string) string { return strings.Replace(s, "What is it?", "What was it?", 1) })
	got := readAll(t, edited)["id of single"]
	if got.Item == nil || got.Item.Parts[0].PromptHTML != "What was it?" {
		t.Errorf("it comes back as %+v", got)
	}
}

func rewrite(t testing.TB, data []byte, name string, change func(string) string) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	changed := false
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == name {
			changed = change(string(content)) != string(content)
			content = []byte(change(string(content)))
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !changed {
		t.Fatalf("%s was not changed", name)
	}
	return out.Bytes()
}

// TestCompanionsAreStrangers: a package may say that it is ours. What it brings
// is cleaned all the same.
func TestCompanionsAreStrangers(t *testing.T) {
	items := map[string]event.ItemV1{"single": madeItems()["single"]}
	data := rewrite(t, write(t, founds(items)), "lyceum/000001.json", func(s string) string {
		return strings.Replace(s, "What is it?", `What \u003cscript\u003ealert(1)\u003c/script\u003e\u003cimg src=\"asset:`+strings.Repeat("0", 64)+`/x.png\" alt=\"x\"\u003e?`, 1)
	})
	got := readAll(t, data)["id of single"]
	if got.Item == nil || strings.Contains(asJSON(t, got.Item), "script") || strings.Contains(asJSON(t, got.Item), "asset:") {
		t.Errorf("it comes back as %+v", got.Item)
	}
	if !strings.Contains(fmt.Sprint(got.Lines), "scripts") {
		t.Errorf("nothing is said of the script: %+v", got.Lines)
	}
}

// TestImportedItemsRoundTrip: what was imported, programs among it, is exported
// and imported again.
func TestImportedItemsRoundTrip(t *testing.T) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			found := ownItem(t, name)
			if found.Item == nil {
				return
			}
			data := write(t, func(yield func(itemfile.Found, error) bool) { yield(found, nil) })
			for _, alone := range []bool{false, true} {
				if alone {
					data = withoutCompanions(t, data)
				}
				got := readAll(t, data)[found.Identity]
				if got.Item == nil {
					t.Fatalf("it does not come back: %+v", got.Lines)
				}
				if !alone && asJSON(t, got.Item) != asJSON(t, found.Item) {
					t.Errorf("it comes back as\n%s\nwas\n%s", asJSON(t, got.Item), asJSON(t, found.Item))
				}
				if (found.Item.Program != nil) != (got.Item.Program != nil) {
					t.Logf("alone %v: a program is %v, was %v", alone, got.Item.Program != nil, found.Item.Program != nil)
				}
				if found.Item.Program != nil && got.Item.Program != nil {
					if a, b := found.Item.Program, got.Item.Program; a.Source != b.Source || a.Max != b.Max || len(a.Feedbacks) != len(b.Feedbacks) {
						t.Errorf("the program comes back as\n%+v\nwas\n%+v", b, a)
					}
				}
				got.Item.MinScore = found.Item.MinScore
				sameScores(t, found.Item, got.Item, found.Item, 100)
			}
		})
	}
}
