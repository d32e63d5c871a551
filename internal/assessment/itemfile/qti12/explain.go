package qti12

import (
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// explain puts each feedback where it belongs, by when the list of conditions
// shows it: always, for a full score, for less than that, for a response.
func (q *question) explain(slots []*slot) {
	if len(q.feedback) == 0 {
		return
	}
	all := q.ask(slots)
	for _, id := range q.order {
		switch q.when(id, all) {
		case always:
			q.item.ExplanationHTML += q.feedback[id]
		case whenFull:
			q.band("1", q.feedback[id])
		case whenLess:
			q.band("0", q.feedback[id])
		case forResponses:
			for i, a := range all.atoms {
				if has(all.shown[i], id) {
					a.say(q.feedback[id])
				}
			}
		default:
			continue
		}
		q.used[id] = true
	}
	if n := len(q.item.Bands); n == 1 && q.item.Bands[0].From == "0" {
		// Without it the feedback for less would be shown for a full score.
		q.item.Bands = []event.BandV1{{From: "1"}, q.item.Bands[0]}
	}
}

func (q *question) band(from, html string) {
	for i := range q.item.Bands {
		if q.item.Bands[i].From == from {
			q.item.Bands[i].FeedbackHTML += html
			return
		}
	}
	band := event.BandV1{From: from, FeedbackHTML: html}
	if from == "1" {
		q.item.Bands = append([]event.BandV1{band}, q.item.Bands...)
		return
	}
	q.item.Bands = append(q.item.Bands, band)
}

// asked is which feedback is shown for what.
type shownFeedback struct {
	none  []string // without a response
	full  []string // for the best response; nil if there is none
	known bool     // there is one
	atoms []atom
	shown [][]string // by atom
	one   bool       // the atoms exclude each other
}

func (q *question) ask(slots []*slot) shownFeedback {
	var all shownFeedback
	_, all.none = q.rules.run(answers{})
	full := answers{}
	for _, s := range slots {
		all.atoms = append(all.atoms, s.atoms...)
		for r, a := range s.full {
			full[r] = a
		}
		all.known = all.known || s.full != nil
	}
	if all.known {
		_, all.full = q.rules.run(full)
	}
	for _, a := range all.atoms {
		_, shown := q.rules.run(a.given)
		all.shown = append(all.shown, shown)
	}
	if len(slots) == 1 {
		switch slots[0].part.Kind {
		case event.SingleChoice, event.TrueFalse, event.Dropdown, event.Text, event.Numerical, event.Point:
			all.one = true
		}
	}
	return all
}

type occasion int

const (
	never occasion = iota
	always
	whenFull
	whenLess
	forResponses
)

// when says when a feedback is shown.
func (q *question) when(id string, all shownFeedback) occasion {
	atNone, atFull := has(all.none, id), has(all.full, id)
	in, fulls, less := 0, 0, 0 // atoms that show it, those of them with a full score, atoms with less
	named := false
	for i, a := range all.atoms {
		isFull := all.one && a.credit > 0.999
		if !isFull {
			less++
		}
		if !has(all.shown[i], id) {
			continue
		}
		in++
		if isFull {
			fulls++
		}
		named = named || a.names != "" && strings.Contains(id, a.names)
	}
	linked := false
	for i := range q.rules.rules {
		linked = linked || has(q.rules.rules[i].feedback, id)
	}
	switch {
	case !linked:
		return unlinked(id)
	case len(all.atoms) > 0 && in == len(all.atoms) && (!all.known || atFull):
		return always
	case atNone && atFull:
		return always
	case len(all.atoms) == 0 && atNone:
		return always
	case atNone && !atFull:
		return whenLess
	case in == 0 && atFull:
		return whenFull
	case in == 0:
		return never
	case named:
		return forResponses
	case all.one && fulls == in && in == len(all.atoms)-less:
		return whenFull
	case all.one && fulls == 0 && in == less:
		return whenLess
	}
	return forResponses
}

// unlinked is about feedback that no condition shows, by the names that
// exporters use.
func unlinked(id string) occasion {
	switch strings.ToLower(id) {
	case "general_fb", "solution", "general", "feedback":
		return always
	case "correct_fb", "correct":
		return whenFull
	case "general_incorrect_fb", "incorrect_fb", "incorrect":
		return whenLess
	}
	return never
}
