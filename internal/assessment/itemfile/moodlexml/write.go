package moodlexml

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// maxLines bounds what an export says.
const maxLines = 10_000

// Write writes items as Moodle XML, with their folders as categories and their
// files within them. The lines say what of each item Moodle cannot hold, and which
// items it cannot hold at all. Questions that lost something carry the item that
// they were made of, in an element that Moodle overlooks and Read does not. What
// of the sequence is no item is passed over. The error is one of the sequence or
// of writing.
func Write(w io.Writer, items itemfile.Questions) ([]itemfile.Line, error) {
	x := &exporter{out: bufio.NewWriterSize(w, 64<<10)}
	x.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<quiz>\n")
	for found, err := range items {
		if err != nil {
			return x.lines, err
		}
		if found.Item == nil {
			continue
		}
		if err := x.item(found); err != nil {
			return x.lines, fmt.Errorf("write Moodle XML: %s: %w", found.Place, err)
		}
	}
	x.raw("</quiz>\n")
	if x.err != nil {
		return x.lines, fmt.Errorf("write Moodle XML: %w", x.err)
	}
	if err := x.out.Flush(); err != nil {
		return x.lines, fmt.Errorf("write Moodle XML: %w", err)
	}
	return x.lines, nil
}

// exporter writes a file.
type exporter struct {
	out    *bufio.Writer
	lines  []itemfile.Line
	folder []string
	err    error // the first of writing
}

func (x *exporter) tell(l itemfile.Line) {
	switch {
	case len(x.lines) < maxLines:
		x.lines = append(x.lines, l)
	case len(x.lines) == maxLines:
		x.lines = append(x.lines, itemfile.Line{Severity: itemfile.Info, What: "further items", Why: "more is to be said of them than can be listed"})
	}
}

func (x *exporter) raw(text string) {
	if x.err == nil {
		_, x.err = x.out.WriteString(text)
	}
}

// writing is the export of one item.
type writing struct {
	bytes.Buffer
	found     itemfile.Found
	err       error // of reading its files
	item      *event.ItemV1
	notes     moodletext.Notes
	variables map[string]string // variable -> what stands for it in a text
	cannot    string            // why Moodle cannot hold the item; "" when it can
}

// item writes one item, unless Moodle cannot hold it.
func (x *exporter) item(found itemfile.Found) error {
	w := &writing{found: found, item: found.Item, notes: moodletext.Notes{At: found.Place}}
	if w.notes.At.ID == "" {
		w.notes.At.ID = markup.Shorten(orElse(found.Identity, found.Item.Title), 100)
	}
	kind, body := w.plan()
	if w.cannot != "" {
		w.notes.Add(itemfile.Skipped, "the item", w.cannot)
	} else {
		w.question(kind, body)
	}
	lines := w.notes.Lines()
	for _, line := range lines {
		x.tell(line)
	}
	if w.err != nil || w.cannot != "" {
		return w.err
	}
	data := w.Bytes()
	if slices.ContainsFunc(lines, func(l itemfile.Line) bool { return l.Severity == itemfile.Simplified || l.Severity == itemfile.Skipped }) {
		var err error
		if data, err = withCompanion(data, *found.Item); err != nil {
			return err
		}
	}
	x.category(found.Folder)
	if x.err == nil {
		_, x.err = x.out.Write(data)
	}
	x.raw("  </question>\n")
	return x.err
}

func (w *writing) raw(text string) { w.WriteString(text) }

// category says where the items from here on belong.
func (x *exporter) category(folder []string) {
	if slices.Equal(folder, x.folder) {
		return
	}
	x.folder = slices.Clone(folder)
	x.raw("  <question type=\"category\">\n    <category>\n      <text>" + cdata(moodletext.Path(folder)) + "</text>\n    </category>\n  </question>\n")
}

// plan decides how Moodle can hold the item: the type, and what writes the
// elements of it.
func (w *writing) plan() (kind string, body func()) {
	if w.item.Program != nil {
		w.cannot = "it is scored by a program, and Moodle has no such questions"
		return "", nil
	}
	if len(w.item.Variables) > 0 {
		return w.planCalculated()
	}
	answerable, kinds := 0, map[event.PartKind]int{}
	for i := range w.item.Parts {
		if p := &w.item.Parts[i]; p.Kind != event.Unsupported {
			answerable++
			kinds[p.Kind]++
		}
	}
	switch {
	case answerable == 0:
		return "description", func() {}
	case len(w.item.Parts) > answerable:
		w.notes.Add(itemfile.Skipped, "a part that takes no answer", "its prompt is left out")
	}
	switch {
	case kinds[event.GapMatch] == answerable:
		return "ddwtos", w.dragIntoText
	case kinds[event.Dropdown] == answerable && w.fitsGapSelect():
		return "gapselect", w.gapSelect
	case answerable > 1 || w.isInline(w.only()):
		return "cloze", w.planCloze()
	}
	return w.planSingle(w.only())
}

// only is the first part that takes an answer.
func (w *writing) only() *event.PartV1 {
	for i := range w.item.Parts {
		if p := &w.item.Parts[i]; p.Kind != event.Unsupported {
			return p
		}
	}
	return nil
}

var (
	partPlace     = regexp.MustCompile(`<(?:span|div) data-part="([^"]*)"></(?:span|div)>`)
	gapPlaceForm  = regexp.MustCompile(`<span data-gap="([^"/]*)/([^"]*)"></span>`)
	variablePlace = regexp.MustCompile(`<(?:span|mi|mn) data-variable="([^"]*)"></(?:span|mi|mn)>`)
	assetURL      = regexp.MustCompile(`asset:([0-9a-f]{64})/([^"\s<>]*)`)
)

