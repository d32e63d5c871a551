package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// randomItem is a valid item with every kind of part.
func randomItem(r *rand.Rand) event.ItemV1 {
	credit := func() string { return fmt.Sprintf("0.%03d", r.IntN(1000)) }
	flag := func() string { return fmt.Sprint(r.IntN(2)) }
	var parts []event.PartV1
	for range 1 + r.IntN(7) {
		part := event.PartV1{Kind: []event.PartKind{event.SingleChoice, event.MultipleChoice, event.Dropdown, event.Numerical, event.Text}[r.IntN(5)]}
		switch part.Kind {
		case event.Numerical:
			part = numerical(event.NumberKeyV1{Value: fmt.Sprint(r.IntN(9)), Credit: "1"}, event.NumberKeyV1{Low: "2", High: "7", Credit: credit()})
		case event.Text:
			part = textual(event.TextKeyV1{Match: event.MatchFold, Pattern: "x", Credit: "1"}, event.TextKeyV1{Match: event.MatchRegexp, Pattern: "[a-y]+", Credit: credit()})
		default:
			for i := range 1 + r.IntN(7) {
				c := event.ChoiceV1{ChoiceID: string(rune('a' + i)), Credit: credit(), Fixed: r.IntN(4) == 0}
				if part.Kind == event.MultipleChoice {
					c.Credit = flag()
				}
				part.Choices = append(part.Choices, c)
			}
			part.Shuffle = true
			if part.Kind == event.MultipleChoice {
				part.Credit = []event.PartialCredit{event.AllOrNothing, event.EveryChoice, event.Halves}[r.IntN(3)]
			}
		}
		parts = append(parts, part)
	}
	def := itemOf(parts...)
	def.Weight = fmt.Sprintf("%d.%d", r.IntN(20), r.IntN(100))
	return def
}

// randomResponse fits the item, mostly.
func randomResponse(r *rand.Rand, def event.ItemV1) Response {
	response := Response{}
	for _, p := range def.Parts {
		var answer PartResponse
		switch {
		case r.IntN(6) == 0:
			continue
		case r.IntN(20) == 0:
			answer = PartResponse{Choices: []string{"?", "a", "a"}, Text: "\xff"}
		case len(p.Choices) > 0:
			for _, c := range p.Choices {
				if r.IntN(2) == 0 && (p.Kind == event.MultipleChoice || len(answer.Choices) == 0) {
					answer.Choices = append(answer.Choices, c.ChoiceID)
				}
			}
		case p.Kind == event.Numerical:
			answer.Text = []string{"1", "2+2", "7/3", "five", "-1", "sqrt(9)"}[r.IntN(6)]
		default:
			answer.Text = []string{"X", "abc", " x ", "1", ""}[r.IntN(5)]
		}
		response[p.PartID] = answer
	}
	return response
}

// checkResult states what holds of every result.
func checkResult(t *testing.T, it *Item, got Result) {
	t.Helper()
	one := ratio(1, 1)
	sum, whole := Score{}, Score{}
	for i, p := range got.Parts {
		sum, whole = sum.Add(p.Score), whole.Add(p.Max)
		if p.PartID != it.parts[i].id {
			t.Fatalf("part %d is %q", i, p.PartID)
		}
		if p.Credit.rat().Sign() < 0 || p.Credit.Cmp(one) > 0 || p.Correct != (p.Credit.Cmp(one) == 0) || p.Score.Cmp(p.Credit.times(p.Max)) != 0 {
			t.Fatalf("the credit is inconsistent: %+v", p)
		}
		if !p.Answered && (!p.Score.IsZero() || p.FeedbackHTML != nil) {
			t.Fatalf("an unanswered part has %+v", p)
		}
		if p.How == "" {
			t.Fatalf("a part has no derivation: %+v", p)
		}
	}
	if len(got.Parts) != len(it.parts) || sum.Cmp(got.Score) != 0 || whole.Cmp(it.MaxScore()) != 0 || got.Max.Cmp(it.MaxScore()) != 0 {
		t.Fatalf("the parts are %v of %v, the item %v of %v", sum, whole, got.Score, got.Max)
	}
	if got.Score.rat().Sign() < 0 || got.Score.Cmp(got.Max) > 0 {
		t.Fatalf("the score %v is outside 0 to %v", got.Score, got.Max)
	}
}

func TestScoresAreBoundedAndDeterministic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		def := randomItem(r)
		it := parse(t, def)
		response := randomResponse(r, def)
		got := it.Score(response)
		checkResult(t, it, got)
		// The same response in other orders, on an item parsed anew.
		other := Response{}
		ids := slices.Collect(maps.Keys(response))
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids {
			p := PartResponse{Choices: slices.Clone(response[id].Choices), Text: response[id].Text}
			r.Shuffle(len(p.Choices), func(i, j int) { p.Choices[i], p.Choices[j] = p.Choices[j], p.Choices[i] })
			other[id] = p
		}
		other["unknown"] = write("ignored")
		if again := parse(t, def).Score(other); !sameResult(got, again) {
			t.Fatalf("first %+v, then %+v", got, again)
		}
	}
}

