package itemanalysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// paper is an exam of one item to look at, and nine sound ones that make the rest.
type paper struct {
	item  Item
	marks func(rank, learners int) Mark // by place in the order of ability, from 0, the weakest
	n     int
}

func (p paper) analyse(t *testing.T) ItemStats {
	t.Helper()
	items := []Item{p.item}
	for j := range 9 {
		items = append(items, Item{ID: fmt.Sprint("sound ", j), Max: 1})
	}
	m := newMarks(t, items)
	for i := range p.n {
		row := []Mark{p.marks(i, p.n)}
		for j := range 9 {
			// Item j is right for the ablest (j+1)/10, but for one learner in seven.
			able := float64(i) >= float64(p.n)*float64(9-j)/10
			if (i+j)%7 == 0 {
				able = !able
			}
			row = append(row, Mark{Score: map[bool]float64{true: 1}[able]})
		}
		add(t, m, fmt.Sprint(i), row)
	}
	return analyse(t, m, Options{}).Items[0]
}

func chosen(option string, key bool) Mark {
	m := Mark{Chosen: []string{option}}
	if key {
		m.Score = 1
	}
	return m
}

var fourOptions = []Option{{ID: "A", Key: true}, {ID: "B"}, {ID: "C"}, {ID: "D"}}

func TestFlags(t *testing.T) {
	t.Parallel()
	choice := Item{ID: "it", Max: 1, Options: fourOptions}
	plain := Item{ID: "it", Max: 1}
	for _, c := range []struct {
		name     string
		paper    paper
		code     FlagCode
		option   string
		sentence string // how it begins
		figures  []string
	}{
		{"the key of another option", paper{choice, func(i, n int) Mark {
			if i > n/2 {
				return chosen("B", false)
			}
			return chosen([]string{"A", "C", "D"}[i%3], i%3 == 0)
		}, 100}, CheckKey, "B", "Good students chose B: check the key.", []string{"point_biserial_rest", "upper_share", "key_upper_share"}},
		{"two right answers", paper{choice, func(i, n int) Mark {
			switch {
			case i > 2*n/5 && i%3 > 0:
				return chosen("A", true)
			case i > 2*n/5:
				return chosen("B", false)
			}
			return chosen([]string{"C", "D"}[i%2], false)
		}, 300}, SecondRightAnswer, "B", "Better students tend to choose B:", []string{"point_biserial_rest"}},
		{"learners who know get it wrong", paper{plain, func(i, n int) Mark {
			return Mark{Score: map[bool]float64{true: 1}[i < n/2]}
		}, 100}, NegativeDiscrimination, "", "Learners who do well in the rest of the test do worse here", []string{"discrimination"}},
		{"no relation with ability", paper{plain, func(i, _ int) Mark {
			return Mark{Score: float64(i % 2)}
		}, 100}, NegativeDiscrimination, "", "Learners who do well in the rest of the test do no better here than others", []string{"discrimination"}},
		{"little relation with ability", paper{plain, func(i, _ int) Mark {
			return Mark{Score: map[bool]float64{true: 1}[i%10 == 3 || i%33 == 32]}
		}, 100}, WeakDiscrimination, "", "The item hardly tells good learners from weak ones", []string{"upper_lower_index"}},
		{"too easy", paper{plain, func(i, _ int) Mark {
			return Mark{Score: map[bool]float64{true: 1}[i > 2]}
		}, 100}, TooEasy, "", "Nearly everybody gets it right (97 % of the marks)", []string{"facility"}},
		{"too hard", paper{plain, func(i, n int) Mark {
			return Mark{Score: map[bool]float64{true: 1}[i > n-4]}
		}, 100}, TooHard, "", "Hardly anybody gets it right (3 % of the marks)", []string{"facility"}},
		{"guessing", paper{choice, func(i, n int) Mark {
			return chosen(fourOptions[i%4].ID, i%4 == 0)
		}, 100}, AtGuessing, "", "Learners do no better than by guessing (25 % of the marks, guessing gives 25 %)", []string{"facility", "chance"}},
		{"a distractor that nobody chooses", paper{choice, func(i, n int) Mark {
			if i > n/3 {
				return chosen("A", true)
			}
			return chosen([]string{"B", "C"}[i%2], false)
		}, 100}, UnusedDistractor, "D", "Nobody chose D:", []string{"n", "share"}},
		{"a distractor that hardly anybody chooses", paper{choice, func(i, n int) Mark {
			switch {
			case i == 0:
				return chosen("D", false)
			case i > n/3:
				return chosen("A", true)
			}
			return chosen([]string{"B", "C"}[i%2], false)
		}, 100}, RareDistractor, "D", "Only 1 learner chose D (1 %):", []string{"n", "share"}},
		{"against the total", paper{Item{ID: "it", Max: 8}, func(i, n int) Mark {
			return Mark{Score: 8 * float64(n-1-i) / float64(n-1) * 0.2}
		}, 100}, NegativeWeight, "", "The item works against the total: it was meant to make up 47 % of the test", []string{"intended_weight"}},
		{"many marks that tell nobody apart", paper{Item{ID: "it", Max: 9}, func(i, _ int) Mark {
			return Mark{Score: 8 + float64(i%2)}
		}, 100}, LowWeight, "", "The item was meant to make up 50 % of the test and makes up", []string{"intended_weight", "effective_weight"}},
		{"left blank", paper{plain, func(i, n int) Mark {
			if i%4 == 0 {
				return Mark{State: Omitted}
			}
			return Mark{Score: map[bool]float64{true: 1}[i > n/2]}
		}, 100}, ManyOmitted, "", "25 of 100 learners left it blank (25 %):", []string{"omits", "given", "share"}},
		{"something else than the rest", paper{plain, func(i, _ int) Mark {
			return Mark{Score: float64(i % 2)}
		}, 100}, LowersAlpha, "", "The test would be more reliable without it (alpha 0.", []string{"alpha", "alpha_if_deleted"}},
	} {
		flags := c.paper.analyse(t).Flags
		at := slices.IndexFunc(flags, func(f Flag) bool { return f.Code == c.code && f.OptionID == c.option })
		if at < 0 {
			t.Errorf("%s: %+v, not %s", c.name, flags, c.code)
			continue
		}
		f := flags[at]
		if !strings.HasPrefix(f.Sentence, c.sentence) || f.Tentative {
			t.Errorf("%s: tentative %v: %q, should begin %q", c.name, f.Tentative, f.Sentence, c.sentence)
		}
		for _, name := range c.figures {
			if _, ok := f.Figures[name]; !ok {
				t.Errorf("%s: %v has no %s", c.name, f.Figures, name)
			}
		}
	}
}

