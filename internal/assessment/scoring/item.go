package scoring

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of an item. They are far above what people write and keep the work
// of scoring and the size of a view bounded.
const (
	maxParts       = 200
	maxChoices     = 1000 // of a part, and its targets
	maxKeys        = 200  // numbers, texts, formulas, areas, orders or compounds of a part
	maxPairs       = 1000 // of a part's key, and of a response
	maxHints       = 50
	maxBands       = 50
	maxIDBytes     = 100
	maxTitleBytes  = 2000
	maxMarkupBytes = 1 << 20 // of one field
)

// The limits of all parts of an item together. They bound what it costs to score
// a response: a key may have to be computed for every one.
const (
	maxExpressions = 20_000 // bytes of the expressions of variables and keys
	maxItemSamples = 2000   // points at which formulas are compared
	maxItemCoords  = 20_000 // coordinates of areas
)

// minCredit is the greatest penalty of one choice, and the lowest bound of a part.
const minCredit = -1000

// Item is a question ready to be scored: an event.ItemV1 whose key has been
// parsed and checked. It is immutable and safe for concurrent use.
type Item struct {
	id          uuid.UUID
	title       string
	body        markup
	weight, min Score
	parts       []part
	index       map[string]int // part id -> position in parts
	hints       []markup
	explanation markup
	bands       []band
	variables   *variables // nil without any
	program     *program   // nil without one
}

// band is feedback on the item from a share of its maximum.
type band struct {
	from     Score
	feedback markup
}

// scope is what the parts of an item have to know of it while they are parsed.
type scope struct {
	// markup may refer to names, expressions to variables. names is nil if there
	// are none.
	names     names
	variables []string
	// keys collects the expressions that need a value.
	keys []*exact.Expression
	// programmed items have no keys.
	programmed bool
	item       uuid.UUID

	// What has been used of the limits of an item: the size of regular expressions
	// and of expressions, the points of formulas, the coordinates of areas.
	patterns, expressions, samples, coords int
}

// compile prepares an author's expression in these variables.
func (s *scope) compile(text string, variables ...string) (*exact.Expression, error) {
	if s.expressions += len(text); s.expressions > maxExpressions {
		return nil, fmt.Errorf("the expressions of the item are longer than %d bytes together", maxExpressions)
	}
	return exact.Compile(text, variables...)
}

// Parse checks an item and prepares it for scoring. It refuses what has no
// clear meaning: unknown kinds and rules, repeated ids, credits above 1, keys of
// another kind, expressions that are not numbers or have no value for what may be
// drawn, patterns that do not compile, markup with invalid characters or with
// placeholders of variables that do not exist, and sizes beyond the limits.
// Whether somebody can earn the full score is left to the author: a part without
// a right answer is legal. So is an image without alternative text, which drafts
// may have. The error names the
// place of the first fault in the terms of the JSON form:
// `parts[2].choices[0].credit`.
func Parse(def event.ItemV1) (*Item, error) {
	it := &Item{id: def.ItemID, title: def.Title, index: make(map[string]int, len(def.Parts))}
	if def.ItemID == uuid.Nil {
		return nil, errors.New("item_id: it is missing")
	}
	s := &scope{item: def.ItemID}
	for _, step := range []func(event.ItemV1, *scope) error{
		it.setWeight, it.setVariables, it.setTexts, it.setBands, it.setParts, it.tryDraws,
	} {
		if err := step(def, s); err != nil {
			return nil, err
		}
	}
	return it, nil
}

func (it *Item) setWeight(def event.ItemV1, _ *scope) error {
	var err error
	if it.weight, err = ParseScore(def.Weight); err != nil {
		return fmt.Errorf("weight: %w", err)
	}
	if def.MinScore != "" {
		if it.min, err = ParseSignedScore(def.MinScore); err != nil {
			return fmt.Errorf("min_score: %w", err)
		}
		if it.min.Sign() > 0 {
			return fmt.Errorf("min_score: %s is above zero", def.MinScore)
		}
	}
	return nil
}

func (it *Item) setVariables(def event.ItemV1, s *scope) error {
	if def.Program != nil {
		return it.setProgram(def, s)
	}
	var err error
	if it.variables, err = parseVariables(def, s); err != nil || it.variables == nil {
		return err
	}
	s.variables = it.variables.names
	s.names = names{}
	for _, name := range s.variables {
		s.names[name] = true
	}
	return nil
}

func (it *Item) setTexts(def event.ItemV1, s *scope) error {
	var errBody, errExplanation error
	it.body, errBody = parseMarkup("body_html", def.BodyHTML, s.names)
	it.explanation, errExplanation = parseMarkup("explanation_html", def.ExplanationHTML, s.names)
	if err := cmp.Or(
		checkText("title", def.Title, 0, maxTitleBytes), errBody, errExplanation,
		checkCount("hints_html", len(def.HintsHTML), 0, maxHints),
	); err != nil {
		return err
	}
	for i, html := range def.HintsHTML {
		hint, err := parseMarkup("hints_html"+at(i), html, s.names)
		if err != nil {
			return err
		}
		it.hints = append(it.hints, hint)
	}
	return nil
}

