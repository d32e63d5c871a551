package olx

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/lyceum-lms/platform/internal/markup"
)

// translateRegexp turns a regular expression as Python reads it into one for
// RE2. notes say where the two differ in rare cases. What RE2 cannot do, such as
// look-around and back references, is an error.
func translateRegexp(python string, fold bool) (pattern string, notes []string, err error) {
	t := &regexpTranslation{in: []rune(python)}
	for t.at < len(t.in) {
		t.step()
	}
	if t.err != nil {
		return "", nil, t.err
	}
	pattern = t.out.String()
	if fold {
		pattern = "(?i:" + pattern + ")"
	}
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		var fault *syntax.Error
		if errors.As(err, &fault) {
			return "", nil, fmt.Errorf("%s: %q", fault.Code, markup.Shorten(fault.Expr, 60))
		}
		return "", nil, err
	}
	return pattern, t.notes, nil
}

// programSize is the number of instructions that a pattern compiles to, the
// measure of what matching costs.
func programSize(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}

type regexpTranslation struct {
	in    []rune
	at    int
	class bool // within [...]
	out   strings.Builder
	notes []string
	err   error
}

// unicodeClass is the content of a class for \w, \d or \s, which Python takes in
// the sense of Unicode and RE2 in that of ASCII.
func unicodeClass(letter rune) string {
	switch letter {
	case 'w', 'W':
		return `\p{L}\p{N}_`
	case 'd', 'D':
		return `\p{Nd}`
	}
	return `\s\x{0b}\x{85}\p{Z}`
}

func (t *regexpTranslation) note(s string) { t.notes = append(t.notes, s) }

// after reports whether s follows at the current place.
func (t *regexpTranslation) after(s string) bool {
	return strings.HasPrefix(string(t.in[t.at:min(t.at+len(s), len(t.in))]), s)
}

func (t *regexpTranslation) step() {
	c := t.in[t.at]
	switch {
	case c == '\\':
		t.escape()
		return
	case t.class && c == '[':
		t.out.WriteString(`\[`) // RE2 could take it for [:alpha:]
	case t.class:
		t.class = c != ']'
		t.out.WriteRune(c)
	case c == '[':
		t.class = true
		t.out.WriteRune(c)
		if t.at+1 < len(t.in) && t.in[t.at+1] == '^' {
			t.at++
			t.out.WriteRune('^')
		}
		if t.at+1 < len(t.in) && t.in[t.at+1] == ']' { // first, it is no end
			t.at++
			t.out.WriteString(`\]`)
		}
	case c == '{' && t.after("{,"):
		t.at++
		t.out.WriteString("{0,")
	case c == '(' && t.after("(?#"):
		for t.at < len(t.in) && t.in[t.at] != ')' {
			t.at++
		}
	case c == '(' && t.after("(?u)"):
		t.at += len("(?u)") - 1 // the default
	default:
		t.out.WriteRune(c)
	}
	t.at++
}

func (t *regexpTranslation) escape() {
	if t.at++; t.at == len(t.in) {
		t.err = errors.New("it ends in a back slash")
		return
	}
	c := t.in[t.at]
	t.at++
	switch {
	case strings.ContainsRune("wds", c) && t.class:
		t.out.WriteString(unicodeClass(c))
	case strings.ContainsRune("WDS", c) && t.class:
		t.note(`\` + string(c) + " in a class takes letters and digits outside ASCII for others")
		t.out.WriteString(`\` + string(c))
	case strings.ContainsRune("wds", c):
		t.out.WriteString("[" + unicodeClass(c) + "]")
	case strings.ContainsRune("WDS", c):
		t.out.WriteString("[^" + unicodeClass(c) + "]")
	case c == 'Z' && !t.class:
		t.out.WriteString(`\z`)
	case c == 'b' && t.class:
		t.out.WriteString(`\x08`)
	case c == 'b' || c == 'B':
		t.note("word boundaries know the letters of ASCII only")
		t.out.WriteString(`\` + string(c))
	case c == 'u' && t.at+4 <= len(t.in):
		t.out.WriteString(`\x{` + string(t.in[t.at:t.at+4]) + "}")
		t.at += 4
	case c == 'z' || c == 'Q' || c == 'E' || c == 'C' || c == 'p' || c == 'P':
		// RE2 gives them a meaning that Python does not.
		t.err = fmt.Errorf("\\%c is not known", c)
	case c >= 0x80:
		t.out.WriteRune(c)
	default:
		t.out.WriteString(`\` + string(c))
	}
}

// topLevelAlternatives reports whether a pattern is a choice as a whole.
func topLevelAlternatives(pattern string) bool {
	depth, class := 0, false
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			return true
		}
	}
	return false
}
