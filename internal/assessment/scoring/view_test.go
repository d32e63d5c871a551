package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/sequence"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// secrets are what everyKind and the generator mark the key with, and the names
// of the fields that hold it.
var secrets = []string{
	"SECRET", "secret", "777", "credit", "feedback", "explanation", "pattern", "rubric\":\"", "level", "points", "guidance",
	"orders", "pairs", "areas", "numbers", "texts", "formulas", "units", "tolerance", "compound", "fixed", "source", "bound", "band", "weight", "shuffle", "penalty",
}

func TestTheViewHoldsNothingOfTheKey(t *testing.T) {
	t.Parallel()
	for _, def := range []event.ItemV1{basicItem(), everyKind(), programmed()} {
		it := parse(t, def)
		data, err := json.Marshal(it.View(1))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append([]string{"271828", "271000", "1%", "halves", "0.25", "1313", "133", "7.25"}, secrets...) {
			if strings.Contains(string(data), secret) {
				t.Errorf("the view shows %q: %s", secret, data)
			}
		}
	}
}

func TestViewsOfAnyItemHoldNothingOfTheKey(t *testing.T) {
	t.Parallel()
	g := newGenerator(7, 8)
	for range 2000 {
		it := parse(t, g.item())
		view := it.View(g.Int64())
		// The learner's numbers may have these digits.
		view.BodyHTML = ""
		data, err := json.Marshal(view)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(data), secret) {
				t.Fatalf("the view shows %q: %s", secret, data)
			}
		}
	}
}