func (it *Item) setBands(def event.ItemV1, s *scope) error {
	if err := checkCount("bands", len(def.Bands), 0, maxBands); err != nil {
		return err
	}
	for i, d := range def.Bands {
		place := "bands" + at(i)
		from, err := ParseScore(d.From)
		if err == nil && from.Cmp(whole) > 0 {
			err = fmt.Errorf("%s is more than 1", quote(d.From))
		}
		if err != nil {
			return fmt.Errorf("%s.from: %w", place, err)
		}
		feedback, err := parseMarkup(place+".feedback_html", d.FeedbackHTML, s.names)
		if err != nil {
			return err
		}
		it.bands = append(it.bands, band{from, feedback})
	}
	return nil
}

func (it *Item) setParts(def event.ItemV1, s *scope) error {
	if err := checkCount("parts", len(def.Parts), 0, maxParts); err != nil {
		return err
	}
	if len(def.Parts) == 0 && !it.weight.IsZero() && it.program == nil {
		return fmt.Errorf(`parts: there are none, so the weight is "0" and not %s`, quote(def.Weight))
	}
	total := Score{}
	for i, d := range def.Parts {
		p, err := parsePart(d, s)
		if err != nil {
			return fmt.Errorf("parts%s.%w", at(i), err)
		}
		if _, taken := it.index[p.id]; taken {
			return fmt.Errorf("parts%s.part_id: %s is used twice", at(i), quote(p.id))
		}
		it.index[p.id] = i
		it.parts = append(it.parts, p)
		total = total.Add(p.weight)
	}
	it.shareOut(total)
	if it.program != nil {
		return it.program.checkParts(it.parts)
	}
	return nil
}

// shareOut gives each part its share of the item. If no part weighs anything
// then nothing can be earned, and the item weighs nothing either. A program
// scores the item as a whole: only a part that stands alone has a share.
func (it *Item) shareOut(total Score) {
	switch {
	case it.scoredByProgram():
		if len(it.parts) == 1 {
			it.parts[0].max = it.weight
		}
	case total.IsZero():
		it.weight = Score{}
	default:
		for i := range it.parts {
			it.parts[i].max = it.weight.times(it.parts[i].weight).over(total)
		}
	}
}

// scoredByProgram reports whether it is the program that gives the score.
func (it *Item) scoredByProgram() bool { return it.program != nil && !it.program.manual }

// triedSeeds is how many sets of values Parse draws to see whether the
// expressions have values.
const triedSeeds = 8

// tryDraws refuses expressions that have no value for what is drawn.
func (it *Item) tryDraws(_ event.ItemV1, s *scope) error {
	if it.variables == nil {
		return nil
	}
	it.variables.keys = s.keys
	for seed := range int64(triedSeeds) {
		d := draw{item: it.id, seed: seed}
		if err := it.variables.into(&d); err != nil {
			return fmt.Errorf("%w; %d sets of values were tried", err, maxDraws)
		}
	}
	return nil
}

// draw gives the variables of the item their values for a seed.
func (it *Item) draw(seed int64) draw {
	d := draw{item: it.id, seed: seed}
	switch {
	case it.variables != nil:
		// Without values, keys that need one match nothing, and say so.
		_ = it.variables.into(&d)
	case it.program != nil:
		it.program.into(&d)
	}
	return d
}

// MaxScore is the item's weight; zero if it has no part that weighs anything.
func (it *Item) MaxScore() Score { return it.weight }

// MinScore is the least that the item can score; it is not above zero.
func (it *Item) MinScore() Score { return it.min }

// Hints is the number of hints.
func (it *Item) Hints() int { return len(it.hints) }

// Hint returns a hint by its number, counted from zero, as the learner with this
// seed sees it, and whether it exists.
func (it *Item) Hint(i int, seed int64) (html string, ok bool) {
	if i < 0 || i >= len(it.hints) {
		return "", false
	}
	return it.hints[i].render(it.draw(seed)), true
}

// parseCredit reads a share of at most 1, which may be a penalty.
func parseCredit(s string) (Score, error) { return parseShare("credit", s, minCredit) }

// parseShare reads a share between least and 1.
func parseShare(field, s string, least int) (Score, error) {
	share, err := ParseSignedScore(s)
	switch {
	case err != nil:
		return Score{}, fmt.Errorf("%s: %w", field, err)
	case share.Cmp(whole) > 0:
		return Score{}, fmt.Errorf("%s: %s is more than 1", field, quote(s))
	case share.Cmp(ratio(least, 1)) < 0:
		return Score{}, fmt.Errorf("%s: %s is less than %d", field, quote(s), least)
	}
	return share, nil
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
