package qti

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/sequence"
)

// What a sequence is for: drawing and scoring must not see the same numbers.
const (
	forDrawing = 0x647261772d717469
	forScoring = 0x73636f72652d7174
)

// The variables that every item has.
const (
	numAttempts      = "numAttempts"
	duration         = "duration"
	completionStatus = "completionStatus"
	qtiContext       = "QTI_CONTEXT"

	score    = "SCORE"
	maxScore = "MAXSCORE"
)

// Program is the logic of an item. It is immutable and safe for concurrent use.
type Program struct {
	identifier  string
	adaptive    bool
	variables   []*variable
	byName      map[string]*variable
	template    []*rule
	response    []*rule
	standard    string // name of the standard template that response processing is
	unsupported []Unsupported
}

// Parse reads an item of QTI 2.0 to 3.0, with or without its body. Its errors
// say with a line why the source is none; what can only not be run is in
// Unsupported.
func Parse(source string) (*Program, error) {
	root, err := readXML(source)
	if err != nil {
		return nil, err
	}
	if root.name != "assessment-item" {
		return nil, notAn("assessment item", root)
	}
	c := newItemCompiler()
	kinds := map[string]Kind{"response-declaration": ResponseVariable, "outcome-declaration": OutcomeVariable, "template-declaration": TemplateVariable, "context-declaration": ContextVariable}
	for _, n := range root.children {
		if kind, ok := kinds[n.name]; ok {
			c.declare(n, c.parseDeclaration(n, kind))
		}
	}
	p := &Program{identifier: root.attr("identifier"), adaptive: isTrue(root.attr("adaptive"), false)}
	for _, n := range root.children {
		switch n.name {
		case "template-processing":
			c.place = inTemplate
			p.template = append(p.template, c.compileRules(n, 0)...)
		case "response-processing":
			c.place = inResponse
			rules, err := c.responseProcessing(n, p)
			if err != nil {
				return nil, err
			}
			p.response = append(p.response, rules...)
		default:
			if logic[n.name] == 0 && !known[n.name] {
				c.report(n, "", "this element is not known; it is left out")
			}
		}
	}
	p.variables, p.byName, p.unsupported = c.variables, c.byName, c.unsupported
	return p, nil
}

func notAn(what string, root *node) error {
	return fmt.Errorf("line %d: it is the element %s, not an %s", root.line, quote(root.name), what)
}

// known are elements of an item that are not logic and are no loss to it.
var known = map[string]bool{"stimulus-ref": true, "assessment-stimulus-ref": true, "apip-accessibility": true, "accessibility-info": true}

// newItemCompiler starts with the variables that every item has.
func newItemCompiler() *compiler {
	c := &compiler{byName: map[string]*variable{}}
	c.builtIn(numAttempts, ResponseVariable, Single, IntegerType, Integer(1))
	c.builtIn(duration, ResponseVariable, Single, DurationType, Value{})
	c.builtIn(completionStatus, OutcomeVariable, Single, IdentifierType, Identifier("unknown"))
	c.builtIn(qtiContext, ContextVariable, RecordOf, NoType, Value{})
	return c
}

// responseProcessing compiles the rules that are written, or else those of the
// template that is named.
func (c *compiler) responseProcessing(n *node, p *Program) ([]*rule, error) {
	uri := n.attr("template")
	if len(n.children) > 0 || uri == "" {
		return c.compileRules(n, 0), nil
	}
	name := templateName(uri)
	t, ok := standardTemplates[name]
	if !ok {
		c.report(n, uri, "this template of response processing is not known and not fetched; nothing is scored by it")
		return nil, nil
	}
	p.standard = name
	return c.standard(n, t)
}

// Identifier is the item's identifier.
func (p *Program) Identifier() string { return p.identifier }

// Adaptive reports whether the item may be answered again and its outcomes go on
// from attempt to attempt.
func (p *Program) Adaptive() bool { return p.adaptive }

// Unsupported lists what of the program is not run: an expression is then NULL,
// a rule is left out. Where a condition is NULL its branch is not taken, so that
// a program runs as if what it cannot do had not come true.
func (p *Program) Unsupported() []Unsupported { return slices.Clone(p.unsupported) }

// HasResponseProcessing reports whether anything scores the item. If nothing
// does, people must.
func (p *Program) HasResponseProcessing() bool { return len(p.response) > 0 }

// HasTemplateProcessing reports whether the item differs from seed to seed.
func (p *Program) HasTemplateProcessing() bool { return len(p.template) > 0 }

// StandardTemplate is the name of the standard template that scores the item,
// such as "match_correct", or "" if its rules are written out.
func (p *Program) StandardTemplate() string { return p.standard }

// Declaration is what is declared of a variable.
type Declaration struct {
	Identifier  string
	Kind        Kind
	Cardinality Cardinality
	BaseType    BaseType
	Default     Value
	Correct     Value
	Mapped      bool   // it has a mapping or an area mapping
	External    string // who scores an outcome: "human", "externalMachine"
}

