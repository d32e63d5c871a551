package qti12

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Read reads the questions of a file: a single XML document, or a package (.zip,
// .imscc), with or without a manifest. In a package a document that cannot be
// read is told and the others are read; a single one ends with a RefusedError
// where it is malformed.
func Read(ctx context.Context, src itemfile.Source) itemfile.Questions {
	return func(yield func(itemfile.Found, error) bool) {
		r := &reader{ctx: ctx, yield: yield, cleaner: markup.New(markup.Options{Math: true}), identities: map[string]int{}}
		err := r.source(src)
		if err != nil && !errors.Is(err, errEnough) {
			yield(itemfile.Found{}, err)
		}
	}
}

// errEnough says that nobody wants more.
var errEnough = errors.New("enough")

// reader reads one file.
type reader struct {
	ctx     context.Context
	yield   func(itemfile.Found, error) bool
	cleaner *markup.Cleaner
	archive *itemfile.Archive // nil for a single document

	identities map[string]int
	files      map[string]string // base name in lower case -> path, for lookups

	// Of the document that is read.
	file       string
	shuffles   bool
	references map[string]*xmlstream.Node
	stimuli    map[string]stimulus
	kept       int // bytes in references and stimuli
	notes      []itemfile.Line
	noted      map[string]bool
}

// stimulus is a text that questions share.
type stimulus struct {
	title, html string
	media       []itemfile.Media
}

// maxKept bounds what is kept for later questions.
const maxKept = 32 << 20

func (r *reader) source(src itemfile.Source) error {
	head := make([]byte, 4)
	if n, err := src.Reader().Read(head); n == 4 && err == nil && string(head[:2]) == "PK" && head[2] < 9 {
		return r.pack(src)
	}
	return r.document(src.Name, src.Reader())
}

// emit passes a question on, under an identity that no other has.
func (r *reader) emit(found itemfile.Found) error {
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("read %s: %w", r.file, err)
	}
	if found.Kind != "" {
		r.identities[found.Identity]++
		if n := r.identities[found.Identity]; n > 1 {
			line := itemfile.Line{Severity: info, Place: found.Place, What: "identifier " + quote(found.Identity), Why: "another question of the file has it too; this one is told apart by its number"}
			found.Lines = append(found.Lines, line)
			found.Identity += "#" + strconv.Itoa(n)
		}
	}
	if !r.yield(found, nil) {
		return errEnough
	}
	return nil
}

// note says something about the file, once.
func (r *reader) note(s itemfile.Severity, line int, what, why string) {
	if key := what + "\x00" + why; !r.noted[key] && len(r.noted) < 1000 {
		r.noted[key] = true
		r.notes = append(r.notes, itemfile.Line{Severity: s, Place: itemfile.Place{File: r.file, Line: line}, What: what, Why: why})
	}
}

// tell passes on what was noted.
func (r *reader) tell() error {
	if len(r.notes) == 0 {
		return nil
	}
	found := itemfile.Found{Identity: "file:" + markup.Shorten(r.file, 200), Place: itemfile.Place{File: r.file}, Lines: r.notes}
	r.notes = nil
	return r.emit(found)
}

// container is an assessment, a section or a bank around questions.
type container struct {
	element string
	title   string
}

// document reads one XML document.
func (r *reader) document(name string, in io.Reader) error {
	r.file, r.references, r.stimuli, r.kept, r.noted = name, map[string]*xmlstream.Node{}, map[string]stimulus{}, 0, map[string]bool{}
	x, err := xmlstream.New(in, xmlstream.Options{Nodes: 200_000})
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	err = r.walk(x)
	for _, note := range x.Notes() {
		r.note(info, 0, note.What, note.Why)
	}
	if err == nil || isFault(err) {
		err = errors.Join(r.tell(), err)
	}
	return refused(name, err)
}

// isFault reports whether an error is about the document.
func isFault(err error) bool {
	var fault *xmlstream.Error
	return errors.As(err, &fault)
}

// refused makes the fault of a document a refusal.
func refused(name string, err error) error {
	var fault *xmlstream.Error
	if errors.As(err, &fault) {
		return itemfile.Refuse(itemfile.Place{File: name, Line: fault.Line}, "%s", fault.Reason)
	}
	return err
}

// walk reads the elements around the questions.
func (r *reader) walk(x *xmlstream.Reader) error {
	var open []container
	for {
		kind, e, err := x.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind {
		case xmlstream.End:
			if n := len(open); n > 0 && open[n-1].element == e.Name {
				open = open[:n-1]
			}
		case xmlstream.Start:
			if open, err = r.element(x, e, open); err != nil {
				return err
			}
		}
	}
}

