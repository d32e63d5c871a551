package moodlexml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// match maps statements to which answers are put. An answer without a statement
// is there to mislead. ddmatch, a type of others, has markup in its answers.
func (q *question) match() error {
	part := event.PartV1{Kind: event.Matching, Credit: event.EveryPair, Shuffle: q.truth("shuffleanswers", true)}
	part.ShuffleTargets = part.Shuffle
	choices := map[string]string{}
	for i, s := range q.all("subquestion") {
		f := q.field(s, q.stem.format)
		answer := s.child("answer")
		text := q.clean(field{text: strings.TrimSpace(answer.words()), format: moodletext.Plain})
		if q.kind == "ddmatch" {
			text = q.optional(answer)
		}
		if text == "" {
			if f.text != "" {
				q.notes.AddAt(s.line, itemfile.Simplified, "a statement without an answer", "it is left out")
			}
			continue
		}
		id, known := choices[text]
		if !known {
			id = "c" + strconv.Itoa(len(choices)+1)
			choices[text] = id
			part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: id, HTML: text})
		}
		statement := q.clean(f)
		if statement == "" {
			continue
		}
		target := "t" + strconv.Itoa(i+1)
		part.Targets = append(part.Targets, event.TargetV1{TargetID: target, HTML: statement, MaxUse: 1})
		part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: id, TargetID: target, Credit: "1"})
	}
	if len(part.Targets) == 0 {
		return refuse("it has no statements with answers")
	}
	q.part(part)
	return nil
}

// The rules of ordering questions, by name and by the numbers of old files.
const (
	allOrNothing      = "ALL_OR_NOTHING"
	absolutePosition  = "ABSOLUTE_POSITION"
	nextExcludingLast = "RELATIVE_NEXT_EXCLUDE_LAST"
	nextIncludingLast = "RELATIVE_NEXT_INCLUDE_LAST"
	previousAndNext   = "RELATIVE_ONE_PREVIOUS_AND_NEXT"
	allBesides        = "RELATIVE_ALL_PREVIOUS_AND_NEXT"
	orderedSubset     = "LONGEST_ORDERED_SUBSET"
	contiguousSubset  = "LONGEST_CONTIGUOUS_SUBSET"
	relativeToCorrect = "RELATIVE_TO_CORRECT"
)

// ordering maps things to put in order, which is that of the file.
func (q *question) ordering() error {
	part := event.PartV1{Kind: event.Ordering, Shuffle: true}
	var order []string
	for i, a := range q.all("answer") {
		text := q.clean(q.field(a, q.stem.format))
		if text == "" {
			q.notes.AddAt(a.line, itemfile.Info, "an answer without a text", "it is left out")
			continue
		}
		id := "c" + strconv.Itoa(i+1)
		part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: id, HTML: text})
		order = append(order, id)
		if feedback := q.feedback(a); feedback != "" {
			q.notes.Add(itemfile.Skipped, "feedback to an answer", "what is put in order has no feedback of its own")
		}
	}
	if len(order) < 2 {
		return refuse("there are not two things to put in order")
	}
	part.Orders = [][]string{order}
	q.orderingRule(&part)
	switch q.value("layouttype") {
	case "HORIZONTAL", "1":
		part.Presentation = "horizontal"
	default:
		part.Presentation = "vertical"
	}
	if selection := q.value("selecttype"); selection != "" && selection != "ALL" && selection != "0" {
		q.notes.Add(itemfile.Simplified, fmt.Sprintf("a selection of %s things (%s)", clip(orElse(q.value("selectcount"), "some")), clip(selection)), "all of them are shown")
	}
	q.value("selectcount")
	grading, numbering := q.has("showgrading"), q.has("numberingstyle")
	if grading || numbering {
		q.once(itemfile.Info, "showgrading and numberingstyle", "how a score came about is shown in the platform's own way")
	}
	q.part(part)
	return nil
}

func (q *question) orderingRule(part *event.PartV1) {
	simplified := ""
	switch rule := q.value("gradingtype"); rule {
	case allOrNothing, "-1":
	case "", absolutePosition, "0":
		part.Credit = event.EveryPlace
	case nextIncludingLast, "2":
		part.Credit = event.Neighbours
	case nextExcludingLast, "1", previousAndNext, "3", allBesides, "4":
		part.Credit, simplified = event.Neighbours, "credit is for each thing that the right one follows, the last included"
	case orderedSubset, "5", contiguousSubset, "6":
		part.Credit, simplified = event.LongestRun, "credit is for the longest run in the right order, less one"
	case relativeToCorrect, "7":
		part.Credit, simplified = event.EveryPlace, "credit is for each thing that stands in its place, none for one that is near it"
	default:
		part.Credit, simplified = event.EveryPlace, "it is not known; credit is for each thing that stands in its place"
	}
	if simplified != "" {
		q.notes.Add(itemfile.Simplified, "grading "+clip(q.value("gradingtype")), simplified)
	}
}

// rows maps the statements of kprime and mtf, each of which is put to one of a
// few columns.
func (q *question) rows() error {
	part := event.PartV1{Kind: event.Matching, Credit: event.EveryPair, ShuffleTargets: q.truth("shuffleanswers", false)}
	var columns []string // by their places
	for i, c := range q.all("column") {
		id := "c" + strconv.Itoa(i+1)
		columns = append(columns, orElse(c.attr("number"), strconv.Itoa(i+1)))
		text := q.clean(field{text: orElse(c.value("responsetext"), strings.TrimSpace(c.words()), strconv.Itoa(i+1)), format: moodletext.Plain})
		part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: id, HTML: text})
	}
	weights := map[string]bool{} // row/column that is right
	for _, w := range q.all("weight") {
		if share, ok := moodletext.ParseShare(w.value("value")); ok && share > 0 {
			weights[w.attr("rownumber")+"/"+w.attr("columnnumber")] = true
		}
	}
	for i, r := range q.all("row") {
		row := orElse(r.attr("number"), strconv.Itoa(i+1))
		f := q.field(r.child("optiontext"), q.stem.format)
		if f.text == "" {
			f = q.field(r, q.stem.format)
		}
		statement := q.clean(f)
		if statement == "" {
			continue
		}
		target := "t" + strconv.Itoa(i+1)
		part.Targets = append(part.Targets, event.TargetV1{TargetID: target, HTML: statement, MaxUse: 1})
		feedback := q.optional(r.child("feedbacktext"))
		if feedback == "" {
			feedback = q.optional(r.child("feedback"))
		}
		for c, number := range columns {
			if weights[row+"/"+number] {
				part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: part.Choices[c].ChoiceID, TargetID: target, Credit: "1", FeedbackHTML: feedback})
				break
			}
		}
	}
	if len(part.Targets) == 0 || len(part.Choices) == 0 || len(part.Pairs) != len(part.Targets) {
		return refuse("its rows, columns and weights do not make a key")
	}
	method := q.child("scoringmethod").words()
	if method == "" {
		method = q.child("scoringmethod").attr("method")
	}
	switch method = strings.TrimSpace(method); method {
	case "kprimeonezero", "mtfonezero":
		part.Credit = event.AllOrNothing
	case "subpoints", "":
	default:
		q.notes.Add(itemfile.Simplified, "scoring method "+clip(method), "each row earns its share")
	}
	for _, name := range []string{"numberofrows", "numberofcolumns"} {
		q.child(name)
	}
	q.part(part)
	return nil
}
