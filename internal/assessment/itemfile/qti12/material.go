package qti12

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// materials is the raw HTML of all material at any depth below n.
func (q *question) materials(n *xmlstream.Node) string {
	if n == nil {
		return ""
	}
	if n.Name == "material" {
		return q.material(n)
	}
	var parts []string
	for k := range n.Elements() {
		var part string
		switch {
		case k.Name == "material":
			part = q.material(k)
		case k.Name == "mattext" || k.Name == "matimage" || k.Name == "mat_extension":
			part = q.piece(k) // without its material, as some write it
		case strings.HasPrefix(k.Name, "response_") || strings.HasPrefix(k.Name, "render_") || k.Name == "altmaterial":
		default:
			part = q.materials(k)
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return "<div>" + strings.Join(parts, "</div><div>") + "</div>"
}

// material is the raw HTML of one material.
func (q *question) material(n *xmlstream.Node) string {
	var b strings.Builder
	for k := range n.Elements() {
		b.WriteString(q.piece(k))
	}
	return b.String()
}

func (q *question) piece(n *xmlstream.Node) string {
	switch n.Name {
	case "mattext":
		return q.mattext(n)
	case "matemtext":
		return "<em>" + q.mattext(n) + "</em>"
	case "matbreak":
		return "<br/>"
	case "matimage":
		return q.picture(n)
	case "mataudio":
		return q.player(n, "audio")
	case "matvideo":
		return q.player(n, "video")
	case "mat_extension":
		return q.formatted(n)
	case "matref", "material_ref":
		return q.shared(n)
	case "altmaterial":
		q.lose(info, "alternative material", "the material itself is shown")
	case "matapplet", "matapplication":
		q.lose(skipped, "element "+n.Name, "programs within questions are not run")
	default:
		q.lose(simplified, "element "+n.Name, "it has no counterpart in a question's text")
	}
	return ""
}

// looksLikeHTML finds an element that has an end, or one that needs none.
var looksLikeHTML = regexp.MustCompile(`(?is)<(p|div|b|i|em|strong|span|sub|sup|ul|ol|table|a|font|h[1-6]|u|code|pre|math)\b[^>]*>.*</(p|div|b|i|em|strong|span|sub|sup|ul|ol|table|a|font|h[1-6]|u|code|pre|math)>|<(br|img|hr)\b[^>]*>`)

func (q *question) mattext(n *xmlstream.Node) string {
	kind := strings.ToLower(n.Get("texttype"))
	kind, _, _ = strings.Cut(kind, ";")
	if hasElements(n) {
		var b strings.Builder
		writeHTML(&b, n)
		return withoutTokens(b.String())
	}
	content := withoutTokens(spaced(n))
	switch kind {
	case "text/html", "text/xhtml", "html":
		return equations(content)
	case "", "text", "text/plain", "text/enriched":
		if kind == "" && looksLikeHTML.MatchString(content) {
			return equations(content)
		}
	case "text/rtf":
		q.lose(simplified, "text in RTF", "it is shown as it is written")
	default:
		q.lose(simplified, "text of the type "+kind, "it is shown as plain text")
	}
	return plain(content)
}

// spaced is the text of an element with white space at its ends, if there is any,
// as one space: it may be a piece of a line.
func spaced(n *xmlstream.Node) string {
	var b strings.Builder
	for _, k := range n.Kids {
		b.WriteString(k.Text)
	}
	raw := b.String()
	content := strings.TrimSpace(raw)
	if content == "" {
		return ""
	}
	if raw[0] != content[0] {
		content = " " + content
	}
	if raw[len(raw)-1] != content[len(content)-1] {
		content += " "
	}
	return content
}

// plain is a plain text as HTML, with its lines.
func plain(s string) string {
	return strings.ReplaceAll(markup.Escape(strings.ReplaceAll(s, "\r\n", "\n")), "\n", "<br/>")
}

func hasElements(n *xmlstream.Node) bool {
	for range n.Elements() {
		return true
	}
	return false
}

// writeHTML writes what is in an element that holds XHTML itself and not its
// text.
func writeHTML(b *strings.Builder, n *xmlstream.Node) {
	for _, k := range n.Kids {
		if k.Name == "" {
			b.WriteString(html.EscapeString(k.Text))
			continue
		}
		b.WriteString("<" + k.Name)
		for _, a := range k.Attrs {
			if a.Prefix == "" {
				b.WriteString(" " + a.Name + `="` + html.EscapeString(a.Value) + `"`)
			}
		}
		b.WriteString(">")
		switch k.Name {
		case "br", "hr", "img", "col", "wbr", "input", "source", "track":
			continue
		}
		writeHTML(b, k)
		b.WriteString("</" + k.Name + ">")
	}
}

// equationImage is the way in which Canvas writes formulas: the picture of one,
// with the TeX beside it.
var (
	equationImage = regexp.MustCompile(`(?is)<img\b[^>]*(equation_image)[^>]*>`)
	equationTeX   = regexp.MustCompile(`(?is)\bdata-equation-content="([^"]*)"`)
	equationURL   = regexp.MustCompile(`(?is)\bsrc="[^"]*?/?equation_images/([^"?]*)`)
)

// equations puts TeX in the place of pictures of formulas.
func equations(raw string) string {
	if !strings.Contains(raw, "equation_image") {
		return raw
	}
	return equationImage.ReplaceAllStringFunc(raw, func(img string) string {
		if found := equationTeX.FindStringSubmatch(img); found != nil && strings.TrimSpace(found[1]) != "" {
			return `\(` + found[1] + `\)`
		}
		if found := equationURL.FindStringSubmatch(img); found != nil {
			tex := found[1]
			for range 2 { // it is escaped once or twice
				if plain, err := url.PathUnescape(tex); err == nil {
					tex = plain
				}
			}
			if strings.TrimSpace(tex) != "" {
				return `\(` + html.EscapeString(tex) + `\)`
			}
		}
		return img
	})
}

// addressOf is the address of a matimage and the like; a file that is within it
// becomes a data URL.
func addressOf(n *xmlstream.Node, kind string) string {
	if uri := n.Get("uri"); uri != "" {
		return uri
	}
	content := n.Content()
	if content == "" {
		return n.Get("entityref")
	}
	if mediaType := n.Get(kind); mediaType != "" {
		if strings.EqualFold(n.Get("embedded"), "base64") || n.Get("embedded") == "" && isBase64(content) {
			return "data:" + mediaType + ";base64," + strings.Join(strings.Fields(content), "")
		}
	}
	return content
}

func isBase64(s string) bool {
	_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return err == nil && len(s) > 64
}

func (q *question) picture(n *xmlstream.Node) string {
	src := addressOf(n, "imagtype")
	if src == "" {
		return ""
	}
	alt := n.Get("label")
	if alt == "" {
		alt = n.Get("alt")
	}
	tag := `<img src="` + html.EscapeString(src) + `"`
	if alt != "" {
		tag += ` alt="` + html.EscapeString(alt) + `"`
	}
	for _, side := range []string{"width", "height"} {
		if v := n.Get(side); v != "" {
			tag += " " + side + `="` + html.EscapeString(v) + `"`
		}
	}
	return tag + "/>"
}

func (q *question) player(n *xmlstream.Node, element string) string {
	src := addressOf(n, element+"type")
	if src == "" {
		return ""
	}
	return "<" + element + ` controls="" src="` + html.EscapeString(src) + `"></` + element + ">"
}

// formatted reads the text of Blackboard.
func (q *question) formatted(n *xmlstream.Node) string {
	var b strings.Builder
	for k := range n.Elements("mat_formattedtext") {
		switch {
		case hasElements(k):
			writeHTML(&b, k)
		case strings.EqualFold(k.Get("type"), "HTML"), looksLikeHTML.MatchString(k.Content()):
			b.WriteString(k.Content())
		default:
			b.WriteString(plain(k.Content()))
		}
	}
	return withoutTokens(b.String())
}

// shared is material that stands elsewhere in the file, by its identifier.
func (q *question) shared(n *xmlstream.Node) string {
	id := n.Get("linkrefid")
	found := q.r.references[id]
	if found == nil {
		q.lose(missing, "material "+quote(id), "it is referred to and not in the file before this question")
		return ""
	}
	if q.depth > 20 {
		return "" // material that refers to itself
	}
	q.depth++
	defer func() { q.depth-- }()
	if found.Name == "material" {
		return q.material(found)
	}
	return q.piece(found)
}
