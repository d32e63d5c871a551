package olx

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// sanitizer turns authors' markup into markup that is safe to serve. It works
// twice: a walk over the parsed tree rewrites links, replaces what has no
// counterpart and counts what it drops, for the report; bluemonday's strict
// allow-list then has the last word, whatever the walk let through.
type sanitizer struct {
	policy *bluemonday.Policy
	kept   map[string][]string // see keptElements
	shelf  *assetShelf
	report *Report
	// unitURL returns the link to the unit with a url_name, or "".
	unitURL func(urlName string) string
	err     error // the first failure to read an asset
}

// keptElements are the allowed elements with their own attributes. title, lang
// and dir are allowed on all of them.
func keptElements() map[string][]string {
	kept := map[string][]string{
		"a": {"href"}, "img": {"src", "alt", "width", "height"},
		"audio": {"src", "controls"}, "video": {"src", "controls", "width", "height", "poster"},
		"source": {"src", "type"}, "track": {"src", "kind", "srclang", "label"},
		"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"},
		"col": {"span"}, "colgroup": {"span"}, "ol": {"start", "type", "reversed"}, "li": {"value"},
		"details": {"open"},
	}
	for _, name := range strings.Fields(`h1 h2 h3 h4 h5 h6 p br hr div span section article header footer aside
		figure figcaption blockquote pre code kbd samp var sub sup b i em strong u s small mark abbr cite q
		del ins dfn time ul dl dt dd table caption thead tbody tfoot tr summary ruby rt rp wbr bdi bdo`) {
		kept[name] = nil
	}
	return kept
}

var (
	wholeNumber   = regexp.MustCompile(`^[0-9]{1,5}$`)
	lengthValue   = regexp.MustCompile(`^[0-9]{1,5}%?$`)
	languageTag   = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	shortToken    = regexp.MustCompile(`^[A-Za-z0-9/.+_-]{1,60}$`)
	booleanValue  = regexp.MustCompile(`^[a-z]{0,10}$`)
	plainText     = regexp.MustCompile(`^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$`)
	keywordMarker = regexp.MustCompile(`%%[A-Z_]{2,40}%%`)
)

// attributePattern is what the value of an allowed attribute must match; nil
// for URLs, which link checks.
func attributePattern(name string) *regexp.Regexp {
	switch name {
	case "colspan", "rowspan", "span", "start", "value":
		return wholeNumber
	case "width", "height":
		return lengthValue
	case "lang", "srclang":
		return languageTag
	case "dir", "scope", "kind", "type":
		return shortToken
	case "controls", "reversed", "open":
		return booleanValue
	case "title", "alt", "label":
		return plainText
	}
	return nil
}

func isURLAttribute(name string) bool { return name == "href" || name == "src" || name == "poster" }

func newSanitizer(shelf *assetShelf, report *Report, unitURL func(string) string) *sanitizer {
	p := bluemonday.NewPolicy()
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.AllowURLSchemes("https", "http", "mailto", "asset", "unit")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	for _, name := range []string{"title", "lang", "dir"} {
		p.AllowAttrs(name).Matching(attributePattern(name)).Globally()
	}
	kept := keptElements()
	for element, attrs := range kept {
		p.AllowElements(element)
		p.AllowNoAttrs().OnElements(element)
		for _, attr := range attrs {
			if isURLAttribute(attr) {
				p.AllowAttrs(attr).OnElements(element)
			} else {
				p.AllowAttrs(attr).Matching(attributePattern(attr)).OnElements(element)
			}
		}
	}
	return &sanitizer{policy: p, kept: kept, shelf: shelf, report: report, unitURL: unitURL}
}

// clean sanitises a fragment of HTML. What it drops is reported at the place.
func (s *sanitizer) clean(markup string, at Place) string {
	if strings.TrimSpace(markup) == "" {
		return ""
	}
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(markup), body)
	if err != nil {
		s.report.add(Skipped, at, "a text", "its markup cannot be read: "+err.Error())
		return "<p><em>[This text could not be imported.]</em></p>"
	}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	c := &cleaning{sanitizer: s, at: at, dropped: map[string]map[string]int{}}
	c.children(body)
	var out bytes.Buffer
	for n := body.FirstChild; n != nil; n = n.NextSibling {
		if err := html.Render(&out, n); err != nil {
			s.report.add(Skipped, at, "a text", "its markup cannot be written: "+err.Error())
			return ""
		}
	}
	c.tell()
	return strings.TrimSpace(s.policy.SanitizeReader(&out).String())
}

