package moodlexml

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// readAll reads a file that is not refused.
func readAll(t testing.TB, data []byte) []itemfile.Found {
	t.Helper()
	var out []itemfile.Found
	for f, err := range Read(t.Context(), source(data)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// itemsOf are those of the found that arrive.
func itemsOf(found []itemfile.Found) []itemfile.Found {
	var out []itemfile.Found
	for _, f := range found {
		if f.Item != nil {
			out = append(out, f)
		}
	}
	return out
}

// written is the file that is made of items, with what was said about it.
func written(t testing.TB, found ...itemfile.Found) ([]byte, []itemfile.Line) {
	t.Helper()
	var b bytes.Buffer
	lines, err := Write(&b, func(yield func(itemfile.Found, error) bool) {
		for _, f := range found {
			if !yield(f, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), lines
}

// companions are what Moodle leaves out when it exports what it imported.
var companions = regexp.MustCompile(`(?s)<lyceum-item .*?</lyceum-item>`)

// TestWhatMoodleXMLHoldsComesBackAsItWas reads questions of all types, writes
// them and reads them again.
func TestWhatMoodleXMLHoldsComesBackAsItWas(t *testing.T) {
	data, err := os.ReadFile("testdata/all_types.xml")
	if err != nil {
		t.Fatal(err)
	}
	first := itemsOf(readAll(t, data))
	file, _ := written(t, first...)
	second := itemsOf(readAll(t, file))
	if len(first) != len(second) {
		t.Fatalf("%d items, then %d", len(first), len(second))
	}
	for i := range first {
		a, b := first[i], second[i]
		if a.Identity != b.Identity || strings.Join(a.Folder, "/") != strings.Join(b.Folder, "/") || fmt.Sprint(a.Tags) != fmt.Sprint(b.Tags) {
			t.Errorf("%s: %s in %q with %q, then %s in %q with %q", a.Item.Title, a.Identity, a.Folder, a.Tags, b.Identity, b.Folder, b.Tags)
		}
		if x, y := canonical(t, *a.Item), canonical(t, *b.Item); x != y {
			t.Errorf("%s (%s):\n%s\n%s", a.Item.Title, b.Kind, x, y)
		}
		if len(a.Media) != len(b.Media) {
			t.Errorf("%s: %d files, then %d", a.Item.Title, len(a.Media), len(b.Media))
		}
		sameScores(t, *a.Item, *b.Item)
	}
}

// canonical is an item with the ids of its choices and targets in their order.
func canonical(t *testing.T, item event.ItemV1) string {
	t.Helper()
	data, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	var own event.ItemV1 // a copy
	if err := json.Unmarshal(data, &own); err != nil {
		t.Fatal(err)
	}
	own.Source = ""
	for i := range own.Parts {
		p := &own.Parts[i]
		names := map[string]string{}
		for j := range p.Choices {
			names[p.Choices[j].ChoiceID] = "choice" + strconv.Itoa(j)
			p.Choices[j].ChoiceID = names[p.Choices[j].ChoiceID]
		}
		for j := range p.Targets {
			names[p.Targets[j].TargetID] = "target" + strconv.Itoa(j)
			own.BodyHTML = strings.ReplaceAll(own.BodyHTML, `"`+p.PartID+"/"+p.Targets[j].TargetID+`"`, `"`+p.PartID+"/target"+strconv.Itoa(j)+`"`)
			p.Targets[j].TargetID = names[p.Targets[j].TargetID]
		}
		for j := range p.Pairs {
			p.Pairs[j].ChoiceID, p.Pairs[j].TargetID = names[p.Pairs[j].ChoiceID], names[p.Pairs[j].TargetID]
		}
		for _, order := range p.Orders {
			for j := range order {
				order[j] = names[order[j]]
			}
		}
	}
	data, err = json.MarshalIndent(own, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sameScores scores the full response and drawn ones with both items. Choices and
// targets belong together by their places.
func sameScores(t *testing.T, a, b event.ItemV1) {
	t.Helper()
	a.ItemID, b.ItemID = uuid.Max, uuid.Max
	x, err := scoring.Parse(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := scoring.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", b.Title, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range int64(60) {
		seed := n % 7
		response, ok := x.FullResponse(seed)
		if n >= 7 || !ok {
			response = drawn(random, &a)
		}
		if err := x.Check(response); err != nil {
			continue
		}
		other := translated(response, &a, &b)
		if err := y.Check(other); err != nil {
			t.Errorf("%s: %+v is a response to one and not to the other: %v", a.Title, other, err)
			continue
		}
		p, q := x.Score(response, seed), y.Score(other, seed)
		// Shares, as Moodle's mark of embedded answers is their sum.
		if share(p) != share(q) {
			t.Errorf("%s: %+v scores %s of %s and then %s of %s", a.Title, response, p.Score, p.Max, q.Score, q.Max)
		}
	}
}

func share(r scoring.Result) string {
	if r.Max.IsZero() {
		return "0"
	}
	s := r.Score.Rat()
	return s.Quo(s, r.Max.Rat()).FloatString(6)
}

// drawn is some response to an item.
func drawn(random *rand.Rand, item *event.ItemV1) scoring.Response {
	out := scoring.Response{}
	for _, p := range item.Parts {
		var r scoring.PartResponse
		pick := func() string { return p.Choices[random.IntN(len(p.Choices))].ChoiceID }
		switch p.Kind {
		case event.SingleChoice, event.Dropdown, event.TrueFalse:
			r.Choices = []string{pick()}
		case event.MultipleChoice:
			for _, c := range p.Choices {
				if random.IntN(2) == 0 {
					r.Choices = append(r.Choices, c.ChoiceID)
				}
			}
		case event.Ordering:
			for _, i := range random.Perm(len(p.Choices)) {
				r.Choices = append(r.Choices, p.Choices[i].ChoiceID)
			}
		case event.Matching, event.GapMatch, event.ImageGapMatch:
			for _, target := range p.Targets {
				if random.IntN(4) > 0 {
					r.Pairs = append(r.Pairs, [2]string{pick(), target.TargetID})
				}
			}
		case event.Text:
			words := []string{"Paris", "paris", "France", "gaul", "x*y", "xzy", "nothing", "a~b"}
			r.Text = words[random.IntN(len(words))]
		case event.Numerical:
			numbers := []string{"4808.7", "4809", "4.8 km", "3.14", "3", "-2", "0.1", "12.6", "10", "99", "2.5"}
			r.Text = numbers[random.IntN(len(numbers))]
		default:
			continue
		}
		out[p.PartID] = r
	}
	return out
}

// translated is a response to a as one to b.
func translated(r scoring.Response, a, b *event.ItemV1) scoring.Response {
	out := scoring.Response{}
	for i := range a.Parts {
		from, to := &a.Parts[i], &b.Parts[i]
		in, ok := r[from.PartID]
		if !ok {
			continue
		}
		names := map[string]string{}
		for j := range from.Choices {
			for k := range to.Choices { // the order of choices may have changed with their groups
				if to.Choices[k].HTML == from.Choices[j].HTML {
					names[from.Choices[j].ChoiceID] = to.Choices[k].ChoiceID
				}
			}
		}
		for j := range from.Targets {
			names[from.Targets[j].TargetID] = to.Targets[j].TargetID
		}
		part := scoring.PartResponse{Text: in.Text}
		for _, c := range in.Choices {
			part.Choices = append(part.Choices, names[c])
		}
		for _, p := range in.Pairs {
			part.Pairs = append(part.Pairs, [2]string{names[p[0]], names[p[1]]})
		}
		out[to.PartID] = part
	}
	return out
}

func choicesOf(html ...string) []event.ChoiceV1 {
	var out []event.ChoiceV1
	for i, h := range html {
		credit := "0"
		if h, right := strings.CutPrefix(h, "="); right {
			credit = "1"
			html[i] = h
		}
		out = append(out, event.ChoiceV1{ChoiceID: "k" + strconv.Itoa(i), HTML: html[i], Credit: credit})
	}
	return out
}

// TestItemsOfAllKinds writes items as they are made here, reads them, and reads
// them once more as Moodle would export them, without what it overlooks.
func TestItemsOfAllKinds(t *testing.T) {
	dot, err := base64.StdEncoding.DecodeString("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
	if err != nil {
		t.Fatal(err)
	}
	media := itemfile.MediaOf("a dot~.gif", dot)
	picture := &event.ImageV1{Src: media.URL(), Alt: "A map", Width: 100, Height: 80}
	two := 2
	weigh := func(w string, p event.PartV1) event.PartV1 { p.Weight = w; return p }
	text := func(match event.TextMatch, pattern string) event.PartV1 {
		return event.PartV1{Kind: event.Text, Texts: []event.TextKeyV1{{Match: match, Pattern: pattern, Credit: "1", FeedbackHTML: "Yes #1 ~ {a}"}}}
	}
	for name, c := range map[string]struct {
		item event.ItemV1
		kind string // of the question in Moodle; "" if it cannot hold the item
		// same says that Moodle scores it as it is scored here.
		same bool
		says string // what is said of it
	}{
		"a choice with a penalty": {kind: "multichoice", same: true, item: event.ItemV1{MinScore: "-0.5", Parts: []event.PartV1{{
			Kind: event.SingleChoice, LowBound: "-0.5", Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "<p>a ]]&gt; b</p>", Credit: "1"}, {ChoiceID: "b", HTML: "b", Credit: "-0.5"}}}}}},
		"several choices, all or nothing": {kind: "multichoice", says: "the rule by which several choices", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.MultipleChoice, Choices: choicesOf("=a", "=b", "c")}}}},
		"several choices, each counts":    {kind: "multichoice", says: "the rule by which several choices", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.MultipleChoice, Credit: event.EveryChoice, Choices: choicesOf("=a", "=b", "c")}}}},
		"several choices that add up": {kind: "multichoice", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.MultipleChoice, Credit: event.SumOfCredits, Choices: []event.ChoiceV1{
			{ChoiceID: "a", HTML: "a", Credit: "0.333333333"}, {ChoiceID: "b", HTML: "b", Credit: "0.333333333"}, {ChoiceID: "c", HTML: "c", Credit: "0.333333334"}, {ChoiceID: "d", HTML: "d", Credit: "-0.5"}}}}}},
		"true or false": {kind: "truefalse", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.TrueFalse, Choices: []event.ChoiceV1{
			{ChoiceID: "true", HTML: "True", Credit: "0"}, {ChoiceID: "false", HTML: "False", Credit: "1", FeedbackHTML: "Indeed"}}}}}},
		"a list":                  {kind: "multichoice", says: "", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Dropdown, Choices: choicesOf("=a", "b")}}}},
		"a text":                  {kind: "shortanswer", same: true, item: event.ItemV1{Parts: []event.PartV1{text(event.MatchFold, "Paris & \"x\"")}}},
		"a text with a star":      {kind: "shortanswer", same: true, item: event.ItemV1{Parts: []event.PartV1{text(event.MatchFold, "x*y")}}},
		"a text with a wild card": {kind: "shortanswer", same: true, item: event.ItemV1{Parts: []event.PartV1{text(event.MatchWildcard, `x*y\*`)}}},
		"a text that is exact":    {kind: "shortanswer", same: true, item: event.ItemV1{Parts: []event.PartV1{text(event.MatchExact, "Paris")}}},
		"a regular expression":    {says: "regular expressions", item: event.ItemV1{Parts: []event.PartV1{text(event.MatchRegexp, "a+")}}},
		"a normalised text":       {kind: "shortanswer", says: "without accents", item: event.ItemV1{Parts: []event.PartV1{text(event.MatchNormalised, "Paris")}}},
		"a number": {kind: "numerical", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Numerical, Numbers: []event.NumberKeyV1{
			{Value: "10", Tolerance: "10%", Credit: "1"}, {Low: "2", High: "3", Credit: "0.5"}, {Value: "-2", Tolerance: "0", Credit: "0.25"}}}}}},
		"a number with a unit": {kind: "numerical", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "4800", Tolerance: "50", Credit: "1"}},
			Units: []event.UnitV1{{Name: "m", Factor: "1"}, {Name: "km", Factor: "1000"}}, UnitRequired: true, UnitPenalty: "0.5"}}}},
		"a number with figures": {kind: "numerical", says: "significant figures", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "10", Tolerance: "1", Credit: "1", Decimals: &two}}}}}},
		"a slider": {kind: "numerical", says: "a slider", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Slider, Slider: &event.SliderV1{Low: "0", High: "10", Step: "1"},
			Numbers: []event.NumberKeyV1{{Value: "5", Tolerance: "0", Credit: "1"}}}}}},
		"pairs": {kind: "matching", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Matching, Credit: event.EveryPair, Shuffle: true, ShuffleTargets: true, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "Paris"}, {ChoiceID: "b", HTML: "Rome"}, {ChoiceID: "c", HTML: "Oslo"}},
			Targets: []event.TargetV1{{TargetID: "x", HTML: "<p>France</p>", MaxUse: 1}, {TargetID: "y", HTML: "Italy", MaxUse: 1}},
			Pairs:   []event.PairKeyV1{{ChoiceID: "a", TargetID: "x", Credit: "1"}, {ChoiceID: "b", TargetID: "y", Credit: "1"}}}}}},
		"an order": {kind: "ordering", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Ordering, Credit: event.EveryPlace, Shuffle: true, Presentation: "vertical", Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "1"}, {ChoiceID: "b", HTML: "2"}, {ChoiceID: "c", HTML: "3"}},
			Orders: [][]string{{"a", "b", "c"}}}}}},
		"gaps": {kind: "ddwtos", same: true, item: event.ItemV1{BodyHTML: `<p>The <span data-gap="1/x"></span> on the <span data-gap="1/y"></span>.</p>`, Parts: []event.PartV1{{Kind: event.GapMatch, Credit: event.EveryPair, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "cat"}, {ChoiceID: "b", HTML: "<b>mat</b>"}, {ChoiceID: "c", HTML: "dog"}},
			Targets: []event.TargetV1{{TargetID: "x"}, {TargetID: "y"}}, Pairs: []event.PairKeyV1{{ChoiceID: "a", TargetID: "x", Credit: "1"}, {ChoiceID: "b", TargetID: "y", Credit: "1"}}}}}},
		"lists within a text": {kind: "gapselect", same: true, item: event.ItemV1{BodyHTML: `<p>The <span data-part="1"></span> on the <span data-part="2"></span>.</p>`, Parts: []event.PartV1{
			{Kind: event.Dropdown, Choices: choicesOf("=cat", "dog")}, {Kind: event.Dropdown, Choices: choicesOf("tree", "=mat")}}}},
		"places on an image": {kind: "ddmarker", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.ImageGapMatch, Credit: event.EveryPair, Image: picture, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "Town"}, {ChoiceID: "b", HTML: "Lake", MaxUse: 2}},
			Targets: []event.TargetV1{{TargetID: "x", Area: &event.AreaV1{Shape: event.Circle, Coords: []int{10, 10, 5}}}, {TargetID: "y", Area: &event.AreaV1{Shape: event.Polygon, Coords: []int{20, 20, 30, 20, 25, 30}}}, {TargetID: "z", Area: &event.AreaV1{Shape: event.Rectangle, Coords: []int{40, 40, 50, 60}}}},
			Pairs:   []event.PairKeyV1{{ChoiceID: "a", TargetID: "x", Credit: "1"}, {ChoiceID: "b", TargetID: "y", Credit: "1"}, {ChoiceID: "b", TargetID: "z", Credit: "1"}}}}}},
		"images on an image": {kind: "ddimageortext", same: true, says: "sizes of places", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.ImageGapMatch, Credit: event.EveryPair, Image: picture, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "Town", Image: picture}, {ChoiceID: "b", HTML: "Lake"}},
			Targets: []event.TargetV1{{TargetID: "x", Area: &event.AreaV1{Shape: event.Circle, Coords: []int{10, 10, 5}}}},
			Pairs:   []event.PairKeyV1{{ChoiceID: "a", TargetID: "x", Credit: "1"}}}}}},
		"an essay": {kind: "essay", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Essay, Essay: &event.EssayV1{Format: "monospaced", MinWords: 5, MaxWords: 9, Lines: 3, TemplateHTML: "Dear", GuidanceHTML: "<p>g</p>", Attachments: 2}}}}},
		"an essay with a rubric": {kind: "essay", says: "rubric", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Essay, Essay: &event.EssayV1{Format: "html"}, Rubric: []event.CriterionV1{
			{CriterionID: "a", HTML: "Depth", Levels: []event.LevelV1{{LevelID: "1", HTML: "none", Points: "0"}, {LevelID: "2", HTML: "much", Points: "2"}}}}}}}},
		"files":                    {kind: "essay", same: true, item: event.ItemV1{Parts: []event.PartV1{{Kind: event.FileUpload, MinChoices: 1, MaxChoices: 2, Upload: &event.UploadV1{MaxBytes: 1000, MediaTypes: []string{".pdf", "image/*"}}}}}},
		"a text that asks nothing": {kind: "description", same: true, item: event.ItemV1{Weight: "0", Parts: []event.PartV1{{Kind: event.Unsupported, Weight: "0"}}}},
		"several parts in a text": {kind: "cloze", same: true, says: "", item: event.ItemV1{Weight: "6", BodyHTML: `<p>A <span data-part="1"></span>, b <span data-part="2"></span>; <span data-part="3"></span></p><div data-part="4"></div>`, Parts: []event.PartV1{
			weigh("1", text(event.MatchFold, "a~b")), weigh("2", event.PartV1{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "2.5", Tolerance: "0.5", Credit: "1", FeedbackHTML: "ok"}}}),
			weigh("1", event.PartV1{Kind: event.Dropdown, Choices: choicesOf("=x }", `y ~ <i>z</i> \(a_{1}\) &#34;`)}),
			weigh("2", event.PartV1{Kind: event.MultipleChoice, Credit: event.SumOfCredits, Presentation: "vertical", Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "p", Credit: "0.5"}, {ChoiceID: "b", HTML: "q", Credit: "0.5"}, {ChoiceID: "c", HTML: "r", Credit: "-0.5"}}})}}},
		"parts with odd weights": {kind: "cloze", same: true, says: "the mark 1", item: event.ItemV1{BodyHTML: `<p>A <span data-part="1"></span>, b <span data-part="2"></span></p>`, Parts: []event.PartV1{
			weigh("0.5", text(event.MatchFold, "Paris")), weigh("0.25", text(event.MatchExact, "France"))}}},
		"numbers that are drawn": {kind: "calculated", same: true, item: event.ItemV1{BodyHTML: `<p><span data-variable="x"></span> + <span data-variable="y"></span>, once more <span data-variable="s"></span></p>`, DataSets: [][]string{{"1", "2"}, {"3", "4"}},
			Variables: []event.VariableV1{{Name: "x", Kind: event.DataSetVariable}, {Name: "y", Kind: event.DataSetVariable, Column: 1}, {Name: "s", Kind: event.FormulaVariable, Expression: "x*10^y"}},
			Parts:     []event.PartV1{{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "x+y+pi-pi", Tolerance: "0.1", Credit: "1"}, {Value: "sqrt(s)", Tolerance: "2%", Credit: "0.5"}, {Value: "x", Tolerance: "0.1", Geometric: true, Credit: "0.25"}}}}}},
		"numbers from a range": {kind: "calculated", says: "from a range", item: event.ItemV1{BodyHTML: `<p>2 * <span data-variable="x"></span></p>`,
			Variables: []event.VariableV1{{Name: "x", Kind: event.RangeVariable, Low: "0.5", High: "2.5", Step: "0.25"}},
			Parts:     []event.PartV1{{Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: "2*x", Tolerance: "0", Credit: "1"}}}}}},
		"places to click":       {says: "hotspot", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Hotspot, Image: picture, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "a", Credit: "1", Area: &event.AreaV1{Shape: event.Circle, Coords: []int{5, 5, 5}}}}}}}},
		"a formula":             {says: "formula", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.Formula, Formulas: []event.FormulaKeyV1{{Expression: "x", Credit: "1"}}, Domain: []event.DomainV1{{Name: "x", Low: "0", High: "1"}}}}}},
		"an order and a text":   {says: "cannot embed", item: event.ItemV1{Parts: []event.PartV1{text(event.MatchFold, "a"), {Kind: event.Ordering, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "1"}, {ChoiceID: "b", HTML: "2"}}, Orders: [][]string{{"a", "b"}}}}}},
		"an image not there":    {says: "not there", item: event.ItemV1{Parts: []event.PartV1{{Kind: event.ImageGapMatch, Image: &event.ImageV1{Src: "asset:" + strings.Repeat("0", 64) + "/x.png", Alt: "x", Width: 9, Height: 9}, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "a"}}, Targets: []event.TargetV1{{TargetID: "x", Area: &event.AreaV1{Shape: event.WholeImage}}}, Pairs: []event.PairKeyV1{{ChoiceID: "a", TargetID: "x", Credit: "1"}}}}}},
		"hints and an epilogue": {kind: "multichoice", same: true, item: event.ItemV1{HintsHTML: []string{"<p>h</p>", "i"}, ExplanationHTML: "<p>e</p>", Bands: []event.BandV1{{From: "1", FeedbackHTML: "r"}, {From: "0.000001", FeedbackHTML: "p"}, {From: "0", FeedbackHTML: "w"}}, Parts: []event.PartV1{{Kind: event.SingleChoice, Choices: choicesOf("=a", "b")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			item := c.item
			item.Title = "The title <b> & ]]> more"
			if item.BodyHTML == "" {
				item.BodyHTML = `<p>A question? <img src="` + media.URL() + `" alt="A &#34;dot&#34;"/></p>`
			}
			if item.Weight == "" {
				item.Weight = "1"
			}
			for i := range item.Parts {
				item.Parts[i].PartID = strconv.Itoa(i + 1)
			}
			found := itemfile.Found{Identity: "one", Folder: []string{"A", "B/C"}, Tags: []string{"t"}, Item: &item, Media: []itemfile.Media{media}}
			file, lines := written(t, found)
			if c.says != "" && !says(lines, itemfile.Skipped, c.says) && !says(lines, itemfile.Simplified, c.says) {
				t.Errorf("it is not said that %q: %v", c.says, lines)
			}
			if c.says == "" && len(lines) > 0 {
				t.Errorf("%v", lines)
			}
			got := itemsOf(readAll(t, file))
			if c.kind == "" {
				if len(got) != 0 {
					t.Errorf("%+v", got[0].Item)
				}
				return
			}
			if len(got) != 1 || got[0].Kind != c.kind {
				t.Fatalf("%d items\n%s", len(got), file)
			}
			if strings.Contains(string(file), companionName) != (c.says != "") {
				t.Errorf("a companion without need, or none:\n%s", file)
			}
			back := got[0]
			if back.Identity != "one" || back.Item.Title != item.Title || strings.Join(back.Folder, "|") != "A|B/C" || len(back.Tags) != 1 {
				t.Errorf("%+v", back)
			}
			sameScores(t, item, *back.Item)
			if c.says != "" {
				if x, y := canonical(t, item), canonical(t, *back.Item); x != y {
					t.Errorf("it comes back otherwise:\n%s\n%s", x, y)
				}
			}
			// As Moodle exports it.
			plain := itemsOf(readAll(t, companions.ReplaceAll(file, nil)))
			if len(plain) != 1 {
				t.Fatalf("Moodle would not have it:\n%s", file)
			}
			if c.same {
				sameScores(t, item, *plain[0].Item)
			}
		})
	}
}

