// Package markup turns authors' HTML and MathML into markup that is safe to
// serve. What it writes is made of listed elements and listed attributes with
// values of a listed form and of nothing else, so no script, style, form control
// or embedded page comes through, whatever a browser makes of the rest.
//
// Nothing is dropped in silence: the caller is told of each kind of thing that
// did not come through, with its name and how often. Links and media are the
// caller's to resolve.
//
// It is pure, and it is stable: what was cleaned comes out of another cleaning as
// it is, provided that the caller's Resolve leaves its own URLs alone.
//
// Text without markup and well-nested markup, which is most of what editors
// write, are handled in one pass over the text; all else is parsed as a browser
// parses it and written out from the tree.
package markup

import (
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Options say what a Cleaner keeps beyond texts, lists, tables, images, audio,
// video and links.
type Options struct {
	// Placeholders keeps the empty elements by which an item's markup says where
	// its parts, gaps and variables stand, and what is shown only under a
	// condition: data-part, data-gap, data-choice, data-variable, data-when with
	// data-is or data-is-not, on span and div, data-variable on mi and mn as well.
	// A reader of a format that sets it must not pass such attributes on from its
	// source, see HasPlaceholder.
	Placeholders bool
	// Math keeps the presentation elements of MathML.
	Math bool
	// Schemes are URL schemes that Resolve may return beside http, https, mailto
	// and asset.
	Schemes []string
	// MaxBytes bounds one text; of a longer one only the words are kept. 0: 16 MiB.
	MaxBytes int
}

// Reference is a URL in the markup.
type Reference struct {
	Element   string // "img", "a", "source"...
	Attribute string // "src", "href", "poster"; "data" of an object
	URL       string // without white space around it and control characters in it
}

// Target is what becomes of a reference.
type Target struct {
	// URL takes the reference's place. Empty: the reference is dropped; of a link
	// the text stays, an image is replaced by a note.
	URL string
	// Missing names a file that should be there and is not, for a note to the
	// reader.
	Missing string
}

// Events are the caller's part in a cleaning.
type Events struct {
	// Resolve says what becomes of a reference, in the order of the text. It
	// returns false for one that it knows nothing of: then addresses of the web
	// and of mail stay and others are dropped and told as Links. It is not asked
	// about links within the page, which are always dropped.
	Resolve func(Reference) (Target, bool)
	// Tell is called for what did not come through, possibly several times for
	// the same thing. The name is the author's, of at most 80 runes.
	Tell func(kind Kind, name string, times int)
}

// Cleaner cleans markup. It is safe for concurrent use and expensive enough to
// be made once.
type Cleaner struct {
	math, placeholders bool
	maxBytes           int
	schemes            map[string]bool
	elements           map[string]*element // of HTML
	formulas           map[string]*element // of MathML; nil without Options.Math
	scanners           sync.Pool           // *scanner
}

// New returns a cleaner.
func New(o Options) *Cleaner {
	c := &Cleaner{
		math: o.Math, placeholders: o.Placeholders, maxBytes: o.MaxBytes,
		schemes:  map[string]bool{"http": true, "https": true, "mailto": true, "asset": true},
		elements: htmlElements(o.Placeholders),
	}
	if c.maxBytes <= 0 {
		c.maxBytes = 16 << 20
	}
	if o.Math {
		c.formulas = mathElements(o.Placeholders)
	}
	for _, s := range o.Schemes {
		c.schemes[s] = true
	}
	c.scanners.New = func() any { return new(scanner) }
	return c
}

// Clean returns the fragment of HTML as it may be served, without white space
// around it. Markup that cannot be parsed, because it is nested deeper than 500
// elements or longer than Options.MaxBytes, is reduced to its words, which is
// told as Unreadable.
func (c *Cleaner) Clean(text string, on Events) string {
	text = plainBytes(text)
	if !strings.ContainsAny(text, "<&") {
		return html.EscapeString(strings.TrimSpace(text))
	}
	if len(text) > c.maxBytes {
		(&cleaning{Cleaner: c, on: on}).tell(Unreadable, "it is too long")
		return words(text[:cutAt(text, c.maxBytes)])
	}
	if out, ok := c.scan(text, on); ok {
		return out
	}
	out, err := c.rebuild(text, on)
	if err != nil {
		(&cleaning{Cleaner: c, on: on}).tell(Unreadable, strings.TrimPrefix(err.Error(), "html: "))
		return words(text)
	}
	return c.settle(out)
}

// Escape returns plain text as markup that shows it.
func Escape(text string) string { return html.EscapeString(plainBytes(text)) }

// settle cleans until nothing changes any more. Markup out of a rearranged tree
// may be read by the next parser as another tree; a cleaning of a cleaning must
// not be a surprise. What does not settle, and nothing is known that does not,
// is reduced to its words.
func (c *Cleaner) settle(out string) string {
	// All is told and resolved by now.
	quiet := Events{Resolve: func(r Reference) (Target, bool) { return Target{URL: r.URL}, true }}
	for range 8 {
		again, ok := c.scan(out, quiet)
		if !ok {
			var err error
			if again, err = c.rebuild(out, quiet); err != nil {
				return words(out)
			}
		}
		if again == out {
			return out
		}
		out = again
	}
	return words(out)
}

// words are the text without its markup.
func words(text string) string {
	z := html.NewTokenizer(strings.NewReader(text))
	var b strings.Builder
	hidden := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return html.EscapeString(plainBytes(strings.TrimSpace(b.String())))
		case html.TextToken:
			if hidden == "" {
				b.Write(z.Text())
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "script", "style":
				hidden = string(name)
			case "p", "div", "br", "li", "tr", "td":
				b.WriteByte(' ')
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == hidden {
				hidden = ""
			}
		}
	}
}

// plainBytes makes the text valid UTF-8 without NUL and with the line ends that
// HTML has.
func plainBytes(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	return s
}

// cutAt is the last place not after limit that is not within a character or a tag.
func cutAt(s string, limit int) int {
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	if open := strings.LastIndexByte(s[:limit], '<'); open > strings.LastIndexByte(s[:limit], '>') {
		return open
	}
	return limit
}
