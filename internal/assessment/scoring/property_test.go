package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// checkResult states what holds of every result.
func checkResult(t *testing.T, it *Item, got Result) {
	t.Helper()
	sum, maxima, marking := Score{}, Score{}, false
	for i, p := range got.Parts {
		sum, maxima = sum.Add(p.Score), maxima.Add(p.Max)
		marking = marking || p.NeedsMarking
		part := &it.parts[i]
		if p.PartID != part.id {
			t.Fatalf("part %d is %q", i, p.PartID)
		}
		if p.Correct != (p.Credit.Cmp(ratio(1, 1)) == 0) || p.Score.Cmp(p.Credit.times(p.Max)) != 0 {
			t.Fatalf("the credit is inconsistent: %+v", p)
		}
		if !p.Credit.IsZero() && (p.Credit.Cmp(part.low) < 0 || p.Credit.Cmp(part.high) > 0) {
			t.Fatalf("the credit is not between %v and %v: %+v", part.low, part.high, p)
		}
		if !p.Answered && (!p.Score.IsZero() || p.FeedbackHTML != nil || p.NeedsMarking) {
			t.Fatalf("an unanswered part has %+v", p)
		}
		if p.NeedsMarking && !p.Score.IsZero() {
			t.Fatalf("what is to be marked has a score: %+v", p)
		}
		if p.How == "" {
			t.Fatalf("a part has no derivation: %+v", p)
		}
	}
	if len(got.Parts) != len(it.parts) || maxima.Cmp(it.MaxScore()) != 0 || got.Max.Cmp(it.MaxScore()) != 0 || got.NeedsMarking != marking {
		t.Fatalf("the parts weigh %v, the item %v: %+v", maxima, got.Max, got)
	}
	if held := sum.within(it.MinScore(), it.MaxScore()); got.Score.Cmp(held) != 0 || (got.How == "") != (sum.Cmp(held) == 0) {
		t.Fatalf("the parts score %v, the item %v: %s", sum, got.Score, got.How)
	}
	if !got.Answered() && (!got.Score.IsZero() || got.FeedbackHTML != nil) {
		t.Fatalf("an unanswered item has %+v", got)
	}
}

func TestScoresAreBoundedAndDeterministic(t *testing.T) {
	t.Parallel()
	g := newGenerator(3, 4)
	for range 3000 {
		def, seed := g.item(), g.Int64()
		it := parse(t, def)
		response := g.response(def)
		got := it.Score(response, seed)
		checkResult(t, it, got)
		// The same response in other orders, on an item parsed anew.
		other := Response{}
		ids := slices.Collect(maps.Keys(response))
		g.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids {
			other[id] = response[id]
			if p := &it.parts[it.index[id]]; p.check(response[id]) == nil { // else the first fault is told
				other[id] = g.reordered(p.kind, response[id])
			}
		}
		other["unknown"] = write("ignored")
		if again := parse(t, def).Score(other, seed); !sameResult(got, again) {
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
			if got := it.Score(response, 0); got.Score.Rat().Cmp(want) != 0 || got.Score.Cmp(it.MaxScore()) != 0 {
				t.Fatalf("%d parts of an item of weight %s give %v", n, weight, got.Score.Rat())
			}
		}
	}
}

// Of what has a key that tells what it accepts, the full response scores the
// weight exactly.
func TestFullResponsesScoreTheWeight(t *testing.T) {
	t.Parallel()
	g := newGenerator(11, 12)
	for _, kind := range kinds() {
		found := 0
		for range 300 {
			it, seed := parse(t, g.item(kind)), g.Int64()
			r, ok := it.FullResponse(seed)
			if !ok {
				continue
			}
			found++
			if err := it.Check(r); err != nil {
				t.Fatalf("%s: %v is refused: %v", kind, r, err)
			}
			got := it.Score(r, seed)
			checkResult(t, it, got)
			if got.Score.Cmp(it.MaxScore()) != 0 {
				t.Fatalf("%s: %v scores %v of %v", kind, r, got.Score, it.MaxScore())
			}
		}
		t.Logf("%s: %d of 300 items have a full response", kind, found)
		if byPeople := kind == event.Essay || kind == event.FileUpload; !byPeople && found < 15 {
			t.Errorf("%s: %d of 300 items have a full response", kind, found)
		}
	}
	response, ok := parse(t, basicItem()).FullResponse(3)
	if got := parse(t, basicItem()).Score(response, 3); !ok || got.Score.String() != "5" {
		t.Errorf("%v scores %v", response, got.Score)
	}
}

