package scoring

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of an item. They are far above what people write and keep the work
// of scoring and the size of a view bounded.
const (
	maxParts       = 200
	maxChoices     = 1000 // of a part
	maxKeys        = 200  // numbers, texts or compounds of a part
	maxHints       = 50
	maxIDBytes     = 100
	maxTitleBytes  = 2000
	maxMarkupBytes = 1 << 20 // of one field
)

// Item is a question ready to be scored: an event.ItemV1 whose key has been
// parsed and checked. It is immutable and safe for concurrent use.
type Item struct {
	id          uuid.UUID
	title       string
	body        string
	weight      Score
	parts       []part
	index       map[string]int // part id -> position in parts
	hints       []string
	explanation string
}

// part is one response of an item with its key.
type part struct {
	id              string
	kind            event.PartKind
	prompt          string
	label           string
	max             Score
	correctFeedback string

	// Of the choice kinds.
	choices     []choice
	choiceIndex map[string]int // choice id -> position in choices
	shuffle     bool
	rule        event.PartialCredit
	compounds   map[string]string // choiceSet key -> feedback

	numbers []numberKey
	texts   []textKey
}

// Parse checks an item and prepares it for scoring. It refuses what has no
// clear meaning: unknown kinds and rules, repeated ids, credits outside 0..1,
// keys of another kind, expressions that are not numbers, patterns that do not
// compile, markup with invalid characters, and sizes beyond the limits. Whether
// somebody can earn the full score is left to the author: a part without a
// right answer is legal. The error names the place of the first fault in the
// terms of the JSON form: `parts[2].choices[0].credit`.
func Parse(def event.ItemV1) (*Item, error) {
	it := &Item{
		id:          def.ItemID,
		title:       def.Title,
		body:        def.BodyHTML,
		index:       make(map[string]int, len(def.Parts)),
		explanation: def.ExplanationHTML,
	}
	if def.ItemID == uuid.Nil {
		return nil, errors.New("item_id: it is missing")
	}
	var err error
	if it.weight, err = ParseScore(def.Weight); err != nil {
		return nil, fmt.Errorf("weight: %w", err)
	}
	if err := cmp.Or(
		checkText("title", def.Title, 0, maxTitleBytes),
		checkMarkup("body_html", def.BodyHTML),
		checkMarkup("explanation_html", def.ExplanationHTML),
		checkCount("hints_html", len(def.HintsHTML), 0, maxHints),
		checkCount("parts", len(def.Parts), 1, maxParts),
	); err != nil {
		return nil, err
	}
	for i, hint := range def.HintsHTML {
		if err := checkMarkup("hints_html"+at(i), hint); err != nil {
			return nil, err
		}
		it.hints = append(it.hints, hint)
	}
	share := it.weight.times(ratio(1, len(def.Parts)))
	program := 0
	for i, d := range def.Parts {
		p, size, err := parsePart(d)
		if err != nil {
			return nil, fmt.Errorf("parts%s.%w", at(i), err)
		}
		if _, taken := it.index[p.id]; taken {
			return nil, fmt.Errorf("parts%s.part_id: %s is used twice", at(i), quote(p.id))
		}
		if program += size; program > maxProgram {
			return nil, fmt.Errorf("parts%s.texts: the regular expressions of the item are too large together", at(i))
		}
		p.max = share
		it.index[p.id] = i
		it.parts = append(it.parts, p)
	}
	return it, nil
}

// parsePart also returns the size of the part's regular expressions. Its errors
// begin with the name of the field.
func parsePart(def event.PartV1) (part, int, error) {
	p := part{
		id: def.PartID, kind: def.Kind, prompt: def.PromptHTML, label: def.Label,
		shuffle: def.Shuffle, correctFeedback: def.CorrectFeedbackHTML,
	}
	if err := cmp.Or(
		checkID("part_id", def.PartID),
		checkMarkup("prompt_html", def.PromptHTML),
		checkText("label", def.Label, 0, maxTitleBytes),
		checkMarkup("correct_feedback_html", def.CorrectFeedbackHTML),
		checkKind(def),
	); err != nil {
		return p, 0, err
	}
	program := 0
	switch {
	case p.takesChoices():
		if err := p.setChoices(def); err != nil {
			return p, 0, err
		}
	case def.Kind == event.Numerical:
		for i, d := range def.Numbers {
			key, err := parseNumberKey(d)
			if err != nil {
				return p, 0, fmt.Errorf("numbers%s.%w", at(i), err)
			}
			p.numbers = append(p.numbers, key)
		}
	case def.Kind == event.Text:
		for i, d := range def.Texts {
			key, size, err := parseTextKey(d)
			if err != nil {
				return p, 0, fmt.Errorf("texts%s.%w", at(i), err)
			}
			program += size
			p.texts = append(p.texts, key)
		}
	}
	return p, program, nil
}

