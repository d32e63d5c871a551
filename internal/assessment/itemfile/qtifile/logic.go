package qtifile

import (
	"math/big"
	"slices"
	"strings"
)

// What response processing computes is looked at as a sum over the responses:
// each adds points that depend on nothing but itself. Where that can be shown,
// native keys can say the same. See keys.go for how, and program.go for all else.

// scoreOutcome is the outcome that is the score.
const scoreOutcome = "SCORE"

// sum is a score: a number and what responses add to it.
type sum struct {
	constant *big.Rat
	terms    []term
}

// term is what one response adds.
type term struct {
	response string
	factor   *big.Rat
	way      way
	// guarded says that no response adds nothing, whatever the mapping says.
	guarded bool
	arms    []arm // of a chain; the first whose condition holds counts
}

// way is how a response earns.
type way int

const (
	byMapping way = iota
	byArea
	byChain
)

// arm is a branch: points under a condition. A nil condition is "else".
type arm struct {
	when   *node
	points *big.Rat
}

// message is how an outcome that shows feedback gets its value.
type message struct {
	response string // whose identifiers are its values, or nothing
	arms     []messageArm
	unknown  bool // by something else
}

type messageArm struct {
	when  *node
	value string
}

// processing is the walk over the rules.
type processing struct {
	it       *item
	outcomes map[string]*sum // numeric ones; nil: not known
	messages map[string]*message
	// floor is the least that the score is held at, once its last rule has said so.
	floor *big.Rat
}

// template is the name of the standard template that the response processing is,
// or "".
func (it *item) template() string {
	rp := it.root.child("qti-response-processing")
	if rp == nil || len(rp.elements()) > 0 {
		return ""
	}
	return templateName(rp.get("template"))
}

