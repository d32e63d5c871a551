package markup

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is a kind of thing that does not come through as it was.
type Kind string

// The kinds. Their values are what a report calls them.
const (
	Scripts      Kind = "scripts and event handlers"
	Styles       Kind = "style sheets"
	Embeds       Kind = "embedded content"
	Forms        Kind = "form controls"
	Elements     Kind = "unknown elements"
	Anchors      Kind = "links within the page"
	Links        Kind = "links that lead nowhere"
	Attributes   Kind = "attributes"
	Formulas     Kind = "mathematical notation"
	Alternatives Kind = "images without alternative text"
	Unreadable   Kind = "markup that cannot be read"
)

// Why says what is done with things of the kind, for a report.
func (k Kind) Why() string {
	switch k {
	case Scripts:
		return "scripts are never run"
	case Styles:
		return "texts are shown in the platform's own style"
	case Embeds:
		return "other pages are linked, not embedded"
	case Forms, Elements, Anchors:
		return "their text is kept"
	case Links:
		return "only addresses of the web and of mail are kept; their text is kept"
	case Attributes:
		return "texts are shown in the platform's own style; nothing else depends on them"
	case Formulas:
		return "it is no part of MathML Core; what it encloses is kept"
	case Alternatives:
		return "those who cannot see them need one: write it"
	case Unreadable:
		return "its words are kept"
	}
	return ""
}

// Losses adds up what several cleanings did not let through. Its zero value is
// empty and ready. It keeps at most 40 names of a kind.
type Losses struct{ byKind map[Kind]map[string]int }

const maxNames = 40

// Add is an Events.Tell.
func (l *Losses) Add(kind Kind, name string, times int) {
	if l.byKind == nil {
		l.byKind = map[Kind]map[string]int{}
	}
	names := l.byKind[kind]
	if names == nil {
		names = map[string]int{}
		l.byKind[kind] = names
	}
	if _, known := names[name]; !known && len(names) >= maxNames {
		name = "others"
	}
	names[name] += times
}

// Loss is all that was lost of one kind.
type Loss struct {
	Kind Kind
	// What is the kind with the names and how often each was there, the most
	// frequent first: "scripts and event handlers (onclick ×2, script ×1)".
	What string
	// Why says what was done with it.
	Why string
	// Times is how many there were.
	Times int
}

// All returns the losses by kind, in a fixed order.
func (l *Losses) All() []Loss {
	var out []Loss
	for _, kind := range slices.Sorted(maps.Keys(l.byKind)) {
		names := l.byKind[kind]
		times := 0
		for _, n := range names {
			times += n
		}
		out = append(out, Loss{Kind: kind, What: string(kind) + " (" + tally(names) + ")", Why: kind.Why(), Times: times})
	}
	return out
}

// Empty reports whether nothing was lost.
func (l *Losses) Empty() bool { return len(l.byKind) == 0 }

// Reset forgets all.
func (l *Losses) Reset() { clear(l.byKind) }

func tally(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s ×%d", name, counts[name])
	}
	return strings.Join(names, ", ")
}

// Shorten collapses white space and cuts what is longer than that many runes:
// what comes from a file may be a megabyte long, a line of a report may not.
func Shorten(s string, runes int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= runes { // bytes, at least as many as runes
		return s
	}
	cut := []rune(s)
	if len(cut) <= runes {
		return s
	}
	return string(cut[:runes-1]) + "…"
}
