package itemanalysis

import "math"

// distractors is the distractor table of an item: a row for each option, and one
// for those who left it blank.
func (t *table) distractors(j int, c cells, groups ranking) []OptionStats {
	item := t.items[j]
	if len(item.Options) == 0 {
		return nil
	}
	rest := make([]float64, len(c.x))
	for i := range rest {
		rest[i] = rounded(c.total[i] - c.x[i])
	}
	chose := make([]float64, len(c.x))
	rows := make([]OptionStats, 0, len(item.Options)+1)
	for bit, option := range item.Options {
		for i, learner := range c.learners {
			chose[i] = float64(t.chosen[j].at(t.rows[learner]) >> bit & 1)
		}
		row := OptionStats{OptionID: option.ID, Label: option.Label, Key: option.Key}
		row.describe(c, groups, chose, rest)
		rows = append(rows, row)
	}
	for i, omitted := range c.omitted {
		chose[i] = 0
		if omitted {
			chose[i] = 1
		}
	}
	blank := OptionStats{Label: "no answer", Omitted: true}
	blank.describe(c, groups, chose, rest)
	return append(rows, blank)
}

// describe sets the figures, chose being 1 for a learner who chose the option
// and 0 for another.
func (o *OptionStats) describe(c cells, groups ranking, chose, rest []float64) {
	total := 0.0
	for i, v := range chose {
		o.N += int(v)
		total += v * c.total[i]
	}
	why := ""
	if c.n == 0 {
		why = nobody
	}
	o.Share = figureUnless(why, float64(o.N)/c.n)
	if o.N == 0 && why == "" {
		why = "nobody chose it"
	}
	o.MeanTotal = figureUnless(why, total/float64(o.N))
	o.PointBiserial = pointBiserial(chose, c.total, sameTotal)
	o.PointBiserialRest = pointBiserial(chose, rest, sameRest)
	o.describeGroups(c, groups, chose)
}

func (o *OptionStats) describeGroups(c cells, groups ranking, chose []float64) {
	upper, lower := c.groupMeans(groups, chose)
	o.UpperShare, o.LowerShare = groupShare(upper), groupShare(lower)
	var chosen, learners [fifths]float64
	for i, learner := range c.learners {
		for f, place := range groups.of(learner).fifth {
			chosen[f] += place * chose[i]
			learners[f] += place
		}
	}
	for f := range o.ByFifth {
		o.ByFifth[f] = groupShare(chosen[f] / learners[f])
	}
}

// groupShare is a share of a group, NaN when the group is empty.
func groupShare(v float64) Figure {
	if math.IsNaN(v) {
		return notComputable("nobody in the group was given the item")
	}
	return figure(v)
}

// pointBiserial is the correlation of having chosen an option with marks.
func pointBiserial(chose, marks []float64, unspread string) Figure {
	s := sumUp(chose, marks)
	why := s.unspread(unspread)
	if why == sameMark {
		why = "everybody chose it"
		if s.meanX == 0 {
			why = "nobody chose it"
		}
	}
	return figureUnless(why, s.correlation())
}
