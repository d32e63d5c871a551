package assessment

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// edition is a definition of an item on its way into a bank.
type edition struct {
	def        event.ItemV1
	definition []byte // JSON
	digest     []byte // SHA-256 of it
	item       *scoring.Item
}

// newEdition checks a definition, which becomes that of the item with this id.
// An error of its own is a *definitionError.
func newEdition(def event.ItemV1, id uuid.UUID) (edition, error) {
	def.ItemID = id
	item, err := scoring.Parse(def)
	if err != nil {
		return edition{}, &definitionError{err}
	}
	definition, err := json.Marshal(def)
	if err != nil {
		return edition{}, fmt.Errorf("encode item %s: %w", id, err)
	}
	digest := sha256.Sum256(definition)
	return edition{def: def, definition: definition, digest: digest[:], item: item}, nil
}

// definitionError is why a definition is not one.
type definitionError struct{ cause error }

func (e *definitionError) Error() string { return e.cause.Error() }

// split takes the place of the fault, in the terms of the JSON form, from what is
// wrong there.
func (e *definitionError) split() (place, message string) {
	place, message, ok := strings.Cut(e.cause.Error(), ": ")
	if !ok {
		return "", e.cause.Error()
	}
	return place, message
}

// problem points at the fault within a request's body.
func (e *definitionError) problem(location string) *problem.Problem {
	place, message := e.split()
	if place != "" {
		location += "." + place
	}
	p := problem.New(problem.Invalid, "invalid-item", "The definition is not that of an item.")
	p.Fields = []problem.FieldError{{Location: location, Message: message}}
	return p
}

// The limits of what is kept for lists and searches.
const (
	maxSortTitle = 200       // runes
	maxWords     = 100 << 10 // bytes
)

// sortTitle is the title as lists are sorted by it.
func (e edition) sortTitle() string {
	title := []rune(strings.ToLower(strings.Join(strings.Fields(e.def.Title), " ")))
	return string(title[:min(len(title), maxSortTitle)])
}

// kinds are the kinds of the item's parts, sorted, each once.
func (e edition) kinds() []string {
	kinds := make([]string, 0, len(e.def.Parts))
	for _, p := range e.def.Parts {
		kinds = append(kinds, string(p.Kind))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// words are what a search finds the item by beside its title, in lower case: the
// texts that a learner reads.
func (e edition) words() string {
	var b strings.Builder
	add := func(markup string) {
		if b.Len() < maxWords && markup != "" {
			b.WriteString(strings.ToLower(plainText(markup)))
			b.WriteByte(' ')
		}
	}
	add(e.def.BodyHTML)
	for _, p := range e.def.Parts {
		add(p.PromptHTML)
		add(html.EscapeString(p.Label))
		for _, c := range p.Choices {
			add(c.HTML)
		}
		for _, t := range p.Targets {
			add(t.HTML)
			add(html.EscapeString(t.Label))
		}
	}
	words := b.String()
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "")
	}
	return strings.TrimSpace(words)
}

// plainText are the words of sanitised markup.
func plainText(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return markup
	}
	z := html.NewTokenizer(strings.NewReader(markup))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken: // its end: it is read from memory
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); !isInline(string(name)) {
				b.WriteByte(' ')
			}
		}
	}
}

// isInline reports whether an element may stand within a word.
func isInline(name string) bool {
	switch name {
	case "b", "i", "em", "strong", "u", "s", "sub", "sup", "span", "small", "mark", "code", "a", "abbr", "wbr", "mi", "mn", "mo", "math", "mrow":
		return true
	}
	return false
}
