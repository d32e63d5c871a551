package olx

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/markup"
)

func attrOf(name, value string) xml.Attr {
	return xml.Attr{Name: xml.Name{Local: name}, Value: value}
}

// children reads the given children of e.
func (p *parser) children(e *element, kids []*node) ([]Block, error) {
	var out []Block
	for _, kid := range kids {
		child, done, ok, err := p.resolve(kid, e)
		if !ok {
			if err != nil && !broken(err) {
				return nil, err
			}
			if err != nil {
				out = append(out, p.brokenBlock(child, err))
			}
			continue
		}
		blocks, err := p.blocksOf(child)
		done()
		if err != nil {
			return nil, err
		}
		out = append(out, blocks...)
	}
	return out, nil
}

// blocksOf makes blocks of an element: one of a leaf, any number of a container.
func (p *parser) blocksOf(e *element) ([]Block, error) {
	one := func(b Block, err error) ([]Block, error) {
		if err != nil {
			return nil, err
		}
		b.Type, b.URLName, b.ID = e.kind, e.urlName, p.id(e.kind, e.id)
		return []Block{b}, nil
	}
	switch e.kind {
	case "html":
		return one(p.html(e))
	case "video", "videoalpha":
		return one(p.video(e))
	case "problem":
		return one(p.problemBlock(e))
	case "pdf":
		return one(p.pdf(e))
	}
	kids, ok := p.contained(e)
	if !ok {
		return one(p.placeholder(e))
	}
	return p.children(e, kids)
}

// contained returns the children of a container that go into the unit.
func (p *parser) contained(e *element) ([]*node, bool) {
	simplified := func(what, why string) { p.report.add(Simplified, e.at, what, why) }
	kids := e.elements()
	switch e.kind {
	case "vertical", "sequential", "wrapper", "problemset", "videosequence", "section":
		p.attributes(e.node, e.at, []string{"visible_to_staff_only"})
	case "library_content", "legacy_library_content", "itembank":
		draw := orElse(e.get("max_count"), "1")
		simplified(fmt.Sprintf("a random draw of %s of %d blocks", draw, len(kids)), "every learner gets all of them")
	case "conditional":
		simplified("a condition", "its content is shown to everyone")
		var shown []*node
		for _, kid := range kids {
			if kid.name != "show" {
				shown = append(shown, kid)
			}
		}
		kids = shown
	case "randomize", "split_test":
		if len(kids) > 1 {
			simplified(fmt.Sprintf("a choice of one of %d variants for each learner", len(kids)), "everyone gets the first")
			for _, kid := range kids[1:] {
				at := e.at
				at.Line = kid.line
				p.report.add(Skipped, at, fmt.Sprintf("variant %s/%s", kid.name, kid.get("url_name")), "only the first variant is used")
				p.markRead(kid)
			}
			kids = kids[:1]
		}
	default:
		return nil, false
	}
	return kids, true
}

// placeholder keeps what has no counterpart, with the texts that still serve.
func (p *parser) placeholder(e *element) (Block, error) {
	label := typeLabel(e.kind)
	title := e.title()
	if title == "" {
		if t := e.child("title"); t != nil {
			title = markup.Shorten(t.textContent(), 255)
		}
	}
	why := "the platform has no such activity; a placeholder is in its place"
	if truth(e.set["graded"]) && scoredType(e) {
		why += ", and its points are left out"
	}
	p.report.add(Skipped, e.at, describe(label, title), why)
	p.report.Counts.Placeholders[e.kind]++
	b := Block{
		Kind: KindPlaceholder, Title: title,
		Placeholder: &Placeholder{Type: e.kind, Label: describe(label, title), Reason: "The platform has no counterpart for the type " + e.kind + "."},
	}
	w := &htmlWriter{replace: writeAnnotation}
	switch e.kind {
	case "annotatable":
		w.children(e.node)
	case "openassessment":
		for _, prompt := range e.find("prompt") {
			for _, d := range prompt.find("description") {
				w.WriteString(d.rawText()) // the text is HTML
			}
		}
	}
	b.HTML = p.clean.clean(w.String(), e.at)
	return b, nil
}

// rawText is the text of n as it is.
func (n *node) rawText() string {
	var b strings.Builder
	n.walk(func(d *node) bool {
		b.WriteString(d.text)
		return true
	})
	return b.String()
}

// writeAnnotation puts the note of an annotation behind the annotated words.
func writeAnnotation(w *htmlWriter, n *node) bool {
	if n.name != "annotation" {
		return false
	}
	w.WriteString("<mark>")
	w.children(n)
	w.WriteString("</mark> <small>[" + html.EscapeString(strings.TrimSpace(n.get("title")+": "+n.get("body"))) + "]</small>")
	return true
}