func (r *reader) element(x *xmlstream.Reader, e xmlstream.Element, open []container) ([]container, error) {
	switch e.Name {
	case "questestinterop":
		return open, nil
	case "assessment", "section", "objectbank":
		if r.archive != nil && e.Name == "assessment" {
			r.settings(e.Get("ident"))
		}
		return append(open, container{e.Name, e.Get("title")}), nil
	case "item":
		n, err := x.Tree(e, keepSpace)
		if err != nil {
			return open, err
		}
		return open, r.question(n, folder(open))
	case "qtimetadata":
		n, err := x.Tree(e, nil)
		if err == nil {
			r.title(n, open)
		}
		return open, err
	case "assessmentmetadata", "sectionmetadata", "objectbankmetadata":
		return open, x.Skip()
	case "selection_ordering", "selection":
		n, err := x.Tree(e, nil)
		if err == nil {
			r.selection(n)
		}
		return open, err
	case "bankentry_item":
		r.note(info, e.Line, "reference to a question of a bank", "the test draws "+quote(e.Get("item_ref"))+" from there; import the bank as well, tests are put together here")
		return open, x.Skip()
	case "reference":
		n, err := x.Tree(e, keepSpace)
		if err == nil {
			r.keepReferences(n)
		}
		return open, err
	case "qticomment":
		return open, x.Skip()
	case "rubric", "objectives", "presentation_material", "assessfeedback", "sectionfeedback":
		r.note(simplified, e.Line, "element "+e.Name+" of a test or a section", "its text belongs to no question")
		return open, x.Skip()
	case "assessmentcontrol", "sectioncontrol", "sectionprecondition", "sectionpostcondition", "outcomes_processing", "assessproc_extension", "sectionproc_extension", "duration":
		r.note(info, e.Line, "element "+e.Name, "it is about the test, not about its questions")
		return open, x.Skip()
	case "itemref", "sectionref":
		r.note(missing, e.Line, "reference "+quote(e.Get("linkrefid")), "questions in other files are read where they are")
		return open, x.Skip()
	}
	if x.Depth() == 1 {
		return open, &xmlstream.Error{Line: e.Line, Reason: "this is no QTI 1.2: its root element is <" + markup.Shorten(e.Name, 60) + ">"}
	}
	r.note(simplified, e.Line, "element "+e.Name, "it is not known and left out")
	return open, x.Skip()
}

// keepSpace says in which elements white space between tags is text.
func keepSpace(name string) bool {
	switch name {
	case "mattext", "matemtext", "mat_formattedtext", "p", "span", "div", "b", "i", "em", "strong", "u", "a", "td", "li", "sub", "sup", "font":
		return true
	}
	return false
}

// folder is the path of the titles around a question.
func folder(open []container) []string {
	var path []string
	for _, c := range open {
		if title := markup.Shorten(c.title, 200); title != "" && (len(path) == 0 || path[len(path)-1] != title) {
			path = append(path, title)
		}
	}
	return path
}

// title takes the name of a bank from its metadata, and tells of the rest.
func (r *reader) title(n *xmlstream.Node, open []container) {
	var rest []string
	for field := range n.All("qtimetadatafield") {
		name, value := strings.ToLower(field.Child("fieldlabel").Content()), field.Child("fieldentry").Content()
		switch {
		case (name == "bank_title" || name == "name") && len(open) > 0 && open[len(open)-1].title == "":
			open[len(open)-1].title = value
		case name == "cc_profile" || name == "bank_title" || value == "":
		default:
			rest = append(rest, name+"="+value)
		}
	}
	if len(rest) > 0 {
		r.note(info, n.Line, "settings of the test ("+markup.Shorten(strings.Join(rest, ", "), 150)+")", "questions are imported, tests are put together here")
	}
}

// selection tells of the questions that a test draws.
func (r *reader) selection(n *xmlstream.Node) {
	number, bank := "", ""
	for k := range n.All("selection_number") {
		number = k.Content()
	}
	for k := range n.All("sourcebank_ref") {
		bank = k.Content()
	}
	switch {
	case bank != "":
		r.note(info, n.Line, "drawing from the bank "+quote(bank), "the test draws "+markup.Shorten(number, 20)+" questions from it; import the bank as well, tests are put together here")
	case number != "":
		r.note(info, n.Line, "drawing of questions", "the test draws "+markup.Shorten(number, 20)+" of a group; all of them are imported, tests are put together here")
	}
}

// keepReferences remembers material that questions refer to.
func (r *reader) keepReferences(n *xmlstream.Node) {
	for k := range n.All("material", "mattext", "matimage", "mataudio", "matvideo", "matemtext") {
		id := k.Get("ident")
		if id == "" {
			id = k.Get("label")
		}
		size := len(k.Content()) + 200
		if id != "" && r.kept+size < maxKept {
			r.kept += size
			r.references[id] = k
		}
	}
}

// question reads an item and passes it on.
func (r *reader) question(n *xmlstream.Node, folder []string) error {
	found := r.read(n, folder)
	if found.Item != nil && len(found.Item.Parts) == 0 {
		shared := stimulus{title: found.Item.Title, html: found.Item.BodyHTML, media: found.Media}
		if r.kept+len(shared.html) < maxKept {
			r.kept += len(shared.html)
			r.stimuli[n.Get("ident")] = shared
		}
	}
	return r.emit(found)
}
