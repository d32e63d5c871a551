package qti12

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

const maxKeys = 190 // of a part

// blankKey is about Canvas' blanks, whose accepted texts are written as choices.
func (q *question) blankKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	earned := make([]*rational, len(r.labels))
	for i, l := range r.labels {
		given := answers{r: {ids: []string{l.ident}}}
		earned[i] = worth(given)
		s.note(given, earned[i])
	}
	type accepted struct {
		key    event.TextKeyV1
		ident  string
		earned *rational
	}
	var list []accepted
	others := false
	for i, l := range r.labels {
		key := event.TextKeyV1{Pattern: words(l.html), Credit: credit(earned[i], s.best)}
		if earned[i].Sign() == 0 && s.best != nil && s.all {
			// Canvas accepts all, and names only one in its conditions.
			key.Credit, others = "1", true
		}
		var ok bool
		if key.Match, key.Pattern, ok = q.algorithm(l, key.Pattern); !ok || key.Pattern == "" {
			continue
		}
		if slices.ContainsFunc(list, func(a accepted) bool {
			return a.key.Match == key.Match && key.Match == event.MatchFold && strings.EqualFold(a.key.Pattern, key.Pattern)
		}) {
			key.Match = event.MatchExact // another spelling, which may have feedback of its own
		}
		if slices.ContainsFunc(list, func(a accepted) bool { return a.key.Match == key.Match && a.key.Pattern == key.Pattern }) {
			continue
		}
		if len(list) >= maxKeys {
			q.lose(skipped, "further accepted texts of a blank", "there are more than can be kept")
			break
		}
		list = append(list, accepted{key, l.ident, earned[i]})
	}
	if others {
		q.lose(info, "accepted texts of a blank", "all that are listed are accepted, as in Canvas, though the conditions name one of them")
	}
	if len(list) == 0 {
		return refuse("a blank has no accepted text")
	}
	slices.SortStableFunc(list, func(a, b accepted) int { return rankOf(a.key.Match) - rankOf(b.key.Match) })
	for i, a := range list {
		p.Texts = append(p.Texts, a.key)
		s.atoms = append(s.atoms, atom{
			given: answers{r: {ids: []string{a.ident}}}, names: a.ident, credit: share(a.earned, s.best),
			say: func(html string) { p.Texts[i].FeedbackHTML += html },
		})
	}
	return nil
}

// algorithm is the way in which Canvas' New Quizzes compare a text.
func (q *question) algorithm(l label, pattern string) (event.TextMatch, string, bool) {
	sensitive := yes(q.meta.get("case_sensitive"))
	match := func(exact, fold event.TextMatch) event.TextMatch {
		if sensitive {
			return exact
		}
		return fold
	}
	switch strings.ToLower(l.algorithm) {
	case "textcontainsanswer":
		return match(event.MatchWildcard, event.MatchWildcardFold), "*" + strings.ReplaceAll(pattern, "*", `\*`) + "*", pattern != ""
	case "textregex":
		if !sensitive {
			pattern = "(?i)" + pattern
		}
		if _, err := regexp.Compile(pattern); err != nil {
			q.lose(skipped, "regular expression of a blank", "it is none that can be run: "+err.Error())
			return "", "", false
		}
		return event.MatchRegexp, pattern, true
	case "textcloseenough":
		q.lose(simplified, "texts that are close to the right one", "they are not accepted: capitals and accents do not matter, but letters do")
		return event.MatchNormalised, pattern, true
	}
	return match(event.MatchExact, event.MatchFold), pattern, true
}

// textKey reads the accepted texts of a typed response.
func (q *question) textKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	literals, known := q.literals(r)
	if !known || len(literals) > maxKeys {
		return errNoKey
	}
	if len(literals) == 0 {
		return refuse("no text is accepted by its conditions")
	}
	earns := func(text string) *rational { return worth(answers{r: {text: text}}) }
	other := between + "another text"
	if earns(other).Sign() != 0 {
		return errNoKey
	}
	s.atoms = append(s.atoms, atom{given: answers{r: {text: other}}, say: func(string) {}})
	worths := make([]*rational, len(literals))
	for i, l := range literals {
		pattern, typed := l.sample(literals)
		given := answers{r: {text: typed}}
		worths[i] = worth(given)
		s.note(given, worths[i])
		p.Texts = append(p.Texts, event.TextKeyV1{Match: l.match, Pattern: pattern})
		s.atoms = append(s.atoms, atom{given: given, names: l.text, say: func(html string) { p.Texts[i].FeedbackHTML += html }})
	}
	for i, earned := range worths {
		p.Texts[i].Credit = credit(earned, s.best)
		s.atoms[i+1].credit = share(earned, s.best)
	}
	if !agree(literals, worths, earns) {
		return errNoKey
	}
	return nil
}

