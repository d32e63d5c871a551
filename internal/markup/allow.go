package markup

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// valueForm is what the value of an attribute must look like.
type valueForm func(string) bool

// element is an allowed element with its own attributes. title, lang and dir are
// allowed on all of HTML's. A nil form means a URL.
type element struct {
	name  string
	attrs map[string]valueForm
	shape shape
}

// shape is what the one-pass scanner must know of an element to be sure that
// every parser sees the tree that it sees.
type shape uint16

const (
	void       shape = 1 << iota // no content, no end tag
	closesP                      // its start ends an open paragraph
	scope                        // paragraphs outside do not matter within
	marker                       // links outside do not matter within
	heading                      // ends a heading that it stands in
	onlyIn                       // needs a particular parent, see parentOf
	onlyParts                    // has particular children and white space
	mathToken                    // of MathML, has only text
	leadingEOL                   // a line end after its start tag is not content
)

// htmlElements are the allowed elements.
func htmlElements(placeholders bool) map[string]*element {
	kept := map[string]*element{}
	for name := range strings.FieldsSeq(`h1 h2 h3 h4 h5 h6 p br hr div span section article header footer aside
		figure figcaption blockquote pre code kbd samp var sub sup b i em strong u s small mark abbr cite q
		del ins dfn time ul dl dt dd table caption thead tbody tfoot tr summary ruby rt rp wbr bdi bdo`) {
		kept[name] = &element{name: name}
	}
	for name, attrs := range map[string]map[string]valueForm{
		"a": {"href": nil}, "img": {"src": nil, "alt": plainText, "width": length, "height": length},
		"audio":  {"src": nil, "controls": lowerLetters},
		"video":  {"src": nil, "controls": lowerLetters, "width": length, "height": length, "poster": nil},
		"source": {"src": nil, "type": token}, "track": {"src": nil, "kind": token, "srclang": language, "label": plainText},
		"td": {"colspan": wholeNumber, "rowspan": wholeNumber}, "th": {"colspan": wholeNumber, "rowspan": wholeNumber, "scope": token},
		"col": {"span": wholeNumber}, "colgroup": {"span": wholeNumber},
		"ol": {"start": wholeNumber, "type": token, "reversed": lowerLetters}, "li": {"value": wholeNumber},
		"details": {"open": lowerLetters},
	} {
		kept[name] = &element{name: name, attrs: attrs}
	}
	for shape, names := range map[shape]string{
		void:       "br hr img wbr col source track",
		closesP:    "h1 h2 h3 h4 h5 h6 p hr div section article header footer aside figure figcaption blockquote pre ul ol li dl dt dd table details summary",
		scope:      "table td th caption",
		marker:     "td th caption",
		heading:    "h1 h2 h3 h4 h5 h6",
		onlyIn:     "li dt dd caption colgroup thead tbody tfoot col tr td th rt rp source track",
		onlyParts:  "table colgroup thead tbody tfoot tr",
		leadingEOL: "pre",
	} {
		for name := range strings.FieldsSeq(names) {
			kept[name].shape |= shape
		}
	}
	for _, e := range kept {
		if e.attrs == nil {
			e.attrs = map[string]valueForm{}
		}
		e.attrs["title"], e.attrs["lang"], e.attrs["dir"] = plainText, language, token
	}
	if placeholders {
		for _, name := range []string{"span", "div"} {
			for attr, form := range placeholderForms() {
				kept[name].attrs[attr] = form
			}
		}
	}
	return kept
}

// placeholderForms are the attributes of placeholders.
func placeholderForms() map[string]valueForm {
	return map[string]valueForm{
		"data-part": identifier, "data-gap": identifierPair, "data-choice": identifierPair, "data-variable": identifier,
		"data-when": identifier, "data-is": identifier, "data-is-not": identifier,
	}
}

// HasPlaceholder reports whether an attribute is one by which items mark places.
// Readers leave such attributes of their source out.
func HasPlaceholder(attribute string) bool {
	switch strings.ToLower(attribute) {
	case "data-part", "data-gap", "data-choice", "data-variable", "data-when", "data-is", "data-is-not":
		return true
	}
	return false
}

// mayStandIn says whether an element that needs a particular parent has it.
func mayStandIn(name, parent string) bool {
	switch name {
	case "li":
		return parent == "ul" || parent == "ol"
	case "dt", "dd":
		return parent == "dl"
	case "caption", "colgroup", "thead", "tbody", "tfoot":
		return parent == "table"
	case "col":
		return parent == "colgroup"
	case "tr":
		return parent == "tbody" || parent == "thead" || parent == "tfoot"
	case "td", "th":
		return parent == "tr"
	case "rt", "rp":
		return parent == "ruby"
	case "source", "track":
		return parent == "audio" || parent == "video"
	}
	return true
}

// isPart says whether an element may be a child of one that has particular
// children.
func isPart(name, parent string) bool {
	switch parent {
	case "table":
		return name == "caption" || name == "colgroup" || name == "thead" || name == "tbody" || name == "tfoot"
	case "colgroup":
		return name == "col"
	case "tr":
		return name == "td" || name == "th"
	}
	return name == "tr"
}

// The forms of values.

func wholeNumber(s string) bool { return len(s) >= 1 && len(s) <= 5 && digits(s) }

func length(s string) bool { return wholeNumber(strings.TrimSuffix(s, "%")) }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// language is a tag such as "en" or "pt-BR".
func language(s string) bool {
	for i, sub := 0, 0; ; i++ {
		if i == len(s) || s[i] == '-' {
			if sub < 1 || sub > 8 || i == sub && sub < 2 {
				return false
			}
			if i == len(s) {
				return true
			}
			sub = -1
		} else if !isLetter(s[i]) && (i == sub || !isDigit(s[i])) {
			return false
		}
		sub++
	}
}

func token(s string) bool {
	if len(s) < 1 || len(s) > 60 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("/.+_-", c) < 0 {
			return false
		}
	}
	return true
}

func lowerLetters(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return len(s) <= 10
}

// plainText has no control characters but white space.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// identifier is a name that a file or a reader gave to something.
func identifier(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		word := isLetter(s[i]) || isDigit(s[i]) || r == '_' || r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if !word && (i == 0 || r != '-' && r != '.' && r != ':' && !unicode.Is(unicode.Mn, r)) {
			return false
		}
		i += n
	}
	return true
}

func identifierPair(s string) bool {
	part, of, ok := strings.Cut(s, "/")
	return ok && identifier(part) && identifier(of)
}

// mathValue is a keyword, a number with a unit, a colour or several of them.
func mathValue(s string) bool {
	if len(s) > 100 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte(" .,%+-#", c) < 0 {
			return false
		}
	}
	return true
}

// shortText is a few characters, such as the quotation marks of a string.
func shortText(s string) bool { return len(s) <= 100 && plainText(s) }
