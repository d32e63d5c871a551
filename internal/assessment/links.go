package assessment

import (
	"time"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/mediaurl"
)

// linker signs the URLs of the files that an item shows, for one answer.
type linker struct {
	signer  *mediaurl.Signer
	expires time.Time
}

// linker is for the files of a bank or of a course.
func (m *Module) linker(banked bool) linker {
	signer := m.media
	if banked {
		signer = m.itemMedia
	}
	return linker{signer: signer, expires: signer.Expiry(m.now())}
}

// html is markup as it is about to be shown.
func (l linker) html(markup string) string { return l.signer.RenderHTML(markup, l.expires) }

// all is html for several pieces of markup.
func (l linker) all(markup []string) []string {
	var linked []string
	for _, text := range markup {
		linked = append(linked, l.html(text))
	}
	return linked
}

// image signs the URL of an image that is no part of markup.
func (l linker) image(i *event.ImageV1) {
	if i != nil {
		i.Src = l.signer.RenderURL(i.Src, l.expires)
	}
}

// view signs the URLs in a view, which is the caller's own.
func (l linker) view(v *scoring.View) {
	v.BodyHTML = l.html(v.BodyHTML)
	for p := range v.Parts {
		l.part(&v.Parts[p])
	}
}

func (l linker) part(p *scoring.PartView) {
	p.PromptHTML = l.html(p.PromptHTML)
	l.image(p.Image)
	for i := range p.Choices {
		p.Choices[i].HTML = l.html(p.Choices[i].HTML)
		l.image(p.Choices[i].Image)
	}
	for i := range p.Targets {
		p.Targets[i].HTML = l.html(p.Targets[i].HTML)
	}
	if p.Essay != nil {
		p.Essay.TemplateHTML = l.html(p.Essay.TemplateHTML)
	}
	for i := range p.Rubric {
		p.Rubric[i].HTML = l.html(p.Rubric[i].HTML)
	}
}
