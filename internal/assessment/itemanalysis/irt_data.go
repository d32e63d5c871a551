package itemanalysis

import (
	"cmp"
	"fmt"
	"slices"
)

// dichotomy is the exam in right and wrong.
type dichotomy struct {
	marks    *Marks
	options  IRTOptions
	items    []int // that the model is about, by their place in the exam
	leftOut  []LeftOutItem
	right    []int // learners who got it right, of every item of the exam
	answered []int // learners whose answer counts
	notes    []string
}

// answer is what the model sees of a mark.
type answer uint8

const (
	missing answer = iota
	wrong
	right
)

// answerOf dichotomises a mark.
func (o IRTOptions) answerOf(score, maximum float64) answer {
	switch {
	case score == notGivenMark || (score == omittedMark && o.Omitted == OmittedIsIgnored):
		return missing
	case score == omittedMark:
		return wrong
	case score >= o.PassShare*maximum*(1-roundingSlack):
		return right
	}
	return wrong
}

func dichotomise(marks *Marks, options IRTOptions) *dichotomy {
	n := len(marks.items)
	d := &dichotomy{marks: marks, options: options, right: make([]int, n), answered: make([]int, n)}
	partial := 0
	for j := range marks.items {
		if d.count(j) {
			partial++
		}
		if why := d.leave(j); why != "" {
			d.leftOut = append(d.leftOut, LeftOutItem{ItemID: marks.items[j].ID, Why: why})
			continue
		}
		d.items = append(d.items, j)
	}
	if partial > 0 {
		d.notes = append(d.notes, fmt.Sprintf("%d of the items have marks between none and full: an answer counts as right from %g of the maximum.", partial, options.PassShare))
	}
	return d
}

// count counts the answers to an item, and reports whether any is partly right.
func (d *dichotomy) count(j int) (partial bool) {
	maximum := d.marks.items[j].Max
	for i := range d.marks.learners {
		score := d.marks.scores[j].at(i)
		switch d.options.answerOf(score, maximum) {
		case right:
			d.right[j]++
			d.answered[j]++
		case wrong:
			d.answered[j]++
		}
		full := score == notGivenMark || score >= maximum*(1-roundingSlack)
		partial = partial || (score > 0 && !full)
	}
	return partial
}

// leave says why an item cannot be in the model, or nothing.
func (d *dichotomy) leave(j int) string {
	switch {
	case d.marks.items[j].Max == 0:
		return noMarks
	case d.answered[j] == 0:
		return "nobody answered it"
	case d.right[j] == d.answered[j]:
		return "everybody got it right: its difficulty is beyond every learner"
	case d.right[j] == 0:
		return "nobody got it right: its difficulty is beyond every learner"
	}
	return ""
}

// unfit says why no model can be fitted, or nothing.
func (d *dichotomy) unfit() string {
	switch {
	case len(d.marks.learners) == 0:
		return noLearners
	case len(d.items) < MinIRTItems:
		return fmt.Sprintf("a two-parameter model needs %d items that some get right and some wrong; there are %d", MinIRTItems, len(d.items))
	}
	return ""
}

// row are the answers of a learner to the items of the model.
func (d *dichotomy) row(i int, into []answer) {
	for place, j := range d.items {
		into[place] = d.options.answerOf(d.marks.scores[j].at(i), d.marks.items[j].Max)
	}
}

// patterns are the distinct response patterns, those of learners who answered
// the same items together. They are sorted, so that nothing depends on the order
// of the learners.
type patterns struct {
	items    int
	learners int // with an answer
	distinct int
	groups   []patternGroup
}

// patternGroup are the patterns over one set of answered items.
type patternGroup struct {
	given []int // places of the answered items
	rows  []pattern
}

type pattern struct {
	right     []uint16 // places of the items answered right
	frequency float64
}

func groupPatterns(d *dichotomy) *patterns {
	counts := map[string]int{}
	row, key := make([]answer, len(d.items)), make([]byte, len(d.items))
	p := &patterns{items: len(d.items)}
	for i := range d.marks.learners {
		d.row(i, row)
		answered := false
		for place, a := range row {
			key[place] = byte(a)
			answered = answered || a != missing
		}
		if answered {
			counts[string(key)]++
			p.learners++
		}
	}
	p.distinct = len(counts)
	p.collect(counts)
	return p
}

// collect sorts patterns by the items they answer, then by the answers.
func (p *patterns) collect(counts map[string]int) {
	type entry struct{ given, key string }
	entries := make([]entry, 0, len(counts))
	given := make([]byte, p.items)
	for key := range counts {
		for place := range given {
			given[place] = min(key[place], byte(wrong))
		}
		entries = append(entries, entry{string(given), key})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.given, a.given), cmp.Compare(a.key, b.key))
	})
	for i, e := range entries {
		if i == 0 || e.given != entries[i-1].given {
			p.groups = append(p.groups, patternGroup{given: placesWith(e.given, byte(wrong))})
		}
		group := &p.groups[len(p.groups)-1]
		row := pattern{frequency: float64(counts[e.key])}
		for _, place := range placesWith(e.key, byte(right)) {
			row.right = append(row.right, uint16(place))
		}
		group.rows = append(group.rows, row)
	}
}

func placesWith(key string, b byte) []int {
	var places []int
	for place := range len(key) {
		if key[place] == b {
			places = append(places, place)
		}
	}
	return places
}

// segment is a stretch of the patterns of one group.
type segment struct {
	group    *patternGroup
	from, to int
}

// split deals the patterns out into at most n lists of about equal length. It
// depends on the patterns alone, not on the number of processors.
func (p *patterns) split(n int) [][]segment {
	size := (p.distinct + n - 1) / n
	lists := [][]segment{nil}
	room := size
	for g := range p.groups {
		group := &p.groups[g]
		for from := 0; from < len(group.rows); {
			if room == 0 {
				lists, room = append(lists, nil), size
			}
			to := min(len(group.rows), from+room)
			last := len(lists) - 1
			lists[last] = append(lists[last], segment{group, from, to})
			room -= to - from
			from = to
		}
	}
	return lists
}
