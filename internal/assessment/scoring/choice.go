package scoring

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// choice is one option of a part.
type choice struct {
	id         string
	html       markup
	credit     Score // in sets: positive means that it belongs to the right set
	fixed      bool
	feedback   markup
	unselected markup // feedback when it was not chosen
	area       *area
	image      *image
	maxUse     int // in pairs
}

// choiceList are the options of a part.
type choiceList struct {
	part    string
	list    []choice
	index   map[string]int // choice id -> position in list
	shuffle bool
}

func parseChoices(def event.PartV1, s *scope) (choiceList, error) {
	cs := choiceList{part: def.PartID, shuffle: def.Shuffle, index: make(map[string]int, len(def.Choices))}
	if err := checkCount("choices", len(def.Choices), 1, maxChoices); err != nil {
		return cs, err
	}
	for i, d := range def.Choices {
		c, err := parseChoice(def, d, s)
		if err != nil {
			return cs, fmt.Errorf("choices%s.%w", at(i), err)
		}
		if _, taken := cs.index[c.id]; taken {
			return cs, fmt.Errorf("choices%s.choice_id: %s is used twice", at(i), quote(c.id))
		}
		cs.index[c.id] = i
		cs.list = append(cs.list, c)
	}
	return cs, nil
}

func parseChoice(part event.PartV1, def event.ChoiceV1, s *scope) (choice, error) {
	c := choice{id: def.ChoiceID, fixed: def.Fixed, maxUse: def.MaxUse}
	var errs [3]error
	c.html, errs[0] = parseMarkup("html", def.HTML, s.names)
	c.feedback, errs[1] = parseMarkup("feedback_html", def.FeedbackHTML, s.names)
	c.unselected, errs[2] = parseMarkup("unselected_feedback_html", def.UnselectedFeedbackHTML, s.names)
	if err := cmp.Or(checkID("choice_id", def.ChoiceID), errs[0], errs[1], errs[2], checkCount("max_use", def.MaxUse, 0, maxPairs)); err != nil {
		return c, err
	}
	if err := c.setPicture(part, def, s); err != nil {
		return c, err
	}
	return c, c.setCredit(part, def, s)
}

// setPicture takes the area of the part's image that the choice is, and the image
// of what is put on one.
func (c *choice) setPicture(part event.PartV1, def event.ChoiceV1, s *scope) error {
	kind := part.Kind
	onImage := part.Image != nil && kind != event.ImageGapMatch
	switch {
	case onImage && def.Area == nil:
		return fmt.Errorf("area: a choice of this %s part has one", kind)
	case !onImage && def.Area != nil:
		return fmt.Errorf("area: a choice of this %s part has none", kind)
	case def.Area != nil:
		a, err := s.parseArea("area", *def.Area)
		if err != nil {
			return err
		}
		c.area = &a
	}
	if def.Image == nil {
		return nil
	}
	if kind != event.ImageGapMatch {
		return fmt.Errorf("image: a choice of a %s part has none; put it into html", kind)
	}
	im, err := parseImage("image", def.Image, false)
	c.image = &im
	return err
}

func (c *choice) setCredit(part event.PartV1, def event.ChoiceV1, s *scope) error {
	byChoice := keyByChoice(part.Kind)
	if !c.unselected.empty() && (!byChoice || takesOne(part.Kind)) {
		return fmt.Errorf("unselected_feedback_html: a %s part has none", part.Kind)
	}
	if def.Credit == "" && (!byChoice || s.programmed) {
		return nil
	}
	var err error
	if c.credit, err = parseCredit(def.Credit); err != nil {
		return err
	}
	flag := c.credit.IsZero() || c.credit.isWhole()
	switch {
	case !byChoice && !c.credit.IsZero():
		return fmt.Errorf("credit: the choices of a %s part have none", part.Kind)
	case byChoice && !takesOne(part.Kind) && part.Credit != event.SumOfCredits && !flag:
		return fmt.Errorf("credit: in %s it is 0 or 1, not %s", part.Kind, quote(def.Credit))
	}
	return nil
}

// keyByChoice reports whether the credits of choices are the key.
func keyByChoice(k event.PartKind) bool {
	switch k {
	case event.SingleChoice, event.Dropdown, event.TrueFalse, event.MultipleChoice, event.HotText, event.Hotspot:
		return true
	}
	return false
}