func TestTheOrderOfMembersSaysNothing(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	for _, text := range []string{
		`{"truth":{"choices":["false"]},"point":{"points":[[133,77]]},"essay":{"text":"t","files":[{"file_id":"f","name":"n"}]}}`,
		`{"essay":{"files":[{"name":"n","file_id":"f"}],"text":"t"},"point":{"points":[[133,77]]},"truth":{"choices":["false"]}}`,
	} {
		r, err := ParseResponse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := it.Score(r, 0); got.Score.String() != "2" || !got.NeedsMarking {
			t.Errorf("%s scores %v", text, got.Score)
		}
	}
}

func TestAResultIsAnsweredWhenAnyPartIs(t *testing.T) {
	t.Parallel()
	it := parse(t, basicItem())
	for _, c := range []struct {
		response Response
		want     bool
	}{
		{nil, false}, {Response{"1": {}, "2": pick(), "5": write(" ")}, false}, {Response{"6": write("x")}, false},
		{Response{"5": write("wrong")}, true}, {Response{"1": {}, "2": pick("b")}, true},
	} {
		if got := it.Score(c.response, 0).Answered(); got != c.want {
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
		before := it.Score(one(pick(chosen...)), 0).Score
		for i := 0; i < len(all); i += 2 { // a, c, e are right
			if set>>i&1 == 0 {
				if after := it.Score(one(pick(append(slices.Clone(chosen), all[i])...)), 0).Score; after.Cmp(before) <= 0 {
					t.Fatalf("adding %s to %v takes %v to %v", all[i], chosen, before, after)
				}
			}
		}
	}
}

func TestItemsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	it := parse(t, basicItem())
	response := Response{"1": pick("c"), "2": pick("a"), "3": pick("b"), "4": write("271500"), "5": write("SECRET-rere")}
	want, view, key := it.Score(response, 0), it.View(7), it.Key(0)
	if want.Score.String() != "3.25" {
		t.Errorf("the score is %v", want.Score)
	}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 100 {
				if got := it.Score(response, 0); !sameResult(got, want) {
					t.Errorf("the result is %+v", got)
				}
				if !reflect.DeepEqual(it.View(7), view) || !reflect.DeepEqual(it.Key(0), key) {
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
	it := parse(f, basicItem())
	f.Fuzz(func(t *testing.T, id, first, second, text string, seed int64) {
		response := Response{id: {Choices: []string{first, second}, Text: text}}
		for _, p := range it.parts { // and the same to every part, in the shape it takes
			if p.takes == choiceShape {
				response[p.id] = pick(first, second)
			} else {
				response[p.id] = write(text)
			}
		}
		response["2"] = PartResponse{Choices: []string{second, first}}
		got := it.Score(response, 0)
		checkResult(t, it, got)
		if !sameResult(got, it.Score(response, 0)) {
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

// Whatever is received, reading and scoring it does not panic, and what is
// accepted has a score within its bounds, the same when it is read again.
func FuzzScoreResponse(f *testing.F) {
	data, err := json.Marshal(everyResponse())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, int64(0))
	f.Add([]byte(`{"1":{"choices":["a"]},"4":{"text":"271828"},"SUM":{"text":"7"}}`), int64(-1))
	f.Add([]byte(`{"match":{"pairs":[["a","Y"],["a","X"],["c","Y"]]},"links":{"pairs":[["a","a"]]}}`), int64(7))
	f.Add([]byte(`{"point":{"points":[[0,0]]},"slider":{"text":"7.5"},"formula":{"text":"x^y"},"number":{"text":"SECRETm 1e9"}}`), int64(1<<40))
	items := []*Item{parse(f, basicItem()), parse(f, everyKind()), parse(f, programmed())}
	f.Fuzz(func(t *testing.T, data []byte, seed int64) {
		r, err := ParseResponse(data)
		if err != nil {
			return
		}
		stored, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseResponse(stored)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			got := it.Score(r, seed)
			if it.program == nil {
				checkResult(t, it, got)
			}
			if !sameResult(got, it.Score(again, seed)) {
				t.Fatal("what is stored scores differently")
			}
			if it.Check(r) == nil != (it.Check(again) == nil) {
				t.Fatal("what is stored is judged differently")
			}
		}
	})
}