// brokenBlock stands for a block whose file cannot be read.
func (p *parser) brokenBlock(e *element, err error) Block {
	label := typeLabel(e.kind)
	p.report.add(Skipped, e.at, describe(label, e.title()), "its definition cannot be read ("+err.Error()+"); a placeholder is in its place")
	p.report.Counts.Placeholders[e.kind]++
	if e.kind == "problem" {
		p.report.Counts.Problems++
	}
	return Block{
		ID: p.id(e.kind, e.urlName), Kind: KindPlaceholder, Type: e.kind, URLName: e.urlName, Title: e.title(),
		Placeholder: &Placeholder{Type: e.kind, Label: label, Reason: "Its definition cannot be read: " + markup.Shorten(err.Error(), 200)},
	}
}

func describe(label, title string) string {
	if title == "" || strings.EqualFold(label, title) {
		return label
	}
	return label + " “" + title + "”"
}

// scoredType says whether the block may give points.
func scoredType(e *element) bool {
	switch e.kind {
	case "openassessment", "edx_sga", "staffgradedxblock", "drag-and-drop-v2", "scorm", "h5pxblock":
		return true
	}
	return e.isTrue("has_score")
}

// typeLabel is the name of a block type for a reader.
func typeLabel(kind string) string {
	switch kind {
	case "lti", "lti_consumer":
		return "External tool"
	case "discussion", "discussion-forum":
		return "Discussion"
	case "poll", "poll_question":
		return "Poll"
	case "survey":
		return "Survey"
	case "word_cloud":
		return "Word cloud"
	case "drag-and-drop-v2":
		return "Drag and drop"
	case "openassessment":
		return "Open response assessment"
	case "edx_sga":
		return "Staff-graded assignment"
	case "staffgradedxblock":
		return "Staff-graded points"
	case "annotatable", "textannotation", "imageannotation", "videoannotation":
		return "Annotated text"
	case "done":
		return "Completion button"
	case "google-document":
		return "Google document"
	case "google-calendar":
		return "Google calendar"
	case "scorm":
		return "SCORM package"
	case "h5pxblock":
		return "H5P activity"
	case "problem-builder", "step-builder":
		return "Problem builder"
	case "html":
		return "Text"
	case "video", "videoalpha":
		return "Video"
	case "problem":
		return "Problem"
	case "pdf":
		return "File"
	}
	return "Activity (" + markup.Shorten(kind, 60) + ")"
}

// html reads a text, inline or from its file.
func (p *parser) html(e *element) (Block, error) {
	b := Block{Kind: KindHTML, Title: e.title()}
	p.attributes(e.node, e.at, []string{"filename", "visible_to_staff_only"})
	var text string
	at := e.at
	if name := e.get("filename"); name != "" && e.isPointer() {
		name = strings.ReplaceAll(name, ":", "/")
		file := ""
		for _, candidate := range []string{"html/" + name + ".html", "html/" + name, "html/" + name + ".xml"} {
			if file == "" && p.src.has(candidate) && candidate != e.at.File {
				file = candidate
			}
		}
		if file == "" {
			p.report.add(Missing, e.at, "the content of a text", fmt.Sprintf("there is no html/%s.html", markup.Shorten(name, 100)))
			return p.brokenBlock(e, &markupError{line: e.line, reason: "its content is missing"}), nil
		}
		at.File, at.Line = file, 0
		data, err := p.markup(file)
		if broken(err) {
			return p.brokenBlock(e, err), nil
		}
		if err != nil {
			return b, err
		}
		text = string(data)
	} else {
		var w htmlWriter
		w.children(e.node)
		text = w.String()
	}
	b.HTML = p.clean.clean(text, at)
	p.report.Counts.HTML++
	return b, nil
}

// pdf reads a block that is a link to a document.
func (p *parser) pdf(e *element) (Block, error) {
	name, _, ok := assetReference(e.get("url"))
	if ok {
		asset, err := p.shelf.get(name)
		if err != nil {
			return Block{}, err
		}
		if asset != nil {
			p.report.Counts.Files++
			return Block{Kind: KindFile, Title: orElse(e.title(), asset.Name), File: asset}, nil
		}
		p.report.add(Missing, e.at, fmt.Sprintf("static file %q", name), "the export does not contain it")
		return p.brokenBlock(e, &markupError{line: e.line, reason: "its file is missing"}), nil
	}
	if u, err := url.Parse(e.get("url")); err == nil && u.Host != "" {
		title := orElse(e.title(), path.Base(u.Path))
		p.report.Counts.HTML++
		link := `<p><a href="` + html.EscapeString(u.String()) + `">` + html.EscapeString(title) + `</a></p>`
		p.report.add(Simplified, e.at, "a document on another site", "it is a link")
		return Block{Kind: KindHTML, Title: title, HTML: p.clean.clean(link, e.at)}, nil
	}
	return p.placeholder(e)
}

// plain is the text of a fragment of HTML.
func plain(markup string) string {
	z := html.NewTokenizer(strings.NewReader(markup))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) != "b" && string(name) != "i" && string(name) != "em" && string(name) != "strong" && string(name) != "sub" && string(name) != "sup" {
				b.WriteByte(' ')
			}
		}
	}
}
