package scoring

import (
	"slices"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestOrderings(t *testing.T) {
	t.Parallel()
	order := func(rule event.PartialCredit, orders ...string) event.PartV1 {
		p := event.PartV1{Kind: event.Ordering, Credit: rule, Choices: without("a", "b", "c", "d", "e")}
		for _, o := range orders {
			p.Orders = append(p.Orders, spell(o))
		}
		return p
	}
	given := func(ids string) PartResponse { return PartResponse{Choices: spell(ids)} }
	checkCases(t, []scoringCase{
		{"all or nothing, right", order("", "abcde"), given("abcde"), "1"},
		{"all or nothing, two exchanged", order("", "abcde"), given("bacde"), "0"},
		{"all or nothing, incomplete", order("", "abcde"), given("abcd"), "0"},
		{"all or nothing, another right order", order("", "abcde", "edcba"), given("edcba"), "1"},
		{"all or nothing, some of the choices", order("", "ab"), given("ab"), "1"},
		{"all or nothing, more than asked for", order("", "ab"), given("abc"), "0"},
		{"nothing", order("", "abcde"), given(""), "0"},
		{"a choice twice", order("", "abcde"), given("aabcd"), "0"},

		{"places, right", order(event.EveryPlace, "abcde"), given("abcde"), "1"},
		{"places, two exchanged", order(event.EveryPlace, "abcde"), given("bacde"), "0.6"},
		{"places, moved by one", order(event.EveryPlace, "abcde"), given("bcdea"), "0"},
		{"places, incomplete", order(event.EveryPlace, "abcde"), given("abx"[:2]), "0.4"},
		{"places, more than asked for", order(event.EveryPlace, "ab"), given("abcd"), "0.5"},
		{"places, the better of two orders", order(event.EveryPlace, "abcde", "bcdea"), given("bcdae"), "0.6"},

		{"neighbours, right", order(event.Neighbours, "abcde"), given("abcde"), "1"},
		{"neighbours, moved by one", order(event.Neighbours, "abcde"), given("bcdea"), "0.6"}, // b-c, c-d, d-e
		{"neighbours, backwards", order(event.Neighbours, "abcde"), given("edcba"), "0"},
		{"neighbours, the last alone", order(event.Neighbours, "abcde"), given("ace"), "0.2"}, // e is followed by nothing
		{"neighbours, incomplete", order(event.Neighbours, "abcde"), given("ab"), "0.2"},

		{"run, right", order(event.LongestRun, "abcde"), given("abcde"), "1"},
		{"run, moved by one", order(event.LongestRun, "abcde"), given("bcdea"), "0.75"}, // b c d e
		{"run, backwards", order(event.LongestRun, "abcde"), given("edcba"), "0"},
		{"run, with a gap", order(event.LongestRun, "abcde"), given("adbce"), "0.75"}, // a b c e
		{"run, incomplete", order(event.LongestRun, "abcde"), given("ae"), "0.25"},
		{"run of one", order(event.LongestRun, "a"), given("a"), "1"},
		{"run of another one", order(event.LongestRun, "a"), given("b"), "0"},
	})
}

func spell(ids string) []string {
	var list []string
	for _, r := range ids {
		list = append(list, string(r))
	}
	return list
}

func TestAnOrderingIsNeverShownRight(t *testing.T) {
	t.Parallel()
	part := event.PartV1{Kind: event.Ordering, Choices: without("a", "b", "c"), Orders: [][]string{spell("abc"), spell("bca")}}
	it := parse(t, itemOf(part))
	orders := map[string]int{}
	for seed := range int64(4000) {
		orders[shown(it.View(seed).Parts[0])]++
	}
	if len(orders) != 4 || orders["abc"]+orders["bca"] > 0 {
		t.Errorf("the orders are %v", orders)
	}
	for order, n := range orders {
		if n < 850 || n > 1150 { // five standard deviations around 1000
			t.Errorf("%s comes %d times of 4000", order, n)
		}
	}
	two := event.PartV1{Kind: event.Ordering, Choices: without("a", "b"), Orders: [][]string{spell("ab")}}
	for seed := range int64(200) {
		if got := shown(parse(t, itemOf(two)).View(seed).Parts[0]); got != "ba" {
			t.Fatalf("seed %d shows %s", seed, got)
		}
	}
}

func TestAnOrderingThatIsAlwaysRightIsShownAllTheSame(t *testing.T) {
	t.Parallel()
	fixed := event.PartV1{Kind: event.Ordering, Choices: without("a", "b", "c"), Orders: [][]string{spell("abc"), spell("cba")}}
	fixed.Choices[1].Fixed = true
	for name, part := range map[string]event.PartV1{
		"one choice":  {Kind: event.Ordering, Choices: without("a"), Orders: [][]string{spell("a")}},
		"every order": {Kind: event.Ordering, Choices: without("a", "b"), Orders: [][]string{spell("ab"), spell("ba")}},
		"fixed ones":  fixed,
	} {
		view := parse(t, itemOf(part)).View(3).Parts[0]
		if len(view.Choices) != len(part.Choices) {
			t.Errorf("%s: %+v", name, view)
		}
	}
	// Nearly every order is right, so chance alone may not find the other one.
	part := event.PartV1{Kind: event.Ordering, Choices: without("a", "b", "c", "d")}
	for _, o := range permutations(spell("abcd")) {
		if !slices.Equal(o, spell("bacd")) {
			part.Orders = append(part.Orders, o)
		}
	}
	it := parse(t, itemOf(part))
	for seed := range int64(500) {
		if got := shown(it.View(seed).Parts[0]); got != "bacd" {
			t.Fatalf("seed %d shows %s, and not the one order that is not right", seed, got)
		}
	}
}

func permutations(ids []string) [][]string {
	if len(ids) == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range ids {
		rest := slices.Concat(ids[:i], ids[i+1:])
		for _, p := range permutations(rest) {
			all = append(all, append([]string{ids[i]}, p...))
		}
	}
	return all
}

// Every rule gives full credit to right orders only, and to all of them.
func TestOnlyARightOrderEarnsFullCredit(t *testing.T) {
	t.Parallel()
	for _, rule := range []event.PartialCredit{event.AllOrNothing, event.EveryPlace, event.Neighbours, event.LongestRun} {
		it := parse(t, itemOf(event.PartV1{Kind: event.Ordering, Credit: rule, Choices: without("a", "b", "c", "d"), Orders: [][]string{spell("bdac"), spell("cabd")}}))
		for _, order := range permutations(spell("abcd")) {
			right := slices.Equal(order, spell("bdac")) || slices.Equal(order, spell("cabd"))
			if got := it.Score(one(pick(order...)), 0).Parts[0]; got.Correct != right {
				t.Errorf("%q: %v: %+v", rule, order, got)
			}
		}
	}
}
