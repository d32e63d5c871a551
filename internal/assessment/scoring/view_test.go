package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestTheViewHoldsNothingOfTheKey(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(parse(t, everyKind()).View(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"SECRET", "credit", "feedback", "explanation", "pattern", "271828", "271000", "1%", "halves", "compound", "fixed", "0.5", "0.25", "source"} {
		if strings.Contains(string(data), secret) {
			t.Errorf("the view shows %q: %s", secret, data)
		}
	}
	// The test would see it: the key and a result do hold the secrets.
	it := parse(t, everyKind())
	shown, _ := json.Marshal([]any{it.Key(), it.Score(Response{"1": pick("a")})})
	for _, secret := range []string{"SECRET-explanation", "SECRET-fold", "271828", "SECRET-chosen-right"} {
		if !strings.Contains(string(shown), secret) {
			t.Errorf("key and result do not show %q: %s", secret, shown)
		}
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
	s := sequence(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := s.next(); got != want {
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
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		def := randomItem(r)
		view := parse(t, def).View(r.Int64())
		for i, p := range def.Parts {
			ids := map[string]bool{}
			for j, c := range view.Parts[i].Choices {
				ids[c.ChoiceID] = true
				if p.Choices[j].Fixed && p.Choices[j].ChoiceID != c.ChoiceID {
					t.Fatalf("a fixed choice has moved: %+v from %+v", view.Parts[i].Choices, p.Choices)
				}
			}
			if len(ids) != len(p.Choices) {
				t.Fatalf("%d of %d choices are shown", len(ids), len(p.Choices))
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
	key := parse(t, everyKind()).Key()
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
