package scoring

import (
	"fmt"
	"slices"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// maxOrdered bounds the choices of an ordering part, and maxPlaces those of all
// its right orders together: each is compared with the response.
const (
	maxOrdered = 200
	maxPlaces  = 4000
)

// orderTask is a part whose response is its choices, or some, in order.
type orderTask struct {
	choiceList
	rule   event.PartialCredit
	orders [][]int // positions of choices
}

func parseOrderTask(_ *part, def event.PartV1, s *scope) (task, error) {
	t := &orderTask{rule: def.Credit}
	if err := checkCount("choices", len(def.Choices), 1, maxOrdered); err != nil {
		return nil, err
	}
	var err error
	if t.choiceList, err = parseChoices(def, s); err != nil {
		return nil, err
	}
	least := 1
	if s.programmed {
		least = 0
	}
	if err := checkCount("orders", len(def.Orders), least, maxKeys); err != nil {
		return nil, err
	}
	places := 0
	for i, ids := range def.Orders {
		order, err := t.parseOrder(ids)
		if err != nil {
			return nil, fmt.Errorf("orders%s: %w", at(i), err)
		}
		if places += len(order); places > maxPlaces {
			return nil, fmt.Errorf("orders%s: the orders are longer than %d together", at(i), maxPlaces)
		}
		t.orders = append(t.orders, order)
	}
	return t, nil
}

// parseOrder turns ids into positions.
func (t *orderTask) parseOrder(ids []string) ([]int, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	order := make([]int, 0, len(ids))
	for _, id := range ids {
		i, ok := t.index[id]
		if !ok {
			return nil, fmt.Errorf("there is no choice %s", quote(id))
		}
		if slices.Contains(order, i) {
			return nil, fmt.Errorf("%s is named twice", quote(id))
		}
		order = append(order, i)
	}
	return order, nil
}

func (t *orderTask) check(r PartResponse) *FieldError { return t.choiceList.check(r.Choices) }

func (t *orderTask) judge(r PartResponse, _ draw) verdict {
	var few [64]int
	given := few[:0]
	for _, id := range r.Choices {
		given = append(given, t.index[id])
	}
	var best verdict
	for i, order := range t.orders {
		v := t.compare(given, order)
		if i == 0 || v.credit.Cmp(best.credit) > 0 {
			best = v
		}
		if best.credit.isWhole() {
			break
		}
	}
	if len(t.orders) == 0 {
		best.how = "No order is right."
	}
	for _, i := range given {
		best.say(&t.list[i].feedback)
	}
	return best
}

// compare gives the credit of an order by the part's rule. What is given beyond
// the right order counts among the places, and is never right.
func (t *orderTask) compare(given, order []int) verdict {
	places := max(len(given), len(order))
	switch t.rule {
	case event.EveryPlace:
		right := 0
		for i := range min(len(given), len(order)) {
			if given[i] == order[i] {
				right++
			}
		}
		credit := ratio(right, places)
		return verdict{credit: credit, how: fmt.Sprintf("Every place counts: %d of %d are right, which earns %s.", right, places, worth(credit))}
	case event.Neighbours:
		right := t.neighbours(given, order)
		credit := ratio(right, places)
		return verdict{credit: credit, how: fmt.Sprintf("Every neighbour counts: %d of %d are followed by what should follow, which earns %s.", right, places, worth(credit))}
	case event.LongestRun:
		run := t.longestRun(given, order)
		credit := runCredit(run, places)
		return verdict{credit: credit, how: fmt.Sprintf("The longest part in the right order has %d of %d, which earns %s.", run, places, worth(credit))}
	}
	if slices.Equal(given, order) {
		return verdict{credit: whole, how: "Exactly the right order, which earns full credit."}
	}
	return verdict{how: "All or nothing: the order is not right, which earns no credit."}
}

// runCredit leaves out the first of the run: one alone is always in order.
func runCredit(run, places int) Score {
	switch {
	case run == 0:
		return Score{}
	case places == 1:
		return whole
	}
	return ratio(run-1, places-1)
}

// neighbours counts the choices that are followed by the right one, the last by
// nothing.
func (t *orderTask) neighbours(given, order []int) int {
	const none, absent = -1, -2
	next := make([]int, len(t.list))
	for i := range next {
		next[i] = absent
	}
	for i, c := range order {
		next[c] = none
		if i+1 < len(order) {
			next[c] = order[i+1]
		}
	}
	right := 0
	for i, c := range given {
		follower := none
		if i+1 < len(given) {
			follower = given[i+1]
		}
		if next[c] == follower {
			right++
		}
	}
	return right
}

// longestRun is the length of the longest subsequence of given whose members
// stand in the right order. ends[k] is the least place at which a run of k+1 can
// end.
func (t *orderTask) longestRun(given, order []int) int {
	place := make([]int, len(t.list))
	for i, c := range order {
		place[c] = i + 1
	}
	var ends []int
	for _, c := range given {
		if place[c] == 0 {
			continue
		}
		k, _ := slices.BinarySearch(ends, place[c])
		if k == len(ends) {
			ends = append(ends, place[c])
		} else {
			ends[k] = place[c]
		}
	}
	return len(ends)
}

// show gives the choices in an order that is not right, if there is one.
func (t *orderTask) show(v *PartView, d draw) {
	t.choiceList.show(v, t.disorder(d), d)
}

// maxShuffles is how often an order is drawn until it is not right.
const maxShuffles = 20

func (t *orderTask) disorder(d draw) []int {
	order, loose := t.positions()
	random := d.sequence(t.part)
	for range maxShuffles {
		random.Shuffle(order, loose)
		if !t.right(order) {
			return order
		}
	}
	// Nearly every order is right. One of those that follow is not, unless all are.
	for range t.orders {
		advance(order, loose)
		if !t.right(order) {
			break
		}
	}
	return order
}

// advance makes the next permutation of the elements of list at these positions
// in lexical order; the first follows the last.
func advance(list, positions []int) {
	last := len(positions) - 1
	i := last
	for i > 0 && list[positions[i-1]] >= list[positions[i]] {
		i--
	}
	if i > 0 {
		j := last
		for list[positions[j]] <= list[positions[i-1]] {
			j--
		}
		list[positions[i-1]], list[positions[j]] = list[positions[j]], list[positions[i-1]]
	}
	for j := last; i < j; i, j = i+1, j-1 {
		list[positions[i]], list[positions[j]] = list[positions[j]], list[positions[i]]
	}
}

func (t *orderTask) right(order []int) bool {
	return slices.ContainsFunc(t.orders, func(right []int) bool { return slices.Equal(right, order) })
}

func (t *orderTask) answers(draw) []Answer {
	var answers []Answer
	for _, order := range t.orders {
		answers = append(answers, Answer{Order: t.ids(order), Credit: whole})
	}
	return answers
}

func (t *orderTask) ids(order []int) []string {
	ids := make([]string, 0, len(order))
	for _, i := range order {
		ids = append(ids, t.list[i].id)
	}
	return ids
}

func (t *orderTask) full(draw) (PartResponse, bool) {
	if len(t.orders) == 0 {
		return PartResponse{}, false
	}
	return PartResponse{Choices: t.ids(t.orders[0])}, true
}
