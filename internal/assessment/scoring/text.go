package scoring

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

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
	pattern  string         // normalised as the match needs it
	shown    string         // for learners
	literals []string       // of a wildcard rule: what stands between the stars
	re       *regexp.Regexp // of a MatchRegexp rule, leftmost-longest
	credit   Score
	feedback markup
}

func parseTextKey(def event.TextKeyV1, s *scope) (key textKey, err error) {
	key = textKey{match: def.Match}
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, err
	}
	if key.feedback, err = parseMarkup("feedback_html", def.FeedbackHTML, s.names); err != nil {
		return key, err
	}
	if err := checkText("pattern", def.Pattern, 1, maxPatternBytes); err != nil {
		return key, err
	}
	key.pattern = norm.NFC.String(def.Pattern)
	if def.Match == event.MatchRegexp {
		key.shown = key.pattern
		return key, key.compile(s)
	}
	key.pattern = strings.TrimSpace(key.pattern)
	key.shown = key.pattern
	switch def.Match {
	case event.MatchExact, event.MatchFold:
	case event.MatchNormalised:
		key.pattern = plainWords(key.pattern)
	case event.MatchWildcard:
		key.literals = splitStars(key.pattern)
	case event.MatchWildcardFold:
		key.literals = splitStars(foldRunes(key.pattern))
	default:
		return key, fmt.Errorf("match: %s is not exact, fold, normalised, wildcard, wildcard_fold or regexp", quote(string(def.Match)))
	}
	if key.pattern == "" {
		return key, errors.New("pattern: it is blank, and a blank response is no response")
	}
	return key, nil
}

// compile prepares a regular expression within the limits of the item.
func (k *textKey) compile(s *scope) error {
	size, err := programSize(k.pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if s.patterns += size; s.patterns > maxProgram {
		return errors.New("pattern: the regular expressions of the item are too large together")
	}
	if k.re, err = regexp.Compile(k.pattern); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	k.re.Longest()
	return nil
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

// splitStars are the literal texts between the stars of a wildcard pattern, of
// which "\*" is not one.
func splitStars(pattern string) []string {
	var literals []string
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], `\*`):
			b.WriteByte('*')
			i++
		case pattern[i] == '*':
			literals = append(literals, b.String())
			b.Reset()
		default:
			b.WriteByte(pattern[i])
		}
	}
	return append(literals, b.String())
}

// between reports whether a text begins and ends with the first and the last of
// the literals and has the others in between, in order.
func between(literals []string, text string) bool {
	last := len(literals) - 1
	if last == 0 {
		return text == literals[0]
	}
	text, ok := strings.CutPrefix(text, literals[0])
	if !ok {
		return false
	}
	if text, ok = strings.CutSuffix(text, literals[last]); !ok {
		return false
	}
	for _, literal := range literals[1:last] {
		if _, text, ok = strings.Cut(text, literal); !ok {
			return false
		}
	}
	return true
}

// foldRunes maps texts that strings.EqualFold takes for equal to one text.
func foldRunes(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && r != 'k' && r != 's' {
			// Of the letters of ASCII, only these two have other forms than capitals.
			return unicode.ToUpper(r)
		}
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, text)
}

// plainWords is a text without accents and punctuation, in one case, with single
// spaces.
func plainWords(text string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFD.String(text) {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
		case unicode.Is(unicode.Mn, r) || unicode.IsPunct(r):
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
	}
	return foldRunes(b.String())
}

// answerText is a response in the forms in which texts are compared. Those that
// not every rule needs are made when they are asked for.
type answerText struct {
	plain  string // trimmed, in Unicode's form NFC
	folded string
	words  string
}

func newAnswerText(text string) answerText {
	return answerText{plain: norm.NFC.String(strings.TrimSpace(text))}
}

func (t *answerText) fold() string {
	if t.folded == "" {
		t.folded = foldRunes(t.plain)
	}
	return t.folded
}