// Declarations lists the variables of the item in its order, without those that
// every item has.
func (p *Program) Declarations() []Declaration {
	var list []Declaration
	for _, v := range p.variables {
		if !v.implicit {
			list = append(list, v.declaration())
		}
	}
	return list
}

// Declaration finds a variable by its identifier, also one that every item has
// and an outcome that only a rule brings into being.
func (p *Program) Declaration(identifier string) (Declaration, bool) {
	v := p.byName[identifier]
	if v == nil {
		return Declaration{}, false
	}
	return v.declaration(), true
}

func (v *variable) declaration() Declaration {
	return Declaration{v.identifier, v.kind, v.cardinality, v.base, v.initial, v.correct, v.mapping != nil || v.areas != nil, v.external}
}

// Template is an item as one learner has it: the values of its template
// variables and what follows from them. It is immutable. Only its seed needs to
// be kept.
type Template struct {
	program  *Program
	seed     int64
	values   map[int]Value // of template variables by slot
	corrects map[int]Value
	initials map[int]Value
}

// Draw runs template processing. The same seed gives the same template for ever.
// A template constraint that fails has the variables drawn anew, up to 100 times;
// if none of these holds, the variables have their defaults.
func (p *Program) Draw(seed int64) (Template, error) {
	t := Template{program: p, seed: seed}
	if len(p.template) == 0 && !p.hasKind(TemplateVariable) {
		return t, nil
	}
	m := p.machine(sequence.New(seed, forDrawing))
	for _, v := range p.variables {
		m.values[v.slot] = v.initial
	}
	for attempt := 0; ; attempt++ {
		m.corrects, m.initials = map[int]Value{}, map[int]Value{}
		m.reset(TemplateVariable)
		if attempt == maxRedraws {
			break
		}
		m.redraw, m.events = false, nil
		m.runRules(p.template)
		if m.err != nil {
			return Template{}, fmt.Errorf("template processing: %w", m.err)
		}
		if !m.redraw {
			break
		}
	}
	t.values, t.corrects, t.initials = map[int]Value{}, m.corrects, m.initials
	for _, v := range p.variables {
		if v.kind == TemplateVariable {
			t.values[v.slot] = m.values[v.slot]
		}
	}
	return t, nil
}

func (p *Program) hasKind(kind Kind) bool {
	return slices.ContainsFunc(p.variables, func(v *variable) bool { return v.kind == kind })
}

func (p *Program) machine(random *sequence.Sequence) *machine {
	return &machine{values: make([]Value, len(p.variables)), variables: p.variables, random: random}
}

// Seed is the seed that the template was drawn from.
func (t Template) Seed() int64 { return t.seed }

// Variables are the template variables with their values, in the item's order.
func (t Template) Variables() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if t.program == nil {
			return
		}
		for _, v := range t.program.variables {
			if v.kind == TemplateVariable && !yield(v.identifier, t.values[v.slot]) {
				return
			}
		}
	}
}

// Variable is the value of a template variable, NULL if there is none.
func (t Template) Variable(identifier string) Value {
	if v := t.find(identifier); v != nil {
		return t.values[v.slot]
	}
	return Value{}
}

// Correct is the correct response of a response variable for this learner.
func (t Template) Correct(identifier string) Value {
	v := t.find(identifier)
	if v == nil {
		return Value{}
	}
	if c, ok := t.corrects[v.slot]; ok {
		return c
	}
	return v.correct
}

// Default is the value that a variable has before anything is done.
func (t Template) Default(identifier string) Value {
	v := t.find(identifier)
	if v == nil {
		return Value{}
	}
	if d, ok := t.initials[v.slot]; ok {
		return d
	}
	return v.initial
}

func (t Template) find(identifier string) *variable {
	if t.program == nil {
		return nil
	}
	return t.program.byName[identifier]
}

// Outcomes are the values of the outcome variables after scoring.
type Outcomes struct {
	variables []*variable
	values    []Value
}

// Value is the value of an outcome, NULL if there is none.
func (o Outcomes) Value(identifier string) Value {
	for i, v := range o.variables {
		if v.identifier == identifier {
			return o.values[i]
		}
	}
	return Value{}
}

// Score is the number that the outcome SCORE is; ok is false if it is none.
func (o Outcomes) Score() (n exact.Number, ok bool) { return o.Value(score).Number() }

// All are the outcomes in the item's order.
func (o Outcomes) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i, v := range o.variables {
			if !yield(v.identifier, o.values[i]) {
				return
			}
		}
	}
}

// Score runs response processing on responses by the identifiers of their
// variables. A response variable that responses does not name has its default;
// one that is NULL there has none. "numAttempts" (1), "duration" and
// "QTI_CONTEXT" can be given too; other names are ignored.
//
// The result depends on nothing but the program, the template and the responses.
// An error says that the program runs too long, or that the template is another
// program's.
func (p *Program) Score(t Template, responses map[string]Value) (Outcomes, Trace, error) {
	return p.run(t, Outcomes{}, responses)
}