// cleaning is the walk over one fragment.
type cleaning struct {
	*sanitizer
	at      Place
	dropped map[string]map[string]int // kind of thing -> name -> times
}

func (c *cleaning) drop(kind, name string) {
	if c.dropped[kind] == nil {
		c.dropped[kind] = map[string]int{}
	}
	c.dropped[kind][shorten(name, 80)]++
}

// The kinds of dropped things, with what the report says about each.
const (
	droppedScript  = "scripts and event handlers"
	droppedStyle   = "style sheets"
	droppedEmbed   = "embedded content"
	droppedForm    = "form controls"
	droppedElement = "unknown elements"
	droppedKeyword = "keywords"
	droppedAnchor  = "links within the page"
)

func (c *cleaning) tell() {
	why := map[string]string{
		droppedScript:  "scripts are never run",
		droppedStyle:   "texts are shown in the platform's own style",
		droppedEmbed:   "other pages are linked, not embedded",
		droppedForm:    "their text is kept",
		droppedElement: "their text is kept",
		droppedKeyword: "they stay in the text as they are, nothing is put in their place",
		droppedAnchor:  "their text is kept",
	}
	for _, kind := range slices.Sorted(maps.Keys(c.dropped)) {
		c.report.add(Simplified, c.at, kind+" ("+tally(c.dropped[kind])+")", why[kind])
	}
}

func (c *cleaning) children(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch n.Type {
		case html.TextNode:
			for _, word := range keywordMarker.FindAllString(n.Data, -1) {
				c.drop(droppedKeyword, word)
			}
		case html.ElementNode:
			if first := c.element(n); first != nil {
				// Its children took its place and are yet to be seen.
				next = first
			}
		default:
			parent.RemoveChild(n)
		}
		n = next
	}
}

