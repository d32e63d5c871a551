package exact

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser makes terms of a text. Between its methods rest begins with a token or
// is empty.
type parser struct {
	rest   string
	depth  int
	author bool     // Moodle's functions and operators are allowed
	names  []string // of the variables
	slots  []string // names of those that occurred
}

func (p *parser) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

// take consumes the token if it is next.
func (p *parser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
		p.space()
	}
	return ok
}

// takeWhile consumes the bytes that satisfy f.
func (p *parser) takeWhile(f func(c byte) bool) string {
	n := 0
	for n < len(p.rest) && f(p.rest[n]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

// enter counts a level of nesting; the caller leaves it.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return errors.New("it is nested too deeply")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) unexpected() error {
	if p.rest == "" {
		return errors.New("it ends too early")
	}
	if p.rest[0] == ',' {
		return errors.New("a comma is not a decimal point; write 3.14")
	}
	r, size := utf8.DecodeRuneInString(p.rest)
	if r == utf8.RuneError && size == 1 {
		return errors.New("it is not valid UTF-8")
	}
	return fmt.Errorf("%q is not expected there", string(r))
}

// whole is an expression as it stands alone, in parentheses or as an argument.
func (p *parser) whole() (term, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.author {
		return p.choice()
	}
	return p.sum()
}

func (p *parser) choice() (term, error) {
	condition, err := p.comparison()
	if err != nil || !p.take("?") {
		return condition, err
	}
	yes, err := p.whole()
	if err != nil {
		return nil, err
	}
	if !p.take(":") {
		return nil, p.unexpected()
	}
	no, err := p.whole()
	if err != nil {
		return nil, err
	}
	return func(values []Number) (Number, error) {
		c, err := condition(values)
		if err != nil {
			return Number{}, err
		}
		if c.Sign() != 0 {
			return yes(values)
		}
		return no(values)
	}, nil
}

// comparisons are the operators, those that begin with another one first.
var comparisons = []struct {
	token string
	holds func(cmp int) bool
}{
	{"<=", func(c int) bool { return c <= 0 }}, {"<", func(c int) bool { return c < 0 }},
	{">=", func(c int) bool { return c >= 0 }}, {">", func(c int) bool { return c > 0 }},
	{"==", func(c int) bool { return c == 0 }}, {"!=", func(c int) bool { return c != 0 }},
}

func (p *parser) comparison() (term, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	for _, operator := range comparisons {
		if !p.take(operator.token) {
			continue
		}
		right, err := p.sum()
		if err != nil {
			return nil, err
		}
		return binary(left, right, func(a, b Number) (Number, error) {
			if operator.holds(a.Cmp(b)) {
				return FromInt(1), nil
			}
			return Number{}, nil
		}), nil
	}
	return left, nil
}

func (p *parser) sum() (term, error) {
	total, err := p.product()
	for err == nil {
		var next term
		switch {
		case p.take("+"):
			if next, err = p.product(); err == nil {
				total = binary(total, next, Number.Add)
			}
		case p.take("-"):
			if next, err = p.product(); err == nil {
				total = binary(total, next, Number.Sub)
			}
		default:
			return total, nil
		}
	}
	return nil, err
}

func (p *parser) product() (term, error) {
	total, err := p.parallel()
	for err == nil {
		var factor term
		switch {
		case p.take("*"):
			if factor, err = p.parallel(); err == nil {
				total = binary(total, factor, Number.Mul)
			}
		case p.take("/"):
			if factor, err = p.parallel(); err == nil {
				total = binary(total, factor, Number.Quo)
			}
		case p.author && p.take("%"):
			if factor, err = p.parallel(); err == nil {
				total = binary(total, factor, func(a, b Number) (Number, error) { return a.Trunc().Mod(b.Trunc()) })
			}
		default:
			return total, nil
		}
	}
	return nil, err
}

func (p *parser) parallel() (term, error) {
	first, err := p.signed()
	if err != nil || !strings.HasPrefix(p.rest, "||") {
		return first, err
	}
	branches := []term{first}
	for p.take("||") {
		next, err := p.signed()
		if err != nil {
			return nil, err
		}
		branches = append(branches, next)
	}
	return func(values []Number) (Number, error) {
		conductance := Number{}
		for _, branch := range branches {
			n, err := branch(values)
			if err != nil {
				return Number{}, err
			}
			if n, err = n.Inv(); err != nil {
				return Number{}, err
			}
			if conductance, err = conductance.Add(n); err != nil {
				return Number{}, err
			}
		}
		return conductance.Inv()
	}, nil
}

func (p *parser) signed() (term, error) {
	negative := false
	for {
		if p.take("-") {
			negative = !negative
		} else if !p.take("+") {
			break
		}
	}
	value, err := p.power()
	if err != nil || !negative {
		return value, err
	}
	return func(values []Number) (Number, error) {
		n, err := value(values)
		if err != nil {
			return Number{}, err
		}
		return n.Neg(), nil
	}, nil
}

func (p *parser) power() (term, error) {
	base, err := p.atom()
	if err != nil || !p.take("^") {
		return base, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	exponent, err := p.signed()
	if err != nil {
		return nil, err
	}
	return binary(base, exponent, Number.Pow), nil
}

// binary computes both operands, then f of them.
func binary(left, right term, f func(a, b Number) (Number, error)) term {
	return func(values []Number) (Number, error) {
		a, err := left(values)
		if err != nil {
			return Number{}, err
		}
		b, err := right(values)
		if err != nil {
			return Number{}, err
		}
		return f(a, b)
	}
}

func constant(n Number) term {
	return func([]Number) (Number, error) { return n, nil }
}

func (p *parser) atom() (term, error) {
	if p.take("(") {
		value, err := p.whole()
		if err != nil {
			return nil, err
		}
		return value, p.close()
	}
	if p.rest == "" {
		return nil, p.unexpected()
	}
	switch c := p.rest[0]; {
	case isDigit(c) || c == '.':
		n, err := p.numeral()
		return constant(n), err
	case isLetter(c):
		return p.name()
	}
	return nil, p.unexpected()
}

// close is the end of a parenthesis.
func (p *parser) close() error {
	switch {
	case p.take(")"):
		return nil
	case p.rest == "":
		return errors.New("a parenthesis is not closed")
	}
	return p.unexpected()
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// suffixes are the factors that may follow a numeral, as powers of ten.
var suffixes = map[byte]int{
	'%': -2, 'k': 3, 'M': 6, 'G': 9, 'T': 12, 'c': -2, 'm': -3, 'u': -6, 'n': -9, 'p': -12,
}

func (p *parser) numeral() (Number, error) {
	mantissa := p.takeWhile(isDigit)
	if strings.HasPrefix(p.rest, ".") {
		p.rest = p.rest[1:]
		fraction := p.takeWhile(isDigit)
		if mantissa+fraction == "" {
			return Number{}, errors.New("a point needs a digit beside it")
		}
		mantissa += "." + fraction
	}
	p.space()
	exponent, err := p.exponent()
	if err != nil {
		return Number{}, err
	}
	if p.rest != "" && !p.remainderNext() {
		if shift, ok := suffixes[p.rest[0]]; ok {
			exponent += shift
			p.rest = p.rest[1:]
		}
		// "2pi" and "3cm" are neither a suffix nor a product.
		if p.rest != "" && (isLetter(p.rest[0]) || isDigit(p.rest[0])) {
			return Number{}, errors.New("an operator such as * is missing after a number")
		}
		p.space()
	}
	r, ok := new(big.Rat).SetString(mantissa + "e" + strconv.Itoa(exponent))
	if !ok {
		return Number{}, fmt.Errorf("%s is not a number", quote(mantissa))
	}
	return bounded(r)
}

// remainderNext reports whether an author's "%" follows that is an operator,
// because an operand follows it.
func (p *parser) remainderNext() bool {
	after, ok := strings.CutPrefix(p.rest, "%")
	if !ok || !p.author {
		return false
	}
	after = strings.TrimLeftFunc(after, unicode.IsSpace)
	return after != "" && (isDigit(after[0]) || isLetter(after[0]) || after[0] == '(' || after[0] == '.')
}

// exponent consumes an exponent such as "e-3" if there is one.
func (p *parser) exponent() (int, error) {
	if p.rest == "" || p.rest[0]|0x20 != 'e' {
		return 0, nil
	}
	ahead := &parser{rest: p.rest[1:]}
	ahead.space()
	sign := 1
	if ahead.take("-") {
		sign = -1
	} else {
		ahead.take("+")
	}
	power := ahead.takeWhile(isDigit)
	if power == "" {
		return 0, nil
	}
	ahead.space()
	p.rest = ahead.rest
	n, err := strconv.Atoi(power)
	if err != nil || n > maxExponent {
		return 0, fmt.Errorf("an exponent is greater than %d", maxExponent)
	}
	return sign * n, nil
}

func (p *parser) name() (term, error) {
	name := p.takeWhile(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' })
	p.space()
	if p.take("(") {
		return p.call(name)
	}
	if variable, ok := p.variable(name); ok {
		slot := slices.Index(p.slots, variable)
		if slot < 0 {
			slot = len(p.slots)
			p.slots = append(p.slots, variable)
		}
		return func(values []Number) (Number, error) { return values[slot], nil }, nil
	}
	switch strings.ToLower(name) {
	case "pi":
		n, err := inexact(math.Pi)
		return constant(n), err
	case "e":
		n, err := inexact(math.E)
		return constant(n), err
	case "i", "j":
		return nil, errors.New("complex numbers are not supported")
	}
	if len(p.names) > 0 {
		return nil, fmt.Errorf("%s is neither a variable nor a constant", quote(name))
	}
	return nil, fmt.Errorf("%s is not a constant; there are e and pi", quote(name))
}

// variable finds the variable that a name stands for.
func (p *parser) variable(name string) (string, bool) {
	found, matches := "", 0
	for _, variable := range p.names {
		if variable == name {
			return variable, true
		}
		if strings.EqualFold(variable, name) {
			found = variable
			matches++
		}
	}
	return found, matches == 1 && name != "e" && name != "pi"
}

// call is a function's call after its opening parenthesis.
func (p *parser) call(name string) (term, error) {
	f, ok := functionNamed(strings.ToLower(name))
	if !ok || f.author && !p.author {
		if _, isVariable := p.variable(name); isVariable {
			return nil, fmt.Errorf("an operator such as * is missing after %s", quote(name))
		}
		return nil, fmt.Errorf("%s is not a function", quote(name))
	}
	var arguments []term
	if f.most > 0 {
		for {
			argument, err := p.whole()
			if err != nil {
				return nil, err
			}
			arguments = append(arguments, argument)
			if len(arguments) == f.most || !p.take(",") {
				break
			}
		}
	}
	if len(arguments) < f.least {
		return nil, fmt.Errorf("%s takes %d arguments", quote(name), f.least)
	}
	return apply(f.compute, arguments), p.close()
}

func apply(compute func([]Number) (Number, error), arguments []term) term {
	return func(values []Number) (Number, error) {
		numbers := make([]Number, len(arguments))
		for i, argument := range arguments {
			n, err := argument(values)
			if err != nil {
				return Number{}, err
			}
			numbers[i] = n
		}
		return compute(numbers)
	}
}
