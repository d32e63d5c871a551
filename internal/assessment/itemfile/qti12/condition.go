package qti12

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
)

// op is what a condition asks.
type op int

const (
	opAll op = iota
	opAny
	opNot
	opEqual     // varequal
	opContains  // varsubstring
	opLess      // varlt, and the other three
	opLessEqual // varlte
	opGreater
	opGreaterEqual
	opSequence   // the responses to an ordered response, in their order
	opSubset     // varsubset
	opInside     // varinside
	opOther      // other
	opUnanswered // unanswered
	opNever      // what is not known
)

// condition is a condition of the list.
type condition struct {
	op    op
	kids  []*condition
	on    *response
	value string
	// number is the value if it is a numeral.
	number *big.Rat
	exact  bool // capitals matter
	index  int  // of an ordered response, from 1; 0: anywhere
	values []string
	shape  string
}

// parseConditions reads what must hold together: a conditionvar or an "and".
func (q *question) parseConditions(n *xmlstream.Node) *condition {
	all := &condition{op: opAll}
	alternatives := map[*response]*condition{}
	for k := range n.Elements() {
		c := q.parseCondition(k)
		if c == nil {
			continue
		}
		if c.op != opEqual || c.index > 0 {
			all.kids = append(all.kids, c)
			continue
		}
		// Several values for one response: see the package's documentation.
		switch group := alternatives[c.on]; {
		case c.on.multiple:
			all.kids = append(all.kids, c)
		case group == nil:
			group = &condition{op: opAny, kids: []*condition{c}}
			if c.on.ordered {
				group.op, group.on = opSequence, c.on
			}
			alternatives[c.on] = group
			all.kids = append(all.kids, group)
		default:
			group.kids = append(group.kids, c)
		}
	}
	for _, group := range alternatives {
		if group.op == opSequence {
			for _, c := range group.kids {
				group.values = append(group.values, c.value)
			}
			group.kids = nil
			if len(group.values) == 1 {
				group.op, group.value = opEqual, group.values[0]
			}
		}
	}
	return all
}

func (q *question) parseCondition(n *xmlstream.Node) *condition {
	q.conditions++
	switch n.Name {
	case "and":
		return q.parseConditions(n)
	case "or":
		either := &condition{op: opAny}
		for k := range n.Elements() {
			if c := q.parseCondition(k); c != nil {
				either.kids = append(either.kids, c)
			}
		}
		return either
	case "not":
		return &condition{op: opNot, kids: []*condition{q.parseConditions(n)}}
	case "other":
		return &condition{op: opOther}
	case "unanswered":
		return q.parseComparison(n, opUnanswered)
	case "varequal":
		return q.parseComparison(n, opEqual)
	case "varsubstring":
		return q.parseComparison(n, opContains)
	case "varlt":
		return q.parseComparison(n, opLess)
	case "varlte":
		return q.parseComparison(n, opLessEqual)
	case "vargt":
		return q.parseComparison(n, opGreater)
	case "vargte":
		return q.parseComparison(n, opGreaterEqual)
	case "varsubset":
		c := q.parseComparison(n, opSubset)
		c.exact = !strings.EqualFold(n.Get("setmatch"), "partial")
		for v := range strings.FieldsFuncSeq(c.value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			c.values = append(c.values, v)
		}
		return c
	case "varinside":
		c := q.parseComparison(n, opInside)
		c.shape = strings.ToLower(n.Get("areatype"))
		return c
	case "qticomment":
		return nil
	}
	q.unknown("condition " + n.Name)
	return &condition{op: opNever}
}

func (q *question) parseComparison(n *xmlstream.Node, what op) *condition {
	c := &condition{op: what, value: n.Content(), exact: yes(n.Get("case"))}
	c.number = parseNumber(c.value)
	c.index, _ = strconv.Atoi(n.Get("index"))
	ident := n.Get("respident")
	for _, r := range q.shown.responses {
		if r.ident == ident {
			c.on = r
		}
	}
	if c.on == nil && ident == "" && len(q.shown.responses) == 1 {
		c.on = q.shown.responses[0]
	}
	if c.on == nil {
		if what == opUnanswered && ident == "" {
			return &condition{op: opNever}
		}
		q.unknown("condition on the response " + quote(ident) + ", which does not exist")
		return &condition{op: opNever}
	}
	return c
}