// checkKind refuses unknown kinds, and fields that belong to another kind.
func checkKind(def event.PartV1) error {
	chosen, numbers, texts := false, false, false
	switch def.Kind {
	case event.SingleChoice, event.MultipleChoice, event.Dropdown:
		chosen = true
	case event.Numerical:
		numbers = true
	case event.Text:
		texts = true
	default:
		return fmt.Errorf("kind: %s is not a kind of part", quote(string(def.Kind)))
	}
	count := func(field string, n, limit int, mine bool) error {
		if mine {
			return checkCount(field, n, 1, limit)
		}
		if n > 0 {
			return fmt.Errorf("%s: a %s part has none", field, def.Kind)
		}
		return nil
	}
	if !chosen && def.Shuffle {
		return fmt.Errorf("shuffle: a %s part has no choices", def.Kind)
	}
	if def.Kind != event.MultipleChoice && (def.Credit != event.AllOrNothing || len(def.Compounds) > 0) {
		return errors.New("credit: only multiple_choice parts have a credit rule and compounds")
	}
	return cmp.Or(
		count("choices", len(def.Choices), maxChoices, chosen),
		count("numbers", len(def.Numbers), maxKeys, numbers),
		count("texts", len(def.Texts), maxKeys, texts),
	)
}

// MaxScore is the item's weight.
func (it *Item) MaxScore() Score { return it.weight }

// Hints is the number of hints.
func (it *Item) Hints() int { return len(it.hints) }

// Hint returns a hint by its number, counted from zero, and whether it exists.
func (it *Item) Hint(i int) (html string, ok bool) {
	if i < 0 || i >= len(it.hints) {
		return "", false
	}
	return it.hints[i], true
}

// parseCredit reads a share between 0 and 1.
func parseCredit(s string) (Score, error) {
	credit, err := ParseScore(s)
	if err != nil {
		return Score{}, fmt.Errorf("credit: %w", err)
	}
	if credit.rat().Cmp(big.NewRat(1, 1)) > 0 {
		return Score{}, fmt.Errorf("credit: %s is more than 1", quote(s))
	}
	return credit, nil
}

func checkCount(field string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s: there are %d; at least %d and at most %d are allowed", field, n, least, most)
	}
	return nil
}

// checkText refuses what is not text: invalid UTF-8 and NUL, which PostgreSQL
// cannot store either.
func checkText(field, s string, least, most int) error {
	switch {
	case len(s) < least:
		return fmt.Errorf("%s: it is empty", field)
	case len(s) > most:
		return fmt.Errorf("%s: it is longer than %d bytes", field, most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: it is not valid UTF-8", field)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%s: it contains a NUL character", field)
	}
	return nil
}

func checkMarkup(field, s string) error { return checkText(field, s, 0, maxMarkupBytes) }

// checkID accepts visible characters; choiceSet relies on there being no space.
func checkID(field, s string) error {
	if err := checkText(field, s, 1, maxIDBytes); err != nil {
		return err
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return fmt.Errorf("%s: %s has an invisible character", field, quote(s))
		}
	}
	return nil
}

// at is an index in an error's place.
func at(i int) string { return "[" + strconv.Itoa(i) + "]" }

// quote makes hostile text fit for an error message.
func quote(s string) string {
	const limit = 40
	if len(s) > limit {
		return strconv.Quote(strings.ToValidUTF8(s[:limit], "")) + "..."
	}
	return strconv.Quote(s)
}
