package gift

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// mapping makes an item of one question.
type mapping struct {
	*Question
	*importer
	notes moodletext.Notes
}

const partID = "1"

func (m *mapping) item() (*event.ItemV1, error) {
	body := m.body()
	if body == "" {
		return nil, errors.New("it has no text")
	}
	part := event.PartV1{PartID: partID}
	item := &event.ItemV1{BodyHTML: body, Weight: "1", ExplanationHTML: m.optional(m.Feedback)}
	var err error
	switch m.Type {
	case MC:
		err = m.choose(item, &part)
	case Short:
		err = m.typed(&part)
	case Numerical:
		err = m.number(&part)
	case Matching:
		err = m.match(&part)
	case TF:
		m.trueFalse(&part)
	case Essay:
		part.Kind, part.Essay = event.Essay, &event.EssayV1{Format: "html"}
	case Description:
		part.Kind, part.Weight, item.Weight = event.Unsupported, "0", "0"
		m.notes.Add(itemfile.Info, "a description", "it asks nothing; it is kept as an item of weight 0")
	default:
		err = fmt.Errorf("its type %s is not known", m.Type)
	}
	if err != nil {
		return nil, err
	}
	words := moodletext.Words(body, 300)
	part.Label = orElse(words, "Answer")
	item.Title = markup.Shorten(orElse(m.Title, words, "Question"), 200)
	item.Parts = []event.PartV1{part}
	return item, nil
}