// ScoreAgain is Score for a further attempt at an adaptive item, whose outcomes
// go on from those of the attempt before. Items that are not adaptive start from
// their defaults every time.
func (p *Program) ScoreAgain(t Template, previous Outcomes, responses map[string]Value) (Outcomes, Trace, error) {
	if !p.adaptive {
		previous = Outcomes{}
	}
	return p.run(t, previous, responses)
}

var errOtherTemplate = errors.New("the template was drawn by another program")

func (p *Program) run(t Template, previous Outcomes, responses map[string]Value) (Outcomes, Trace, error) {
	if t.program == nil {
		var err error
		if t, err = p.Draw(t.seed); err != nil {
			return Outcomes{}, Trace{}, err
		}
	}
	if t.program != p {
		return Outcomes{}, Trace{}, errOtherTemplate
	}
	m := p.machine(sequence.New(t.seed, forScoring))
	m.corrects, m.initials = t.corrects, t.initials
	for _, v := range p.variables {
		m.values[v.slot] = p.startOf(m, v, t, responses)
	}
	for i, v := range previous.variables {
		if own := p.byName[v.identifier]; own != nil && own.kind == OutcomeVariable {
			m.values[own.slot] = previous.values[i]
		}
	}
	m.runRules(p.response)
	trace := Trace{events: m.events, cut: len(m.events) == maxEvents}
	if m.err != nil {
		return Outcomes{}, trace, fmt.Errorf("response processing: %w", m.err)
	}
	if status := p.byName[completionStatus]; !p.adaptive {
		m.values[status.slot] = Identifier("completed")
	}
	return m.outcomes(), trace, nil
}

// startOf is the value of a variable when response processing starts.
func (p *Program) startOf(m *machine, v *variable, t Template, responses map[string]Value) Value {
	switch v.kind {
	case TemplateVariable:
		return t.values[v.slot]
	case ResponseVariable, ContextVariable:
		if value, ok := responses[v.identifier]; ok {
			return conformResponse(v, value)
		}
	}
	return m.initial(v)
}

// conformResponse is a response in the form of its declaration. Several values
// for a variable that should hold one are kept, because some items declare the
// pairs of a gap match so.
func conformResponse(v *variable, value Value) Value {
	if v.cardinality == Single && value.Len() > 1 && v.base.numeric() {
		return Value{}
	}
	return conform(v, value)
}

func (m *machine) outcomes() Outcomes {
	var o Outcomes
	for _, v := range m.variables {
		if v.kind == OutcomeVariable {
			o.variables = append(o.variables, v)
			o.values = append(o.values, m.values[v.slot])
		}
	}
	return o
}

// Response makes a learner's response to a variable of texts: identifiers of
// choices, "A B" for pairs, "10 20" for points, numerals, names of files. For a
// record, as text entry may have, the one text gives its usual fields. No text,
// and empty ones, are NULL. A text that is not of the variable's type is an
// error, whose sentence is for the learner and has no final stop.
func (p *Program) Response(identifier string, texts ...string) (Value, error) {
	v := p.byName[identifier]
	if v == nil || v.kind != ResponseVariable {
		return Value{}, fmt.Errorf("there is no response %s", quote(identifier))
	}
	if v.cardinality == RecordOf {
		return recordOf(strings.Join(texts, " ")), nil
	}
	values := make([]Value, 0, len(texts))
	for _, text := range texts {
		if text == "" {
			continue
		}
		if v.base == StringType || v.base == NoType {
			values = append(values, Text(text)) // as it was typed
			continue
		}
		value, err := parseSingle(v.base, text)
		if err != nil {
			return Value{}, err
		}
		values = append(values, value)
	}
	if len(values) == 1 && v.cardinality == Single {
		return values[0], nil
	}
	if v.cardinality == Ordered {
		return contain(Ordered, values), nil
	}
	return contain(Multiple, values), nil
}

// recordOf is a typed text with the number that it may be, in the fields that the
// specification names for text entry.
func recordOf(text string) Value {
	fields := []Field{{"stringValue", Text(text)}}
	numeral := strings.TrimSpace(text)
	n, err := exact.Parse(numeral)
	if err != nil {
		return Record(fields...)
	}
	fields = append(fields, Field{"floatValue", Float(n)})
	if n.IsInt() {
		fields = append(fields, Field{"integerValue", number(IntegerType, n)})
	}
	mantissa, exponent := strings.TrimLeft(numeral, "+-"), ""
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		mantissa, exponent = mantissa[:i], mantissa[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	significant := strings.TrimLeft(whole+fraction, "0")
	if fraction == "" {
		significant = strings.TrimRight(significant, "0")
	}
	fields = append(fields,
		Field{"leftDigits", Integer(int64(len(whole)))}, Field{"rightDigits", Integer(int64(len(fraction)))},
		Field{"ndp", Integer(int64(len(fraction)))}, Field{"nsf", Integer(int64(len(significant)))})
	if e, err := strconv.Atoi(strings.TrimPrefix(exponent, "+")); err == nil {
		fields = append(fields, Field{"exponent", Integer(int64(e))})
	}
	return Record(fields...)
}
