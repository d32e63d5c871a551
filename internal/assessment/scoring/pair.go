package scoring

import (
	"cmp"
	"fmt"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// target is what choices are put to.
type target struct {
	id     string
	html   markup
	label  string
	area   *area
	maxUse int // 0: any number of choices
	fixed  bool
}

// pair are the positions of a choice and of a target; in an association part, of
// two choices, the first of the list first.
type pair [2]int

// pairKey is a pair that the key speaks of.
type pairKey struct {
	pair
	credit   Score
	feedback markup
}

// pairTask is a part whose response is pairs.
type pairTask struct {
	choiceList
	targets        []target
	targetIndex    map[string]int
	shuffleTargets bool
	association    bool // the other half of a pair is a choice too
	rule           event.PartialCredit
	keys           []pairKey
	keyIndex       map[pair]int
	right          int // how many pairs the right set has
	most           int
}

func parsePairTask(p *part, def event.PartV1, s *scope) (task, error) {
	t := &pairTask{rule: def.Credit, association: def.Kind == event.Association, shuffleTargets: def.ShuffleTargets, most: p.most}
	var err error
	if t.choiceList, err = parseChoices(def, s); err != nil {
		return nil, err
	}
	for i := range t.list {
		if t.list[i].maxUse == 0 && def.Kind != event.Matching {
			t.list[i].maxUse = 1
		}
	}
	if !t.association {
		if err := t.setTargets(def, s); err != nil {
			return nil, err
		}
	}
	return t, t.setKeys(def.Pairs, s)
}

func (t *pairTask) setTargets(def event.PartV1, s *scope) error {
	if err := checkCount("targets", len(def.Targets), 1, maxChoices); err != nil {
		return err
	}
	t.targetIndex = make(map[string]int, len(def.Targets))
	for i, d := range def.Targets {
		got, err := parseTarget(def.Kind, d, s)
		if err != nil {
			return fmt.Errorf("targets%s.%w", at(i), err)
		}
		_, taken := t.targetIndex[got.id]
		if taken || t.has(got.id) {
			return fmt.Errorf("targets%s.target_id: %s is used twice", at(i), quote(got.id))
		}
		t.targetIndex[got.id] = i
		t.targets = append(t.targets, got)
	}
	return nil
}

func parseTarget(kind event.PartKind, def event.TargetV1, s *scope) (target, error) {
	t := target{id: def.TargetID, label: def.Label, maxUse: def.MaxUse, fixed: def.Fixed}
	var err error
	t.html, err = parseMarkup("html", def.HTML, s.names)
	if err := cmp.Or(checkID("target_id", def.TargetID), err, checkText("label", def.Label, 0, maxTitleBytes), checkCount("max_use", def.MaxUse, 0, maxPairs)); err != nil {
		return t, err
	}
	if t.maxUse == 0 && kind != event.Matching {
		t.maxUse = 1
	}
	if inImage := kind == event.ImageGapMatch; inImage != (def.Area != nil) {
		if inImage {
			return t, fmt.Errorf("area: a target of an %s part has one", kind)
		}
		return t, fmt.Errorf("area: a target of a %s part has none", kind)
	}
	if def.Area != nil {
		a, err := s.parseArea("area", *def.Area)
		t.area = &a
		return t, err
	}
	return t, nil
}

func (t *pairTask) setKeys(defs []event.PairKeyV1, s *scope) error {
	if err := checkCount("pairs", len(defs), 0, maxPairs); err != nil {
		return err
	}
	t.keyIndex = make(map[pair]int, len(defs))
	for i, d := range defs {
		key, err := t.parseKey(d, s)
		if err != nil {
			return fmt.Errorf("pairs%s.%w", at(i), err)
		}
		if _, taken := t.keyIndex[key.pair]; taken {
			return fmt.Errorf("pairs%s.choice_id: this pair is listed twice", at(i))
		}
		if key.credit.isWhole() {
			t.right++
		}
		t.keyIndex[key.pair] = len(t.keys)
		t.keys = append(t.keys, key)
	}
	return nil
}

func (t *pairTask) parseKey(def event.PairKeyV1, s *scope) (pairKey, error) {
	var key pairKey
	if !t.has(def.ChoiceID) {
		return key, fmt.Errorf("choice_id: there is no choice %s", quote(def.ChoiceID))
	}
	var ok bool
	if key.pair, ok = t.find(def.ChoiceID, def.TargetID); !ok {
		return key, fmt.Errorf("target_id: there is no %s %s", t.otherHalf(), quote(def.TargetID))
	}
	var err error
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, err
	}
	if t.rule != event.SumOfCredits && !key.credit.IsZero() && !key.credit.isWhole() {
		return key, fmt.Errorf("credit: it is 0 or 1 but under the rule sum, not %s", quote(def.Credit))
	}
	key.feedback, err = parseMarkup("feedback_html", def.FeedbackHTML, s.names)
	return key, err
}

