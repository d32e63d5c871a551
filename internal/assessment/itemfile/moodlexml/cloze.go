package moodlexml

import (
	"html"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// embedded is a question within the text of a cloze question:
// {2:SHORTANSWER:%100%Paris#Right~Lyon#No}.
type embedded struct {
	weight  string
	kind    clozeKind
	answers []clozeAnswer
}

type clozeAnswer struct {
	share    moodletext.Share
	equals   bool // = rather than a percentage
	text     string
	feedback string
}

// clozeKind is what a word such as MCVS means.
type clozeKind struct {
	part         event.PartKind
	matchCase    bool
	shuffle      bool
	presentation string
}

var clozeStart = regexp.MustCompile(`\{\s*([0-9]*)\s*:\s*([A-Z][A-Z_]*)\s*:`)

// clozeTrace is the beginning of an embedded question that has a mistake. Shown as
// text it would show its key.
var clozeTrace = regexp.MustCompile(`\{\s*[0-9]*\s*:\s*(?i:NUMERICAL|NM|MULTICHOICE|MC|MULTIRESPONSE|MR|SHORTANSWER|SA|MW)[A-Z_]*\s*[:}=~%]`)

// clozeKindOf reads the type of an embedded question (Moodle documentation:
// "Embedded Answers (Cloze) question type").
func clozeKindOf(word string) (clozeKind, bool) {
	long := strings.NewReplacer("MULTICHOICE_", "MC", "MULTICHOICE", "MC", "MULTIRESPONSE_", "MR", "MULTIRESPONSE", "MR",
		"SHORTANSWER_", "SA", "SHORTANSWER", "SA", "NUMERICAL", "NM", "MW", "SA").Replace(word)
	switch {
	case long == "NM":
		return clozeKind{part: event.Numerical}, true
	case long == "SA":
		return clozeKind{part: event.Text}, true
	case long == "SAC":
		return clozeKind{part: event.Text, matchCase: true}, true
	case strings.HasPrefix(long, "MC"), strings.HasPrefix(long, "MR"):
		k := clozeKind{part: event.Dropdown}
		if long[1] == 'R' {
			k.part, k.presentation = event.MultipleChoice, "vertical"
		}
		for _, c := range strings.ReplaceAll(long[2:], "_", "") {
			switch c {
			case 'V':
				k.presentation = "vertical"
			case 'H':
				k.presentation = "horizontal"
			case 'S':
				k.shuffle = true
			default:
				return clozeKind{}, false
			}
		}
		if k.presentation != "" && k.part == event.Dropdown {
			k.part = event.SingleChoice
		}
		return k, true
	}
	return clozeKind{}, false
}

// cloze maps a text with embedded questions, each of which becomes a part.
func (q *question) cloze() error {
	text := q.stem.text
	var out strings.Builder
	total := new(big.Rat)
	for {
		at := clozeStart.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		kind, known := clozeKindOf(text[at[4]:at[5]])
		if !known {
			return refuse("it holds an embedded question of the type %s, which is not known here", clip(text[at[4]:at[5]]))
		}
		end := clozeEnd(text, at[1])
		if end < 0 {
			return refuse("the embedded question %q is not closed", markup.Shorten(text[at[0]:], 40))
		}
		e := embedded{weight: orElse(text[at[2]:at[3]], "1"), kind: kind}
		if !e.parse(text[at[1]:end]) {
			return refuse("the embedded question %q has no answers", markup.Shorten(text[at[0]:], 40))
		}
		part, err := q.embedded(e)
		if err != nil {
			return err
		}
		if weight, ok := moodletext.Decimal(part.Weight); ok {
			total.Add(total, weight)
		}
		if trace := clozeTrace.FindStringIndex(text[:at[0]]); trace != nil {
			return refuse("the embedded question %q cannot be read", markup.Shorten(text[trace[0]:], 40))
		}
		out.WriteString(text[:at[0]])
		out.WriteString(q.place(partMark(part.PartID)))
		text = text[end+1:]
	}
	if at := clozeTrace.FindStringIndex(text); at != nil {
		return refuse("the embedded question %q cannot be read", markup.Shorten(text[at[0]:], 40))
	}
	out.WriteString(text)
	q.stem.text = out.String()
	if len(q.item.Parts) == 0 {
		q.notes.Add(itemfile.Simplified, "an embedded-answers question without an answer", "its text asks nothing; it is kept as an item of weight 0")
		q.item.Weight = "0"
		q.part(event.PartV1{Kind: event.Unsupported, Weight: "0"})
		return nil
	}
	if len(q.item.Parts) > maxParts {
		return refuse("it has %d embedded questions; at most %d are taken", len(q.item.Parts), maxParts)
	}
	// Moodle takes the mark from the embedded questions, whatever the file says.
	if stated := q.weight(); q.value("defaultgrade") != "" && stated != moodletext.DecimalText(total, 9) {
		q.notes.Add(itemfile.Info, "default mark "+stated, "the mark of such a question is the sum of what is in its text")
	}
	q.item.Weight = moodletext.DecimalText(total, 9)
	return nil
}

const maxParts = 200

// clozeEnd is the place of the brace that closes, or -1.
func clozeEnd(text string, from int) int {
	for i := from; i < len(text); i++ {
		if text[i] == '}' && text[i-1] != '\\' {
			return i
		}
	}
	return -1
}

var clozePercent = regexp.MustCompile(`^\s*%(-?[0-9]+(?:[.,][0-9]*)?)%`)

// parse reads the answers. They are separated by ~, and # begins a feedback,
// unless a backslash stands before or the # is part of an entity.
func (e *embedded) parse(body string) bool {
	body = strings.TrimPrefix(strings.TrimSpace(body), "~")
	for alternative := range splitCloze(body, '~') {
		a := clozeAnswer{}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(alternative), "="); ok {
			a.equals, a.share, alternative = true, moodletext.Whole, rest
		} else if m := clozePercent.FindStringSubmatch(alternative); m != nil {
			alternative = alternative[len(m[0]):]
			share, ok := moodletext.ParsePercent(m[1])
			if !ok || share > moodletext.Whole || share < -moodletext.Whole {
				return false
			}
			a.share = share
		}
		pieces := 0
		for piece := range splitCloze(alternative, '#') {
			if pieces++; pieces == 1 {
				a.text = unescapeCloze(piece)
			} else if a.feedback != "" {
				a.feedback += "#" + unescapeCloze(piece)
			} else {
				a.feedback = unescapeCloze(piece)
			}
		}
		if strings.TrimSpace(a.text) != "" {
			e.answers = append(e.answers, a)
		}
	}
	return len(e.answers) > 0
}

