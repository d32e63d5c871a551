package moodlexml

import (
	"strconv"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// choiceSet maps qtype_multichoiceset, which gives all or nothing.
func (q *question) choiceSet() error {
	if err := q.choices(false); err != nil {
		return err
	}
	part := &q.item.Parts[0]
	part.Credit = event.AllOrNothing
	for i := range part.Choices {
		if share, ok := moodletext.ParseShare(part.Choices[i].Credit); ok && share > 0 {
			part.Choices[i].Credit = "1"
		} else {
			part.Choices[i].Credit = "0"
		}
	}
	return nil
}

// multiResponse maps qtype_oumultiresponse: each right choice earns its share,
// and choosing more than are right costs.
func (q *question) multiResponse() error {
	if err := q.choices(false); err != nil {
		return err
	}
	part := &q.item.Parts[0]
	shares := make([]moodletext.Share, len(part.Choices))
	right := 0
	for i := range part.Choices {
		if share, ok := moodletext.ParseShare(part.Choices[i].Credit); ok && share > 0 {
			right++
			shares[i] = 1
		}
	}
	if right == 0 {
		return refuse("none of its choices is right")
	}
	for i := range shares {
		if shares[i] == 1 {
			shares[i] = moodletext.Whole / moodletext.Share(right)
		} else {
			shares[i] = -moodletext.Whole / moodletext.Share(right)
		}
	}
	moodletext.Complete(shares)
	for i := range shares {
		part.Choices[i].Credit = shares[i].String()
	}
	q.notes.Add(itemfile.Simplified, "grading of multiple response", "each of the "+strconv.Itoa(right)+" right choices earns its share and each wrong one costs as much, also if no more are chosen than are right")
	return nil
}

// gradedEssay maps qtype_essayautograde, an essay that is marked by counting.
func (q *question) gradedEssay() error {
	if err := q.essay(); err != nil {
		return err
	}
	q.notes.Add(itemfile.Simplified, "automatic marking", "people mark it; what would have been counted is left out")
	for _, k := range q.kids {
		k.seen = true // all of it is about counting
	}
	return nil
}