// parseNumber reads a decimal or scientific numeral; nil if it is none.
func parseNumber(s string) *big.Rat {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "+"))
	if s == "" || len(s) > 60 || strings.ContainsAny(s, "/_xXpPbBoOiInN") {
		return nil
	}
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		exponent, err := strconv.Atoi(s[at+1:])
		if err != nil || exponent > 400 || exponent < -400 {
			return nil
		}
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}

// answers are the responses of a learner, by the item's own responses. What is
// not there is not answered.
type answers map[*response]answer

type answer struct {
	ids  []string // chosen, in their order
	text string
}

// holds evaluates a condition. touched says whether an earlier condition has set
// the score, which is what "other" means.
func (c *condition) holds(a answers, touched bool) bool {
	switch c.op {
	case opAll:
		for _, k := range c.kids {
			if !k.holds(a, touched) {
				return false
			}
		}
		return true
	case opAny:
		for _, k := range c.kids {
			if k.holds(a, touched) {
				return true
			}
		}
		return false
	case opNot:
		return !c.kids[0].holds(a, touched)
	case opOther:
		return !touched
	case opNever:
		return false
	}
	given, answered := a[c.on]
	if c.op == opUnanswered {
		return !answered
	}
	return answered && c.compare(given)
}

func (c *condition) compare(a answer) bool {
	if c.on.kind == choiceResponse {
		return c.chosen(a.ids)
	}
	switch c.op {
	case opEqual:
		if c.number != nil && c.on.render != nil && c.on.numeric() {
			n := parseNumber(a.text)
			return n != nil && n.Cmp(c.number) == 0
		}
		if c.exact {
			return a.text == c.value
		}
		return strings.EqualFold(a.text, c.value)
	case opContains:
		if c.exact {
			return strings.Contains(a.text, c.value)
		}
		return strings.Contains(strings.ToLower(a.text), strings.ToLower(c.value))
	case opLess, opLessEqual, opGreater, opGreaterEqual:
		n := parseNumber(a.text)
		if n == nil || c.number == nil {
			return false
		}
		d := n.Cmp(c.number)
		return c.op == opLess && d < 0 || c.op == opLessEqual && d <= 0 || c.op == opGreater && d > 0 || c.op == opGreaterEqual && d >= 0
	}
	return false
}

func (c *condition) chosen(ids []string) bool {
	switch c.op {
	case opEqual:
		if c.index > 0 {
			return c.index <= len(ids) && ids[c.index-1] == c.value
		}
		return has(ids, c.value)
	case opSequence:
		if len(ids) != len(c.values) {
			return false
		}
		for i := range ids {
			if ids[i] != c.values[i] {
				return false
			}
		}
		return true
	case opSubset:
		if c.exact && len(ids) != len(c.values) {
			return false
		}
		for _, id := range ids {
			if !has(c.values, id) {
				return false
			}
		}
		return len(ids) > 0
	}
	return false
}

func has(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// isOther reports whether it is nothing but "other".
func (c *condition) isOther() bool {
	return c.op == opOther || (c.op == opAll || c.op == opAny) && len(c.kids) == 1 && c.kids[0].isOther()
}

// asks reports whether it asks a question of that kind anywhere.
func (c *condition) asks(what op) bool {
	found := false
	c.walk(func(c *condition, _ bool) { found = found || c.op == what })
	return found
}

// walk calls f for the condition and all below it. negated says whether an odd
// number of negations is above.
func (c *condition) walk(f func(c *condition, negated bool)) { c.visit(f, false) }

func (c *condition) visit(f func(*condition, bool), negated bool) {
	f(c, negated)
	if c.op == opNot {
		negated = !negated
	}
	for _, k := range c.kids {
		k.visit(f, negated)
	}
}

// concerns are the responses that it asks about, in no order, each once.
func (c *condition) concerns() []*response {
	var on []*response
	c.walk(func(c *condition, _ bool) {
		if c.on == nil {
			return
		}
		for _, r := range on {
			if r == c.on {
				return
			}
		}
		on = append(on, c.on)
	})
	return on
}
