package olx

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Options say on whose behalf a course is read.
type Options struct {
	// OrganisationID owns the course; all ids are derived from it.
	OrganisationID uuid.UUID
}

// Course is what an export contains, in reading order.
type Course struct {
	ID               uuid.UUID
	Org, Number, Run string
	Key              string // "org/number/run", the course's identity
	Title            string
	Language         string // BCP 47, or ""
	ShortDescription string // plain text
	DescriptionHTML  string // sanitised
	Image            *Asset // or nil
	Start, End       *time.Time
	EnrolmentStart   *time.Time
	EnrolmentEnd     *time.Time
	SelfPaced        bool
	GradingPolicy    []Category
	GradeCutoffs     []Cutoff // the highest first
	Chapters         []Chapter
	Assets           []*Asset // those that the course refers to, by path
}

// Category is a kind of graded work, such as "Homework".
type Category struct {
	Type       string
	ShortLabel string
	Weight     string // share of the whole, a decimal such as "0.15"
	MinCount   int
	DropCount  int // that many of the lowest scores do not count
}

// Cutoff is the least share of the points for a grade.
type Cutoff struct {
	Grade string
	Least string // a decimal such as "0.6"
}

// Chapter is the first level of the outline.
type Chapter struct {
	ID          uuid.UUID
	URLName     string
	Title       string
	Subsections []Subsection
}

// Subsection is the second level: what is graded, due and timed as a whole.
type Subsection struct {
	ID        uuid.UUID
	URLName   string
	Title     string
	Format    string // the Type of a Category, or ""
	Graded    bool
	Start     *time.Time
	Due       *time.Time
	TimeLimit time.Duration // 0: none
	Units     []Unit
}

// Unit is a page.
type Unit struct {
	ID      uuid.UUID
	URLName string
	Title   string
	Blocks  []Block
}

// BlockKind is the kind of a block.
type BlockKind string

// The kinds. Each names the field that is set.
const (
	KindHTML        BlockKind = "html"
	KindVideo       BlockKind = "video"
	KindProblem     BlockKind = "problem"
	KindFile        BlockKind = "file"
	KindPlaceholder BlockKind = "placeholder" // HTML may be set, too
)

// Block is a piece of a unit.
type Block struct {
	ID          uuid.UUID
	Kind        BlockKind
	Type        string // in the export, such as "problem" or "lti_consumer"
	URLName     string
	Title       string // may be empty
	HTML        string // sanitised
	Video       *Video
	Problem     *Problem
	File        *Asset
	Placeholder *Placeholder
}

// Placeholder stands for what has no counterpart.
type Placeholder struct {
	Type   string // in the export
	Label  string // for learners
	Reason string // for staff
}

// Video is a video by reference.
type Video struct {
	YouTubeID   string
	Sources     []string // https, http or asset URLs, in order of preference
	Start, End  time.Duration
	Duration    time.Duration // 0: unknown
	Transcripts []Transcript
	Handout     string // URL, or ""
	Transcript  string // URL of the transcript as a document, or ""
	Download    bool   // learners may download the sources
}

// Transcript is a file of timed text.
type Transcript struct {
	Language string
	Asset    *Asset
}

// Problem is an item with what the export says about its delivery.
type Problem struct {
	Item        event.ItemV1
	MaxAttempts int // 0: unlimited
	Release     event.ReleasePolicy
	ShowAnswer  string // as in the export, "finished" by default
}

// Parse reads the course in src. The report is complete also when the error is
// not nil. An [*InvalidError] means that there is no course to be had from the
// source; other errors are about reading it or about ctx.
func Parse(ctx context.Context, src *Source, opts Options) (*Course, *Report, error) {
	p := &parser{
		ctx: ctx, src: src, opts: opts, report: newReport(), shelf: newAssetShelf(src),
		policy: map[string]map[string]any{}, seen: map[string]int{}, open: map[string]bool{}, read: map[string]bool{},
	}
	p.clean = newSanitizer(p.shelf, p.report, p.unitURL)
	course, err := p.course()
	if err == nil {
		err = p.clean.err
	}
	if err != nil {
		return nil, p.report, err
	}
	return course, p.report, nil
}

// parser is the state of one Parse.
type parser struct {
	ctx    context.Context // of the one call of Parse that made the parser
	src    *Source
	opts   Options
	report *Report
	shelf  *assetShelf
	clean  *sanitizer
	policy map[string]map[string]any // policy.json, by "<type>/<url_name>"
	key    string
	blocks int
	bytes  int64           // of markup read
	open   map[string]bool // blocks that are being read, against cycles
	seen   map[string]int  // uses of "<type>/<url_name>"
	read   map[string]bool // files that were read as part of the course
}

