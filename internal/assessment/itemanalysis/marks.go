package itemanalysis

import (
	"errors"
	"fmt"
	"math"
)

// Limits of an analysis.
const (
	MaxLearners = 200_000
	MaxItems    = 500
	MaxOptions  = 64        // of an item
	MaxMark     = 1_000_000 // the largest maximum of an item
)

// Item is a column of the marks.
type Item struct {
	ID    string
	Label string // for people; the ID when empty
	// Max is the item's maximum in the exam, in marks: its intended weight. An
	// item of 0 marks is left out of everything that compares it with others.
	Max float64
	// Options are what could be chosen, for the distractor table. None: no table.
	Options []Option
	// Chance is the share of Max that blind guessing earns. 0 is "not known":
	// then it is 1/len(Options) where one option is the key.
	Chance float64
}

// Option is an answer that could be chosen.
type Option struct {
	ID    string
	Label string // for people; the ID when empty
	Key   bool   // it is right
}

// State says whether there is a mark.
type State uint8

// The states of a mark.
const (
	Scored   State = iota // there is a mark
	Omitted               // the learner was given the item and left it blank
	NotGiven              // the learner was not given the item
)

// Mark is what one learner got for one item.
type Mark struct {
	Score  float64 // at most the item's maximum; below zero only for penalties
	State  State
	Chosen []string // IDs of the chosen options, where the item has options
}

// Marks are the marks of an exam: a row for each learner (or attempt), a column
// for each item. They are built up by Add and then only read.
type Marks struct {
	items    []Item
	learners []string
	scores   []*column[float64] // see omittedMark, notGivenMark
	chosen   []*column[uint64]  // sets of options as bits; nil without options
	options  []map[string]int   // ID of an option to its bit
}

// Scores that stand for a mark that is not there. No real mark is infinite.
var (
	omittedMark  = math.Inf(-1)
	notGivenMark = math.Inf(1)
)

// New makes an empty table of marks for the items.
func New(items []Item) (*Marks, error) {
	if len(items) > MaxItems {
		return nil, fmt.Errorf("there are %d items; an analysis takes %d", len(items), MaxItems)
	}
	m := &Marks{}
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if seen[it.ID] {
			return nil, fmt.Errorf("item %q is there twice", it.ID)
		}
		seen[it.ID] = true
		if err := m.addItem(it); err != nil {
			return nil, fmt.Errorf("item %q: %w", it.ID, err)
		}
	}
	return m, nil
}

func (m *Marks) addItem(it Item) error {
	if !(it.Max >= 0 && it.Max <= MaxMark) { // so that NaN is refused
		return fmt.Errorf("its maximum is %v; it must lie between 0 and %d", it.Max, MaxMark)
	}
	if !(it.Chance >= 0 && it.Chance < 1) {
		return fmt.Errorf("its chance score is %v; it is a share of the maximum, at least 0 and less than 1", it.Chance)
	}
	bits, err := optionBits(it.Options)
	if err != nil {
		return err
	}
	if it.Label == "" {
		it.Label = it.ID
	}
	it.Options = labelled(it.Options)
	m.items = append(m.items, it)
	m.options = append(m.options, bits)
	m.scores = append(m.scores, newColumn[float64]())
	var chosen *column[uint64]
	if len(it.Options) > 0 {
		chosen = newColumn[uint64]()
	}
	m.chosen = append(m.chosen, chosen)
	return nil
}

func optionBits(options []Option) (map[string]int, error) {
	if len(options) > MaxOptions {
		return nil, fmt.Errorf("it has %d options; a distractor table takes %d", len(options), MaxOptions)
	}
	bits := make(map[string]int, len(options))
	for i, o := range options {
		if _, twice := bits[o.ID]; twice {
			return nil, fmt.Errorf("option %q is there twice", o.ID)
		}
		bits[o.ID] = i
	}
	return bits, nil
}

func labelled(options []Option) []Option {
	named := make([]Option, len(options))
	for i, o := range options {
		if o.Label == "" {
			o.Label = o.ID
		}
		named[i] = o
	}
	return named
}