// literals are the texts that conditions on a response ask for, exact ones before
// others that they are cases of. It returns false if conditions ask for more.
func (q *question) literals(r *response) (list []literal, known bool) {
	known = true
	for _, rule := range q.rules.rules {
		rule.when.walk(func(c *condition, _ bool) {
			if c.on != r || c.op == opUnanswered {
				return
			}
			l := literal{c.value, event.MatchFold}
			switch {
			case c.op == opEqual && c.exact:
				l.match = event.MatchExact
			case c.op == opEqual:
			case c.op == opContains && c.exact:
				l.match = event.MatchWildcard
			case c.op == opContains:
				l.match = event.MatchWildcardFold
			default:
				known = false
				return
			}
			same := func(k literal) bool {
				return k.match == l.match && (k.text == l.text || l.match == event.MatchFold && strings.EqualFold(k.text, l.text))
			}
			if l.text != "" && !slices.ContainsFunc(list, same) {
				list = append(list, l)
			}
		})
	}
	slices.SortStableFunc(list, func(a, b literal) int { return rankOf(a.match) - rankOf(b.match) })
	return list, known
}

// literal is a text that conditions ask for.
type literal struct {
	text  string
	match event.TextMatch
}

// sample is the pattern of the key, and a text that it accepts and no exact literal
// is.
func (l literal) sample(all []literal) (pattern, typed string) {
	switch l.match {
	case event.MatchWildcard, event.MatchWildcardFold:
		return "*" + strings.ReplaceAll(l.text, "*", `\*`) + "*", between + l.text + between
	case event.MatchFold:
		return l.text, otherCase(l.text, all)
	}
	return l.text, l.text
}

// accepts reports whether a text is the literal, as the key for it has it.
func (l literal) accepts(text string) bool {
	switch l.match {
	case event.MatchExact:
		return text == l.text
	case event.MatchWildcard:
		return strings.Contains(text, l.text)
	case event.MatchWildcardFold:
		return strings.Contains(strings.ToLower(text), strings.ToLower(l.text))
	}
	return strings.EqualFold(text, l.text)
}

// between is a character that no author's text has.
const between = "\uE0F2"

// spellings are a text with other capitals.
func spellings(text string) []string {
	mixed := []rune(strings.ToLower(text))
	for i := range mixed {
		if i%2 == 1 {
			mixed[i] = unicode.ToUpper(mixed[i])
		}
	}
	return []string{text, strings.ToUpper(text), strings.ToLower(text), string(mixed)}
}

// otherCase is a spelling of a text that no exact literal is.
func otherCase(text string, literals []literal) string {
	for _, spelling := range spellings(text) {
		if !slices.Contains(literals, literal{spelling, event.MatchExact}) && strings.EqualFold(spelling, text) {
			return spelling
		}
	}
	return text
}

// agree compares keys, of which the first that accepts a text counts, with the
// list of conditions, on every literal in other spellings, within other words and
// beside other literals.
func agree(literals []literal, worths []*rational, worth func(string) *rational) bool {
	var texts []string
	parts := false
	for _, l := range literals {
		texts = append(texts, spellings(l.text)...)
		parts = parts || l.match == event.MatchWildcard || l.match == event.MatchWildcardFold
	}
	if parts && len(literals) <= 30 {
		for _, l := range literals {
			for _, text := range spellings(l.text) {
				texts = append(texts, between+text+between)
			}
			for _, other := range literals {
				texts = append(texts, l.text+between+other.text)
			}
		}
	}
	for _, text := range texts {
		want := new(big.Rat)
		if at := slices.IndexFunc(literals, func(l literal) bool { return l.accepts(text) }); at >= 0 {
			want = worths[at]
		}
		if worth(text).Cmp(want) != 0 {
			return false
		}
	}
	return true
}

func rankOf(m event.TextMatch) int {
	return slices.Index([]event.TextMatch{event.MatchExact, event.MatchFold, event.MatchNormalised, event.MatchRegexp, event.MatchWildcard, event.MatchWildcardFold}, m)
}

// cut is a place on the line of numbers where what a response earns may change.
type cut struct {
	at      *rational
	numeral string // as the file writes it
	middle  bool   // it is a value and not a bound
}

// segment is a point or an open interval of the line of numbers.
type segment struct {
	low, high *cut // the same for a point; nil is unbounded
	earned    *rational
	feedback  string // identifiers, joined
	given     answers
}

// numberKey reads the accepted numbers: it asks what is earned at each number of
// the conditions and between each two of them.
func (q *question) numberKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	cuts, err := q.cuts(r)
	if err != nil {
		return err
	}
	segments := q.segments(r, cuts, worth, s)
	for i := 0; i < len(segments); {
		j := i
		for j+1 < len(segments) && segments[j+1].earned.Cmp(segments[i].earned) == 0 && segments[j+1].feedback == segments[i].feedback {
			j++
		}
		first, last := segments[i], segments[j]
		i = j + 1
		if first.earned.Sign() == 0 && first.feedback == "" {
			continue
		}
		if first.low == nil && last.high == nil {
			if first.earned.Sign() == 0 {
				continue
			}
			return errNoKey // whatever is typed
		}
		if first.earned.Sign() == 0 && (first.low == nil || last.high == nil || first.feedback == segments[0].feedback) {
			continue // feedback for wrong answers, which is the item's
		}
		if len(p.Numbers) >= maxKeys {
			return errNoKey
		}
		key := numberKeyOf(first, last, cuts)
		key.Credit = credit(first.earned, s.best)
		p.Numbers = append(p.Numbers, key)
		at := len(p.Numbers) - 1
		s.atoms = append(s.atoms, atom{given: first.given, credit: share(first.earned, s.best), say: func(html string) { p.Numbers[at].FeedbackHTML += html }})
	}
	if len(p.Numbers) == 0 {
		return refuse("no number is accepted by its conditions")
	}
	s.atoms = append(s.atoms, atom{given: segments[0].given, credit: share(segments[0].earned, s.best), say: func(string) {}})
	return nil
}

