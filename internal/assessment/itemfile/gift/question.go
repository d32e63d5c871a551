package gift

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/markup"
)

// reader reads the text of one question.
type reader struct {
	*Question
	text    string
	numbers []int // of its lines
}

// broken says why the question cannot be read, and where: at is a place in the
// text, or -1 for its beginning.
func (r *reader) broken(at int, reason string) *Broken {
	line := r.numbers[0]
	if at > 0 {
		line = r.numbers[min(strings.Count(r.text[:min(at, len(r.text))], "\n"), len(r.numbers)-1)]
	}
	return &Broken{Line: line, Reason: reason}
}

func (r *reader) note(text string) {
	if !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

func (r *reader) read() *Broken {
	at := len(r.text) - len(strings.TrimLeft(r.text, " \t\n"))
	if strings.HasPrefix(r.text[at:], "::") {
		if end := findWord(r.text, at+2, "::"); end >= 0 {
			r.Title = unescape(r.text[at+2:end], moodletext.Auto)
			at = end + 2
		}
	}
	open := find(r.text, at, "{")
	if open < 0 {
		r.Type, r.Stem = Description, formatted(r.text[at:], moodletext.Auto)
		if r.Stem.Text == "" {
			return r.broken(-1, "it has no text")
		}
		return nil
	}
	end := find(r.text, open, "}")
	if end < 0 {
		return r.broken(open, "its answers begin with { and are not closed with }")
	}
	if again := find(r.text, open+1, "{"); again >= 0 {
		return r.broken(again, `there is a second {; a question has one set of answers, and a brace of the text is written \{`)
	}
	r.Stem = formatted(r.text[at:open], moodletext.Auto)
	if after := strings.TrimSpace(r.text[end+1:]); after != "" {
		text := formatted(after, r.Stem.Format)
		if r.Stem.Text == "" {
			r.Stem.Format = text.Format
		}
		r.After = &text
	}
	return r.answers(open+1, end)
}

// answers reads what stands between the braces.
func (r *reader) answers(from, to int) *Broken {
	if at := findWord(r.text[:to], from, "####"); at >= 0 {
		r.Feedback = r.feedback(r.text[at+4 : to])
		to = at
	}
	body := r.text[:to]
	for from < to && strings.IndexByte(" \t\n", body[from]) >= 0 {
		from++
	}
	truth, rest, isTruth := trueFalse(body[from:])
	switch {
	case from >= to:
		r.Type = Essay
	case body[from] == '#':
		return r.numerical(body, from+1)
	case isTruth:
		r.Type, r.True = TF, truth
		first, second, _ := cut(rest)
		r.Feedbacks = [2]*Text{r.feedback(first), r.feedback(second)}
	case find(body, from, "~") >= 0:
		r.Type = MC
		return r.choices(body, from)
	case find(body, from, "=") < 0:
		return r.broken(from, "what stands between its braces is no set of answers: each begins with = or ~")
	case r.matches(body, from):
		r.Type = Matching
	default:
		r.Type = Short
		return r.choices(body, from)
	}
	return nil
}

// feedback reads a feedback, nil if there is none.
func (r *reader) feedback(text string) *Text {
	t := formatted(text, r.Stem.Format)
	if t.Text == "" {
		return nil
	}
	return &t
}

// trueFalse recognises the key of a true-false question; rest is what follows
// the # after it.
func trueFalse(text string) (truth bool, rest string, ok bool) {
	word, rest, _ := cut(text)
	switch strings.ToUpper(strings.TrimSpace(word)) {
	case "T", "TRUE":
		return true, rest, true
	case "F", "FALSE":
		return false, rest, true
	}
	return false, "", false
}

// cut splits at the first # that begins a feedback.
func cut(text string) (before, after string, found bool) {
	for i := 0; ; i++ {
		if i = find(text, i, "#"); i < 0 {
			return text, "", false
		}
		if i == 0 || text[i-1] != '&' || !entity.MatchString(text[i:min(len(text), i+12)]) {
			return text[:i], text[i+1:], true
		}
	}
}

var entity = regexp.MustCompile(`^#([0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});`)

// answer is the source of one answer.
type answer struct {
	at     int // in the text of the question
	right  bool
	weight string
	text   string
	after  string // feedback
}

var percent = regexp.MustCompile(`^%(-?[0-9]+(?:[.,][0-9]*)?|-?[.,][0-9]+)%`)

// each splits answers at = and ~. An answer without text is left out.
func (r *reader) each(body string, from int) ([]answer, *Broken) {
	var out []answer
	if lead := find(body, from, "=~"); strings.TrimSpace(body[from:max(from, lead)]) != "" {
		return nil, r.broken(from, "there is a text before its first answer: answers begin with = or ~")
	}
	for at := find(body, from, "=~"); at >= 0; {
		next := find(body, at+1, "=~")
		if body[at] == '~' && next >= 0 && body[next] == '=' && strings.TrimSpace(body[at+1:next]) == "" {
			at, next = next, find(body, next+1, "=~") // "~=" is an old way to write =
		}
		end := next
		if end < 0 {
			end = len(body)
		}
		a := answer{at: at, right: body[at] == '='}
		text := strings.TrimSpace(body[at+1 : end])
		if m := percent.FindStringSubmatch(text); m != nil {
			a.weight, text = m[1], text[len(m[0]):]
		}
		a.text, a.after, _ = cut(text)
		if strings.TrimSpace(a.text) == "" {
			r.note("an answer without a text is left out")
		} else {
			out = append(out, a)
		}
		at = next
	}
	if len(out) == 0 {
		return nil, r.broken(from, "its answers have no text")
	}
	return out, nil
}

func (r *reader) choices(body string, from int) *Broken {
	answers, err := r.each(body, from)
	if err != nil {
		return err
	}
	for _, a := range answers {
		r.Choices = append(r.Choices, Choice{Right: a.right, Weight: a.weight, Text: formatted(a.text, r.Stem.Format), Feedback: r.feedback(a.after)})
	}
	return nil
}

// matches reads pairs, if all answers are pairs.
func (r *reader) matches(body string, from int) bool {
	if strings.TrimSpace(body[from:max(from, find(body, from, "="))]) != "" {
		return false
	}
	var pairs []Pair
	for at := find(body, from, "="); at >= 0; {
		next := find(body, at+1, "=")
		end := next
		if end < 0 {
			end = len(body)
		}
		question, text, ok := strings.Cut(body[at+1:end], "->")
		if !ok {
			return false
		}
		if text = unescape(text, moodletext.Auto); text != "" {
			pairs = append(pairs, Pair{Question: formatted(question, r.Stem.Format), Answer: text})
		}
		at = next
	}
	r.Pairs = pairs
	return len(pairs) > 0
}

func (r *reader) numerical(body string, from int) *Broken {
	r.Type = Numerical
	for from < len(body) && strings.IndexByte(" \t\n", body[from]) >= 0 {
		from++
	}
	if from >= len(body) {
		return r.broken(from, "it asks for a number and has none: {#42} is the form")
	}
	if body[from] != '=' && body[from] != '~' {
		text, after, _ := cut(body[from:])
		n, ok := r.number(text)
		if !ok {
			return r.broken(from, notNumber(text))
		}
		n.Right, n.Feedback, r.Single = true, r.feedback(after), true
		r.Numbers = []Number{n}
		return nil
	}
	answers, err := r.each(body, from)
	if err != nil {
		return err
	}
	for _, a := range answers {
		n, ok := r.number(a.text)
		if !ok {
			return r.broken(a.at, notNumber(a.text))
		}
		n.Right, n.Weight, n.Feedback = a.right, a.weight, r.feedback(a.after)
		r.Numbers = append(r.Numbers, n)
	}
	return nil
}

func notNumber(text string) string {
	return `"` + markup.Shorten(text, 40) + `" is neither a number nor a number with a margin (3.14:0.01) nor a range (3.1..3.2)`
}

const numeral = `([-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,3})?)`

var (
	marginForm = regexp.MustCompile(`^` + numeral + `(?:\s*:\s*` + numeral + `)?$`)
	rangeForm  = regexp.MustCompile(`^([-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)\s*\.\.\s*` + numeral + `$`)
)

// number reads a value, a value with its margin or a range.
func (r *reader) number(text string) (Number, bool) {
	text = unescape(strings.ReplaceAll(text, `\:`, ":"), moodletext.Auto)
	if text == "*" {
		return Number{Any: true}, true
	}
	if m := rangeForm.FindStringSubmatch(text); m != nil {
		return Number{Low: r.point(m[1]), High: r.point(m[2])}, true
	}
	if m := marginForm.FindStringSubmatch(text); m != nil {
		return Number{Value: r.point(m[1]), Margin: r.point(m[2])}, true
	}
	return Number{}, false
}

// point gives a numeral the decimal point.
func (r *reader) point(text string) string {
	if strings.Contains(text, ",") {
		r.note("a comma in a number is taken for a decimal point")
	}
	text = strings.TrimPrefix(strings.Replace(text, ",", ".", 1), "+")
	return strings.TrimSuffix(text, ".")
}
