package moodlexml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// fraction is the share of the mark that an answer earns.
func (q *question) fraction(answer *node) moodletext.Share {
	if old := answer.value("fraction"); old != "" { // a share, from before Moodle 1.6
		if s, ok := moodletext.ParseShare(old); ok && s <= moodletext.Whole && s >= -moodletext.Whole {
			return s
		}
	}
	text := answer.attr("fraction")
	if text == "" {
		return 0
	}
	s, ok := moodletext.ParsePercent(text)
	if !ok || s > moodletext.Whole || s < -moodletext.Whole {
		q.notes.AddAt(answer.line, itemfile.Simplified, fmt.Sprintf("fraction %q", clip(text)), "it is no percentage from -100 to 100; the answer earns nothing")
		return 0
	}
	return s
}

// multichoice maps a choice of one answer or of several.
func (q *question) multichoice() error { return q.choices(q.truth("single", true)) }

func (q *question) choices(single bool) error {
	var texts []field
	var shares []moodletext.Share
	var answers []*node
	for _, a := range q.all("answer") {
		f := q.field(a, q.stem.format)
		if f.text == "" {
			q.notes.AddAt(a.line, itemfile.Info, "an answer without a text", "Moodle overlooks such answers, and so it is left out")
			continue
		}
		texts, shares, answers = append(texts, f), append(shares, q.fraction(a)), append(answers, a)
	}
	if len(answers) == 0 {
		return refuse("it has no answers to choose from")
	}
	part := event.PartV1{Kind: event.SingleChoice, Shuffle: q.truth("shuffleanswers", false)}
	if !single {
		part.Kind, part.Credit = event.MultipleChoice, event.SumOfCredits
		moodletext.Complete(shares)
	}
	q.keyOf(&part, shares, single)
	for i, f := range texts {
		choice := event.ChoiceV1{ChoiceID: "c" + strconv.Itoa(i+1), HTML: q.clean(f), Credit: shares[i].String(), FeedbackHTML: q.feedback(answers[i])}
		if choice.HTML == "" {
			q.notes.AddAt(answers[i].line, itemfile.Simplified, "an answer", "nothing of it can be shown")
			choice.HTML = "?"
		}
		part.Choices = append(part.Choices, choice)
	}
	q.part(part)
	return nil
}

// keyOf sets the lower bound of a part and says what is odd about its key.
func (q *question) keyOf(part *event.PartV1, shares []moodletext.Share, single bool) {
	var least, most, sum moodletext.Share
	for _, s := range shares {
		least, most = min(least, s), max(most, s)
		sum += max(s, 0)
	}
	if single && least < 0 {
		part.LowBound = least.String()
	}
	switch {
	case most <= 0:
		q.notes.Add(itemfile.Info, "its key", "no answer is right, so nobody can earn anything")
	case single && most < moodletext.Whole, !single && sum < moodletext.Whole:
		q.notes.Add(itemfile.Info, "its key", "no response earns the whole mark")
	}
}

// trueFalse maps a question to which true or false is the answer. Old files have
// the words of the author's language, true first.
func (q *question) trueFalse() error {
	answers := q.all("answer")
	if len(answers) < 2 {
		return refuse("it lacks the answers true and false")
	}
	if len(answers) > 2 {
		q.notes.Add(itemfile.Simplified, "more than two answers", "the first two count")
		answers = answers[:2]
	}
	first, second := strings.ToLower(strings.TrimSpace(answers[0].words())), strings.ToLower(strings.TrimSpace(answers[1].words()))
	yes, no := answers[0], answers[1]
	switch {
	case first == "false" || second == "true":
		yes, no = no, yes
	case first != "true" && second != "false":
		q.notes.Add(itemfile.Info, fmt.Sprintf("the answers %q and %q", clip(first), clip(second)), "the first is taken for true and the second for false, as in old files")
	}
	part := event.PartV1{Kind: event.TrueFalse}
	shares := []moodletext.Share{q.fraction(yes), q.fraction(no)}
	part.Choices = []event.ChoiceV1{
		{ChoiceID: "true", HTML: "True", Credit: shares[0].String(), FeedbackHTML: q.feedback(yes)},
		{ChoiceID: "false", HTML: "False", Credit: shares[1].String(), FeedbackHTML: q.feedback(no)},
	}
	q.keyOf(&part, shares, true)
	q.part(part)
	return nil
}
