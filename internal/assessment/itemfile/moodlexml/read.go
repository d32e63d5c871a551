package moodlexml

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Read yields the questions of a Moodle XML file, those that cannot be taken over
// among them. A fault of the file ends the sequence with an error that names the
// line.
func Read(ctx context.Context, src itemfile.Source) itemfile.Questions {
	return func(yield func(itemfile.Found, error) bool) {
		r := &importer{file: src.Name, render: moodletext.NewRenderer(), told: map[string]bool{}}
		err := r.read(ctx, src, func(f itemfile.Found) bool { return yield(f, nil) })
		var refused *itemfile.RefusedError
		switch {
		case err == nil, errors.Is(err, errStopped):
		case errors.As(err, &refused):
			refused.Place.File = src.Name
			yield(itemfile.Found{}, refused)
		default:
			yield(itemfile.Found{}, fmt.Errorf("read %s: %w", src.Name, err))
		}
	}
}

// errStopped says that the caller wants no more.
var errStopped = errors.New("stopped")

// importer turns the questions of a file into items.
type importer struct {
	file       string
	render     *moodletext.Renderer
	folder     []string
	identities moodletext.Identities
	told       map[string]bool // what is said once for all questions of the file
	questions  int
}

func (r *importer) read(ctx context.Context, src itemfile.Source, yield func(itemfile.Found) bool) error {
	s, legacy, err := newScanner(src.Reader())
	if err != nil {
		return err
	}
	p := &parser{scanner: s}
	root, err := r.open(p)
	if err != nil {
		return err
	}
	if legacy != "" && !yield(r.about(itemfile.Line{Severity: itemfile.Info, What: "encoding " + legacy, Why: "it is read as it is declared; Moodle itself writes UTF-8"})) {
		return errStopped
	}
	for inside := root; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		i := p.index("<", 0)
		if i < 0 {
			if p.err != nil {
				return p.err
			}
			if inside {
				return p.fail(len(p.buf), "the file ends before </quiz>; a part of it is missing")
			}
			if r.questions == 0 && !yield(r.about(itemfile.Line{Severity: itemfile.Info, What: "the file", Why: "there are no questions in it"})) {
				return errStopped
			}
			return nil
		}
		if text := bytes.TrimSpace(p.buf[p.pos : p.pos+i]); len(text) > 0 && bytes.ContainsFunc(text, func(c rune) bool { return c > ' ' && c != '\ufeff' }) {
			found := r.about(itemfile.Line{
				Severity: itemfile.Skipped, Place: itemfile.Place{Line: p.lineAt(p.pos)}, What: fmt.Sprintf("text %q", markup.Shorten(p.plain(text), 60)), Why: "it stands between the questions and belongs to none",
			})
			if !yield(found) {
				return errStopped
			}
		}
		p.pos += i
		switch {
		case p.starts("<!--"):
			err = p.skip("-->", "a comment")
		case p.starts("<?"):
			err = p.skip("?>", "an instruction")
		case p.starts("<!"):
			err = r.doctype(p)
		case p.starts("</"):
			end := p.index(">", 2)
			if end < 0 || localName(bytes.TrimSpace(p.buf[p.pos+2:p.pos+end])) != "quiz" {
				return p.fail(p.pos, "an end tag stands between the questions that closes nothing")
			}
			p.pos += end + 1
			inside = false
		case p.isTag("<quiz"):
			_, _, err = p.startTag()
			inside = true
		case !p.more(2) || !isNameStart(p.buf[p.pos+1]):
			return p.fail(p.pos, "a < stands between the questions that begins no tag")
		default:
			err = r.element(p, yield)
		}
		if err != nil {
			return err
		}
	}
}