func (t *pairTask) otherHalf() string {
	if t.association {
		return "choice"
	}
	return "target"
}

// find returns the positions of a pair.
func (t *pairTask) find(choiceID, other string) (pair, bool) {
	i, known := t.index[choiceID]
	if !known {
		return pair{}, false
	}
	if t.association {
		j, known := t.index[other]
		return pair{min(i, j), max(i, j)}, known
	}
	j, known := t.targetIndex[other]
	return pair{i, j}, known
}

// check finds pairs that do not exist or are given twice, and what is used too
// often.
func (t *pairTask) check(r PartResponse) *FieldError {
	choiceUses, targetUses := make([]int, len(t.list)), make([]int, len(t.targets))
	given := make([]pair, 0, len(r.Pairs))
	for _, ids := range r.Pairs {
		p, ok := t.find(ids[0], ids[1])
		switch {
		case !ok && !t.has(ids[0]):
			return &FieldError{"pairs", "there is no choice " + quote(ids[0])}
		case !ok:
			return &FieldError{"pairs", "there is no " + t.otherHalf() + " " + quote(ids[1])}
		}
		given = append(given, p)
		choiceUses[p[0]]++
		if t.association {
			choiceUses[p[1]]++
		} else {
			targetUses[p[1]]++
		}
	}
	if repeated, ok := twice(given); ok {
		return &FieldError{"pairs", "the pair of " + quote(t.list[repeated[0]].id) + " is given twice"}
	}
	for i := range t.list {
		if c := &t.list[i]; c.maxUse > 0 && choiceUses[i] > c.maxUse {
			return &FieldError{"pairs", fmt.Sprintf("%s can be used %d times at most", quote(c.id), c.maxUse)}
		}
	}
	for i := range t.targets {
		if g := &t.targets[i]; g.maxUse > 0 && targetUses[i] > g.maxUse {
			return &FieldError{"pairs", fmt.Sprintf("%s takes %d at most", quote(g.id), g.maxUse)}
		}
	}
	return nil
}

// twice finds a pair that occurs more than once.
func twice(pairs []pair) (pair, bool) {
	if len(pairs) <= 16 {
		for i := range pairs {
			for j := range i {
				if pairs[i] == pairs[j] {
					return pairs[i], true
				}
			}
		}
		return pair{}, false
	}
	seen := make(map[pair]bool, len(pairs))
	for _, p := range pairs {
		if seen[p] {
			return p, true
		}
		seen[p] = true
	}
	return pair{}, false
}

