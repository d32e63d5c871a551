package qti

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPatternBytes = 2000
	maxPatterns     = 5000 // instructions of all patterns of an item
)

// compilePattern compiles a regular expression of XML Schema ("XML Schema Part
// 2: Datatypes", appendix F), which must match a whole text, and returns how many
// instructions it has.
//
// What XML Schema does not know but authors write is taken in RE2's meaning: "^"
// and "$" are the ends of the text, "(?i)" and the like are flags.
func compilePattern(pattern string) (*regexp.Regexp, int, error) {
	if len(pattern) > maxPatternBytes {
		return nil, 0, fmt.Errorf("it is longer than %d bytes", maxPatternBytes)
	}
	t := translator{rest: pattern}
	if err := t.translate(); err != nil {
		return nil, 0, err
	}
	text := `\A(?:` + t.out.String() + `)\z`
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, patternFault(err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, 0, patternFault(err)
	}
	if len(program.Inst) > maxPatterns {
		return nil, 0, fmt.Errorf("it has more than %d instructions", maxPatterns)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, 0, patternFault(err)
	}
	return compiled, len(program.Inst), nil
}

func patternFault(err error) error {
	var fault *syntax.Error
	if errors.As(err, &fault) {
		return fmt.Errorf("%s: %s", fault.Code, quote(fault.Expr))
	}
	return err
}

// translator writes RE2 for a pattern of XML Schema.
type translator struct {
	rest string
	out  strings.Builder
}

// The classes that XML Schema has and RE2 has not, or has otherwise, as what
// stands inside brackets.
const (
	digitClass     = `\p{Nd}`
	wordClass      = `\p{L}\p{M}\p{N}\p{S}` // all but punctuation, separators and the rest
	notWordClass   = `\p{P}\p{Z}\p{C}`
	spaceClass     = ` \t\n\r`
	nameStartClass = `\p{L}_:`
	nameClass      = `\p{L}\p{M}\p{Nd}\-._:\x{B7}`
)

func (t *translator) next() rune {
	r, size := utf8.DecodeRuneInString(t.rest)
	t.rest = t.rest[size:]
	return r
}

func (t *translator) translate() error {
	for t.rest != "" {
		switch r := t.next(); r {
		case '.':
			t.out.WriteString(`[^\n\r]`)
		case '[':
			set, err := t.class(0)
			if err != nil {
				return err
			}
			t.out.WriteString(set)
		case '\\':
			if err := t.escape(); err != nil {
				return err
			}
		default:
			t.out.WriteRune(r)
		}
	}
	return nil
}