func TestACompanionCountsOnlyBesideItsQuestion(t *testing.T) {
	item := event.ItemV1{Title: "T", BodyHTML: "<p>Old</p>", Weight: "1", Parts: []event.PartV1{{PartID: "1", Kind: event.MultipleChoice, Choices: choicesOf("=a", "=b")}}}
	file, _ := written(t, itemfile.Found{Identity: "i", Item: &item})
	if !bytes.Contains(file, []byte(companionName)) {
		t.Fatalf("%s", file)
	}
	changed := bytes.Replace(file, []byte("<p>Old</p>"), []byte("<p>New</p>"), 1)
	f := readAll(t, changed)[0]
	if f.Item == nil || f.Item.BodyHTML != "<p>New</p>" || f.Item.Parts[0].Credit != event.SumOfCredits || !says(f.Lines, itemfile.Info, "changed since") {
		t.Errorf("%+v %v", f.Item, f.Lines)
	}
	// A stranger can compute the digest too.
	evil := item
	evil.BodyHTML = `<p onclick="x()">Old<script>alert(1)</script> <span data-part="1"></span></p>`
	data, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	start := bytes.Index(file, []byte("<lyceum-item"))
	at := start + bytes.IndexByte(file[start:], '>') + 1
	forged := append(append(append([]byte{}, file[:at]...), cdata(string(data))...), file[bytes.Index(file, []byte("</lyceum-item>")):]...)
	f = readAll(t, forged)[0]
	if f.Item == nil || f.Item.BodyHTML != `<p>Old <span data-part="1"></span></p>` || f.Item.Parts[0].Credit != event.AllOrNothing {
		t.Errorf("%+v %v", f.Item, f.Lines)
	}
}

func TestWritingEndsWithTheFirstError(t *testing.T) {
	gone := errors.New("gone")
	item := event.ItemV1{Title: "T", BodyHTML: "<p>T</p>", Weight: "1", Parts: []event.PartV1{{PartID: "1", Kind: event.Essay}}}
	_, err := Write(io.Discard, func(yield func(itemfile.Found, error) bool) { yield(itemfile.Found{}, gone) })
	if !errors.Is(err, gone) {
		t.Error(err)
	}
	_, err = Write(failingWriter{gone}, func(yield func(itemfile.Found, error) bool) { yield(itemfile.Found{Item: &item}, nil) })
	if !errors.Is(err, gone) {
		t.Error(err)
	}
	media := itemfile.MediaOf("a.png", []byte("x"))
	media.Open = func() (io.ReadCloser, error) { return nil, gone }
	item.BodyHTML = `<img src="` + media.URL() + `"/>`
	_, err = Write(io.Discard, func(yield func(itemfile.Found, error) bool) {
		yield(itemfile.Found{Item: &item, Media: []itemfile.Media{media}}, nil)
	})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
