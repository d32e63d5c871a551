package markup

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// mathElements are the elements of MathML Core, which browsers show without
// help, with the attributes that say how they look. No element that could hold
// HTML, act or link is among them.
func mathElements(placeholders bool) map[string]*element {
	own := map[string]string{
		"math": "display", "mrow": "", "mfrac": "linethickness bevelled numalign denomalign", "msqrt": "", "mroot": "", "mstyle": "",
		"merror": "", "mpadded": "width height depth lspace voffset", "mphantom": "",
		"msub": "subscriptshift", "msup": "superscriptshift", "msubsup": "subscriptshift superscriptshift",
		"munder": "accentunder", "mover": "accent", "munderover": "accent accentunder",
		"mmultiscripts": "", "mprescripts": "", "none": "",
		"mtable": "align columnalign rowalign columnspacing rowspacing columnlines rowlines columnwidth frame framespacing equalrows equalcolumns width side minlabelspacing",
		"mtr":    "columnalign rowalign", "mtd": "columnalign rowalign columnspan rowspan",
		"semantics": "", "annotation": "",
		"mi": "", "mn": "", "mtext": "", "ms": "", "mspace": "width height depth linebreak",
		"mo": "form fence separator lspace rspace stretchy symmetric maxsize minsize largeop movablelimits accent linebreak",
	}
	kept := make(map[string]*element, len(own))
	for name, attrs := range own {
		e := &element{name: name, attrs: map[string]valueForm{}}
		for attr := range strings.FieldsSeq(attrs + " dir displaystyle scriptlevel scriptminsize mathvariant mathsize mathcolor mathbackground") {
			e.attrs[attr] = mathValue
		}
		if isMathToken(name) {
			e.shape = mathToken
		}
		kept[name] = e
	}
	kept["math"].attrs["alttext"] = plainText
	kept["annotation"].attrs["encoding"] = token
	kept["ms"].attrs["lquote"], kept["ms"].attrs["rquote"] = shortText, shortText
	if placeholders {
		kept["mi"].attrs["data-variable"] = identifier
		kept["mn"].attrs["data-variable"] = identifier
	}
	return kept
}

// isMathToken says whether an element of MathML has text in it and no elements.
// HTML's parser reads HTML within most of them, and that is where the confusion
// about what is markup and what is text begins; so nothing but text is left.
func isMathToken(name string) bool {
	switch name {
	case "mi", "mn", "mo", "ms", "mtext", "mspace", "mprescripts", "none", "annotation":
		return true
	}
	return false
}

// math cleans a math element and all in it.
func (c *cleaning) math(n *html.Node) {
	if c.formulas == nil || n.Namespace != "math" || n.Data != "math" {
		c.tell(Embeds, n.Data)
		n.Parent.RemoveChild(n)
		return
	}
	n.Attr = c.mathAttributes(n)
	c.mathChildren(n)
}

func (c *cleaning) mathChildren(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case n.Type == html.TextNode:
		case n.Type != html.ElementNode:
			parent.RemoveChild(n)
		case isMathToken(parent.Data):
			if n.Namespace != "" {
				c.tell(Formulas, n.Data+" in "+parent.Data)
			} else {
				c.tell(Elements, n.Data+" in "+parent.Data)
			}
			c.handlers(n)
			if isHidden(n.Data) {
				parent.RemoveChild(n)
			} else if first := dissolve(n); first != nil {
				next = first
			}
		default:
			if first := c.mathElement(n); first != nil {
				next = first
			}
		}
		n = next
	}
}

// isHidden says whether what an element holds is not for reading.
func isHidden(name string) bool {
	switch name {
	case "script", "style", "template", "noscript", "title", "textarea", "select", "iframe", "object", "embed", "svg",
		"annotation-xml", "mglyph", "malignmark":
		return true
	}
	return false
}

// mathElement handles an element within math that may have elements in it. It
// returns the first node to go on with when the element was dissolved.
func (c *cleaning) mathElement(n *html.Node) (resume *html.Node) {
	c.handlers(n)
	switch {
	case n.Namespace != "math" || isHidden(n.Data):
		c.tell(Formulas, n.Data)
		n.Parent.RemoveChild(n)
		return nil
	case n.Data == "mfenced":
		fence(n)
	case n.Data == "mlabeledtr":
		// The first cell is the label.
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			if k.Type == html.ElementNode {
				c.tell(Formulas, "mlabeledtr")
				n.RemoveChild(k)
				break
			}
		}
		renameMath(n, "mtr")
	case n.Data == "maction":
		c.tell(Formulas, n.Data)
		renameMath(n, "mrow")
	case c.formulas[n.Data] == nil || n.Data == "math":
		c.tell(Formulas, n.Data)
		if n.FirstChild == nil {
			n.Parent.RemoveChild(n)
			return nil
		}
		// Several may stand where one argument is expected: they stay together.
		renameMath(n, "mrow")
	}
	n.Attr = c.mathAttributes(n)
	c.mathChildren(n)
	return nil
}

func renameMath(n *html.Node, name string) { n.Data, n.DataAtom = name, 0 }

// fence writes an mfenced, which browsers no longer know, as what it stands for.
func fence(n *html.Node) {
	open, closing, separators := "(", ")", ","
	for _, a := range n.Attr {
		switch a.Key {
		case "open":
			open = a.Val
		case "close":
			closing = a.Val
		case "separators":
			separators = a.Val
		}
	}
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "open" || a.Key == "close" || a.Key == "separators" })
	renameMath(n, "mrow")
	marks := strings.Join(strings.Fields(separators), "")
	for i, k := 0, n.FirstChild; k != nil; k = k.NextSibling {
		if k.Type != html.ElementNode {
			continue
		}
		if i > 0 && marks != "" {
			r, size := utf8.DecodeRuneInString(marks)
			n.InsertBefore(operator(string(r)), k)
			if len(marks) > size { // the last one repeats
				marks = marks[size:]
			}
		}
		i++
	}
	if open != "" {
		n.InsertBefore(operator(open), n.FirstChild)
	}
	if closing != "" {
		n.AppendChild(operator(closing))
	}
}

func operator(text string) *html.Node {
	mo := &html.Node{Type: html.ElementNode, Data: "mo", Namespace: "math"}
	mo.AppendChild(&html.Node{Type: html.TextNode, Data: text})
	return mo
}

// mathAttributes are those attributes of an element of MathML that are kept.
func (c *cleaning) mathAttributes(n *html.Node) []html.Attribute {
	e := c.formulas[n.Data]
	keep := n.Attr[:0]
	for _, a := range n.Attr {
		if a.Namespace != "" {
			a.Key = a.Namespace + ":" + a.Key
		}
		if value, ok := c.mathAttribute(e, a.Key, a.Val); ok && !has(keep, a.Key) {
			keep = append(keep, html.Attribute{Key: a.Key, Val: value})
		}
	}
	return keep
}

func has(attrs []html.Attribute, name string) bool {
	return slices.ContainsFunc(attrs, func(a html.Attribute) bool { return a.Key == name })
}

// mathAttribute says whether an attribute of an element of MathML is kept, and
// tells if not.
func (c *cleaning) mathAttribute(e *element, name, value string) (string, bool) {
	value = strings.TrimSpace(value)
	form := e.attrs[name]
	switch {
	case name == "xmlns" || strings.HasPrefix(name, "xmlns:"):
		return "", false
	case strings.HasPrefix(strings.ToLower(name), "on"): // told already
		return "", false
	case form == nil || !form(value):
		c.tell(Attributes, name)
		return "", false
	}
	return value, true
}