// takesOne reports whether one choice is the response.
func takesOne(k event.PartKind) bool {
	return k == event.SingleChoice || k == event.Dropdown || k == event.TrueFalse
}

// check finds what is wrong with a list of choices.
func (cs *choiceList) check(ids []string) *FieldError {
	if len(ids) > len(cs.list) {
		return &FieldError{"choices", "there are more than the part has"}
	}
	var few [64]bool
	seen := few[:]
	if len(cs.list) > len(few) {
		seen = make([]bool, len(cs.list))
	}
	for _, id := range ids {
		i, ok := cs.index[id]
		if !ok {
			return &FieldError{"choices", "there is no choice " + quote(id)}
		}
		if seen[i] {
			return &FieldError{"choices", quote(id) + " is named twice"}
		}
		seen[i] = true
	}
	return nil
}

// show adds the choices in the order of the draw.
func (cs *choiceList) show(v *PartView, order []int, d draw) {
	v.Choices = make([]ChoiceView, 0, len(cs.list))
	for _, i := range order {
		c := &cs.list[i]
		shown := ChoiceView{ChoiceID: c.id, HTML: c.html.render(d), MaxUse: c.maxUse}
		if c.area != nil {
			shown.Area = c.area.view()
		}
		if c.image != nil {
			shown.Image = c.image.view()
		}
		v.Choices = append(v.Choices, shown)
	}
}

// order is the permutation in which the choices are shown.
func (cs *choiceList) order(d draw) []int {
	order, loose := cs.positions()
	if cs.shuffle {
		d.sequence(cs.part).Shuffle(order, loose)
	}
	return order
}

// positions are those of all choices, and of those that may move.
func (cs *choiceList) positions() (all, loose []int) {
	all = make([]int, len(cs.list))
	for i := range cs.list {
		all[i] = i
		if !cs.list[i].fixed {
			loose = append(loose, i)
		}
	}
	return all, loose
}

// choiceTask is a part whose response is a choice or a set of them.
type choiceTask struct {
	choiceList
	one       bool
	most      int
	rule      event.PartialCredit
	compounds map[string]*markup // choiceSet -> feedback
}

func parseChoiceTask(p *part, def event.PartV1, s *scope) (task, error) {
	t := &choiceTask{one: takesOne(def.Kind), most: p.most, rule: def.Credit}
	var err error
	if t.choiceList, err = parseChoices(def, s); err != nil {
		return nil, err
	}
	if def.Kind == event.TrueFalse && (len(t.list) != 2 || !t.has("true") || !t.has("false")) {
		return nil, fmt.Errorf(`choices: those of a true_false part are "true" and "false"`)
	}
	return t, t.setCompounds(def.Compounds, s)
}

func (cs *choiceList) has(id string) bool {
	_, ok := cs.index[id]
	return ok
}

// setCompounds takes the feedback for particular sets of choices.
func (t *choiceTask) setCompounds(defs []event.CompoundFeedbackV1, s *scope) error {
	if err := checkCount("compounds", len(defs), 0, maxKeys); err != nil {
		return err
	}
	t.compounds = make(map[string]*markup, len(defs))
	for i, d := range defs {
		place := "compounds" + at(i)
		feedback, err := parseMarkup(place+".feedback_html", d.FeedbackHTML, s.names)
		if err != nil {
			return err
		}
		if err := checkCount(place+".choice_ids", len(d.ChoiceIDs), 1, len(t.list)); err != nil {
			return err
		}
		for _, id := range d.ChoiceIDs {
			if !t.has(id) {
				return fmt.Errorf("%s.choice_ids: there is no choice %s", place, quote(id))
			}
		}
		set := choiceSet(d.ChoiceIDs)
		if _, taken := t.compounds[set]; taken {
			return fmt.Errorf("%s.choice_ids: this set has feedback already", place)
		}
		t.compounds[set] = &feedback
	}
	return nil
}

// choiceSet names a set of choices regardless of order and repetition. Ids hold
// no spaces.
func choiceSet(ids []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	return strings.Join(sorted, " ")
}

func (t *choiceTask) check(r PartResponse) *FieldError { return t.choiceList.check(r.Choices) }