func (t *pairTask) judge(r PartResponse, _ draw) verdict {
	given := make([]bool, len(t.keys))
	wrong := len(r.Pairs)
	for _, ids := range r.Pairs {
		p, _ := t.find(ids[0], ids[1])
		if i, listed := t.keyIndex[p]; listed {
			given[i] = true
		}
	}
	var v verdict
	var sum addition
	right := 0
	for i := range t.keys { // in the order of the key: that of the response says nothing
		if !given[i] {
			continue
		}
		key := &t.keys[i]
		v.say(&key.feedback)
		sum.add(key.credit)
		if key.credit.isWhole() {
			right++
			wrong--
		}
	}
	if t.rule == event.SumOfCredits {
		v.credit, v.how = sum.total, "The credits of the pairs add up: "+sum.how()+"."
	} else {
		v.credit, v.how = t.compare(right, wrong)
	}
	return v
}

// compare gives the credit of a set of pairs by the part's rule.
func (t *pairTask) compare(right, wrong int) (Score, string) {
	if t.rule != event.EveryPair {
		if right == t.right && wrong == 0 {
			return whole, "Exactly the right pairs, which earns full credit."
		}
		return Score{}, fmt.Sprintf("All or nothing: %d of %d right pairs and %d wrong ones, which earns no credit.", right, t.right, wrong)
	}
	if t.right == 0 {
		return Score{}, "No pair is right, which earns no credit."
	}
	credit := ratio(right, t.right)
	if right+wrong <= t.right {
		return credit, fmt.Sprintf("Every pair counts: %d of %d are right, which earns %s.", right, t.right, worth(credit))
	}
	// Giving every pair there is must not earn full credit.
	places := t.places()
	credit = credit.Sub(ratio(wrong, 1).over(places))
	return credit, fmt.Sprintf("Every pair counts: %d of %d are right; more pairs were given than are right, so the %d wrong ones take %d/%s, which earns %s.",
		right, t.right, wrong, wrong, places, worth(credit))
}

// places is how many targets there are; in an association part every two choices
// make one.
func (t *pairTask) places() Score {
	if t.association {
		return ratio(len(t.list), 2)
	}
	return ratio(len(t.targets), 1)
}

func (t *pairTask) show(v *PartView, d draw) {
	t.choiceList.show(v, t.order(d), d)
	for _, i := range t.targetOrder(d) {
		g := &t.targets[i]
		shown := TargetView{TargetID: g.id, HTML: g.html.render(d), Label: g.label, MaxUse: g.maxUse}
		if g.area != nil {
			shown.Area = g.area.view()
		}
		v.Targets = append(v.Targets, shown)
	}
}

// targetOrder is the permutation in which the targets are shown.
func (t *pairTask) targetOrder(d draw) []int {
	order := make([]int, len(t.targets))
	var loose []int
	for i := range t.targets {
		order[i] = i
		if !t.targets[i].fixed {
			loose = append(loose, i)
		}
	}
	if t.shuffleTargets {
		d.sequence(t.part, "targets").Shuffle(order, loose)
	}
	return order
}

func (t *pairTask) answers(draw) []Answer {
	var answers []Answer
	for i := range t.keys {
		ids := t.ids(t.keys[i].pair)
		answers = append(answers, Answer{ChoiceID: ids[0], TargetID: ids[1], Credit: t.keys[i].credit})
	}
	return answers
}

func (t *pairTask) ids(p pair) [2]string {
	if t.association {
		return [2]string{t.list[p[0]].id, t.list[p[1]].id}
	}
	return [2]string{t.list[p[0]].id, t.targets[p[1]].id}
}

// full gives the pairs with credit, the greatest first as far as they are allowed
// together.
func (t *pairTask) full(draw) (PartResponse, bool) {
	credits := make([]Score, len(t.keys))
	for i := range t.keys {
		credits[i] = t.keys[i].credit
	}
	var r PartResponse
	for _, i := range byCredit(bestOf(credits, 0), credits) {
		longer := PartResponse{Pairs: append(r.Pairs[:len(r.Pairs):len(r.Pairs)], t.ids(t.keys[i].pair))}
		if (t.most == 0 || len(longer.Pairs) <= t.most) && t.check(longer) == nil {
			r = longer
		}
	}
	return r, len(r.Pairs) > 0
}