func orElse(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// clean is a text as markup.
func (m *mapping) clean(t Text) string {
	return m.render.Clean(t.Text, t.Format, m.notes.Events(func(r markup.Reference) (markup.Target, bool) {
		name, ok := strings.CutPrefix(r.URL, "@@PLUGINFILE@@/")
		if !ok {
			return markup.Target{}, false
		}
		m.notes.Add(itemfile.Missing, fmt.Sprintf("file %q", markup.Shorten(name, 100)), "GIFT carries no files; a mark is left in the text")
		return markup.Target{Missing: name}, true
	}))
}

func (m *mapping) optional(t *Text) string {
	if t == nil {
		return ""
	}
	return m.clean(*t)
}

// body is the stem, with the place of the answer if it is a missing word.
func (m *mapping) body() string {
	if m.After == nil {
		return m.clean(m.Stem)
	}
	tokens := moodletext.NewTokens(m.Stem.Text + "\x00" + m.After.Text)
	text := Text{Format: m.Stem.Format, Text: m.Stem.Text + " " + tokens.Token(1) + " " + m.After.Text}
	if m.After.Format != m.Stem.Format {
		text = Text{Format: moodletext.HTML, Text: m.clean(m.Stem) + " " + tokens.Token(1) + " " + m.clean(*m.After)}
	}
	placed := false
	out := tokens.Put(m.clean(text), func(_ int, attribute bool) string {
		if attribute || placed {
			return ""
		}
		placed = true
		return `<span data-part="` + partID + `"></span>`
	})
	if !placed {
		m.notes.Add(itemfile.Simplified, "a missing word within a tag", "its answer follows the text")
	}
	return strings.TrimSpace(out)
}

// share is the credit of an answer, which is written as a percentage or follows
// from = and ~.
func share(right bool, weight string) (moodletext.Share, error) {
	if weight == "" {
		if right {
			return moodletext.Whole, nil
		}
		return 0, nil
	}
	s, ok := moodletext.ParsePercent(weight)
	if !ok || s > moodletext.Whole || s < -moodletext.Whole {
		return 0, fmt.Errorf("its weight %s is no percentage from -100 to 100", weight)
	}
	return s, nil
}

// choose maps a choice. It is of several answers if none is marked with =.
func (m *mapping) choose(item *event.ItemV1, part *event.PartV1) error {
	single, least, sum := false, moodletext.Share(0), moodletext.Share(0)
	shares := make([]moodletext.Share, len(m.Choices))
	for i, c := range m.Choices {
		single = single || c.Right
		var err error
		if shares[i], err = share(c.Right, c.Weight); err != nil {
			return err
		}
		least = min(least, shares[i])
		sum += max(shares[i], 0)
	}
	part.Kind, part.Shuffle = event.SingleChoice, true
	switch {
	case !single:
		part.Kind, part.Credit = event.MultipleChoice, event.SumOfCredits
		moodletext.Complete(shares)
	case m.After != nil:
		part.Kind = event.Dropdown
	}
	if single && least < 0 {
		part.LowBound, item.MinScore = least.String(), least.String()
	}
	if sum <= 0 {
		m.notes.Add(itemfile.Info, "its key", "no answer is right, so nobody can earn anything")
	}
	for i, c := range m.Choices {
		choice := event.ChoiceV1{ChoiceID: "c" + strconv.Itoa(i+1), Credit: shares[i].String(), HTML: m.clean(c.Text), FeedbackHTML: m.optional(c.Feedback)}
		if choice.HTML == "" {
			m.notes.Add(itemfile.Simplified, "an answer", "nothing is left of its text")
			choice.HTML = "?"
		}
		part.Choices = append(part.Choices, choice)
	}
	return nil
}

// typed maps a short answer: Moodle ignores case, and * is any text.
func (m *mapping) typed(part *event.PartV1) error {
	part.Kind = event.Text
	for _, c := range m.Choices {
		credit, err := share(c.Right, c.Weight)
		if err != nil {
			return err
		}
		pattern := c.Text.Text
		if c.Text.Format == moodletext.HTML && strings.Contains(pattern, "<") {
			if words := moodletext.Words(pattern, 1000); words != "" && words != pattern {
				m.notes.Add(itemfile.Simplified, "markup in an answer that is typed", "its words are compared")
				pattern = words
			}
		}
		key := event.TextKeyV1{Match: event.MatchFold, Pattern: pattern, Credit: max(0, credit).String(), FeedbackHTML: m.optional(c.Feedback)}
		if credit < 0 {
			m.notes.Add(itemfile.Simplified, "a negative weight of a typed answer", "it earns nothing")
		}
		if strings.Contains(pattern, "*") {
			key.Match = event.MatchWildcardFold
		}
		part.Texts = append(part.Texts, key)
	}
	return nil
}

// anything is farther from zero than any answer.
const anything = "1e300"

func (m *mapping) number(part *event.PartV1) error {
	part.Kind = event.Numerical
	for _, n := range m.Numbers {
		credit, err := share(n.Right, n.Weight)
		if err != nil {
			return err
		}
		key := event.NumberKeyV1{Value: n.Value, Credit: max(0, credit).String(), FeedbackHTML: m.optional(n.Feedback)}
		if credit < 0 {
			m.notes.Add(itemfile.Simplified, "a negative weight of a number", "it earns nothing")
		}
		switch {
		case n.Any:
			key.Low, key.High = "-"+anything, anything
		case n.Value == "":
			key.Low, key.High = n.Low, n.High
			if low, ok := moodletext.Decimal(n.Low); ok {
				if high, ok := moodletext.Decimal(n.High); ok && low.Cmp(high) > 0 {
					key.Low, key.High = n.High, n.Low
					m.notes.Add(itemfile.Info, "a range", "its ends are in the wrong order and are exchanged")
				}
			}
		default:
			key.Tolerance = strings.TrimPrefix(orElse(n.Margin, "0"), "-")
		}
		part.Numbers = append(part.Numbers, key)
	}
	return nil
}

// match maps pairs: the answers, each once, are put to the questions.
func (m *mapping) match(part *event.PartV1) error {
	part.Kind, part.Shuffle, part.Credit = event.Matching, true, event.EveryPair
	choices := map[string]string{}
	for i, p := range m.Pairs {
		id, known := choices[p.Answer]
		if !known {
			id = "c" + strconv.Itoa(len(choices)+1)
			choices[p.Answer] = id
			part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: id, HTML: m.render.Clean(p.Answer, moodletext.Plain, m.notes.Events(nil))})
		}
		question := m.clean(p.Question)
		if question == "" {
			continue // an answer that belongs to no question
		}
		target := "t" + strconv.Itoa(i+1)
		part.Targets = append(part.Targets, event.TargetV1{TargetID: target, HTML: question, MaxUse: 1})
		part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: id, TargetID: target, Credit: "1"})
	}
	if len(part.Targets) == 0 {
		return errors.New("none of its pairs has a question")
	}
	return nil
}

func (m *mapping) trueFalse(part *event.PartV1) {
	part.Kind = event.TrueFalse
	missed, known := m.optional(m.Feedbacks[0]), m.optional(m.Feedbacks[1])
	yes := event.ChoiceV1{ChoiceID: "true", HTML: "True", Credit: "1", FeedbackHTML: known}
	no := event.ChoiceV1{ChoiceID: "false", HTML: "False", Credit: "0", FeedbackHTML: missed}
	if !m.True {
		yes.Credit, no.Credit = "0", "1"
		yes.FeedbackHTML, no.FeedbackHTML = missed, known
	}
	part.Choices = []event.ChoiceV1{yes, no}
}
