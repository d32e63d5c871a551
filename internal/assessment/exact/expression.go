package exact

import (
	"errors"
	"fmt"
	"slices"
)

// What an expression may cost. They bound the time of an evaluation to some
// milliseconds, whatever it is given.
const (
	maxAnswerBytes = 1000
	maxAuthorBytes = 4000
	maxDepth       = 100
	maxExponent    = 1000 // of a numeral: "1e1000"
	maxArguments   = 100  // of min and max
)

// MaxAnswerBytes is the length of the longest text that Evaluate and
// CompileAnswer take.
const MaxAnswerBytes = maxAnswerBytes

// Evaluate computes an arithmetic expression as edX accepts it: numerals with a
// point, an exponent and a suffix (% k M G T c m u n p); + - * / ^ and || (the
// parallel resistors' 1/(1/a+1/b)); parentheses; e and pi; and the functions of
// realFunctions, sqrt, abs, fact and factorial. Names ignore case, suffixes do
// not. White space may stand between tokens. Multiplication is always written.
//
// Its errors are sentences for the learner without the final stop.
//
//	sum      = product { ("+" | "-") product }
//	product  = parallel { ("*" | "/") parallel }
//	parallel = signed { "||" signed }
//	signed   = { "+" | "-" } power
//	power    = atom [ "^" signed ]
//	atom     = numeral | name [ "(" sum ")" ] | "(" sum ")"
func Evaluate(text string) (Number, error) {
	expression, err := CompileAnswer(text)
	if err != nil {
		return Number{}, err
	}
	return expression.Evaluate(nil)
}

// Expression is an arithmetic expression, ready to be evaluated. It is immutable.
type Expression struct {
	root  term
	slots []string // names of the variables that occur, in the order of first occurrence
}

// term is a part of an expression; the values are those of the slots.
type term func(values []Number) (Number, error)

// CompileAnswer reads an expression as Evaluate has it, in which the variables of
// the given names may occur. A variable is known by its exact name, or by another
// capitalisation of it when that is neither a constant nor another variable.
func CompileAnswer(text string, names ...string) (*Expression, error) {
	return compile(text, names, false)
}

// Compile reads an expression of an author: as CompileAnswer, and besides
//
//   - the functions of Moodle: floor, ceil, round(x) and round(x, places) (half
//     away from zero), min and max of any number of arguments, pow, fmod, atan2,
//     log (natural; log(x, base)), asin, acos, atan and their hyperbolic forms,
//     expm1, log1p, deg2rad, rad2deg and pi();
//   - a % b, the remainder of whole numbers, where it is not the suffix of a
//     numeral: its operands are cut off to whole numbers first, as in PHP;
//   - comparisons < <= > >= == != , which are 1 or 0, and the choice
//     "condition ? value : value", of which only the branch taken is computed.
//
// Its grammar puts these above that of Evaluate:
//
//	choice     = comparison [ "?" choice ":" choice ]
//	comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
//	product    = parallel { ("*" | "/" | "%") parallel }
//	atom       = numeral | name [ "(" [ choice { "," choice } ] ")" ] | "(" choice ")"
func Compile(text string, names ...string) (*Expression, error) {
	return compile(text, names, true)
}

func compile(text string, names []string, author bool) (*Expression, error) {
	limit := maxAnswerBytes
	if author {
		limit = maxAuthorBytes
	}
	if len(text) > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	p := &parser{rest: text, author: author, names: names}
	p.space()
	if p.rest == "" {
		return nil, errors.New("it is empty")
	}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, p.unexpected()
	}
	return &Expression{root, p.slots}, nil
}

// Evaluate computes the expression with values for its variables. Variables that
// do not occur in it are ignored; one that occurs and has no value is an error.
func (e *Expression) Evaluate(variables map[string]Number) (Number, error) {
	values := make([]Number, len(e.slots))
	for i, name := range e.slots {
		value, ok := variables[name]
		if !ok {
			return Number{}, fmt.Errorf("%s has no value", quote(name))
		}
		values[i] = value
	}
	return e.root(values)
}

// Variables are the names of the variables that occur, sorted.
func (e *Expression) Variables() []string {
	return slices.Sorted(slices.Values(e.slots))
}