func sameResult(a, b Result) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y) && a.Score.Cmp(b.Score) == 0
}

func TestAFullyRightItemScoresExactlyItsWeight(t *testing.T) {
	t.Parallel()
	for _, weight := range []string{"0", "1", "2.5", "10", "0.000000001", "999999999.999999999"} {
		for n := 1; n <= 50; n++ {
			var parts []event.PartV1
			response := Response{}
			for i := range n {
				id := fmt.Sprint(i)
				parts = append(parts, event.PartV1{PartID: id, Kind: event.SingleChoice, Choices: choices("1", "0")})
				response[id] = pick("a")
			}
			def := itemOf(parts...)
			def.Weight = weight
			it := parse(t, def)
			want, _ := new(big.Rat).SetString(weight)
			if got := it.Score(response); got.Score.Rat().Cmp(want) != 0 || got.Score.Cmp(it.MaxScore()) != 0 {
				t.Fatalf("%d parts of an item of weight %s give %v", n, weight, got.Score.Rat())
			}
		}
	}
}

func TestAResultIsAnsweredWhenAnyPartIs(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	for _, c := range []struct {
		response Response
		want     bool
	}{
		{nil, false}, {Response{"1": {}, "2": pick(), "5": write(" ")}, false}, {Response{"6": write("x")}, false},
		{Response{"5": write("wrong")}, true}, {Response{"1": {}, "2": pick("b")}, true},
	} {
		if got := it.Score(c.response).Answered(); got != c.want {
			t.Errorf("%+v: answered is %v", c.response, got)
		}
	}
}

func TestARightChoiceMoreNeverLowersTheCreditOfEveryChoice(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(event.PartV1{Kind: event.MultipleChoice, Credit: event.EveryChoice, Choices: choices("1", "0", "1", "0", "1", "0")}))
	all := []string{"a", "b", "c", "d", "e", "f"}
	for set := 1; set < 1<<len(all); set++ {
		var chosen []string
		for i, id := range all {
			if set>>i&1 == 1 {
				chosen = append(chosen, id)
			}
		}
		before := it.Score(one(pick(chosen...))).Score
		for i := 0; i < len(all); i += 2 { // a, c, e are right
			if set>>i&1 == 0 {
				if after := it.Score(one(pick(append(slices.Clone(chosen), all[i])...))).Score; after.Cmp(before) <= 0 {
					t.Fatalf("adding %s to %v takes %v to %v", all[i], chosen, before, after)
				}
			}
		}
	}
}

func TestItemsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	response := Response{"1": pick("c"), "2": pick("a"), "3": pick("b"), "4": write("271500"), "5": write("SECRET-rere")}
	want, view, key := it.Score(response), it.View(7), it.Key()
	if want.Score.String() != "3.25" {
		t.Errorf("the score is %v", want.Score)
	}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 100 {
				if got := it.Score(response); !sameResult(got, want) {
					t.Errorf("the result is %+v", got)
				}
				if !reflect.DeepEqual(it.View(7), view) || !reflect.DeepEqual(it.Key(), key) {
					t.Error("the view or the key differs")
				}
			}
		})
	}
	done.Wait()
}

// Whatever a stored response holds, scoring it does not panic and is bounded.
func FuzzScore(f *testing.F) {
	f.Add("1", "a", "b", "text", int64(0))
	f.Add("2", "a", "c", "", int64(1))
	f.Add("4", "", "", "271828*(1+1%)", int64(-1))
	f.Add("5", "", "", "secret-FOLD", int64(1<<62))
	f.Add("5", "", "", "\x00\xff", int64(5))
	it := parse(f, everyKind())
	f.Fuzz(func(t *testing.T, id, first, second, text string, seed int64) {
		response := Response{id: {Choices: []string{first, second}, Text: text}}
		for _, p := range it.parts { // and the same to every part, in the shape it takes
			if p.takesChoices() {
				response[p.id] = pick(first, second)
			} else {
				response[p.id] = write(text)
			}
		}
		response["2"] = PartResponse{Choices: []string{second, first}}
		got := it.Score(response)
		checkResult(t, it, got)
		if !sameResult(got, it.Score(response)) {
			t.Fatal("the second result differs")
		}
		if it.Check(response) == nil && strings.ContainsRune(text, 0) {
			t.Fatal("a NUL passed Check")
		}
		if view := it.View(seed); len(view.Parts) != len(it.parts) {
			t.Fatal("the view lost a part")
		}
	})
}
