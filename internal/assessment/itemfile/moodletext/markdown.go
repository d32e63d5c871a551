package moodletext

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/lyceum-lms/platform/internal/markup"
)

// newMarkdown renders CommonMark with the HTML that is in it: what is not safe is
// taken out afterwards, as it is from any other text.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(goldmark.WithRendererOptions(html.WithUnsafe()))
}

// formula matches a formula between its marks. To Markdown the backslashes would
// be escapes and underscores emphasis.
var formula = regexp.MustCompile(`(?s)\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$`)

// The marks around the number of a formula that is put aside are characters of
// the private use area, which no text has a meaning for.
const asideOpen, asideClose = "\ue000", "\ue001"

var (
	asideMarks = strings.NewReplacer(asideOpen, "", asideClose, "")
	aside      = regexp.MustCompile(asideOpen + `(\d+)` + asideClose)
)

// markdown is a text in Markdown as HTML.
func (r *Renderer) markdownHTML(text string) string {
	var formulas []string
	text = formula.ReplaceAllStringFunc(asideMarks.Replace(text), func(found string) string {
		formulas = append(formulas, found)
		return asideOpen + strconv.Itoa(len(formulas)-1) + asideClose
	})
	var out bytes.Buffer
	if err := r.markdown.Convert([]byte(text), &out); err != nil {
		return markup.Escape(text) // a buffer does not fail
	}
	return aside.ReplaceAllStringFunc(out.String(), func(found string) string {
		n, err := strconv.Atoi(found[len(asideOpen) : len(found)-len(asideClose)])
		if err != nil || n >= len(formulas) {
			return ""
		}
		return markup.Escape(formulas[n])
	})
}