// Items are the items, in their order.
func (m *Marks) Items() []Item { return m.items }

// Learners is the number of learners.
func (m *Marks) Learners() int { return len(m.learners) }

// Add adds a learner with a mark for each item. Of a row that is refused
// nothing is kept.
func (m *Marks) Add(learner string, row []Mark) error {
	if len(m.learners) >= MaxLearners {
		return fmt.Errorf("there are more than %d learners", MaxLearners)
	}
	if len(row) != len(m.items) {
		return fmt.Errorf("learner %q has %d marks for %d items", learner, len(row), len(m.items))
	}
	sets := make([]uint64, len(row))
	for j, mark := range row {
		set, err := m.check(j, mark)
		if err != nil {
			return fmt.Errorf("learner %q, item %q: %w", learner, m.items[j].ID, err)
		}
		sets[j] = set
	}
	m.learners = append(m.learners, learner)
	for j, mark := range row {
		m.scores[j].add(mark.stored())
		if m.chosen[j] != nil {
			m.chosen[j].add(sets[j])
		}
	}
	return nil
}

// check says what is wrong with a mark, and which options it chose.
func (m *Marks) check(j int, mark Mark) (set uint64, err error) {
	switch mark.State {
	case Omitted, NotGiven:
		if len(mark.Chosen) > 0 {
			return 0, errors.New("there is no mark, but options were chosen")
		}
		return 0, nil
	case Scored:
	default:
		return 0, fmt.Errorf("state %d is not known", mark.State)
	}
	limit := m.items[j].Max
	if !(math.Abs(mark.Score) <= MaxMark) {
		return 0, fmt.Errorf("the mark is %v; it must lie between %d and %d", mark.Score, -MaxMark, MaxMark)
	}
	if mark.Score > limit+limit*roundingSlack {
		return 0, fmt.Errorf("the mark is %v, more than the maximum %v", mark.Score, limit)
	}
	for _, id := range mark.Chosen {
		bit, known := m.options[j][id]
		if !known {
			return 0, fmt.Errorf("option %q is not one of the item's", id)
		}
		set |= 1 << bit
	}
	return set, nil
}

// roundingSlack is the share by which a mark may exceed its maximum: a maximum of 1
// in three parts of 0.3333333333.
const roundingSlack = 1e-9

func (mark Mark) stored() float64 {
	switch mark.State {
	case Omitted:
		return omittedMark
	case NotGiven:
		return notGivenMark
	}
	return mark.Score + 0 // -0 is 0
}

// table is what an analysis works on: the learners that count, and their totals.
type table struct {
	*Marks
	rows   []int     // of the learners that count
	totals []float64 // their totals, in marks
	notAll int       // how many of them were not given every item
}

// tableOf picks the learners who count: those with a mark, and under
// OmittedDropsLearner without a blank.
func (m *Marks) tableOf(rule OmittedRule) *table {
	t := &table{Marks: m}
	state := m.rowStates()
	for i := range m.learners {
		s := state[i]
		if !s.given || (rule == OmittedDropsLearner && s.omitted) {
			continue
		}
		t.rows = append(t.rows, i)
		t.totals = append(t.totals, rounded(s.total))
		if s.partial {
			t.notAll++
		}
	}
	return t
}

type rowState struct {
	given   bool // some item was given
	omitted bool // some item was left blank
	partial bool // some item was not given
	total   float64
}

// rowStates goes item by item, so that a column is read in one go and totals
// are sums in the order of the items.
func (m *Marks) rowStates() []rowState {
	states := make([]rowState, len(m.learners))
	for j := range m.items {
		for i := range states {
			switch score := m.scores[j].at(i); score {
			case notGivenMark:
				states[i].partial = true
			case omittedMark:
				states[i].given, states[i].omitted = true, true
			default:
				states[i].given = true
				states[i].total += score
			}
		}
	}
	return states
}

// rounded takes the last bits off a sum of marks, so that 0.1+0.2 ties with 0.3.
func rounded(sum float64) float64 { return math.Round(sum*1e9) / 1e9 }