// splitCloze yields the pieces between separators.
func splitCloze(text string, separator byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		from := 0
		for i := 0; i < len(text); i++ {
			if text[i] != separator || i > 0 && text[i-1] == '\\' ||
				separator == '#' && i > 0 && (text[i-1] == '&' || strings.HasSuffix(text[:i], "&amp;") && isReference(text[i:])) {
				continue
			}
			if !yield(text[from:i]) {
				return
			}
			from = i + 1
		}
		yield(text[from:])
	}
}

var reference = regexp.MustCompile(`^#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});`)

func isReference(text string) bool { return reference.MatchString(text[:min(len(text), 12)]) }

// unescapeCloze removes the backslashes that keep a character from its meaning.
func unescapeCloze(text string) string {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`}#~/"`, text[i+1]) >= 0 {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// embedded makes a part of an embedded question.
func (q *question) embedded(e embedded) (*event.PartV1, error) {
	part := event.PartV1{Kind: e.kind.part, Weight: e.weight, Shuffle: e.kind.shuffle, Presentation: e.kind.presentation}
	shares := make([]moodletext.Share, len(e.answers))
	for i, a := range e.answers {
		shares[i] = a.share
	}
	switch e.kind.part {
	case event.Text:
		for i, a := range e.answers {
			text := plainAnswer(a.text)
			if text == "" {
				continue
			}
			part.Texts = append(part.Texts, event.TextKeyV1{
				Match: textMatch(text, e.kind.matchCase), Pattern: text, Credit: q.typedCredit(shares[i]), FeedbackHTML: q.clozeFeedback(a),
			})
		}
		if len(part.Texts) == 0 {
			return nil, refuse("an embedded question has no answers to compare with")
		}
	case event.Numerical:
		for i, a := range e.answers {
			value, tolerance, _ := strings.Cut(plainAnswer(a.text), ":")
			key, err := q.numberKey(strings.TrimSpace(value), strings.TrimSpace(tolerance))
			if err != nil {
				return nil, err
			}
			key.Credit, key.FeedbackHTML = q.typedCredit(shares[i]), q.clozeFeedback(a)
			part.Numbers = append(part.Numbers, key)
		}
	default:
		single := e.kind.part != event.MultipleChoice
		if !single {
			part.Credit = event.SumOfCredits
			q.spread(shares)
			moodletext.Complete(shares)
		}
		q.keyOf(&part, shares, single)
		for i, a := range e.answers {
			choice := event.ChoiceV1{
				ChoiceID: "c" + strconv.Itoa(i+1), HTML: orElse(q.clean(q.like(a.text)), "?"), Credit: shares[i].String(), FeedbackHTML: q.clozeFeedback(a),
			}
			part.Choices = append(part.Choices, choice)
		}
	}
	return q.part(part), nil
}

// spread shares the mark among several right answers that are each marked as the
// whole.
func (q *question) spread(shares []moodletext.Share) {
	var sum moodletext.Share
	for _, s := range shares {
		sum += max(s, 0)
	}
	if sum <= moodletext.Whole+moodletext.Whole/1000 {
		return
	}
	q.notes.Add(itemfile.Info, "several right answers of one embedded question", "each earns its share of the mark")
	for i, s := range shares {
		if s > 0 {
			r := big.NewRat(int64(s), int64(sum))
			shares[i], _ = moodletext.ParseShare(moodletext.DecimalText(r, 9))
		}
	}
}

// like is a text in the format of the question, as a phrase.
func (q *question) like(text string) field {
	f := q.stem
	f.text = text
	if f.format == moodletext.Markdown {
		f.format = moodletext.HTML
	}
	return f
}

func (q *question) clozeFeedback(a clozeAnswer) string { return q.clean(q.like(a.feedback)) }

var tag = regexp.MustCompile(`</?[a-zA-Z][^>]*>`)

// plainAnswer is an answer that is typed: entities are characters, and an editor's
// tags are none of it.
func plainAnswer(text string) string {
	text = tag.ReplaceAllString(text, "")
	text = html.UnescapeString(text)
	if strings.Contains(text, "&#") { // an editor has escaped the ampersand of an entity
		text = html.UnescapeString(text)
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "\u00a0", " "))
}