// cuts are the numbers of the conditions, ascending.
func (q *question) cuts(r *response) ([]*cut, error) {
	var cuts []*cut
	bad := false
	for _, rule := range q.rules.rules {
		rule.when.walk(func(c *condition, _ bool) {
			switch {
			case c.on != r || c.op == opUnanswered:
			case c.number == nil:
				bad = true
			default:
				cuts = append(cuts, &cut{at: c.number, numeral: strings.TrimPrefix(strings.TrimSpace(c.value), "+"), middle: c.op == opEqual})
			}
		})
	}
	if bad || len(cuts) > 2*maxKeys {
		return nil, errNoKey
	}
	slices.SortStableFunc(cuts, func(a, b *cut) int { return a.at.Cmp(b.at) })
	var distinct []*cut
	for _, c := range cuts {
		if n := len(distinct); n > 0 && distinct[n-1].at.Cmp(c.at) == 0 {
			distinct[n-1].middle = distinct[n-1].middle || c.middle
			continue
		}
		distinct = append(distinct, c)
	}
	return distinct, nil
}

func (q *question) segments(r *response, cuts []*cut, worth func(answers) *rational, s *slot) []segment {
	var segments []segment
	ask := func(low, high *cut, at *rational) {
		given := answers{r: {text: exactNumeral(at)}}
		sg := segment{low: low, high: high, given: given, earned: worth(given)}
		_, shown := q.rules.run(given)
		var own []string
		for _, id := range shown {
			if q.feedback[id] != "" {
				own = append(own, id)
			}
		}
		sg.feedback = strings.Join(own, "\x00")
		s.note(given, sg.earned)
		segments = append(segments, sg)
	}
	one := big.NewRat(1, 1)
	for i, c := range cuts {
		if i == 0 {
			ask(nil, c, new(big.Rat).Sub(c.at, one))
		} else {
			between := new(big.Rat).Add(cuts[i-1].at, c.at)
			ask(cuts[i-1], c, between.Mul(between, big.NewRat(1, 2)))
		}
		ask(c, c, c.at)
		if i == len(cuts)-1 {
			ask(c, nil, new(big.Rat).Add(c.at, one))
		}
	}
	// Feedback that is shown for any number is not the numbers'.
	common := map[string]bool{}
	for i, sg := range segments {
		shown := strings.Split(sg.feedback, "\x00")
		if i == 0 {
			for _, id := range shown {
				common[id] = true
			}
		}
		for id := range common {
			if !slices.Contains(shown, id) {
				delete(common, id)
			}
		}
	}
	for i := range segments {
		shown := slices.DeleteFunc(strings.Split(segments[i].feedback, "\x00"), func(id string) bool { return common[id] })
		segments[i].feedback = strings.Join(shown, "\x00")
	}
	return segments
}

// exactNumeral writes a number so that it is read as the same.
func exactNumeral(n *rational) string {
	for places := 0; places <= 60; places++ {
		s := n.FloatString(places)
		if back := parseNumber(s); back != nil && back.Cmp(n) == 0 {
			return s
		}
	}
	return n.FloatString(50)
}

// numberKeyOf is the key of the numbers from one segment to another.
func numberKeyOf(first, last segment, cuts []*cut) event.NumberKeyV1 {
	key := event.NumberKeyV1{}
	isPoint := first.low != nil && first.low == first.high
	endsAtPoint := last.low != nil && last.low == last.high
	if isPoint && endsAtPoint {
		if first.low == last.low {
			return event.NumberKeyV1{Value: first.low.numeral, Tolerance: "0"}
		}
		// A value with a tolerance, if there is one in the middle.
		middle := new(big.Rat).Add(first.low.at, last.low.at)
		middle.Mul(middle, big.NewRat(1, 2))
		for _, c := range cuts {
			if c.middle && c.at.Cmp(middle) == 0 {
				return event.NumberKeyV1{Value: c.numeral, Tolerance: exactNumeral(new(big.Rat).Sub(last.low.at, middle))}
			}
		}
	}
	if first.low != nil {
		key.Low, key.LowOpen = first.low.numeral, !isPoint
	}
	if last.high != nil {
		key.High, key.HighOpen = last.high.numeral, !endsAtPoint
	}
	return key
}
