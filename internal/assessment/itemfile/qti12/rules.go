package qti12

import (
	"math/big"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
)

// assignment is a setvar of the score.
type assignment struct {
	action string // "set", "add", "subtract", "multiply", "divide"
	value  *big.Rat
}

// rule is a respcondition.
type rule struct {
	when     *condition
	set      []assignment
	feedback []string // identifiers
	stops    bool     // nothing after it is looked at when it holds
}

// ruleList is the list of conditions of an item.
type ruleList struct {
	rules    []rule
	start    *big.Rat
	least    *big.Rat // nil: none is declared
	most     *big.Rat
	variable string
}

// scores reports whether anything sets the score.
func (s *ruleList) scores() bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool { return len(r.set) > 0 })
}

// readScoring reads the response processing of an item.
func (q *question) readScoring(item *xmlstream.Node) *ruleList {
	s := &ruleList{start: new(big.Rat)}
	declared := map[string]*xmlstream.Node{}
	var names []string
	for processing := range item.Elements("resprocessing") {
		for v := range processing.All("decvar") {
			name := strings.ToLower(v.Get("varname"))
			if name == "" {
				name = "score" // the default of the specification
			}
			declared[name] = v
			names = append(names, name)
		}
	}
	s.variable = scoreVariable(item, names)
	if v := declared[s.variable]; v != nil {
		s.least, s.most = parseNumber(v.Get("minvalue")), parseNumber(v.Get("maxvalue"))
		if start := parseNumber(v.Get("defaultval")); start != nil {
			s.start = start
		}
	} else if len(names) > 0 {
		// What is declared is called otherwise; its bounds are meant all the same.
		s.least, s.most = parseNumber(declared[names[0]].Get("minvalue")), parseNumber(declared[names[0]].Get("maxvalue"))
	}
	for processing := range item.Elements("resprocessing") {
		for k := range processing.Elements() {
			switch k.Name {
			case "respcondition":
				s.rules = append(s.rules, q.readRule(k, s))
			case "outcomes", "qticomment":
			default:
				q.lose(simplified, "element "+k.Name, "it is no part of the scoring that is read")
			}
		}
	}
	return s
}

// scoreVariable is the name, in lower case, of the variable that is the score:
// the one that is set; of several the one with the best name.
func scoreVariable(item *xmlstream.Node, declared []string) string {
	var set []string
	for processing := range item.Elements("resprocessing") {
		for v := range processing.All("setvar") {
			if name := variableOf(v); !slices.Contains(set, name) {
				set = append(set, name)
			}
		}
	}
	for _, good := range []func(string) bool{
		func(s string) bool { return s == "score" || s == "que_score" },
		func(s string) bool { return strings.Contains(s, "correct") && !strings.Contains(s, "incorrect") },
		func(s string) bool { return strings.Contains(s, "score") },
		func(s string) bool { return slices.Contains(declared, s) },
		func(string) bool { return true },
	} {
		if i := slices.IndexFunc(set, good); i >= 0 {
			return set[i]
		}
	}
	if len(declared) > 0 {
		return declared[0]
	}
	return "score"
}

func variableOf(setvar *xmlstream.Node) string {
	name := setvar.Get("varname")
	if name == "" {
		name = setvar.Get("variablename") // Blackboard
	}
	if name == "" {
		name = "score"
	}
	return strings.ToLower(name)
}

func (q *question) readRule(n *xmlstream.Node, s *ruleList) rule {
	r := rule{when: &condition{op: opAll}}
	for k := range n.Elements() {
		switch k.Name {
		case "conditionvar":
			r.when = q.parseConditions(k)
		case "setvar":
			if variableOf(k) != s.variable {
				q.lose(simplified, "variable "+quote(k.Get("varname")), "only the score of a question is kept")
				continue
			}
			if a, ok := q.readAssignment(k, s); ok {
				r.set = append(r.set, a)
			}
		case "displayfeedback":
			if id := k.Get("linkrefid"); id != "" {
				r.feedback = append(r.feedback, id)
			}
		case "qticomment":
		case "respcond_extension":
			q.lose(simplified, "element respcond_extension", "it belongs to the program that wrote the file")
		default:
			q.lose(simplified, "element "+k.Name, "it is no part of the scoring that is read")
		}
	}
	switch c := n.Get("continue"); {
	case c == "":
		// The specification says No. Exporters that leave it out mean it only where
		// the score is set, not where it is added to.
		r.stops = slices.ContainsFunc(r.set, func(a assignment) bool { return a.action == "set" && a.value.Sign() != 0 })
	default:
		r.stops = !yes(c)
	}
	return r
}

func (q *question) readAssignment(n *xmlstream.Node, s *ruleList) (assignment, bool) {
	a := assignment{action: strings.ToLower(n.Get("action"))}
	if a.action == "" {
		a.action = "set"
	}
	switch a.action {
	case "set", "add", "subtract", "multiply", "divide":
	default:
		q.unknown("action " + quote(a.action))
		return a, false
	}
	value := n.Content()
	switch strings.ToLower(value) {
	case "score.max":
		a.value = s.most
		if a.value == nil {
			a.value = big.NewRat(1, 1)
		}
	case "score.min":
		a.value = s.least
		if a.value == nil {
			a.value = new(big.Rat)
		}
	default:
		a.value = parseNumber(strings.ReplaceAll(value, ",", "."))
	}
	if a.value == nil || a.action == "divide" && a.value.Sign() == 0 {
		q.unknown("score " + quote(value))
		return a, false
	}
	return a, true
}

// run runs the list. The score is not held within its bounds.
func (s *ruleList) run(a answers) (score *big.Rat, feedback []string) {
	score = new(big.Rat).Set(s.start)
	touched := false
	for i := range s.rules {
		r := &s.rules[i]
		if !r.when.holds(a, touched) {
			continue
		}
		for _, set := range r.set {
			set.apply(score)
		}
		touched = touched || len(r.set) > 0 && !r.when.isOther()
		for _, id := range r.feedback {
			if !has(feedback, id) {
				feedback = append(feedback, id)
			}
		}
		if r.stops {
			break
		}
	}
	return score, feedback
}

func (a assignment) apply(score *big.Rat) {
	switch a.action {
	case "set":
		score.Set(a.value)
	case "add":
		score.Add(score, a.value)
	case "subtract":
		score.Sub(score, a.value)
	case "multiply":
		score.Mul(score, a.value)
	case "divide":
		score.Quo(score, a.value)
	}
	if score.Num().BitLen()+score.Denom().BitLen() > 10_000 {
		score.SetInt64(0) // nobody means it
	}
}

// bounded is the score within the declared bounds.
func (s *ruleList) bounded(score *big.Rat) *big.Rat {
	if s.least != nil && score.Cmp(s.least) < 0 {
		return s.least
	}
	if s.most != nil && score.Cmp(s.most) > 0 {
		return s.most
	}
	return score
}