// escape translates an escape outside of brackets.
func (t *translator) escape() error {
	if t.rest == "" {
		return errors.New("it ends with a backslash")
	}
	switch r := t.next(); r {
	case 'd':
		t.out.WriteString("[" + digitClass + "]")
	case 'D':
		t.out.WriteString("[^" + digitClass + "]")
	case 'w':
		t.out.WriteString("[" + wordClass + "]")
	case 'W':
		t.out.WriteString("[^" + wordClass + "]")
	case 's':
		t.out.WriteString("[" + spaceClass + "]")
	case 'S':
		t.out.WriteString("[^" + spaceClass + "]")
	case 'i':
		t.out.WriteString("[" + nameStartClass + "]")
	case 'I':
		t.out.WriteString("[^" + nameStartClass + "]")
	case 'c':
		t.out.WriteString("[" + nameClass + "]")
	case 'C':
		t.out.WriteString("[^" + nameClass + "]")
	case 'p', 'P':
		name, err := t.property(r)
		if err != nil {
			return err
		}
		t.out.WriteString("[" + name + "]")
	default:
		t.out.WriteString(`\` + string(r))
	}
	return nil
}

// blocks are the blocks of Unicode that patterns name, such as \p{IsGreek}.
var blocks = map[string][2]rune{
	"IsBasicLatin": {0, 0x7f}, "IsLatin-1Supplement": {0x80, 0xff}, "IsLatinExtended-A": {0x100, 0x17f}, "IsLatinExtended-B": {0x180, 0x24f},
	"IsIPAExtensions": {0x250, 0x2af}, "IsSpacingModifierLetters": {0x2b0, 0x2ff}, "IsCombiningDiacriticalMarks": {0x300, 0x36f},
	"IsGreek": {0x370, 0x3ff}, "IsGreekandCoptic": {0x370, 0x3ff}, "IsCyrillic": {0x400, 0x4ff}, "IsArmenian": {0x530, 0x58f}, "IsHebrew": {0x590, 0x5ff},
	"IsArabic": {0x600, 0x6ff}, "IsDevanagari": {0x900, 0x97f}, "IsThai": {0xe00, 0xe7f}, "IsHangulJamo": {0x1100, 0x11ff},
	"IsLatinExtendedAdditional": {0x1e00, 0x1eff}, "IsGreekExtended": {0x1f00, 0x1fff}, "IsGeneralPunctuation": {0x2000, 0x206f},
	"IsSuperscriptsandSubscripts": {0x2070, 0x209f}, "IsCurrencySymbols": {0x20a0, 0x20cf}, "IsLetterlikeSymbols": {0x2100, 0x214f},
	"IsNumberForms": {0x2150, 0x218f}, "IsArrows": {0x2190, 0x21ff}, "IsMathematicalOperators": {0x2200, 0x22ff},
	"IsHiragana": {0x3040, 0x309f}, "IsKatakana": {0x30a0, 0x30ff}, "IsCJKUnifiedIdeographs": {0x4e00, 0x9fff}, "IsHangulSyllables": {0xac00, 0xd7a3},
}

// property translates what follows \p or \P, as it may stand inside and outside
// of brackets.
func (t *translator) property(letter rune) (string, error) {
	name := ""
	switch {
	case strings.HasPrefix(t.rest, "{"):
		end := strings.IndexByte(t.rest, '}')
		if end < 0 {
			return "", errors.New("a property of characters is not closed")
		}
		name, t.rest = t.rest[1:end], t.rest[end+1:]
	case t.rest != "":
		name = string(t.next())
	}
	if block, ok := blocks[name]; ok {
		if letter == 'P' {
			return ranges(complement([]span{{block[0], block[1]}})), nil
		}
		return fmt.Sprintf(`\x{%X}-\x{%X}`, block[0], block[1]), nil
	}
	if _, ok := unicode.Categories[name]; !ok {
		return "", fmt.Errorf("the property %s is not known", quote(name))
	}
	return `\` + string(letter) + "{" + name + "}", nil
}

// class translates what follows an opening bracket. Only a class with a
// subtraction is written out as ranges.
func (t *translator) class(depth int) (string, error) {
	if depth > 10 {
		return "", errors.New("brackets are nested too deeply")
	}
	negative := strings.HasPrefix(t.rest, "^")
	if negative {
		t.rest = t.rest[1:]
	}
	var body strings.Builder
	for first := true; ; first = false {
		if t.rest == "" {
			return "", errors.New("a bracket is not closed")
		}
		switch r := t.next(); {
		case r == ']' && !first:
			if negative {
				return "[^" + body.String() + "]", nil
			}
			return "[" + body.String() + "]", nil
		case r == '-' && strings.HasPrefix(t.rest, "[") && body.Len() > 0:
			return t.subtraction(body.String(), negative, depth)
		case r == '\\':
			inside, err := t.classEscape()
			if err != nil {
				return "", err
			}
			body.WriteString(inside)
		case r == '[' || r == ']' || r == '&' || r == '~':
			body.WriteString(`\` + string(r))
		case r == '^' && first:
			body.WriteString(`\^`)
		default:
			body.WriteRune(r)
		}
	}
}

// classEscape translates an escape inside brackets.
func (t *translator) classEscape() (string, error) {
	if t.rest == "" {
		return "", errors.New("it ends with a backslash")
	}
	switch r := t.next(); r {
	case 'd':
		return digitClass, nil
	case 'D':
		return `\P{Nd}`, nil
	case 'w':
		return wordClass, nil
	case 'W':
		return notWordClass, nil
	case 's':
		return spaceClass, nil
	case 'S':
		return `\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{21}-\x{10FFFF}`, nil
	case 'i':
		return nameStartClass, nil
	case 'c':
		return nameClass, nil
	case 'I', 'C':
		return "", fmt.Errorf(`\%c inside brackets is not supported`, r)
	case 'p', 'P':
		return t.property(r)
	default:
		return `\` + string(r), nil
	}
}

// subtraction is a class from which another one is taken: [a-z-[aeiou]].
func (t *translator) subtraction(body string, negative bool, depth int) (string, error) {
	t.next() // the inner bracket
	inner, err := t.class(depth + 1)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(t.rest, "]") {
		return "", errors.New("a subtraction of characters must end the brackets")
	}
	t.next()
	outer := "[" + body + "]"
	if negative {
		outer = "[^" + body + "]"
	}
	a, err := spansOf(outer)
	if err != nil {
		return "", err
	}
	b, err := spansOf(inner)
	if err != nil {
		return "", err
	}
	left := intersect(a, complement(b))
	if len(left) == 0 {
		return `[^\x{0}-\x{10FFFF}]`, nil
	}
	return "[" + ranges(left) + "]", nil
}

// span is a range of characters.
type span struct{ low, high rune }

// spansOf is what a class of RE2 holds, in ascending order.
func spansOf(class string) ([]span, error) {
	parsed, err := syntax.Parse(class, syntax.Perl)
	if err != nil {
		return nil, patternFault(err)
	}
	switch parsed.Op {
	case syntax.OpCharClass:
	case syntax.OpLiteral:
		return []span{{parsed.Rune[0], parsed.Rune[0]}}, nil
	case syntax.OpAnyChar:
		return []span{{0, unicode.MaxRune}}, nil
	case syntax.OpAnyCharNotNL:
		return complement([]span{{'\n', '\n'}}), nil
	default: // nothing
		return nil, nil
	}
	var spans []span
	for i := 0; i+1 < len(parsed.Rune); i += 2 {
		spans = append(spans, span{parsed.Rune[i], parsed.Rune[i+1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.low) - int(b.low) })
	return spans, nil
}

// complement is what ascending spans leave out.
func complement(spans []span) []span {
	var left []span
	from := rune(0)
	for _, s := range spans {
		if s.low > from {
			left = append(left, span{from, s.low - 1})
		}
		from = max(from, s.high+1)
	}
	if from <= unicode.MaxRune {
		left = append(left, span{from, unicode.MaxRune})
	}
	return left
}

// intersect is what two ascending lists have in common.
func intersect(a, b []span) []span {
	var common []span
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if low, high := max(a[i].low, b[j].low), min(a[i].high, b[j].high); low <= high {
			common = append(common, span{low, high})
		}
		if a[i].high < b[j].high {
			i++
		} else {
			j++
		}
	}
	return common
}

// ranges writes spans as they stand inside brackets.
func ranges(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, `\x{%X}-\x{%X}`, s.low, s.high)
	}
	return b.String()
}
