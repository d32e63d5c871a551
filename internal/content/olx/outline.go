package olx

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lyceum-lms/platform/internal/markup"
)

// element is a block of the export with its definition found.
type element struct {
	*node
	kind    string // the block's type
	urlName string
	id      string // urlName, made unique when a block is used twice
	at      Place
	set     settings // its own and inherited ones
	depth   int
}

func (e *element) title() string { return markup.Shorten(e.get("display_name"), 255) }

// maxBlockDepth is how deep blocks may nest below the course.
const maxBlockDepth = 12

// resolve finds the definition of a child of parent. ok is false when there is
// nothing to go on with; the report says why. done must be called after the
// last look at the block's children.
func (p *parser) resolve(child *node, parent *element) (e *element, done func(), ok bool, err error) {
	if p.blocks++; p.blocks > p.src.limits.Blocks {
		return nil, nil, false, invalid(parent.at.File, "the course has more than %d blocks", p.src.limits.Blocks)
	}
	e = &element{node: child, kind: child.name, urlName: child.get("url_name"), at: parent.at, depth: parent.depth + 1}
	for _, old := range []string{"slug", "name"} {
		if e.urlName == "" {
			e.urlName = child.get(old)
		}
	}
	if e.urlName == "" || len(e.urlName) > 255 {
		e.urlName = parent.urlName + "_" + child.name + "_" + strconv.Itoa(slices.Index(parent.kids, child))
	}
	block := e.kind + "/" + e.urlName
	e.at.Block, e.at.Line = block, child.line
	if e.depth > maxBlockDepth || p.open[block] {
		p.report.add(Skipped, e.at, "a block", "it contains itself or is nested too deeply")
		return nil, nil, false, nil
	}
	if child.isPointer() {
		file := e.kind + "/" + strings.ReplaceAll(e.urlName, ":", "/") + ".xml"
		switch {
		case p.src.has(file):
			e.at = Place{File: file, Block: block}
			def, err := p.definition(file)
			if broken(err) {
				e.at.Line = lineOf(err)
				return e, nil, false, err
			}
			if err != nil {
				return nil, nil, false, err
			}
			e.node = merge(child, def)
		case len(child.attrs) <= 1:
			p.report.add(Missing, e.at, "the definition of a block", fmt.Sprintf("there is no %s", file))
			return e, nil, false, &markupError{reason: "its definition is missing"}
		}
	}
	p.applyPolicy(e.node, e.kind, e.urlName)
	e.set = parent.set.with(e.node)
	e.id = e.urlName
	if p.seen[block]++; p.seen[block] > 1 {
		e.id += "#" + strconv.Itoa(p.seen[block])
		p.report.add(Simplified, e.at, "a block used more than once", "each use stands for itself")
	}
	if e.isTrue("visible_to_staff_only") {
		p.report.Counts.Hidden++
		p.report.add(Skipped, e.at, describe(e.kind, e.title()), "it is visible to staff only and left out, with all that is in it")
		p.markRead(e.node)
		return nil, nil, false, nil
	}
	p.open[block] = true
	return e, func() { delete(p.open, block) }, true, nil
}

func lineOf(err error) int {
	var fault *markupError
	if errors.As(err, &fault) {
		return fault.line
	}
	return 0
}

// markRead notes the files below a hidden block as seen, so that they are not
// reported as unused. It follows pointers, each of them once.
func (p *parser) markRead(n *node) {
	n.walk(func(d *node) bool {
		if d.name == "" {
			return true
		}
		file := d.name + "/" + strings.ReplaceAll(d.get("url_name"), ":", "/") + ".xml"
		if name := d.get("filename"); d.name == "html" && name != "" {
			p.read["html/"+name+".html"] = true
		}
		if p.src.has(file) && !p.read[file] {
			if def, err := p.definition(file); err == nil {
				p.markRead(def)
			}
		}
		return true
	})
}

// outline reads the chapters.
func (p *parser) outline(c *Course, root *node, at Place) error {
	top := &element{node: root, kind: "course", urlName: c.Run, at: at, set: settings{}.with(root)}
	for _, child := range root.elements() {
		if child.name == "wiki" || child.name == "textbook" || child.name == "static_tab" || child.name == "course_info" {
			at.Line = child.line
			if child.name != "wiki" { // every course has one, and an empty one
				p.report.add(Skipped, at, child.name, "the platform has no such page")
			}
			continue
		}
		if child.name != "chapter" {
			// A subsection right below the course gets a chapter to itself.
			sub, err := p.subsection(child, top)
			if err != nil {
				return err
			}
			if sub == nil {
				continue
			}
			p.report.add(Simplified, top.at, fmt.Sprintf("%s %q outside a chapter", child.name, sub.Title), "it gets a chapter of its own")
			c.Chapters = append(c.Chapters, Chapter{
				ID: p.id("chapter", "of:"+sub.URLName), URLName: sub.URLName, Title: sub.Title, Subsections: []Subsection{*sub},
			})
			p.report.Counts.Chapters++
			continue
		}
		chapter, err := p.chapter(child, top)
		if err != nil {
			return err
		}
		if chapter != nil {
			c.Chapters = append(c.Chapters, *chapter)
			p.report.Counts.Chapters++
		}
	}
	if len(c.Chapters) == 0 {
		return invalid(at.File, "the course has no chapter for learners")
	}
	return nil
}

