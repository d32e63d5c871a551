package olx

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/markup"
)

// sanitizer turns authors' markup into markup that is safe to serve: links to
// static files and to units are resolved, what does not come through is
// reported.
type sanitizer struct {
	cleaner *markup.Cleaner
	shelf   *assetShelf
	report  *Report
	// unitURL returns the link to the unit with a url_name, or "".
	unitURL func(urlName string) string
	err     error // the first failure to read an asset
}

var (
	languageTag   = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	keywordMarker = regexp.MustCompile(`%%[A-Z_]{2,40}%%`)
	anyTag        = regexp.MustCompile(`<[^>]*>`) // in clean markup, where > is written &gt;
)

func newSanitizer(shelf *assetShelf, report *Report, unitURL func(string) string) *sanitizer {
	cleaner := markup.New(markup.Options{Schemes: []string{"unit"}})
	return &sanitizer{cleaner: cleaner, shelf: shelf, report: report, unitURL: unitURL}
}

// clean sanitises a fragment of HTML. What it drops is reported at the place.
func (s *sanitizer) clean(text string, at Place) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	c := &cleaning{sanitizer: s, at: at, dropped: map[markup.Kind]map[string]int{}}
	out := s.cleaner.Clean(text, markup.Events{
		Resolve: func(r markup.Reference) (markup.Target, bool) {
			target, missing := c.link(r.URL)
			return markup.Target{URL: target, Missing: missing}, true
		},
		Tell: c.drop,
	})
	if strings.Contains(out, "%%") {
		for _, word := range keywordMarker.FindAllString(anyTag.ReplaceAllString(out, " "), -1) {
			c.drop(droppedKeyword, word, 1)
		}
	}
	c.tell()
	return out
}

// cleaning is what is known of one fragment.
type cleaning struct {
	*sanitizer
	at      Place
	dropped map[markup.Kind]map[string]int // kind of thing -> name -> times
}

// droppedKeyword is told of beside the kinds of markup.
const droppedKeyword markup.Kind = "keywords"

func (c *cleaning) drop(kind markup.Kind, name string, times int) {
	switch kind {
	case markup.Attributes:
		c.count(name)
		return
	case markup.Alternatives: // courses are full of them, and nobody is examined on them
		return
	}
	if c.dropped[kind] == nil {
		c.dropped[kind] = map[string]int{}
	}
	c.dropped[kind][name] += times
}

func (c *cleaning) tell() {
	for _, kind := range slices.Sorted(maps.Keys(c.dropped)) {
		switch names := c.dropped[kind]; kind {
		case markup.Unreadable:
			for reason := range names {
				c.report.add(Skipped, c.at, "a text", "its markup cannot be read: "+reason+"; its words are kept")
			}
		case droppedKeyword:
			c.report.add(Simplified, c.at, string(kind)+" ("+tally(names)+")", "they stay in the text as they are, nothing is put in their place")
		default:
			c.report.add(Simplified, c.at, string(kind)+" ("+tally(names)+")", kind.Why())
		}
	}
}

// count notes an attribute without a counterpart. The names are the author's,
// so there may not be any number of them.
func (c *cleaning) count(name string) {
	counts := c.report.Counts.DroppedAttributes
	const names = 100
	if _, known := counts[name]; !known && len(counts) >= names || len(name) > 40 {
		name = "(others)"
	}
	counts[name]++
}

// link rewrites a URL. It returns "" for one that cannot be kept, and the name
// of a file that the export should have and does not.
func (c *cleaning) link(raw string) (target, missing string) {
	raw = markup.WithoutControls(raw)
	if name, own, ok := assetReference(raw); ok {
		asset, err := c.shelf.get(name)
		switch {
		case err != nil:
			if c.err == nil {
				c.err = err
			}
			return "", name
		case asset != nil:
			return asset.URL(), ""
		case own:
			c.report.add(Missing, c.at, fmt.Sprintf("static file %q", name), "the export does not contain it; a mark is left in the text")
			return "", name
		}
		delete(c.shelf.missing, name) // another site's file
	}
	if raw == "" || strings.HasPrefix(raw, "#") {
		return "", ""
	}
	if _, name, ok := strings.Cut(raw, "/jump_to_id/"); ok {
		name, _, _ = strings.Cut(name, "#")
		if unit := c.unitURL(strings.Trim(name, "/")); unit != "" {
			return unit, ""
		}
		c.report.add(Simplified, c.at, fmt.Sprintf("link to %q", raw), "it does not name a unit of the course; its text is kept")
		return "", ""
	}
	target, scheme, fault := markup.Web(raw)
	switch fault {
	case markup.NotURL:
		c.report.add(Simplified, c.at, fmt.Sprintf("link %q", raw), "it is not a URL; its text is kept")
	case markup.Relative:
		c.report.add(Missing, c.at, fmt.Sprintf("page %q", raw), "a relative link leads nowhere; its text is kept")
	case markup.OtherScheme:
		c.report.add(Simplified, c.at, fmt.Sprintf("link with the scheme %q", scheme), "only http, https and mailto are kept")
	}
	return target, ""
}