func (p *parser) course() (*Course, error) {
	root, err := p.definition("course.xml")
	if err != nil {
		return nil, fatal("course.xml", err)
	}
	if root.name != "course" {
		return nil, invalid("course.xml", "the root element is %q, not course", root.name)
	}
	run := root.get("url_name")
	at := Place{File: "course.xml", Block: "course/" + run}
	if root.isPointer() {
		file := "course/" + run + ".xml"
		if !p.src.has(file) {
			return nil, invalid("course.xml", "it points to %q, which is not there", file)
		}
		def, err := p.definition(file)
		if err != nil {
			return nil, fatal(file, err)
		}
		at.File = file
		root = merge(root, def)
	}
	c := &Course{Org: root.get("org"), Number: root.get("course"), Run: run}
	for name, value := range map[string]string{"org": c.Org, "course": c.Number, "url_name": c.Run} {
		if value == "" || len(value) > 255 || strings.Contains(value, "/") {
			return nil, invalid(at.File, "the course needs a plain %s", name)
		}
	}
	c.Key = c.Org + "/" + c.Number + "/" + c.Run
	p.key = c.Key
	c.ID = p.id("course", run)
	p.report.CourseKey = c.Key

	if err := p.policies(c); err != nil {
		return nil, err
	}
	p.applyPolicy(root, "course", run)
	p.courseSettings(c, root, at)
	if err := p.about(c); err != nil {
		return nil, err
	}
	if err := p.outline(c, root, at); err != nil {
		return nil, err
	}
	p.leftovers()
	c.Assets = p.shelf.list()
	p.report.Title = c.Title
	p.report.Counts.AssetsFound = len(c.Assets)
	p.report.Counts.AssetsMissing = len(p.shelf.missing)
	p.report.UnreferencedAssets = p.shelf.unused()
	p.report.Counts.AssetsUnreferenced = len(p.report.UnreferencedAssets)
	return c, nil
}

// fatal makes an InvalidError of a fault in a file that a course cannot be
// without.
func fatal(file string, err error) error {
	var markup *markupError
	if errors.As(err, &markup) || errors.Is(err, errTooLarge) || errors.Is(err, errNotText) {
		return invalid(file, "%v", err)
	}
	return err
}

// definition reads an XML file.
func (p *parser) definition(file string) (*node, error) {
	data, err := p.markup(file)
	if err != nil {
		return nil, err
	}
	return parseXML(data)
}

// markup reads an XML, HTML or JSON file as part of the course.
func (p *parser) markup(file string) ([]byte, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	p.read[file] = true
	data, err := p.src.markup(file)
	if err != nil {
		return nil, err
	}
	// A file that is referred to many times is read many times.
	if p.bytes += int64(len(data)); p.bytes > maxMarkupTotal {
		return nil, invalid(file, "the course has more than %d bytes of text", int64(maxMarkupTotal))
	}
	return data, nil
}

const maxMarkupTotal = 512 << 20

// broken reports whether err is about the content of a file, so that the import
// can go on without it.
func broken(err error) bool {
	var markup *markupError
	return errors.As(err, &markup) || errors.Is(err, errTooLarge) || errors.Is(err, errNotText)
}

// merge gives the definition the attributes of the pointer that led to it.
func merge(pointer, def *node) *node {
	merged := *def
	merged.attrs = append([]xml.Attr(nil), pointer.attrs...)
	for _, a := range def.attrs {
		if _, has := pointer.attr(a.Name.Local); !has {
			merged.attrs = append(merged.attrs, a)
		}
	}
	return &merged
}

func (p *parser) id(blockType, urlName string) uuid.UUID {
	return BlockID(p.opts.OrganisationID, p.key, blockType, urlName)
}

// unitURL links to a unit by the url_name that authors use.
func (p *parser) unitURL(urlName string) string {
	if !p.src.has("vertical/" + urlName + ".xml") {
		return ""
	}
	return "unit:" + p.id("vertical", urlName).String()
}

func (p *parser) courseSettings(c *Course, root *node, at Place) {
	c.Title = root.get("display_name")
	if c.Title == "" {
		c.Title = c.Number
	}
	c.Language = strings.ReplaceAll(root.get("language"), "_", "-")
	if c.Language != "" && !languageTag.MatchString(c.Language) {
		p.report.add(Simplified, at, fmt.Sprintf("language %q", c.Language), "it is not a language tag; none is set")
		c.Language = ""
	}
	c.SelfPaced = root.isTrue("self_paced")
	c.Start = p.date(root, "start", at)
	c.End = p.date(root, "end", at)
	c.EnrolmentStart = p.date(root, "enrollment_start", at)
	c.EnrolmentEnd = p.date(root, "enrollment_end", at)
	if image := root.get("course_image"); image != "" {
		asset, err := p.shelf.get(image)
		switch {
		case err != nil:
			p.clean.err = err
		case asset == nil:
			p.report.add(Missing, at, fmt.Sprintf("course image %q", image), "the export does not contain it")
		default:
			c.Image = asset
		}
	}
	p.attributes(root, at, courseAttributes())
}