// templateName is the name of a template by the end of its address.
func templateName(uri string) string {
	uri = strings.TrimSpace(uri)
	if i := strings.LastIndexAny(uri, `/\`); i >= 0 {
		uri = uri[i+1:]
	}
	return strings.TrimSuffix(strings.ToLower(uri), ".xml")
}

// processed reports whether anything scores the item.
func (it *item) processed() bool {
	rp := it.root.child("qti-response-processing")
	return rp != nil && (len(rp.elements()) > 0 || rp.get("template") != "")
}

// scored reports whether the response processing asks for a response.
func (it *item) scored(response string) bool {
	rp := it.root.child("qti-response-processing")
	if rp == nil {
		return false
	}
	if it.template() != "" {
		return response == "RESPONSE" || len(it.responses.order) == 1
	}
	return rp.holds(func(n *node) bool { return n.get("identifier") == response && !n.is("qti-set-outcome-value") })
}

// analyse looks at the response processing. It returns nil if the score is not
// known to be such a sum.
func (it *item) analyse() (*sum, map[string]*message) {
	it.floor = nil
	p := &processing{it: it, outcomes: map[string]*sum{}, messages: map[string]*message{}}
	for _, d := range it.outcomes.order {
		if d.cardinality != "single" || d.base != "float" && d.base != "integer" {
			continue
		}
		start := &sum{constant: new(big.Rat)}
		if len(d.values) == 1 {
			if r, ok := rational(d.values[0]); ok {
				start.constant = r
			}
		}
		p.outcomes[d.id] = start
	}
	if p.outcomes[scoreOutcome] == nil {
		p.outcomes[scoreOutcome] = &sum{constant: new(big.Rat)}
	}
	switch it.template() {
	case "":
		if rp := it.root.child("qti-response-processing"); rp != nil {
			p.rules(rp)
		}
	case "match_correct":
		p.byTemplate(func(d *declaration) term { return correctTerm(d.id) })
	case "map_response":
		p.byTemplate(func(d *declaration) term {
			return term{response: d.id, factor: one(), way: byMapping, guarded: true}
		})
	case "map_response_point":
		p.byTemplate(func(d *declaration) term { return term{response: d.id, factor: one(), way: byArea, guarded: true} })
	default:
		return nil, p.messages
	}
	it.floor = p.floor
	return p.outcomes[scoreOutcome], p.messages
}

func one() *big.Rat { return big.NewRat(1, 1) }

// correctTerm is a point for the correct response.
func correctTerm(id string) term {
	variable := func(name string) *node {
		return &node{name: name, attrs: []attr{{name: "identifier", value: id}}}
	}
	match := &node{name: "qti-match", kids: []*node{variable("qti-variable"), variable("qti-correct")}}
	return term{response: id, factor: one(), way: byChain, arms: []arm{{match, one()}}}
}

// byTemplate is about the response RESPONSE, or the only one that there is.
func (p *processing) byTemplate(termOf func(*declaration) term) {
	d := p.it.responses.get("RESPONSE")
	if d == nil && len(p.it.responses.order) == 1 {
		d = p.it.responses.order[0]
		p.it.info(d.node, "response "+quote(d.id), "the standard template of the item is about RESPONSE; as there is no other, it is taken to be about this one")
	}
	score := &sum{constant: new(big.Rat)}
	if d != nil {
		score.terms = []term{termOf(d)}
	}
	p.outcomes[scoreOutcome] = score
}

func (p *processing) rules(n *node) {
	for _, r := range n.elements() {
		switch r.name {
		case "qti-set-outcome-value":
			p.set(r)
		case "qti-response-condition":
			p.condition(r)
		case "qti-response-processing-fragment":
			p.rules(r)
		default:
			p.forgetAll()
		}
	}
}

// forgetAll gives up on everything: a rule that is not understood may set it.
func (p *processing) forgetAll() {
	for id := range p.outcomes {
		p.outcomes[id] = nil
	}
	for _, d := range p.it.outcomes.order {
		p.messages[d.id] = &message{unknown: true}
	}
	p.outcomes[scoreOutcome] = nil
}

// set is an unconditional assignment.
func (p *processing) set(r *node) {
	id, value := r.get("identifier"), firstElement(r)
	if id == scoreOutcome && p.floor != nil {
		p.forgetAll()
		return
	}
	if _, numeric := p.outcomes[id]; numeric {
		p.outcomes[id] = p.number(value)
		return
	}
	if p.messages[id] != nil {
		p.messages[id] = &message{unknown: true}
		return
	}
	if response := p.responseAlone(value); response != "" {
		p.messages[id] = &message{response: response}
		return
	}
	p.messages[id] = &message{unknown: true}
}

func firstElement(n *node) *node {
	for _, k := range n.kids {
		if k.name != "" {
			return k
		}
	}
	return nil
}

// responseAlone is the response whose value an expression is: the variable, or a
// container with nothing else in it.
func (p *processing) responseAlone(n *node) string {
	for n != nil && n.is("qti-multiple", "qti-ordered") && len(n.elements()) == 1 {
		n = firstElement(n)
	}
	if n != nil && n.is("qti-variable") && p.it.responses.get(n.get("identifier")) != nil {
		return n.get("identifier")
	}
	return ""
}

// number is the value of a numeric expression, nil if it is not such a sum.
func (p *processing) number(n *node) *sum {
	if n == nil {
		return nil
	}
	switch n.name {
	case "qti-base-value":
		if r, ok := rational(n.content()); ok {
			return &sum{constant: r}
		}
	case "qti-variable":
		if s := p.outcomes[n.get("identifier")]; s != nil {
			return s
		}
	case "qti-map-response":
		return &sum{constant: new(big.Rat), terms: []term{{response: n.get("identifier"), factor: one(), way: byMapping}}}
	case "qti-map-response-point":
		return &sum{constant: new(big.Rat), terms: []term{{response: n.get("identifier"), factor: one(), way: byArea}}}
	case "qti-sum":
		total := &sum{constant: new(big.Rat)}
		for _, k := range n.elements() {
			if total = total.plus(p.number(k), one()); total == nil {
				return nil
			}
		}
		return total
	case "qti-product":
		return p.product(n)
	case "qti-divide":
		return p.quotient(n)
	case "qti-integer-to-float":
		return p.number(firstElement(n))
	}
	return nil
}

func (p *processing) product(n *node) *sum {
	factor := one()
	var rest *sum
	for _, k := range n.elements() {
		s := p.number(k)
		switch {
		case s == nil:
			return nil
		case len(s.terms) == 0:
			factor.Mul(factor, s.constant)
		case rest != nil:
			return nil
		default:
			rest = s
		}
	}
	if rest == nil {
		return &sum{constant: factor}
	}
	return (&sum{constant: new(big.Rat)}).plus(rest, factor)
}

func (p *processing) quotient(n *node) *sum {
	k := n.elements()
	if len(k) != 2 {
		return nil
	}
	a, b := p.number(k[0]), p.number(k[1])
	if a == nil || b == nil || len(b.terms) > 0 || b.constant.Sign() == 0 {
		return nil
	}
	return (&sum{constant: new(big.Rat)}).plus(a, new(big.Rat).Inv(b.constant))
}

// plus is s + factor * t.
func (s *sum) plus(t *sum, factor *big.Rat) *sum {
	if s == nil || t == nil {
		return nil
	}
	out := &sum{constant: new(big.Rat).Add(s.constant, new(big.Rat).Mul(t.constant, factor)), terms: slices.Clone(s.terms)}
	for _, x := range t.terms {
		x.factor = new(big.Rat).Mul(x.factor, factor)
		out.terms = append(out.terms, x)
	}
	return out
}

// branch is an arm of a condition with its assignments; a nil condition is else.
type branch struct {
	when *node
	sets map[string]*node
}

// branches are those of a response condition. An else with nothing but another
// condition in it goes on the chain. It returns false for what is more involved.
func branches(n *node) ([]branch, bool) {
	var out []branch
	for _, k := range n.elements() {
		b := branch{sets: map[string]*node{}}
		rules := k.elements()
		switch k.name {
		case "qti-response-if", "qti-response-else-if":
			if len(rules) == 0 {
				return nil, false
			}
			b.when, rules = rules[0], rules[1:]
		case "qti-response-else":
			if len(rules) == 1 && rules[0].is("qti-response-condition") {
				more, ok := branches(rules[0])
				return append(out, more...), ok
			}
		default:
			return nil, false
		}
		for _, r := range rules {
			if !r.is("qti-set-outcome-value") || b.sets[r.get("identifier")] != nil || firstElement(r) == nil {
				return nil, false
			}
			b.sets[r.get("identifier")] = firstElement(r)
		}
		out = append(out, b)
	}
	return out, true
}

// condition is a conditional assignment.
func (p *processing) condition(n *node) {
	bs, ok := branches(n)
	targets := assigned(n)
	switch floor := floorOf(bs); {
	case ok && floor != nil && p.floor == nil:
		p.floor = floor
		return
	case p.floor != nil && slices.Contains(targets, scoreOutcome):
		p.forgetAll()
		return
	case ok && p.threshold(bs):
		return
	}
	if !ok {
		if n.holds(func(d *node) bool {
			return strings.HasPrefix(d.name, "qti-exit") || d.is("qti-lookup-outcome-value", "include")
		}) {
			p.forgetAll()
		}
		p.forget(targets)
		return
	}
	response, only := p.concerns(bs)
	if !only || response == "" {
		p.forget(targets)
		return
	}
	for _, id := range targets {
		if before, numeric := p.outcomes[id]; numeric {
			p.outcomes[id] = p.chain(id, before, response, bs)
		} else {
			p.messages[id] = p.messageChain(id, response, bs)
		}
	}
}

// floorOf is the number, not above zero, that a rule holds the score at from below,
// or nil.
func floorOf(bs []branch) *big.Rat {
	if len(bs) != 1 || bs[0].when == nil || len(bs[0].sets) != 1 || bs[0].sets[scoreOutcome] == nil {
		return nil
	}
	c, to := bs[0].when, bs[0].sets[scoreOutcome]
	kids := c.elements()
	if !c.is("qti-lt", "qti-lte") || len(kids) != 2 || !kids[0].is("qti-variable") || kids[0].get("identifier") != scoreOutcome ||
		!kids[1].is("qti-base-value") || !to.is("qti-base-value") {
		return nil
	}
	a, okA := rational(kids[1].content())
	b, okB := rational(to.content())
	if !okA || !okB || a.Cmp(b) != 0 || a.Sign() > 0 {
		return nil
	}
	return a
}

// threshold takes a rule by which an outcome that is reached counts in full, and
// one that is not counts as nothing. It returns false if the rule is another.
func (p *processing) threshold(bs []branch) bool {
	if len(bs) != 2 || bs[0].when == nil || bs[1].when != nil || len(bs[0].sets) != 1 || len(bs[1].sets) != 1 {
		return false
	}
	c := bs[0].when
	kids := c.elements()
	if !c.is("qti-gte", "qti-gt") || len(kids) != 2 || !kids[0].is("qti-variable") {
		return false
	}
	id := kids[0].get("identifier")
	before, full, none := p.outcomes[id], bs[0].sets[id], bs[1].sets[id]
	if before == nil || full == nil || none == nil || before.constant.Sign() != 0 || len(before.terms) != 1 || before.terms[0].way != byChain {
		return false
	}
	mark, okMark := rational(kids[1].content())
	most, okMost := rational(full.content())
	least, okLeast := rational(none.content())
	if !okMark || !okMost || !okLeast || least.Sign() != 0 || mark.Sign() <= 0 || !kids[1].is("qti-base-value") || !full.is("qti-base-value") || !none.is("qti-base-value") {
		return false
	}
	t := before.terms[0]
	t.arms = slices.Clone(t.arms)
	for i := range t.arms {
		points := new(big.Rat).Mul(t.arms[i].points, t.factor)
		reached := points.Cmp(mark) > 0 || points.Cmp(mark) == 0 && c.is("qti-gte")
		t.arms[i].points = new(big.Rat)
		if reached {
			t.arms[i].points = most
		}
	}
	t.factor = one()
	p.outcomes[id] = &sum{constant: new(big.Rat), terms: []term{t}}
	return true
}

// assigned are the outcomes that a rule may set.
func assigned(n *node) []string {
	var ids []string
	n.walk(func(d *node) bool {
		if id := d.get("identifier"); d.is("qti-set-outcome-value", "qti-lookup-outcome-value") && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return true
	})
	return ids
}

func (p *processing) forget(ids []string) {
	for _, id := range ids {
		if _, numeric := p.outcomes[id]; numeric {
			p.outcomes[id] = nil
		} else {
			p.messages[id] = &message{unknown: true}
		}
	}
}

// concerns is the one response that all conditions ask for. It returns false if
// they ask for several, or for anything else.
func (p *processing) concerns(bs []branch) (response string, only bool) {
	only = true
	for _, b := range bs {
		if b.when == nil {
			continue
		}
		b.when.walk(func(d *node) bool {
			id := d.get("identifier")
			switch {
			case d.is("qti-base-value", "qti-null"), d.name == "", id == "" && !strings.HasPrefix(d.name, "qti-random") && !d.is("qti-custom-operator", "qti-statistics"):
			case p.it.responses.get(id) == nil || response != "" && response != id:
				only = false
			default:
				response = id
			}
			return only
		})
	}
	return response, only
}

// chain is an outcome after a condition about one response.
func (p *processing) chain(id string, before *sum, response string, bs []branch) *sum {
	if before == nil {
		return nil
	}
	if s := p.guard(id, before, response, bs); s != nil {
		return s
	}
	t := term{response: response, factor: one(), way: byChain}
	for _, b := range bs {
		points := new(big.Rat)
		if value := b.sets[id]; value != nil {
			after := p.number(value)
			if after == nil {
				return nil
			}
			if points = after.minus(before); points == nil {
				return nil
			}
		}
		t.arms = append(t.arms, arm{b.when, points})
	}
	return before.plus(&sum{constant: new(big.Rat), terms: []term{t}}, one())
}

// minus is the number that s is more than t, nil if it is no number.
func (s *sum) minus(t *sum) *big.Rat {
	if len(s.terms) != len(t.terms) {
		return nil
	}
	for i := range s.terms {
		a, b := &s.terms[i], &t.terms[i]
		if a.response != b.response || a.way != b.way || a.factor.Cmp(b.factor) != 0 || a.way == byChain && !sameArms(a.arms, b.arms) {
			return nil
		}
	}
	return new(big.Rat).Sub(s.constant, t.constant)
}

func sameArms(a, b []arm) bool {
	return slices.EqualFunc(a, b, func(x, y arm) bool { return x.when == y.when && x.points.Cmp(y.points) == 0 })
}

// guard recognises that a mapping is asked only where there is a response.
func (p *processing) guard(id string, before *sum, response string, bs []branch) *sum {
	if len(bs) == 0 || len(bs) > 2 || len(before.terms) > 0 {
		return nil
	}
	null, full := bs[0], branch{}
	if len(bs) == 2 {
		full = bs[1]
	}
	if asksNull(negated(null.when), response) { // if there is a response
		null, full = full, null
		if null.when != nil {
			return nil
		}
	} else if !asksNull(null.when, response) || full.when != nil {
		return nil
	}
	if value := null.sets[id]; value != nil {
		if none := p.number(value); none == nil || len(none.terms) > 0 || none.constant.Cmp(before.constant) != 0 {
			return nil
		}
	}
	value := full.sets[id]
	if value == nil {
		return nil
	}
	s := p.number(value)
	if s == nil || len(s.terms) != 1 || s.terms[0].response != response || s.terms[0].way == byChain || s.constant.Cmp(before.constant) != 0 {
		return nil
	}
	out := s.plus(&sum{constant: new(big.Rat)}, one())
	out.terms[0].guarded = true
	return out
}

func asksNull(n *node, response string) bool {
	return n != nil && n.is("qti-is-null") && len(n.elements()) == 1 && firstElement(n).is("qti-variable") && firstElement(n).get("identifier") == response
}

func negated(n *node) *node {
	if n != nil && n.is("qti-not") {
		return firstElement(n)
	}
	return nil
}

// messageChain is an outcome for feedback after a condition about one response.
func (p *processing) messageChain(id, response string, bs []branch) *message {
	if p.messages[id] != nil {
		return &message{unknown: true}
	}
	m := &message{response: response}
	for _, b := range bs {
		value := b.sets[id]
		a := messageArm{when: b.when}
		switch {
		case value == nil:
		case value.is("qti-base-value"):
			a.value = strings.TrimSpace(value.content())
		default:
			return &message{unknown: true}
		}
		m.arms = append(m.arms, a)
	}
	return m
}

// value is what the condition of an arm is compared with: a response to the only
// variable, "" for none.
type candidate struct {
	response string
	values   []string
	correct  []string
}

// truth is three-valued, as QTI's conditions are.
type truth int

const (
	no truth = iota
	yes
	unsaid // NULL
)

// holds evaluates a condition about identifiers. It returns false where it does
// not know how.
func (c candidate) holds(n *node) (truth, bool) {
	if n == nil {
		return yes, true
	}
	kids := n.elements()
	switch n.name {
	case "qti-not":
		if len(kids) != 1 {
			return no, false
		}
		v, ok := c.holds(kids[0])
		return [...]truth{no: yes, yes: no, unsaid: unsaid}[v], ok
	case "qti-and", "qti-or":
		return c.junction(n.is("qti-and"), kids)
	case "qti-is-null":
		values, ok := c.operand(kids, 0)
		return boolean(len(values) == 0), ok
	case "qti-match", "qti-member", "qti-contains":
		if len(kids) != 2 {
			return no, false
		}
		a, okA := c.operand(kids, 0)
		b, okB := c.operand(kids, 1)
		if len(a) == 0 || len(b) == 0 {
			return unsaid, okA && okB
		}
		switch n.name {
		case "qti-member":
			return boolean(len(a) == 1 && slices.Contains(b, a[0])), okA && okB
		case "qti-contains":
			return boolean(!slices.ContainsFunc(b, func(s string) bool { return !slices.Contains(a, s) })), okA && okB
		}
		return boolean(sameSet(a, b)), okA && okB
	}
	return no, false
}

func boolean(b bool) truth {
	if b {
		return yes
	}
	return no
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (c candidate) junction(all bool, kids []*node) (truth, bool) {
	decisive, otherwise := yes, no
	if all {
		decisive, otherwise = no, yes
	}
	result := otherwise
	for _, k := range kids {
		v, ok := c.holds(k)
		switch {
		case !ok:
			return no, false
		case v == decisive:
			return decisive, true
		case v == unsaid:
			result = unsaid
		}
	}
	return result, len(kids) > 0
}

// operand is the value of an expression of identifiers.
func (c candidate) operand(kids []*node, i int) ([]string, bool) {
	if i >= len(kids) {
		return nil, false
	}
	n := kids[i]
	switch n.name {
	case "qti-variable":
		return c.values, n.get("identifier") == c.response
	case "qti-correct":
		return c.correct, n.get("identifier") == c.response
	case "qti-base-value":
		return []string{strings.TrimSpace(n.content())}, n.get("base-type") == "identifier"
	case "qti-multiple":
		var all []string
		for j := range n.elements() {
			v, ok := c.operand(n.elements(), j)
			if !ok {
				return nil, false
			}
			all = append(all, v...)
		}
		return all, true
	case "qti-null":
		return nil, true
	}
	return nil, false
}