// The tests above would see it: the key and a result do hold the secrets.
func TestTheKeyAndResultsHoldTheSecrets(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	response := everyResponse()
	response["number"] = write(it.draw(0).values["n"].text + "*7770 SECRETm")
	shown, err := json.Marshal([]any{it.Key(0), it.ScoreMarks(response, 0, Marks{"essay": {Credit: new(Score)}, "upload": {Credit: new(Score)}}), parse(t, basicItem()).Key(0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"SECRET-explanation", "SECRET-fold", "271828", "SECRET-spot", "SECRET-pair", "SECRET-area", "SECRET-number", "SECRET-text", "SECRET-formula", "SECRET-incorrect", "SECRET-low-band", "77707*x", "0.1313", "7.777777", "133,77,13"} {
		if !strings.Contains(string(shown), secret) {
			t.Errorf("key and result do not show %q", secret)
		}
	}
}

// What comes with a view is the caller's: signing URLs in it must not change the
// item.
func TestAViewBelongsToItsCaller(t *testing.T) {
	t.Parallel()
	for _, def := range []event.ItemV1{everyKind(), basicItem()} {
		it := parse(t, def)
		before, err := json.Marshal(it.View(1))
		if err != nil {
			t.Fatal(err)
		}
		v := it.View(1)
		for i := range v.Parts {
			p := &v.Parts[i]
			spoilImage(p.Image)
			for j := range p.Choices {
				p.Choices[j].HTML = "spoilt"
				spoilArea(p.Choices[j].Area)
				spoilImage(p.Choices[j].Image)
			}
			for j := range p.Targets {
				p.Targets[j].HTML = "spoilt"
				spoilArea(p.Targets[j].Area)
			}
			for j := range p.Variables {
				p.Variables[j] = "spoilt"
			}
			if p.Upload != nil {
				p.Upload.MediaTypes[0] = "spoilt"
			}
			if p.Slider != nil {
				p.Slider.Low = "spoilt"
			}
		}
		if after, _ := json.Marshal(it.View(1)); string(after) != string(before) {
			t.Errorf("the item changed from %s to %s", before, after)
		}
	}
}

func spoilImage(i *event.ImageV1) {
	if i != nil {
		i.Src = "spoilt"
	}
}

func spoilArea(a *event.AreaV1) {
	if a != nil {
		a.Coords[0] = -1
	}
}

func TestTheWireFormOfTheView(t *testing.T) {
	t.Parallel()
	def := itemOf(
		event.PartV1{Kind: event.Dropdown, PromptHTML: "<p>?</p>", Label: "L", Choices: choices("0", "1")},
		numerical(event.NumberKeyV1{Value: "1", Credit: "1"}))
	def.HintsHTML = []string{"h", "i"}
	def.Weight = "2.50"
	got, err := json.Marshal(parse(t, def).View(1))
	const want = `{"item_id":"0198a1b2-0000-7000-8000-000000000001","title":"T","body_html":"\u003cp\u003eB\u003c/p\u003e","parts":[` +
		`{"part_id":"1","kind":"dropdown","prompt_html":"\u003cp\u003e?\u003c/p\u003e","label":"L","choices":[{"choice_id":"a","html":"\u003ci\u003ea\u003c/i\u003e"},{"choice_id":"b","html":"\u003ci\u003eb\u003c/i\u003e"}]},` +
		`{"part_id":"2","kind":"numerical"}],"hints":2,"max_score":"2.5"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
}

// The published test vector of SplitMix64 with the seed 1234567.
func TestSequenceIsSplitMix64(t *testing.T) {
	t.Parallel()
	s := sequence.Sequence(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := s.Next(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

// These orders are on record in attempts: they must never change.
func TestShuffledOrdersAreForEver(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(event.PartV1{Kind: event.SingleChoice, Shuffle: true, Choices: choices("1", "0", "0", "0", "0", "0", "0", "0")}))
	for seed, want := range map[int64]string{0: "dcabhfeg", 1: "gafcbedh", -1: "gbefahcd", 1 << 62: "egdafbch"} {
		if got := shown(it.View(seed).Parts[0]); got != want {
			t.Errorf("seed %d shows %s, want %s", seed, got, want)
		}
	}
}

func shown(p PartView) string {
	var ids strings.Builder
	for _, c := range p.Choices {
		ids.WriteString(c.ChoiceID)
	}
	return ids.String()
}

func TestShufflingKeepsFixedChoicesAndLosesNone(t *testing.T) {
	t.Parallel()
	g := newGenerator(5, 6)
	for range 500 {
		def := g.item()
		view := parse(t, def).View(g.Int64())
		for i, p := range def.Parts {
			ids := map[string]bool{}
			for j, c := range view.Parts[i].Choices {
				ids[c.ChoiceID] = true
				if p.Choices[j].Fixed && p.Choices[j].ChoiceID != c.ChoiceID {
					t.Fatalf("a fixed choice has moved: %+v from %+v", view.Parts[i].Choices, p.Choices)
				}
			}
			for _, target := range view.Parts[i].Targets {
				ids[target.TargetID] = true
			}
			if len(ids) != len(p.Choices)+len(p.Targets) {
				t.Fatalf("%d of %d choices and targets are shown", len(ids), len(p.Choices)+len(p.Targets))
			}
		}
	}
}

func TestPartsThatDoNotShuffleKeepTheirOrder(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(event.PartV1{Kind: event.SingleChoice, Choices: choices("1", "0", "0", "0", "0")}))
	for seed := range int64(50) {
		if got := shown(it.View(seed).Parts[0]); got != "abcde" {
			t.Fatalf("seed %d shows %s", seed, got)
		}
	}
}

// Every order of four choices comes up equally often, over neighbouring seeds,
// and parts and items with the same seed are shuffled independently.
func TestShufflingIsFair(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.SingleChoice, Shuffle: true, Choices: choices("1", "0", "0", "0")}
	def := itemOf(part, part)
	first := parse(t, def)
	def.ItemID = uuid.MustParse("0198a1b2-0000-7000-8000-000000000002")
	second := parse(t, def)
	const rounds = 24_000
	orders := map[string]int{}
	sameParts, sameItems := 0, 0
	for seed := range int64(rounds) {
		a, b := first.View(seed), second.View(seed)
		orders[shown(a.Parts[0])]++
		if shown(a.Parts[0]) == shown(a.Parts[1]) {
			sameParts++
		}
		if shown(a.Parts[0]) == shown(b.Parts[0]) {
			sameItems++
		}
	}
	counts := slices.Collect(maps.Values(orders))
	counts = append(counts, sameParts, sameItems) // each expected once in 24, too
	if len(orders) != 24 {
		t.Errorf("there are %d orders", len(orders))
	}
	for _, n := range counts {
		if n < 850 || n > 1150 { // five standard deviations around 1000
			t.Errorf("%d of %d is not one in 24: %v, %d, %d", n, rounds, orders, sameParts, sameItems)
			break
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	key := parse(t, basicItem()).Key(0)
	var got []string
	for _, p := range key.Parts {
		for _, a := range p.Answers {
			got = append(got, fmt.Sprintf("%s %s%s %v", p.PartID, a.ChoiceID, a.Text, a.Credit))
		}
	}
	want := []string{
		"1 a 1", "1 c 0.5", "2 a 1", "2 c 1", "3 b 1",
		"4 271828 ± 1% 1", "4 more than 271000 and at most 272000 0.5",
		"5 SECRET-fold (capitals do not matter) 1", "5 a text of the form SECRET-(re)+ 0.25",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the answers are %q", got)
	}
	if key.ExplanationHTML != "SECRET-explanation" || key.ItemID != itemID {
		t.Errorf("%+v", key)
	}
}

func TestWhatTheViewShowsOfEveryKind(t *testing.T) {
	t.Parallel()
	view := parse(t, everyKind()).View(4)
	parts := map[string]string{}
	for _, p := range view.Parts {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		parts[p.PartID] = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(data))
	}
	const image = `"image":{"src":"asset:0000/map.png","alt":"A map","width":200,"height":100}`
	for id, want := range map[string]string{
		"truth":   `{"part_id":"truth","kind":"true_false","choices":[{"choice_id":"true","html":"<i>true</i>"},{"choice_id":"false","html":"<i>false</i>"}]}`,
		"spots":   `{"part_id":"spots","kind":"hotspot","choices":[{"choice_id":"a","html":"<i>a</i>","area":{"shape":"rect","coords":[0,0,9,9]}},{"choice_id":"b","html":"<i>b</i>","area":{"shape":"rect","coords":[10,0,19,9]}},{"choice_id":"c","html":"<i>c</i>","area":{"shape":"rect","coords":[20,0,29,9]}}],"max_choices":2,` + image + `}`,
		"route":   `{"part_id":"route","kind":"ordering","choices":[{"choice_id":"a","html":"<i>a</i>","area":{"shape":"rect","coords":[0,40,9,49]}},{"choice_id":"b","html":"<i>b</i>","area":{"shape":"rect","coords":[30,40,39,49]}}],` + image + `}`,
		"gaps":    `{"part_id":"gaps","kind":"gap_match","choices":[{"choice_id":"a","html":"<i>a</i>","max_use":1},{"choice_id":"b","html":"<i>b</i>","max_use":1},{"choice_id":"c","html":"<i>c</i>","max_use":1}],"targets":[{"target_id":"G","label":"First gap","max_use":1},{"target_id":"H","max_use":1}]}`,
		"point":   `{"part_id":"point","kind":"point","max_choices":1,` + image + `}`,
		"number":  `{"part_id":"number","kind":"numerical"}`,
		"slider":  `{"part_id":"slider","kind":"slider","slider":{"low":"0","high":"10","step":"0.5"}}`,
		"text":    `{"part_id":"text","kind":"text"}`,
		"formula": `{"part_id":"formula","kind":"formula","variables":["x","y"]}`,
		"essay":   `{"part_id":"essay","kind":"essay","essay":{"format":"plain","min_words":5,"max_words":50,"template_html":"<p>Dear</p>","attachments":1},"rubric":[{"criterion_id":"style","html":"Style"}]}`,
		"upload":  `{"part_id":"upload","kind":"file_upload","max_choices":2,"upload":{"max_bytes":104857600,"media_types":[".pdf"]}}`,
		"other":   `{"part_id":"other","kind":"unsupported","prompt_html":"<p>A game</p>"}`,
	} {
		if parts[id] != want {
			t.Errorf("%s is\n     %s\nwant %s", id, parts[id], want)
		}
	}
}

func TestTargetsAreShuffledOnTheirOwn(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.Matching, Choices: without("a", "b", "c"), Targets: targets("X", "Y", "Z"), Shuffle: true, ShuffleTargets: true}
	part.Targets[0].Fixed = true
	it := parse(t, itemOf(part))
	orders := map[string]int{}
	for seed := range int64(1200) {
		p := it.View(seed).Parts[0]
		order := shown(p)
		for _, target := range p.Targets {
			order += target.TargetID
		}
		orders[order]++
	}
	if len(orders) != 12 {
		t.Errorf("there are %d orders: %v", len(orders), orders)
	}
	for order, n := range orders {
		if n < 50 || n > 150 || order[3] != 'X' {
			t.Errorf("%s comes %d times of 1200", order, n)
		}
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	seed := int64(0)
	for it.draw(seed).values["n"].text != "3" {
		seed++
	}
	var got []string
	for _, p := range it.Key(seed).Parts {
		for _, a := range p.Answers {
			text := fmt.Sprintf("%s %s%s%s%s %v", p.PartID, a.ChoiceID, a.TargetID, a.Text, strings.Join(a.Order, ""), a.Credit)
			if a.Area != nil {
				text = fmt.Sprintf("%s %v %v", p.PartID, *a.Area, a.Credit)
			}
			got = append(got, text)
		}
	}
	want := []string{
		"truth false 1", "words b 1", "spots a 0.777", "spots b 0.223", "order cadb 1", "match aY 1", "match bX 1", "match cY 1", "gaps cG 1", "gaps aH 1", "drag bX 1", "drag aY 1",
		"route ba 1", "links ac 1", "links bd 1", "point {circle [133 77 13]} 1", "point {default []} 0.1313",
		"number 23310 times or divided by 1 + 7.5% SECRETm 1", "number 7.77 SECRETm with 2 decimal places 0.777", "slider at least 7.250001 and at most 7.777777 1",
		"text secret*wild (* is any text, and capitals do not matter) 1", "text Sécret words (capitals, accents and punctuation do not matter) 0.5",
		"formula 77707*x + (3)*y^2 ± 0.77708% 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the answers are %q, want %q", got, want)
	}
}
