package olx

import (
	"fmt"
	"path"
	"strings"
)

// about takes the overview and lists the other texts about the course.
func (p *parser) about(c *Course) error {
	for _, file := range p.src.names("about/") {
		at := Place{File: file}
		data, err := p.markup(file)
		if broken(err) {
			p.report.add(Skipped, at, "a text about the course", err.Error())
			continue
		}
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(data))
		switch name := strings.TrimSuffix(path.Base(file), ".html"); {
		case text == "":
		case name == "overview":
			c.DescriptionHTML = p.clean.clean(text, at)
		case name == "short_description":
			c.ShortDescription = plain(text)
		case strings.HasPrefix(name, "entrance_exam_"):
			if p.src.files["about/entrance_exam_enabled.html"] > 0 {
				p.report.add(Simplified, at, "entrance exam setting", "there are no entrance exams; the exam is an ordinary part of the course")
			}
		default:
			p.report.add(Info, at, fmt.Sprintf("text %q about the course", name), "only the overview and the short description are taken over")
		}
	}
	return nil
}

// leftovers reports every file of the export that the course did not use.
func (p *parser) leftovers() {
	drafts := 0
	for _, file := range p.src.names("") {
		at := Place{File: file}
		dir, _, _ := strings.Cut(file, "/")
		base := path.Base(file)
		switch {
		case p.read[file], dir == "static", dir == "about", strings.HasPrefix(base, "."):
		case dir == "drafts":
			drafts++
		case dir == "assets", dir == "policies" && base == "assets.json":
			// The studio's own lists about the static files; the files count.
		case dir == "info":
			if data, err := p.src.markup(file); err == nil && strings.Trim(plain(string(data)), "[]") == "" {
				continue
			}
			p.report.add(Skipped, at, "news or hand-outs of the course", "the platform has no page for it")
		case dir == "tabs":
			p.report.add(Skipped, at, "an extra page of the course", "the platform has no such pages")
		default:
			p.report.add(Skipped, at, "a file", "nothing in the course refers to it")
		}
	}
	if drafts > 0 {
		p.report.add(Skipped, Place{File: "drafts/"}, fmt.Sprintf("%d unpublished files", drafts), "drafts are not published")
	}
	for _, file := range p.src.outside {
		if !strings.HasPrefix(path.Base(file), ".") {
			p.report.add(Skipped, Place{File: "../" + file}, "a file", "it is outside the course's folder")
		}
	}
	if unused := p.shelf.unused(); len(unused) > 0 {
		p.report.add(Info, Place{File: "static/"}, fmt.Sprintf("%d static files", len(unused)), "nothing in the course refers to them; they are not imported")
	}
	if dropped := p.report.Counts.DroppedAttributes; len(dropped) > 0 {
		p.report.add(Info, Place{}, "attributes of texts: "+tally(dropped), "texts are shown in the platform's own style")
	}
}