func (t *answerText) normalised() string {
	if t.words == "" {
		t.words = plainWords(t.plain)
	}
	return t.words
}

// matches reports whether the rule accepts a text.
func (k *textKey) matches(t *answerText) bool {
	switch k.match {
	case event.MatchExact:
		return t.plain == k.pattern
	case event.MatchFold:
		return strings.EqualFold(t.plain, k.pattern)
	case event.MatchNormalised:
		return t.normalised() == k.pattern
	case event.MatchWildcard:
		return between(k.literals, t.plain)
	case event.MatchWildcardFold:
		return between(k.literals, t.fold())
	}
	// The pattern must match the whole text. Wrapping it in \A(?:...)\z would
	// change patterns such as `\Qa`; instead, if a match of the whole exists then
	// it is the leftmost, and among the leftmost the longest.
	at := k.re.FindStringIndex(t.plain)
	return at != nil && at[0] == 0 && at[1] == len(t.plain)
}

// readable is the rule in words for a learner.
func (k *textKey) readable() string {
	switch k.match {
	case event.MatchFold:
		return k.shown + " (capitals do not matter)"
	case event.MatchNormalised:
		return k.shown + " (capitals, accents and punctuation do not matter)"
	case event.MatchWildcard:
		return k.shown + " (* is any text)"
	case event.MatchWildcardFold:
		return k.shown + " (* is any text, and capitals do not matter)"
	case event.MatchRegexp:
		return "a text of the form " + k.shown
	}
	return k.shown
}

// textTask is a part whose response is a text.
type textTask struct{ keys []textKey }

func parseTextTask(_ *part, def event.PartV1, s *scope) (task, error) {
	least := 1
	if s.programmed {
		least = 0
	}
	if err := checkCount("texts", len(def.Texts), least, maxKeys); err != nil {
		return nil, err
	}
	t := &textTask{}
	for i, d := range def.Texts {
		key, err := parseTextKey(d, s)
		if err != nil {
			return nil, fmt.Errorf("texts%s.%w", at(i), err)
		}
		t.keys = append(t.keys, key)
	}
	return t, nil
}

func (t *textTask) check(r PartResponse) *FieldError { return checkAnswer(r.Text, maxTextBytes) }

func (t *textTask) judge(r PartResponse, _ draw) verdict {
	text := newAnswerText(r.Text)
	for i := range t.keys {
		if key := &t.keys[i]; key.matches(&text) {
			v := verdict{credit: key.credit, how: fmt.Sprintf("The answer matches rule %d of %d, which earns %s.", i+1, len(t.keys), worth(key.credit))}
			v.say(&key.feedback)
			return v
		}
	}
	return verdict{how: "The answer is not among the accepted texts."}
}

func (t *textTask) show(*PartView, draw) {}

func (t *textTask) answers(draw) []Answer {
	var answers []Answer
	for i := range t.keys {
		answers = append(answers, Answer{Text: t.keys[i].readable(), Credit: t.keys[i].credit})
	}
	return answers
}

// full tries the accepted texts themselves. What a regular expression accepts is
// tried with the pattern, which often is such a text.
func (t *textTask) full(d draw) (PartResponse, bool) {
	var best PartResponse
	credit, found := Score{}, false
	for i := range t.keys {
		for _, text := range t.keys[i].examples() {
			r := PartResponse{Text: text}
			if !r.answered() || t.check(r) != nil {
				continue
			}
			if v := t.judge(r, d); !found || v.credit.Cmp(credit) > 0 {
				best, credit, found = r, v.credit, true
			}
		}
	}
	return best, found
}

// examples are texts that the rule may accept.
func (k *textKey) examples() []string {
	if k.literals == nil {
		return []string{k.shown}
	}
	literals := splitStars(k.shown)
	return []string{strings.Join(literals, ""), strings.Join(literals, "*")}
}
