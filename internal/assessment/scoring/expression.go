package scoring

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an expression may cost. They bound the time of evaluate to some
// milliseconds, whatever it is given.
const (
	maxExpressionBytes = 1000
	maxExpressionDepth = 100
	maxExponent        = 1000 // of a numeral: "1e1000"
	maxExactBits       = 4096 // of a numerator or denominator; beyond it values are float64
	maxFactorial       = 170  // the last whose value fits a float64
)

// number is the value of an expression.
type number struct {
	rat *big.Rat
	// exact is false when float64 arithmetic had a part in it.
	exact bool
}

func (n number) float() float64 {
	f, _ := n.rat.Float64()
	return f
}

// String is the value to ten significant digits.
func (n number) String() string { return new(big.Float).SetRat(n.rat).Text('g', 10) }

// evaluate computes an arithmetic expression as edX accepts it: numerals with a
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
func evaluate(text string) (number, error) {
	if len(text) > maxExpressionBytes {
		return number{}, fmt.Errorf("it is longer than %d bytes", maxExpressionBytes)
	}
	p := &parser{rest: text}
	p.space()
	if p.rest == "" {
		return number{}, errors.New("it is empty")
	}
	value, err := p.sum()
	if err != nil {
		return number{}, err
	}
	if p.rest != "" {
		return number{}, p.unexpected()
	}
	return value, nil
}

// parser evaluates while it parses. Between its methods rest begins with a
// token or is empty.
type parser struct {
	rest  string
	depth int
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

func (p *parser) sum() (number, error) {
	if p.depth++; p.depth > maxExpressionDepth {
		return number{}, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	total, err := p.product()
	for err == nil {
		var term number
		switch {
		case p.take("+"):
			if term, err = p.product(); err == nil {
				total, err = add(total, term)
			}
		case p.take("-"):
			if term, err = p.product(); err == nil {
				total, err = add(total, negate(term))
			}
		default:
			return total, nil
		}
	}
	return number{}, err
}

func (p *parser) product() (number, error) {
	total, err := p.parallel()
	for err == nil {
		var factor number
		switch {
		case p.take("*"):
			if factor, err = p.parallel(); err == nil {
				total, err = multiply(total, factor)
			}
		case p.take("/"):
			if factor, err = p.parallel(); err == nil {
				if factor, err = invert(factor); err == nil {
					total, err = multiply(total, factor)
				}
			}
		default:
			return total, nil
		}
	}
	return number{}, err
}

func (p *parser) parallel() (number, error) {
	first, err := p.signed()
	if err != nil || !strings.HasPrefix(p.rest, "||") {
		return first, err
	}
	conductance, err := invert(first)
	for err == nil && p.take("||") {
		var next number
		if next, err = p.signed(); err != nil {
			break
		}
		if next, err = invert(next); err == nil {
			conductance, err = add(conductance, next)
		}
	}
	if err != nil {
		return number{}, err
	}
	return invert(conductance)
}

func (p *parser) signed() (number, error) {
	negative := false
	for {
		if p.take("-") {
			negative = !negative
		} else if !p.take("+") {
			break
		}
	}
	value, err := p.power()
	if err == nil && negative {
		value = negate(value)
	}
	return value, err
}

func (p *parser) power() (number, error) {
	base, err := p.atom()
	if err != nil || !p.take("^") {
		return base, err
	}
	if p.depth++; p.depth > maxExpressionDepth {
		return number{}, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	exponent, err := p.signed()
	if err != nil {
		return number{}, err
	}
	return raise(base, exponent)
}

func (p *parser) atom() (number, error) {
	if p.take("(") {
		return p.closing()
	}
	if p.rest == "" {
		return number{}, p.unexpected()
	}
	switch c := p.rest[0]; {
	case isDigit(c) || c == '.':
		return p.numeral()
	case isLetter(c):
		return p.name()
	}
	return number{}, p.unexpected()
}

// closing is the rest of a parenthesis.
func (p *parser) closing() (number, error) {
	value, err := p.sum()
	if err == nil && !p.take(")") {
		if p.rest == "" {
			return number{}, errors.New("a parenthesis is not closed")
		}
		return number{}, p.unexpected()
	}
	return value, err
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// suffixes are the factors that may follow a numeral, as powers of ten.
var suffixes = map[byte]int{
	'%': -2, 'k': 3, 'M': 6, 'G': 9, 'T': 12, 'c': -2, 'm': -3, 'u': -6, 'n': -9, 'p': -12,
}

func (p *parser) numeral() (number, error) {
	mantissa := p.takeWhile(isDigit)
	if strings.HasPrefix(p.rest, ".") {
		p.rest = p.rest[1:]
		fraction := p.takeWhile(isDigit)
		if mantissa+fraction == "" {
			return number{}, errors.New("a point needs a digit beside it")
		}
		mantissa += "." + fraction
	}
	p.space()
	exponent, err := p.exponent()
	if err != nil {
		return number{}, err
	}
	if p.rest != "" {
		if shift, ok := suffixes[p.rest[0]]; ok {
			exponent += shift
			p.rest = p.rest[1:]
		}
		// "2pi" and "3cm" are neither a suffix nor a product.
		if p.rest != "" && (isLetter(p.rest[0]) || isDigit(p.rest[0])) {
			return number{}, errors.New("an operator such as * is missing after a number")
		}
		p.space()
	}
	r, ok := new(big.Rat).SetString(mantissa + "e" + strconv.Itoa(exponent))
	if !ok {
		return number{}, fmt.Errorf("%s is not a number", quote(mantissa))
	}
	return bounded(r)
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

func (p *parser) name() (number, error) {
	name := p.takeWhile(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' })
	p.space()
	folded := strings.ToLower(name)
	if !p.take("(") {
		switch folded {
		case "pi":
			return inexact(math.Pi)
		case "e":
			return inexact(math.E)
		case "i", "j":
			return number{}, errors.New("complex numbers are not supported")
		}
		return number{}, fmt.Errorf("%s is not a constant; there are e and pi", quote(name))
	}
	argument, err := p.closing()
	if err != nil {
		return number{}, err
	}
	return apply(folded, argument)
}
