package scoring

import (
	"fmt"
	"maps"
	"slices"
)

// Mark is what a person gives for a part: a level for every criterion of its
// rubric, or a credit as they see fit.
type Mark struct {
	Levels map[string]string `json:"levels,omitempty"` // criterion id -> level id
	// Credit is a share of the part, within its bounds.
	Credit *Score `json:"credit,omitempty"`
}

// Marks are what people give for the parts of a response, by part id.
type Marks map[string]Mark

// CheckMarks refuses marks that do not fit the item: for parts that are not
// marked by people, of levels that do not exist or are missing, credits beyond
// the bounds of the part. The error is a *ResponseError.
func (it *Item) CheckMarks(m Marks) error {
	var faults []FieldError
	for _, id := range slices.Sorted(maps.Keys(m)) {
		i, ok := it.index[id]
		if !ok {
			faults = append(faults, FieldError{printable(id), "there is no such part"})
		} else if fault := it.checkMark(&it.parts[i], m[id]); fault != nil {
			faults = append(faults, FieldError{id + fault.Location, fault.Message})
		}
		if len(faults) == maxFaults {
			break
		}
	}
	if len(faults) > 0 {
		return &ResponseError{faults}
	}
	return nil
}

// checkMark finds the first fault of a mark. Its location begins with a dot or is
// empty.
func (it *Item) checkMark(p *part, m Mark) *FieldError {
	t, ok := p.task.(marked)
	switch {
	case !ok:
		return &FieldError{"", "this part is not marked by people"}
	case it.scoredByProgram():
		return &FieldError{"", "the item is scored by its program"}
	case m.Credit != nil && len(m.Levels) > 0:
		return &FieldError{"", "it has both a credit and levels"}
	case m.Credit != nil:
		if m.Credit.Cmp(p.low) < 0 || m.Credit.Cmp(p.high) > 0 {
			return &FieldError{".credit", fmt.Sprintf("%s is not between %s and %s", m.Credit, p.low, p.high)}
		}
		return nil
	case len(t.marks().criteria) == 0:
		return &FieldError{".credit", "it is missing; the part has no rubric"}
	}
	return t.marks().check(m.Levels)
}

func (r *rubric) check(levels map[string]string) *FieldError {
	for _, id := range slices.Sorted(maps.Keys(levels)) {
		if _, ok := r.index[id]; !ok {
			return &FieldError{".levels", "there is no criterion " + quote(id)}
		}
	}
	for i := range r.criteria {
		c := &r.criteria[i]
		level, ok := levels[c.id]
		if !ok {
			return &FieldError{".levels", "criterion " + quote(c.id) + " is missing"}
		}
		if _, ok := c.levels[level]; !ok {
			return &FieldError{".levels." + c.id, "there is no level " + quote(level)}
		}
	}
	return nil
}

// ScoreMarks scores a response of which people have marked some parts or all.
// Parts without a mark are scored as Score does. So are parts whose mark
// CheckMarks refuses. A part that was not answered can be given a mark, too:
// people may know of an answer on paper.
func (it *Item) ScoreMarks(r Response, seed int64, m Marks) Result {
	if it.scoredByProgram() {
		return it.Score(r, seed)
	}
	d := it.draw(seed)
	return it.total(d, func(p *part) PartResult {
		mark, ok := m[p.id]
		if !ok || it.checkMark(p, mark) != nil {
			return p.score(r[p.id], d)
		}
		return p.mark(r[p.id], mark, d)
	})
}

// mark scores a part by a mark that has been checked.
func (p *part) mark(r PartResponse, m Mark, d draw) PartResult {
	result := PartResult{PartID: p.id, Answered: r.answered(), Max: p.max}
	var v verdict
	if m.Credit != nil {
		v = verdict{credit: *m.Credit, how: "Marked: it earns " + worth(*m.Credit) + "."}
	} else {
		v = p.task.(marked).marks().judge(m.Levels)
		p.bound(&v)
	}
	p.general(&v)
	p.settle(&result, v, d)
	return result
}

// judge adds up the points of the levels.
func (r *rubric) judge(levels map[string]string) verdict {
	points := Score{}
	for i := range r.criteria {
		c := &r.criteria[i]
		points = points.Add(c.levels[levels[c.id]])
	}
	credit := points.over(r.best)
	return verdict{credit: credit, how: fmt.Sprintf("Marked by the rubric: %s of %s points, which earns %s.", points, r.best, worth(credit))}
}