// A good item, with distractors that weak learners choose, is left in peace.
func TestASoundItemHasNoFlags(t *testing.T) {
	t.Parallel()
	it := paper{Item{ID: "it", Max: 1, Options: fourOptions}, func(i, n int) Mark {
		if i > 2*n/5 && i%9 != 0 {
			return chosen("A", true)
		}
		return chosen([]string{"B", "C", "D"}[i%3], false)
	}, 200}.analyse(t)
	if len(it.Flags) > 0 {
		t.Errorf("%+v", it.Flags)
	}
}

// Where nearly everybody finds the key, no distractor can reach 5 %.
func TestDistractorsOfAnEasyItemAreNotBlamed(t *testing.T) {
	t.Parallel()
	it := paper{Item{ID: "it", Max: 1, Options: fourOptions}, func(i, n int) Mark {
		if i >= n/10 {
			return chosen("A", true)
		}
		return chosen([]string{"B", "C", "D"}[i%3], false)
	}, 100}.analyse(t)
	if slices.ContainsFunc(it.Flags, func(f Flag) bool { return f.Code == RareDistractor }) {
		t.Errorf("%+v", it.Flags)
	}
}

// Several right options: that good learners choose one of them more is no fault.
func TestASecondKeyIsNoDistractor(t *testing.T) {
	t.Parallel()
	options := []Option{{ID: "A", Key: true}, {ID: "B", Key: true}, {ID: "C"}}
	it := paper{Item{ID: "it", Max: 1, Options: options}, func(i, n int) Mark {
		if i > n/2 {
			return Mark{Chosen: []string{"A", "B"}, Score: 1}
		}
		return chosen("C", false)
	}, 100}.analyse(t)
	for _, f := range it.Flags {
		if f.Code == CheckKey || f.Code == SecondRightAnswer {
			t.Errorf("%+v", f)
		}
	}
	near(t, "share of B", it.Options[1].Share, 0.49, 1e-12)
}

func TestFewAttemptsMakeFlagsTentative(t *testing.T) {
	t.Parallel()
	r := analyse(t, tableOfMarks(t, []float64{1, 1, 1}, []float64{1, 0, 1}, []float64{0, 0, 1}, []float64{1, 1, 1}), Options{})
	if r.Flags[0].Code != TooFewAttempts || !strings.Contains(r.Flags[0].Sentence, "there are 3, and below 30") {
		t.Errorf("%+v", r.Flags)
	}
	for _, it := range r.Items {
		for _, f := range it.Flags {
			if !f.Tentative {
				t.Errorf("%s: %+v", it.ItemID, f)
			}
		}
	}
}

func TestAnUnreliableTestIsFlagged(t *testing.T) {
	t.Parallel()
	r := analyse(t, lsat(t, lsat6), Options{})
	if len(r.Flags) != 1 || r.Flags[0].Code != UnsatisfactoryTest || !strings.Contains(r.Flags[0].Sentence, "alpha 0.29") {
		t.Errorf("%+v", r.Flags)
	}
	if v := r.Flags[0].Figures["alpha"]; math.Abs(v-0.295) > 0.001 {
		t.Errorf("alpha is %v", v)
	}
}
