package scoring

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

const (
	maxPatternBytes = 2000
	// maxProgram bounds the instructions of all regular expressions of an item.
	// Matching costs at most instructions times bytes of the response.
	maxProgram = 5000
)

// textKey is a rule that accepts texts.
type textKey struct {
	match    event.TextMatch
	pattern  string         // normalised
	re       *regexp.Regexp // of a MatchRegexp rule, leftmost-longest
	credit   Score
	feedback string
}

// parseTextKey also returns the size of the rule's program.
func parseTextKey(def event.TextKeyV1) (key textKey, program int, err error) {
	key = textKey{match: def.Match, feedback: def.FeedbackHTML}
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, 0, err
	}
	if err := checkMarkup("feedback_html", def.FeedbackHTML); err != nil {
		return key, 0, err
	}
	if err := checkText("pattern", def.Pattern, 1, maxPatternBytes); err != nil {
		return key, 0, err
	}
	key.pattern = norm.NFC.String(def.Pattern)
	switch def.Match {
	case event.MatchExact, event.MatchFold:
		key.pattern = strings.TrimSpace(key.pattern)
		if key.pattern == "" {
			return key, 0, errors.New("pattern: it is blank, and a blank response is no response")
		}
	case event.MatchRegexp:
		if program, err = programSize(key.pattern); err != nil {
			return key, 0, fmt.Errorf("pattern: %w", err)
		}
		if key.re, err = regexp.Compile(key.pattern); err != nil {
			return key, 0, fmt.Errorf("pattern: %w", err)
		}
		key.re.Longest()
	default:
		return key, 0, fmt.Errorf("match: %s is not exact, fold or regexp", quote(string(def.Match)))
	}
	return key, program, nil
}

// programSize is the number of instructions that a pattern compiles to.
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

// normalText is the form of a response in which texts are compared.
func normalText(text string) string { return norm.NFC.String(strings.TrimSpace(text)) }

// matches reports whether the rule accepts a text in normal form.
func (k *textKey) matches(text string) bool {
	switch k.match {
	case event.MatchExact:
		return text == k.pattern
	case event.MatchFold:
		return strings.EqualFold(text, k.pattern)
	}
	// The pattern must match the whole text. Wrapping it in \A(?:...)\z would
	// change patterns such as `\Qa`; instead, if a match of the whole exists then
	// it is the leftmost, and among the leftmost the longest.
	at := k.re.FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text)
}

// readable is the rule in words for a learner.
func (k *textKey) readable() string {
	switch k.match {
	case event.MatchFold:
		return k.pattern + " (capitals do not matter)"
	case event.MatchRegexp:
		return "a text of the form " + k.pattern
	}
	return k.pattern
}

// scoreText scores a text part.
func (p *part) scoreText(text string) verdict {
	text = normalText(text)
	for i := range p.texts {
		if key := &p.texts[i]; key.matches(text) {
			v := verdict{credit: key.credit, how: fmt.Sprintf("The answer matches rule %d of %d, which earns %s.", i+1, len(p.texts), worth(key.credit))}
			v.say(key.feedback)
			return v
		}
	}
	return verdict{how: "The answer is not among the accepted texts."}
}
