package moodletext

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Notes gathers the lines of the report on one question, each kind of thing once.
type Notes struct {
	At     itemfile.Place
	lines  []itemfile.Line
	losses markup.Losses
}

// Add adds a line, unless it is there.
func (n *Notes) Add(severity itemfile.Severity, what, why string) {
	n.AddAt(n.At.Line, severity, what, why)
}

// AddAt is Add for another line of the file.
func (n *Notes) AddAt(line int, severity itemfile.Severity, what, why string) {
	for _, l := range n.lines {
		if l.Severity == severity && l.What == what && l.Why == why {
			return
		}
	}
	at := n.At
	if line > 0 {
		at.Line = line
	}
	n.lines = append(n.lines, itemfile.Line{Severity: severity, Place: at, What: what, Why: why})
}

// Events tell the notes of what a cleaning dropped. resolve may be nil.
func (n *Notes) Events(resolve func(markup.Reference) (markup.Target, bool)) markup.Events {
	return markup.Events{Resolve: resolve, Tell: n.losses.Add}
}

// Lines returns all lines.
func (n *Notes) Lines() []itemfile.Line {
	for _, loss := range n.losses.All() {
		severity := itemfile.Simplified
		if loss.Kind == markup.Attributes || loss.Kind == markup.Alternatives {
			severity = itemfile.Info // nothing is lost
		}
		n.Add(severity, loss.What, loss.Why)
	}
	n.losses.Reset()
	return n.lines
}

// Words is the plain text of clean markup, for titles and accessible names.
func Words(text string, runes int) string {
	if strings.ContainsAny(text, "<&") {
		z := html.NewTokenizer(strings.NewReader(text))
		var b strings.Builder
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			if kind == html.TextToken {
				b.Write(z.Text())
			} else if name, _ := z.TagName(); !isPhrase(string(name)) {
				b.WriteByte(' ')
			}
		}
		text = b.String()
	}
	return markup.Shorten(text, runes)
}

func isPhrase(name string) bool {
	switch name {
	case "b", "i", "em", "strong", "u", "s", "sub", "sup", "span", "small", "code", "a", "mark":
		return true
	}
	return false
}

// Identities makes identities unique within a file. Its zero value is ready. It
// keeps 16 bytes of each.
type Identities struct{ seen map[[16]byte]int }

// Unique returns the identity, with a number if it was there before, and whether
// it was.
func (i *Identities) Unique(identity string) (unique string, taken bool) {
	if i.seen == nil {
		i.seen = map[[16]byte]int{}
	}
	unique = identity
	for {
		key := digest(identity)
		i.seen[key]++
		if n := i.seen[key]; n > 1 {
			taken = true
			unique = identity + "#" + strconv.Itoa(n)
			if key = digest(unique); i.seen[key] > 0 {
				continue
			}
			i.seen[key] = 1
		}
		return unique, taken
	}
}

func digest(s string) [16]byte {
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}