// isInline says whether the part stands within the text and not after it.
func (w *writing) isInline(p *event.PartV1) bool {
	for _, at := range partPlace.FindAllStringSubmatchIndex(w.item.BodyHTML, -1) {
		if w.item.BodyHTML[at[2]:at[3]] != p.PartID {
			continue
		}
		before, after := strings.TrimSpace(w.item.BodyHTML[:at[0]]), moodletext.Words(w.item.BodyHTML[at[1]:], 10)
		return strings.HasPrefix(w.item.BodyHTML[at[0]:], "<span") && (after != "" || before != "" && !strings.HasSuffix(before, ">"))
	}
	return false
}

// stem is the item's text with the prompt of a part and without places.
func (w *writing) stem(prompts ...string) string {
	text := partPlace.ReplaceAllString(w.item.BodyHTML, "")
	for _, p := range prompts {
		if strings.TrimSpace(p) != "" {
			text += "\n" + p
		}
	}
	return text
}

// question writes the question with what all types have.
func (w *writing) question(kind string, body func()) {
	stem := w.stem()
	if p := w.only(); p != nil && kind != "cloze" && kind != "ddwtos" && kind != "gapselect" {
		stem = w.stem(p.PromptHTML)
	}
	w.raw("  <question type=\"" + kind + "\">\n    <name>\n      <text>" + cdata(markup.Shorten(w.item.Title, 250)) + "</text>\n    </name>\n")
	if kind == "cloze" || kind == "ddwtos" || kind == "gapselect" {
		stem = w.places(kind)
	}
	w.text("questiontext", stem)
	w.text("generalfeedback", w.item.ExplanationHTML)
	w.element("defaultgrade", w.item.Weight)
	w.element("penalty", "0.0000000")
	w.element("hidden", "0")
	w.element("idnumber", idNumber(w.found.Identity))
	body()
	for _, h := range w.item.HintsHTML {
		w.text("hint", h)
	}
	if len(w.found.Tags) > 0 {
		w.raw("    <tags>\n")
		for _, tag := range w.found.Tags {
			w.raw("      <tag><text>" + cdata(tag) + "</text></tag>\n")
		}
		w.raw("    </tags>\n")
	}
	if w.found.Difficulty != "" {
		w.notes.Add(itemfile.Skipped, "difficulty "+w.found.Difficulty, "Moodle's questions have none")
	}
}

// idNumber is the identity as an ID number, which has at most 100 characters.
func idNumber(identity string) string {
	if len([]rune(identity)) <= 100 {
		return identity
	}
	sum := sha256.Sum256([]byte(identity))
	return "lyceum-" + hex.EncodeToString(sum[:16])
}

// element writes an element that holds plain text.
func (w *writing) element(name, text string) {
	w.raw("    <" + name + ">" + cdata(text) + "</" + name + ">\n")
}

// text writes an element that holds a text of HTML and the files that it shows.
func (w *writing) text(name, html string) {
	w.open(name, html, "")
	w.raw("    </" + name + ">\n")
}

// open writes the beginning of such an element, which has attributes.
func (w *writing) open(name, html, attributes string) {
	html = variablePlace.ReplaceAllStringFunc(html, func(mark string) string {
		return w.variables[variablePlace.FindStringSubmatch(mark)[1]]
	})
	var files []itemfile.Media
	html = assetURL.ReplaceAllStringFunc(html, func(ref string) string {
		m := assetURL.FindStringSubmatch(ref)
		media := w.media(m[1])
		if media == nil {
			w.notes.Add(itemfile.Missing, fmt.Sprintf("file %q", markup.Shorten(m[2], 100)), "it is not there to be exported")
			return "@@PLUGINFILE@@/" + m[2]
		}
		file := *media
		for _, f := range files {
			if f.SHA256 == file.SHA256 {
				return pluginFile(f.Name)
			}
			if f.Name == file.Name {
				file.Name = file.SHA256[:8] + "-" + file.Name
			}
		}
		files = append(files, file)
		return pluginFile(file.Name)
	})
	w.raw("    <" + name + attributes + ` format="html">` + "\n      <text>" + cdata(html) + "</text>\n")
	for _, f := range files {
		w.file(f)
	}
}

// pluginFile is how a text names a file of its question.
func pluginFile(name string) string {
	return "@@PLUGINFILE@@/" + strings.ReplaceAll(url.PathEscape(name), "~", "%7E") // a ~ separates embedded answers
}

func (w *writing) media(sha string) *itemfile.Media {
	for i := range w.found.Media {
		if w.found.Media[i].SHA256 == sha {
			return &w.found.Media[i]
		}
	}
	return nil
}

// file writes a file in base64.
func (w *writing) file(m itemfile.Media) {
	if w.err != nil {
		return
	}
	in, err := m.Open()
	if err != nil {
		w.err = fmt.Errorf("open %s: %w", m.Name, err)
		return
	}
	w.raw(`      <file name="` + escapeXML(m.Name) + `" path="/" encoding="base64">`)
	encoder := base64.NewEncoder(base64.StdEncoding, &w.Buffer)
	if _, err := io.Copy(encoder, in); err != nil && w.err == nil {
		w.err = fmt.Errorf("write %s: %w", m.Name, err)
	}
	if err := encoder.Close(); err != nil && w.err == nil {
		w.err = err
	}
	if err := in.Close(); err != nil && w.err == nil {
		w.err = fmt.Errorf("close %s: %w", m.Name, err)
	}
	w.raw("</file>\n")
}

// cdata is text that may stand in an element.
func cdata(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if !strings.ContainsAny(text, "<>&") {
		return text
	}
	return "<![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]>"
}

// escapeXML is text for the value of an attribute.
func escapeXML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", " ").Replace(strings.ToValidUTF8(text, "\uFFFD"))
}