// open goes to the first element. It returns false if the questions stand in no
// quiz element.
func (r *importer) open(p *parser) (quiz bool, err error) {
	for {
		i := p.index("<", 0)
		if i < 0 {
			if p.err != nil {
				return false, p.err
			}
			if len(bytes.TrimSpace(p.buf[p.pos:])) == 0 {
				return false, &itemfile.RefusedError{Place: itemfile.Place{Line: 1}, Reason: "the file is empty"}
			}
			return false, &itemfile.RefusedError{Place: itemfile.Place{Line: 1}, Reason: "it is no XML: there is no tag in it"}
		}
		if text := bytes.Trim(p.buf[p.pos:p.pos+i], " \t\r\n\ufeff"); len(text) > 0 {
			return false, p.fail(p.pos, "it is no Moodle XML: it begins with %q", markup.Shorten(strings.ToValidUTF8(string(text[:min(len(text), 60)]), ""), 40))
		}
		p.pos += i
		switch {
		case p.starts("<!--"):
			err = p.skip("-->", "a comment")
		case p.starts("<?"):
			err = p.skip("?>", "an instruction")
		case p.starts("<!"):
			err = r.doctype(p)
		case p.isTag("<question"):
			return false, nil
		default:
			n, empty, err := p.startTag()
			if err != nil {
				return false, err
			}
			if n.name != "quiz" {
				return false, &itemfile.RefusedError{Place: itemfile.Place{Line: n.line}, Reason: fmt.Sprintf("it is no Moodle XML: its first element is %s and not <quiz>", n.describe())}
			}
			return !empty, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// doctype passes over a document type, unless it declares something.
func (r *importer) doctype(p *parser) error {
	line := p.lineAt(p.pos)
	end := p.index(">", 2)
	if end < 0 {
		return p.ended("a declaration", line)
	}
	if bytes.IndexByte(p.buf[p.pos:p.pos+end], '[') >= 0 || !p.starts("<!DOCTYPE") && !p.starts("<!doctype") {
		return p.failAt(line, "it declares entities or other things of a document type; those are not expanded. Remove the declaration")
	}
	p.pos += end + 1
	return nil
}

// element reads what stands among the questions.
func (r *importer) element(p *parser, yield func(itemfile.Found) bool) error {
	p.begin()
	defer p.end()
	p.odd, p.elements = oddities{}, 0
	n, err := p.element(1)
	if err != nil {
		return err
	}
	var found itemfile.Found
	switch {
	case n.name != "question":
		found = r.about(itemfile.Line{Severity: itemfile.Skipped, Place: itemfile.Place{Line: n.line}, What: "element " + n.describe(), Why: "only questions are read, and it is none"})
	case n.attr("type") == "category":
		lines := r.category(n, p.odd)
		if len(lines) == 0 {
			return nil
		}
		found = r.about(lines...)
	default:
		r.questions++
		found = r.question(n, p.odd)
	}
	if !yield(found) {
		return errStopped
	}
	return nil
}

// about is something to say of the file.
func (r *importer) about(lines ...itemfile.Line) itemfile.Found {
	for i := range lines {
		lines[i].Place.File = r.file
	}
	identity, _ := r.identities.Unique("the file")
	return itemfile.Found{Identity: identity, Place: lines[0].Place, Folder: r.folder, Lines: lines}
}

// category sets the folder of the questions after it.
func (r *importer) category(n *node, odd oddities) []itemfile.Line {
	path := n.value("category")
	r.folder = moodletext.Folder(path)
	notes := moodletext.Notes{At: itemfile.Place{File: r.file, Line: n.line, ID: markup.Shorten(path, 100)}}
	odd.tell(&notes)
	if info := n.value("info"); info != "" {
		notes.Add(itemfile.Skipped, fmt.Sprintf("description of the category: %q", markup.Shorten(moodletext.Words(info, 200), 100)), "folders have no description")
	}
	if id := n.value("idnumber"); id != "" {
		notes.Add(itemfile.Info, fmt.Sprintf("ID number %q of the category", markup.Shorten(id, 60)), "folders are known by their names")
	}
	n.leftOver(&notes)
	return notes.Lines()
}

// tell reports what was wrong with the markup.
func (o oddities) tell(notes *moodletext.Notes) {
	for _, odd := range []struct {
		is        bool
		what, why string
	}{
		{o.ampersand, "an ampersand that is not escaped", "it is taken for itself"},
		{o.entity, "entities of HTML such as &nbsp;", "XML does not have them; they are understood all the same"},
		{o.control, "control characters", "they mean nothing in a text and are removed"},
		{o.encoding, "bytes that are no UTF-8", "they are taken for windows-1252"},
		{o.tags, "HTML that is not escaped", "it is taken for the text's own"},
		{o.less, "a < that begins no tag", "it is taken for itself"},
	} {
		if odd.is {
			notes.Add(itemfile.Info, odd.what, odd.why)
		}
	}
}

// leftOver reports the elements that nobody has asked for.
func (n *node) leftOver(notes *moodletext.Notes) {
	for _, k := range n.kids {
		if !k.seen {
			notes.AddAt(k.line, itemfile.Simplified, "element "+k.describe(), "it is not known here; what it holds is left out")
		}
	}
}