func (t *choiceTask) judge(r PartResponse, _ draw) verdict {
	if t.one {
		c := &t.list[t.index[r.Choices[0]]]
		v := verdict{credit: c.credit, how: "The chosen option earns " + worth(c.credit) + "."}
		v.say(&c.feedback)
		return v
	}
	var few [64]bool
	picked := few[:]
	if len(t.list) > len(few) {
		picked = make([]bool, len(t.list))
	}
	for _, id := range r.Choices {
		picked[t.index[id]] = true
	}
	var v verdict
	if t.rule == event.SumOfCredits {
		v.credit, v.how = t.sum(picked)
	} else {
		v.credit, v.how = t.compare(picked)
	}
	t.addFeedback(&v, r.Choices, picked)
	return v
}

// sum adds the credits of the chosen options.
func (t *choiceTask) sum(picked []bool) (Score, string) {
	var sum addition
	for i := range t.list {
		if picked[i] {
			sum.add(t.list[i].credit)
		}
	}
	return sum.total, "The credits of the chosen options add up: " + sum.how() + "."
}

// compare gives the credit of a set of choices by the part's rule.
func (t *choiceTask) compare(picked []bool) (credit Score, how string) {
	total, wrong := len(t.list), 0
	for i := range t.list {
		if picked[i] == t.list[i].credit.IsZero() {
			wrong++
		}
	}
	right := total - wrong
	switch t.rule {
	case event.EveryChoice:
		credit = ratio(right, total)
		how = fmt.Sprintf("Every choice counts: %d of %d are right, which earns %s.", right, total, worth(credit))
	case event.Halves:
		credit = halves(wrong, total)
		how = fmt.Sprintf("Each error halves the credit: %d of %d choices are wrong, which earns %s.", wrong, total, worth(credit))
	default:
		if wrong == 0 {
			return whole, "Exactly the right choices, which earns full credit."
		}
		how = fmt.Sprintf("All or nothing: %d of %d choices are right, which earns no credit.", right, total)
	}
	return credit, how
}

// halves is edX's rule of the same name.
func halves(wrong, total int) Score {
	switch {
	case wrong == 0:
		return whole
	case wrong == 1 && total >= 3:
		return ratio(1, 2)
	case wrong == 2 && total >= 5:
		return ratio(1, 4)
	}
	return Score{}
}

// addFeedback adds the feedback for a set of choices: that of exactly this set if
// there is any, else that of each choice, chosen or left, in the part's order.
func (t *choiceTask) addFeedback(v *verdict, chosen []string, picked []bool) {
	if len(t.compounds) > 0 {
		if m, ok := t.compounds[choiceSet(chosen)]; ok {
			v.say(m)
			return
		}
	}
	for i := range t.list {
		if picked[i] {
			v.say(&t.list[i].feedback)
		} else {
			v.say(&t.list[i].unselected)
		}
	}
}

func (t *choiceTask) show(v *PartView, d draw) {
	t.choiceList.show(v, t.order(d), d)
}

func (t *choiceTask) answers(draw) []Answer {
	var answers []Answer
	for i := range t.list {
		answers = append(answers, Answer{ChoiceID: t.list[i].id, Credit: t.list[i].credit})
	}
	return answers
}

func (t *choiceTask) full(draw) (PartResponse, bool) {
	if t.one {
		best := slices.MaxFunc(t.list, func(a, b choice) int { return a.credit.Cmp(b.credit) })
		return PartResponse{Choices: []string{best.id}}, true
	}
	var r PartResponse
	credits := make([]Score, len(t.list))
	for i := range t.list {
		credits[i] = t.list[i].credit
	}
	for _, i := range bestOf(credits, t.most) {
		r.Choices = append(r.Choices, t.list[i].id)
	}
	return r, len(r.Choices) > 0
}

// bestOf are the positions of the positive credits in their order, the greatest
// of them if there are more than most; most 0 is all.
func bestOf(credits []Score, most int) []int {
	var good []int
	for i := range credits {
		if credits[i].Sign() > 0 {
			good = append(good, i)
		}
	}
	if most > 0 && len(good) > most {
		good = byCredit(good, credits)[:most]
		slices.Sort(good)
	}
	return good
}

// byCredit sorts positions, the greatest credit first.
func byCredit(positions []int, credits []Score) []int {
	slices.SortStableFunc(positions, func(a, b int) int { return credits[b].Cmp(credits[a]) })
	return positions
}
