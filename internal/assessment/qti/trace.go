package qti

import (
	"strings"
)

// Trace is how the outcomes came about: which branches were taken and what was
// set. It is told on demand.
type Trace struct {
	events []event
	cut    bool // there were more
}

// event is something that happened in a run.
type event struct {
	rule   *rule
	branch int // of a condition
	value  Value
	depth  int // how many conditions it stands in
}

// note keeps an event.
func (m *machine) note(e event) {
	if len(m.events) < maxEvents {
		e.depth = m.depth
		m.events = append(m.events, e)
	}
}

const (
	maxLines    = 100
	maxLineText = 400 // bytes
)

// Lines tell what happened, one line for each condition with what it set:
//
//	responseIf: RESPONSE matches the correct response; SCORE := 1
func (t Trace) Lines() []string {
	var lines []string
	inside := -1 // depth of what belongs to the last line
	for i := range t.events {
		e := &t.events[i]
		text, opens := t.describe(e)
		switch {
		case opens:
			lines = append(lines, text)
			inside = e.depth + 1
		case e.depth == inside:
			lines[len(lines)-1] += "; " + text
		default:
			lines = append(lines, text)
			inside = -1
		}
		if len(lines) > maxLines {
			return append(lines[:maxLines], "... and more")
		}
	}
	for i := range lines {
		if len(lines[i]) > maxLineText {
			lines[i] = strings.ToValidUTF8(lines[i][:maxLineText], "") + "..."
		}
	}
	if t.cut {
		lines = append(lines, "... and more")
	}
	return lines
}

// String is the lines with line ends between them.
func (t Trace) String() string { return strings.Join(t.Lines(), "\n") }

// describe tells one event; opens says that what is set next belongs to it.
func (t Trace) describe(e *event) (text string, opens bool) {
	r := e.rule
	switch {
	case strings.HasSuffix(r.name, "-condition"):
		b := &r.branches[e.branch]
		if b.condition == nil {
			return camel(b.name), true
		}
		return camel(b.name) + ": " + tell(b.condition, 0), true
	case r.variable == nil:
		return camel(r.name), false
	}
	value := e.value.String()
	switch {
	case e.value.IsNull():
		value = "NULL"
	case e.value.Cardinality() != Single:
		value = "{" + value + "}"
	}
	name := r.variable.identifier
	switch r.name {
	case "set-correct-response":
		name = "correct response of " + name
	case "set-default-value":
		name = "default of " + name
	}
	text = name + " := " + clip(value)
	if how := tell(r.value, 0); r.value.name != "base-value" && r.value.name != "null" && len(how) < maxLineText {
		if r.name == "lookup-outcome-value" {
			how = "looked up by " + how
		}
		text += " (" + how + ")"
	}
	return text, false
}

// camel is QTI 2's form of a name, which reads as one word.
func camel(name string) string {
	words := strings.Split(name, "-")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}

// phrases are operators that read better between their operands.
var phrases = map[string]string{
	"match": " matches ", "member": " is one of ", "contains": " contains ", "string-match": " is the text ", "substring": " is part of ",
	"equal": " equals ", "equal-rounded": " equals, rounded, ", "lt": " < ", "gt": " > ", "lte": " <= ", "gte": " >= ",
	"duration-lt": " is shorter than ", "duration-gte": " is not shorter than ",
	"and": " and ", "or": " or ", "sum": " + ", "product": " * ", "subtract": " - ", "divide": " / ", "power": " ^ ",
}

// tell puts an expression into words.
func tell(e *expression, depth int) string {
	const deepest = 6
	if depth > deepest {
		return "..."
	}
	switch e.name {
	case "base-value":
		if e.constant.IsNull() {
			return "NULL"
		}
		return clip(e.constant.String())
	case "variable":
		if e.variable == nil {
			return "NULL"
		}
		return e.variable.identifier
	case "correct":
		return "the correct response"
	case "default":
		return "the default" + of(e)
	case "map-response", "map-response-point":
		return "the mapping" + of(e)
	case "is-null":
		return tell(e.args[0], depth+1) + " is empty"
	case "not":
		return "not (" + tell(e.args[0], depth+1) + ")"
	}
	return tellOperator(e, depth)
}

func of(e *expression) string {
	if e.variable == nil {
		return ""
	}
	return " of " + e.variable.identifier
}

func tellOperator(e *expression, depth int) string {
	const most = 8 // operands
	parts := make([]string, 0, len(e.args))
	for i, arg := range e.args {
		if i == most {
			parts = append(parts, "...")
			break
		}
		text := tell(arg, depth+1)
		if phrase := phrases[arg.name]; phrase != "" && phrases[e.name] != "" && arg.name != "sum" {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	if (e.name == "and" || e.name == "or") && len(e.args) == 1 {
		return tell(e.args[0], depth+1)
	}
	if e.name == "custom-operator" {
		return e.note + "(" + strings.Join(parts, ", ") + ")"
	}
	note := ""
	if e.note != "" {
		note = " (" + e.note + ")"
	}
	if phrase := phrases[e.name]; phrase != "" && len(parts) > 1 {
		return strings.Join(parts, phrase) + note
	}
	return camel(e.name) + note + "(" + strings.Join(parts, ", ") + ")"
}
