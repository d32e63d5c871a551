package scoring

import (
	"fmt"
	"strconv"
	"strings"
)

// written is how a number is written: with how many significant figures and
// decimal places.
type written struct {
	numeral  bool // it is one numeral, perhaps times a power of ten
	least    int  // significant figures, at least and
	most     int  // at most: the zeros that end "1200" may be significant or not
	decimals int
}

// writtenAs looks at the digits of a numeral such as "1.20", "-1.20e3" or
// "1.20*10^3".
func writtenAs(text string) written {
	text = strings.TrimLeft(strings.TrimSpace(text), "+-")
	mantissa, power, ok := splitPower(text)
	if !ok {
		return written{}
	}
	before, after, point := strings.Cut(mantissa, ".")
	if before+after == "" || !onlyDigits(before) || !onlyDigits(after) {
		return written{}
	}
	all := strings.TrimLeft(before+after, "0")
	w := written{numeral: true, least: len(all), most: len(all), decimals: max(len(after)-power, 0)}
	switch {
	case all == "": // zero: each place says something
		w.least, w.most = 1, max(1, len(after)+1)
	case !point:
		w.least = len(strings.TrimRight(all, "0"))
	}
	return w
}

// suffixes are the powers of ten that may follow a numeral; see exact.Evaluate.
var suffixes = map[byte]int{'%': -2, 'k': 3, 'M': 6, 'G': 9, 'T': 12, 'c': -2, 'm': -3, 'u': -6, 'n': -9, 'p': -12}

// splitPower takes the power of ten off a numeral.
func splitPower(text string) (mantissa string, power int, ok bool) {
	text = strings.ReplaceAll(text, " ", "")
	suffix := 0
	if end := len(text) - 1; end > 0 {
		if shift, ok := suffixes[text[end]]; ok {
			suffix, text = shift, text[:end]
		}
	}
	mantissa, exponent, found := strings.Cut(text, "*10^")
	if found {
		exponent = strings.Trim(exponent, "()")
	} else if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent, found = text[:i], text[i+1:], true
	}
	if !found {
		return mantissa, suffix, true
	}
	power, err := strconv.Atoi(exponent)
	return mantissa, power + suffix, err == nil && -1000 <= power && power <= 1000
}

func onlyDigits(s string) bool { return s == "" || digits(s, len(s)) }

// violates says what a key demands of the form and does not get, or "".
func (w written) violates(key *numberKey) string {
	if key.figures == 0 && key.decimals == nil {
		return ""
	}
	if !w.numeral {
		return "it is not written as a numeral"
	}
	if f := key.figures; f > 0 && (f < w.least || f > w.most) {
		return fmt.Sprintf("it is written with %d significant figures and not %d", w.least, f)
	}
	if d := key.decimals; d != nil && *d != w.decimals {
		return fmt.Sprintf("it is written with %d decimal places and not %d", w.decimals, *d)
	}
	return ""
}

// form says what the key demands of the form.
func (k *numberKey) form() string {
	var demands string
	if k.figures > 0 {
		demands += fmt.Sprintf(" with %d significant figures", k.figures)
	}
	if k.decimals != nil {
		demands += fmt.Sprintf(" with %d decimal places", *k.decimals)
	}
	return demands
}
