package qti

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

const (
	namespace3   = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
	templateBase = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/"
)

// logic are the children of an item that Canonical keeps, with their places in
// the order that QTI 3 demands.
var logic = map[string]int{
	"context-declaration": 1, "response-declaration": 2, "outcome-declaration": 3, "template-declaration": 4,
	"template-processing": 5, "response-processing": 6,
}

// prefixes are those of namespaces whose attributes operators have.
var prefixes = map[string]string{
	"http://mathassess.qtitools.org/xsd/mathassess":     "ma",
	"http://www.qtitools.org/xsd/qtiworks":              "qw",
	"http://www.w3.org/2001/XInclude":                   "xi",
	"http://www.w3.org/1999/xlink":                      "xlink",
	"http://www.imsglobal.org/xsd/imscp_v1p1":           "imscp",
	"http://www.imsglobal.org/xsd/apip/apipv1p0/qtiext": "apip",
}

// dropped are namespaces whose attributes say nothing about the logic.
var dropped = map[string]bool{
	"http://www.w3.org/2001/XMLSchema-instance": true, "http://www.w3.org/XML/1998/namespace": true, "xsi": true, "xml": true,
}

// Canonical turns the source of an item, of QTI 2.0 to 3.0 in whatever namespace,
// into QTI 3.0 without its body, feedback and style sheets: a qti-assessment-item
// with its declarations, template processing and response processing. It is the
// form in which programs are stored (event.ProgramV1). What Parse reads of it is
// what Parse reads of the source.
//
// Elements get their names of QTI 3 ("responseIf" is "qti-response-if"), so do
// attributes ("baseType" is "base-type") and the standard templates of response
// processing. Elements that are not QTI's keep their names with the prefix; they
// are reported by Program.Unsupported. Comments are dropped.
func Canonical(source string) (string, error) {
	root, err := readXML(source)
	if err != nil {
		return "", err
	}
	if root.name != "assessment-item" {
		return "", notAn("assessment item", root)
	}
	kept := slices.DeleteFunc(slices.Clone(root.children), func(c *node) bool { return logic[c.name] == 0 })
	slices.SortStableFunc(kept, func(a, b *node) int { return logic[a.name] - logic[b.name] })
	w := canonicalWriter{prefixes: map[string]string{}}
	for _, c := range kept {
		w.collect(c)
	}
	w.openRoot(root)
	for _, c := range kept {
		w.element(c, 1)
	}
	w.text.WriteString("</qti-assessment-item>\n")
	return w.text.String(), nil
}

type canonicalWriter struct {
	text     strings.Builder
	prefixes map[string]string // by namespace, those that occur
}

// collect finds the foreign namespaces of attributes.
func (w *canonicalWriter) collect(n *node) {
	for _, a := range n.attrs {
		if a.space == "" || dropped[a.space] || w.prefixes[a.space] != "" {
			continue
		}
		prefix := prefixes[a.space]
		if prefix == "" {
			prefix = fmt.Sprintf("x%d", len(w.prefixes)+1)
		}
		w.prefixes[a.space] = prefix
	}
	for _, c := range n.children {
		w.collect(c)
	}
}

func (w *canonicalWriter) openRoot(root *node) {
	w.text.WriteString(`<qti-assessment-item xmlns="` + namespace3 + `"`)
	var spaces []string
	for space := range w.prefixes {
		spaces = append(spaces, space)
	}
	slices.Sort(spaces)
	for _, space := range spaces {
		w.attribute("xmlns:"+w.prefixes[space], space)
	}
	identifier, title := root.attr("identifier"), root.attr("title")
	if identifier == "" {
		identifier = "item"
	}
	if title == "" {
		title = identifier
	}
	w.attribute("identifier", identifier)
	w.attribute("title", title)
	w.attribute("adaptive", orFalse(root.attr("adaptive")))
	w.attribute("time-dependent", orFalse(root.attr("time-dependent")))
	w.text.WriteString(">\n")
}

func orFalse(s string) string {
	if b, ok := truthOf(strings.TrimSpace(s)); ok && b {
		return "true"
	}
	return "false"
}

func (w *canonicalWriter) element(n *node, depth int) {
	indent := strings.Repeat("  ", depth)
	w.text.WriteString(indent + "<qti-" + n.name)
	for _, a := range n.attrs {
		switch {
		case a.space == "" && n.name == "response-processing" && a.name == "template":
			w.attribute(a.name, canonicalTemplate(a.value))
		case a.space == "":
			w.attribute(a.name, a.value)
		case w.prefixes[a.space] != "":
			w.attribute(w.prefixes[a.space]+":"+a.name, a.value)
		}
	}
	switch {
	case len(n.children) > 0:
		// Text beside elements is not QTI's; nothing reads it.
		w.text.WriteString(">\n")
		for _, c := range n.children {
			w.element(c, depth+1)
		}
		w.text.WriteString(indent + "</qti-" + n.name + ">\n")
	case strings.TrimSpace(n.text) != "" || n.name == "value" && n.text != "" || n.name == "base-value" && n.text != "":
		w.text.WriteByte('>')
		w.escape(n.text)
		w.text.WriteString("</qti-" + n.name + ">\n")
	default:
		w.text.WriteString("/>\n")
	}
}

func (w *canonicalWriter) attribute(name, value string) {
	w.text.WriteString(" " + name + `="`)
	w.escape(value)
	w.text.WriteByte('"')
}

// escape writes a text; the builder has no errors.
func (w *canonicalWriter) escape(s string) { _ = xml.EscapeText(&w.text, []byte(s)) }

// templateName is the name of a template of response processing, by which the
// standard ones are known: the end of the URI, without ".xml".
func templateName(uri string) string {
	uri = strings.TrimSpace(uri)
	if i := strings.LastIndexAny(uri, "/\\"); i >= 0 {
		uri = uri[i+1:]
	}
	return strings.TrimSuffix(strings.ToLower(uri), ".xml")
}

func canonicalTemplate(uri string) string {
	if t, ok := standardTemplates[templateName(uri)]; ok {
		return templateBase + t.file
	}
	return uri
}