// element handles one element. It returns the first node to go on with when the
// element was dissolved into its children, nil when it is done.
func (c *cleaning) element(n *html.Node) (resume *html.Node) {
	for _, a := range n.Attr {
		if strings.HasPrefix(strings.ToLower(a.Key), "on") {
			c.drop(droppedScript, a.Key)
		}
	}
	if n.Namespace != "" { // svg and math
		c.drop(droppedEmbed, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	}
	switch n.Data {
	case "script", "noscript", "template":
		c.drop(droppedScript, described(n, "src"))
		n.Parent.RemoveChild(n)
		return nil
	case "style", "link":
		c.drop(droppedStyle, described(n, "href"))
		n.Parent.RemoveChild(n)
		return nil
	case "meta", "base", "title", "head":
		c.drop(droppedElement, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	case "iframe", "embed", "object", "frame":
		c.embedded(n)
		return nil
	case "input", "select", "textarea", "datalist", "output", "progress", "meter":
		c.drop(droppedForm, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	case "form", "button", "label", "fieldset", "legend":
		if n.Data != "label" {
			c.drop(droppedForm, n.Data)
		}
		rename(n, "span")
		if n.FirstChild != nil && holdsBlock(n) {
			rename(n, "div")
		}
	case "center", "text", "font", "big", "nobr":
		rename(n, map[string]string{"center": "div"}[n.Data])
	case "tt":
		rename(n, "code")
	case "strike":
		rename(n, "s")
	case "acronym":
		rename(n, "abbr")
	case "main", "nav", "hgroup", "address", "address-block":
		rename(n, "div")
	case "body", "html":
		return dissolve(n)
	case "image":
		rename(n, "img")
	}
	if _, ok := c.kept[n.Data]; !ok {
		c.drop(droppedElement, n.Data)
		return dissolve(n)
	}
	if !c.attributes(n) {
		return nil
	}
	c.children(n)
	return nil
}

func rename(n *html.Node, name string) {
	if name == "" {
		name = "span"
	}
	n.Data, n.DataAtom = name, atom.Lookup([]byte(name))
}

// holdsBlock says whether a child is more than text and phrases.
func holdsBlock(n *html.Node) bool {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		switch k.Data {
		case "div", "p", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "pre", "blockquote":
			return true
		}
	}
	return false
}

// dissolve puts the children of n in its place and returns the first of them,
// or what follows n.
func dissolve(n *html.Node) *html.Node {
	parent, first := n.Parent, n.FirstChild
	for k := n.FirstChild; k != nil; k = n.FirstChild {
		n.RemoveChild(k)
		parent.InsertBefore(k, n)
	}
	if first == nil {
		first = n.NextSibling
	}
	parent.RemoveChild(n)
	return first
}

// described names an element with the file it loads.
func described(n *html.Node, attr string) string {
	if v := attribute(n, attr); v != "" {
		return n.Data + " " + v
	}
	return n.Data
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// embedded replaces embedded content by a link to it.
func (c *cleaning) embedded(n *html.Node) {
	source := attribute(n, "src")
	if n.Data == "object" {
		source = attribute(n, "data")
	}
	c.drop(droppedEmbed, n.Data+" "+source)
	label := attribute(n, "title")
	if label == "" {
		label = source
	}
	target, _ := c.link(source)
	var put *html.Node
	if target == "" {
		put = note("Embedded content that is not available here: " + label)
	} else {
		put = &html.Node{Type: html.ElementNode, Data: "a", DataAtom: atom.A, Attr: []html.Attribute{{Key: "href", Val: target}}}
		put.AppendChild(&html.Node{Type: html.TextNode, Data: "Open: " + label})
	}
	n.Parent.InsertBefore(put, n)
	n.Parent.RemoveChild(n)
}

// note is a visible mark for a reader.
func note(text string) *html.Node {
	em := &html.Node{Type: html.ElementNode, Data: "em", DataAtom: atom.Em}
	em.AppendChild(&html.Node{Type: html.TextNode, Data: "[" + shorten(text, 200) + "]"})
	return em
}

// attributes keeps the allowed ones and rewrites links. It returns false when
// the element was replaced.
func (c *cleaning) attributes(n *html.Node) bool {
	allowed := c.kept[n.Data]
	var keep []html.Attribute
	missing, linked := "", false
	for _, a := range n.Attr {
		name := strings.ToLower(a.Key)
		switch {
		case strings.HasPrefix(name, "on"): // counted already
		case name == "rel" || name == "target": // set anew
		case !slices.Contains(allowed, name) && name != "title" && name != "lang" && name != "dir":
			c.count(name)
		case isURLAttribute(name):
			target, gone := c.link(a.Val)
			if gone != "" {
				missing = gone
			}
			if target != "" {
				linked = true
				keep = append(keep, html.Attribute{Key: name, Val: target})
			}
		default:
			value := strings.TrimSpace(a.Val)
			if name == "width" || name == "height" {
				value = strings.TrimSuffix(value, "px")
			}
			if !attributePattern(name).MatchString(value) {
				c.count(name)
				continue
			}
			keep = append(keep, html.Attribute{Key: name, Val: value})
		}
	}
	alt := attribute(n, "alt")
	n.Attr = keep
	switch {
	case linked:
	case n.Data == "a":
		rename(n, "span")
	case n.Data == "img" || n.Data == "source" || n.Data == "track":
		// Of no use without its file, but the reader must know of it.
		text := "Missing file"
		if missing != "" {
			text += ": " + missing
		}
		if alt != "" {
			text += " (" + alt + ")"
		}
		n.Parent.InsertBefore(note(text), n)
		n.Parent.RemoveChild(n)
		return false
	}
	if missing != "" {
		n.Parent.InsertBefore(note("Missing file: "+missing), n.NextSibling)
	}
	return true
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
	raw = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(raw))
	if raw == "" {
		return "", ""
	}
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
	if strings.HasPrefix(raw, "#") {
		c.drop(droppedAnchor, raw)
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
	u, err := url.Parse(strings.ReplaceAll(raw, " ", "%20"))
	if err != nil {
		c.report.add(Simplified, c.at, fmt.Sprintf("link %q", raw), "it is not a URL; its text is kept")
		return "", ""
	}
	switch {
	case u.Scheme == "" && u.Host != "":
		u.Scheme = "https"
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", u.Scheme == "mailto":
	case u.Scheme == "":
		c.report.add(Missing, c.at, fmt.Sprintf("page %q", raw), "a relative link leads nowhere; its text is kept")
		return "", ""
	default:
		c.report.add(Simplified, c.at, fmt.Sprintf("link with the scheme %q", u.Scheme), "only http, https and mailto are kept")
		return "", ""
	}
	return u.String(), ""
}
