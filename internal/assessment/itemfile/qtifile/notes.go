package qtifile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// notes gathers what the report says of one item, each kind of thing once.
type notes struct {
	at     itemfile.Place
	lines  []itemfile.Line
	losses markup.Losses
	tally  []loss
}

// loss is a setting without a counterpart, and the elements that have it.
type loss struct {
	severity  itemfile.Severity
	what, why string
	line      int
	times     int
}

func (n *notes) add(severity itemfile.Severity, line int, what, why string) {
	at := n.at
	if line > 0 {
		at.Line = line
	}
	what = markup.Shorten(what, 300)
	if !slices.ContainsFunc(n.lines, func(l itemfile.Line) bool { return l.Severity == severity && l.What == what && l.Why == why }) {
		n.lines = append(n.lines, itemfile.Line{Severity: severity, Place: at, What: what, Why: why})
	}
}

func (n *notes) simplified(at *node, what, why string) {
	n.add(itemfile.Simplified, at.line, what, why)
}
func (n *notes) skipped(at *node, what, why string) { n.add(itemfile.Skipped, at.line, what, why) }
func (n *notes) info(at *node, what, why string)    { n.add(itemfile.Info, at.line, what, why) }

// count is for what an item may have very often: it becomes one line.
func (n *notes) count(severity itemfile.Severity, at *node, what, why string) {
	for i := range n.tally {
		if l := &n.tally[i]; l.what == what && l.why == why {
			l.times++
			return
		}
	}
	n.tally = append(n.tally, loss{severity, what, why, at.line, 1})
}

// tolerated takes what the XML reader has put right.
func (n *notes) tolerated(faults []xmlstream.Note) {
	for _, f := range faults {
		n.add(itemfile.Info, 0, f.What, f.Why)
	}
}

// all returns the lines, those about markup last.
func (n *notes) all() []itemfile.Line {
	for _, l := range n.tally {
		what := l.what
		if l.times > 1 {
			what += " ×" + strconv.Itoa(l.times)
		}
		n.add(l.severity, l.line, what, l.why)
	}
	n.tally = nil
	for _, l := range n.losses.All() {
		severity := itemfile.Simplified
		if l.Kind == markup.Attributes || l.Kind == markup.Alternatives {
			severity = itemfile.Info // nothing is lost
		}
		n.add(severity, 0, l.What, l.Why)
	}
	n.losses.Reset()
	return n.lines
}

// quote makes a name of the source fit for a line.
func quote(s string) string { return strconv.Quote(markup.Shorten(s, 80)) }

// list writes names in a row, not too many of them.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