// chapter returns nil for one that is not for learners or not readable.
func (p *parser) chapter(n *node, parent *element) (*Chapter, error) {
	e, done, ok, err := p.resolve(n, parent)
	if !ok {
		return nil, p.unreadable("chapter", e, err)
	}
	defer done()
	ch := &Chapter{ID: p.id("chapter", e.id), URLName: e.urlName, Title: orElse(e.title(), "Chapter")}
	p.attributes(e.node, e.at, []string{"start", "due", "graded", "format", "visible_to_staff_only"})
	start := p.date(e.node, "start", e.at)
	for _, child := range e.elements() {
		sub, err := p.subsection(child, e)
		if err != nil {
			return nil, err
		}
		if sub == nil {
			continue
		}
		if sub.Start == nil || start != nil && start.After(*sub.Start) {
			sub.Start = start // nothing opens before what it is part of
		}
		ch.Subsections = append(ch.Subsections, *sub)
	}
	return ch, nil
}

// unreadable turns a part of the outline whose file is broken into a line of
// the report. A fatal error is passed on.
func (p *parser) unreadable(what string, e *element, err error) error {
	if err == nil {
		return nil
	}
	if !broken(err) {
		return err
	}
	if len(p.report.Entries) == 0 || p.report.Entries[len(p.report.Entries)-1].Place != e.at {
		p.report.add(Skipped, e.at, "a "+what, err.Error())
	}
	return nil
}

func (p *parser) subsection(n *node, parent *element) (*Subsection, error) {
	e, done, ok, err := p.resolve(n, parent)
	if !ok {
		return nil, p.unreadable("subsection", e, err)
	}
	defer done()
	sub := &Subsection{
		ID: p.id(e.kind, e.id), URLName: e.urlName, Title: orElse(e.title(), "Subsection"),
		Format: e.set["format"], Graded: truth(e.set["graded"]),
		Start: p.date(e.node, "start", e.at), TimeLimit: p.timeLimit(e),
	}
	if sub.Format == "notgraded" {
		sub.Format = ""
	}
	sub.Due = p.date(&node{attrs: []xml.Attr{attrOf("due", e.set["due"])}}, "due", e.at)
	p.report.Counts.Subsections++
	if e.kind != "sequential" && e.kind != "videosequence" && e.kind != "problemset" {
		// Not a container of units but one unit, or one block of a unit.
		p.report.add(Simplified, e.at, e.kind+" in the place of a subsection", "it gets a subsection of its own")
		unit, err := p.unitOf(e)
		if err != nil {
			return nil, err
		}
		sub.ID = p.id("sequential", "of:"+e.id)
		sub.Units = append(sub.Units, *unit)
		return sub, nil
	}
	switch e.set["show_correctness"] {
	case "never", "past_due":
		p.report.add(Simplified, e.at, "setting show_correctness", "scores are shown; key and explanation are withheld accordingly")
	}
	p.attributes(e.node, e.at, []string{"start", "due", "graded", "format", "visible_to_staff_only", "is_time_limited", "default_time_limit_minutes"})
	for _, child := range e.elements() {
		unit, err := p.unit(child, e)
		if err != nil {
			return nil, err
		}
		if unit != nil {
			sub.Units = append(sub.Units, *unit)
		}
	}
	return sub, nil
}

func (p *parser) timeLimit(e *element) time.Duration {
	limited := false
	for _, name := range []string{"is_time_limited", "is_proctored_enabled", "is_proctored_exam", "is_practice_exam", "is_onboarding_exam"} {
		limited = limited || e.isTrue(name)
	}
	if !limited {
		return 0
	}
	minutes := count(e.get("default_time_limit_minutes"))
	if minutes == 0 {
		p.report.add(Simplified, e.at, "a timed subsection", "it does not say how many minutes there are; there is no limit")
		return 0
	}
	return time.Duration(minutes) * time.Minute
}

func (p *parser) unit(n *node, parent *element) (*Unit, error) {
	e, done, ok, err := p.resolve(n, parent)
	if !ok {
		if e != nil && broken(err) && n.name != "vertical" {
			block := p.brokenBlock(e, err)
			unit := &Unit{ID: p.id("vertical", "of:"+e.kind+":"+e.urlName), URLName: e.urlName, Title: block.Placeholder.Label, Blocks: []Block{block}}
			p.report.Counts.Units++
			return unit, nil
		}
		return nil, p.unreadable("unit", e, err)
	}
	defer done()
	if e.kind != "vertical" {
		p.report.add(Simplified, e.at, e.kind+" in the place of a unit", "it gets a unit of its own")
	}
	return p.unitOf(e)
}

// unitOf makes a unit of a vertical, or of a single block.
func (p *parser) unitOf(e *element) (*Unit, error) {
	unit := &Unit{ID: p.id("vertical", e.id), URLName: e.urlName, Title: orElse(e.title(), "Unit")}
	p.report.Counts.Units++
	var err error
	if e.kind != "vertical" {
		unit.ID = p.id("vertical", "of:"+e.kind+":"+e.id)
		unit.Blocks, err = p.blocksOf(e)
		return unit, err
	}
	p.attributes(e.node, e.at, []string{"visible_to_staff_only"})
	unit.Blocks, err = p.children(e, e.elements())
	return unit, err
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
